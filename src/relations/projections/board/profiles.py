"""The answers of the board: indicators month by month, goals, their reviews and their improvements."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from relations.aggregates.goal import Measured, MeasureGoalImprovement, Measurement
from relations.analytics.intervals import Interval
from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.policies.indicators import Better, Indicator, Unit
from relations.projections.board.rows import ImprovementLine, ReviewLine

__all__ = [
    "BoardFigure",
    "GoalEffect",
    "GoalImprovementProfile",
    "GoalProfile",
    "GoalReview",
    "IndicatorMonth",
    "IndicatorSpan",
    "Light",
    "Signal",
    "goal_improvement",
    "goal_review",
]

Light = Literal["green", "amber", "red"]
Signal = Literal["above", "below"]

_DECIMALS = 6


class IndicatorMonth(ViewAnswer):
    """An indicator's value in one month.

    Attributes:
        month: Such as `2024-05`.
        complete: False if the month is not over yet.
        value: In the indicator's unit; None if there was nothing to compute it from, or if it is suppressed.
        n: The number of answers, customers or cases that it is computed from.
        interval: Its confidence interval at the policy's level; None if it has none.
        suppressed: True if there were too few answers to show it.
    """

    month: str
    complete: bool
    value: float | None
    n: int
    interval: Interval | None = None
    suppressed: bool = False


class IndicatorSpan(ViewAnswer):
    """An indicator's value over some months together.

    Attributes:
        since: The first month.
        until: The month after the last one.
        value: In the indicator's unit; None if there was nothing to compute it from.
        low: The low end of its confidence interval; None if it has none.
        high: The high end.
        n: The number of answers, customers or cases that it is computed from.
    """

    since: str
    until: str
    value: float | None
    low: float | None
    high: float | None
    n: int


class GoalEffect(ViewAnswer):
    """The indicator before and after an improvement of a goal, as it is now.

    Attributes:
        goal: The goal's id.
        improvement: The improvement's id.
        before: The months before the one in which the improvement took effect.
        after: The months after it.
    """

    goal: str
    improvement: str
    before: IndicatorSpan
    after: IndicatorSpan

    def command(self, at: datetime, *, actor: str = "system") -> MeasureGoalImprovement:
        """Return the command that records this effect.

        Args:
            at: The time of the measurement.
            actor: The person or system that measures.
        """
        return MeasureGoalImprovement(
            goal=self.goal,
            improvement=self.improvement,
            before=_recorded(self.before),
            after=_recorded(self.after),
            occurred_at=at,
            actor=actor,
        )


class GoalReview(ViewAnswer):
    """A review of a goal."""

    at: datetime
    finding: str
    root_cause: str | None
    decision: str | None


class GoalImprovementProfile(ViewAnswer):
    """An improvement of a goal, and its effect if it was measured.

    Attributes:
        improvement: Its id.
        what: What changes.
        owner: The person who carries it out.
        raised_at: When it was planned.
        due_at: When it should be done.
        completed_at: When it took effect; None if it has not.
        overdue: True if it should be done by now and is not.
        before: The indicator over the months before it took effect.
        after: The indicator over the months after it took effect.
        effect: `after` less `before`; None if it was not measured.
        proved: True if the interval after lies wholly on the better side of the value before; None without intervals.
    """

    improvement: str
    what: str
    owner: str | None
    raised_at: datetime
    due_at: datetime | None
    completed_at: datetime | None
    overdue: bool
    before: IndicatorSpan | None
    after: IndicatorSpan | None
    effect: float | None
    proved: bool | None


class GoalProfile(ViewAnswer):
    """A goal, its progress, its reviews and its improvements.

    Attributes:
        goal: Its id.
        indicator: The indicator's name.
        unit: The unit of target and values.
        better: The direction in which the indicator improves.
        scope: The part of the business that it is about; empty for the whole.
        target: The value to reach.
        least: The value that is still acceptable.
        starts: The first local day.
        ends: The local day after the last.
        owner: The person who answers for it.
        state: `ahead` before it starts, `running`, `over`, or `ended` if it was given up.
        month: The indicator in the last complete month of the goal; None before it.
        light: `green` at the target, `amber` at the least acceptable value, `red` below; None without a value.
        reviews: The reviews, the latest first.
        improvements: The improvements, in the order of planning.
    """

    goal: str
    indicator: str
    unit: Unit
    better: Better
    scope: dict[str, str]
    target: float
    least: float | None
    starts: date
    ends: date
    owner: str | None
    state: Literal["ahead", "running", "over", "ended"]
    month: IndicatorMonth | None
    light: Light | None
    reviews: tuple[GoalReview, ...]
    improvements: tuple[GoalImprovementProfile, ...]


class BoardFigure(ViewAnswer):
    """One indicator on the board.

    Attributes:
        indicator: The indicator's name.
        meaning: The indicator in words.
        unit: The unit of its values.
        currency: The currency of money; None for other units.
        better: The direction in which it improves.
        scope: The part of the business; empty for the whole.
        month: The figure in the month asked for.
        previous: The figure in the month before.
        change: The difference between the two; None if one of them is absent.
        signal: `above` or `below` if the month lies outside the limits of the twelve months before it. None if it does
            not, or if fewer than six of them have a value.
        target: The value to reach; None without a goal.
        light: `green` at the target, `amber` at the least acceptable value, `red` below; None without a goal or value.
        goal: The goal's id.
        owner: The person who answers for it.
        last_review: The latest review.
        improvement: The improvement planned last.
    """

    indicator: str
    meaning: str
    unit: Unit
    currency: str | None
    better: Better
    scope: dict[str, str]
    month: IndicatorMonth
    previous: IndicatorMonth
    change: float | None
    signal: Signal | None
    target: float | None = None
    light: Light | None = None
    goal: str | None = None
    owner: str | None = None
    last_review: GoalReview | None = None
    improvement: GoalImprovementProfile | None = None


def _recorded(span: IndicatorSpan) -> Measurement:
    value, low, high = (
        None if each is None else round(Decimal(repr(each)), _DECIMALS) for each in (span.value, span.low, span.high)
    )
    return Measurement(since=span.since, until=span.until, value=value, low=low, high=high, n=span.n)


def goal_review(line: ReviewLine) -> GoalReview:
    """Return a review as an answer."""
    return GoalReview(at=from_micros(line.at), finding=line.finding, root_cause=line.root_cause, decision=line.decision)


def goal_improvement(indicator: Indicator, line: ImprovementLine, moment: int) -> GoalImprovementProfile:
    """Return an improvement as it stood at a moment, UTC microseconds."""
    done = line.completed_at is not None and line.completed_at <= moment
    measured = line.measured_at is not None and line.measured_at <= moment
    before, after = (_as_span(each) if measured else None for each in (line.before, line.after))
    effect = proved = None
    if before is not None and after is not None and before.value is not None and after.value is not None:
        effect = after.value - before.value
        if after.low is not None and after.high is not None:
            proved = after.low > before.value if indicator.better == "higher" else after.high < before.value
    return GoalImprovementProfile(
        improvement=line.improvement,
        what=line.what,
        owner=line.owner,
        raised_at=from_micros(line.raised_at),
        due_at=None if line.due_at is None else from_micros(line.due_at),
        completed_at=from_micros(line.completed_at) if done and line.completed_at is not None else None,
        overdue=not done and line.due_at is not None and line.due_at <= moment,
        before=before,
        after=after,
        effect=effect,
        proved=proved,
    )


def _as_span(found: Measured | None) -> IndicatorSpan | None:
    if found is None:
        return None
    value, low, high = (None if each is None else float(each) for each in (found.value, found.low, found.high))
    return IndicatorSpan(since=found.since, until=found.until, value=value, low=low, high=high, n=found.n)
