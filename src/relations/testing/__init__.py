"""A kit for everyone who tests relations, or code that rests on it: given/when/then, strategies, a simulated business.

See `docs/how-to/test-with-the-kit.md`.
"""

from relations.testing import strategies
from relations.testing.hotel.simulation import (
    Recorded,
    RecordingClock,
    hotel_policy,
    is_mistake,
    simulate,
    simulate_recorded,
)
from relations.testing.scenario import FoldedRows, Outcome, Scenario
from relations.testing.strategies.histories import History, Step, histories

__all__ = [
    "FoldedRows",
    "History",
    "Outcome",
    "Recorded",
    "RecordingClock",
    "Scenario",
    "Step",
    "histories",
    "hotel_policy",
    "is_mistake",
    "simulate",
    "simulate_recorded",
    "strategies",
]
