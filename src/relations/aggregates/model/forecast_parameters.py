"""The parameters of forecasts: a model of purchases and one of revenue, of the business and of each touchpoint."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from relations.currencies import minor_digits
from relations.messages import Checked, Label

__all__ = ["Count", "Currency", "FittedPlace", "FittedSeries", "ForecastParameters", "ForecastTest", "Parameter"]


def _known_currency(value: str) -> str:
    minor_digits(value)
    return value


Currency = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_known_currency)]
Parameter = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(strict=True, ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
AtLeastZero = Annotated[float, Field(ge=0)]


class ForecastTest(Checked):
    """The errors of a forecast on the last months, held out, as `relations.analytics.HeldOut` has it.

    Attributes:
        months: The number of months held out.
        naive: The forecast that it is compared with: `last_year`, the same month a year before, or `last_month`, the
            last month known.
        error: The mean absolute error of the forecast, in purchases or minor units.
        naive_error: The same of the naive forecast.
        mase: The mean absolute scaled error; None if the naive forecast made no error before.
        within_80: The number of months within the 80 % interval.
        within_95: The number of months within the 95 % interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    months: Annotated[int, Field(strict=True, ge=1)]
    naive: Literal["last_year", "last_month"]
    error: AtLeastZero
    naive_error: AtLeastZero
    mase: AtLeastZero | None
    within_80: Count
    within_95: Count

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if not self.within_80 <= self.within_95 <= self.months:
            msg = "the wider interval has at least as many months as the narrower one, and at most all"
            raise ValueError(msg)
        return self


class FittedSeries(Checked):
    """A model of a monthly series and its state, as `relations.analytics.SeriesModel` has them.

    Attributes:
        alpha: The share of a month's error that moves the level.
        beta: The share of it that moves the trend, at most `alpha`.
        phi: The share of the trend that is left a month later; 0 without a trend.
        level: The level after the last month, without season.
        trend: The trend after the last month.
        start_level: The level before the first month.
        start_trend: The trend before it.
        season: What is added in January to December; empty without a season.
        harmonics: The number of waves in a year that the season consists of.
        deviation: The standard deviation of the errors one month ahead.
        leverage: For each month ahead, the variance from not knowing the start and the season, in squared deviations.
        quantile_80: The half width of the 80 % interval in deviations.
        quantile_95: The same of the 95 % interval.
        parameters: The number of estimated parameters, with the deviation.
        aicc: The information criterion by which the model was chosen.
        test: How such a forecast did on the last months; None if there were too few to hold out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    alpha: Share
    beta: Share
    phi: Share
    level: float
    trend: float
    start_level: float
    start_trend: float
    season: Annotated[tuple[float, ...], Field(max_length=12)]
    harmonics: Annotated[int, Field(strict=True, ge=0, le=6)]
    deviation: AtLeastZero
    leverage: Annotated[tuple[AtLeastZero, ...], Field(min_length=12, max_length=12)]
    quantile_80: Parameter
    quantile_95: Parameter
    parameters: Annotated[int, Field(strict=True, ge=1)]
    aicc: float
    test: ForecastTest | None

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if len(self.season) != (12 if self.harmonics else 0):
            msg = "a season has 12 months, and there is none without waves"
            raise ValueError(msg)
        if self.quantile_80 > self.quantile_95:
            msg = "the 95 % interval cannot be narrower than that of 80 %"
            raise ValueError(msg)
        return self


class FittedPlace(Checked):
    """The models of one touchpoint, or of the whole business.

    Attributes:
        touchpoint: The touchpoint; None for the whole business.
        first: The first whole month, such as `2022-06`.
        months: The number of months, from the first to that of `through`.
        purchases: The model of the number of purchases.
        revenue: The model of their amounts before refunds, in minor units.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    touchpoint: Label | None
    first: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    months: Annotated[int, Field(strict=True, ge=1)]
    purchases: FittedSeries
    revenue: FittedSeries


class ForecastParameters(Checked):
    """Forecasts of the business and of its touchpoints, and how they were chosen.

    Attributes:
        most: The most touchpoints, those with the highest revenue of the last year first.
        whole: The models of the whole business.
        touchpoints: The models of each touchpoint.
        left_out: The touchpoints without a forecast: those with too few months, and those that sold nothing in a year.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    most: Annotated[int, Field(strict=True, ge=0, le=100)]
    whole: FittedPlace
    touchpoints: Annotated[tuple[FittedPlace, ...], Field(max_length=100)]
    left_out: tuple[Label, ...]

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        named = [*(each.touchpoint for each in self.touchpoints), *self.left_out]
        if self.whole.touchpoint is not None or None in named or len(set(named)) != len(named):
            msg = "the whole business has no touchpoint, and every other forecast has one of its own"
            raise ValueError(msg)
        return self
