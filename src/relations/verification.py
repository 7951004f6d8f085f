"""Verification of a log and its views: what `Relations.verify` does and returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from relations.errors import ChainBroken, LogError, ProjectionFailed, RelationsError
from relations.log.chain import GENESIS
from relations.log.codec import Codec
from relations.log.log import Head, Log
from relations.log.tables import FOREIGN
from relations.log.tables import log as log_table
from relations.projections.running.runner import Progress, Runner

__all__ = ["Problem", "Verification", "Verifier"]


class Problem(msgspec.Struct, frozen=True):
    """Something that does not hold.

    Attributes:
        code: `chain_broken`, `undecodable_event`, `unknown_topic`, `view_differs` or `projection_failed`.
        reason: What is wrong.
        position: Where in the log, if it is there.
        view: Which view, if it is one.
    """

    code: str
    reason: str
    position: int | None = None
    view: str | None = None


class Verification(msgspec.Struct, frozen=True):
    """What `verify` found.

    Attributes:
        events: How many events were checked.
        position: The last good position.
        digest: Its digest, hexadecimal.
        views: The views that were refolded and compared.
        problems: What does not hold; empty is good.
    """

    events: int
    position: int
    digest: str
    views: list[str]
    problems: list[Problem]

    @property
    def good(self) -> bool:
        """Whether everything holds."""
        return not self.problems


class Verifier:
    """Proof of a log and its views.

    Args:
        log: The log.
        codec: Decodes its events.
        runner: Folds its views.
    """

    def __init__(self, log: Log, codec: Codec, runner: Runner) -> None:
        self._log = log
        self._codec = codec
        self._runner = runner

    def verify(self, *, on_progress: Progress | None = None) -> Verification:
        """Prove the log and the views: chain, gaps, every body readable, every view equal to its refold.

        Args:
            on_progress: Told how far it is: positions checked, and all there are.
        """
        problems: list[Problem] = []
        with self._log.database.reading() as connection:
            total = self._log.head(connection).position
            head, events = Head(0, GENESIS), 0
            try:
                for head in self._log.check(connection, until=total):
                    if on_progress is not None:
                        on_progress(head.position, total)
            except ChainBroken as broken:
                problems.append(Problem(broken.code, broken.reason, broken.position))
                head = self._good_before(connection, broken.position) or head
            columns = ("position", "topic", "schema", "body")
            for page in self._log.scan(connection, columns, until=total, damaged=True):
                events += len(page)
                problems.extend(self._unreadable(page))
        try:
            views = self._compare_views(problems)
        except LogError as error:
            views = []
            problems.append(Problem(error.code, error.reason))
        return Verification(
            events=events,
            position=head.position,
            digest=head.digest.hex() if head.position else "",
            views=views,
            problems=problems,
        )

    def _good_before(self, connection: Connection, position: int) -> Head | None:
        """The head as it was before a bad position."""
        columns = log_table.c.position, log_table.c.digest
        found = connection.execute(select(*columns).where(columns[0] == position - 1)).first()
        return None if found is None else Head(found[0], bytes(found[1]))

    def _unreadable(self, page: Sequence[tuple[Any, ...]]) -> Iterator[Problem]:
        for position, topic, schema, body in page:
            if schema == FOREIGN:
                continue  # another application's event on the same log: the chain covers it, its body is not ours
            if topic not in self._codec.topics:
                yield Problem("unknown_topic", f"the topic {topic!r} is unknown to this version", position)
                continue
            try:
                self._codec.decode(topic, schema, body)
            except RelationsError as error:
                yield Problem(error.code, error.reason, position)

    def _compare_views(self, problems: list[Problem]) -> list[str]:
        try:
            self._runner.catch_up()
        except ProjectionFailed as failure:
            problems.append(Problem(failure.code, failure.reason, failure.position, failure.projection))
        compared = []
        for status in self._runner.status():
            if status.failure is not None:
                if not any(problem.view == status.name for problem in problems):
                    problems.append(Problem("projection_failed", status.failure, status.failed_at, status.name))
                continue
            folding = self._runner.fold([status.name], until=status.position)
            if self._runner.stored(status.name) != self._runner.folded(folding, status.name):
                problems.append(
                    Problem("view_differs", f"the tables of {status.name} differ from its refold", view=status.name)
                )
            compared.append(status.name)
        return compared
