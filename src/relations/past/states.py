"""Kept states: the tables of one projection as of a position, each in an SQLite file of its own.

A view as of any position begins with the nearest kept state before it, so that not all of the log is folded each time.
States are kept at round positions (marks) that a fold passes, and at the positions that were asked for. The oldest are
removed when there are too many. A state holds what the log's own rows say, in rows of views. Personal words are sealed
in it as they are in the log, and unreadable once the customer was erased.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import URL, Connection, func, select

from relations.errors import SourceError
from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.log import Log, Shard
from relations.log.tables import log as log_table
from relations.past.bounds import Bounds
from relations.policies.calendars import local_time, zone_data_version
from relations.projections.gc_pause import collector_paused
from relations.projections.projection import Projection, Row
from relations.projections.running.aliases import PROJECTION as ALIASES
from relations.projections.running.checkpoints import checkpoints
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.live import fold_rows
from relations.projections.running.rebuild import create_without_indexes
from relations.projections.running.tables import RowTable

__all__ = ["CustomerTables", "KeptState", "KeptStates", "StateTables"]

_MARKS = 16
"""The most marks in a log: there are fewer than this many events between a position and the mark before it."""
_STRIDE_MIN = 16_384
"""The fewest events between two marks: folding fewer takes no longer than keeping a state."""
_STRETCH = 16_384
"""Events folded into existing rows in one transaction."""
_LIVE_COST = 3
"""How many times longer an event takes to fold into existing rows than in a fold from the beginning."""
_SLICE = 500
_EVERYBODY = Shard(None, None)
_POSITION, _TOPIC, _CUSTOMER, _OCCURRED = (COLUMNS.index(n) for n in ("position", "topic", "customer", "occurred_at"))


class KeptState(NamedTuple):
    """One kept state.

    Attributes:
        position: The last position folded.
        digest: The beginning of that event's digest: another log has another one.
        occurred: The last business time folded, UTC microseconds; None for no bound.
        latest: The latest business time among the events folded, so that it is known which bounds the state can serve.
        path: The file.
    """

    position: int
    digest: str
    occurred: int | None
    latest: int
    path: Path

    @classmethod
    def of(cls, path: Path) -> KeptState | None:
        """Return the state in a file by the file's name, or None if it is not one."""
        parts = path.stem.split("_")
        if path.suffix != ".state" or len(parts) != 4:
            return None
        with suppress(ValueError):
            return cls(int(parts[0]), parts[1], None if parts[2] == "all" else int(parts[2]), int(parts[3]), path)
        return None

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.position}_{self.digest}_{'all' if self.occurred is None else self.occurred}_{self.latest}.state"

    def serves(self, bounds: Bounds) -> bool:
        """Return whether folding what follows in the log leads from this state to the bounds."""
        if self.position > bounds.position:
            return False
        if self.occurred is not None:
            return self.occurred == bounds.occurred
        return bounds.occurred is None or self.latest <= bounds.occurred


