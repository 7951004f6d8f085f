"""Events of what members get besides points: rewards, benefits, clubs, and points for referrals."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.events.points import LoyaltyEvent

__all__ = [
    "BenefitUsed",
    "ClubJoined",
    "ClubLeft",
    "ReferralFulfilled",
    "ReferralMade",
    "ReferralReceived",
    "ReferralRestored",
    "ReferralRevoked",
    "ReferralRewarded",
    "RewardExpired",
    "RewardIssued",
    "RewardUsed",
]


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------


class RewardIssued(LoyaltyEvent, frozen=True):
    """A reward was issued to the member.

    Attributes:
        coupon: The coupon's id. The redemption that paid for it has the same id.
        reward: The reward's name in the programme.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: The points that it cost.
        expires_at: When it expires, UTC microseconds; None means never.
        limited: It comes from a limited stock.
        issued_at: When it was issued, UTC microseconds; None in events recorded before rewards carried it.
    """

    topic: ClassVar[str] = "loyalty.reward_issued"
    coupon: str
    reward: str
    kind: str
    points: int = 0
    expires_at: int | None = None
    limited: bool = False
    issued_at: int | None = None


class RewardUsed(LoyaltyEvent, frozen=True):
    """The member used a reward."""

    topic: ClassVar[str] = "loyalty.reward_used"
    coupon: str
    reward: str


class RewardExpired(LoyaltyEvent, frozen=True):
    """A reward expired unused. Its points stay spent.

    Attributes:
        coupon: The coupon's id.
        reward: The reward's name in the programme.
        limited: It goes back to a limited stock.
    """

    topic: ClassVar[str] = "loyalty.reward_expired"
    coupon: str
    reward: str
    limited: bool = False


class BenefitUsed(LoyaltyEvent, frozen=True):
    """The member used a benefit of the tier, such as the lounge or a late check-out. It costs no points."""

    topic: ClassVar[str] = "loyalty.benefit_used"
    use: str
    benefit: str
    tier: str | None = None


class ClubJoined(LoyaltyEvent, frozen=True):
    """The member joined a club within the programme."""

    topic: ClassVar[str] = "loyalty.club_joined"
    club: str


class ClubLeft(LoyaltyEvent, frozen=True):
    """The member left a club within the programme."""

    topic: ClassVar[str] = "loyalty.club_left"
    club: str


# --- referrals ------------------------------------------------------------------------------------------------------


class ReferralMade(LoyaltyEvent, frozen=True):
    """The member referred another customer to the programme."""

    topic: ClassVar[str] = "loyalty.referral_made"
    referral: str
    referred: str


class ReferralReceived(LoyaltyEvent, frozen=True):
    """A member referred this customer to the programme."""

    topic: ClassVar[str] = "loyalty.referral_received"
    referral: str
    referrer: str
    received_at: int = 0


class ReferralFulfilled(LoyaltyEvent, frozen=True):
    """The customer did what the referral asks for. The member who made it is rewarded.

    Attributes:
        referral: The referral's id.
        referrer: The member who made it.
        lot: The lot of the purchase that fulfilled it; None where joining did.
    """

    topic: ClassVar[str] = "loyalty.referral_fulfilled"
    referral: str
    referrer: str
    lot: str | None = None


class ReferralRevoked(LoyaltyEvent, frozen=True):
    """The purchase that fulfilled a referral was refunded in full. The points given for the referral are taken back."""

    topic: ClassVar[str] = "loyalty.referral_revoked"
    referral: str
    referrer: str
    refund: str
    purchase: str


class ReferralRestored(LoyaltyEvent, frozen=True):
    """The refund that revoked a referral was reversed. Its points are given back. The inverse of `ReferralRevoked`."""

    topic: ClassVar[str] = "loyalty.referral_restored"
    referral: str
    referrer: str
    refund: str
    purchase: str


class ReferralRewarded(LoyaltyEvent, frozen=True):
    """A referral was rewarded. Its points, if any, are in the `PointsEarned` that follows."""

    topic: ClassVar[str] = "loyalty.referral_rewarded"
    referral: str
    referred: str
    points: int = 0
