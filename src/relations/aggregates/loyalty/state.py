"""A member's account: one ledger a programme. What an account is after each event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from immutables import Map
from msgspec.structs import replace

from relations.aggregates.loyalty.events import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountReopened,
    AccountRestored,
    AccountReturned,
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    CreditForwarded,
    DebtIncurred,
    DebtRepaid,
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
    PurchaseForwarded,
    RedemptionReversed,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRevoked,
    ReferralRewarded,
    RefundForwarded,
    RequestForwarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
)
from relations.aggregates.loyalty.lots import (
    Coupon,
    Earning,
    Holdings,
    Invited,
    Lot,
    LotShare,
    Membership,
    MovedLot,
    Redemption,
    TierStanding,
    issued_to,
    merged_prefix,
    purchase_lot,
)
from relations.messages import Event

__all__ = [
    "EVENTS",
    "Account",
    "Dealings",
    "Invited",
    "Ledger",
    "Received",
    "evolve",
    "evolve_ledger",
    "forwarded_as",
    "forwarded_request",
    "standing_of",
]

NEVER = 2**62
"""A moment that never comes."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """What came with a merge, and what the ledger was before it."""

    source: str
    event: AccountReceived
    before: Ledger


class Dealings(msgspec.Struct, frozen=True, gc=False):
    """What changes seldom in a ledger.

    Attributes:
        done: What ids were used for: `transfer/t1`, `adjustment/a1` and so on, with what they said.
        coupons: Every reward issued, by coupon.
        clubs: The clubs that the member is in.
        referrals: Recommendations made: whom, by id.
        rewarded: How many of them were rewarded, and not for nothing.
        invited: Who recommended the programme to this customer.
        received: What came with merges, by merge.
        released: The merge that took everything elsewhere; None where nothing did.
        due_at: When the first of the coupons expires.
    """

    done: Map[str, str] = Map()
    coupons: Map[str, Coupon] = Map()
    clubs: tuple[str, ...] = ()
    referrals: Map[str, str] = Map()
    rewarded: int = 0
    invited: Invited | None = None
    received: Map[str, Received] = Map()
    released: str | None = None
    due_at: int = NEVER


class Ledger(msgspec.Struct, frozen=True, gc=False):
    """What a customer has in one programme.

    Attributes:
        programme: Which.
        enrolled_at: Since when, UTC microseconds; None is not a member.
        lots: Lots with points left, by id.
        earnings: Every lot that ever was, by id.
        redemptions: Every redemption, by id.
        months: What qualifies for tiers, by unit and month (see `counted_as`), less what refunds took back.
        qualified: The sum of `months` over all units; no window holds more.
        month: The latest month that any event spoke of: late arrivals are held against it, not against their own.
        tier: The present one.
        tier_since: Since when, UTC microseconds.
        tier_month: The last month of the window that it was earned in.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that was warned of last.
        grace_until: Until when it is kept though it is no longer earned.
        debt: Points owed.
        lapses_at: When lots that expire with inactivity do.
        idle_months: After how many months of inactivity that is; 0 where it was not recorded.
        redeemed_at: When redemptions were made that put that off, by id, UTC microseconds.
        closed_at: When the account was closed; None is open.
        dealings: What changes seldom.
        due_at: When the first of the lots becomes active or expires, but for the account's inactivity.
    """

    programme: str = "main"
    enrolled_at: int | None = None
    lots: Map[str, Lot] = Map()
    earnings: Map[str, Earning] = Map()
    redemptions: Map[str, Redemption] = Map()
    months: Map[str, int] = Map()
    qualified: int = 0
    month: str = ""
    tier: str | None = None
    tier_since: int = 0
    tier_month: str = ""
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    debt: int = 0
    lapses_at: int | None = None
    idle_months: int = 0
    redeemed_at: Map[str, int] = Map()
    closed_at: int | None = None
    dealings: Dealings = Dealings()
    due_at: int = NEVER

    @property
    def balance(self) -> int:
        """Points in lots, pending ones included, less points owed."""
        return sum(lot.points for lot in self.lots.values()) - self.debt

    @property
    def pending(self) -> int:
        """Points that cannot be spent yet."""
        return sum(lot.points for lot in self.lots.values() if lot.pending)


class Account(msgspec.Struct, frozen=True, gc=False):
    """A customer's ledgers in all programmes, in the order of joining; that of one who is no member is empty.

    Attributes:
        ledgers: One a programme.
        merged_into: The customer whose account has it all now.
    """

    ledgers: tuple[Ledger, ...] = ()
    merged_into: str | None = None

    def ledger(self, programme: str | None = None) -> Ledger:
        """The ledger in a programme; in the one joined first if none is named. An empty one where there is none.

        A recommendation alone makes a ledger and no member: who has joined anything is asked about that.
        """
        for ledger in self.ledgers:
            if ledger.programme == programme or (programme is None and ledger.enrolled_at is not None):
                return ledger
        if programme is None:
            return self.ledgers[0] if self.ledgers else _EMPTY
        return Ledger(programme)

    # Most businesses have one programme, and most questions are about it.

    @property
    def enrolled_at(self) -> int | None:
        """Since when the customer is a member of the programme joined first."""
        return self.ledger().enrolled_at

    @property
    def lots(self) -> Map[str, Lot]:
        """Lots with points left in the programme joined first."""
        return self.ledger().lots

    @property
    def earnings(self) -> Map[str, Earning]:
        """Every lot that ever was in the programme joined first."""
        return self.ledger().earnings

    @property
    def redemptions(self) -> Map[str, Redemption]:
        """Every redemption in the programme joined first."""
        return self.ledger().redemptions

    @property
    def months(self) -> Map[str, int]:
        """What qualifies, by month, in the programme joined first."""
        return self.ledger().months

    @property
    def qualified(self) -> int:
        """All that ever qualified in the programme joined first."""
        return self.ledger().qualified

    @property
    def month(self) -> str:
        """The latest month that any event of the programme joined first spoke of."""
        return self.ledger().month

    @property
    def tier(self) -> str | None:
        """The present tier in the programme joined first."""
        return self.ledger().tier

    @property
    def debt(self) -> int:
        """Points owed in the programme joined first."""
        return self.ledger().debt

    @property
    def balance(self) -> int:
        """Points in lots, less points owed, in the programme joined first."""
        return self.ledger().balance


_EMPTY = Ledger()


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: Account, event: Event) -> Account:
    """The account after an event."""
    fold = _FOLDS.get(type(event))
    if fold is None:
        return state
    ledgers, programme = state.ledgers, event.programme  # type: ignore[attr-defined] # every one folded here has it
    if len(ledgers) == 1 and ledgers[0].programme == programme:
        found: tuple[Ledger, ...] = (fold(ledgers[0], event),)
    else:
        for place, ledger in enumerate(ledgers):
            if ledger.programme == programme:
                found = (*ledgers[:place], fold(ledger, event), *ledgers[place + 1 :])
                break
        else:
            found = (*ledgers, fold(Ledger(programme), event))
    merged_into = state.merged_into
    if type(event) is AccountReleased:
        merged_into = event.into
    elif type(event) is AccountRestored:
        merged_into = None
    if type(event) in _UNMERGED:
        # One that a merge had made is gone with it.
        found = tuple(ledger for ledger in found if ledger != Ledger(ledger.programme))
    return Account(found, merged_into)


def evolve_ledger(ledger: Ledger, event: Event) -> Ledger:
    """One programme's ledger after an event of it."""
    fold = _FOLDS.get(type(event))
    return ledger if fold is None else fold(ledger, event)


