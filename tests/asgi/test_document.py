"""The description of the interface: valid, of our own schemas, and true for every request that it allows."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi import checks

from relations.aggregates.complaint import FileComplaint
from relations.aggregates.customer import RecordPurchase, RegisterCustomer
from relations.asgi import EngineLifespan, lifespan, openapi, router
from relations.engine import Relations
from relations.messages import Money
from relations.projections import VIEWS
from relations.projections.view import View
from tests.asgi.serving import anyone, calling, running, served
from tests.support import host

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def public_questions() -> Iterator[tuple[str, set[str]]]:
    """Every question of every view, with its parameters. Segments are not given by a client: the router knows them."""
    for view in VIEWS:
        for name in sorted(set(dir(view)) - set(dir(View))):
            if not name.startswith("_") and inspect.isfunction(method := getattr(view, name)):
                parameters = set(inspect.signature(method).parameters) - {"self", "segments"}
                yield f"{view.projection.name}/{name}", parameters


def test_the_description_is_valid_and_has_every_command_and_question(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        found = (await client.get("/crm/openapi.json")).json()
        OpenAPIV31SpecValidator(found).validate()
        assert found["servers"] == [{"url": "/crm"}]
        engine = relations.engine.sync
        commands = {path.removeprefix("/commands/") for path in found["paths"] if path.startswith("/commands/")}
        assert commands == set(engine.commands)
        views = {
            path.removeprefix("/views/"): each["get"] for path, each in found["paths"].items() if "/views/" in path
        }
        assert {
            path: {each["name"] for each in described["parameters"] if each["in"] == "query"} - {"limit", "offset"}
            for path, described in views.items()
        } == {path: parameters - {"limit", "offset"} for path, parameters in public_questions()}
        schema = found["components"]["schemas"]["RecordPurchase"]
        assert not {"actor", "command_id"} & schema["properties"].keys()
        own = RecordPurchase.model_json_schema()
        assert schema["properties"].keys() == own["properties"].keys() - {"actor", "command_id"}
        assert schema["required"] == own["required"]
        assert schema["additionalProperties"] is False

    calling(sqlite_url, work)


def test_a_hosts_own_commands_are_described_and_executed(sqlite_url: str) -> None:
    from relations.aggregates import AGGREGATES

    with Relations.open(sqlite_url, aggregates=(*AGGREGATES, host.AGGREGATE)) as engine:
        assert "/commands/ReserveTable" in openapi(engine)["paths"]
        app = FastAPI(lifespan=(relations := lifespan(engine)))
        app.mount("/crm", router(relations, authorise=anyone))
        sent = {"table": "t1", "customer": "c1", "guests": 2, "occurred_at": NOON.isoformat()}

        async def reserve() -> None:
            async with running(app) as client:
                answer = await client.post("/crm/commands/ReserveTable", json=sent)
                assert answer.status_code == 201, answer.text

        asyncio.run(reserve())


SCHEMA = checks.response_schema_conformance
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    SCHEMA,
    checks.negative_data_rejection,
]
"""Not `positive_data_acceptance`: a date that is outside the calendar, for one, is a date in JSON Schema."""


def has_pairs(operation: Any) -> bool:
    """Return True if an answer has lists of pairs, whose valid schemas schemathesis 4.32 makes invalid."""
    return operation.path in ("/views/customers/identity", "/views/customers/merged", "/customers/{customer}/file")


def history(engine: Relations) -> None:
    """A few customers, so that questions have answers."""
    for number in range(6):
        engine.execute(RegisterCustomer(customer=f"c{number}", name="Ada", occurred_at=NOON))
        engine.execute(
            RecordPurchase(
                customer=f"c{number % 3}", purchase=f"p{number}", amount=Money(1000, "EUR"), occurred_at=NOON
            )
        )
    engine.execute(FileComplaint(complaint="k1", customer="c1", subject="cold room", channel="email", occurred_at=NOON))


def ask(operation: Any, examples: int, statuses: Counter[int]) -> None:
    """Send requests to one operation, and check the answers."""
    applied = [each for each in CHECKS if each is not SCHEMA or not has_pairs(operation)]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def send(case: Any) -> None:
        answer = case.call()
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=applied)

    send()


def search(url: str, examples: int) -> Counter[int]:
    """Send requests that the description allows, and some that it forbids; no answer may be a failure of ours."""
    statuses: Counter[int] = Counter()
    with Relations.open(url) as engine:
        history(engine)
        app = FastAPI(lifespan=(relations := lifespan(engine)))
        app.mount("/crm", router(relations, authorise=anyone, page_max=20))
        with served(app) as address:
            described = schemathesis.openapi.from_url(f"{address}/crm/openapi.json")
            for operation in described.get_all_operations():
                ask(operation.ok(), examples, statuses)  # type: ignore[union-attr] # the description is valid
        assert engine.verify().good
    return statuses


@pytest.mark.hypothesis
def test_no_operation_makes_the_server_fail(sqlite_url: str) -> None:
    statuses = search(sqlite_url, examples=1)
    assert sum(statuses.values()) > 200
    assert not [status for status in statuses if status >= 500]


@pytest.mark.soak
def test_no_operation_makes_the_server_fail_however_long_it_is_searched(database_url: str) -> None:
    statuses = search(database_url, examples=100)
    assert not [status for status in statuses if status >= 500]
