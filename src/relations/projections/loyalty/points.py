"""Folds of points: earned, activated, redeemed, expired, taken back, given back, owed, sent and adjusted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from relations.aggregates.loyalty import (
    DebtIncurred,
    DebtRepaid,
    EarningRestored,
    EarningReversed,
    ExpiryDeferred,
    LotShare,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
    issued_to,
)
from relations.messages import Envelope
from relations.policies.loyalty.windows import counted_as
from relations.projections.loyalty.moves import lapse, move, movement_of, owe, qualify, take
from relations.projections.loyalty.rows import (
    NEVER,
    AccountRow,
    LotRow,
    Movement,
    RedemptionRow,
    ReferralRow,
    RewardRow,
    SpentShare,
    TierStep,
)
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS"]

Shares: TypeAlias = Iterable[LotShare]

FOLDS = Folds()


@FOLDS.on(PointsEarned)
def points_earned(rows: Rows, event: PointsEarned, at: Envelope) -> None:
    """Add a lot, and what qualifies for a tier."""
    # The fold that runs most. A lot is always new here, and the code that other folds share is inlined.
    customer, programme, points, tables = at.customer, event.programme, event.points, rows.tables
    account: AccountRow = tables[AccountRow][customer, programme]
    if event.qualifying:
        counted, months = counted_as(event.unit, event.month), account.months
        months[counted] = months.get(counted, 0) + event.qualifying
        account.month = max(account.month, event.month)
    if not points:
        return
    active_from, name, expires_at, occurred_at = event.active_from, event.lot, event.expires_at, at.occurred_at
    earned_at = event.earned_at
    if earned_at is None:
        earned_at = active_from
    lot = LotRow(
        customer,
        programme,
        name,
        0 if event.lapsing else points,
        active_from,
        expires_at,
        earned_at,
        active_from > earned_at,
        event.lapsing,
        event.reason,
        event.source,
        occurred_at,
    )
    tables[LotRow][customer, programme, name] = lot
    account.earned += points
    if event.lapsing:
        move(rows, account, lot, at, points).earned += points
        return
    account.points += points
    local = rows.local
    key = (programme, local.day(occurred_at), NEVER if expires_at is None else local.month(expires_at - 1))
    movement: Movement = tables[Movement][key]
    movement.earned += points


@FOLDS.on(PointsActivated)
def points_activated(rows: Rows, event: PointsActivated, at: Envelope) -> None:
    """Mark these lots as active."""
    for share in event.lots:
        lot = rows.get(LotRow, at.customer, event.programme, share.lot)
        if lot is not None:
            lot.pending = False


@FOLDS.on(PointsRedeemed)
def points_redeemed(rows: Rows, event: PointsRedeemed, at: Envelope) -> None:
    """Take the points from these lots, and remember the lots for a reversal."""
    # The fold that runs most after `points_earned`, and inlined like it where a lot does not lapse.
    customer, programme, tables, local = at.customer, event.programme, rows.tables, rows.local
    lots, movements, occurred_at = tables[LotRow], tables[Movement], at.occurred_at
    account = rows.need(AccountRow, customer, programme)
    account.redeemed += event.points
    day = local.day(occurred_at)
    movement_of(rows, programme, day, NEVER).redemptions += 1
    shares = []
    for share in event.lots:
        key = (customer, programme, share.lot)
        lot: LotRow | None = lots.get(key)
        if lot is not None:
            shares.append(_spent(lot))
        if lot is None or lot.lapsing or lot.since > occurred_at:
            take(rows, account, share, at).redeemed += share.points
            continue
        taken, expires_at = share.points, lot.expires_at
        lot.points -= taken
        account.points -= taken
        if not lot.points:
            del lots[key]
        where = (programme, day, NEVER if expires_at is None else local.month(expires_at - 1))
        movement: Movement = movements[where]
        movement.redeemed += taken
    name = event.redemption
    tables[RedemptionRow][customer, programme, name] = RedemptionRow(customer, programme, name, occurred_at, shares)


def _spent(lot: LotRow) -> SpentShare:
    return SpentShare(
        lot.lot, lot.active_from, lot.expires_at, lot.earned_at, lot.lapsing, lot.reason, lot.source, lot.since
    )


@FOLDS.on(RedemptionReversed)
def redemption_reversed(rows: Rows, event: RedemptionReversed, at: Envelope) -> None:
    """Put the points back into these lots, with a grace where the policy gives one."""
    customer, programme = at.customer, event.programme
    coupon = rows.get(RewardRow, customer, programme, event.redemption)
    if coupon is not None:
        coupon.status, coupon.ended_at = "void", at.occurred_at
    redemption = rows.get(RedemptionRow, customer, programme, event.redemption)
    if redemption is None:
        # A reward that cost nothing has no redemption. Or this is as of a moment before the redemption, in an older log
        # that dates the reversal before it: there is nothing to reverse yet.
        return
    rows.drop(RedemptionRow, customer, programme, event.redemption)
    account = rows.need(AccountRow, customer, programme)
    account.redeemed -= event.points
    spent_at, shares = redemption.spent_at, {share.lot: share for share in redemption.shares}
    movement = movement_of(rows, programme, rows.local.day(max(at.occurred_at, spent_at)), NEVER)
    movement.undone += 1
    graced = {lot.lot: lot.expires_at for lot in event.graced}
    for share in event.lots:
        lot = rows.get(LotRow, customer, programme, share.lot)
        if lot is None:
            if (was := shares.get(share.lot)) is None:
                continue
            lot = _lot_again(rows, account, was)
        if share.lot in graced:
            _defer(rows, account, lot, at, graced[share.lot])
        move(rows, account, lot, at, share.points, not_before=spent_at).restored += share.points


def _lot_again(rows: Rows, account: AccountRow, was: SpentShare) -> LotRow:
    """Return the row of a lot of which nothing was left."""
    lot = rows.need(LotRow, account.customer, account.programme, was.lot)
    lot.active_from, lot.expires_at, lot.earned_at = was.active_from, was.expires_at, was.earned_at
    lot.lapsing, lot.reason, lot.source, lot.since = was.lapsing, was.reason, was.source, was.since
    return lot


def _defer(rows: Rows, account: AccountRow, lot: LotRow, at: Envelope, until: int) -> None:
    """Give a lot another expiry, with everything that is left of it."""
    left = lot.points
    if left:
        move(rows, account, lot, at, -left).shifted_out += left
    lot.expires_at, lot.lapsing = until, False
    if left:
        move(rows, account, lot, at, left).shifted_in += left


@FOLDS.on(PointsExpired)
def points_expired(rows: Rows, event: PointsExpired, at: Envelope) -> None:
    """Expire these lots."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.expired += event.points
    for share in event.lots:
        take(rows, account, share, at).expired += share.points


