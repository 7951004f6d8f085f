"""The connection that writes to an SQLite file, kept open from one transaction to the next."""

from __future__ import annotations

import sqlite3
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
        self._driver: Any = None
        self._cursor: Any = None  # for the beginning and the end of each transaction
        self._inherited: list[Any] = []
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Return whether the connection is open."""
        return self._connection is not None

    def cursor(self, connection: Connection) -> Any:
        """Return a cursor of the driver, without asking SQLAlchemy for it; None for any other connection."""
        return self._driver.cursor() if connection is self._connection else None

    def forked(self) -> None:
        """Leave the connection to the parent process: SQLite forbids using or even closing it in the child."""
        self.lock = Lock()
        if self._connection is not None:
            self._inherited += self._connection, self._driver, self._cursor
            self._connection = self._driver = self._cursor = None

    def begin(self) -> Connection:
        """Begin a transaction. The caller holds the lock until it has called `end`."""
        connection = self._connection
        if connection is None:
            connection = self._begun()
            self._connection, self._is_closed = connection, False
            self._driver = connection.connection.driver_connection
            self._cursor = self._driver.cursor()
        else:
            self._cursor.execute("BEGIN IMMEDIATE")
        return connection

    def end(self, connection: Connection, error: BaseException | None) -> None:
        """Commit the transaction, or roll it back if an error ended it."""
        try:
            if error is None:
                self._commit(connection)
            else:
                self._take_back(connection, error)
        finally:
            if self._is_closed:
                self.drop()

    def _commit(self, connection: Connection) -> None:
        try:
            self._cursor.execute("COMMIT")
        except BaseException as error:
            self._take_back(connection, error)
            raise

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
            self.drop()
        else:
            raw: Any = connection.connection
            raw.rollback()

    def drop(self) -> None:
        """Close the connection, which rolls back what is open. The next transaction opens another.

        The caller holds the lock.
        """
        connection = self._connection
        self._connection = self._driver = self._cursor = None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection; a thread that is using it does so at the end."""
        self._is_closed = True
        if self.lock.acquire(blocking=False):
            try:
                self.drop()
            finally:
                self.lock.release()
