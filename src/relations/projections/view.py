"""The base of views: typed queries over a projection's tables.

Rows are kept by the customer as recorded. A view answers for the surviving id of customers who were merged: `rows`
gives rows under that id, and combines those of one customer by the rule that their class declares. Conditions and
orders are written on the table as if its column `customer` held the surviving id. While nobody is merged, the SQL is as
if there were no merges.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial, wraps
from types import FunctionType
from typing import Any, ClassVar, TypeVar

import msgspec
from pydantic import ValidationError
from sqlalchemy import Connection, FromClause, Select, Table, func, select
from sqlalchemy.sql.visitors import replacement_traverse

from relations.errors import InvalidInput, StoreError
from relations.log.database import Database
from relations.messages import to_micros
from relations.policies import Policy
from relations.policies.calendars import LocalTime, local_time
from relations.policies.in_force import InForce
from relations.projections.projection import CustomerRow, Projection, Row, Rows
from relations.projections.running.aliases import Aliases, combined, key_of
from relations.projections.running.resolving import AliasReader
from relations.projections.running.tables import RowTable

__all__ = ["View", "ViewContext", "unknown_customer"]

R = TypeVar("R", bound=Row)
C = TypeVar("C", bound=CustomerRow)


_ATTEMPTS = 10
"""The most times that a question starts again because the aliases are newer than the view's tables."""


@dataclass(frozen=True, slots=True)
class ViewContext:
    """Everything that an engine gives to a view.

    Attributes:
        database: The database that has the tables.
        policy: Returns the policy in force now.
        rules: Returns every policy, and when each is in force.
        now: Returns the present, UTC microseconds: the default of every `as_of`.
        refresh: Folds new events into a projection's tables. An embedded engine does so before each answer, so that
            callers read their own writes.
        aliases: Reads which ids belong to one customer.
        fold_customer: Folds one customer's events in memory: `(projections, customer, until) -> rows by projection`.
        customers_between: Returns the customers with events, of those that the projections fold, between two moments.
        open_words: Opens sealed personal words; None for the erased.
        digest: Returns the keyed digest of a text for a purpose, by which sealed words are found.
        is_recorded: Returns True if the log has an event of any of these customers, at any time.
    """

    database: Database
    policy: Callable[[], Policy]
    rules: Callable[[], InForce]
    now: Callable[[], int]
    refresh: Callable[[Projection], None]
    aliases: AliasReader
    fold_customer: Callable[[Sequence[Projection], str, int | None], dict[str, Rows]]
    customers_between: Callable[[Sequence[Projection], int, int], list[str]]
    open_words: Callable[[Sequence[tuple[str, str, str, str]]], list[str | None]]
    digest: Callable[[str, str], str | None]
    is_recorded: Callable[[Sequence[str]], bool]


