"""Lifecycle stages and retention rates, inferred from purchase days and from recorded departures and returns.

Without a contract hardly any customer gives notice. So a customer counts as active for as long after the last purchase
as the policy allows. This is the recency rule of Bendle, Farris, Pfeifer and Reibstein (*Marketing Metrics*, 3rd ed.
2016, chapter 5). From a recorded departure on they count as lost, until they buy again or their return is recorded. A
recorded return counts as a sign of life like a purchase. Over a period that makes four numbers:

* S: customers active at its start, that is on the evening before its first day.
* E: customers active at its end, on the evening of its last day.
* N: customers active at its end and not at its start: new customers, and those won back.
* lost: customers active at its start and not at its end.

E - N of the customers in S are still active. The retention rate is CRR = (E - N) / S, and churn = lost / S. Everybody
in S is either retained or lost, so CRR + churn = 1. With S = 0 neither is defined. A customer who comes and goes within
one period is in none of the four numbers; that takes a limit shorter than the period.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple, TypeAlias, get_args

from relations.analytics import Turn, spells
from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.months import first_day, month_of, months_after, months_between, period_start
from relations.policies import Lifecycle
from relations.policies.calendars import LocalTime
from relations.projections.retention.patronage import Patronage

__all__ = [
    "PERIODS",
    "PERIOD_MOVES",
    "STAGES",
    "ActivityCounts",
    "Basis",
    "CustomerStage",
    "Life",
    "LifecycleReport",
    "Period",
    "PeriodCustomer",
    "PeriodMove",
    "PeriodRates",
    "Periods",
    "Stage",
    "count_activity",
    "counted_in",
    "counted_lifecycle",
    "customer_stages",
    "known_customers",
    "lifecycle_report",
    "period_named",
    "period_rates",
    "stage_of",
    "staged",
]

Stage: TypeAlias = Literal["prospect", "new", "established", "lapsing", "lost", "won_back"]
Basis: TypeAlias = Literal["inferred", "recorded"]
Period: TypeAlias = Literal["month", "quarter", "year"]
PeriodMove: TypeAlias = Literal["retained", "lost", "new", "won_back"]

STAGES: tuple[Stage, ...] = ("prospect", "new", "established", "lapsing", "lost", "won_back")
PERIOD_MOVES: tuple[PeriodMove, ...] = get_args(PeriodMove)
PERIODS: dict[Period, int] = {"month": 1, "quarter": 3, "year": 12}
"""The number of months of each."""
_FORMS: dict[str, Period] = {r"\d{4}-(0[1-9]|1[0-2])": "month", r"\d{4}-Q[1-4]": "quarter", r"\d{4}": "year"}


class Life(NamedTuple):
    """The signs of life of one customer, from which stages and rates follow.

    Attributes:
        days: The ordinals of their purchase days, ascending.
        turns: Recorded departures and returns, at most one a day, ascending.
    """

    days: Sequence[int]
    turns: Sequence[Turn] = ()

    def left_on_record(self, day: int) -> bool:
        """Return True if a recorded departure is the last that is known on the evening of a day."""
        known = bisect_right(self.turns, day, key=lambda turn: turn.day)
        bought = bisect_right(self.days, day)
        last = self.turns[known - 1] if known else None
        return last is not None and not last.back and (not bought or last.day >= self.days[bought - 1])


class CustomerStage(ViewAnswer):
    """One customer's lifecycle stage.

    Attributes:
        customer: The customer's id.
        stage: The stage.
        basis: `recorded` if somebody recorded the departure or return, `inferred` if it follows from purchases.
        first_day: The local day of the first purchase; None before it.
        last_day: The local day of the last purchase; None before the first.
        purchase_days: The number of days with a purchase.
        silent_days: Days since the last purchase; None before the first.
    """

    customer: str
    stage: Stage
    basis: Basis
    first_day: date | None
    last_day: date | None
    purchase_days: int
    silent_days: int | None


class LifecycleReport(ViewAnswer):
    """The number of customers in each stage.

    Attributes:
        as_of: The moment asked about; its whole local day counts.
        customers: All customers known by then.
        stages: The number of customers in each stage.
        recorded: The number of them whose stage follows from a recorded departure or return. All others are inferred.
        buyers: Customers with any purchase.
        repeat_buyers: Customers who bought on two days or more.
        repeat_rate: `repeat_buyers` / `buyers`; None if nobody bought.
    """

    as_of: datetime
    customers: int
    stages: dict[Stage, int]
    recorded: dict[Stage, int]
    buyers: int
    repeat_buyers: int
    repeat_rate: float | None


class PeriodCustomer(ViewAnswer):
    """A customer who counts in the rates of a period; `PeriodRates` explains the numbers.

    Attributes:
        customer: The customer's id.
        at_start: True if they were active at its start.
        at_end: True if they were active at its end.
        move: `retained` or `lost` of those active at its start, `new` or `won_back` of those active at its end only;
            None for buyers who count in neither.
        bought: True if they bought in the period.
        repeat: True if they did so on a day after that of their first purchase.
    """

    customer: str
    at_start: bool
    at_end: bool
    move: PeriodMove | None
    bought: bool
    repeat: bool


class PeriodRates(ViewAnswer):
    """Retention over one local month, quarter or year; the module explains the numbers.

    Attributes:
        period: Such as `2024-05`, `2024-Q2` or `2024`.
        month: Its first month.
        complete: False if the period is not over yet. Its end is then the day asked about.
        at_start: S, customers active at its start.
        at_end: E, customers active at its end.
        retained: E - N.
        lost: Customers active at its start and not at its end.
        lost_recorded: The number of lost customers with a recorded departure. All others are inferred.
        new: Customers active at its end who never bought before the period.
        won_back: Customers active at its end who had bought before the period but were not active at its start.
        retention: CRR = (E - N) / S; None if S is 0.
        churn: lost / S; None if S is 0.
        buyers: Customers who bought in the period.
        repeat_buyers: Those of them who bought on a day after that of their first purchase.
        repeat_rate: `repeat_buyers` / `buyers`; None if nobody bought.
    """

    period: str
    month: str
    complete: bool
    at_start: int
    at_end: int
    retained: int
    lost: int
    lost_recorded: int
    new: int
    won_back: int
    retention: float | None
    churn: float | None
    buyers: int
    repeat_buyers: int
    repeat_rate: float | None


def stage_of(life: Life, today: int, policy: Lifecycle) -> tuple[Stage, Basis]:
    """Return a customer's stage on the evening of `today`, and whether it is inferred or recorded.

    Lost and lapsing come first, then won back after a recent return, then new and established.

    Args:
        life: The customer's signs of life, none of them after `today`.
        today: The ordinal of the day asked for.
        policy: The limits.
    """
    days, turns = life
    if life.left_on_record(today):
        return "lost", "recorded"
    if not days:
        return "prospect", "inferred"
    back = max((turn.day for turn in turns if turn.back), default=days[0])
    silent = today - max(days[-1], back)
    lapsing, lost = policy.limits(len(days), days[-1] - days[0])
    if silent > lost:
        return "lost", "inferred"
    if silent > lapsing:
        return "lapsing", "inferred"
    if any(turn.back and today - turn.day <= policy.won_back_days and turn.day >= days[0] for turn in turns):
        return "won_back", "recorded"
    for n in range(len(days) - 1, 0, -1):
        if today - days[n] > policy.won_back_days:
            break
        if _returned(days, turns, n, policy):
            return "won_back", "inferred"
    return ("new" if today - days[0] <= policy.new_days else "established"), "inferred"


def _returned(days: Sequence[int], turns: Sequence[Turn], n: int, policy: Lifecycle) -> bool:
    """Return True if the purchase day `n` ended a recorded departure, or a silence beyond the policy's limit."""
    before = [turn for turn in turns if days[n - 1] <= turn.day < days[n]]
    if before and not before[-1].back:
        return True
    sign = before[-1].day if before else days[n - 1]
    return days[n] - sign > policy.limits(n, days[n - 1] - days[0])[1]


