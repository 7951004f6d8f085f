"""What the loyalty view keeps: accounts, lots, rewards, referrals, and what moved on which day.

Accounts and lots stand as they are recorded. The past is kept as sums: `Movement` adds up by programme, local day and
month of expiry, so what was open on the evening of any day is a sum over days, and the table is bounded by days times
months, however many members there are. A single account's past is folded from its own events when it is asked for.

A lot leaves its table when nothing of it is left. What was spent may come back, so a redemption keeps what the lots
were that it took from; the tables thus grow with members, open lots and redemptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeAlias

import msgspec

from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountReopened,
    AccountRestored,
    AccountReturned,
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    DebtIncurred,
    DebtRepaid,
    Earning,
    EarningReversed,
    ExpiryDeferred,
    Holdings,
    LotShare,
    MemberEnrolled,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRewarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
    issued_to,
    merged_prefix,
)
from relations.aggregates.programme import ProgrammeGoalSet
from relations.messages import Envelope
from relations.policies.spans import counted_as
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = [
    "NEVER",
    "PROJECTION",
    "AccountRow",
    "GoalRow",
    "LotRow",
    "Movement",
    "RedemptionRow",
    "ReferralRow",
    "RewardRow",
    "TierStep",
    "earlier_month",
]

NEVER = ""
"""The month of expiry of what never expires."""

Shares: TypeAlias = Iterable[LotShare]


# --- rows -----------------------------------------------------------------------------------------------------------


class TierStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that happened to a member's tier.

    Attributes:
        at: When, UTC microseconds.
        kind: reached, kept, warned, grace, lost, merged or returned.
        tier: The tier from then on.
        qualifying: What counted.
        until: Until when the member has it all the same; of a warning or a grace.
    """

    at: int
    kind: str
    tier: str | None
    qualifying: int = 0
    until: int | None = None


class Before(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How an account stood before a merge: what is said of it again where the merge is undone."""

    enrolled_at: int | None = None
    lapses_at: int | None = None
    month: str = ""
    tier: str | None = None
    tier_since: int = 0
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    referrer: str | None = None


class AccountRow(CustomerRow, gc=False):
    """A member's account in one programme.

    Attributes:
        programme: Which.
        enrolled_at: Since when, UTC microseconds.
        closed_at: When the member left; None is a member still.
        points: In all open lots.
        debt: Points owed.
        earned: Points ever earned.
        redeemed: Points ever spent, less what came back.
        expired: Points ever expired.
        shortfall: What refunds should have taken back, no lot could give, and is not owed.
        tier: The present tier.
        tier_since: Since when.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that was warned of last.
        grace_until: Until when the member keeps it though it is no longer earned.
        month: The latest month that the account's events spoke of, as `2024-05`.
        months: What qualifies for tiers, by unit and month.
        steps: What happened to the tier, in the order of recording.
        lapses_at: When what expires with inactivity does, UTC microseconds.
        lapsing: Points in lots that do so, by the month of their own expiry.
        clubs: When each was joined; those that were left are gone.
        benefits: How often each was used.
        referrer: Who recommended the programme.
        merged_into: The customer whose account holds everything now.
        merges: How the account stood before each merge into it.
        away: The clubs that are with the account it is merged into, and when each was joined.
    """

    table: ClassVar[str] = "accounts"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("programme", "tier"),)
    programme: str
    enrolled_at: int | None = None
    closed_at: int | None = None
    points: int = 0
    debt: int = 0
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    shortfall: int = 0
    tier: str | None = None
    tier_since: int = 0
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    month: str = ""
    months: dict[str, int] = msgspec.field(default_factory=dict)
    steps: list[TierStep] = msgspec.field(default_factory=list)
    lapses_at: int | None = None
    lapsing: dict[str, int] = msgspec.field(default_factory=dict)
    clubs: dict[str, int] = msgspec.field(default_factory=dict)
    benefits: dict[str, int] = msgspec.field(default_factory=dict)
    referrer: str | None = None
    merged_into: str | None = None
    merges: dict[str, Before] = msgspec.field(default_factory=dict)
    away: dict[str, int] = msgspec.field(default_factory=dict)


class LotRow(CustomerRow, gc=False):
    """A lot of points.

    Attributes:
        programme: Whose ledger it is in.
        lot: Its id.
        points: What is left.
        active_from: From when it can be spent, UTC microseconds.
        expires_at: When it expires; None is never, or with the account's inactivity.
        earned_at: When it was earned.
        pending: It has not been activated yet.
        lapsing: It expires with the account's inactivity.
        reason: Why there is it.
        source: The purchase, complaint, referral, transfer or merge that it came by.
        since: When it came into this account, UTC microseconds. A late arrival may take from a lot before that; it
            counts from then on.
    """

    table: ClassVar[str] = "lots"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "lot")
    programme: str
    lot: str
    points: int = 0
    active_from: int = 0
    expires_at: int | None = None
    earned_at: int = 0
    pending: bool = False
    lapsing: bool = False
    reason: str = ""
    source: str | None = None
    since: int = 0


class SpentShare(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a redemption took of a lot, and what that lot was; see `LotRow`."""

    lot: str
    active_from: int
    expires_at: int | None
    earned_at: int
    lapsing: bool
    reason: str
    source: str | None
    since: int


class RedemptionRow(CustomerRow, gc=False):
    """A redemption that may be undone.

    Attributes:
        programme: In whose ledger.
        redemption: Its id.
        spent_at: When, UTC microseconds.
        shares: The lots that it took from.
    """

    table: ClassVar[str] = "redemptions"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "redemption")
    programme: str
    redemption: str
    spent_at: int = 0
    shares: list[SpentShare] = msgspec.field(default_factory=list)