class View:
    """Typed queries over one projection's tables. Subclasses name their `projection` and add questions as methods.

    A question about a `customer` of whom nothing is recorded is refused, whatever the view: an answer would look like
    one about a customer with whom nothing is wrong.

    Args:
        context: Everything that the engine gives to a view.
    """

    projection: ClassVar[Projection]

    def __init_subclass__(cls, **options: Any) -> None:
        """Answer every question of a view from one state of the database."""
        super().__init_subclass__(**options)
        for name, found in list(vars(cls).items()):
            if isinstance(found, FunctionType) and not name.startswith("_"):
                setattr(cls, name, _question(found))

    def __init__(self, context: ViewContext) -> None:
        self._database = context.database
        self._policy = context.policy
        self._rules = context.rules
        self._now = context.now
        self._refresh: Callable[[], None] = partial(context.refresh, self.projection)
        self._aliases = context.aliases
        self._fold_customer = context.fold_customer
        self._customers_between = context.customers_between
        self._open_words = context.open_words
        self._digest = context.digest
        self._is_recorded = context.is_recorded
        self._tables = {row: RowTable.of(context.database, self.projection, row) for row in self.projection.tables}

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    @property
    def now(self) -> int:
        """The present, UTC microseconds."""
        return self._now()

    def moment(self, as_of: datetime | None) -> int:
        """Return a moment in UTC microseconds; None is the present.

        Raises:
            InvalidInput: The moment has no time zone.
        """
        return self.now if as_of is None else to_micros(as_of)

    @property
    def local(self) -> LocalTime:
        """The business's own days and months."""
        return local_time(self.policy.zone)

    @property
    def aliases(self) -> Aliases:
        """The ids that belong to one customer."""
        with self._answering() as connection:
            return self._aliases.read(connection)

    def table(self, row: type[Row]) -> Table:
        """Return the SQLAlchemy table of a class of rows."""
        return self._tables[row].table

    def rows(
        self,
        row: type[R],
        *where: Any,
        customer: str | None = None,
        order_by: Sequence[Any] = (),
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[R]:
        """Return the rows that meet all conditions.

        Where several rows of one customer are combined, they are found if any of them meets the conditions, and come
        where the first of them would.

        Args:
            row: The class.
            where: Conditions on the columns of its table.
            customer: Only those of the customer with this id.
            order_by: Columns of its table.
            limit: At most this many rows.
            offset: Skip this many rows first.
        """
        with self._answering() as connection:
            if issubclass(row, CustomerRow) and (aliases := self._aliases.read(connection)):
                page = slice(offset or 0, None if limit is None else (offset or 0) + limit)
                # Any: that R is a class of customers' rows here is lost on a TypeVar.
                merged: Any = self._merged_rows(connection, row, aliases, where, customer, order_by, page)
                return list(merged)
            table = self.table(row)
            statement = select(table).where(*where).order_by(*order_by).limit(limit).offset(offset)
            if customer is not None:
                statement = statement.where(table.c.customer == customer)
            decode = self._tables[row].decode
            return [decode(values) for values in connection.execute(statement)]

    def rows_as_recorded(self, row: type[R], customers: Sequence[str]) -> list[R]:
        """Return all rows of these ids by key, without regard to merges."""
        with self._answering() as connection:
            return self._rows_of(connection, row, customers)

    def customers(self, row: type[CustomerRow], *where: Any) -> list[str]:
        """Return the customers with a row that meets all conditions, in order."""
        with self._answering() as connection:
            found = self._named(row, [self.table(row).c.customer], where, self._aliases.read(connection))
            names = found.distinct().order_by(found.selected_columns[0])
            return [name for (name,) in connection.execute(names)]

    def count(self, row: type[CustomerRow], *where: Any) -> int:
        """Return the number of customers with a row that meets all conditions."""
        with self._answering() as connection:
            aliases = self._aliases.read(connection)
            found = self._named(row, [self.table(row).c.customer], where, aliases)
            if aliases or row.key != CustomerRow.key:
                found = found.distinct()
            return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    def execute(self, statement: Select[Any]) -> list[Any]:
        """Return the rows of any query over the tables, which hold customers as recorded."""
        with self._answering() as connection:
            return list(connection.execute(statement))

    def _require_recorded(self, customer: str) -> None:
        """Refuse a question about a customer of whom nothing is recorded.

        Raises:
            InvalidInput: There is no event of this customer (`unknown_customer`).
        """
        if not self._is_recorded(self.aliases.ids(customer)):
            raise unknown_customer(customer)

    @contextmanager
    def _answering(self) -> Iterator[Connection]:
        """Open the one state of the database that a whole question is answered from.

        New events are folded first, up to the head as it is now. Then one read transaction serves everything that this
        thread reads until the end of the question: rows, aliases, policies, keys and the log.
        """
        if self._database.in_snapshot:
            with self._database.reading() as connection:
                yield connection
            return
        for attempt in range(1, _ATTEMPTS + 1):
            self._refresh()
            with self._database.snapshot() as connection:
                if not self._database.is_sqlite:
                    self._hold_tables(connection)
                # Another process may have folded a merge into the aliases that this view's tables have not seen yet.
                if attempt == _ATTEMPTS or self._aliases.agree(connection, self.projection):
                    yield connection
                    return

    def _hold_tables(self, connection: Connection) -> None:
        """Keep a rebuild from switching tables during a question.

        PostgreSQL takes a repeatable snapshot with the first query, but looks up tables again for each one. A table
        that a rebuild switched in after the snapshot would look empty. Locking the tables first does not yet take the
        snapshot.
        """
        names = ", ".join(f'"{table.table.name}"' for table in self._tables.values())
        self._database.cursor(connection).execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE")

    # --- merged customers -------------------------------------------------------------------------------------------

    def _merged_rows(
        self,
        connection: Connection,
        row: type[C],
        aliases: Aliases,
        where: Sequence[Any],
        customer: str | None,
        order_by: Sequence[Any],
        page: slice,
    ) -> list[C]:
        if customer is not None and not where and not order_by:
            return combined(self._rows_of(connection, row, aliases.ids(customer)), aliases)[page]
        table, decode = self.table(row), self._tables[row].decode
        statement = self._named(row, list(table.c), where, aliases, order_by)
        if customer is not None:
            statement = statement.where(table.c.customer.in_(aliases.ids(customer)))
        if row.absorb is CustomerRow.absorb:  # no two rows have the same key
            limit = None if page.stop is None else page.stop - page.start
            statement = statement.limit(limit).offset(page.start)
            return [decode(values) for values in connection.execute(statement)]
        found = [decode(values) for values in connection.execute(statement)]
        # All rows of a customer are combined, whichever of them met the conditions.
        groups = dict.fromkeys(each.customer for each in found if each.customer in aliases.groups)
        recorded = self._rows_of(connection, row, [name for group in groups for name in aliases.groups[group]])
        whole = {key_of(each): each for each in combined(recorded, aliases)}
        by_key = {key_of(each): each for each in found}
        return [whole.get(key, each) for key, each in by_key.items()][page]

    def _rows_of(self, connection: Connection, row: type[R], customers: Sequence[str]) -> list[R]:
        table, decode = self.table(row), self._tables[row].decode
        return [
            decode(values)
            for start in range(0, len(customers), 500)
            for values in connection.execute(
                select(table).where(table.c.customer.in_(customers[start : start + 500])).order_by(*table.primary_key)
            )
        ]

    def _named(
        self,
        row: type[Row],
        columns: Sequence[Any],
        where: Sequence[Any],
        aliases: Aliases,
        order_by: Sequence[Any] = (),
    ) -> Select[Any]:
        """Return a query over a table in which `customer` is the surviving id."""
        table = self.table(row)
        if not aliases:
            return select(*columns).where(*where).order_by(*order_by)
        survivors = self._aliases.survivors()
        name = func.coalesce(survivors.c.survivor, table.c.customer)
        source: FromClause = table.outerjoin(survivors, survivors.c.customer == table.c.customer)

        def surviving(clause: Any) -> Any:
            return replacement_traverse(clause, {}, lambda element, **_: name if element is table.c.customer else None)

        return (
            select(*(name if column is table.c.customer else column for column in columns))
            .select_from(source)
            .where(*map(surviving, where))
            .order_by(*map(surviving, order_by))
        )


_OUTSIDE = ("out of range", "must be in 1..")
"""What `datetime` says of a year, month or day that does not exist."""


def unknown_customer(customer: str) -> InvalidInput:
    """Return the error for an id of which nothing is recorded."""
    return InvalidInput(
        f"nothing is recorded of the customer {customer}",
        code="unknown_customer",
        field="customer",
        hint="Check the id; it is the one that the log has, not another system's",
    )


def _question(method: Callable[..., Any]) -> Callable[..., Any]:
    names = list(inspect.signature(method).parameters)[1:]
    place = names.index("customer") if "customer" in names else None

    @wraps(method)
    def ask(self: View, *args: Any, **kwargs: Any) -> Any:
        try:
            with self._answering():
                if place is not None:
                    customer = args[place] if place < len(args) else kwargs.get("customer")
                    if customer is not None:
                        self._require_recorded(customer)
                return method(self, *args, **kwargs)
        except (OverflowError, ValueError) as error:
            if isinstance(error, ValidationError | msgspec.MsgspecError):
                raise StoreError(
                    f"a row of the view {self.projection.name} is damaged",
                    code="view_damaged",
                    hint="Run `relations verify`, then `relations rebuild`",
                ) from error
            if not isinstance(error, OverflowError) and not any(part in str(error) for part in _OUTSIDE):
                raise
            raise InvalidInput(
                "a time in the question, or one computed from it, is outside the calendar",
                code="time_out_of_range",
                hint="Ask about times between the years 1900 and 2200",
            ) from error

    return ask
