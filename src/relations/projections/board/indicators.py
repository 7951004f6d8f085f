"""The computation of each indicator from the views, month by month."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from statistics import fmean
from typing import Any, NamedTuple

from relations.analytics.intervals import Interval, wilson
from relations.currencies import minor_digits
from relations.messages import from_micros, to_micros
from relations.months import last_day, months_after
from relations.policies import Policy
from relations.policies.calendars import LocalTime
from relations.projections.board.rows import CaseMonth, TradeMonth
from relations.projections.campaigns.view import CampaignsView
from relations.projections.care.view import CareView
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.pipeline.view import PipelineView, is_to_renew
from relations.projections.repair.view import CasesStanding, RepairView
from relations.projections.retention.view import RetentionView
from relations.projections.satisfaction.view import SatisfactionView
from relations.projections.team.view import TeamView, courses_due, handled_in

__all__ = ["COMPUTED", "NOTHING", "IndicatorQuestion", "MonthValue", "overall"]


class MonthValue(NamedTuple):
    """An indicator's value in one month.

    Attributes:
        value: In the indicator's unit; None if there is nothing to compute it from, or if it is suppressed.
        n: The number of answers, customers or cases that it is computed from.
        interval: Its confidence interval, in the same unit; None if it has none.
        suppressed: True if there were too few answers to show it.
    """

    value: float | None
    n: int = 0
    interval: Interval | None = None
    suppressed: bool = False


NOTHING = MonthValue(None)


@dataclass(frozen=True, slots=True)
class IndicatorQuestion:
    """The months, moment and scope that an indicator is asked for, and the views that it is computed from.

    Attributes:
        months: The months, the earliest first.
        as_of: The moment; the last month ends there if it is not over.
        scope: The part of the business.
        policy: The policy in force.
        local: The business's own days and months.
        trade: The purchases of each month in the policy's currency.
        cases: The complaints filed in each month.
        satisfaction: The view.
        retention: The view.
        repair: The view.
        loyalty: The view.
        care: The view.
        campaigns: The view.
        pipeline: The view.
        team: The view.
        pooled: True to take all months together; only `overall` asks for that.
        known: The values that were computed for this question already; several goals may have one indicator.
    """

    months: Sequence[str]
    as_of: datetime
    scope: Mapping[str, str]
    policy: Policy
    local: LocalTime
    trade: Mapping[str, TradeMonth]
    cases: Mapping[str, CaseMonth]
    satisfaction: SatisfactionView
    retention: RetentionView
    repair: RepairView
    loyalty: LoyaltyView
    care: CareView
    campaigns: CampaignsView
    pipeline: PipelineView
    team: TeamView
    pooled: bool = False
    known: dict[tuple[Any, ...], dict[str, MonthValue]] = field(default_factory=dict)

    def values_of(self, name: str, scope: Mapping[str, str], months: Sequence[str]) -> dict[str, MonthValue]:
        """Return an indicator's value in each of some months, computed once a question."""
        key = name, tuple(sorted(scope.items())), tuple(months)
        if key not in self.known:
            self.known[key] = COMPUTED[name](replace(self, scope=scope, months=months))
        return self.known[key]

    @property
    def span(self) -> tuple[str, str]:
        """The first month, and the month after the last one."""
        return self.months[0], months_after(self.months[-1])

    def end_of(self, month: str) -> datetime:
        """Return the last moment of a month, or the moment asked for if that is earlier."""
        end = from_micros(self.local.start(date.fromordinal(last_day(month) + 1))) - timedelta(microseconds=1)
        return min(end, self.as_of)


Computed = Callable[[IndicatorQuestion], dict[str, MonthValue]]


def _answers(question: str, value_of: str, **fixed: Any) -> Computed:
    def compute(asked: IndicatorQuestion) -> dict[str, MonthValue]:
        by = tuple(asked.scope) if asked.pooled else ("month", *asked.scope)
        since, until = asked.span
        figures = getattr(asked.satisfaction, question)(by=by, since=since, until=until, **fixed)
        found = {}
        for figure in figures:
            if all(figure.group[name] == wanted for name, wanted in asked.scope.items()):
                n = figure.sent if question == "response_rates" else figure.n
                value = getattr(figure, value_of)
                found[figure.group.get("month") or ""] = MonthValue(value, n, figure.interval, figure.suppressed)
        return found

    return compute


def _rates(share: str, hits: Callable[[Any], int], of: str) -> Computed:
    def compute(asked: IndicatorQuestion) -> dict[str, MonthValue]:
        # Of all months: no month depends on the first one asked for, and so all spans of a board have one answer.
        rates = asked.retention.rates(as_of=asked.as_of, segment=asked.scope.get("segment"))
        confidence = asked.policy.surveys.confidence
        return {
            each.period: MonthValue(getattr(each, share), n, wilson(hits(each), n, confidence) if n else None)
            for each in rates
            if each.period in asked.months and (n := getattr(each, of)) is not None
        }

    return compute


