"""What customers have brought and are expected to bring, from what the retention view keeps of each.

Historic value is what was bought less what was given back. Expected value is fitted: BG/NBD or MBG/NBD for how often,
Gamma-Gamma for how much, from three numbers a customer and the sum of their repeat purchases, never from the log. All
of them are net of what had gone back by then, customer by customer: a purchase that was refunded in full is none, so it
neither makes somebody come back nor counts in what they spend, and a partial refund lowers its amount. So what will go
back of purchases to come is in the expectations already.
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
from relations.analytics.buying import BuyingModelName, check_forecast
from relations.errors import NoFit
from relations.projections.patronage import Patronage

__all__ = ["CustomerWorth", "WorthReport", "worth_report"]

_STRONG = 0.3
"""From which correlation on spending is hardly independent of buying."""


class CustomerWorth(BaseModel):
    """One customer's value.

    Attributes:
        historic: What they bought less what they gave back, in minor units.
        frequency: Days with a purchase after the first such day; a day of which all money went back is none.
        recency_days: Days from the first such day to the last.
        age_days: Days from the first purchase day to the end of the observation.
        alive: The probability that they have not left.
        expected_purchases: Purchase days expected within the horizon.
        expected_value: What these will bring, discounted, in minor units.
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
        through: The last day observed, local; it counts whole.
        currency: Which purchases count.
        days: How far ahead it looks.
        yearly_rate: The discount rate.
        buying: The model of how often, as fitted.
        spending: The model of how much, as fitted.
        refund_share: What went back, as a share of what was bought, over all customers; None where nothing was spent.
        correlation: Pearson's, of frequency and mean repeat spend over the customers who came back; None where it is
            undefined. The models take the two to be independent.
        independent: Whether that is near enough: below 0.3 either way; None where the correlation is undefined.
        buyers: How many customers were fitted to: all who kept something that they bought in this currency.
        all_returned: How many bought in it, and gave everything back. They are worth nothing, and are left out.
        other_currencies: How many bought, but never in this currency; left out likewise.
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
    all_returned: int
    other_currencies: int
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
        InvalidInput: Numbers that make no sense.
        NoFit: There is nobody to fit to, nobody came back or spent anything then, or a likelihood has no summit.
    """
    check_forecast(days, yearly_rate)
    buyers, all_returned, others = _observed(rows, currency, through)
    if not buyers:
        raise _nobody(currency, all_returned, others)
    statistics = [one for _, one in buyers]
    buying = fit_buying(statistics, model=model)
    spending = fit_spending(statistics)
    values = lifetime_values(statistics, buying, spending, days=days, yearly_rate=yearly_rate)
    customers = [
        CustomerWorth(
            customer=row.customer,
            historic=row.net_amount(currency, through),
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
        refund_share=_refund_share(rows, currency, through),
        correlation=correlation,
        independent=None if correlation is None else abs(correlation) < _STRONG,
        buyers=len(customers),
        all_returned=all_returned,
        other_currencies=others,
        historic=sum(each.historic for each in customers),
        expected_value=sum(each.expected_value for each in customers),
        customers=tuple(customers[page]),
    )


def _observed(
    rows: Sequence[Patronage], currency: str, through: int
) -> tuple[list[tuple[Patronage, RepeatStatistics]], int, int]:
    """Who is fitted to; how many gave everything back; how many bought in other currencies alone."""
    buyers, all_returned, others = [], 0, 0
    for row in rows:
        one = row.repeat_statistics(currency, through)
        if one is not None:
            buyers.append((row, one))
        elif row.bought_in(currency, through):
            all_returned += 1
        elif row.purchase_days(through):
            others += 1
    return buyers, all_returned, others


def _nobody(currency: str, all_returned: int, others: int) -> NoFit:
    why = [f"{others} bought in other currencies alone"] if others else []
    why += [f"{all_returned} gave everything back"] if all_returned else []
    return NoFit(
        f"nobody kept anything bought in {currency}" + (f"; {' and '.join(why)}" if why else ""),
        code="no_customers",
        field="currency" if others else None,
        remedy="Ask for a currency that they paid in" if others else "Ask again when somebody has bought",
    )


def _refund_share(rows: Sequence[Patronage], currency: str, through: int) -> float | None:
    """What went back of all that all customers bought; None where they spent nothing."""
    bought = sum(sum(row.bought_by_day(currency, through).values()) for row in rows)
    back = sum(sum(row.returned_by_day(currency, through).values()) for row in rows)
    return back / bought if bought else None


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
