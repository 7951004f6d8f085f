"""Helpers that the rules share: drafts, membership checks, the passing of time, and taking points from lots."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from relations.aggregates.loyalty.commands import LoyaltyCommand
from relations.aggregates.loyalty.events.points import (
    DebtRepaid,
    ExpiryDeferred,
    LoyaltyEvent,
    PointsActivated,
    PointsEarned,
    PointsExpired,
)
from relations.aggregates.loyalty.evolve.dispatch import evolve_ledger
from relations.aggregates.loyalty.lots import Lot, LotShare, spending_order
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event, from_micros
from relations.policies import Programme
from relations.policies.loyalty.tier_clock import programme_in as programme_of
from relations.policies.loyalty.windows import Inactivity

__all__ = [
    "BALANCE_MAX",
    "Draft",
    "catch_up",
    "credit_events",
    "defer_lapse",
    "expire_lots",
    "forget_activity",
    "idle_months",
    "in_spending_order",
    "programme_of",
    "recall_activity",
    "repay_debt",
    "require_joined_before",
    "require_made_before",
    "require_member",
    "require_room",
    "take_points",
    "within_room",
]

BALANCE_MAX = 10**15
"""The most points that an account can hold. Thousands of full accounts still add up within a database's integer."""
_FEW = 10**9
"""Credits up to this size are not checked against it: it would take billions of them to overflow an integer."""


class Draft:
    """A decision under construction.

    Attributes:
        ledger: The ledger after the events so far.
        events: The events so far, in order.
    """

    __slots__ = ("events", "ledger")

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.events: list[Event] = []

    def add(self, event: LoyaltyEvent) -> None:
        """Add an event."""
        self.events.append(event)
        self.ledger = evolve_ledger(self.ledger, event)


# --- membership and dates -------------------------------------------------------------------------------------------


def require_member(state: Account, command: LoyaltyCommand) -> Ledger:
    """Return the ledger that a command is for.

    Raises:
        CommandRefused: The customer is not a member, or the account is closed or merged into another.
    """
    if state.merged_into is not None:
        raise CommandRefused(
            f"the account of {command.customer} is merged into the account of {state.merged_into}",
            code="account_merged",
            field="customer",
            hint=f"Send the command for {state.merged_into}",
        )
    ledger = state.ledger(command.programme)
    if ledger.closed_at is not None:
        raise CommandRefused(
            f"the account of {command.customer} was closed on {from_micros(ledger.closed_at):%Y-%m-%d}",
            code="account_closed",
            field="customer",
            hint="Reopen it first (ReopenAccount)",
        )
    if ledger.enrolled_at is None:
        raise CommandRefused(
            f"the customer {command.customer} is not a member of the programme",
            code="not_a_member",
            field="customer",
            hint="Enrol them first (EnrolMember)",
        )
    return ledger


def require_joined_before(ledger: Ledger, command: LoyaltyCommand) -> None:
    """Refuse a command that is dated before the customer joined.

    Raises:
        CommandRefused: It is dated before that.
    """
    if ledger.enrolled_at is not None and command.at < ledger.enrolled_at:
        raise CommandRefused(
            f"the customer {command.customer} was not a member before {from_micros(ledger.enrolled_at):%Y-%m-%d}",
            code="before_enrolment",
            field="occurred_at",
            hint="Give a time after the customer joined",
        )


def require_made_before(ledger: Ledger, name: str, command: LoyaltyCommand, *, field: str) -> None:
    """Refuse a command that is dated before the redemption or reward that it is about.

    Raises:
        CommandRefused: It is dated before that.
    """
    made = ledger.redeemed_at.get(name)
    if made is not None and command.at < made:
        raise CommandRefused(
            f"{name!r} was made on {from_micros(made):%Y-%m-%d at %H:%M} (UTC), not before",
            code="out_of_order",
            field="occurred_at",
            hint=f"Give a time after the {field} that it is about",
        )


# --- the passing of time --------------------------------------------------------------------------------------------


def catch_up(draft: Draft, at: int) -> None:
    """Bring a ledger up to `at`: repay debts from its lots, activate pending lots, and expire lots that have ended."""
    if draft.ledger.debt:
        repay_debt(draft)
    ledger = draft.ledger
    lapses_at, due, active = ledger.lapses_at, [], []
    for item in ledger.lots.items():
        lot = item[1]
        if lot.expired(at, lapses_at):
            due.append(item)
        elif lot.pending and lot.active_from <= at:
            active.append(item)
    if active:
        shares = _shares(in_spending_order(active, lapses_at))
        points = sum(share.points for share in shares)
        draft.add(PointsActivated(programme=ledger.programme, points=points, lots=shares))
    expire_lots(draft, [name for name, _ in due])


def expire_lots(draft: Draft, lots: Iterable[str]) -> None:
    """Expire the named lots, if they exist, even before their own expiry."""
    ledger = draft.ledger
    due = [(name, ledger.lots[name]) for name in lots if name in ledger.lots]
    if due:
        shares = _shares(in_spending_order(due, ledger.lapses_at))
        points = sum(share.points for share in shares)
        draft.add(PointsExpired(programme=ledger.programme, points=points, lots=shares))


def repay_debt(draft: Draft) -> None:
    """Repay the debt from the lots, in spending order. Only a merge leaves both behind."""
    ledger = draft.ledger
    shares, _ = take_points(in_spending_order(ledger.lots.items(), ledger.lapses_at), ledger.debt)
    for share in shares:
        draft.add(DebtRepaid(programme=ledger.programme, points=share.points, lot=share.lot))


