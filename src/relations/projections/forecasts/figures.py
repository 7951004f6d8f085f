"""Answers about forecasts: what is expected month by month, and how such a forecast did on months held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relations.aggregates.model import FittedPlace, FittedSeries, ForecastTest
from relations.analytics import SeriesModel
from relations.json_form import ViewAnswer
from relations.months import month_number, month_of_number
from relations.projections.fits import FitInUse
from relations.projections.forecasts.series import PlaceSales

__all__ = [
    "ForecastReport",
    "ForecastsInUse",
    "MonthForecast",
    "MonthSold",
    "PlaceForecast",
    "SeriesForecast",
    "place_forecast",
]


class ForecastsInUse(FitInUse):
    """The fit that forecasts come from.

    Attributes:
        currency: The currency of the purchases.
        most: The most touchpoints that were asked for.
        left_out: The touchpoints without a forecast: those with too few months, those that sold nothing in a year, and
            those beyond `most`.
    """

    currency: str
    most: int
    left_out: tuple[str, ...]


class MonthSold(ViewAnswer):
    """The sales of a month.

    Attributes:
        month: The month, such as `2024-05`.
        value: The number of purchases, or their amounts in minor units.
    """

    month: str
    value: int


class MonthForecast(ViewAnswer):
    """The forecast of a month: a number of purchases, or their amounts in minor units.

    Attributes:
        month: The month, such as `2024-05`.
        expected: The expected value, 0 or more.
        low_80: The lower end of the 80 % prediction interval, 0 or more.
        high_80: Its upper end.
        low_95: The lower end of the 95 % prediction interval, 0 or more.
        high_95: Its upper end.
        actual: What was sold, if the month is over since; None if it is not.
    """

    month: str
    expected: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float
    actual: int | None


class SeriesForecast(ViewAnswer):
    """The forecast of one series.

    Attributes:
        has_season: True if the model has a season.
        has_trend: True if it has a damped trend.
        test: How such a forecast did on the last months, held out; None if there were too few months for it.
        history: What was sold in the last months of the fit, as it is known now.
        months: What is expected of the months after them.
    """

    has_season: bool
    has_trend: bool
    test: ForecastTest | None
    history: tuple[MonthSold, ...]
    months: tuple[MonthForecast, ...]


class PlaceForecast(ViewAnswer):
    """The forecast of one touchpoint, or of the whole business.

    Attributes:
        touchpoint: The touchpoint; None for the whole business.
        first: The first whole month of the fit.
        observed: The number of months in the fit.
        purchases: The number of purchases.
        revenue: Their amounts before refunds, in minor units.
    """

    touchpoint: str | None
    first: str
    observed: int
    purchases: SeriesForecast
    revenue: SeriesForecast


class ForecastReport(ViewAnswer):
    """Forecasts, and the fit that they come from.

    Attributes:
        fit: The fit; None if none was recorded by then.
        whole: The whole business; None without a fit.
        touchpoints: The touchpoints, those with the highest revenue of the last year of the fit first.
    """

    fit: ForecastsInUse | None
    whole: PlaceForecast | None
    touchpoints: tuple[PlaceForecast, ...]


def place_forecast(
    fitted: FittedPlace, sold: Mapping[str, PlaceSales], *, until: str, over: str, history: int
) -> PlaceForecast:
    """Return the forecast of a touchpoint, or of the whole business.

    Args:
        fitted: The models.
        sold: What was sold by month.
        until: The last month to forecast.
        over: The last month that is over.
        history: The most months of the past.
    """
    first = month_number(fitted.first)
    after = first + fitted.months
    past = [month_of_number(number) for number in range(max(first, after - history), after)]
    ahead = [month_of_number(number) for number in range(after, month_number(until) + 1)]

    def of(series: FittedSeries, values: Mapping[str, int]) -> SeriesForecast:
        return _series_forecast(series, values, past, ahead, over)

    return PlaceForecast(
        touchpoint=fitted.touchpoint,
        first=fitted.first,
        observed=fitted.months,
        purchases=of(fitted.purchases, {month: each.purchases for month, each in sold.items()}),
        revenue=of(fitted.revenue, {month: each.bought for month, each in sold.items()}),
    )


def _series_forecast(
    series: FittedSeries, values: Mapping[str, int], past: Sequence[str], ahead: Sequence[str], over: str
) -> SeriesForecast:
    model = SeriesModel(**series.model_dump(exclude={"test"}))
    points = model.forecast(month_number(ahead[0]), len(ahead)) if ahead else []
    return SeriesForecast(
        has_season=bool(model.season),
        has_trend=model.phi > 0,
        test=series.test,
        history=tuple(MonthSold(month=month, value=values.get(month, 0)) for month in past),
        months=tuple(
            MonthForecast(month=month, actual=values.get(month, 0) if month <= over else None, **point._asdict())
            for month, point in zip(ahead, points, strict=True)
        ),
    )
