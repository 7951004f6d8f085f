"""What falls due: deadlines of complaints, activations and expiries of points, reviews of tiers, work for people.

Time does not pass inside of the engine: it enters by commands that carry it. The agenda says which ones are due, and
`commands_due` turns its items into them. An item leaves the agenda with the event that says that it is done, met,
missed or void; so each is due once.

Only what is open has a row: one for each open clock and each lot with points left, and one a member. What a policy may
move (the days until a follow-up, the tiers' window and thresholds) is reckoned when the agenda is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from heapq import merge, nsmallest
from itertools import islice
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import ColumnElement, or_, tuple_

from relations.aggregates.complaint import (
    CheckDeadlines,
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    ComplaintClosed,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    EscalationPlanned,
)
from relations.aggregates.customer import (
    CustomerErased,
    FeedbackAnswered,
    FeedbackGiven,
    InvitationDeclined,
    InvitationReminded,
    InvitationSent,
    SentimentScored,
)
from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
    DebtRepaid,
    EarningReversed,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
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
from relations.errors import InvalidInput
from relations.messages import Command, Envelope, from_micros, to_micros
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.policies.spans import counted_as
from relations.policies.standing import Standing, due_step, programme_in
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "AgendaItem",
    "AgendaView",
    "Asked",
    "Item",
    "Kind",
    "Lapse",
    "Member",
    "commands_due",
    "open_item",
    "open_lapse",
    "tier_review",
]

Kind: TypeAlias = Literal[
    "acknowledge",
    "next_response",
    "resolve",
    "follow_up",
    "follow_up_deadline",
    "escalation",
    "activation",
    "expiry",
    "tier",
    "tier_warning",
    "reward",
    "reminder",
    "answer",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_DAY = 86_400_000_000
_COMMAND_ID_MAX = 200
_NAMED = ("activation", "reward", "reminder", "answer")
"""Kinds of which there can be several in one stream at one moment."""


# --- rows -----------------------------------------------------------------------------------------------------------


class Item(CustomerRow, gc=False):
    """Something open.

    Attributes:
        stream: The aggregate that it is open in.
        programme: Whose ledger it is in; empty for complaints.
        what: Its name there: its kind, the lot that expires, `activation/<lot>` or `reward/<coupon>`.
        kind: acknowledge, next_response, resolve, follow_up, follow_up_deadline, escalation, activation, expiry or
            reward.
        at: The deadline or expiry; for a follow-up when the complaint was resolved. UTC microseconds.
        points: What is left of the lot.
        again: The position at which it came back after it had been done with; 0 is the first time.
    """

    table: ClassVar[str] = "items"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "programme", "what")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("kind", "at"),)
    stream: str
    programme: str
    what: str
    kind: str = ""
    at: int = 0
    points: int = 0
    again: int = 0


class Lapse(CustomerRow, gc=False):
    """Points that expire together when the member has been inactive for long enough.

    Attributes:
        stream: The account.
        programme: Whose ledger they are in.
        at: When, UTC microseconds; put off with every activity.
        lots: What is left of each lot.
        again: The position at which the first of them came.
    """

    table: ClassVar[str] = "lapses"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "programme")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("at",),)
    stream: str
    programme: str
    at: int = 0
    lots: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own
    again: int = 0


class Member(CustomerRow, gc=False):
    """What a member's tier rests on.

    Attributes:
        stream: The account.
        programme: Whose tier it is.
        tier: The present tier.
        month: The latest month that the account's events spoke of, in the policy's zone, as `2024-05`.
        months: What qualifies, by unit and month, less what refunds took back.
        since: From when the member has the tier, UTC microseconds.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that was warned of last.
        grace_until: Until when it is kept though it is no longer earned.
        moved: The position of the last event that said something of the tier.
        before: What it was before each merge, and when what lapses with inactivity did: to be that again.
    """

    table: ClassVar[str] = "members"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "programme")
    stream: str
    programme: str
    tier: str | None = None
    month: str = ""
    months: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own
    since: int = 0
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    moved: int = 0
    before: dict[str, list[Any]] = {}  # noqa: RUF012 - likewise


class Asked(CustomerRow, gc=False):
    """What is open with a customer who was asked: reminders to send, low answers to come back on.

    Attributes:
        at: The moment of the soonest.
        open: By stream, kind and name (`customer-c1 reminder s1`), when it is due, UTC microseconds.
    """

    table: ClassVar[str] = "asked"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("at",),)
    at: int = 0
    open: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own

    def absorb(self, other: Asked) -> None:
        """What is open with either id is open with the customer."""
        self.open.update(other.open)
        self.at = min(self.open.values(), default=0)


_DEADLINES: dict[str, Kind] = {
    "acknowledge": "acknowledge",
    "next_response": "next_response",
    "resolve": "resolve",
    # The item `follow_up` is work for people, from the surveys' policy; this is the promise of the service levels.
    "follow_up": "follow_up_deadline",
}
"""By clock."""


# --- folds ----------------------------------------------------------------------------------------------------------

PROJECTION = Projection(name="agenda", version=7, tables=(Item, Lapse, Member, Asked))


@PROJECTION.on(ComplaintFiled, ComplaintReopened)
def clocks_started(rows: Rows, event: ComplaintFiled | ComplaintReopened, at: Envelope) -> None:
    """Both clocks run; what was to be asked about an earlier resolution no longer is."""
    _open(rows, at, "acknowledge", event.acknowledge_by)
    _open(rows, at, "resolve", event.resolve_by)
    rows.drop(Item, at.customer, at.stream, "", "follow_up")
    _asked(rows, at, "answer", "", None)


@PROJECTION.on(ClockStarted, ClockResumed, DeadlineMoved)
def deadline_set(rows: Rows, event: ClockStarted | ClockResumed | DeadlineMoved, at: Envelope) -> None:
    """A clock runs towards this deadline, whatever it was before."""
    _open(rows, at, _DEADLINES[event.clock], event.due_at)


@PROJECTION.on(ClockPaused, ClockCancelled)
def clock_stopped(rows: Rows, event: ClockPaused | ClockCancelled, at: Envelope) -> None:
    """Nothing is due while the customer is asked, nor of what was called off."""
    rows.drop(Item, at.customer, at.stream, "", _DEADLINES[event.clock])


@PROJECTION.on(EscalationPlanned)
def escalation_planned(rows: Rows, event: EscalationPlanned, at: Envelope) -> None:
    """The next step of escalation, in place of the one planned before."""
    if event.due_at is None:
        rows.drop(Item, at.customer, at.stream, "", "escalation")
    else:
        _open(rows, at, "escalation", event.due_at)


@PROJECTION.on(DeadlineMet, DeadlineMissed)
def clock_ended(rows: Rows, event: DeadlineMet | DeadlineMissed, at: Envelope) -> None:
    """The clock is off, in time or not. A clock of another round is not the one that runs."""
    what = _DEADLINES[event.clock]
    item = rows.get(Item, at.customer, at.stream, "", what)
    if item is not None and item.at == event.due_at:
        rows.drop(Item, at.customer, at.stream, "", what)


@PROJECTION.on(ComplaintResolved)
def resolved(rows: Rows, _event: ComplaintResolved, at: Envelope) -> None:
    """No clock runs on; the customer is to be asked how they see it."""
    _stop_clocks(rows, at)
    _open(rows, at, "follow_up", at.occurred_at)


@PROJECTION.on(ComplaintFollowedUp)
def followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """The customer was asked. One recorded late was of an earlier resolution, and leaves the last one to ask about.

    A low score asks for an answer of the business: a reopening, or another follow-up.
    """
    _asked(rows, at, "answer", "", event.answer_by)
    item = rows.get(Item, at.customer, at.stream, "", "follow_up")
    if item is not None and item.at <= at.occurred_at:
        rows.drop(Item, at.customer, at.stream, "", "follow_up")


@PROJECTION.on(ComplaintClosed, ComplaintWithdrawn, ComplaintMerged)
def ended(rows: Rows, _event: ComplaintClosed | ComplaintWithdrawn | ComplaintMerged, at: Envelope) -> None:
    """No clock runs on. That a file was put away does not answer how the customer sees it: a follow-up stays due."""
    _stop_clocks(rows, at)


@PROJECTION.on(InvitationSent, InvitationReminded)
def invitation_sent(rows: Rows, event: InvitationSent | InvitationReminded, at: Envelope) -> None:
    """A reminder is due later, or none any more."""
    _asked(rows, at, "reminder", event.invitation, event.remind_at)


@PROJECTION.on(InvitationDeclined)
def invitation_declined(rows: Rows, event: InvitationDeclined, at: Envelope) -> None:
    """Nobody is reminded of it."""
    _asked(rows, at, "reminder", event.invitation, None)


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Nobody is reminded of what is answered; a low answer asks for one of the business."""
    if event.invitation is not None:
        _asked(rows, at, "reminder", event.invitation, None)
    if event.answer_by is not None:
        _asked(rows, at, "answer", event.feedback, event.answer_by)


