"""What members get beside points: rewards, benefits of their tier, clubs, and thanks for recommending."""

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
    "ReferralRevoked",
    "ReferralRewarded",
    "RewardExpired",
    "RewardIssued",
    "RewardUsed",
]


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------


class RewardIssued(LoyaltyEvent, frozen=True):
    """The member has a reward to use.

    Attributes:
        coupon: The reward's own id; the redemption that paid for it bears the same.
        reward: Which reward of the programme.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: What it cost.
        expires_at: Until when it can be used, UTC microseconds; None is for ever.
        limited: There are only so many of them.
        issued_at: When, UTC microseconds; None where it was recorded before rewards said so.
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
    """A reward was not used in time. Its points stay spent.

    Attributes:
        coupon: The reward's own id.
        reward: Which reward of the programme.
        limited: There are only so many of them, and this one is there again.
    """

    topic: ClassVar[str] = "loyalty.reward_expired"
    coupon: str
    reward: str
    limited: bool = False


class BenefitUsed(LoyaltyEvent, frozen=True):
    """The member used what comes with the tier, at no points: the lounge, a late check-out."""

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
    """The member recommended the programme to somebody."""

    topic: ClassVar[str] = "loyalty.referral_made"
    referral: str
    referred: str


class ReferralReceived(LoyaltyEvent, frozen=True):
    """The customer was recommended to join, by a member."""

    topic: ClassVar[str] = "loyalty.referral_received"
    referral: str
    referrer: str
    received_at: int = 0


class ReferralFulfilled(LoyaltyEvent, frozen=True):
    """The customer did what the referral asks for; the member who recommended is rewarded.

    Attributes:
        referral: The recommendation.
        referrer: Who made it.
        lot: The lot of the purchase that did it; None where joining did.
    """

    topic: ClassVar[str] = "loyalty.referral_fulfilled"
    referral: str
    referrer: str
    lot: str | None = None


class ReferralRevoked(LoyaltyEvent, frozen=True):
    """The purchase by which a referral was fulfilled has been given back whole: what it was worth is taken back."""

    topic: ClassVar[str] = "loyalty.referral_revoked"
    referral: str
    referrer: str
    refund: str
    purchase: str


class ReferralRewarded(LoyaltyEvent, frozen=True):
    """A referral was worth something: its points are in the `PointsEarned` that follows, where there are any."""

    topic: ClassVar[str] = "loyalty.referral_rewarded"
    referral: str
    referred: str
    points: int = 0
