"""Short ways for tests to make commands, open engines, look into databases and start processes."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from relations import (
    EraseCustomer,
    FileComplaint,
    Money,
    RecordedEvent,
    RecordPurchase,
    RegisterCustomer,
    Relations,
)
from relations.engine import Verification
from relations.messages import Command
from relations.policies import Policy
from relations.projections.projection import Projection
from relations.projections.running.checkpoints import edition_suffix

OF_THE_DATABASE: dict[str, Any] = {"hash_seeds": (), "any_order": False}
"""Leaves out the laws that are checked in memory and in other processes, whatever the database."""
ON_BOTH_IN_SOAK = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)
"""For a costly test whose SQL other tests run on both databases: `make test` runs it on SQLite only."""
ON_POSTGRESQL_AND_BOTH_IN_SOAK = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"], indirect=True
)
"""Likewise for one that `make test` runs on PostgreSQL only."""
SOAKING = "SOAK_EXAMPLES" in os.environ
"""True in `make soak`."""
HASH_SEEDS = (1, 2) if SOAKING else (1,)
"""The values of PYTHONHASHSEED under which laws fold in processes of their own."""
START = datetime(2024, 3, 1, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=number)


def register(customer: str = "c1", name: str | None = "Ada Lovelace", **fields: Any) -> RegisterCustomer:
    return RegisterCustomer(**{"customer": customer, "name": name, "occurred_at": START, **fields})


def purchase(number: int = 1, customer: str = "c1", euros: str | int = 100, **fields: Any) -> RecordPurchase:
    defaults = {"occurred_at": day(number), "command_id": f"{customer}/p{number}"}
    return RecordPurchase(
        **{**defaults, "customer": customer, "purchase": f"p{number}", "amount": Money.of(euros, "EUR"), **fields}
    )


def complaint(number: int = 1, customer: str = "c1", **fields: Any) -> FileComplaint:
    defaults = {"occurred_at": day(number), "subject": "noise", "channel": "email"}
    return FileComplaint(**{**defaults, "customer": customer, "complaint": f"k-{customer}-{number}", **fields})


def erase(customer: str = "c1", **fields: Any) -> EraseCustomer:
    return EraseCustomer(**{"customer": customer, "occurred_at": day(300), **fields})


def recorded_by(now: datetime, commands: Iterable[Command], policy: Policy | None = None) -> Relations:
    """An engine in memory whose clock stands at `now`, with a policy from the beginning and these commands recorded."""
    engine = Relations.open("sqlite://", clock=lambda: now)
    if policy is not None:
        engine.adopt(policy, from_beginning=True)
    assert not engine.execute_many(commands).rejections
    return engine


def count_events(relations: Relations) -> int:
    return relations.status().position


def assert_sound(relations: Relations, expected: int | None = None) -> list[RecordedEvent]:
    """Positions 1..n without gaps, every stream's versions 1..m, chain and views good."""
    events = list(relations.events())
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    versions: dict[str, int] = {}
    for event in events:
        assert event.version == versions.get(event.stream, 0) + 1, event
        versions[event.stream] = event.version
    found: Verification = relations.verify()
    assert found.problems == []
    assert found.position == len(events) == found.events
    if expected is not None:
        assert len(events) == expected
    return events


def expire(engine: Relations) -> None:
    """Let the lease of every consumer be over, as if its process had stood still."""
    with engine.log.database.transaction() as connection:
        changed = connection.execute(text("UPDATE relations_consumers SET held_until = 1"))
    assert changed.rowcount


def sqlite_file(url: str) -> Path:
    return Path(str(make_url(url).database))


def sqlite_bytes(url: str) -> bytes:
    """All that lies in an SQLite database's files: the main one, and what has not been moved into it."""
    path = sqlite_file(url)
    files = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")]
    return b"".join(file.read_bytes() for file in files if file.exists())


def database_bytes(url: str) -> bytes:
    """Everything that the tables of a database hold."""
    if url.startswith("sqlite"):
        return sqlite_bytes(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        names = [
            row[0] for row in connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        ]
        held: list[bytes] = []
        for name in names:
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                held += [
                    bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in row
                ]
    engine.dispose()
    assert held
    return b"\n".join(held)


def stored_as(label: str, projection: Projection) -> str:
    """Return the name of the table that a projection's present edition keeps rows in, such as `desk_ticket`."""
    return label + edition_suffix(projection)


def tamper(url: str, *statements: tuple[str, tuple[Any, ...]] | str) -> None:
    """Change a log as somebody with the database's password would: past its triggers, which are there again after."""
    if url.startswith("sqlite"):
        file = sqlite3.connect(sqlite_file(url))
        triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            sql, values = (statement, ()) if isinstance(statement, str) else statement
            file.execute(sql, values)
        for _, sql in triggers:
            file.execute(sql)
        file.commit()
        file.close()
        return
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE relations_log DISABLE TRIGGER ALL"))
        raw = connection.connection.cursor()
        for statement in statements:
            sql, values = (statement, ()) if isinstance(statement, str) else statement
            raw.execute(sql.replace("?", "%s"), values)
        connection.execute(text("ALTER TABLE relations_log ENABLE TRIGGER ALL"))
    engine.dispose()


_FORK = multiprocessing.get_context("fork")


def in_processes(work: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Run `work` once for each tuple of arguments, all at once, each in a process of its own; what they returned.

    Forked, so that nothing is imported again: nothing but the URL may be carried over from an open engine.
    """
    started = []
    for given in arguments:
        near, far = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_report, args=(far, work, given))
        process.start()
        far.close()
        started.append((process, near))
    results = []
    for process, near in started:
        good, value = near.recv()
        process.join()
        assert good, value
        results.append(value)
    return results


def _report(far: Any, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        far.send((True, work(*given)))
    except BaseException as error:  # the test's own process tells it
        far.send((False, f"{type(error).__name__}: {error}"))


def killable(work: Callable[..., Any], *arguments: Any) -> Any:
    """A started process that runs `work(*arguments)`, to be killed. It alone has the ends of pipes among these.

    The reader at the other end then gets an `EOFError`, and does not wait for ever, if the process ends too early.
    """
    process = _FORK.Process(target=work, args=arguments)
    process.start()
    for given in arguments:
        if isinstance(given, Connection):
            given.close()
    return process


def pipe() -> Any:
    return _FORK.Pipe(duplex=False)
