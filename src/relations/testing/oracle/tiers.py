"""Tiers of the slow ledger: it goes through the days one by one and looks at the calendar on each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from relations.testing.oracle.rules import SlowRules

__all__ = ["SlowTiers"]


_STANDING = ("tier", "tier_since", "granted", "reviewed", "grace")


@dataclass
class SlowTiers(SlowRules):
    """A member's tier in one programme. Tiers count points here, whatever the programme's basis.

    Attributes:
        joined: Since when there is a member.
        closed: When the account was closed.
        counts: The month in which a lot qualifies, and what for.
        uncounted: What refunds took back of that.
        tier: The present tier.
        tier_since: From when.
        granted: The last month of the window that it was granted for.
        reviewed: When it was last reviewed or reached.
        grace: Until when it is kept though it is no longer earned.
        heard: The latest month that anything was heard of.
        lost: The refund that cost the latest tier, with that tier and its standing; None once the tier has changed.
    """

    joined: datetime | None = None
    closed: datetime | None = None
    counts: dict[str, tuple[str, int]] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)
    tier: str | None = None
    tier_since: datetime | None = None
    granted: str = ""
    reviewed: datetime | None = None
    grace: datetime | None = None
    heard: str = ""
    lost: tuple[str, dict[str, Any]] | None = None

    @property
    def qualifying(self) -> dict[str, int]:
        """The qualifying points, by month."""
        found: dict[str, int] = {}
        for lot, (month, counted) in self.counts.items():
            left = counted - self.uncounted.get(lot, 0)
            if left:
                found[month] = found.get(month, 0) + left
        return found

    def loses_at(self, at: datetime) -> datetime | None:
        """Return when the member loses the tier if nothing more happens; None if it is kept for the coming years."""
        later = replace(self)
        horizon = at + timedelta(days=1_200)
        later._tiers_pass(horizon, until_lost=True)
        return later.tier_since if self._rank(later.tier) < self._rank(self.tier) else None

    def _tiers_pass(self, at: datetime, *, until_lost: bool = False) -> None:
        """Go through the days since the last review, and check the calendar on each."""
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
            elif self._is_yearly(day):
                self._look(day, self._month(day - timedelta(hours=1)))

    def _can_be_lost(self) -> bool:
        for_life = (
            self.rules.tier_window.kind == "lifetime"
            and self.rules.downgrade_when != "at_once"
            and not self._is_dropped()
        )
        return self.tier is not None and self.tier != self._earned(0) and (not for_life or self.grace is not None)

    def _is_dropped(self) -> bool:
        return self.tier not in [each.name for each in self.rules.tiers]

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
            self.grace, self.lost = self._local_day(day, self.rules.grace_days), None
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
        if self.rules.downgrade_to == "one_step" and self.tier in names and self._rank(self.tier) > 0:
            below = names[self._rank(self.tier) - 1]
            earned = max(below, earned, key=self._rank)
        self._have(earned, day, month)

    def _keep(self, day: datetime, month: str) -> None:
        self.reviewed, self.granted, self.grace, self.heard = day, month, None, max(self.heard, month)
        self.lost = None

    def _have(self, tier: str | None, at: datetime, month: str) -> None:
        self.tier, self.tier_since = tier, at
        self._keep(at, month)

    def _rise(self, at: datetime, month: str) -> None:
        earned = self._earned(self._total(month))
        if self._rank(earned) > self._rank(self.tier):
            self._have(earned, at, month)

    def _refund_costs(self, had: int, at: datetime, refund: str) -> None:
        has, month = self._held_against(at), max(self.heard, self._month(at))
        was, now = self._rank(self._earned(had)), self._rank(self._earned(has))
        if self.grace is None and now < self._rank(self.tier) <= was:
            if self.rules.downgrade_when != "at_once" and self._total(self.granted) == has:
                month = self.granted  # what is left of the tier stands on the year that it was granted for
            stood = {name: getattr(self, name) for name in _STANDING}
            self._have(self._earned(has), at, month)
            self.lost = (refund, stood)

    def _tier_comes_back(self, refund: str) -> None:
        """Restore the tier that a refund cost, as if it had never been lost."""
        if self.lost is None or self.lost[0] != refund or self.tier_since is None:
            return
        stood = self.lost[1]
        ends = (self.granted, stood["granted"], self._month(self.tier_since))
        if self._rank(self._earned(max(map(self._total, ends)))) >= self._rank(stood["tier"]):
            vars(self).update(stood)
            self.lost = None

    def _held_against(self, at: datetime) -> int:
        total = self._total(max(self.heard, self._month(at)))
        return total if self.rules.downgrade_when == "at_once" else max(total, self._total(self.granted))

    def _total(self, end: str) -> int:
        """Return the points that qualified in the window that ends with a month."""
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
        """Return a tier's place; -1 for none. A tier that no longer exists ranks above all others."""
        names = [None, *(each.name for each in self.rules.tiers), tier]
        return names.index(tier) - 1
