"""A kit for everyone who tests with relations, or its own rules: simulation, strategies, given/when/then.

See `docs/how-to/test-with-the-kit.md`.
"""

from relations.testing.simulation import (
    Recorded,
    RecordingClock,
    hotel_policy,
    is_mistake,
    simulate,
    simulate_recorded,
)

__all__ = [
    "Recorded",
    "RecordingClock",
    "hotel_policy",
    "is_mistake",
    "simulate",
    "simulate_recorded",
]
