"""When time alone changes a member's tier. The account's rules and the agenda both go by this.

Three things can come of time: a warning before the tier is lost, a review, and the end of a grace. `next_step` says
which comes next and when; that it was done is recorded, and the next one follows from there. So it does not matter
whether time is told of every day or after years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from relations.policies.calendars import local_time
from relations.policies.programme import Programme
from relations.policies.spans import days_after, first_of_month, month_after, yearly_after

__all__ = ["Standing", "TierStep", "can_be_lost", "next_step", "window_total"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a tier rests on.

    Attributes:
        tier: The present one.
        since: From when the member has it, UTC microseconds.
        months: What qualifies, by month, less what refunds took back.
        month: The latest month that any event spoke of.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that was warned of last.
        grace_until: Until when the member keeps it though it is no longer earned.
    """

    tier: str | None
    since: int
    months: Mapping[str, int]
    month: str
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None


class TierStep(NamedTuple):
    """What time does next to a tier.

    Attributes:
        at: When, UTC microseconds.
        kind: What is due.
        losing_at: The loss that a warning speaks of.
    """

    at: int
    kind: Literal["warning", "review", "grace_end"]
    losing_at: int = 0


def window_total(programme: Programme, months: Mapping[str, int], end: str) -> int:
    """What qualifies in the window of which `end` is the last month."""
    window = programme.tier_window.months(end) if end else None
    if window is None:
        return sum(months.values())
    points = months.get
    return sum([points(month, 0) for month in window])


def can_be_lost(programme: Programme, tier: str | None) -> bool:
    """Whether a tier asks for anything. One that the programme no longer has can be lost, too."""
    return tier is not None and tier != programme.terms.tier(0)


def next_step(programme: Programme, zone: str, standing: Standing, until: int | None = None) -> TierStep | None:
    """What time does next to a member's tier, if nothing more is earned or given back.

    Args:
        programme: Whose tier it is.
        zone: The policy's.
        standing: What the tier rests on.
        until: Look no further than this, UTC microseconds.
    """
    if not can_be_lost(programme, standing.tier):
        return None
    if standing.grace_until is not None:
        return TierStep(standing.grace_until, "grace_end")
    if programme.downgrade_when == "at_once" and not standing.month:
        return None
    horizon = None
    if until is not None:
        day = local_time(zone).day(until)
        horizon = until if programme.warning_days is None else days_after(zone, day, programme.warning_days + 1)
    review = _review(programme, zone, standing, horizon)
    if review is None:
        return None
    if programme.warning_days is not None and _warns(programme, zone, standing, review):
        losing_at = review
        if programme.grace_days:
            losing_at = days_after(zone, local_time(zone).day(review), programme.grace_days)
        if standing.warned != losing_at:
            # Nobody is warned before they had the tier.
            at = days_after(zone, local_time(zone).day(losing_at), -programme.warning_days)
            if at < review:
                return TierStep(max(at, standing.since), "warning", losing_at)
    return TierStep(review, "review")


def _review(programme: Programme, zone: str, standing: Standing, horizon: int | None) -> int | None:
    if programme.downgrade_when == "at_once":
        month = _first_unearned(programme, standing, None if horizon is None else local_time(zone).month(horizon))
        return None if month is None else first_of_month(zone, month)
    if programme.tier_window.kind == "lifetime":
        return None
    day = local_time(zone).day(standing.since)
    return yearly_after(zone, day, standing.reviewed, programme.downgrade_when == "anniversary")


def _warns(programme: Programme, zone: str, standing: Standing, review: int) -> bool:
    """Whether a review will find the tier unearned, as things stand."""
    if programme.downgrade_when == "at_once":
        return True
    total = window_total(programme, standing.months, local_time(zone).month(review - 1))
    return programme.terms.rank(programme.terms.tier(total)) < programme.terms.rank(standing.tier)


def _first_unearned(programme: Programme, standing: Standing, last: str | None) -> str | None:
    """The first month behind the latest one, and up to `last`, whose window does not earn the present tier."""
    window, terms = programme.tier_window, programme.terms
    months, month = standing.months, standing.month
    while True:
        month = month_after(month)
        if last is not None and month > last:
            return None
        counting = window.months(month)
        points = months.values() if counting is None else [months[each] for each in counting if each in months]
        if terms.tier(sum(points)) != standing.tier:
            return month
        if counting is None:
            return None  # it all counts for ever
