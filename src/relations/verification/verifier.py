"""All checks of a verification, in order, on one state of the database."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, select

from relations.decider import Aggregate
from relations.errors import InvalidInput, RelationsError
from relations.execution.states import States
from relations.log.codec import Codec
from relations.log.log import Log
from relations.log.personal import Keys
from relations.log.tables import log as log_table
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.projections.running.runner import Progress, Runner
from relations.projections.view import View
from relations.verification import stored
from relations.verification.events import EventCheck
from relations.verification.findings import Findings, Problem, Verification
from relations.verification.keys import KeyCheck
from relations.verification.refolds import RefoldCheck
from relations.verification.seals import SealCheck

__all__ = ["Verifier"]

_NOTED = re.compile(r"(\d{1,18}):([0-9a-f]{8,64})", re.IGNORECASE)


class Verifier:
    """Proof of a log and its views, from one state of the database. It never writes.

    Args:
        log: The log.
        codec: Decodes its events.
        runner: Knows the projections and their tables.
        views: Know the columns that were stored of these tables.
        keys: Knows the customers' keys.
        states: Folds streams, to compare their snapshots.
        aggregates: Every kind of aggregate.
        rules: Returns the adopted policies as a transaction sees them.
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
        views: Iterable[View],
        keys: Keys,
        states: States,
        aggregates: Sequence[Aggregate[Any]],
        rules: Callable[[Connection], InForce],
        *,
        expect: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> None:
        self._log = log
        self._database = log.database
        self._codec = codec
        self._views = views
        self._keys = keys
        self._states = states
        self._aggregates = aggregates
        self._rules = rules
        self._expect = [_noted(each) for each in expect]
        self._on_progress = on_progress
        self._done = 0
        self._total = 0
        self._findings = Findings(is_sqlite=self._database.is_sqlite)
        self._unchecked: list[str] = []
        self._refolds = RefoldCheck(log, codec, runner, self._findings)

    def verify(self) -> Verification:
        """Check everything, and report every problem."""
        with self._files_checked(), self._database.snapshot() as connection:
            self._check_tables(connection)
            last, groups = self._plan(connection)
            events = self._check_log(connection, self._refolds.topics(last))
            self._check("the facts in relations_meta", connection, lambda: stored.check_facts(connection, last))
            self._check("the streams", connection, lambda: stored.check_streams(connection))
            self._check("the snapshots", connection, lambda: stored.check_snapshots(self._states, connection))
            self._check("what was noted", connection, lambda: self._check_noted(connection))
            zones = self._zones(connection)
            self._check(
                "the state of the views", connection, lambda: self._refolds.check_state(connection, last, zones)
            )
            if not events.events:
                positions = self._refolds.positions
                self._check("the log", connection, lambda: stored.check_leftovers(connection, positions))
            self._check_customers(connection, last, groups)
            for view in self._views:
                self._check(f"the columns of {view.projection.name}", connection, lambda: _check_columns(view))  # noqa: B023 - at once
            if self._refolds.unread:
                self._check("the events", connection, lambda: events.check_bodies(connection))
        return Verification(
            events=events.events,
            position=events.head.position,
            digest=events.head.digest.hex() if events.head.position else "",
            views=sorted(self._refolds.compared),
            problems=self._findings.problems,
            omitted=self._findings.omitted,
            unchecked=self._unchecked,
        )

    def _check(self, what: str, connection: Connection, check: Callable[[], Iterable[Problem]]) -> None:
        with self._findings.catching(connection, what):
            self._findings.add_all(check())

    def _count(self, events: int) -> None:
        self._done += events
        if self._on_progress is not None:
            self._on_progress(min(self._done, self._total), self._total)

    def _plan(self, connection: Connection) -> tuple[int, list[tuple[int, str, list[str]]]]:
        """Return the last position, and the views to compare in groups; a damaged record of them gives none."""
        last = 0
        with self._findings.catching(connection, "the state of the views"):
            last = self._log.head(connection).position
            self._refolds.load(connection)
        groups = self._refolds.groups
        self._total = last + sum(position for position, _, _ in groups)
        return last, groups

    # --- each part --------------------------------------------------------------------------------------------------

    @contextmanager
    def _files_checked(self) -> Iterator[None]:
        """Let the database check its own files meanwhile, in a thread with a connection of its own.

        SQLite does it without holding up Python, so that on two processors it takes no time of its own.
        """
        found: list[Problem] = []

        def check() -> None:
            findings = Findings(is_sqlite=self._database.is_sqlite)
            try:
                with self._database.reading() as connection, findings.catching(connection, "the database"):
                    findings.add_all(stored.check_files(connection))
            except RelationsError as error:
                findings.add(Problem(error.code, f"the database: {error.reason}"))
            found.extend(findings.problems)

        if self._database.is_memory:  # which has one connection
            check()
            self._findings.add_all(found)
            yield
            return
        thread = threading.Thread(target=check, name="check the files")
        thread.start()
        try:
            yield
        finally:
            thread.join()
            self._findings.add_all(found)

    def _check_tables(self, connection: Connection) -> None:
        if not stored.can_check_files(connection):
            self._unchecked.append("the files of PostgreSQL: its extension amcheck is not installed")
        self._check("the tables", connection, lambda: stored.check_tables(connection))
        self._check("the triggers", connection, lambda: stored.check_triggers(connection))

    def _check_log(self, connection: Connection, decoded_later: Collection[str]) -> EventCheck:
        seals: list[SealCheck] = []
        with self._findings.catching(connection, "the seals"):
            seals = [seals for seals in [SealCheck(connection)] if seals.is_needed]

        def on_page(page: Sequence[tuple[Any, ...]]) -> None:
            for each in seals:
                each.take(page)
            self._count(len(page))

        kinds = [each.name for each in self._aggregates if each.merging is not None]
        adoptions = {event.topic for each in self._aggregates if each.policies is not None for event in each.events}
        events = EventCheck(self._log, self._codec, kinds, adoptions, self._findings, on_page, decoded_later)
        with self._findings.catching(connection, "the log"):
            events.run(connection)
        for each in seals:
            self._check("the seals", connection, each.problems)
        return events

    def _check_noted(self, connection: Connection) -> Iterator[Problem]:
        columns = log_table.c.position, log_table.c.digest
        for position, digest in self._expect:
            found = connection.execute(select(*columns).where(columns[0] == position)).first()
            if found is None:
                reason = f"position {position} was noted, and the log has no such position"
                yield Problem("not_as_noted", reason, position)
            elif not bytes(found.digest).hex().startswith(digest):
                reason = f"position {position} has the digest {bytes(found.digest).hex()}; {digest} was noted"
                yield Problem("not_as_noted", reason, position)

    def _zones(self, connection: Connection) -> set[str]:
        zones = {Policy().zone}
        with self._findings.catching(connection, "the adopted policies"):
            zones |= {policy.zone for policy in self._rules(connection).adopted}
        return zones

    def _check_customers(self, connection: Connection, last: int, groups: Sequence[tuple[int, str, list[str]]]) -> None:
        """Check keys and views, which both need the events customer by customer, in one pass where possible."""
        keys: KeyCheck | None = None
        with self._findings.catching(connection, "the keys"):
            keys = KeyCheck(self._keys, self._codec, self._aggregates, connection)
        waiting = keys if keys is not None and keys.is_possible else None
        if keys is not None and not keys.is_possible:
            self._unchecked.append("the keys: they are wrapped by a master key, and it was not given")
        for group in groups:
            joined, waiting = (waiting, None) if group[0] == last else (None, waiting)
            self._compare(connection, group, joined)
        if waiting is not None:
            found = waiting.run(self._log, connection)
            self._check("the keys", connection, lambda: found)

    def _compare(self, connection: Connection, group: tuple[int, str, list[str]], keys: KeyCheck | None) -> None:
        position, zone, names = group
        with self._findings.catching(connection, f"the views {', '.join(names)}") as caught:
            self._refolds.compare(connection, group, self._count, None if keys is None else keys.take)
        if caught and len(names) > 1:
            # One damaged table must not hide the others.
            self._findings.problems.remove(caught[0])
            for name in names:
                self._compare(connection, (position, zone, [name]), None)
        if keys is not None:
            found = keys.run(self._log, connection) if caught else keys.problems()
            self._check("the keys", connection, lambda: found)


def _check_columns(view: View) -> Iterator[Problem]:
    name = view.projection.name
    for table, wrong in view.wrong_columns():
        yield Problem("columns_differ", f"the stored columns of {table} {wrong}", view=name, table=table)


def _noted(noted: str) -> tuple[int, str]:
    found = _NOTED.fullmatch(noted.strip())
    if found is None:
        raise InvalidInput(
            f"{noted!r} is not a position with its digest",
            code="invalid_expectation",
            field="expect",
            hint="Write POSITION:DIGEST as `relations status` shows them, with at least 8 digits of the digest",
        )
    return int(found[1]), found[2].lower()
