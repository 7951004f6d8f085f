"""Folds of contracts: each open item is the end of a contract, some time before which its renewal is due."""

from __future__ import annotations

from datetime import date

from relations.aggregates.opportunity import ContractEnded, ContractRenewed, OpportunityWon
from relations.messages import Envelope
from relations.projections.agenda.rows import Item
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS"]

FOLDS = Folds()


@FOLDS.on(OpportunityWon, ContractRenewed)
def contract_runs(rows: Rows, event: OpportunityWon | ContractRenewed, at: Envelope) -> None:
    """Set the end of a contract that has one."""
    if event.ends is not None:
        item = rows.need(Item, at.customer, at.stream, "", "contract")
        item.kind, item.at = "contract", rows.local.start(date.fromisoformat(event.ends))


@FOLDS.on(ContractEnded)
def contract_ended(rows: Rows, _event: ContractEnded, at: Envelope) -> None:
    """Close the item: nobody renews a contract that was ended."""
    rows.drop(Item, at.customer, at.stream, "", "contract")
