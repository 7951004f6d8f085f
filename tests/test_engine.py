"""The engine as its users see it: what it says of itself, of a customer, of time; and that it can prove it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations import Event, InvalidInput, Policy, Relations
from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import Customer, PurchaseRecorded, SentimentScored
from relations.errors import NewerLog, UndecodableEvent
from relations.log.eventsourcing.recorders import AggregateRecorder
from relations.log.eventsourcing.versions import stored_event
from relations.messages import is_sentence
from relations.projections import PROJECTIONS
from relations.testing import simulate
from tests.support.making import START, assert_sound, complaint, day, erase, in_processes, purchase, register, tamper


class Clock:
    """Tells the time that it is told."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2024, 6, 1, tzinfo=UTC))


@pytest.fixture
def relations(database_url: str, clock: Clock) -> Iterator[Relations]:
    with Relations.open(database_url, clock=clock) as opened:
        yield opened


def test_an_engine_with_nothing_in_it(relations: Relations) -> None:
    assert relations.status().position == 0
    assert list(relations.events()) == relations.history("c1") == []
    assert relations.load("customer", "c1") == Customer()
    assert relations.policy == Policy()
    relations.catch_up()
    relations.rebuild()
    found = relations.verify()
    assert found.good
    assert (found.events, found.position, found.digest) == (0, 0, "")
    assert len(found.views) == len(PROJECTIONS)
    assert relations.advance_time(datetime(2030, 1, 1, tzinfo=UTC)).commands == 0
    assert relations.status().position == 0


def test_it_says_how_it_stands(relations: Relations, database_url: str) -> None:
    relations.execute_many([register(), purchase(1)])
    status = relations.status()
    assert status.position == 3
    assert status.digest == list(relations.events())[-1].digest.hex()
    assert {each.name: each.behind for each in status.projections} == {each.name: 3 for each in PROJECTIONS}
    relations.catch_up()
    assert {each.behind for each in relations.status().projections} == {0}
    assert status.database.split(":")[0] in database_url


def test_two_clocks_are_kept_apart(relations: Relations, clock: Clock) -> None:
    relations.execute(register(occurred_at=day(0)))
    clock.now = datetime(2024, 7, 1, tzinfo=UTC)
    relations.execute(purchase(1, occurred_at=day(-400)))
    first, late = relations.history("c1")
    assert late.occurred_at < first.occurred_at < first.recorded_at < late.recorded_at
    assert late.recorded_at == 1_719_792_000_000_000


def test_a_history_is_one_customers_in_the_order_of_recording(relations: Relations) -> None:
    relations.execute_many([register("c1"), register("c2"), complaint(1, "c1"), purchase(9, "c1"), purchase(1, "c1")])
    history = relations.history("c1")
    assert {event.customer for event in history} == {"c1"}
    assert [event.position for event in history] == sorted(event.position for event in history)
    assert len(history) == 4
    assert {event.stream for event in history} == {"customer-c1", "complaint-k-c1-1"}
    until = relations.history("c1", until=day(1))
    assert [event.topic for event in until] == [
        "customer.registered",
        "complaint.filed",
        "customer.purchase_recorded",
    ]
    assert relations.history("c1", until=day(-1)) == relations.history("c") == relations.history("")[:0]
    with pytest.raises(InvalidInput):
        relations.history("c1", until=datetime(2024, 1, 1))  # noqa: DTZ001 - naive on purpose


def test_events_come_in_any_stretch(relations: Relations) -> None:
    relations.execute_many([register(), *(purchase(number) for number in range(1, 20))])
    events = list(relations.events())
    assert len(events) == 21
    assert list(relations.events(after=5, until=9)) == events[5:9]
    assert list(relations.events(after=21)) == list(relations.events(until=0)) == []
    assert list(relations.events(until=99)) == events


def test_more_events_than_a_page_come_too(sqlite_url: str) -> None:
    with Relations.open(sqlite_url, durability="off") as relations:
        relations.execute_many([register(), *(purchase(number, euros=0) for number in range(2_100))])
        events = list(relations.events())
        assert [event.position for event in events] == list(range(1, 2_103))
        assert len(list(relations.events(after=1_000, until=2_000))) == 1_000


def test_only_events_of_some_classes_come_where_they_are_asked_for(relations: Relations) -> None:
    relations.execute_many([register(), *(purchase(number) for number in range(1, 20)), complaint()])
    purchases = list(relations.events(of=(PurchaseRecorded,)))
    assert [type(recorded.event) for recorded in purchases] == [PurchaseRecorded] * 19
    assert (
        list(relations.events(of=(PurchaseRecorded,), after=purchases[4].position, until=purchases[8].position))
        == (purchases[5:9])
    )
    both = list(relations.events(of=(PurchaseRecorded, ComplaintFiled)))
    assert both[:19] == purchases
    assert len(both) == 20
    assert list(relations.events(of=(SentimentScored,))) == []


def test_events_go_on_behind_more_than_a_page_of_another_application_s(relations: Relations) -> None:
    relations.execute(register())
    recorder = AggregateRecorder(relations.log)
    recorder.insert_events([stored_event("other-1", number, "other:Happened", b"{}") for number in range(1, 1_202)])
    relations.execute(purchase(1))
    assert [recorded.position for recorded in relations.events()] == [1, 2, 1_204]
    assert [recorded.position for recorded in relations.events(of=(PurchaseRecorded,))] == [1_204]


