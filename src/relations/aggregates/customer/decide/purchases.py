"""The rules of purchases, refunds and reversed refunds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.commands import RecordPurchase, RefundPurchase, ReinstatePurchase, ReverseRefund
from relations.aggregates.customer.decide.refusals import id_reused, making_known
from relations.aggregates.customer.events import PurchaseRecorded, PurchaseRefunded, RefundReversed
from relations.aggregates.customer.state import Customer
from relations.errors import CommandRefused
from relations.messages import Command, Event, Money, from_micros

__all__ = ["PURCHASE_RULES"]


def _record_purchase(state: Customer, command: RecordPurchase) -> list[Event]:
    event = PurchaseRecorded(
        purchase=command.purchase,
        amount=command.amount,
        category=command.category,
        touchpoint=command.touchpoint,
        channel=command.channel,
        discounted=command.discounted,
        at=command.at,
        tenders=command.tenders,
        campaign=command.campaign,
        partner=command.partner,
        lines=command.lines,
        rest=command.rest,
        cost=command.cost,
    )
    recorded = state.purchases.get(command.purchase)
    if recorded is None:
        return making_known(state, command, event, command.channel)
    if recorded == event:
        return []
    hint = None
    if recorded.amount.amount and state.refunded.get(command.purchase) == recorded.amount.amount:
        hint = "Send ReinstatePurchase if the cancelled purchase was completed after all, or use a new id"
    raise id_reused("purchase", command.purchase, hint)


def _refund_purchase(state: Customer, command: RefundPurchase) -> list[Event]:
    at, amount = command.at, command.amount
    recorded = state.refunds.get(command.refund)
    if recorded is not None:
        said = (command.purchase, amount, command.reason, at)
        if (recorded.purchase, recorded.amount, recorded.reason, recorded.at) == said:
            return []
        hint = "Give the new refund an id of its own" if command.refund in state.reversed else None
        raise id_reused("refund", command.refund, hint)
    purchase = state.purchases.get(command.purchase)
    if purchase is None:
        raise CommandRefused(
            f"cannot refund the purchase {command.purchase}: the customer {command.customer} has no such purchase",
            code="refund_names_no_purchase",
            field="purchase",
            hint="Record it first (RecordPurchase), or correct the purchase id",
        )
    bought = purchase.amount
    if amount.currency != bought.currency:
        raise CommandRefused(
            f"cannot refund {amount.currency}: the purchase {command.purchase} was paid in {bought.currency}",
            code="refund_currency_differs",
            field="amount",
            hint=f"Give the refund in {bought.currency}",
        )
    refunded = state.refunded.get(command.purchase, 0) + amount.amount
    if refunded > bought.amount:
        left = Money(bought.amount - refunded + amount.amount, bought.currency)
        raise CommandRefused(
            f"cannot refund {amount} of the purchase {command.purchase} ({bought}): at most {left} is left to refund",
            code="refund_exceeds_purchase",
            field="amount",
            hint=f"Refund at most {left}",
        )
    return [
        PurchaseRefunded(
            refund=command.refund,
            purchase=command.purchase,
            amount=amount,
            refunded=refunded,
            bought=bought.amount,
            bought_at=purchase.at,
            reason=command.reason,
            at=at,
            cost=_cost_taken_back(state, purchase, refunded),
        )
    ]


def _cost_taken_back(state: Customer, purchase: PurchaseRecorded, refunded: int) -> int | None:
    """Return the cost that a refund takes back: together, the refunds take back the same share as of the amount."""
    if purchase.cost is None:
        return None
    before = sum(
        refund.cost or 0
        for name, refund in state.refunds.items()
        if refund.purchase == purchase.purchase and name not in state.reversed
    )
    return max(0, purchase.cost.amount * refunded // purchase.amount.amount - before)


def _reverse_refund(state: Customer, command: ReverseRefund) -> list[Event]:
    refund = state.refunds.get(command.refund)
    if refund is None:
        raise CommandRefused(
            f"cannot reverse the refund {command.refund}: the customer {command.customer} has no such refund",
            code="unknown_refund",
            field="refund",
            hint="Name a refund that is recorded for this customer",
        )
    if command.refund in state.reversed:
        return []
    left = state.refunded.get(refund.purchase, 0) - refund.amount.amount
    return [_reversed(command, refund, left)]


def _reinstate_purchase(state: Customer, command: ReinstatePurchase) -> list[Event]:
    purchase = state.purchases.get(command.purchase)
    if purchase is None:
        raise CommandRefused(
            f"cannot reinstate the purchase {command.purchase}: the customer {command.customer} has no such purchase",
            code="unknown_purchase",
            field="purchase",
            hint="Record it first (RecordPurchase)",
        )
    refunded = state.refunded.get(command.purchase, 0)
    if not refunded and any(each.reinstated and each.purchase == command.purchase for each in state.reversed.values()):
        return []
    if not refunded or refunded < purchase.amount.amount:
        raise CommandRefused(
            f"cannot reinstate the purchase {command.purchase}: it has not been refunded in full",
            code="purchase_not_cancelled",
            field="purchase",
            hint="Reverse a partial refund by itself (ReverseRefund)",
        )
    events: list[Event] = []
    for name, refund in sorted(state.refunds.items(), key=lambda item: (item[1].refunded, item[0]), reverse=True):
        if refund.purchase == command.purchase and name not in state.reversed:
            refunded -= refund.amount.amount
            events.append(_reversed(command, refund, refunded, reinstated=True))
    return events


def _reversed(
    command: ReverseRefund | ReinstatePurchase,
    refund: PurchaseRefunded,
    left: int,
    *,
    reinstated: bool = False,
) -> RefundReversed:
    if command.at < refund.at:
        raise CommandRefused(
            f"cannot reverse the refund {refund.refund} before it was made, on {from_micros(refund.at).isoformat()}",
            code="before_refund",
            field="occurred_at",
            hint="Date the reversal after the refund",
        )
    return RefundReversed(
        refund=refund.refund,
        purchase=refund.purchase,
        amount=refund.amount,
        refunded=left,
        bought=refund.bought,
        bought_at=refund.bought_at,
        refunded_at=max(refund.at, refund.bought_at),
        reinstated=reinstated,
        reason=command.reason,
        at=command.at,
        cost=refund.cost,
    )


PURCHASE_RULES: Mapping[type[Command], Callable[[Customer, Any], list[Event]]] = {
    RecordPurchase: _record_purchase,
    RefundPurchase: _refund_purchase,
    ReverseRefund: _reverse_refund,
    ReinstatePurchase: _reinstate_purchase,
}