@PROJECTION.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """So do unfavourable words without a score, from the first scorer who finds them so on."""
    if event.answer_by is not None:
        row = rows.get(Asked, at.customer)
        if row is None or f"{at.stream} answer {event.feedback}" not in row.open:
            _asked(rows, at, "answer", event.feedback, event.answer_by)


@PROJECTION.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """The business came back."""
    _asked(rows, at, "answer", event.feedback, None)


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """There is nobody to remind or to come back to."""
    rows.drop(Asked, at.customer)


@PROJECTION.on(PointsEarned)
def points_earned(rows: Rows, event: PointsEarned, at: Envelope) -> None:
    """A lot that expires is on the agenda, and one that is pending; what qualifies counts towards the tier."""
    # A lot is new whenever it is earned, and this is the fold that runs most: no look at what is there.
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


@PROJECTION.on(PointsActivated)
def points_activated(rows: Rows, event: PointsActivated, at: Envelope) -> None:
    """These lots are pending no longer."""
    for share in event.lots:
        rows.drop(Item, at.customer, at.stream, event.programme, f"activation/{share.lot}")


@PROJECTION.on(PointsRedeemed, PointsExpired, PointsReleased, AccountClosed)
def points_gone(
    rows: Rows, event: PointsRedeemed | PointsExpired | PointsReleased | AccountClosed, at: Envelope
) -> None:
    """Less is left of these lots; an empty one has nothing to expire. A closed account has no tier to keep."""
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


