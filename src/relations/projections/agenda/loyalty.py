"""Folds of due items of members: lots that activate or expire, rewards that expire, and tiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
    DebtRepaid,
    EarningRestored,
    EarningReversed,
    ExpiryDeferred,
    Holdings,
    LotShare,
    MovedLot,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
    merged_prefix,
)
from relations.messages import Envelope
from relations.policies.loyalty.windows import counted_as
from relations.projections.agenda.rows import Item, Lapse, Member
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS"]

FOLDS = Folds()


@FOLDS.on(PointsEarned)
def points_earned(rows: Rows, event: PointsEarned, at: Envelope) -> None:
    """Add the expiry and the activation of a lot, and count the qualifying amount."""
    # A lot is always new here, and this is the fold that runs most, so existing items are not looked up.
    customer, stream, programme, lot = at.customer, at.stream, event.programme, event.lot
    if event.expires_at is not None and event.points:
        key = (customer, stream, programme, lot)
        rows.tables[Item][key] = Item(customer, stream, programme, lot, "expiry", event.expires_at, event.points)
    if event.earned_at is not None and event.points:
        what = f"activation/{lot}"
        item = Item(customer, stream, programme, what, "activation", event.active_from, event.points)
        rows.tables[Item][customer, stream, programme, what] = item
    if event.lapsing and event.points:
        _lapses(rows, at, programme, lot, event.points)
    if event.qualifying:
        member, month = rows.need(Member, customer, stream, programme), event.month
        counted = counted_as(event.unit, month)
        member.months[counted] = member.months.get(counted, 0) + event.qualifying
        member.month = max(member.month, month)


@FOLDS.on(PointsActivated)
def points_activated(rows: Rows, event: PointsActivated, at: Envelope) -> None:
    """Remove the activation of these lots."""
    for share in event.lots:
        rows.drop(Item, at.customer, at.stream, event.programme, f"activation/{share.lot}")


@FOLDS.on(PointsRedeemed, PointsExpired, PointsReleased, AccountClosed)
def points_gone(
    rows: Rows, event: PointsRedeemed | PointsExpired | PointsReleased | AccountClosed, at: Envelope
) -> None:
    """Take points from these lots; an empty lot has no expiry. A closed account has no tier."""
    _take(rows, at, event.programme, event.lots)
    if type(event) is AccountClosed:
        for each in event.rewards:
            rows.drop(Item, at.customer, at.stream, event.programme, f"reward/{each.coupon}")
        member = rows.get(Member, at.customer, at.stream, event.programme)
        if member is not None:
            member.tier = member.grace_until = None
            if event.settled:
                member.months, member.warned = {}, None
        if event.settled:
            rows.drop(Lapse, at.customer, at.stream, event.programme)


@FOLDS.on(PointsAdjusted)
def points_adjusted(rows: Rows, event: PointsAdjusted, at: Envelope) -> None:
    """Take points from these lots, or add a new one."""
    _take(rows, at, event.programme, event.lots)
    if event.lot is not None:
        _give(rows, at, event.programme, event.lot, event.points, event.expires_at, lapsing=event.lapsing)


@FOLDS.on(PointsReceived)
def points_received(rows: Rows, event: PointsReceived, at: Envelope) -> None:
    """Add lots with their earlier expiry."""
    for lot in event.lots:
        _give(rows, at, event.programme, lot.lot, lot.points, lot.expires_at)


@FOLDS.on(RedemptionReversed)
def redemption_reversed(rows: Rows, event: RedemptionReversed, at: Envelope) -> None:
    """Put points back into these lots."""
    lapsing = set(event.lapsing)
    for share, expires_at in zip(event.lots, event.expiries, strict=False):
        _give(rows, at, event.programme, share.lot, share.points, expires_at, lapsing=share.lot in lapsing, back=True)
    rows.drop(Item, at.customer, at.stream, event.programme, f"reward/{event.redemption}")


@FOLDS.on(ExpiryDeferred)
def expiry_deferred(rows: Rows, event: ExpiryDeferred, at: Envelope) -> None:
    """Move the expiry of lots that lapse with inactivity."""
    rows.need(Lapse, at.customer, at.stream, event.programme).at = event.until


@FOLDS.on(EarningReversed)
def earning_reversed(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Take points back from these lots, and the qualifying amount from the month of the purchase."""
    _take(rows, at, event.programme, event.lots)
    if event.qualifying:
        _qualify(
            rows.need(Member, at.customer, at.stream, event.programme),
            {counted_as(event.unit, event.month): -event.qualifying},
        )


