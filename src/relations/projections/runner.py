"""How any projection runs: live, rebuilt, rebuilt in shards over processes, stopped by a poison event."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, bindparam, select, text

from relations.collection import held_back
from relations.errors import ConcurrencyConflict, ProjectionFailed, RelationsError
from relations.log.codec import Codec
from relations.log.database import Database, Durability, tables_of
from relations.log.log import Log, Shard
from relations.log.table import log as log_table
from relations.logs import logger
from relations.policies.calendars import local_time
from relations.projections.folding import COLUMNS, Folding
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.tables import RowTable, canonical

__all__ = ["Progress", "ProjectionStatus", "Runner"]

Progress = Callable[[int, int], None]
"""Called with the events folded so far, and all there are."""

_LIVE_BATCH = 2_000
_LOAD_BATCH = 5_000
_GAP_MAX = 2_000

_checkpoints = Table(
    "relations_projections",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("zone", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rebuild", Text, nullable=True),
    Column("failed_at", BigInteger, nullable=True),
    Column("failed_stream", Text, nullable=True),
    Column("failure", Text, nullable=True),
)
"""One row a projection: how far it has come (the position scanned), and why it stands still, if it does."""


class ProjectionStatus(msgspec.Struct, frozen=True):
    """How a projection stands.

    Attributes:
        name: Its name.
        version: The version of its tables.
        position: The last position scanned.
        behind: How many events it has not seen yet.
        failed_at: The position of the event that it stopped at, if it did.
        failed_stream: That event's stream.
        failure: Why it stopped.
    """

    name: str
    version: int
    position: int
    behind: int
    failed_at: int | None = None
    failed_stream: str | None = None
    failure: str | None = None


class Runner:
    """Runs projections over one log, in the log's own database.

    Args:
        log: The log.
        codec: Decodes its events.
        projections: What to run.
        zone: Gives the IANA zone of the business's days and months.
    """

    def __init__(self, log: Log, codec: Codec, projections: Sequence[Projection], zone: Callable[[], str]) -> None:
        self._log = log
        self._database: Database = log.database
        self._codec = codec
        self._zone = zone
        self._lock = threading.RLock()
        self.projections = {projection.name: projection for projection in projections}
        self._tables = {
            name: {row: RowTable(self._database, projection, row) for row in projection.tables}
            for name, projection in self.projections.items()
        }
        self._prepared = False

    # --- live -------------------------------------------------------------------------------------------------------

    def catch_up(
        self, names: Iterable[str] | None = None, *, batch: int = _LIVE_BATCH, until: int | None = None
    ) -> None:
        """Fold what is new into the tables.

        A projection that failed before is tried again; one whose version or zone has changed is rebuilt.

        Args:
            names: Which projections; all by default.
            batch: Events a transaction.
            until: The last position to fold; None is the head.

        Raises:
            ProjectionFailed: One of them met a poison event; the others have gone on.
        """
        failures: list[ProjectionFailed] = []
        with self._lock:
            self._prepare()
            for name in names if names is not None else self.projections:
                try:
                    self._catch_up(name, batch, until)
                except ProjectionFailed as failure:
                    failures.append(failure)
        if failures:
            raise failures[0]

    def _catch_up(self, name: str, batch: int, until: int | None) -> None:
        projection = self.projections[name]
        while True:
            with self._database.reading() as connection:
                checkpoint = self._checkpoint(connection, name)
                head = self._log.head(connection).position
            if until is not None:
                head = min(head, until)
            zone = self._zone()
            if checkpoint.version != projection.version or checkpoint.zone != zone:
                self.rebuild([name])
                return
            if checkpoint.position >= head:
                return
            self._step(projection, zone, checkpoint.position, min(head, checkpoint.position + batch))

    def reset(self, name: str) -> None:
        """Empty a projection's tables and begin again at the log's beginning, live."""
        with self._lock:
            self._prepare()
            with self._writing() as connection:
                for table in self._tables[name].values():
                    connection.execute(table.table.delete())
                connection.execute(_checkpoints.update().where(_checkpoints.c.name == name).values(position=0))

    def _step(self, projection: Projection, zone: str, after: int, until: int) -> None:
        """Fold `after < position <= until`, in one transaction with the checkpoint; a poison event ends it early."""
        failure: ProjectionFailed | None = None
        while True:
            with self._writing() as connection:
                if not self._advance(connection, projection.name, after, until):
                    return  # another process was faster: nothing of this was counted
                folding = Folding(self._codec, [projection], local_time(zone))
                tables = self._tables[projection.name]
                self._fold_live(connection, folding, tables, after, until)
                failed = folding.failures.get(projection.name)
                if failed is not None:
                    # Nothing of this transaction stays; all before the poison event is folded again without it.
                    connection.rollback()
            if failed is None:
                break
            failure, until = failed, failed.position - 1
            if until <= after:
                break
        if failure is not None:
            self._fail(failure)
            raise failure

    def _fold_live(
        self, connection: Connection, folding: Folding, tables: dict[Any, RowTable], after: int, until: int
    ) -> None:
        """Load the rows of the customers in a batch, fold, and write back what has changed."""
        projection = folding.projections[0]
        topics = {event.topic for event in projection.folds}
        pages = [
            [row for row in page if row[3] in topics]
            for page in self._log.scan(connection, COLUMNS, after=after, until=until)
        ]
        customers = sorted({row[5] for page in pages for row in page})
        rows = folding.rows[projection.name]
        before = {row: self._load(connection, table, rows, customers) for row, table in tables.items()}
        folding.fold(page for page in pages if page)
        if folding.failures:
            return
        for row, table in tables.items():
            self._write(connection, table, rows, before[row])
            _check_customers(projection, row, rows, customers)

    def _load(
        self, connection: Connection, table: RowTable, rows: Rows, customers: Sequence[str]
    ) -> dict[Any, tuple[Any, ...]]:
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

    def _write(self, connection: Connection, table: RowTable, rows: Rows, before: dict[Any, tuple[Any, ...]]) -> None:
        cursor = self._database.cursor(connection)
        now = rows.tables[table.row]
        gone = [key for key in before if key not in now]
        if gone:
            cursor.executemany(table.delete_sql, gone)
        width = len(table.row.key)
        changed = [values for values in table.encode_all(now.values()) if before.get(values[:width]) != values]
        if changed:
            cursor.executemany(table.upsert.sql, changed)

    def _advance(self, connection: Connection, name: str, expected: int, position: int) -> bool:
        """Move the checkpoint on, if nobody else has: two processes can never both count an event."""
        moved = connection.execute(
            _checkpoints.update()
            .where(_checkpoints.c.name == name, _checkpoints.c.position == expected)
            .values(position=position, failed_at=None, failed_stream=None, failure=None)
        )
        return moved.rowcount == 1

    def _fail(self, failure: ProjectionFailed) -> None:
        logger.error(
            "projection stopped",
            projection=failure.projection,
            position=failure.position,
            stream=failure.stream,
            reason=failure.reason,
        )
        with self._writing() as connection:
            connection.execute(
                _checkpoints.update()
                .where(_checkpoints.c.name == failure.projection)
                .values(failed_at=failure.position, failed_stream=failure.stream, failure=failure.reason)
            )

    # --- rebuild ----------------------------------------------------------------------------------------------------

    def rebuild(
        self,
        names: Iterable[str] | None = None,
        *,
        processes: int = 1,
        shards: int | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Fold the whole log into fresh tables while the old ones go on serving, then switch in one transaction.

        Args:
            names: Which projections; all by default.
            processes: How many processes fold.
            shards: In how many parts by customer; memory falls with their number. One a process by default.
            on_progress: Told how far it is.

        Raises:
            ProjectionFailed: One met a poison event; its old tables are untouched, the others are rebuilt.
            ConcurrencyConflict: Another rebuild of the same projection began later; this one has changed nothing.
        """
        wanted = [self.projections[name] for name in (names if names is not None else self.projections)]
        shards = max(shards or processes, processes)
        if self._database.is_memory:
            processes = 1
        zone = self._zone()
        token = uuid4().hex[:8]
        with self._lock:
            self._prepare()
            fresh = self._begin_rebuild(wanted, token)
            try:
                failures, position = self._fold_all(wanted, fresh, zone, (processes, shards), on_progress)
                done = [projection for projection in wanted if projection.name not in failures]
                for projection in done:
                    self._switch(projection, fresh[projection.name], zone, token, position)
            finally:
                self._drop([table for tables in fresh.values() for table in tables.values()])
        if failures:
            for failure in failures.values():
                self._fail(failure)
            raise next(iter(failures.values()))

    def _begin_rebuild(self, wanted: Sequence[Projection], token: str) -> dict[str, dict[Any, RowTable]]:
        fresh = {
            projection.name: {row: RowTable(self._database, projection, row, f"__{token}") for row in projection.tables}
            for projection in wanted
        }
        with self._writing() as connection:
            for projection in wanted:
                old = connection.execute(
                    select(_checkpoints.c.rebuild).where(_checkpoints.c.name == projection.name)
                ).scalar()
                if old:  # an interrupted rebuild's tables, or those of one that this one overtakes
                    for row in projection.tables:
                        RowTable(self._database, projection, row, f"__{old}").table.drop(connection, checkfirst=True)
                connection.execute(
                    _checkpoints.update().where(_checkpoints.c.name == projection.name).values(rebuild=token)
                )
                for table in fresh[projection.name].values():
                    # Indexes come after the rows: filling a table without them is faster.
                    _create(connection, table.table)
        return fresh

    def _fold_all(
        self,
        wanted: Sequence[Projection],
        fresh: dict[str, dict[Any, RowTable]],
        zone: str,
        parts: tuple[int, int],
        on_progress: Progress | None,
    ) -> tuple[dict[str, ProjectionFailed], int]:
        """Fold everything up to the head as it is now into the fresh tables."""
        processes, shards = parts
        with self._database.reading() as connection:
            until = self._log.head(connection).position
            ranges = self._log.shards(connection, shards) if shards > 1 else [Shard(None, None)]
        work = _Work(self._database, self._codec, wanted, zone, until)
        results: Iterable[_Folded]
        if processes > 1 and len(ranges) > 1:
            results = work.over_processes(ranges, processes, on_progress)
        else:
            results = work.here(ranges, on_progress)
        failures: dict[str, ProjectionFailed] = {}
        for folded in results:
            failures.update({failure.projection: failure for failure in folded.failures})
            self._bulk_load(folded, fresh)
        return failures, until

    def _bulk_load(self, folded: _Folded, fresh: dict[str, dict[Any, RowTable]]) -> None:
        for name, tables in folded.tables.items():
            for table in fresh[name].values():
                rows = tables[table.base_name]
                statement = table.upsert.sql if table.is_tally else table.insert.sql
                for start in range(0, len(rows), _LOAD_BATCH):
                    with self._writing() as connection:
                        self._database.cursor(connection).executemany(statement, rows[start : start + _LOAD_BATCH])

    def _switch(self, projection: Projection, fresh: dict[Any, RowTable], zone: str, token: str, position: int) -> None:
        """Fold what came meanwhile into the fresh tables, and put them in the old ones' place, in one transaction."""
        while True:
            with self._database.reading() as connection:
                head = self._log.head(connection).position
            if head - position <= _GAP_MAX:
                break
            until = min(head, position + _LIVE_BATCH)
            with self._writing() as connection:
                self._fold_fresh(connection, projection, fresh, zone, position, until)
            position = until
        with self._database.writing() as connection:  # the log cannot grow while we hold its lock
            head = self._log.head(connection).position
            self._fold_fresh(connection, projection, fresh, zone, position, head)
            switched = connection.execute(
                _checkpoints.update()
                .where(_checkpoints.c.name == projection.name, _checkpoints.c.rebuild == token)
                .values(
                    version=projection.version,
                    zone=zone,
                    position=head,
                    rebuild=None,
                    failed_at=None,
                    failed_stream=None,
                    failure=None,
                )
            )
            if switched.rowcount != 1:
                raise ConcurrencyConflict(
                    f"another rebuild of {projection.name} began after this one", remedy="Let it finish"
                )
            for row, table in fresh.items():
                for index in table.table.indexes:
                    index.create(connection)
                current = self._tables[projection.name][row].table.name
                connection.execute(text(f'DROP TABLE IF EXISTS "{current}"'))
                connection.execute(text(f'ALTER TABLE "{table.table.name}" RENAME TO "{current}"'))

    def _fold_fresh(
        self,
        connection: Connection,
        projection: Projection,
        fresh: dict[Any, RowTable],
        zone: str,
        after: int,
        until: int,
    ) -> None:
        folding = Folding(self._codec, [projection], local_time(zone))
        self._fold_live(connection, folding, fresh, after, until)
        if folding.failures:
            raise folding.failures[projection.name]

    def _drop(self, tables: Sequence[RowTable]) -> None:
        with self._writing() as connection:
            for table in tables:
                table.table.drop(connection, checkfirst=True)

    # --- what there is ----------------------------------------------------------------------------------------------

    def fold(
        self, names: Iterable[str] | None = None, *, until: int | None = None, customer: str | None = None
    ) -> Folding:
        """Fold the log up to a position in memory, writing nothing: the views as of then.

        Args:
            names: Which projections; all by default.
            until: The last position; None is the head.
            customer: Only this customer's events.
        """
        wanted = [self.projections[name] for name in (names if names is not None else self.projections)]
        folding = Folding(self._codec, wanted, local_time(self._zone()))
        with self._database.reading() as connection:
            shard = None if customer is None else Shard(customer, customer + "\0")
            folding.fold(self._log.scan(connection, COLUMNS, until=until, shard=shard))
        return folding

    def fold_customer(
        self, projections: Sequence[Projection], customer: str, *, until: int | None = None
    ) -> dict[str, Rows]:
        """Fold one customer's events in memory: what projections, also ones without tables, say of them alone.

        Args:
            projections: What to fold.
            customer: Whose events.
            until: Only what had occurred by then, UTC microseconds.

        Raises:
            ProjectionFailed: One met an event that it cannot fold.
        """
        folding = Folding(self._codec, projections, local_time(self._zone()))
        topics = [
            name for name, topic in self._codec.topics.items() if any(topic.event in p.folds for p in projections)
        ]
        statement = (
            select(*(log_table.c[name] for name in COLUMNS))
            .where(log_table.c.customer == bindparam("customer"))
            .where(self._database.among(log_table.c.topic, "topics"))
            .order_by(log_table.c.position)
        )
        if until is not None:
            statement = statement.where(log_table.c.occurred_at <= bindparam("until"))
        query = self._database.compile(statement)
        values = {"customer": customer, "topics": self._database.many(topics), "until": until}
        with self._database.reading() as connection:
            cursor = self._database.cursor(connection, binary=True)
            cursor.execute(query.sql, query.bind(**values))
            while page := cursor.fetchmany(_LIVE_BATCH):
                folding.fold((page,))
        for failure in folding.failures.values():
            raise failure
        return folding.rows

    def stored(self, name: str) -> bytes:
        """The projection's tables as canonical bytes."""
        self._prepare()
        with self._database.reading() as connection:
            return canonical(
                (table, [tuple(row) for row in connection.execute(select(table.table))])
                for table in self._tables[name].values()
            )

    def folded(self, folding: Folding, name: str) -> bytes:
        """A folding's rows of one projection as canonical bytes; equal to `stored` where the tables are right."""
        rows = folding.rows[name]
        return canonical(
            (table, table.encode_all(rows.tables[row].values())) for row, table in self._tables[name].items()
        )

    def status(self) -> list[ProjectionStatus]:
        """How every projection stands."""
        self._prepare()
        with self._database.reading() as connection:
            head = self._log.head(connection).position
            found = [(name, self._checkpoint(connection, name)) for name in self.projections]
        return [
            ProjectionStatus(
                name, row.version, row.position, head - row.position, row.failed_at, row.failed_stream, row.failure
            )
            for name, row in found
        ]

    def _checkpoint(self, connection: Connection, name: str) -> Any:
        return connection.execute(select(_checkpoints).where(_checkpoints.c.name == name)).one()

    def _prepare(self) -> None:
        """Make the tables of projections that have none yet."""
        if self._prepared:
            return
        with self._database.reading() as connection:
            there = tables_of(connection, [_checkpoints.name])
            known = {row[0] for row in connection.execute(select(_checkpoints.c.name))} if there else set()
        if not there or known < self.projections.keys():
            zone = self._zone()
            with self._database.writing() as connection:
                _checkpoints.create(connection, checkfirst=True)
                known = {row[0] for row in connection.execute(select(_checkpoints.c.name))}
                for name, projection in self.projections.items():
                    if name in known:
                        continue
                    for table in self._tables[name].values():
                        table.table.create(connection, checkfirst=True)
                    values = {"name": name, "version": projection.version, "zone": zone, "position": 0}
                    connection.execute(_checkpoints.insert().values(**values))
        self._prepared = True

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that writes views: on SQLite it takes the one write lock there is, on PostgreSQL none."""
        if self._database.is_sqlite:
            with self._database.writing() as connection:
                yield connection
        else:
            with self._database.transaction() as connection:
                yield connection


class _Folded(msgspec.Struct):
    """What folding a shard gave: encoded rows by projection and table, and the projections that failed."""

    tables: dict[str, dict[str, list[tuple[Any, ...]]]]
    failures: list[ProjectionFailed]


class _Work:
    """Folding the log up to a position, in this process or over several."""

    def __init__(
        self, database: Database, codec: Codec, projections: Sequence[Projection], zone: str, until: int
    ) -> None:
        self.database = database
        self.codec = codec
        self.projections = projections
        self.zone = zone
        self.until = until

    def fold(self, shard: Shard, on_count: Callable[[int], None]) -> _Folded:
        """Fold one shard."""
        folding = Folding(self.codec, self.projections, local_time(self.zone))
        log = Log(self.database, create=False)
        with held_back(), self.database.reading() as connection:
            whole = shard == Shard(None, None)
            for page in log.scan(connection, COLUMNS, until=self.until, shard=None if whole else shard):
                folding.fold((page,))
                on_count(len(page))
        tables: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
        for projection in self.projections:
            if projection.name in folding.failures:
                continue
            rows = folding.rows[projection.name]
            tables[projection.name] = {}
            for row in projection.tables:
                table = RowTable(self.database, projection, row)
                tables[projection.name][table.base_name] = table.encode_all(rows.tables[row].values())
                rows.tables[row].clear()
        return _Folded(tables, list(folding.failures.values()))

    def here(self, ranges: Sequence[Shard], on_progress: Progress | None) -> Iterator[_Folded]:
        """Fold shard after shard in this process."""
        seen = 0

        def count(events: int) -> None:
            nonlocal seen
            seen += events
            if on_progress:
                on_progress(seen, self.until)

        for shard in ranges:
            yield self.fold(shard, count)

    def over_processes(
        self, ranges: Sequence[Shard], processes: int, on_progress: Progress | None
    ) -> Iterator[_Folded]:
        """Fold shards in other processes; yields each as it is done."""
        # A fork starts at once, with everything imported; but only a process of one thread may be forked.
        method = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
        context = multiprocessing.get_context(method)
        seen = context.Value("q", 0)
        url = self.database.url.render_as_string(hide_password=False)
        self.database.engine.dispose()  # a connection must not be shared with a forked process
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker, initargs=(seen,)) as pool:
            pending = {
                pool.submit(
                    _fold_shard,
                    url,
                    self.database.durability,
                    self.codec_events(),
                    self.projections,
                    self.zone,
                    self.until,
                    shard,
                )
                for shard in ranges
            }
            while pending:
                done, pending = wait_for(pending, timeout=0.1, return_when="FIRST_COMPLETED")
                if on_progress:
                    on_progress(seen.value, self.until)
                for future in done:
                    yield future.result()

    def codec_events(self) -> list[Any]:
        """The codec's classes: what another process makes it from again."""
        return [topic.event for topic in self.codec.topics.values()]


