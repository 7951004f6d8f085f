"""Rules for reaching, keeping and losing a tier, and for warnings."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import EvaluateTier
from relations.aggregates.loyalty.decide.ledger import Draft, programme_of
from relations.aggregates.loyalty.events.points import PointsEarned
from relations.aggregates.loyalty.events.tiers import TierGraceGiven, TierKept, TierLost, TierReached, TierWarned
from relations.aggregates.loyalty.lots import LostTier
from relations.aggregates.loyalty.state import Account, Ledger
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.tier_clock import Standing, TimedTierStep, next_step, outcome, window_total

__all__ = [
    "evaluate",
    "evaluate_tier",
    "first_tier",
    "is_member",
    "refund_costs_tier",
    "tier_facts",
    "tier_reached_by",
    "tier_to_restore",
]


def tier_facts(ledger: Ledger) -> Standing:
    """Return the facts that decide a ledger's tier."""
    return Standing(
        tier=ledger.tier,
        since=ledger.tier_since,
        months=ledger.months,
        month=ledger.month,
        reviewed=ledger.reviewed,
        warned=ledger.warned,
        grace_until=ledger.grace_until,
    )


def first_tier(ledger: Ledger, programme: Programme, at: int, zone: str) -> TierReached | None:
    """Return the tier that every member has from joining on, if the programme has one."""
    first = programme.terms.tier(0)
    return None if first is None else _reached(ledger, programme, first, 0, local_time(zone).month(at), at)


def tier_reached_by(ledger: Ledger, earned: PointsEarned, programme: Programme, at: int) -> TierReached | None:
    """Return the higher tier that an earning leads to, if any. `EvaluateTier` deals with what time takes away."""
    terms = programme.terms
    rank = terms.rank(ledger.tier) + 1
    # Most earnings lead to no tier, and the sum over all time shows it without looking at the window.
    if rank >= len(terms.thresholds) or ledger.qualified + earned.qualifying < terms.thresholds[rank]:
        return None
    month = max(ledger.month, earned.month)
    window = programme.tier_window.months(month)
    total = window_total(programme, ledger.months, month)
    if window is None or earned.month in window:
        total += earned.qualifying
    if total < terms.thresholds[rank]:
        return None
    tier = terms.tier(total)
    assert tier is not None  # noqa: S101 - the threshold of at least this rank is met
    return _reached(ledger, programme, tier, total, month, at)


def evaluate_tier(state: Account, command: EvaluateTier, policy: Policy) -> list[Event]:
    """Take every step that time has brought to the tiers by the command's time, in order."""
    events: list[Event] = []
    for ledger in state.ledgers:
        if is_member(ledger) and command.programme in (None, ledger.programme):
            draft = Draft(ledger)
            evaluate(draft, programme_of(policy, ledger.programme), command.at, policy)
            events += draft.events
    return events


def is_member(ledger: Ledger) -> bool:
    """Return whether the ledger has a member; only a member's tier changes with time."""
    return ledger.enrolled_at is not None and ledger.closed_at is None


def refund_costs_tier(draft: Draft, before: Ledger, programme: Programme, at: int, zone: str, *, refund: str) -> None:
    """Take the tier that was earned before a refund and is not earned after it.

    The member falls to the tier earned without the purchase. `one_step` applies only to tiers lost by time. So a refund
    in parts costs the same as one in full. A tier that was not earned before the refund either is kept until its review
    or the end of its grace.
    """
    terms, ledger = programme.terms, draft.ledger
    month = max(ledger.month, local_time(zone).month(at))
    (had, _), (has, end) = (_counts(each, programme, month) for each in (before, ledger))
    rank = terms.rank(ledger.tier)
    if ledger.grace_until is None and terms.rank(terms.tier(has)) < rank <= terms.rank(terms.tier(had)):
        draft.add(_lost(ledger, programme, terms.tier(has), has, end, at, refund=refund))