@PROJECTION.on(PointsAdjusted)
def points_adjusted(rows: Rows, event: PointsAdjusted, at: Envelope) -> None:
    """Less is left of these lots, or there is a new one."""
    _take(rows, at, event.programme, event.lots)
    if event.lot is not None:
        _give(rows, at, event.programme, event.lot, event.points, event.expires_at, lapsing=event.lapsing)


@PROJECTION.on(PointsReceived)
def points_received(rows: Rows, event: PointsReceived, at: Envelope) -> None:
    """New lots, with the expiry that they had."""
    for lot in event.lots:
        _give(rows, at, event.programme, lot.lot, lot.points, lot.expires_at)


@PROJECTION.on(RedemptionReversed)
def redemption_reversed(rows: Rows, event: RedemptionReversed, at: Envelope) -> None:
    """There is more again in these lots."""
    lapsing = set(event.lapsing)
    for share, expires_at in zip(event.lots, event.expiries, strict=False):
        _give(rows, at, event.programme, share.lot, share.points, expires_at, lapsing=share.lot in lapsing, back=True)
    rows.drop(Item, at.customer, at.stream, event.programme, f"reward/{event.redemption}")


@PROJECTION.on(ExpiryDeferred)
def expiry_deferred(rows: Rows, event: ExpiryDeferred, at: Envelope) -> None:
    """What lapses with inactivity does so later."""
    rows.need(Lapse, at.customer, at.stream, event.programme).at = event.until


