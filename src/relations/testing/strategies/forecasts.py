"""Forecasts, drawn by Hypothesis: models of a level, with or without a trend and a season."""

from __future__ import annotations

from hypothesis import strategies as st

from relations.aggregates.model import FittedPlace, FittedSeries, ForecastParameters, ForecastTest

__all__ = ["drawn_forecasts"]

_PLACES = ("bar", "front desk", "spa")


@st.composite
def _series(draw: st.DrawFn) -> FittedSeries:
    small, sizes = st.floats(0, 0.5, width=16), st.floats(0, 500, width=16)
    waves, has_trend = draw(st.sampled_from((0, 0, 1, 6))), draw(st.booleans())
    # Three months that come again: twelve drawn one by one take as long as all the rest.
    season = draw(st.tuples(*[st.floats(-64, 64, width=16)] * 3)) * 4 if waves else ()
    test = ForecastTest(
        months=4, naive=draw(st.sampled_from(("last_year", "last_month"))), error=draw(sizes), naive_error=draw(sizes),
        mase=draw(st.none() | small), within_80=draw(st.integers(0, 3)), within_95=draw(st.integers(3, 4)),
    )  # fmt: skip
    return FittedSeries(
        alpha=draw(st.floats(0.5, 1, width=16)),
        beta=draw(small) if has_trend else 0.0,
        phi=draw(st.sampled_from((0.8, 0.9))) if has_trend else 0.0,
        level=draw(sizes),
        trend=draw(small) if has_trend else 0.0,
        start_level=draw(sizes),
        start_trend=draw(small) if has_trend else 0.0,
        season=season,
        harmonics=waves,
        deviation=draw(sizes),
        leverage=draw(st.tuples(small, small, small)) * 4,
        quantile_80=1.5,
        quantile_95=2.5,
        parameters=3,
        aicc=draw(st.floats(-64, 64, width=16)),
        test=draw(st.none() | st.just(test)),
    )


@st.composite
def _place(draw: st.DrawFn, touchpoint: str | None) -> FittedPlace:
    return FittedPlace(
        touchpoint=touchpoint, first=draw(st.sampled_from(("2022-12", "2023-01"))), months=draw(st.integers(6, 30)),
        purchases=draw(_series()), revenue=draw(_series()),
    )  # fmt: skip


@st.composite
def drawn_forecasts(draw: st.DrawFn) -> ForecastParameters:
    """Draw forecasts of a business with up to two touchpoints."""
    names = draw(st.permutations(_PLACES))
    known = names[: draw(st.integers(0, 2))]
    return ForecastParameters(
        most=draw(st.integers(2, 20)),
        whole=draw(_place(None)),
        touchpoints=tuple(draw(_place(name)) for name in known),
        left_out=tuple(sorted(names[len(known) :])),
    )
