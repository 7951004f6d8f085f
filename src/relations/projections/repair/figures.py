"""What the repair view answers, reckoned from the states of relations without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.analytics.intervals import Interval, wilson
from relations.messages import Money, from_micros
from relations.policies import Repair
from relations.policies.calendars import LocalTime
from relations.policies.complaints.service_levels import CLOCKS, ClockName
from relations.projections.repair.cases import Case, Patron
from relations.projections.repair.relation_state import (
    MENDED,
    STATES,
    ComplaintHistory,
    Relation,
    Round,
    State,
    is_running,
    relation_state,
    was_corrected,
    was_met,
)
from relations.projections.totals import Total

__all__ = [
    "CLOCKS",
    "ClockFigures",
    "ClockName",
    "DueStep",
    "RelationStanding",
    "RepairSummary",
    "StepName",
    "StepTime",
    "clock_figures",
    "due_steps",
    "nearest_rank",
    "read_relations",
    "repair_summary",
    "standing",
    "step_times",
]

StepName: TypeAlias = Literal[
    "acknowledged", "apologised", "proposed", "carried_out", "resolved", "followed_up", "restored"
]

_DAY = 86_400_000_000
_STEPS: tuple[StepName, ...] = (
    "acknowledged",
    "apologised",
    "proposed",
    "carried_out",
    "resolved",
    "followed_up",
    "restored",
)
_CLOCK_OF: dict[str, ClockName] = {"acknowledged": "acknowledge", "resolved": "resolve", "followed_up": "follow_up"}

Named: TypeAlias = tuple[str, Relation]
"""A customer and their relation."""


# --- results --------------------------------------------------------------------------------------------------------


class RelationStanding(BaseModel):
    """Where one customer's relation stands.

    Attributes:
        customer: Their id.
        state: Its state.
        since: Since when; None where it is healthy.
        complaint: The complaint that it stands at; None where it is healthy.
        complaints: How many were filed.
        unsettled: How many of them are neither resolved nor withdrawn.
        relapses: How many failures or reopenings came upon a mended relation.
        deviations: How many failures came upon a failure.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    state: State
    since: datetime | None
    complaint: str | None
    complaints: int
    unsettled: int
    relapses: int
    deviations: int


