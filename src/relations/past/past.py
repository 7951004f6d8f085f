"""The past of an engine: the same questions, answered from a part of the log."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

import msgspec
from sqlalchemy import URL, literal, select

from relations.decider import Aggregate, fold
from relations.errors import InvalidInput
from relations.execution import Reader
from relations.log.chain import GENESIS
from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.log import Log
from relations.log.tables import log as log_table
from relations.messages import RecordedEvent, from_micros, to_micros
from relations.past.bounds import Bounds, BoundsFinder
from relations.past.questions import Questions, Status
from relations.past.states import CustomerTables, KeptStates, StateTables
from relations.policies.in_force import InForce
from relations.projections.projection import Projection, Rows
from relations.projections.running.folding import COLUMNS
from relations.projections.running.resolving import AliasReader, ids_in_log
from relations.projections.running.runner import Runner
from relations.projections.view import View, ViewContext
from relations.projections.views import Views

__all__ = ["Past", "PastParts"]

_CUSTOMER = COLUMNS.index("customer")


class PastParts(msgspec.Struct, frozen=True):
    """The parts of an engine that its pasts share.

    Attributes:
        log: The log.
        codec: Decodes its events.
        reader: Opens personal words.
        finder: Finds the bounds of pasts.
        aggregates: Every kind of aggregate.
        kinds: The classes of the views.
        runner: Folds single customers.
        states: The kept states of views.
        customers: Tables for questions about one customer.
        context: The parts of the engine's own views.
    """

    log: Log
    codec: Codec
    reader: Reader
    finder: BoundsFinder
    aggregates: Sequence[Aggregate[Any]]
    kinds: Sequence[type[View]]
    runner: Runner
    states: KeptStates
    customers: CustomerTables
    context: ViewContext


class _PastViews(Views):
    """The views of a past: each has a database of its own with the tables of that moment."""

    def __init__(self, context_of: Callable[[Projection], ViewContext], kinds: Sequence[type[View]]) -> None:
        self._add(kinds, context_of)


class Past(Questions):
    """An engine's log and views as they stood: read-only, with the engine's questions. Create it with `engine.as_of`.

    A past knows the policies that were recorded by then. Its present is the moment that was asked for: the business
    time if one was given, otherwise the time of recording. Personal words of customers who were erased since are erased
    here, too. Two ids that were known to be one customer are one customer at every business time.

    The first question to a view folds its part of the log, from the nearest kept state. A past is a context manager;
    `close` removes its temporary files, as does the garbage collector.

    Attributes:
        customer: The only customer in this past; None for everybody.
    """

    def __init__(self, parts: PastParts, bounds: Bounds, moment: datetime, customer: str | None = None) -> None:
        self._parts = parts
        self.log = parts.log
        self.codec = parts.codec
        self.clock = lambda: moment
        self.bounds: Bounds = bounds
        self.customer = customer
        self._reader = parts.reader
        self._rules: InForce | None = None
        self._lock = RLock()
        self._views: Views | None = None
        self._directory: Path | None = None
        self._databases: dict[str, Database] = {}
        self._known: list[tuple[Any, ...]] | None = None
        self._end = weakref.finalize(self, _ended, closing := ExitStack())
        self._closing = closing

    def close(self) -> None:
        """Close the views' databases and remove their files. Questions to views fail afterwards."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- what was known ---------------------------------------------------------------------------------------------

    @property
    def rules(self) -> InForce:
        """Every policy that was adopted by then, and when each is in force."""
        if self._rules is None:  # computed once: a past does not change
            # Not bound by the business time: rules that take effect later are not in force then anyway.
            found = [
                aggregate.policies.in_force(self._state(aggregate, aggregate.name, None))
                for aggregate in self._parts.aggregates
                if aggregate.policies is not None
            ]
            self._rules = found[-1] if found else InForce()
        return self._rules

    @property
    def present(self) -> datetime:
        """The present, by the clock of the engine."""
        return from_micros(self._parts.context.now())

    def load(self, kind: str, name: str) -> Any:
        """Return the state of one aggregate as it was, such as `load("complaint", "k7")`.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """
        found = next((aggregate for aggregate in self._parts.aggregates if aggregate.name == kind), None)
        if found is None:
            raise InvalidInput(
                f"there is no kind of aggregate called {kind!r}",
                code="unknown_aggregate",
                field="kind",
                hint=f"Choose one of {', '.join(sorted(each.name for each in self._parts.aggregates))}",
            )
        return self._state(found, f"{kind}-{name}" if name else kind, self.bounds.occurred)

    def as_of(
        self,
        *,
        position: int | None = None,
        recorded: datetime | None = None,
        occurred: datetime | None = None,
        customer: str | None = None,
    ) -> Past:
        """Return a part of this past: what was known even earlier, or of an earlier business time.

        Args:
            position: The last position that is known.
            recorded: Known is what had been recorded by then.
            occurred: Events dated later are left out.
            customer: Answer about this customer alone.

        Raises:
            InvalidInput: The bounds make no sense; see `Relations.as_of`.
        """
        asked = self._parts.finder.find(position, recorded, occurred)
        times = [each for each in (asked.occurred, self.bounds.occurred) if each is not None]
        bounds = Bounds(min(asked.position, self.bounds.position), min(times, default=None))
        known = None if recorded is None else min(recorded, self.clock())
        moment = (
            occurred or known or (position is not None and self._parts.finder.recorded_at(position)) or self.clock()
        )
        return Past(self._parts, bounds, moment, customer or self.customer)

    def pinned_version(self, event: RecordedEvent) -> int | None:
        """Return the version of the policy that decides an event's stream for all its life, or None."""
        kind = event.stream.partition("-")[0]
        for aggregate in self._parts.aggregates:
            if aggregate.name == kind and aggregate.pinned is not None:
                return aggregate.pinned(self._state(aggregate, event.stream, None))
        return None

    def _state(self, aggregate: Aggregate[Any], stream: str, occurred: int | None) -> Any:
        columns = log_table.c.topic, log_table.c.schema, log_table.c.body
        within = Bounds(self.bounds.position, occurred).conditions()
        statement = select(*columns).where(log_table.c.stream == stream, *within).order_by(log_table.c.version)
        with self.log.database.reading() as connection:
            found = connection.execute(statement).all()
        return fold(aggregate.decider, (self.codec.decode(*each) for each in found))

    def status(self) -> Status:
        """Return the last position that is known here, and its digest. There are no projections to bring up to date."""
        position = self.bounds.position
        with self.log.database.reading() as connection:
            digest = self.log.digest(connection, position) or GENESIS
        return Status(self.log.database.name, position, digest.hex(), [])

    # --- views ------------------------------------------------------------------------------------------------------

    @property
    def views(self) -> Views:  # type: ignore[override] # made when they are asked for
        """The views, such as `past.views.retention`."""
        with self._lock:
            if self._views is None:
                self._views = _PastViews(self._context, self._parts.kinds)
            return self._views

    def _context(self, projection: Projection) -> ViewContext:
        database = partial(self._database_of, projection)
        return ViewContext(
            database=database,
            policy=lambda: self.policy,
            rules=lambda: self.rules,
            now=lambda: to_micros(self.clock()),
            refresh=partial(self._fold, _Tables(database)),
            aliases=lambda: AliasReader(database(), is_filled_whole=True),
            fold_customer=self._fold_customer,
            customers_between=self._customers_between,
            open_words=self._parts.context.open_words,
            digest=self._parts.context.digest,
            is_recorded=self._is_recorded,
            marked=self._parts.context.marked,
        )

    def _is_recorded(self, customers: Sequence[str]) -> bool:
        """Return True if the log had an event of any of these customers by then, whenever it is dated."""
        if self._known is not None and not ({row[_CUSTOMER] for row in self._known} - {""}).isdisjoint(customers):
            return True
        within = Bounds(self.bounds.position, None).conditions()
        found = select(literal(1)).where(log_table.c.customer.in_(customers), log_table.c.customer != "", *within)
        with self.log.database.reading() as connection:
            return connection.execute(found.limit(1)).first() is not None

    def _database_of(self, projection: Projection) -> Database:
        """Return the database of a view, made when the view is asked for the first time."""
        with self._lock:
            if projection.name not in self._databases:
                self._databases[projection.name] = self._new_database(projection)
            return self._databases[projection.name]

    def _new_database(self, projection: Projection) -> Database:
        if self.customer is not None:
            pool = self._parts.customers
            database = pool.take(projection)
            self._closing.callback(pool.give_back, projection, database)
            return database
        if self._directory is None:
            self._directory = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="relations-past-")))
        database = Database(
            URL.create("sqlite", database=str(self._directory / f"{projection.name}.db")), access="fold"
        )
        self._closing.callback(database.close)
        return database

    def _fold(self, tables: _Tables, projections: Sequence[Projection], _until: int | None) -> None:
        """Fill the tables of a view before its first answer."""
        (projection,) = projections  # each view has a database of its own
        with self._lock:
            if tables.is_filled:
                return
            zone = self.policy.zone
            if self.customer is None:
                path = Path(str(tables.database().url.database))
                self._parts.states.open(projection, self.bounds, zone, path)
            else:
                tables_of_one = StateTables(tables.database(), projection, self.codec, zone)
                tables_of_one.refill(self._rows_of(self.customer), self.bounds)
            tables.is_filled = True

    def _rows_of(self, customer: str) -> list[tuple[Any, ...]]:
        """Return what is known of one customer, under all of their ids, as rows of the log by customer."""
        if self._known is None:
            columns = log_table.c.customer, log_table.c.position
            with self.log.database.reading() as connection:
                ids = ids_in_log(connection, self.codec, customer, until=self.bounds.position)
                statement = select(*(log_table.c[name] for name in COLUMNS))
                statement = statement.where(columns[0].in_(ids), columns[1] <= self.bounds.position)
                self._known = [tuple(row) for row in connection.execute(statement.order_by(*columns))]
        return self._known

    def _fold_customer(self, projections: Sequence[Projection], customer: str, until: int | None) -> dict[str, Rows]:
        runner, bounds = self._parts.runner, self.bounds
        return runner.fold_customer(
            projections, customer, self._earlier(until), position=bounds.position, zone=self.policy.zone
        )

    def _customers_between(self, projections: Sequence[Projection], since: int, until: int) -> list[str]:
        last = self._earlier(until)
        assert last is not None  # noqa: S101 - there is an `until`
        return self._parts.runner.customers_between(projections, since, last, position=self.bounds.position)

    def _earlier(self, until: int | None) -> int | None:
        """Return the earlier one of a business time and the bound."""
        given = [each for each in (until, self.bounds.occurred) if each is not None]
        return min(given, default=None)


def _ended(closing: ExitStack) -> None:
    closing.close()


@dataclass
class _Tables:
    """The tables of one view.

    Attributes:
        database: Returns the database that has them.
        is_filled: True once they are folded.
    """

    database: Callable[[], Database]
    is_filled: bool = False
