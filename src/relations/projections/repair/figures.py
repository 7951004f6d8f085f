"""The figures of the repair view, computed from the states of relations without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from relations.analytics.intervals import Interval, wilson
from relations.json_form import Span, ViewAnswer
from relations.messages import Money, from_micros
from relations.policies import Repair
from relations.policies.calendars import LocalTime
from relations.policies.complaints.service_levels import CLOCKS, ClockName
from relations.projections.repair.cases import Case, Patron
from relations.projections.repair.relation_state import (
    RESTORED,
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
    "CLOCK_OF",
    "CaseCounts",
    "CasesStanding",
    "ClockFigures",
    "ClockName",
    "DueStep",
    "RelationStanding",
    "RepairSummary",
    "StepName",
    "StepTime",
    "case_counts",
    "clock_figures",
    "due_steps",
    "ended_clocks",
    "nearest_rank",
    "read_relations",
    "repair_summary",
    "spent_on",
    "standing",
    "step_times",
    "was_relapsed",
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
CLOCK_OF: dict[str, ClockName] = {"acknowledged": "acknowledge", "resolved": "resolve", "followed_up": "follow_up"}
"""The clock of each step that has one."""

Named: TypeAlias = tuple[str, Relation]
"""A customer and their relation."""


# --- results --------------------------------------------------------------------------------------------------------


class RelationStanding(ViewAnswer):
    """The state of one customer's relation.

    Attributes:
        customer: The customer's id.
        state: The state.
        since: The time since when it is in this state; None if it is healthy.
        complaint: The complaint that determines the state; None if it is healthy.
        complaints: The number of complaints filed.
        unsettled: The number of them that are neither resolved nor withdrawn.
        relapses: The number of failures or reopenings after the relation was restored.
        deviations: The number of repeated failures.
    """

    customer: str
    state: State
    since: datetime | None
    complaint: str | None
    complaints: int
    unsettled: int
    relapses: int
    deviations: int


class DueStep(ViewAnswer):
    """A step of a complaint with a deadline.

    Attributes:
        customer: The customer who complained.
        complaint: The complaint's id.
        subject: The subject.
        severity: The severity as last assessed.
        round: The number of the round.
        clock: The clock. If a complaint's service level has no `follow_up`, the survey policy sets that deadline; all
            others are fixed in the complaint.
        due_at: The deadline. At that moment itself it is late.
        late_by: The time by which the deadline has passed; None if it has not.
    """

    customer: str
    complaint: str
    subject: str
    severity: str
    round: int
    clock: ClockName
    due_at: datetime
    late_by: Span | None


class CasesStanding(ViewAnswer):
    """The cases of all kinds at a moment.

    Attributes:
        open: The number of cases that are neither resolved, withdrawn nor merged, or whose customer waits for an answer
            to a message sent after the end.
        overdue: The number of these with a promise that has passed: to answer, to answer again, or to resolve.
        follow_ups_overdue: The number of resolved complaints whose customer should have been asked about it by now.
    """

    open: int
    overdue: int
    follow_ups_overdue: int


class StepTime(ViewAnswer):
    """The time that a step takes from the filing or the reopening before it.

    Median and 90th percentile are by nearest rank: the smallest observed time that this share of the observed times
    does not exceed. So both are observed times. Rounds that have not reached the step do not count. Nor do rounds that
    an import opened for work after the end, because they began with that work.

    Attributes:
        step: The step. `acknowledged` is the first answer of any kind: an acknowledgement, an apology, an offer, a
            remedy, a resolution.
        reached: The number of rounds in which it was taken.
        median: The median; None if it was never taken.
        p90: The 90th percentile; None if it was never taken.
        met: The number of its clocks that ended in time; None for steps without a clock.
        missed: The number of its clocks that did not, including those that ran out but are not recorded as missed yet.
        on_time: `met` divided by `met` plus `missed`; None if there were none.
    """

    step: StepName
    reached: int
    median: Span | None
    p90: Span | None
    met: int | None
    missed: int | None
    on_time: float | None


class ClockFigures(ViewAnswer):
    """The figures of one of the clocks.

    Attributes:
        clock: The clock.
        met: The number that ended in time.
        missed: The number that ended late, including those that ran out but are not recorded as missed yet.
        running: The number that still runs and is not late.
        paused: The number that is paused until the customer answers a question.
        on_time: `met` divided by `met` plus `missed`; None if there were none.
        interval: Wilson's interval of that share.
        corrected: Of `met`, the number that is recorded as missed: the step was taken in time and recorded late.
    """

    clock: ClockName
    met: int
    missed: int
    running: int
    paused: int
    on_time: float | None
    interval: Interval | None
    corrected: int = 0


class RepairSummary(ViewAnswer):
    """A summary of all relations.

    Attributes:
        as_of: The moment asked for.
        customers: The number of customers known by then.
        states: The number of relations in each state.
        damaged: The number of relations with any complaint, restored or not.
        restored_share: The share of the damaged that are restored or won back now; None if none was damaged.
        lapsed_share: The share of the damaged that have lapsed, which is inferred; None if none was damaged.
        relapsed: The number of relations that ever relapsed.
        relapsed_share: The share of the damaged that ever relapsed; None if none was damaged.
        complaints: The number of complaints filed.
        deviations: The number of repeated failures, by kind.
        cost: The cost of all remedies carried out, by currency.
        points: The points given as remedies.
        cost_per_restored: The cost of all remedies divided by the restored relations, rounded half up; None if none is
            restored.
    """

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


# --- computing ------------------------------------------------------------------------------------------------------


def read_relations(
    patrons: Iterable[Patron], cases: Iterable[Case], policy: Repair, *, as_of: int, local: LocalTime
) -> Iterator[Named]:
    """Return the damaged relations as of a moment.

    Args:
        patrons: The rows of at least all customers with complaints.
        cases: The cases, grouped by customer.
        policy: The rules of evidence.
        as_of: The moment, UTC microseconds.
        local: The local days of the business.
    """
    by_customer = {patron.customer: patron for patron in patrons}
    for customer, theirs in groupby(cases, key=lambda case: case.customer):
        relation = relation_state(by_customer.get(customer), theirs, policy, as_of=as_of, local=local)
        if relation.histories:
            yield customer, relation


def standing(customer: str, relation: Relation) -> RelationStanding:
    """Return the public form of a relation's state."""
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