@PROJECTION.on(EarningReversed)
def earning_reversed(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Less is left of these lots, and less qualifies in the month of the purchase."""
    _take(rows, at, event.programme, event.lots)
    if event.qualifying:
        _qualify(
            rows.need(Member, at.customer, at.stream, event.programme),
            {counted_as(event.unit, event.month): -event.qualifying},
        )


@PROJECTION.on(DebtRepaid)
def debt_repaid(rows: Rows, event: DebtRepaid, at: Envelope) -> None:
    """Less is left of the lot that repaid it."""
    _take(rows, at, event.programme, (LotShare(event.lot, event.points),))


@PROJECTION.on(TierReached)
def tier_reached(rows: Rows, event: TierReached, at: Envelope) -> None:
    """The member has another tier to keep."""
    _tier(rows, at, event.programme, event.tier, event.month, event.since)


@PROJECTION.on(TierLost)
def tier_lost(rows: Rows, event: TierLost, at: Envelope) -> None:
    """The member has a lower tier to keep, or none."""
    _tier(rows, at, event.programme, event.next, event.month, event.since)


@PROJECTION.on(TierKept)
def tier_kept(rows: Rows, event: TierKept, at: Envelope) -> None:
    """The member has kept the tier until the next review."""
    member = rows.need(Member, at.customer, at.stream, event.programme)
    member.reviewed, member.warned, member.grace_until = event.reviewed_at, None, None
    member.moved = at.position
    member.month = max(member.month, event.month)


@PROJECTION.on(TierWarned)
def tier_warned(rows: Rows, event: TierWarned, at: Envelope) -> None:
    """The member has been warned of this loss."""
    member = rows.need(Member, at.customer, at.stream, event.programme)
    member.warned, member.moved = event.losing_at, at.position


@PROJECTION.on(TierGraceGiven)
def tier_graced(rows: Rows, event: TierGraceGiven, at: Envelope) -> None:
    """The member keeps the tier a while."""
    member = rows.need(Member, at.customer, at.stream, event.programme)
    member.grace_until, member.month = event.until, max(member.month, event.month)
    member.moved = at.position


@PROJECTION.on(RewardIssued)
def reward_issued(rows: Rows, event: RewardIssued, at: Envelope) -> None:
    """A reward that has an end is on the agenda."""
    if event.expires_at is not None:
        _coupon(rows, at, event.programme, event.coupon, event.expires_at)


@PROJECTION.on(RewardUsed, RewardExpired)
def reward_ended(rows: Rows, event: RewardUsed | RewardExpired, at: Envelope) -> None:
    """The reward is done with."""
    rows.drop(Item, at.customer, at.stream, event.programme, f"reward/{event.coupon}")


@PROJECTION.on(AccountReleased)
def account_released(rows: Rows, event: AccountReleased, at: Envelope) -> None:
    """Everything goes elsewhere."""
    customer, stream, programme, came = at.customer, at.stream, event.programme, event.holdings
    _take(rows, at, programme, [LotShare(name, lot.points) for name, lot in came.lots.items()])
    for coupon in came.coupons:
        rows.drop(Item, customer, stream, programme, f"reward/{coupon}")
    rows.drop(Member, customer, stream, programme)
    rows.drop(Lapse, customer, stream, programme)


@PROJECTION.on(AccountRestored)
def account_restored(rows: Rows, event: AccountRestored, at: Envelope) -> None:
    """Everything is back."""
    found = event.holdings
    _hold(rows, at, event.programme, found, "")
    if found.tier is not None or found.months:
        member = rows.need(Member, at.customer, at.stream, event.programme)
        _become(member, _of_holdings(found))
        member.months = {month: points for month, points in found.months.items() if points}
    if found.lapses_at is not None:
        rows.need(Lapse, at.customer, at.stream, event.programme).at = found.lapses_at


@PROJECTION.on(AccountReceived)
def account_received(rows: Rows, event: AccountReceived, at: Envelope) -> None:
    """There are another account's lots, and what it qualified for counts here as well."""
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


@PROJECTION.on(AccountReturned)
def account_returned(rows: Rows, event: AccountReturned, at: Envelope) -> None:
    """What came with a merge is gone again."""
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


def _open(rows: Rows, at: Envelope, kind: Kind, moment: int) -> None:
    customer, stream = at.customer, at.stream
    rows.tables[Item][customer, stream, "", kind] = Item(customer, stream, "", kind, kind, moment)


def _asked(rows: Rows, at: Envelope, kind: Kind, name: str, due_at: int | None) -> None:
    """Something is open with a customer until then; None: no longer."""
    what = f"{at.stream} {kind} {name}"
    row = rows.get(Asked, at.customer)
    if due_at is not None:
        row = row or rows.need(Asked, at.customer)
        row.open[what] = due_at
    elif row is None or row.open.pop(what, None) is None:
        return
    if row.open:
        row.at = min(row.open.values())
    else:
        rows.drop(Asked, at.customer)


def _stop_clocks(rows: Rows, at: Envelope) -> None:
    rows.drop(Item, at.customer, at.stream, "", "acknowledge")
    rows.drop(Item, at.customer, at.stream, "", "next_response")
    rows.drop(Item, at.customer, at.stream, "", "resolve")


def _take(rows: Rows, at: Envelope, programme: str, shares: Iterable[LotShare | MovedLot]) -> None:
    """Less is left of these lots."""
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
    """More is in a lot, or there is a new one."""
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
    """The lots and rewards of another account are here."""
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


# --- what is due ----------------------------------------------------------------------------------------------------


class AgendaItem(BaseModel):
    """Something that is due.

    Attributes:
        due_at: When, in UTC. At that moment itself a deadline is missed, a lot expired, a review to be made.
        kind: `acknowledge`, `next_response`, `resolve` and `follow_up_deadline` are a complaint's deadlines;
            `escalation` is when somebody is to hear of one; `follow_up` asks after a resolution; `activation` and
            `expiry` are those of a lot of points; `tier` is the review that may change a member's tier, or the end of
            its grace; `tier_warning` says that it will be lost; `reward` is the end of a reward; `reminder` is when a
            customer is to be reminded of an invitation, `answer` by when the business is to come back on a low answer.
        customer: Whose it is; of merged customers the surviving id.
        stream: The aggregate: `complaint-<id>`, or `loyalty-<customer>` or `customer-<customer>` by the customer as
            recorded.
        detail: The lot, the tier, the coupon, the invitation or the answer; empty otherwise, and for all that lapses
            with inactivity.
        points: How many points are activated or expire; absent for other kinds.
        programme: Whose ledger it is in; empty for complaints.
        again: The position of what made it due, where the same may have been due before.
    """

    model_config = ConfigDict(frozen=True)

    due_at: AwareDatetime
    kind: Kind
    customer: str
    stream: str
    detail: str = ""
    points: int | None = None
    programme: str = ""
    again: int = 0

    def __eq__(self, other: object) -> bool:
        # What is due is the same whichever event made it so.
        return isinstance(other, AgendaItem) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def _told(self) -> tuple[object, ...]:
        return self.key, self.kind, self.detail, self.points

    @property
    def key(self) -> tuple[int, str, str, str, str]:
        """What the agenda is sorted by: the moment in UTC microseconds, customer, stream, programme, item's name."""
        what = self.kind + "/" + self.detail if self.kind in _NAMED else self.kind
        what = self.detail if self.kind == "expiry" else what
        return to_micros(self.due_at), self.customer, self.stream, self.programme, what


def open_item(row: Item, policy: Policy) -> AgendaItem | None:
    """A row as what is due under a policy; None where the policy asks for no follow-ups."""
    shift = _shift(row.kind, policy)
    if shift is None:
        return None
    named = row.what.removeprefix(f"{row.kind}/") if row.kind in ("activation", "reward") else row.what
    of_lot = row.kind in ("activation", "expiry")
    return AgendaItem(
        due_at=from_micros(row.at + shift),
        kind=row.kind,
        customer=row.customer,
        stream=row.stream,
        detail=named if of_lot or row.kind == "reward" else "",
        points=row.points if of_lot else None,
        programme=row.programme,
        again=row.again,
    )


def open_lapse(row: Lapse) -> AgendaItem | None:
    """The expiry of all that lapses with inactivity; None where nothing does."""
    if not row.lots or not row.at:
        return None
    return AgendaItem(
        due_at=from_micros(row.at),
        kind="expiry",
        customer=row.customer,
        stream=row.stream,
        points=sum(row.lots.values()),
        programme=row.programme,
        again=row.again,
    )


def open_asked(row: Asked) -> list[AgendaItem]:
    """The reminders and the answers of the business that are open with one customer."""
    found = []
    for what, due_at in row.open.items():
        # Ids have no blanks in them.
        stream, kind, name = what.split(" ")
        known: Kind = "reminder" if kind == "reminder" else "answer"
        due = from_micros(due_at)
        found.append(AgendaItem(due_at=due, kind=known, customer=row.customer, stream=stream, detail=name))
    return found


def tier_review(member: Member, rules: InForce, until: int | None = None) -> AgendaItem | None:
    """What time alone does next to a member's tier, and when: a warning, a review, or the end of its grace.

    The account goes by the same rule; a tier is thus reviewed at the moment that may change it, and at no other. Tiers
    that ask for nothing cannot be lost.

    Args:
        member: What the tier rests on.
        rules: Which policy is in force when.
        until: Look no further than this, UTC microseconds.
    """
    standing = Standing(
        tier=member.tier,
        since=member.since,
        months=member.months,
        month=member.month,
        reviewed=member.reviewed,
        warned=member.warned,
        grace_until=member.grace_until,
    )
    found = due_step(rules, member.programme, standing, until)
    if found is None:
        return None
    step = found[0]
    return AgendaItem(
        due_at=from_micros(step.at),
        kind="tier_warning" if step.kind == "warning" else "tier",
        customer=member.customer,
        stream=member.stream,
        detail=member.tier or "",
        programme=member.programme,
        again=member.moved,
    )


def commands_due(items: Iterable[AgendaItem]) -> Iterator[Command]:
    """The commands that these items ask for, each dated at the moment when it fell due.

    A follow-up, a reminder or an answer is work for people and asks for none. One command ends all of its kind that
    falls due in one complaint, or in one programme of an account, at one moment. The ids say what was due: however
    often the same items come, each command counts once.
    """
    asked: set[tuple[str, str, str, datetime]] = set()
    for item in items:
        command = _command(item)
        if command is not None:
            same = (type(command).__name__, item.stream, item.programme, item.due_at)
            if same not in asked:
                asked.add(same)
                yield command


def _command(item: AgendaItem) -> Command | None:
    common: dict[str, Any] = {"occurred_at": item.due_at, "command_id": _command_id(item), "actor": "agenda"}
    of_account: dict[str, Any] = {**common, "programme": item.programme or None}
    # What is due is due in its stream: an account keeps its own id where its customer was merged into another.
    name = item.stream.partition("-")[2]
    match item.kind:
        case "acknowledge" | "next_response" | "resolve" | "follow_up_deadline" | "escalation":
            return CheckDeadlines(complaint=name, **common)
        case "activation" | "expiry":
            return ExpirePoints(customer=name, **of_account)
        case "tier" | "tier_warning":
            return EvaluateTier(customer=name, **of_account)
        case "reward":
            return ExpireRewards(customer=name, **of_account)
        case "follow_up" | "reminder" | "answer":
            return None


def _command_id(item: AgendaItem) -> str:
    due_at = to_micros(item.due_at)
    detail = item.detail if item.programme in ("", "main") else f"{item.programme}:{item.detail}"
    if item.again:
        detail = f"{detail}@{item.again}"
    found = f"due:{item.kind}:{item.stream}:{detail}:{due_at}"
    if len(found) > _COMMAND_ID_MAX:
        # A remedy's lot has the ids of the complaint and the remedy in its own.
        found = f"due:{item.kind}:{item.stream}:{sha256(detail.encode()).hexdigest()}:{due_at}"
    return found


def _shift(kind: str, policy: Policy) -> int | None:
    """From an item's moment until it is due, in microseconds."""
    if kind != "follow_up":
        return 0
    days = policy.surveys.follow_up_days
    return None if days is None else days * _DAY


# --- the view -------------------------------------------------------------------------------------------------------


class AgendaView(View):
    """What falls due, soonest first; what is due together is in the order of customers, streams and names.

    Args:
        shared: As in `View`.
        rules: Gives every policy, and when it is in force.
    """

    projection: ClassVar[Projection] = PROJECTION

    def __init__(self, *shared: Any, rules: Callable[[], InForce]) -> None:
        super().__init__(*shared)
        self._rules = rules

    def due(
        self,
        *,
        until: datetime,
        kind: Kind | None = None,
        limit: int | None = None,
        after: AgendaItem | None = None,
    ) -> list[AgendaItem]:
        """Everything that is due at `until` or before.

        Args:
            until: An aware datetime.
            kind: Only this kind.
            limit: At most so many.
            after: Go on behind this item, the last one of the page before.

        Raises:
            InvalidInput: A naive datetime, an unknown kind, or a limit below 1.
        """
        if kind is not None and kind not in KINDS:
            raise InvalidInput(
                f"{kind!r} is no kind of agenda item", code="unknown_kind", field="kind", remedy=f"One of {KINDS}"
            )
        if limit is not None and limit < 1:
            raise InvalidInput(f"{limit} is no page", code="invalid_limit", field="limit", remedy="Give 1 or more")
        policy, end = self.policy, to_micros(until)
        kinds = KINDS if kind is None else (kind,)
        reviews, asked = {"tier", "tier_warning"}, {"reminder", "answer"}
        found = [self._open(each, end, policy, limit, after) for each in kinds if each not in reviews | asked]
        if asked & set(kinds):
            found.append(self._asked(kinds, end, limit, after))
        if reviews & set(kinds):
            found.append(self._reviews(kinds, end, limit, after))
        if "expiry" in kinds:
            found.append(self._lapses(end, limit, after))
        return list(islice(merge(*found, key=lambda item: item.key), limit))

    def overdue(self, *, now: datetime | None = None, kind: Kind | None = None) -> list[AgendaItem]:
        """Everything that is due and of which nothing has been recorded yet, as of `now`; the present by default.

        Raises:
            InvalidInput: A naive datetime or an unknown kind.
        """
        return self.due(until=from_micros(self.now) if now is None else now, kind=kind)

    def for_customer(self, customer: str) -> list[AgendaItem]:
        """All that is open for one customer, however far off."""
        policy, rules = self.policy, self._rules()
        opened = (open_item(row, policy) for row in self.rows(Item, customer=customer))
        members = self.rows(Member, customer=customer)
        reviews = (tier_review(row, rules) for row in members)
        lapses = (open_lapse(row) for row in self.rows(Lapse, customer=customer))
        asked = (item for row in self.rows(Asked, customer=customer) for item in open_asked(row))
        return sorted((item for item in (*opened, *lapses, *reviews, *asked) if item is not None), key=_key)

    def _open(
        self, kind: Kind, end: int, policy: Policy, limit: int | None, after: AgendaItem | None
    ) -> list[AgendaItem]:
        shift = _shift(kind, policy)
        if shift is None:
            return []
        columns = self.table(Item).c
        order = (columns.at, columns.customer, columns.stream, columns.programme, columns.what)
        where = [columns.kind == kind, columns.at <= end - shift]
        if after is not None:
            moment, *names = after.key
            # The first condition follows from the second, and lets the index find the page.
            where += [columns.at >= moment - shift, tuple_(*order) > tuple_(moment - shift, *names)]
        rows = self.rows(Item, *where, order_by=order, limit=limit)
        return [item for item in (open_item(row, policy) for row in rows) if item is not None]

    def _lapses(self, end: int, limit: int | None, after: AgendaItem | None) -> list[AgendaItem]:
        columns = self.table(Lapse).c
        # The moment is 0 until the first activity, and no row of it is due; emptied ones are few.
        rows = self.rows(Lapse, columns.at <= end, columns.at > 0)
        found = sorted((item for item in map(open_lapse, rows) if item is not None), key=lambda item: item.key)
        return [item for item in found if after is None or item.key > after.key][:limit]

    def _asked(
        self, kinds: Collection[Kind], end: int, limit: int | None, after: AgendaItem | None
    ) -> list[AgendaItem]:
        items = (item for row in self.rows(Asked, self.table(Asked).c.at <= end) for item in open_asked(row))
        found = [item for item in items if item.kind in kinds and to_micros(item.due_at) <= end]
        return sorted((item for item in found if after is None or item.key > after.key), key=_key)[:limit]

    def _reviews(
        self, kinds: Collection[Kind], end: int, limit: int | None, after: AgendaItem | None
    ) -> list[AgendaItem]:
        rules = self._rules()
        spans = list(rules.until(end))
        # What changes a tier depends on the policy, so no index can know it: members who have a tier to lose are
        # looked at one by one. At once, nobody's who was heard of in the last month, unless they are to be warned.
        columns = self.table(Member).c
        where: list[ColumnElement[bool]] = [columns.tier.is_not(None)]
        if all(each.terms.monthly for span in spans for each in span.policy.every_programme):
            month = max(local_time(span.policy.zone).month(end) for span in spans)
            where.append(or_(columns.month < month, columns.grace_until.is_not(None)))
        for programme in {each.id for span in spans for each in span.policy.every_programme}:
            bases = {programme_in(span.policy, programme).terms.base for span in spans}
            tier = bases.pop()
            if tier is not None and not bases:
                where.append(or_(columns.programme != programme, columns.tier != tier))
        found = []
        for row in self.rows(Member, *where):
            item = tier_review(row, rules, end)
            if item is not None and item.kind in kinds and (after is None or item.key > after.key):
                found.append(item)
        return sorted(found, key=_key) if limit is None else nsmallest(limit, found, key=_key)


def _key(item: AgendaItem) -> tuple[int, str, str, str, str]:
    return item.key
