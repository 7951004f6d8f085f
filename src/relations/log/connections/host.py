"""A host's own SQLAlchemy connection, in whose transaction the log appends.

The log speaks to drivers without SQLAlchemy in between. Drivers for asyncio, which a host uses through
`AsyncConnection.run_sync`, have cursors of another shape and other marks for parameters: `host_cursor` evens that out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import ref

from sqlalchemy import Connection, Dialect, RootTransaction
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from relations.errors import ConcurrencyConflict, ForeignDatabase, InvalidInput
from relations.log.failures import is_connection_lost

if TYPE_CHECKING:
    import asyncio

__all__ = ["HeldTransactions", "acting_for", "checked_host", "host_cursor", "noticing_host_loss"]

_DRIVERS = {"sqlite": ("pysqlite", "aiosqlite"), "postgresql": ("psycopg", "asyncpg")}
"""The drivers that a host's connection may use, by database. `psycopg` serves asyncio too."""

acting_for: ContextVar[asyncio.Task[Any] | None] = ContextVar("acting_for", default=None)
"""The caller's task, where another task does the work for it."""

_MARK = re.compile(r"%%|%s")


def checked_host(connection: Any, dialect: Dialect) -> Connection:
    """Return a host's connection, after checking that the log can be written with it.

    Args:
        connection: Anything that a caller passes as `connection`.
        dialect: The dialect of the log's own database.

    Raises:
        InvalidInput: It is not an open connection of SQLAlchemy, or its driver is not supported.
        ForeignDatabase: It is a connection to another kind of database.
    """
    if not isinstance(connection, Connection):
        raise _not_a_connection(connection)
    if connection.closed:
        raise InvalidInput(
            "the connection is closed", code="connection_closed", field="connection", hint="Pass an open connection"
        )
    name, driver = connection.dialect.name, connection.dialect.driver
    if name != dialect.name:
        raise ForeignDatabase(
            f"the connection leads to {name}, and the log is in {dialect.name}",
            code="other_database",
            hint="Connect to the database that the engine was opened on",
        )
    allowed = _DRIVERS[dialect.name]
    if driver not in allowed:
        raise InvalidInput(
            f"the connection uses the driver {driver!r}, which is not supported",
            code="unsupported_driver",
            field="connection",
            hint=f"Connect with one of {', '.join(allowed)}",
        )
    return connection


def _not_a_connection(given: Any) -> InvalidInput:
    kind = type(given).__name__
    if hasattr(given, "run_sync"):
        hint = "Use AsyncRelations, or await connection.run_sync(lambda conn: engine.execute(command, connection=conn))"
        if hasattr(given, "get_bind"):
            hint = "Pass its connection to AsyncRelations.execute: connection=await session.connection()"
    elif callable(getattr(type(given), "connection", None)):
        hint = "Pass its connection: connection=session.connection()"
    else:
        hint = "Pass a connection of SQLAlchemy, such as engine.begin() gives"
    return InvalidInput(
        f"an object of the class {kind} is not an SQLAlchemy connection",
        code="invalid_connection",
        field="connection",
        hint=hint,
    )


def host_cursor(connection: Connection, *, binary: bool) -> Any:
    """Return a cursor of a host's connection that reads and writes as the log's own cursors do.

    Args:
        connection: The host's connection.
        binary: Read values in binary, where the driver has a choice.
    """
    raw: Any = connection.connection
    dialect = connection.dialect
    if not dialect.is_async:
        return raw.cursor() if dialect.name == "sqlite" or not binary else raw.cursor(binary=True)
    return _AdaptedCursor(raw.cursor(), is_numbered=dialect.paramstyle.startswith("numeric"))


@contextmanager
def noticing_host_loss(connection: Connection) -> Iterator[None]:
    """Let SQLAlchemy notice that a host's connection was lost, so that the host's pool does not hand it out again.

    The log speaks to the driver, so SQLAlchemy does not see the errors. A statement of its own shows it the loss.
    """
    try:
        yield
    except Exception as error:
        if is_connection_lost(error) or getattr(error, "code", None) == "connection_lost":
            with suppress(DBAPIError, InvalidRequestError):
                connection.exec_driver_sql("SELECT 1")
        raise


class _AdaptedCursor:
    """A cursor of one of SQLAlchemy's adapters of drivers for asyncio, in the shape of the log's own cursors."""

    __slots__ = ("_cursor", "_is_numbered")

    def __init__(self, cursor: Any, *, is_numbered: bool) -> None:
        self._cursor = cursor
        self._is_numbered = is_numbered

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        self._cursor.execute(self._marked(sql), tuple(parameters) or None)
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Self:
        self._cursor.executemany(self._marked(sql), [tuple(row) for row in rows])
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        row = self._cursor.fetchone()
        return None if row is None else tuple(row)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._cursor.fetchall()]

    def _marked(self, sql: str) -> str:
        """Return a statement with the driver's marks: `$1` where the log's own driver has `%s`."""
        if not self._is_numbered:
            return sql
        number = 0

        def mark(found: re.Match[str]) -> str:
            nonlocal number
            if found[0] == "%%":
                return "%"
            number += 1
            return f"${number}"

        return _MARK.sub(mark, sql)


class _Held(NamedTuple):
    """A host's transaction that holds the log's write lock."""

    connection: ref[Connection]
    transaction: ref[RootTransaction]
    thread: int
    task: ref[asyncio.Task[Any]] | None

    @property
    def is_open(self) -> bool:
        connection, transaction = self.connection(), self.transaction()
        if connection is None or transaction is None or connection.closed:
            return False
        return connection.get_transaction() is transaction and bool(transaction.is_active)


class HeldTransactions:
    """The transactions of hosts, within this process, that hold the log's write lock.

    A caller who forgets to pass the connection would wait for a lock that only the caller could release.

    Attributes:
        lent: The log's own connection while a host has it.
    """

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self.lent: Connection | None = None

    def add(self, connection: Connection) -> None:
        """Note that the transaction of a host's connection now holds the lock, until it ends."""
        transaction = connection.get_transaction()
        if transaction is None:
            return
        task = _current_task()
        self._held = {key: held for key, held in self._held.items() if held.is_open}
        self._held[id(connection)] = _Held(
            ref(connection), ref(transaction), get_ident(), None if task is None else ref(task)
        )

    @contextmanager
    def lending(self, connection: Connection) -> Iterator[None]:
        """Note, while the body runs, that the log's own connection is lent to a host of this thread."""
        self.add(connection)
        self.lent = connection
        try:
            yield
        finally:
            self.lent = None
            self._held = {key: held for key, held in self._held.items() if key != id(connection)}

    def refuse_wait(self) -> None:
        """Refuse to wait for the lock where this thread's, or this task's, own open transaction holds it.

        Raises:
            ConcurrencyConflict: It does (`own_transaction`).
        """
        if not self._held:
            return
        thread, task = get_ident(), _current_task()
        for held in list(self._held.values()):
            own = held.thread == thread if held.task is None or task is None else held.task() is task
            if own and held.is_open:
                raise ConcurrencyConflict(
                    "your own open transaction holds the log's write lock, so this would wait for itself",
                    code="own_transaction",
                    field="connection",
                    hint="Pass that transaction's connection, or end the transaction first",
                )


def _current_task() -> asyncio.Task[Any] | None:
    if (loops := sys.modules.get("asyncio")) is None:  # without it, no task runs
        return None
    try:
        return acting_for.get() or loops.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None
