"""Cohorts: customers by the month of their first purchase, and what they did in each month since."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from relations.messages import Money
from relations.projections.purchase_days import months_between
from relations.projections.retention.patronage import Patronage
from relations.projections.totals import Total

__all__ = ["Cohort", "CohortMonth", "cohort_table"]


class CohortMonth(BaseModel):
    """What a cohort did in one month.

    Attributes:
        month: The calendar month, such as `2024-05`.
        since: Months since the first purchase; 0 is that month itself.
        active: How many of the cohort bought.
        share: Active by the cohort's size.
        purchases: How many.
        bought: Their sum, by currency.
        refunded: What went back in this month, whenever it was bought, by currency. Nothing goes back before it was
            bought: a refund with an earlier date, as late or wrong entries have, counts with its purchase.
        net: Bought less refunded, by currency.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    since: int
    active: int
    share: float
    purchases: int
    bought: tuple[Total, ...]
    refunded: tuple[Total, ...]
    net: tuple[Total, ...]


class Cohort(BaseModel):
    """The customers who bought for the first time in one month.

    Attributes:
        month: That month.
        size: How many they are.
        months: Every month from that one to the last that counts, those without a purchase too.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    size: int
    months: tuple[CohortMonth, ...]


class _Cell:
    __slots__ = ("active", "bought", "purchases", "refunded")

    def __init__(self) -> None:
        self.active = 0
        self.purchases = 0
        self.bought: dict[str, int] = {}
        self.refunded: dict[str, int] = {}


def cohort_table(rows: Iterable[Patronage], *, until: str) -> list[Cohort]:
    """All cohorts, the earliest first, over whole months before `until`.

    Args:
        rows: The customers.
        until: The month after the last one that counts.
    """
    cells: dict[str, dict[str, _Cell]] = {}
    for row in rows:
        active = {month for month, days in row.months().items() if days and month < until}
        if active:
            first = min(active)
            _count(row, active, until, cells.setdefault(first, {}))
    return [_cohort(first, found, until) for first, found in sorted(cells.items())]


def _count(row: Patronage, active: set[str], until: str, cells: dict[str, _Cell]) -> None:
    for month in active:
        cell = cells.get(month)
        if cell is None:
            cell = cells[month] = _Cell()
        cell.active += 1
    for month, currency, activity in row.entries():
        if month >= until:
            continue
        cell = cells.get(month)
        if cell is None:
            cell = cells[month] = _Cell()
        if activity.purchases:
            cell.purchases += activity.purchases
            cell.bought[currency] = cell.bought.get(currency, 0) + activity.bought
        if activity.refunds:
            cell.refunded[currency] = cell.refunded.get(currency, 0) + activity.refunded


def _cohort(first: str, cells: dict[str, _Cell], until: str) -> Cohort:
    size = cells[first].active
    months = [month for month in months_between(first, until) if month < until]
    empty = _Cell()
    return Cohort(
        month=first,
        size=size,
        months=tuple(_month(month, since, size, cells.get(month, empty)) for since, month in enumerate(months)),
    )


def _month(month: str, since: int, size: int, cell: _Cell) -> CohortMonth:
    currencies = sorted(cell.bought.keys() | cell.refunded.keys())
    return CohortMonth(
        month=month,
        since=since,
        active=cell.active,
        share=cell.active / size,
        purchases=cell.purchases,
        bought=tuple(Money(cell.bought[code], code) for code in sorted(cell.bought)),
        refunded=tuple(Money(cell.refunded[code], code) for code in sorted(cell.refunded)),
        net=tuple(Money(cell.bought.get(code, 0) - cell.refunded.get(code, 0), code) for code in currencies),
    )
