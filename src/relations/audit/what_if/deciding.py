"""Deciding a log's facts again under another policy, and comparing what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from types import TracebackType
from typing import Any, Self

import msgspec

from relations.audit.what_if.facts import OutsideFact, Restated, Rewriter, TimePassed, facts_of, with_restated
from relations.engine import Relations
from relations.execution import BatchReport
from relations.log.tables import COLUMNS
from relations.messages import Command, RecordedEvent, from_micros
from relations.past.bounds import Bounds
from relations.past.by_customer import rows_by_customer
from relations.past.rules import rule_of
from relations.policies import Policy

__all__ = ["FigureInSum", "OtherDecision", "WhatIf", "what_if"]

Progress = Callable[[int, int], None]
_BATCH = 500
_COUNTED = {
    "loyalty.tier_reached": "tiers reached",
    "loyalty.tier_lost": "tiers lost",
    "loyalty.reward_issued": "rewards issued",
    "complaint.deadline_met": "deadlines met",
    "complaint.deadline_missed": "deadlines missed",
    "complaint.escalated": "complaints escalated",
    "complaint.remedy_proposed": "remedies proposed",
}
_SUMMED = {
    "loyalty.points_earned": "points earned",
    "loyalty.points_expired": "points expired",
    "loyalty.points_redeemed": "points redeemed",
    "loyalty.debt_incurred": "points owed by members",
}
_IGNORED = frozenset({"policy"})
"""Fields of events that name a policy's version: another number is no other decision."""


class OtherDecision(msgspec.Struct, frozen=True):
    """The decisions about one customer in one stream that would have been others.

    Attributes:
        customer: The customer.
        stream: The stream.
        happened: The events that are in the log, and would not have been recorded.
        instead: The events that would have been recorded.
        reason: The refusal of the command, or the rule that decides otherwise.
    """

    customer: str
    stream: str
    happened: tuple[RecordedEvent, ...]
    instead: tuple[RecordedEvent, ...]
    reason: str


class FigureInSum(msgspec.Struct, frozen=True):
    """One figure in sum.

    Attributes:
        name: Its name.
        happened: As it is; None if there is nothing to compute it from, or if it is hidden.
        instead: As it would have been.
    """

    name: str
    happened: float | None
    instead: float | None

    @property
    def difference(self) -> float:
        """The difference that the other policy makes. A value that is absent counts as 0."""
        return (self.instead or 0) - (self.happened or 0)


class WhatIf:
    """A log decided again under another policy, in memory. It is a context manager.

    Attributes:
        engine: The engine on the other decisions, with all views. Nothing in it is written to a file.
        policy: The other policy; None for the policies as they were adopted.
        commands: How many commands were decided again.
        restated: How many facts were taken as they were.
        refusals: By command id, why commands that were accepted would have been refused.
    """

    def __init__(self, happened: Relations, engine: Relations, policy: Policy | None) -> None:
        self._happened = happened
        self._baseline: WhatIf | None = None
        self.engine = engine
        self.policy = policy
        self.commands = 0
        self.restated = 0
        self.refusals: dict[str, str] = {}

    def close(self) -> None:
        """Forget the other decisions."""
        self.engine.close()
        if self._baseline is not None:
            self._baseline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def compare_with(self, baseline: WhatIf) -> None:
        """Compare with other decisions instead of what is in the log, and close them with this."""
        self._happened, self._baseline = baseline.engine, baseline

    def outcomes(self) -> Iterator[OtherDecision]:
        """Yield the decisions that would have been others, by customer and stream."""
        for customer, happened, instead in _both(self._happened, self.engine):
            gone, new = _only(happened, instead), _only(instead, happened)
            streams = sorted({event.stream for event in (*gone, *new)})
            for stream in streams:
                ours = tuple(event for event in gone if event.stream == stream)
                theirs = tuple(event for event in new if event.stream == stream)
                if (ours and ours[0].topic.startswith("policy.")) or (theirs and theirs[0].topic.startswith("policy.")):
                    continue
                yield OtherDecision(customer, stream, ours, theirs, self._reason(ours, theirs))

    def _reason(self, happened: Sequence[RecordedEvent], instead: Sequence[RecordedEvent]) -> str:
        for event in happened:
            if event.command_id in self.refusals:
                return f"refused: {self.refusals[event.command_id]}"
        first = (*instead, *happened)[0]
        return rule_of(first, self.engine.rules.at(first.occurred_at))[0]

    def figures(self) -> list[FigureInSum]:
        """Return the figures in sum, those that are equal too."""
        sums = [_sums(engine) for engine in (self._happened, self.engine)]
        names = dict.fromkeys((*sums[0], *sums[1]))
        found = [FigureInSum(name, sums[0].get(name, 0), sums[1].get(name, 0)) for name in names]
        found.append(FigureInSum("commands refused", 0, len(self.refusals)))
        return found


