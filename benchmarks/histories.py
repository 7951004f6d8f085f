"""Logs for measurements: the history of a simulated hotel group, and as many copies of it as a size needs.

Simulating and deciding a million events takes more than a minute. So a large log consists of one simulated history and
copies of it for other customers. The copies do not distort the measurements. Every row has its own link in the chain,
and personal words are sealed again under each customer's key. The copies alternate page by page, so that customers are
spread over the whole log as in the simulated history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from benchmarks.harness import Workspace
from relations import Relations
from relations.events import PurchaseRecorded
from relations.log.log import Entry, Writer
from relations.log.personal import Keys, has_personal, open_event, seal_event
from relations.log.tables import log
from relations.messages import Command, from_micros
from relations.testing.hotel.simulation import RecordingClock, simulate_recorded

__all__ = [
    "bring_up_to_date",
    "copies_of",
    "copy_log",
    "folded_log",
    "large_log",
    "open_log",
    "simulated_batches",
    "some_customers",
]

_PAGE = 1_000
_COMMANDS_AN_EVENT = 0.86
"""As the simulation has it; only to ask it for about the right number of commands."""


def open_log(path: Path, **options: Any) -> Relations:
    """Return an engine on an SQLite file."""
    return Relations.open(f"sqlite:///{path}", **options)


def large_log(workspace: Workspace, events: int) -> Path:
    """Return a log of about this many events, created once."""
    base_events = min(events, workspace.scale.base_events)
    base = workspace.once(f"a simulated log of {base_events:,} events", lambda path: _simulate(path, base_events))
    copies = round(events / base_events)
    if copies <= 1:
        return base
    return workspace.once(f"a log of {events:,} events", lambda path: copies_of(base, path, copies))


def folded_log(workspace: Workspace, events: int) -> Path:
    """Return a log of about this many events whose views are up to date, with a recorded fit of the value models.

    A service that is advanced in time has both (`relations run`).
    """
    path = large_log(workspace, events)
    with open_log(path, durability="off") as engine:
        bring_up_to_date(engine)
    return path


def bring_up_to_date(engine: Relations) -> None:
    """Fold everything, and record a fit of the value models."""
    engine.catch_up()
    engine.refit_models(some_customers(engine, 1)[1])  # nothing, if it was fitted for another measurement
    engine.catch_up()


def some_customers(engine: Relations, count: int) -> tuple[list[str], datetime]:
    """Return the buyers of random events, each once, and the time of the log's last event.

    Args:
        engine: The engine.
        count: About how many are needed; as many events are chosen three times over.
    """
    random = Random(9)
    with engine.log.database.reading() as connection:
        position, last = connection.execute(select(func.max(log.c.position), func.max(log.c.occurred_at))).one()
        wanted = [random.randrange(2, position + 1) for _ in range(3 * count)]
        bought = log.c.topic == PurchaseRecorded.topic
        named = (
            select(log.c.customer).where(log.c.position >= each, bought).order_by(log.c.position).limit(1)
            for each in wanted
        )
        found = [connection.execute(each).scalar() for each in named]
    return list(dict.fromkeys(name for name in found if name)), from_micros(last)


def simulated_batches(commands: int, size: int) -> list[list[Command]]:
    """Return a simulated history's commands in batches."""
    found = [command for _, command in simulate_recorded(seed=3, commands=commands)]
    return [found[start : start + size] for start in range(0, len(found), size)]


def _simulate(path: Path, events: int) -> None:
    _execute(path, RecordingClock(simulate_recorded(seed=1, commands=max(int(events * _COMMANDS_AN_EVENT), 50))))


def _execute(path: Path, clock: RecordingClock) -> None:
    with open_log(path, clock=clock, durability="off") as relations:
        for batch in clock.batches():
            relations.execute_many(batch)


def copies_of(source: Path, target: Path, copies: int) -> None:
    """Fill a log with copies of another, each for other customers."""
    with open_log(source) as original, open_log(target, durability="off") as copy:
        copy_log(original, copy, copies)


def copy_log(original: Relations, copy: Relations, copies: int = 1) -> None:
    """Fill an empty log, on whatever database, with copies of another, each for other customers."""
    copier = _Copier(original, copy)
    with original.log.database.reading() as reading:
        for page in original.log.scan(reading, chunk=_PAGE):
            with copy.log.writing() as writer:
                for number in range(copies):
                    writer.append(list(copier.copied(reading, writer, page, number)))
    copy.index_people()  # commands would have written the marks of words, and made the key of digests


class _Copier:
    """A converter of rows of one log to entries of another, for other customers."""

    def __init__(self, original: Relations, copy: Relations) -> None:
        self._codec = original.codec
        self._from = Keys(original.log.database)
        self._to = Keys(copy.log.database)

    def copied(self, reading: Any, writer: Writer, page: Sequence[tuple[Any, ...]], number: int) -> Iterator[Entry]:
        mark = f".{number}" if number else ""
        for row in page:
            _position, stream, version, topic, schema, customer, occurred_at, recorded_at = row[:8]
            actor, command_id, command_seq, command_hash, cause, body, _digest = row[8:]
            if not customer:  # the policy, adopted once
                if number == 0:
                    yield Entry(*row[1:14])
                continue
            owner = customer + mark
            if self._codec.topics[topic].personal:
                body = self._resealed(reading, writer, row, owner)
            if topic == "customer.erased":
                self._to.destroy(writer.connection, owner, recorded_at)
            if cause is not None:
                cause = cause.replace("@", mark + "@")
            yield Entry(
                stream + mark, version, topic, schema, owner, occurred_at, recorded_at,
                actor, command_id + mark, command_seq, command_hash, cause, body,
            )  # fmt: skip

    def _resealed(self, reading: Any, writer: Writer, row: Sequence[Any], owner: str) -> bytes:
        topic_name, schema, customer, recorded_at, body = row[3], row[4], row[5], row[7], row[13]
        topic = self._codec.topics[topic_name]
        event = self._codec.decode(topic_name, schema, body)
        key = self._from.get(reading, customer) if has_personal(event, topic) else None
        if key is None:  # no personal words, or the customer was erased since
            return bytes(body)
        opened = open_event(event, topic, customer, key)
        sealed = seal_event(opened, topic, owner, self._to.need(writer.connection, owner, recorded_at))
        return self._codec.encode(sealed)
