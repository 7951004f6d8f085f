"""The fit of a model to a monthly series: least squares for its start and season, and a search for its smoothing.

Given the smoothing parameters, the errors one month ahead are linear in the start and the season. So least squares
finds these, and scipy searches only for the one or three that are left. That is maximum likelihood for normal errors
(Hyndman and others 2008, chapter 5). The season is a sum of waves of 12, 6, 4, 3, 2.4 and 2 months (a "dynamic harmonic
regression"; R. J. Hyndman and G. Athanasopoulos, "Forecasting: principles and practice", 3rd ed. 2021, section 10.5).
One wave takes two parameters, where twelve months would take eleven.

Of all models the one with the smallest AICc is taken (C. M. Hurvich and C.-L. Tsai, "Regression and time series model
selection in small samples", Biometrika 76 (1989) 297-307). Nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, log, pi, sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from relations.analytics.extra import scientific
from relations.analytics.forecasting.models import HORIZON_MAX, SeriesModel
from relations.analytics.intervals import student_quantile
from relations.errors import InvalidInput
from relations.extras import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MONTHS_MIN", "SEASON_MIN", "fit_series"]

MONTHS_MIN = 6
"""The fewest months that a model is fitted to."""
SEASON_MIN = 18
"""The fewest months in which a season is looked for: half of the year is then seen twice."""

Floats: TypeAlias = "NDArray[np.float64]"
_Smoothing: TypeAlias = tuple[float, float, float]
_WAVES_MAX = 6
_PHI_MIN, _PHI_MAX = 0.8, 0.98
_STARTS = ((0.3, 0.1, 0.95), (0.8, 0.1, 0.9))
"""Starts of the search for a trend: alpha, the share of it that is beta, and phi."""
_EXACT = 1e-18
"""A sum of squares, in units of the squared mean, below which a model is exact: rounding is all that is left."""
_PURPOSE = "Fitting forecasts"


def fit_series(values: Sequence[float], first: int) -> SeriesModel:
    """Fit the model of a monthly series that has the smallest AICc.

    A season is looked for from 18 months on.

    Args:
        values: The values month by month, 6 or more.
        first: The number of the first month; see `relations.months.month_number`.

    Raises:
        InvalidInput: There are fewer than 6 months, or a value is not a finite number.
        MissingExtra: The extra `analytics` is not installed.
    """
    count = len(values)
    if count < MONTHS_MIN:
        raise InvalidInput(
            f"a model cannot be fitted to {count} months",
            code="too_few_months",
            field="values",
            hint=f"Give {MONTHS_MIN} or more",
        )
    if not all(map(isfinite, values)):
        raise InvalidInput("a value is not a number", code="invalid_value", field="values", hint="Give finite numbers")
    scale = sum(map(abs, values)) / count or 1.0
    series = _Series(np.array(values, np.float64) / scale, first)
    most = _WAVES_MAX if count >= SEASON_MIN else 0
    fits = [fit for waves in range(most + 1) if (fit := _fit(series, waves, _level_smoothing))]
    waves = min(fits, key=lambda fit: fit.aicc).waves
    fits += [fit for waves in sorted({0, waves}) if (fit := _fit(series, waves, _trend_smoothing))]
    return min(fits, key=lambda fit: fit.aicc).model(series, scale)


@dataclass(frozen=True, slots=True)
class _Series:
    values: Floats
    first: int

    def regressors(self, waves: int, phi: float) -> Floats:
        """Return a column for the start's level, one for its trend if there is one, and those of the season's waves."""
        count = len(self.values)
        trend = [_damped(phi, count)] if phi else []
        return np.column_stack([np.ones(count), *trend, *_waves(waves, self.first + np.arange(count))])

    def columns(self, waves: int, phi: float) -> Floats:
        """Return the values next to the regressors."""
        return np.column_stack([self.values, self.regressors(waves, phi)])


def _damped(phi: float, months: int) -> Floats:
    return np.cumsum(phi ** np.arange(1, months + 1))


def _waves(waves: int, months: Any) -> list[Floats]:
    angles = 2 * pi * (months % 12) / 12
    return [wave(number * angles) for number in range(1, waves + 1) for wave in (np.cos, np.sin)][: 2 * _WAVES_MAX - 1]


def _errors(smoothing: _Smoothing, columns: Floats) -> Floats:
    """Return the errors one month ahead of each column, started at 0."""
    signal = scientific("scipy.signal", _PURPOSE)
    alpha, beta, phi = smoothing
    if phi:
        numerator = [1, -(1 + phi), phi]
        denominator = [1, alpha + phi * beta - 1 - phi, (1 - alpha) * phi]
    else:
        numerator, denominator = [1, -1], [1, alpha - 1]
    found: Floats = signal.lfilter(numerator, denominator, columns, axis=0)
    return found


@dataclass(frozen=True, slots=True)
class _Fit:
    """A model in units of the series' mean."""

    waves: int
    smoothing: _Smoothing
    squares: float
    parameters: int
    aicc: float

    def model(self, series: _Series, scale: float) -> SeriesModel:
        """Return the model in units of the series."""
        alpha, beta, phi = self.smoothing
        regressors = series.regressors(self.waves, phi)
        weights = _weights(self.smoothing, series.values, regressors)
        states = 2 if phi else 1
        year = _waves(self.waves, np.arange(12))
        season = np.column_stack(year) @ weights[states:] if year else np.zeros(0)
        degrees = len(series.values) - (self.parameters - 1)
        start = SeriesModel(
            alpha=alpha,
            beta=beta,
            phi=phi,
            level=0.0,
            trend=0.0,
            start_level=float(weights[0]) * scale,
            start_trend=float(weights[1]) * scale if phi else 0.0,
            season=tuple((season * scale).tolist()),
            harmonics=self.waves,
            deviation=sqrt(self.squares / degrees) * scale,
            leverage=tuple(_leverage(self, series, regressors)),
            quantile_80=student_quantile(0.80, degrees),
            quantile_95=student_quantile(0.95, degrees),
            parameters=self.parameters,
            aicc=self.aicc + 2 * len(series.values) * log(scale),
        )
        end = start.smoothed((series.values * scale).tolist(), series.first)
        return msgspec.structs.replace(start, level=end.level, trend=end.trend)


