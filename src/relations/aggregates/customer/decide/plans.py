"""The rules of care plans.

A rule never reads a birthday: it is sealed. So a step on a birthday has no due date here, and lapses at the end of its
round. The agenda and the views open the birthday and work out the day.

A step after a stay has no date before the stay ends. Its round pins what to add. An end of a stay that is recorded
while the round is in progress adds it. One that was recorded before has its steps in the event that begins the round.

What time does is decided at the moment at which it falls due, from dates that were pinned when the round began. So it
makes no difference in how many steps time is advanced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from relations.aggregates.customer.commands import AdvancePlan, BeginPlan, EndPlan, SkipStep
from relations.aggregates.customer.decide.refusals import refuse_if_erased, refused, unknown_step
from relations.aggregates.customer.events import (
    PlanBegun,
    PlanEnded,
    PlanRenewed,
    StepLapsed,
    StepsAdded,
    StepSkipped,
)
from relations.aggregates.customer.planned_step import PlannedStep
from relations.aggregates.customer.state import Change, Customer, RoundState, consent_key
from relations.messages import Command, Event
from relations.policies import CarePlan, Policy
from relations.policies.calendars import LocalTime, local_time
from relations.policies.care_plans.plan import STAY_END

__all__ = ["PLAN_RULES", "steps_after_stay"]

_NO_CONSENT = "no_consent"
_COMPLETED = "completed"
_NOT_MEANT = "no_longer_meant"


def _begin(state: Customer, command: BeginPlan, policy: Policy) -> list[Event]:
    refuse_if_erased(state, command, "customer", "Begin no plan for an erased customer")
    plan = _known_plan(command.plan, policy)
    current = next((name for name, known in _of_plan(state, plan.id) if _overlaps(known, command.at)), None)
    if current is not None:
        if command.because != "by_hand":
            return []
        raise refused(
            f"cannot begin the plan {plan.id} for the customer {command.customer}: its round {current} is in progress "
            "or began later",
            "plan_in_progress",
            "plan",
            "End it first (EndPlan)",
        )
    today = date.fromordinal(local_time(policy.zone).day(command.at))
    since = command.on or today
    if since > today:
        raise refused(
            f"the plan {plan.id} cannot begin on {since}: that is after the command's time",
            "plan_begins_later",
            "on",
            "Give a day up to that of the command",
        )
    steps, after_stays, ends_at = _planned(state, plan, since, command.at, policy)
    return [
        PlanBegun(
            plan=plan.id,
            round=_next_name(state, plan.id),
            since=since.isoformat(),
            steps=steps,
            after_stays=after_stays,
            ends_at=ends_at,
            because=command.because,
            owner=command.owner,
            at=command.at,
        )
    ]


def _skip(state: Customer, command: SkipStep) -> list[Event]:
    known = state.rounds.get(command.round)
    step = None if known is None else known.step(command.step)
    if known is None or step is None:
        raise unknown_step(command.customer, command.round, command.step)
    if not known.is_open(command.step) or step.until <= command.at:
        return []
    return [StepSkipped(plan=known.plan, round=command.round, step=command.step, reason=command.reason, at=command.at)]


def _end(state: Customer, command: EndPlan) -> list[Event]:
    return [
        PlanEnded(plan=command.plan, round=name, reason=command.reason, at=command.at)
        for name, known in _of_plan(state, command.plan)
        if known.ended_at is None and known.began_at <= command.at
    ]


def _advance(state: Customer, command: AdvancePlan, policy: Policy) -> list[Event]:
    if state.erased:
        return []
    return [
        event
        for name, known in state.rounds.items()
        if known.ended_at is None
        for event in (*_lapsing(state, name, known, command.at, policy), *_ending(state, name, known, command, policy))
    ]


def _lapsing(state: Customer, name: str, known: RoundState, at: int, policy: Policy) -> Iterator[Event]:
    """Yield the steps of a round whose time is over."""
    for step in known.steps:
        if step.until <= at and known.is_open(step.step):
            if _is_allowed(state, step, policy):
                yield StepLapsed(plan=known.plan, round=name, step=step.step, at=at)
            else:
                yield StepSkipped(plan=known.plan, round=name, step=step.step, reason=_NO_CONSENT, at=at)


def _ending(state: Customer, name: str, known: RoundState, command: AdvancePlan, policy: Policy) -> Iterator[Event]:
    """Yield the end of a round that is over, or its renewal."""
    if known.ends_at > command.at:
        return
    plan = policy.care.plan(known.plan)
    since = None if plan is None else plan.next_round(date.fromisoformat(known.since))
    if plan is None or since is None or name in command.not_renewed:
        reason = _NOT_MEANT if name in command.not_renewed else _COMPLETED
        yield PlanEnded(plan=known.plan, round=name, reason=reason, at=command.at)
        return
    steps, after_stays, ends_at = _planned(state, plan, since, command.at, policy)
    yield PlanRenewed(
        plan=known.plan,
        previous=name,
        round=_next_name(state, known.plan),
        since=since.isoformat(),
        steps=steps,
        after_stays=after_stays,
        ends_at=ends_at,
        owner=known.owner,
        at=command.at,
    )


def steps_after_stay(state: Customer, at: int, policy: Policy) -> list[Event]:
    """Return the steps that the end of a stay adds to the rounds in progress in which they are due.

    Args:
        state: The customer before it.
        at: The end of the stay, UTC microseconds.
        policy: The policy in force.
    """
    local, found = local_time(policy.zone), list[Event]()
    for name, known in state.rounds.items():
        if known.ended_at is None:
            since = date.fromisoformat(known.since)
            added = [each for each in _after_stay(known.after_stays, at, since, local) if not known.step(each.step)]
            if added:
                found.append(StepsAdded(plan=known.plan, round=name, steps=tuple(added), at=at))
    return found


def _after_stay(meant: Iterable[PlannedStep], at: int, since: date, local: LocalTime) -> Iterator[PlannedStep]:
    """Yield the steps after a stay that are due in the round that is counted from `since`."""
    ended = date.fromordinal(local.day(at))
    for step in meant:
        due = ended + timedelta(days=step.offset)
        due_at = local.start(due)
        if since <= due and due_at < step.until:
            until = min(local.start(due + timedelta(days=step.days_valid)), step.until)
            name = f"{step.step}-{ended:%Y%m%d}"
            yield replace(step, step=name, due_at=due_at, until=until, offset=0, days_valid=0)


def _planned(
    state: Customer, plan: CarePlan, since: date, at: int, policy: Policy
) -> tuple[tuple[PlannedStep, ...], tuple[PlannedStep, ...], int]:
    """Return the steps of a round with their dates, those to add after stays, and the time at which the round ends."""
    local = local_time(policy.zone)
    start = local.start
    dates, over = plan.dates(since, policy.care.festivals, _culture(state, at))
    after_stays = {each.id for each in dates if each.step.on == "stay_end"}
    steps = [
        PlannedStep(
            step=each.id,
            what=each.step.what,
            due_at=None if each.due is None else start(each.due),
            until=start(each.over),
            channels=each.step.ways,
            minutes=each.step.minutes,
            sells=each.step.sells,
            role=each.step.owner_role,
            offset=each.step.day if each.due is None else 0,
            days_valid=each.step.days_valid if each.due is None else 0,
        )
        for each in dates
    ]
    meant = tuple(step for step in steps if step.step in after_stays)
    known = {
        step.step: step
        for stay in state.interactions.values()
        if stay.kind == STAY_END
        for step in _after_stay(meant, stay.at, since, local)
    }
    dated = [step for step in steps if step.step not in after_stays]
    return (*dated, *(known[name] for name in sorted(known))), meant, start(over)


def _culture(state: Customer, at: int) -> str | None:
    """Return the language of a customer's culture: the best that they speak, or else the one of their profile."""
    spoken = _value(state.culture.get("languages", ()), at)
    return spoken.split()[0] if spoken else _value(state.profile.get("language", ()), at)


