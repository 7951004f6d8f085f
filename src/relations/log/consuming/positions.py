"""The positions of consumers: one row a name, held by one consumer at a time.

A consumer holds its name for a few seconds and renews that while it runs. A consumer that was killed loses the name
when the time is over, and another one takes it. Every change names the holder, so a consumer that has lost its name
can never move the position. On PostgreSQL the server's clock decides, on SQLite the machine's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import time_ns
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, func, literal_column, or_, select

from relations.errors import ConcurrencyConflict, InvalidInput
from relations.json_form import JsonForm
from relations.log.database import Database, create_tables, tables_of
from relations.log.tables import log
from relations.messages import ID_PATTERN, from_micros

__all__ = [
    "ConsumerStatus",
    "Positions",
    "consumer_statuses",
    "consumers",
    "move_consumer",
    "must_be_in_log",
    "writing_positions",
]

consumers = Table(
    "relations_consumers",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("holder", Text, nullable=True),
    Column("held_until", BigInteger, nullable=True),
    Column("moved_at", BigInteger, nullable=False),
)
"""One row a consumer. Times are UTC microseconds."""


class ConsumerStatus(JsonForm, msgspec.Struct, frozen=True):
    """The state of a durable consumer.

    Attributes:
        name: Its name.
        position: The last position that it has acknowledged.
        behind: The number of events after that position.
        is_held: True if a process is consuming under this name.
        moved_at: When the position moved last.
        oldest_at: When the oldest event that is not acknowledged was recorded; None if there is none.
    """

    name: str
    position: int
    behind: int
    is_held: bool
    moved_at: datetime
    oldest_at: datetime | None = None


@contextmanager
def writing_positions(database: Database) -> Iterator[Connection]:
    """Open a transaction that writes positions. On PostgreSQL it does not take the log's write lock."""
    with database.writing() if database.is_sqlite else database.transaction() as connection:
        yield connection


def _now(database: Database) -> Any:
    if database.is_sqlite:
        return time_ns() // 1_000
    return literal_column("(extract(epoch from clock_timestamp()) * 1000000)::bigint", BigInteger)


class Positions:
    """The row of one consumer.

    Args:
        database: The log's database.
        name: The consumer's name.
        holder: A word of this consumer's own.
        lease: Microseconds for which the name is held without a renewal.

    Raises:
        InvalidInput: The name cannot be one.
    """

    def __init__(self, database: Database, name: str, holder: str, lease: int) -> None:
        if not re.fullmatch(ID_PATTERN, name):
            raise InvalidInput(
                f"{name!r} cannot be the name of a consumer",
                code="invalid_consumer",
                field="name",
                hint="Use 1 to 64 letters, digits and . _ : -",
            )
        self._database = database
        self._name = name
        self._holder = holder
        self._lease = lease
        self._mine = (consumers.c.name == name) & (consumers.c.holder == holder)

    def prepare(self, after: int) -> None:
        """Create the table and the row if they are missing; a new consumer begins after this position.

        Raises:
            InvalidInput: The log has no such position yet.
        """
        with self._database.reading() as connection:
            must_be_in_log(connection, after, field="after")
            if tables_of(connection, [consumers.name]) and self._found(connection) is not None:
                return
        with writing_positions(self._database) as connection:
            if not self._database.is_sqlite:
                self._database.lock(connection)  # one process at a time creates tables
            create_tables(connection, [consumers])
            if self._found(connection) is None:
                row = {"name": self._name, "position": after, "moved_at": _now(self._database)}
                connection.execute(consumers.insert().values(row))

    def _found(self, connection: Connection) -> int | None:
        return connection.execute(select(consumers.c.position).where(consumers.c.name == self._name)).scalar()

    def take(self) -> int | None:
        """Take the name if nobody holds it, and return its position; None if another consumer holds it."""
        now = _now(self._database)
        free = or_(consumers.c.holder.is_(None), consumers.c.held_until < now, consumers.c.holder == self._holder)
        with self._database.reading() as connection:  # so that waiting for the name writes nothing
            if connection.execute(select(consumers.c.name).where(consumers.c.name == self._name, free)).first() is None:
                return None
        with writing_positions(self._database) as connection:
            taken = connection.execute(
                consumers.update()
                .where(consumers.c.name == self._name, free)
                .values(holder=self._holder, held_until=now + self._lease)
            )
            return self._found(connection) if taken.rowcount == 1 else None

    def renew(self) -> bool:
        """Hold the name for longer. Return False if another consumer has taken it."""
        with writing_positions(self._database) as connection:
            held_until = _now(self._database) + self._lease
            return connection.execute(consumers.update().where(self._mine).values(held_until=held_until)).rowcount == 1

    def save(self, position: int, connection: Connection | None = None) -> bool:
        """Move the position, in a host's transaction if one is given. Return False if the name is lost."""
        if connection is None:
            with writing_positions(self._database) as own:
                return self.save(position, own)
        now = _now(self._database)
        moved = connection.execute(
            consumers.update()
            .where(self._mine, consumers.c.position <= position)
            .values(position=position, moved_at=now, held_until=now + self._lease)
        )
        return moved.rowcount == 1

    def release(self) -> None:
        """Give the name back, so that the next consumer need not wait."""
        with writing_positions(self._database) as connection:
            connection.execute(consumers.update().where(self._mine).values(holder=None, held_until=None))


