"""A host's own connection: which ones work, which are refused, and what a forgotten one gets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from relations.aggregates.customer import CorrectProfile, RecordPurchase, RegisterCustomer
from relations.aio import AsyncRelations
from relations.engine import Relations
from relations.errors import (
    CommandRefused,
    ConcurrencyConflict,
    ForeignDatabase,
    IdempotencyConflict,
    InvalidInput,
    RelationsError,
    StoreError,
)
from relations.messages import Money

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DRIVERS = {"sqlite": ("aiosqlite",), "postgresql": ("psycopg", "asyncpg")}


def buy(purchase: str, **fields: Any) -> RecordPurchase:
    return RecordPurchase(
        customer="c1", purchase=purchase, amount=Money(1000, "EUR"), occurred_at=NOON, command_id=purchase, **fields
    )


def host_of(url: str, driver: str) -> AsyncEngine:
    parsed = make_url(url)
    return create_async_engine(parsed.set(drivername=f"{parsed.get_backend_name()}+{driver}"))


Work = Callable[[AsyncRelations, AsyncEngine], Awaitable[None]]


def with_each_driver(url: str, work: Work) -> int:
    """Run some work with a host's engine of each driver, on a log that has a customer and a table of the host's."""
    drivers = DRIVERS[make_url(url).get_backend_name()]

    async def run(driver: str) -> None:
        host = host_of(url, driver)
        try:
            async with host.begin() as connection:
                await connection.execute(text("DROP TABLE IF EXISTS bookings"))
                await connection.execute(text("CREATE TABLE bookings (id TEXT)"))
            async with await AsyncRelations.open(url) as engine:
                await engine.execute(RegisterCustomer(customer="c1", name="Ada", occurred_at=NOON))
                await work(engine, host)
                assert (await engine.verify()).good
        finally:
            await host.dispose()

    for driver in drivers:
        asyncio.run(run(driver))
    return len(drivers)


async def bookings(host: AsyncEngine) -> list[str]:
    async with host.connect() as connection:
        return [row[0] for row in await connection.execute(text("SELECT id FROM bookings ORDER BY id"))]


async def book(connection: AsyncConnection, name: str) -> None:
    await connection.execute(text("INSERT INTO bookings VALUES (:id)"), {"id": name})


def test_rows_and_events_commit_together_and_vanish_together(database_url: str) -> None:
    async def work(engine: AsyncRelations, host: AsyncEngine) -> None:
        made = host.dialect.driver
        async with host.begin() as connection:
            await book(connection, f"{made}-1")
            first = await engine.execute(buy(f"{made}-1"), connection=connection)
            words = CorrectProfile(customer="c1", name=f"Ada {made}", occurred_at=NOON)
            assert (await engine.execute(words, connection=connection)).events
        assert (await engine.execute(buy(f"{made}-1"))).position == first.position
        async with host.connect() as connection:
            await book(connection, f"{made}-2")
            assert not (await engine.execute(buy(f"{made}-2"), connection=connection)).repeated
            await connection.rollback()
        assert await bookings(host) == [f"{made}-1"]
        recorded = {each.command_id for each in await engine.history("c1")}
        assert f"{made}-1" in recorded
        assert f"{made}-2" not in recorded
        async with host.begin() as connection:
            assert (await engine.execute(buy(f"{made}-1"), connection=connection)).repeated
            changed = buy(f"{made}-1").model_copy(update={"amount": Money(1, "EUR")})
            with pytest.raises(IdempotencyConflict):
                await engine.execute(changed, connection=connection)
            with pytest.raises(CommandRefused):
                await engine.execute(changed.model_copy(update={"command_id": "another"}), connection=connection)

    assert with_each_driver(database_url, work) >= 1


def test_a_host_may_also_call_run_sync_itself_or_pass_the_connection_of_a_session(database_url: str) -> None:
    async def work(engine: AsyncRelations, host: AsyncEngine) -> None:
        made = host.dialect.driver
        async with host.begin() as connection:
            receipt = await connection.run_sync(
                lambda own: engine.sync.execute(buy(f"{made}-3"), connection=own)  # what a service without aio does
            )
            assert receipt.events
        async with AsyncSession(host) as session:
            await engine.execute(buy(f"{made}-4"), connection=await session.connection())
            await session.commit()
        recorded = {each.command_id for each in await engine.history("c1")}
        assert {f"{made}-3", f"{made}-4"} <= recorded

    assert with_each_driver(database_url, work) >= 1


def test_a_cancelled_command_on_a_hosts_connection_is_whole_even_if_the_host_commits(database_url: str) -> None:
    async def work(engine: AsyncRelations, host: AsyncEngine) -> None:
        made = host.dialect.driver
        cancelled = 0
        async with host.begin() as connection:
            for number in range(12):
                task = asyncio.ensure_future(engine.execute(buy(f"{made}-c{number}"), connection=connection))
                for _ in range(number):  # further into the command each time
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    cancelled += 1
        assert cancelled > 3
        for number in range(12):
            await engine.execute(buy(f"{made}-c{number}"))

    assert with_each_driver(database_url, work) >= 1


def test_a_forgotten_connection_is_refused_at_once(database_url: str) -> None:
    async def work(engine: AsyncRelations, host: AsyncEngine) -> None:
        made = host.dialect.driver
        async with host.begin() as connection:
            await engine.execute(buy(f"{made}-5"), connection=connection)
            with pytest.raises(ConcurrencyConflict, match="wait for itself") as refused:
                await engine.execute(buy(f"{made}-6"))
            assert refused.value.code == "own_transaction"
            assert "Pass that transaction's connection" in str(refused.value)
            other = asyncio.ensure_future(engine.execute(buy(f"{made}-7")))  # another task may well wait
            await asyncio.sleep(0)
        assert (await other).events
        assert (await engine.execute(buy(f"{made}-6"))).events

    assert with_each_driver(database_url, work) >= 1


def test_a_forgotten_connection_in_a_thread_is_refused_at_once(database_url: str) -> None:
    host = create_engine(database_url)
    with Relations.open(database_url) as engine:
        for ended in ("commit", "rollback", "close"):
            connection = host.connect()
            engine.execute(buy(f"{ended}-1"), connection=connection)
            with pytest.raises(ConcurrencyConflict) as refused:
                engine.execute(buy(f"{ended}-2"))
            assert (refused.value.code, refused.value.field) == ("own_transaction", "connection")
            getattr(connection, ended)()
            assert engine.execute(buy(f"{ended}-2")).events
            connection.close()
    host.dispose()


def test_a_transaction_that_began_with_the_hosts_own_rows_is_named_after_the_wait(sqlite_url: str) -> None:
    host = create_engine(sqlite_url)
    with host.begin() as connection:
        connection.execute(text("CREATE TABLE bookings (id TEXT)"))
    with Relations.open(sqlite_url, busy_seconds=0.05) as engine, host.begin() as connection:
        connection.execute(text("INSERT INTO bookings VALUES ('b1')"))
        with pytest.raises(ConcurrencyConflict, match="kept the database for too long") as refused:
            engine.execute(buy("p1"))
        assert "if a transaction of your own is open, pass its connection" in str(refused.value)
    host.dispose()


def refusal(url: str, given: Any) -> RelationsError:
    with Relations.open(url) as engine, pytest.raises(RelationsError) as refused:
        engine.execute(buy("p1"), connection=given)
    return refused.value


def test_what_is_not_a_connection_is_refused_with_the_way_to_one(sqlite_url: str) -> None:
    host = create_engine(sqlite_url)
    asynchronous = host_of(sqlite_url, "aiosqlite")
    said = {
        "a session": (Session(host), "session.connection()"),
        "a session of asyncio": (AsyncSession(asynchronous), "await session.connection()"),
        "a connection of asyncio": (asynchronous.connect(), "run_sync"),
        "an engine": (host, "engine.begin()"),
        "a driver's own": (host.raw_connection(), "engine.begin()"),
    }
    for name, (given, hint) in said.items():
        error = refusal(sqlite_url, given)
        assert (type(error), error.code) == (InvalidInput, "invalid_connection"), name
        assert hint in str(error), name
    closed = host.connect()
    closed.close()
    assert refusal(sqlite_url, closed).code == "connection_closed"
    host.dispose()


def test_async_relations_refuses_what_is_not_a_connection_of_asyncio(sqlite_url: str) -> None:
    async def run() -> None:
        host = create_engine(sqlite_url)
        async with await AsyncRelations.open(sqlite_url) as engine:
            for given in (host.connect(), host, AsyncSession(host_of(sqlite_url, "aiosqlite"))):
                with pytest.raises(InvalidInput, match="not a connection of SQLAlchemy for asyncio"):
                    await engine.execute(buy("p1"), connection=given)  # type: ignore[arg-type] # what is refused
        host.dispose()

    asyncio.run(run())


def test_a_connection_to_another_kind_of_database_is_refused(sqlite_url: str, postgres_url: str) -> None:
    for url, other in ((sqlite_url, postgres_url), (postgres_url, sqlite_url)):
        host = create_engine(other)
        with host.connect() as connection:
            error = refusal(url, connection)
        assert (type(error), error.code) == (ForeignDatabase, "other_database")
        assert "the connection leads to" in error.reason
        host.dispose()


def test_a_connection_to_another_database_of_the_same_kind_is_refused(database_url: str, tmp_path: Any) -> None:
    """Whatever the driver: one without a log, and one with another log."""

    async def run(driver: str, other: str, code: str) -> None:
        host = host_of(other, driver)
        async with await AsyncRelations.open(database_url) as engine:
            with pytest.raises(ForeignDatabase) as refused:
                async with host.begin() as connection:
                    await engine.execute(buy("p1"), connection=connection)
            assert refused.value.code == code
        await host.dispose()

    parsed = make_url(database_url)
    if parsed.get_backend_name() == "sqlite":
        bare, with_log = f"sqlite:///{tmp_path / 'bare.db'}", f"sqlite:///{tmp_path / 'other.db'}"
    else:
        host = create_engine(database_url, isolation_level="AUTOCOMMIT")
        with host.connect() as connection:
            for name in ("bare", "with_log"):
                connection.execute(text(f"CREATE DATABASE {parsed.database}_{name}"))
        host.dispose()
        bare, with_log = (
            parsed.set(database=f"{parsed.database}_{name}").render_as_string(hide_password=False)
            for name in ("bare", "with_log")
        )
    Relations.open(with_log).close()
    for driver in DRIVERS[parsed.get_backend_name()]:
        asyncio.run(run(driver, bare, "no_log"))
        asyncio.run(run(driver, with_log, "other_log"))


def test_an_autocommitting_connection_is_refused_with_every_driver(database_url: str) -> None:
    async def work(engine: AsyncRelations, host: AsyncEngine) -> None:
        async with host.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            with pytest.raises(InvalidInput) as refused:
                await engine.execute(buy("never"), connection=connection)
        assert refused.value.code == "autocommit"

    assert with_each_driver(database_url, work) >= 1


class _OtherDialect:
    """A connection whose driver the log does not know."""

    name = "sqlite"
    driver = "pysqlcipher"


def test_a_driver_that_the_log_does_not_know_is_refused(sqlite_url: str) -> None:
    host = create_engine(sqlite_url)
    with host.connect() as connection:
        connection.dialect = _OtherDialect()  # type: ignore[assignment] # its package is not installed here
        error = refusal(sqlite_url, connection)
        assert (error.code, error.hint) == ("unsupported_driver", "Connect with one of pysqlite, aiosqlite")
    host.dispose()


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"pool_size": 0}, "invalid_pool_size"),
        ({"busy_seconds": -1.0}, "invalid_busy_seconds"),
        ({"pool_seconds": float("nan")}, "invalid_pool_seconds"),
        ({"connect_seconds": float("inf")}, "invalid_connect_seconds"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Relations.open("sqlite://", **limits)
    assert refused.value.code == code


def test_a_full_pool_is_an_error_of_ours(database_url: str) -> None:
    with Relations.open(database_url, pool_size=1, pool_seconds=0.01) as engine:
        with engine.log.database.reading(), pytest.raises(StoreError, match="all 1 connections") as refused:
            engine.log.database.snapshot().__enter__()
        assert refused.value.code == "pool_exhausted"
        assert engine.status().position == 0


def test_a_second_command_in_the_same_transaction_sees_the_first(database_url: str) -> None:
    host = create_engine(database_url)
    with Relations.open(database_url) as engine:
        with host.begin() as connection:
            assert isinstance(connection, Connection)
            first = engine.execute(buy("p1"), connection=connection)
            second = engine.execute(buy("p2"), connection=connection)
            assert second.position == (first.position or 0) + 1
        assert engine.verify().good
    host.dispose()


def test_a_lost_connection_is_an_error_of_ours_and_leaves_the_hosts_pool(postgres_url: str) -> None:
    async def work(engine: AsyncRelations, host: AsyncEngine) -> None:
        made = host.dialect.driver
        async with host.connect() as connection:
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            with engine.sync.log.database.transaction() as own:
                own.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            with pytest.raises(StoreError) as lost:
                await engine.execute(buy(f"{made}-lost"), connection=connection)
            assert lost.value.code == "connection_lost"
        async with host.begin() as connection:
            assert (await engine.execute(buy(f"{made}-lost"), connection=connection)).events

    assert with_each_driver(postgres_url, work) == 2


def test_what_a_host_rolls_back_is_forgotten_and_what_it_commits_is_kept(database_url: str) -> None:
    host = create_engine(database_url)
    with Relations.open(database_url) as engine:
        engine.execute(RegisterCustomer(customer="c1", name="Ada", occurred_at=NOON))
        recorded = 0
        for number, ended in enumerate(("rollback", "commit", "rollback", "rollback", "commit", "commit")):
            with host.connect() as connection:
                for part in range(2):
                    assert engine.execute(buy(f"p{number}-{part}"), connection=connection).events
                getattr(connection, ended)()
            recorded += 2 * (ended == "commit")
            again = [engine.execute(buy(f"p{number}-{part}")).repeated for part in range(2)]
            assert again == [ended == "commit"] * 2
            assert len(engine.load("customer", "c1").purchases) == 2 * (number + 1)
        assert recorded == 6
        assert engine.verify().good
    host.dispose()
