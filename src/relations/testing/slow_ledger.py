"""A ledger that is slow and obviously right: every point is a coin of its own.

An oracle for the account's rules. It shares no code with them: it does its own arithmetic with fractions and its own
calendar with `datetime`, knows nothing of lots, and finds the next coin to spend by comparing every coin with every
other. For tiers it goes through the days one by one and looks at the calendar on each. It decides every command by
itself, refusals included, and never looks at an event.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from iso4217 import Currency

from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ReceivePoints,
    RedeemPoints,
    ReopenAccount,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
)
from relations.messages import Command, Money, from_micros
from relations.policies import Policy, Programme
from relations.policies.spans import EndOfPeriod, Inactivity

__all__ = ["Coin", "Refused", "SlowLedger"]


class Refused(Exception):
    """The oracle refuses a command; the code of refusal is what it says."""


@dataclass(frozen=True)
class Coin:
    """One point.

    Attributes:
        lot: Whose it is part of.
        earned: When it was earned.
        active: From when it can be spent.
        until: When it expires; None is never.
        lapses: It expires with inactivity.
        pending: Nobody has said yet that it can be spent.
    """

    lot: str
    earned: datetime
    active: datetime
    until: datetime | None
    lapses: bool = False
    pending: bool = False


@dataclass
class SlowLedger:
    """What a member has in one programme. Tiers go by points here, whatever the programme says.

    Attributes:
        policy: The rules; may be changed on the way.
        programme: The programme's id.
        joined: Since when there is a member.
        closed: When the account was closed.
        coins: Every point there is.
        spent: What each redemption took.
        undone: The redemptions undone.
        credits: What each lot was of.
        taken: What refunds took back of a lot.
        decayed: How many coins of a lot have expired.
        refunds: The refunds of each lot that took something back.
        used: What ids were used for.
        lapses: When what expires with inactivity does.
        patience: After how many months of it.
        acts: What the member did that puts it off, and when.
        debt: Points owed.
        counts: The month in which a lot qualifies, and what for.
        uncounted: What refunds took back of that.
        tier: The present tier.
        tier_since: From when.
        granted: The last month of the window that it was granted for.
        reviewed: When it was last reviewed or reached.
        grace: Until when it is kept though it is no longer earned.
        heard: The latest month that anything was heard of.
    """

    policy: Policy
    programme: str = "main"
    joined: datetime | None = None
    closed: datetime | None = None
    coins: list[Coin] = field(default_factory=list)
    spent: dict[str, list[Coin]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    credits: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    decayed: dict[str, int] = field(default_factory=dict)
    refunds: dict[str, set[str]] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)
    lapses: datetime | None = None
    patience: int = 0
    acts: dict[str, datetime] = field(default_factory=dict)
    debt: int = 0
    counts: dict[str, tuple[str, int]] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)
    tier: str | None = None
    tier_since: datetime | None = None
    granted: str = ""
    reviewed: datetime | None = None
    grace: datetime | None = None
    heard: str = ""

    @property
    def rules(self) -> Programme:
        """The programme's rules."""
        found = self.policy.programme_of(self.programme)
        assert found is not None  # noqa: S101 - the oracle is for programmes that there are
        return found

    @property
    def balance(self) -> int:
        """All coins, less what is owed."""
        return len(self.coins) - self.debt

    @property
    def lots(self) -> dict[str, int]:
        """How many coins of each lot there are."""
        return {name: sum(coin.lot == name for coin in self.coins) for name in {coin.lot for coin in self.coins}}

    @property
    def ends(self) -> dict[str, datetime | None]:
        """When what is left of each lot expires."""
        return {coin.lot: self._until(coin) for coin in self.coins}

    def do(self, command: Command) -> None:
        """Do what time has done by then, and what a command asks.

        Raises:
            Refused: It must not be; then nothing is changed.
        """
        before = {name: copy(value) for name, value in vars(self).items()}
        before["refunds"] = {name: set(known) for name, known in self.refunds.items()}
        self._pass_time(command.occurred_at)
        try:
            self._do(command, command.occurred_at)
        except Refused:
            vars(self).update(before)
            raise

    def _do(self, command: Command, at: datetime) -> None:
        match command:
            case EnrolMember() if self.joined is None:
                self._join(at)
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
        self._coins_pass(at)
        if self.joined is not None and not self.closed:
            self._tiers_pass(at)

    def _coins_pass(self, at: datetime) -> None:
        for coin in list(self.coins):
            until = self._until(coin)
            if until is not None and until <= at:
                self.coins.remove(coin)
                self.decayed[coin.lot] = self.decayed.get(coin.lot, 0) + 1
        self.coins = [replace(coin, pending=coin.pending and coin.active > at) for coin in self.coins]

    def _until(self, coin: Coin) -> datetime | None:
        return self.lapses if coin.lapses else coin.until

    def _stay_active(self, at: datetime, what: str) -> None:
        expiry = self.rules.expiry
        months = expiry.months_count if isinstance(expiry, Inactivity) else 0
        if self.lapses is not None and at < self.lapses:
            months = max(months, self.patience)
        if months:
            self.acts[what], self.patience = at, months
            until = self._months_later(at, months)
            self.lapses = until if self.lapses is None else max(until, self.lapses)

    def _never_was(self, what: str, at: datetime) -> None:
        """Something done was undone: what lapses does so as if it had not been."""
        if self.acts.pop(what, None) is not None and self.acts and self.lapses is not None:
            self.lapses = min(self.lapses, self._months_later(max(self.acts.values()), self.patience))
            self._coins_pass(at)

    # --- earning ----------------------------------------------------------------------------------------------------

    def _join(self, at: datetime) -> None:
        self.joined, self.closed = at, None
        if self._earned(0) is not None:
            self._have(self._earned(0), at, self._month(at))

    def _credit(self, command: CreditPurchase, at: datetime) -> None:
        lot = f"purchase/{command.purchase}"
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

    def _counts_for(self, command: CreditPurchase) -> int:
        """What tiers go by: the points that it would give to a member without a tier, outside of campaigns."""
        plain = self.rules.model_copy(update={"campaigns": ()})
        other = SlowLedger(self.policy.model_copy(update={"programme": plain}), self.programme)
        return other._points_for(command, command.occurred_at, None)

    def _points_for(self, command: CreditPurchase, at: datetime, tier: str | None) -> int:
        rules, amount = self.rules, command.amount
        rate = rules.rates.get(amount.currency)
        if rate is None or amount.amount <= 0:
            return 0
        factor = rules.category_factors.get(command.category or "", Fraction(1))
        if not factor:
            return 0
        multiplier = next((each.multiplier for each in rules.tiers if each.name == tier), Fraction(1))
        more, bonus = Fraction(0), 0
        today = at.astimezone(ZoneInfo(self.policy.zone)).date()
        for campaign in rules.campaigns:
            if not campaign.starts <= today < campaign.ends or not self._is_enough(campaign.minimum, amount):
                continue
            if campaign.categories and command.category not in campaign.categories:
                continue
            if campaign.tiers and tier not in campaign.tiers:
                continue
            more += campaign.multiplier - 1
            bonus += campaign.bonus_points
        exact = Fraction(amount.amount, 10 ** int(Currency(amount.currency).exponent or 0))
        return self._round(exact * rate * factor * multiplier * (1 + more)) + bonus

    def _is_enough(self, minimum: int | dict[str, Fraction], amount: Money) -> bool:
        if isinstance(minimum, int):
            return amount.amount >= minimum
        exact = Fraction(amount.amount, 10 ** int(Currency(amount.currency).exponent or 0))
        return amount.currency in minimum and exact >= minimum[amount.currency]

    def _earn(self, command: EarnPoints, at: datetime) -> None:
        said = (command.points, command.reason, command.source)
        if command.lot in self.used:
            if self.used[command.lot] != said:
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
        self.used[command.lot] = said
        self._stay_active(at, command.lot)
        self._put(command.lot, command.points, at, at)

    def _put(self, lot: str, points: int, earned: datetime, active: datetime) -> None:
        self.credits[lot] = points
        lapses = isinstance(self.rules.expiry, Inactivity)
        coin = Coin(lot, earned, active, self._expiry(earned), lapses, active > earned)
        repaid = min(self.debt, points)
        self.debt -= repaid
        self.coins += [coin] * (points - repaid)

    # --- spending ---------------------------------------------------------------------------------------------------

    def _redeem(self, command: RedeemPoints, at: datetime) -> None:
        name, said = f"redemption/{command.redemption}", (command.points, command.reward)
        if name in self.used:
            if self.used[name] != said:
                raise Refused("redemption_exists")
            return
        self._need_member()
        self._need_since(at)
        self.spent[command.redemption] = self._spend(command.points, at)
        self.used[name] = said
        self._stay_active(at, name)

    def _send(self, command: TransferPoints, at: datetime) -> None:
        self._need_member()
        name, said = f"transfer/{command.transfer}", (command.points, command.to)
        if name in self.used:
            if self.used[name] != said:
                raise Refused("transfer_exists")
            return
        if not self.rules.transfers:
            raise Refused("transfers_not_allowed")
        self._need_since(at)
        self._spend(command.points, at)
        self.used[name] = said

    def _spend(self, points: int, at: datetime) -> list[Coin]:
        can = [coin for coin in self.coins if coin.active <= at]
        if points > len(can) - self.debt:
            raise Refused("insufficient_points")
        return [self._remove_first(can) for _ in range(points)]

    def _remove_first(self, among: list[Coin]) -> Coin:
        first = next(coin for coin in among if not any(self._before(other, coin) for other in among))
        among.remove(first)
        self.coins.remove(first)
        return first

    def _before(self, one: Coin, other: Coin) -> bool:
        """Whether `one` is to be spent before `other`."""
        ends, others = self._until(one), self._until(other)
        if ends != others:
            return ends is not None and (others is None or ends < others)
        return (one.earned, one.lot) < (other.earned, other.lot)

    def _undo(self, command: ReverseRedemption, at: datetime) -> None:
        self._need_member()
        if command.redemption not in self.spent:
            raise Refused("unknown_redemption")
        if command.redemption in self.undone:
            return
        if not self.spent[command.redemption]:
            raise Refused("settled_by_closing")
        self.undone.add(command.redemption)
        self._never_was(f"redemption/{command.redemption}", at)
        open_lots = {coin.lot: coin for coin in self.coins}
        grace = self._local_day(at, self.rules.reversal_grace_days + 1)
        for coin in self.spent[command.redemption]:
            until = self._until(coin)
            gone = (until is not None and until <= at) or self.decayed.get(coin.lot, 0) > 0
            if coin.lot in open_lots:
                self.coins.append(open_lots[coin.lot])  # as the others of its lot are now
            elif not gone:
                self.coins.append(replace(coin, pending=False))
            elif self.rules.reversal_after_expiry == "grace":
                self.coins.append(replace(coin, pending=False, until=grace, lapses=False))
            else:
                self.decayed[coin.lot] = self.decayed.get(coin.lot, 0) + 1
                self._unless_owed(coin)
        self._repay()

    def _unless_owed(self, coin: Coin) -> None:
        """What would expire at once repays a debt before it does."""
        if self.debt:
            self.debt -= 1
            self.decayed[coin.lot] -= 1

    def _repay(self) -> None:
        among = list(self.coins)
        while self.debt and among:
            self._remove_first(among)
            self.debt -= 1

    # --- taking back ------------------------------------------------------------------------------------------------

    def _take_back(self, command: ReverseEarning, at: datetime) -> None:
        if command.refunded > command.bought:
            raise Refused("refund_exceeds_purchase")
        lot = f"purchase/{command.purchase}"
        known = self.refunds.setdefault(lot, set())
        if self.closed or lot not in self.credits or not command.refunded or command.refund in known:
            return
        share = Fraction(command.refunded, command.bought)
        due = max(0, self._round(self.credits[lot] * share) - self.taken.get(lot, 0))
        _month, counted = self.counts.get(lot, ("", 0))
        fewer = max(0, self._round(counted * share) - self.uncounted.get(lot, 0))
        if not due and not fewer:
            return
        known.add(command.refund)
        had = self._held_against(at)
        self.uncounted[lot] = self.uncounted.get(lot, 0) + fewer
        if fewer:
            self._refund_costs(had, at)
        self.taken[lot] = self.taken.get(lot, 0) + due
        for _ in range(due):
            own = [coin for coin in self.coins if coin.lot == lot]
            pending = [coin for coin in self.coins if coin.pending]
            if own:
                self._remove_first(own)
            elif self.decayed.get(lot, 0) > 0:
                self.decayed[lot] -= 1  # it is gone already, and nobody had anything of it
            elif pending:
                self._remove_first(pending)
            elif self.coins:
                self._remove_first(list(self.coins))
            elif self.rules.refund_shortfall == "debt":
                self.debt += 1
        if self.taken[lot] == self.credits[lot]:
            self._never_was(lot, at)

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
        if -command.points > len(self.coins):
            raise Refused("insufficient_points")
        self.used[name] = said
        for _ in range(-command.points):
            self._remove_first(list(self.coins))
        if command.points > 0:
            self._stay_active(at, name)
        lapses = isinstance(self.rules.expiry, Inactivity)
        self.coins += [Coin(name, at, at, self._expiry(at), lapses)] * max(0, command.points)
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
        self.coins, self.debt, self.closed, self.tier, self.grace = [], 0, at, None, None
        # What was before is over: nothing of it is undone, taken back or counted any more.
        self.spent = {name: [] for name in self.spent}
        self.taken, self.counts, self.lapses = dict(self.credits), {}, None
        self.acts, self.patience = {}, 0

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
            self.coins += [Coin(lot, from_micros(moved.earned_at), active, until)] * moved.points
        self._repay()

    def _need_member(self) -> None:
        if self.closed:
            raise Refused("account_closed")
        if self.joined is None:
            raise Refused("not_a_member")

    def _need_since(self, at: datetime) -> None:
        if self.joined is not None and at < self.joined:
            raise Refused("before_enrolment")

    # --- tiers ------------------------------------------------------------------------------------------------------

    def loses_at(self, at: datetime) -> datetime | None:
        """When the member loses the tier if nothing more happens; None where they keep it through the coming years."""
        later = replace(self, coins=[])
        horizon = at + timedelta(days=1_200)
        later._tiers_pass(horizon, until_lost=True)
        return later.tier_since if self._rank(later.tier) < self._rank(self.tier) else None

    def _tiers_pass(self, at: datetime, *, until_lost: bool = False) -> None:
        """Goes through the days since the last review, and looks at the calendar on each."""
        day = max(filter(None, (self.tier_since, self.reviewed)), default=at)
        tier = self.tier
        while self._can_be_lost() and not (until_lost and self._rank(self.tier) < self._rank(tier)):
            day = self._local_day(day, 1)
            if day > at:
                return
            if self.grace is not None:
                if day == self.grace:
                    self._grace_ends(day)
            elif self.rules.downgrade_when == "at_once":
                if self._here(day).day == 1 and self._month(day) > self.heard:
                    self._look(day, self._month(day))
            elif self._is_yearly(day) and self.rules.tier_window.kind != "lifetime":
                self._look(day, self._month(day - timedelta(hours=1)))

    def _can_be_lost(self) -> bool:
        return self.tier is not None and self.tier != self._earned(0)

    def _is_yearly(self, day: datetime) -> bool:
        here = self._here(day)
        if self.reviewed is not None and day <= self.reviewed:
            return False
        if self.rules.downgrade_when == "year_end":
            return (here.month, here.day) == (1, 1)
        assert self.tier_since is not None  # noqa: S101 - there is a tier
        since = self._here(self.tier_since)
        if (since.month, since.day) == (2, 29) and (here - timedelta(days=1)).day == 28:
            return (here.month, here.day) == (3, 1)
        return (here.month, here.day) == (since.month, since.day)

    def _look(self, day: datetime, month: str) -> None:
        earned = self._earned(self._total(month))
        if self._rank(earned) > self._rank(self.tier):
            self._have(earned, day, month)
        elif earned == self.tier:
            if self.rules.downgrade_when != "at_once":
                self._keep(day, month)
        elif self.rules.grace_days:
            self.grace = self._local_day(day, self.rules.grace_days)
            self.heard = max(self.heard, month)
        else:
            self._fall(earned, day, month)

    def _grace_ends(self, day: datetime) -> None:
        eve = day if self.rules.downgrade_when == "at_once" else day - timedelta(hours=1)
        month = max(self.heard, self._month(day))
        earned = self._earned(max(self._total(self._month(eve)), self._total(month)))
        if self._rank(earned) > self._rank(self.tier):
            self._have(earned, day, month)
        elif earned == self.tier:
            self._keep(day, month)
        else:
            self._fall(earned, day, month)

    def _fall(self, earned: str | None, day: datetime, month: str) -> None:
        names = [each.name for each in self.rules.tiers]
        if self.rules.downgrade_to == "one_step" and self._rank(self.tier) > 0:
            below = names[self._rank(self.tier) - 1]
            earned = max(below, earned, key=self._rank)
        self._have(earned, day, month)

    def _keep(self, day: datetime, month: str) -> None:
        self.reviewed, self.granted, self.grace, self.heard = day, month, None, max(self.heard, month)

    def _have(self, tier: str | None, at: datetime, month: str) -> None:
        self.tier, self.tier_since = tier, at
        self._keep(at, month)

    def _rise(self, at: datetime, month: str) -> None:
        earned = self._earned(self._total(month))
        if self._rank(earned) > self._rank(self.tier):
            self._have(earned, at, month)

    def _refund_costs(self, had: int, at: datetime) -> None:
        has, month = self._held_against(at), max(self.heard, self._month(at))
        was, now = self._rank(self._earned(had)), self._rank(self._earned(has))
        if self.grace is None and now < self._rank(self.tier) <= was:
            if self.rules.downgrade_when != "at_once" and self._total(self.granted) == has:
                month = self.granted  # what is left of the tier stands on the year that it was granted for
            self._have(self._earned(has), at, month)

    def _held_against(self, at: datetime) -> int:
        total = self._total(max(self.heard, self._month(at)))
        return total if self.rules.downgrade_when == "at_once" else max(total, self._total(self.granted))

    def _total(self, end: str) -> int:
        """What qualified in the window that ends with a month."""
        window, total = self.rules.tier_window, 0
        for lot, (month, counted) in self.counts.items():
            age = 12 * (int(end[:4]) - int(month[:4])) + int(end[5:]) - int(month[5:]) if end else 0
            match window.kind:
                case "lifetime":
                    within = True
                case "calendar_year":
                    within = not end or (month[:4] == end[:4] and month <= end)
                case "rolling_months":
                    within = not end or 0 <= age < window.months_count
            total += (counted - self.uncounted.get(lot, 0)) * within
        return total

    def _earned(self, total: int) -> str | None:
        return next((each.name for each in reversed(self.rules.tiers) if each.threshold <= total), None)

    def _rank(self, tier: str | None) -> int:
        return next((rank for rank, each in enumerate(self.rules.tiers) if each.name == tier), -1)

    # --- arithmetic and the calendar --------------------------------------------------------------------------------

    def _round(self, exact: Fraction) -> int:
        whole = exact.numerator // exact.denominator
        rest = exact - whole
        half = Fraction(1, 2)
        match self.rules.rounding:
            case "down":
                return whole
            case "up":
                return whole + (rest > 0)
            case "half_up":
                return whole + (rest >= half)
            case "half_even":
                return whole + (rest > half or (rest == half and whole % 2 == 1))

    def _expiry(self, earned: datetime) -> datetime | None:
        rules = self.rules
        if isinstance(rules.expiry, Inactivity):
            return None
        if isinstance(rules.expiry, EndOfPeriod):
            day = earned.astimezone(ZoneInfo(self.policy.zone)).replace(hour=12)
            periods = 0
            size = {"month": 1, "quarter": 3, "year": 12}[rules.expiry.period]
            while True:  # day by day, until enough periods have ended
                day = (day + timedelta(days=1)).replace(hour=12)
                if day.day == 1 and (day.month - 1) % size == 0:
                    periods += 1
                    if periods > rules.expiry.more_count:
                        return self._local_day(day, 0)
        return None if rules.months_to_expiry is None else self._months_later(earned, rules.months_to_expiry)

    def _months_later(self, at: datetime, months: int) -> datetime:
        """The end of the day with the same date so many months later, or of the last day of that month."""
        here = at.astimezone(ZoneInfo(self.policy.zone))
        year, month = here.year + (here.month - 1 + months) // 12, (here.month - 1 + months) % 12 + 1
        day = here.day
        while True:
            try:
                last = datetime(year, month, day, 12, tzinfo=here.tzinfo)
            except ValueError:
                day -= 1
            else:
                return self._local_day(last, 1)

    def _here(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.policy.zone))

    def _month(self, at: datetime) -> str:
        return self._here(at).strftime("%Y-%m")

    def _local_day(self, at: datetime, days: int) -> datetime:
        """The first instant of the local day so many days later."""
        zone = ZoneInfo(self.policy.zone)
        day = at.astimezone(zone).date() + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(ZoneInfo("UTC"))
