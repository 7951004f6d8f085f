"""The board: every indicator against its target and the month before, and the goals behind the targets.

An indicator is computed from the views when it is asked for; the board keeps only goals, and sums that no other view
keeps. So a figure on the board equals that of its view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from relations.analytics.control_charts import individuals
from relations.errors import InvalidInput
from relations.messages import from_micros, to_micros
from relations.months import month_of, months_after, months_between, months_until
from relations.policies.indicators import INDICATORS, Indicator
from relations.projections.arguments import checked_choice, checked_month
from relations.projections.board.explained import FIGURES
from relations.projections.board.indicators import NOTHING, IndicatorQuestion, MonthValue, overall
from relations.projections.board.profiles import (
    BoardFigure,
    GoalEffect,
    GoalImprovementProfile,
    GoalProfile,
    GoalReview,
    IndicatorMonth,
    IndicatorSpan,
    Light,
    Signal,
    goal_improvement,
    goal_review,
)
from relations.projections.board.rows import (
    PROJECTION,
    CaseMonth,
    StandingGoal,
    TradeMonth,
)
from relations.projections.campaigns.view import CampaignsView
from relations.projections.care.view import CareView
from relations.projections.explained_figures import ExplainableFigure
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.pipeline.view import PipelineView
from relations.projections.projection import Projection
from relations.projections.repair.view import RepairView
from relations.projections.retention.view import RetentionView
from relations.projections.satisfaction.view import SatisfactionView
from relations.projections.team.view import TeamView
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

_MONTHS_FOR_LIMITS = 12
_MONTHS_MIN = 6
_EFFECT_MONTHS = 3


class BoardView(View):
    """The figures by which the business judges its relations, against its goals.

    The board reads the other views, from the same state of the database. Months are local, from January to December as
    `2024-05`.
    """

    projection: ClassVar[Projection] = PROJECTION
    explainable: ClassVar[tuple[ExplainableFigure, ...]] = FIGURES
    reads: ClassVar[tuple[type[View], ...]] = (
        SatisfactionView,
        RetentionView,
        RepairView,
        LoyaltyView,
        CareView,
        CampaignsView,
        PipelineView,
        TeamView,
    )

    _others: tuple[
        SatisfactionView, RetentionView, RepairView, LoyaltyView, CareView, CampaignsView, PipelineView, TeamView
    ]

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
        question = self._asked(moment)
        known = self._goals(question, measured=False)
        goals = [goal for goal in known if goal.state in ("running", "over") and _covers(goal, chosen)]
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
            figure = self._figure(indicator, scope, self._series(question, indicator, scope, months), goal)
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
        if not months:
            return []
        return self._series(self._asked(moment), INDICATORS[indicator], scope or {}, months)

    def goals(self, *, as_of: datetime | None = None) -> list[GoalProfile]:
        """Return every goal that was set by a moment, the ones that end first at the top."""
        return self._goals(self._asked(self.moment(as_of)))

    def goal(self, goal: str, *, as_of: datetime | None = None) -> GoalProfile:
        """Return one goal.

        Raises:
            InvalidInput: There is no such goal.
        """
        found = next(iter(self._goals(self._asked(self.moment(as_of)), self.table(StandingGoal).c.goal == goal)), None)
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
        asked = self._asked(moment)
        sides = [self._span(asked, indicator, profile.scope, span) for span in (before, after)]
        return GoalEffect(goal=goal, improvement=improvement, before=sides[0], after=sides[1])

    # --- computing --------------------------------------------------------------------------------------------------

    def _asked(self, moment: int) -> IndicatorQuestion:
        """Return what all indicators of one question are computed from, read once."""
        currency = self.policy.currency
        satisfaction, retention, repair, loyalty, care, campaigns, pipeline, team = self._others
        return IndicatorQuestion(
            months=(),
            as_of=from_micros(moment),
            scope={},
            policy=self.policy,
            local=self.local,
            trade={row.month: row for row in self.rows(TradeMonth) if row.currency == currency},
            cases={row.month: row for row in self.rows(CaseMonth)},
            satisfaction=satisfaction,
            retention=retention,
            repair=repair,
            loyalty=loyalty,
            care=care,
            campaigns=campaigns,
            pipeline=pipeline,
            team=team,
        )

    def _series(
        self, asked: IndicatorQuestion, indicator: Indicator, scope: Mapping[str, str], months: Sequence[str]
    ) -> list[IndicatorMonth]:
        present = self.local.month(to_micros(asked.as_of))
        values = asked.values_of(indicator.name, scope, months)
        return [_month(month, values.get(month, NOTHING), complete=month < present) for month in months]

    def _span(
        self, asked: IndicatorQuestion, indicator: Indicator, scope: Mapping[str, str], months: Sequence[str]
    ) -> IndicatorSpan:
        found = overall(indicator.name, replace(asked, scope=scope, months=months))
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

    def _goals(self, asked: IndicatorQuestion, *where: Any, measured: bool = True) -> list[GoalProfile]:
        """Return goals; those that are not measured have no month."""
        moment = to_micros(asked.as_of)
        rows = self.rows(StandingGoal, *where)
        found = [self._goal(row, asked, measured=measured) for row in rows if row.indicator and row.set_at <= moment]
        return sorted(found, key=lambda each: (each.ends, each.goal))

    def _goal(self, row: StandingGoal, asked: IndicatorQuestion, *, measured: bool) -> GoalProfile:
        moment = to_micros(asked.as_of)
        indicator = INDICATORS[row.indicator]
        starts, ends = date.fromisoformat(row.starts), date.fromisoformat(row.ends)
        today = date.fromordinal(self.local.day(moment))
        target, least = Decimal(row.target), None if row.least is None else Decimal(row.least)
        ended = row.ended_at is not None and row.set_at <= row.ended_at <= moment
        state: Any = "ended" if ended else "ahead" if today < starts else "over" if today >= ends else "running"
        last = min(months_after(month_of(today.toordinal()), -1), month_of(ends.toordinal() - 1))
        month = None
        if measured and month_of(starts.toordinal()) <= last:
            (month,) = self._series(asked, indicator, row.scope, [last])
        reviews = [goal_review(line) for line in row.reviews if line.at <= moment]
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
            improvements=tuple(goal_improvement(indicator, line, moment) for line in lines),
        )


def _months_needed(indicator: Indicator) -> int:
    """Return the number of months that a figure is computed from. Standing figures are read again for each one."""
    return 2 if indicator.standing else _MONTHS_FOR_LIMITS + 1


def _covers(goal: GoalProfile, month: str) -> bool:
    return month_of(goal.starts.toordinal()) <= month <= month_of(goal.ends.toordinal() - 1)


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
    return individuals(values).side(month.value)


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))


def _light(indicator: Indicator, value: float | None, target: Decimal | None, least: Decimal | None) -> Light | None:
    exact = _exact(value)
    if exact is None or target is None:
        return None
    if indicator.reaches(exact, target):
        return "green"
    return "amber" if least is not None and indicator.reaches(exact, least) else "red"
