"""What the business decides, as data: one pydantic model a subject, all of them in `Policy`."""

from relations.policies.complaints.authority import Desk, Limit
from relations.policies.complaints.business_calendar import BusinessCalendar
from relations.policies.complaints.repair import EmotionalAccount, Repair
from relations.policies.complaints.service_levels import ServiceLevels
from relations.policies.instruments import Instrument, InstrumentItem
from relations.policies.lifecycle import Lifecycle
from relations.policies.loyalty.programme import Programme
from relations.policies.policy import Policy
from relations.policies.surveys import Surveys, Theme
from relations.policies.value import Condition, CurrencyGrades, Segment, ValueGrades

__all__ = [
    "BusinessCalendar",
    "Condition",
    "CurrencyGrades",
    "Desk",
    "EmotionalAccount",
    "Instrument",
    "InstrumentItem",
    "Lifecycle",
    "Limit",
    "Policy",
    "Programme",
    "Repair",
    "Segment",
    "ServiceLevels",
    "Surveys",
    "Theme",
    "ValueGrades",
]
