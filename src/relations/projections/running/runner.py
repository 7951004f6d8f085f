"""Running projections: live catch-up, rebuild, state, and folding as of any position."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, bindparam, select, text, tuple_

from relations.errors import ProjectionFailed
from relations.json_form import JsonForm
from relations.log.codec import Codec
from relations.log.database import CompiledStatement, Database, create_tables, tables_of
from relations.log.log import Log, Shard
from relations.log.tables import log as log_table
from relations.policies.calendars import local_time, zone_data_version
from relations.projections.gc_pause import collector_paused
from relations.projections.projection import Projection, Row, Rows
from relations.projections.running.aliases import PROJECTION as ALIASES_PROJECTION
from relations.projections.running.checkpoints import (
    ABANDONED_AFTER,
    all_of,
    checkpoints,
    is_edition_of,
    move_on,
    now_micros,
    writing_views,
)
from relations.projections.running.event_times import CustomersBetween
from relations.projections.running.fold_state import FoldStateReader, Place, is_missing
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.live import LiveFolding, RowsUnwritable, fold_live
from relations.projections.running.rebuild import Rebuild
from relations.projections.running.rebuild_tokens import has_ended
from relations.projections.running.sharding import Progress
from relations.projections.running.stored_columns import forget_columns, forget_edition
from relations.projections.running.tables import RowTable, TablesByProjection, canonical
from relations.telemetry import logger

__all__ = ["Progress", "ProjectionStatus", "Runner"]

_ALL = 2**62
"""A position, and a time in microseconds, that nothing comes after."""
_LIVE_BATCH = 2_000
_LIVE_MAX = 10_000
"""Events from which on it is faster to rebuild an empty edition than to fold into it live."""
_LIVE_COST = 4
"""How many times longer an event takes to fold into existing rows than in a rebuild."""
_RETIRED_AFTER = 86_400_000_000
"""Microseconds without a fold after which a later edition retires an older one."""
_LEGACY = "relations_projections"
"""The checkpoints of releases in which all versions of a projection shared their tables."""
ALIASES = ALIASES_PROJECTION.name


class ProjectionStatus(JsonForm, msgspec.Struct, frozen=True):
    """The state of a projection.

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