class Movement(Tally, gc=False):
    """What moved on one local day, of the lots that expire in one month.

    What came (`earned`, `restored`, `received`, `raised`, `shifted_in`) less what went (`redeemed`, `expired`,
    `reversed`, `repaid`, `sent`, `forfeited`, `lowered`, `shifted_out`) is by how much the points in open lots grew.
    Every column only grows, so that a row is never one of nothing but zeros.

    Attributes:
        programme: Whose.
        day: The local day, as its ordinal.
        expires: The month of expiry, as `2026-05`; empty is never. It is the last month in which they can be spent.
        earned: Credited.
        restored: Back from redemptions undone.
        received: Come from other members or accounts.
        raised: Added by hand.
        shifted_in: Come from another month of expiry.
        redeemed: Spent.
        expired: Expired.
        reversed: Taken back by refunds.
        repaid: Gone to repay debts.
        sent: Gone to other members or accounts.
        forfeited: Gone with closed accounts.
        lowered: Taken away by hand.
        shifted_out: Gone to another month of expiry.
        owed: Debts incurred; these and the following expire never.
        settled: Debts repaid, written off, or gone to another account.
        joined: Members come.
        left: Members gone.
        redemptions: How many were made.
        undone: How many redemptions were undone.
        referrals: How many recommendations were made.
        rewards_used: How many rewards were used.
    """

    table: ClassVar[str] = "movements"
    key: ClassVar[tuple[str, ...]] = ("programme", "day", "expires")
    programme: str
    day: int
    expires: str
    earned: int = 0
    restored: int = 0
    received: int = 0
    raised: int = 0
    shifted_in: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    repaid: int = 0
    sent: int = 0
    forfeited: int = 0
    lowered: int = 0
    shifted_out: int = 0
    owed: int = 0
    settled: int = 0
    joined: int = 0
    left: int = 0
    redemptions: int = 0
    undone: int = 0
    referrals: int = 0
    rewards_used: int = 0


class RewardRow(CustomerRow, gc=False):
    """A reward that a member has, or had.

    Attributes:
        programme: Whose.
        coupon: Its id.
        reward: Which reward of the programme.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: What it cost.
        issued_at: When, UTC microseconds; of one that came with a merge, when it came.
        expires_at: Until when it can be used.
        status: open, used, expired or void; the last where its redemption was undone.
        ended_at: When it came to be other than open.
    """

    table: ClassVar[str] = "rewards"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "coupon")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("programme", "reward"),)
    programme: str
    coupon: str
    reward: str = ""
    kind: str = ""
    points: int = 0
    issued_at: int = 0
    expires_at: int | None = None
    status: str = "open"
    ended_at: int | None = None


