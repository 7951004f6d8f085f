"""Lessons from complaints: root causes, improvements and their effect, and the kinds of justice served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from relations.aggregates.complaint import ImprovementDone, ImprovementRaised
from relations.aggregates.complaint.justice import JUSTICE, Justice
from relations.analytics.intervals import Interval, wilson
from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.projections.repair.cases import STEP_OF, Lesson
from relations.projections.repair.relation_state import RESTORED, ComplaintHistory, Relation

__all__ = [
    "CAUSES_BY",
    "IMPROVEMENT_STATES",
    "CauseShare",
    "CausesBy",
    "Improvement",
    "ImprovementState",
    "JusticeServed",
    "cause_of",
    "causes",
    "improvements",
    "justice_served",
    "kinds_served",
]

CausesBy: TypeAlias = Literal["cause", "category", "subject", "touchpoint"]
CAUSES_BY: tuple[CausesBy, ...] = get_args(CausesBy)
ImprovementState: TypeAlias = Literal["open", "done", "proved", "not_proved"]
IMPROVEMENT_STATES: tuple[ImprovementState, ...] = get_args(ImprovementState)

_KINDS: tuple[Justice, ...] = get_args(Justice)
_SERVES: dict[str, Justice] = {STEP_OF[event]: served for event, served in JUSTICE.items() if event in STEP_OF}

_CHANGES: dict[str, Justice] = {"raised": JUSTICE[ImprovementRaised], "done": JUSTICE[ImprovementDone]}


# --- results --------------------------------------------------------------------------------------------------------


class CauseShare(ViewAnswer):
    """The number of complaints with one cause.

    Attributes:
        cause: The cause, or the value of the dimension; None if it is not known yet, which is listed last.
        complaints: The number of complaints, without duplicates.
        share: The share of the complaints with a known cause; None for the unknown cause.
        cumulative: The share of this and all more frequent causes; None for the unknown cause.
    """

    cause: str | None
    complaints: int
    share: float | None
    cumulative: float | None


class Improvement(ViewAnswer):
    """An improvement that prevents a problem from happening again.

    Attributes:
        improvement: The improvement's id within the complaint.
        complaint: The complaint in which it was raised.
        customer: The customer of that complaint.
        title: The title.
        cause: The cause that it removes.
        owner: The owner.
        state: `open`, `done`, `proved`, or `not_proved` if such complaints are as frequent as before.
        raised_at: The time at which it was raised.
        done_at: The time at which it was made; None if it was not.
        measured_at: The time of the last measurement.
        before_per_30_days: The number of such complaints per 30 days before it, as last measured.
        after_per_30_days: The number of such complaints per 30 days after it, as last measured.
    """

    improvement: str
    complaint: str
    customer: str
    title: str
    cause: str | None
    owner: str | None
    state: ImprovementState
    raised_at: datetime
    done_at: datetime | None
    measured_at: datetime | None
    before_per_30_days: float | None
    after_per_30_days: float | None


class JusticeServed(ViewAnswer):
    """The repair actions that served one kind of justice, and the relations restored.

    This is a correlation: it does not show that the actions restored the relations.

    Attributes:
        justice: `distributive` (the compensation), `procedural` (the process) or `interactional` (the treatment).
        actions: The number of repair actions that served it.
        complaints: The number of complaints with such actions.
        share: The share of all complaints; None if there are none.
        restored: The number of those customers whose relation is restored.
        customers: The number of customers with such complaints.
        interval: Wilson's interval of the share of restored relations.
    """

    justice: Justice
    actions: int
    complaints: int
    share: float | None
    restored: int
    customers: int
    interval: Interval | None


# --- computing ------------------------------------------------------------------------------------------------------


def causes(histories: Iterable[ComplaintHistory], *, by: CausesBy = "cause") -> list[CauseShare]:
    """Return the causes of complaints, the most frequent first, with cumulative shares (Pareto)."""
    counts = Counter(cause_of(history, by) for history in histories if not history.is_merged)
    unknown = counts.pop(None, 0)
    known = counts.total()
    found: list[CauseShare] = []
    so_far = 0
    for cause, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0] or "")):
        so_far += count
        found.append(CauseShare(cause=cause, complaints=count, share=count / known, cumulative=so_far / known))
    if unknown:
        found.append(CauseShare(cause=None, complaints=unknown, share=None, cumulative=None))
    return found


def cause_of(history: ComplaintHistory, by: CausesBy) -> str | None:
    """Return the cause of a complaint, or its value of another kind; None if it is not known."""
    match by:
        case "cause":
            return history.cause
        case "category":
            return history.category
        case "subject":
            return history.case.subject
        case "touchpoint":
            return history.case.touchpoint


def improvements(histories: Iterable[ComplaintHistory]) -> list[Improvement]:
    """Return the improvements raised by then: open, done, proved and not proved ones, each with the oldest first."""
    found: list[Improvement | None] = []
    for history in histories:
        by_name: dict[str, list[Lesson]] = {}
        for lesson in history.lessons:
            by_name.setdefault(lesson.improvement, []).append(lesson)
        found.extend(_improvement(history, lessons) for lessons in by_name.values())
    order = {state: place for place, state in enumerate(IMPROVEMENT_STATES)}
    known = [improvement for improvement in found if improvement is not None]
    return sorted(known, key=lambda each: (order[each.state], each.raised_at, each.complaint, each.improvement))


def _improvement(history: ComplaintHistory, lessons: Sequence[Lesson]) -> Improvement | None:
    raised = next((lesson for lesson in lessons if lesson.what == "raised"), None)
    if raised is None:
        return None  # raised later than its other steps
    done = [lesson for lesson in lessons if lesson.what == "done"]
    measured = [lesson for lesson in lessons if lesson.counts is not None]
    state: ImprovementState = "done" if done else "open"
    rates: tuple[float | None, float | None] = (None, None)
    if measured:
        state = "proved" if measured[-1].what == "proved" else "not_proved"
        before, before_days, after, after_days = measured[-1].counts or (0, 0, 0, 0)
        rates = (_per_30_days(before, before_days), _per_30_days(after, after_days))
    return Improvement(
        improvement=raised.improvement,
        complaint=history.case.complaint,
        customer=history.case.customer,
        title=raised.title or "",
        cause=raised.cause,
        owner=raised.owner,
        state=state,
        raised_at=from_micros(raised.at),
        done_at=from_micros(done[-1].at) if done else None,
        measured_at=from_micros(measured[-1].at) if measured else None,
        before_per_30_days=rates[0],
        after_per_30_days=rates[1],
    )


def _per_30_days(count: int, days: int) -> float | None:
    return 30 * count / days if days else None


def kinds_served(history: ComplaintHistory) -> list[Justice]:
    """Return the kinds of justice that the repair actions of a complaint served, one for each action."""
    served = [_SERVES[step.what] for step in history.taken if step.what in _SERVES]
    return served + [_CHANGES[lesson.what] for lesson in history.lessons if lesson.what in _CHANGES]


def justice_served(relations: Iterable[tuple[str, Relation]], *, confidence: float) -> list[JusticeServed]:
    """Return the kinds of justice that repair served, and the share of relations restored."""
    actions: Counter[Justice] = Counter()
    complaints: Counter[Justice] = Counter()
    customers: Counter[Justice] = Counter()
    restored: Counter[Justice] = Counter()
    total = 0
    for _, relation in relations:
        theirs: set[Justice] = set()
        for history in relation.histories:
            served = kinds_served(history)
            total += 1
            actions.update(served)
            complaints.update(set(served))
            theirs.update(served)
        customers.update(theirs)
        if relation.state in RESTORED:
            restored.update(theirs)
    return [
        JusticeServed(
            justice=kind,
            actions=actions[kind],
            complaints=complaints[kind],
            share=complaints[kind] / total if total else None,
            restored=restored[kind],
            customers=customers[kind],
            interval=wilson(restored[kind], customers[kind], confidence),
        )
        for kind in _KINDS
    ]
