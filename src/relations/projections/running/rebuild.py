"""Rebuilding: the whole log folded into fresh tables while the old ones serve, and a switch in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, select, text

from relations.errors import ConcurrencyConflict, ProjectionFailed
from relations.log.codec import Codec
from relations.log.log import Log, Shard
from relations.policies.calendars import local_time
from relations.projections.projection import Projection, Row
from relations.projections.running.checkpoints import checkpoints, is_edition_of, now_micros, writing_views
from relations.projections.running.folding import Folding
from relations.projections.running.live import fold_live
from relations.projections.running.rebuild_tokens import new_token
from relations.projections.running.sharding import Failures, Progress, Work, fresh_tables
from relations.projections.running.stored_columns import forget_columns
from relations.projections.running.tables import RowTable

__all__ = ["Rebuild", "create_without_indexes"]

_LIVE_BATCH = 2_000
_GAP_MAX = 2_000


class Rebuild:
    """One rebuild of some projections, in fresh tables of its own.

    Interrupted at any point it leaves the tables in use as they were. What it has begun is dropped by itself or, after
    a crash, by the next one. Where two overlap, the one that began last wins.

    Args:
        log: The log.
        codec: Decodes its events.
        projections: What to rebuild.
        zone: The IANA zone of the business's days and months.
    """

    def __init__(self, log: Log, codec: Codec, projections: Sequence[Projection], zone: str) -> None:
        self._log = log
        self._database = log.database
        self._codec = codec
        self._projections = projections
        self._zone = zone
        self._token = new_token()
        self._switched: set[str] = set()
        self._fresh = fresh_tables(self._database, projections, self._token)

    def run(self, *, processes: int = 1, shards: int = 1, on_progress: Progress | None = None) -> Failures:
        """Rebuild and switch.

        Returns:
            Those that met a poison event, by name; their old tables are untouched, the others are rebuilt.

        Raises:
            ConcurrencyConflict: Another rebuild of the same projection began later; its tables are the ones to come.
        """
        self._begin()
        try:
            return self._run(processes, shards, on_progress)
        except ConcurrencyConflict:
            raise
        except Exception as error:
            self._check_overtaken(error)
            raise
        finally:
            with writing_views(self._database) as connection:
                for tables in self._fresh.values():
                    _drop(connection, tables)

    def _run(self, processes: int, shards: int, on_progress: Progress | None) -> Failures:
        failures, position = self._fold_all(processes, shards, on_progress)
        for projection in self._projections:
            if projection.name not in failures:
                try:
                    self._switch(projection, position)
                    self._switched.add(projection.name)
                except ProjectionFailed as failure:  # what came meanwhile was poison
                    failures[projection.name] = failure
        return failures

    def _check_overtaken(self, error: Exception) -> None:
        """Raise a conflict if a later rebuild has dropped our tables, which explains the database's error."""
        with self._database.reading() as connection:
            found = connection.execute(select(checkpoints.c.name).where(checkpoints.c.rebuild == self._token))
            ours = set(found.scalars())
        for projection in self._projections:
            if projection.name not in self._switched | ours:
                raise _overtaken(projection) from error

    def _begin(self) -> None:
        with writing_views(self._database) as connection:
            for projection in self._projections:
                mine = is_edition_of(projection)
                old = connection.execute(select(checkpoints.c.rebuild).where(mine).with_for_update()).scalar()
                if old:  # an interrupted rebuild's tables, or those of one that this one overtakes
                    _drop(connection, fresh_tables(self._database, [projection], old)[projection.name])
                connection.execute(
                    checkpoints.update().where(mine).values(rebuild=self._token, rebuild_at=now_micros())
                )
                for table in self._fresh[projection.name].values():
                    create_without_indexes(connection, table.table)

    def _fold_all(self, processes: int, shards: int, on_progress: Progress | None) -> tuple[Failures, int]:
        """Fold everything up to the head as it is now into the fresh tables."""
        with self._database.reading() as connection:
            until = self._log.head(connection).position
            ranges = self._log.shards(connection, shards) if shards > 1 else [Shard(None, None)]
        events = [topic.event for topic in self._codec.topics.values()]
        work = Work(events, self._projections, self._zone, until, self._token)
        if processes > 1 and len(ranges) > 1:
            return work.over_processes(self._database, ranges, processes, on_progress), until
        return work.here(self._database, self._fresh, ranges, on_progress), until

    def _switch(self, projection: Projection, position: int) -> None:
        """Fold what came meanwhile into the fresh tables, and put them in the old ones' place, in one transaction."""
        while True:
            with self._database.reading() as connection:
                head = self._log.head(connection).position
            if head - position <= _GAP_MAX:
                break
            until = min(head, position + _LIVE_BATCH)
            with writing_views(self._database) as connection:
                self._fold(connection, projection, position, until)
            position = until
        # The log cannot grow while we hold its lock.
        with self._database.writing() as connection, self._database.without_overwriting(connection):
            head = self._log.head(connection).position
            self._fold(connection, projection, position, head)
            switched = connection.execute(
                checkpoints.update()
                .where(is_edition_of(projection), checkpoints.c.rebuild == self._token)
                .values(
                    zone=self._zone,
                    position=head,
                    folded_at=now_micros(),
                    rebuild=None,
                    rebuild_at=None,
                    failed_at=None,
                    failed_stream=None,
                    failure=None,
                )
            )
            if switched.rowcount != 1:
                raise _overtaken(projection)
            forget_columns(connection, projection)
            for table in self._fresh[projection.name].values():
                for index in table.table.indexes:
                    index.create(connection)
                connection.execute(text(f'DROP TABLE IF EXISTS "{table.base_name}"'))
                connection.execute(text(f'ALTER TABLE "{table.table.name}" RENAME TO "{table.base_name}"'))

    def _fold(self, connection: Connection, projection: Projection, after: int, until: int) -> None:
        folding = Folding(self._codec, [projection], local_time(self._zone))
        fold_live(self._log, connection, folding, self._fresh[projection.name], after, until)
        if folding.failures:
            raise folding.failures[projection.name]


def _overtaken(projection: Projection) -> ConcurrencyConflict:
    return ConcurrencyConflict(f"another rebuild of {projection.name} began after this one", hint="Let it finish")


def create_without_indexes(connection: Connection, table: Table) -> None:
    """Create the tables without indexes, which are added after the rows: filling is faster that way."""
    indexes = set(table.indexes)
    table.indexes.clear()
    table.create(connection)
    table.indexes.update(indexes)


def _drop(connection: Connection, tables: dict[type[Row], RowTable]) -> None:
    for table in tables.values():
        # In one statement: between asking whether it is there and dropping it, another rebuild may drop it.
        connection.execute(text(f'DROP TABLE IF EXISTS "{table.table.name}"'))