class ReferralRow(CustomerRow, gc=False):
    """A recommendation that a member made.

    One that was worth something only after the member was merged into another has a second row there, with the id
    `merged/<member>/<referral>`.

    Attributes:
        programme: Of which programme.
        referral: Its id.
        referred: To whom.
        made_at: When, UTC microseconds.
        rewarded_at: When it was worth something.
        points: What it was worth; nothing any more where the purchase that it led to was given back.
    """

    table: ClassVar[str] = "referrals"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "referral")
    programme: str
    referral: str
    referred: str = ""
    made_at: int = 0
    rewarded_at: int | None = None
    points: int = 0


class GoalRow(CustomerRow, gc=False):
    """What a programme is to reach. It is nobody's in particular: `customer` is empty.

    Attributes:
        programme: Which.
        goal: Its id.
        metric: What is counted.
        target: How much of it.
        starts: The first local day, as `2024-05-01`.
        ends: The local day after the last.
    """

    table: ClassVar[str] = "goals"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "goal")
    programme: str
    goal: str
    metric: str = ""
    target: int = 0
    starts: str = ""
    ends: str = ""


PROJECTION = Projection(
    name="loyalty", version=5, tables=(AccountRow, LotRow, RedemptionRow, Movement, RewardRow, ReferralRow, GoalRow)
)


# --- points ---------------------------------------------------------------------------------------------------------


def earlier_month(own: str, other: str) -> str:
    """The earlier of two months of expiry."""
    if NEVER in (own, other):
        return own or other
    return min(own, other)


def _own_month(rows: Rows, expires_at: int | None) -> str:
    """The last month in which a lot can be spent; it is gone at the very instant of its expiry."""
    return NEVER if expires_at is None else rows.local.month(expires_at - 1)


def _movement(rows: Rows, programme: str, day: int, month: str) -> Movement:
    key = (programme, day, month)
    found: Movement | None = rows.tables[Movement].get(key)
    return rows.need(Movement, *key) if found is None else found


def _today(rows: Rows, programme: str, at: Envelope) -> Movement:
    """Where what has to do with no lot is counted."""
    return _movement(rows, programme, rows.local.day(at.occurred_at), NEVER)


def _moves(rows: Rows, account: AccountRow, lot: LotRow, at: Envelope, points: int, *, not_before: int = 0) -> Movement:
    """Change what is left of a lot; the movement in which to say why."""
    lot.points += points
    account.points += points
    month = _own_month(rows, lot.expires_at)
    if lot.lapsing:
        left = account.lapsing.get(month, 0) + points
        if left:
            account.lapsing[month] = left
        else:
            account.lapsing.pop(month, None)
        month = earlier_month(month, _own_month(rows, account.lapses_at))
    return _movement(rows, account.programme, rows.local.day(max(at.occurred_at, lot.since, not_before)), month)


def _taken(rows: Rows, account: AccountRow, share: LotShare, at: Envelope) -> Movement:
    """Take points from a lot; the movement in which to say why."""
    customer, programme, name = account.customer, account.programme, share.lot
    lot = rows.get(LotRow, customer, programme, name)
    if lot is None:
        # As of a moment before the lot came, when what takes from it arrived late: it takes nothing yet.
        return Movement(programme, 0, NEVER)
    found = _moves(rows, account, lot, at, -share.points)
    if not lot.points:
        rows.drop(LotRow, customer, programme, name)
    return found


