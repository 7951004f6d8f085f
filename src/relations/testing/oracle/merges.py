"""Merges of the slow ledger: everything gets a prefix and moves, and goes back by that prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from relations.testing.oracle.coins import Coin, Taken
from relations.testing.oracle.rewards import SlowRewards

__all__ = ["SlowAccount"]

V = TypeVar("V")
_BY_LOT = ("credits", "born", "taken", "decayed", "refunds", "counts", "uncounted", "spent_when", "made")
_BY_NAME = (*_BY_LOT, "spent", "coupons", "referrals")
_TAKEN_FOR = ("redemption/", "transfer/")
"""Ids of these kinds go along with a merge, so that nothing is done again under them; lots' are names by themselves."""


@dataclass
class SlowAccount(SlowRewards):
    """A slow ledger that another one can come to, and leave again.

    Attributes:
        guests: Whose ledgers have come, and are here.
        before: What this ledger was before each of them came, and right after.
        came: What each of theirs was.
    """

    guests: set[str] = field(default_factory=set)
    before: dict[str, tuple[SlowAccount, SlowAccount]] = field(default_factory=dict, compare=False)
    came: dict[str, SlowAccount] = field(default_factory=dict, compare=False)

    @property
    def is_open(self) -> bool:
        """True if the account has a member."""
        return self.joined is not None and self.closed is None

    # --- coming -----------------------------------------------------------------------------------------------------

    def take_in(self, other: SlowAccount, at: datetime) -> None:
        """Take in everything of another ledger, under ids with the prefix of its customer."""
        was, prefix = self.copy(), f"merged/{other.customer}/"
        self._take_membership(other)
        self._take_tier(other, was, at)
        self.heard = max(self.heard, other.heard)

        def named(name: str) -> str:
            return prefix + name

        self.coins += _renamed(other.coins, named)
        self.debt, self.missed = self.debt + other.debt, self.missed + other.missed
        self.forgone += other.forgone
        for kind in _BY_NAME:
            getattr(self, kind).update({named(name): value for name, value in getattr(other, kind).items()})
        for name in other.thanked:
            self.referrals.pop(named(name), None)  # it is of no more use to anybody
        self.spent.update({named(name): _renamed(coins, named) for name, coins in other.spent.items()})
        self.minted.update({named(lot): _renamed([coin], named)[0] for lot, coin in other.minted.items()})
        self.takings.update({named(lot): _takings(taken, named) for lot, taken in other.takings.items()})
        self.settled = max(filter(None, (self.settled, other.settled)), default=None)
        self.lost = None
        self.undone |= {named(name) for name in other.undone}
        self.thanked |= {named(name) for name in other.thanked}
        self.used.update(_used(other.used, named))
        self.lapses = max(filter(None, (self.lapses, other.lapses)), default=None)
        if self.invited is None and other.invited is not None and was.joined is None:
            by = other.invited.by
            self.invited, self.invited_as = replace(other.invited, by=None if by is None else named(by)), prefix
            self.revoked = None if other.revoked is None else (named(other.revoked[0]), other.revoked[1])
        self.guests.add(other.customer)
        self.before[other.customer] = was, self.copy()
        self.came[other.customer] = other

    def _take_membership(self, other: SlowAccount) -> None:
        if not other.is_open:
            return
        if self.closed:
            self.closed, self.joined = None, None  # they never left the account that comes
        self.joined = min(filter(None, (self.joined, other.joined)))

    def _take_tier(self, other: SlowAccount, was: SlowAccount, at: datetime) -> None:
        """Take the higher tier of both, or the one that both have earned together if that is higher."""
        if self._rank(other.tier) > self._rank(self.tier):
            self._stand_as(other)
        both = replace(was, counts={**was.counts, **{f"merged/{k}": v for k, v in other.counts.items()}})
        both.uncounted = {**was.uncounted, **{f"merged/{k}": v for k, v in other.uncounted.items()}}
        month = max(was.heard, other.heard, self._month(at))
        together = both._earned(both._total(month))
        if (other.is_open or was.is_open) and self._rank(together) > self._rank(self.tier):
            self._have(together, at, month)

    def _stand_as(self, other: SlowAccount) -> None:
        self.tier, self.tier_since, self.granted = other.tier, other.tier_since, other.granted
        self.reviewed, self.grace = other.reviewed, other.grace

    # --- going ------------------------------------------------------------------------------------------------------

    def give_back(self, guest: str, at: datetime) -> SlowAccount:
        """Separate a ledger that came with a merge, and return it."""
        came, (was, since) = self.came.pop(guest), self.before.pop(guest)
        if self == since:
            vars(self).update(vars(was))
            return came
        prefix = f"merged/{guest}/"
        back = came.copy()
        self._give_back_what_is_left(back, prefix)
        back.debt = min(came.debt, self.debt)
        self.debt -= back.debt
        back.missed, back.forgone = self.missed, min(came.forgone, self.forgone)
        self.forgone -= back.forgone
        self.guests.discard(guest)
        if self.invited_as == prefix:
            if self.invited is not None and back.invited is not None:
                by = self.invited.by
                back.invited = replace(self.invited, by=None if by is None else by.removeprefix(prefix))
            revoked, self.revoked = self.revoked, None
            back.revoked = None if revoked is None else (revoked[0].removeprefix(prefix), revoked[1])
            self.invited, self.invited_as = None, ""
        self._part_memberships(was, since, came, at)
        back.heard = max([came.heard, *(month for month, _counted in back.counts.values())])
        if back.is_open:
            back._rise(at, max(back.heard, back._month(at)))
        return back

    def _give_back_what_is_left(self, back: SlowAccount, prefix: str) -> None:
        def is_theirs(name: str) -> bool:
            return name.startswith(prefix)

        def named(name: str) -> str:
            return name.removeprefix(prefix) if is_theirs(name) else f"merged/{self.customer}/{name}"

        back.coins = _renamed([coin for coin in self.coins if is_theirs(coin.lot)], named)
        self.coins = [coin for coin in self.coins if not is_theirs(coin.lot)]
        theirs, own = _parted(self.spent, is_theirs)
        back.spent, self.spent = {named(name): _renamed(coins, named) for name, coins in theirs.items()}, own
        minted, self.minted = _parted(self.minted, is_theirs)
        back.minted = {named(lot): _renamed([coin], named)[0] for lot, coin in minted.items()}
        takings, self.takings = _parted(self.takings, is_theirs)
        back.takings = {named(lot): _takings(taken, named) for lot, taken in takings.items()}
        back.lost = self.lost = None
        back.settled = max(filter(None, (back.settled, self.settled)), default=None)
        back.undone, self.undone = _parted_set(self.undone, is_theirs, named)
        back.thanked, self.thanked = _parted_set(self.thanked, is_theirs, named)
        decayed = dict(self.decayed)
        self.referrals = {name: referred for name, referred in self.referrals.items() if not is_theirs(name)}
        for kind in (*_BY_LOT, "coupons"):
            theirs, own = _parted(getattr(self, kind), is_theirs)
            setattr(back, kind, {named(name): value for name, value in theirs.items()})
            setattr(self, kind, own)
        # Each ledger that has spent points of a lot knows what had expired of that lot.
        self.decayed.update({lot: decayed[lot] for lot in _spent_of(self) if is_theirs(lot) and lot in decayed})
        own_of_theirs = (lot for lot in _spent_of(back) if lot.startswith(f"merged/{self.customer}/"))
        plain = {lot: lot.removeprefix(f"merged/{self.customer}/") for lot in own_of_theirs}
        back.decayed.update({lot: decayed[name] for lot, name in plain.items() if name in decayed})
        back.used.update(_used_of(self.used, prefix))
        self.used = {name: said for name, said in self.used.items() if prefix not in name}

    def _part_memberships(self, was: SlowAccount, since: SlowAccount, came: SlowAccount, at: datetime) -> None:
        """A member only of what they had joined, or have earned in by themselves since."""
        if self.closed == since.closed and self.joined == since.joined and not was.is_open:
            earned = [moment for lot, moment in self.born.items() if lot not in was.born]
            self.joined, self.closed = (min(earned), None) if earned else (was.joined, was.closed)
        elif self.closed == since.closed and self.joined == since.joined:
            self.joined = was.joined
        if not self.is_open:
            self._stand_as(SlowAccount(self.policy, self.programme))
            return
        if self._rank(self.tier) >= self._rank(was.tier):  # else it was lost since
            self._stand_as(was)
        self._rise(at, max(self.heard, self._month(at)))

    def _is_of_another(self, coin: Coin) -> bool:
        return coin.lot.startswith("merged/") and coin.lot.split("/")[1] not in self.guests

    def _others_go_home(self, redemption: str, at: datetime) -> None:
        """Send points that one customer spent of the other's during a merge to the other."""
        lots = dict.fromkeys(coin.lot for coin in self.spent[redemption] if coin.lot.startswith("merged/"))
        for customer in dict.fromkeys(lot.split("/")[1] for lot in lots):
            if customer in self.guests:
                continue
            theirs = [coin for lot in lots for coin in self.coins if coin.lot == lot and lot.split("/")[1] == customer]
            if theirs:
                self.coins = [coin for coin in self.coins if coin not in theirs]
                self._give_away(theirs, customer, f"reversal/{redemption}", at)


