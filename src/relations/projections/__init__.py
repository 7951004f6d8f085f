"""Views rebuilt from the log at any time: pure folds into rows, and typed queries over them."""

from relations.projections import (
    agenda,
    board,
    campaigns,
    care,
    contacts,
    customers,
    desk,
    forecasts,
    loyalty,
    pipeline,
    posts,
    recommendations,
    repair,
    retention,
    satisfaction,
    team,
    ties,
)
from relations.projections.agenda.view import AgendaView
from relations.projections.board.view import BoardView
from relations.projections.campaigns.view import CampaignsView
from relations.projections.care.view import CareView
from relations.projections.contacts.view import ContactsView
from relations.projections.customers.view import CustomersView
from relations.projections.desk.view import DeskView
from relations.projections.forecasts.view import ForecastsView
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.pipeline.view import PipelineView
from relations.projections.posts.view import PostsView
from relations.projections.projection import CustomerRow, Projection, Row, Rows, Tally
from relations.projections.recommendations.view import RecommendationsView
from relations.projections.repair.view import RepairView
from relations.projections.retention.view import RetentionView
from relations.projections.running import aliases
from relations.projections.running.runner import ProjectionStatus, Runner
from relations.projections.satisfaction.view import SatisfactionView
from relations.projections.team.view import TeamView
from relations.projections.ties.view import TiesView
from relations.projections.view import View, ViewContext

__all__ = [
    "PROJECTIONS",
    "VIEWS",
    "CustomerRow",
    "Projection",
    "ProjectionStatus",
    "Row",
    "Rows",
    "Runner",
    "Tally",
    "View",
    "ViewContext",
]

PROJECTIONS: tuple[Projection, ...] = (
    agenda.PROJECTION,
    aliases.PROJECTION,
    board.PROJECTION,
    campaigns.PROJECTION,
    care.PROJECTION,
    contacts.PROJECTION,
    customers.PROJECTION,
    desk.PROJECTION,
    forecasts.PROJECTION,
    loyalty.PROJECTION,
    pipeline.PROJECTION,
    posts.PROJECTION,
    recommendations.PROJECTION,
    repair.PROJECTION,
    retention.PROJECTION,
    satisfaction.PROJECTION,
    team.PROJECTION,
    ties.PROJECTION,
)
"""Every projection that ships."""

VIEWS: tuple[type[View], ...] = (
    AgendaView,
    BoardView,
    CampaignsView,
    CareView,
    ContactsView,
    CustomersView,
    DeskView,
    ForecastsView,
    LoyaltyView,
    PipelineView,
    PostsView,
    RecommendationsView,
    RepairView,
    RetentionView,
    SatisfactionView,
    TeamView,
    TiesView,
)
"""The class of every view that ships. An engine's `views` has each under the name of its projection."""
