"""The bounds of a past: how far the log is read, and up to which business time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from datetime import datetime
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import Connection, func, literal, select

from relations.errors import InvalidInput
from relations.log.log import Log
from relations.log.tables import log as log_table
from relations.messages import from_micros, to_micros

__all__ = ["Bounds", "BoundsFinder", "is_dated_later"]

_BEGINNING = -(2**62)
_CHUNK = 1_024
"""Positions whose latest time of recording is kept as one number."""
_POSITION, _RECORDED_AT = log_table.c.position, log_table.c.recorded_at


class Bounds(msgspec.Struct, frozen=True):
    """The part of a log that a past consists of.

    Attributes:
        position: The last position. Nothing recorded after it is known.
        occurred: The last business time, UTC microseconds. Events dated later are left out, whenever they were
            recorded. None for no bound.
    """

    position: int
    occurred: int | None = None

    def conditions(self) -> list[Any]:
        """Return the conditions on the log's columns."""
        found = [log_table.c.position <= self.position]
        if self.occurred is not None:
            found.append(log_table.c.occurred_at <= self.occurred)
        return found


def is_dated_later(log: Log, bounds: Bounds | None, topics: Collection[str], moment: int) -> bool:
    """Return True if any event with one of these topics is dated after a moment. No index has the times of events.

    Args:
        log: The log.
        bounds: The part of it that counts; None for all of it.
        topics: The topics.
        moment: UTC microseconds.
    """
    later = log_table.c.occurred_at > moment, log_table.c.topic.in_(topics)
    found = select(literal(1)).where(*later, *([] if bounds is None else bounds.conditions())).limit(1)
    with log.database.reading() as connection:
        return connection.execute(found).first() is not None


class BoundsFinder:
    """A finder of the position up to which something had been recorded by a moment.

    The clock that stamps events may have been set back, so times of recording need not ascend with the positions. The
    answer is exact anyway: the events before the first one that was recorded after the moment.

    Args:
        log: The log.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._latest: list[int] = []  # of each whole chunk, the latest time of recording up to its end
        self._lock = Lock()

    def find(self, position: int | None, recorded: datetime | None, occurred: datetime | None) -> Bounds:
        """Return the bounds that a caller asks for.

        Raises:
            InvalidInput: Both a position and a time of recording are given, the log has no such position, or a time has
                no zone.
        """
        until = None if occurred is None else to_micros(occurred)
        if position is not None and recorded is not None:
            raise InvalidInput(
                "both a position and a time of recording are given",
                code="two_bounds",
                field="recorded",
                hint="Give one of them: each says where the known part of the log ends",
            )
        with self._log.database.reading() as connection:
            head = self._log.head(connection).position
            if recorded is not None:
                return Bounds(self._recorded_by(connection, head, to_micros(recorded)), until)
        if position is None:
            return Bounds(head, until)
        if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position <= head:
            raise InvalidInput(
                f"the log has no position {position!r}",
                code="unknown_position",
                field="position",
                hint=f"Give a position from 0, before the first event, to {head}, the last one",
            )
        return Bounds(position, until)

    def recorded_at(self, position: int) -> datetime | None:
        """Return when the event at a position was recorded, or None if there is none."""
        wanted = select(log_table.c.recorded_at).where(log_table.c.position == position)
        with self._log.database.reading() as connection:
            found: int | None = connection.execute(wanted).scalar()
        return None if found is None else from_micros(found)

    def _recorded_by(self, connection: Connection, head: int, moment: int) -> int:
        """Return the position before the first event that was recorded after a moment."""
        with self._lock:
            self._extend(connection, head, moment)
            begin = bisect_right(self._latest, moment) * _CHUNK
        found: int | None = connection.execute(
            select(func.min(_POSITION)).where(_POSITION.between(begin + 1, begin + _CHUNK), moment < _RECORDED_AT)
        ).scalar()
        return head if found is None else found - 1

    def _extend(self, connection: Connection, head: int, moment: int) -> None:
        """Read the times of whole chunks, as far as the first event that was recorded after a moment may be."""
        latest = self._latest[-1] if self._latest else _BEGINNING
        while latest <= moment and (done := len(self._latest) * _CHUNK) + _CHUNK <= head:
            chunk = _POSITION.between(done + 1, done + _CHUNK)
            latest = max(latest, connection.execute(select(func.max(_RECORDED_AT)).where(chunk)).scalar_one())
            self._latest.append(latest)
