"""Verification of a log and its views: what `Relations.verify` does and returns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Connection, func, select, text

from relations.errors import ChainBroken, InvalidInput, RelationsError
from relations.log.chain import GENESIS, check
from relations.log.codec import Codec
from relations.log.failures import translated
from relations.log.log import Head, Log
from relations.log.personal import Keys
from relations.log.snapshots import stored_snapshots
from relations.log.tables import FOREIGN, keys, snapshots
from relations.log.tables import log as log_table
from relations.messages import JsonForm
from relations.policies.calendars import zone_data_version
from relations.projections.running.comparing import Comparison
from relations.projections.running.runner import Progress, Runner

__all__ = ["Problem", "Verification", "Verifier"]

_NOTED = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.IGNORECASE)


class Problem(JsonForm, msgspec.Struct, frozen=True):
    """A finding of a verification: something wrong in the database.

    Attributes:
        code: `chain_broken`, `undecodable_event`, `unknown_topic`, `log_emptied`, `not_as_noted`, `database_damaged`,
            `snapshot_damaged`, `view_differs`, `view_outdated`, `checkpoint_beyond_head`, `projection_failed`, a code
            of `KeyProblem`, or the code of the error that a check met.
        reason: What is wrong.
        position: The position in the log, if there is one.
        view: The name of the view, if the finding is about one.
    """

    code: str
    reason: str
    position: int | None = None
    view: str | None = None


class Verification(JsonForm, msgspec.Struct, frozen=True):
    """The result of `verify`.

    Attributes:
        events: How many events were checked.
        position: The last good position.
        digest: Its digest, hexadecimal.
        views: The views that were refolded and compared.
        problems: Everything found wrong; empty if all is well.
    """

    derived: ClassVar[tuple[str, ...]] = ("good",)
    events: int
    position: int
    digest: str
    views: list[str]
    problems: list[Problem]

    @property
    def good(self) -> bool:
        """True if no problem was found."""
        return not self.problems


class Verifier:
    """Proof of a log and its views, from one state of the database. It never writes.

    Args:
        log: The log.
        codec: Decodes its events.
        runner: Knows the projections and their tables.
        keys: Knows the customers' keys.
        expect: Positions and digests that were noted down, as `POSITION:DIGEST`.
        on_progress: Called with the events checked and folded so far, and all there are to check and to fold.

    Raises:
        InvalidInput: What is expected is not of the form `POSITION:DIGEST`.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        runner: Runner,
        keys: Keys,
        *,
        expect: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> None:
        self._log = log
        self._database = log.database
        self._codec = codec
        self._runner = runner
        self._keys = keys
        self._expect = [_noted(each) for each in expect]
        self._on_progress = on_progress
        self._done = 0
        self._total = 0
        self._problems: list[Problem] = []
        self._compared: list[str] = []

    def verify(self) -> Verification:
        """Check everything, and report every problem."""
        head, events = Head(0, GENESIS), 0
        with self._database.snapshot() as connection:
            with self._findings(connection, "the database"):
                self._problems += _damages(connection)
            progress: list[tuple[int, dict[str, Any]]] = []
            with self._findings(connection, "the state of the views"):
                last = self._log.head(connection).position
                rows = self._runner.checkpoints(connection)
                self._total = last + sum(position for position, _ in _by_position(rows))
                progress = _by_position(rows)
            with self._findings(connection, "the log"):
                head, events = self._check_log(connection)
            with self._findings(connection, "the keys"):
                for each in self._keys.problems(connection, self._codec):
                    self._problems.append(Problem(each.code, each.reason, each.position))
            with self._findings(connection, "the snapshots"):
                self._check_snapshots(connection)
            with self._findings(connection, "what was noted"):
                self._check_noted(connection)
            with self._findings(connection, "the views"):
                self._check_checkpoints(connection, events)
            for position, group in progress:
                with self._findings(connection, f"the views {', '.join(group)}"):
                    self._compare(connection, position, group)
        return Verification(
            events=events,
            position=head.position,
            digest=head.digest.hex() if head.position else "",
            views=sorted(self._compared),
            problems=self._problems,
        )

    @contextmanager
    def _findings(self, connection: Connection, what: str) -> Iterator[None]:
        """Turn an error in a check into a finding, so that the report has it and all other findings."""
        try:
            with nullcontext() if self._database.is_sqlite else connection.begin_nested():
                yield
        except Exception as error:  # any at all: damaged bytes can raise anything
            known = translated(error)
            if isinstance(known, RelationsError):
                problem = Problem(known.code, f"{what}: {known.reason}", getattr(known, "position", None))
            else:
                problem = Problem("database_damaged", f"{what} cannot be read: {type(error).__name__}: {error}")
            self._problems.append(problem)

    def _count(self, events: int) -> None:
        self._done += events
        if self._on_progress is not None:
            self._on_progress(min(self._done, self._total), self._total)

    # --- the log ----------------------------------------------------------------------------------------------------

    def _check_log(self, connection: Connection) -> tuple[Head, int]:
        """Check the chain and that every body can be read; return the last good place and the number of events."""
        head, events, is_whole = Head(0, GENESIS), 0, True
        pages = self._log.scan(connection, damaged=True)
        while True:
            try:
                page = next(pages, None)
            except Exception as error:  # what was checked before is still worth reporting
                known = translated(error)
                reason = known.reason if isinstance(known, RelationsError) else f"{type(error).__name__}: {error}"
                after = f"the log cannot be read after position {head.position}: {reason}"
                self._problems.append(Problem("log_damaged", after, head.position + 1))
                return head, events
            if page is None:
                return head, events
            events += len(page)
            if is_whole:
                try:
                    head = Head(*check(page, previous=head.digest, position=head.position))
                except ChainBroken as broken:
                    self._problems.append(Problem(broken.code, broken.reason, broken.position))
                    head = next((Head(row[0], bytes(row[-1])) for row in page if row[0] == broken.position - 1), head)
                    is_whole = False
            self._problems += self._unreadable(page)
            self._count(len(page))

    def _unreadable(self, page: Sequence[tuple[Any, ...]]) -> Iterator[Problem]:
        for row in page:
            position, topic, schema, body = row[0], row[3], row[4], row[13]
            if schema == FOREIGN:
                continue  # another application's event on the same log: the chain covers it, its body is not ours
            if topic not in self._codec.topics:
                yield Problem("unknown_topic", f"the topic {topic!r} is unknown to this version", position)
                continue
            try:
                self._codec.decode(topic, schema, body)
            except RelationsError as error:
                yield Problem(error.code, error.reason, position)
            except Exception as error:  # changed bytes can raise anything
                yield Problem("undecodable_event", f"{type(error).__name__}: {error}", position)

    def _check_snapshots(self, connection: Connection) -> None:
        for each in stored_snapshots(self._database, connection):
            if each.state is None and not each.is_older:
                place = f"the snapshot of {each.stream} at version {each.version}"
                self._problems.append(Problem("snapshot_damaged", f"{place} does not match the log, and is ignored"))

    def _check_noted(self, connection: Connection) -> None:
        columns = log_table.c.position, log_table.c.digest
        for position, digest in self._expect:
            found = connection.execute(select(*columns).where(columns[0] == position)).first()
            if found is None:
                reason = f"position {position} was noted, and the log has no such position"
                self._problems.append(Problem("not_as_noted", reason, position))
            elif bytes(found.digest).hex() != digest:
                reason = f"position {position} has the digest {bytes(found.digest).hex()}; {digest} was noted"
                self._problems.append(Problem("not_as_noted", reason, position))

    # --- the views --------------------------------------------------------------------------------------------------

    def _check_checkpoints(self, connection: Connection, events: int) -> None:
        head = self._log.head(connection).position
        rows = self._runner.checkpoints(connection)
        for name, row in rows.items():
            if row.position > head:
                reason = f"{name} was folded up to position {row.position}, and the log ends at {head}"
                self._problems.append(Problem("checkpoint_beyond_head", reason, row.position, name))
            if row.failure is not None:
                self._problems.append(Problem("projection_failed", row.failure, row.failed_at, name))
        for name, (version, zone_data) in self._runner.older_editions(connection).items():
            if name not in rows:
                made = f"version {version} with time zone data {zone_data}"
                here = f"version {self._runner.projections[name].version} with {zone_data_version()}"
                reason = f"{name} was made by {made}; here is {here}: run `relations rebuild`"
                self._problems.append(Problem("view_outdated", reason, view=name))
        if not events:
            left = {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (keys, snapshots)
            }
            if any(left.values()) or any(row.position for row in rows.values()):
                kept = ", ".join(f"{count} rows in {name}" for name, count in left.items())
                self._problems.append(Problem("log_emptied", f"the log is empty, but was not always: there are {kept}"))

    def _compare(self, connection: Connection, position: int, group: dict[str, Any]) -> None:
        by_zone: dict[str, list[str]] = {}
        for name, row in group.items():
            by_zone.setdefault(row.zone, []).append(name)
        for zone, names in by_zone.items():
            projections = [self._runner.projections[name] for name in names]
            tables = {name: self._runner.tables(name) for name in names}
            comparison = Comparison(self._log, self._codec, projections, tables, zone)
            comparison.run(connection, position, self._count)
            for name in names:
                if (failure := comparison.failures.get(name)) is not None:
                    if group[name].failure is None:
                        self._problems.append(Problem(failure.code, failure.reason, failure.position, name))
                    continue
                self._compared.append(name)
                if (difference := comparison.differences.get(name)) is not None:
                    count = comparison.counts[name]
                    rows = "1 row differs" if count == 1 else f"{count} rows differ"
                    reason = f"{name} differs from its refold, {rows}; first {difference}"
                    self._problems.append(Problem("view_differs", reason, view=name))