class StateTables:
    """The tables of one projection, and the aliases, in an SQLite database of their own.

    Args:
        database: The database.
        projection: The projection.
        codec: Decodes events.
        zone: The IANA zone of the business's days and months.
    """

    def __init__(self, database: Database, projection: Projection, codec: Codec, zone: str) -> None:
        self.database = database
        self._codec = codec
        self._zone = zone
        self.projections = [projection] if projection.name == ALIASES.name else [ALIASES, projection]
        self.tables: dict[str, dict[type[Row], RowTable]] = {
            each.name: {row: RowTable.of(database, each, row) for row in each.tables} for each in self.projections
        }
        self._topics = {each.name: {event.topic for event in each.folds} for each in self.projections}

    def wanted(
        self, projection: Projection, rows: Sequence[tuple[Any, ...]], occurred: int | None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of the log that a projection folds: of its topics, and not dated after the bound.

        Two ids of one person are one customer at any business time, so the aliases have no bound.
        """
        topics = self._topics[projection.name]
        found = [row for row in rows if row[_TOPIC] in topics]
        if occurred is None or projection.name == ALIASES.name:
            return found
        return [row for row in found if row[_OCCURRED] <= occurred]

    def fill(self, pages: Iterator[list[tuple[Any, ...]]], bounds: Bounds) -> int:
        """Make the tables and fold pages of rows by customer into them; return the latest business time among them."""
        with self.database.writing() as connection:
            for table in self._all():
                create_without_indexes(connection, table.table)
            checkpoints.create(connection)
            latest = self._fold_pages(connection, pages, bounds)
            for table in self._all():
                for index in table.table.indexes:
                    index.create(connection)
        return latest

    def make(self) -> None:
        """Make empty tables, for `refill`."""
        with self.database.writing() as connection:
            for table in self._all():
                table.table.create(connection)
            checkpoints.create(connection)

    def refill(self, rows: list[tuple[Any, ...]], bounds: Bounds) -> None:
        """Empty the tables, and fold rows of the log by customer into them."""
        with self.database.writing() as connection:
            cursor = self.database.cursor(connection)
            for table in self._all():
                cursor.execute(f'DELETE FROM "{table.base_name}"')  # noqa: S608 - a name of our own
            self._fold_pages(connection, iter([rows]), bounds)

    def _fold_pages(self, connection: Connection, pages: Iterator[list[tuple[Any, ...]]], bounds: Bounds) -> int:
        latest = 0
        local = local_time(self._zone)
        foldings = [(each, Folding(self._codec, [each], local)) for each in self.projections]
        cursor = self.database.cursor(connection)
        with self.database.without_overwriting(connection), collector_paused():
            for page in pages:
                for start in range(0, len(page), _SLICE):
                    for projection, folding in foldings:
                        part = self.wanted(projection, page[start : start + _SLICE], bounds.occurred)
                        if part:
                            latest = max(latest, *(row[_OCCURRED] for row in part))
                            self._fold(folding, part)
                            self._take(cursor, projection, folding, part[-1][_CUSTOMER])
            for projection, folding in foldings:
                self._take(cursor, projection, folding, None)
        self._note(connection, bounds.position)
        return latest

    def advance(self, rows: Sequence[tuple[Any, ...]], bounds: Bounds) -> int:
        """Fold rows in order of position into the tables; return the latest business time among those folded."""
        latest = 0
        with self.database.writing() as connection, self.database.without_overwriting(connection), collector_paused():
            for projection in self.projections:
                folding = Folding(self._codec, [projection], local_time(self._zone))
                mine = self.wanted(projection, rows, bounds.occurred)
                latest = max([latest, *(row[_OCCURRED] for row in mine)])
                fold_rows(self.database, connection, folding, self.tables[projection.name], mine, bounds.position)
                for failure in folding.failures.values():
                    raise failure
            self._note(connection, bounds.position)
        return latest

    def _all(self) -> Iterator[RowTable]:
        for of_projection in self.tables.values():
            yield from of_projection.values()

    def _fold(self, folding: Folding, rows: Sequence[tuple[Any, ...]]) -> None:
        folding.fold((rows,))
        for failure in folding.failures.values():
            raise failure

    def _take(self, cursor: Any, projection: Projection, folding: Folding, customer: str | None) -> None:
        tables = self.tables[projection.name]
        for row, rows in folding.rows[projection.name].complete(customer).items():
            tables[row].fill(cursor, tables[row].encode_all(rows))

    def _note(self, connection: Connection, position: int) -> None:
        """Note how far the tables are folded: what a view compares to know that they fit together."""
        connection.execute(checkpoints.delete())
        fixed = {"zone_data": zone_data_version(), "zone": self._zone, "position": position, "folded_at": 0}
        connection.execute(
            checkpoints.insert(),
            [{"name": each.name, "version": each.version, "tables": "[]", **fixed} for each in self.projections],
        )


class CustomerTables:
    """Tables in memory for questions about one customer: made once, and used again and again.

    Args:
        codec: Decodes events.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._free: dict[str, list[Database]] = {}
        self._lock = RLock()

    def take(self, projection: Projection) -> Database:
        """Return a database with the tables of a projection, which nobody else uses until it is given back."""
        with self._lock:
            if free := self._free.setdefault(projection.name, []):
                return free.pop()
        database = Database("sqlite://", access="fold")
        StateTables(database, projection, self._codec, "UTC").make()
        return database

    def give_back(self, projection: Projection, database: Database) -> None:
        """Let others use a database."""
        with self._lock:
            self._free[projection.name].append(database)

    def close(self) -> None:
        """Close the databases that nobody uses."""
        with self._lock:
            for databases in self._free.values():
                while databases:
                    databases.pop().close()


class KeptStates:
    """The kept states of one log.

    Args:
        log: The log.
        codec: Decodes its events.
        directory: Where states are kept from one process to the next. None keeps them until `close`.
        limit: The most bytes to keep.
    """

    def __init__(self, log: Log, codec: Codec, *, directory: Path | None = None, limit: int = 4_000_000_000) -> None:
        self._log = log
        self._codec = codec
        self._given = directory
        self._limit = limit
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._lock = RLock()
        self.folded = 0

    def open(self, projection: Projection, bounds: Bounds, zone: str, path: Path) -> None:
        """Put the tables of a projection as of some bounds into a file.

        Args:
            projection: The projection.
            bounds: The part of the log.
            zone: The IANA zone of the business's days and months.
            path: The file, which does not exist yet. It is the caller's.

        Raises:
            ProjectionFailed: The projection cannot fold an event.
        """
        with self._lock:
            folder = self._folder(projection, zone)
            base = self._nearest(folder, bounds)
            if base is not None and base.position == bounds.position:
                with suppress(OSError):
                    os.utime(base.path)
                    _link(base.path, path)
                    return
            self._build(projection, bounds, zone, path, base, folder)
            self._evict()

    def fill(self, projections: Sequence[Projection], zone: str) -> None:
        """Keep a state of each projection at every mark of the log, so that any position is near one."""
        with self._log.database.reading() as connection:
            head = self._log.head(connection).position
        last = head - head % stride(head)
        for projection in projections:
            with tempfile.TemporaryDirectory(prefix="relations-") as scratch, self._lock:
                folder, path = self._folder(projection, zone), Path(scratch) / "tables.db"
                self._advance(projection, Bounds(last), zone, path, None, folder)
                self._evict()

    def close(self) -> None:
        """Remove the states that are not kept for later processes."""
        with self._lock:
            if self._temporary is not None:
                self._temporary.cleanup()
                self._temporary = None

    # --- building ---------------------------------------------------------------------------------------------------

    def _build(
        self, projection: Projection, bounds: Bounds, zone: str, path: Path, base: KeptState | None, folder: Path
    ) -> None:
        """Fold what leads to the bounds, from the nearest state or from the beginning, whichever is less work."""
        if base is not None and self._count(bounds, base.position) * _LIVE_COST > self._count(bounds):
            base = None
        if base is None and bounds.occurred is None:
            # To the last mark in the fastest way, and on from there, so that the next question finds a state.
            mark = bounds.position - bounds.position % stride(self._head())
            if mark and (bounds.position - mark) * _LIVE_COST < mark:
                base = self._from_beginning(projection, Bounds(mark), zone, folder)
        if base is None:
            built = self._from_beginning(projection, bounds, zone, folder)
            _link(built.path, path)
            return
        self._advance(projection, bounds, zone, path, base, folder)

    def _from_beginning(self, projection: Projection, bounds: Bounds, zone: str, folder: Path) -> KeptState:
        """Fold everything within the bounds, customer by customer, and keep the state."""
        scratch = folder / f".{uuid4().hex}"
        database = _tables_at(scratch)
        try:
            tables = StateTables(database, projection, self._codec, zone)
            with self._log.database.reading() as connection:
                pages = self._log.scan_by_customer(connection, COLUMNS, until=bounds.position, shard=_EVERYBODY)
                latest = tables.fill(_counting(self, pages), bounds)
            database.close()
            return self._keep(scratch, bounds, latest, folder)
        finally:
            database.close()
            scratch.unlink(missing_ok=True)

    def _advance(
        self,
        projection: Projection,
        bounds: Bounds,
        zone: str,
        path: Path,
        base: KeptState | None,
        folder: Path,
    ) -> None:
        """Fold from a state to the bounds in the order of the log, keeping the states at the marks on the way."""
        position, latest, step = 0, 0, stride(self._head())
        if base is not None:
            shutil.copyfile(base.path, path)
            position, latest = base.position, base.latest
        database = _tables_at(path)
        try:
            tables = StateTables(database, projection, self._codec, zone)
            if base is None:
                tables.fill(iter(()), Bounds(0))
            while position < bounds.position:
                until = min(position + _STRETCH, bounds.position, position - position % step + step)
                with self._log.database.reading() as connection:
                    pages = self._log.scan(connection, COLUMNS, after=position, until=until)
                    rows = [row for page in _counting(self, pages) for row in page]
                latest = max(latest, tables.advance(rows, Bounds(until, bounds.occurred)))
                position = until
                if bounds.occurred is None and position % step == 0:
                    self._keep(path, Bounds(position), latest, folder)
        finally:
            database.close()
        if bounds.occurred is not None or position % step:
            self._keep(path, bounds, latest, folder)

    def _keep(self, made: Path, bounds: Bounds, latest: int, folder: Path) -> KeptState:
        """Copy tables into the folder of states, whole or not at all."""
        state = KeptState(bounds.position, self._digest(bounds.position), bounds.occurred, latest, folder)
        kept = folder / state.name
        partial = folder / f".{uuid4().hex}"
        shutil.copyfile(made, partial)
        partial.replace(kept)
        return state._replace(path=kept)

    # --- what is kept -----------------------------------------------------------------------------------------------

    def _nearest(self, folder: Path, bounds: Bounds) -> KeptState | None:
        """Return the kept state with the least to fold up to the bounds, of this very log."""
        states = [state for path in folder.iterdir() if (state := KeptState.of(path)) is not None]
        states = [state for state in states if state.serves(bounds)]
        for state in sorted(states, key=lambda each: each.position, reverse=True):
            if state.digest == self._digest(state.position):
                return state
        return None

    def _evict(self) -> None:
        """Remove the states that were not used for the longest time until the rest is within the limit."""
        found = []
        for path in self._root().rglob("*.state"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _root(self) -> Path:
        if self._given is not None:
            return self._given
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="relations-states-")
        return Path(self._temporary.name)

    def _folder(self, projection: Projection, zone: str) -> Path:
        edition = f"{projection.name}-{projection.version}-{ALIASES.version}-{zone_data_version()}"
        folder = self._root() / edition / zone.replace("/", "-")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(
                f"states cannot be kept in {self._root()}: {error.strerror}",
                code="unwritable_states",
                hint="Give a folder that can be written to",
            ) from None
        return folder

    def _count(self, bounds: Bounds, after: int = 0) -> int:
        """Return the number of events to fold after a position."""
        if bounds.occurred is None:
            return bounds.position - after
        position = log_table.c.position
        statement = select(func.count()).where(position > after, *bounds.conditions())
        with self._log.database.reading() as connection:
            return connection.execute(statement).scalar_one()

    def _head(self) -> int:
        with self._log.database.reading() as connection:
            return self._log.head(connection).position

    def _digest(self, position: int) -> str:
        if not position:
            return "beginning"
        with self._log.database.reading() as connection:
            found = self._log.digest(connection, position)
        return "" if found is None else found.hex()[:32]


def stride(head: int) -> int:
    """Return the number of events between two marks: a power of two, so that marks stay marks when the log grows."""
    found = _STRIDE_MIN
    while found * _MARKS < head:
        found *= 2
    return found


def _tables_at(path: Path) -> Database:
    return Database(URL.create("sqlite", database=str(path)), durability="off")


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, so that it stays when the first is removed; copy it where that is impossible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _counting(states: KeptStates, pages: Iterator[list[tuple[Any, ...]]]) -> Iterator[list[tuple[Any, ...]]]:
    for page in pages:
        states.folded += len(page)
        yield page
