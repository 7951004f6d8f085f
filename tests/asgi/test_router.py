"""The router: commands, views, customers and health over HTTP."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request

from relations.aggregates.customer import RegisterCustomer
from relations.asgi import Access, Caller, EngineLifespan, NotAllowed, lifespan, router
from relations.engine import Relations
from relations.errors import InvalidInput, OutcomeUnknown, RelationsError, StoreError
from tests.asgi.serving import calling, running

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PURCHASE = {
    "customer": "c1",
    "purchase": "p1",
    "amount": {"amount": 12900, "currency": "EUR"},
    "occurred_at": "2026-03-02T12:00:00Z",
}
BUY = "/crm/commands/RecordPurchase"


def purchase(**changed: Any) -> bytes:
    """The body of a purchase with some fields changed."""
    return json.dumps({**PURCHASE, **changed}).encode()


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer, which must have them."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"] == f"urn:relations:problem:{found['code']}"
    assert {"title", "detail"} <= found.keys()
    return found


def test_a_command_is_recorded_once_for_each_key(database_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        key = {"Idempotency-Key": "booking-77"}
        first = await client.post(BUY, json=PURCHASE, headers=key)
        again = await client.post(BUY, json=PURCHASE, headers={"Idempotency-Key": '"booking-77"'})
        assert (first.status_code, again.status_code) == (201, 200)
        receipt = first.json()
        assert receipt["command_id"] == "booking-77"
        assert {**receipt, "repeated": True} == again.json()
        recorded = receipt["events"][-1]
        assert (recorded["topic"], recorded["actor"]) == ("customer.purchase_recorded", "reception")
        assert recorded["occurred_at"] == "2026-03-02T12:00:00Z"
        found = problem_of(await client.post(BUY, json={**PURCHASE, "purchase": "p2"}, headers=key), 422)
        assert found["code"] == "command_id_reused"
        assert found["hint"]
        refused = problem_of(await client.post(BUY, json={**PURCHASE, "amount": {"amount": 1, "currency": "EUR"}}), 409)
        assert refused["hint"]
        assert (await client.post(BUY, json={**PURCHASE, "purchase": "p3"})).status_code == 201
        assert len(await relations.engine.history("c1")) == 3

    calling(database_url, work)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 422, "malformed_body", None),
        (b"{", 422, "malformed_body", None),
        (b"[1]", 422, "malformed_body", None),
        (b'{"a": NaN}', 422, "malformed_body", None),
        (b"[" * 100_000, 422, "malformed_body", None),
        (b'{"customer": "\xff"}', 422, "malformed_body", None),
        (purchase(actor="boss"), 422, "invalid_actor", "actor"),
        (purchase(command_id="x"), 422, "invalid_command_id", "command_id"),
        (purchase(occurred_at="2026-03-02T12:00:00"), 422, "invalid_occurred_at", "occurred_at"),
        (purchase(customer="a b"), 422, "invalid_customer", "customer"),
        (purchase(colour="red"), 422, "invalid_colour", "colour"),
        (purchase(amount={"amount": 10**400, "currency": "EUR"}), 422, "invalid_amount", "amount"),
        (b'{"customer": "' + b"x" * 5_000 + b'"}', 413, "body_too_long", None),
    ],
)  # fmt: skip
def test_a_body_that_is_no_such_command_is_a_problem(
    sqlite_url: str, body: bytes, status: int, code: str, field: str | None
) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        found = problem_of(await client.post(BUY, content=body, headers={"Content-Type": "application/json"}), status)
        assert (found["code"], found.get("field")) == (code, field)
        assert "http" not in found["detail"]
        assert (await relations.engine.status()).position == 0

    calling(sqlite_url, work, body_max=200_000 if len(body) == 100_000 else 4_000)


@pytest.mark.parametrize("key", ["", " ", "a b", 'a"b', "k" * 201, "ü".encode(), "due:x", "relations:default-policy"])
def test_a_key_that_is_none_or_the_engines_own_is_a_problem(sqlite_url: str, key: str | bytes) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        raw = key.encode() if isinstance(key, str) else key
        found = problem_of(await client.post(BUY, json=PURCHASE, headers={b"Idempotency-Key": raw}), 422)
        assert found["code"] in ("invalid_idempotency_key", "reserved_idempotency_key")
        assert found["field"] == "Idempotency-Key"
        assert (await relations.engine.status()).position == 0

    calling(sqlite_url, work)


def test_a_command_has_one_key(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        found = problem_of(await client.post(BUY, json=PURCHASE, headers=keys), 422)
        assert (found["code"], found["field"]) == ("invalid_idempotency_key", "Idempotency-Key")
        assert "more than once" in found["detail"]
        assert (await relations.engine.status()).position == 0

    calling(sqlite_url, work)


def test_what_http_itself_refuses_is_a_problem_too(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, _relations: EngineLifespan) -> None:
        sent = await client.post(BUY, content=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert problem_of(sent, 415)["code"] == "unsupported_media_type"
        assert problem_of(await client.post("/crm/commands/Nothing", json={}), 404)["code"] == "unknown_command"
        nowhere = problem_of(await client.get("/crm/nowhere"), 404)
        assert (nowhere["code"], nowhere["hint"]) == ("not_found", "GET openapi.json lists the paths")
        wrong = await client.get(BUY)
        refused = problem_of(wrong, 405)
        assert (refused["code"], refused["hint"]) == ("method_not_allowed", "Use one of the methods POST")
        assert wrong.headers["allow"] == "POST"

    calling(sqlite_url, work)


async def _sell(client: httpx.AsyncClient, count: int) -> None:
    for number in range(count):
        sold = {**PURCHASE, "customer": f"c{number:02}", "purchase": f"p{number}"}
        assert (await client.post(BUY, json=sold)).status_code == 201


def test_a_view_is_answered_a_page_at_a_time(database_url: str) -> None:
    async def work(client: httpx.AsyncClient, _relations: EngineLifespan) -> None:
        await _sell(client, 5)
        asked = {"as_of": "2026-03-03T12:00:00Z"}
        whole = (await client.get("/crm/views/retention/stages", params=asked)).json()
        assert [each["customer"] for each in whole] == [f"c{number:02}" for number in range(5)]
        first = (await client.get("/crm/views/retention/stages", params={**asked, "limit": 2})).json()
        rest = (await client.get("/crm/views/retention/stages", params={**asked, "limit": 3, "after": "c01"})).json()
        assert [*first, *rest] == whole
        cut = (await client.get("/crm/views/retention/grades", params={**asked, "limit": 2, "offset": 1})).json()
        assert len(cut) == 2
        assert cut == (await client.get("/crm/views/retention/grades", params=asked)).json()[1:3]
        beyond = await client.get("/crm/views/retention/grades", params={**asked, "offset": 10**24})
        assert (beyond.status_code, beyond.json()) == (200, [])
        nps = await client.get("/crm/views/satisfaction/nps?by=touchpoint&by=segment&since=2026-01")
        assert nps.status_code == 200, nps.text
        ahead = await client.get("/crm/views/retention/lifetime_values", params={"ahead": "P30D", "model": "bg_nbd"})
        assert ahead.status_code in (200, 422), ahead.text

    calling(database_url, work, page_max=50)


def test_an_answer_has_a_tag_and_is_sent_once(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        await _sell(client, 2)
        for path in (
            "/crm/views/retention/stages?as_of=2026-03-03T12:00:00Z",
            "/crm/customers/c00/file?as_of=2026-03-03T12:00:00Z",
            "/crm/customers/c00/history",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            tag = answer.headers["etag"]
            known = await client.get(path, headers={"If-None-Match": f'W/"1-x", {tag}'})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
            assert (await client.get(path, headers={"If-None-Match": '"1-x"'})).status_code == 200
        view = await client.get("/crm/views/retention/stages?as_of=2026-03-03T12:00:00Z")
        position = (await relations.engine.status()).position
        assert view.headers["etag"].startswith(f'"{position}-')
        await client.post(BUY, json={**PURCHASE, "customer": "c00", "purchase": "p9"})
        changed = await client.get(
            "/crm/views/retention/stages?as_of=2026-03-03T12:00:00Z", headers={"If-None-Match": view.headers["etag"]}
        )
        assert changed.status_code == 200

    calling(sqlite_url, work)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("views/retention/nothing", 404, "unknown_question"),
        ("views/nothing/stages", 404, "unknown_question"),
        ("views/retention/rows", 404, "unknown_question"),
        ("views/retention/customer", 422, "invalid_customer"),
        ("views/retention/customer?customer=nobody", 404, "unknown_customer"),
        ("views/desk/ticket?complaint=nothing", 404, "nothing_found"),
        ("views/retention/stages?as_of=2026-03-03", 422, "naive_datetime"),
        ("views/retention/stages?as_of=yesterday", 422, "invalid_as_of"),
        ("views/retention/stages?limit=0", 422, "invalid_page"),
        ("views/retention/stages?limit=1001", 422, "invalid_page"),
        ("views/retention/stages?limit=2&limit=3", 422, "invalid_limit"),
        ("views/retention/stages?colour=red", 422, "unknown_parameter"),
        ("views/retention/grades?offset=-1", 422, "invalid_page"),
        ("views/satisfaction/nps?segments=x", 422, "unknown_parameter"),
        ("views/satisfaction/nps?by=colour", 422, "invalid_by"),
        ("customers/nobody/file", 404, "unknown_customer"),
        ("customers/nobody/history", 404, "unknown_customer"),
        ("customers/c00/history?limit=x", 422, "invalid_limit"),
        ("customers/c00/history?page=1", 422, "unknown_parameter"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_problem(sqlite_url: str, path: str, status: int, code: str) -> None:
    async def work(client: httpx.AsyncClient, _relations: EngineLifespan) -> None:
        await _sell(client, 1)
        assert problem_of(await client.get(f"/crm/{path}"), status)["code"] == code

    calling(sqlite_url, work)


def test_a_history_is_paged_by_position(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        for number in range(4):
            await client.post(BUY, json={**PURCHASE, "purchase": f"p{number}"})
        seen: list[int] = []
        after: int | None = 0
        pages = 0
        while after is not None:
            page = (await client.get("/crm/customers/c1/history", params={"after": after, "limit": 2})).json()
            seen += [each["position"] for each in page["events"]]
            after = page["next"]
            pages += 1
        assert seen == [each.position for each in await relations.engine.history("c1")]
        assert pages == 3
        early = await client.get("/crm/customers/c1/history", params={"until": "2026-03-01T00:00:00Z"})
        assert early.status_code == 404

    calling(sqlite_url, work)


def _by_header(request: Request, access: Access) -> Caller:
    seen.append(access)
    who = request.headers.get("x-user")
    if who is None:
        raise HTTPException(401, "who are you?", headers={"WWW-Authenticate": "Bearer"})
    if who == "thief":
        raise NotAllowed("thieves may not look", hint="Go away")
    return Caller("website", who) if who.startswith("c") else Caller(who)


seen: list[Access] = []


def test_a_host_decides_who_may_do_what(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        paths = ("views/retention/stages", "customers/c1/file", "customers/c1/history", "openapi.json")
        for path in paths:
            answer = await client.get(f"/crm/{path}")
            assert problem_of(answer, 401)["code"] == "unauthorized"
            assert answer.headers["www-authenticate"] == "Bearer"
            found = problem_of(await client.get(f"/crm/{path}", headers={"X-User": "thief"}), 403)
            assert (found["code"], found["hint"]) == ("not_allowed", "Go away")
        assert problem_of(await client.post(BUY, content=b"{"), 401)
        assert (await client.get("/crm/health/live")).status_code == 200
        assert (await client.get("/crm/health/ready")).status_code == 200
        own = {"X-User": "c1"}
        receipt = await client.post(BUY, json=PURCHASE, headers=own)
        assert receipt.json()["events"][-1]["actor"] == "website"
        other = problem_of(await client.post(BUY, json={**PURCHASE, "customer": "c2"}, headers=own), 403)
        assert (other["code"], other["field"]) == ("other_customer", "customer")
        assert (await client.get("/crm/customers/c1/file", headers=own)).status_code == 200
        assert (await client.get("/crm/views/retention/customer?customer=c1", headers=own)).status_code == 200
        for path in (
            "customers/c2/file",
            "customers/c2/history",
            "views/retention/stages",
            "views/desk/search?customer=c2",
        ):
            problem_of(await client.get(f"/crm/{path}", headers=own), 403)
        assert (await client.get("/crm/views/retention/stages", headers={"X-User": "desk"})).status_code == 200
        assert Access("command", "RecordPurchase") in seen
        assert Access("view", "retention/stages") in seen
        assert Access("file", customer="c1") in seen
        assert Access("document") in seen
        assert [each.customer for each in [each async for each in relations.engine.events()] if each.customer] == [
            "c1"
        ] * 2

    seen.clear()
    calling(sqlite_url, work, authorise=_by_header)


def test_a_decision_may_be_awaited_and_must_name_an_actor(sqlite_url: str) -> None:
    async def slowly(_request: Request, _access: Access) -> str:
        await asyncio.sleep(0)
        return "night porter"

    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        assert (await client.post(BUY, json=PURCHASE)).status_code == 201
        assert (await relations.engine.history("c1"))[-1].actor == "night porter"

    async def broken(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        assert (await client.post(BUY, json=PURCHASE)).status_code == 500
        assert (await relations.engine.status()).position == 0

    calling(sqlite_url, work, authorise=slowly)
    calling("sqlite://", broken, authorise=lambda _request, _access: "")


def test_a_router_without_a_decision_is_refused(sqlite_url: str) -> None:
    relations = lifespan(sqlite_url)
    with pytest.raises(InvalidInput, match="a function that decides"):
        router(relations, authorise=None)  # type: ignore[arg-type] # what is refused
    with pytest.raises(InvalidInput, match="0 is not a limit"):
        router(relations, authorise=_by_header, page_max=0)


def test_health_says_how_far_views_are_behind(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        assert (await client.get("/crm/health/live")).json() == {"status": "live"}
        await relations.engine.execute(RegisterCustomer(customer="c1", occurred_at=NOON))
        behind = await client.get("/crm/health/ready")
        assert (behind.status_code, behind.json()["lag"], behind.json()["status"]) == (503, 2, "not ready")
        await relations.engine.catch_up()
        ready = await client.get("/crm/health/ready")
        assert ready.json() == {"status": "ready", "position": 2, "lag": 0, "failed": []}

    calling(sqlite_url, work, lag_max=1)


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (StoreError("secret host name", code="connection_lost"), 503, True),
        (OutcomeUnknown(command_id="k1"), 503, True),
        (StoreError("secret path", code="database_damaged"), 503, False),
        (RelationsError("secret"), 500, False),
    ],
)
def test_a_failure_of_the_server_says_no_more_than_its_code(
    sqlite_url: str, error: RelationsError, status: int, retry: bool
) -> None:
    async def work(client: httpx.AsyncClient, relations: EngineLifespan) -> None:
        def failing(*_args: object, **_options: object) -> None:
            raise error

        relations.engine.sync.execute = failing  # type: ignore[assignment, method-assign] # a failure of the database
        answer = await client.post(BUY, json=PURCHASE)
        found = problem_of(answer, status)
        assert found["code"] == error.code
        assert "secret" not in answer.text
        assert ("retry-after" in answer.headers, found["retry"]) == (retry, retry)

    calling(sqlite_url, work)


def test_an_application_that_has_not_started_says_so(sqlite_url: str) -> None:
    """Also where the lifespan was given to a mounted application, which never gets one."""
    relations = lifespan(sqlite_url)
    inner = FastAPI(lifespan=relations)
    inner.mount("/crm", router(relations, authorise=lambda _request, _access: "x"))
    outer = FastAPI()
    outer.mount("/inner", inner)

    async def run() -> None:
        async with running(outer) as client:
            answer = await client.post("/inner/crm/commands/RecordPurchase", json=PURCHASE)
            found = problem_of(answer, 503)
            assert found["code"] == "not_started"
            assert "a mounted one never gets its own" in found["hint"]
            assert problem_of(await client.get("/inner/crm/health/ready"), 503)["code"] == "not_started"
            assert (await client.get("/inner/crm/health/live")).status_code == 200

    asyncio.run(run())
    with pytest.raises(RelationsError, match="lifespan is not running"):
        _ = relations.engine


def test_moments_with_an_offset_are_read(sqlite_url: str) -> None:
    async def work(client: httpx.AsyncClient, _relations: EngineLifespan) -> None:
        await _sell(client, 1)
        moment = (NOON + timedelta(days=1)).astimezone().isoformat()
        assert (await client.get("/crm/customers/c00/file", params={"as_of": moment})).status_code == 200

    calling(sqlite_url, work)


def test_an_engine_of_the_hosts_own_stays_open(sqlite_url: str) -> None:
    async def run(engine: Relations) -> None:
        app = FastAPI(lifespan=(relations := lifespan(engine, threads=2)))
        app.mount("/crm", router(relations, authorise=lambda _request, _access: "x"))
        async with running(app) as client:
            assert (await client.post("/crm/commands/RecordPurchase", json=PURCHASE)).status_code == 201

    with Relations.open(sqlite_url) as engine:
        asyncio.run(run(engine))
        assert engine.status().position == 3
