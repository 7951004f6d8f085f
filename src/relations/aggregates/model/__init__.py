"""Fitted models: parameters that were estimated from the log, recorded so that every replay uses the same.

Streams `model-<model>-<currency>`, `model-association_rules`, `model-clusters` and `model-forecasts-<currency>`.
Fitting itself is not done here: it needs the data of all customers.
"""

from __future__ import annotations

from relations.aggregates.model.commands import (
    BuyingParameters,
    ClusterFeature,
    ClusterParameters,
    FittedCluster,
    FittedRule,
    RecordClusters,
    RecordFit,
    RecordForecasts,
    RecordRules,
    RuleParameters,
    SpendingParameters,
    TriedClusters,
)
from relations.aggregates.model.decide import REFUSALS, decide
from relations.aggregates.model.events import ClustersFitted, ForecastsFitted, ModelFitted, RulesFitted
from relations.aggregates.model.evolve import evolve
from relations.aggregates.model.forecast_parameters import FittedPlace, FittedSeries, ForecastParameters, ForecastTest
from relations.aggregates.model.state import FittedModel
from relations.decider import Aggregate, Decider

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "BuyingParameters",
    "ClusterFeature",
    "ClusterParameters",
    "ClustersFitted",
    "FittedCluster",
    "FittedModel",
    "FittedPlace",
    "FittedRule",
    "FittedSeries",
    "ForecastParameters",
    "ForecastTest",
    "ForecastsFitted",
    "ModelFitted",
    "RecordClusters",
    "RecordFit",
    "RecordForecasts",
    "RecordRules",
    "RuleParameters",
    "RulesFitted",
    "SpendingParameters",
    "TriedClusters",
]

AGGREGATE = Aggregate(
    name="model",
    decider=Decider(FittedModel(), decide, evolve),
    events=(ModelFitted, RulesFitted, ClustersFitted, ForecastsFitted),
    commands=(RecordFit, RecordRules, RecordClusters, RecordForecasts),
    customer=lambda _state, _command: "",
    state=FittedModel,
    state_version=4,
)
