"""The log: append, read and check. Writers take turns, so positions are gap-free and in the order of commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

from sqlalchemy import Connection, Select, bindparam, exists, func, insert, literal_column, select, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from relations.errors import ForeignDatabase, InvalidInput, NewerLog, StoreError
from relations.log.chain import GENESIS, check, link
from relations.log.connections import checked_host, noticing_host_loss
from relations.log.database import Database, SharedStatement, WriteTransaction, create_tables, tables_of
from relations.log.failures import translated
from relations.log.tables import (
    COLUMNS,
    CREATE_TRIGGERS,
    FORMAT,
    MARKED,
    MARKS_VERSION,
    WITH_DIGESTS,
    fact,
    log,
    meta,
    metadata,
    record_facts,
)
from relations.telemetry import Observed
from relations.version import VERSION

__all__ = ["Entry", "Head", "Log", "Shard", "Writer"]

Raw = tuple[Any, ...]

_CHUNK = 1_000
"""Rows a read: keyset pages need no transaction of their own to stay open, on either database. This many stay in the
processor's cache until they are done with; ten times as many take a quarter longer to read."""

_CUSTOMERS_CHUNK = 500
"""Rows a read where customers come one after the other: with all that is folded of them they stay in the cache."""


class Entry(NamedTuple):
    """An event to append, as the caller decides it. The log adds position and digest."""

    stream: str
    version: int
    topic: str
    schema: int
    customer: str
    occurred_at: int
    recorded_at: int
    actor: str
    command_id: str
    command_seq: int
    command_hash: bytes | None
    cause: str | None
    body: bytes


class Head(NamedTuple):
    """The last position of the log and its digest."""

    position: int
    digest: bytes


class Shard(NamedTuple):
    """A range of customers, with `first` included and `last` excluded (None: no bound)."""

    first: str | None
    last: str | None


class Writer:
    """The log within one write transaction, created by `Log.writing`.

    Attributes:
        connection: The transaction's connection.
        cursor: The driver's cursor on it, which writes.
        reader: The driver's cursor on it, which reads values in binary.
        head: The last position of the log and its digest.
        appended: The number of events that were appended.
        is_known: True if the log has the command that was asked for.
    """

    __slots__ = ("_log", "appended", "connection", "cursor", "head", "is_known", "reader")

    def __init__(self, log: Log, connection: Connection, command_id: str = "") -> None:
        self._log = log
        self.connection = connection
        self.cursor = log.database.cursor(connection)
        self.reader = self.cursor if log.database.is_sqlite else log.database.cursor(connection, binary=True)
        if command_id:
            self.head, self.is_known = log.head_and_command(self.reader, command_id)
        else:
            self.head, self.is_known = log.head_by(self.reader), False
        self.appended = 0

    @property
    def integrity_error(self) -> type[Exception]:
        """The driver's error for a unique key that exists already."""
        return self._log.database.integrity_error_of(self.connection.dialect)

    def append(self, entries: Sequence[Entry]) -> list[Raw]:
        """Append entries after the head, in order.

        Returns:
            The rows as stored, all columns.
        """
        position, digest = self.head
        rows: list[Raw] = []
        for entry in entries:
            position += 1
            row = (position, *entry)
            digest = link(digest, row)
            rows.append((*row, digest))
        if observers := self._log.database.observers.of("append"):
            with Observed(observers, "append", "relations_log") as facts:
                facts["events"] = len(rows)
                self._insert(rows, entries)
        else:
            self._insert(rows, entries)
        self._moved_to(Head(position, digest), len(rows))
        return rows

    def _moved_to(self, head: Head, appended: int) -> None:
        """Take the new head, and have those who listen notified once the transaction is committed."""
        self.head = head
        if appended and not self.appended:
            self._log.database.notify(self.connection)
        self.appended += appended

    def _insert(self, rows: Sequence[Raw], entries: Sequence[Entry]) -> None:
        try:
            if len(rows) == 1:  # PostgreSQL's driver opens a pipeline for many, which costs one row half as much again
                self.cursor.execute(self._log.insertion.sql, rows[0])
            else:
                self.cursor.executemany(self._log.insertion.sql, rows)
        except self.integrity_error as error:
            taken = self._taken(entries)
            if taken is None:
                raise
            raise self.integrity_error(taken) from error

    def _taken(self, entries: Sequence[Entry]) -> str | None:
        """Return which entry's place is taken, on SQLite, whose trigger only says that the log is append-only."""
        if not self._log.database.is_sqlite:
            return None
        columns = log.c.stream, log.c.version, log.c.command_id, log.c.command_seq
        before = log.c.position <= self.head.position
        for entry in entries:
            found = self.connection.execute(
                select(*columns).where(before, columns[0] == entry.stream, columns[1] == entry.version)
            ).first()
            if found is not None:
                return f"UNIQUE constraint failed: {entry.stream} has a version {entry.version} already"
            found = self.connection.execute(
                select(*columns).where(before, columns[2] == entry.command_id, columns[3] == entry.command_seq)
            ).first()
            if found is not None:
                return f"UNIQUE constraint failed: the command id {entry.command_id} is in the log already"
        return None

    def restore(self, rows: Sequence[Raw]) -> None:
        """Append rows of another log unchanged, with all columns and digests, so that the copy can be verified.

        Raises:
            ChainBroken: The rows do not follow the head, or a row does not match its digest.
        """
        head = Head(*check(rows, previous=self.head.digest, position=self.head.position))
        self.cursor.executemany(self._log.insertion.sql, rows)
        self._moved_to(head, len(rows))


