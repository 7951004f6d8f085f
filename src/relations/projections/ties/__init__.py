"""Ties: the ladder of relationships, owners and handovers, contacts of organisations, and files."""

from __future__ import annotations

from relations.projections.ties.profiles import (
    FileStanding,
    Handover,
    LadderMonth,
    LadderRung,
    OrganisationContact,
    OwnerSince,
    RungCustomer,
    SwitchingCost,
    Tie,
)
from relations.projections.ties.rows import PROJECTION

__all__ = [
    "PROJECTION",
    "FileStanding",
    "Handover",
    "LadderMonth",
    "LadderRung",
    "OrganisationContact",
    "OwnerSince",
    "RungCustomer",
    "SwitchingCost",
    "Tie",
]
