"""Folding the whole log into fresh tables, customer by customer: in this process, or in ranges over several.

A row belongs to one customer or is a tally that adds up, so it does not matter whose events come first. All of one
customer's are folded one after the other, with their rows at hand in the processor's cache. The rows are written once
nothing more can change them, in the order of their keys, and forgotten. So memory does not grow with the log, nor with
the customers in it, only with one customer's events and the tallies.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait as wait_for
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from relations.errors import ProjectionFailed
from relations.extras import Later
from relations.log.codec import Codec
from relations.log.database import Database, Durability
from relations.log.log import Log, Shard
from relations.log.prefetch import pages_read_ahead
from relations.messages import Event
from relations.policies.calendars import local_time
from relations.projections.gc_pause import collector_paused
from relations.projections.projection import Projection, Row
from relations.projections.running.checkpoints import checkpoints, now_micros, writing_views
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.tables import RowTable

if TYPE_CHECKING:
    import multiprocessing

    from relations.projections.running import worker_processes
else:
    multiprocessing, worker_processes = (
        Later("multiprocessing"),
        Later("relations.projections.running.worker_processes"),
    )

__all__ = ["Failures", "Progress", "Tables", "Work", "fresh_tables"]

Progress = Callable[[int, int], None]
"""Called with the events folded so far, and all there are."""

Failures = dict[str, ProjectionFailed]
"""By projection's name."""

Tables = dict[str, dict[type[Row], RowTable]]
"""By projection's name and class of row."""

_EVERYBODY = Shard(None, None)
_LOAD_BATCH = 20_000
"""Rows a transaction: few enough that a writer of the log waits less than a tenth of a second for its turn."""
_STRETCH = 20_000
"""Events at most before something is written, so that progress is reported."""
_SLICE = 500
"""Events folded before rows are taken from the folds: this many stay in the cache with their rows."""
_CUSTOMER, _POSITION = COLUMNS.index("customer"), COLUMNS.index("position")


def fresh_tables(database: Database, projections: Sequence[Projection], token: str) -> Tables:
    """Return the tables that a rebuild fills next to those in use."""
    return {
        projection.name: {row: RowTable(database, projection, row, f"__{token}") for row in projection.tables}
        for projection in projections
    }


def show_alive(connection: Connection, token: str) -> None:
    """Record that the rebuild with this token goes on: its tables are no leftovers."""
    connection.execute(checkpoints.update().where(checkpoints.c.rebuild == token).values(rebuild_at=now_micros()))


