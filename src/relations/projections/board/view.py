"""The board: every indicator against its target and the month before, and the goals behind the targets.

An indicator is computed from the views when it is asked for; the board keeps only goals, and sums that no other view
keeps. So a figure on the board equals that of its view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from statistics import fmean
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from relations.aggregates.goal import Measured, MeasureGoalImprovement, Measurement
from relations.analytics.intervals import Interval
from relations.errors import InvalidInput
from relations.messages import from_micros, to_micros
from relations.months import month_of, months_after, months_between, months_until
from relations.policies.indicators import INDICATORS, Better, Indicator, Unit
from relations.projections.arguments import checked_choice, checked_month
from relations.projections.board.indicators import COMPUTED, NOTHING, IndicatorQuestion, MonthValue, overall
from relations.projections.board.rows import (
    PROJECTION,
    CaseMonth,
    ImprovementLine,
    ReviewLine,
    StandingGoal,
    TradeMonth,
)
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.projection import Projection
from relations.projections.repair.view import RepairView
from relations.projections.retention.view import RetentionView
from relations.projections.satisfaction.view import SatisfactionView
from relations.projections.view import View

__all__ = [
    "BoardFigure",
    "BoardView",
    "GoalEffect",
    "GoalImprovementProfile",
    "GoalProfile",
    "GoalReview",
    "IndicatorMonth",
    "IndicatorSpan",
]

Light = Literal["green", "amber", "red"]
Signal = Literal["above", "below"]

_USUAL = 2.66
"""Limits of an individuals chart: the mean ± 2.66 mean moving ranges (D. Wheeler, "Understanding Variation", 1993)."""
_MONTHS_FOR_LIMITS = 12
_MONTHS_MIN = 6
_EFFECT_MONTHS = 3
_DECIMALS = 6


class IndicatorMonth(BaseModel):
    """An indicator's value in one month.

    Attributes:
        month: Such as `2024-05`.
        complete: False if the month is not over yet.
        value: In the indicator's unit; None if there was nothing to compute it from, or if it is suppressed.
        n: The number of answers, customers or cases that it is computed from.
        interval: Its confidence interval at the policy's level; None if it has none.
        suppressed: True if there were too few answers to show it.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    complete: bool
    value: float | None
    n: int
    interval: Interval | None = None
    suppressed: bool = False


class IndicatorSpan(BaseModel):
    """An indicator's value over some months together.

    Attributes:
        since: The first month.
        until: The month after the last one.
        value: In the indicator's unit; None if there was nothing to compute it from.
        low: The low end of its confidence interval; None if it has none.
        high: The high end.
        n: The number of answers, customers or cases that it is computed from.
    """

    model_config = ConfigDict(frozen=True)

    since: str
    until: str
    value: float | None
    low: float | None
    high: float | None
    n: int


class GoalEffect(BaseModel):
    """The indicator before and after an improvement of a goal, as it is now.

    Attributes:
        goal: The goal's id.
        improvement: The improvement's id.
        before: The months before the one in which the improvement took effect.
        after: The months after it.
    """

    model_config = ConfigDict(frozen=True)

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


class GoalReview(BaseModel):
    """A review of a goal."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    finding: str
    root_cause: str | None
    decision: str | None


class GoalImprovementProfile(BaseModel):
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

    model_config = ConfigDict(frozen=True)

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


class GoalProfile(BaseModel):
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

    model_config = ConfigDict(frozen=True)

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


class BoardFigure(BaseModel):
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
        signal: `above` or `below` if the month lies outside the limits of the twelve months before it; None if it does
            not, or if fewer than six of them have a value.
        target: The value to reach; None without a goal.
        light: `green` at the target, `amber` at the least acceptable value, `red` below; None without a goal or value.
        goal: The goal's id.
        owner: The person who answers for it.
        last_review: The latest review.
        improvement: The improvement planned last.
    """

    model_config = ConfigDict(frozen=True)

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


