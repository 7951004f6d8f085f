"""Forecasts of a series: equal to those of another library, with intervals that hold what they say."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from math import inf, log, pi, sin
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.model import FittedSeries
from relations.analytics import HeldOut, SeriesModel, fit_series, held_out
from relations.errors import InvalidInput, MissingExtra
from relations.months import month_number
from relations.testing.oracle.forecasts import SlowSeries
from tests.support.effort import part

JANUARY = month_number("2022-01")


def year_of(strength: float, months: int, *, seed: int, slope: float = 0.0) -> list[float]:
    """A series around 100 with a wave of the year, a slope, and noise of deviation 3."""
    random = Random(seed)
    return [100 + slope * month + strength * sin(2 * pi * month / 12) + random.gauss(0, 3) for month in range(months)]


def walk(months: int, seed: int) -> list[float]:
    """A random walk with noise."""
    random, level, found = Random(seed), 100.0, []
    for _ in range(months):
        level += random.gauss(0, 2)
        found.append(level + random.gauss(0, 2))
    return found


def library(values: Sequence[float], **kind: Any) -> Any:
    """The same kind of model in statsmodels, with the start estimated."""
    ets, pandas = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets"), pytest.importorskip("pandas")
    return ets.ETSModel(pandas.Series(values), **kind)  # of arrays, version 0.15.0 gives no intervals


def likelihood(model: SeriesModel, values: Sequence[float]) -> float:
    """The log-likelihood of normal errors, as the other library has it."""
    squares = sum(error * error for error in model.smoothed(values, JANUARY).errors)
    return -len(values) / 2 * (log(2 * pi * squares / len(values)) + 1)


# --- against another library ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_level_is_fitted_as_by_another_library(seed: int) -> None:
    values = walk(14, seed)
    ours = fit_series(values, JANUARY)
    assert (ours.harmonics, ours.phi) == (0, 0.0)  # under 18 months no season, and here no trend
    model = library(values)
    theirs = model.fit(disp=False, maxiter=2000)
    assert likelihood(ours, values) == pytest.approx(theirs.llf, abs=1e-3) or likelihood(ours, values) > theirs.llf
    same = model.smooth([ours.alpha, ours.start_level])
    assert likelihood(ours, values) == pytest.approx(same.llf, abs=1e-8)
    assert ours.smoothed(values, JANUARY).errors == pytest.approx(same.resid.tolist(), abs=1e-9)
    points = ours.forecast(JANUARY + 14, 6)
    assert [point.expected for point in points] == pytest.approx(same.forecast(6).tolist())


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.95])
@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_a_given_model_forecasts_as_another_library(alpha: float, phi: float) -> None:
    """Expectations and intervals are those of statsmodels, whose intervals are normal and without leverage."""
    values, beta = walk(30, 7), alpha / 4 if phi else 0.0
    start, trend, season = 98.0, 0.5 if phi else 0.0, tuple(4.0 * sin(2 * pi * month / 12) for month in range(12))
    kind: dict[str, Any] = {"trend": "add", "damped_trend": True} if phi else {}
    model = library(values, seasonal="add", seasonal_periods=12, initialization_method="known", initial_level=start,
                    initial_seasonal=list(season), **(kind | {"initial_trend": trend} if phi else {}))  # fmt: skip
    theirs = model.smooth([alpha, *([beta] if phi else []), 0.0, *([phi] if phi else [])])
    said = theirs.get_prediction(30, 41)
    ours = SeriesModel(
        alpha=alpha, beta=beta, phi=phi, level=0.0, trend=0.0, start_level=start, start_trend=trend, season=season,
        harmonics=1, deviation=float(np.sqrt(theirs.scale)), leverage=(0.0,) * 12, quantile_80=1.2815515655446004,
        quantile_95=1.959963984540054, parameters=3, aicc=0.0,
    )  # fmt: skip
    end = ours.smoothed(values, JANUARY)
    assert end.errors == pytest.approx(theirs.resid.tolist(), abs=1e-8)
    points = SeriesModel(**{name: getattr(ours, name) for name in ours.__struct_fields__} | {
        "level": end.level, "trend": end.trend}).forecast(JANUARY + 30, 12)  # fmt: skip
    assert [point.expected for point in points] == pytest.approx(said.predicted_mean.tolist())
    for wide, level in ((("low_80", "high_80"), 0.2), (("low_95", "high_95"), 0.05)):
        ends = np.asarray(said.pred_int(alpha=level))
        assert [getattr(point, wide[0]) for point in points] == pytest.approx(ends[:, 0].tolist(), rel=1e-6)
        assert [getattr(point, wide[1]) for point in points] == pytest.approx(ends[:, 1].tolist(), rel=1e-6)


# --- the fit --------------------------------------------------------------------------------------------------------


def test_a_season_is_found_where_there_is_one() -> None:
    """From a year and a half on; a wave takes two parameters, so two years are enough."""
    for months in (18, 24, 48):
        seasonal = fit_series(year_of(15, months, seed=months), JANUARY)
        assert seasonal.harmonics >= 1
        assert seasonal.season[3] - seasonal.season[9] == pytest.approx(30, abs=8)  # April is the crest
        assert sum(seasonal.season) == pytest.approx(0, abs=1e-9)
    assert fit_series(year_of(15, 17, seed=1), JANUARY).season == ()
    assert sum(fit_series(year_of(0, 36, seed=seed), JANUARY).harmonics > 0 for seed in range(8)) <= 2


def test_the_months_of_the_season_are_those_of_the_calendar() -> None:
    values = year_of(15, 36, seed=3)
    model, later = fit_series(values, JANUARY), fit_series(values[5:], JANUARY + 5)
    assert later.season == pytest.approx(model.season, abs=4)
    assert [point.expected for point in model.forecast(JANUARY + 36, 12)] == pytest.approx(
        year_of(15, 48, seed=3)[36:], abs=12
    )


def test_a_trend_is_damped() -> None:
    model = fit_series(year_of(0, 30, seed=2, slope=8), JANUARY)
    points = [point.expected for point in model.forecast(JANUARY + 30, 12)]
    steps = [after - before for before, after in itertools.pairwise(points)]
    assert 0.8 <= model.phi <= 0.98
    assert steps[0] > 3
    assert all(0 < after < before for before, after in itertools.pairwise(steps))


@pytest.mark.parametrize("months", [6, 7, 12, 30])
def test_a_series_without_change_goes_on_without_change(months: int) -> None:
    for value in (0.0, 40.0):
        model = fit_series([value] * months, JANUARY)
        assert set(model.forecast(JANUARY, 12)) == {(value,) * 5}


def test_the_unit_of_a_series_does_not_matter() -> None:
    values = year_of(15, 24, seed=5)
    small, large = fit_series(values, JANUARY), fit_series([1e7 * value for value in values], JANUARY)
    assert (small.harmonics, small.phi) == (large.harmonics, large.phi)
    for one, other in zip(small.forecast(JANUARY, 12), large.forecast(JANUARY, 12), strict=True):
        assert [1e7 * value for value in one] == pytest.approx(list(other), rel=1e-4)


def test_what_cannot_be_fitted_or_forecast_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for values, code in (([1.0] * 5, "too_few_months"), ([1.0] * 6 + [inf], "invalid_value")):
        with pytest.raises(InvalidInput) as refused:
            fit_series(values, JANUARY)
        assert refused.value.code == code
    model = fit_series(walk(8, 1), JANUARY)
    for months in (0, 13):
        with pytest.raises(InvalidInput, match=f"{months} months ahead"):
            model.forecast(JANUARY, months)
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    with pytest.raises(MissingExtra, match="analytics"):
        fit_series(walk(8, 1), JANUARY)
    assert len(model.forecast(JANUARY, 12)) == 12


# --- what a model says ----------------------------------------------------------------------------------------------

sizes = st.floats(0, 200)


@st.composite
def models(draw: st.DrawFn) -> SeriesModel:
    alpha, phi = draw(st.floats(0, 1)), draw(st.sampled_from((0.0, 0.8, 0.95)))
    season = tuple(draw(st.lists(st.floats(-50, 50), min_size=12, max_size=12))) if draw(st.booleans()) else ()
    return SeriesModel(
        alpha=alpha, beta=alpha * draw(st.floats(0, 1)) if phi else 0.0, phi=phi, level=draw(sizes),
        trend=draw(st.floats(-9, 9)) if phi else 0.0, start_level=draw(sizes), start_trend=0.0, season=season,
        harmonics=6 if season else 0, deviation=draw(sizes), parameters=4, aicc=0.0, quantile_80=1.3, quantile_95=2.1,
        leverage=tuple(draw(st.lists(st.floats(0, 2), min_size=12, max_size=12))),
    )  # fmt: skip


@given(models(), st.integers(0, 11))
@part(50)
def test_an_interval_has_the_expected_value_and_never_narrows(model: SeriesModel, month: int) -> None:
    points = model.forecast(month, 12)
    for near in points:
        assert 0 <= near.low_95 <= near.low_80 <= near.expected <= near.high_80 <= near.high_95
    widths = [near.high_95 - near.expected for near in points if near.low_95 > 0]
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(widths))
    assert points[:3] == model.forecast(month, 3)


@given(models(), st.lists(st.floats(0, 300), min_size=6, max_size=15))
@part(30)
def test_a_forecast_is_the_one_found_by_trying_errors(model: SeriesModel, values: list[float]) -> None:
    end = model.smoothed(values, JANUARY)
    known = {name: getattr(model, name) for name in model.__struct_fields__} | {"level": end.level, "trend": end.trend}
    slow = SlowSeries(FittedSeries(**known, test=None), values, 1).ahead(12)
    found = SeriesModel(**known).forecast(JANUARY + len(values), 12)
    for point, (expected, spread) in zip(found, slow, strict=True):
        ends = (expected, *(expected + sign * reach * spread for reach in (1.3, 2.1) for sign in (-1, 1)))
        assert list(point) == pytest.approx([max(each, 0.0) for each in ends], rel=1e-6, abs=1e-6)


# --- months held out ------------------------------------------------------------------------------------------------


def test_the_test_compares_with_the_same_month_of_last_year() -> None:
    values = year_of(15, 36, seed=9)
    found = held_out(values, JANUARY)
    assert found is not None
    points = fit_series(values[:27], JANUARY).forecast(JANUARY + 27, 9)
    errors = [abs(value - point.expected) for value, point in zip(values[27:], points, strict=True)]
    naive = [abs(values[month] - values[month - 12]) for month in range(27, 36)]
    scale = np.mean([abs(values[month] - values[month - 12]) for month in range(12, 27)])
    assert (found.months, found.naive) == (9, "last_year")
    assert found.error == pytest.approx(np.mean(errors))
    assert found.naive_error == pytest.approx(np.mean(naive))
    assert found.mase == pytest.approx(np.mean(errors) / scale)
    for known, low, high in ((found.within_80, "low_80", "high_80"), (found.within_95, "low_95", "high_95")):
        ends = [(getattr(point, low), getattr(point, high)) for point in points]
        assert known == sum(least <= value <= most for value, (least, most) in zip(values[27:], ends, strict=True))


def test_under_a_year_the_last_month_is_the_yardstick_and_few_months_are_not_tested() -> None:
    assert held_out([1.0] * 7, JANUARY) is None
    short = held_out([10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 20.0, 22.0], JANUARY)
    assert short is not None
    assert (short.months, short.naive, short.naive_error) == (2, "last_month", 9.0)
    flat = held_out([10.0] * 8, JANUARY)
    assert flat == HeldOut(2, "last_month", 0.0, 0.0, None, 2, 2)


@pytest.mark.soak
@pytest.mark.parametrize("months", [12, 24, 36])
def test_intervals_hold_what_they_say(months: int) -> None:
    """Of simulated months, about 80 % and 95 % are within the intervals; choosing a model costs some."""
    within = {"80": 0, "95": 0}
    for seed in range(150):
        values = walk(months + 6, seed)
        if months >= 24:
            values = [value + 8 * sin(2 * pi * month / 12) for month, value in enumerate(values)]
        points = fit_series(values[:months], JANUARY).forecast(JANUARY + months, 6)
        for value, point in zip(values[months:], points, strict=True):
            within["80"] += point.low_80 <= value <= point.high_80
            within["95"] += point.low_95 <= value <= point.high_95
    assert 0.70 < within["80"] / 900 < 0.88
    assert 0.88 < within["95"] / 900 < 0.99