def was_relapsed(relation: Relation) -> bool:
    """Return True if a relation ever failed again after it was restored."""
    return _relapses(relation) > 0


def _relapses(relation: Relation) -> int:
    return sum(opened.is_relapse for history in relation.histories for opened in history.rounds)


def due_steps(
    relations: Iterable[Named], *, begin: int | None, end: int, as_of: int, follow_up_days: int | None
) -> list[DueStep]:
    """Return the open steps with a deadline in (begin, end], the soonest first.

    Args:
        relations: The relations as of `as_of`.
        begin: UTC microseconds; None for no lower bound.
        end: UTC microseconds.
        as_of: The moment, UTC microseconds.
        follow_up_days: The number of days from a resolution to the follow-up; None if there are no follow-ups.
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
            yield name, clock.due_at  # type: ignore[misc] # the events use the policy's clock names; a test checks it
    asks = follow_up_days is not None and ("follow_up", 1) not in opened.clocks
    if asks and follow_up_days is not None and _is_to_be_asked(opened):
        yield "follow_up", opened.first["resolved"] + follow_up_days * _DAY


class CaseCounts(NamedTuple):
    """The number of open and overdue cases, and of overdue follow-ups."""

    open: int
    overdue: int
    follow_ups_overdue: int


def case_counts(history: ComplaintHistory, *, as_of: int, follow_up_days: int | None) -> CaseCounts:
    """Return how one case counts.

    Args:
        history: The case as of `as_of`; only complaints have a follow-up by the survey policy.
        as_of: The moment, UTC microseconds.
        follow_up_days: The number of days from a resolution to the follow-up; None if there are no follow-ups.
    """
    last = history.rounds[-1]
    running = list(_running(last, follow_up_days if history.case.kind == "complaint" else None))
    late = {"follow_up" if name == "follow_up" else "case" for name, due_at in running if due_at <= as_of}
    is_open = last.settled_at is None or any(name == "next_response" for name, _ in running)
    return CaseCounts(int(is_open), int("case" in late), int("follow_up" in late))


def _is_to_be_asked(opened: Round) -> bool:
    first = opened.first
    return "resolved" in first and not first.keys() & {"followed_up", "withdrawn", "merged"}


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """Return the smallest of the ascending values that at least `percent` % of them do not exceed."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def step_times(histories: Iterable[ComplaintHistory], *, as_of: int) -> list[StepTime]:
    """Return the time that each step takes over all rounds, and the share on time."""
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
            for clock in CLOCK_OF.values():
                met = was_met(opened, clock, as_of)
                if met is not None:
                    ended[clock, met] += 1
    return [_step_time(step, sorted(times), ended) for step, times in taken.items()]


def ended_clocks(history: ComplaintHistory, name: str, *, as_of: int) -> tuple[int, int]:
    """Return how many clocks of one name ended in time, and how many did not, in the rounds that count."""
    ended = [
        met
        for opened in history.rounds
        if opened.opened_by != "resumed"
        for clock, number in opened.clocks
        if clock == name and (met := was_met(opened, name, as_of, number)) is not None
    ]
    return sum(ended), len(ended) - sum(ended)


def clock_figures(histories: Iterable[ComplaintHistory], *, as_of: int, confidence: float) -> list[ClockFigures]:
    """Return the outcomes of each clock over all rounds except those resumed by an import, and the running clocks."""
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
    clock = CLOCK_OF.get(step)
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


def spent_on(relation: Relation) -> Counter[str]:
    """Return the cost of the remedies of a relation, in minor units by currency."""
    cost: Counter[str] = Counter()
    for step in (step for history in relation.histories for step in history.taken):
        if step.cost is not None:
            cost[step.cost.currency] += step.cost.amount
    return cost


def repair_summary(relations: Sequence[Named], *, customers: int, as_of: int) -> RepairSummary:
    """Return a summary of all relations.

    Args:
        relations: The damaged relations.
        customers: The number of known customers, with or without complaints.
        as_of: The moment, UTC microseconds.
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
        for history in relation.histories:
            for step in history.taken:
                points += step.points or 0
                if step.cost is not None:
                    cost[step.cost.currency] += step.cost.amount
    cost = +cost
    damaged, restored = len(relations), sum(states[state] for state in RESTORED)
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
