"""Members' accounts: balances, lots, tiers, and tiers about to be lost."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Literal, NamedTuple, TypeAlias

from pydantic import AwareDatetime

from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.policies import Programme
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.policies.loyalty.tier_clock import Standing, after, due_step, outcome, programme_in, window_total
from relations.projections.loyalty.rows import AccountRow, LotRow

__all__ = [
    "LotState",
    "MemberAccount",
    "MemberLot",
    "MemberTiers",
    "TierEvent",
    "TierProgress",
    "TierRisk",
    "account_of",
    "lot_ends",
    "tier_progress",
    "tier_risk",
]

LotState: TypeAlias = Literal["active", "pending", "overdue"]


class MemberLot(ViewAnswer):
    """A lot of points in an account.

    Attributes:
        lot: Its id.
        points: What is left.
        state: active; pending until `active_from`; or overdue, if it has expired and that is not recorded yet.
        active_from: The first moment at which it can be spent.
        expires_at: The first moment at which it no longer can; None is never.
        earned_at: When it was earned.
        reason: Why it was credited.
        source: The purchase, complaint, referral, transfer or merge that it came by.
    """

    lot: str
    points: int
    state: LotState
    active_from: AwareDatetime
    expires_at: AwareDatetime | None
    earned_at: AwareDatetime
    reason: str
    source: str | None


class TierEvent(ViewAnswer):
    """An entry in the history of a member's tier.

    Attributes:
        at: When.
        kind: reached, kept, warned, grace, lost, restored (its refund was reversed), merged or returned.
        tier: The tier from then on.
        qualifying: What counted.
        until: Until when the member has it all the same; of a warning or a grace.
    """

    at: AwareDatetime
    kind: str
    tier: str | None
    qualifying: int
    until: AwareDatetime | None


class TierProgress(ViewAnswer):
    """A member's progress through the tiers.

    Attributes:
        tier: The present tier.
        since: When the member reached it.
        basis: What counts: points, spend, stays or orders.
        qualifying: How much of it the window holds.
        next_tier: The next higher tier; None at the top.
        missing: How much more the next tier requires.
        change: The next change by time if nothing more is earned: warning, review or grace_end.
        change_at: When it happens; None is never.
        history: The history of the tier, by time.
    """

    tier: str | None
    since: AwareDatetime | None
    basis: str
    qualifying: int
    next_tier: str | None
    missing: int | None
    change: str | None
    change_at: AwareDatetime | None
    history: tuple[TierEvent, ...]


class TierRisk(ViewAnswer):
    """A member who will lose a tier unless they earn more.

    Attributes:
        losing_at: When they lose it, after any grace.
        customer: The member.
        tier: The tier that they lose.
        falls_to: The tier that they have afterwards.
        qualifying: What will be left in the window.
        missing: How much more they need to keep the tier.
        warned: They were warned of this loss.
    """

    losing_at: AwareDatetime
    customer: str
    tier: str
    falls_to: str | None
    qualifying: int
    missing: int
    warned: bool


class TierMember(ViewAnswer):
    """A member in a tier.

    Attributes:
        customer: The surviving id.
        tier: The tier; None without one.
    """

    customer: str
    tier: str | None


class MemberAccount(ViewAnswer):
    """A member's account in one programme. `balance = points in lots - debt`.

    Attributes:
        customer: The member.
        programme: The programme's id.
        as_of: The moment.
        enrolled_at: When the member joined; None if they never did.
        closed_at: When the member left.
        balance: Points in lots, pending and overdue ones included, less points owed.
        spendable: Points that could be redeemed at that moment.
        pending: Points that cannot be spent yet.
        overdue: Points that have expired without a record of it, since time was not advanced.
        debt: Points owed.
        shortfall: Points that refunds should have taken back, that no lot had, and that are not owed by policy.
        earned: Points ever earned.
        redeemed: Points ever spent, less what came back.
        expired: Points ever expired.
        lots: In the order in which they are spent.
        tier: The progress through the tiers; None if the programme is not in force.
        clubs: The clubs that they are in.
        benefits: How often they used each benefit.
        referrer: The member who referred them.
    """

    customer: str
    programme: str
    as_of: AwareDatetime
    enrolled_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    balance: int
    spendable: int
    pending: int
    overdue: int
    debt: int
    shortfall: int
    earned: int
    redeemed: int
    expired: int
    lots: tuple[MemberLot, ...]
    tier: TierProgress | None
    clubs: tuple[str, ...]
    benefits: dict[str, int]
    referrer: str | None


def _at(micros: int | None) -> AwareDatetime | None:
    return None if micros is None else from_micros(micros)


def lot_ends(lot: LotRow, account: AccountRow) -> int | None:
    """Return when a lot expires: at its own expiry or with the account's inactivity, whichever comes first."""
    if not lot.lapsing or account.lapses_at is None:
        return lot.expires_at
    return account.lapses_at if lot.expires_at is None else min(account.lapses_at, lot.expires_at)


def _state(lot: LotRow, ends: int | None, as_of: int) -> LotState:
    if ends is not None and ends <= as_of:
        return "overdue"
    return "pending" if lot.pending and lot.active_from > as_of else "active"


