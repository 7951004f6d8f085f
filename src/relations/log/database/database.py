"""One database with a log: its connections and transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from math import ceil, isfinite
from threading import RLock, local
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    RootTransaction,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from relations.errors import (
    ForeignDatabase,
    InvalidInput,
    MissingExtra,
    OutcomeUnknown,
)
from relations.log.connections import HeldTransactions, WriterConnection
from relations.log.database.dialects import with_shared_statements
from relations.log.database.purging import Purging
from relations.log.database.statements import tables_of
from relations.log.failures import is_connection_lost, translated
from relations.log.forking import after_fork
from relations.log.in_place import FileInPlace
from relations.log.opening import ReadOnlyFile, parse_url
from relations.log.postgres.sessions import SCHEMA_OPTION, Sessions, checked_schema, lock_key, schema_channel
from relations.telemetry import Observed, Observers

__all__ = ["CHANNEL", "Access", "Database", "Durability", "WriteTransaction"]

T = TypeVar("T")
Access = Literal["write", "fold", "read"]
Durability = Literal["full", "normal", "off"]

CHANNEL = "relations_log"
"""The PostgreSQL channel on which an append announces new events."""

_LONGEST_SECONDS = 86_400

_KEPT_CONNECTIONS = 5
"""The most connections that stay open while nobody uses them."""


_CHECKPOINTS = "relations_views"
"""The table to which a reader must be able to write in order to bring views up to date."""

_LOCK_KEY = 0x72656C6174696F6E
"""The advisory lock that serialises appends: the letters `relation` as a number."""


class Database(Purging):
    """One database with a log.

    Opening a database changes nothing in it. `enable_wal` switches an SQLite file to write-ahead logging after the log
    has recognised it as its own.

    Args:
        url: An SQLAlchemy URL of SQLite or PostgreSQL (psycopg).
        durability: SQLite's `synchronous`: an acknowledged append survives a crash of the machine with `full`, of the
            process with `normal` and `off`. PostgreSQL: `synchronous_commit` is on with `full`, otherwise off.
        busy_seconds: The seconds that a writer waits for its turn.
        pool_size: The most connections that read or write at once. Subscriptions have their own.
        pool_seconds: The seconds that a caller waits for one of them.
        connect_seconds: The seconds that PostgreSQL may take to answer a new connection.
        schema: On PostgreSQL, the schema that has the tables; by default the one that the user's search path names.
        shares: Another database on the same server, whose pool of connections this one uses. It must outlive this one.
        access: `write`: events may be recorded. `fold`: only views may be brought up to date. `read`: nothing is
            changed, in the database or next to it; on read-only media an SQLite file is opened as immutable.

    Attributes:
        read_only: True if nothing may be changed.
        records: True if events and keys may be recorded.

    Raises:
        InvalidInput: The URL is not a database URL.
        MissingExtra: The URL is of PostgreSQL, and its driver is not installed.
        ForeignDatabase: With `read`, the SQLite file cannot be opened.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        durability: Durability = "full",
        busy_seconds: float = 30.0,
        access: Access = "write",
        pool_size: int = 15,
        pool_seconds: float = 30.0,
        connect_seconds: float = 10.0,
        schema: str | None = None,
        shares: Database | None = None,
    ) -> None:
        _check_limits(
            busy_seconds=busy_seconds, pool_size=pool_size, pool_seconds=pool_seconds, connect_seconds=connect_seconds
        )
        self.url = parse_url(url)
        self.durability = durability
        self.busy_seconds = busy_seconds
        self.access = access
        self.read_only = access == "read"
        self.records = access == "write"
        self.held = HeldTransactions()
        self._connect_seconds = connect_seconds
        kept = min(pool_size, _KEPT_CONNECTIONS)
        self._pool: dict[str, Any] = {"pool_size": kept, "max_overflow": pool_size - kept, "pool_timeout": pool_seconds}
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.schema = None if schema is None else checked_schema(schema)
        if schema is not None and self.is_sqlite:
            raise InvalidInput(
                "SQLite has no schemas", code="schema_not_applicable", field="schema", hint="Use one file for each log"
            )
        self.sessions: Sessions | None = None
        self._shares = shares
        self._in_place = FileInPlace()
        self._reader: ReadOnlyFile | None = None
        try:
            if self.read_only and self._is_plain_file:
                self._reader = ReadOnlyFile(self.url.database or "")
            self.engine: Engine = self._sqlite() if self.is_sqlite else self._in_schema(shares)
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "psycopg", extra="postgres", purpose="PostgreSQL") from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise translated(error, file=self.file) from error
        self.observers = Observers()
        self._turn = self._new_turn()
        self._joined = local()
        self.purge_owed = False
        self._purge_failed = False
        self._each_alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writing_engine = self.engine.execution_options(relations_begin="BEGIN IMMEDIATE")
        keeps = self.is_sqlite and not self.is_memory and not self.read_only
        self._writer = WriterConnection(self._writing_engine) if keeps else None
        self._inherited: list[Any] = []
        after_fork(self)

    def _new_turn(self) -> AbstractContextManager[Any]:
        # A database in memory has one connection, which threads must use in turn.
        return RLock() if self.is_memory else nullcontext()

    def forked(self) -> None:
        """Leave the connections to the parent process, in a child that was just forked from it."""
        self._turn = self._new_turn()
        if self.is_memory:
            return  # the database in memory was copied with the process
        # SQLite forbids even closing a connection that came over by a fork, so they are kept.
        self._inherited.append(self.engine.pool)
        self.engine.dispose(close=False)
        if self._writer is not None:
            self._writer.forked()

    def may_fold(self) -> bool:
        """Return whether views could be brought up to date here, by another opening of the same database."""
        if self.is_memory:
            return True
        if self._reader is not None:
            return self._reader.is_writable
        if self.is_sqlite:
            return "mode=ro" not in self.name and "immutable" not in self.name
        allowed = "SELECT NOT pg_is_in_recovery() AND has_table_privilege(:table, 'UPDATE')"
        with self.reading() as connection:
            if not tables_of(connection, [_CHECKPOINTS]):
                return bool(connection.execute(text("SELECT NOT pg_is_in_recovery()")).scalar())
            return bool(connection.execute(text(allowed), {"table": _CHECKPOINTS}).scalar())

    @property
    def is_memory(self) -> bool:
        """True for an SQLite database in memory, whose one connection threads use in turn."""
        name = self.url.database or ""
        return self.is_sqlite and (name in ("", ":memory:") or "mode=memory" in name)

    @property
    def _is_plain_file(self) -> bool:
        """True for an SQLite file given as a path, not as a URI with options."""
        return self.is_sqlite and not self.is_memory and not (self.url.database or "").startswith("file:")

    def _sqlite(self) -> Engine:
        # In memory all threads share one connection; with a file each checks out its own.
        # A connection is always returned with its transaction ended; to roll back once more would slow every command.
        options: dict[str, Any] = {"pool_reset_on_return": None}
        if self.is_memory:
            from sqlalchemy.pool import StaticPool  # noqa: PLC0415 - only where it is needed

            options["poolclass"] = StaticPool
        else:
            # One more for the connection that writes, which stays out of the pool.
            options.update(self._pool, max_overflow=self._pool["max_overflow"] + 1)
        if self._reader is not None:
            options["creator"] = partial(self._reader.connect, timeout=self.busy_seconds)
        options["connect_args"] = {"timeout": self.busy_seconds, "check_same_thread": False}
        engine = create_engine(**with_shared_statements(self.url), **options)
        synchronous = {"full": "FULL", "normal": "NORMAL", "off": "OFF"}[self.durability]

        @event.listens_for(engine, "connect")
        def configure(connection: sqlite3.Connection, _record: object) -> None:
            # We say BEGIN ourselves, so that a writer can say BEGIN IMMEDIATE. These settings are the connection's own;
            # none of them changes the file.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA synchronous={synchronous}")
            cursor.execute("PRAGMA secure_delete=ON")
            cursor.execute("PRAGMA cache_size=-65536")
            cursor.execute("PRAGMA mmap_size=1073741824")
            if self.read_only:
                cursor.execute("PRAGMA query_only=ON")
            cursor.close()
            self._in_place.opened(connection)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # The driver's own cursor: this runs for every transaction, and needs nothing that SQLAlchemy would add.
            raw: Any = connection.connection
            raw.cursor().execute(connection.get_execution_options().get("relations_begin", "BEGIN"))

        return engine

    def _in_schema(self, shares: Database | None) -> Engine:
        if shares is None:
            engine = self._postgresql()
        else:
            engine, self.sessions = shares.engine, shares.sessions
        return engine if self.schema is None else engine.execution_options(**{SCHEMA_OPTION: self.schema})

    @property
    def is_pooled(self) -> bool:
        """True if the connections lead to a pooler, whose sessions change with each transaction."""
        return self.sessions is not None and self.sessions.is_pooled

    @property
    def channel(self) -> str:
        """The PostgreSQL channel on which appends to this log are announced."""
        return schema_channel(self.schema, CHANNEL)

    def _postgresql(self) -> Engine:
        # libpq counts whole seconds and takes 1 for 2.
        connect = (
            {} if "connect_timeout" in self.url.query else {"connect_timeout": max(2, ceil(self._connect_seconds))}
        )
        engine = create_engine(
            **with_shared_statements(self.url), paramstyle="format", connect_args=connect, **self._pool
        )
        self.sessions = Sessions(
            synchronous_commit="on" if self.durability == "full" else "off",
            lock_milliseconds=int(self.busy_seconds * 1000),
            read_only=self.read_only,
        )
        self.sessions.attach(engine)
        return engine

    def enable_wal(self) -> None:
        """Switch an SQLite file permanently to write-ahead logging; only for a database recognised as a log.

        Raises:
            ConcurrencyConflict: Somebody has kept the file locked for `busy_seconds`.
        """
        if not self.is_sqlite or self.is_memory or self.read_only:
            return
        with self.translating():
            pooled = self.engine.raw_connection()
            try:
                self._switch_to_wal(pooled.cursor())
            finally:
                pooled.close()

    def _switch_to_wal(self, cursor: Any) -> None:
        # SQLite's own wait for locks does not cover this switch: of several that open a new file at the same moment,
        # all but one may be refused at once.
        until = monotonic() + self.busy_seconds
        while True:
            try:
                cursor.execute("PRAGMA journal_mode=WAL").fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() >= until:
                    raise
                sleep(0.005)
            else:
                return

    def copied_to_memory(self) -> Database:
        """Return a copy of an SQLite database in memory. Views may be folded there; no event is recorded in it."""
        copy = Database("sqlite://", busy_seconds=self.busy_seconds, access="fold")
        copy.name = self.name
        with self.translating():
            source, target = self.engine.raw_connection(), copy.engine.raw_connection()
            try:
                source.driver_connection.backup(target.driver_connection)  # type: ignore[union-attr] # both are open
            finally:
                target.close()
                source.close()
        return copy

    def observed(self, work: str, name: str) -> Observed:
        """Let the observers see a piece of work; entering it gives the facts, to which the work may add."""
        return Observed(self.observers.of(work), work, name)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction, which sees a single state of the database."""
        if (joined := getattr(self._joined, "connection", None)) is not None:
            yield joined
            return
        self._in_place.check()
        with self._turn, self.translating(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901
            with self._noticing_loss(connection), connection.begin():
                yield connection

    def fetch_alone(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of one statement for the driver, in a transaction of its own.

        PostgreSQL begins and ends that with the statement, which is one message and not three.
        """
        if self.is_sqlite or self.is_pooled or self.schema is not None:
            with self.reading() as connection:
                return list(self.cursor(connection, binary=True).execute(sql, values).fetchall())
        with self.translating(), self._each_alone.connect() as connection, self._noticing_loss(connection):
            return list(self.cursor(connection, binary=True).execute(sql, values).fetchall())

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open one read transaction for all that this thread reads until the end: each `reading` within joins it."""
        with self.reading() as connection:
            outer = getattr(self._joined, "connection", None)
            if outer is None:
                self._joined.known, self._joined.noted = {}, {}
            self._joined.connection = connection
            try:
                yield connection
            finally:
                self._joined.connection = outer

    def once(self, connection: Connection, read: Callable[[Connection], T]) -> T:
        """Return what is read from one state of the database. Within a `snapshot` it is read once.

        Args:
            connection: Sees the state.
            read: Reads it; the same function reads the same. Nobody may change what it returns.
        """
        if getattr(self._joined, "connection", None) is not connection:
            return read(connection)
        known: dict[Callable[..., Any], Any] = self._joined.known
        if read not in known:
            known[read] = read(connection)
        found: T = known[read]
        return found

    def note(self, connection: Connection, fact: object) -> None:
        """Note a fact about the state that a `snapshot` sees, for others who need it before the end.

        Args:
            connection: Sees the state.
            fact: What is true of it; `noted` finds it by its class.
        """
        if getattr(self._joined, "connection", None) is connection:
            self._joined.noted[type(fact)] = fact

    def noted(self, connection: Connection, kind: type[T]) -> T | None:
        """Return what was noted about the state that a `snapshot` sees; None if nothing was."""
        if getattr(self._joined, "connection", None) is not connection:
            return None
        found: T | None = self._joined.noted.get(kind)
        return found

    @property
    def in_snapshot(self) -> bool:
        """Return True if this thread is within a `snapshot`."""
        return getattr(self._joined, "connection", None) is not None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a plain transaction, and commit it at the end."""
        self._in_place.check()
        with (
            self._turn,
            self.translating(),
            self.engine.connect() as connection,
            self._noticing_loss(connection),
            connection.begin(),
        ):
            yield connection

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a write transaction that holds the log's one write lock, and commit it at the end.

        Raises:
            ForeignDatabase: The database was opened read-only.
            ConcurrencyConflict: Another writer held the lock for too long.
            OutcomeUnknown: The connection was lost during the commit.
            StoreError: The database failed; nothing was recorded.
        """
        return _Writing(self)

    def cursor(self, connection: Connection, *, binary: bool = False) -> Any:
        """Return the driver's cursor on SQLAlchemy's connection, for the hot paths."""
        kept = None if self._writer is None else self._writer.cursor(connection)
        return super().cursor(connection, binary=binary) if kept is None else kept

    @contextmanager
    def _writing_by_pool(self) -> Iterator[Connection]:
        self._in_place.check()
        with (
            self._turn,
            self.translating(),
            self._writing_engine.connect() as connection,
            self._noticing_loss(connection),
            connection.begin() as transaction,
        ):
            self.lock(connection)
            yield connection
            self._commit(transaction)
        self._in_place.check()

    def _commit(self, transaction: RootTransaction) -> None:
        try:
            transaction.commit()
        except (DBAPIError, self._dbapi.Error) as error:
            if is_connection_lost(error):
                raise OutcomeUnknown from error
            raise

    @contextmanager
    def _noticing_loss(self, connection: Connection) -> Iterator[None]:
        """Treat all connections of the pool as lost when one of them is."""
        try:
            yield
        except (DBAPIError, self._dbapi.Error, OutcomeUnknown) as error:
            if isinstance(error, OutcomeUnknown) or is_connection_lost(error):
                if not connection.invalidated:
                    connection.invalidate()
                self.engine.dispose()
            raise

    def refuse_read_only(self) -> None:
        """Refuse to record anything in a database that was not opened for writing.

        Raises:
            ForeignDatabase: The database was opened for reading only.
        """
        if not self.records:
            raise ForeignDatabase(
                "the database was opened for reading only", code="read_only", hint="Open it with access='write'"
            )

    def lock(self, connection: Connection) -> None:
        """Take the write lock within the transaction of `connection`; waits for its turn.

        Raises:
            ConcurrencyConflict: A deferred SQLite transaction of the host's has read before and can write no more.
        """
        if not self.is_sqlite:
            self.cursor(connection).execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(self.schema, _LOCK_KEY),))
        elif connection.get_execution_options().get("relations_begin") is None:
            # The host's own transaction may have begun as a reader. A write that changes nothing makes it a writer.
            cursor = self.cursor(connection)
            driver: Any = connection.connection.driver_connection
            if not driver.in_transaction:
                cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("UPDATE relations_meta SET value = value WHERE name = 'format'")

    def is_autocommit(self, connection: Connection) -> bool:
        """Return whether a host's connection, in which SQLAlchemy has begun, is in no transaction of the driver's."""
        driver: Any = connection.connection.driver_connection
        if not self.is_sqlite:
            # The driver asyncpg has no such setting; SQLAlchemy's adapter of it has.
            adapter: Any = connection.connection.dbapi_connection
            return bool(driver.autocommit if hasattr(driver, "autocommit") else adapter.autocommit)
        if getattr(driver, "autocommit", None) is True:
            return True
        return driver.isolation_level is None and not driver.in_transaction

    def notify(self, connection: Connection) -> None:
        """Notify PostgreSQL's listeners, at commit, that there are new events."""
        if not self.is_sqlite:
            self.cursor(connection).execute(f"NOTIFY {self.channel}")

    def close(self) -> None:
        """Close every connection."""
        if self._writer is not None:
            self._writer.close()
        if self._shares is None:
            self.engine.dispose()
        if self._reader is not None:
            self._reader.close()