_seen: Any = None


def _start_worker(seen: Any) -> None:
    global _seen  # noqa: PLW0603 - a pool's process has no other place for what its initializer is given
    _seen = seen


def _fold_shard(
    url: str,
    durability: Durability,
    events: Sequence[Any],
    projections: Sequence[Projection],
    zone: str,
    until: int,
    shard: Shard,
) -> _Folded:
    def count(number: int) -> None:
        with _seen.get_lock():
            _seen.value += number

    database = Database(url, durability=durability)
    try:
        return _Work(database, Codec(events), projections, zone, until).fold(Shard(*shard), count)
    finally:
        database.close()


def _create(connection: Connection, table: Table) -> None:
    indexes = set(table.indexes)
    table.indexes.clear()
    table.create(connection)
    table.indexes.update(indexes)


def _check_customers(projection: Projection, row: Any, rows: Rows, customers: Sequence[str]) -> None:
    """A fold that reaches into another customer's rows would be wrong in shards; say so at once."""
    if not issubclass(row, CustomerRow):
        return
    known = set(customers)
    for key in rows.tables[row]:
        if key[0] not in known:
            msg = f"{projection.name} touched {row.__name__} of {key[0]!r}, whose events it was not folding"
            raise RelationsError(msg, code="fold_out_of_bounds")