def account_of(
    row: AccountRow, lots: Iterable[LotRow], *, as_of: int, programme: Programme | None, zone: str, rules: InForce
) -> MemberAccount:
    """Return the account of these rows.

    Args:
        row: The account.
        lots: Its lots.
        as_of: The moment, UTC microseconds.
        programme: The programme's rules; None if it is not in force.
        zone: The policy's time zone.
        rules: The policies, and when each is in force.
    """
    never = 2**63
    shown: list[tuple[tuple[int, int, str], MemberLot]] = []
    points = dict.fromkeys(("active", "pending", "overdue"), 0)
    for lot in lots:
        if not lot.points:
            continue
        ends = lot_ends(lot, row)
        state = _state(lot, ends, as_of)
        points[state] += lot.points
        member_lot = MemberLot(
            lot=lot.lot,
            points=lot.points,
            state=state,
            active_from=from_micros(lot.active_from),
            expires_at=_at(ends),
            earned_at=from_micros(lot.earned_at),
            reason=lot.reason,
            source=lot.source,
        )
        shown.append(((never if ends is None else ends, lot.earned_at, lot.lot), member_lot))
    return MemberAccount(
        customer=row.customer,
        programme=row.programme,
        as_of=from_micros(as_of),
        enrolled_at=_at(row.enrolled_at),
        closed_at=_at(row.closed_at),
        balance=sum(points.values()) - row.debt,
        spendable=max(0, points["active"] - row.debt),
        pending=points["pending"],
        overdue=points["overdue"],
        debt=row.debt,
        shortfall=row.shortfall,
        earned=row.earned,
        redeemed=row.redeemed,
        expired=row.expired,
        lots=tuple(lot for _, lot in sorted(shown, key=lambda pair: pair[0])),
        tier=None if programme is None else tier_progress(row, programme, zone, as_of=as_of, rules=rules),
        clubs=tuple(sorted(row.clubs)),
        benefits=dict(sorted(row.benefits.items())),
        referrer=row.referrer,
    )


# --- tiers ----------------------------------------------------------------------------------------------------------


def _standing(row: AccountRow) -> Standing:
    return Standing(
        tier=row.tier,
        since=row.tier_since,
        months=row.months,
        month=row.month,
        reviewed=row.reviewed,
        warned=row.warned,
        grace_until=row.grace_until,
    )


class MemberTiers(NamedTuple):
    """The membership of an account and its tiers over time.

    Attributes:
        customer: The customer as recorded.
        programme: The programme.
        tier: The present tier.
        begun_at: The time of the first event of the membership, UTC microseconds; None if there was none.
        enrolled_at: The time of joining, or of joining again.
        closed_at: The time of leaving; None while the account is open.
        steps: The times and tiers of all changes, by time.
    """

    customer: str
    programme: str
    tier: str | None
    begun_at: int | None
    enrolled_at: int | None
    closed_at: int | None
    steps: tuple[tuple[int, str | None], ...]

    @classmethod
    def of(cls, row: AccountRow) -> MemberTiers:
        """Return the membership of an account."""
        steps = sorted(((step.at, step.tier) for step in row.steps), key=itemgetter(0))
        begun = min((at for at in (row.enrolled_at, *(at for at, _ in steps)) if at is not None), default=None)
        return cls(row.customer, row.programme, row.tier, begun, row.enrolled_at, row.closed_at, tuple(steps))

    @property
    def is_member(self) -> bool:
        """True if they are a member now."""
        return self.enrolled_at is not None and self.closed_at is None

    def was_member(self, moment: int) -> bool:
        """Return True if the account had a member at a moment, UTC microseconds."""
        begun, closed = self.begun_at, self.closed_at
        return begun is not None and begun <= moment and (closed is None or moment < closed)

    def tier_at(self, moment: int) -> str | None:
        """Return the tier at a moment, UTC microseconds; of several changes at one instant, the last.

        A member who left and joined again begins without a tier.
        """
        since = self.enrolled_at if self.enrolled_at is not None and self.enrolled_at <= moment else 0
        return next((tier for at, tier in reversed(self.steps) if at <= moment and at >= since), None)


def tier_progress(row: AccountRow, programme: Programme, zone: str, *, as_of: int, rules: InForce) -> TierProgress:
    """Return a member's progress in the window that ends with the month of `as_of`."""
    month = max(row.month, local_time(zone).month(as_of))
    total = window_total(programme, row.months, month)
    rank = programme.terms.rank(row.tier) + 1
    above = programme.tiers[rank] if rank < len(programme.tiers) else None
    found = due_step(rules, row.programme, _standing(row))
    step = None if found is None else found[0]
    return TierProgress(
        tier=row.tier,
        since=_at(row.tier_since) if row.tier is not None and row.tier_since else None,
        basis=programme.tier_basis,
        qualifying=total,
        next_tier=None if above is None else above.name,
        missing=None if above is None else max(0, above.threshold - total),
        change=None if step is None else step.kind,
        change_at=None if step is None else from_micros(step.at),
        history=tuple(
            TierEvent(
                at=from_micros(each.at),
                kind=each.kind,
                tier=each.tier,
                qualifying=each.qualifying,
                until=_at(each.until),
            )
            for each in sorted(row.steps, key=lambda each: each.at)
        ),
    )


def tier_risk(row: AccountRow, rules: InForce, *, until: int) -> TierRisk | None:
    """Return the loss of a tier by `until`, if nothing more is earned, or None.

    The account uses the same rules, so exactly these members lose their tier when time is advanced to `until`.
    """
    standing = _standing(row)
    while (found := due_step(rules, row.programme, standing, until)) is not None:
        step, policy = found
        programme = programme_in(policy, row.programme)
        came = outcome(programme, policy.zone, standing, step)
        if came.kind == "lost":
            return TierRisk(
                losing_at=from_micros(step.at),
                customer=row.customer,
                tier=row.tier or "",
                falls_to=came.tier,
                qualifying=came.total,
                missing=max(0, programme.terms.threshold(row.tier) - came.total),
                warned=row.warned == step.at,
            )
        if came.kind == "reached":
            return None  # another tier from then on
        standing = after(standing, step, came)
    return None
