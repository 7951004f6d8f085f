"""Cohorts: customers grouped by the month of their first purchase, and their purchases in each month since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from relations.json_form import ViewAnswer
from relations.messages import Money
from relations.months import last_day, month_of, months_between
from relations.projections.retention.patronage import Patronage
from relations.projections.totals import Total

__all__ = ["Cohort", "CohortCell", "CohortMonth", "cohort_of", "cohort_table"]


class CohortMonth(ViewAnswer):
    """One month of a cohort.

    Attributes:
        month: The calendar month, such as `2024-05`.
        since: Months since the first purchase; 0 is that month itself.
        complete: False if the month is not over yet.
        active: The number of customers of the cohort who bought.
        share: `active` divided by the cohort's size.
        purchases: The number of purchases.
        bought: Their sum, by currency.
        refunded: The refunds made in this month, whenever the purchase was, by currency. A refund dated before its
            purchase counts in the purchase's month.
        net: `bought` less `refunded`, by currency.
    """

    month: str
    since: int
    complete: bool
    active: int
    share: float
    purchases: int
    bought: tuple[Total, ...]
    refunded: tuple[Total, ...]
    net: tuple[Total, ...]


class Cohort(ViewAnswer):
    """The customers who bought for the first time in one month.

    Attributes:
        month: That month.
        size: The number of customers.
        months: Every month from that one to the last, including those without a purchase.
    """

    month: str
    size: int
    months: tuple[CohortMonth, ...]


class CohortCell:
    """Sums of one cohort in one month."""

    __slots__ = ("active", "bought", "purchases", "refunded")

    def __init__(self) -> None:
        self.active = 0
        self.purchases = 0
        self.bought: dict[str, int] = {}
        self.refunded: dict[str, int] = {}


def cohort_table(rows: Iterable[Patronage], *, today: int) -> list[Cohort]:
    """Return all cohorts, the earliest first, through the month of `today`, of which everything counts.

    Args:
        rows: The customers.
        today: The ordinal of the day asked about.
    """
    last = month_of(today)
    cells: dict[str, dict[str, CohortCell]] = {}
    for row in rows:
        active = {month for month, days in row.months().items() if days and month <= last}
        if active:
            _count(row, active, last, cells.setdefault(min(active), {}))
    return [cohort_of(first, found, today) for first, found in sorted(cells.items())]


def _count(row: Patronage, active: set[str], last: str, cells: dict[str, CohortCell]) -> None:
    for month in active:
        cell = cells.get(month)
        if cell is None:
            cell = cells[month] = CohortCell()
        cell.active += 1
    for month, currency, activity in row.entries():
        if month > last:
            continue
        cell = cells.get(month)
        if cell is None:
            cell = cells[month] = CohortCell()
        if activity.purchases:
            cell.purchases += activity.purchases
            cell.bought[currency] = cell.bought.get(currency, 0) + activity.bought
        if activity.refunds:
            cell.refunded[currency] = cell.refunded.get(currency, 0) + activity.refunded


def cohort_of(first: str, cells: Mapping[str, CohortCell], today: int) -> Cohort:
    """Return the cohort of a month from its sums by month."""
    size = cells[first].active
    empty = CohortCell()
    return Cohort(
        month=first,
        size=size,
        months=tuple(
            _month(month, since, size, cells.get(month, empty), complete=last_day(month) <= today)
            for since, month in enumerate(months_between(first, month_of(today)))
        ),
    )


def _month(month: str, since: int, size: int, cell: CohortCell, *, complete: bool) -> CohortMonth:
    currencies = sorted(cell.bought.keys() | cell.refunded.keys())
    return CohortMonth(
        month=month,
        since=since,
        complete=complete,
        active=cell.active,
        share=cell.active / size,
        purchases=cell.purchases,
        bought=tuple(Money(cell.bought[code], code) for code in sorted(cell.bought)),
        refunded=tuple(Money(cell.refunded[code], code) for code in sorted(cell.refunded)),
        net=tuple(Money(cell.bought.get(code, 0) - cell.refunded.get(code, 0), code) for code in currencies),
    )
