"""What every rule of the account rests on: who is a member, what time has done to the lots, and taking from them."""

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
"""Points that an account holds at most: thousands of full ones add up to what a database's integer holds."""
_FEW = 10**9
"""What need not be held against that: billions of such credits would have to come before a database's integer ends."""


class Draft:
    """A decision in the making: the events so far, and the ledger after them.

    Attributes:
        ledger: As it will be.
        events: In their order.
    """

    __slots__ = ("events", "ledger")

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.events: list[Event] = []

    def add(self, event: LoyaltyEvent) -> None:
        """One more event."""
        self.events.append(event)
        self.ledger = evolve_ledger(self.ledger, event)


# --- who and what ---------------------------------------------------------------------------------------------------


def require_member(state: Account, command: LoyaltyCommand) -> Ledger:
    """The ledger that a command is for.

    Raises:
        CommandRefused: The customer is no member, the account is closed, or merged into another.
    """
    if state.merged_into is not None:
        raise CommandRefused(
            f"The account of {command.customer} is merged into that of {state.merged_into}",
            code="account_merged",
            field="customer",
            hint=f"Send it to {state.merged_into}",
        )
    ledger = state.ledger(command.programme)
    if ledger.closed_at is not None:
        raise CommandRefused(
            f"The account of {command.customer} was closed on {from_micros(ledger.closed_at):%Y-%m-%d}",
            code="account_closed",
            field="customer",
            hint="Reopen it first",
        )
    if ledger.enrolled_at is None:
        raise CommandRefused(
            f"Customer {command.customer} is not a member of the programme",
            code="not_a_member",
            field="customer",
            hint="Enrol them first",
        )
    return ledger


def require_joined_before(ledger: Ledger, command: LoyaltyCommand) -> None:
    """Refuse what is dated before the customer joined.

    Raises:
        CommandRefused: It is.
    """
    if ledger.enrolled_at is not None and command.at < ledger.enrolled_at:
        raise CommandRefused(
            f"Customer {command.customer} joined the programme only on {from_micros(ledger.enrolled_at):%Y-%m-%d}",
            code="before_enrolment",
            field="occurred_at",
            hint="Date it from that day on",
        )


def require_made_before(ledger: Ledger, name: str, command: LoyaltyCommand, *, field: str) -> None:
    """Refuse what is dated before the redemption or reward that it is about.

    Raises:
        CommandRefused: It is.
    """
    made = ledger.redeemed_at.get(name)
    if made is not None and command.at < made:
        raise CommandRefused(
            f"{name!r} was made only on {from_micros(made):%Y-%m-%d at %H:%M} (UTC)",
            code="out_of_order",
            field="occurred_at",
            hint=f"Date it after the {field} that it is about",
        )


# --- what time does -------------------------------------------------------------------------------------------------


def catch_up(draft: Draft, at: int) -> None:
    """Do what time has done by `at`: debts are repaid from what there is, pending lots active, expired ones gone."""
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
    """Lots that have expired, whatever is said of when: those of them that there are."""
    ledger = draft.ledger
    due = [(name, ledger.lots[name]) for name in lots if name in ledger.lots]
    if due:
        shares = _shares(in_spending_order(due, ledger.lapses_at))
        points = sum(share.points for share in shares)
        draft.add(PointsExpired(programme=ledger.programme, points=points, lots=shares))


def repay_debt(draft: Draft) -> None:
    """Repay what is owed from the lots there are, in spending order. Only a merge leaves both behind it."""
    ledger = draft.ledger
    shares, _ = take_points(in_spending_order(ledger.lots.items(), ledger.lapses_at), ledger.debt)
    for share in shares:
        draft.add(DebtRepaid(programme=ledger.programme, points=share.points, lot=share.lot))


# --- inactivity -----------------------------------------------------------------------------------------------------


def idle_months(ledger: Ledger, programme: Programme, at: int) -> int:
    """After how many months of inactivity from `at` on an account lapses; 0 is not at all.

    All that lapses with inactivity does so together. So where the rules were changed, the longer ones hold for it: a
    change shortens nothing that was earned before it. Once an account has lapsed, those in force hold alone.
    """
    now = programme.expiry.months_count if isinstance(programme.expiry, Inactivity) else 0
    running = ledger.lapses_at is not None and at < ledger.lapses_at
    return max(now, ledger.idle_months) if running else now