class DueStep(BaseModel):
    """Something to be done about a complaint by a certain time.

    Attributes:
        customer: Whose complaint it is.
        complaint: Its id.
        subject: What it is about.
        severity: As last assessed.
        round: Which run of the clocks.
        clock: Which of them. Where a complaint's service level has no follow_up, that is due when the policy of surveys
            says; all others are pinned in the complaint.
        due_at: The deadline. At that moment itself it is late.
        late_by: How long ago that was; None where it is still to come.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    complaint: str
    subject: str
    severity: str
    round: int
    clock: ClockName
    due_at: datetime
    late_by: timedelta | None


class StepTime(BaseModel):
    """How long it takes to get to a step, from the filing or the reopening before it.

    Median and 90th percentile are by nearest rank: the smallest observed time that at least so large a share of all
    observed times does not exceed. Both are thus times that were really taken. Rounds that have not come to the step
    are in neither. Nor are rounds that an import opened for work after the end, for they began with that work.

    Attributes:
        step: Which step. `acknowledged` is the first answer of any kind: an acknowledgement, an apology, an offer, a
            remedy, a resolution.
        reached: In how many rounds it was taken.
        median: None where it was never taken.
        p90: Likewise.
        met: How many clocks for it ended in time; None for steps without a clock.
        missed: How many did not, those that have run out and are recorded by nobody yet included.
        on_time: Met by met and missed; None where there were none.
    """

    model_config = ConfigDict(frozen=True)

    step: StepName
    reached: int
    median: timedelta | None
    p90: timedelta | None
    met: int | None
    missed: int | None
    on_time: float | None


class ClockFigures(BaseModel):
    """The figures of one of the clocks.

    Attributes:
        clock: The clock.
        met: The number that ended in time.
        missed: The number that ended late, including those that ran out but are not recorded as missed yet.
        running: The number that still runs and is not late.
        paused: The number that is paused until the customer answers a question.
        on_time: Met divided by met and missed; None where there are none.
        interval: Wilson's interval of that share.
        corrected: Of `met`, the number that is recorded as missed: the step was taken in time and recorded late.
    """

    model_config = ConfigDict(frozen=True)

    clock: ClockName
    met: int
    missed: int
    running: int
    paused: int
    on_time: float | None
    interval: Interval | None
    corrected: int = 0


class RepairSummary(BaseModel):
    """All relations at a glance.

    Attributes:
        as_of: The moment asked for.
        customers: Everybody known by then.
        states: How many relations are in each state.
        damaged: Relations with any complaint, mended or not.
        restored_share: Of the damaged, those that are restored or won back now; None where none was damaged.
        lapsed_share: Of the damaged, those who are taken for lost; inferred, None where none was damaged.
        relapsed: Relations that ever relapsed.
        relapsed_share: Of the damaged; None where none was.
        complaints: How many were filed.
        deviations: Failures upon failures, by kind.
        cost: Of all remedies carried out, by currency.
        points: Given as remedies.
        cost_per_restored: All that remedies cost, those in vain too, by restored relation, rounded half up; None where
            none is restored.
    """

    model_config = ConfigDict(frozen=True)

    as_of: datetime
    customers: int
    states: dict[State, int]
    damaged: int
    restored_share: float | None
    lapsed_share: float | None
    relapsed: int
    relapsed_share: float | None
    complaints: int
    deviations: dict[str, int]
    cost: tuple[Total, ...]
    points: int
    cost_per_restored: tuple[Total, ...] | None


# --- reckoning ------------------------------------------------------------------------------------------------------


def read_relations(
    patrons: Iterable[Patron], cases: Iterable[Case], policy: Repair, *, as_of: int, local: LocalTime
) -> Iterator[Named]:
    """The damaged relations as of a moment.

    Args:
        patrons: The rows of at least all customers with complaints.
        cases: Complaints, each customer's together.
        policy: What counts as evidence.
        as_of: UTC microseconds.
        local: The business's own days.
    """
    by_customer = {patron.customer: patron for patron in patrons}
    for customer, theirs in groupby(cases, key=lambda case: case.customer):
        relation = relation_state(by_customer.get(customer), theirs, policy, as_of=as_of, local=local)
        if relation.histories:
            yield customer, relation


def standing(customer: str, relation: Relation) -> RelationStanding:
    """A relation as callers see it."""
    return RelationStanding(
        customer=customer,
        state=relation.state,
        since=None if relation.since is None else from_micros(relation.since),
        complaint=relation.complaint,
        complaints=len(relation.histories),
        unsettled=sum(history.rounds[-1].settled_at is None for history in relation.histories),
        relapses=_relapses(relation),
        deviations=len(relation.deviations),
    )


def _relapses(relation: Relation) -> int:
    return sum(opened.is_relapse for history in relation.histories for opened in history.rounds)


def due_steps(
    relations: Iterable[Named], *, begin: int | None, end: int, as_of: int, follow_up_days: int | None
) -> list[DueStep]:
    """What is still to be done and has its deadline in (begin, end], the soonest first.

    Args:
        relations: As of `as_of`.
        begin: UTC microseconds; None has no beginning.
        end: UTC microseconds.
        as_of: UTC microseconds.
        follow_up_days: How long after a resolution the customer is asked; None where they are not.
    """
    found = [
        DueStep(
            customer=customer,
            complaint=history.case.complaint,
            subject=history.case.subject,
            severity=history.severity,
            round=history.rounds[-1].number,
            clock=clock,
            due_at=from_micros(due_at),
            late_by=timedelta(microseconds=as_of - due_at) if due_at <= as_of else None,
        )
        for customer, relation in relations
        for history in relation.histories
        for clock, due_at in _running(history.rounds[-1], follow_up_days)
        if due_at <= end and (begin is None or due_at > begin)
    ]
    return sorted(found, key=lambda step: (step.due_at, step.customer, step.complaint, step.clock))


def _running(opened: Round, follow_up_days: int | None) -> Iterator[tuple[ClockName, int]]:
    for (name, number), clock in opened.clocks.items():
        if is_running(opened, name, number) and not clock.is_paused:
            yield name, clock.due_at  # type: ignore[misc] # the events' clocks are the policy's, as a test holds
    asks = follow_up_days is not None and ("follow_up", 1) not in opened.clocks
    if asks and follow_up_days is not None and _is_to_be_asked(opened):
        yield "follow_up", opened.first["resolved"] + follow_up_days * _DAY


def _is_to_be_asked(opened: Round) -> bool:
    first = opened.first
    return "resolved" in first and not first.keys() & {"followed_up", "withdrawn", "merged"}


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """The smallest of the ascending values that at least `percent` of a hundred of them do not exceed."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def step_times(histories: Iterable[ComplaintHistory], *, as_of: int) -> list[StepTime]:
    """How long each step takes, over all rounds, and how many were in time."""
    taken: dict[StepName, list[int]] = {step: [] for step in _STEPS}
    ended: Counter[tuple[str, bool]] = Counter()
    for history in histories:
        for opened in history.rounds:
            if opened.opened_by == "resumed":
                continue
            for step in _STEPS:
                at = _reached_at(opened, step)
                if at is not None:
                    taken[step].append(at - opened.opened_at)
            for clock in _CLOCK_OF.values():
                met = was_met(opened, clock, as_of)
                if met is not None:
                    ended[clock, met] += 1
    return [_step_time(step, sorted(times), ended) for step, times in taken.items()]