def _head(connection: Connection) -> int:
    return connection.execute(select(func.max(log.c.position))).scalar() or 0


def must_be_in_log(connection: Connection, position: int, *, field: str) -> None:
    """Refuse to begin after a position that the log does not have yet: the events up to there would be left out.

    Raises:
        InvalidInput: The position is below 0, or beyond the head.
    """
    if position == 0:
        return
    head = _head(connection)
    if not 0 < position <= head:
        raise InvalidInput(
            f"the log has no position {position}",
            code="out_of_range",
            field=field,
            hint=f"Give 0 for the whole log, up to {head} for what comes from now on",
        )


def consumer_statuses(database: Database) -> list[ConsumerStatus]:
    """Return the state of every durable consumer by name. Nothing is written."""
    with database.reading() as connection:
        if not tables_of(connection, [consumers.name]):
            return []
        head = _head(connection)
        is_held = func.coalesce(consumers.c.held_until >= _now(database), False)
        oldest = select(log.c.recorded_at).where(log.c.position == consumers.c.position + 1).scalar_subquery()
        found = connection.execute(select(consumers, is_held.label("is_held"), oldest.label("oldest_at")))
        return [
            ConsumerStatus(
                name=row.name,
                position=row.position,
                behind=max(0, head - row.position),
                is_held=bool(row.is_held),
                moved_at=from_micros(row.moved_at),
                oldest_at=None if row.oldest_at is None else from_micros(row.oldest_at),
            )
            for row in sorted(found, key=lambda row: str(row.name))
        ]


def move_consumer(database: Database, name: str, position: int) -> None:
    """Move a consumer that does not run to another position, to send events again or to leave some out.

    Raises:
        InvalidInput: There is no such consumer, or the log has no such position yet.
        ConcurrencyConflict: It is running.
    """
    known = [each.name for each in consumer_statuses(database)]
    if name not in known:
        raise InvalidInput(
            f"there is no consumer {name!r}",
            code="unknown_consumer",
            field="name",
            hint=f"Use one of {', '.join(known)}" if known else "No consumer has run on this log",
        )
    now = _now(database)
    with writing_positions(database) as connection:
        must_be_in_log(connection, position, field="position")
        moved = connection.execute(
            consumers.update()
            .where(consumers.c.name == name, or_(consumers.c.holder.is_(None), consumers.c.held_until < now))
            .values(position=position, moved_at=now, holder=None, held_until=None)
        )
        if moved.rowcount != 1:
            raise ConcurrencyConflict(
                f"cannot move the consumer {name}: it is running", code="consumer_running", hint="Stop it first"
            )