@PROJECTION.on(PointsEarned)
def points_earned(rows: Rows, event: PointsEarned, at: Envelope) -> None:
    """A lot more; or only more that qualifies."""
    # The fold that runs most: a lot is new whenever it is earned, and what it has in common with others is inlined.
    customer, programme, points, tables = at.customer, event.programme, event.points, rows.tables
    account: AccountRow = tables[AccountRow].get((customer, programme)) or rows.need(AccountRow, customer, programme)
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
        _moves(rows, account, lot, at, points).earned += points
        return
    account.points += points
    local = rows.local
    key = (programme, local.day(occurred_at), NEVER if expires_at is None else local.month(expires_at - 1))
    movement: Movement = tables[Movement].get(key) or rows.need(Movement, *key)
    movement.earned += points


@PROJECTION.on(PointsActivated)
def points_activated(rows: Rows, event: PointsActivated, at: Envelope) -> None:
    """What was pending can be spent."""
    for share in event.lots:
        lot = rows.get(LotRow, at.customer, event.programme, share.lot)
        if lot is not None:
            lot.pending = False


@PROJECTION.on(PointsRedeemed)
def points_redeemed(rows: Rows, event: PointsRedeemed, at: Envelope) -> None:
    """Less in these lots; it may come back."""
    # The fold that runs most after `points_earned`, and inlined like it where a lot does not lapse.
    customer, programme, tables, local = at.customer, event.programme, rows.tables, rows.local
    lots, movements, occurred_at = tables[LotRow], tables[Movement], at.occurred_at
    account = rows.need(AccountRow, customer, programme)
    account.redeemed += event.points
    day = local.day(occurred_at)
    _movement(rows, programme, day, NEVER).redemptions += 1
    shares = []
    for share in event.lots:
        key = (customer, programme, share.lot)
        lot: LotRow | None = lots.get(key)
        if lot is not None:
            shares.append(_spent(lot))
        if lot is None or lot.lapsing or lot.since > occurred_at:
            _taken(rows, account, share, at).redeemed += share.points
            continue
        taken, expires_at = share.points, lot.expires_at
        lot.points -= taken
        account.points -= taken
        if not lot.points:
            del lots[key]
        where = (programme, day, NEVER if expires_at is None else local.month(expires_at - 1))
        movement: Movement = movements.get(where) or rows.need(Movement, *where)
        movement.redeemed += taken
    name = event.redemption
    tables[RedemptionRow][customer, programme, name] = RedemptionRow(customer, programme, name, occurred_at, shares)


def _spent(lot: LotRow) -> SpentShare:
    return SpentShare(
        lot.lot, lot.active_from, lot.expires_at, lot.earned_at, lot.lapsing, lot.reason, lot.source, lot.since
    )


@PROJECTION.on(RedemptionReversed)
def redemption_reversed(rows: Rows, event: RedemptionReversed, at: Envelope) -> None:
    """More in these lots again; what had expired can be spent a while longer where the policy says so."""
    customer, programme = at.customer, event.programme
    redemption = rows.get(RedemptionRow, customer, programme, event.redemption)
    if redemption is None:
        # As of a moment before the redemption, when its reversal is dated before it: there is nothing to undo yet.
        return
    rows.drop(RedemptionRow, customer, programme, event.redemption)
    account = rows.need(AccountRow, customer, programme)
    account.redeemed -= event.points
    spent_at, shares = redemption.spent_at, {share.lot: share for share in redemption.shares}
    movement = _movement(rows, programme, rows.local.day(max(at.occurred_at, spent_at)), NEVER)
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
        _moves(rows, account, lot, at, share.points, not_before=spent_at).restored += share.points
    coupon = rows.get(RewardRow, customer, programme, event.redemption)
    if coupon is not None:
        coupon.status, coupon.ended_at = "void", at.occurred_at


def _lot_again(rows: Rows, account: AccountRow, was: SpentShare) -> LotRow:
    """The row of a lot of which nothing was left."""
    lot = rows.need(LotRow, account.customer, account.programme, was.lot)
    lot.active_from, lot.expires_at, lot.earned_at = was.active_from, was.expires_at, was.earned_at
    lot.lapsing, lot.reason, lot.source, lot.since = was.lapsing, was.reason, was.source, was.since
    return lot


