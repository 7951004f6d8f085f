"""Folds of merges: a ledger is released, received by another account, returned, and restored.

`_JOINED` defines for every field how two ledgers become one. `_returned` separates the fields again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from relations.aggregates.loyalty.events.merges import (
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
)
from relations.aggregates.loyalty.evolve.points import referrals_revoked
from relations.aggregates.loyalty.lots import (
    Membership,
    TierStanding,
    from_holdings,
    merged_prefix,
    under_prefix,
)
from relations.aggregates.loyalty.state import NEVER, Ledger, Received, standing_of
from relations.aggregates.maps import with_item, with_items, without_item
from relations.messages import Event

__all__ = ["JOINED_WITH_THE_EVENT", "MERGES"]

T = TypeVar("T")


# --- going to another account, and coming back ----------------------------------------------------------------------


def _released(ledger: Ledger, event: AccountReleased) -> Ledger:
    away = event.holdings.clubs
    return Ledger(
        programme=ledger.programme,
        closed_at=ledger.closed_at,
        clubs=tuple(club for club in ledger.clubs if club not in away),
        referrals=ledger.referrals,
        # The event says how many rewarded referrals go along. Old events did not, and then they stay.
        rewarded=ledger.rewarded - event.holdings.rewarded,
        invited=ledger.invited,
        done=ledger.done,
        received=ledger.received,
        released=event.merge,
    )


def _restored(ledger: Ledger, event: AccountRestored) -> Ledger:
    back = event.holdings
    kept = {
        "closed_at": ledger.closed_at,
        "clubs": _both_clubs(ledger.clubs, back.clubs),
        "referrals": ledger.referrals,
        "rewarded": ledger.rewarded + back.rewarded,
        "invited": back.invited or ledger.invited,
    }
    return replace(
        ledger,
        **{**from_holdings(back), **kept},
        qualified=sum(back.months.values()),
        done=_with_revoked(ledger.done, referrals_revoked(back)),
        released=None,
        due_at=NEVER,
    )


# --- taking in another account --------------------------------------------------------------------------------------


def _prefixed(here: Mapping[str, T], came: Mapping[str, T], prefix: str) -> Mapping[str, T]:
    return with_items(here, {prefix + name: under_prefix(each, prefix) for name, each in came.items()})


def _added_by_key(here: Mapping[str, int], came: Mapping[str, int], _prefix: str) -> Mapping[str, int]:
    return with_items(here, {key: here.get(key, 0) + more for key, more in came.items()})


def _added(here: int, came: int, _prefix: str) -> int:
    return here + came


def _greatest(here: T, came: T, _prefix: str) -> T:
    return max((each for each in (here, came) if each is not None), default=here)  # type: ignore[type-var] # ints, texts


def _both_clubs(here: tuple[str, ...], came: tuple[str, ...], _prefix: str = "") -> tuple[str, ...]:
    return (*here, *(club for club in came if club not in here))


_JOINED: dict[str, Callable[[Any, Any, str], Any]] = {
    "lots": _prefixed,
    "earnings": _prefixed,
    "redemptions": _prefixed,
    "coupons": _prefixed,
    "referrals": _prefixed,
    "redeemed_at": _prefixed,
    "missed_before": _prefixed,
    "takings": _prefixed,
    "months": _added_by_key,
    "debt": _added,
    "missed": _added,
    "shortfall": _added,
    "rewarded": _added,
    "month": _greatest,
    "lapses_at": _greatest,
    "idle_months": _greatest,
    "settled_at": _greatest,
    "clubs": _both_clubs,
}
"""How each field of two ledgers becomes one."""
JOINED_WITH_THE_EVENT = frozenset(_JOINED) | {
    "enrolled_at",
    "closed_at",
    "invited",
    "revoked",
    "tier",
    "tier_since",
    "tier_month",
    "reviewed",
    "warned",
    "grace_until",
    "lost_tier",
}
"""Every field that a merge deals with: by `_JOINED`, or in `_received` by what the event says."""


def _received(ledger: Ledger, event: AccountReceived) -> Ledger:
    came, prefix = event.holdings, merged_prefix(event.source)
    joined = {name: join(getattr(ledger, name), getattr(came, name), prefix) for name, join in _JOINED.items()}
    standing = _standing_received(ledger, event)
    since = [each for each in (None if event.reopened else ledger.enrolled_at, came.member_since) if each is not None]
    # A customer who was not a member may have been referred under either id.
    invited, revoked = ledger.invited, ledger.revoked
    if invited is None and came.invited is not None and ledger.enrolled_at is None:
        invited, revoked = under_prefix(came.invited, prefix), under_prefix(came.revoked, prefix)
    return replace(
        ledger,
        **{**joined, "month": max(joined["month"], event.month)},
        enrolled_at=min(since, default=None),
        closed_at=None if event.reopened else ledger.closed_at,
        invited=invited,
        revoked=revoked,
        qualified=ledger.qualified + sum(came.months.values()),
        tier=event.tier,
        tier_since=standing.since,
        tier_month=standing.month,
        reviewed=standing.reviewed,
        warned=standing.warned,
        grace_until=standing.grace_until,
        lost_tier=None,
        done=_with_revoked(ledger.done, referrals_revoked(came, event.source), prefix),
        received=with_item(ledger.received, event.merge, Received(event.source, event, ledger)),
    )


def _with_revoked(done: Mapping[str, str], referrals: Mapping[str, bool], prefix: str = "") -> Mapping[str, str]:
    """Mark the revoked referrals, so that they count again when the refund that revoked them is reversed."""
    for name, is_revoked in referrals.items():
        mark = f"revoked/{prefix}{name}"
        if is_revoked:
            done = with_item(done, mark, "")
        elif mark in done:
            done = without_item(done, mark)
    return done


def _standing_received(ledger: Ledger, event: AccountReceived) -> TierStanding:
    """Return the standing of the ledger that had the tier, or a new one where both reached it only together."""
    came = event.holdings
    if event.reached_at:
        return TierStanding(event.reached_at, event.month or max(ledger.month, came.month), event.reached_at)
    return standing_of(came if event.tier == came.tier and event.tier != ledger.tier else ledger)


# --- giving it back -------------------------------------------------------------------------------------------------


def _returned(ledger: Ledger, event: AccountReturned) -> Ledger:
    came = ledger.received.get(event.merge)
    if event.undone and came is not None:
        return came.before
    back, prefix = event.holdings, merged_prefix(event.to)
    redemptions = _without(ledger.redemptions, prefix)
    # The other customer's points that were spent here go to them if the redemption is reversed. So the terms of their
    # lots are kept. What these lots counted towards a tier belongs to the other customer.
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
        lots=_without(ledger.lots, prefix),
        earnings=with_items(_without(ledger.earnings, prefix), theirs),
        redemptions=redemptions,
        coupons=_without(ledger.coupons, prefix),
        redeemed_at=_without(ledger.redeemed_at, prefix),
        missed_before=_without(ledger.missed_before, prefix),
        takings=_without(ledger.takings, prefix),
        referrals=_without(ledger.referrals, prefix),
        months=_added_by_key(ledger.months, {key: -counted for key, counted in back.months.items()}, ""),
        qualified=ledger.qualified - sum(back.months.values()),
        month=max(ledger.month, stands.month),
        tier=event.tier,
        tier_since=stands.since,
        tier_month=stands.month,
        reviewed=stands.reviewed,
        warned=stands.warned,
        grace_until=stands.grace_until,
        lost_tier=None,
        debt=ledger.debt - back.debt,
        shortfall=max(0, ledger.shortfall - back.shortfall),
        rewarded=ledger.rewarded - back.rewarded,
        clubs=tuple(club for club in ledger.clubs if club not in event.clubs),
        invited=None if _brought_by(came) else ledger.invited,
        revoked=None if _brought_by(came) else ledger.revoked,
        done=_without(_without(ledger.done, f"rewarded/{prefix}"), f"revoked/{prefix}"),
        received=without_item(ledger.received, event.merge) if came is not None else ledger.received,
    )


def _brought_by(came: Received | None) -> bool:
    """Return whether the referral of this customer was one of the other customer, and came with the merge."""
    return came is not None and came.before.invited is None and came.event.holdings.invited is not None


def _without(held: Mapping[str, T], prefix: str) -> Mapping[str, T]:
    for name in [name for name in held if name.startswith(prefix)]:
        held = without_item(held, name)
    return held


MERGES: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    AccountReleased: _released,
    AccountReceived: _received,
    AccountReturned: _returned,
    AccountRestored: _restored,
}
