"""How fast a complaint is answered and resolved, by severity.

The defaults are those of a business that people visit: whoever stands at the desk with a critical complaint (safety,
health, no room for the night) hears within two hours and has it settled within a day; a small annoyance is answered
within two days and settled within a fortnight. They are stricter than what regulators ask of slow trades, and meant
to be changed.

A duration is elapsed time: nights and holidays count. `deadlines` is the only place where durations become instants,
so that is where working hours and holidays will enter.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

__all__ = ["SEVERITIES", "Deadlines", "ServiceLevel", "ServiceLevels", "Severity"]

Severity = Literal["low", "medium", "high", "critical"]
"""How much harm was done, by the business's own judgement at filing."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

_MICROSECOND = timedelta(microseconds=1)
_LONGEST = timedelta(days=3660)


def _positive(duration: timedelta) -> timedelta:
    if not timedelta(0) < duration <= _LONGEST:
        msg = f"a duration is more than nothing and at most {_LONGEST.days} days"
        raise ValueError(msg)
    return duration


Duration = Annotated[timedelta, AfterValidator(_positive)]


class Deadlines(NamedTuple):
    """Until when a complaint is to be answered and resolved, UTC microseconds. At the deadline itself it is late."""

    acknowledge_by: int
    resolve_by: int


class ServiceLevel(BaseModel):
    """The promise for one severity.

    Attributes:
        acknowledge: From filing, or reopening, to the first answer.
        resolve: From filing, or reopening, to the resolution; never shorter than `acknowledge`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    acknowledge: Duration
    resolve: Duration

    @model_validator(mode="after")
    def _answered_before_resolved(self) -> ServiceLevel:
        if self.acknowledge > self.resolve:
            msg = "acknowledge may not be longer than resolve: a resolution is an answer"
            raise ValueError(msg)
        return self


class ServiceLevels(BaseModel):
    """How fast a complaint is answered and resolved: one promise a severity, none left out.

    Attributes:
        low: An annoyance: answered in 2 days, resolved in 14.
        medium: A service that fell short: answered in 1 day, resolved in 7.
        high: A stay or an order spoilt: answered in 8 hours, resolved in 3 days.
        critical: Safety, health, or a guest without a bed: answered in 2 hours, resolved in 1 day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: ServiceLevel = ServiceLevel(acknowledge=timedelta(days=2), resolve=timedelta(days=14))
    medium: ServiceLevel = ServiceLevel(acknowledge=timedelta(days=1), resolve=timedelta(days=7))
    high: ServiceLevel = ServiceLevel(acknowledge=timedelta(hours=8), resolve=timedelta(days=3))
    critical: ServiceLevel = ServiceLevel(acknowledge=timedelta(hours=2), resolve=timedelta(days=1))

    def level(self, severity: Severity) -> ServiceLevel:
        """The promise for a severity."""
        found: ServiceLevel = getattr(self, severity)
        return found

    def deadlines(self, severity: Severity, start: int) -> Deadlines:
        """The deadlines of clocks that start at `start`, UTC microseconds."""
        level = self.level(severity)
        return Deadlines(start + level.acknowledge // _MICROSECOND, start + level.resolve // _MICROSECOND)
