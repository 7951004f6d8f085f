"""Lifecycle stages and retention rates, inferred from the days on which customers bought.

Without a contract nobody gives notice, so a customer counts as active while the last purchase is no longer ago than
the policy's limit (the recency rule of Bendle, Farris, Pfeifer and Reibstein, *Marketing Metrics*, 3rd ed. 2016,
chapter 5). Over a period that makes four numbers:

* S: active at its start, that is on the evening before its first day.
* E: active at its end, on the evening of its last day.
* N: active at its end and not at its start: new customers, and those won back.
* lost: active at its start and not at its end.

Hence E - N are those of S who are still active, the retention rate is CRR = (E - N) / S, churn = lost / S, and as
everybody in S is one or the other, CRR + churn = 1. With S = 0 neither is defined. Who comes and goes within one period
is in none of the four, which takes a limit shorter than the period.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.policies import Lifecycle
from relations.projections.purchase_days import first_day, last_day, month_of, months_between

__all__ = ["STAGES", "CustomerStage", "LifecycleReport", "MonthRates", "Stage", "month_rates", "stage_of"]

Stage: TypeAlias = Literal["prospect", "new", "established", "lapsing", "lost", "won_back"]

STAGES: tuple[Stage, ...] = ("prospect", "new", "established", "lapsing", "lost", "won_back")


class CustomerStage(BaseModel):
    """Where one customer stands.

    Attributes:
        customer: Their id.
        stage: Their stage, inferred.
        first_day: The local day of their first purchase.
        last_day: The local day of their last purchase.
        purchase_days: On how many days they bought.
        silent_days: Days since the last purchase.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    stage: Stage
    first_day: date | None
    last_day: date | None
    purchase_days: int
    silent_days: int | None


class LifecycleReport(BaseModel):
    """How many customers are in which stage.

    Attributes:
        as_of: The moment asked for; its whole local day counts.
        inferred: Always true: no customer said so, the policy's limits did.
        customers: Everybody known by then.
        stages: How many are in each stage.
        buyers: Customers with any purchase.
        repeat_buyers: Those who bought on two days or more.
        repeat_rate: Repeat buyers by buyers; None where nobody bought.
    """

    model_config = ConfigDict(frozen=True)

    as_of: datetime
    inferred: Literal[True] = True
    customers: int
    stages: dict[Stage, int]
    buyers: int
    repeat_buyers: int
    repeat_rate: float | None