def clock_figures(histories: Iterable[ComplaintHistory], *, as_of: int, confidence: float) -> list[ClockFigures]:
    """Return how each clock ended over all rounds, and how many run. Rounds resumed by an import are left out."""
    ended: Counter[tuple[str, str]] = Counter()
    for history in histories:
        for opened in history.rounds:
            if opened.opened_by == "resumed":
                continue
            for (name, number), clock in opened.clocks.items():
                met = was_met(opened, name, as_of, number)
                if met is not None:
                    ended[name, "met" if met else "missed"] += 1
                    ended[name, "corrected"] += was_corrected(opened, name, number)
                elif is_running(opened, name, number):
                    ended[name, "paused" if clock.is_paused else "running"] += 1
    return [_clock_figures(name, ended, confidence) for name in CLOCKS]


def _clock_figures(name: ClockName, ended: Counter[tuple[str, str]], confidence: float) -> ClockFigures:
    met, missed = ended[name, "met"], ended[name, "missed"]
    return ClockFigures(
        clock=name,
        met=met,
        missed=missed,
        running=ended[name, "running"],
        paused=ended[name, "paused"],
        on_time=met / (met + missed) if met + missed else None,
        interval=wilson(met, met + missed, confidence),
        corrected=ended[name, "corrected"],
    )


def _step_time(step: StepName, times: Sequence[int], ended: Counter[tuple[str, bool]]) -> StepTime:
    clock = _CLOCK_OF.get(step)
    met = missed = None
    if clock is not None:
        met, missed = ended[clock, True], ended[clock, False]
    return StepTime(
        step=step,
        reached=len(times),
        median=timedelta(microseconds=nearest_rank(times, 50)) if times else None,
        p90=timedelta(microseconds=nearest_rank(times, 90)) if times else None,
        met=met,
        missed=missed,
        on_time=met / (met + missed) if met is not None and missed is not None and met + missed else None,
    )


def _reached_at(opened: Round, step: StepName) -> int | None:
    if step == "acknowledged":
        return opened.answered_at
    if step == "restored":
        return next((at for at, restored, _ in opened.verdicts if restored), None)
    return opened.first.get(step)


def repair_summary(relations: Sequence[Named], *, customers: int, as_of: int) -> RepairSummary:
    """All relations at a glance.

    Args:
        relations: The damaged ones.
        customers: How many customers are known, damaged or not.
        as_of: UTC microseconds.
    """
    states: dict[State, int] = dict.fromkeys(STATES, 0)
    cost: Counter[str] = Counter()
    deviations: Counter[str] = Counter({"reopened": 0, "same_kind": 0, "soon_after": 0})
    points = relapsed = complaints = 0
    for _, relation in relations:
        states[relation.state] += 1
        complaints += len(relation.histories)
        relapsed += _relapses(relation) > 0
        deviations.update(deviation.kind for deviation in relation.deviations)
        for step in (step for history in relation.histories for step in history.taken):
            if step.cost is not None:
                cost[step.cost.currency] += step.cost.amount
            points += step.points or 0
    damaged, restored = len(relations), sum(states[state] for state in MENDED)
    states["healthy"] = customers - damaged
    return RepairSummary(
        as_of=from_micros(as_of),
        customers=customers,
        states=states,
        damaged=damaged,
        restored_share=restored / damaged if damaged else None,
        lapsed_share=states["lapsed"] / damaged if damaged else None,
        relapsed=relapsed,
        relapsed_share=relapsed / damaged if damaged else None,
        complaints=complaints,
        deviations=dict(deviations),
        cost=tuple(Money(cost[code], code) for code in sorted(cost)),
        points=points,
        cost_per_restored=tuple(Money((2 * cost[code] + restored) // (2 * restored), code) for code in sorted(cost))
        if restored
        else None,
    )
