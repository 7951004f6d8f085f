"""Customer lifetime value: expected purchases times the expected amount of a purchase, discounted.

The two models are fitted separately. They assume that frequency and amount are independent (Fader, Hardie and
Lee, Journal of Marketing Research 42 (2005) 415-430). Then the product of expectations is the expectation of the
product.
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
    """The expected purchases and value of one customer, inferred by the models.

    Attributes:
        alive: The probability that they have not left.
        purchases: The number of purchase days expected within the horizon.
        amount: The expected amount of a purchase, in minor units.
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
    """Return the expected value of each customer after the end of their observation.

    Args:
        customers: Their statistics, as of the same day and zone as those of the fit.
        buying: The model of how often they buy and when they leave.
        spending: The model of how much they spend.
        days: How far ahead to look, in days.
        yearly_rate: The discount rate a year, continuously compounded; 0 for none.
        margin: The share of the amount that is earned.

    Raises:
        MissingExtra: scipy is not installed.
        InvalidInput: The statistics, days, rate or margin make no sense.
    """
    if not -float("inf") < margin < float("inf"):
        raise InvalidInput(
            f"{margin} is not a margin", code="invalid_margin", field="margin", hint="Give a share such as 0.3"
        )
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
