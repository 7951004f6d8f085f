"""What happens when two accounts of one person become one, and two again; and what comes under the merged id."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.events.points import LoyaltyEvent
from relations.aggregates.loyalty.lots import Holdings, LotShare, Membership, MovedLot, TierStanding
from relations.messages import Money

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
    """All that the account had in this programme goes to another customer's, which is the same person's."""

    topic: ClassVar[str] = "loyalty.account_released"
    merge: str
    into: str
    holdings: Holdings


class AccountReceived(LoyaltyEvent, frozen=True):
    """All that another account of the same person had is here now.

    Attributes:
        merge: The merge's id.
        source: The other account's customer.
        holdings: What came, as it was there. Its lots, earnings and redemptions bear `merged/<source>/` here.
        enrolled: There was no membership here before.
        tier: The tier from now on: the highest of both, and of what both earn together.
        reopened: The account here was closed; the member who comes is one here.
        reached_at: When both together reached the tier that neither had alone, UTC microseconds; 0 where one had it.
        month: The last month of the window in which they did; empty is the latest that either account had heard of.
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
    """A merge was a mistake: what came with it, and is left of it, goes back.

    Attributes:
        merge: The merge's id.
        to: The other account's customer.
        holdings: What goes back.
        lots: The lots here that it is taken from.
        tier: The tier that the account has here from now on.
        undone: Nothing had happened in between: everything here is as it was before the merge.
        clubs: The clubs here that go with it.
        membership: Whether the customer is a member here without it; None leaves that as the merge made it.
        standing: What that tier rests on; None leaves that as the merge made it.
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
    """The account is its own again, with what came back from the other."""

    topic: ClassVar[str] = "loyalty.account_restored"
    merge: str
    source: str
    holdings: Holdings


class PurchaseForwarded(LoyaltyEvent, frozen=True):
    """A purchase came under an id that is merged into another: it is credited there.

    Attributes:
        into: The surviving account's customer.
        prefix: What its lot's id begins with there.
        purchase: The purchase.
        amount: What it cost.
        category: Of which category it is.
    """

    topic: ClassVar[str] = "loyalty.purchase_forwarded"
    into: str
    prefix: str
    purchase: str
    amount: Money
    category: str | None = None


class RefundForwarded(LoyaltyEvent, frozen=True):
    """A refund came under an id that is merged into another: it is taken back there."""

    topic: ClassVar[str] = "loyalty.refund_forwarded"
    into: str
    prefix: str
    refund: str
    purchase: str
    refunded: int
    bought: int


class CreditForwarded(LoyaltyEvent, frozen=True):
    """Points by hand or for a remedy came under an id that is merged into another: they are credited there."""

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
    """Something was asked under an id that is merged into another: it is done there, or refused with it.

    Attributes:
        into: The surviving account's customer.
        prefix: What ids from here begin with there.
        request: The command's name, such as `RedeemPoints`.
        about: The redemption, transfer, coupon or referral.
        points: How many.
        other: The reward, the other member, or the refund.
        lots: The lots of a transfer that comes.
        purchase: The purchase that was given back.
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
