"""What tiers, rewards, recommendations, and what was forwarded are after each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from relations.aggregates.loyalty.events.merges import (
    CreditForwarded,
    PurchaseForwarded,
    RefundForwarded,
    RequestForwarded,
)
from relations.aggregates.loyalty.events.rewards import (
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRevoked,
    ReferralRewarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
)
from relations.aggregates.loyalty.events.tiers import TierGraceGiven, TierKept, TierLost, TierReached, TierWarned
from relations.aggregates.loyalty.lots import Coupon, Invited
from relations.aggregates.loyalty.state import Dealings, Ledger
from relations.messages import Event

__all__ = ["DEALINGS", "forwarded_as", "forwarded_request", "with_done"]


def _tier_reached(ledger: Ledger, event: TierReached) -> Ledger:
    return replace(ledger, tier=event.tier, tier_since=event.since, tier_month=event.month, reviewed=event.since,
                   month=max(ledger.month, event.month), warned=None, grace_until=None)  # fmt: skip


def _tier_kept(ledger: Ledger, event: TierKept) -> Ledger:
    return replace(ledger, tier_month=event.month, reviewed=event.reviewed_at, warned=None, grace_until=None,
                   month=max(ledger.month, event.month))  # fmt: skip


def _tier_warned(ledger: Ledger, event: TierWarned) -> Ledger:
    return replace(ledger, warned=event.losing_at)


def _tier_graced(ledger: Ledger, event: TierGraceGiven) -> Ledger:
    return replace(ledger, grace_until=event.until, month=max(ledger.month, event.month))


def _tier_lost(ledger: Ledger, event: TierLost) -> Ledger:
    return replace(ledger, tier=event.next, tier_since=event.since, tier_month=event.month, reviewed=event.since,
                   month=max(ledger.month, event.month), warned=None, grace_until=None)  # fmt: skip


def _reward_issued(ledger: Ledger, event: RewardIssued) -> Ledger:
    coupon = Coupon(event.reward, event.points, event.expires_at, event.limited)
    made = ledger.redeemed_at
    return replace(
        ledger,
        dealings=replace(ledger.dealings, coupons=ledger.dealings.coupons.set(event.coupon, coupon)),
        redeemed_at=made if event.issued_at is None else made.set(event.coupon, event.issued_at),
    )


def _reward_ended(ledger: Ledger, event: RewardUsed | RewardExpired) -> Ledger:
    coupon = ledger.dealings.coupons.get(event.coupon)
    if coupon is None:
        return ledger
    ended = replace(coupon, status="used" if type(event) is RewardUsed else "expired")
    return replace(ledger, dealings=replace(ledger.dealings, coupons=ledger.dealings.coupons.set(event.coupon, ended)))


def _benefit_used(ledger: Ledger, event: BenefitUsed) -> Ledger:
    return replace(ledger, dealings=with_done(ledger, f"benefit/{event.use}", event.benefit))


def _club_joined(ledger: Ledger, event: ClubJoined) -> Ledger:
    return replace(ledger, dealings=replace(ledger.dealings, clubs=(*ledger.dealings.clubs, event.club)))


def _club_left(ledger: Ledger, event: ClubLeft) -> Ledger:
    clubs = tuple(club for club in ledger.dealings.clubs if club != event.club)
    return replace(ledger, dealings=replace(ledger.dealings, clubs=clubs))


def _referral_made(ledger: Ledger, event: ReferralMade) -> Ledger:
    referrals = ledger.dealings.referrals.set(event.referral, event.referred)
    return replace(ledger, dealings=replace(ledger.dealings, referrals=referrals))


def _referral_received(ledger: Ledger, event: ReferralReceived) -> Ledger:
    invited = Invited(event.referral, event.referrer, event.received_at)
    return replace(ledger, dealings=replace(ledger.dealings, invited=invited))


def _referral_fulfilled(ledger: Ledger, event: ReferralFulfilled) -> Ledger:
    invited = ledger.dealings.invited
    if invited is None:
        return ledger
    return replace(ledger, dealings=replace(ledger.dealings, invited=replace(invited, fulfilled=True, lot=event.lot)))


def _referral_revoked(ledger: Ledger, _event: ReferralRevoked) -> Ledger:
    invited = ledger.dealings.invited
    if invited is None:
        return ledger
    return replace(ledger, dealings=replace(ledger.dealings, invited=replace(invited, lot=None)))


def _referral_rewarded(ledger: Ledger, event: ReferralRewarded) -> Ledger:
    done = with_done(ledger, f"rewarded/{event.referral}", str(event.points))
    return replace(ledger, dealings=replace(done, rewarded=done.rewarded + 1))


def _request_forwarded(ledger: Ledger, event: RequestForwarded) -> Ledger:
    return replace(ledger, dealings=with_done(ledger, *forwarded_request(event)))


def forwarded_request(event: RequestForwarded) -> tuple[str, str]:
    """What is remembered of a request forwarded, so that the same again is not, and what it said.

    Of a transfer as of one's own: its id is taken before a merge, during it and after it.
    """
    if event.request == "TransferPoints":
        earlier = event.prefix.split("/", 2)[2]
        return f"transfer/{earlier}{event.about}", f"{event.points} to {event.other}"
    return f"forwarded/{event.prefix}{event.request}/{event.about}", f"{event.points} {event.other}"


def _forwarded(ledger: Ledger, event: PurchaseForwarded | RefundForwarded | CreditForwarded) -> Ledger:
    return replace(ledger, dealings=with_done(ledger, *forwarded_as(event)))


def forwarded_as(event: PurchaseForwarded | RefundForwarded | CreditForwarded) -> tuple[str, str]:
    """What is remembered of something forwarded, so that the same again is not, and what it said."""
    match event:
        case PurchaseForwarded():
            return f"forwarded/{event.prefix}purchase/{event.purchase}", event.into
        case RefundForwarded():
            return f"forwarded/{event.prefix}refund/{event.refund}", event.into
        case CreditForwarded():
            said = f"{event.points} for {event.reason} of {event.source}"
            return f"forwarded/{event.prefix}lot/{event.lot}", said


def with_done(ledger: Ledger, what: str, said: str) -> Dealings:
    """The dealings with one more id that was used, and what for."""
    return replace(ledger.dealings, done=ledger.dealings.done.set(what, said))


DEALINGS: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
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
    ReferralRewarded: _referral_rewarded,
    PurchaseForwarded: _forwarded,
    RefundForwarded: _forwarded,
    CreditForwarded: _forwarded,
    RequestForwarded: _request_forwarded,
}
