"""The monthly series that forecasts are fitted to: whole local months, of the business and of each touchpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from msgspec.structs import asdict

from relations.aggregates.model import FittedPlace, FittedSeries, ForecastParameters, ForecastTest
from relations.analytics import fit_series, held_out
from relations.analytics.forecasting.smoothing import MONTHS_MIN
from relations.errors import NoFit
from relations.months import month_number, month_of, months_after, months_between
from relations.policies.calendars import LocalTime
from relations.projections.forecasts.rows import SalesMonth

__all__ = ["FORECASTS_VERSION", "PlaceSales", "Sales", "forecasts_of", "last_month_over", "month_before", "sales_of"]

FORECASTS_VERSION = 1
"""The version of the method of fitting. Raise it whenever the same purchases give other forecasts."""
_YEAR = 12


class PlaceSales(NamedTuple):
    """The sales of one month, at a touchpoint or of the whole business.

    Attributes:
        purchases: The number of purchases.
        bought: Their amounts, in minor units.
        early: The number of purchases on the first days of the month.
    """

    purchases: int = 0
    bought: int = 0
    early: int = 0


Sales: TypeAlias = Mapping[str | None, Mapping[str, PlaceSales]]
"""Sales by touchpoint and month; the whole business under None, purchases without a touchpoint under ``""``."""


def last_month_over(moment: int, local: LocalTime) -> str:
    """Return the last local month that is over at a moment. The last microsecond of a month ends it.

    A fit that took a month on the morning of its last day would never see the sales of that day.

    Args:
        moment: UTC microseconds.
        local: The business's days.
    """
    return month_before(local.day(moment + 1))


def month_before(day: int) -> str:
    """Return the month before that of a day, which is not over itself."""
    return months_after(month_of(day), -1)


def sales_of(rows: Iterable[SalesMonth], currency: str) -> Sales:
    """Return what was sold in a currency, by touchpoint and month."""
    found: defaultdict[str | None, dict[str, PlaceSales]] = defaultdict(dict)
    for row in rows:
        if row.currency == currency:
            for place in (None, row.touchpoint):
                known = found[place].get(row.month, PlaceSales())
                found[place][row.month] = PlaceSales(
                    known.purchases + row.purchases, known.bought + row.bought, known.early + row.early
                )
    return found


def forecasts_of(sales: Sales, *, currency: str, last: str, most: int) -> ForecastParameters:
    """Fit the forecasts of the business and of its touchpoints.

    Args:
        sales: What was sold in a currency.
        currency: The currency.
        last: The last month that counts.
        most: The most touchpoints.

    Raises:
        NoFit: The business has too few months, or sold nothing in the last year.
        MissingExtra: The extra `analytics` is not installed.
    """
    whole = _fitted(None, sales.get(None, {}), last)
    if whole is None:
        raise _no_forecast(len(_months(sales.get(None, {}), last)), currency, last)
    recent = {place: _last_year(sold, last) for place, sold in sales.items() if place}
    ranked = sorted(recent, key=lambda place: (-recent[place].bought, -recent[place].purchases, place))
    fitted = {place: _fitted(place, sales[place], last) for place in ranked[:most]}
    known = tuple(each for each in fitted.values() if each is not None)
    return ForecastParameters(
        most=most,
        whole=whole,
        touchpoints=known,
        left_out=tuple(sorted(recent.keys() - {each.touchpoint for each in known})),
    )


def _no_forecast(months: int, currency: str, last: str) -> NoFit:
    """Return the reason for which the business has no forecast."""
    if months < MONTHS_MIN:
        return NoFit(
            f"a forecast needs {MONTHS_MIN} whole months since the first purchase in {currency}; there are {months}",
            code="too_few_months",
            hint="Wait, or give the currency of the purchases",
        )
    return NoFit(
        f"nothing was bought in {currency} in the year through {last}",
        code="no_recent_purchases",
        hint="Give a moment at which the business was active",
    )


def _months(sold: Mapping[str, PlaceSales], last: str) -> list[str]:
    """Return the whole months from the first purchase on. The first is whole if something was sold early in it."""
    known = min((month for month, each in sold.items() if each.purchases), default=None)
    if known is None:
        return []
    return months_between(known if sold[known].early else months_after(known), last)


def _last_year(sold: Mapping[str, PlaceSales], last: str) -> PlaceSales:
    months = [sold[month] for month in months_between(months_after(last, 1 - _YEAR), last) if month in sold]
    return PlaceSales(sum(each.purchases for each in months), sum(each.bought for each in months))


def _fitted(place: str | None, sold: Mapping[str, PlaceSales], last: str) -> FittedPlace | None:
    """Return the models of a touchpoint; None if it has too few months, or sold nothing in a year."""
    months = _months(sold, last)
    if len(months) < MONTHS_MIN or not _last_year(sold, last).purchases:
        return None
    every = [sold.get(month, PlaceSales()) for month in months]
    first = month_number(months[0])
    return FittedPlace(
        touchpoint=place,
        first=months[0],
        months=len(months),
        purchases=_fitted_series([float(each.purchases) for each in every], first),
        revenue=_fitted_series([float(each.bought) for each in every], first),
    )


def _fitted_series(values: list[float], first: int) -> FittedSeries:
    model, test = fit_series(values, first), held_out(values, first)
    return FittedSeries(**asdict(model), test=None if test is None else ForecastTest(**asdict(test)))
