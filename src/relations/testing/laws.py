"""The laws that every projection must keep, as functions that raise when one does not.

They hold the same events against each other in every way that they can reach a projection's tables, on a real
database, and compare canonical bytes. Point `check_laws` at a projection of your own, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from relations.aggregates import AGGREGATES
from relations.decider import Aggregate
from relations.engine import Relations
from relations.log.codec import Codec
from relations.messages import Command, Envelope, Event
from relations.projections.projection import Fold, Projection, Rows
from relations.projections.running.runner import Runner
from relations.reactions import REACTIONS, Reaction

__all__ = ["LawBroken", "LawsReport", "check_laws", "check_upcasts"]


class LawBroken(AssertionError):
    """A projection does not keep a law."""


class LawsReport(msgspec.Struct, frozen=True):
    """What was checked.

    Attributes:
        events: How many events the log had.
        folded: How many of them the projection folds.
        checks: How many comparisons were made.
        size: The length of the final rows as canonical bytes.
    """

    events: int
    folded: int
    checks: int
    size: int


class _Crash(BaseException):
    """A process that dies in the middle of a batch."""


def check_laws(
    projection: Projection,
    commands: Iterable[Command],
    *,
    url: str = "sqlite://",
    aggregates: Sequence[Aggregate[Any]] = AGGREGATES,
    reactions: Mapping[type[Event], Reaction] = REACTIONS,
    batches: Sequence[int] = (1, 2, 7, 1_000),
    shards: Sequence[int] = (1, 2, 3, 8),
    points: int = 12,
) -> LawsReport:
    """Check a projection against its laws on the events that these commands lead to.

    - Live = rebuild, at every batch size given.
    - Any number of shards gives the same rows.
    - A crash at any point, and resuming, is as if it had not crashed.
    - Folding again what was folded changes nothing.
    - As of position p = live up to p.

    Args:
        projection: The projection.
        commands: What happened; refused ones are left out.
        url: The database; in memory by default.
        aggregates: Every kind of aggregate that the commands need; a host's own are added to those that ship.
        reactions: What an event asks of other aggregates.
        batches: Events a live transaction.
        shards: Into how many parts a rebuild is split.
        points: At how many positions to crash and to look as of.

    Raises:
        LawBroken: One does not hold; says which, and where.
        ValueError: The commands led to no event that the projection folds, so nothing was seen.
    """
    with Relations.open(url, aggregates=aggregates, reactions=reactions, follow=False) as relations:
        relations.execute_many(commands)
        relations.runner = Runner(relations.log, relations.codec, [projection], lambda: relations.policy.zone)
        return _Check(relations, projection).run(batches, shards, points)


class _Check:
    def __init__(self, relations: Relations, projection: Projection) -> None:
        self.relations = relations
        self.runner = relations.runner
        self.projection = projection
        self.name = projection.name
        self.checks = 0

    def run(self, batches: Sequence[int], shards: Sequence[int], points: int) -> LawsReport:
        head = self.relations.status().position
        topics = {event.topic for event in self.projection.folds}
        folded = sum(recorded.topic in topics for recorded in self.relations.events())
        if not folded:
            msg = f"the commands led to {head} events, and {self.name} folds none of them: nothing would be seen"
            raise ValueError(msg)
        whole = self._as_of(head)
        for batch in batches:
            self.runner.reset(self.name)
            self.runner.catch_up(batch=batch)
            self._same(whole, f"live in batches of {batch}")
        self.runner.catch_up()
        self._same(whole, "folded again with nothing new")
        for count in shards:
            self.runner.rebuild(shards=count)
            self._same(whole, f"rebuilt in {count} shards")
        for position in _spread(head, points):
            self._crash_at(position, whole)
        self._as_live(_spread(head, points))
        return LawsReport(head, folded, self.checks, len(whole))

    def _crash_at(self, position: int, whole: bytes) -> None:
        self.runner.reset(self.name)
        dying = Runner(
            self.relations.log,
            self.relations.codec,
            [_dies_at(self.projection, position)],
            lambda: self.relations.policy.zone,
        )
        with suppress(_Crash):
            dying.catch_up(batch=5)
        self.runner.catch_up(batch=5)
        self._same(whole, f"crashed at position {position} and resumed")

    def _as_live(self, positions: Sequence[int]) -> None:
        self.runner.reset(self.name)
        for position in positions:
            self.runner.catch_up(until=position, batch=3)
            self._same(self._as_of(position), f"as of position {position}")

    def _as_of(self, position: int) -> bytes:
        folding = self.runner.fold([self.name], until=position)
        for failure in folding.failures.values():
            raise failure
        return self.runner.folded(folding, self.name)

    def _same(self, expected: bytes, how: str) -> None:
        self.checks += 1
        found = self.runner.stored(self.name)
        if found != expected:
            raise LawBroken(f"{self.name}, {how}: {_first_difference(found, expected)}")


def check_upcasts(codec: Codec, projection: Projection, stored: Iterable[tuple[str, int, bytes, Event]]) -> int:
    """Check that folding upcast bodies is folding the new form.

    Args:
        codec: Knows the upcasts.
        projection: What folds them.
        stored: Topic, schema and bytes as once stored, and the event that they mean today.

    Returns:
        How many were compared.

    Raises:
        LawBroken: One upcasts to something else, or folds differently.
    """
    from relations.policies.calendars import local_time  # noqa: PLC0415 - only here

    count = 0
    for topic, schema, body, meant in stored:
        found = codec.decode(topic, schema, body)
        if found != meant:
            raise LawBroken(f"{topic}, schema {schema}: upcasts to {found!r}, not {meant!r}")
        rows = [Rows(projection.tables, local_time("UTC")) for _ in range(2)]
        at = Envelope(position=1, stream="customer-c", version=1, customer="c", occurred_at=0, recorded_at=0)
        fold = projection.folds.get(type(meant))
        if fold is not None:
            fold(rows[0], found, at)
            fold(rows[1], meant, at)
        if rows[0].tables != rows[1].tables:
            raise LawBroken(f"{topic}, schema {schema}: {projection.name} folds the upcast differently")
        count += 1
    return count


def _dies_at(projection: Projection, position: int) -> Projection:
    """The projection, but its process dies while it folds `position` (or the next event that it folds)."""

    def dying(fold: Fold) -> Fold:
        def fold_or_die(rows: Rows, event: Any, at: Envelope) -> None:
            fold(rows, event, at)
            if at.position >= position:
                raise _Crash

        return fold_or_die

    folds = {event: dying(fold) for event, fold in projection.folds.items()}
    return Projection(projection.name, projection.version, projection.tables, folds)


def _spread(head: int, points: int) -> list[int]:
    return sorted({max(1, head * point // points) for point in range(1, points + 1)})


def _first_difference(found: bytes, expected: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), 0)
    near = slice(max(0, at - 80), at + 120)
    return f"found …{found[near].decode(errors='replace')}…, expected …{expected[near].decode(errors='replace')}…"
