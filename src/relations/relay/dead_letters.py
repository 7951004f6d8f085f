"""Dead letters: events that a target did not accept, kept until they are sent again or discarded.

While a customer has a dead letter, later events of that customer are put behind it. So the target never sees them
out of order. The table holds positions and reasons; the events themselves are in the log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Integer, MetaData, Table, Text, func, select

from relations.log.consuming.positions import writing_positions
from relations.log.database import Database, create_tables, tables_of
from relations.messages import from_micros, to_micros
from relations.relay.message import Message

__all__ = ["DeadLetter", "DeadLetters", "dead_letters"]

dead_letters = Table(
    "relations_dead_letters",
    MetaData(),
    Column("relay", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Column("again", Boolean, nullable=False),
)
"""One row a letter. `again` is true once it is to be sent again."""

_REASON_MAX = 500
BEHIND = "behind_another"


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that was not delivered.

    Attributes:
        relay: The relay's name.
        position: The event's position in the log.
        id: Its CloudEvents id.
        key: The customer, or the stream of an event without a customer.
        topic: Its topic.
        code: `message_refused`, `delivery_failed`, or `behind_another` for one that waits for an earlier event.
        reason: The target's last answer.
        attempts: How often it was sent.
        failed_at: When it failed last.
        again: True if the relay is to send it again.
    """

    relay: str
    position: int
    id: str
    key: str
    topic: str
    code: str
    reason: str
    attempts: int
    failed_at: datetime
    again: bool = False


class DeadLetters:
    """The dead letters of one log.

    Args:
        database: The log's database.
        relay: Only those of this relay; those of every relay by default.
    """

    def __init__(self, database: Database, relay: str | None = None) -> None:
        self._database = database
        self._relay = relay
        self._exists = False

    def _mine(self) -> ColumnElement[bool]:
        return dead_letters.c.relay == self._relay if self._relay is not None else dead_letters.c.relay.is_not(None)

    def _is_there(self) -> bool:
        if not self._exists:
            with self._database.reading() as connection:
                self._exists = bool(tables_of(connection, [dead_letters.name]))
        return self._exists

    def list(self, *, after: int = 0, limit: int = 1_000, again: bool | None = None) -> list[DeadLetter]:
        """Return letters in order of position.

        Args:
            after: Begin after this position.
            limit: Return at most this many.
            again: Only those that are, or are not, to be sent again.
        """
        if not self._is_there():
            return []
        statement = select(dead_letters).where(self._mine(), dead_letters.c.position > after)
        if again is not None:
            statement = statement.where(dead_letters.c.again == again)
        order = dead_letters.c.position, dead_letters.c.relay
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(*order).limit(limit))
            return [
                DeadLetter(**{**row._mapping, "failed_at": from_micros(row.failed_at), "again": bool(row.again)})
                for row in rows
            ]

    def count(self) -> dict[str, int]:
        """Return how many letters each relay has."""
        if not self._is_there():
            return {}
        relay = dead_letters.c.relay
        with self._database.reading() as connection:
            found = connection.execute(select(relay, func.count()).where(self._mine()).group_by(relay))
            return {row[0]: row[1] for row in found}

    def blocked(self) -> set[str]:
        """Return the keys that have a letter: later events of theirs must not overtake it."""
        if not self._is_there():
            return set()
        with self._database.reading() as connection:
            return set(connection.execute(select(dead_letters.c.key).distinct().where(self._mine())).scalars())

    def add(self, relay: str, messages: Sequence[Message], code: str, reason: str, attempts: int) -> None:
        """Keep messages that were not delivered; the first for the given reason, the others behind it."""
        if not self._is_there():
            with writing_positions(self._database) as connection:
                if not self._database.is_sqlite:
                    self._database.lock(connection)
                create_tables(connection, [dead_letters])
            self._exists = True
        now = to_micros(datetime.now(UTC))
        with writing_positions(self._database) as connection:
            positions = [message.position for message in messages]
            same = (dead_letters.c.relay == relay) & dead_letters.c.position.in_(positions)
            connection.execute(dead_letters.delete().where(same))
            rows = [
                {
                    "relay": relay,
                    "position": message.position,
                    "id": message.id,
                    "key": message.key,
                    "topic": message.topic,
                    "code": code if number == 0 else BEHIND,
                    "reason": reason[:_REASON_MAX] if number == 0 else f"waits for {messages[0].id}",
                    "attempts": attempts if number == 0 else 0,
                    "failed_at": now,
                    "again": False,
                }
                for number, message in enumerate(messages)
            ]
            connection.execute(dead_letters.insert(), rows)

    def send_again(self, ids: Collection[str] = ()) -> int:
        """Mark letters to be sent again when the relay next runs, each with all letters of its customer.

        Args:
            ids: CloudEvents ids; all letters by default.

        Returns:
            The number of marked letters.
        """
        return self._mark(ids, again=True)

    def give_up(self, key: str) -> None:
        """Unmark a customer's letters after another failure."""
        with writing_positions(self._database) as connection:
            connection.execute(dead_letters.update().where(self._mine(), dead_letters.c.key == key).values(again=False))

    def _mark(self, ids: Collection[str], *, again: bool) -> int:
        if not self._is_there():
            return 0
        chosen = self._mine()
        if ids:
            keys = select(dead_letters.c.key).where(self._mine(), dead_letters.c.id.in_(list(ids)))
            chosen &= dead_letters.c.key.in_(keys)
        with writing_positions(self._database) as connection:
            marked = connection.execute(dead_letters.update().where(chosen).values(again=again)).rowcount
            self._database.notify(connection)  # a relay that waits for events looks again
            return marked

    def remove(self, positions: Collection[int] = (), *, ids: Collection[str] = ()) -> int:
        """Remove letters that were delivered, or that nobody needs any more. Return how many were removed."""
        if not self._is_there():
            return 0
        chosen = dead_letters.c.id.in_(list(ids)) if ids else dead_letters.c.position.in_(list(positions))
        with writing_positions(self._database) as connection:
            return connection.execute(dead_letters.delete().where(self._mine(), chosen)).rowcount
