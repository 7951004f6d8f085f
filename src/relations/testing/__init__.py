"""A test kit for relations and for code that depends on it: given/when/then, strategies, a simulated business.

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
from relations.testing.laws import LawBroken, LawsReport, check_laws
from relations.testing.scenario import FoldedRows, Outcome, Scenario
from relations.testing.strategies.histories import History, Step, histories

__all__ = [
    "FoldedRows",
    "History",
    "LawBroken",
    "LawsReport",
    "Outcome",
    "Recorded",
    "RecordingClock",
    "Scenario",
    "Step",
    "check_laws",
    "histories",
    "hotel_policy",
    "is_mistake",
    "simulate",
    "simulate_recorded",
    "strategies",
]
