"""A test of a forecast on months that were held out, next to the same month of last year.

The last months are put aside, a model is fitted to those before, and its forecast is compared with what came. MASE is
the mean absolute error divided by that of the same naive forecast within the months before (R. J. Hyndman and A. B.
Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 22 (2006) 679-688).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

import msgspec

from relations.analytics.forecasting.models import HORIZON_MAX
from relations.analytics.forecasting.smoothing import MONTHS_MIN, fit_series

__all__ = ["HeldOut", "held_out"]

_YEAR = 12
_MONTHS_LEAST = 2


class HeldOut(msgspec.Struct, frozen=True):
    """The errors of a forecast on months that it had not seen.

    Attributes:
        months: The number of months held out.
        naive: The forecast that it is compared with. `last_year` is the same month a year before. `last_month` is the
            last month known, if there was no more than a year.
        error: The mean absolute error of the forecast, in the unit of the series.
        naive_error: The same of the naive forecast.
        mase: The mean absolute scaled error; None if the naive forecast made no error before.
        within_80: The number of months within the 80 % interval.
        within_95: The number of months within the 95 % interval.
    """

    months: int
    naive: Literal["last_year", "last_month"]
    error: float
    naive_error: float
    mase: float | None
    within_80: int
    within_95: int


def held_out(values: Sequence[float], first: int) -> HeldOut | None:
    """Hold out the last quarter of a series, at most a year, and compare its forecast with what came.

    Args:
        values: The values month by month.
        first: The number of the first month.

    Returns:
        None if fewer than 2 months can be held out, so that 6 are left.

    Raises:
        InvalidInput: A value is not a finite number.
        MissingExtra: The extra `analytics` is not installed.
    """
    count = len(values)
    months = min(count // 4, HORIZON_MAX, count - MONTHS_MIN)
    if months < _MONTHS_LEAST:
        return None
    known, later = values[:-months], values[-months:]
    points = fit_series(known, first).forecast(first + len(known), months)
    is_yearly = len(known) > _YEAR
    lag = _YEAR if is_yearly else 1
    naive = known[-_YEAR:][:months] if is_yearly else [known[-1]] * months
    error = fmean(abs(value - point.expected) for value, point in zip(later, points, strict=True))
    scale = fmean(abs(value - before) for value, before in zip(known[lag:], known, strict=False))
    return HeldOut(
        months=months,
        naive="last_year" if is_yearly else "last_month",
        error=error,
        naive_error=fmean(abs(value - before) for value, before in zip(later, naive, strict=True)),
        mase=error / scale if scale else None,
        within_80=sum(point.low_80 <= value <= point.high_80 for value, point in zip(later, points, strict=True)),
        within_95=sum(point.low_95 <= value <= point.high_95 for value, point in zip(later, points, strict=True)),
    )
