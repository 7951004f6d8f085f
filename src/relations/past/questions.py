"""Questions about a log that an engine and its pasts both answer: events, policies and views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, select

from relations.execution import Clock, Reader
from relations.json_form import JsonForm
from relations.log.codec import Codec
from relations.log.consuming import ConsumerStatus
from relations.log.log import Log
from relations.log.tables import log as log_table
from relations.messages import Event, RecordedEvent, to_micros
from relations.past.bounds import Bounds
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.projections.running.resolving import ids_in_log
from relations.projections.running.runner import ProjectionStatus
from relations.projections.view import View
from relations.projections.views import Views
from relations.verification.notes import Verified

__all__ = ["Questions", "Status"]

V = TypeVar("V", bound=View)


class Status(JsonForm, msgspec.Struct, frozen=True):
    """The state of an engine's log and projections.

    Attributes:
        database: The database's URL, without its password.
        position: The last position of the log.
        digest: Its digest, hexadecimal. Note it down: it proves every event up to this position.
        projections: How each projection stands.
        purge_owed: A destroyed key is still in the database's files; the next open or `relations run` removes it.
        consumers: How each durable consumer stands, relays included.
        verified: The last verification that was noted, by `note_verified` or `relations verify --note`.
    """

    database: str
    position: int
    digest: str
    projections: list[ProjectionStatus]
    purge_owed: bool = False
    consumers: list[ConsumerStatus] = []
    verified: Verified | None = None


class Questions(ABC):
    """Everything that can be asked of a log, now (`Relations`) or as it stood (`Past`).

    Attributes:
        views: The views, such as `engine.views.retention`.
        log: The log of events.
        codec: The codec of the events that this engine knows.
        clock: The function that returns the present, or the moment of a past.
        bounds: The part of the log that answers; None for all of it.
    """

    views: Views
    log: Log
    codec: Codec
    clock: Clock
    bounds: Bounds | None
    _reader: Reader

    @property
    def policy(self) -> Policy:
        """The policy in force now; the default policy if none was adopted."""
        return self.rules.at(to_micros(self.clock()))

    @property
    def present(self) -> datetime:
        """The present, also where `clock` gives the moment of a past: when an answer is given, not what it is about."""
        return self.clock()

    @property
    @abstractmethod
    def rules(self) -> InForce:
        """Every policy that was adopted, and when each is in force."""

    @abstractmethod
    def load(self, kind: str, name: str) -> Any:
        """Return the state of one aggregate, such as `load("complaint", "k7")`; its initial state if it has no events.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """

    @abstractmethod
    def as_of(
        self,
        *,
        position: int | None = None,
        recorded: datetime | None = None,
        occurred: datetime | None = None,
        customer: str | None = None,
    ) -> Questions:
        """Return the log and its views as they stood; see `Relations.as_of`."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection, and remove temporary files."""

    @abstractmethod
    def status(self) -> Status:
        """Return the state of the log and of each projection."""

    def select_events(self, *where: Any) -> list[RecordedEvent]:
        """Return the events that meet conditions on the log's columns, in order of position."""
        statement = self._within(select(log_table).where(*where).order_by(log_table.c.position))
        with self.log.database.reading() as connection:
            return list(self._reader.recorded(connection, connection.execute(statement)))

    def _within(self, statement: Select[Any], until: datetime | None = None) -> Select[Any]:
        """Return a query of the log, limited to its bounds and to what had occurred by a moment."""
        if self.bounds is not None:
            statement = statement.where(*self.bounds.conditions())
        return statement if until is None else statement.where(log_table.c.occurred_at <= to_micros(until))

    def history(self, customer: str, *, until: datetime | None = None) -> list[RecordedEvent]:
        """Return all events of a customer in the order of recording; personal words are readable unless erased.

        Args:
            customer: The customer's id, or any id merged with it: they share one history.
            until: Only events that had occurred by then.
        """
        statement = self._within(select(log_table).order_by(log_table.c.position), until)
        with self.log.database.reading() as connection:
            ids = ids_in_log(
                connection, self.codec, customer, until=None if self.bounds is None else self.bounds.position
            )
            statement = statement.where(log_table.c.customer.in_(ids))
            return list(self._reader.recorded(connection, connection.execute(statement)))

    def timeline(self, kind: str, name: str, *, until: datetime | None = None) -> list[RecordedEvent]:
        """Return everything recorded in one aggregate's stream, such as `timeline("complaint", "k7")`.

        Events are in the order of recording, with personal words readable unless erased. The list can be empty.

        Args:
            kind: The kind of aggregate.
            name: Its own id.
            until: Only events that had occurred by then.
        """
        stream = f"{kind}-{name}" if name else kind
        wanted = select(log_table).where(log_table.c.stream == stream).order_by(log_table.c.version)
        statement = self._within(wanted, until)
        with self.log.database.reading() as connection:
            return list(self._reader.recorded(connection, connection.execute(statement)))

    def events(
        self, *, after: int = 0, until: int | None = None, of: Collection[type[Event]] = ()
    ) -> Iterator[RecordedEvent]:
        """Yield the log's events in order of position; personal words are readable unless erased.

        Args:
            after: Begin after this position.
            until: End with this position.
            of: Only events of these classes; all events by default.
        """
        # Page by page, with no transaction open while the caller looks at what it got: the log only grows.
        while True:
            page, last = self.page(after, until=until, of=of)
            yield from page
            if last == after:
                return
            after = last

    def page(
        self,
        after: int,
        limit: int = 1_000,
        *,
        until: int | None = None,
        of: Collection[type[Event]] = (),
        sealed: bool = False,
        to_head: bool = False,
    ) -> tuple[list[RecordedEvent], int]:
        """Return the next events and the position read up to; a page of other applications' events is empty.

        Args:
            after: Begin after this position.
            limit: Return at most this many events.
            until: End with this position.
            of: Only events of these classes; all events by default.
            sealed: Leave personal words sealed.
            to_head: If no wanted event is left, return the head's position.
        """
        database = self.log.database
        with database.observed("read", "relations_log"), database.reading() as connection:
            head = self.log.head(connection).position if to_head else 0
            if of or self.bounds is not None:
                position = log_table.c.position
                wanted = self._within(select(log_table).where(position > after))
                if of:
                    wanted = wanted.where(log_table.c.topic.in_([each.topic for each in of]))
                if until is not None:
                    wanted = wanted.where(position <= until)
                rows: Sequence[Any] = connection.execute(wanted.order_by(position).limit(limit)).all()
            else:
                rows = next(self.log.scan(connection, after=after, until=until, chunk=limit), [])
            last = rows[-1][0] if rows else after
            found = list(self._reader.recorded(connection, rows, sealed=sealed))
            return found, last if len(rows) == limit else max(last, head)

    def view(self, kind: type[V]) -> V:
        """Return the view of a class; a host's own views are found the same way.

        Raises:
            InvalidInput: The engine was opened without this view.
        """
        return self.views.of(kind)