def _value(changes: tuple[Change, ...], at: int) -> str | None:
    return next((value for since, value in reversed(changes) if since <= at), None)


def _is_allowed(state: Customer, step: PlannedStep, policy: Policy) -> bool:
    """Return whether the customer allowed contact through any channel of a step just before it lapsed."""
    care = policy.care
    for channel in step.channels:
        purpose = care.purpose_at(channel, sells=step.sells)
        said = [] if purpose is None else state.consents.get(consent_key(channel, purpose), ())
        if care.allows([basis for at, basis in said if at < step.until], purpose):
            return True
    return False


def _known_plan(name: str, policy: Policy) -> CarePlan:
    plan = policy.care.plan(name)
    if plan is None:
        known = ", ".join(each.id for each in policy.care.plans)
        raise refused(
            f"the policy has no care plan {name!r}",
            "unknown_plan",
            "plan",
            f"Use one of: {known}" if known else "Adopt a policy that has it (care.plans)",
        )
    return plan


def _of_plan(state: Customer, plan: str) -> Iterator[tuple[str, RoundState]]:
    return ((name, known) for name, known in state.rounds.items() if known.plan == plan)


def _overlaps(known: RoundState, at: int) -> bool:
    """Return whether a round that begins at a moment would overlap with this one."""
    return known.ended_at is None or known.ended_at > at


def _next_name(state: Customer, plan: str) -> str:
    numbers = (name.rpartition("-")[2] for name, _ in _of_plan(state, plan))
    return f"{plan}-{1 + max((int(number) for number in numbers if number.isdecimal()), default=0)}"


PLAN_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    BeginPlan: _begin,
    SkipStep: lambda state, command, _policy: _skip(state, command),
    EndPlan: lambda state, command, _policy: _end(state, command),
    AdvancePlan: _advance,
}
