"""Forward commands under a merged id to the surviving account.

Purchases, refunds and credits have their own events, since the surviving account may answer them with no events. All
other commands of a member become one event, `RequestForwarded`. If the surviving account refuses the command, nothing
is recorded in either account. Ids from here have the prefix `merged/<customer>/` there, so a redemption made under
either id is reversed under the same id.

Commands about the account as a whole are refused, and the refusal names the surviving id: joining, leaving, clubs,
benefits, referrals and adjustments by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relations.aggregates.loyalty.commands import (
    CreditPurchase,
    EarnPoints,
    IssueReward,
    LoyaltyCommand,
    ReceivePoints,
    RedeemPoints,
    RestoreEarning,
    RestoreReferral,
    ReverseEarning,
    ReverseRedemption,
    RevokeReferral,
    RewardReferral,
    TransferPoints,
    UseReward,
)
from relations.aggregates.loyalty.decide.spending import transfer_exists
from relations.aggregates.loyalty.events.merges import (
    CreditForwarded,
    PurchaseForwarded,
    RefundForwarded,
    RequestForwarded,
)
from relations.aggregates.loyalty.evolve.forwarding import remembered_as
from relations.aggregates.loyalty.lots import merged_prefix
from relations.aggregates.loyalty.state import Account
from relations.errors import CommandRefused
from relations.messages import Event

__all__ = ["FORWARDED", "forward", "forward_credit", "forward_purchase", "forward_refund"]


def _referral_and_refund(command: RevokeReferral | RestoreReferral) -> dict[str, Any]:
    return {"about": command.referral, "other": command.refund, "purchase": command.purchase}


FORWARDED: dict[type[LoyaltyCommand], Callable[[Any], dict[str, Any]]] = {
    RedeemPoints: lambda command: {"about": command.redemption, "points": command.points, "other": command.reward},
    ReverseRedemption: lambda command: {"about": command.redemption},
    TransferPoints: lambda command: {"about": command.transfer, "points": command.points, "other": command.to},
    ReceivePoints: lambda command: {"about": command.transfer, "other": command.source, "lots": command.lots},
    IssueReward: lambda command: {"about": command.coupon, "other": command.reward},
    UseReward: lambda command: {"about": command.coupon},
    RewardReferral: lambda command: {"about": command.referral, "other": command.referred},
    RevokeReferral: _referral_and_refund,
    RestoreReferral: _referral_and_refund,
}
"""The commands forwarded as `RequestForwarded`, and the fields of the event that each fills."""


def forward(state: Account, command: LoyaltyCommand) -> list[Event]:
    """Forward a command to the surviving account.

    Raises:
        CommandRefused: Points would go from a customer to themselves, or the transfer's id was used for another one.
    """
    into = state.merged_into
    assert into is not None  # noqa: S101 - only merged accounts forward
    if into in (getattr(command, "to", None), getattr(command, "source", None)):
        raise CommandRefused(
            f"cannot transfer points between {command.customer} and {into}: they are merged into one account",
            code="account_merged",
            field="to",
            hint="Name another member",
        )
    request = RequestForwarded(
        programme=state.ledger(command.programme).programme,
        into=into,
        prefix=merged_prefix(command.customer) + getattr(command, "prefix", ""),
        request=type(command).__name__,
        **FORWARDED[type(command)](command),
    )
    what, said = remembered_as(request)
    before = state.ledger(request.programme).done.get(what)
    if before not in (None, said) and isinstance(command, TransferPoints):
        raise transfer_exists(command, before)
    return [] if before == said else [request]


def forward_purchase(state: Account, command: CreditPurchase) -> list[Event]:
    """Forward a purchase, once."""
    into, prefix = _where(state, command)
    return _once(state, PurchaseForwarded(
        programme=state.ledgers[0].programme, into=into, prefix=prefix,
        purchase=command.purchase, amount=command.amount, category=command.category, tenders=command.tenders,
    ))  # fmt: skip


def forward_refund(state: Account, command: ReverseEarning | RestoreEarning) -> list[Event]:
    """Forward a refund, or its reversal, once."""
    into, prefix = _where(state, command)
    return _once(state, RefundForwarded(
        programme=state.ledgers[0].programme, into=into, prefix=prefix, refund=command.refund,
        purchase=command.purchase, refunded=command.refunded, bought=command.bought,
        reversal=isinstance(command, RestoreEarning),
    ))  # fmt: skip


def forward_credit(state: Account, command: EarnPoints) -> list[Event]:
    """Forward points given by hand or for a remedy, once."""
    into, prefix = _where(state, command)
    return _once(state, CreditForwarded(
        programme=state.ledger(command.programme).programme, into=into, prefix=prefix, lot=command.lot,
        points=command.points, reason=command.reason, source=command.source,
        author=command.author, role=command.role,
    ))  # fmt: skip


def _where(state: Account, command: CreditPurchase | ReverseEarning | RestoreEarning | EarnPoints) -> tuple[str, str]:
    """Return the surviving account's customer, and the prefix of ids from here in that account."""
    assert state.merged_into is not None  # noqa: S101 - only merged accounts forward
    return state.merged_into, merged_prefix(command.customer) + command.prefix


def _once(state: Account, event: PurchaseForwarded | RefundForwarded | CreditForwarded) -> list[Event]:
    what, said = remembered_as(event)
    return [] if state.ledger(event.programme).done.get(what) == said else [event]
