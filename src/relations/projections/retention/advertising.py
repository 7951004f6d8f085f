"""The costs of campaigns, as a part of the cost of winning customers. They are spent on nobody in particular.

The kind of a campaign is kept with them, because `win_back` wins no new customers.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.aggregates.campaign import CampaignCostCancelled, CampaignCostRecorded, CampaignPlanned
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Folds, Rows

__all__ = ["FOLDS", "CampaignSpending", "SpentLine"]

FOLDS = Folds()


class SpentLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A cost of a campaign.

    Attributes:
        at: Business time, UTC microseconds.
        cost: Its id.
        amount: Minor units.
        currency: ISO 4217.
        channel: The channel that it was spent on; empty if it was not recorded.
    """

    at: int
    cost: str
    amount: int
    currency: str
    channel: str = ""


class CampaignSpending(CustomerRow, gc=False):
    """The costs of a campaign. It belongs to no customer: `customer` is empty.

    Attributes:
        campaign: Its id.
        lines: The costs, the earliest first.
        kind: Its kind as last planned; empty before.
    """

    table: ClassVar[str] = "campaign_costs"
    key: ClassVar[tuple[str, ...]] = ("customer", "campaign")
    campaign: str
    lines: list[SpentLine] = msgspec.field(default_factory=list)
    kind: str = ""


def _row(rows: Rows, envelope: Envelope) -> CampaignSpending:
    return rows.need(CampaignSpending, "", envelope.stream.removeprefix("campaign-"))


@FOLDS.on(CampaignPlanned)
def campaign_planned(rows: Rows, event: CampaignPlanned, envelope: Envelope) -> None:
    """Keep the kind."""
    _row(rows, envelope).kind = event.kind


@FOLDS.on(CampaignCostRecorded)
def campaign_cost_recorded(rows: Rows, event: CampaignCostRecorded, envelope: Envelope) -> None:
    """Add a cost."""
    row, money = _row(rows, envelope), event.amount
    line = SpentLine(event.at, event.cost, money.amount, money.currency, event.channel or "")
    row.lines = sorted([*row.lines, line])


@FOLDS.on(CampaignCostCancelled)
def campaign_cost_cancelled(rows: Rows, event: CampaignCostCancelled, envelope: Envelope) -> None:
    """Remove a cost, as if it had never been recorded."""
    row = _row(rows, envelope)
    row.lines = [line for line in row.lines if line.cost != event.cost]
