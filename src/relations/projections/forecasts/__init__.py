"""Forecasts of purchases and revenue by touchpoint, from the newest recorded fit."""

from relations.projections.forecasts.figures import (
    ForecastReport,
    ForecastsInUse,
    MonthForecast,
    MonthSold,
    PlaceForecast,
    SeriesForecast,
)
from relations.projections.forecasts.rows import PROJECTION, RecordedForecasts, SalesMonth
from relations.projections.forecasts.view import ForecastsView

__all__ = [
    "PROJECTION",
    "ForecastReport",
    "ForecastsInUse",
    "ForecastsView",
    "MonthForecast",
    "MonthSold",
    "PlaceForecast",
    "RecordedForecasts",
    "SalesMonth",
    "SeriesForecast",
]
