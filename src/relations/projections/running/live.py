"""Folding a stretch of the log into tables that hold what came before it: load, fold, write what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from relations.errors import ProjectionFailed
from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.log import Log
from relations.policies.calendars import LocalTime
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.tables import RowTable

__all__ = ["LiveFolding", "RowsUnwritable", "fold_live", "fold_rows"]

_TOPIC, _CUSTOMER = COLUMNS.index("topic"), COLUMNS.index("customer")


class RowsUnwritable(ProjectionFailed):
    """Rows that the tables cannot hold, or that the fold must not touch. `position` is the end of the stretch."""


def fold_live(
    log: Log, connection: Connection, folding: Folding, tables: dict[Any, RowTable], after: int, until: int
) -> None:
    """Fold `after < position <= until` into tables, within the transaction of `connection`.

    Args:
        log: The log.
        connection: The transaction.
        folding: A fresh folding of one projection; its `failures` say if a poison event stopped it. Then nothing
            was written.
        tables: The tables of that projection's rows.
        after: The last position that the tables have seen.
        until: The last position to fold.

    Raises:
        RowsUnwritable: The tables cannot hold what the folds made.
    """
    topics = {event.topic for projection in folding.projections for event in projection.folds}
    pages = log.scan(connection, COLUMNS, after=after, until=until)
    fold_rows(
        log.database, connection, folding, tables, [row for page in pages for row in page if row[3] in topics], until
    )


def fold_rows(
    database: Database,
    connection: Connection,
    folding: Folding,
    tables: dict[Any, RowTable],
    found: Sequence[tuple[Any, ...]],
    until: int,
) -> None:
    """Fold rows of the log into tables, within a transaction; the rows may be of another database.

    Args:
        database: The database of the tables.
        connection: Its transaction.
        folding: A fresh folding of one projection; its `failures` say if a poison event stopped it. Then nothing
            was written.
        tables: The tables of that projection's rows.
        found: Rows of the log (`COLUMNS`), in order of position.
        until: The end of the stretch, for errors.

    Raises:
        RowsUnwritable: The tables cannot hold what the folds made.
    """
    projection = folding.projections[0]
    customers = sorted({row[5] for row in found})
    rows = folding.rows[projection.name]
    before = {row: _load(database, connection, table, rows, customers) for row, table in tables.items()}
    folding.fold([found] if found else [])
    if folding.failures:
        return
    try:
        for row, table in tables.items():
            _write(database, connection, table, rows, before[row])
            _check_customers(row, rows, customers)
    except database.value_errors as error:
        raise _unwritable(error, projection.name, found, until) from error


def _unwritable(error: Exception, projection: str, found: Sequence[tuple[Any, ...]], until: int) -> RowsUnwritable:
    stream = found[-1][1] if found else ""
    return RowsUnwritable(f"{type(error).__name__}: {error}", projection=projection, position=until, stream=stream)


def _load(
    database: Database, connection: Connection, table: RowTable, rows: Rows, customers: Sequence[str]
) -> dict[Any, tuple[Any, ...]]:
    """Load the customers' rows, and return them encoded as they were."""
    found: dict[Any, tuple[Any, ...]] = {}
    if not customers or table.select_of_customers is None:
        return found  # tallies are written as what is added
    into = rows.tables[table.row]
    width = len(table.row.key)
    for encoded in database.fetch_many(connection, table.select_of_customers, customers=customers):
        into[encoded[:width]] = table.decode(encoded)
        found[encoded[:width]] = encoded
    return found