@dataclass(frozen=True)
class Work:
    """The events to fold and the tables to fill; it can be sent to another process.

    Attributes:
        events: The classes of the log's events.
        projections: What folds them.
        zone: The IANA zone of the business's days and months.
        until: The last position to fold.
        token: Names the fresh tables.
    """

    events: Sequence[type[Event]]
    projections: Sequence[Projection]
    zone: str
    until: int
    token: str

    def fold(
        self,
        database: Database,
        tables: Tables,
        shard: Shard,
        on_count: Callable[[int], None],
        turn: AbstractContextManager[Any] | None = None,
    ) -> Failures:
        """Fold one range of customers into the fresh tables.

        Args:
            database: Where log and tables are.
            tables: The fresh tables.
            shard: The range.
            on_count: Called with the number of events of each stretch.
            turn: Held while rows are written, where several processes write to a database of one writer.

        Returns:
            The projections that met a poison event; their fresh tables are of no use.
        """
        folding = Folding(Codec(self.events), self.projections, local_time(self.zone))
        filling = _Filling(database, folding, tables, self.token)
        seen = 0
        with collector_paused():
            for page in self._pages(Log(database, create=False), shard):
                for start in range(0, len(page), _SLICE):
                    part = page[start : start + _SLICE]
                    folding.fold((part,))
                    filling.take(part[-1][_CUSTOMER])
                seen += len(page)
                if seen >= _STRETCH or filling.waiting >= _LOAD_BATCH:
                    filling.write(turn or nullcontext())
                    on_count(seen)
                    seen = 0
            filling.take(None)
            filling.write(turn or nullcontext())
            on_count(seen)
        return folding.failures

    def _pages(self, log: Log, shard: Shard) -> Iterator[list[tuple[Any, ...]]]:
        if log.database.is_sqlite and not log.database.is_memory:
            yield from pages_read_ahead(log, COLUMNS, until=self.until, shard=shard)
            return
        after: tuple[str, int] | None = None
        while True:
            with log.database.reading() as connection:
                page = next(log.scan_by_customer(connection, COLUMNS, until=self.until, shard=shard, after=after), None)
            if page is None:
                return
            yield page
            after = page[-1][_CUSTOMER], page[-1][_POSITION]

    def here(
        self, database: Database, tables: Tables, ranges: Sequence[Shard], on_progress: Progress | None
    ) -> Failures:
        """Fold range after range into the fresh tables in this process."""
        seen = 0
        failures: Failures = {}

        def count(events: int) -> None:
            nonlocal seen
            seen += events
            if on_progress:
                on_progress(seen, self.until)

        for shard in ranges:
            _add_failures(failures, self.fold(database, tables, shard, count))
        return self._first_failures(database, failures)

    def over_processes(
        self, database: Database, ranges: Sequence[Shard], processes: int, on_progress: Progress | None
    ) -> Failures:
        """Fold ranges in other processes, each of which writes its own rows."""
        # A fork starts at once, with everything imported; but only a process of one thread may be forked.
        method = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
        context = multiprocessing.get_context(method)
        seen = context.Value("q", 0)
        url = database.url.render_as_string(hide_password=False)
        failures: Failures = {}
        database.close()  # a connection must not be shared with a forked process
        with worker_processes.worker_pool(
            processes, method=method, start=_start_worker, arguments=(seen, context.Lock())
        ) as pool:
            pending = {
                pool.submit(_fold_shard, self, url, database.durability, database.schema, shard) for shard in ranges
            }
            try:
                while pending:
                    done, pending = wait_for(pending, timeout=0.1, return_when="FIRST_COMPLETED")
                    if on_progress:
                        on_progress(seen.value, self.until)
                    for each in done:
                        _add_failures(failures, each.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return self._first_failures(database, failures)

    def _first_failures(self, database: Database, failures: Failures) -> Failures:
        """Of each projection the first poison event of the log: of another customer there may be an earlier one."""
        found: Failures = {}
        for projection in self.projections:
            failure = failures.get(projection.name)
            while failure is not None:
                found[projection.name] = failure
                failure = self._failure_before(database, projection, failure.position)
        return found

    def _failure_before(self, database: Database, projection: Projection, position: int) -> ProjectionFailed | None:
        folding = Folding(Codec(self.events), [projection], local_time(self.zone))
        log = Log(database, create=False)
        with collector_paused(), database.reading() as connection:
            for page in log.scan_by_customer(connection, COLUMNS, until=position - 1, shard=_EVERYBODY):
                folding.fold((page,))
                if folding.failures:
                    return folding.failures[projection.name]
                for rows in folding.rows.values():
                    rows.complete(page[-1][_CUSTOMER])
        return None


def _add_failures(to: Failures, found: Failures) -> None:
    for name, failure in found.items():
        if name not in to or failure.position < to[name].position:
            to[name] = failure


class _Filling:
    """Rows on their way from folds into tables.

    Attributes:
        waiting: How many are encoded and not written yet.
    """

    def __init__(self, database: Database, folding: Folding, tables: Tables, token: str) -> None:
        self._database = database
        self._token = token
        self._folding = folding
        self._tables = tables
        self._encoded: dict[RowTable, list[tuple[Any, ...]]] = {
            table: [] for of_projection in tables.values() for table in of_projection.values()
        }
        self.waiting = 0

    def take(self, customer: str | None) -> None:
        """Encode the rows that nothing can change any more.

        Args:
            customer: Whose events come next; None where none do.
        """
        for name, tables in self._tables.items():
            if name in self._folding.failures:
                continue
            for row, rows in self._folding.rows[name].complete(customer).items():
                encoded = tables[row].encode_all(rows)
                self._encoded[tables[row]] += encoded
                self.waiting += len(encoded)

    def write(self, turn: AbstractContextManager[Any]) -> None:
        """Write what is waiting, in one transaction."""
        if not self.waiting:
            return
        with turn if self._database.is_sqlite else nullcontext(), writing_views(self._database) as connection:
            show_alive(connection, self._token)
            cursor = self._database.cursor(connection)
            for table, encoded in self._encoded.items():
                table.fill(cursor, encoded)
                encoded.clear()
        self.waiting = 0


_seen: Any = None
_turn: Any = None


def _start_worker(seen: Any, turn: Any) -> None:
    global _seen, _turn
    _seen, _turn = seen, turn


def _fold_shard(work: Work, url: str, durability: Durability, schema: str | None, shard: Shard) -> Failures:
    def count(number: int) -> None:
        with _seen.get_lock():
            _seen.value += number

    database = Database(url, durability=durability, schema=schema)
    try:
        tables = fresh_tables(database, work.projections, work.token)
        return work.fold(database, tables, Shard(*shard), count, _turn)
    finally:
        database.close()