def _on_time(step: str) -> Computed:
    def compute(asked: IndicatorQuestion) -> dict[str, MonthValue]:
        found = {}
        by_month = asked.repair.steps_by_month(asked.months, as_of=asked.as_of, severity=asked.scope.get("severity"))
        for month, steps in by_month.items():
            figure = next(each for each in steps if each.step == step)
            met, n = figure.met or 0, (figure.met or 0) + (figure.missed or 0)
            interval = wilson(met, n, asked.policy.surveys.confidence) if n else None
            found[month] = MonthValue(figure.on_time, n, interval)
        return found

    return compute


def _standing(ask: Callable[[IndicatorQuestion, datetime], MonthValue]) -> Computed:
    return lambda asked: {month: ask(asked, asked.end_of(month)) for month in asked.months}


def _trade(value: Callable[[TradeMonth, int], MonthValue]) -> Computed:
    def compute(asked: IndicatorQuestion) -> dict[str, MonthValue]:
        unit: int = 10 ** minor_digits(asked.policy.currency)
        return {month: value(asked.trade[month], unit) for month in asked.months if month in asked.trade}

    return compute


def _revenue(month: TradeMonth, unit: int) -> MonthValue:
    return MonthValue((month.bought - month.refunded) / unit, month.orders)


def _order_value(month: TradeMonth, unit: int) -> MonthValue:
    return MonthValue(month.bought / month.orders / unit, month.orders) if month.orders else NOTHING


