"""The rows behind forecasts: the purchases of each month by touchpoint, and the recorded fits.

A refund names no touchpoint. So what was sold counts, in the month in which it was sold, whatever was returned later.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from relations.aggregates.customer import PurchaseRecorded
from relations.aggregates.model import ForecastsFitted
from relations.messages import Envelope
from relations.months import month_of
from relations.projections.fits import note_origin
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["FIRST_DAYS", "PROJECTION", "RecordedForecasts", "SalesMonth"]

FIRST_DAYS = 3
"""A history begins with a whole month if something was sold on one of its first days: two may be a weekend."""


class SalesMonth(Tally, gc=False):
    """The purchases of one local month at one touchpoint, in one currency.

    Attributes:
        currency: ISO 4217.
        touchpoint: The touchpoint; empty if none was recorded.
        month: Such as `2024-05`.
        purchases: The number of purchases.
        bought: Their amounts, in minor units.
        early: The number of purchases on the first three days of the month.
    """

    table: ClassVar[str] = "sales"
    key: ClassVar[tuple[str, ...]] = ("currency", "touchpoint", "month")
    currency: str
    touchpoint: str
    month: str
    purchases: int = 0
    bought: int = 0
    early: int = 0


class RecordedForecasts(CustomerRow, gc=False):
    """A fit of forecasts. It belongs to no customer: `customer` is empty.

    Attributes:
        currency: The currency of the purchases.
        number: The number of the fit among those of this currency.
        fitted_at: When it was recorded in business time, UTC microseconds.
        through: The last day of the last whole month.
        position: The last position of the log that was read.
        version: The version of the method of fitting.
        forecasts: The models and their states, as JSON.
    """

    table: ClassVar[str] = "fits"
    key: ClassVar[tuple[str, ...]] = ("customer", "currency", "number")
    currency: str
    number: int
    fitted_at: int = 0
    through: str = ""
    position: int = 0
    version: int = 0
    forecasts: str = ""


PROJECTION = Projection(name="forecasts", version=1, tables=(SalesMonth, RecordedForecasts))


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    """Count a purchase in its month."""
    day = rows.local.day(at.occurred_at)
    sold = rows.need(SalesMonth, event.amount.currency, event.touchpoint or "", month_of(day))
    sold.purchases += 1
    sold.bought += event.amount.amount
    sold.early += date.fromordinal(day).day <= FIRST_DAYS


@PROJECTION.on(ForecastsFitted)
def forecasts_fitted(rows: Rows, event: ForecastsFitted, at: Envelope) -> None:
    """Keep a fit."""
    row = rows.need(RecordedForecasts, at.customer, event.currency, at.version)
    note_origin(row, event, at)
    row.forecasts = event.forecasts