def _by_position(rows: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the checkpoints that can be compared in one fold together, by their position."""
    found: dict[int, dict[str, Any]] = {}
    for name, row in rows.items():
        if row.failure is None or row.failed_at is None or row.position < row.failed_at:
            found.setdefault(row.position, {})[name] = row
    return sorted(found.items())


def _noted(noted: str) -> tuple[int, str]:
    found = _NOTED.fullmatch(noted.strip())
    if found is None:
        raise InvalidInput(
            f"{noted!r} is not a position with its digest",
            code="invalid_expectation",
            field="expect",
            hint="Write POSITION:DIGEST, with the 64 hexadecimal digits that `relations status` shows",
        )
    return int(found[1]), found[2].lower()


def _damages(connection: Connection) -> Iterator[Problem]:
    """Yield what the database itself finds wrong with its files: pages, indexes and constraints."""
    if connection.dialect.name == "sqlite":
        for (said,) in connection.execute(text("PRAGMA integrity_check(20)")):
            if said != "ok":
                yield Problem("database_damaged", f"SQLite's integrity check: {said}")
        return
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")).first() is None:
        return
    indexes = text(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_am a ON a.oid = c.relam JOIN pg_class t ON t.oid = i.indrelid "
        "WHERE a.amname = 'btree' AND i.indisvalid AND t.relnamespace = ANY (current_schemas(false)::regnamespace[]) "
        "AND t.relname LIKE 'relations\\_%' ORDER BY 1"
    )
    for name in connection.execute(indexes).scalars().all():
        try:
            with connection.begin_nested():
                connection.execute(text("SELECT bt_index_check(CAST(:name AS regclass), true)"), {"name": name})
        except Exception as error:  # amcheck reports damage as an error
            yield Problem("database_damaged", f"amcheck of {name}: {str(error).splitlines()[0]}")
