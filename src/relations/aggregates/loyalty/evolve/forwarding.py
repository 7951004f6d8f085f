"""Folds of commands that were forwarded from a merged id: each is remembered, so that nothing is forwarded twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from relations.aggregates.loyalty.events.merges import (
    CreditForwarded,
    PurchaseForwarded,
    RefundForwarded,
    RequestForwarded,
)
from relations.aggregates.loyalty.state import Ledger
from relations.aggregates.maps import with_item
from relations.messages import Event

__all__ = ["FORWARDING", "Forwarded", "remembered_as"]

Forwarded = PurchaseForwarded | RefundForwarded | CreditForwarded | RequestForwarded


def remembered_as(event: Forwarded) -> tuple[str, str]:
    """Return the key under which something forwarded is remembered, and its content.

    A transfer has the same key as one of the account's own: its id is taken before a merge, during it and after it.
    """
    match event:
        case PurchaseForwarded():
            return f"forwarded/{event.prefix}purchase/{event.purchase}", event.into
        case RefundForwarded():
            kind = "reversal" if event.reversal else "refund"
            return f"forwarded/{event.prefix}{kind}/{event.refund}", event.into
        case CreditForwarded():
            said = f"{event.points} for {event.reason} of {event.source}"
            return f"forwarded/{event.prefix}lot/{event.lot}", said
        case RequestForwarded(request="TransferPoints"):
            earlier = event.prefix.split("/", 2)[2]
            return f"transfer/{earlier}{event.about}", f"{event.points} to {event.other}"
        case _:
            return f"forwarded/{event.prefix}{event.request}/{event.about}", f"{event.points} {event.other}"


def _forwarded(ledger: Ledger, event: Forwarded) -> Ledger:
    return replace(ledger, done=with_item(ledger.done, *remembered_as(event)))


FORWARDING: dict[type[Event], Callable[[Ledger, Any], Ledger]] = dict.fromkeys(
    (PurchaseForwarded, RefundForwarded, CreditForwarded, RequestForwarded), _forwarded
)