def test_what_cannot_be_read_is_said_and_where(relations: Relations, database_url: str) -> None:
    relations.execute_many([register(), purchase(1), purchase(2), purchase(3)])
    tamper(
        database_url,
        "UPDATE relations_log SET topic = 'somebody.elses' WHERE position = 3",
        "UPDATE relations_log SET schema = 7 WHERE position = 4",
    )
    found = relations.verify()
    problems = {(problem.code, problem.position) for problem in found.problems}
    assert {("chain_broken", 3), ("unknown_topic", 3), ("newer_log", 4)} <= problems
    assert found.position == 2
    with pytest.raises(UndecodableEvent, match=r"somebody\.elses"):
        list(relations.events(after=2))
    with pytest.raises(NewerLog):
        list(relations.events(after=3))


def test_verification_tells_how_far_it_is(relations: Relations) -> None:
    relations.execute_many([register(), *(purchase(number) for number in range(1, 9))])
    told: list[tuple[int, int]] = []
    assert relations.verify(on_progress=lambda done, whole: told.append((done, whole))).good
    assert told[-1] == (10, 10)


def test_the_policy_in_force_is_the_one_of_now(relations: Relations, clock: Clock) -> None:
    relations.execute(register())
    relations.adopt(Policy(currency="CHF"))
    clock.now += timedelta(days=10)
    relations.adopt(Policy(currency="JPY"))
    assert relations.policy.currency == "JPY"
    clock.now -= timedelta(days=5)
    assert relations.policy.currency == "CHF"
    clock.now -= timedelta(days=50)
    assert relations.policy.currency == "EUR"


def test_a_clock_without_a_zone_is_refused_before_anything_is_written(database_url: str) -> None:
    with Relations.open(database_url, clock=lambda: datetime(2024, 1, 1)) as relations:  # noqa: DTZ001 - on purpose
        with pytest.raises(InvalidInput) as caught:
            relations.execute(register())
        assert caught.value.code == "naive_datetime"
        assert list(relations.events()) == []


# --- time -----------------------------------------------------------------------------------------------------------


def test_time_advanced_in_one_step_or_many_records_the_same(database_url: str, tmp_path: Any) -> None:
    commands = list(simulate(seed=4, customers=12, months=5))
    end = max(command.occurred_at for command in commands) + timedelta(days=500)
    recorded: list[list[tuple[str, Event]]] = []
    for url, steps in ((database_url, 1), (f"sqlite:///{tmp_path / 'other.db'}", 6)):
        with Relations.open(url, durability="off") as relations:
            relations.execute_many(commands)
            before = relations.status().position
            for step in range(steps, 0, -1):
                relations.advance_time(end - timedelta(days=80) * (step - 1))
            after = relations.status().position
            assert relations.advance_time(end).events == 0
            assert relations.status().position == after > before
            recorded.append(sorted(((event.stream, event.event) for event in relations.events(after=before)), key=repr))
            assert_sound(relations)
    assert recorded[0] == recorded[1]


def _advance(url: str, _number: int) -> int:
    with Relations.open(url) as relations:
        return relations.advance_time(START + timedelta(days=400)).events


def test_time_advanced_by_two_processes_records_each_once(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute_many([register(), *(complaint(number) for number in range(1, 9))])
    events = in_processes(_advance, [(database_url, number) for number in range(2)])
    with Relations.open(database_url) as relations:
        found = assert_sound(relations, 10 + sum(events))
        missed = [event.stream for event in found if event.topic == "complaint.deadline_missed"]
        assert len(missed) == 16
        assert len(set(missed)) == 8


# --- views ----------------------------------------------------------------------------------------------------------


def test_every_view_is_that_of_its_refold_after_everything(database_url: str) -> None:
    with Relations.open(database_url, durability="off") as relations:
        commands = list(simulate(seed=9, customers=15, months=6))
        for start in range(0, len(commands), 60):
            relations.execute_many(commands[start : start + 60])
            relations.catch_up()
        customer = next(event.customer for event in relations.events() if event.customer)
        relations.execute(erase(customer, occurred_at=day(900)))
        assert_sound(relations)
        assert all(status.failure is None for status in relations.status().projections)


def test_without_following_views_show_what_was_folded(database_url: str) -> None:
    with Relations.open(database_url, follow=False) as relations:
        relations.execute_many([register(), complaint(1, occurred_at=day(1))])
        relations.catch_up()
        before = len(relations.views.agenda.due(until=day(100)))
        relations.execute(complaint(2, occurred_at=day(1)))
        assert len(relations.views.agenda.due(until=day(100))) == before > 0
        relations.catch_up()
        assert len(relations.views.agenda.due(until=day(100))) > before


def test_words_of_no_database_never_reach_a_view(relations: Relations) -> None:
    """Whatever names a host uses, every view can hold them on either database."""
    strange = ["'; DROP TABLE relations_log; --", "%s %(x)s :x ?", "東京 🏨 \u202e", "a\tb\nc", "\\", '"']
    for number, name in enumerate(strange):
        relations.execute(purchase(number, touchpoint=name, category=name, actor=name))
        subject = "noise" if is_sentence(name) else name
        relations.execute(complaint(number, subject=subject, touchpoint=name, remedy_sought=name))
    assert_sound(relations)
    relations.rebuild(shards=2)
    assert_sound(relations)
