"""What a caller asks: the base of typed queries over a projection's tables.

Rows are kept by the customer as recorded. A view answers for the surviving id of customers who were merged: `rows`
gives rows under that id, and combines those of one customer by the rule that their class declares. Conditions and
orders are written on the table as if its column `customer` held the surviving id. While nobody is merged, the SQL is as
if there were no merges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, FromClause, Select, Table, func, select
from sqlalchemy.sql.visitors import replacement_traverse

from relations.log.database import Database
from relations.messages import to_micros
from relations.policies import Policy
from relations.policies.calendars import LocalTime, local_time
from relations.projections.projection import CustomerRow, Projection, Row
from relations.projections.running.aliases import Aliases, combined, key_of
from relations.projections.running.resolving import AliasReader
from relations.projections.running.tables import RowTable

__all__ = ["View"]

R = TypeVar("R", bound=Row)
C = TypeVar("C", bound=CustomerRow)


class View:
    """Typed queries over one projection's tables. Subclasses name their `projection` and add the questions.

    Args:
        database: Where the tables are.
        policy: Gives the policy in force when the question is asked.
        now: Gives the present, UTC microseconds: the default of every `as_of`.
        refresh: Called before each read; an embedded engine folds what is new, so callers read their own writes.
        aliases: Reads which ids are one customer.
    """

    projection: ClassVar[Projection]

    def __init__(
        self,
        database: Database,
        policy: Callable[[], Policy],
        now: Callable[[], int],
        refresh: Callable[[], None] = lambda: None,
        aliases: AliasReader | None = None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._now = now
        self._refresh = refresh
        self._aliases = aliases or AliasReader(database)
        self._tables = {row: RowTable(database, self.projection, row) for row in self.projection.tables}

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
        """Which ids are one customer."""
        self._refresh()
        with self._database.transaction() as connection:
            return self._aliases.read(connection)

    def table(self, row: type[Row]) -> Table:
        """The SQLAlchemy table of a class of rows."""
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
        """The rows that meet all conditions, as their class.

        Where several rows of one customer are combined, they are found if any of them meets the conditions, and come
        where the first of them would.

        Args:
            row: The class.
            where: Conditions on the columns of its table.
            customer: Only those of the customer who bears this id.
            order_by: Columns of its table.
            limit: At most so many.
            offset: After so many.
        """
        self._refresh()
        with self._database.transaction() as connection:
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
        """All rows of these ids, whoever is merged, by key."""
        self._refresh()
        with self._database.transaction() as connection:
            return self._rows_of(connection, row, customers)

    def customers(self, row: type[CustomerRow], *where: Any) -> list[str]:
        """The customers of whom any row meets all conditions, in order."""
        self._refresh()
        with self._database.transaction() as connection:
            found = self._named(row, [self.table(row).c.customer], where, self._aliases.read(connection))
            names = found.distinct().order_by(found.selected_columns[0])
            return [name for (name,) in connection.execute(names)]

    def count(self, row: type[CustomerRow], *where: Any) -> int:
        """How many customers have a row that meets all conditions."""
        self._refresh()
        with self._database.transaction() as connection:
            aliases = self._aliases.read(connection)
            found = self._named(row, [self.table(row).c.customer], where, aliases)
            if aliases or row.key != CustomerRow.key:
                found = found.distinct()
            return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    def execute(self, statement: Select[Any]) -> list[Any]:
        """The result of any query over the tables, which hold customers as recorded."""
        self._refresh()
        # Not `reading`: its repeatable snapshot is taken before PostgreSQL looks the table up, and a rebuild that
        # switched in between would show its fresh table as of before it was filled.
        with self._database.transaction() as connection:
            return list(connection.execute(statement))

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
        """A query over a table in which, where anybody is merged, `customer` is the surviving id."""
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
