"""Customer lifetime value: expected purchases times the expected amount of a purchase, discounted.

The two models are fitted separately. They assume that frequency and amount are independent (Fader, Hardie and
Lee, Journal of Marketing Research 42 (2005) 415-430). Then the product of expectations is the expectation of the
product.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from relations.analytics.buying import BuyingModel
from relations.analytics.repeat_statistics import RepeatColumns, RepeatStatistics, columns_of
from relations.analytics.spending import SpendingModel
from relations.errors import InvalidInput
from relations.json_form import ViewAnswer

__all__ = ["LifetimeColumns", "LifetimeValue", "lifetime_columns", "lifetime_values"]


class LifetimeValue(ViewAnswer):
    """The expected purchases and value of one customer, inferred by the models.

    Attributes:
        alive: The probability that they have not left.
        purchases: The number of purchase days expected within the horizon.
        amount: The expected amount of a purchase, in minor units.
        value: Discounted purchases times amount times margin, in minor units.
    """

    alive: float
    purchases: float
    amount: float
    value: float


class LifetimeColumns(NamedTuple):
    """The expected purchases and value of many customers: the fields of `LifetimeValue` as arrays."""

    alive: Any
    purchases: Any
    amount: Any
    value: Any


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
    known = columns_of(customers, "Forecasting")
    found = lifetime_columns(known, buying, spending, days=days, yearly_rate=yearly_rate, margin=margin)
    return [
        LifetimeValue(alive=alive, purchases=purchases, amount=amount, value=value)
        for alive, purchases, amount, value in zip(*(column.tolist() for column in found), strict=True)
    ]


def lifetime_columns(
    customers: RepeatColumns,
    buying: BuyingModel,
    spending: SpendingModel,
    *,
    days: float,
    yearly_rate: float = 0.0,
    margin: float = 1.0,
) -> LifetimeColumns:
    """Return, as arrays, what `lifetime_values` returns as objects."""
    alive, purchases, discounted = buying.forecast(customers, days, yearly_rate=yearly_rate)
    amount = spending.expected(customers)
    return LifetimeColumns(alive, purchases, amount, discounted * amount * margin)
