"""A summary of one customer's purchases."""

from __future__ import annotations

from datetime import date, datetime

from relations.json_form import ViewAnswer
from relations.messages import Money, from_micros
from relations.months import month_of
from relations.policies import Lifecycle
from relations.policies.calendars import LocalTime
from relations.projections.retention.activity import Activity
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.stages import Basis, Life, Stage, stage_of
from relations.projections.totals import Total

__all__ = ["CustomerProfile", "Spending", "customer_profile"]


class Spending(ViewAnswer):
    """A customer's spending in one currency, over whole months.

    Attributes:
        purchases: The number of purchases.
        bought: Their sum.
        refunds: The number of refunds.
        refunded: Their sum.
        net: `bought` less `refunded`.
    """

    purchases: int
    bought: Total
    refunds: int
    refunded: Total
    net: Total


class CustomerProfile(ViewAnswer):
    """A summary of one customer's purchases.

    Attributes:
        customer: The customer's id.
        known_since: The time of registration; None if they were not registered by then.
        stage: The lifecycle stage.
        basis: `inferred` from purchases, or `recorded`.
        days: The local days on which they bought.
        mean_gap_days: The mean gap between those days; None if there are fewer than two.
        spending: One entry per currency, through the month of the moment asked about.
    """

    customer: str
    known_since: datetime | None
    stage: Stage
    basis: Basis
    days: tuple[date, ...]
    mean_gap_days: float | None
    spending: tuple[Spending, ...]


def customer_profile(row: Patronage, policy: Lifecycle, *, today: int, local: LocalTime) -> CustomerProfile:
    """Summarise one customer's purchases up to the evening of `today`."""
    days = row.purchase_days(today)
    sums: dict[str, Activity] = {}
    for month, currency, activity in row.entries():
        if month <= month_of(today):
            total = sums.setdefault(currency, Activity())
            total.purchases += activity.purchases
            total.bought += activity.bought
            total.refunds += activity.refunds
            total.refunded += activity.refunded
    registered_at = row.registered_at
    stage, basis = stage_of(Life(days, row.turns(today, local)), today, policy)
    known = registered_at is not None and local.day(registered_at) <= today
    return CustomerProfile(
        customer=row.customer,
        known_since=from_micros(registered_at) if known and registered_at is not None else None,
        stage=stage,
        basis=basis,
        days=tuple(map(date.fromordinal, days)),
        mean_gap_days=(days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else None,
        spending=tuple(
            Spending(
                purchases=total.purchases,
                bought=Money(total.bought, currency),
                refunds=total.refunds,
                refunded=Money(total.refunded, currency),
                net=Money(total.bought - total.refunded, currency),
            )
            for currency, total in sorted(sums.items())
        ),
    )