def _write(
    database: Database, connection: Connection, table: RowTable, rows: Rows, before: dict[Any, tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Write the rows that have changed, and return all of them encoded, in the order of the rows."""
    cursor = database.cursor(connection)
    now = rows.tables[table.row]
    gone = [key for key in before if key not in now]
    if gone:
        cursor.executemany(table.delete_sql, gone)
    width = len(table.row.key)
    encoded = table.encode_all(now.values())
    changed = [values for values in encoded if before.get(values[:width]) != values]
    if changed:
        cursor.executemany(table.upsert.sql, changed)
    return encoded


def _check_customers(row: Any, rows: Rows, customers: Sequence[str]) -> None:
    """Refuse rows of customers without events here: such a fold would be wrong in shards."""
    if not issubclass(row, CustomerRow):
        return
    known = set(customers)
    for key in rows.tables[row]:
        if key[0] not in known:
            msg = f"a fold touched {row.__name__} of {key[0]!r}, whose events it was not folding"
            raise ValueError(msg)


_ROWS_KEPT = 100_000
"""Rows that stay in memory between stretches; with more, all are forgotten and loaded again where they are needed."""


class LiveFolding:
    """Several projections folded together, stretch after stretch: one scan of the log and one decode for all.

    Rows stay in memory between stretches. That is right as long as nobody else folds. Each stretch begins by moving the
    checkpoints from where this folding left them, and fails if they have moved.

    Args:
        log: The log.
        codec: Decodes its events.
        tables: The tables of each projection, by class of row.
        projections: The projections.
        local: The business's days and months.
        position: The position that all of them have reached.

    Attributes:
        names: The names of the projections, in order.
        position: The position that all of them have reached.
        local: The business's days and months.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        tables: Mapping[str, Mapping[Any, RowTable]],
        projections: Sequence[Projection],
        local: LocalTime,
        position: int,
    ) -> None:
        self.names = tuple(projection.name for projection in projections)
        self.position = position
        self.local = local
        self._log = log
        self._folding = Folding(codec, projections, local)
        self._topics = {each.name: frozenset(event.topic for event in each.folds) for each in projections}
        self._kept = [
            _KeptRows(each.name, table, self._folding.rows[each.name])
            for each in projections
            for table in tables[each.name].values()
        ]

    def fold(self, connection: Connection, until: int) -> None:
        """Fold up to a position, within a transaction. After an error, or if it is rolled back, start a new folding.

        Raises:
            ProjectionFailed: One of them met a poison event.
            RowsUnwritable: The tables cannot hold what the folds made.
        """
        wanted = frozenset().union(*self._topics.values())
        pages = self._log.scan(connection, COLUMNS, after=self.position, until=until)
        found = [row for page in pages for row in page if row[_TOPIC] in wanted]
        customers = {
            name: sorted({row[_CUSTOMER] for row in found if row[_TOPIC] in topics})
            for name, topics in self._topics.items()
        }
        database = self._log.database
        for kept in self._kept:
            kept.begin(database, connection, customers[kept.projection])
        self._folding.fold([found] if found else [])
        for failure in self._folding.failures.values():
            raise failure
        for kept in self._kept:
            try:
                kept.end(database, connection, customers[kept.projection])
            except database.value_errors as error:
                raise _unwritable(error, kept.projection, found, until) from error
        self.position = until
        if sum(kept.count for kept in self._kept) > _ROWS_KEPT:
            for kept in self._kept:
                kept.forget()


class _KeptRows:
    """The rows of one table that stay in memory, by customer.

    Attributes:
        projection: The name of the projection.
        count: The number of rows.
    """

    __slots__ = ("_before", "_by_customer", "_rows", "_table", "count", "projection")

    def __init__(self, projection: str, table: RowTable, rows: Rows) -> None:
        self.projection = projection
        self._table = table
        self._rows = rows
        self._by_customer: dict[str, dict[Any, tuple[Any, tuple[Any, ...]]]] = {}
        self._before: dict[Any, tuple[Any, ...]] = {}
        self.count = 0

    def begin(self, database: Database, connection: Connection, customers: Sequence[str]) -> None:
        """Give the folds the rows of some customers, from memory or from the table."""
        into = self._rows.tables[self._table.row]
        into.clear()
        self._before = {}
        if self._table.is_tally:
            return
        missing = []
        for customer in customers:
            known = self._by_customer.get(customer)
            if known is None:
                missing.append(customer)
                continue
            for key, (row, encoded) in known.items():
                into[key], self._before[key] = row, encoded
        self._before |= _load(database, connection, self._table, self._rows, missing)

    def end(self, database: Database, connection: Connection, customers: Sequence[str]) -> None:
        """Write what has changed, and keep the rows."""
        table, now = self._table, self._rows.tables[self._table.row]
        _check_customers(table.row, self._rows, customers)
        encoded = _write(database, connection, table, self._rows, self._before)
        if table.is_tally:
            return
        for customer in customers:
            self.count -= len(self._by_customer.get(customer, ()))
            self._by_customer[customer] = {}
        for (key, row), values in zip(now.items(), encoded, strict=True):
            self._by_customer[key[0]][key] = row, values
        self.count += len(now)

    def forget(self) -> None:
        """Keep nothing."""
        self._by_customer, self.count = {}, 0