class WriteTransaction:
    """A write transaction on the connection kept for them, or on one of the pool while another thread uses that.

    A class, for a generator within a generator costs every command more.

    Args:
        database: The database.
    """

    __slots__ = ("_connection", "_database", "_kept", "_pooled")

    _connection: Connection
    _kept: WriterConnection

    def __init__(self, database: Database) -> None:
        if database.read_only:
            database.refuse_read_only()
        database.held.refuse_wait()
        self._database = database
        self._pooled: AbstractContextManager[Connection] | None = None

    def begin(self) -> Connection:
        """Begin the transaction, and return its connection."""
        database, kept = self._database, self._database._writer
        if kept is None or not kept.lock.acquire(blocking=False):
            self._pooled = database._writing_by_pool()
            return self._pooled.__enter__()
        self._kept = kept
        try:
            if not kept.is_open:
                database._in_place.check()
            self._connection = kept.begin()
        except BaseException as failure:
            # An interrupt may come after the transaction has begun; it must not stay open.
            kept.drop()
            kept.lock.release()
            database.raise_translated(failure)
            raise
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._pooled is not None:
            return self._pooled.__exit__(kind, error, traceback)
        database, kept = self._database, self._kept
        try:
            kept.end(self._connection, error)
        except BaseException as failure:
            database.raise_translated(failure)
            raise
        finally:
            kept.lock.release()
        if error is not None:
            database.raise_translated(error)
        else:
            # A commit to a file that was removed or replaced must not be acknowledged.
            database._in_place.check()
        return None


class _Writing(WriteTransaction, AbstractContextManager[Connection]):
    """A write transaction that gives its connection."""

    __slots__ = ()

    def __enter__(self) -> Connection:
        return self.begin()


def _check_limits(*, pool_size: int, **seconds: float) -> None:
    if pool_size < 1:
        raise InvalidInput(
            f"an engine cannot work with {pool_size} connections",
            code="invalid_pool_size",
            field="pool_size",
            hint="Give 1 or more",
        )
    for name, value in seconds.items():
        if not (isfinite(value) and 0 <= value <= _LONGEST_SECONDS):
            raise InvalidInput(
                f"{value} is not a number of seconds to wait",
                code=f"invalid_{name}",
                field=name,
                hint="Give 0 to 86400",
            )
