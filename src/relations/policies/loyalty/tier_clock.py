"""The changes that time alone makes to a member's tier. The account's rules, the agenda and the views use this module.

Three things come with time: a warning before the tier is lost, a review, and the end of a grace. `due_step` returns the
next one and its time, and `outcome` its result. The result is recorded, and the next step follows from there. So it
does not matter whether time is advanced every day or after years.

**At once** means on the first of a month: the first one whose window does not earn the tier. Otherwise a review is due
once a year. Each step follows the rules in force at its moment. Rules that change on the tenth take effect on the first
of the next month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from relations.months import months_after
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.policies.loyalty.programme import Programme
from relations.policies.loyalty.windows import days_after, first_of_month, yearly_after
from relations.policies.policy import Policy

__all__ = [
    "Standing",
    "StepOutcome",
    "TimedTierStep",
    "after",
    "can_be_lost",
    "due_step",
    "lower_tier",
    "next_step",
    "outcome",
    "programme_in",
    "window_total",
]


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts that decide what time does to a tier.

    Attributes:
        tier: The present one.
        since: When the member reached it, UTC microseconds.
        months: What qualifies, by unit and month (see `counted_as`), less what refunds took back.
        month: The latest month that any event named.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that the latest warning announced.
        grace_until: When the grace for a tier no longer earned ends.
    """

    tier: str | None
    since: int
    months: Mapping[str, int]
    month: str
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None


class TimedTierStep(NamedTuple):
    """The next step that time takes with a tier.

    Attributes:
        at: When, UTC microseconds.
        kind: The kind of step.
        losing_at: The loss that a warning announces.
    """

    at: int
    kind: Literal["warning", "review", "grace_end"]
    losing_at: int = 0


class StepOutcome(NamedTuple):
    """The result of a step.

    Attributes:
        kind: The result.
        tier: The tier from then on.
        total: What qualified in the window.
        month: The last month of that window.
        until: When a grace ends, UTC microseconds.
    """

    kind: Literal["warned", "reached", "kept", "grace", "lost"]
    tier: str | None
    total: int
    month: str
    until: int = 0


def programme_in(policy: Policy, programme: str) -> Programme:
    """Return the rules of a programme; one without rates, tiers and rewards if the policy no longer has it."""
    found = policy.programme_of(programme)
    return Programme(id=programme, rates={}, tiers=()) if found is None else found


def window_total(programme: Programme, months: Mapping[str, int], end: str) -> int:
    """Return what qualifies, in the unit of the tiers, in the window that ends with the month `end`."""
    counting = programme.counting(end)
    if counting is None:
        own = f"{programme.unit}/"
        return sum([points for key, points in months.items() if key.startswith(own) or "/" not in key])
    points = months.get
    return sum([points(key, 0) for key in counting])


def can_be_lost(programme: Programme, tier: str | None) -> bool:
    """Return whether a tier can be lost; so can one that the programme no longer has."""
    return tier is not None and tier != programme.terms.base


def due_step(
    rules: InForce, programme: str, standing: Standing, until: int | None = None
) -> tuple[TimedTierStep, Policy] | None:
    """Return the next change that time brings to a member's tier, and the policy of that moment, or None.

    Args:
        rules: Every policy, and when it is in force.
        programme: The programme's id.
        standing: The facts about the tier.
        until: Look no further than this, UTC microseconds; None means no limit.
    """
    known = max(standing.since, standing.reviewed)
    for since, end, policy in rules.until(until):
        if end is not None and end <= known:
            continue
        last = None if end is None else end - 1
        step = next_step(programme_in(policy, programme), policy.zone, standing, last, since=since)
        if step is not None and (last is None or step.at <= last):
            return step, policy
    return None


def next_step(
    programme: Programme, zone: str, standing: Standing, until: int | None = None, *, since: int | None = None
) -> TimedTierStep | None:
    """Return the next step under one set of rules, if nothing more is earned or refunded, or None.

    Args:
        programme: The programme of the tier.
        zone: The policy's zone.
        standing: The facts about the tier.
        until: Look no further than this, UTC microseconds.
        since: When these rules took effect; no step comes before that. None means from the beginning.
    """
    if not can_be_lost(programme, standing.tier):
        return None
    if standing.grace_until is not None:
        return TimedTierStep(standing.grace_until, "grace_end")
    if programme.downgrade_when == "at_once" and not standing.month:
        return None
    horizon = None
    if until is not None:
        day = local_time(zone).day(until)
        horizon = until if programme.warning_days is None else days_after(zone, day, programme.warning_days + 1)
    review = _review(programme, zone, standing, since, horizon)
    if review is None:
        return None
    if programme.warning_days is not None and _warns(programme, zone, standing, review):
        losing_at = review
        if programme.grace_days:
            losing_at = days_after(zone, local_time(zone).day(review), programme.grace_days)
        if standing.warned != losing_at:
            # No warning comes before the member had the tier, or before the rules took effect.
            at = days_after(zone, local_time(zone).day(losing_at), -programme.warning_days)
            at = max(at, standing.since, at if since is None else since)
            if at < review:
                return TimedTierStep(at, "warning", losing_at)
    return TimedTierStep(review, "review")


