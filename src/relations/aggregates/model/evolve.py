"""The effect of events on the state of a fitted model."""

from __future__ import annotations

from relations.aggregates.model.events import ClustersFitted, ForecastsFitted, ModelFitted, RulesFitted
from relations.aggregates.model.state import FittedModel
from relations.messages import Event

__all__ = ["evolve"]


def evolve(state: FittedModel, event: Event) -> FittedModel:
    """Return the state after an event: the newest fit."""
    match event:
        case ModelFitted():
            return FittedModel(event.through, event.position, event.version, event.buying, event.spending)
        case RulesFitted():
            return FittedModel(event.through, event.position, event.version, rules=event.rules)
        case ClustersFitted():
            return FittedModel(event.through, event.position, event.version, clusters=event.clusters)
        case ForecastsFitted():
            return FittedModel(event.through, event.position, event.version, forecasts=event.forecasts)
        case _:
            return state