def _defer(rows: Rows, account: AccountRow, lot: LotRow, at: Envelope, until: int) -> None:
    """A lot has another expiry from now on, with all that is left of it."""
    left = lot.points
    if left:
        _moves(rows, account, lot, at, -left).shifted_out += left
    lot.expires_at, lot.lapsing = until, False
    if left:
        _moves(rows, account, lot, at, left).shifted_in += left


@PROJECTION.on(PointsExpired)
def points_expired(rows: Rows, event: PointsExpired, at: Envelope) -> None:
    """These lots are gone."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.expired += event.points
    for share in event.lots:
        _taken(rows, account, share, at).expired += share.points


@PROJECTION.on(ExpiryDeferred)
def expiry_deferred(rows: Rows, event: ExpiryDeferred, at: Envelope) -> None:
    """All that expires with inactivity does so later."""
    _lapse(rows, rows.need(AccountRow, at.customer, event.programme), at, event.until)


def _lapse(rows: Rows, account: AccountRow, at: Envelope, until: int | None) -> None:
    """What expires with inactivity moves to another month of expiry, where that is another."""
    before, after = _own_month(rows, account.lapses_at), _own_month(rows, until)
    account.lapses_at = until
    if before == after:
        return
    day = rows.local.day(at.occurred_at)
    for own, points in account.lapsing.items():
        left, gone = earlier_month(own, before), earlier_month(own, after)
        if left != gone:
            _movement(rows, account.programme, day, left).shifted_out += points
            _movement(rows, account.programme, day, gone).shifted_in += points


@PROJECTION.on(EarningReversed)
def earning_reversed(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Less in these lots, and less that qualifies in the month of the purchase."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for share in event.lots:
        _taken(rows, account, share, at).reversed += share.points
    account.shortfall += event.shortfall
    if event.lot is not None:
        _unreward(rows, event, at)
    if event.qualifying:
        _qualify(account, counted_as(event.unit, event.month), -event.qualifying)


def _unreward(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """A recommendation that was worth something is so no longer, where its lot is taken back from who made it."""
    owner, lot = issued_to(at.customer, event.lot or "")
    kind, _, rest = lot.partition("/")
    referrer, _, referral = rest.partition("/")
    if kind == "referral" and referrer == owner:
        prefix = (event.lot or "").removesuffix(lot)
        row = rows.get(ReferralRow, at.customer, event.programme, prefix + referral)
        if row is not None:
            row.points = 0


def _qualify(account: AccountRow, month: str, points: int) -> None:
    left = account.months.get(month, 0) + points
    if left:
        account.months[month] = left
    else:
        account.months.pop(month, None)


def _owe(rows: Rows, account: AccountRow, at: Envelope, points: int) -> None:
    if not points:
        return
    account.debt += points
    movement = _today(rows, account.programme, at)
    if points > 0:
        movement.owed += points
    else:
        movement.settled -= points


@PROJECTION.on(DebtIncurred)
def debt_incurred(rows: Rows, event: DebtIncurred, at: Envelope) -> None:
    """More is owed: what fell short of a refund is a debt."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.shortfall -= event.points
    _owe(rows, account, at, event.points)


@PROJECTION.on(DebtRepaid)
def debt_repaid(rows: Rows, event: DebtRepaid, at: Envelope) -> None:
    """Less is owed, and less is left of the lot that repaid it."""
    account = rows.need(AccountRow, at.customer, event.programme)
    _taken(rows, account, LotShare(event.lot, event.points), at).repaid += event.points
    _owe(rows, account, at, -event.points)


@PROJECTION.on(PointsReleased)
def points_released(rows: Rows, event: PointsReleased, at: Envelope) -> None:
    """Less in these lots, for another member."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for moved in event.lots:
        _taken(rows, account, LotShare(moved.lot, moved.points), at).sent += moved.points


@PROJECTION.on(PointsReceived)
def points_received(rows: Rows, event: PointsReceived, at: Envelope) -> None:
    """New lots, of another member's points."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for moved in event.lots:
        lot = rows.need(LotRow, at.customer, event.programme, moved.lot)
        lot.active_from, lot.expires_at, lot.earned_at = moved.active_from, moved.expires_at, moved.earned_at
        lot.reason, lot.source, lot.since = "transfer", event.source, at.occurred_at
        _moves(rows, account, lot, at, moved.points).received += moved.points


