"""The relay over webhooks and files: order, acknowledgements, failures, dead letters, signatures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from relations import RecordedEvent, Relations
from relations.errors import InvalidInput
from relations.relay import FileTarget, Relay, TargetMisconfigured, WebhookTarget, new_secret
from relations.testing import simulate
from tests.support.making import erase, purchase, register
from tests.support.receiver import Receiver, Request, receiving


def ids(requests: Iterable[Request]) -> list[str]:
    return [json.loads(request.body)["id"] for request in requests]


def of_log(engine: Relations) -> list[str]:
    return [f"{event.stream}@{event.version}" for event in engine.events()]


def assert_in_order(engine: Relations, received: Iterable[dict[str, Any]]) -> None:
    """Every event of the log was received, and the first times are in the log's order for each customer.

    An event of no customer is in the order of its stream.
    """
    expected: dict[str, list[str]] = defaultdict(list)
    for event in engine.events():
        expected[event.customer or event.stream].append(f"{event.stream}@{event.version}")
    found: dict[str, list[str]] = defaultdict(list)
    for each in received:
        of = each.get("subject") or each["id"].rpartition("@")[0]
        if each["id"] not in found[of]:
            found[of].append(each["id"])
    assert found == expected
    assert found


def quick(engine: Relations, receiver: Receiver, **options: Any) -> Relay:
    return Relay(engine, WebhookTarget(receiver.url), **{"pause_seconds": 0.001, "pause_max_seconds": 0.01, **options})


def test_every_event_reaches_a_webhook_in_each_customers_order(database_url: str) -> None:
    with Relations.open(database_url) as engine, receiving() as receiver:
        engine.execute_many(islice(simulate(), 150))
        with quick(engine, receiver) as relay:
            report = relay.run(once=True)
        head = engine.status().position
        assert (report.delivered, report.dead, report.retries, report.position) == (head, 0, 0, head)
        assert_in_order(engine, (json.loads(request.body) for request in receiver.accepted))
        with quick(engine, receiver) as relay:
            assert relay.run(once=True).delivered == 0
        assert engine.status().consumers[0].position == head


def test_the_sdk_reads_the_structured_and_the_binary_form_alike(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine, receiving() as receiver:
        engine.execute(register("c.1:x", name="Ada"))
        engine.execute(purchase(1, "c.1:x"))
        for mode in ("structured", "binary"):
            target = WebhookTarget(receiver.url, mode=mode, lanes=1)
            with Relay(engine, target, name=mode, source="/hotel") as relay:
                relay.run(once=True)
        recorded = list(engine.events())
    half = len(receiver.accepted) // 2
    assert half == len(recorded) > 2
    for structured, binary, event in zip(receiver.accepted[:half], receiver.accepted[half:], recorded, strict=True):
        read = JSONFormat().read(CloudEvent, structured.body)
        attributes = {name[3:]: value for name, value in binary.headers.items() if name.startswith("ce-")}
        assert structured.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert binary.headers["content-type"] == "application/json"
        assert read.get_id() == attributes["id"] == f"{event.stream}@{event.version}"
        assert read.get_type() == attributes["type"] == event.topic
        assert (read.get_subject() or "") == attributes.get("subject", "") == event.customer
        assert read.get_extension("relationsdigest") == attributes["relationsdigest"] == event.digest.hex()
        assert read.get_data() == json.loads(binary.body)


def test_personal_words_leave_sealed_unless_asked_for(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine, receiving() as receiver:
        engine.execute(register(name="Ada Lovelace"))
        for personal in ("sealed", "omit", "open"):
            with quick(engine, receiver, name=personal, personal=personal) as relay:
                relay.run(once=True)
        named = [json.loads(each.body) for each in receiver.accepted]
    names = [event["data"].get("name") for event in named if event["type"] == "customer.registered"]
    assert len(names) == 3
    assert names[0].startswith("sealed:")
    assert names[1:] == [None, "Ada Lovelace"]


def test_erased_words_do_not_leave_even_where_words_are_opened(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine, receiving() as receiver:
        engine.execute(register(name="Ada Lovelace"))
        engine.execute(erase())
        with quick(engine, receiver, personal="open") as relay:
            relay.run(once=True)
        bodies = b"".join(request.body for request in receiver.accepted)
    assert b"[erased]" in bodies
    assert b"Lovelace" not in bodies


def test_webhooks_are_signed_so_that_the_standards_library_accepts_them(sqlite_url: str) -> None:
    old, new = new_secret(), new_secret()
    with Relations.open(sqlite_url) as engine, receiving() as receiver:
        engine.execute(register("a.b"))
        with Relay(engine, WebhookTarget(receiver.url, secrets=[new, old])) as relay:
            relay.run(once=True)
    assert receiver.accepted
    for request in receiver.accepted:
        for secret in (old, new):
            assert Webhook(secret).verify(request.body, request.headers) == json.loads(request.body)
        assert request.headers["webhook-id"] == json.loads(request.body)["id"].replace(".", "~")
        with pytest.raises(WebhookVerificationError):
            Webhook(new_secret()).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(request.body + b" ", request.headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "not base64 at all", "whsec_" + "A" * 200])
def test_a_secret_that_is_too_short_or_no_base64_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidInput, match="the webhook secret is not base64 of 24 to 64 bytes") as refused:
        WebhookTarget("http://127.0.0.1/", secrets=[secret])
    assert refused.value.field == "secret"
    assert len(secret) < 10 or secret not in str(refused.value)


def test_a_failure_that_passes_is_tried_again_until_it_is_over(database_url: str) -> None:
    failures = iter([500, 503, 429, 408])
    with Relations.open(database_url) as engine, receiving(lambda _: next(failures, 204)) as receiver:
        engine.execute(register())
        with quick(engine, receiver) as relay:
            report = relay.run(once=True)
        assert report.retries == 4
        assert report.dead == 0
        assert_in_order(engine, (json.loads(request.body) for request in receiver.accepted))


def test_the_pause_is_as_long_as_the_target_asks(sqlite_url: str) -> None:
    answers = iter([(429, {"retry-after": "3600"})])
    with Relations.open(sqlite_url) as engine, receiving(lambda _: next(answers, 204)) as receiver:
        engine.execute(register())
        with quick(engine, receiver, pause_max_seconds=0.2) as relay:
            waited: list[float | None] = []
            wait = relay._stopped.wait
            relay._stopped.wait = lambda timeout=None: waited.append(timeout) or wait(0)  # type: ignore[method-assign, func-returns-value]
            relay.run(once=True)
        assert waited == [0.2]  # no longer than the longest pause


def poison(identity: str, status: int = 422) -> Any:
    return lambda request: status if json.loads(request.body)["id"] == identity else 204


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_refused_event_becomes_a_dead_letter_and_its_customers_later_events_wait(
    database_url: str, status: int
) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register("c1"))
        engine.execute(register("c2"))
        for number in (1, 2):
            engine.execute(purchase(number, "c1"))
            engine.execute(purchase(number, "c2"))
        first = next(event for event in engine.events() if event.command_id == "c1/p1")
        bad = f"{first.stream}@{first.version}"
        with receiving(poison(bad, status)) as receiver, quick(engine, receiver, attempts=3) as relay:
            report = relay.run(once=True)
            letters = relay.dead_letters.list()
            behind = [event for event in engine.events(after=first.position - 1) if event.customer == "c1"]
            assert [letter.position for letter in letters] == [event.position for event in behind]
            assert letters[0].attempts == (3 if status == 500 else 1)
            assert f"answered {status}" in letters[0].reason
            assert {letter.code for letter in letters[1:]} == {"behind_another"}
            assert report.dead == len(letters) > 1
            assert {event.customer for event in engine.events()} == {"", "c1", "c2"}
            others = [name for name in of_log(engine) if name not in {letter.id for letter in letters}]
            assert sorted(ids(receiver.accepted)) == sorted(others)
            # An event that comes later waits, too.
            engine.execute(purchase(3, "c1"))
            relay.run(once=True)
            assert "c1/p3" in [command_of(engine, letter.position) for letter in relay.dead_letters.list()]
            # What is sent again arrives in order, and nothing is left.
            receiver.answer = lambda _: 204
            assert relay.dead_letters.send_again([bad]) == len(letters) + 1
            relay.run(once=True)
            assert relay.dead_letters.list() == []
            assert_in_order(engine, (json.loads(request.body) for request in receiver.accepted))


def command_of(engine: Relations, position: int) -> str:
    return next(engine.events(after=position - 1)).command_id


def test_a_letter_that_fails_again_stays_and_counts_its_attempts(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine, receiving(lambda _: 422) as receiver:
        engine.execute(register())
        with quick(engine, receiver) as relay:
            relay.run(once=True)
            before = relay.dead_letters.list()
            relay.dead_letters.send_again()
            relay.run(once=True)
            after = relay.dead_letters.list()
            assert [letter.id for letter in after] == [letter.id for letter in before]
            assert after[0].attempts == 2
            assert not any(letter.again for letter in after)
            assert relay.dead_letters.remove(ids=[letter.id for letter in after]) == len(after)
            assert relay.dead_letters.count() == {}


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410])
def test_a_wrong_address_or_secret_stops_the_relay_and_buries_nothing(sqlite_url: str, status: int) -> None:
    with Relations.open(sqlite_url) as engine, receiving(lambda _: status) as receiver:
        engine.execute(register())
        with quick(engine, receiver) as relay, pytest.raises(TargetMisconfigured, match=f"answered {status}"):
            relay.run(once=True)
        assert relay.dead_letters.list() == []
        assert engine.status().consumers[0].position == 0


def test_a_target_that_cannot_be_reached_is_waited_for_until_the_relay_is_stopped(sqlite_url: str) -> None:
    with receiving() as gone:
        url = gone.url
    with Relations.open(sqlite_url) as engine:
        engine.execute(register())
        with Relay(engine, WebhookTarget(url), attempts=2, pause_seconds=0.001, pause_max_seconds=0.001) as relay:
            wait, waits = relay._stopped.wait, []

            def wait_and_stop(timeout: float | None = None) -> bool:
                waits.append(timeout)
                if len(waits) > 5:
                    relay.stop()
                return wait(timeout)

            relay._stopped.wait = wait_and_stop  # type: ignore[method-assign]
            report = relay.run()
        assert report.delivered == report.dead == 0
        assert len(waits) > 5
        assert engine.status().consumers[0].position == 0


def test_a_file_grows_by_lines_and_an_unfinished_one_is_written_again(tmp_path: Path, sqlite_url: str) -> None:
    path = tmp_path / "events.jsonl"
    with Relations.open(sqlite_url) as engine:
        engine.execute(register())
        with Relay(engine, FileTarget(path)) as relay:
            relay.run(once=True)
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"specversion":"1.0","id":"cut')
        engine.execute(purchase())
        with Relay(engine, FileTarget(path)) as relay:
            relay.run(once=True)
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert [line["id"] for line in lines] == of_log(engine)
        assert path.read_bytes().startswith(whole)


def test_a_relay_of_chosen_events_sends_no_others(sqlite_url: str, tmp_path: Path) -> None:
    with Relations.open(sqlite_url) as engine:
        recorded: list[RecordedEvent] = [*engine.execute(register()).events, *engine.execute(purchase()).events]
        wanted = type(recorded[-1].event)
        with Relay(engine, FileTarget(tmp_path / "events"), of=[wanted]) as relay:
            relay.run(once=True)
        lines = (tmp_path / "events").read_bytes().splitlines()
        assert {json.loads(line)["type"] for line in lines} == {wanted.topic}
