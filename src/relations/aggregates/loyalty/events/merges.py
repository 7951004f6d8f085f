"""Events of merged accounts: two become one and two again, and commands under the merged id are forwarded."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.events.points import LoyaltyEvent
from relations.aggregates.loyalty.lots import Holdings, LotShare, Membership, MovedLot, TierStanding
from relations.messages import Money, Tender

__all__ = [
    "AccountReceived",
    "AccountReleased",
    "AccountRestored",
    "AccountReturned",
    "CreditForwarded",
    "PurchaseForwarded",
    "RefundForwarded",
    "RequestForwarded",
]


class AccountReleased(LoyaltyEvent, frozen=True):
    """Everything in this ledger went to the account of another customer id of the same person."""

    topic: ClassVar[str] = "loyalty.account_released"
    merge: str
    into: str
    holdings: Holdings


class AccountReceived(LoyaltyEvent, frozen=True):
    """Everything in another account of the same person came to this one.

    Attributes:
        merge: The merge's id.
        source: The other account's customer.
        holdings: The contents of the other ledger. In this account, the ids in it have the prefix `merged/<source>/`.
        enrolled: There was no membership here before.
        tier: The tier from now on: the higher of the two, or the one that both earned together.
        reopened: The account here was closed, and is open again with the one that came.
        reached_at: When both together reached a tier that neither had alone, UTC microseconds; 0 where one had it.
        month: The last month of the window in which they did. If empty, the latest month that either account knew.
    """

    topic: ClassVar[str] = "loyalty.account_received"
    merge: str
    source: str
    holdings: Holdings
    enrolled: bool = False
    tier: str | None = None
    reopened: bool = False
    reached_at: int = 0
    month: str = ""


class AccountReturned(LoyaltyEvent, frozen=True):
    """A merge was reversed: what came with it, as far as it is left, went back.

    Attributes:
        merge: The merge's id.
        to: The other account's customer.
        holdings: What went back.
        lots: The lots here that it was taken from.
        tier: The tier of the account here from now on.
        undone: Nothing had happened since the merge, and everything here is as it was before it.
        clubs: The clubs here that went with it.
        membership: The customer's own membership; None leaves it as the merge made it.
        standing: The standing of that tier; None leaves it as the merge made it.
    """

    topic: ClassVar[str] = "loyalty.account_returned"
    merge: str
    to: str
    holdings: Holdings
    lots: tuple[LotShare, ...] = ()
    tier: str | None = None
    undone: bool = False
    clubs: tuple[str, ...] = ()
    membership: Membership | None = None
    standing: TierStanding | None = None


class AccountRestored(LoyaltyEvent, frozen=True):
    """The account is separate again, with what came back from the other one."""

    topic: ClassVar[str] = "loyalty.account_restored"
    merge: str
    source: str
    holdings: Holdings


class PurchaseForwarded(LoyaltyEvent, frozen=True):
    """A purchase under a merged id was forwarded to the surviving account, where it earns.

    Attributes:
        into: The surviving account's customer.
        prefix: The prefix of its lot's id there.
        purchase: The purchase.
        amount: The amount paid.
        category: The purchase's category.
        tenders: The parts of the amount by how they were paid; empty where that is not known.
    """

    topic: ClassVar[str] = "loyalty.purchase_forwarded"
    into: str
    prefix: str
    purchase: str
    amount: Money
    category: str | None = None
    tenders: tuple[Tender, ...] = ()


class RefundForwarded(LoyaltyEvent, frozen=True):
    """A refund under a merged id was forwarded to the surviving account, where it takes points back.

    Attributes:
        into: The surviving account's customer.
        prefix: The prefix of the lot's id there.
        refund: The refund's id.
        purchase: The purchase refunded.
        refunded: The running total of what is refunded of it, in minor units.
        bought: The amount of the purchase, in minor units.
        reversal: The refund was reversed, and the points are given back.
    """

    topic: ClassVar[str] = "loyalty.refund_forwarded"
    into: str
    prefix: str
    refund: str
    purchase: str
    refunded: int
    bought: int
    reversal: bool = False


class CreditForwarded(LoyaltyEvent, frozen=True):
    """Points given by hand or for a remedy under a merged id were forwarded to the surviving account."""

    topic: ClassVar[str] = "loyalty.credit_forwarded"
    into: str
    prefix: str
    lot: str
    points: int
    reason: str
    source: str | None = None
    author: str | None = None
    role: str | None = None


class RequestForwarded(LoyaltyEvent, frozen=True):
    """A command under a merged id was forwarded to the surviving account. If that refuses it, nothing is recorded.

    Attributes:
        into: The surviving account's customer.
        prefix: The prefix of ids from here in the surviving account.
        request: The command's name, such as `RedeemPoints`.
        about: The redemption, transfer, coupon or referral.
        points: The points asked for.
        other: The reward, the other member, or the refund.
        lots: The lots of an incoming transfer.
        purchase: The purchase that was refunded.
    """

    topic: ClassVar[str] = "loyalty.request_forwarded"
    into: str
    prefix: str
    request: str
    about: str
    points: int = 0
    other: str | None = None
    lots: tuple[MovedLot, ...] = ()
    purchase: str | None = None
