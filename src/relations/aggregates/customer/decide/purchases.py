"""Purchases and refunds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.commands import RecordPurchase, RefundPurchase
from relations.aggregates.customer.decide.refusals import id_reused, making_known
from relations.aggregates.customer.events import PurchaseRecorded, PurchaseRefunded
from relations.aggregates.customer.state import Customer
from relations.errors import CommandRefused
from relations.messages import Command, Event, Money

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
    )
    recorded = state.purchases.get(command.purchase)
    if recorded is None:
        return making_known(state, command, event, command.channel)
    if recorded == event:
        return []
    raise id_reused("purchase", command.purchase)


def _refund_purchase(state: Customer, command: RefundPurchase) -> list[Event]:
    at, amount = command.at, command.amount
    recorded = state.refunds.get(command.refund)
    if recorded is not None:
        if (recorded.purchase, recorded.amount, recorded.reason, recorded.at) == (
            command.purchase,
            amount,
            command.reason,
            at,
        ):
            return []
        raise id_reused("refund", command.refund)
    purchase = state.purchases.get(command.purchase)
    if purchase is None:
        raise CommandRefused(
            f"no purchase {command.purchase} of the customer {command.customer} is recorded",
            code="refund_names_no_purchase",
            field="purchase",
            hint="Record the purchase first, or name the one that is given back",
        )
    bought = purchase.amount
    if amount.currency != bought.currency:
        raise CommandRefused(
            f"the purchase {command.purchase} was paid in {bought.currency}, not in {amount.currency}",
            code="refund_currency_differs",
            field="amount",
            hint=f"Give the refund in {bought.currency}",
        )
    refunded = state.refunded.get(command.purchase, 0) + amount.amount
    if refunded > bought.amount:
        left = Money(bought.amount - refunded + amount.amount, bought.currency)
        raise CommandRefused(
            f"of the purchase {command.purchase} ({bought}) at most {left} can still be given back, not {amount}",
            code="refund_exceeds_purchase",
            field="amount",
            hint=f"Give back at most {left}",
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
        )
    ]


PURCHASE_RULES: Mapping[type[Command], Callable[[Customer, Any], list[Event]]] = {
    RecordPurchase: _record_purchase,
    RefundPurchase: _refund_purchase,
}
