"""The connection of an SQLite file that writes: kept open from one transaction to the next."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

__all__ = ["KeptWriter"]


class KeptWriter:
    """One connection to an SQLite file that stays open from one write transaction to the next.

    To take a connection from the pool, begin and commit by SQLAlchemy and give it back costs as much again as to append
    an event. Here SQLAlchemy sees one transaction that never ends, and the driver is told of each. Who finds it taken,
    by another thread, uses the pool.

    Attributes:
        lock: Whoever has it may use the connection.
    """

    def __init__(self, engine: Engine) -> None:
        self.lock = Lock()
        self._engine = engine
        self._connection: Connection | None = None
        self._process = 0
        self._inherited: list[Connection] = []
        self._is_closed = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin, and commit at the end; the caller has the lock."""
        connection = self._connection
        if connection is not None and self._process != os.getpid():
            # SQLite forbids to use, or even to close, what came over by a fork.
            self._inherited.append(connection)
            connection = None
        if connection is None:
            connection = self._begun()
            self._connection, self._process, self._is_closed = connection, os.getpid(), False
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
        if connection.invalidated or isinstance(error, (DBAPIError, sqlite3.Error)):
            self._drop()  # which rolls back; whatever has happened to it, the next one is new
        else:
            raw: Any = connection.connection
            raw.rollback()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection, or have the thread that is using it do so at the end."""
        self._is_closed = True
        if self.lock.acquire(blocking=False):
            try:
                if self._process == os.getpid():
                    self._drop()
            finally:
                self.lock.release()


def _cursor(connection: Connection) -> sqlite3.Cursor:
    raw: Any = connection.connection
    cursor: sqlite3.Cursor = raw.cursor()
    return cursor
