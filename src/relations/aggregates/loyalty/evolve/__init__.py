"""The fold of an account: from an event to the next state."""

from __future__ import annotations

from relations.aggregates.loyalty.evolve.dispatch import EVENTS, evolve, evolve_ledger

__all__ = ["EVENTS", "evolve", "evolve_ledger"]
