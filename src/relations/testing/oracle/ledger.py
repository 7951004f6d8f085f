"""A ledger that is slow and obviously right: every point is a coin of its own.

An oracle for the account's rules. It shares no code with them: it does its own arithmetic with fractions and its own
calendar with `datetime`. It knows nothing of lots, and finds the next coin to spend by comparing every coin with every
other. For tiers it goes through the days one by one and looks at the calendar on each. It decides every command by
itself, refusals included, and never looks at an event.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import Any, Self

from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    MovedLot,
    ReceivePoints,
    RedeemPoints,
    ReopenAccount,
    RestoreEarning,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
)
from relations.messages import Command, from_micros, to_micros
from relations.policies.loyalty.windows import Inactivity
from relations.testing.oracle.coins import Coin, Refused, SlowCoins, Taken

__all__ = ["SlowLedger"]


@dataclass
class SlowLedger(SlowCoins):
    """A member's ledger in one programme, which handles every command for points and tiers.

    Attributes:
        customer: Whose it is.
        refunds: The refunds of each lot that took something back.
        used: What ids were used for.
        asks: What the latest command asks of others.
    """

    customer: str = "c1"
    refunds: dict[str, set[str]] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)
    asks: list[Command] = field(default_factory=list, compare=False)

    def do(self, command: Command) -> None:
        """Do what time has done by then, and what a command asks.

        Raises:
            Refused: It must not be; then nothing is changed.
        """
        before = vars(self.copy())
        self.asks = []
        self._pass_time(command.occurred_at)
        try:
            self._do(command, command.occurred_at)
        except Refused:
            vars(self).update(before)
            raise

    def copy(self) -> Self:
        """Return a copy that shares nothing with it."""
        other = copy(self)
        for name, value in vars(self).items():
            if name == "takings":
                kept = {
                    lot: {refund: Taken(list(each.coins), each.missed) for refund, each in taken.items()}
                    for lot, taken in self.takings.items()
                }
                other.takings = kept
            elif name == "refunds":
                other.refunds = {lot: set(each) for lot, each in self.refunds.items()}
            elif isinstance(value, dict | list | set):
                setattr(other, name, value.copy())
        return other

    def _do(self, command: Command, at: datetime) -> None:
        match command:
            case EnrolMember():
                self._enrol(command, at)
            case CreditPurchase():
                self._credit(command, at)
            case EarnPoints():
                self._earn(command, at)
            case RedeemPoints():
                self._redeem(command, at)
            case ReverseRedemption():
                self._undo(command, at)
            case ReverseEarning():
                self._take_back(command, at)
            case RestoreEarning():
                self._restore(command, at)
            case TransferPoints():
                self._send(command, at)
            case AdjustPoints():
                self._adjust(command, at)
            case CloseAccount():
                self._close(at)
            case ReopenAccount():
                self._reopen(at)
            case ReceivePoints():
                self._receive(command, at)
            case EvaluateTier() if self.joined is not None and not self.closed:
                self._rise(at, max(self.heard, self._month(at)))
            case _:
                pass

    # --- what time does ---------------------------------------------------------------------------------------------

    def _pass_time(self, at: datetime) -> None:
        self._repay()  # a merge may have brought coins to debts
        self._coins_pass(at)
        if self.joined is not None and not self.closed:
            self._tiers_pass(at)

    # --- earning ----------------------------------------------------------------------------------------------------

    def _enrol(self, _command: EnrolMember, at: datetime) -> None:
        if self.closed:
            self._need_member()
        if self.joined is None:
            self._join(at)

    def _join(self, at: datetime) -> None:
        self.joined, self.closed = at, None
        if self._earned(0) is not None:
            self._have(self._earned(0), at, self._month(at))

    def _credit(self, command: CreditPurchase, at: datetime) -> None:
        lot = f"{command.prefix}purchase/{command.purchase}"
        if self.joined is None or self.closed or at < self.joined or lot in self.credits:
            return
        points = self._points_for(command, at, self.tier)
        if not points:
            return
        self._stay_active(at, lot)
        active = self._local_day(at, self.rules.pending_days) if self.rules.pending_days else at
        self._put(lot, points, at, active)
        counts = self._counts_for(command)
        if counts:
            self.counts[lot] = (self._month(at), counts)
            self.heard = max(self.heard, self._month(at))
        self._rise(at, max(self.heard, self._month(at)))

    def _earn(self, command: EarnPoints, at: datetime) -> None:
        said = (command.points, command.reason, command.source)
        lot = command.prefix + command.lot
        if lot in self.used:
            if self.used[lot] != said:
                raise Refused("lot_exists")
            return
        if not command.lot.startswith("remedy/"):
            self._need_authority(command)
        closed = self.closed
        if command.reason == "bonus":
            self._need_member()
            self._need_since(at)
        elif self.joined is None:
            self._join(at)
        elif closed is not None:
            self._join(max(at, closed))
        self.used[lot] = said
        self._stay_active(at, lot)
        self._put(lot, command.points, at, at)

    # --- spending ---------------------------------------------------------------------------------------------------

    def _redeem(self, command: RedeemPoints, at: datetime) -> None:
        redemption = command.prefix + command.redemption
        name, said = f"redemption/{redemption}", (command.points, command.reward)
        if name in self.used:
            if self.used[name] != said:
                raise Refused("redemption_exists")
            return
        self._need_member()
        self._need_since(at)
        self.spent[redemption], self.spent_when[redemption] = self._spend(command.points, at), self.missed
        self.used[name], self.made[redemption] = said, at
        self._stay_active(at, name)

    def _send(self, command: TransferPoints, at: datetime) -> None:
        self._need_member()
        name, said = f"transfer/{command.prefix}{command.transfer}", (command.points, command.to)
        if name in self.used:
            if self.used[name] != said:
                raise Refused("transfer_exists")
            return
        if not self.rules.transfers:
            raise Refused("transfers_not_allowed")
        self._need_since(at)
        spent = self._spend(command.points, at)
        self.used[name] = said
        self._give_away(spent, command.to, command.prefix + command.transfer, at)

    def _give_away(self, coins: list[Coin], to: str, transfer: str, at: datetime) -> None:
        """Take coins for another member; they keep the expiry that they have now."""
        lots = []
        for name, same in groupby(coins, key=lambda coin: coin.lot):
            first, *more = same
            until = self._until(first)
            ends = None if until is None else to_micros(until)
            lots.append(MovedLot(name, 1 + len(more), to_micros(first.active), ends, to_micros(first.earned)))
        source, programme = self.customer, self.programme
        self.asks.append(
            ReceivePoints(
                customer=to, programme=programme, transfer=transfer, source=source, lots=tuple(lots), occurred_at=at
            )
        )

    def _undo(self, command: ReverseRedemption, at: datetime) -> None:
        self._need_member()
        if command.redemption not in self.spent:
            raise Refused("unknown_redemption")
        if command.redemption in self.undone:
            return
        if not self.spent[command.redemption]:
            raise Refused("settled_by_closing")
        self._need_made(command.redemption, at)
        self.undone.add(command.redemption)
        self._never_was(f"redemption/{command.redemption}", at)
        self._owe_forgone(command.redemption)
        self._come_back(self.spent[command.redemption], at)
        self._others_go_home(command.redemption, at)
        self._repay()

    def _others_go_home(self, redemption: str, at: datetime) -> None:
        """Send home coins that came back but belong to another customer; only merges make that possible."""

    # --- taking back ------------------------------------------------------------------------------------------------

    def _take_back(self, command: ReverseEarning, at: datetime) -> None:
        if command.refunded > command.bought:
            raise Refused("refund_exceeds_purchase")
        lot = f"{command.prefix}purchase/{command.purchase}"
        known = self.refunds.get(lot, set())
        if self.closed or lot not in self.credits or not command.refunded or command.refund in known:
            return
        share = Fraction(command.refunded, command.bought)
        due = self._asked_back(lot, share)
        _month, counted = self.counts.get(lot, ("", 0))
        fewer = max(0, self._round(counted * share) - self.uncounted.get(lot, 0))
        if not due and not fewer:
            return
        self.refunds[lot] = {*known, command.refund}
        had = self._held_against(at)
        self.uncounted[lot] = self.uncounted.get(lot, 0) + fewer
        if fewer:
            self._refund_costs(had, at, command.refund)
        self._take_away(lot, due, command.refund)
        if self.taken[lot] == self.credits[lot]:
            self._never_was(lot, at)

    def _restore(self, command: RestoreEarning, at: datetime) -> None:
        if command.refunded > command.bought:
            raise Refused("refund_exceeds_purchase")
        lot = f"{command.prefix}purchase/{command.purchase}"
        if self.closed or lot not in self.credits or self._is_settled(lot):
            return
        share = Fraction(command.refunded, command.bought) if command.refunded else Fraction(0)
        back = max(0, self.taken.get(lot, 0) - self._round(self.credits[lot] * share))
        _month, counted = self.counts.get(lot, ("", 0))
        more = max(0, self.uncounted.get(lot, 0) - self._round(counted * share))
        if back or more:
            self.uncounted[lot] = self.uncounted.get(lot, 0) - more
            self.refunds[lot] = self.refunds.get(lot, set()) - {command.refund}
            self._give_back_taken(lot, back, command.refund, at)
        if more:
            self._tier_comes_back(command.refund)
            self._tiers_pass(at)
            self._rise(at, max(self.heard, self._month(at)))

    def _adjust(self, command: AdjustPoints, at: datetime) -> None:
        self._need_member()
        name, said = f"adjustment/{command.adjustment}", (command.points, command.reason, command.author)
        if name in self.used:
            if self.used[name] != said:
                raise Refused("adjustment_exists")
            return
        if not command.points:
            raise Refused("nothing_to_adjust")
        self._need_since(at)
        self._need_authority(command)
        had = [coin for coin in self.coins if coin.earned <= at and (coin.pending or coin.active <= at)]
        if -command.points > len(had):
            raise Refused("insufficient_points")
        self.used[name] = said
        for _ in range(-command.points):
            self._remove_first(had)
        if command.points > 0:
            self.born[name] = at
            self._stay_active(at, name)
        lapses = isinstance(self.rules.expiry, Inactivity)
        if command.points > 0:
            self.minted[name] = Coin(name, at, at, self._expiry(at), lapses)
            self.coins += [self.minted[name]] * command.points
        self._repay()

    def _need_authority(self, command: AdjustPoints | EarnPoints) -> None:
        most = self.rules.authority.get(command.role or "", self.rules.adjustment_max)
        if most is not None and command.author is None:
            raise Refused("author_missing")
        if most is not None and abs(command.points) > most:
            raise Refused("beyond_authority")

    def _close(self, at: datetime) -> None:
        if self.closed:
            return
        self._need_member()
        self._need_since(at)
        if any(at < when for when in (*self.born.values(), *self.made.values())):
            raise Refused("out_of_order")
        self.coins, self.debt, self.forgone, self.closed, self.tier, self.grace = [], 0, 0, at, None, None
        # What was before is over: nothing of it is undone, taken back or counted any more.
        self.spent = {name: [] for name in self.spent}
        self.taken, self.counts, self.lapses = dict(self.credits), {}, None
        self.acts, self.patience, self.made = {}, 0, {}
        self.takings, self.settled, self.lost = {}, at, None

    def _reopen(self, at: datetime) -> None:
        if self.closed is None:
            self._need_member()
            return
        if at < self.closed:
            raise Refused("out_of_order")
        self.closed = None
        self._join(at)

    def _receive(self, command: ReceivePoints, at: datetime) -> None:
        name = f"from/{command.source}/{command.transfer}"
        if name in self.used:
            return
        if self.closed:
            self._need_member()
        self.used[name] = True
        if self.joined is None:
            self._join(at)
        for number, moved in enumerate(command.lots, start=1):
            lot = f"transfer/{command.source}/{command.transfer}/{number}"
            until = None if moved.expires_at is None else from_micros(moved.expires_at)
            active = max(from_micros(moved.active_from), at)
            self.born[lot] = from_micros(moved.earned_at)
            self.minted[lot] = Coin(lot, self.born[lot], active, until)
            self.coins += [self.minted[lot]] * moved.points
        self._repay()

    def _need_member(self) -> None:
        if self.closed:
            raise Refused("account_closed")
        if self.joined is None:
            raise Refused("not_a_member")

    def _need_made(self, name: str, at: datetime) -> None:
        if at < self.made[name]:
            raise Refused("out_of_order")

    def _need_since(self, at: datetime) -> None:
        if self.joined is not None and at < self.joined:
            raise Refused("before_enrolment")
