"""Reading the rows of a projection's tables, by the customers as recorded or by the surviving ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, FromClause, Select, Table, func, literal, select, tuple_
from sqlalchemy.sql.visitors import replacement_traverse

from relations.log.database import Database
from relations.projections.projection import CustomerRow, Projection, Row
from relations.projections.running.aliases import Aliases, combined, key_of
from relations.projections.running.resolving import AliasReader
from relations.projections.running.tables import RowTable

__all__ = ["TableReader"]

R = TypeVar("R", bound=Row)
C = TypeVar("C", bound=CustomerRow)

_STORED_PAGE = 5_000
_CUSTOMERS_A_QUERY = 2_000


class TableReader(ABC):
    """A reader of one projection's tables. `View` says from which state of the database it reads."""

    projection: ClassVar[Projection]
    _database: Database
    _aliases: AliasReader
    _tables: dict[type[Row], RowTable]

    @abstractmethod
    def answering(self) -> AbstractContextManager[Connection]:
        """Open the one state of the database that a whole question is answered from."""

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

        Several rows of one customer may be combined. Then they are found if any of them meets the conditions, and come
        where the first of them would.

        Args:
            row: The class.
            where: Conditions on the columns of its table.
            customer: Only those of the customer with this id.
            order_by: Columns of its table.
            limit: At most this many rows.
            offset: Skip this many rows first.
        """
        with self.answering() as connection:
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
            return [decode(values) for values in connection.execute(statement).all()]

    def rows_as_recorded(self, row: type[R], customers: Sequence[str]) -> list[R]:
        """Return all rows of these ids by key, without regard to merges."""
        with self.answering() as connection:
            return self._rows_of(connection, row, customers)

    def customers(self, row: type[CustomerRow], *where: Any) -> list[str]:
        """Return the customers with a row that meets all conditions, in order."""
        with self.answering() as connection:
            found = self._named(row, [self.table(row).c.customer], where, self._aliases.read(connection))
            names = found.distinct().order_by(found.selected_columns[0])
            return [name for (name,) in connection.execute(names).all()]

    def count(self, row: type[CustomerRow], *where: Any) -> int:
        """Return the number of customers with a row that meets all conditions."""
        with self.answering() as connection:
            aliases = self._aliases.read(connection)
            found = self._named(row, [self.table(row).c.customer], where, aliases)
            if aliases or row.key != CustomerRow.key:
                found = found.distinct()
            return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    def stored(self, row: type[Row]) -> Iterator[tuple[Any, ...]]:
        """Yield all rows of a table as recorded, encoded, in the order of their keys; see `decoded`.

        They are read page by page, so that no transaction stays open. New events may be folded between two pages.
        """
        table = self.table(row)
        key, width = tuple_(*table.primary_key), len(row.key)
        wanted = select(table).order_by(*table.primary_key).limit(_STORED_PAGE)
        page = self.execute(wanted)
        while page:
            yield from map(tuple, page)
            last = tuple_(*(literal(value) for value in page[-1][:width]))
            page = self.execute(wanted.where(key > last)) if len(page) == _STORED_PAGE else []

    def decoded(self, row: type[R], values: Sequence[Any]) -> R:
        """Return the row of the encoded values that `stored` yields."""
        found: R = self._tables[row].decode(values)
        return found

    def execute(self, statement: Select[Any]) -> list[Any]:
        """Return the rows of any query over the tables, which hold customers as recorded."""
        with self.answering() as connection:
            return list(connection.execute(statement).all())

    def rows_of_some(self, row: type[C], customers: Sequence[str] | None) -> list[C]:
        """Return all rows of some customers by their surviving ids; None stands for all customers."""
        if customers is None:
            table = self.table(row)
            return self.rows(row, order_by=tuple(table.primary_key))
        with self.answering() as connection:
            aliases = self._aliases.read(connection)
            ids = [name for customer in customers for name in aliases.ids(customer)]
            return combined(self._rows_of(connection, row, ids), aliases)

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
            return [decode(values) for values in connection.execute(statement).all()]
        found: list[C] = self._tables[row].decode_all(connection.execute(statement).all())
        # All rows of a customer are combined, whichever of them met the conditions.
        groups = dict.fromkeys(each.customer for each in found if each.customer in aliases.groups)
        if not groups:
            return found[page]
        recorded = self._rows_of(connection, row, [name for group in groups for name in aliases.groups[group]])
        whole = {key_of(each): each for each in combined(recorded, aliases)}
        by_key: dict[Any, C] = {}
        for number, each in enumerate(found):
            if each.customer in groups:
                by_key.setdefault(key_of(each), whole.get(key_of(each), each))
            else:
                by_key[number] = each  # no other row has its key
        return list(by_key.values())[page]

    def _rows_of(self, connection: Connection, row: type[R], customers: Sequence[str]) -> list[R]:
        table, by_key = self._tables[row], itemgetter(slice(len(row.key)))
        if table.select_of_customers is None:
            msg = f"{row.__name__} is a tally, and has no customers"
            raise TypeError(msg)
        found: list[R] = []
        for start in range(0, len(customers), _CUSTOMERS_A_QUERY):
            some = customers[start : start + _CUSTOMERS_A_QUERY]
            values = self._database.fetch_many(connection, table.select_of_customers, customers=some)
            found += table.decode_all(sorted(values, key=by_key))
        return found

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
