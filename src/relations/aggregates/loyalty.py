"""A member's account: a ledger of lots, in whole points.

Stream `loyalty-<customer id>`. Order of this module: events, commands, state, evolve, decide.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from pydantic import Field

from relations.messages import Command, Event, Id, Label, Money

# --- events ---------------------------------------------------------------------------------------------------------


class LotShare(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many points of one lot."""

    lot: str
    points: int


class MemberEnrolled(Event, frozen=True):
    """The customer joined the programme."""

    topic: ClassVar[str] = "loyalty.member_enrolled"
    programme: str


class PointsEarned(Event, frozen=True):
    """A lot of points was credited.

    Attributes:
        lot: The lot's id, unique in the account.
        points: Spendable points, more than 0.
        qualifying: Points that count towards a tier.
        active_from: From when they can be spent, UTC microseconds.
        expires_at: When what is left of them expires (then no longer spendable), UTC microseconds; None is never.
        reason: purchase, remedy or bonus.
        source: The purchase or complaint that they were earned by.
        policy: The version of the policy that they were earned under.
    """

    topic: ClassVar[str] = "loyalty.points_earned"
    lot: str
    points: int
    qualifying: int
    active_from: int
    reason: str
    policy: int
    expires_at: int | None = None
    source: str | None = None


class PointsRedeemed(Event, frozen=True):
    """Points were spent: soonest to expire first, then oldest, then by lot id."""

    topic: ClassVar[str] = "loyalty.points_redeemed"
    redemption: str
    points: int
    lots: tuple[LotShare, ...]
    reward: str | None = None


class PointsExpired(Event, frozen=True):
    """What was left of these lots is gone."""

    topic: ClassVar[str] = "loyalty.points_expired"
    points: int
    lots: tuple[LotShare, ...]


class EarningReversed(Event, frozen=True):
    """A refund took points back from the lots named.

    Attributes:
        refund: The refund that did it; one refund reverses once.
        purchase: The purchase refunded.
        points: Taken from lots now; what no lot could give is a debt of its own event.
        qualifying: Qualifying points taken back.
    """

    topic: ClassVar[str] = "loyalty.earning_reversed"
    refund: str
    purchase: str
    points: int
    qualifying: int
    lots: tuple[LotShare, ...]


class DebtIncurred(Event, frozen=True):
    """The account owes points: a refund came after they were spent or expired."""

    topic: ClassVar[str] = "loyalty.debt_incurred"
    points: int
    refund: str


class DebtRepaid(Event, frozen=True):
    """Part of a new lot went to repay a debt."""

    topic: ClassVar[str] = "loyalty.debt_repaid"
    points: int
    lot: str


class TierReached(Event, frozen=True):
    """The member rose to a tier.

    Attributes:
        qualifying: The qualifying points that earned it.
    """

    topic: ClassVar[str] = "loyalty.tier_reached"
    tier: str
    qualifying: int
    previous: str | None = None


class TierLost(Event, frozen=True):
    """The member fell from a tier, to `next` or to none."""

    topic: ClassVar[str] = "loyalty.tier_lost"
    tier: str
    qualifying: int
    next: str | None = None


# --- commands -------------------------------------------------------------------------------------------------------

Points = Annotated[int, Field(strict=True, gt=0, le=10**12)]


class LoyaltyCommand(Command):
    """A command to one member's account."""

    customer: Id

    @property
    def stream(self) -> str:
        return f"loyalty-{self.customer}"


class EnrolMember(LoyaltyCommand):
    """Join the programme."""

    programme: Id = "main"


class EarnPoints(LoyaltyCommand):
    """Credit points by hand, or for a remedy."""

    lot: Id
    points: Points
    reason: Literal["bonus", "remedy"] = "bonus"
    source: Id | None = None


class CreditPurchase(LoyaltyCommand):
    """Credit what the programme gives for a purchase. Nothing happens where the customer is no member."""

    purchase: Id
    amount: Money
    category: Label | None = None


class ReverseEarning(LoyaltyCommand):
    """Take back what a refunded purchase had earned, on the running total of its refunds.

    Attributes:
        refunded: Given back of the purchase so far, this refund included, in minor units.
        bought: What the purchase was worth, in minor units.
    """

    refund: Id
    purchase: Id
    refunded: Annotated[int, Field(ge=0)]
    bought: Annotated[int, Field(ge=0)]


class RedeemPoints(LoyaltyCommand):
    """Spend points."""

    redemption: Id
    points: Points
    reward: Label | None = None


class ExpirePoints(LoyaltyCommand):
    """Let every lot go that has expired by `occurred_at`. The agenda says when this is due."""


class EvaluateTier(LoyaltyCommand):
    """Hold the tier against the window that ends at `occurred_at`. The agenda says when this is due."""
