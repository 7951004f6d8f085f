"""What falls due: deadlines of complaints, expiries of points, reviews of tiers, follow-ups.

Time does not pass inside of the engine: it enters by commands that carry it. The agenda says which ones are due, and
`commands_due` turns its items into them. An item leaves the agenda with the event that says that it is done, met,
missed or void; so each is due once.

Only what is open has a row: one for each open clock and each lot with points left, and one a member. What a policy may
move (the days until a follow-up, the tiers' window and thresholds) is reckoned when the agenda is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from heapq import merge, nsmallest
from itertools import islice
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import tuple_

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
from relations.aggregates.loyalty import (
    DebtRepaid,
    EarningReversed,
    EvaluateTier,
    ExpirePoints,
    LotShare,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    TierLost,
    TierReached,
)
from relations.errors import InvalidInput
from relations.messages import Command, Envelope, from_micros, to_micros
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "AgendaItem",
    "AgendaView",
    "Item",
    "Kind",
    "Member",
    "commands_due",
    "open_item",
    "tier_review",
]

Kind: TypeAlias = Literal[
    "acknowledge",
    "next_response",
    "resolve",
    "follow_up",
    "follow_up_deadline",
    "escalation",
    "expiry",
    "tier",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_DAY = 86_400_000_000
_COMMAND_ID_MAX = 200


# --- rows -----------------------------------------------------------------------------------------------------------


class Item(CustomerRow, gc=False):
    """Something open.

    Attributes:
        stream: The aggregate that it is open in.
        what: Its name there: its kind, or the lot that expires.
        kind: acknowledge, next_response, resolve, follow_up, follow_up_deadline, escalation or expiry.
        at: The deadline or expiry; for a follow-up when the complaint was resolved. UTC microseconds.
        points: What is left of the lot.
    """

    table: ClassVar[str] = "items"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "what")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("kind", "at"),)
    stream: str
    what: str
    kind: str = ""
    at: int = 0
    points: int = 0


class Member(CustomerRow, gc=False):
    """What a member's tier rests on.

    Attributes:
        stream: The account.
        tier: The present tier.
        month: The latest month that the account's events spoke of, in the policy's zone, as `2024-05`.
        months: Qualifying points by month, less what refunds took back.
    """

    table: ClassVar[str] = "members"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream")
    stream: str
    tier: str | None = None
    month: str = ""
    months: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own


_DEADLINES: dict[str, Kind] = {
    "acknowledge": "acknowledge",
    "next_response": "next_response",
    "resolve": "resolve",
    # The item `follow_up` is work for people, from the surveys' policy; this is the promise of the service levels.
    "follow_up": "follow_up_deadline",
}
"""By clock."""


# --- folds ----------------------------------------------------------------------------------------------------------

PROJECTION = Projection(name="agenda", version=2, tables=(Item, Member))


@PROJECTION.on(ComplaintFiled, ComplaintReopened)
def clocks_started(rows: Rows, event: ComplaintFiled | ComplaintReopened, at: Envelope) -> None:
    """Both clocks run; what was to be asked about an earlier resolution no longer is."""
    _open(rows, at, "acknowledge", event.acknowledge_by)
    _open(rows, at, "resolve", event.resolve_by)
    rows.drop(Item, at.customer, at.stream, "follow_up")


@PROJECTION.on(ClockStarted, ClockResumed, DeadlineMoved)
def deadline_set(rows: Rows, event: ClockStarted | ClockResumed | DeadlineMoved, at: Envelope) -> None:
    """A clock runs towards this deadline, whatever it was before."""
    _open(rows, at, _DEADLINES[event.clock], event.due_at)


@PROJECTION.on(ClockPaused, ClockCancelled)
def clock_stopped(rows: Rows, event: ClockPaused | ClockCancelled, at: Envelope) -> None:
    """Nothing is due while the customer is asked, nor of what was called off."""
    rows.drop(Item, at.customer, at.stream, _DEADLINES[event.clock])


@PROJECTION.on(EscalationPlanned)
def escalation_planned(rows: Rows, event: EscalationPlanned, at: Envelope) -> None:
    """The next step of escalation, in place of the one planned before."""
    if event.due_at is None:
        rows.drop(Item, at.customer, at.stream, "escalation")
    else:
        _open(rows, at, "escalation", event.due_at)


@PROJECTION.on(DeadlineMet, DeadlineMissed)
def clock_ended(rows: Rows, event: DeadlineMet | DeadlineMissed, at: Envelope) -> None:
    """The clock is off, in time or not. A clock of another round is not the one that runs."""
    what = _DEADLINES[event.clock]
    item = rows.get(Item, at.customer, at.stream, what)
    if item is not None and item.at == event.due_at:
        rows.drop(Item, at.customer, at.stream, what)


@PROJECTION.on(ComplaintResolved)
def resolved(rows: Rows, _event: ComplaintResolved, at: Envelope) -> None:
    """No clock runs on; the customer is to be asked how they see it."""
    _stop_clocks(rows, at)
    _open(rows, at, "follow_up", at.occurred_at)


@PROJECTION.on(ComplaintFollowedUp)
def followed_up(rows: Rows, _event: ComplaintFollowedUp, at: Envelope) -> None:
    """The customer was asked. One recorded late was of an earlier resolution, and leaves the last one to ask about."""
    item = rows.get(Item, at.customer, at.stream, "follow_up")
    if item is not None and item.at <= at.occurred_at:
        rows.drop(Item, at.customer, at.stream, "follow_up")


@PROJECTION.on(ComplaintClosed, ComplaintWithdrawn, ComplaintMerged)
def ended(rows: Rows, _event: ComplaintClosed | ComplaintWithdrawn | ComplaintMerged, at: Envelope) -> None:
    """No clock runs on. That a file was put away does not answer how the customer sees it: a follow-up stays due."""
    _stop_clocks(rows, at)


@PROJECTION.on(PointsEarned)
def points_earned(rows: Rows, event: PointsEarned, at: Envelope) -> None:
    """A lot that expires is on the agenda; what qualifies counts towards the tier."""
    # A lot is new whenever it is earned, and this is the fold that runs most: no look at what is there.
    customer, stream, lot = at.customer, at.stream, event.lot
    if event.expires_at is not None:
        key = (customer, stream, lot)
        rows.tables[Item][key] = Item(customer, stream, lot, "expiry", event.expires_at, event.points)
    if event.qualifying:
        member, month = rows.need(Member, customer, stream), event.month
        member.months[month] = member.months.get(month, 0) + event.qualifying
        member.month = max(member.month, month)


@PROJECTION.on(PointsRedeemed, PointsExpired)
def points_gone(rows: Rows, event: PointsRedeemed | PointsExpired, at: Envelope) -> None:
    """Less is left of these lots; an empty one has nothing to expire."""
    _take(rows, at, event.lots)


@PROJECTION.on(EarningReversed)
def earning_reversed(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Less is left of these lots, and less qualifies in the month of the purchase."""
    _take(rows, at, event.lots)
    if event.qualifying:
        months = rows.need(Member, at.customer, at.stream).months
        left = months.get(event.month, 0) - event.qualifying
        if left:
            months[event.month] = left
        else:
            months.pop(event.month, None)


