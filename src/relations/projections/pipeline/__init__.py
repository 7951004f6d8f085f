"""Opportunities by stage, those won and lost, contracts, and rivals."""

from relations.projections.pipeline.profiles import (
    ContractProfile,
    LossFigure,
    OpportunityProfile,
    PipelineResult,
    RivalObservation,
    RivalProfile,
    StageFigure,
)
from relations.projections.pipeline.rows import PROJECTION, Opportunity, OwnPrice, Rival

__all__ = [
    "PROJECTION",
    "ContractProfile",
    "LossFigure",
    "Opportunity",
    "OpportunityProfile",
    "OwnPrice",
    "PipelineResult",
    "Rival",
    "RivalObservation",
    "RivalProfile",
    "StageFigure",
]
