"""The check of the views: the record of their state, and their tables against a refold of the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from relations.log.codec import Codec
from relations.log.log import Log
from relations.policies.calendars import zone_data_version
from relations.projections.running.checkpoints import checkpoints
from relations.projections.running.comparing import Comparison
from relations.projections.running.runner import Runner
from relations.verification.findings import Findings, Problem

__all__ = ["RefoldCheck"]

Raw = tuple[Any, ...]


class RefoldCheck:
    """The check of the views of one runner.

    Args:
        log: The log.
        codec: Decodes its events.
        runner: Knows the projections and their tables.
        findings: Receives the problems.

    Attributes:
        compared: The views that were compared with a refold.
        unread: The number of events that refolds did not read, because one could not be decoded or folded.
    """

    def __init__(self, log: Log, codec: Codec, runner: Runner, findings: Findings) -> None:
        self._log = log
        self._codec = codec
        self._runner = runner
        self._findings = findings
        self._rows: Mapping[str, Any] = {}
        self._there: set[str] = set()
        self.compared: list[str] = []
        self.unread = 0

    def load(self, connection: Connection) -> None:
        """Read the record of the views' state, and which tables there are."""
        self._rows = self._runner.checkpoints(connection)
        self._there = _all_tables(connection)

    @property
    def positions(self) -> dict[str, int]:
        """The position of each view that was folded."""
        return {name: row.position for name, row in self._rows.items()}

    @property
    def groups(self) -> list[tuple[int, str, list[str]]]:
        """Position, time zone and names of the views that can be compared in one fold together."""
        found: dict[tuple[int, str], list[str]] = {}
        for name, row in self._rows.items():
            is_passed = row.failure is None or row.failed_at is None or row.position < row.failed_at
            if is_passed and self._missing(name) == []:
                found.setdefault((row.position, row.zone), []).append(name)
        return [(position, zone, names) for (position, zone), names in sorted(found.items())]

    def topics(self, position: int) -> set[str]:
        """Return the topics of the events that refolds up to this position decode."""
        names = (name for until, _, names in self.groups if until == position for name in names)
        return {event.topic for name in names for event in self._runner.projections[name].folds}

    def _missing(self, name: str) -> list[str]:
        return [table.base_name for table in self._runner.tables(name).values() if table.base_name not in self._there]

    # --- the record of their state ----------------------------------------------------------------------------------

    def check_state(self, connection: Connection, head: int, zones: Collection[str]) -> Iterator[Problem]:
        """Yield what is wrong with the record of the views' state.

        Args:
            connection: The transaction.
            head: The last position of the log.
            zones: The time zones of all adopted policies.
        """
        for name, row in self._rows.items():
            yield from self._contradictions(name, row, zones)
            for table in self._missing(name):
                yield Problem("table_missing", f"the table {table} of {name} is missing", view=name, table=table)
            if row.position > head:
                reason = f"{name} was folded up to position {row.position}, and the log ends at {head}"
                yield _checkpoint(name, reason, "position", code="checkpoint_beyond_head", position=row.position)
            if row.failure is not None:
                yield _checkpoint(name, row.failure, None, code="projection_failed", position=row.failed_at)
        older = self._runner.older_editions(connection)
        for name, projection in self._runner.projections.items():
            if name in self._rows:
                continue
            if name in older:
                version, zone_data = older[name]
                made = f"version {version} with time zone data {zone_data}"
                here = f"version {projection.version} with {zone_data_version()}"
                reason = f"{name} was made by {made}; here is {here}: run `relations rebuild`"
                yield _checkpoint(name, reason, None, code="view_outdated")
            left = [table.base_name for table in self._runner.tables(name).values() if table.base_name in self._there]
            if left:
                reason = f"{name} has tables ({', '.join(left)}) and no record of its state"
                yield _checkpoint(name, reason, None, code="checkpoint_missing")

    def _contradictions(self, name: str, row: Any, zones: Collection[str]) -> Iterator[Problem]:
        if row.zone not in zones:
            yield _checkpoint(name, f"{name} was folded in the zone {row.zone!r}, which no policy has", "zone")
        if row.position < 0:
            yield _checkpoint(name, f"{name} was folded up to position {row.position}", "position")
        tables = [table.base_name for table in self._runner.tables(name).values()]
        if _names(row.tables) != tables:
            yield _checkpoint(name, f"the recorded tables of {name} are not {', '.join(tables)}", "tables")
        if (row.rebuild is None) != (row.rebuild_at is None):
            yield _checkpoint(name, f"a rebuild of {name} is recorded only in part", "rebuild")
        elif row.rebuild is not None and any(f"{table}__{row.rebuild}" not in self._there for table in tables):
            yield _checkpoint(name, f"a rebuild of {name} is recorded, and its tables are missing", "rebuild")
        if len({row.failed_at is None, row.failed_stream is None, row.failure is None}) > 1:
            yield _checkpoint(name, f"a failure of {name} is recorded only in part", "failure")

    # --- their tables -----------------------------------------------------------------------------------------------

    def compare(
        self,
        connection: Connection,
        group: tuple[int, str, list[str]],
        on_count: Callable[[int], None],
        on_page: Callable[[Sequence[Raw]], None] | None = None,
    ) -> None:
        """Compare the tables of views that were folded equally far with a refold.

        Args:
            connection: The transaction.
            group: One of `groups`.
            on_count: Called with the number of events folded since the last call.
            on_page: Called with each page of events, ordered by customer.
        """
        position, zone, names = group
        projections = [self._runner.projections[name] for name in names]
        tables = {name: self._runner.tables(name) for name in names}
        comparison = Comparison(self._log, self._codec, projections, tables, zone)
        self.unread += position
        comparison.run(connection, position, on_count, on_page)
        if not comparison.failures:
            self.unread -= comparison.folded
        for name in names:
            if (failure := comparison.failures.get(name)) is not None:
                if self._rows[name].failure is None:
                    self._findings.add(Problem(failure.code, failure.reason, failure.position, name))
                continue
            self.compared.append(name)
            if (difference := comparison.differences.get(name)) is not None:
                count = comparison.counts[name]
                rows = "1 row differs" if count == 1 else f"{count} rows differ"
                reason = f"{name} differs from its refold, {rows}; first {difference}"
                key = ", ".join(map(str, difference.key))
                problem = Problem(
                    "view_differs", reason, view=name, table=difference.table, key=key, column=difference.column
                )
                self._findings.add(problem)


def _names(stored: str) -> Any:
    try:
        return json.loads(stored)
    except ValueError:
        return None


def _checkpoint(
    name: str, reason: str, column: str | None, *, code: str = "checkpoint_damaged", position: int | None = None
) -> Problem:
    return Problem(code, reason, position, view=name, table=str(checkpoints.name), key=name, column=column)


def _all_tables(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        statement = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        statement = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"
    return set(connection.execute(text(statement)).scalars())