@PROJECTION.on(DebtRepaid)
def debt_repaid(rows: Rows, event: DebtRepaid, at: Envelope) -> None:
    """Less is left of the lot that repaid it."""
    _take(rows, at, (LotShare(event.lot, event.points),))


@PROJECTION.on(TierReached)
def tier_reached(rows: Rows, event: TierReached, at: Envelope) -> None:
    """The member has another tier to keep."""
    _tier(rows, at, event.tier, event.month)


@PROJECTION.on(TierLost)
def tier_lost(rows: Rows, event: TierLost, at: Envelope) -> None:
    """The member has a lower tier to keep, or none."""
    _tier(rows, at, event.next, event.month)


def _open(rows: Rows, at: Envelope, kind: Kind, moment: int) -> None:
    customer, stream = at.customer, at.stream
    rows.tables[Item][customer, stream, kind] = Item(customer, stream, kind, kind, moment)


def _stop_clocks(rows: Rows, at: Envelope) -> None:
    rows.drop(Item, at.customer, at.stream, "acknowledge")
    rows.drop(Item, at.customer, at.stream, "next_response")
    rows.drop(Item, at.customer, at.stream, "resolve")


def _take(rows: Rows, at: Envelope, shares: Iterable[LotShare]) -> None:
    for share in shares:
        item = rows.get(Item, at.customer, at.stream, share.lot)
        if item is not None:  # a lot that never expires has none
            item.points -= share.points
            if item.points <= 0:
                rows.drop(Item, at.customer, at.stream, share.lot)