def _enrolled(ledger: Ledger, event: MemberEnrolled) -> Ledger:
    return replace(ledger, enrolled_at=event.enrolled_at)


def _closed(ledger: Ledger, event: AccountClosed) -> Ledger:
    ledger = replace(ledger, lots=_without(ledger.lots, event.lots), debt=ledger.debt - event.debt,
                     closed_at=event.closed_at, tier=None, grace_until=None)  # fmt: skip
    return _settled(ledger, event) if event.settled else ledger


def _settled(ledger: Ledger, event: AccountClosed) -> Ledger:
    """What was before the closing is remembered by its ids alone: nothing of it is undone or counts any more."""
    coupons = ledger.dealings.coupons
    for each in event.rewards:
        if each.coupon in coupons:
            coupons = coupons.set(each.coupon, replace(coupons[each.coupon], status="void"))
    return replace(
        ledger,
        earnings=Map({name: _taken_whole(earning) for name, earning in ledger.earnings.items()}),
        redemptions=Map({name: replace(each, lots=()) for name, each in ledger.redemptions.items()}),
        months=Map(),
        qualified=0,
        warned=None,
        lapses_at=None,
        idle_months=0,
        redeemed_at=Map(),
        dealings=replace(ledger.dealings, coupons=coupons, clubs=()),
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
        lots = lots.set(event.lot, Lot(points, active_from, expires_at, earned_at, active_from > earned_at, lapsing))
        if expires_at is not None and expires_at < due_at:
            due_at = expires_at
        if earned_at < active_from < due_at:
            due_at = active_from
    earnings = ledger.earnings.set(event.lot, earning)
    if not qualifying:
        return replace(ledger, lots=lots, earnings=earnings, due_at=due_at)
    months = ledger.months
    return replace(
        ledger,
        lots=lots,
        earnings=earnings,
        months=months.set(key, months.get(key, 0) + qualifying),
        qualified=ledger.qualified + qualifying,
        month=max(month, ledger.month),
        due_at=due_at,
    )


def _activated(ledger: Ledger, event: PointsActivated) -> Ledger:
    lots = ledger.lots
    for share in event.lots:
        lot = lots.get(share.lot)
        if lot is not None:
            lots = lots.set(share.lot, replace(lot, pending=False))
    return replace(ledger, lots=lots)


def _redeemed(ledger: Ledger, event: PointsRedeemed) -> Ledger:
    redemption = Redemption(event.points, event.reward, event.lots)
    return replace(
        ledger,
        lots=_without(ledger.lots, event.lots),
        redemptions=ledger.redemptions.set(event.redemption, redemption),
        redeemed_at=ledger.redeemed_at
        if event.redeemed_at is None
        else ledger.redeemed_at.set(event.redemption, event.redeemed_at),
    )


def _redemption_reversed(ledger: Ledger, event: RedemptionReversed) -> Ledger:
    lots = ledger.lots
    graced = {each.lot: each.expires_at for each in event.graced}
    for share in event.lots:
        earning, lot = ledger.earnings.get(share.lot), lots.get(share.lot)
        if share.lot in graced and earning is not None:
            lot = Lot(0 if lot is None else lot.points, earning.active_from, graced[share.lot], earning.earned_at)
        if lot is not None:
            lots = lots.set(share.lot, replace(lot, points=lot.points + share.points))
        elif earning is not None:
            back = Lot(share.points, earning.active_from, earning.expires_at, earning.earned_at, False, earning.lapsing)
            lots = lots.set(share.lot, back)
    redemption, coupon = ledger.redemptions.get(event.redemption), ledger.dealings.coupons.get(event.redemption)
    dealings = ledger.dealings
    if coupon is not None:
        void = dealings.coupons.set(event.redemption, replace(coupon, status="void"))
        dealings = replace(dealings, coupons=void)
    redemptions = ledger.redemptions
    if redemption is not None:
        redemptions = redemptions.set(event.redemption, replace(redemption, reversed=True))
    return replace(ledger, lots=lots, redemptions=redemptions, dealings=dealings)


def _expired(ledger: Ledger, event: PointsExpired) -> Ledger:
    earnings = ledger.earnings
    for share in event.lots:
        earning = earnings.get(share.lot)
        if earning is not None:
            earnings = earnings.set(share.lot, replace(earning, expired=earning.expired + share.points))
    return replace(ledger, lots=_without(ledger.lots, event.lots), earnings=earnings)


def _deferred(ledger: Ledger, event: ExpiryDeferred) -> Ledger:
    return replace(ledger, lapses_at=event.until, idle_months=event.months_count or ledger.idle_months)


def _reversed(ledger: Ledger, event: EarningReversed) -> Ledger:
    lots = _without(ledger.lots, event.lots)
    own = event.lot or purchase_lot(event.purchase)
    earning = ledger.earnings.get(own)
    if earning is None:
        return replace(ledger, lots=lots)
    taken = replace(
        earning,
        reversed=earning.reversed + event.points + event.expired + event.shortfall,
        forgone=earning.forgone + event.expired,
        reversed_qualifying=earning.reversed_qualifying + event.qualifying,
        refunds=(*earning.refunds, event.refund),
    )
    months = ledger.months
    return replace(
        ledger,
        lots=lots,
        earnings=ledger.earnings.set(own, taken),
        months=months.set(earning.month, months.get(earning.month, 0) - event.qualifying),
        qualified=ledger.qualified - event.qualifying,
        dealings=_unrewarded(ledger.dealings, own, taken) if earning.reason == "referral" else ledger.dealings,
    )


def _unrewarded(dealings: Dealings, own: str, earning: Earning) -> Dealings:
    """A recommendation all of whose points were taken back from who made it was not rewarded; another one may be."""
    owner, lot = issued_to("", own)
    _, referrer, referral = lot.split("/")
    name, invited = own.removesuffix(lot) + referral, dealings.invited
    if owner:  # of who was merged into this one
        made = owner == referrer
    else:
        made = invited is None or (invited.referral, invited.referrer) != (referral, referrer)
    if not made or earning.reversed < earning.points or f"revoked/{name}" in dealings.done:
        return dealings
    return replace(dealings, done=dealings.done.set(f"revoked/{name}", ""), rewarded=dealings.rewarded - 1)


def _owes(ledger: Ledger, event: DebtIncurred) -> Ledger:
    return replace(ledger, debt=ledger.debt + event.points)


def _repaid(ledger: Ledger, event: DebtRepaid) -> Ledger:
    return replace(
        ledger, debt=ledger.debt - event.points, lots=_without(ledger.lots, (LotShare(event.lot, event.points),))
    )


def _released_points(ledger: Ledger, event: PointsReleased) -> Ledger:
    said = f"{event.points} to {event.to}"
    return replace(
        ledger, lots=_without(ledger.lots, event.lots), dealings=_done(ledger, f"transfer/{event.transfer}", said)
    )


def _received_points(ledger: Ledger, event: PointsReceived) -> Ledger:
    lots, earnings = ledger.lots, ledger.earnings
    for each in event.lots:
        lots = lots.set(each.lot, Lot(each.points, each.active_from, each.expires_at, each.earned_at))
        earning = Earning(
            each.points, 0, "", "transfer", event.source, each.active_from, each.expires_at, each.earned_at
        )
        earnings = earnings.set(each.lot, earning)
    said = str(event.points)
    return replace(
        ledger, lots=lots, earnings=earnings, dealings=_done(ledger, f"from/{event.source}/{event.transfer}", said)
    )


def _adjusted(ledger: Ledger, event: PointsAdjusted) -> Ledger:
    said = f"{event.points} for {event.reason} by {event.author}"
    dealings = _done(ledger, f"adjustment/{event.adjustment}", said)
    if event.lot is None:
        return replace(ledger, lots=_without(ledger.lots, event.lots), dealings=dealings)
    at, expires_at = event.active_from, event.expires_at
    return replace(
        ledger,
        lots=ledger.lots.set(event.lot, Lot(event.points, at, expires_at, at, False, event.lapsing)),
        earnings=ledger.earnings.set(
            event.lot, Earning(event.points, 0, "", "adjustment", event.adjustment, at, expires_at, at, event.lapsing)
        ),
        dealings=dealings,
    )


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
    return replace(ledger, dealings=replace(ledger.dealings, coupons=ledger.dealings.coupons.set(event.coupon, coupon)))


def _reward_ended(ledger: Ledger, event: RewardUsed | RewardExpired) -> Ledger:
    coupon = ledger.dealings.coupons.get(event.coupon)
    if coupon is None:
        return ledger
    ended = replace(coupon, status="used" if type(event) is RewardUsed else "expired")
    return replace(ledger, dealings=replace(ledger.dealings, coupons=ledger.dealings.coupons.set(event.coupon, ended)))


def _benefit_used(ledger: Ledger, event: BenefitUsed) -> Ledger:
    return replace(ledger, dealings=_done(ledger, f"benefit/{event.use}", event.benefit))


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
    done = _done(ledger, f"rewarded/{event.referral}", str(event.points))
    return replace(ledger, dealings=replace(done, rewarded=done.rewarded + 1))


def _request_forwarded(ledger: Ledger, event: RequestForwarded) -> Ledger:
    return replace(ledger, dealings=_done(ledger, *forwarded_request(event)))


def forwarded_request(event: RequestForwarded) -> tuple[str, str]:
    """What is remembered of a request forwarded, so that the same again is not, and what it said.

    Of a transfer as of one's own: its id is taken before a merge, during it and after it.
    """
    if event.request == "TransferPoints":
        earlier = event.prefix.split("/", 2)[2]
        return f"transfer/{earlier}{event.about}", f"{event.points} to {event.other}"
    return f"forwarded/{event.prefix}{event.request}/{event.about}", f"{event.points} {event.other}"


def _forwarded(ledger: Ledger, event: PurchaseForwarded | RefundForwarded | CreditForwarded) -> Ledger:
    return replace(ledger, dealings=_done(ledger, *forwarded_as(event)))


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


def _done(ledger: Ledger, what: str, said: str) -> Dealings:
    return replace(ledger.dealings, done=ledger.dealings.done.set(what, said))


def _without(lots: Map[str, Lot], shares: Iterable[LotShare | MovedLot]) -> Map[str, Lot]:
    for share in shares:
        lot = lots.get(share.lot)
        if lot is not None:
            left = lot.points - share.points
            lots = lots.set(share.lot, replace(lot, points=left)) if left else lots.delete(share.lot)
    return lots


# --- merging --------------------------------------------------------------------------------------------------------


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
        dealings=_returned_dealings(ledger.dealings, event, prefix),
    )