class _Missing(NamedTuple):
    """The part of the log that projections have not folded.

    Attributes:
        end: The position to fold to.
        zone: The zone of the business's days and months.
        places: The places of these projections by name; None for one without tables.
    """

    end: int
    zone: str
    places: dict[str, Place | None]


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
        self._rebuilding = threading.RLock()
        self.projections = {projection.name: projection for projection in projections}
        self._tables = TablesByProjection(self._database, self.projections)
        self._fold_states = FoldStateReader(log.database)
        self._prepared = False
        self._warned = False
        self._live: LiveFolding | None = None
        self._between = CustomersBetween(self._database)

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
        if self._database.read_only:
            self._warn_if_behind(names)
            return
        wanted = list(names if names is not None else self.projections)
        if self._prepared and until is None:
            # Without the lock: most callers find nothing new, and need not wait for somebody who folds.
            before = self._missing(wanted, None)
            if not before.places:
                return
            until = before.end
        with self._lock:
            self._prepare()
            # The thread that had the lock may have folded all that this one needs: what was recorded before it waited.
            missing = self._missing(wanted, until)
            failures, left = self._catch_up_together(missing, batch)
            for name in left:
                try:
                    self._catch_up(name, batch, missing.end)
                except ProjectionFailed as failure:
                    failures[name] = failure
        if failures:
            raise next(iter(failures.values()))

    def _catch_up_together(self, missing: _Missing, batch: int) -> tuple[dict[str, ProjectionFailed], list[str]]:
        """Fold projections up to a position with one scan for all that stand at the same position.

        It stops at the first difficulty, such as a poison event or another process that folds too. The caller then goes
        on with each projection on its own, which finds out about it.

        Returns:
            The projections that met a poison event in a rebuild, and those that are left for the caller.
        """
        end, names = missing.end, list(missing.places)
        failures: dict[str, ProjectionFailed] = {}
        while missing.places:
            places = {name: each for name, each in missing.places.items() if each is not None and name not in failures}
            if far_behind := [name for name, each in places.items() if _is_rebuilt(each, missing.zone, end)]:
                failures |= self._rebuild_all(far_behind)
            elif not places:
                break
            else:
                lowest = min(each.position for each in places.values())
                above = min((each.position for each in places.values() if each.position > lowest), default=end)
                group = tuple(name for name, each in places.items() if each.position == lowest)
                until = min(lowest + batch, above)
                folding, self._live = self._live, None
                if folding is None or (folding.names, folding.position, folding.local.zone) != (
                    group, lowest, missing.zone,
                ):  # fmt: skip
                    projections = [self.projections[name] for name in group]
                    zone = local_time(missing.zone)
                    folding = LiveFolding(self._log, self._codec, self._tables, projections, zone, lowest)
                try:
                    self._step_together(folding, until)
                except (ProjectionFailed, _Overtaken):
                    return failures, [name for name in names if name not in failures]
                self._live = folding
                if until == end and len(group) == len(missing.places):
                    return failures, []
            missing = self._missing([name for name in names if name not in failures], end)
        return failures, [name for name in missing.places if name not in failures]

    def _step_together(self, folding: LiveFolding, until: int) -> None:
        """Fold one stretch in one transaction with the checkpoints of all its projections."""
        with (
            self._database.observed("fold", ", ".join(folding.names)) as facts,
            writing_views(self._database) as connection,
            collector_paused(),
        ):
            after = folding.position
            facts["events"] = until - after
            if not all(move_on(connection, self.projections[name], after, until) for name in folding.names):
                raise _Overtaken
            folding.fold(connection, until)

    def _rebuild_all(self, names: Sequence[str]) -> dict[str, ProjectionFailed]:
        """Rebuild projections together, unless another process is doing it already."""
        try:
            self.rebuild(names)
        except ProjectionFailed as failed:
            failures = {failed.projection: failed}
            with self._database.reading() as connection:
                found = self.checkpoints(connection)
            for name in names:
                row = found.get(name)
                if row is not None and row.failed_at is not None:
                    failures.setdefault(name, _failure(row))
            return failures
        return {}

    def is_behind(self, names: Iterable[str] | None = None) -> bool:
        """Return whether any of these projections has something to fold, or tables of another version or zone."""
        return bool(self._missing(names, None).places)

    def _warn_if_behind(self, names: Iterable[str] | None) -> None:
        if not self._warned and self.is_behind(names):
            self._warned = True
            logger.warning(
                "views are behind the log, and the database is read-only: answers leave out the newest events",
                database=self._database.name,
            )

    def _missing(self, names: Iterable[str] | None, until: int | None) -> _Missing:
        """Return what is to be folded into projections, up to a position or the head."""
        wanted = [self.projections[name] for name in (names if names is not None else self.projections)]
        with self._database.snapshot() as connection:
            if self._fold_states.exist():
                fold_state = self._fold_states.read(connection, wanted)
                places, head = fold_state.places, fold_state.head or self._log.head(connection)
            else:
                places, head = {}, self._log.head(connection)
            zone = self._zone()
        end = head.position if until is None else min(head.position, until)
        # The aliases first: a view's tables are never of a later state than what says who is merged.
        names = sorted((each.name for each in wanted), key=lambda name: name != ALIASES)
        return _Missing(end, zone, {name: place for name in names if is_missing(place := places.get(name), end, zone)})

    def _catch_up(self, name: str, batch: int, end: int) -> None:
        """Fold up to a head that was read once. Following a growing log might never end."""
        projection = self.projections[name]
        while True:
            with self._database.reading() as connection:
                checkpoint = self.checkpoints(connection).get(name)
            if checkpoint is None:  # another process has retired this edition
                self._prepared = False
                self._prepare()
                continue
            zone = self._zone()
            if _is_rebuilt(checkpoint, zone, end):
                self.rebuild([name])
                return
            if checkpoint.position >= end:
                return
            until = min(end, checkpoint.position + batch)
            if self._database.observers.of("fold"):
                with self._database.observed("fold", name) as facts:
                    facts["events"] = until - checkpoint.position
                    self._step(projection, zone, checkpoint.position, until)
            else:
                self._step(projection, zone, checkpoint.position, until)

    def reset(self, name: str) -> None:
        """Empty a projection's tables and begin again at the log's beginning, live."""
        with self._lock:
            self._prepare()
            self._live = None
            with writing_views(self._database) as connection:
                for table in self._tables[name].values():
                    connection.execute(table.table.delete())
                forget_columns(connection, self.projections[name])
                mine = is_edition_of(self.projections[name])
                connection.execute(checkpoints.update().where(mine).values(position=0))

    def _step(self, projection: Projection, zone: str, after: int, until: int) -> None:
        """Fold `after < position <= until`, in one transaction with the checkpoint; a poison event ends it early."""
        failure: ProjectionFailed | None = None
        while until > after:
            try:
                with writing_views(self._database) as connection:
                    if not move_on(connection, projection, after, until):
                        return  # another process was faster: nothing of this was counted
                    folding = Folding(self._codec, [projection], local_time(zone))
                    fold_live(self._log, connection, folding, self._tables[projection.name], after, until)
                    if folding.failures:
                        # Nothing of this transaction stays; all before the poison event is folded again without it.
                        raise folding.failures[projection.name]
                break
            except RowsUnwritable as unwritable:
                if until - after > 1:
                    # One of these events did it, and what failed after it was not to blame; go on to find which.
                    failure, until = None, after + (until - after) // 2
                    continue
                failure, until = unwritable, after
            except ProjectionFailed as failed:
                failure, until = failed, failed.position - 1
        if failure is not None:
            self._fail(failure)
            raise failure

    def _fail(self, failure: ProjectionFailed) -> None:
        logger.error(
            "projection stopped",
            projection=failure.projection,
            position=failure.position,
            stream=failure.stream,
            reason=failure.reason,
        )
        with writing_views(self._database) as connection:
            connection.execute(
                checkpoints.update()
                .where(is_edition_of(self.projections[failure.projection]))
                .values(failed_at=failure.position, failed_stream=failure.stream, failure=failure.reason)
            )

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
            shards: In how many ranges of customers they share; one a process by default.
            on_progress: Called with the events folded so far, and all there are.

        Raises:
            ProjectionFailed: One met a poison event; its old tables are untouched, the others are rebuilt.
            ConcurrencyConflict: Another rebuild of the same projection began later; this one has changed nothing.
        """
        wanted = [self.projections[name] for name in (names if names is not None else self.projections)]
        if self._database.is_memory:
            processes = 1  # there is nothing that another process could open
        self._prepare()
        self._live = None
        observers, label = self._database.observers.all, ", ".join(each.name for each in wanted)

        def report(done: int, total: int) -> None:
            for observer in observers:
                observer.progressed(label, done, total)
            if on_progress is not None:
                on_progress(done, total)

        # Not the other lock: views go on answering from the old tables.
        with self._rebuilding, self._database.observed("rebuild", label):
            rebuild = Rebuild(self._log, self._codec, wanted, self._zone())
            failures = rebuild.run(
                processes=processes,
                shards=max(shards or processes, processes),
                on_progress=report if observers else on_progress,
            )
        for failure in failures.values():
            self._fail(failure)
        for failure in failures.values():
            raise failure

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
            # No id has a character below the exclamation mark, so nobody else's comes before this bound.
            shard = None if customer is None else Shard(customer, customer + " ")
            folding.fold(self._log.scan(connection, COLUMNS, until=until, shard=shard))
        return folding

    def fold_customer(
        self,
        projections: Sequence[Projection],
        customer: str,
        until: int | None = None,
        *,
        position: int | None = None,
        zone: str | None = None,
    ) -> dict[str, Rows]:
        """Fold one customer's events in memory: what projections, also ones without tables, say of them alone.

        Args:
            projections: What to fold.
            customer: Whose events.
            until: Only what had occurred by then, UTC microseconds.
            position: The last position; None is the head.
            zone: The IANA zone of the business's days and months; the policy's by default.

        Raises:
            ProjectionFailed: One met an event that it cannot fold.
        """
        folding = Folding(self._codec, projections, local_time(zone or self._zone()))
        values = {
            "customer": customer,
            "topics": self._database.many(self._folded(projections)),
            "until": _ALL if until is None else until,
            "position": _ALL if position is None else position,
        }
        query = self._of_customer
        with collector_paused(), self._database.reading() as connection:
            cursor = self._database.cursor(connection, binary=True)
            cursor.execute(query.sql, query.bind(**values))
            while page := cursor.fetchmany(_LIVE_BATCH):
                folding.fold((page,))
        for failure in folding.failures.values():
            raise failure
        return folding.rows

    @cached_property
    def _of_customer(self) -> CompiledStatement:
        """Compiled once: that takes as long as to read a thousand events."""
        return self._database.compile(
            select(*(log_table.c[name] for name in COLUMNS))
            .where(log_table.c.customer == bindparam("customer"), log_table.c.position <= bindparam("position"))
            .where(log_table.c.occurred_at <= bindparam("until"))
            .where(self._database.among(log_table.c.topic, "topics"))
            .order_by(log_table.c.position)
        )

    def customers_between(
        self, projections: Sequence[Projection], since: int, until: int, *, position: int | None = None
    ) -> list[str]:
        """Return the customers with events that these projections fold from `since` to `until`, UTC microseconds.

        Args:
            projections: What folds the events.
            since: The first moment.
            until: The last moment.
            position: The last position; None is the head.
        """
        return self._between.of(tuple(self._folded(projections)), since, until, position=position)

    def _folded(self, projections: Sequence[Projection]) -> list[str]:
        """Return the topics of the events that any of these projections folds."""
        return [name for name, topic in self._codec.topics.items() if any(topic.event in p.folds for p in projections)]

    def stored(self, name: str) -> bytes:
        """Return the projection's tables as canonical bytes."""
        with self._database.reading() as connection:
            return canonical(
                (table, [tuple(row) for row in connection.execute(select(table.table))])
                for table in self._tables[name].values()
            )

    def folded(self, folding: Folding, name: str) -> bytes:
        """Return a folding's rows of one projection as canonical bytes; equal to `stored` if the tables are right."""
        rows = folding.rows[name]
        return canonical(
            (table, table.encode_all(rows.tables[row].values())) for row, table in self._tables[name].items()
        )

    def status(self) -> list[ProjectionStatus]:
        """Return how every projection stands. Nothing is written: one that was never folded stands at 0."""
        with self._database.reading() as connection:
            head = self._log.head(connection).position
            found = self.checkpoints(connection)
        return [_status(projection, found.get(name), head) for name, projection in self.projections.items()]

    def checkpoints(self, connection: Connection) -> dict[str, Any]:
        """Return the checkpoints of the present editions by name; without those that were never folded."""
        if not self._prepared and not tables_of(connection, [checkpoints.name]):
            return {}
        found = connection.execute(all_of(zone_data_version()))
        return {row.name: row for row in found if self._is_present(row)}

    def older_editions(self, connection: Connection) -> dict[str, tuple[int, str]]:
        """Return the version and the time zone data of other editions of these projections, the newest of each."""
        if not tables_of(connection, [checkpoints.name]):
            return {}
        found = connection.execute(select(checkpoints).order_by(checkpoints.c.version, checkpoints.c.zone_data))
        others = [row for row in found if row.name in self.projections]
        return {row.name: (row.version, row.zone_data) for row in others if not self._is_present(row)}

    def _is_present(self, row: Any) -> bool:
        """Return whether a checkpoint is that of the present edition of one of these projections."""
        projection = self.projections.get(row.name)
        return projection is not None and (row.version, row.zone_data) == (projection.version, zone_data_version())

    def tables(self, name: str) -> dict[type[Row], RowTable]:
        """Return the tables of a projection's present edition by class of row."""
        return self._tables[name]

    # --- tables that come and go ------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Make the tables of editions that have none yet, and remove those that nobody needs any more."""
        if self._prepared:
            return
        with self._database.reading() as connection:
            there = tables_of(connection, [checkpoints.name, _LEGACY])
            rows = connection.execute(select(checkpoints)).all() if checkpoints.name in there else []
        known = {row.name for row in rows if self._is_present(row)}
        if there != {checkpoints.name} or self._unneeded(rows) or not self.projections.keys() <= known:
            zone = self._zone()
            with writing_views(self._database) as connection:
                if not self._database.is_sqlite:  # one process at a time makes tables
                    self._database.lock(connection)
                if _LEGACY in there:
                    self._drop_legacy(connection)
                create_tables(connection, [checkpoints])
                self._drop_unneeded(connection)
                self._create(connection, sorted(self.projections.keys() - self.checkpoints(connection).keys()), zone)
        self._prepared = True

    def _create(self, connection: Connection, names: Sequence[str], zone: str) -> None:
        for name in names:
            create_tables(connection, (table.table for table in self._tables[name].values()))
        new = {"zone_data": zone_data_version(), "zone": zone, "position": 0, "folded_at": now_micros()}
        rows = [
            {
                "name": name,
                "version": self.projections[name].version,
                "tables": json.dumps([table.base_name for table in self._tables[name].values()]),
                **new,
            }
            for name in names
        ]
        if rows:
            connection.execute(checkpoints.insert(), rows)

    def _unneeded(self, rows: Iterable[Any]) -> list[Any]:
        """Return the rebuilds that have ended without a word, and the editions that nobody folds any more."""
        now = now_micros()
        newest = {name: (each.version, zone_data_version()) for name, each in self.projections.items()}

        def is_unneeded(row: Any) -> bool:
            is_older = row.name in newest and (row.version, row.zone_data) < newest[row.name]
            if is_older and row.folded_at < now - _RETIRED_AFTER:
                return True
            return bool(row.rebuild) and (row.rebuild_at < now - ABANDONED_AFTER or has_ended(row.rebuild))

        return [row for row in rows if is_unneeded(row)]

    def _drop_unneeded(self, connection: Connection) -> None:
        # Only these rows are locked, for other processes fold the rest; and they may have folded these since.
        columns = checkpoints.c.name, checkpoints.c.version, checkpoints.c.zone_data
        found = self._unneeded(connection.execute(select(checkpoints)).all())
        these = tuple_(*columns).in_([(row.name, row.version, row.zone_data) for row in found])
        locked = connection.execute(select(checkpoints).where(these).with_for_update()).all() if found else []
        for row in self._unneeded(locked):
            key = checkpoints.c.name == row.name, checkpoints.c.version == row.version
            mine = and_(*key, checkpoints.c.zone_data == row.zone_data)
            names, is_current = json.loads(row.tables), self._is_present(row)
            if row.rebuild:
                _drop_tables(connection, [f"{name}__{row.rebuild}" for name in names])
                connection.execute(checkpoints.update().where(mine).values(rebuild=None, rebuild_at=None))
                logger.warning("removed the tables of an interrupted rebuild", projection=row.name, version=row.version)
            if not is_current and row.folded_at < now_micros() - _RETIRED_AFTER:
                _drop_tables(connection, names)
                forget_edition(connection, row.name, row.version, row.zone_data)
                connection.execute(checkpoints.delete().where(mine))
                logger.info("retired an older edition", projection=row.name, version=row.version)

    def _drop_legacy(self, connection: Connection) -> None:
        """Drop what was folded before editions had tables of their own; it is folded again."""
        _drop_tables(connection, [table.label for name in self.projections for table in self._tables[name].values()])
        _drop_tables(connection, [_LEGACY])


class _Overtaken(Exception):
    """Another process has moved a checkpoint."""


def _is_rebuilt(checkpoint: Any, zone: str, end: int) -> bool:
    """Return whether a rebuild is faster than folding what is missing, or the only way to the zone's days."""
    missing = end - checkpoint.position
    is_far_behind = missing > _LIVE_MAX and missing * _LIVE_COST > end
    # A rebuild that met a poison event keeps nothing; folding live keeps everything before it.
    return bool(checkpoint.zone != zone or (is_far_behind and checkpoint.failed_at is None))


def _failure(row: Any) -> ProjectionFailed:
    return ProjectionFailed(row.failure, projection=row.name, position=row.failed_at, stream=row.failed_stream)


def _status(projection: Projection, row: Any, head: int) -> ProjectionStatus:
    if row is None:
        return ProjectionStatus(projection.name, projection.version, 0, head)
    failure = row.failed_at, row.failed_stream, row.failure
    return ProjectionStatus(row.name, row.version, row.position, head - row.position, *failure)


def _drop_tables(connection: Connection, names: Iterable[str]) -> None:
    for name in names:
        connection.execute(text(f'DROP TABLE IF EXISTS "{name}"'))
