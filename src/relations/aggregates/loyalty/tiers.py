"""How a tier is reached, kept, warned of and lost."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import EvaluateTier
from relations.aggregates.loyalty.events import (
    PointsEarned,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
)
from relations.aggregates.loyalty.settling import Draft, programme_of
from relations.aggregates.loyalty.state import Account, Ledger
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.spans import days_after
from relations.policies.standing import Standing, TierStep, can_be_lost, next_step, window_total

__all__ = ["evaluate_tier", "first_tier", "reached", "refund_costs_tier", "standing_of"]


def standing_of(ledger: Ledger) -> Standing:
    """What the tier rests on."""
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
    """The tier that asks for nothing, which comes with joining."""
    first = programme.terms.tier(0)
    return None if first is None else _reached(ledger, programme, first, 0, local_time(zone).month(at), at)


def reached(ledger: Ledger, earned: PointsEarned, programme: Programme, at: int) -> TierReached | None:
    """The tier that an earning leads to. Only upwards: that time has moved the window on is for `EvaluateTier`."""
    terms = programme.terms
    rank = terms.rank(ledger.tier) + 1
    # Most earnings lead to no tier, and the sum over all time says so without a look at the window.
    if rank == len(terms.thresholds) or ledger.qualified + earned.qualifying < terms.thresholds[rank]:
        return None
    month = max(ledger.month, earned.month)
    window = programme.tier_window.months(month)
    if window is None:
        total = ledger.qualified + earned.qualifying
    else:
        points = ledger.months.get
        total = sum([points(each, 0) for each in window]) + (earned.qualifying if earned.month in window else 0)
    if total < terms.thresholds[rank]:
        return None
    tier = terms.tier(total)
    assert tier is not None  # noqa: S101 - the threshold of at least this rank is met
    return _reached(ledger, programme, tier, total, month, at)


def evaluate_tier(state: Account, command: EvaluateTier, policy: Policy) -> list[Event]:
    """All that time has done to the tiers by the command's time, in the order in which it did."""
    events: list[Event] = []
    for ledger in state.ledgers:
        if ledger.enrolled_at is None or ledger.closed_at is not None:
            continue
        if command.programme is None or command.programme == ledger.programme:
            draft = Draft(ledger)
            _evaluate(draft, programme_of(policy, ledger.programme), command.at, policy.zone)
            events += draft.events
    return events


def refund_costs_tier(draft: Draft, before: Ledger, programme: Programme, at: int, zone: str) -> None:
    """A refund re-evaluates the tier from then on.

    It costs a tier that was earned before it and is not after it. One that was not earned before either is kept for
    as long as the review or the grace says, refund or not.
    """
    if programme.downgrade_when == "at_once" and not programme.grace_days:
        _as_of(draft, programme, at, zone)
        return
    terms, ledger = programme.terms, draft.ledger
    month = max(ledger.month, local_time(zone).month(at))
    had, has = (max(_total(each, programme, month), _granted(each, programme)) for each in (before, ledger))
    rank = terms.rank(ledger.tier)
    if ledger.grace_until is None and terms.rank(terms.tier(has)) < rank <= terms.rank(terms.tier(had)):
        _lose(draft, programme, has, month, at)


