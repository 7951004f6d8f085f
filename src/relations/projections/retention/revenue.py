"""Revenue retention: how much of what customers spent before they spend again, whoever joined since.

Refunds lower the month in which they happen. Net revenue retention counts all that the customers of before spend now;
gross revenue retention counts of each at most what they spent before, so that nobody's growth hides another's leaving.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from relations.projections.purchase_days import months_between
from relations.projections.retention.cohorts import Cohort
from relations.projections.retention.patronage import Patronage

__all__ = ["CohortRevenue", "CohortRevenueMonth", "RevenueRetention", "cohort_revenue", "revenue_retention"]


class RevenueRetention(BaseModel):
    """Two spans of months, one after the other.

    Attributes:
        month: The last month of the later span.
        months: How long each is.
        customers: Who spent something on balance in the earlier one.
        before: What these spent then, in minor units.
        now: What they spent in the later one, in minor units.
        kept: The same, each counted up to what they had spent before, and not below 0.
        net: Now / before, from 0; None where nobody spent anything before.
        gross: Kept / before, from 0 to 1; None likewise.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    months: int
    customers: int
    before: int
    now: int
    kept: int
    net: float | None
    gross: float | None


class CohortRevenueMonth(BaseModel):
    """What a cohort spent in one month.

    Attributes:
        since: Months since the first purchase.
        net: Bought less given back, in minor units.
        share: Net / that of month 0; None where that is 0 or less.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    since: int
    net: int
    share: float | None


class CohortRevenue(BaseModel):
    """The revenue of those who first bought in one month."""

    model_config = ConfigDict(frozen=True)

    month: str
    size: int
    months: tuple[CohortRevenueMonth, ...]


def revenue_retention(rows: Iterable[Patronage], *, currency: str, months: int, until: str) -> list[RevenueRetention]:
    """Every pair of spans that lies within the months with revenue and `until`, by the last month.

    Args:
        rows: The customers.
        currency: Only amounts in it count.
        months: How long a span is.
        until: The last month.
    """
    spent: list[dict[str, int]] = []
    for row in rows:
        amounts: dict[str, int] = {}
        for month, code, did in row.entries():
            if code == currency and month <= until:
                amounts[month] = amounts.get(month, 0) + did.bought - did.refunded
        if amounts:
            spent.append(amounts)
    if not spent:
        return []
    every = months_between(min(min(amounts) for amounts in spent), until)
    return [
        _pair(spent, every[end + 1 - 2 * months : end + 1 - months], every[end + 1 - months : end + 1])
        for end in range(2 * months - 1, len(every))
    ]


def _pair(spent: Sequence[dict[str, int]], earlier: Sequence[str], later: Sequence[str]) -> RevenueRetention:
    customers = before = now = kept = 0
    for amounts in spent:
        then = sum(amounts.get(month, 0) for month in earlier)
        if then <= 0:
            continue
        here = sum(amounts.get(month, 0) for month in later)
        customers += 1
        before += then
        now += here
        kept += max(0, min(then, here))
    return RevenueRetention(
        month=later[-1],
        months=len(later),
        customers=customers,
        before=before,
        now=now,
        kept=kept,
        net=now / before if before else None,
        gross=kept / before if before else None,
    )


def cohort_revenue(cohorts: Iterable[Cohort], *, currency: str) -> list[CohortRevenue]:
    """What every cohort spent month by month, in one currency."""
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
                        month=month.month, since=month.since, net=net, share=net / first if first > 0 else None
                    )
                    for month, net in nets
                ),
            )
        )
    return found
