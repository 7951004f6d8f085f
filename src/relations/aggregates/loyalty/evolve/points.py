"""Folds of memberships, lots and debts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from relations.aggregates.loyalty.events.points import (
    AccountClosed,
    AccountReopened,
    DebtIncurred,
    DebtRepaid,
    EarningRestored,
    EarningReversed,
    ExpiryDeferred,
    MemberEnrolled,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
)
from relations.aggregates.loyalty.lots import (
    Earning,
    Invited,
    LedgerContents,
    Lot,
    LotShare,
    MovedLot,
    Redemption,
    Taking,
    issued_to,
    purchase_lot,
)
from relations.aggregates.loyalty.state import Ledger
from relations.aggregates.maps import EMPTY, with_item, without_item
from relations.messages import Event

__all__ = ["POINTS", "referrals_revoked"]


def _enrolled(ledger: Ledger, event: MemberEnrolled) -> Ledger:
    return replace(ledger, enrolled_at=event.enrolled_at)


def _closed(ledger: Ledger, event: AccountClosed) -> Ledger:
    ledger = replace(ledger, lots=_without(ledger.lots, event.lots), debt=ledger.debt - event.debt,
                     closed_at=event.closed_at, tier=None, grace_until=None)  # fmt: skip
    return _settled(ledger, event) if event.settled else ledger


def _settled(ledger: Ledger, event: AccountClosed) -> Ledger:
    """Keep only the ids of everything before the closing, which can no longer be reversed or counted."""
    coupons = ledger.coupons
    for each in event.rewards:
        if each.coupon in coupons:
            coupons = with_item(coupons, each.coupon, replace(coupons[each.coupon], status="void"))
    return replace(
        ledger,
        earnings={name: _taken_whole(earning) for name, earning in ledger.earnings.items()},
        redemptions={name: replace(each, lots=()) for name, each in ledger.redemptions.items()},
        months=EMPTY,
        qualified=0,
        shortfall=0,
        missed_before=EMPTY,
        warned=None,
        lapses_at=None,
        idle_months=0,
        redeemed_at=EMPTY,
        coupons=coupons,
        clubs=(),
        lost_tier=None,
        takings=EMPTY,
        settled_at=event.closed_at,
    )


def _taken_whole(earning: Earning) -> Earning:
    return replace(earning, reversed=earning.points, reversed_qualifying=earning.qualifying)


def _reopened(ledger: Ledger, event: AccountReopened) -> Ledger:
    return replace(ledger, closed_at=None, enrolled_at=event.reopened_at)


def _earned(ledger: Ledger, event: PointsEarned) -> Ledger:
    points, qualifying, month, active_from = event.points, event.qualifying, event.month, event.active_from
    earned_at = active_from if event.earned_at is None else event.earned_at
    expires_at, lapsing, lots = event.expires_at, event.lapsing, ledger.lots
    unit = event.unit
    key = f"{unit}/{month}" if unit else month  # as `counted_as`; this is the fold that runs most
    earning = Earning(points, qualifying, key, event.reason, event.source, active_from, expires_at, earned_at, lapsing)
    due_at = ledger.due_at
    if points:
        lots = with_item(
            lots, event.lot, Lot(points, active_from, expires_at, earned_at, active_from > earned_at, lapsing)
        )
        if expires_at is not None and expires_at < due_at:
            due_at = expires_at
        if earned_at < active_from < due_at:
            due_at = active_from
    earnings = with_item(ledger.earnings, event.lot, earning)
    if not qualifying:
        return replace(ledger, lots=lots, earnings=earnings, due_at=due_at)
    months = ledger.months
    return replace(
        ledger,
        lots=lots,
        earnings=earnings,
        months=with_item(months, key, months.get(key, 0) + qualifying),
        qualified=ledger.qualified + qualifying,
        month=max(month, ledger.month),
        due_at=due_at,
    )


def _activated(ledger: Ledger, event: PointsActivated) -> Ledger:
    lots = ledger.lots
    for share in event.lots:
        lot = lots.get(share.lot)
        if lot is not None:
            lots = with_item(lots, share.lot, replace(lot, pending=False))
    return replace(ledger, lots=lots)


def _redeemed(ledger: Ledger, event: PointsRedeemed) -> Ledger:
    redemption = Redemption(event.points, event.reward, event.lots)
    return replace(
        ledger,
        lots=_without(ledger.lots, event.lots),
        redemptions=with_item(ledger.redemptions, event.redemption, redemption),
        redeemed_at=ledger.redeemed_at
        if event.redeemed_at is None
        else with_item(ledger.redeemed_at, event.redemption, event.redeemed_at),
        missed_before=with_item(ledger.missed_before, event.redemption, ledger.missed)
        if ledger.missed
        else ledger.missed_before,
    )


def _redemption_reversed(ledger: Ledger, event: RedemptionReversed) -> Ledger:
    lots = ledger.lots
    graced = {each.lot: each.expires_at for each in event.graced}
    for share in event.lots:
        earning, lot = ledger.earnings.get(share.lot), lots.get(share.lot)
        if share.lot in graced and earning is not None:
            lot = Lot(0 if lot is None else lot.points, earning.active_from, graced[share.lot], earning.earned_at)
        if lot is not None:
            lots = with_item(lots, share.lot, replace(lot, points=lot.points + share.points))
        elif earning is not None:
            back = Lot(share.points, earning.active_from, earning.expires_at, earning.earned_at, False, earning.lapsing)
            lots = with_item(lots, share.lot, back)
    redemption, coupon = ledger.redemptions.get(event.redemption), ledger.coupons.get(event.redemption)
    coupons = ledger.coupons
    if coupon is not None:
        coupons = with_item(coupons, event.redemption, replace(coupon, status="void"))
    redemptions = ledger.redemptions
    if redemption is not None:
        redemptions = with_item(redemptions, event.redemption, replace(redemption, reversed=True))
    return replace(ledger, lots=lots, redemptions=redemptions, coupons=coupons)


def _expired(ledger: Ledger, event: PointsExpired) -> Ledger:
    earnings = ledger.earnings
    for share in event.lots:
        earning = earnings.get(share.lot)
        if earning is not None:
            earnings = with_item(earnings, share.lot, replace(earning, expired=earning.expired + share.points))
    return replace(ledger, lots=_without(ledger.lots, event.lots), earnings=earnings)


def _deferred(ledger: Ledger, event: ExpiryDeferred) -> Ledger:
    return replace(ledger, lapses_at=event.until, idle_months=event.months_count or ledger.idle_months)


def _reversed(ledger: Ledger, event: EarningReversed) -> Ledger:
    lots = _without(ledger.lots, event.lots)
    own = event.lot or purchase_lot(event.purchase)
    earning = ledger.earnings.get(own)
    if earning is None:
        return replace(ledger, lots=lots)
    missed = ledger.missed + event.shortfall
    taking = Taking(event.refund, event.lots, event.expired, event.shortfall, False, missed)
    taken = replace(
        earning,
        reversed=earning.reversed + event.points + event.expired + event.shortfall,
        forgone=earning.forgone + event.expired,
        reversed_qualifying=earning.reversed_qualifying + event.qualifying,
        refunds=(*earning.refunds, event.refund),
    )
    months = ledger.months
    reversed_ = replace(
        ledger,
        lots=lots,
        earnings=with_item(ledger.earnings, own, taken),
        months=with_item(months, earning.month, months.get(earning.month, 0) - event.qualifying),
        qualified=ledger.qualified - event.qualifying,
        missed=missed,
        shortfall=ledger.shortfall + event.shortfall,
        takings=with_item(ledger.takings, own, (*ledger.takings.get(own, ()), taking)),
    )
    return _referral_counted(reversed_, own, taken) if earning.reason == "referral" else reversed_


def _restored(ledger: Ledger, event: EarningRestored) -> Ledger:
    lots = ledger.lots
    for each in event.lots:
        lot = lots.get(each.lot)
        points = each.points + (0 if lot is None else lot.points)
        back = Lot(points, each.active_from, each.expires_at, each.earned_at, each.pending, each.lapsing)
        lots = with_item(lots, each.lot, back)
    if event.missing:
        ledger = _less_missing(ledger, event)
    own = event.lot or purchase_lot(event.purchase)
    earning = ledger.earnings.get(own)
    if earning is None:
        return replace(ledger, lots=lots)
    given = replace(
        earning,
        reversed=earning.reversed - event.points - event.expired - event.debt - event.shortfall,
        forgone=earning.forgone - event.expired,
        reversed_qualifying=earning.reversed_qualifying - event.qualifying,
        refunds=tuple(refund for refund in earning.refunds if refund != event.refund),
    )
    takings = ledger.takings
    left = tuple(each for each in takings.get(own, ()) if each.refund != event.refund)
    if left:
        takings = with_item(takings, own, left)
    elif own in takings:
        takings = without_item(takings, own)
    months = ledger.months
    if event.qualifying:
        months = with_item(months, earning.month, months.get(earning.month, 0) + event.qualifying)
    restored = replace(
        ledger,
        lots=lots,
        earnings=with_item(ledger.earnings, own, given),
        months=months,
        qualified=ledger.qualified + event.qualifying,
        debt=ledger.debt - event.debt,
        shortfall=ledger.shortfall - event.shortfall,
        takings=takings,
    )
    if event.standing is not None:
        stands = event.standing
        restored = replace(
            restored,
            tier=event.tier,
            tier_since=stands.since,
            tier_month=stands.month,
            reviewed=stands.reviewed,
            warned=stands.warned,
            grace_until=stands.grace_until,
            lost_tier=None,
        )
    return _referral_counted(restored, own, given) if earning.reason == "referral" else restored


def _less_missing(ledger: Ledger, event: EarningRestored) -> Ledger:
    """Set the clock of missing points back, and with it everything that was recorded after the refund."""
    known = ledger.takings.get(event.lot or purchase_lot(event.purchase), ())
    since = max((each.missed for each in known if each.refund == event.refund), default=0)
    if not since:
        return ledger

    def back(missed: int) -> int:
        return missed - event.missing if missed >= since else missed

    takings = ledger.takings
    for name, taken in takings.items():
        takings = with_item(takings, name, tuple(replace(each, missed=back(each.missed)) for each in taken))
    missed_before = ledger.missed_before
    for name, missed in missed_before.items():
        missed_before = (
            with_item(missed_before, name, back(missed)) if back(missed) else without_item(missed_before, name)
        )
    return replace(ledger, missed=ledger.missed - event.missing, missed_before=missed_before, takings=takings)


def _referral_counted(ledger: Ledger, own: str, earning: Earning) -> Ledger:
    """Count a referral of this member as rewarded, unless all of its points were taken back, which makes room again."""
    name = _referral_made(own, ledger.invited)
    if name is None:
        return ledger
    revoked = f"revoked/{name}"
    is_gone, was_gone = earning.reversed >= earning.points, revoked in ledger.done
    if is_gone == was_gone:
        return ledger
    done = with_item(ledger.done, revoked, "") if is_gone else without_item(ledger.done, revoked)
    return replace(ledger, done=done, rewarded=ledger.rewarded + (-1 if is_gone else 1))


def _referral_made(own: str, invited: Invited | None, customer: str = "") -> str | None:
    """Return the name of a referral that this member, or one who is merged into this account, has made.

    Args:
        own: The lot of its points.
        invited: The referral that brought this member, whose points are in a lot of the same form.
        customer: Whose account it is, where that is known.

    Returns:
        The referral, with the prefix of a merged account; None where the member was the one referred.
    """
    owner, lot = issued_to(customer, own)
    _, referrer, referral = lot.split("/")
    if owner:  # known, or made by the customer of a merged account
        made = owner == referrer
    else:
        made = invited is None or (invited.referral, invited.referrer) != (referral, referrer)
    return own.removesuffix(lot) + referral if made else None


def referrals_revoked(contents: LedgerContents, customer: str = "") -> dict[str, bool]:
    """Return the referrals made that have points, with whether a refund has revoked them.

    Referrals that a closing of the account settled are left out: they neither count nor come back.
    """
    found: dict[str, bool] = {}
    for lot, earning in contents.earnings.items():
        is_gone = earning.reversed >= earning.points
        name = _referral_made(lot, contents.invited, customer) if earning.reason == "referral" else None
        if name is not None and (lot in contents.takings or not is_gone):
            found[name] = is_gone
    return found


def _owes(ledger: Ledger, event: DebtIncurred) -> Ledger:
    takings = ledger.takings
    if event.refund:
        # It follows its own `EarningReversed`, so the clock of missing points says which of the takings it is of.
        for lot, taken in takings.items():
            if taken[-1].refund == event.refund and taken[-1].missed == ledger.missed:
                takings = with_item(takings, lot, (*taken[:-1], replace(taken[-1], owed=True)))
    return replace(
        ledger,
        debt=ledger.debt + event.points,
        shortfall=max(0, ledger.shortfall - event.points),
        takings=takings,
    )


def _repaid(ledger: Ledger, event: DebtRepaid) -> Ledger:
    return replace(
        ledger, debt=ledger.debt - event.points, lots=_without(ledger.lots, (LotShare(event.lot, event.points),))
    )


def _released_points(ledger: Ledger, event: PointsReleased) -> Ledger:
    return replace(
        ledger,
        lots=_without(ledger.lots, event.lots),
        done=with_item(ledger.done, f"transfer/{event.transfer}", f"{event.points} to {event.to}"),
    )


def _received_points(ledger: Ledger, event: PointsReceived) -> Ledger:
    lots, earnings = ledger.lots, ledger.earnings
    for each in event.lots:
        lots = with_item(lots, each.lot, Lot(each.points, each.active_from, each.expires_at, each.earned_at))
        earning = Earning(
            each.points, 0, "", "transfer", event.source, each.active_from, each.expires_at, each.earned_at
        )
        earnings = with_item(earnings, each.lot, earning)
    done = with_item(ledger.done, f"from/{event.source}/{event.transfer}", str(event.points))
    return replace(ledger, lots=lots, earnings=earnings, done=done)


def _adjusted(ledger: Ledger, event: PointsAdjusted) -> Ledger:
    said = f"{event.points} for {event.reason} by {event.author}"
    done = with_item(ledger.done, f"adjustment/{event.adjustment}", said)
    if event.lot is None:
        return replace(ledger, lots=_without(ledger.lots, event.lots), done=done)
    at, expires_at = event.active_from, event.expires_at
    return replace(
        ledger,
        lots=with_item(ledger.lots, event.lot, Lot(event.points, at, expires_at, at, False, event.lapsing)),
        earnings=with_item(
            ledger.earnings,
            event.lot,
            Earning(event.points, 0, "", "adjustment", event.adjustment, at, expires_at, at, event.lapsing),
        ),
        done=done,
    )


def _without(lots: Mapping[str, Lot], shares: Iterable[LotShare | MovedLot]) -> Mapping[str, Lot]:
    for share in shares:
        lot = lots.get(share.lot)
        if lot is not None:
            left = lot.points - share.points
            lots = with_item(lots, share.lot, replace(lot, points=left)) if left else without_item(lots, share.lot)
    return lots


POINTS: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    PointsEarned: _earned,
    MemberEnrolled: _enrolled,
    PointsActivated: _activated,
    PointsRedeemed: _redeemed,
    RedemptionReversed: _redemption_reversed,
    PointsExpired: _expired,
    ExpiryDeferred: _deferred,
    EarningReversed: _reversed,
    EarningRestored: _restored,
    DebtIncurred: _owes,
    DebtRepaid: _repaid,
    PointsReleased: _released_points,
    PointsReceived: _received_points,
    PointsAdjusted: _adjusted,
    AccountClosed: _closed,
    AccountReopened: _reopened,
}
