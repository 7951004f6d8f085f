"""Points of the slow ledger: every point is a coin of its own, and lots are only names on coins."""

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
        lot: The lot that it is part of.
        earned: When it was earned.
        active: When it can first be spent.
        until: When it expires; None means never.
        lapses: It expires with inactivity.
        pending: It is not active yet.
    """

    lot: str
    earned: datetime
    active: datetime
    until: datetime | None
    lapses: bool = False
    pending: bool = False


@dataclass
class Taken:
    """The coins that one refund took, in the order of taking.

    Attributes:
        coins: Each a coin; or `gone` for one that had expired before, `owed` or `forgone` for one that was missing.
        missed: How many coins had been missed by then, these included.
    """

    coins: list[Coin | str]
    missed: int


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
        minted: A coin of each lot as it was earned.
        takings: What refunds that still stand took, by lot and refund.
        settled: When the account was last closed.
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
    minted: dict[str, Coin] = field(default_factory=dict)
    takings: dict[str, dict[str, Taken]] = field(default_factory=dict)
    settled: datetime | None = None

    @property
    def balance(self) -> int:
        """All coins, less what is owed."""
        return len(self.coins) - self.debt

    @property
    def lots(self) -> dict[str, int]:
        """The number of coins of each lot."""
        return {name: sum(coin.lot == name for coin in self.coins) for name in {coin.lot for coin in self.coins}}

    @property
    def ends(self) -> dict[str, datetime | None]:
        """The time at which the rest of each lot expires."""
        return {coin.lot: self._until(coin) for coin in self.coins}

    def _coins_pass(self, at: datetime) -> None:
        for coin in list(self.coins):
            until = self._until(coin)
            if until is not None and until <= at:
                self.coins.remove(coin)
                self.decayed[coin.lot] = self.decayed.get(coin.lot, 0) + 1
        self.coins = [
            replace(coin, pending=False) if coin.pending and coin.active <= at else coin for coin in self.coins
        ]

    def _until(self, coin: Coin) -> datetime | None:
        ends = [self.lapses if coin.lapses else None, coin.until]
        return min((end for end in ends if end is not None), default=None)

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
        """Recompute the lapse without an activity that was reversed."""
        if self.acts.pop(what, None) is not None and self.acts and self.lapses is not None:
            self.lapses = min(self.lapses, self._months_later(max(self.acts.values()), self.patience))
            self._coins_pass(at)

    def _put(self, lot: str, points: int, earned: datetime, active: datetime) -> None:
        self.credits[lot], self.born[lot] = points, earned
        lapses = isinstance(self.rules.expiry, Inactivity)
        coin = self.minted[lot] = Coin(lot, earned, active, self._expiry(earned), lapses, active > earned)
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
        """Return whether `one` is spent before `other`."""
        ends, others = self._until(one), self._until(other)
        if ends != others:
            return ends is not None and (others is None or ends < others)
        return (one.earned, one.lot) < (other.earned, other.lot)

    def _come_back(self, spent: list[Coin], at: datetime) -> None:
        """Put coins of a reversed redemption back: as the others of their lot are now, with a grace, or to expire."""
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
        """Owe coins that were spent and then found missing, as soon as they come back."""
        found_missing_since = self.missed - self.spent_when[redemption]
        for coin in self.spent[redemption]:
            if self.forgone and found_missing_since and not self._is_of_another(coin):
                self.forgone, self.debt = self.forgone - 1, self.debt + 1
                found_missing_since -= 1

    def _is_of_another(self, _coin: Coin) -> bool:
        """Return whether a coin that was spent here belongs to another customer; only merges make that possible."""
        return False

    def _unless_owed(self, coin: Coin) -> None:
        """Let coins that would expire at once repay a debt first."""
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
        """Return how many points of a lot refunds take back in all, for the share of the purchase refunded."""
        return max(0, self._round(self.credits[lot] * share) - self.taken.get(lot, 0))

    def _take_away(self, lot: str, points: int, refund: str) -> None:
        self.taken[lot] = self.taken.get(lot, 0) + points
        coins = [self._take_one(lot) for _ in range(points)]
        if coins:
            before = self.takings.get(lot, {})
            self.takings[lot] = {**before, refund: Taken(coins, self.missed)}

    def _take_one(self, lot: str) -> Coin | str:
        own = [coin for coin in self.coins if coin.lot == lot]
        pending = [coin for coin in self.coins if coin.pending]
        if own:
            return self._remove_first(own)
        if self.decayed.get(lot, 0) > 0:
            self.decayed[lot] -= 1  # it is gone already, and nobody had anything of it
            return "gone"
        if pending:
            return self._remove_first(pending)
        if self.coins:
            return self._remove_first(list(self.coins))
        self.missed += 1
        if self.rules.refund_shortfall == "debt":
            self.debt += 1
            return "owed"
        self.forgone += 1
        return "forgone"

    # --- giving back ------------------------------------------------------------------------------------------------

    def _is_settled(self, lot: str) -> bool:
        """Return whether a closing of the account has settled a lot for good."""
        whole = self.taken.get(lot, 0) >= self.credits[lot]
        return self.settled is not None and self.born[lot] <= self.settled and whole and lot not in self.takings

    def _give_back_taken(self, lot: str, points: int, refund: str, at: datetime) -> None:
        """Give back what a refund took of a lot, the last coin first. Any more goes to the lot itself."""
        taken = self.takings.get(lot, {}).get(refund, Taken([], self.missed))
        self.takings[lot] = {name: each for name, each in self.takings.get(lot, {}).items() if name != refund}
        if not self.takings[lot]:
            del self.takings[lot]
        self.taken[lot] -= points
        if points and self.lapses is not None and self.patience:
            self.acts[lot] = self.born[lot]
            self.lapses = max(self.lapses, self._months_later(self.born[lot], self.patience))
        found_missing, back = 0, []
        for _ in range(points):
            coin = taken.coins.pop() if taken.coins else self.minted[lot]
            if coin == "gone":
                self.decayed[lot] = self.decayed.get(lot, 0) + 1
                continue
            if coin in ("owed", "forgone"):
                found_missing += 1
                if self._is_missing_no_more(coin == "owed"):
                    continue
                coin = self.minted[lot]  # it was repaid meanwhile
            assert isinstance(coin, Coin)  # noqa: S101 - all others are dealt with
            back.append(coin if coin.lot in self.minted or coin.lot in self.born else self.minted[lot])
        self._miss_fewer(taken.missed, found_missing)
        since = self.missed - (taken.missed - found_missing)
        self._put_back(back, at)
        owed = min(len(back), self.forgone, since)
        self.forgone, self.debt = self.forgone - max(0, owed), self.debt + max(0, owed)
        self._repay()
        if self.rules.reversal_after_expiry == "expire":
            self._coins_pass(at)

    def _is_missing_no_more(self, owed: bool) -> bool:
        """Take one point off the debt or off the forgone points: off the one it is counted in, if that is not 0."""
        for kind in ("debt", "forgone") if owed else ("forgone", "debt"):
            if getattr(self, kind):
                setattr(self, kind, getattr(self, kind) - 1)
                return True
        return False

    def _miss_fewer(self, since: int, fewer: int) -> None:
        """Set back how many coins were missed, at every moment after a refund."""
        self.missed -= fewer
        self.spent_when = {name: n - fewer if n >= since else n for name, n in self.spent_when.items()}
        for takings in self.takings.values():
            for refund, each in takings.items():
                if each.missed >= since:
                    takings[refund] = Taken(each.coins, each.missed - fewer)

    def _put_back(self, coins: list[Coin], at: datetime) -> None:
        """Put coins back, each as the others of its lot are now, or as its lot was earned, or with a grace."""
        there = {coin.lot: coin for coin in self.coins}
        grace = self._local_day(at, self.rules.reversal_grace_days + 1)
        for coin in coins:
            if coin.lot in there:
                self.coins.append(there[coin.lot])
                continue
            again = self.minted.get(coin.lot, coin)
            until = self._until(again)
            if until is not None and until <= at and self.rules.reversal_after_expiry == "grace":
                again = replace(again, until=grace, lapses=False)
            self.coins.append(replace(again, pending=again.active > at))