def _renamed(coins: Iterable[Coin], named: Callable[[str], str]) -> list[Coin]:
    return [replace(coin, lot=named(coin.lot)) for coin in coins]


def _takings(taken: dict[str, Taken], named: Callable[[str], str]) -> dict[str, Taken]:
    def renamed(coin: Coin | str) -> Coin | str:
        return coin if isinstance(coin, str) else _renamed([coin], named)[0]

    return {refund: Taken([renamed(coin) for coin in each.coins], each.missed) for refund, each in taken.items()}


def _used(used: dict[str, Any], named: Callable[[str], str]) -> dict[str, Any]:
    found = {}
    for name, said in used.items():
        kind = next((each for each in _TAKEN_FOR if name.startswith(each)), "")
        if kind or "/" not in name:
            found[kind + named(name.removeprefix(kind))] = said
    return found


def _used_of(used: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.replace(prefix, "", 1): said for name, said in used.items() if prefix in name}


def _parted(held: dict[str, V], is_theirs: Callable[[str], bool]) -> tuple[dict[str, V], dict[str, V]]:
    theirs = {name: value for name, value in held.items() if is_theirs(name)}
    return theirs, {name: value for name, value in held.items() if name not in theirs}


def _parted_set(held: set[str], is_theirs: Callable[[str], bool], named: Callable[[str], str]) -> Any:
    theirs = {name for name in held if is_theirs(name)}
    return {named(name) for name in theirs}, held - theirs


def _spent_of(account: SlowAccount) -> set[str]:
    return {coin.lot for name, coins in account.spent.items() if name not in account.undone for coin in coins}
