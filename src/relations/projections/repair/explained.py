"""The figures of repair that can be explained, with the complaints and relations that they count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from relations.aggregates.customer import FeedbackCorrected, FeedbackGiven
from relations.errors import InvalidInput
from relations.messages import Event
from relations.months import months_after
from relations.policies.complaints.service_levels import CLOCKS
from relations.projections.explained_figures import (
    BY_STREAM,
    ExplainableFigure,
    FigureAnswer,
    FigurePart,
    nothing_there,
    reason_to_hide,
    share_of,
)
from relations.projections.repair.cases import PROJECTION
from relations.projections.repair.figures import (
    CLOCK_OF,
    CaseCounts,
    case_counts,
    ended_clocks,
    spent_on,
    was_relapsed,
)
from relations.projections.repair.funnel import FunnelName, steps_reached
from relations.projections.repair.lessons import CAUSES_BY, cause_of, kinds_served
from relations.projections.repair.relation_state import RESTORED, ComplaintHistory, Relation

__all__ = [
    "EVIDENCE",
    "FIGURES",
    "OF_COMPLAINTS",
    "OF_RELATIONS",
    "is_restored",
    "parts_of_cases",
    "parts_of_steps",
    "relation_parts",
]

OF_COMPLAINTS: dict[type[Event], str | None] = {
    event: BY_STREAM for event in PROJECTION.folds if event.topic.startswith("complaint.")
}
"""The events of a complaint; each is about the complaint of its stream."""
OF_RELATIONS: dict[type[Event], str | None] = dict.fromkeys(PROJECTION.folds)
"""The events that the state of a relation is computed from."""
_ANSWERS: dict[type[Event], str | None] = {**OF_COMPLAINTS, FeedbackGiven: None, FeedbackCorrected: None}
_STEPS = tuple(CLOCK_OF)
_FUNNEL = get_args(FunnelName)

T = TypeVar("T", bound=str)
Named = tuple[str, ComplaintHistory]
"""A customer and one of their complaints."""


def _complaints(view: Any, moment: int) -> Iterable[Named]:
    return ((customer, history) for customer, relation in view._read(moment) for history in relation.histories)


def _one_of(of: Mapping[str, str], name: str, known: Sequence[T], usual: T | None = None) -> T:
    """Return the value of a name in `of`.

    Raises:
        InvalidInput: It is missing, or not one of those known.
    """
    said = of.get(name, usual)
    found = next((each for each in known if each == said), None)
    if found is None:
        raise InvalidInput(
            f"{said!r} is not a {name}" if said else f"the {name} is missing",
            code="unknown_figure",
            field="of",
            hint=f"Give any of {', '.join(f'{name}={each}' for each in known)}",
        )
    return found


# --- service levels -------------------------------------------------------------------------------------------------


def parts_of_steps(
    view: Any, step: str, moment: int, *, month: str | None = None, severity: str | None = None
) -> list[FigurePart]:
    """Return what each complaint adds to the share of a step that was taken on time.

    Args:
        view: The view.
        step: The step, such as `resolved`.
        moment: The moment, UTC microseconds.
        month: Only complaints filed in this month.
        severity: Only complaints of this severity.
    """
    clock, local = CLOCK_OF[step], view.local
    return _ended(
        (
            (customer, history)
            for customer, history in _complaints(view, moment)
            if severity in (None, history.case.severity) and month in (None, local.month(history.case.filed_at or 0))
        ),
        clock,
        moment,
    )


def _ended(complaints: Iterable[Named], clock: str, moment: int) -> list[FigurePart]:
    parts = []
    for customer, history in complaints:
        met, missed = ended_clocks(history, clock, as_of=moment)
        if met + missed:
            parts.append(FigurePart(customer, {"met": met, "ended": met + missed}, history.case.complaint))
    return parts


def _step_on_time(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    step, month = _one_of(of, "step", _STEPS, "resolved"), of.get("month")
    moment, severity = view.now, of.get("severity")
    until = None if month is None else months_after(month)
    shown = next(each for each in view.steps(severity=severity, since=month, until=until) if each.step == step)
    parts = parts_of_steps(view, step, moment, month=month, severity=severity)
    if not parts:
        raise nothing_there("step", of)
    return FigureAnswer(shown.on_time, parts, until=moment)


def _clock_on_time(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    clock, severity, moment = _one_of(of, "clock", CLOCKS, "resolve"), of.get("severity"), view.now
    shown = next(each for each in view.clocks(severity=severity) if each.clock == clock)
    parts = _ended(
        (named for named in _complaints(view, moment) if severity in (None, named[1].severity)), clock, moment
    )
    if not parts:
        raise nothing_there("clock", of)
    return FigureAnswer(shown.on_time, parts, until=moment)


# --- cases and relations --------------------------------------------------------------------------------------------


def parts_of_cases(view: Any, count: Callable[[CaseCounts], int], moment: int) -> list[FigurePart]:
    """Return the cases of every kind that a number counts at a moment."""
    return [
        FigurePart(customer, {"cases": 1}, history.case.complaint)
        for customer, history in view._cases_at(moment)
        if count(case_counts(history, as_of=moment, follow_up_days=view.policy.surveys.follow_up_days))
    ]


def relation_parts(view: Any, name: str, holds: Callable[[Relation], bool], moment: int) -> list[FigurePart]:
    """Return what each damaged relation adds to a share of them."""
    return [
        FigurePart(customer, {name: int(holds(relation)), "damaged": 1}) for customer, relation in view._read(moment)
    ]


def _of_relations(name: str, holds: Callable[[Relation], bool]) -> Callable[[Any, Mapping[str, str]], FigureAnswer]:
    def ask(view: Any, of: Mapping[str, str]) -> FigureAnswer:
        moment = view.now
        parts = relation_parts(view, name, holds, moment)
        if not parts:
            raise nothing_there("damaged relation", of)
        return FigureAnswer(getattr(view.summary(), f"{name}_share"), parts, until=moment)

    return ask


def is_restored(relation: Relation) -> bool:
    """Return True if a relation is restored or won back."""
    return relation.state in RESTORED


def _cost(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    currency, moment, summary = of.get("currency") or view.policy.currency, view.now, view.summary()
    parts = []
    for customer, relation in view._read(moment):
        added = {"cost": spent_on(relation).get(currency, 0), "restored": int(is_restored(relation))}
        if any(added.values()):
            parts.append(FigurePart(customer, added))
    costs = {each.currency: each.amount for each in summary.cost_per_restored or ()}
    if not parts or currency not in costs:
        raise nothing_there("cost", of)
    return FigureAnswer(costs[currency], parts, until=moment)


def _cost_of_one(sums: Mapping[str, float]) -> float | None:
    restored = int(sums.get("restored", 0))
    return (2 * int(sums["cost"]) + restored) // (2 * restored) if restored else None


# --- complaints -----------------------------------------------------------------------------------------------------


def _funnel(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    step, moment = _one_of(of, "step", _FUNNEL), view.now
    shown = next(each for each in view.funnel() if each.step == step)
    parts = [
        FigurePart(customer, {"reached": int(step in steps_reached(history)), "filed": 1}, history.case.complaint)
        for customer, history in _complaints(view, moment)
        if not history.is_merged
    ]
    return FigureAnswer(shown.share, parts, until=moment)


def _cause(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    by, cause, moment = _one_of(of, "by", CAUSES_BY, "cause"), of.get("cause"), view.now
    shown = next((each for each in view.causes(by=by) if cause and each.cause == cause), None)
    if shown is None:
        raise nothing_there(by, of)
    parts = [
        FigurePart(customer, {"complaints": int(found == cause), "known": 1}, history.case.complaint)
        for customer, history in _complaints(view, moment)
        if not history.is_merged and (found := cause_of(history, by)) is not None
    ]
    return FigureAnswer(shown.share, parts, until=moment)


def _justice(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    shown, moment = view.justice(), view.now
    kind = _one_of(of, "justice", [each.justice for each in shown])
    parts = [
        FigurePart(customer, {"served": int(kind in kinds_served(history)), "filed": 1}, history.case.complaint)
        for customer, history in _complaints(view, moment)
    ]
    return FigureAnswer(next(each.share for each in shown if each.justice == kind), parts, until=moment)


def _change(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    instrument, moment = of.get("instrument", "csat"), view.now
    shown = next((each for each in view.satisfaction() if each.instrument == instrument), None)
    if shown is None:
        raise nothing_there("change of satisfaction", of)
    parts, held = [], view.of_each_at("pairs", moment, view._pairs_of)
    for customer, _ in view._read(moment):
        for name, before, after in held[customer].pairs:
            if name == instrument:
                scores = {} if shown.suppressed else {"before": before, "after": after}
                parts.append(FigurePart(customer, {"pairs": 1, **scores}))
    minimum = view.policy.surveys.minimum_answers
    hidden = reason_to_hide(shown.pairs, minimum) if shown.suppressed else None
    return FigureAnswer(shown.difference, parts, hidden, until=moment)


EVIDENCE = (
    "repair.purchase_restores",
    "repair.restored_score_min",
    "repair.broken_score_max",
    "repair.relapse_days",
    "repair.lapse_days",
)
_LEVELS = ("service_levels",)
FIGURES = (
    ExplainableFigure(
        name="step_on_time",
        rule="Clocks of the step that ended in time / clocks that ended. A clock that ran out counts as missed. Rounds "
        "that an import opened for work after the end do not count. The month is that of filing.",
        value=share_of("met", "ended"),
        ask=_step_on_time,
        events=OF_COMPLAINTS,
        of=("step", "month", "severity"),
        settings=_LEVELS,
    ),
    ExplainableFigure(
        name="clock_on_time",
        rule="Clocks that ended in time / clocks that ended. A clock that ran out counts as missed. One that is "
        "recorded as missed counts as met if its step is dated before the deadline.",
        value=share_of("met", "ended"),
        ask=_clock_on_time,
        events=OF_COMPLAINTS,
        of=("clock", "severity"),
        settings=_LEVELS,
    ),
    ExplainableFigure(
        name="restored_share",
        rule="Damaged relations that are restored or won back now / relations with any complaint.",
        value=share_of("restored", "damaged"),
        ask=_of_relations("restored", is_restored),
        events=OF_RELATIONS,
        settings=EVIDENCE,
    ),
    ExplainableFigure(
        name="lapsed_share",
        rule="Damaged relations that have lapsed by long silence / relations with any complaint.",
        value=share_of("lapsed", "damaged"),
        ask=_of_relations("lapsed", lambda relation: relation.state == "lapsed"),
        events=OF_RELATIONS,
        settings=EVIDENCE,
    ),
    ExplainableFigure(
        name="relapsed_share",
        rule="Relations that ever failed again after they were restored / relations with any complaint.",
        value=share_of("relapsed", "damaged"),
        ask=_of_relations("relapsed", was_relapsed),
        events=OF_RELATIONS,
        settings=EVIDENCE,
    ),
    ExplainableFigure(
        name="cost_per_restored",
        rule="The cost of all remedies carried out / restored relations, in minor units, rounded half up.",
        value=_cost_of_one,
        ask=_cost,
        events=OF_RELATIONS,
        of=("currency",),
        settings=EVIDENCE,
    ),
    ExplainableFigure(
        name="funnel",
        rule="Complaints that reached the step or a later one / complaints filed, without duplicates.",
        value=share_of("reached", "filed"),
        ask=_funnel,
        events=OF_COMPLAINTS,
        of=("step",),
    ),
    ExplainableFigure(
        name="cause_share",
        rule="Complaints with this cause / complaints with a known cause, without duplicates.",
        value=share_of("complaints", "known"),
        ask=_cause,
        events=OF_COMPLAINTS,
        of=("by", "cause"),
    ),
    ExplainableFigure(
        name="justice_share",
        rule="Complaints with a repair action that served this kind of justice / complaints filed.",
        value=share_of("served", "filed"),
        ask=_justice,
        events=OF_COMPLAINTS,
        of=("justice",),
    ),
    ExplainableFigure(
        name="satisfaction_change",
        rule="(The score after the settlement - the score before the complaint) / complaints with both.",
        value=lambda sums: (sums["after"] - sums["before"]) / sums["pairs"] if sums.get("pairs") else None,
        ask=_change,
        events=_ANSWERS,
        of=("instrument",),
        settings=("repair.satisfaction_days", "surveys.minimum_answers"),
    ),
)
