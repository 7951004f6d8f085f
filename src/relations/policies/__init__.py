"""The policy of the business as data: one pydantic model for each subject, combined in `Policy`."""

from relations.policies.care import Care
from relations.policies.care_plans.festivals import Festival, festivals
from relations.policies.care_plans.plan import CarePlan, CareStep, CareTemplate
from relations.policies.care_plans.shipped import CARE_PLANS
from relations.policies.complaints.authority import Desk, Limit
from relations.policies.complaints.business_calendar import BusinessCalendar, OwnDay
from relations.policies.complaints.repair import EmotionalAccount, Repair, SeverityWeights
from relations.policies.complaints.service_levels import (
    DayCount,
    EscalationStep,
    GradeLevels,
    KindLevel,
    ServiceLevel,
    ServiceLevels,
)
from relations.policies.facts import FACTS
from relations.policies.instruments import Instrument, InstrumentItem
from relations.policies.lifecycle import Lifecycle, LoyaltyKinds, OwnGap, Rfm, RfmBins, RfmSegment
from relations.policies.loyalty.offers import Campaign, Referral, Reward, Tier
from relations.policies.loyalty.programme import Programme
from relations.policies.loyalty.windows import CalendarYear, EndOfPeriod, Inactivity, Lifetime, RollingMonths
from relations.policies.personal_data import PersonalData
from relations.policies.policy import Policy
from relations.policies.sales.pipeline import Pipeline, PipelineStage
from relations.policies.surveys import PlatformPromise, Surveys, Theme
from relations.policies.value import Condition, CurrencyGrades, Segment, ValueGrades

__all__ = [
    "CARE_PLANS",
    "FACTS",
    "BusinessCalendar",
    "CalendarYear",
    "Campaign",
    "Care",
    "CarePlan",
    "CareStep",
    "CareTemplate",
    "Condition",
    "CurrencyGrades",
    "DayCount",
    "Desk",
    "EmotionalAccount",
    "EndOfPeriod",
    "EscalationStep",
    "Festival",
    "GradeLevels",
    "Inactivity",
    "Instrument",
    "InstrumentItem",
    "KindLevel",
    "Lifecycle",
    "Lifetime",
    "Limit",
    "LoyaltyKinds",
    "OwnDay",
    "OwnGap",
    "PersonalData",
    "Pipeline",
    "PipelineStage",
    "PlatformPromise",
    "Policy",
    "Programme",
    "Referral",
    "Repair",
    "Reward",
    "Rfm",
    "RfmBins",
    "RfmSegment",
    "RollingMonths",
    "Segment",
    "ServiceLevel",
    "ServiceLevels",
    "SeverityWeights",
    "Surveys",
    "Theme",
    "Tier",
    "ValueGrades",
    "festivals",
]
