"""Opportunities by stage, those won and lost, and contracts."""

from relations.projections.pipeline.profiles import (
    ContractProfile,
    LossFigure,
    OpportunityProfile,
    PipelineResult,
    StageFigure,
)
from relations.projections.pipeline.rows import PROJECTION, Opportunity

__all__ = [
    "PROJECTION",
    "ContractProfile",
    "LossFigure",
    "Opportunity",
    "OpportunityProfile",
    "PipelineResult",
    "StageFigure",
]
