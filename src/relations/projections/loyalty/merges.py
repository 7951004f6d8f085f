"""Folds of accounts that are merged and unmerged."""

from __future__ import annotations

from relations.aggregates.loyalty import (
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
    Earning,
    Holdings,
    LotShare,
    issued_to,
    merged_prefix,
    referral_lot,
)
from relations.messages import Envelope
from relations.projections.loyalty.members import count_member
from relations.projections.loyalty.moves import lapse, move, owe, qualify, take
from relations.projections.loyalty.rows import (
    AccountRow,
    Before,
    LotRow,
    RedemptionRow,
    ReferralRow,
    RewardRow,
    SpentShare,
    TierStep,
)
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS"]

FOLDS = Folds()


@FOLDS.on(AccountReleased)
def account_released(rows: Rows, event: AccountReleased, at: Envelope) -> None:
    """Move everything to another account of the same person."""
    account, holdings = rows.need(AccountRow, at.customer, event.programme), event.holdings
    account.merged_into = event.into
    for name, held in holdings.lots.items():
        take(rows, account, LotShare(name, held.points), at).sent += held.points
    for redemption in holdings.redemptions:
        rows.drop(RedemptionRow, account.customer, account.programme, redemption)
    for coupon in holdings.coupons:
        rows.drop(RewardRow, account.customer, account.programme, coupon)
    owe(rows, account, at, -holdings.debt)
    _belongs(rows, account, at, None, account.closed_at)
    account.lapses_at = None
    account.months, account.month = {}, ""
    account.away = {club: account.clubs.pop(club, at.occurred_at) for club in holdings.clubs}
    _restand(account, Before())


@FOLDS.on(AccountReceived)
def account_received(rows: Rows, event: AccountReceived, at: Envelope) -> None:
    """Take in what another account of the same person had, under ids with a prefix."""
    account, came = rows.need(AccountRow, at.customer, event.programme), event.holdings
    account.merges[event.merge] = Before(
        account.enrolled_at,
        account.lapses_at,
        account.month,
        account.tier,
        account.tier_since,
        account.reviewed,
        account.warned,
        account.grace_until,
        account.referrer,
    )
    if came.invited is not None and account.enrolled_at is None and account.referrer is None:
        account.referrer = came.invited.referrer
    if event.reopened:
        _belongs(rows, account, at, came.member_since, None)
    else:
        _belongs(rows, account, at, _least(account.enrolled_at, came.member_since), account.closed_at)
    for club in came.clubs:
        account.clubs.setdefault(club, at.occurred_at)
    lapses = [each for each in (account.lapses_at, came.lapses_at) if each is not None]
    lapse(rows, account, at, max(lapses, default=None))
    _hold(rows, account, came, merged_prefix(event.source), at)
    account.month = max(account.month, came.month, event.month)
    if event.tier != account.tier:
        _restand(account, _standing_of(event))
        account.steps.append(TierStep(at.occurred_at, "merged", event.tier))


@FOLDS.on(AccountRestored)
def account_restored(rows: Rows, event: AccountRestored, at: Envelope) -> None:
    """Make the account separate again."""
    account, back = rows.need(AccountRow, at.customer, event.programme), event.holdings
    account.merged_into, account.month = None, back.month
    _belongs(rows, account, at, back.enrolled_at, account.closed_at)
    account.clubs |= {club: account.away.get(club, at.occurred_at) for club in back.clubs}
    account.away = {}
    if back.invited is not None:
        account.referrer = back.invited.referrer
    lapse(rows, account, at, back.lapses_at)
    _hold(rows, account, back, "", at)
    for lot, earning in _of_referrals(back):
        row = rows.get(ReferralRow, account.customer, account.programme, lot.rpartition("/")[2])
        if row is not None and lot == referral_lot(account.customer, row.referral):
            row.points = 0 if earning.reversed >= earning.points else earning.points
            row.rewarded_at = earning.earned_at if row.rewarded_at is None else row.rewarded_at
    _restand(account, _standing(back, back.tier))


