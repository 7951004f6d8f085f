"""A fitted model of a monthly series, and the forecast that follows from its numbers alone.

The model is an innovations state space model with additive errors: ETS(A,N), or ETS(A,Ad) with a damped trend. It goes
around a season that is the same each year. Sources: R. J. Hyndman, A. B. Koehler, J. K. Ord and R. D. Snyder,
"Forecasting with exponential smoothing: the state space approach" (2008), chapters 2 and 6; E. S. Gardner and E.
McKenzie, "Forecasting trends in time series", Management Science 31 (1985) 1237-1246, on damping.

Only sums, products and square roots are taken, in a fixed order. So every machine gives the same forecast (IEEE 754).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import msgspec

from relations.errors import InvalidInput

__all__ = ["HORIZON_MAX", "ForecastPoint", "SeriesModel", "Smoothed"]

HORIZON_MAX = 12
"""The most months ahead. Beyond a year, a business of a few years says little about itself."""


class ForecastPoint(NamedTuple):
    """The forecast of one month, in the unit of the series.

    Attributes:
        expected: The expected value, 0 or more.
        low_80: The lower end of the 80 % prediction interval, 0 or more.
        high_80: Its upper end.
        low_95: The lower end of the 95 % prediction interval, 0 or more.
        high_95: Its upper end.
    """

    expected: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float


class Smoothed(NamedTuple):
    """The state of a model after a series, and its errors one month ahead.

    Attributes:
        level: The level after the last month, without season.
        trend: The trend after the last month.
        errors: Each month's value less its forecast of the month before.
    """

    level: float
    trend: float
    errors: list[float]


class SeriesModel(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted model of a monthly series, with its state after the last month.

    Attributes:
        alpha: The share of a month's error that moves the level, from 0 (a constant mean) to 1 (a random walk).
        beta: The share of it that moves the trend, at most `alpha`.
        phi: The share of the trend that is left a month later; 0 without a trend.
        level: The level after the last month, without season.
        trend: The trend after the last month, in units a month.
        start_level: The level before the first month.
        start_trend: The trend before it.
        season: What is added in January to December; empty without a season.
        harmonics: The number of waves in a year that the season consists of, from 0 to 6.
        deviation: The standard deviation of the errors one month ahead.
        leverage: For each month ahead, the variance that comes from not knowing the start and the season, in units of
            the squared deviation.
        quantile_80: The half width of the 80 % interval in deviations, by Student's distribution.
        quantile_95: The same of the 95 % interval.
        parameters: The number of estimated parameters, with the deviation.
        aicc: The corrected information criterion of Akaike, by which the model was chosen.
    """

    alpha: float
    beta: float
    phi: float
    level: float
    trend: float
    start_level: float
    start_trend: float
    season: tuple[float, ...]
    harmonics: int
    deviation: float
    leverage: tuple[float, ...]
    quantile_80: float
    quantile_95: float
    parameters: int
    aicc: float

    def seasonal(self, month: int) -> float:
        """Return what the season adds to a month.

        Args:
            month: The month's number; see `relations.months.month_number`.
        """
        return self.season[month % 12] if self.season else 0.0

    def smoothed(self, values: Sequence[float], first: int) -> Smoothed:
        """Return the state after a series, from the start that the model has.

        Args:
            values: The values month by month.
            first: The number of the first month.
        """
        level, trend, errors = self.start_level, self.start_trend, []
        for month, value in enumerate(values, first):
            ahead, trend = level + self.phi * trend, self.phi * trend
            error = value - (ahead + self.seasonal(month))
            level, trend = ahead + self.alpha * error, trend + self.beta * error
            errors.append(error)
        return Smoothed(level, trend, errors)

    def forecast(self, first: int, months: int) -> list[ForecastPoint]:
        """Return the forecast of the months after the series. Nothing is expected to fall below 0.

        The variance is a multiple of the squared deviation. The factor is 1, plus the squared weight of each month's
        error in between, plus the leverage (Hyndman and others 2008, table 6.2). No interval is narrower than that of
        a month before it.

        Args:
            first: The number of the month after the last one of the series.
            months: The number of months, from 1 to 12.

        Raises:
            InvalidInput: The number of months is not from 1 to 12.
        """
        if not 1 <= months <= len(self.leverage):
            raise InvalidInput(
                f"{months} months ahead cannot be forecast",
                code="invalid_horizon",
                field="months",
                hint=f"Give 1 to {len(self.leverage)}",
            )
        found, variance, widest = [], 1.0, 0.0
        power, damped = 1.0, 0.0
        for step in range(months):
            power *= self.phi
            damped += power
            expected = self.level + damped * self.trend + self.seasonal(first + step)
            widest = max(widest, self.deviation * sqrt(variance + self.leverage[step]))
            near, far = self.quantile_80 * widest, self.quantile_95 * widest
            ends = (expected, expected - near, expected + near, expected - far, expected + far)
            found.append(ForecastPoint(*(max(end, 0.0) for end in ends)))
            weight = self.alpha + self.beta * damped
            variance += weight * weight
        return found