def _weights(smoothing: _Smoothing, values: Floats, regressors: Floats) -> Floats:
    """Return the start and the season with the smallest sum of squared errors."""
    errors = _errors(smoothing, np.column_stack([values, regressors]))
    found: Any = np.linalg.lstsq(errors[:, 1:], errors[:, 0], rcond=None)[0]
    return np.asarray(found, np.float64)


def _squares(columns: Floats, smoothing: _Smoothing) -> float:
    """Return the smallest sum of squared errors that a start and a season can have."""
    errors = _errors(smoothing, columns)
    left = errors[:, 0] - errors[:, 1:] @ np.linalg.lstsq(errors[:, 1:], errors[:, 0], rcond=None)[0]
    return float(left @ left)


def _level_smoothing(series: _Series, waves: int) -> _Smoothing:
    """Return the best smoothing of a level alone. The ends, a mean and a random walk, are tried, too."""
    optimize = scientific("scipy.optimize", _PURPOSE)
    columns = series.columns(waves, 0.0)
    found = optimize.minimize_scalar(lambda alpha: _squares(columns, (alpha, 0.0, 0.0)), bounds=(0, 1))
    alphas = (0.0, 1.0, float(found.x))
    return min(((alpha, 0.0, 0.0) for alpha in alphas), key=lambda each: _squares(columns, each))


def _trend_smoothing(series: _Series, waves: int) -> _Smoothing:
    """Return the best smoothing of a level and a damped trend."""
    optimize = scientific("scipy.optimize", _PURPOSE)
    columns = series.columns(waves, _PHI_MAX)

    def squares(place: Any) -> float:
        alpha, share, phi = place.tolist()
        columns[:, 2] = _damped(phi, len(columns))
        return _squares(columns, (alpha, alpha * share, phi))

    bounds = ((0, 1), (0, 1), (_PHI_MIN, _PHI_MAX))
    found = [optimize.minimize(squares, start, method="L-BFGS-B", bounds=bounds) for start in _STARTS]
    alpha, share, phi = min(found, key=lambda each: float(each.fun)).x.tolist()
    return alpha, alpha * share, phi


def _fit(series: _Series, waves: int, search: Callable[[_Series, int], _Smoothing]) -> _Fit | None:
    """Return the fit of one kind of model; None if there are too few months for its parameters."""
    count = len(series.values)
    seasonal = min(2 * waves, 2 * _WAVES_MAX - 1)
    parameters = seasonal + (3 if search is _level_smoothing else 6)
    if count - parameters - 1 <= 0:
        return None
    smoothing = search(series, waves)
    squares = _squares(series.columns(waves, smoothing[2]), smoothing)
    likelihood = count * (log(2 * pi * max(squares / count, _EXACT)) + 1)
    penalty = 2 * parameters + 2 * parameters * (parameters + 1) / (count - parameters - 1)
    return _Fit(waves, smoothing, squares, parameters, likelihood + penalty)


def _leverage(fit: _Fit, series: _Series, regressors: Floats) -> Iterator[float]:
    """Yield the variance of each month ahead that comes from the errors of the start and the season."""
    alpha, beta, phi = fit.smoothing
    errors = _errors(fit.smoothing, regressors)
    covariance = np.linalg.pinv(errors.T @ errors)
    level = trend = np.zeros(regressors.shape[1])
    for row in regressors:
        ahead, trend = level + phi * trend, phi * trend
        level, trend = ahead + alpha * (row - ahead), trend + beta * (row - ahead)
    count, damped = len(regressors), 0.0
    later = _Series(np.zeros(count + HORIZON_MAX), series.first).regressors(fit.waves, phi)[count:]
    for step, row in enumerate(later, 1):
        damped += phi**step
        unknown = row - (level + damped * trend)
        yield max(float(unknown @ covariance @ unknown), 0.0)