@FOLDS.on(AccountReturned)
def account_returned(rows: Rows, event: AccountReturned, at: Envelope) -> None:
    """Give back what is left of what came with a merge."""
    account, back = rows.need(AccountRow, at.customer, event.programme), event.holdings
    for share in event.lots:
        take(rows, account, share, at).sent += share.points
    prefix = merged_prefix(event.to)
    for redemption in back.redemptions:
        rows.drop(RedemptionRow, account.customer, account.programme, prefix + redemption)
    for coupon in back.coupons:
        rows.drop(RewardRow, account.customer, account.programme, prefix + coupon)
    for lot, _ in _of_referrals(back):  # what happened to them here is in the restored account from now on
        owner, own = issued_to(event.to, lot)
        name = prefix + lot.removesuffix(own) + own.rpartition("/")[2]
        row = rows.get(ReferralRow, account.customer, account.programme, name)
        if row is not None and not row.made_at and own == referral_lot(owner, own.rpartition("/")[2]):
            rows.drop(ReferralRow, account.customer, account.programme, name)
    owe(rows, account, at, -back.debt)
    for month, points in back.months.items():
        qualify(account, month, -points)
    before = account.merges.pop(event.merge, None)
    if event.membership is not None:
        _belongs(rows, account, at, event.membership.enrolled_at, event.membership.closed_at)
    for club in event.clubs:
        account.clubs.pop(club, None)
    if before is not None and back.invited is not None:
        account.referrer = before.referrer
    if before is not None and event.undone:
        _belongs(rows, account, at, before.enrolled_at, account.closed_at)
        account.month = before.month
        lapse(rows, account, at, before.lapses_at)
        if account.steps and account.steps[-1].kind == "merged" and account.steps[-1].tier != before.tier:
            account.steps.pop()  # nothing came between: the step was this merge's own
        _restand(account, before)
    if event.tier != account.tier:
        account.tier = event.tier
        account.steps.append(TierStep(at.occurred_at, "returned", event.tier))
    if event.standing is not None:
        stands = event.standing
        account.month = max(account.month, stands.month)
        account.tier_since, account.reviewed = stands.since, stands.reviewed
        account.warned, account.grace_until = stands.warned, stands.grace_until


def _hold(rows: Rows, account: AccountRow, holdings: Holdings, prefix: str, at: Envelope) -> None:
    """Take in what another account had or gives back, with its redemptions, which may be reversed here."""
    customer, programme, earnings = account.customer, account.programme, holdings.earnings
    for name, redemption in holdings.redemptions.items():
        if not redemption.reversed:
            rows.tables[RedemptionRow][customer, programme, prefix + name] = RedemptionRow(
                customer,
                programme,
                prefix + name,
                at.occurred_at,
                [
                    _share_of(earnings[share.lot], prefix + share.lot, at)
                    for share in redemption.lots
                    if share.lot in earnings
                ],
            )
    for name, held in holdings.lots.items():
        lot = rows.need(LotRow, customer, programme, prefix + name)
        lot.active_from, lot.expires_at, lot.earned_at = held.active_from, held.expires_at, held.earned_at
        lot.pending, lot.lapsing, lot.since = held.pending, held.lapsing, at.occurred_at
        if (earning := earnings.get(name)) is not None:
            lot.reason, lot.source = earning.reason, earning.source
        move(rows, account, lot, at, held.points).received += held.points
    for name, coupon in holdings.coupons.items():
        row = rows.need(RewardRow, customer, programme, prefix + name)
        row.reward, row.points, row.expires_at = coupon.reward, coupon.points, coupon.expires_at
        row.issued_at, row.status = at.occurred_at, coupon.status
    owe(rows, account, at, holdings.debt)
    for month, points in holdings.months.items():
        qualify(account, month, points)


def _of_referrals(holdings: Holdings) -> list[tuple[str, Earning]]:
    return [(lot, earning) for lot, earning in holdings.earnings.items() if earning.reason == "referral"]


def _share_of(earning: Earning, lot: str, at: Envelope) -> SpentShare:
    return SpentShare(
        lot,
        earning.active_from,
        earning.expires_at,
        earning.earned_at,
        earning.lapsing,
        earning.reason,
        earning.source,
        at.occurred_at,
    )


def _least(one: int | None, other: int | None) -> int | None:
    return min([each for each in (one, other) if each is not None], default=None)


def _belongs(rows: Rows, account: AccountRow, at: Envelope, since: int | None, closed_at: int | None) -> None:
    """Set the membership as a merge or its reversal decides, and count the members."""
    was = account.enrolled_at is not None and account.closed_at is None
    account.enrolled_at, account.closed_at = since, closed_at
    if (since is not None and closed_at is None) != was:
        count_member(rows, account, at, -1 if was else 1)


def _standing_of(event: AccountReceived) -> Before:
    """Return the standing of the tier after a merge: the one that came, or the one that both reached together."""
    if event.reached_at:
        return Before(tier=event.tier, tier_since=event.reached_at, reviewed=event.reached_at)
    return _standing(event.holdings, event.tier)


def _standing(holdings: Holdings, tier: str | None) -> Before:
    return Before(
        tier=tier,
        tier_since=holdings.tier_since,
        reviewed=holdings.reviewed,
        warned=holdings.warned,
        grace_until=holdings.grace_until,
    )


def _restand(account: AccountRow, standing: Before) -> None:
    account.tier, account.tier_since, account.reviewed = standing.tier, standing.tier_since, standing.reviewed
    account.warned, account.grace_until = standing.warned, standing.grace_until
