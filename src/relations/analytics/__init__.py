"""Statistics: customer value, survival, intervals, control charts and drivers.

Everything here is pure: numbers in, numbers out. Nothing reads a log or a database, so a fit works on any statistics,
those of a view or others.

* `repeat_statistics`: frequency, recency and age of a customer, and the amount of repeat purchases.
* `fit_buying`: how often customers buy and when they silently leave (BG/NBD and MBG/NBD).
* `fit_spending`: how much they spend when they buy (Gamma-Gamma).
* `lifetime_values`: both together, discounted.
* `association_rules`: which product is often in the same basket as another one.
* `fit_centres`: clusters of customers who are alike (k-means), and `silhouettes`: how well they are apart.
* `fit_series`: a forecast of a monthly series with season and interval, and `held_out`: how good such a forecast was.
* `survival_curve`: Kaplan and Meier's curve.
* `spells`: the days on which a customer was active.

Only the fits and forecasts need scipy, from the extra `analytics`; it is imported when one is asked for.
"""

from __future__ import annotations

from relations.analytics.association import AssociationRule, association_rules
from relations.analytics.buying import BuyingModel, fit_buying
from relations.analytics.clustering import fit_centres, nearest_centres, scaled_roots, silhouettes
from relations.analytics.forecasting.held_out import HeldOut, held_out
from relations.analytics.forecasting.models import ForecastPoint, SeriesModel, Smoothed
from relations.analytics.forecasting.smoothing import fit_series
from relations.analytics.lifetime_value import LifetimeValue, lifetime_values
from relations.analytics.repeat_statistics import RepeatStatistics, repeat_statistics
from relations.analytics.spells import Spell, Turn, spells
from relations.analytics.spending import SpendingModel, fit_spending
from relations.analytics.survival import SurvivalCurve, SurvivalPoint, survival_curve, time_to_loss

__all__ = [
    "AssociationRule",
    "BuyingModel",
    "ForecastPoint",
    "HeldOut",
    "LifetimeValue",
    "RepeatStatistics",
    "SeriesModel",
    "Smoothed",
    "Spell",
    "SpendingModel",
    "SurvivalCurve",
    "SurvivalPoint",
    "Turn",
    "association_rules",
    "fit_buying",
    "fit_centres",
    "fit_series",
    "fit_spending",
    "held_out",
    "lifetime_values",
    "nearest_centres",
    "repeat_statistics",
    "scaled_roots",
    "silhouettes",
    "spells",
    "survival_curve",
    "time_to_loss",
]
