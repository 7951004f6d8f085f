"""Commands as bodies and answers as response models of FastAPI, as they stand."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, get_origin, get_type_hints

import httpx
import pytest
from fastapi import FastAPI, Request
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter

from relations.aggregates import AGGREGATES
from relations.aggregates.customer import RecordPurchase, RegisterCustomer
from relations.aggregates.loyalty import EarnPoints, EnrolMember
from relations.asgi import combined, lifespan
from relations.engine import Relations, Status, Verification
from relations.execution import Receipt
from relations.json_form import is_time_field
from relations.messages import Command, Event, Money, RecordedEvent
from relations.policies import Policy
from relations.projections import VIEWS
from relations.projections.loyalty.rows import RewardRow
from relations.projections.view import View
from tests.asgi.serving import running
from tests.recorded.test_recorded import MEANT

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COMMANDS = [command for aggregate in AGGREGATES for command in aggregate.commands]


def answers() -> Iterator[tuple[str, Any]]:
    """Every question of a view with the type of its answer."""
    for view in VIEWS:
        for name in sorted(set(dir(view)) - set(dir(View))):
            if not name.startswith("_") and inspect.isfunction(method := getattr(view, name)):
                answer = get_type_hints(method)["return"]
                # What comes one by one is sent as a list.
                yield f"{view.projection.name}/{name}", list if get_origin(answer) is Iterator else answer


def test_every_command_is_a_body_and_every_answer_a_response_model() -> None:
    app = FastAPI()
    for kind in COMMANDS:

        def record(command: Command) -> None:
            """Do nothing; only the description is asked for."""

        record.__annotations__["command"] = kind
        app.post(f"/{kind.__name__}", operation_id=kind.__name__)(record)
    asked = dict(answers())
    for path, answer in asked.items():
        app.get(f"/{path}", response_model=answer, operation_id=path)(lambda: None)
    for form in (Receipt, RecordedEvent, Status, Verification):
        app.get(f"/{form.__name__}", response_model=form)(lambda: None)
    found = app.openapi()
    OpenAPIV31SpecValidator(found).validate()
    assert len(COMMANDS) > 80
    assert len(asked) > 60
    assert found["paths"]["/loyalty/coupons"]["get"]["responses"]["200"]["content"]["application/json"]["schema"][
        "items"
    ]
    event = json.dumps(found["paths"]["/RecordedEvent"])
    assert '"occurred_at": {"type": "string", "format": "date-time"' in event


def served(work: Callable[[httpx.AsyncClient], Awaitable[None]], engine: Relations) -> None:
    """A service of the host's own, with our types in its signatures."""
    relations = lifespan(engine)
    app = FastAPI(lifespan=relations)

    @app.post("/purchases", response_model=Receipt)
    async def buy(command: RecordPurchase, request: Request) -> Receipt:
        # What a client must not choose: who it is, and the id of the command.
        chosen = {"actor": "checkout", "command_id": request.headers["idempotency-key"]}
        return await relations.engine.execute(command.model_copy(update=chosen))

    @app.get("/status", response_model=Status)
    async def status() -> Status:
        return await relations.engine.status()

    @app.get("/verification", response_model=Verification)
    async def verification() -> Verification:
        return await relations.engine.verify()

    @app.get("/events", response_model=list[RecordedEvent])
    async def events() -> list[RecordedEvent]:
        return [each async for each in relations.engine.events()]

    @app.get("/coupons", response_model=list[RewardRow])
    async def coupons() -> list[RewardRow]:
        return await relations.engine.ask(relations.engine.views.loyalty.coupons, "c1")

    async def run() -> None:
        async with running(app) as client:
            await work(client)

    asyncio.run(run())


def test_a_hosts_own_endpoints_take_commands_and_give_answers() -> None:
    body = {
        "customer": "c1",
        "purchase": "p1",
        "amount": {"amount": 100, "currency": "EUR"},
        "occurred_at": NOON.isoformat(),
        "actor": "a thief",
        "command_id": "stolen",
    }

    async def work(client: httpx.AsyncClient) -> None:
        receipt = (await client.post("/purchases", json=body, headers={"Idempotency-Key": "k1"})).json()
        assert (receipt["command_id"], receipt["events"][-1]["actor"]) == ("k1", "checkout")
        assert receipt["position"] == receipt["events"][-1]["position"]
        assert receipt["events"][-1]["event"]["at"] == "2026-03-02T12:00:00Z"
        assert (
            await client.post("/purchases", json={**body, "customer": 3}, headers={"Idempotency-Key": "k2"})
        ).status_code == 422
        assert (await client.get("/verification")).json()["good"] is True
        assert (await client.get("/status")).json()["position"] == 3
        adopted = (await client.get("/events")).json()[0]
        assert adopted["event"]["policy"]["zone"] == "UTC"
        assert (await client.get("/coupons")).json() == []

    with Relations.open("sqlite://") as engine:
        served(work, engine)


