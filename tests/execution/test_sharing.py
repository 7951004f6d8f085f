"""Callers that share a commit: each is answered as if alone, and one never hurts another; on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, text

from relations import Command, CommandRefused, Receipt, RedeemPoints, Relations
from relations.errors import ConcurrencyConflict, IdempotencyConflict, OutcomeUnknown
from relations.execution.idempotency import Known
from relations.log.log import Head, Writer
from tests.support.making import assert_sound, count_events, day, purchase, register

Call = tuple[Command, int | None]


def together(engine: Relations, calls: list[Call]) -> list[Future[Receipt]]:
    """Execute commands in a thread each, so that all of them wait for the turn of the first."""
    return waiting_together(
        engine, [partial(engine.execute, command, expected_version=version) for command, version in calls]
    )


def waiting_together(engine: Relations, calls: Sequence[Callable[[], Receipt]]) -> list[Future[Receipt]]:
    """Make calls that execute a command in a thread each, so that all of them wait for the turn of the first."""
    executor, found = engine._executor, []
    with ThreadPoolExecutor(len(calls)) as pool, executor._lock:  # as if another command were under way
        for number, call in enumerate(calls):
            found.append(pool.submit(call))
            until = time.monotonic() + 20
            while not (executor._shared._is_led and len(executor._shared._waiting) == number):
                assert time.monotonic() < until
                time.sleep(0.001)
    return found


@contextmanager
def counted(engine: Relations, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the events of each write transaction of the engine."""
    sizes: list[int] = []
    writing: Callable[..., AbstractContextManager[Writer]] = engine.log.writing

    @contextmanager
    def counting(*given: Any, **named: Any) -> Iterator[Writer]:
        with writing(*given, **named) as writer:
            yield writer
            sizes.append(writer.appended)

    with monkeypatch.context() as patch:
        patch.setattr(engine.log, "writing", counting)
        yield sizes


def buy(number: int, customer: str = "c1", **fields: Any) -> Command:
    return purchase(number, customer, command_id=f"buy:{number}", **fields)


def too_much(command_id: str = "redeem") -> Command:
    return RedeemPoints(customer="c1", redemption="r", points=10**6, occurred_at=day(2), command_id=command_id)


def test_commands_that_wait_share_one_transaction(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register("c1"))
        alone: list[str] = []
        at_once: list[int] = []
        head_and_command, known = engine.log.head_and_command, engine._executor.repeats.known

        def looking_up_one(cursor: Any, command_id: str) -> tuple[Head, bool]:
            alone.append(command_id)
            return head_and_command(cursor, command_id)

        def looking_up_many(connection: Connection, ids: Sequence[str]) -> dict[str, Known]:
            at_once.append(len(ids))
            return known(connection, ids)

        monkeypatch.setattr(engine.log, "head_and_command", looking_up_one)
        monkeypatch.setattr(engine._executor.repeats, "known", looking_up_many)
        with counted(engine, monkeypatch) as sizes:
            answers = together(engine, [(buy(number), None) for number in range(8)])
        # then all of them are in one transaction, their ids are looked up at once, and each has its own receipt
        assert len(sizes) == 1
        assert (alone, at_once) == (["buy:0"], [7]), "the leader's id is looked up with the log's head"
        assert sizes[0] >= 8
        for number, answer in enumerate(answers):
            receipt = answer.result()
            assert receipt.command_id == f"buy:{number}"
            assert [each.event.purchase for each in receipt.events] == [f"p{number}"]  # type: ignore[attr-defined]
            assert not receipt.repeated
            assert engine.execute(buy(number)).events == receipt.events
        assert_sound(engine)


def test_each_of_a_group_is_answered_as_if_alone(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register("c1"))
        engine.execute(buy(0))
        version = engine.timeline("customer", "c1")[-1].version
        calls: list[Call] = [
            (buy(1), version),  # on the version that is there
            (buy(2), version),  # a group's second finds the stream one further
            (too_much(), None),  # refused
            (buy(0), None),  # recorded before
            (buy(3), None),
            (buy(3), None),  # the same in the same moment
            (buy(4), None),
            (buy(4, customer="c2"), None),  # another command under the same id
        ]
        answers = together(engine, calls)
        assert not answers[0].result().repeated
        with pytest.raises(ConcurrencyConflict) as conflict:
            answers[1].result()
        assert conflict.value.code == "version_conflict"
        with pytest.raises(CommandRefused):
            answers[2].result()
        assert answers[3].result().repeated
        assert [answers[index].result().repeated for index in (4, 5)] == [False, True]
        assert answers[4].result().events == answers[5].result().events
        assert not answers[6].result().repeated
        with pytest.raises(IdempotencyConflict):
            answers[7].result()
        bought = {each.event.purchase for each in engine.history("c1") if hasattr(each.event, "purchase")}
        assert bought == {"p0", "p1", "p3", "p4"}
        assert_sound(engine)


def test_a_fault_in_one_command_does_not_hurt_the_others(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register("c1"))
        decide = engine._executor._decider.decide

        def faulty(unit: Any, command: Any, *given: Any) -> Any:
            decision = decide(unit, command, *given)
            if command.customer == "faulty":
                raise ZeroDivisionError
            return decision

        monkeypatch.setattr(engine._executor._decider, "decide", faulty)
        before = count_events(engine)
        answers = together(engine, [(buy(1), None), (buy(2, customer="faulty"), None), (buy(3), None)])
        assert [answers[index].result().repeated for index in (0, 2)] == [False, False]
        with pytest.raises(ZeroDivisionError):
            answers[1].result()
        assert count_events(engine) > before
        assert engine.history("faulty") == []
        assert_sound(engine)


def test_a_group_of_refusals_records_nothing(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        answers = together(engine, [(too_much(), None), (too_much("again"), None)])
        for answer in answers:
            with pytest.raises(CommandRefused):
                answer.result()
        assert engine.status().position == 0


def test_nobody_is_answered_before_the_commit(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit fails with its outcome unknown, and so says every answer; the same commands settle what is true."""
    with Relations.open(database_url) as engine:
        engine.execute(register("c1"))
        writing: Callable[..., AbstractContextManager[Writer]] = engine.log.writing

        @contextmanager
        def lost(*given: Any, **named: Any) -> Iterator[Writer]:
            with writing(*given, **named) as writer:
                yield writer
            raise OutcomeUnknown  # committed, but nobody was told so

        with monkeypatch.context() as patch:
            patch.setattr(engine.log, "writing", lost)
            answers = together(engine, [(buy(number), None) for number in range(3)])
        for number, answer in enumerate(answers):
            with pytest.raises(OutcomeUnknown) as unknown:
                answer.result()
            assert f"buy:{number}" in str(unknown.value)
            assert engine.execute(buy(number)).repeated
        assert_sound(engine)


def test_an_interrupted_leader_leaves_no_caller_waiting(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute(register("c1"))
        take = engine._executor._decider.take
        rest = iter([KeyboardInterrupt()])

        def interrupted(*given: Any) -> None:
            take(*given)
            for error in rest:
                raise error

        monkeypatch.setattr(engine._executor._decider, "take", interrupted)
        answers = together(engine, [(buy(number), None) for number in range(3)])
        assert isinstance(answers[0].exception(timeout=20), KeyboardInterrupt)
        for number in (1, 2):
            assert not answers[number].result(timeout=20).repeated
        assert not engine.execute(buy(0)).repeated
        with engine.log.database.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM relations_log")).scalar() == engine.status().position