def _complaints(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    known = min((*asked.trade, *asked.cases), default=None)
    if known is None:
        return {}
    filed = {month: asked.cases[month].filed if month in asked.cases else 0 for month in asked.months}
    return {month: MonthValue(float(count), count) for month, count in filed.items() if month >= known}


def _complaint_rate(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    found = {}
    for month, sold in asked.trade.items():
        if month in asked.months and sold.orders:
            filed = asked.cases[month].filed if month in asked.cases else 0
            found[month] = MonthValue(filed / sold.orders, sold.orders)
    return found


def _care_kept(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    since, until = asked.span
    return {
        each.month: MonthValue(each.kept, n, wilson(each.done, n, asked.policy.surveys.confidence))
        for each in asked.care.kept_months(since=since, until=until)
        if (n := each.done + each.lapsed)
    }


def _campaign_roi(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    return {
        each.month: MonthValue(each.roi, each.campaigns)
        for each in asked.campaigns.returns(as_of=asked.as_of, currency=asked.policy.currency)
        if each.month in asked.months
    }


def _win_rate(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    found = {}
    for month in asked.months:
        (whole,) = asked.pipeline.results(
            since=month, until=months_after(month), currency=asked.policy.currency, as_of=asked.as_of
        )
        if whole.win_rate is not None:
            found[month] = MonthValue(whole.win_rate, whole.won + whole.lost, whole.interval)
    return found


def _weighted_pipeline(asked: IndicatorQuestion, at: datetime) -> MonthValue:
    stages = asked.pipeline.stages(currency=asked.policy.currency, as_of=at)
    n = sum(each.opportunities - each.unvalued for each in stages)
    unit = 10 ** minor_digits(asked.policy.currency)
    return MonthValue(sum(each.weighted for each in stages) / unit, n) if n else NOTHING


def _contracts_to_renew(asked: IndicatorQuestion, at: datetime) -> MonthValue:
    known = asked.pipeline.contracts(as_of=at)
    found = sum(is_to_renew(each, asked.policy.pipeline) for each in known)
    return MonthValue(float(found), found) if known else NOTHING


def _trainings_on_time(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    found = {}
    for month in asked.months:
        kept = [each.is_kept for each in courses_due(asked.team, month, to_micros(asked.as_of))]
        if kept:
            interval = wilson(sum(kept), len(kept), asked.policy.surveys.confidence)
            found[month] = MonthValue(sum(kept) / len(kept), len(kept), interval)
    return found


def _reopened_cases(asked: IndicatorQuestion) -> dict[str, MonthValue]:
    found = {}
    for month in asked.months:
        cases = handled_in(asked.team, month, to_micros(asked.as_of))
        again = [each.was_reopened for each in cases if each.was_resolved]
        if again:
            interval = wilson(sum(again), len(again), asked.policy.surveys.confidence)
            found[month] = MonthValue(sum(again) / len(again), len(again), interval)
    return found


def _lifetime_value(asked: IndicatorQuestion, at: datetime) -> MonthValue:
    report = asked.retention.lifetime_values(as_of=at, currency=asked.policy.currency, limit=0)
    if not report.buyers:
        return NOTHING
    unit = 10 ** minor_digits(asked.policy.currency)
    total = report.historic + (report.expected_value or 0.0)
    return MonthValue(total / report.buyers / unit, report.buyers)


def _acquisition_cost(asked: IndicatorQuestion, at: datetime) -> MonthValue:
    found = asked.retention.acquisition(as_of=at, currency=asked.policy.currency)
    buyers, cost = sum(each.buyers for each in found), sum(each.cost for each in found)
    unit = 10 ** minor_digits(asked.policy.currency)
    return MonthValue(cost / buyers / unit, buyers) if buyers else NOTHING


def _cases(count: Callable[[CasesStanding], int]) -> Callable[[IndicatorQuestion, datetime], MonthValue]:
    def compute(asked: IndicatorQuestion, at: datetime) -> MonthValue:
        if not asked.cases:
            return NOTHING
        found = count(asked.repair.cases(as_of=at))
        return MonthValue(float(found), found)

    return compute


def _restored(asked: IndicatorQuestion, at: datetime) -> MonthValue:
    summary = asked.repair.summary(as_of=at)
    n = summary.damaged
    restored = round((summary.restored_share or 0) * n)
    return MonthValue(summary.restored_share, n, wilson(restored, n, asked.policy.surveys.confidence) if n else None)


def _liability(asked: IndicatorQuestion, at: datetime) -> MonthValue:
    owed = asked.loyalty.liability(as_of=at)
    return MonthValue(float(owed.points), len(owed.months)) if owed.months else NOTHING


COMPUTED: Mapping[str, Computed] = {
    "nps": _answers("nps", "nps"),
    "satisfaction": _answers("csat", "share"),
    "effort": _answers("ces", "mean"),
    "complaint_satisfaction": _answers("csat", "share", instrument="complaint_csat"),
    "response_rate": _answers("response_rates", "rate"),
    "retention": _rates("retention", lambda each: each.retained, "at_start"),
    "churn": _rates("churn", lambda each: each.lost, "at_start"),
    "repeat_rate": _rates("repeat_rate", lambda each: each.repeat_buyers, "buyers"),
    "revenue": _trade(_revenue),
    "average_order_value": _trade(_order_value),
    "lifetime_value": _standing(_lifetime_value),
    "acquisition_cost": _standing(_acquisition_cost),
    "campaign_roi": _campaign_roi,
    "win_rate": _win_rate,
    "weighted_pipeline": _standing(_weighted_pipeline),
    "contracts_to_renew": _standing(_contracts_to_renew),
    "trainings_on_time": _trainings_on_time,
    "reopened_cases": _reopened_cases,
    "care_kept": _care_kept,
    "complaint_rate": _complaint_rate,
    "complaints": _complaints,
    "first_response_on_time": _on_time("acknowledged"),
    "resolution_on_time": _on_time("resolved"),
    "open_cases": _standing(_cases(lambda found: found.open)),
    "overdue_cases": _standing(_cases(lambda found: found.overdue)),
    "overdue_follow_ups": _standing(_cases(lambda found: found.follow_ups_overdue)),
    "restored_relations": _standing(_restored),
    "liability": _standing(_liability),
}
"""How each indicator is computed: `asked -> {month: value}`. A month without a value is absent."""

_PARTS = 10_000
"""Hits are whole, and amounts have at most four decimals."""
_BY_ANSWERS = frozenset({"nps", "satisfaction", "effort", "complaint_satisfaction", "response_rate"})
_BY_SIZE = frozenset(
    {
        "retention",
        "churn",
        "repeat_rate",
        "average_order_value",
        "complaint_rate",
        "win_rate",
        "trainings_on_time",
        "reopened_cases",
        "care_kept",
        "first_response_on_time",
        "resolution_on_time",
    }
)


def overall(name: str, asked: IndicatorQuestion) -> MonthValue:
    """Return an indicator over all months asked for.

    Answers are taken together. A share of customers or cases is the share of all of them, and so is the average order.
    Any other figure, such as the revenue of a month, is the mean of the months.
    """
    if name in _BY_ANSWERS:
        return next(iter(COMPUTED[name](replace(asked, pooled=True)).values()), NOTHING)
    months = [value for value in COMPUTED[name](asked).values() if value.value is not None]
    if not months:
        return NOTHING
    n = sum(month.n for month in months)
    if name not in _BY_SIZE or not n:
        return MonthValue(fmean(month.value for month in months if month.value is not None), n)
    hits = sum((_of_all(month) for month in months), Fraction())
    counted = all(month.interval is not None for month in months)
    return MonthValue(float(hits / n), n, wilson(round(hits), n, asked.policy.surveys.confidence) if counted else None)


def _of_all(month: MonthValue) -> Fraction:
    """Return a month's hits, or its amounts, of which the value is the rounded share: 49 times 1/49 is 1."""
    return Fraction(round((month.value or 0.0) * month.n * _PARTS), _PARTS)
