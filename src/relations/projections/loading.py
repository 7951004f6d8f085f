"""Filling fresh tables with many rows: as they are folded here, or as another process has packed them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, TypeAlias

from relations.log.database import Database
from relations.projections.checkpoints import writing_views
from relations.projections.tables import RowTable

__all__ = ["Parts", "load", "load_packed", "pack"]

_LOAD_BATCH = 20_000
"""Rows a transaction: few enough that a writer of the log waits less than a tenth of a second for its turn."""

Parts: TypeAlias = Iterable[list[tuple[Any, ...]]]
"""A table's encoded rows, a few thousand at a time."""


def load(database: Database, table: RowTable, parts: Parts) -> None:
    """Fill a table with its encoded rows."""
    rest = iter(parts)
    part = next(rest, None)
    while part is not None:
        with writing_views(database) as connection:
            cursor = database.cursor(connection)
            written = 0
            while part is not None and written < _LOAD_BATCH:
                _write(cursor, table, part)
                written += len(part)
                part = next(rest, None)


def _write(cursor: Any, table: RowTable, rows: Sequence[tuple[Any, ...]]) -> None:
    if not table.is_tally:
        table.fill(cursor, rows)
    elif rows:
        # Each shard has a part of every tally; together they are the whole.
        cursor.executemany(table.upsert.sql, rows)


def pack(tables: Iterable[tuple[RowTable, Parts]]) -> bytes:
    """Rows as a database of SQLite's, made in memory: another process takes them in without looking at each."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=OFF")
        for table, parts in tables:
            columns = ", ".join(f'"{name}"' for name in table.names)
            cursor.execute(f'CREATE TABLE "{table.base_name}" ({columns})')
            cursor.execute("BEGIN")
            # In the order of their keys, so that whoever takes them in only ever adds at the end.
            table.fill(cursor, sorted(chain.from_iterable(parts)))
            cursor.execute("COMMIT")
        return connection.serialize()


def load_packed(database: Database, tables: Iterable[RowTable], packed: bytes) -> None:
    """Fill tables with packed rows: of a database in a file."""
    with _attached(database, packed) as cursor:
        for table in tables:
            name = table.base_name
            last = cursor.execute(f'SELECT max(rowid) FROM shard."{name}"').fetchone()[0] or 0  # noqa: S608 - ours
            for after in range(0, last, _LOAD_BATCH):
                where = f'shard."{name}" WHERE rowid > {after} AND rowid <= {after + _LOAD_BATCH}'
                cursor.execute("BEGIN IMMEDIATE")
                if table.is_tally:
                    _write(cursor, table, cursor.execute(f"SELECT * FROM {where}").fetchall())  # noqa: S608 - likewise
                else:
                    cursor.execute(f'INSERT OR FAIL INTO main."{table.table.name}" SELECT * FROM {where}')  # noqa: S608
                cursor.execute("COMMIT")


@contextmanager
def _attached(database: Database, packed: bytes) -> Iterator[sqlite3.Cursor]:
    """A cursor of a connection that sees the packed database as `shard`."""
    with database.translating():
        pooled = database.engine.raw_connection()  # within a transaction of SQLAlchemy's nothing can be attached
        try:
            connection: Any = pooled.driver_connection
            cursor = connection.cursor()
            cursor.execute("ATTACH ':memory:' AS shard")
            try:
                connection.deserialize(packed, name="shard")
                yield cursor
            finally:
                if connection.in_transaction:
                    cursor.execute("ROLLBACK")
                cursor.execute("DETACH shard")
        finally:
            pooled.close()