@FOLDS.on(EarningRestored)
def earning_restored(rows: Rows, event: EarningRestored, envelope: Envelope) -> None:
    """Put the points back into these lots, and restore a tier that was lost by the refund."""
    programme = event.programme
    for each in event.lots:
        _give(rows, envelope, programme, each.lot, each.points, each.expires_at, lapsing=each.lapsing, back=True)
        if each.pending:
            item = rows.need(Item, envelope.customer, envelope.stream, programme, f"activation/{each.lot}")
            item.kind, item.at, item.points = "activation", each.active_from, item.points + each.points
            item.again = envelope.position
    if event.qualifying or event.standing is not None:
        member = rows.need(Member, envelope.customer, envelope.stream, programme)
        _qualify(member, {counted_as(event.unit, event.month): event.qualifying})
        if event.standing is not None:
            stands, month = event.standing, member.month
            _become(member, [event.tier, month, stands.since, stands.reviewed, stands.warned, stands.grace_until])
            member.moved = envelope.position


@FOLDS.on(DebtRepaid)
def debt_repaid(rows: Rows, event: DebtRepaid, at: Envelope) -> None:
    """Take the points from the lot that repaid the debt."""
    _take(rows, at, event.programme, (LotShare(event.lot, event.points),))


@FOLDS.on(TierReached)
def tier_reached(rows: Rows, event: TierReached, at: Envelope) -> None:
    """Set the tier to review."""
    _tier(rows, at, event.programme, event.tier, event.month, event.since)


@FOLDS.on(TierLost)
def tier_lost(rows: Rows, event: TierLost, at: Envelope) -> None:
    """Set the lower tier to review, or none."""
    _tier(rows, at, event.programme, event.next, event.month, event.since)


@FOLDS.on(TierKept)
def tier_kept(rows: Rows, event: TierKept, at: Envelope) -> None:
    """Record the review."""
    member = rows.need(Member, at.customer, at.stream, event.programme)
    member.reviewed, member.warned, member.grace_until = event.reviewed_at, None, None
    member.moved = at.position
    member.month = max(member.month, event.month)


@FOLDS.on(TierWarned)
def tier_warned(rows: Rows, event: TierWarned, at: Envelope) -> None:
    """Record the warning."""
    member = rows.need(Member, at.customer, at.stream, event.programme)
    member.warned, member.moved = event.losing_at, at.position


@FOLDS.on(TierGraceGiven)
def tier_graced(rows: Rows, event: TierGraceGiven, at: Envelope) -> None:
    """Record the grace."""
    member = rows.need(Member, at.customer, at.stream, event.programme)
    member.grace_until, member.month = event.until, max(member.month, event.month)
    member.moved = at.position


@FOLDS.on(RewardIssued)
def reward_issued(rows: Rows, event: RewardIssued, at: Envelope) -> None:
    """Add the expiry of a reward that has one."""
    if event.expires_at is not None:
        _coupon(rows, at, event.programme, event.coupon, event.expires_at)


@FOLDS.on(RewardUsed, RewardExpired)
def reward_ended(rows: Rows, event: RewardUsed | RewardExpired, at: Envelope) -> None:
    """Remove the expiry of the reward."""
    rows.drop(Item, at.customer, at.stream, event.programme, f"reward/{event.coupon}")


@FOLDS.on(AccountReleased)
def account_released(rows: Rows, event: AccountReleased, at: Envelope) -> None:
    """Remove everything that was released to another account."""
    customer, stream, programme, came = at.customer, at.stream, event.programme, event.holdings
    _take(rows, at, programme, [LotShare(name, lot.points) for name, lot in came.lots.items()])
    for coupon in came.coupons:
        rows.drop(Item, customer, stream, programme, f"reward/{coupon}")
    rows.drop(Member, customer, stream, programme)
    rows.drop(Lapse, customer, stream, programme)


@FOLDS.on(AccountRestored)
def account_restored(rows: Rows, event: AccountRestored, at: Envelope) -> None:
    """Add everything that came back."""
    found = event.holdings
    _hold(rows, at, event.programme, found, "")
    if found.tier is not None or found.months:
        member = rows.need(Member, at.customer, at.stream, event.programme)
        _become(member, _of_holdings(found))
        member.months = {month: points for month, points in found.months.items() if points}
    if found.lapses_at is not None:
        rows.need(Lapse, at.customer, at.stream, event.programme).at = found.lapses_at


@FOLDS.on(AccountReceived)
def account_received(rows: Rows, event: AccountReceived, at: Envelope) -> None:
    """Add the lots and the qualifying amounts of another account."""
    came = event.holdings
    _hold(rows, at, event.programme, came, merged_prefix(event.source))
    member = rows.need(Member, at.customer, at.stream, event.programme)
    lapse = rows.get(Lapse, at.customer, at.stream, event.programme)
    member.before[event.merge] = [*_standing_of(member), lapse.at if lapse is not None else None]
    theirs = event.tier == came.tier and event.tier != member.tier
    month = max(member.month, came.month, event.month)
    if event.reached_at:
        reached = Holdings(month=month, tier=event.tier, tier_since=event.reached_at, reviewed=event.reached_at)
        _become(member, _of_holdings(reached))
    elif theirs:
        _become(member, _of_holdings(came))
    member.tier, member.month = event.tier, month
    _qualify(member, came.months)
    if came.lapses_at is not None:
        lapse = rows.need(Lapse, at.customer, at.stream, event.programme)
        lapse.at = max(lapse.at, came.lapses_at)


