"""The terminal page of forecasts: what is expected month by month, and how good such a forecast was."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from relations.aggregates.model import ForecastTest
from relations.cli.show import ABSENT, counted, headline, number, section, spark, table, words
from relations.messages import minor_digits
from relations.projections.forecasts import ForecastReport, ForecastsInUse, MonthForecast, PlaceForecast, SeriesForecast

__all__ = ["show_forecasts"]

_NONE = "No forecasts were recorded by then. Fit them with `relations fit --forecast`."
_NAIVE = {"last_year": "the same month of the year before", "last_month": "the last month known"}


def show_forecasts(found: ForecastReport, touchpoint: str | None) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        found: The forecasts.
        touchpoint: The touchpoint that was asked for; None for all.
    """
    yield headline("Forecast", touchpoint or "the whole business")
    if found.fit is None or found.whole is None:
        yield section(words(_NONE))
        return
    place = found.whole if touchpoint is None else next(iter(found.touchpoints), None)
    if place is None:
        most = counted(found.fit.most, "touchpoint")
        yield section(
            words(
                "It has no forecast: too few months, or nothing sold in the last year of the fit."
                f" Otherwise it was not among the {most} that were asked for."
            )
        )
        return
    yield from _show_place(place, found.fit)
    if touchpoint is None and found.touchpoints:
        yield section(_touchpoints(found))
    if touchpoint is None and found.fit.left_out:
        yield section(words(f"Without a forecast: {', '.join(found.fit.left_out)}."))
    yield section(words(_origin(found.fit, place)))


def _show_place(place: PlaceForecast, fit: ForecastsInUse) -> Iterator[RenderableType]:
    unit = 10 ** minor_digits(fit.currency)
    made = table(
        "Month", "Purchases", "80% interval", f"Revenue, {fit.currency}", "80% interval", "95% interval", "Sold",
        right=(1, 2, 3, 4, 5, 6), spare=(6, 5),
    )  # fmt: skip
    for bought, earned in zip(place.purchases.months, place.revenue.months, strict=True):
        made.add_row(
            bought.month,
            number(bought.expected),
            _interval(bought.low_80, bought.high_80, 1),
            number(earned.expected / unit),
            _interval(earned.low_80, earned.high_80, unit),
            _interval(earned.low_95, earned.high_95, unit),
            ABSENT if earned.actual is None else number(earned.actual / unit),
        )
    yield section(made) if place.purchases.months else section(words("All months of this forecast are over."))
    past = [float(each.value) for each in place.revenue.history]
    if past:
        ahead = [each.expected for each in place.revenue.months]
        months = counted(len(past), "month")
        yield section(words(f"Revenue, {months} and the forecast: {spark(past)} {spark(ahead, max(past))}"))
    yield section(*(words(each) for each in (_tested("Purchases", place.purchases), _tested("Revenue", place.revenue))))


def _touchpoints(found: ForecastReport) -> RenderableType:
    assert found.fit is not None  # noqa: S101 - there are no touchpoints without a fit
    unit = 10 ** minor_digits(found.fit.currency)
    made = table(
        "Touchpoint", "Month", "Purchases", "80% interval", f"Revenue, {found.fit.currency}", "80% interval",
        right=(2, 3, 4, 5), spare=(3,),
    )  # fmt: skip
    for place in found.touchpoints:
        bought, earned = _next(place.purchases), _next(place.revenue)
        if bought is not None and earned is not None:
            made.add_row(
                place.touchpoint or ABSENT,
                bought.month,
                number(bought.expected),
                _interval(bought.low_80, bought.high_80, 1),
                number(earned.expected / unit),
                _interval(earned.low_80, earned.high_80, unit),
            )
    return made


def _next(series: SeriesForecast) -> MonthForecast | None:
    """Return the first month that is not over; None if all are."""
    return next((month for month in series.months if month.actual is None), None)


def _interval(low: float, high: float, unit: int) -> str:
    return f"{number(low / unit)} - {number(high / unit)}"


def _tested(what: str, series: SeriesForecast) -> str:
    """Say how the model looks, and how it did on the months held out."""
    shape = "a season" if series.has_season else "no season"
    shape += " and a damped trend" if series.has_trend else ""
    return f"{what}: {shape}. {_compared(series.test)}"


def _compared(test: ForecastTest | None) -> str:
    if test is None:
        return "There are too few months to test it."
    inside = f"{test.within_80} of {test.months} were within the 80% interval"
    return f"On the last {test.months} months, its error was {_than(test)} with {_NAIVE[test.naive]}; {inside}."


def _than(test: ForecastTest) -> str:
    if not test.naive_error:
        return "larger than" if test.error else "as large as"
    change = f"{abs(1 - test.error / test.naive_error):.0%}"
    if change == "0%":
        return "as large as"
    return f"{change} {'smaller' if test.error < test.naive_error else 'larger'} than"


def _origin(fit: ForecastsInUse, place: PlaceForecast) -> str:
    observed = counted(place.observed, "month")
    return f"Fitted to {observed} through {fit.through}, {counted(fit.age_days, 'day')} old."