class BoardView(View):
    """The figures by which the business judges its relations, against its goals.

    The board reads the other views, from the same state of the database. Months are local, from January to December as
    `2024-05`.
    """

    projection: ClassVar[Projection] = PROJECTION
    reads: ClassVar[tuple[type[View], ...]] = (SatisfactionView, RetentionView, RepairView, LoyaltyView)

    _others: tuple[SatisfactionView, RetentionView, RepairView, LoyaltyView]

    def figures(
        self, *, month: str | None = None, as_of: datetime | None = None, indicators: Iterable[str] | None = None
    ) -> list[BoardFigure]:
        """Return the figures of one month, next to the month before and the goals.

        Args:
            month: The month; by default the last one that is over.
            as_of: The moment; now by default. A month that is not over ends there.
            indicators: The names of indicators, in the order wanted. By default every indicator with a value in one of
                the two months or with a goal, in the order of the registry. A lifetime value needs a fit, so it is
                shown only with a goal or by name.

        Raises:
            InvalidInput: There is no such indicator, the month lies after the moment, or it is not a month.
        """
        wanted = None if indicators is None else list(indicators)
        for name in wanted or ():
            checked_choice(name, INDICATORS, "indicator")
        moment = self.moment(as_of)
        present = self.local.month(moment)
        chosen = checked_month(month, "month") or months_after(present, -1)
        if chosen > present:
            raise InvalidInput(f"the month {chosen} has not begun", code="invalid_month", field="month")
        goals = [goal for goal in self._goals(moment) if goal.state in ("running", "over") and _covers(goal, chosen)]
        names = wanted or [
            name
            for name, each in INDICATORS.items()
            if not each.on_request or any(goal.indicator == name for goal in goals)
        ]
        asked: list[tuple[str, dict[str, str]]] = [(name, {}) for name in names]
        asked += [(goal.indicator, goal.scope) for goal in goals if goal.scope and goal.indicator in names]
        found = []
        for name, scope in asked:
            indicator = INDICATORS[name]
            goal = next((each for each in goals if (each.indicator, each.scope) == (name, scope)), None)
            months = months_until(chosen, _months_needed(indicator))[::-1]
            figure = self._figure(indicator, scope, self._series(indicator, scope, months, moment), goal)
            if wanted is not None or goal is not None or _is_known(figure.month) or _is_known(figure.previous):
                found.append(figure)
        return found

    def series(
        self,
        indicator: str,
        *,
        since: str | None = None,
        until: str | None = None,
        scope: Mapping[str, str] | None = None,
        as_of: datetime | None = None,
    ) -> list[IndicatorMonth]:
        """Return an indicator month by month.

        Args:
            indicator: Its name.
            since: The first month; by default a year before the end.
            until: The month after the last one; by default the present month, which is not over.
            scope: The part of the business, such as `{"touchpoint": "bar"}`.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: There is no such indicator, it has no such scope, or a bound is not a month.
        """
        checked_choice(indicator, INDICATORS, "indicator", needed=True)
        first, end = checked_month(since, "since"), checked_month(until, "until")
        moment = self.moment(as_of)
        present = self.local.month(moment)
        last = months_after(present if end is None else min(end, months_after(present)), -1)
        unknown = sorted((scope or {}).keys() - INDICATORS[indicator].scopes)
        if unknown:
            raise InvalidInput(
                f"{indicator} has no scope {unknown[0]!r}",
                code="unknown_scope",
                field="scope",
                hint=f"Its scopes are {', '.join(sorted(INDICATORS[indicator].scopes)) or 'none'}",
            )
        months = months_between(first or months_after(last, 1 - _MONTHS_FOR_LIMITS), last)
        return self._series(INDICATORS[indicator], scope or {}, months, moment) if months else []

    def goals(self, *, as_of: datetime | None = None) -> list[GoalProfile]:
        """Return every goal that was set by a moment, the ones that end first at the top."""
        return self._goals(self.moment(as_of))

    def goal(self, goal: str, *, as_of: datetime | None = None) -> GoalProfile:
        """Return one goal.

        Raises:
            InvalidInput: There is no such goal.
        """
        found = next((each for each in self._goals(self.moment(as_of)) if each.goal == goal), None)
        if found is None:
            raise InvalidInput(
                f"there is no goal {goal!r}", code="unknown_goal", field="goal", hint="Set it first (SetGoal)"
            )
        return found

    def effect(
        self, goal: str, improvement: str, *, months: int = _EFFECT_MONTHS, as_of: datetime | None = None
    ) -> GoalEffect:
        """Return the indicator before and after an improvement.

        The months before are those that end before the month in which the improvement took effect. The months after
        begin with the month after it. To record the effect, execute its `command`.

        Args:
            goal: The goal's id.
            improvement: The improvement's id.
            months: The number of months before and, at most, after.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: There is no such goal or improvement, it has not taken effect, or no month after it is over.
        """
        moment = self.moment(as_of)
        profile = self.goal(goal, as_of=as_of)
        found = next((each for each in profile.improvements if each.improvement == improvement), None)
        if found is None or found.completed_at is None:
            missing = f"goal {goal} has no improvement {improvement}"
            raise InvalidInput(
                missing if found is None else f"improvement {improvement} of goal {goal} is not in effect",
                code="unknown_improvement" if found is None else "improvement_not_completed",
                field="improvement",
                hint="Raise and complete it first (RaiseGoalImprovement, CompleteGoalImprovement)",
            )
        effective = self.local.month(to_micros(found.completed_at))
        present = self.local.month(moment)
        following = months_between(months_after(effective), months_after(effective, months))
        after = [month for month in following if month < present]
        if not after:
            raise InvalidInput(
                f"no month after improvement {improvement} is over yet",
                code="too_early",
                field="improvement",
                hint=f"Measure it after {months_after(effective)}",
            )
        before = list(months_until(months_after(effective, -1), months)[::-1])
        indicator = INDICATORS[profile.indicator]
        sides = [self._span(indicator, profile.scope, span, moment) for span in (before, after)]
        return GoalEffect(goal=goal, improvement=improvement, before=sides[0], after=sides[1])

    # --- computing --------------------------------------------------------------------------------------------------

    def _asked(self, scope: Mapping[str, str], months: Sequence[str], moment: int) -> IndicatorQuestion:
        currency = self.policy.currency
        satisfaction, retention, repair, loyalty = self._others
        return IndicatorQuestion(
            months=list(months),
            as_of=from_micros(moment),
            scope=scope,
            policy=self.policy,
            local=self.local,
            trade={row.month: row for row in self.rows(TradeMonth) if row.currency == currency},
            cases={row.month: row for row in self.rows(CaseMonth)},
            satisfaction=satisfaction,
            retention=retention,
            repair=repair,
            loyalty=loyalty,
        )

    def _series(
        self, indicator: Indicator, scope: Mapping[str, str], months: Sequence[str], moment: int
    ) -> list[IndicatorMonth]:
        present = self.local.month(moment)
        values = COMPUTED[indicator.name](self._asked(scope, months, moment))
        return [_month(month, values.get(month, NOTHING), complete=month < present) for month in months]

    def _span(
        self, indicator: Indicator, scope: Mapping[str, str], months: Sequence[str], moment: int
    ) -> IndicatorSpan:
        found = overall(indicator.name, self._asked(scope, months, moment))
        interval = found.interval
        return IndicatorSpan(
            since=months[0],
            until=months_after(months[-1]),
            value=found.value,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
            n=found.n,
        )

    def _figure(
        self, indicator: Indicator, scope: Mapping[str, str], series: Sequence[IndicatorMonth], goal: GoalProfile | None
    ) -> BoardFigure:
        *earlier, month = series
        previous = earlier[-1]
        change = None if month.value is None or previous.value is None else month.value - previous.value
        figure = BoardFigure(
            indicator=indicator.name,
            meaning=indicator.meaning,
            unit=indicator.unit,
            currency=self.policy.currency if indicator.unit == "money" else None,
            better=indicator.better,
            scope=dict(scope),
            month=month,
            previous=previous,
            change=change,
            signal=_signal(month, earlier),
        )
        if goal is None:
            return figure
        return figure.model_copy(
            update={
                "target": goal.target,
                "light": _light(indicator, month.value, _exact(goal.target), _exact(goal.least)),
                "goal": goal.goal,
                "owner": goal.owner,
                "last_review": goal.reviews[0] if goal.reviews else None,
                "improvement": goal.improvements[-1] if goal.improvements else None,
            }
        )

    def _goals(self, moment: int) -> list[GoalProfile]:
        found = [self._goal(row, moment) for row in self.rows(StandingGoal) if row.indicator and row.set_at <= moment]
        return sorted(found, key=lambda each: (each.ends, each.goal))

    def _goal(self, row: StandingGoal, moment: int) -> GoalProfile:
        indicator = INDICATORS[row.indicator]
        starts, ends = date.fromisoformat(row.starts), date.fromisoformat(row.ends)
        today = date.fromordinal(self.local.day(moment))
        target, least = Decimal(row.target), None if row.least is None else Decimal(row.least)
        ended = row.ended_at is not None and row.set_at <= row.ended_at <= moment
        state: Any = "ended" if ended else "ahead" if today < starts else "over" if today >= ends else "running"
        last = min(months_after(month_of(today.toordinal()), -1), month_of(ends.toordinal() - 1))
        month = None
        if month_of(starts.toordinal()) <= last:
            month = self._series(indicator, row.scope, [last], moment)[0]
        reviews = [_review(line) for line in row.reviews if line.at <= moment]
        lines = sorted((line for line in row.improvements if line.raised_at <= moment), key=lambda each: each.raised_at)
        return GoalProfile(
            goal=row.goal,
            indicator=row.indicator,
            unit=indicator.unit,
            better=indicator.better,
            scope=row.scope,
            target=float(target),
            least=None if least is None else float(least),
            starts=starts,
            ends=ends,
            owner=row.owner,
            state=state,
            month=month,
            light=None if month is None else _light(indicator, month.value, target, least),
            reviews=tuple(reversed(reviews)),
            improvements=tuple(_improvement(indicator, line, moment) for line in lines),
        )


