"""Revenue retention: how much of what customers spent in one span of months they spend again in the next.

Customers who joined since do not count. Net revenue retention counts everything that the earlier customers spend now.
Gross revenue retention counts at most what each of them spent before, so that one customer's growth does not hide
another's departure. A refund lowers the month in which it happens, in both figures alike. A customer who only got money
back in the later span counts with a negative amount. So gross never exceeds net.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from relations.json_form import ViewAnswer
from relations.months import last_day, month_of, months_between
from relations.projections.retention.cohorts import Cohort
from relations.projections.retention.patronage import Patronage

__all__ = [
    "CohortRevenue",
    "CohortRevenueMonth",
    "RevenueRetention",
    "SpanSums",
    "cohort_revenue",
    "retained",
    "revenue_retention",
]


class RevenueRetention(ViewAnswer):
    """Two spans of months, one after the other. All amounts are in minor units, less refunds.

    Attributes:
        month: The last month of the later span.
        months: The length of each span.
        complete: False if the last month is not over yet.
        customers: The number of customers whose spending in the earlier span was above 0.
        before: What they spent in the earlier span.
        now: What they spent in the later span.
        kept: The same, but for each customer at most what they had spent before.
        net: `now` / `before`; None if nobody spent anything before.
        gross: `kept` / `before`, at most 1 and at most `net`. Both are negative if more was refunded than bought.
    """

    month: str
    months: int
    complete: bool
    customers: int
    before: int
    now: int
    kept: int
    net: float | None
    gross: float | None


class CohortRevenueMonth(ViewAnswer):
    """A cohort's spending in one month.

    Attributes:
        month: The calendar month, such as `2024-05`.
        since: Months since the first purchase.
        complete: False if the month is not over yet.
        net: Purchases less refunds, in minor units.
        share: `net` divided by that of month 0; None if that is 0 or less.
    """

    month: str
    since: int
    complete: bool
    net: int
    share: float | None


class CohortRevenue(ViewAnswer):
    """The revenue of the customers who first bought in one month."""

    month: str
    size: int
    months: tuple[CohortRevenueMonth, ...]


def revenue_retention(rows: Iterable[Patronage], *, currency: str, months: int, today: int) -> list[RevenueRetention]:
    """Return every pair of spans between the first month with revenue and that of `today`, by the last month.

    Args:
        rows: The customers.
        currency: Only amounts in it count.
        months: The length of a span.
        today: The ordinal of the day asked about; all of its month counts.
    """
    last = month_of(today)
    spent: list[dict[str, int]] = []
    for row in rows:
        amounts: dict[str, int] = {}
        for month, code, did in row.entries():
            if code == currency and month <= last:
                amounts[month] = amounts.get(month, 0) + did.bought - did.refunded
        if amounts:
            spent.append(amounts)
    if not spent:
        return []
    every = months_between(min(min(amounts) for amounts in spent), last)
    return [
        _pair(spent, every[end + 1 - 2 * months : end + 1 - months], every[end + 1 - months : end + 1], today)
        for end in range(2 * months - 1, len(every))
    ]


def _pair(
    spent: Sequence[dict[str, int]], earlier: Sequence[str], later: Sequence[str], today: int
) -> RevenueRetention:
    customers = before = now = kept = 0
    for amounts in spent:
        then = sum(amounts.get(month, 0) for month in earlier)
        if then <= 0:
            continue
        here = sum(amounts.get(month, 0) for month in later)
        customers += 1
        before += then
        now += here
        kept += min(then, here)
    return retained(SpanSums(customers, before, now, kept), later, today)


class SpanSums(NamedTuple):
    """Sums over two spans of the customers who spent anything in the first.

    Attributes:
        customers: Their number.
        before: The sum of the first span.
        now: The sum of the second.
        kept: The sum of the lesser of both, customer by customer.
    """

    customers: int
    before: int
    now: int
    kept: int


def retained(sums: SpanSums, later: Sequence[str], today: int) -> RevenueRetention:
    """Return the comparison of two spans, given the months of the second."""
    return RevenueRetention(
        month=later[-1],
        months=len(later),
        complete=last_day(later[-1]) <= today,
        customers=sums.customers,
        before=sums.before,
        now=sums.now,
        kept=sums.kept,
        net=sums.now / sums.before if sums.before else None,
        gross=sums.kept / sums.before if sums.before else None,
    )


def cohort_revenue(cohorts: Iterable[Cohort], *, currency: str) -> list[CohortRevenue]:
    """Return what each cohort spent month by month, in one currency."""
    found = []
    for cohort in cohorts:
        nets = [
            (month, next((total.amount for total in month.net if total.currency == currency), 0))
            for month in cohort.months
        ]
        first = nets[0][1]
        found.append(
            CohortRevenue(
                month=cohort.month,
                size=cohort.size,
                months=tuple(
                    CohortRevenueMonth(
                        month=month.month,
                        since=month.since,
                        complete=month.complete,
                        net=net,
                        share=net / first if first > 0 else None,
                    )
                    for month, net in nets
                ),
            )
        )
    return found
