"""Retention: lifecycle, cohorts, value, segments and churn."""

from relations.projections.retention.acquisition import AcquisitionFigure
from relations.projections.retention.activity import Activity
from relations.projections.retention.churn import ChurnMonth, ChurnReason, ChurnReport, CustomerDeparture
from relations.projections.retention.clusters.figures import (
    ClusterFigure,
    ClustersReport,
    ClusterTrait,
    ComparedNumber,
    CustomerCluster,
)
from relations.projections.retention.clusters.fits import ClustersInUse
from relations.projections.retention.clusters.rows import RecordedClusters
from relations.projections.retention.cohorts import Cohort, CohortMonth
from relations.projections.retention.loyalty_kinds import CustomerKind, KindsReport, KindStep, LoyaltyKind, LoyaltySigns
from relations.projections.retention.patronage import PROJECTION, Patronage
from relations.projections.retention.purchases import CustomerProfile, Spending
from relations.projections.retention.revenue import CohortRevenue, CohortRevenueMonth, RevenueRetention
from relations.projections.retention.rfm import RfmReport, RfmScore, RfmSegmentSize
from relations.projections.retention.segments import SegmentFigure
from relations.projections.retention.stages import CustomerStage, LifecycleReport, PeriodCustomer, PeriodRates, Stage
from relations.projections.retention.value_grades import CustomerGrade, GradeSize, GradesReport
from relations.projections.retention.view import RetentionView
from relations.projections.retention.worth.lifetime_value import CustomerWorth, NoExpectation, WorthReport

__all__ = [
    "PROJECTION",
    "AcquisitionFigure",
    "Activity",
    "ChurnMonth",
    "ChurnReason",
    "ChurnReport",
    "ClusterFigure",
    "ClusterTrait",
    "ClustersInUse",
    "ClustersReport",
    "Cohort",
    "CohortMonth",
    "CohortRevenue",
    "CohortRevenueMonth",
    "ComparedNumber",
    "CustomerCluster",
    "CustomerDeparture",
    "CustomerGrade",
    "CustomerKind",
    "CustomerProfile",
    "CustomerStage",
    "CustomerWorth",
    "GradeSize",
    "GradesReport",
    "KindStep",
    "KindsReport",
    "LifecycleReport",
    "LoyaltyKind",
    "LoyaltySigns",
    "NoExpectation",
    "Patronage",
    "PeriodCustomer",
    "PeriodRates",
    "RecordedClusters",
    "RetentionView",
    "RevenueRetention",
    "RfmReport",
    "RfmScore",
    "RfmSegmentSize",
    "SegmentFigure",
    "Spending",
    "Stage",
    "WorthReport",
]
