"""What customers will be worth: purchases still expected, times what one is expected to come to, discounted.

The two models are fitted apart, for they take how often and how much to be independent (Fader, Hardie and Lee, Journal
of Marketing Research 42 (2005) 415-430); then a product of expectations is the expectation of the product.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from relations.analytics.buying import BuyingModel
from relations.analytics.repeat_statistics import RepeatStatistics
from relations.analytics.spending import SpendingModel
from relations.errors import InvalidInput

__all__ = ["LifetimeValue", "lifetime_values"]


class LifetimeValue(BaseModel):
    """What one customer is expected to do and to bring. Inferred, like all that a model says.

    Attributes:
        alive: The probability that they have not left.
        purchases: Purchase days expected within the horizon.
        amount: What a purchase is expected to come to, in minor units.
        value: Discounted purchases times amount times margin, in minor units.
    """

    model_config = ConfigDict(frozen=True)

    alive: float
    purchases: float
    amount: float
    value: float


def lifetime_values(
    customers: Iterable[RepeatStatistics],
    buying: BuyingModel,
    spending: SpendingModel,
    *,
    days: float,
    yearly_rate: float = 0.0,
    margin: float = 1.0,
) -> list[LifetimeValue]:
    """The expected value of each customer over the days after the end of their observation.

    Args:
        customers: Their statistics, as of the same day and zone as those of the fit.
        buying: How often they buy, and when they leave.
        spending: How much they spend.
        days: How far to look ahead.
        yearly_rate: The discount rate a year, continuously compounded; 0 for none.
        margin: The share of the amount that is earned.

    Raises:
        MissingExtra: scipy is not installed.
        InvalidInput: Statistics, days, rate or margin that make no sense.
    """
    if not -float("inf") < margin < float("inf"):
        raise InvalidInput(f"{margin} is not a margin", code="invalid_margin", field="margin")
    known = list(customers)
    columns = zip(
        buying.alive(known),
        buying.expected_purchases(known, days),
        buying.discounted_purchases(known, days, yearly_rate=yearly_rate),
        spending.expected_amounts(known),
        strict=True,
    )
    return [
        LifetimeValue(alive=alive, purchases=purchases, amount=amount, value=discounted * amount * margin)
        for alive, purchases, discounted, amount in columns
    ]