def _tier(rows: Rows, at: Envelope, tier: str | None, month: str) -> None:
    member = rows.need(Member, at.customer, at.stream)
    member.tier = tier
    member.month = max(member.month, month)


# --- what is due ----------------------------------------------------------------------------------------------------


class AgendaItem(BaseModel):
    """Something that is due.

    Attributes:
        due_at: When, in UTC. At that moment itself a deadline is missed, a lot expired, a review to be made.
        kind: `acknowledge`, `next_response`, `resolve` and `follow_up_deadline` are a complaint's deadlines;
            `escalation` is when somebody is to hear of one; `follow_up` asks after a resolution; `expiry` is that of
            a lot of points; `tier` is the first month in which the member's tier is no longer earned.
        customer: Whose it is; of merged customers the surviving id.
        stream: The aggregate: `complaint-<id>` or `loyalty-<customer>`, by the customer as recorded.
        detail: The lot of an expiry, the tier of a review; empty otherwise.
        points: How many points expire; absent for other kinds.
    """

    model_config = ConfigDict(frozen=True)

    due_at: AwareDatetime
    kind: Kind
    customer: str
    stream: str
    detail: str = ""
    points: int | None = None

    @property
    def key(self) -> tuple[int, str, str, str]:
        """What the agenda is sorted by: the moment in UTC microseconds, the customer, the stream, the item's name."""
        what = self.detail if self.kind == "expiry" else self.kind
        return to_micros(self.due_at), self.customer, self.stream, what


def open_item(row: Item, policy: Policy) -> AgendaItem | None:
    """A row as what is due under a policy; None where the policy asks for no follow-ups."""
    shift = _shift(row.kind, policy)
    if shift is None:
        return None
    return AgendaItem(
        due_at=from_micros(row.at + shift),
        kind=row.kind,
        customer=row.customer,
        stream=row.stream,
        detail=row.what if row.kind == "expiry" else "",
        points=row.points if row.kind == "expiry" else None,
    )


def tier_review(member: Member, policy: Policy, until: int | None = None) -> AgendaItem | None:
    """When time alone will change a member's tier, if it will: the first month whose window no longer earns it.

    The same window and thresholds that `EvaluateTier` goes by say so here; a tier is thus reviewed in the month that
    changes it, and in no other. Tiers that ask for nothing cannot be lost.

    Args:
        member: What the tier rests on.
        policy: Whose programme it is.
        until: Look no further than this, UTC microseconds.
    """
    month = _review_month(member, policy, None if until is None else local_time(policy.zone).month(until))
    return None if month is None else _review(member, month, policy)


def _review_month(member: Member, policy: Policy, last: str | None) -> str | None:
    """The first month behind the latest one, and up to `last`, whose window does not earn the present tier."""
    window, terms = policy.programme.tier_window, policy.programme.terms
    tier, months, month = member.tier, member.months, member.month
    if tier is None or not month or tier == terms.tier(0):
        return None
    while True:
        month = _month_after(month)
        if last is not None and month > last:
            return None
        counting = window.months(month)
        points = months.values() if counting is None else [months[each] for each in counting if each in months]
        if terms.tier(sum(points)) != tier:
            return month
        if counting is None:
            return None  # it all counts for ever


def _review(member: Member, month: str, policy: Policy) -> AgendaItem:
    return AgendaItem(
        due_at=from_micros(_start(policy.zone, month)),
        kind="tier",
        customer=member.customer,
        stream=member.stream,
        detail=member.tier or "",
    )


def commands_due(items: Iterable[AgendaItem]) -> Iterator[Command]:
    """The commands that these items ask for, each dated at the moment when it fell due.

    A follow-up is work for people and asks for none. One command ends all that falls due in one stream at one moment.
    The ids say what was due, so that however often the same items come, each command counts once.
    """
    asked: set[tuple[str, str, datetime]] = set()
    for item in items:
        command = _command(item)
        if command is not None:
            same = (type(command).__name__, item.stream, item.due_at)
            if same not in asked:
                asked.add(same)
                yield command