class MonthRates(BaseModel):
    """Retention over one local month; the module says what the numbers mean.

    Attributes:
        month: Such as `2024-05`.
        complete: False for a month that is not over yet; its end is then the day asked for.
        at_start: S, the active at its start.
        at_end: E, the active at its end.
        retained: E - N.
        lost: The active at its start who are not at its end.
        new: Active at its end, and never bought before the month.
        won_back: Active at its end, had bought before the month, and were not active at its start.
        retention: CRR = (E - N) / S; None where S is 0.
        churn: lost / S; None where S is 0.
        buyers: Who bought in the month.
        repeat_buyers: Those of them who bought on a day after the day of their first purchase.
        repeat_rate: Repeat buyers by buyers; None where nobody bought.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    complete: bool
    inferred: Literal[True] = True
    at_start: int
    at_end: int
    retained: int
    lost: int
    new: int
    won_back: int
    retention: float | None
    churn: float | None
    buyers: int
    repeat_buyers: int
    repeat_rate: float | None


def stage_of(days: Sequence[int], today: int, policy: Lifecycle) -> Stage:
    """A customer's stage on the evening of `today`.

    Lost and lapsing come before all else; then won back, which a recent return earns; then new and established.

    Args:
        days: The ordinals of their purchase days, ascending, none after `today`.
        today: The ordinal of the day asked for.
        policy: The limits.
    """
    if not days:
        return "prospect"
    silent = today - days[-1]
    lapsing, lost = policy.limits(len(days), days[-1] - days[0])
    if silent > lost:
        return "lost"
    if silent > lapsing:
        return "lapsing"
    for n in range(len(days) - 1, 0, -1):
        if today - days[n] > policy.won_back_days:
            break
        if days[n] - days[n - 1] > policy.limits(n, days[n - 1] - days[0])[1]:
            return "won_back"
    return "new" if today - days[0] <= policy.new_days else "established"


class _Counts:
    """The sums over customers that rates are made of, by period."""

    __slots__ = ("ends", "lost", "new", "repeat_buyers", "starts", "total_buyers", "won_back")

    def __init__(self, periods: int) -> None:
        self.starts = [0] * (periods + 2)  # differences: the active at boundary i are the sum up to i
        self.lost = [0] * (periods + 1)
        self.new = [0] * (periods + 1)
        self.won_back = [0] * (periods + 1)
        self.total_buyers = [0] * (periods + 1)
        self.repeat_buyers = [0] * (periods + 1)


def month_rates(
    customers: Iterable[Sequence[int]], policy: Lifecycle, *, today: int, since: str | None = None
) -> list[MonthRates]:
    """Retention month by month, up to the month of `today`.

    Args:
        customers: The ordinals of each customer's purchase days, ascending, none after `today`.
        policy: The limits.
        today: The last day that counts.
        since: The first month; that of the very first purchase where absent.
    """
    known = [days for days in customers if days]
    if not known:
        return []
    months = months_between(since or month_of(min(days[0] for days in known)), month_of(today))
    if not months:
        return []
    # Boundary i is the evening before month i; the last one is the evening of the last day that counts.
    boundaries = [first_day(month) - 1 for month in months] + [min(last_day(months[-1]), today)]
    counts = _Counts(len(months))
    for days in known:
        _count_activity(days, policy, boundaries, counts)
        _count_buying(days, boundaries, counts)
    active, found = 0, []
    for index, month in enumerate(months):
        active += counts.starts[index]
        found.append(_rates(month, index, active, counts, complete=today >= last_day(month)))
    return found


def _count_activity(days: Sequence[int], policy: Lifecycle, boundaries: Sequence[int], counts: _Counts) -> None:
    """Add the boundaries at which somebody is active, as ranges of indexes, one for each spell."""
    begin = end = -1  # the spell that is still growing, half-open
    fixed = float(policy.lost_days) if policy.own_gap is None else None
    for n, day in enumerate(days, 1):
        until = day + int(fixed if fixed is not None else policy.limits(n, day - days[0])[1])
        if n < len(days) and days[n] <= until:
            until = days[n] - 1
        low, high = bisect_left(boundaries, day), bisect_right(boundaries, until)
        if low >= high:
            continue
        if low != end:
            if end >= 0:
                _count_spell(begin, end, days[0], boundaries, counts)
            begin = low
        end = high
    if end >= 0:
        _count_spell(begin, end, days[0], boundaries, counts)


def _count_spell(begin: int, end: int, first: int, boundaries: Sequence[int], counts: _Counts) -> None:
    counts.starts[begin] += 1
    counts.starts[end] -= 1
    if begin > 0:
        (counts.new if first > boundaries[begin - 1] else counts.won_back)[begin - 1] += 1
    if end < len(boundaries):
        counts.lost[end - 1] += 1


def _count_buying(days: Sequence[int], boundaries: Sequence[int], counts: _Counts) -> None:
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


def _rates(month: str, index: int, at_start: int, counts: _Counts, *, complete: bool) -> MonthRates:
    lost, new, won_back = counts.lost[index], counts.new[index], counts.won_back[index]
    retained = at_start - lost
    buyers, repeat_buyers = counts.total_buyers[index], counts.repeat_buyers[index]
    return MonthRates(
        month=month,
        complete=complete,
        at_start=at_start,
        at_end=retained + new + won_back,
        retained=retained,
        lost=lost,
        new=new,
        won_back=won_back,
        retention=retained / at_start if at_start else None,
        churn=lost / at_start if at_start else None,
        buyers=buyers,
        repeat_buyers=repeat_buyers,
        repeat_rate=repeat_buyers / buyers if buyers else None,
    )