class _Clock:
    def __init__(self) -> None:
        self.now = from_micros(0)

    def __call__(self) -> datetime:
        return self.now


def what_if(
    engine: Relations,
    policy: Policy | None = None,
    *,
    ahead: timedelta | None = None,
    on_progress: Progress | None = None,
) -> WhatIf:
    """Decide the recorded facts of a log again, in memory, under another policy. Nothing in the database changes.

    Facts are what came from outside: commands of people, systems and imports, and the moments to which time was let
    pass. What followed from them (reactions, and what fell due) is decided by the other policy. The same policy leads
    to the same decisions.

    Args:
        engine: The engine that recorded them.
        policy: The policy, in force for all times. By default the policies are adopted as they were.
        ahead: Let time pass on both sides until so long after now, with nothing else happening: points expire, tiers
            are reviewed, deadlines pass. 0 is until now. By default time passes only as far as the log shows it. What
            happened is then decided again too, in memory, under the policies as they were adopted.
        on_progress: Called with the events done so far, and all there are, for each side that is decided.
    """
    if ahead is None:
        return _decided(engine, policy, None, on_progress)
    until = engine.clock() + ahead
    baseline = _decided(engine, None, until, on_progress)
    try:
        found = _decided(engine, policy, until, on_progress)
    except BaseException:
        baseline.close()
        raise
    found.compare_with(baseline)
    return found


def _decided(engine: Relations, policy: Policy | None, until: datetime | None, on_progress: Progress | None) -> WhatIf:
    aggregates, kinds = with_restated(engine.aggregates)
    clock = _Clock()
    other = engine.open_alike("sqlite://", clock=clock, aggregates=aggregates)
    result = WhatIf(engine, other, policy)
    try:
        _decide(result, engine, other, clock, Rewriter(engine, kinds), on_progress)
        clock.now = until or engine.clock()
        if until is not None:
            other.advance_time(to=until)
    except BaseException:
        result.close()
        raise
    return result


def _decide(
    result: WhatIf,
    engine: Relations,
    other: Relations,
    clock: _Clock,
    rewriter: Rewriter,
    on_progress: Progress | None,
) -> None:
    head, adopted = engine.status().position, False
    for (kind, recorded_at), group in groupby(facts_of(engine.events(until=head)), key=_together):
        clock.now = recorded_at
        if not adopted and result.policy is not None:
            other.adopt(result.policy, from_beginning=True)
        adopted = True
        if kind is TimePassed:
            for passed in group:
                assert isinstance(passed, TimePassed)  # noqa: S101 - that is what it is grouped by
                if passed.stream is None:
                    other.advance_time(to=passed.to)
                else:
                    other.execute(rewriter.passing(passed))
            continue
        while batch := [fact for fact in islice(group, _BATCH) if isinstance(fact, OutsideFact)]:
            _decide_batch(result, engine, other, rewriter, batch)
            if on_progress is not None:
                on_progress(batch[-1].events[-1].position, head)


