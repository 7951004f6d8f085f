"""Decisions on the recorded outside facts under another policy."""

from relations.audit.what_if.deciding import FigureInSum, OtherDecision, WhatIf, what_if

__all__ = ["FigureInSum", "OtherDecision", "WhatIf", "what_if"]
