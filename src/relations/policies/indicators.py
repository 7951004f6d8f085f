"""The indicators by which the business judges its relations: their names, units, and the better direction.

How each is computed from the views is in `relations.projections.board.indicators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

__all__ = ["INDICATORS", "Better", "Indicator", "Unit", "indicator_named"]

Unit = Literal["share", "ratio", "score", "mean", "money", "count", "points"]
"""A share is from 0 to 1, and a ratio has no bounds. A score is from -100 to 100. A mean is in the unit of its scale,
money in the policy's currency in major units."""
Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A figure with a name that a goal can be set for.

    Attributes:
        name: Its name.
        unit: The unit of its values.
        better: The direction in which it improves.
        meaning: The figure in words.
        scopes: The parts of the business that it can be limited to, such as `touchpoint`.
        standing: True if it is a state at the end of a period, such as open cases; False if it counts the period.
        on_request: True if the board shows it only where a goal is set for it, or if it is asked for by name.
    """

    name: str
    unit: Unit
    better: Better
    meaning: str
    scopes: frozenset[str] = frozenset()
    standing: bool = False
    on_request: bool = False

    @property
    def bounds(self) -> tuple[Decimal | None, Decimal | None]:
        """The lowest and the highest value that it can have; None if there is no bound."""
        match self.unit:
            case "share":
                return Decimal(0), Decimal(1)
            case "score":
                return Decimal(-100), Decimal(100)
            case "money" | "ratio":
                return None, None
            case _:
                return Decimal(0), None

    def reaches(self, value: Decimal, target: Decimal) -> bool:
        """Return True if a value is at least as good as a target."""
        return value >= target if self.better == "higher" else value <= target


_CUTS = frozenset({"touchpoint", "channel", "language", "region"})
_SEVERITY = frozenset({"severity"})
_SEGMENT = frozenset({"segment"})

INDICATORS: Mapping[str, Indicator] = {
    each.name: each
    for each in (
        Indicator("nps", "score", "higher", "The net promoter score of the period's answers", _CUTS),
        Indicator("satisfaction", "share", "higher", "The share of satisfied answers (CSAT)", _CUTS),
        Indicator("retention", "share", "higher", "The share of active customers who stayed active", _SEGMENT),
        Indicator("revenue", "money", "higher", "Purchases less refunds"),
        Indicator("open_cases", "count", "lower", "Cases of every kind that are open", standing=True),
        Indicator(
            "overdue_cases", "count", "lower", "Open cases past a promise to answer or to resolve", standing=True
        ),
        Indicator("first_response_on_time", "share", "higher", "The share of complaints answered in time", _SEVERITY),
        Indicator("resolution_on_time", "share", "higher", "The share of complaints resolved in time", _SEVERITY),
        Indicator("effort", "mean", "higher", "The mean agreement that it was easy (CES)", _CUTS),
        Indicator(
            "complaint_satisfaction", "share", "higher", "The share satisfied with the handling of complaints", _CUTS
        ),
        Indicator("response_rate", "share", "higher", "The share of survey invitations that were answered"),
        Indicator("churn", "share", "lower", "The share of active customers who were lost", _SEGMENT),
        Indicator("repeat_rate", "share", "higher", "The share of buyers who had bought before", _SEGMENT),
        Indicator("average_order_value", "money", "higher", "Purchases before refunds, divided by their number"),
        Indicator(
            "lifetime_value",
            "money",
            "higher",
            "Past and expected value of a buyer, on average",
            standing=True,
            on_request=True,
        ),
        Indicator("acquisition_cost", "money", "lower", "What it costs to win a buyer", standing=True),
        Indicator("campaign_roi", "ratio", "higher", "Revenue of the campaigns that ended less cost, by cost"),
        Indicator("win_rate", "share", "higher", "The share of decided opportunities that were won"),
        Indicator(
            "weighted_pipeline", "money", "higher", "Open opportunities by the chances of their stages", standing=True
        ),
        Indicator(
            "contracts_to_renew",
            "count",
            "lower",
            "Contracts within the time of renewal, or over and neither renewed nor ended",
            standing=True,
        ),
        Indicator("trainings_on_time", "share", "higher", "The share of the staff's trainings due that were completed"),
        Indicator("reopened_cases", "share", "lower", "The share of resolved cases that were reopened"),
        Indicator("care_kept", "share", "higher", "The share of the steps of care plans that were done in time"),
        Indicator("complaint_rate", "share", "lower", "Complaints filed, divided by purchases"),
        Indicator("complaints", "count", "lower", "Complaints filed"),
        Indicator(
            "restored_relations", "share", "higher", "The share of damaged relations now restored", standing=True
        ),
        Indicator(
            "overdue_follow_ups",
            "count",
            "lower",
            "Resolved complaints whose customer should have been asked about it",
            standing=True,
        ),
        Indicator("liability", "points", "lower", "Points that members may still spend", standing=True),
    )
}
"""Every indicator by name, in the order of the board: what a manager looks at first comes first."""


def indicator_named(name: str) -> Indicator | None:
    """Return the indicator with this name, or None."""
    return INDICATORS.get(name)