def _evaluate(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    if programme.downgrade_when == "at_once" and not programme.grace_days:
        if programme.warning_days is not None:
            _warn(draft, programme, at, zone)
        _as_of(draft, programme, at, zone)
        return
    _rise(draft, programme, at, zone)
    while (step := next_step(programme, zone, standing_of(draft.ledger), at)) is not None and step.at <= at:
        before = draft.ledger
        _take_step(draft, programme, step, zone)
        if draft.ledger is before:
            return


def _warn(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    step = next_step(programme, zone, standing_of(draft.ledger), at)
    # A warning that comes together with the loss warns nobody.
    if step is not None and step.kind == "warning" and step.at <= at < step.losing_at:
        _take_step(draft, programme, step, zone)


def _take_step(draft: Draft, programme: Programme, step: TierStep, zone: str) -> None:
    ledger, terms = draft.ledger, programme.terms
    if step.kind == "warning":
        total = window_total(programme, ledger.months, local_time(zone).month(step.losing_at - _before(programme)))
        required = programme.tier_named(ledger.tier)
        draft.add(
            TierWarned(
                tier=ledger.tier or "",
                qualifying=total,
                required=0 if required is None else required.threshold,
                losing_at=step.losing_at,
                **_what(ledger, programme),
            )
        )
        return
    month = local_time(zone).month(step.at - _before(programme))
    total = window_total(programme, ledger.months, month)
    if step.kind == "grace_end":
        # What was earned meanwhile counts, by the window that was reviewed and by the present one.
        month = max(ledger.month, local_time(zone).month(step.at))
        total = max(total, _total(ledger, programme, month))
    elif programme.downgrade_when == "at_once":
        month = max(ledger.month, month)
        total = _total(ledger, programme, month)
    if terms.rank(terms.tier(total)) >= terms.rank(ledger.tier) >= 0:
        draft.add(
            TierKept(
                tier=ledger.tier or "",
                qualifying=total,
                month=month,
                reviewed_at=step.at,
                **_what(ledger, programme),
            )
        )
    elif programme.grace_days and step.kind == "review":
        until = days_after(zone, local_time(zone).day(step.at), programme.grace_days)
        what = _what(ledger, programme)
        draft.add(TierGraceGiven(tier=ledger.tier or "", qualifying=total, until=until, month=month, **what))
    else:
        _lose(draft, programme, total, month, step.at)


def _before(programme: Programme) -> int:
    """A yearly review counts the window that ends with the instant before it."""
    return 0 if programme.downgrade_when == "at_once" else 1


def _rise(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    """A tier that is earned is had: a changed programme may ask for less than before."""
    month = max(draft.ledger.month, local_time(zone).month(at))
    total = _total(draft.ledger, programme, month)
    tier = programme.terms.tier(total)
    if tier is not None and programme.terms.rank(tier) > programme.terms.rank(draft.ledger.tier):
        draft.add(_reached(draft.ledger, programme, tier, total, month, at))


def _as_of(draft: Draft, programme: Programme, at: int, zone: str) -> None:
    """Holds the tier against the window that ends at `at`, or at the latest month seen where that is later."""
    ledger, terms = draft.ledger, programme.terms
    month = max(ledger.month, local_time(zone).month(at))
    total = _total(ledger, programme, month)
    tier = terms.tier(total)
    if tier == ledger.tier:
        return
    if tier is not None and terms.rank(tier) > terms.rank(ledger.tier):
        draft.add(_reached(ledger, programme, tier, total, month, at))
    elif can_be_lost(programme, ledger.tier):
        _lose(draft, programme, total, month, at)


def _lose(draft: Draft, programme: Programme, total: int, month: str, at: int) -> None:
    ledger, terms = draft.ledger, programme.terms
    earned, rank = terms.tier(total), terms.rank(ledger.tier)
    lower = earned
    if programme.downgrade_to == "one_step" and rank > 0 and terms.rank(earned) < rank - 1:
        lower = terms.names[rank - 1]
    draft.add(
        TierLost(
            tier=ledger.tier or "",
            qualifying=total,
            next=lower,
            month=month,
            since=at,
            **_what(ledger, programme),
        )
    )


def _reached(ledger: Ledger, programme: Programme, tier: str, total: int, month: str, at: int) -> TierReached:
    return TierReached(
        tier=tier, qualifying=total, previous=ledger.tier, month=month, since=at, **_what(ledger, programme)
    )


def _what(ledger: Ledger, programme: Programme) -> dict[str, str]:
    return {"programme": ledger.programme, "basis": programme.tier_basis, "window": programme.window_name}


def _total(ledger: Ledger, programme: Programme, month: str) -> int:
    return (
        ledger.qualified if programme.tier_window.kind == "lifetime" else window_total(programme, ledger.months, month)
    )


def _granted(ledger: Ledger, programme: Programme) -> int:
    """What qualifies in the window that the present tier was earned in."""
    return window_total(programme, ledger.months, ledger.tier_month)
