"""Folding the whole log in parts, each a range of customers: one after the other, or over several processes."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any

import msgspec

from relations.collection import held_back
from relations.errors import ProjectionFailed
from relations.log.codec import Codec
from relations.log.database import Database, Durability
from relations.log.log import Log, Shard
from relations.policies.calendars import local_time
from relations.projections.folding import COLUMNS, Folding
from relations.projections.loading import Parts, pack
from relations.projections.projection import Key, Projection
from relations.projections.tables import RowTable

__all__ = ["Folded", "Progress", "ShardedFold"]

Progress = Callable[[int, int], None]
"""Called with the events folded so far, and all there are."""


class Folded(msgspec.Struct):
    """What folding a shard gave.

    Attributes:
        failures: The projections that failed.
        tables: The encoded rows by table, but for those of failed projections; they are made while they are taken.
        packed: The same as another process has packed them, in their place.
    """

    failures: list[ProjectionFailed]
    tables: dict[str, Parts] = {}
    packed: bytes | None = None


class ShardedFold:
    """Folding the log up to a position, in this process or over several."""

    def __init__(
        self, database: Database, codec: Codec, projections: Sequence[Projection], zone: str, until: int
    ) -> None:
        self.database = database
        self.codec = codec
        self.projections = projections
        self.zone = zone
        self.until = until

    def fold(self, shard: Shard, on_count: Callable[[int], None]) -> Folded:
        """Fold one shard."""
        folding = Folding(self.codec, self.projections, local_time(self.zone))
        log = Log(self.database, create=False)
        with held_back(), self.database.reading() as connection:
            whole = shard == Shard(None, None)
            for page in log.scan(connection, COLUMNS, until=self.until, shard=None if whole else shard):
                folding.fold((page,))
                on_count(len(page))
        tables: dict[str, Parts] = {}
        for projection, table in self.tables():
            if projection.name not in folding.failures:
                tables[table.base_name] = _taken(table, folding.rows[projection.name].tables[table.row])
        return Folded(list(folding.failures.values()), tables)

    def packed(self, shard: Shard, on_count: Callable[[int], None]) -> Folded:
        """Fold one shard, for another process to load."""
        folded = self.fold(shard, on_count)
        with held_back():
            if self.database.is_sqlite:
                named = {table.base_name: table for _, table in self.tables()}
                return Folded(folded.failures, packed=pack((named[name], part) for name, part in folded.tables.items()))
            return Folded(folded.failures, {name: list(parts) for name, parts in folded.tables.items()})

    def tables(self) -> Iterator[tuple[Projection, RowTable]]:
        """Every table of the projections, under its own name."""
        for projection in self.projections:
            for row in projection.tables:
                yield projection, RowTable(self.database, projection, row)

    def here(self, ranges: Sequence[Shard], on_progress: Progress | None) -> Iterator[Folded]:
        """Fold shard after shard in this process."""
        seen = 0

        def count(events: int) -> None:
            nonlocal seen
            seen += events
            if on_progress:
                on_progress(seen, self.until)

        for shard in ranges:
            yield self.fold(shard, count)

    def over_processes(self, ranges: Sequence[Shard], processes: int, on_progress: Progress | None) -> Iterator[Folded]:
        """Fold shards in other processes; yields each as it is done."""
        # A fork starts at once, with everything imported; but only a process of one thread may be forked.
        method = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
        context = multiprocessing.get_context(method)
        seen = context.Value("q", 0)
        url = self.database.url.render_as_string(hide_password=False)
        self.database.close()  # a connection must not be shared with a forked process
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
                while done:
                    yield done.pop().result()  # and forgotten here once it is taken

    def codec_events(self) -> list[Any]:
        """The codec's classes: what another process makes it from again."""
        return [topic.event for topic in self.codec.topics.values()]


def _taken(table: RowTable, rows: dict[Key, Any]) -> Parts:
    """The encoded rows, which are forgotten once all of them are taken."""
    yield from table.encode_in_parts(rows.values())
    rows.clear()


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
) -> Folded:
    def count(number: int) -> None:
        with _seen.get_lock():
            _seen.value += number

    database = Database(url, durability=durability)
    try:
        return ShardedFold(database, Codec(events), projections, zone, until).packed(Shard(*shard), count)
    finally:
        database.close()