def known_customers(rows: list[Patronage], today: int, local: LocalTime) -> Iterator[tuple[Patronage, Life]]:
    """Yield the customers known on the evening of `today`, each with their signs of life."""
    for row in rows:
        days = row.purchase_days(today)
        if days or row.is_known(today, local):
            yield row, Life(days, row.turns(today, local))


def customer_stages(rows: list[Patronage], policy: Lifecycle, *, today: int, local: LocalTime) -> list[CustomerStage]:
    """Return the stage of each known customer on the evening of `today`."""
    found = []
    for row, life in known_customers(rows, today, local):
        days, (stage, basis) = life.days, stage_of(life, today, policy)
        first, last = (days[0], days[-1]) if days else (0, 0)
        found.append(staged(row.customer, stage, basis, first, last, len(days), today))
    return found


def staged(
    customer: str, stage: Stage, basis: Basis, first: int, last: int, purchase_days: int, today: int
) -> CustomerStage:
    """Return a customer's stage, given their first and last purchase day, 0 without one."""
    return CustomerStage(
        customer=customer,
        stage=stage,
        basis=basis,
        first_day=date.fromordinal(first) if first else None,
        last_day=date.fromordinal(last) if last else None,
        purchase_days=purchase_days,
        silent_days=today - last if last else None,
    )