def tier_to_restore(
    ledger: Ledger, programme: Programme, refund: str, key: str, qualifying: int, zone: str
) -> LostTier | None:
    """Return the tier that a refund cost, if the reversal of the refund earns it again, or None.

    It is checked in the windows in which it was lost and for which it was granted.

    Args:
        ledger: The ledger before the reversal.
        programme: Its programme.
        refund: The refund that is reversed.
        key: The unit and month in which the purchase qualifies, as in `Ledger.months`.
        qualifying: What qualifies again.
        zone: The policy's zone.
    """
    lost = ledger.lost_tier
    if lost is None or not qualifying or lost.refund != refund:
        return None
    months = {**ledger.months, key: ledger.months.get(key, 0) + qualifying}
    ends = {ledger.tier_month, lost.standing.month, local_time(zone).month(ledger.tier_since)}
    terms = programme.terms
    has = max(window_total(programme, months, end) for end in ends)
    return lost if terms.rank(terms.tier(has)) >= terms.rank(lost.tier) else None


def _counts(ledger: Ledger, programme: Programme, month: str) -> tuple[int, str]:
    """Return what counts for the present tier, and the last month of that window.

    The window is the present one or, until a yearly review, the one that the tier was granted for if that holds more.
    """
    ends = [month] if programme.downgrade_when == "at_once" else [month, ledger.tier_month]
    return max((window_total(programme, ledger.months, end), place, end) for place, end in enumerate(ends))[::2]


def evaluate(draft: Draft, programme: Programme, at: int, policy: Policy) -> None:
    """Take every step that time brings to a tier by `at`, and let the member rise to a tier that is earned."""
    since = policy.effective_from
    since = None if since is None or since > at else since
    while True:
        before = draft.ledger
        step = next_step(programme, policy.zone, tier_facts(before), at, since=since)
        if step is None or step.at > at:
            break
        _take_step(draft, programme, step, policy.zone)
        if draft.ledger is before:
            break
    _rise(draft, programme, at, policy.zone)


def _take_step(draft: Draft, programme: Programme, step: TimedTierStep, zone: str) -> None:
    ledger, terms = draft.ledger, programme.terms
    came, what = outcome(programme, zone, tier_facts(ledger), step), _what(ledger, programme)
    had = ledger.tier or ""
    match came.kind:
        case "warned":
            required = terms.threshold(ledger.tier)
            draft.add(TierWarned(tier=had, qualifying=came.total, required=required, losing_at=step.losing_at, **what))
        case "kept":
            draft.add(TierKept(tier=had, qualifying=came.total, month=came.month, reviewed_at=step.at, **what))
        case "grace":
            draft.add(TierGraceGiven(tier=had, qualifying=came.total, until=came.until, month=came.month, **what))
        case "reached":
            draft.add(_reached(ledger, programme, came.tier or "", came.total, came.month, step.at))
        case "lost":
            draft.add(_lost(ledger, programme, came.tier, came.total, came.month, step.at))


def _rise(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    """Let the member rise to a tier that is earned, since a changed programme may require less than before."""
    month = max(draft.ledger.month, local_time(zone).month(at))
    total = window_total(programme, draft.ledger.months, month)
    tier = programme.terms.tier(total)
    if tier is not None and programme.terms.rank(tier) > programme.terms.rank(draft.ledger.tier):
        draft.add(_reached(draft.ledger, programme, tier, total, month, at))


def _lost(
    ledger: Ledger,
    programme: Programme,
    lower: str | None,
    total: int,
    month: str,
    at: int,
    *,
    refund: str | None = None,
) -> TierLost:
    return TierLost(
        tier=ledger.tier or "",
        qualifying=total,
        next=lower,
        month=month,
        since=at,
        refund=refund,
        **_what(ledger, programme),
    )


def _reached(ledger: Ledger, programme: Programme, tier: str, total: int, month: str, at: int) -> TierReached:
    return TierReached(
        tier=tier, qualifying=total, previous=ledger.tier, month=month, since=at, **_what(ledger, programme)
    )


def _what(ledger: Ledger, programme: Programme) -> dict[str, str]:
    return {"programme": ledger.programme, "basis": programme.tier_basis, "window": programme.window_name}