def _command(item: AgendaItem) -> Command | None:
    common: dict[str, Any] = {"occurred_at": item.due_at, "command_id": _command_id(item), "actor": "agenda"}
    # What is due is due in its stream: an account keeps its own id where its customer was merged into another.
    name = item.stream.partition("-")[2]
    match item.kind:
        case "acknowledge" | "next_response" | "resolve" | "follow_up_deadline" | "escalation":
            return CheckDeadlines(complaint=name, **common)
        case "expiry":
            return ExpirePoints(customer=name, **common)
        case "tier":
            return EvaluateTier(customer=name, **common)
        case "follow_up":
            return None


def _command_id(item: AgendaItem) -> str:
    due_at = to_micros(item.due_at)
    found = f"due:{item.kind}:{item.stream}:{item.detail}:{due_at}"
    if len(found) > _COMMAND_ID_MAX:
        # A remedy's lot has the ids of the complaint and the remedy in its own.
        found = f"due:{item.kind}:{item.stream}:{sha256(item.detail.encode()).hexdigest()}:{due_at}"
    return found


def _shift(kind: str, policy: Policy) -> int | None:
    """From an item's moment until it is due, in microseconds."""
    if kind != "follow_up":
        return 0
    days = policy.surveys.follow_up_days
    return None if days is None else days * _DAY


@lru_cache(maxsize=1_024)
def _start(zone: str, month: str) -> int:
    """The first instant of a local month, UTC microseconds."""
    return local_time(zone).start(date(int(month[:4]), int(month[5:]), 1))


@lru_cache(maxsize=1_024)
def _month_after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04d}-01" if number == 12 else f"{year:04d}-{number + 1:02d}"


# --- the view -------------------------------------------------------------------------------------------------------


class AgendaView(View):
    """What falls due, soonest first; what is due together is in the order of customers, streams and names."""

    projection: ClassVar[Projection] = PROJECTION

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
        found = [
            self._reviews(end, policy, limit, after) if each == "tier" else self._open(each, end, policy, limit, after)
            for each in kinds
        ]
        return list(islice(merge(*found, key=lambda item: item.key), limit))

    def overdue(self, *, now: datetime | None = None, kind: Kind | None = None) -> list[AgendaItem]:
        """Everything that is due and of which nothing has been recorded yet, as of `now`; the present by default.

        Raises:
            InvalidInput: A naive datetime or an unknown kind.
        """
        return self.due(until=from_micros(self.now) if now is None else now, kind=kind)

    def for_customer(self, customer: str) -> list[AgendaItem]:
        """All that is open for one customer, however far off."""
        policy = self.policy
        opened = (open_item(row, policy) for row in self.rows(Item, customer=customer))
        members = self.rows(Member, customer=customer)
        reviews = (tier_review(row, policy) for row in members)
        return sorted((item for item in (*opened, *reviews) if item is not None), key=lambda item: item.key)

    def _open(
        self, kind: Kind, end: int, policy: Policy, limit: int | None, after: AgendaItem | None
    ) -> list[AgendaItem]:
        shift = _shift(kind, policy)
        if shift is None:
            return []
        columns = self.table(Item).c
        order = (columns.at, columns.customer, columns.stream, columns.what)
        where = [columns.kind == kind, columns.at <= end - shift]
        if after is not None:
            moment, *names = after.key
            # The first condition follows from the second, and lets the index find the page.
            where += [columns.at >= moment - shift, tuple_(*order) > tuple_(moment - shift, *names)]
        rows = self.rows(Item, *where, order_by=order, limit=limit)
        return [item for item in (open_item(row, policy) for row in rows) if item is not None]

    def _reviews(self, end: int, policy: Policy, limit: int | None, after: AgendaItem | None) -> list[AgendaItem]:
        # Which month changes a tier depends on the policy, so no index can know it: members who have a tier to lose
        # and were not heard of in the last month are looked at one by one.
        columns = self.table(Member).c
        last = local_time(policy.zone).month(end)
        base = policy.programme.terms.tier(0)
        where = [columns.tier.is_not(None), columns.month < last]
        if base is not None:
            where.append(columns.tier != base)
        behind = None if after is None else after.key
        found = []
        for row in self.rows(Member, *where):
            month = _review_month(row, policy, last)
            if month is not None:
                key = (_start(policy.zone, month), row.customer, row.stream, "tier")
                if behind is None or key > behind:
                    found.append((key, month, row))
        # No two members have the same key, so rows are never compared.
        chosen = sorted(found) if limit is None else nsmallest(limit, found)
        return [_review(row, month, policy) for _, month, row in chosen]