class _Appending(WriteTransaction, AbstractContextManager[Writer]):
    """A write transaction of the log's own."""

    __slots__ = ("_command_id", "_log")

    def __init__(self, log: Log, command_id: str) -> None:
        super().__init__(log.database)
        self._log = log
        self._command_id = command_id

    def __enter__(self) -> Writer:
        connection = self.begin()
        try:
            return Writer(self._log, connection, self._command_id)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise


class Log:
    """The log of one database.

    Args:
        database: The database.
        create: Create the tables if they are missing.

    Raises:
        ForeignDatabase: The file is not a database, or it has no log and `create` is false.
        NewerLog: The tables are of a newer format.
    """

    insertion = SharedStatement(lambda _: insert(log))
    _head = SharedStatement(lambda _: _head_with())
    _head_and_command = SharedStatement(
        lambda _: _head_with(exists(literal_column("1")).where(log.c.command_id == bindparam("command_id")))
    )
    _digest = SharedStatement(lambda _: select(log.c.digest).where(log.c.position == bindparam("position")))

    def __init__(self, database: Database, *, create: bool = True) -> None:
        self.database = self._database = database
        self._prepare(create=create)

    @classmethod
    def open(cls, url: str, *, create: bool = True, **options: Any) -> Self:
        """Open the log at an SQLAlchemy URL, with the options of `Database`."""
        database = Database(url, **options)
        try:
            return cls(database, create=create)
        except BaseException:
            database.close()
            raise

    def _prepare(self, *, create: bool) -> None:
        path = self.database.url.database
        create = create and self.database.records
        if not create and self.database.is_sqlite and not self.database.is_memory:
            _must_exist(path or "")
        with self.database.reading() as connection:
            found = tables_of(connection, [table.name for table in metadata.sorted_tables])
        if not found:
            if not create:
                raise ForeignDatabase(
                    f"{self.database.name} has no relations log",
                    hint="Use a database with a log, or import into this one",
                )
            self._create()
        elif meta.name not in found or log.name not in found:
            raise ForeignDatabase(
                f"{self.database.name} has only some of the tables of a relations log: {', '.join(sorted(found))}",
                hint="Use a database of relations, or an empty one",
            )
        self._check_format()
        if self.database.records:
            # Only after these checks, so that a foreign database is never changed.
            self.database.enable_wal()
            self.database.purge()

    def _create(self) -> None:
        with self.database.translating(), self.database.engine.connect() as connection:
            if self.database.is_sqlite:
                connection = connection.execution_options(relations_begin="BEGIN IMMEDIATE")  # noqa: PLW2901
            with connection.begin():
                if not self.database.is_sqlite:
                    self.database.lock(connection)
                if self.database.schema is not None:
                    connection.execute(CreateSchema(self.database.schema, if_not_exists=True))
                # Another process may have been faster; then there is nothing left to make.
                is_new = not tables_of(connection, [log.name])
                create_tables(connection, metadata.sorted_tables)
                for statement in CREATE_TRIGGERS[connection.dialect.name] if is_new else ():
                    connection.exec_driver_sql(statement)
                if fact(connection, "format") is None:
                    created_by = f"relations {VERSION}, {WITH_DIGESTS}"
                    facts = {"format": str(FORMAT), "id": uuid4().hex, "created_by": created_by}
                    record_facts(connection, {**facts, MARKED: MARKS_VERSION})

    def _check_format(self) -> None:
        with self.database.reading() as connection:
            written = fact(connection, "format")
            self.id = self._id_in(connection)
        if written is None or not written.isdecimal():
            raise ForeignDatabase(f"{self.database.name} does not record the format of its log")
        if int(written) > FORMAT:
            raise NewerLog(
                f"the log has format {written}; this version of relations knows up to {FORMAT}",
                hint="Use the version of relations that wrote it, or a newer one",
            )

    def head(self, connection: Connection) -> Head:
        """Return the last position and its digest, as the transaction of `connection` sees them."""
        return self.head_by(self.database.cursor(connection, binary=True))

    def head_by(self, cursor: Any) -> Head:
        """Return the last position and its digest, as the driver's cursor sees them."""
        found = cursor.execute(self._head.sql).fetchone()
        return Head(0, GENESIS) if found is None else Head(found[0], bytes(found[1]))

    def head_and_command(self, cursor: Any, command_id: str) -> tuple[Head, bool]:
        """Return the head as the driver's cursor sees it, and whether the log has a command, with one statement."""
        found = cursor.execute(self._head_and_command.sql, (command_id,)).fetchone()
        return (Head(0, GENESIS), False) if found is None else (Head(found[0], bytes(found[1])), bool(found[2]))

    def _id_in(self, connection: Connection) -> str:
        """Return the id of the log that a connection sees, or "" where an older version made it and it is empty.

        Logs of older versions have no id of their own; the digest of their first event stands for it.
        """
        found = fact(connection, "id")
        if found is None:
            first = self.digest(connection, 1)
            return "" if first is None else first.hex()
        return found

    def _lock_host(self, connection: Connection) -> None:
        """Take the write lock in a host's transaction, after checking that it is one, on this log.

        Raises:
            ForeignDatabase: The connection leads to no log, or to another one.
            InvalidInput: The connection is in AUTOCOMMIT, where nothing would be committed together.
        """
        if not connection.in_transaction():
            connection.begin()  # as its first statement would; otherwise its commit would do nothing
        if self.database.is_autocommit(connection):
            raise InvalidInput(
                "the connection is in AUTOCOMMIT, so the events could not be committed with the host's rows",
                code="autocommit",
                field="connection",
                hint="Use a connection with transactions, or omit `connection`",
            )
        try:
            self.database.lock(connection)
            found = self._id_in(connection)
        except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:
            failure = translated(error)
            if isinstance(failure, StoreError) and failure.code == "table_missing":
                raise ForeignDatabase(
                    "the connection's database has no relations log",
                    code="no_log",
                    hint="Connect to the database that the engine was opened on",
                ) from error
            raise
        self.database.held.add(connection)
        if self.id and found != self.id:
            raise ForeignDatabase(
                "the connection's log is not the one that this engine was opened on",
                code="other_log",
                hint="Use an engine opened on that database",
            )

    def digest(self, connection: Connection, position: int) -> bytes | None:
        """Return the digest at a position, or None if the log ends before it."""
        found = self.database.cursor(connection, binary=True).execute(self._digest.sql, (position,)).fetchone()
        return None if found is None else bytes(found[0])

    def writing(self, connection: Connection | None = None, *, command_id: str = "") -> AbstractContextManager[Writer]:
        """Open a transaction that holds the write lock, and commit it at the end; the host commits its own.

        Args:
            connection: The host's connection; by default one of the log's own.
            command_id: The writer says whether the log has this command.
        """
        if not self.database.records:
            self.database.refuse_read_only()
        if connection is None:
            return _Appending(self, command_id)
        return self._writing_in_host(connection, command_id)

    @contextmanager
    def _writing_in_host(self, connection: Connection, command_id: str) -> Iterator[Writer]:
        checked_host(connection, self.database.engine.dialect)
        with self.database.translating(connection), noticing_host_loss(connection):
            self._lock_host(connection)
            writer = Writer(self, connection, command_id)
            with self.database.overwriting(connection):
                yield writer

    def scan(
        self,
        connection: Connection,
        columns: Sequence[str] = COLUMNS,
        *,
        after: int = 0,
        until: int | None = None,
        shard: Shard | None = None,
        chunk: int = _CHUNK,
        damaged: bool = False,
    ) -> Iterator[list[Raw]]:
        """Yield pages of rows in order of position, with the driver's cursor.

        Args:
            connection: The connection.
            columns: The columns, `position` first.
            after: Begin after this position.
            until: End with this position; None is the head as it is when the last page is read.
            shard: Only events of these customers.
            chunk: The rows per page.
            damaged: Continue past damaged texts that are not UTF-8. Their bytes are returned as lone surrogates, which
                cannot be encoded, so they cannot be mistaken for real text.

        Yields:
            Lists of tuples, none empty.
        """
        statement = self.database.compile_once(
            ("page", tuple(columns), until is None, _shape(shard)),
            lambda: self._page(columns, until=until is not None, shard=shard),
        )
        cursor = self.database.cursor(connection, binary=True)
        values: dict[str, Any] = {"until": until, "chunk": chunk}
        if shard is not None:
            values.update(first=shard.first, last=shard.last)
        while True:
            parameters = statement.bind(**values, after=after)
            try:
                cursor.execute(statement.sql, parameters)
                rows: list[Raw] = cursor.fetchall()
            except sqlite3.OperationalError as error:
                if not damaged or "decode" not in str(error):
                    raise
                with self.database.tolerating_damage(connection) as tolerant:
                    rows = tolerant.execute(statement.sql, parameters).fetchall()
            if rows:
                yield rows
                after = rows[-1][0]
            if len(rows) < chunk:
                return

    def _page(self, columns: Sequence[str], *, until: bool, shard: Shard | None) -> Select[Any]:
        statement = select(*(log.c[name] for name in columns)).where(log.c.position > bindparam("after"))
        if until:
            statement = statement.where(log.c.position <= bindparam("until"))
        if shard is not None:
            # The plus keeps SQLite from walking the index by customer, row by row: a shard is read in order.
            customer = literal_column("+customer") if self.database.is_sqlite else log.c.customer
            if shard.first is not None:
                statement = statement.where(customer >= bindparam("first"))
            if shard.last is not None:
                statement = statement.where(customer < bindparam("last"))
        return statement.order_by(log.c.position).limit(bindparam("chunk"))

    def scan_by_customer(
        self,
        connection: Connection,
        columns: Sequence[str] = COLUMNS,
        *,
        until: int,
        shard: Shard,
        after: tuple[str, int] | None = None,
        chunk: int = _CUSTOMERS_CHUNK,
    ) -> Iterator[list[Raw]]:
        """Yield pages of rows by customer, each customer's in order of position.

        Args:
            connection: Where to read.
            columns: The columns, with `position` and `customer` among them.
            until: The last position.
            shard: Only events of these customers.
            after: Begin after this customer's event at this position.
            chunk: Rows a page.

        Yields:
            Lists of tuples, none empty.
        """
        customer_at, position_at = columns.index("customer"), columns.index("position")
        statement = self.database.compile_once(
            ("page by customer", tuple(columns), _shape(shard)), lambda: self.by_customer(columns, shard)
        )
        cursor = self.database.cursor(connection, binary=True)
        place = after or (shard.first or "", 0)
        while True:
            values = self.place(place, until=until, shard=shard, chunk=chunk)
            rows: list[Raw] = cursor.execute(statement.sql, statement.bind(**values)).fetchall()
            if rows:
                yield rows
                place = rows[-1][customer_at], rows[-1][position_at]
            if len(rows) < chunk:
                return

    def by_customer(self, columns: Sequence[str], shard: Shard) -> Select[Any]:
        """Return the statement for a page of events by customer; `place` returns its parameters."""
        statement = (
            select(*(log.c[name] for name in columns))
            .where(
                tuple_(log.c.customer, log.c.position) > tuple_(bindparam("customer"), bindparam("position")),
                log.c.position <= bindparam("until"),
            )
            .order_by(log.c.customer, log.c.position)
            .limit(bindparam("chunk"))
        )
        return statement if shard.last is None else statement.where(log.c.customer < bindparam("last"))

    def place(self, after: tuple[str, int], *, until: int, shard: Shard, chunk: int) -> dict[str, Any]:
        """Return the parameters of `by_customer`, to begin after this customer's event at this position."""
        return {"customer": after[0], "position": after[1], "until": until, "last": shard.last, "chunk": chunk}

    def shards(self, connection: Connection, count: int) -> list[Shard]:
        """Split the customers into ranges with about the same number of events each."""
        total = connection.execute(select(func.count()).select_from(log)).scalar() or 0
        bounds: list[str] = []
        for part in range(1, count):
            bound = connection.execute(
                select(log.c.customer).order_by(log.c.customer).limit(1).offset(total * part // count)
            ).scalar()
            if bound and (not bounds or bound > bounds[-1]):
                bounds.append(bound)
        edges: list[str | None] = [None, *bounds, None]
        return [Shard(first, last) for first, last in pairwise(edges)]

    def check(self, connection: Connection, *, until: int | None = None) -> Iterator[Head]:
        """Check the chain page by page.

        Yields:
            The last good position after each page, and its digest.

        Raises:
            ChainBroken: At the first bad position.
        """
        head = Head(0, GENESIS)
        for rows in self.scan(connection, until=until, damaged=True):
            head = Head(*check(rows, previous=head.digest, position=head.position))
            yield head


def _head_with(*more: Any) -> Select[Any]:
    newest = select(func.max(log.c.position)).scalar_subquery()
    return select(log.c.position, log.c.digest, *more).where(log.c.position == newest)


def _shape(shard: Shard | None) -> tuple[bool, ...]:
    """Return what a statement depends on: the bounds that there are, and not their values."""
    return () if shard is None else (shard.first is None, shard.last is None)


def _must_exist(path: str) -> None:
    """Refuse a missing SQLite file, because opening it for reading must not create one."""
    if not path.startswith("file:") and not Path(path).is_file():
        raise ForeignDatabase(f"there is no database at {path}", hint="Check the path")
