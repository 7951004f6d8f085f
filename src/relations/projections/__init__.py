"""Views rebuilt from the log at any time: pure folds into rows, and typed queries over them."""

from relations.projections import agenda, customers, desk, loyalty, repair, retention, satisfaction
from relations.projections.projection import CustomerRow, Projection, Row, Rows, Tally
from relations.projections.running import aliases
from relations.projections.running.runner import ProjectionStatus, Runner
from relations.projections.view import View

__all__ = [
    "PROJECTIONS",
    "CustomerRow",
    "Projection",
    "ProjectionStatus",
    "Row",
    "Rows",
    "Runner",
    "Tally",
    "View",
]

PROJECTIONS: tuple[Projection, ...] = (
    agenda.PROJECTION,
    aliases.PROJECTION,
    customers.PROJECTION,
    desk.PROJECTION,
    loyalty.PROJECTION,
    repair.PROJECTION,
    retention.PROJECTION,
    satisfaction.PROJECTION,
)
"""Every projection that ships."""
