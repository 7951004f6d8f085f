"""The aggregates: one module or package each, and nothing in one that imports another."""

from __future__ import annotations

from typing import Any

from relations.aggregates import (
    campaign,
    complaint,
    customer,
    goal,
    loyalty,
    model,
    opportunity,
    policy,
    programme,
    rival,
    staff,
)
from relations.decider import Aggregate

__all__ = ["AGGREGATES"]

AGGREGATES: tuple[Aggregate[Any], ...] = (
    policy.AGGREGATE,
    customer.AGGREGATE,
    complaint.AGGREGATE,
    loyalty.AGGREGATE,
    programme.AGGREGATE,
    goal.AGGREGATE,
    campaign.AGGREGATE,
    model.AGGREGATE,
    staff.AGGREGATE,
    opportunity.AGGREGATE,
    rival.AGGREGATE,
)
"""Every kind of aggregate that the engine knows."""