@PROJECTION.on(PointsAdjusted)
def points_adjusted(rows: Rows, event: PointsAdjusted, at: Envelope) -> None:
    """More in a new lot, or less in these."""
    account = rows.need(AccountRow, at.customer, event.programme)
    for share in event.lots:
        _taken(rows, account, share, at).lowered += share.points
    if event.lot is not None:
        lot = rows.need(LotRow, at.customer, event.programme, event.lot)
        lot.active_from, lot.expires_at, lot.earned_at = event.active_from, event.expires_at, at.occurred_at
        lot.reason, lot.source, lot.since = "adjustment", event.adjustment, at.occurred_at
        lot.lapsing = event.lapsing
        _moves(rows, account, lot, at, event.points).raised += event.points


# --- members --------------------------------------------------------------------------------------------------------


def _count_member(rows: Rows, account: AccountRow, at: Envelope, change: int) -> None:
    movement = _today(rows, account.programme, at)
    if change > 0:
        movement.joined += change
    else:
        movement.left -= change


@PROJECTION.on(MemberEnrolled)
def member_enrolled(rows: Rows, event: MemberEnrolled, at: Envelope) -> None:
    """A member more."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.enrolled_at = event.enrolled_at
    _count_member(rows, account, at, 1)


@PROJECTION.on(AccountClosed)
def account_closed(rows: Rows, event: AccountClosed, at: Envelope) -> None:
    """A member less. What was in the lots is forfeited, what was owed is written off."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.closed_at, account.tier, account.grace_until = event.closed_at, None, None
    for share in event.lots:
        _taken(rows, account, share, at).forfeited += share.points
    _owe(rows, account, at, -event.debt)
    _count_member(rows, account, at, -1)
    for each in event.rewards:
        coupon = rows.need(RewardRow, account.customer, account.programme, each.coupon)
        coupon.reward, coupon.status, coupon.ended_at = each.reward, "void", at.occurred_at
    if event.settled:
        account.months, account.clubs = {}, {}
        account.warned = account.lapses_at = None


@PROJECTION.on(AccountReopened)
def account_reopened(rows: Rows, event: AccountReopened, at: Envelope) -> None:
    """The member is back."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.closed_at, account.enrolled_at = None, event.reopened_at
    _count_member(rows, account, at, 1)


# --- tiers ----------------------------------------------------------------------------------------------------------


def _stands(account: AccountRow, step: TierStep, month: str, since: int) -> None:
    """The member has a tier from then on; what was said of an earlier one is over."""
    account.steps.append(step)
    account.tier = step.tier
    account.tier_since = account.reviewed = since
    account.warned = account.grace_until = None
    account.month = max(account.month, month)


@PROJECTION.on(TierReached)
def tier_reached(rows: Rows, event: TierReached, at: Envelope) -> None:
    """The member rose."""
    step = TierStep(at.occurred_at, "reached", event.tier, event.qualifying)
    _stands(rows.need(AccountRow, at.customer, event.programme), step, event.month, event.since or at.occurred_at)


@PROJECTION.on(TierLost)
def tier_lost(rows: Rows, event: TierLost, at: Envelope) -> None:
    """The member fell."""
    step = TierStep(at.occurred_at, "lost", event.next, event.qualifying)
    _stands(rows.need(AccountRow, at.customer, event.programme), step, event.month, event.since or at.occurred_at)


@PROJECTION.on(TierKept)
def tier_kept(rows: Rows, event: TierKept, at: Envelope) -> None:
    """The member has earned the tier again."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.steps.append(TierStep(at.occurred_at, "kept", event.tier, event.qualifying))
    account.reviewed = event.reviewed_at or at.occurred_at
    account.warned = account.grace_until = None
    account.month = max(account.month, event.month)


