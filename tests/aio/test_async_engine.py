"""`AsyncRelations`: the same methods as `Relations`, cancellation, and subscriptions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from threading import get_ident
from typing import Any

import pytest

from relations.aggregates.customer import RecordPurchase, RegisterCustomer
from relations.aio import AsyncRelations
from relations.engine import Relations
from relations.errors import CommandRefused, IdempotencyConflict, InvalidInput
from relations.messages import Command, Money
from relations.policies import Policy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

PARTS = ("close", "note_copied", "recorded", "open_alike", "is_same_command", "compare")
"""Methods that other modules call with a connection or another engine; `close` is awaited in another way."""
SAME = [
    name
    for name, found in inspect.getmembers(Relations, inspect.isfunction)
    if not name.startswith("_") and name not in PARTS
]
"""Every method of `Relations` that a host calls."""


def buy(number: int, customer: str = "c1", **fields: Any) -> RecordPurchase:
    return RecordPurchase(
        customer=customer,
        purchase=f"p{number}",
        amount=Money(1000, "EUR"),
        occurred_at=NOON + timedelta(minutes=number),
        command_id=f"buy:{number}",
        **fields,
    )


def awaiting(url: str, work: Callable[[AsyncRelations], Awaitable[None]], **options: Any) -> None:
    """Open an engine, do some work with it, and close it, in an event loop of its own."""

    async def run() -> None:
        async with await AsyncRelations.open(url, **options) as engine:
            await work(engine)

    asyncio.run(run())


def returned(function: Any) -> str:
    """Return the result of a method, whether it comes at once, awaited or iterated."""
    given = inspect.signature(function).return_annotation
    said = str(given).replace("AsyncSubscription", "Subscription[RecordedEvent]")
    return said.replace("AsyncConsumer", "Consumer[RecordedEvent]").replace("AsyncIterator", "Iterator")


@pytest.mark.parametrize("name", SAME)
def test_a_method_is_the_same_as_the_engines(name: str) -> None:
    theirs, ours = getattr(Relations, name), getattr(AsyncRelations, name)
    wanted = inspect.signature(theirs).parameters
    found = dict(inspect.signature(ours).parameters)
    if name == "execute":  # the one parameter whose type is another: the host's connection is one of asyncio
        assert found["connection"].annotation == "AsyncConnection | None"
        found["connection"] = found["connection"].replace(annotation=wanted["connection"].annotation)
    forms = [[(each.name, each.kind, each.annotation) for each in side.values()] for side in (found, wanted)]
    assert forms[0] == forms[1]
    for each, default in ((each, wanted[each].default) for each in wanted):
        assert found[each].default == default or callable(default)
    if name != "key_problems":  # a list, since the iterator would hold a transaction open
        assert returned(ours) == returned(theirs)
    assert (
        name in ("subscribe", "consume", "view", "observe")
        or inspect.iscoroutinefunction(ours)
        or inspect.isasyncgenfunction(ours)
    )
    assert (ours.__doc__ or "").split()[0] == (theirs.__doc__ or "").split()[0]


def test_it_opens_with_the_same_arguments() -> None:
    wanted = inspect.signature(Relations.open).parameters
    found = dict(inspect.signature(AsyncRelations.open).parameters)
    assert found.pop("threads").default == 8
    assert list(found.values()) == list(wanted.values())
    assert len(SAME) > 15


def test_commands_and_questions_are_answered(database_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        await engine.execute(RegisterCustomer(customer="c1", name="Ada", occurred_at=NOON))
        first, again = await engine.execute(buy(1)), await engine.execute(buy(1))
        assert (first.repeated, again.repeated, again.position) == (False, True, first.position)
        with pytest.raises(IdempotencyConflict):
            await engine.execute(buy(1).model_copy(update={"amount": Money(1, "EUR")}))
        with pytest.raises(CommandRefused):
            await engine.execute(buy(2).model_copy(update={"purchase": "p1"}))
        profile = await engine.ask(engine.views.retention.customer, "c1")
        assert profile is not None
        assert profile.customer == "c1"
        assert (await engine.load("customer", "c1")) == engine.sync.load("customer", "c1")
        assert [each.topic for each in await engine.history("c1")] == [
            "customer.registered",
            "customer.purchase_recorded",
        ]
        assert len(await engine.timeline("customer", "c1")) == 2
        assert (await engine.adopt(Policy(zone="Europe/Berlin"))).events
        assert (await engine.policy()).zone == "Europe/Berlin"
        assert len((await engine.rules()).adopted) == 2
        assert len(await engine.digest("ada@example.org")) == 32
        assert await engine.first_changed([buy(1)]) is None
        assert await engine.key_problems() == []
        past = await engine.as_of(position=0)
        assert await engine.ask(past.history, "c1") == []
        await engine.keep_states(["retention"])
        await engine.catch_up()
        await engine.rebuild(["retention"])
        assert engine.view(type(engine.views.desk)) is engine.views.desk
        status = await engine.status()
        assert status.position == len([each async for each in engine.events()])
        assert (await engine.verify()).good

    awaiting(database_url, work)


def test_many_commands_are_executed_a_batch_at_a_time_and_others_between_them(sqlite_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        between: list[Command] = []

        def seen(_report: object) -> None:
            between.append(buy(1_000 + len(between), "c2"))
            tasks.append(asyncio.ensure_future(engine.execute(between[-1])))

        tasks: list[asyncio.Future[Any]] = []
        commands: list[Command] = [buy(number) for number in range(25)]
        commands[17] = buy(17).model_copy(update={"purchase": "p3"})
        report = await engine.execute_many(commands, batch=10, on_progress=seen)
        await asyncio.gather(*tasks)
        assert (report.accepted, len(tasks)) == (24, 3)
        assert [(each.index, each.command) for each in report.rejections] == [(17, commands[17])]
        assert (await engine.execute_many(commands[:17])).repeated == 17
        assert (await engine.advance_time(NOON)).rejections == []

    awaiting(sqlite_url, work)


def test_commands_use_one_thread_on_sqlite_and_questions_others(sqlite_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        writers: set[int] = set()
        execute = engine.sync.execute

        def noting(*args: Any, **kwargs: Any) -> Any:
            writers.add(get_ident())
            return execute(*args, **kwargs)

        engine.sync.execute = noting  # type: ignore[method-assign] # only to see its thread
        await asyncio.gather(*(engine.execute(buy(number, f"c{number}")) for number in range(20)))
        readers = set(await asyncio.gather(*(engine.ask(get_ident) for _ in range(20))))
        assert len(writers) == 1
        assert 1 <= len(readers) <= 3
        assert not readers & (writers | {get_ident()})

    awaiting(sqlite_url, work, threads=3)


def test_a_cancelled_command_is_recorded_as_a_whole_or_not_at_all(database_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        began, may_end = Flag(), Flag()
        clock = engine.sync._executor._clock

        def slow() -> datetime:
            began.set()
            assert may_end.wait(30)
            return clock()

        engine.sync._executor._clock = slow
        running = asyncio.ensure_future(engine.execute(buy(1)))
        assert await asyncio.to_thread(began.wait, 30)
        waiting = [asyncio.ensure_future(engine.execute(buy(number))) for number in range(2, 30)]
        await asyncio.sleep(0)
        for task in (running, *waiting):
            task.cancel()
        results = await asyncio.gather(running, *waiting, return_exceptions=True)
        assert {type(each) for each in results} == {asyncio.CancelledError}
        may_end.set()
        await engine.execute(buy(99))
        recorded = {each.command_id for each in await engine.timeline("customer", "c1")}
        assert {"buy:1", "buy:99"} <= recorded
        assert "buy:29" not in recorded  # it had not begun: one thread on SQLite, eight on PostgreSQL
        assert (await engine.execute(buy(1))).repeated
        assert (await engine.verify()).good

    awaiting(database_url, work)


def test_closing_waits_for_the_commands_that_were_sent(sqlite_url: str) -> None:
    async def run() -> AsyncRelations:
        engine = await AsyncRelations.open(sqlite_url)
        tasks = [asyncio.ensure_future(engine.execute(buy(number))) for number in range(20)]
        await asyncio.sleep(0)
        await engine.close()
        assert {(await task).events[-1].topic for task in tasks} == {"customer.purchase_recorded"}
        with pytest.raises(InvalidInput, match="the engine is closed"):
            await engine.execute(buy(99))
        return engine

    asyncio.run(run())
    with Relations.open(sqlite_url) as engine:
        assert len(engine.timeline("customer", "c1")) == 21  # and the registration


def test_a_subscription_follows_what_is_recorded(database_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        await engine.execute(buy(0))
        async with engine.subscribe() as new, engine.subscribe(after=0) as all_events:
            await asyncio.gather(*(engine.execute(buy(number)) for number in range(1, 6)))
            followed = [(await anext(new)).position for _ in range(5)]
            whole = [(await anext(all_events)).position for _ in range(followed[-1])]
        assert followed == list(range(followed[0], followed[0] + 5))
        assert whole == list(range(1, followed[-1] + 1))
        assert [each async for each in new] == []

    awaiting(database_url, work)


def test_a_cancelled_wait_loses_no_event(database_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        await engine.execute(buy(99))  # and with it the policy
        async with engine.subscribe() as events:
            got: list[int] = []
            timeouts = 0
            for number in range(10):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.005)
                timeouts += 1
                await engine.execute(buy(number))
                got.append((await anext(events)).position)
            assert got == list(range(got[0], got[0] + 10))
            assert timeouts == 10

    awaiting(database_url, work)


def test_stopping_and_closing_end_an_iteration_that_waits(sqlite_url: str) -> None:
    async def run() -> None:
        engine = await AsyncRelations.open(sqlite_url)

        async def follow(events: Any) -> list[int]:
            return [each.position async for each in events]

        stopped, closed = engine.subscribe(), engine.subscribe(after=0)
        first, second = asyncio.ensure_future(follow(stopped)), asyncio.ensure_future(follow(closed))
        await engine.execute(buy(1))
        stopped.stop()
        assert await first in ([], [1], [1, 2], [1, 2, 3])
        assert stopped.stopped
        await engine.close()
        assert await second in ([], [1], [1, 2], [1, 2, 3])

    asyncio.run(run())


def test_an_error_of_a_subscription_is_raised_and_it_goes_on(sqlite_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        await engine.execute(buy(1))
        read = engine.sync.page
        failures = [RuntimeError("once")]

        def failing(*args: Any, **kwargs: Any) -> Any:
            if failures:
                raise failures.pop()
            return read(*args, **kwargs)

        engine.sync.page = failing  # type: ignore[method-assign] # a failure in the middle
        async with engine.subscribe(after=0) as events:
            with pytest.raises(RuntimeError, match="once"):
                await anext(events)
            assert (await anext(events)).position == 1

    awaiting(sqlite_url, work)


def test_a_durable_consumer_goes_on_where_it_was(database_url: str) -> None:
    async def work(engine: AsyncRelations) -> None:
        for number in range(5):
            await engine.execute(buy(number))
        head = (await engine.status()).position
        async with engine.consume("mail", wait=False) as first:
            seen = [(await anext(first)).position for _ in range(3)]
            await first.acknowledge()
        assert seen == [1, 2, 3]
        async with engine.consume("mail", wait=False) as second:
            assert [each.position async for each in second] == list(range(4, head + 1))
        await engine.move_consumer("mail", 2)
        async with engine.consume("mail") as third:
            assert (await anext(third)).position == 3
            waiting = asyncio.ensure_future(engine.page(0, 2))
            assert (await waiting)[1] == 2
        assert [each.name for each in (await engine.status()).consumers] == ["mail"]

    awaiting(database_url, work)


def test_fewer_than_one_thread_is_refused() -> None:
    async def run() -> None:
        with pytest.raises(InvalidInput, match="cannot work with 0 threads"):
            await AsyncRelations.open("sqlite://", threads=0)

    asyncio.run(run())
