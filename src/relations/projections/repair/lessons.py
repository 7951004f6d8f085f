"""What is learnt from complaints: root causes, improvements and whether they work, and which justice repair serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from relations.aggregates.complaint import ImprovementDone, ImprovementRaised
from relations.aggregates.complaint.justice import JUSTICE, Justice
from relations.analytics.intervals import Interval, wilson
from relations.messages import from_micros
from relations.projections.repair.cases import STEP_OF, Lesson
from relations.projections.repair.relation_state import MENDED, ComplaintHistory, Relation

__all__ = [
    "CAUSES_BY",
    "IMPROVEMENT_STATES",
    "CauseShare",
    "CausesBy",
    "Improvement",
    "ImprovementState",
    "JusticeServed",
    "causes",
    "improvements",
    "justice_served",
]

CausesBy: TypeAlias = Literal["cause", "category", "subject", "touchpoint"]
CAUSES_BY: tuple[CausesBy, ...] = get_args(CausesBy)
ImprovementState: TypeAlias = Literal["open", "done", "proved", "not_proved"]
IMPROVEMENT_STATES: tuple[ImprovementState, ...] = get_args(ImprovementState)

_KINDS: tuple[Justice, ...] = get_args(Justice)
_SERVES: dict[str, Justice] = {STEP_OF[event]: served for event, served in JUSTICE.items() if event in STEP_OF}

_CHANGES: dict[str, Justice] = {"raised": JUSTICE[ImprovementRaised], "done": JUSTICE[ImprovementDone]}


# --- results --------------------------------------------------------------------------------------------------------


class CauseShare(BaseModel):
    """How many complaints have a cause.

    Attributes:
        cause: The cause, or what it was grouped by; None where it is not known yet, which is listed last.
        complaints: How many, duplicates not counted.
        share: Of those whose cause is known; None for the unknown.
        cumulative: The share of this and all more frequent ones; None for the unknown.
    """

    model_config = ConfigDict(frozen=True)

    cause: str | None
    complaints: int
    share: float | None
    cumulative: float | None


class Improvement(BaseModel):
    """A change that is to keep something from happening again.

    Attributes:
        improvement: Its id within the complaint.
        complaint: Where it was raised.
        customer: Whose complaint that is.
        title: What is to be changed.
        cause: What it is against.
        owner: Who makes it.
        state: open, done, proved, or not_proved where it happens as often as before.
        raised_at: When.
        done_at: When, where it is.
        measured_at: When it was last measured.
        before_per_30_days: Complaints of the kind in thirty days before the change, as last measured.
        after_per_30_days: And after it.
    """

    model_config = ConfigDict(frozen=True)

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


class JusticeServed(BaseModel):
    """What one kind of justice had a part in.

    That relations mended where it was served does not say that they mended by it.

    Attributes:
        justice: distributive (what they got), procedural (how it was decided) or interactional (how they were treated).
        actions: How many repair actions served it.
        complaints: In how many complaints.
        share: Of all complaints; None where there are none.
        restored: The relations of how many of their customers are mended.
        customers: Of how many.
        interval: Wilson's, of that share.
    """

    model_config = ConfigDict(frozen=True)

    justice: Justice
    actions: int
    complaints: int
    share: float | None
    restored: int
    customers: int
    interval: Interval | None


# --- reckoning ------------------------------------------------------------------------------------------------------


def causes(histories: Iterable[ComplaintHistory], *, by: CausesBy = "cause") -> list[CauseShare]:
    """The causes of complaints, the most frequent first, with the share that the first so many make up (Pareto)."""
    counts = Counter(_grouped(history, by) for history in histories if not history.is_merged)
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


def _grouped(history: ComplaintHistory, by: CausesBy) -> str | None:
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
    """All improvements raised by then: open ones first, then done, proved and not proved; the oldest first."""
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
        return None  # dated later than what was done about it
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


def justice_served(relations: Iterable[tuple[str, Relation]], *, confidence: float) -> list[JusticeServed]:
    """Which kinds of justice repair serves, and how often relations mended where it did."""
    actions: Counter[Justice] = Counter()
    complaints: Counter[Justice] = Counter()
    customers: Counter[Justice] = Counter()
    restored: Counter[Justice] = Counter()
    total = 0
    for _, relation in relations:
        theirs: set[Justice] = set()
        for history in relation.histories:
            served = [_SERVES[step.what] for step in history.taken if step.what in _SERVES]
            served += [_CHANGES[lesson.what] for lesson in history.lessons if lesson.what in _CHANGES]
            total += 1
            actions.update(served)
            complaints.update(set(served))
            theirs.update(served)
        customers.update(theirs)
        if relation.state in MENDED:
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