@PROJECTION.on(TierWarned)
def tier_warned(rows: Rows, event: TierWarned, at: Envelope) -> None:
    """The member was told that the tier will be lost."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.steps.append(TierStep(at.occurred_at, "warned", event.tier, event.qualifying, event.losing_at))
    account.warned = event.losing_at


@PROJECTION.on(TierGraceGiven)
def tier_grace_given(rows: Rows, event: TierGraceGiven, at: Envelope) -> None:
    """The member keeps the tier a while longer."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.steps.append(TierStep(at.occurred_at, "grace", event.tier, event.qualifying, event.until))
    account.grace_until = event.until
    account.month = max(account.month, event.month)


# --- rewards, benefits, clubs, referrals ----------------------------------------------------------------------------


@PROJECTION.on(RewardIssued)
def reward_issued(rows: Rows, event: RewardIssued, at: Envelope) -> None:
    """The member has a reward to use."""
    coupon = rows.need(RewardRow, at.customer, event.programme, event.coupon)
    coupon.reward, coupon.kind, coupon.points = event.reward, event.kind, event.points
    coupon.issued_at, coupon.expires_at = at.occurred_at, event.expires_at


@PROJECTION.on(RewardUsed)
def reward_used(rows: Rows, event: RewardUsed, at: Envelope) -> None:
    """It was used."""
    coupon = rows.need(RewardRow, at.customer, event.programme, event.coupon)
    coupon.reward, coupon.status, coupon.ended_at = event.reward, "used", at.occurred_at
    _today(rows, event.programme, at).rewards_used += 1


@PROJECTION.on(RewardExpired)
def reward_expired(rows: Rows, event: RewardExpired, at: Envelope) -> None:
    """It was not used in time."""
    coupon = rows.need(RewardRow, at.customer, event.programme, event.coupon)
    coupon.reward, coupon.status, coupon.ended_at = event.reward, "expired", at.occurred_at


@PROJECTION.on(BenefitUsed)
def benefit_used(rows: Rows, event: BenefitUsed, at: Envelope) -> None:
    """Count it."""
    benefits = rows.need(AccountRow, at.customer, event.programme).benefits
    benefits[event.benefit] = benefits.get(event.benefit, 0) + 1


@PROJECTION.on(ClubJoined)
def club_joined(rows: Rows, event: ClubJoined, at: Envelope) -> None:
    """The member is in the club."""
    rows.need(AccountRow, at.customer, event.programme).clubs[event.club] = at.occurred_at


@PROJECTION.on(ClubLeft)
def club_left(rows: Rows, event: ClubLeft, at: Envelope) -> None:
    """The member is no longer in the club."""
    rows.need(AccountRow, at.customer, event.programme).clubs.pop(event.club, None)


@PROJECTION.on(ReferralMade)
def referral_made(rows: Rows, event: ReferralMade, at: Envelope) -> None:
    """The member recommended the programme."""
    row = rows.need(ReferralRow, at.customer, event.programme, event.referral)
    row.referred, row.made_at = event.referred, at.occurred_at
    _today(rows, event.programme, at).referrals += 1


@PROJECTION.on(ReferralRewarded)
def referral_rewarded(rows: Rows, event: ReferralRewarded, at: Envelope) -> None:
    """That was worth something."""
    row = rows.need(ReferralRow, at.customer, event.programme, event.referral)
    row.referred, row.rewarded_at, row.points = event.referred, at.occurred_at, event.points


@PROJECTION.on(ReferralReceived, ReferralFulfilled)
def referral_received(rows: Rows, event: ReferralReceived | ReferralFulfilled, at: Envelope) -> None:
    """The customer knows the programme from a member."""
    rows.need(AccountRow, at.customer, event.programme).referrer = event.referrer


@PROJECTION.on(ProgrammeGoalSet)
def goal_set(rows: Rows, event: ProgrammeGoalSet, at: Envelope) -> None:
    """There is something to reach; set again, it is another thing."""
    row = rows.need(GoalRow, at.customer, at.stream.removeprefix("programme-"), event.goal)
    row.metric, row.target, row.starts, row.ends = event.metric, event.target, event.starts, event.ends


