"""What customers have brought and are expected to bring, from what the retention view keeps of each.

Historic value is what was bought less what was given back. Expected value is fitted: BG/NBD or MBG/NBD for how often,
Gamma-Gamma for how much, from three numbers a customer and the sum of their repeat purchases, never from the log. All
of them are net of what had gone back by then, customer by customer: a purchase that was refunded in full is none, so it
neither makes somebody come back nor counts in what they spend, and a partial refund lowers its amount. So what will go
back of purchases to come is in the expectations already.

Where no model can be fitted, or none is installed, the report has the historic part and says why there is no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import sqrt

from pydantic import BaseModel, ConfigDict

from relations.analytics import (
    BuyingModel,
    LifetimeValue,
    RepeatStatistics,
    SpendingModel,
    fit_buying,
    fit_spending,
    lifetime_values,
)
from relations.analytics.buying import BuyingModelName, check_forecast
from relations.errors import MissingExtra, NoFit
from relations.projections.retention.patronage import Patronage

__all__ = ["CustomerWorth", "NoExpectation", "WorthReport", "worth_report"]

_STRONG = 0.3
"""From which correlation on spending is hardly independent of buying."""


class CustomerWorth(BaseModel):
    """One customer's value.

    Attributes:
        historic: What they bought less what they gave back, in minor units.
        frequency: Days with a purchase after the first such day; a day of which all money went back is none.
        recency_days: Days from the first such day to the last.
        age_days: Days from the first purchase day to the end of the observation.
        alive: The probability that they have not left; None where there is no fit, as what follows.
        expected_purchases: Purchase days expected within the horizon.
        expected_value: What these will bring, discounted, in minor units.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    historic: int
    frequency: int
    recency_days: int
    age_days: int
    alive: float | None
    expected_purchases: float | None
    expected_value: float | None


class NoExpectation(BaseModel):
    """Why nothing is expected of anybody.

    Attributes:
        code: That of `NoFit`, or `missing_extra`.
        reason: A sentence without its full stop.
        hint: What would help, if anything would.
        extra: The extra of `relations` that is missing, if one is.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    reason: str
    hint: str | None
    extra: str | None


class WorthReport(BaseModel):
    """What customers have brought and are expected to bring, in one currency.

    Attributes:
        through: The last day observed, local; it counts whole.
        currency: Which purchases count.
        days: How far ahead it looks.
        yearly_rate: The discount rate.
        no_fit: Why there is no fit, and nothing expected; None where there is one.
        buying: The model of how often, as fitted.
        spending: The model of how much, as fitted.
        refund_share: What went back, as a share of what was bought, over all customers; None where nothing was spent.
        correlation: Pearson's, of frequency and mean repeat spend over the customers who came back; None where it is
            undefined. The models take the two to be independent.
        independent: Whether that is near enough: below 0.3 either way; None where the correlation is undefined.
        buyers: How many customers there are to fit to: all who kept something that they bought in this currency.
        all_returned: How many bought in it, and gave everything back. They are worth nothing, and are left out.
        other_currencies: How many bought, but never in this currency; left out likewise.
        historic: The sum of all customers' historic value, in minor units.
        expected_value: The sum of all customers' expected value, in minor units; None where there is no fit.
        customers: Those asked for, of whom most is expected first; without a fit, those who brought most.
    """

    model_config = ConfigDict(frozen=True)

    through: date
    currency: str
    days: float
    yearly_rate: float
    no_fit: NoExpectation | None
    buying: BuyingModel | None
    spending: SpendingModel | None
    refund_share: float | None
    correlation: float | None
    independent: bool | None
    buyers: int
    all_returned: int
    other_currencies: int
    historic: int
    expected_value: float | None
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
        InvalidInput: Numbers that make no sense.
    """
    check_forecast(days, yearly_rate)
    buyers, all_returned, others = _observed(rows, currency, through)
    statistics = [one for _, one in buyers]
    buying, spending, no_fit = None, None, None
    values: Sequence[LifetimeValue | None] = [None] * len(buyers)
    try:
        if not buyers:
            raise _nobody(currency, all_returned, others)
        buying, spending = fit_buying(statistics, model=model), fit_spending(statistics)
        values = lifetime_values(statistics, buying, spending, days=days, yearly_rate=yearly_rate)
    except (NoFit, MissingExtra) as error:
        buying, spending, no_fit = None, None, _why(error)
    customers = [
        CustomerWorth(
            customer=row.customer,
            historic=row.net_amount(currency, through),
            frequency=one.frequency,
            recency_days=one.recency_days,
            age_days=one.age_days,
            alive=value.alive if value else None,
            expected_purchases=value.purchases if value else None,
            expected_value=value.value if value else None,
        )
        for (row, one), value in zip(buyers, values, strict=True)
    ]
    customers.sort(key=lambda each: (-(each.historic if no_fit else each.expected_value or 0), each.customer))
    correlation = _correlation(statistics)
    return WorthReport(
        through=date.fromordinal(through),
        currency=currency,
        days=days,
        yearly_rate=yearly_rate,
        no_fit=no_fit,
        buying=buying,
        spending=spending,
        refund_share=_refund_share(rows, currency, through),
        correlation=correlation,
        independent=None if correlation is None else abs(correlation) < _STRONG,
        buyers=len(customers),
        all_returned=all_returned,
        other_currencies=others,
        historic=sum(each.historic for each in customers),
        expected_value=None if no_fit else sum(each.expected_value or 0 for each in customers),
        customers=tuple(customers[page]),
    )


def _why(error: NoFit | MissingExtra) -> NoExpectation:
    extra = error.extra if isinstance(error, MissingExtra) else None
    return NoExpectation(code=error.code, reason=error.reason, hint=error.hint, extra=extra)


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
        hint="Ask for a currency that they paid in" if others else "Ask again when somebody has bought",
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