def standing_of(ledger: Ledger) -> TierStanding:
    """What a ledger's tier rests on."""
    return TierStanding(ledger.tier_since, ledger.tier_month, ledger.reviewed, ledger.warned, ledger.grace_until)


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


def _timed(fold: Callable[[Ledger, Any], Ledger]) -> Callable[[Ledger, Any], Ledger]:
    """A fold that also sees to when the next thing is due of the lots and coupons that it changes."""

    def timed(ledger: Ledger, event: Event) -> Ledger:
        now = fold(ledger, event)
        coupons = now.dealings.coupons
        if coupons is not ledger.dealings.coupons:
            ends = (each.expires_at for each in coupons.values() if each.status == "issued")
            due_at = min((end for end in ends if end is not None), default=NEVER)
            now = replace(now, dealings=replace(now.dealings, due_at=due_at))
        return now if now.lots is ledger.lots else replace(now, due_at=_lots_due(now.lots))

    return timed


def _lots_due(lots: Map[str, Lot]) -> int:
    due_at = NEVER
    for lot in lots.values():
        if lot.expires_at is not None and lot.expires_at < due_at:
            due_at = lot.expires_at
        if lot.pending and lot.active_from < due_at:
            due_at = lot.active_from
    return due_at


_CHANGES: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    PointsEarned: _earned,
    MemberEnrolled: _enrolled,
    PointsActivated: _activated,
    PointsRedeemed: _redeemed,
    RedemptionReversed: _redemption_reversed,
    PointsExpired: _expired,
    ExpiryDeferred: _deferred,
    EarningReversed: _reversed,
    DebtIncurred: _owes,
    DebtRepaid: _repaid,
    PointsReleased: _released_points,
    PointsReceived: _received_points,
    PointsAdjusted: _adjusted,
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
    AccountClosed: _closed,
    AccountReopened: _reopened,
    AccountReleased: _released,
    AccountReceived: _received,
    AccountReturned: _returned,
    AccountRestored: _restored,
    PurchaseForwarded: _forwarded,
    RefundForwarded: _forwarded,
    CreditForwarded: _forwarded,
    RequestForwarded: _request_forwarded,
}
# A new lot can only be due sooner; that is the fold that runs most, and it sees to it by itself.
_FOLDS: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    event: fold if fold is _earned else _timed(fold) for event, fold in _CHANGES.items()
}
EVENTS = tuple(_FOLDS)
_UNMERGED = (AccountReturned, AccountRestored)
