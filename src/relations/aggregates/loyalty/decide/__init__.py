"""The rules of an account: from a command to events, or to a refusal."""

from __future__ import annotations

from relations.aggregates.loyalty.decide.dispatch import COMMANDS, REFUSALS, decide
from relations.aggregates.loyalty.decide.time import due

__all__ = ["COMMANDS", "REFUSALS", "decide", "due"]