def defer_lapse(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    """Whoever earns or spends puts off the expiry of what expires with inactivity, and of nothing that had expired."""
    if draft.ledger.lapses_at is not None:
        catch_up(draft, at)
    months = idle_months(draft.ledger, programme, at)
    if not months:
        return
    until, before = Inactivity(months_count=months).lapses_at(at, zone), draft.ledger.lapses_at
    if until is not None and (before is None or until > before):
        draft.add(ExpiryDeferred(programme=draft.ledger.programme, until=until, months_count=months))


def forget_activity(draft: Draft, at: int, zone: str, *, but: str | None = None) -> None:
    """What was undone was no activity: an account lapses as if it had not been, at once where that is over already.

    Args:
        draft: The account, settled; what was taken back of its lots is so already.
        at: Of the undoing, UTC microseconds.
        zone: The policy's.
        but: The redemption that is going to be undone.
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
                return  # recorded before redemptions said when they were
            active.append(ledger.redeemed_at[name])
    if not active:
        return  # and nothing is left to lapse
    until = Inactivity(months_count=ledger.idle_months).lapses_at(max(active), zone)
    if until is not None and until < ledger.lapses_at:
        draft.add(ExpiryDeferred(programme=ledger.programme, until=until, months_count=ledger.idle_months))
        catch_up(draft, at)


def recall_activity(draft: Draft, lot: str, zone: str) -> None:
    """Defer the expiry of a lapsing account again, where an earning that was taken back whole counts as an activity."""
    ledger = draft.ledger
    earning = ledger.earnings[lot]
    if ledger.lapses_at is None or not ledger.idle_months:
        return
    until = Inactivity(months_count=ledger.idle_months).lapses_at(earning.earned_at, zone)
    if until is not None and until > ledger.lapses_at:
        draft.add(ExpiryDeferred(programme=ledger.programme, until=until, months_count=ledger.idle_months))


def credit_events(ledger: Ledger, earned: PointsEarned) -> list[Event]:
    """A new lot, of which a debt is repaid first."""
    if not ledger.debt or not earned.points:
        return [earned]
    repaid = DebtRepaid(programme=ledger.programme, points=min(ledger.debt, earned.points), lot=earned.lot)
    return [earned, repaid]


# --- how much an account holds --------------------------------------------------------------------------------------


def within_room(ledger: Ledger, points: int, qualifying: int = 0) -> tuple[int, int]:
    """What there is room for of what is credited by itself: with a purchase, for joining, for a recommendation.

    What happened elsewhere is not undone because an account is full: it is credited up to `BALANCE_MAX`, and so is what
    counts towards a tier. The balance is a sum over the lots, so it is asked for only where many points come at once.
    """
    if points <= _FEW and qualifying <= _FEW:
        return points, qualifying
    return min(points, max(0, BALANCE_MAX - ledger.balance)), min(qualifying, max(0, BALANCE_MAX - ledger.qualified))


def require_room(ledger: Ledger, points: int, *, field: str = "points") -> None:
    """Refuse what is given on purpose and would make the account hold more than `BALANCE_MAX` points.

    Raises:
        CommandRefused: It would.
    """
    if points > max(0, BALANCE_MAX - ledger.balance):
        raise CommandRefused(
            f"An account holds {BALANCE_MAX} points at most, and with {points} more it would hold more than that",
            code="balance_too_large",
            field=field,
            hint="Give fewer points, or let some be redeemed first",
        )


# --- lots -----------------------------------------------------------------------------------------------------------


def in_spending_order(lots: Iterable[tuple[str, Lot]], lapses_at: int | None) -> list[tuple[str, Lot]]:
    """Lots in spending order."""
    return sorted(lots, key=partial(spending_order, lapses_at=lapses_at))


def take_points(lots: Iterable[tuple[str, Lot]], points: int) -> tuple[tuple[LotShare, ...], int]:
    """Takes points from lots in their order; from which, and how many there were too few."""
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
