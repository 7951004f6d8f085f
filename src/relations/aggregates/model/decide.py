"""Decisions about fitted models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from relations.aggregates.model.commands import RecordClusters, RecordFit, RecordForecasts, RecordRules
from relations.aggregates.model.events import ClustersFitted, ForecastsFitted, ModelFitted, RulesFitted
from relations.aggregates.model.evolve import evolve
from relations.aggregates.model.state import FittedModel
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["REFUSALS", "decide"]

REFUSALS: Mapping[str, str] = {}
"""Every code of refusal and when it is given: a fit of the right form is always recorded."""


def decide(state: FittedModel, command: Command, _policy: Policy) -> list[Event]:
    """Return the event that records the fit, unless the newest one says the same of the same days.

    The position alone makes no new fit: recording one moves the head of the log.
    """
    match command:
        case RecordFit():
            event: ModelFitted | RulesFitted | ClustersFitted | ForecastsFitted = ModelFitted(
                model=command.model,
                currency=command.currency,
                buying=command.buying.model_dump_json(),
                spending=command.spending.model_dump_json(),
                **_read(command),
            )
        case RecordRules():
            event = RulesFitted(rules=command.rules.model_dump_json(), **_read(command))
        case RecordClusters():
            event = ClustersFitted(clusters=command.clusters.model_dump_json(), **_read(command))
        case RecordForecasts():
            event = ForecastsFitted(
                currency=command.currency, forecasts=command.forecasts.model_dump_json(), **_read(command)
            )
        case _:  # pragma: no cover - the engine routes by class
            raise AssertionError(command)
    return [] if evolve(state, msgspec.structs.replace(event, position=state.position)) == state else [event]


def _read(command: RecordFit | RecordRules | RecordClusters | RecordForecasts) -> dict[str, Any]:
    return {"through": command.through.isoformat(), "position": command.position, "version": command.version}
