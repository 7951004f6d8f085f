"""What a ledger is after a merge, and after the merge is undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from immutables import Map
from msgspec.structs import replace

from relations.aggregates.loyalty.events.merges import (
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
)
from relations.aggregates.loyalty.lots import Holdings, LotShare, Membership, Redemption, merged_prefix
from relations.aggregates.loyalty.state import Dealings, Ledger, Received, standing_of
from relations.messages import Event

__all__ = ["MERGES"]


def _released(ledger: Ledger, event: AccountReleased) -> Ledger:
    away = event.holdings.clubs
    clubs = tuple(club for club in ledger.dealings.clubs if club not in away)
    # As many rewarded recommendations go along as the event says, which has not always said so.
    rewarded = ledger.dealings.rewarded - event.holdings.rewarded
    kept = replace(ledger.dealings, released=event.merge, coupons=Map(), clubs=clubs, rewarded=rewarded)
    return Ledger(ledger.programme, closed_at=ledger.closed_at, dealings=kept)


def _restored(ledger: Ledger, event: AccountRestored) -> Ledger:
    found = event.holdings
    return Ledger(
        programme=ledger.programme,
        enrolled_at=found.enrolled_at,
        lots=Map(found.lots),
        earnings=Map(found.earnings),
        redemptions=Map(found.redemptions),
        months=Map(found.months),
        qualified=sum(found.months.values()),
        month=found.month,
        tier=found.tier,
        tier_since=found.tier_since,
        tier_month=found.tier_month,
        reviewed=found.reviewed,
        warned=found.warned,
        grace_until=found.grace_until,
        debt=found.debt,
        lapses_at=found.lapses_at,
        idle_months=found.idle_months,
        redeemed_at=Map(found.redeemed_at),
        missed=found.missed,
        shortfall=found.shortfall,
        missed_before=Map(found.missed_before),
        closed_at=ledger.closed_at,
        dealings=_restored_dealings(ledger.dealings, found),
    )


def _restored_dealings(kept: Dealings, found: Holdings) -> Dealings:
    return replace(
        kept,
        released=None,
        coupons=Map(found.coupons),
        clubs=(*kept.clubs, *(club for club in found.clubs if club not in kept.clubs)),
        rewarded=kept.rewarded + found.rewarded,
        invited=found.invited or kept.invited,
    )


def _received(ledger: Ledger, event: AccountReceived) -> Ledger:
    came, prefix = event.holdings, f"merged/{event.source}/"
    months = ledger.months
    for month, qualifying in came.months.items():
        months = months.set(month, months.get(month, 0) + qualifying)
    here = None if event.reopened else ledger.enrolled_at
    since = [each for each in (here, came.member_since) if each is not None]
    lapses = [each for each in (ledger.lapses_at, came.lapses_at) if each is not None]
    standing = _standing_received(ledger, event)
    return replace(
        ledger,
        enrolled_at=min(since, default=None),
        lots=ledger.lots.update({prefix + name: lot for name, lot in came.lots.items()}),
        earnings=ledger.earnings.update({prefix + name: earning for name, earning in came.earnings.items()}),
        redemptions=ledger.redemptions.update(
            {prefix + name: _of_prefix(each, prefix) for name, each in came.redemptions.items()}
        ),
        months=months,
        qualified=ledger.qualified + sum(came.months.values()),
        month=max(ledger.month, came.month, event.month),
        tier=event.tier,
        tier_since=standing.tier_since,
        tier_month=standing.tier_month,
        reviewed=standing.reviewed,
        warned=standing.warned,
        grace_until=standing.grace_until,
        debt=ledger.debt + came.debt,
        missed=ledger.missed + came.missed,
        shortfall=ledger.shortfall + came.shortfall,
        missed_before=ledger.missed_before.update({prefix + name: had for name, had in came.missed_before.items()}),
        lapses_at=max(lapses, default=None),
        idle_months=max(ledger.idle_months, came.idle_months),
        redeemed_at=ledger.redeemed_at.update({prefix + name: at for name, at in came.redeemed_at.items()}),
        closed_at=None if event.reopened else ledger.closed_at,
        dealings=_received_dealings(ledger, event),
    )


def _standing_received(ledger: Ledger, event: AccountReceived) -> Ledger | Holdings:
    """Whose standing the tier rests on after a merge: the one that had it, or what both reached together."""
    came = event.holdings
    if event.reached_at:
        at, month = event.reached_at, event.month or max(ledger.month, came.month)
        return Holdings(tier=event.tier, tier_since=at, tier_month=month, reviewed=at)
    return came if event.tier == came.tier and event.tier != ledger.tier else ledger


def _received_dealings(ledger: Ledger, event: AccountReceived) -> Dealings:
    came, prefix, dealings = event.holdings, merged_prefix(event.source), ledger.dealings
    # Who was no member yet may have been recommended under either id.
    invited = dealings.invited
    if invited is None and came.invited is not None and ledger.enrolled_at is None:
        lot = came.invited.lot
        invited = replace(came.invited, lot=None if lot is None else prefix + lot)
    return replace(
        dealings,
        coupons=dealings.coupons.update({prefix + name: coupon for name, coupon in came.coupons.items()}),
        received=dealings.received.set(event.merge, Received(event.source, event, ledger)),
        clubs=(*dealings.clubs, *(club for club in came.clubs if club not in dealings.clubs)),
        referrals=dealings.referrals.update({prefix + name: referred for name, referred in came.referrals.items()}),
        rewarded=dealings.rewarded + came.rewarded,
        invited=invited,
    )


def _of_prefix(redemption: Redemption, prefix: str) -> Redemption:
    return replace(redemption, lots=tuple(LotShare(prefix + share.lot, share.points) for share in redemption.lots))


def _returned(ledger: Ledger, event: AccountReturned) -> Ledger:
    came = ledger.dealings.received.get(event.merge)
    if event.undone and came is not None:
        return came.before
    back, prefix = event.holdings, f"merged/{event.to}/"
    months = ledger.months
    for month, qualifying in back.months.items():
        months = months.set(month, months.get(month, 0) - qualifying)
    redemptions = _own(ledger.redemptions, prefix)
    # What was spent here of their lots may come back, and goes to them then: what these lots were is kept, but for
    # what it counted towards a tier, which is theirs.
    spent = {share.lot for each in redemptions.values() if not each.reversed for share in each.lots}
    theirs = {
        name: replace(each, qualifying=0, reversed_qualifying=0)
        for name, each in ledger.earnings.items()
        if name in spent and name.startswith(prefix)
    }
    member = event.membership or Membership(ledger.enrolled_at, ledger.closed_at)
    stands = event.standing or standing_of(ledger)
    return replace(
        ledger,
        enrolled_at=member.enrolled_at,
        closed_at=member.closed_at,
        lots=_own(ledger.lots, prefix),
        earnings=_own(ledger.earnings, prefix).update(theirs),
        redemptions=redemptions,
        redeemed_at=_own(ledger.redeemed_at, prefix),
        months=months,
        qualified=ledger.qualified - sum(back.months.values()),
        month=max(ledger.month, stands.month),
        tier=event.tier,
        tier_since=stands.since,
        tier_month=stands.month,
        reviewed=stands.reviewed,
        warned=stands.warned,
        grace_until=stands.grace_until,
        debt=ledger.debt - back.debt,
        shortfall=max(0, ledger.shortfall - back.shortfall),
        missed_before=_own(ledger.missed_before, prefix),
        dealings=_returned_dealings(ledger.dealings, event, prefix),
    )


def _returned_dealings(dealings: Dealings, event: AccountReturned, prefix: str) -> Dealings:
    came = dealings.received.get(event.merge)
    invited = dealings.invited
    if came is not None and came.before.dealings.invited is None and came.event.holdings.invited is not None:
        invited = None  # it was a recommendation to the other
    return replace(
        dealings,
        coupons=_own(dealings.coupons, prefix),
        received=dealings.received.delete(event.merge) if came is not None else dealings.received,
        clubs=tuple(club for club in dealings.clubs if club not in event.clubs),
        referrals=_own(dealings.referrals, prefix),
        done=_own(_own(dealings.done, f"rewarded/{prefix}"), f"revoked/{prefix}"),
        rewarded=dealings.rewarded - event.holdings.rewarded,
        invited=invited,
    )


def _own(held: Map[str, Any], prefix: str) -> Map[str, Any]:
    for name in [name for name in held if name.startswith(prefix)]:
        held = held.delete(name)
    return held


MERGES: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    AccountReleased: _released,
    AccountReceived: _received,
    AccountReturned: _returned,
    AccountRestored: _restored,
}
