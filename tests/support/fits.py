"""Fits of all models with figures of their own, for logs with too few customers to give any."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relations.commands import (
    BuyingParameters,
    ClusterFeature,
    ClusterParameters,
    FittedCluster,
    FittedPlace,
    FittedRule,
    FittedSeries,
    ForecastParameters,
    ForecastTest,
    RecordClusters,
    RecordFit,
    RecordForecasts,
    RecordRules,
    RuleParameters,
    SpendingParameters,
    TriedClusters,
)
from relations.projections.forecasts.series import FORECASTS_VERSION
from relations.projections.recommendations.figures import RULES_VERSION
from relations.projections.retention.clusters.fits import CLUSTERS_VERSION
from relations.projections.retention.worth.fits import FIT_VERSION

__all__ = ["small_fits"]


def small_fits(at: datetime) -> tuple[RecordFit, RecordRules, RecordClusters, RecordForecasts]:
    """Return fits of the value models, of association rules, of clusters and of forecasts."""
    origin: dict[str, Any] = {"through": at.date(), "position": 1, "occurred_at": at}
    common: dict[str, Any] = {"standard_errors": {}, "log_likelihood": -100.0, "customers": 25}
    series: dict[str, Any] = {
        "alpha": 0.25, "beta": 0.0, "phi": 0.0, "trend": 0.0, "start_trend": 0.0, "deviation": 2.0,
        "leverage": (0.125,) * 12, "quantile_80": 1.5, "quantile_95": 2.5, "parameters": 5, "aicc": 40.0,
    }  # fmt: skip
    tested = ForecastTest(months=4, naive="last_year", error=1.5, naive_error=3.0, mase=0.75, within_80=3, within_95=4)
    whole = FittedPlace(
        touchpoint=None, first="2022-06", months=18,
        purchases=FittedSeries(
            level=20.0, start_level=18.0, season=(1.0, -1.0) * 6, harmonics=6, test=tested, **series
        ),
        revenue=FittedSeries(level=3000.0, start_level=2500.0, season=(), harmonics=0, test=None, **series),
    )  # fmt: skip
    bar = whole.model_copy(update={"touchpoint": "bar"})
    rule = FittedRule(product="room", recommended="breakfast", baskets=9, with_product=12, with_recommended=10)
    return (
        RecordFit(
            model="bg_nbd", currency="EUR", version=FIT_VERSION, **origin,
            buying=BuyingParameters(r=0.5, alpha_days=30.0, a=0.8, b=2.5, unit_days=1.0, repeat_customers=20, **common),
            spending=SpendingParameters(p=6.0, q=4.0, v=900.0, unit_amount=1.0, left_out=0, **common),
        ),
        RecordRules(
            version=RULES_VERSION, **origin,
            rules=RuleParameters(baskets=25, min_support=0.1, min_confidence=0.5, most=10, rules=(rule,)),
        ),
        RecordClusters(
            version=CLUSTERS_VERSION, **origin,
            clusters=ClusterParameters(
                currency="EUR", facts=("net_amount",), most=None, seed=1, smallest=5, customers=25, silhouette=0.5,
                silhouette_customers=25, tried=(TriedClusters(clusters=2, silhouette=0.5),),
                features=(ClusterFeature(fact="net_amount", mean=12.0, deviation=3.0),),
                clusters=(FittedCluster(customers=10, centre=(1.0,)), FittedCluster(customers=15, centre=(-0.5,))),
            ),
        ),
        RecordForecasts(
            currency="EUR", version=FORECASTS_VERSION, **origin,
            forecasts=ForecastParameters(most=20, whole=whole, touchpoints=(bar,), left_out=("spa",)),
        ),
    )  # fmt: skip