@FOLDS.on(AccountReturned)
def account_returned(rows: Rows, event: AccountReturned, at: Envelope) -> None:
    """Remove everything that was added by a merge."""
    _take(rows, at, event.programme, event.lots)
    for coupon in event.holdings.coupons:
        rows.drop(Item, at.customer, at.stream, event.programme, f"reward/{merged_prefix(event.to)}{coupon}")
    member = rows.need(Member, at.customer, at.stream, event.programme)
    before = member.before.pop(event.merge, None)
    _qualify(member, {month: -points for month, points in event.holdings.months.items()})
    lapse = rows.get(Lapse, at.customer, at.stream, event.programme)
    if event.undone and before is not None:
        *standing, lapses_at = before
        _become(member, standing)
        if lapse is not None and lapses_at is not None:
            lapse.at = lapses_at
        elif lapse is not None:
            rows.drop(Lapse, at.customer, at.stream, event.programme)
    else:
        member.tier = event.tier
        if event.standing is not None:
            stands = event.standing
            month = max(member.month, stands.month)
            _become(member, [event.tier, month, stands.since, stands.reviewed, stands.warned, stands.grace_until])


def _take(rows: Rows, at: Envelope, programme: str, shares: Iterable[LotShare | MovedLot]) -> None:
    """Take points from these lots."""
    customer, stream, items = at.customer, at.stream, rows.tables[Item]
    for share in shares:
        lot = share.lot
        for what in (lot, f"activation/{lot}"):
            item = items.get((customer, stream, programme, what))
            if item is not None:  # a lot that never expires has none
                item.points -= share.points
                if item.points <= 0:
                    rows.drop(Item, customer, stream, programme, what)
        lapse = rows.get(Lapse, customer, stream, programme)
        if lapse is not None and lot in lapse.lots:
            lapse.lots[lot] -= share.points
            if lapse.lots[lot] <= 0:
                del lapse.lots[lot]


def _give(
    rows: Rows,
    at: Envelope,
    programme: str,
    lot: str,
    points: int,
    expires_at: int | None,
    *,
    lapsing: bool = False,
    back: bool = False,
) -> None:
    """Put points into a lot, or add it."""
    if expires_at is not None:
        item = rows.need(Item, at.customer, at.stream, programme, lot)
        if back and (not item.points or item.at != expires_at):
            item.again = at.position
        item.kind, item.at, item.points = "expiry", expires_at, item.points + points
    if lapsing:
        _lapses(rows, at, programme, lot, points)


def _lapses(rows: Rows, at: Envelope, programme: str, lot: str, points: int) -> None:
    lapse = rows.need(Lapse, at.customer, at.stream, programme)
    if not lapse.lots:
        lapse.again = at.position
    lapse.lots[lot] = lapse.lots.get(lot, 0) + points


def _hold(rows: Rows, at: Envelope, programme: str, holdings: Holdings, prefix: str) -> None:
    """Add the lots and rewards of another account."""
    for name, lot in holdings.lots.items():
        _give(rows, at, programme, prefix + name, lot.points, lot.expires_at, lapsing=lot.lapsing, back=True)
        if lot.pending:
            item = rows.need(Item, at.customer, at.stream, programme, f"activation/{prefix}{name}")
            item.kind, item.at, item.points, item.again = "activation", lot.active_from, lot.points, at.position
    for name, coupon in holdings.coupons.items():
        if coupon.status == "issued" and coupon.expires_at is not None:
            _coupon(rows, at, programme, prefix + name, coupon.expires_at, again=at.position)


def _coupon(rows: Rows, at: Envelope, programme: str, coupon: str, expires_at: int, again: int = 0) -> None:
    item = rows.need(Item, at.customer, at.stream, programme, f"reward/{coupon}")
    item.kind, item.at, item.again = "reward", expires_at, again


def _tier(rows: Rows, at: Envelope, programme: str, tier: str | None, month: str, since: int) -> None:
    member = rows.need(Member, at.customer, at.stream, programme)
    member.tier, member.since, member.reviewed = tier, since, since
    member.warned = member.grace_until = None
    member.month, member.moved = max(member.month, month), at.position


def _qualify(member: Member, months: Mapping[str, int]) -> None:
    for month, points in months.items():
        left = member.months.get(month, 0) + points
        if left:
            member.months[month] = left
        else:
            member.months.pop(month, None)


def _standing_of(member: Member) -> list[Any]:
    return [member.tier, member.month, member.since, member.reviewed, member.warned, member.grace_until]


def _of_holdings(holdings: Holdings) -> list[Any]:
    found = holdings
    return [found.tier, found.month, found.tier_since, found.reviewed, found.warned, found.grace_until]


def _become(member: Member, standing: list[Any]) -> None:
    member.tier, member.month, member.since, member.reviewed, member.warned, member.grace_until = standing
