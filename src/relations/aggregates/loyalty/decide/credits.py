"""Credits of points that no purchase earns: for joining, by hand, for a remedy, for a referral."""

from __future__ import annotations

from relations.aggregates.loyalty.decide.ledger import Draft, credit_events, defer_lapse, programme_of, within_room
from relations.aggregates.loyalty.events.points import PointsEarned
from relations.aggregates.loyalty.events.rewards import ReferralFulfilled
from relations.aggregates.loyalty.lots import merged_prefix, referral_lot
from relations.aggregates.loyalty.state import Ledger
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.windows import Inactivity, days_after

__all__ = ["credit_lot", "fulfil_referral", "referral_prefix"]


def credit_lot(
    draft: Draft,
    lot: str,
    points: int,
    reason: str,
    at: int,
    policy: Policy,
    *,
    source: str | None = None,
    campaigns: tuple[str, ...] = (),
    author: str | None = None,
    role: str | None = None,
) -> None:
    """Credit a lot that can be spent at once and does not count towards a tier; none if the account is full."""
    programme = programme_of(policy, draft.ledger.programme)
    points, _ = within_room(draft.ledger, points)
    if not points:
        return
    defer_lapse(draft, programme, at, policy.zone)
    earned = PointsEarned(
        programme=draft.ledger.programme,
        lot=lot,
        points=points,
        qualifying=0,
        active_from=at,
        reason=reason,
        policy=policy.version,
        expires_at=programme.expires_at(at, policy.zone),
        lapsing=isinstance(programme.expiry, Inactivity),
        source=source,
        month=local_time(policy.zone).month(at),
        campaigns=campaigns,
        author=author,
        role=role,
    )
    for event in credit_events(draft.ledger, earned):
        draft.add(event)  # type: ignore[arg-type] # both of them are events of the ledger


def fulfil_referral(draft: Draft, programme: Programme, at: int, policy: Policy, by: str | None = None) -> None:
    """Fulfil the referral that brought the customer, if there is one and it is still valid."""
    invited, referral = draft.ledger.invited, programme.referral
    if invited is None or referral is None or invited.fulfilled:
        return
    last = days_after(policy.zone, local_time(policy.zone).day(invited.at), referral.days_valid + 1)
    if not invited.at <= at < last:
        return
    draft.add(
        ReferralFulfilled(
            programme=draft.ledger.programme, referral=invited.referral, referrer=invited.referrer, lot=by
        )
    )
    if referral.referred_points:
        lot = referral_prefix(draft.ledger) + referral_lot(invited.referrer, invited.referral)
        credit_lot(draft, lot, referral.referred_points, "referral", at, policy, source=invited.referral)


def referral_prefix(ledger: Ledger) -> str:
    """Return the prefix of the merged account that was referred; empty if this account was."""
    for each in ledger.received.values():
        if each.event.holdings.invited is not None and each.before.invited is None:
            return merged_prefix(each.source)
    return ""
