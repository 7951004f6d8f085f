"""What comes under an id that is merged into another goes on to the account that has it all now.

Purchases, refunds and credits have events of their own, for they are answered with nothing where they earn nothing.
What a member asks for is one event, `RequestForwarded`: the surviving account does it or refuses it, and with a refusal
nothing of it is recorded in either. Ids from here bear `merged/<customer>/` there, so a redemption made under either id
is undone under the same.

What concerns the account as a whole (joining, leaving, clubs, benefits, recommendations, adjustments by hand) is
refused with the surviving id: whoever asks for that is to know whose account it is.
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
from relations.aggregates.loyalty.evolve.dealings import forwarded_as, forwarded_request
from relations.aggregates.loyalty.lots import merged_prefix
from relations.aggregates.loyalty.state import Account
from relations.errors import CommandRefused
from relations.messages import Event

__all__ = ["FORWARDED", "forward", "forward_credit", "forward_purchase", "forward_refund"]

FORWARDED: dict[type[LoyaltyCommand], Callable[[Any], dict[str, Any]]] = {
    RedeemPoints: lambda command: {"about": command.redemption, "points": command.points, "other": command.reward},
    ReverseRedemption: lambda command: {"about": command.redemption},
    TransferPoints: lambda command: {"about": command.transfer, "points": command.points, "other": command.to},
    ReceivePoints: lambda command: {"about": command.transfer, "other": command.source, "lots": command.lots},
    IssueReward: lambda command: {"about": command.coupon, "other": command.reward},
    UseReward: lambda command: {"about": command.coupon},
    RewardReferral: lambda command: {"about": command.referral, "other": command.referred},
    RevokeReferral: lambda command: {"about": command.referral, "other": command.refund, "purchase": command.purchase},
}
"""The commands that are forwarded, and what is said of each."""


def forward(state: Account, command: LoyaltyCommand) -> list[Event]:
    """Asks it of the surviving account.

    Raises:
        CommandRefused: Points would go from a customer to themselves, or the transfer's id was used for another one.
    """
    into = state.merged_into
    assert into is not None  # noqa: S101 - only merged accounts forward
    if into in (getattr(command, "to", None), getattr(command, "source", None)):
        raise CommandRefused(
            f"{command.customer} is merged into {into}: the points would stay where they are",
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
    what, said = forwarded_request(request)
    before = state.ledger(request.programme).dealings.done.get(what)
    if before not in (None, said) and isinstance(command, TransferPoints):
        raise transfer_exists(command, before)
    return [] if before == said else [request]


def forward_purchase(state: Account, command: CreditPurchase) -> list[Event]:
    """A purchase goes on to the surviving account; nothing where it has."""
    into, prefix = _where(state, command)
    return _once(state, PurchaseForwarded(
        programme=state.ledgers[0].programme, into=into, prefix=prefix,
        purchase=command.purchase, amount=command.amount, category=command.category,
    ))  # fmt: skip


def forward_refund(state: Account, command: ReverseEarning) -> list[Event]:
    """A refund goes on to the surviving account; nothing where it has."""
    into, prefix = _where(state, command)
    return _once(state, RefundForwarded(
        programme=state.ledgers[0].programme, into=into, prefix=prefix, refund=command.refund,
        purchase=command.purchase, refunded=command.refunded, bought=command.bought,
    ))  # fmt: skip


def forward_credit(state: Account, command: EarnPoints) -> list[Event]:
    """Points by hand or for a remedy go on to the surviving account; nothing where they have."""
    into, prefix = _where(state, command)
    return _once(state, CreditForwarded(
        programme=state.ledger(command.programme).programme, into=into, prefix=prefix, lot=command.lot,
        points=command.points, reason=command.reason, source=command.source,
        author=command.author, role=command.role,
    ))  # fmt: skip


def _where(state: Account, command: CreditPurchase | ReverseEarning | EarnPoints) -> tuple[str, str]:
    """The surviving account, and what ids from here begin with there."""
    assert state.merged_into is not None  # noqa: S101 - only merged accounts forward
    return state.merged_into, merged_prefix(command.customer) + command.prefix


def _once(state: Account, event: PurchaseForwarded | RefundForwarded | CreditForwarded) -> list[Event]:
    what, said = forwarded_as(event)
    return [] if state.ledger(event.programme).dealings.done.get(what) == said else [event]
