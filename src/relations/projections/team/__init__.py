"""Staff and their work: figures by staff and department, trainings, tenure, and who fits a customer."""

from relations.projections.team.profiles import (
    EffectShare,
    ServedCustomer,
    StaffCourse,
    StaffFit,
    StaffProfile,
    TeamFigure,
    TenureFigure,
    TrainingEffect,
    TrainingNeed,
)
from relations.projections.team.rows import PROJECTION, Course, Served, StaffContacts, StaffMember

__all__ = [
    "PROJECTION",
    "Course",
    "EffectShare",
    "Served",
    "ServedCustomer",
    "StaffContacts",
    "StaffCourse",
    "StaffFit",
    "StaffMember",
    "StaffProfile",
    "TeamFigure",
    "TenureFigure",
    "TrainingEffect",
    "TrainingNeed",
]