# --- inactivity -----------------------------------------------------------------------------------------------------


def idle_months(ledger: Ledger, programme: Programme, at: int) -> int:
    """Return the months of inactivity after which an account lapses, from `at` on; 0 means never.

    All lots that lapse with inactivity do so together. After a change of rules the longer period holds, so that a
    change shortens nothing that was earned before. Once the account has lapsed, only the rules in force hold.
    """
    now = programme.expiry.months_count if isinstance(programme.expiry, Inactivity) else 0
    running = ledger.lapses_at is not None and at < ledger.lapses_at
    return max(now, ledger.idle_months) if running else now


def defer_lapse(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    """Defer the expiry of lots that expire with inactivity, since the member earned or spent. Expired lots stay so."""
    if draft.ledger.lapses_at is not None:
        catch_up(draft, at)
    months = idle_months(draft.ledger, programme, at)
    if not months:
        return
    until, before = Inactivity(months_count=months).lapses_at(at, zone), draft.ledger.lapses_at
    if until is not None and (before is None or until > before):
        draft.add(ExpiryDeferred(programme=draft.ledger.programme, until=until, months_count=months))


def forget_activity(draft: Draft, at: int, zone: str, *, but: str | None = None) -> None:
    """Move the lapse of an account to where it is without a reversed activity; lapse it at once if that is over.

    Args:
        draft: The account, up to date; points are already taken back from its lots.
        at: The time of the reversal, UTC microseconds.
        zone: The policy's zone.
        but: A redemption that is about to be reversed.
    """
    ledger = draft.ledger
    if ledger.lapses_at is None or not ledger.idle_months:
        return
    active = [
        each.earned_at for each in ledger.earnings.values() if each.reversed < each.points and each.reason != "transfer"
    ]
    for name, redemption in ledger.redemptions.items():
        if name != but and redemption.lots and not redemption.reversed:
            if name not in ledger.redeemed_at:
                return  # recorded before redemptions carried their time
            active.append(ledger.redeemed_at[name])
    if not active:
        return  # nothing is left to lapse
    until = Inactivity(months_count=ledger.idle_months).lapses_at(max(active), zone)
    if until is not None and until < ledger.lapses_at:
        draft.add(ExpiryDeferred(programme=ledger.programme, until=until, months_count=ledger.idle_months))
        catch_up(draft, at)


def recall_activity(draft: Draft, lot: str, zone: str) -> None:
    """Defer the expiry of a lapsing account again, when an earning that was taken back whole is restored."""
    ledger = draft.ledger
    earning = ledger.earnings[lot]
    if ledger.lapses_at is None or not ledger.idle_months:
        return
    until = Inactivity(months_count=ledger.idle_months).lapses_at(earning.earned_at, zone)
    if until is not None and until > ledger.lapses_at:
        draft.add(ExpiryDeferred(programme=ledger.programme, until=until, months_count=ledger.idle_months))


def credit_events(ledger: Ledger, earned: PointsEarned) -> list[Event]:
    """Return the events of a new lot, from which a debt is repaid first."""
    if not ledger.debt or not earned.points:
        return [earned]
    repaid = DebtRepaid(programme=ledger.programme, points=min(ledger.debt, earned.points), lot=earned.lot)
    return [earned, repaid]


# --- how much an account holds --------------------------------------------------------------------------------------


def within_room(ledger: Ledger, points: int, qualifying: int = 0) -> tuple[int, int]:
    """Return the part of an automatic credit that fits into the account: for a purchase, for joining, for a referral.

    The event that caused it cannot be refused because an account is full, so points are credited up to `BALANCE_MAX`.
    The same holds for what counts towards a tier. The balance is a sum over all lots, so only large credits are
    checked.
    """
    if points <= _FEW and qualifying <= _FEW:
        return points, qualifying
    return min(points, max(0, BALANCE_MAX - ledger.balance)), min(qualifying, max(0, BALANCE_MAX - ledger.qualified))


def require_room(ledger: Ledger, points: int, *, field: str = "points") -> None:
    """Refuse points given on purpose that would make the account hold more than `BALANCE_MAX`.

    Raises:
        CommandRefused: They do not fit.
    """
    if points > max(0, BALANCE_MAX - ledger.balance):
        raise CommandRefused(
            f"cannot add {points} points: an account can hold at most {BALANCE_MAX}",
            code="balance_too_large",
            field=field,
            hint="Give fewer points, or redeem some first",
        )


# --- lots -----------------------------------------------------------------------------------------------------------


def in_spending_order(lots: Iterable[tuple[str, Lot]], lapses_at: int | None) -> list[tuple[str, Lot]]:
    """Return lots in spending order."""
    return sorted(lots, key=partial(spending_order, lapses_at=lapses_at))


def take_points(lots: Iterable[tuple[str, Lot]], points: int) -> tuple[tuple[LotShare, ...], int]:
    """Return the shares that give points, in the order of the lots, and the number of points missing."""
    shares: list[LotShare] = []
    for name, lot in lots:
        if not points:
            break
        taken = min(points, lot.points)
        shares.append(LotShare(name, taken))
        points -= taken
    return tuple(shares), points


def _shares(lots: Iterable[tuple[str, Lot]]) -> tuple[LotShare, ...]:
    return tuple(LotShare(name, lot.points) for name, lot in lots)