def lifecycle_report(rows: list[Patronage], policy: Lifecycle, *, as_of: int, local: LocalTime) -> LifecycleReport:
    """Count the known customers in each stage."""
    today = local.day(as_of)
    counts: dict[Stage, int] = dict.fromkeys(STAGES, 0)
    recorded: dict[Stage, int] = dict.fromkeys(STAGES, 0)
    buyers = repeat_buyers = 0
    for _, life in known_customers(rows, today, local):
        stage, basis = stage_of(life, today, policy)
        counts[stage] += 1
        recorded[stage] += basis == "recorded"
        buyers += bool(life.days)
        repeat_buyers += len(life.days) > 1
    return counted_lifecycle(as_of, counts, recorded, buyers=buyers, repeat_buyers=repeat_buyers)


def counted_lifecycle(
    as_of: int, counts: dict[Stage, int], recorded: dict[Stage, int], *, buyers: int, repeat_buyers: int
) -> LifecycleReport:
    """Return the report of customers that were counted by stage."""
    return LifecycleReport(
        as_of=from_micros(as_of),
        customers=sum(counts.values()),
        stages=counts,
        recorded=recorded,
        buyers=buyers,
        repeat_buyers=repeat_buyers,
        repeat_rate=repeat_buyers / buyers if buyers else None,
    )


class ActivityCounts:
    """Sums over customers by period, from which rates follow."""

    __slots__ = ("lost", "new", "recorded", "repeat_buyers", "starts", "total_buyers", "won_back")

    def __init__(self, periods: int) -> None:
        self.starts = [0] * (periods + 2)  # differences: the active at boundary i are the sum up to i
        self.lost = [0] * (periods + 1)
        self.recorded = [0] * (periods + 1)
        self.new = [0] * (periods + 1)
        self.won_back = [0] * (periods + 1)
        self.total_buyers = [0] * (periods + 1)
        self.repeat_buyers = [0] * (periods + 1)


def period_rates(
    customers: Iterable[Life], policy: Lifecycle, *, today: int, since: str | None = None, period: Period = "month"
) -> list[PeriodRates]:
    """Return retention period by period, up to that of `today`.

    Args:
        customers: Each customer's signs of life, none of them after `today`.
        policy: The limits.
        today: The ordinal of the last day that counts.
        since: The first month; it starts the period that contains it. Defaults to the first purchase.
        period: The length of a period.
    """
    known = [life for life in customers if life.days]
    periods = Periods.of(min((life.days[0] for life in known), default=None), today=today, since=since, period=period)
    if periods is None:
        return []
    counts = ActivityCounts(len(periods.starts))
    for life in known:
        count_activity(life, policy, periods.boundaries, counts)
        _count_buying(life.days, periods.boundaries, counts)
    return periods.rates(counts)


def period_named(name: str) -> tuple[Period, str] | None:
    """Return the length and the first month of a period such as `2024-05`, `2024-Q2` or `2024`; None for any other."""
    length = next((length for form, length in _FORMS.items() if re.fullmatch(form, name, re.ASCII)), None)
    if length is None:
        return None
    first = {"month": name, "quarter": f"{name[:4]}-{3 * int(name[-1]) - 2:02d}", "year": f"{name}-01"}[length]
    return length, first