def _months_needed(indicator: Indicator) -> int:
    """Return the number of months that a figure is computed from. Standing figures are read again for each one."""
    return 2 if indicator.standing else _MONTHS_FOR_LIMITS + 1


def _covers(goal: GoalProfile, month: str) -> bool:
    return month_of(goal.starts.toordinal()) <= month <= month_of(goal.ends.toordinal() - 1)


def _recorded(span: IndicatorSpan) -> Measurement:
    value, low, high = (
        None if each is None else round(Decimal(repr(each)), _DECIMALS) for each in (span.value, span.low, span.high)
    )
    return Measurement(since=span.since, until=span.until, value=value, low=low, high=high, n=span.n)


def _month(month: str, value: MonthValue, *, complete: bool) -> IndicatorMonth:
    return IndicatorMonth(
        month=month,
        complete=complete,
        value=value.value,
        n=value.n,
        interval=value.interval,
        suppressed=value.suppressed,
    )


def _is_known(month: IndicatorMonth) -> bool:
    return month.value is not None or month.suppressed


def _signal(month: IndicatorMonth, earlier: Sequence[IndicatorMonth]) -> Signal | None:
    """Return the side on which a month lies outside the limits of the months before it."""
    values = [each.value for each in earlier if each.value is not None and each.complete]
    if month.value is None or not month.complete or len(values) < _MONTHS_MIN:
        return None
    ranges = [abs(second - first) for first, second in pairwise(values)]
    centre, reach = fmean(values), _USUAL * fmean(ranges)
    if month.value > centre + reach:
        return "above"
    return "below" if month.value < centre - reach else None


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))


def _light(indicator: Indicator, value: float | None, target: Decimal | None, least: Decimal | None) -> Light | None:
    exact = _exact(value)
    if exact is None or target is None:
        return None
    if indicator.reaches(exact, target):
        return "green"
    return "amber" if least is not None and indicator.reaches(exact, least) else "red"


def _review(line: ReviewLine) -> GoalReview:
    return GoalReview(at=from_micros(line.at), finding=line.finding, root_cause=line.root_cause, decision=line.decision)


def _improvement(indicator: Indicator, line: ImprovementLine, moment: int) -> GoalImprovementProfile:
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
