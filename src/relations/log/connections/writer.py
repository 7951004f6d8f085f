"""The connection that writes to an SQLite file, kept open from one transaction to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

__all__ = ["WriterConnection"]


class WriterConnection:
    """One connection to an SQLite file that stays open from one write transaction to the next.

    Taking a connection from the pool, beginning and committing by SQLAlchemy and giving it back costs as much again as
    appending an event. Here SQLAlchemy sees one transaction that never ends, and this class begins and commits each
    one through the driver. A thread that finds the connection taken uses the pool.

    Attributes:
        lock: Only the thread that holds it may use the connection.
    """

    def __init__(self, engine: Engine) -> None:
        self.lock = Lock()
        self._engine = engine
        self._connection: Connection | None = None
        self._inherited: list[Connection] = []
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Return whether the connection is open."""
        return self._connection is not None

    def forked(self) -> None:
        """Leave the connection to the parent process: SQLite forbids using or even closing it in the child."""
        self.lock = Lock()
        if self._connection is not None:
            self._inherited.append(self._connection)
            self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction, and commit it at the end. The caller holds the lock."""
        connection = self._connection
        if connection is None:
            connection = self._begun()
            self._connection, self._is_closed = connection, False
        else:
            _cursor(connection).execute("BEGIN IMMEDIATE")
        try:
            yield connection
            _cursor(connection).execute("COMMIT")
        except BaseException as error:
            self._take_back(connection, error)
            raise
        finally:
            if self._is_closed:
                self._drop()

    def _begun(self) -> Connection:
        connection = self._engine.connect()
        try:
            connection.begin()  # which says BEGIN IMMEDIATE
        except BaseException:
            connection.close()
            raise
        return connection

    def _take_back(self, connection: Connection, error: BaseException) -> None:
        # A host may have tried to end the transaction, even to close the connection, and so ended it for SQLAlchemy.
        if not connection.in_transaction() or isinstance(error, (DBAPIError, sqlite3.Error)):
            self._drop()  # which rolls back; the next transaction opens a new one
        else:
            raw: Any = connection.connection
            raw.rollback()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection; a thread that is using it does so at the end."""
        self._is_closed = True
        if self.lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self.lock.release()


def _cursor(connection: Connection) -> sqlite3.Cursor:
    raw: Any = connection.connection
    cursor: sqlite3.Cursor = raw.cursor()
    return cursor