def recorded(event: Event) -> RecordedEvent:
    return RecordedEvent(
        position=1,
        stream="s-1",
        version=1,
        customer="c1",
        occurred_at=0,
        recorded_at=1,
        topic=event.topic,
        schema=event.schema,
        actor="x",
        command_id="k",
        command_seq=0,
        cause=None,
        event=event,
        digest=b"\x01" * 32,
    )


@pytest.mark.parametrize("name", MEANT)
def test_every_event_has_a_json_form_with_times_as_times(name: str) -> None:
    found = json.loads(recorded(MEANT[name]).to_json())
    assert found == recorded(MEANT[name]).as_dict()
    assert found["occurred_at"] == "1970-01-01T00:00:00Z"
    assert found["recorded_at"] == "1970-01-01T00:00:00.000001Z"
    assert found["digest"] == "01" * 32
    for field in MEANT[name].__struct_fields__:
        value = getattr(MEANT[name], field)
        if isinstance(value, int) and is_time_field(field):
            assert TypeAdapter(datetime).validate_python(found["event"][field]).tzinfo is not None
    assert found["event"].keys() == set(MEANT[name].__struct_fields__)


def test_every_time_in_an_event_is_known_by_its_name() -> None:
    """A whole number above a million million is a time: no count, amount or position of the samples is."""
    seen = 0
    for name, event in MEANT.items():
        for field in event.__struct_fields__:
            value = getattr(event, field)
            if isinstance(value, int) and not isinstance(value, bool):
                is_time = value > 10**12
                seen += is_time
                assert is_time <= is_time_field(field), f"{name}: {field} is a time"
    assert seen > 50


def test_the_json_forms_are_what_they_say() -> None:
    with Relations.open("sqlite://") as engine:
        engine.execute(RegisterCustomer(customer="c1", name="Ada", occurred_at=NOON))
        engine.execute(EnrolMember(customer="c1", occurred_at=NOON))
        receipt = engine.execute(EarnPoints(customer="c1", lot="l1", points=5, occurred_at=NOON))
        found = receipt.as_dict()
        assert found == json.loads(receipt.to_json())
        assert [each["event"]["active_from"] for each in found["events"]] == ["2026-03-02T12:00:00Z"]
        adopted = engine.adopt(Policy(zone="Asia/Tokyo"), since=NOON).as_dict()["events"][0]
        assert (adopted["event"]["policy"]["zone"], adopted["event"]["effective_from"]) == (
            "Asia/Tokyo",
            "2026-03-02T12:00:00Z",
        )
        assert engine.status().as_dict()["projections"][0].keys() >= {"name", "behind"}
        assert engine.verify().as_dict()["problems"] == []
        money = RecordPurchase(customer="c1", purchase="p", amount=Money(5, "EUR"), occurred_at=NOON)
        assert engine.execute(money).as_dict()["events"][0]["event"]["amount"] == {"amount": 5, "currency": "EUR"}


def test_lifespans_are_combined_in_order_and_left_in_reverse() -> None:
    told: list[str] = []

    def own(name: str) -> Any:
        @asynccontextmanager
        async def life(_app: Any) -> Any:
            told.append(f"{name} begins")
            yield {name: True}
            told.append(f"{name} ends")

        return life

    with Relations.open("sqlite://") as engine:
        relations = lifespan(engine)
        app = FastAPI(lifespan=combined(own("pool"), relations, own("mail")))

        @app.get("/")
        async def position(request: Request) -> dict[str, Any]:
            return {"pool": request.state.pool, "position": (await relations.engine.status()).position}

        async def run() -> None:
            async with app.router.lifespan_context(app) as state:
                assert state == {"pool": True, "mail": True}
                assert (await relations.engine.status()).position == 0

        asyncio.run(run())
    assert told == ["pool begins", "mail begins", "mail ends", "pool ends"]


def test_a_lifespan_that_fails_closes_what_was_opened(sqlite_url: str) -> None:
    @asynccontextmanager
    async def failing(_app: Any) -> Any:
        if relations.engine:
            msg = "no mail server"
            raise RuntimeError(msg)
        yield

    relations = lifespan(sqlite_url)

    async def run() -> None:
        with pytest.raises(RuntimeError, match="no mail server"):
            async with combined(relations, failing)(None):
                pass

    asyncio.run(run())
    with pytest.raises(Exception, match="lifespan is not running"):
        _ = relations.engine