# --- merging --------------------------------------------------------------------------------------------------------


@PROJECTION.on(AccountReleased)
def account_released(rows: Rows, event: AccountReleased, at: Envelope) -> None:
    """Everything goes to another account of the same person."""
    account, holdings = rows.need(AccountRow, at.customer, event.programme), event.holdings
    account.merged_into = event.into
    for name, held in holdings.lots.items():
        _taken(rows, account, LotShare(name, held.points), at).sent += held.points
    for redemption in holdings.redemptions:
        rows.drop(RedemptionRow, account.customer, account.programme, redemption)
    for coupon in holdings.coupons:
        rows.drop(RewardRow, account.customer, account.programme, coupon)
    _owe(rows, account, at, -holdings.debt)
    _belongs(rows, account, at, None, account.closed_at)
    account.lapses_at = None
    account.months, account.month = {}, ""
    account.away = {club: account.clubs.pop(club, at.occurred_at) for club in holdings.clubs}
    _restand(account, Before())


@PROJECTION.on(AccountReceived)
def account_received(rows: Rows, event: AccountReceived, at: Envelope) -> None:
    """What another account of the same person had is here, under names of its own."""
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
    _lapse(rows, account, at, max(lapses, default=None))
    _hold(rows, account, came, merged_prefix(event.source), at)
    account.month = max(account.month, came.month, event.month)
    if event.tier != account.tier:
        _restand(account, _standing_of(event))
        account.steps.append(TierStep(at.occurred_at, "merged", event.tier))


@PROJECTION.on(AccountRestored)
def account_restored(rows: Rows, event: AccountRestored, at: Envelope) -> None:
    """The account is its own again."""
    account, back = rows.need(AccountRow, at.customer, event.programme), event.holdings
    account.merged_into, account.month = None, back.month
    _belongs(rows, account, at, back.enrolled_at, account.closed_at)
    account.clubs |= {club: account.away.get(club, at.occurred_at) for club in back.clubs}
    account.away = {}
    if back.invited is not None:
        account.referrer = back.invited.referrer
    _lapse(rows, account, at, back.lapses_at)
    _hold(rows, account, back, "", at)
    _restand(account, _standing(back, back.tier))


@PROJECTION.on(AccountReturned)
def account_returned(rows: Rows, event: AccountReturned, at: Envelope) -> None:
    """What came with a merge, and is left of it, goes back."""
    account, back = rows.need(AccountRow, at.customer, event.programme), event.holdings
    for share in event.lots:
        _taken(rows, account, share, at).sent += share.points
    prefix = merged_prefix(event.to)
    for redemption in back.redemptions:
        rows.drop(RedemptionRow, account.customer, account.programme, prefix + redemption)
    for coupon in back.coupons:
        rows.drop(RewardRow, account.customer, account.programme, prefix + coupon)
    _owe(rows, account, at, -back.debt)
    for month, points in back.months.items():
        _qualify(account, month, -points)
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
        _lapse(rows, account, at, before.lapses_at)
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
    """Take in what another account had, or gives back: its redemptions too, for they may be undone here."""
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
        _moves(rows, account, lot, at, held.points).received += held.points
    for name, coupon in holdings.coupons.items():
        row = rows.need(RewardRow, customer, programme, prefix + name)
        row.reward, row.points, row.expires_at = coupon.reward, coupon.points, coupon.expires_at
        row.issued_at, row.status = at.occurred_at, coupon.status
    _owe(rows, account, at, holdings.debt)
    for month, points in holdings.months.items():
        _qualify(account, month, points)


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
    """Whether the customer is a member is decided by a merge or its undoing; the members are counted by it."""
    was = account.enrolled_at is not None and account.closed_at is None
    account.enrolled_at, account.closed_at = since, closed_at
    if (since is not None and closed_at is None) != was:
        _count_member(rows, account, at, -1 if was else 1)


def _standing_of(event: AccountReceived) -> Before:
    """What the tier after a merge rests on: what came, or what both have reached together."""
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
