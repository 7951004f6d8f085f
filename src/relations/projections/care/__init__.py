"""Care plans: what is due, what was kept, and the plans of a customer."""

from relations.projections.care.beginnings import PlanBeginning, beginning_commands
from relations.projections.care.profiles import (
    CustomerPlan,
    DueContact,
    FinishedStep,
    KeptFigure,
    KeptMonth,
    OwnerKept,
    PlanStep,
)
from relations.projections.care.rows import PROJECTION, CareMonth, CareSignals, PlanRound, StepRecord
from relations.projections.care.view import CareView

__all__ = [
    "PROJECTION",
    "CareMonth",
    "CareSignals",
    "CareView",
    "CustomerPlan",
    "DueContact",
    "FinishedStep",
    "KeptFigure",
    "KeptMonth",
    "OwnerKept",
    "PlanBeginning",
    "PlanRound",
    "PlanStep",
    "StepRecord",
    "beginning_commands",
]
