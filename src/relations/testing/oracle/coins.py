"""What the slow ledger knows of points: every one is a coin of its own, and lots are no more than names on them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from relations.policies.loyalty.windows import Inactivity
from relations.testing.oracle.tiers import SlowTiers

__all__ = ["Coin", "Refused", "SlowCoins"]


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
class SlowCoins(SlowTiers):
    """A member's coins in one programme, how they are spent, come back, are taken back, and expire.

    Attributes:
        coins: Every point there is.
        spent: What each redemption took.
        undone: The redemptions undone.
        credits: What each lot was of.
        born: When each lot was earned, wherever it came from.
        taken: What refunds took back of a lot.
        decayed: How many coins of a lot have expired.
        lapses: When what expires with inactivity does.
        patience: After how many months of it.
        acts: What the member did that puts it off, and when.
        debt: Points owed.
        missed: All coins that refunds asked for and found nowhere.
        forgone: What is left of these, neither owed nor set against what came back.
        made: When each redemption and reward was.
        spent_when: How much had been missed when a redemption was made.
    """

    coins: list[Coin] = field(default_factory=list)
    spent: dict[str, list[Coin]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    credits: dict[str, int] = field(default_factory=dict)
    born: dict[str, datetime] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    decayed: dict[str, int] = field(default_factory=dict)
    lapses: datetime | None = None
    patience: int = 0
    acts: dict[str, datetime] = field(default_factory=dict)
    debt: int = 0
    missed: int = 0
    forgone: int = 0
    made: dict[str, datetime] = field(default_factory=dict)
    spent_when: dict[str, int] = field(default_factory=dict)

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

    def _put(self, lot: str, points: int, earned: datetime, active: datetime) -> None:
        self.credits[lot], self.born[lot] = points, earned
        lapses = isinstance(self.rules.expiry, Inactivity)
        coin = Coin(lot, earned, active, self._expiry(earned), lapses, active > earned)
        repaid = min(self.debt, points)
        self.debt -= repaid
        self.coins += [coin] * (points - repaid)

    # --- spending ---------------------------------------------------------------------------------------------------

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

    def _come_back(self, spent: list[Coin], at: datetime) -> None:
        """Coins of a redemption undone, each as the others of its lot are now, or with a grace, or only to expire."""
        open_lots = {coin.lot: coin for coin in self.coins}
        grace = self._local_day(at, self.rules.reversal_grace_days + 1)
        for coin in spent:
            until = self._until(coin)
            gone = (until is not None and until <= at) or self.decayed.get(coin.lot, 0) > 0
            if coin.lot in open_lots:
                self.coins.append(open_lots[coin.lot])
            elif not gone:
                self.coins.append(replace(coin, pending=False))
            elif self.rules.reversal_after_expiry == "grace":
                self.coins.append(replace(coin, pending=False, until=grace, lapses=False))
            else:
                self.decayed[coin.lot] = self.decayed.get(coin.lot, 0) + 1
                self._unless_owed(coin)

    def _owe_forgone(self, redemption: str) -> None:
        """Coins that were spent and then found nowhere are owed as soon as they come back."""
        found_missing_since = self.missed - self.spent_when[redemption]
        for coin in self.spent[redemption]:
            if self.forgone and found_missing_since and not self._is_of_another(coin):
                self.forgone, self.debt = self.forgone - 1, self.debt + 1
                found_missing_since -= 1

    def _is_of_another(self, _coin: Coin) -> bool:
        """Whether a coin that was spent here is somebody else's: none is where nobody was ever merged."""
        return False

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

    def _asked_back(self, lot: str, share: Fraction) -> int:
        """How many points of a lot a refund takes that so great a share of it is given back with in all."""
        return max(0, self._round(self.credits[lot] * share) - self.taken.get(lot, 0))

    def _take_away(self, lot: str, points: int) -> None:
        self.taken[lot] = self.taken.get(lot, 0) + points
        for _ in range(points):
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
                self.missed, self.debt = self.missed + 1, self.debt + 1
            else:
                self.missed, self.forgone = self.missed + 1, self.forgone + 1
