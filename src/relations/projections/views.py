"""The views of an engine, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from relations.errors import InvalidInput
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
from relations.projections.projection import Projection
from relations.projections.recommendations.view import RecommendationsView
from relations.projections.repair.view import RepairView
from relations.projections.retention.view import RetentionView
from relations.projections.satisfaction.view import SatisfactionView
from relations.projections.team.view import TeamView
from relations.projections.ties.view import TiesView
from relations.projections.view import View, ViewContext

__all__ = ["Views"]

V = TypeVar("V", bound=View)


class Views:
    """The views of one engine. Each folds new events into its tables before it answers.

    Args:
        context: Everything that a view is given.
        kinds: The classes of the views. Each is an attribute with the name of its projection.

    Attributes:
        satisfaction: The results of surveys.
        retention: Customers who stay, customers who leave, and their value.
        repair: Damaged relations, and the progress of their repair.
        agenda: Everything that falls due.
        board: The indicators of the business against its goals.
        loyalty: The points, tiers and rewards of members, and the liability.
        desk: The work list of the complaint desk, and its results.
        customers: Customers by any of their ids or words, their consents, audiences, and likely duplicates.
        care: Care plans: what is due, what was kept, and the plans of a customer.
        contacts: Contact between the business and its customers.
        campaigns: Campaigns, their offers and their results.
        posts: What people post about the business in public, and which posts wait for an answer.
        pipeline: Opportunities, those won and lost, and contracts.
        forecasts: The purchases and the revenue expected month by month.
        recommendations: Products that a customer would want, by association rules over baskets.
        team: Staff and their work: figures, trainings, tenure, and who fits a customer.
        ties: The ladder of relationships, owners and handovers, contacts of organisations, and files.
    """

    satisfaction: SatisfactionView
    retention: RetentionView
    repair: RepairView
    agenda: AgendaView
    board: BoardView
    campaigns: CampaignsView
    loyalty: LoyaltyView
    desk: DeskView
    customers: CustomersView
    care: CareView
    contacts: ContactsView
    posts: PostsView
    pipeline: PipelineView
    forecasts: ForecastsView
    recommendations: RecommendationsView
    team: TeamView
    ties: TiesView

    def __init__(self, context: ViewContext, kinds: Sequence[type[View]]) -> None:
        self._add(kinds, lambda _projection: context)

    def _add(self, kinds: Sequence[type[View]], context_of: Callable[[Projection], ViewContext]) -> None:
        made: dict[type[View], View] = {}

        def make(kind: type[View]) -> View:
            if kind not in made:
                made[kind] = kind(context_of(kind.projection), *map(make, kind.reads))
            return made[kind]

        for kind in kinds:
            name = kind.projection.name
            setattr(self, kind.__name__ if name in vars(self) else name, make(kind))

    def of(self, kind: type[V]) -> V:
        """Return the view of a class, also a host's own.

        Raises:
            InvalidInput: The engine was opened without it.
        """
        view = next((view for view in vars(self).values() if type(view) is kind), None)
        if not isinstance(view, kind):
            raise InvalidInput(
                f"the engine was opened without the view {kind.__name__}",
                code="unknown_view",
                field="kind",
                hint=f"Open it with views=(*VIEWS, {kind.__name__})",
            )
        return view
