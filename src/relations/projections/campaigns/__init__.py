"""Campaigns: plans, offers, and what came of them."""

from __future__ import annotations

from relations.projections.campaigns.partners import PartnerResult
from relations.projections.campaigns.profiles import (
    CampaignBuyer,
    CampaignCost,
    CampaignProfile,
    CampaignReach,
    CampaignRecipient,
    CampaignResult,
    CampaignReturn,
    Lift,
)
from relations.projections.campaigns.rows import PROJECTION

__all__ = [
    "PROJECTION",
    "CampaignBuyer",
    "CampaignCost",
    "CampaignProfile",
    "CampaignReach",
    "CampaignRecipient",
    "CampaignResult",
    "CampaignReturn",
    "Lift",
    "PartnerResult",
]
