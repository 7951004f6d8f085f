"""Rows of a host's own, written in the transaction of a command that may be shared; on both databases."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from relations import CommandRefused, InvalidInput, Receipt, Relations
from relations.aio import AsyncRelations
from relations.errors import ConcurrencyConflict
from relations.execution.sharing import Also
from tests.execution.test_sharing import counted, too_much, waiting_together
from tests.support.making import assert_sound, purchase, register

metadata = MetaData()
rooms = Table(
    "host_rooms", metadata, Column("room", Text, primary_key=True), Column("guest", Text), Column("position", Text)
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as engine:
        with engine.log.database.transaction() as connection:
            metadata.create_all(connection)
        engine.execute(register("c1"))
        yield engine


def buy(number: int, **fields: Any) -> Any:
    return purchase(number, "c1", command_id=f"buy:{number}", **fields)


def taking(room: str) -> Also:
    """Return what takes a room, for the customer and at the position that the receipt names."""

    def take(connection: Connection, receipt: Receipt) -> None:
        first = receipt.events[0]
        connection.execute(insert(rooms).values(room=room, guest=first.customer, position=str(first.position)))

    return take


def taken(engine: Relations) -> dict[str, str]:
    with engine.log.database.reading() as connection:
        return {row.room: row.position for row in connection.execute(select(rooms))}


def bought(engine: Relations) -> set[str]:
    return {each.event.purchase for each in engine.history("c1") if hasattr(each.event, "purchase")}


def test_rows_and_events_are_committed_together_and_once(engine: Relations) -> None:
    receipt = engine.execute(buy(1), also=taking("101"))
    assert taken(engine) == {"101": str(receipt.events[0].position)}
    # a repetition records nothing, and so writes nothing
    again = engine.execute(buy(1), also=taking("102"))
    assert (again.repeated, again.events) == (True, receipt.events)
    # neither does a command that is refused
    with pytest.raises(CommandRefused):
        engine.execute(too_much(), also=taking("103"))
    assert list(taken(engine)) == ["101"]
    assert_sound(engine)


def failing_in_rules(_connection: Connection, _receipt: Receipt) -> None:
    raise LookupError("no such room")


def taking_twice(connection: Connection, receipt: Receipt) -> None:
    taking("201")(connection, receipt)
    taking("201")(connection, receipt)


def hiding_a_failure(connection: Connection, receipt: Receipt) -> None:
    try:
        taking_twice(connection, receipt)
    except IntegrityError:
        if connection.dialect.name == "sqlite":  # which goes on after it; only this ends its transaction
            with pytest.raises(DBAPIError):
                connection.exec_driver_sql("INSERT OR ROLLBACK INTO host_rooms VALUES ('201', '', '')")


def leaving_a_savepoint(connection: Connection, receipt: Receipt) -> None:
    connection.begin_nested()
    taking("201")(connection, receipt)


def committing(connection: Connection, receipt: Receipt) -> None:
    taking("201")(connection, receipt)
    connection.commit()


def closing(connection: Connection, receipt: Receipt) -> None:
    taking("201")(connection, receipt)
    connection.close()


FAULTS: list[tuple[Also, type[Exception], str | None]] = [
    (failing_in_rules, LookupError, None),
    (taking_twice, IntegrityError, None),
    (hiding_a_failure, InvalidInput, "transaction_broken"),
    (leaving_a_savepoint, InvalidInput, "transaction_broken"),
    (committing, InvalidInput, "transaction_not_yours"),
    (closing, InvalidInput, "transaction_not_yours"),
]


@pytest.mark.parametrize(("faulty", "kind", "code"), FAULTS)
def test_a_host_that_fails_leaves_nothing_and_hurts_nobody(
    engine: Relations, monkeypatch: pytest.MonkeyPatch, faulty: Also, kind: type[Exception], code: str | None
) -> None:
    callers: list[Callable[[], Receipt]] = [
        lambda: engine.execute(buy(1), also=taking("101")),
        lambda: engine.execute(buy(2), also=faulty),
        lambda: engine.execute(buy(3)),
        lambda: engine.execute(buy(4), also=taking("104")),
    ]
    with counted(engine, monkeypatch) as sizes:
        answers = waiting_together(engine, callers)
    # the others still share one commit, and each is all or nothing
    assert len(sizes) == 1
    assert [answers[index].result().repeated for index in (0, 2, 3)] == [False] * 3
    with pytest.raises(kind) as raised:
        answers[1].result()
    assert getattr(raised.value, "code", None) == code or code is None
    assert taken(engine).keys() == {"101", "104"}
    assert bought(engine) == {"p1", "p3", "p4"}
    assert_sound(engine)
    # what failed may be sent again
    assert not engine.execute(buy(2), also=taking("102")).repeated
    assert taken(engine).keys() == {"101", "102", "104"}


def test_what_a_host_may_not_do_leaves_a_log_in_memory_as_it_was() -> None:
    with Relations.open("sqlite://") as engine:
        with engine.log.database.transaction() as connection:
            metadata.create_all(connection)
        engine.execute(register("c1"))
        for faulty, kind, _code in FAULTS:
            with pytest.raises(kind):
                engine.execute(buy(1), also=faulty)
            assert taken(engine) == {}
        engine.execute(buy(1), also=taking("101"))
        assert bought(engine) == {"p1"}
        assert_sound(engine)


def test_many_that_fail_are_each_answered(engine: Relations) -> None:
    callers = [partial(engine.execute, buy(number), also=taking(f"{number % 2 and number}")) for number in range(14)]
    answers = waiting_together(engine, callers)
    # all even ones want room 0, and one of them has it
    done = {number for number, answer in enumerate(answers) if answer.exception() is None}
    assert {number for number in done if number % 2} == {1, 3, 5, 7, 9, 11, 13}
    assert len(done) == 8
    assert all(isinstance(answer.exception(), IntegrityError | None) for answer in answers)
    assert bought(engine) == {f"p{number}" for number in done}
    assert len(taken(engine)) == 8
    assert_sound(engine)


def test_a_host_may_use_savepoints_and_its_callers_context(engine: Relations) -> None:
    guest: ContextVar[str] = ContextVar("guest", default="nobody")
    seen: list[str] = []

    def careful(connection: Connection, receipt: Receipt) -> None:
        with pytest.raises(IntegrityError), connection.begin_nested():
            taking_twice(connection, receipt)
        taking(guest.get())(connection, receipt)
        seen.append(threading.current_thread().name)

    def call(number: int) -> Receipt:
        guest.set(f"guest {number}")
        return engine.execute(buy(number), also=careful)

    waiting_together(engine, [partial(call, number) for number in range(4)])
    assert taken(engine).keys() == {f"guest {number}" for number in range(4)}
    assert len(set(seen)) == 1, "one caller leads"


def test_a_host_that_would_wait_for_itself_is_refused(engine: Relations) -> None:
    def nested(connection: Connection, _receipt: Receipt) -> None:
        with pytest.raises(ConcurrencyConflict, match="would wait for itself"):
            engine.execute(buy(2))
        with pytest.raises(InvalidInput, match="engine's transaction"):
            engine.execute(buy(2), connection=connection)
        seen.append(connection)

    seen: list[Connection] = []
    engine.execute(buy(1), also=nested)
    assert len(seen) == 1
    # and it may go on afterwards
    assert not engine.execute(buy(2)).repeated
    with engine.log.database.engine.connect() as own, own.begin(), pytest.raises(InvalidInput) as refused:
        engine.execute(buy(3), connection=own, also=taking("1"))
    assert refused.value.code == "also_not_applicable"


def test_a_connection_that_is_lost_meanwhile_is_opened_again(postgres_url: str) -> None:
    with Relations.open(postgres_url) as engine:
        with engine.log.database.transaction() as connection:
            metadata.create_all(connection)
        engine.execute(register("c1"))
        rest = iter([True])

        def cut(connection: Connection, receipt: Receipt) -> None:
            taking("101")(connection, receipt)
            if next(rest, False):
                pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                with engine.log.database.transaction() as other:
                    other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
                connection.execute(text("SELECT 1"))

        receipt = engine.execute(buy(1), also=cut)
        assert taken(engine) == {"101": str(receipt.events[0].position)}
        assert_sound(engine)


def test_an_asynchronous_engine_takes_a_plain_function(database_url: str) -> None:
    async def work() -> None:
        async with await AsyncRelations.open(database_url) as engine:
            with engine.sync.log.database.transaction() as connection:
                metadata.create_all(connection)
            await engine.execute(register("c1"))
            calls = (engine.execute(buy(number), also=taking(str(number))) for number in range(5))
            receipts = await asyncio.gather(*calls)
            assert taken(engine.sync) == {str(n): str(each.events[0].position) for n, each in enumerate(receipts)}

            async def wrong(_connection: Connection, _receipt: Receipt) -> None:
                raise AssertionError

            with pytest.raises(InvalidInput, match="cannot be a coroutine"):
                await engine.execute(buy(9), also=wrong)
            assert_sound(engine.sync)

    asyncio.run(work())
