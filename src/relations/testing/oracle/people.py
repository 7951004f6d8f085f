"""The people behind ids, found again the slow way: every merge and unmerge of a history, one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from relations.aggregates.customer import CustomerMerged, CustomerUnmerged
from relations.messages import RecordedEvent

__all__ = ["surviving_id"]


def surviving_id(history: Iterable[RecordedEvent], customer: str) -> str:
    """Return the surviving id of a customer.

    Args:
        history: Every recorded event, in the order of the log.
        customer: Any of the customer's ids.
    """
    into: dict[str, str] = {}
    for each in history:
        if isinstance(each.event, CustomerMerged):
            into[each.customer] = each.event.into
        elif isinstance(each.event, CustomerUnmerged):
            into.pop(each.customer, None)
    while customer in into:
        customer = into[customer]
    return customer
