"""The driver's own cursors, statements and errors, for the hot paths that do without SQLAlchemy."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, overload

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, Table
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import ClauseElement

from relations.errors import StoreError
from relations.log.connections import host_cursor
from relations.log.database.statements import CompiledStatement, among, compiled, insert_into
from relations.log.failures import translated

__all__ = ["DriverAccess", "SharedStatement"]


class DriverAccess:
    """The differences between the drivers of SQLite and PostgreSQL.

    Attributes:
        url: The database's URL.
        is_sqlite: True for SQLite, False for PostgreSQL.
        engine: The pool of connections.
    """

    url: URL
    is_sqlite: bool
    engine: Engine
    _pool: dict[str, Any]

    _compiled: ClassVar[dict[Hashable, CompiledStatement]] = {}

    def compile(self, statement: ClauseElement) -> CompiledStatement:
        """Compile a Core statement for the driver's own cursor, with positional parameters."""
        return compiled(statement, self.engine.dialect)

    def compile_once(self, key: Hashable, build: Callable[[], ClauseElement]) -> CompiledStatement:
        """Return a statement compiled once in this process for each kind of database.

        Args:
            key: Identifies the statement; of a few values only, for what is compiled is kept.
            build: Returns the statement, where it is not compiled yet.
        """
        full_key = (self.engine.dialect.name, key)
        found = self._compiled.get(full_key)
        if found is None:
            found = self._compiled[full_key] = self.compile(build())
        return found

    def insert(self, table: Table) -> Any:
        """Return an insert that may say what happens on a conflict, in the database's own dialect."""
        return insert_into(table, self.engine.dialect)

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Return the condition that a column is among any number of values, given as one parameter (`many`)."""
        return among(column, name, self.engine.dialect)

    def many(self, values: Sequence[str]) -> Any:
        """Return the parameter of `among`."""
        return json.dumps(list(values)) if self.is_sqlite else list(values)

    def fetch_many(self, connection: Connection, statement: CompiledStatement, **values: Sequence[str]) -> list[Any]:
        """Return the rows of a compiled statement whose parameters each hold many values (`among`)."""
        bound = statement.bind(**{name: self.many(many) for name, many in values.items()})
        rows: list[Any] = self.cursor(connection, binary=True).execute(statement.sql, bound).fetchall()
        return rows

    def cursor(self, connection: Connection, *, binary: bool = False) -> Any:
        """Return the driver's cursor on SQLAlchemy's connection, for the hot paths."""
        if connection.dialect is not self.engine.dialect:
            return host_cursor(connection, binary=binary)
        raw: Any = connection.connection
        return raw.cursor() if self.is_sqlite or not binary else raw.cursor(binary=True)

    @contextmanager
    def tolerating_damage(self, connection: Connection) -> Iterator[Any]:
        """Return a driver's cursor that continues past damaged texts that are not UTF-8.

        The bytes that do not fit come as lone surrogates, which nothing can encode, so they cannot be taken for
        anything else. PostgreSQL refuses such texts itself.
        """
        cursor = self.cursor(connection, binary=True)
        if not self.is_sqlite:
            yield cursor
            return
        driver: sqlite3.Connection = cursor.connection
        usual = driver.text_factory
        driver.text_factory = lambda stored: stored.decode(errors="surrogateescape")
        try:
            yield cursor
        finally:
            driver.text_factory = usual

    @contextmanager
    def without_overwriting(self, connection: Connection) -> Iterator[None]:
        """Let SQLite delete without overwriting the old content: for tables that hold no personal words in clear.

        Overwriting the pages of a dropped table would write the whole table once more.
        """
        with self._secure_delete(connection, "OFF"):
            yield

    @contextmanager
    def overwriting(self, connection: Connection) -> Iterator[None]:
        """Let SQLite overwrite what it deletes, on a host's connection too, whatever the host has set."""
        with self._secure_delete(connection, "ON"):
            yield

    @contextmanager
    def _secure_delete(self, connection: Connection, mode: str) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        cursor = self.cursor(connection)
        (before,) = cursor.execute("PRAGMA secure_delete").fetchone()
        cursor.execute(f"PRAGMA secure_delete={mode}").fetchall()
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA secure_delete={('OFF', 'ON', 'FAST')[before]}").fetchall()

    @property
    def _dbapi(self) -> Any:
        return self.engine.dialect.loaded_dbapi

    @property
    def integrity_error(self) -> type[Exception]:
        """The errors that the log's own driver raises if a unique key exists already."""
        return self.integrity_error_of(self.engine.dialect)

    def integrity_error_of(self, dialect: Dialect) -> type[Exception]:
        """Return the error that a dialect's driver raises if a unique key exists already."""
        error: type[Exception] = dialect.loaded_dbapi.IntegrityError
        return error

    @property
    def value_errors(self) -> tuple[type[Exception], ...]:
        """The errors that the driver or Python raises if a value does not fit its column."""
        dbapi = self._dbapi
        theirs = (dbapi.DataError, dbapi.IntegrityError, dbapi.InterfaceError, dbapi.ProgrammingError)
        return (*theirs, ValueError, TypeError, OverflowError)

    @contextmanager
    def translating(self, connection: Connection | None = None) -> Iterator[None]:
        """Translate errors of SQLAlchemy and of the driver, or a host's driver; see `relations.log.failures`."""
        try:
            yield
        except Exception as error:
            self.raise_translated(error, None if connection is None else connection.dialect)
            raise

    def raise_translated(self, error: BaseException, dialect: Dialect | None = None) -> None:
        """Raise an error of SQLAlchemy or of the driver as one of ours; do nothing if it is neither's.

        Args:
            error: The error.
            dialect: A host's dialect; by default the log's own.
        """
        if isinstance(error, PoolTimeout):
            raise StoreError(
                f"all {self._pool['pool_size'] + self._pool['max_overflow']} connections to the database are in use",
                code="pool_exhausted",
                hint="Try again, or open the engine with a larger pool_size",
            ) from error
        driver = (dialect or self.engine.dialect).loaded_dbapi
        # The driver's own errors too: the hot paths use its cursor without SQLAlchemy in between.
        if isinstance(error, (DBAPIError, driver.Error, UnicodeDecodeError)):
            raise translated(error, file=self.file if dialect is None else "") from error

    @property
    def file(self) -> str:
        """The file of the database, for messages; empty on PostgreSQL."""
        return (self.url.database or "") if self.is_sqlite else ""

    @cached_property
    def name(self) -> str:
        """The URL without its password, for messages."""
        return self.url.render_as_string(hide_password=True)


class SharedStatement:
    """A Core statement as an attribute of a class whose instances have a `_database`.

    It is compiled on first use, once for each kind of database: an engine opens several times faster than if it
    compiled all its statements.

    Args:
        build: Returns the statement for a database.
    """

    def __init__(self, build: Callable[[DriverAccess], ClauseElement]) -> None:
        self._build = build
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the attribute's name, under which an instance keeps what was compiled."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> SharedStatement: ...
    @overload
    def __get__(self, instance: Any, owner: type) -> CompiledStatement: ...
    def __get__(self, instance: Any, owner: type) -> SharedStatement | CompiledStatement:
        """Return the compiled statement."""
        if instance is None:
            return self
        database: DriverAccess = instance._database
        found = database.compile_once(self, lambda: self._build(database))
        instance.__dict__[self._name] = found  # where it is found from now on, without this method
        return found
