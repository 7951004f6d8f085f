"""Folding a stretch of the log into tables that hold what came before it: load, fold, write what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from relations.errors import ProjectionFailed
from relations.log.database import Database
from relations.log.log import Log
from relations.projections.projection import CustomerRow, Rows
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.tables import RowTable

__all__ = ["RowsUnwritable", "fold_live", "fold_rows"]


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
    before = {row: _load(connection, table, rows, customers) for row, table in tables.items()}
    folding.fold([found] if found else [])
    if folding.failures:
        return
    try:
        for row, table in tables.items():
            _write(database, connection, table, rows, before[row])
            _check_customers(row, rows, customers)
    except database.value_errors as error:
        stream = found[-1][1] if found else ""
        reason = f"{type(error).__name__}: {error}"
        raise RowsUnwritable(reason, projection=projection.name, position=until, stream=stream) from error


def _load(connection: Connection, table: RowTable, rows: Rows, customers: Sequence[str]) -> dict[Any, tuple[Any, ...]]:
    """Load the customers' rows, and return them encoded as they were."""
    found: dict[Any, tuple[Any, ...]] = {}
    if table.is_tally:
        return found  # tallies are written as what is added
    into = rows.tables[table.row]
    width = len(table.row.key)
    for start in range(0, len(customers), 500):
        part = customers[start : start + 500]
        for values in connection.execute(select(table.table).where(table.table.c.customer.in_(part))):
            encoded = tuple(values)
            into[encoded[:width]] = table.decode(encoded)
            found[encoded[:width]] = encoded
    return found


def _write(
    database: Database, connection: Connection, table: RowTable, rows: Rows, before: dict[Any, tuple[Any, ...]]
) -> None:
    cursor = database.cursor(connection)
    now = rows.tables[table.row]
    gone = [key for key in before if key not in now]
    if gone:
        cursor.executemany(table.delete_sql, gone)
    width = len(table.row.key)
    changed = [values for values in table.encode_all(now.values()) if before.get(values[:width]) != values]
    if changed:
        cursor.executemany(table.upsert.sql, changed)


def _check_customers(row: Any, rows: Rows, customers: Sequence[str]) -> None:
    """Refuse rows of customers without events here: such a fold would be wrong in shards."""
    if not issubclass(row, CustomerRow):
        return
    known = set(customers)
    for key in rows.tables[row]:
        if key[0] not in known:
            msg = f"a fold touched {row.__name__} of {key[0]!r}, whose events it was not folding"
            raise ValueError(msg)
