"""Handovers: customers whose new owner has to take over what must not be lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from relations.aggregates.customer import CustomerAssigned, HandoverAccepted
from relations.aggregates.customer.merging import latest_handover
from relations.messages import Envelope
from relations.projections.agenda.rows import Item
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS", "drop_handovers", "with_one_handover"]

FOLDS = Folds()
_KIND = "handover"


@FOLDS.on(CustomerAssigned)
def customer_assigned(rows: Rows, event: CustomerAssigned, at: Envelope) -> None:
    """Open the handover to the new owner, in place of one that nobody accepted."""
    if event.handover:
        rows.drop(Item, at.customer, at.stream, "", f"{_KIND}/{event.previous}")
        row = rows.need(Item, at.customer, at.stream, "", f"{_KIND}/{event.owner}")
        row.kind, row.at, row.again = _KIND, event.at, at.position


@FOLDS.on(HandoverAccepted)
def handover_accepted(rows: Rows, event: HandoverAccepted, at: Envelope) -> None:
    """Close the handover."""
    rows.drop(Item, at.customer, at.stream, "", f"{_KIND}/{event.owner}")


def drop_handovers(rows: Rows, customer: str) -> None:
    """Remove the open handovers of a customer."""
    for key in [key for key, row in rows.tables[Item].items() if key[0] == customer and row.kind == _KIND]:
        rows.drop(Item, *key)


def with_one_handover(rows: Iterable[Item]) -> list[Item]:
    """Return the items with only the open handover of each customer that counts."""
    found: list[Item] = []
    opened: defaultdict[str, dict[int, Item]] = defaultdict(dict)
    for place, row in enumerate(rows):
        if row.kind == _KIND:
            opened[row.customer][place] = row
        else:
            found.append(row)
    for theirs in opened.values():
        latest = latest_handover({place: (row.at, row.again) for place, row in theirs.items()})
        found += [theirs[latest]] if latest is not None else []
    return found
