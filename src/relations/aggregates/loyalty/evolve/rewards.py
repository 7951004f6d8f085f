"""Folds of tiers, rewards, benefits, clubs and referrals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from relations.aggregates.loyalty.events.rewards import (
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRestored,
    ReferralRevoked,
    ReferralRewarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
)
from relations.aggregates.loyalty.events.tiers import TierGraceGiven, TierKept, TierLost, TierReached, TierWarned
from relations.aggregates.loyalty.lots import Coupon, Invited, LostTier, Revoked
from relations.aggregates.loyalty.state import Ledger, standing_of
from relations.aggregates.maps import with_item
from relations.messages import Event

__all__ = ["REWARDS"]


# --- tiers ----------------------------------------------------------------------------------------------------------


def _tier_reached(ledger: Ledger, event: TierReached) -> Ledger:
    return _standing_since(ledger, event.tier, event.since, event.month)


def _tier_lost(ledger: Ledger, event: TierLost) -> Ledger:
    lost = None if event.refund is None else LostTier(event.refund, event.tier, standing_of(ledger))
    return replace(_standing_since(ledger, event.next, event.since, event.month), lost_tier=lost)


def _standing_since(ledger: Ledger, tier: str | None, since: int, month: str) -> Ledger:
    return replace(
        ledger,
        tier=tier,
        tier_since=since,
        tier_month=month,
        reviewed=since,
        month=max(ledger.month, month),
        warned=None,
        grace_until=None,
        lost_tier=None,
    )


def _tier_kept(ledger: Ledger, event: TierKept) -> Ledger:
    return replace(
        ledger,
        tier_month=event.month,
        reviewed=event.reviewed_at,
        month=max(ledger.month, event.month),
        warned=None,
        grace_until=None,
        lost_tier=None,
    )


def _tier_warned(ledger: Ledger, event: TierWarned) -> Ledger:
    return replace(ledger, warned=event.losing_at)


def _tier_graced(ledger: Ledger, event: TierGraceGiven) -> Ledger:
    return replace(ledger, grace_until=event.until, month=max(ledger.month, event.month), lost_tier=None)


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------


def _reward_issued(ledger: Ledger, event: RewardIssued) -> Ledger:
    made = ledger.redeemed_at
    return replace(
        ledger,
        coupons=with_item(
            ledger.coupons, event.coupon, Coupon(event.reward, event.points, event.expires_at, event.limited)
        ),
        redeemed_at=made if event.issued_at is None else with_item(made, event.coupon, event.issued_at),
    )


def _reward_ended(ledger: Ledger, event: RewardUsed | RewardExpired) -> Ledger:
    coupon = ledger.coupons.get(event.coupon)
    if coupon is None:
        return ledger
    ended = replace(coupon, status="used" if type(event) is RewardUsed else "expired")
    return replace(ledger, coupons=with_item(ledger.coupons, event.coupon, ended))


def _benefit_used(ledger: Ledger, event: BenefitUsed) -> Ledger:
    return replace(ledger, done=with_item(ledger.done, f"benefit/{event.use}", event.benefit))


def _club_joined(ledger: Ledger, event: ClubJoined) -> Ledger:
    return replace(ledger, clubs=(*ledger.clubs, event.club))


def _club_left(ledger: Ledger, event: ClubLeft) -> Ledger:
    return replace(ledger, clubs=tuple(club for club in ledger.clubs if club != event.club))


# --- referrals ------------------------------------------------------------------------------------------------------


def _referral_made(ledger: Ledger, event: ReferralMade) -> Ledger:
    return replace(ledger, referrals=with_item(ledger.referrals, event.referral, event.referred))


def _referral_received(ledger: Ledger, event: ReferralReceived) -> Ledger:
    return replace(ledger, invited=Invited(event.referral, event.referrer, event.received_at))


def _referral_fulfilled(ledger: Ledger, event: ReferralFulfilled) -> Ledger:
    invited = ledger.invited
    return ledger if invited is None else replace(ledger, invited=replace(invited, fulfilled=True, lot=event.lot))


def _referral_revoked(ledger: Ledger, event: ReferralRevoked) -> Ledger:
    invited = ledger.invited
    if invited is None:
        return ledger
    revoked = None if invited.lot is None else Revoked(invited.lot, event.refund)
    return replace(ledger, invited=replace(invited, lot=None), revoked=revoked)


def _referral_restored(ledger: Ledger, _event: ReferralRestored) -> Ledger:
    invited, revoked = ledger.invited, ledger.revoked
    if invited is None or revoked is None:
        return ledger
    return replace(ledger, invited=replace(invited, lot=revoked.lot), revoked=None)


def _referral_rewarded(ledger: Ledger, event: ReferralRewarded) -> Ledger:
    done = with_item(ledger.done, f"rewarded/{event.referral}", str(event.points))
    return replace(ledger, done=done, rewarded=ledger.rewarded + 1)


REWARDS: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    TierReached: _tier_reached,
    TierKept: _tier_kept,
    TierWarned: _tier_warned,
    TierGraceGiven: _tier_graced,
    TierLost: _tier_lost,
    RewardIssued: _reward_issued,
    RewardUsed: _reward_ended,
    RewardExpired: _reward_ended,
    BenefitUsed: _benefit_used,
    ClubJoined: _club_joined,
    ClubLeft: _club_left,
    ReferralMade: _referral_made,
    ReferralReceived: _referral_received,
    ReferralFulfilled: _referral_fulfilled,
    ReferralRevoked: _referral_revoked,
    ReferralRestored: _referral_restored,
    ReferralRewarded: _referral_rewarded,
}
