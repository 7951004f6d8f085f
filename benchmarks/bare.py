"""The limit of writing: finished rows inserted into the log's table, with its indexes and triggers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relations.log.database import Database, Durability
from relations.log.log import Log

__all__ = ["BareTable"]


class BareTable:
    """The log's table on a driver's connection with the engine's settings."""

    def __init__(self, path: Path, durability: Durability) -> None:
        self._log = Log(Database(f"sqlite:///{path}", durability=durability))
        pooled = self._log.database.engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        pooled.detach()
        self._connection = connection
        self._cursor = connection.cursor()

    def insert_each(self, transactions: Iterable[Sequence[tuple[Any, ...]]]) -> None:
        """Insert and commit one transaction after another."""
        execute, insert = self._cursor.execute, self._log.insertion.sql
        for rows in transactions:
            execute("BEGIN IMMEDIATE")
            if len(rows) == 1:
                execute(insert, rows[0])
            else:
                self._cursor.executemany(insert, rows)
            execute("COMMIT")

    @property
    def durability(self) -> str:
        """The connection's journal and synchronous modes, as SQLite reports them."""
        journal = self._cursor.execute("PRAGMA journal_mode").fetchone()[0]
        level = ("OFF", "NORMAL", "FULL", "EXTRA")[self._cursor.execute("PRAGMA synchronous").fetchone()[0]]
        return f"{journal.upper()}, synchronous={level}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._log.database.close()