def counted_in(life: Life, policy: Lifecycle, begin: int, end: int) -> dict[str, int]:
    """Return what one customer adds to the counts of one period.

    Args:
        life: The customer's signs of life, none of them after the last day that counts.
        policy: The limits.
        begin: The ordinal of the evening before the period.
        end: The ordinal of its last evening.
    """
    counts = ActivityCounts(1)
    if life.days:
        count_activity(life, policy, (begin, end), counts)
        _count_buying(life.days, (begin, end), counts)
    return {
        "at_start": counts.starts[0],
        "lost": counts.lost[0],
        "new": counts.new[0],
        "won_back": counts.won_back[0],
        "buyers": counts.total_buyers[0],
        "repeat_buyers": counts.repeat_buyers[0],
    }


class Periods(NamedTuple):
    """The periods of a question about rates.

    Attributes:
        period: The length of a period.
        starts: The first month of each.
        ends: The ordinal of the last day of each.
        boundaries: The evening before each period, and at the end the evening of the last day that counts.
        today: The ordinal of the last day that counts.
    """

    period: Period
    starts: Sequence[str]
    ends: Sequence[int]
    boundaries: Sequence[int]
    today: int

    @classmethod
    def of(cls, first: int | None, *, today: int, since: str | None, period: Period) -> Periods | None:
        """Return the periods from `since`, or from the day of the first purchase, to today; None if there are none."""
        if first is None:
            return None
        months = months_between(since or month_of(first), month_of(today))
        if not months:
            return None
        length = PERIODS[period]
        starts = list(dict.fromkeys(period_start(month, length) for month in months))
        ends = [first_day(months_after(start, length)) - 1 for start in starts]
        boundaries = [first_day(start) - 1 for start in starts] + [min(ends[-1], today)]
        return cls(period, starts, ends, boundaries, today)

    def rates(self, counts: ActivityCounts) -> list[PeriodRates]:
        """Return the rates that follow from what was counted."""
        active, found = 0, []
        for index, start in enumerate(self.starts):
            active += counts.starts[index]
            complete = self.today >= self.ends[index]
            found.append(_rates(start, self.period, index, active, counts, complete=complete))
        return found


def count_activity(life: Life, policy: Lifecycle, boundaries: Sequence[int], counts: ActivityCounts) -> None:
    """Add the ranges of boundaries at which a customer is active; a departure within one period does not show."""
    begin = end = -1  # the range that is still growing, half-open
    for spell in spells(life.days, policy, life.turns):
        low, high = bisect_left(boundaries, spell.begin), bisect_right(boundaries, spell.end)
        if low >= high:
            continue
        if low != end:
            if end >= 0:
                _count_range(begin, end, life, boundaries, counts)
            begin = low
        end = high
    if end >= 0:
        _count_range(begin, end, life, boundaries, counts)


def _count_range(begin: int, end: int, life: Life, boundaries: Sequence[int], counts: ActivityCounts) -> None:
    counts.starts[begin] += 1
    counts.starts[end] -= 1
    if begin > 0:
        (counts.new if life.days[0] > boundaries[begin - 1] else counts.won_back)[begin - 1] += 1
    if end < len(boundaries):
        counts.lost[end - 1] += 1
        counts.recorded[end - 1] += life.left_on_record(boundaries[end])


def _count_buying(days: Sequence[int], boundaries: Sequence[int], counts: ActivityCounts) -> None:
    last = -1
    repeated = -1
    for n, day in enumerate(days):
        index = bisect_left(boundaries, day) - 1
        if index < 0:
            continue
        if index != last:
            counts.total_buyers[index] += 1
            last = index
        if n and index != repeated:
            counts.repeat_buyers[index] += 1
            repeated = index


def _rates(
    month: str, period: Period, index: int, at_start: int, counts: ActivityCounts, *, complete: bool
) -> PeriodRates:
    lost, new, won_back = counts.lost[index], counts.new[index], counts.won_back[index]
    retained = at_start - lost
    buyers, repeat_buyers = counts.total_buyers[index], counts.repeat_buyers[index]
    quarter = f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}"
    return PeriodRates(
        period={"month": month, "quarter": quarter, "year": month[:4]}[period],
        month=month,
        complete=complete,
        at_start=at_start,
        at_end=retained + new + won_back,
        retained=retained,
        lost=lost,
        lost_recorded=counts.recorded[index],
        new=new,
        won_back=won_back,
        retention=retained / at_start if at_start else None,
        churn=lost / at_start if at_start else None,
        buyers=buyers,
        repeat_buyers=repeat_buyers,
        repeat_rate=repeat_buyers / buyers if buyers else None,
    )