def _decide_batch(
    result: WhatIf, engine: Relations, other: Relations, rewriter: Rewriter, batch: Sequence[OutsideFact]
) -> None:
    """Decide some facts again in one transaction."""
    with engine.log.database.snapshot():  # the log is asked about each of them
        commands = [
            rewriter.command(fact) for fact in batch if result.policy is None or fact.events[0].stream != "policy"
        ]
    result.commands += len(commands)
    result.restated += sum(isinstance(each, Restated) for each in commands)
    _send(result, other, commands)


def _together(fact: OutsideFact | TimePassed) -> tuple[type[OutsideFact | TimePassed], datetime]:
    return type(fact), fact.recorded_at


def _send(result: WhatIf, other: Relations, batch: list[Command]) -> None:
    report: BatchReport = other.execute_many(batch) if batch else BatchReport(rejections=[])
    for each in report.rejections:
        result.refusals[each.command.command_id or ""] = each.error.reason


def _both(one: Relations, other: Relations) -> Iterator[tuple[str, list[RecordedEvent], list[RecordedEvent]]]:
    """Yield the customers of two logs in order, with their events in both."""
    left, right = _by_customer(one), _by_customer(other)
    here, there = next(left, None), next(right, None)
    while here is not None or there is not None:
        name = min(each[0] for each in (here, there) if each is not None)
        ours = here[1] if here is not None and here[0] == name else []
        theirs = there[1] if there is not None and there[0] == name else []
        yield name, ours, theirs
        here = next(left, None) if ours else here
        there = next(right, None) if theirs else there


def _by_customer(engine: Relations) -> Iterator[tuple[str, list[RecordedEvent]]]:
    for customer, rows in rows_by_customer(engine.log, COLUMNS, Bounds(engine.status().position)):
        with engine.log.database.reading() as connection:
            events = list(engine.recorded(connection, rows))
        yield customer, events


def _only(these: Sequence[RecordedEvent], others: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return the events of one side that the other has not, each as often as it is missing there."""
    missing = Counter(map(_said, these)) - Counter(map(_said, others))
    found = []
    for event in reversed(these):
        if missing[_said(event)] > 0:
            missing[_said(event)] -= 1
            found.append(event)
    return found[::-1]


def _said(event: RecordedEvent) -> tuple[Any, ...]:
    names = [name for name in event.event.__struct_fields__ if name not in _IGNORED]
    body = msgspec.json.encode([getattr(event.event, name) for name in names])
    return event.stream, event.topic, event.occurred_at, body


def _sums(engine: Relations) -> dict[str, float | None]:
    """Return the figures of one log in sum."""
    found: Counter[str] = Counter(dict.fromkeys((*_SUMMED.values(), *_COUNTED.values()), 0))
    for event in engine.events():
        if event.topic in _COUNTED:
            found[_COUNTED[event.topic]] += 1
        elif event.topic in _SUMMED:
            found[_SUMMED[event.topic]] += event.event.points  # type: ignore[attr-defined] # each of them has points
    sums: dict[str, float | None] = dict(found)
    views, policy = engine.views, engine.policy
    for programme in policy.every_programme:
        owed = views.loyalty.liability(programme=programme.id)
        sums[f"{programme.id}: points in open lots"] = owed.points
        for tier, members in views.loyalty.tiers(programme=programme.id).items():
            sums[f"{programme.id}: members {'without a tier' if tier is None else tier}"] = members
        for progress in views.loyalty.goals(programme=programme.id):
            sums[f"{programme.id}: goal {progress.goal}, {progress.metric}"] = progress.actual
    for size in views.retention.value_grades(limit=0).sizes:
        sums[f"customers of {size.grade} value"] = size.customers
    for segment in views.retention.segments(limit=0):
        sums[f"segment {segment.name}"] = segment.size
    for goal in views.board.goals():
        sums[f"goal {goal.goal}, {goal.indicator}"] = None if goal.month is None else goal.month.value
    return sums