def _review(programme: Programme, zone: str, standing: Standing, since: int | None, horizon: int | None) -> int | None:
    local = local_time(zone)
    if programme.downgrade_when == "at_once":
        seen = standing.month if since is None else max(standing.month, local.month(since - 1))
        month = _first_unearned(programme, standing, seen, None if horizon is None else local.month(horizon))
        return None if month is None else first_of_month(zone, month)
    if programme.tier_window.kind == "lifetime" and standing.tier in programme.terms.ranks:
        return None
    reviewed = standing.reviewed if since is None else max(standing.reviewed, since - 1)
    return yearly_after(zone, local.day(standing.since), reviewed, programme.downgrade_when == "anniversary")


def _warns(programme: Programme, zone: str, standing: Standing, review: int) -> bool:
    """Return whether a review will find the tier unearned, as things stand."""
    total = window_total(programme, standing.months, local_time(zone).month(review - _before(programme)))
    return programme.terms.rank(programme.terms.tier(total)) < programme.terms.rank(standing.tier)


def _first_unearned(programme: Programme, standing: Standing, seen: str, last: str | None) -> str | None:
    """Return the first month after `seen`, up to `last`, whose window earns another tier than the present one."""
    terms, month = programme.terms, seen
    while True:
        month = months_after(month)
        if last is not None and month > last:
            return None
        if terms.tier(window_total(programme, standing.months, month)) != standing.tier:
            return month
        if programme.tier_window.kind == "lifetime":
            return None  # everything counts for ever


def _before(programme: Programme) -> int:
    """Return 1 for a yearly review, which counts the window that ends just before it, else 0 (microseconds)."""
    return 0 if programme.downgrade_when == "at_once" else 1


# --- what comes of a step -------------------------------------------------------------------------------------------


def outcome(programme: Programme, zone: str, standing: Standing, step: TimedTierStep) -> StepOutcome:
    """Return the result of a step."""
    terms, local = programme.terms, local_time(zone)
    if step.kind == "warning":
        month = local.month(step.losing_at - _before(programme))
        return StepOutcome("warned", standing.tier, window_total(programme, standing.months, month), month)
    month = local.month(step.at - _before(programme))
    total = window_total(programme, standing.months, month)
    if step.kind == "grace_end":
        # What was earned during the grace counts, in the window that was reviewed and in the present one.
        month = max(standing.month, local.month(step.at))
        total = max(total, window_total(programme, standing.months, month))
    earned, rank = terms.tier(total), terms.rank(standing.tier)
    if terms.rank(earned) > rank:
        return StepOutcome("reached", earned, total, month)
    if terms.rank(earned) == rank >= 0:
        return StepOutcome("kept", standing.tier, total, month)
    if programme.grace_days and step.kind == "review":
        until = days_after(zone, local.day(step.at), programme.grace_days)
        return StepOutcome("grace", standing.tier, total, month, until)
    return StepOutcome("lost", lower_tier(programme, standing.tier, earned), total, month)


def lower_tier(programme: Programme, tier: str | None, earned: str | None) -> str | None:
    """Return the tier after one that is no longer earned: what is earned, or one step down.

    For a tier that the programme no longer has, there is no step down, only what is earned.
    """
    terms, rank = programme.terms, programme.terms.rank(tier)
    if programme.downgrade_to == "one_step" and tier in terms.ranks and rank > 0 and terms.rank(earned) < rank - 1:
        return terms.names[rank - 1]
    return earned


def after(standing: Standing, step: TimedTierStep, came: StepOutcome) -> Standing:
    """Return the facts about the tier after a step."""
    month = max(standing.month, came.month)
    match came.kind:
        case "warned":
            return replace(standing, warned=step.losing_at)
        case "grace":
            return replace(standing, grace_until=came.until, month=month)
        case "kept":
            return replace(standing, reviewed=step.at, month=month, warned=None, grace_until=None)
        case _:
            return Standing(came.tier, step.at, standing.months, month, reviewed=step.at)