@FOLDS.on(ExpiryDeferred)
def expiry_deferred(rows: Rows, event: ExpiryDeferred, at: Envelope) -> None:
    """Move the expiry of lots that expire with inactivity."""
    lapse(rows, rows.need(AccountRow, at.customer, event.programme), at, event.until)


@FOLDS.on(EarningReversed)
def earning_reversed(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Take points back from these lots, and what qualified in the month of the purchase."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for share in event.lots:
        take(rows, account, share, at).reversed += share.points
    account.shortfall += event.shortfall
    if event.lot is not None:
        _unreward(rows, event, at)
    if event.qualifying:
        qualify(account, counted_as(event.unit, event.month), -event.qualifying)


@FOLDS.on(EarningRestored)
def earning_restored(rows: Rows, event: EarningRestored, envelope: Envelope) -> None:
    """Put the points back into these lots, and what qualifies back into the month of the purchase."""
    customer, programme = envelope.customer, event.programme
    account = rows.need(AccountRow, customer, programme)
    for each in event.lots:
        lot = rows.get(LotRow, customer, programme, each.lot)
        if lot is None:
            lot = rows.need(LotRow, customer, programme, each.lot)
            lot.active_from, lot.expires_at, lot.earned_at = each.active_from, each.expires_at, each.earned_at
            lot.lapsing, lot.pending, lot.reason, lot.source = each.lapsing, each.pending, each.reason, each.source
            lot.since = envelope.occurred_at
        move(rows, account, lot, envelope, each.points).given_back += each.points
    account.shortfall -= event.shortfall
    owe(rows, account, envelope, -event.debt)
    if event.lot is not None:
        row = _referral_of(rows, event, envelope)
        if row is not None:
            row.points += event.points + event.expired + event.debt + event.shortfall
            _drop_empty(rows, row)
    if event.qualifying:
        qualify(account, counted_as(event.unit, event.month), event.qualifying)
    if event.standing is not None:
        stands = event.standing
        account.tier, account.tier_since, account.reviewed = event.tier, stands.since, stands.reviewed
        account.warned, account.grace_until = stands.warned, stands.grace_until
        account.steps.append(TierStep(envelope.occurred_at, "restored", event.tier))


def _unreward(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Take the points off a referral, where its lot is taken back from the member who made it."""
    row = _referral_of(rows, event, at)
    if row is not None:
        row.points -= event.points + event.expired + event.shortfall
        _drop_empty(rows, row)


def _referral_of(rows: Rows, event: EarningReversed | EarningRestored, envelope: Envelope) -> ReferralRow | None:
    """Return the referral that this member made and that the event's lot rewarded, if any.

    The row of a referral that was rewarded before its member was merged stays with that member. What happens to its
    points here is in a second row, which adds to the first.
    """
    owner, lot = issued_to(envelope.customer, event.lot or "")
    kind, _, rest = lot.partition("/")
    referrer, _, referral = rest.partition("/")
    if kind != "referral" or referrer != owner:
        return None
    prefix = (event.lot or "").removesuffix(lot)
    find = rows.need if prefix else rows.get
    return find(ReferralRow, envelope.customer, event.programme, prefix + referral)


def _drop_empty(rows: Rows, row: ReferralRow) -> None:
    if not row.points and row.rewarded_at is None and not row.made_at:
        rows.drop(ReferralRow, row.customer, row.programme, row.referral)


@FOLDS.on(DebtIncurred)
def debt_incurred(rows: Rows, event: DebtIncurred, at: Envelope) -> None:
    """Add to the debt what a refund found missing."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.shortfall -= event.points
    owe(rows, account, at, event.points)


@FOLDS.on(DebtRepaid)
def debt_repaid(rows: Rows, event: DebtRepaid, at: Envelope) -> None:
    """Take the points off the debt and off the lot that repaid it."""
    account = rows.need(AccountRow, at.customer, event.programme)
    take(rows, account, LotShare(event.lot, event.points), at).repaid += event.points
    owe(rows, account, at, -event.points)


@FOLDS.on(PointsReleased)
def points_released(rows: Rows, event: PointsReleased, at: Envelope) -> None:
    """Take the points from these lots, for another member."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for moved in event.lots:
        take(rows, account, LotShare(moved.lot, moved.points), at).sent += moved.points


@FOLDS.on(PointsReceived)
def points_received(rows: Rows, event: PointsReceived, at: Envelope) -> None:
    """Add lots with another member's points."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for moved in event.lots:
        lot = rows.need(LotRow, at.customer, event.programme, moved.lot)
        lot.active_from, lot.expires_at, lot.earned_at = moved.active_from, moved.expires_at, moved.earned_at
        lot.reason, lot.source, lot.since = "transfer", event.source, at.occurred_at
        move(rows, account, lot, at, moved.points).received += moved.points


@FOLDS.on(PointsAdjusted)
def points_adjusted(rows: Rows, event: PointsAdjusted, at: Envelope) -> None:
    """Add a new lot, or take points from these lots."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for share in event.lots:
        take(rows, account, share, at).lowered += share.points
    if event.lot is not None:
        lot = rows.need(LotRow, at.customer, event.programme, event.lot)
        lot.active_from, lot.expires_at, lot.earned_at = event.active_from, event.expires_at, at.occurred_at
        lot.reason, lot.source, lot.since = "adjustment", event.adjustment, at.occurred_at
        lot.lapsing = event.lapsing
        move(rows, account, lot, at, event.points).raised += event.points
