"""What customers have brought and are expected to bring, from what the retention view keeps of each.

Historic value is what was bought less what was given back. Expected value is fitted: BG/NBD or MBG/NBD for how often,
Gamma-Gamma for how much, from three numbers a customer and the sum of their repeat purchases, never from the log. What
goes back is not modelled customer by customer: the expected value is lowered by the share of money that went back of
all that was bought in the currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import sqrt

from pydantic import BaseModel, ConfigDict

from relations.analytics import (
    BuyingModel,
    RepeatStatistics,
    SpendingModel,
    fit_buying,
    fit_spending,
    lifetime_values,
)
from relations.analytics.buying import BuyingModelName
from relations.projections.patronage import Patronage
from relations.projections.purchase_days import month_of

__all__ = ["CustomerWorth", "WorthReport", "worth_report"]

_STRONG = 0.3
"""From which correlation on spending is hardly independent of buying."""


class CustomerWorth(BaseModel):
    """One customer's value.

    Attributes:
        historic: What they bought less what they gave back, in minor units.
        frequency: Days with a purchase after the first such day.
        recency_days: Days from the first purchase day to the last.
        age_days: Days from the first purchase day to the end of the observation.
        alive: The probability that they have not left.
        expected_purchases: Purchase days expected within the horizon.
        expected_value: What these will bring, discounted, net of what will go back, in minor units.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    historic: int
    frequency: int
    recency_days: int
    age_days: int
    alive: float
    expected_purchases: float
    expected_value: float


class WorthReport(BaseModel):
    """What customers have brought and are expected to bring, in one currency.

    Attributes:
        through: The last day observed, local: the present where the question is about the present month, otherwise a
            month's last day, for amounts are kept by month.
        currency: Which purchases count.
        days: How far ahead it looks.
        yearly_rate: The discount rate.
        buying: The model of how often, as fitted.
        spending: The model of how much, as fitted.
        refund_share: What went back, as a share of what was bought, over all customers; None where nothing was spent.
        correlation: Pearson's, of frequency and mean repeat spend over the customers who came back; None where it is
            undefined. The models take the two to be independent.
        independent: Whether that is near enough: below 0.3 either way; None where the correlation is undefined.
        buyers: How many customers were fitted to.
        historic: The sum of all customers' historic value, in minor units.
        expected_value: The sum of all customers' expected value, in minor units.
        customers: Those asked for, the most valuable first.
    """

    model_config = ConfigDict(frozen=True)

    through: date
    currency: str
    days: float
    yearly_rate: float
    buying: BuyingModel
    spending: SpendingModel
    refund_share: float | None
    correlation: float | None
    independent: bool | None
    buyers: int
    historic: int
    expected_value: float
    customers: tuple[CustomerWorth, ...]


def worth_report(
    rows: Sequence[Patronage],
    *,
    currency: str,
    through: int,
    days: float,
    yearly_rate: float,
    model: BuyingModelName,
    page: slice,
) -> WorthReport:
    """Fit both models to all buyers, and value each.

    Raises:
        MissingExtra: The extra `analytics` is not installed.
        InvalidInput: Nobody came back, a likelihood without a summit, or numbers that make no sense.
    """
    found = [(row, row.repeat_statistics(currency, through)) for row in rows]
    buyers = [(row, one) for row, one in found if one is not None]
    statistics = [one for _, one in buyers]
    buying = fit_buying(statistics, model=model)
    spending = fit_spending(statistics)
    bought, back = _turnover(rows, currency, through)
    share = min(back / bought, 1.0) if bought else None
    values = lifetime_values(
        statistics, buying, spending, days=days, yearly_rate=yearly_rate, margin=1.0 - (share or 0.0)
    )
    customers = [
        CustomerWorth(
            customer=row.customer,
            historic=row.net_amount(currency, month_of(through)),
            frequency=one.frequency,
            recency_days=one.recency_days,
            age_days=one.age_days,
            alive=value.alive,
            expected_purchases=value.purchases,
            expected_value=value.value,
        )
        for (row, one), value in zip(buyers, values, strict=True)
    ]
    customers.sort(key=lambda each: (-each.expected_value, each.customer))
    correlation = _correlation(statistics)
    return WorthReport(
        through=date.fromordinal(through),
        currency=currency,
        days=days,
        yearly_rate=yearly_rate,
        buying=buying,
        spending=spending,
        refund_share=share,
        correlation=correlation,
        independent=None if correlation is None else abs(correlation) < _STRONG,
        buyers=len(customers),
        historic=sum(each.historic for each in customers),
        expected_value=sum(each.expected_value for each in customers),
        customers=tuple(customers[page]),
    )


def _turnover(rows: Sequence[Patronage], currency: str, through: int) -> tuple[int, int]:
    """What was bought and what went back of all customers together, in minor units."""
    last = month_of(through)
    did = [activity for row in rows for month, code, activity in row.entries() if code == currency and month <= last]
    return sum(each.bought for each in did), sum(each.refunded for each in did)


def _correlation(statistics: Sequence[RepeatStatistics]) -> float | None:
    """Pearson's correlation of frequency and mean repeat spend over those who came back."""
    pairs = [(one.frequency, one.repeat_amount / one.frequency) for one in statistics if one.frequency]
    n = len(pairs)
    if not n:
        return None
    mean_x, mean_y = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    xx = sum((x - mean_x) ** 2 for x, _ in pairs)
    yy = sum((y - mean_y) ** 2 for _, y in pairs)
    if not xx or not yy:
        return None
    return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sqrt(xx * yy)
