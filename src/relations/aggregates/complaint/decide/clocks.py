"""A complaint's clocks: the time they have used, their deadlines, and their events.

Everything is computed from the start of a clock, the latest severity, and the times at which questions to the customer
were open. Nothing is computed from a running total. So the order in which these were recorded does not matter, time
used never shrinks, and only the working time of a pause is deducted.
"""

from __future__ import annotations

from relations.aggregates.complaint.commands import ComplaintCommand, FollowUpComplaint, ResolveComplaint
from relations.aggregates.complaint.events.clocks import (
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    EscalationPlanned,
)
from relations.aggregates.complaint.events.handling import ComplaintEscalated
from relations.aggregates.complaint.evolve import evolve
from relations.aggregates.complaint.moves import ENDED
from relations.aggregates.complaint.state import Clock, Complaint, Plan
from relations.messages import Event
from relations.policies import Policy, ServiceLevels
from relations.policies.complaints.service_levels import SEVERITIES, Promise, ServiceLevel

__all__ = [
    "cancelled",
    "ended_by",
    "extended_due",
    "levels_of",
    "next_response_started",
    "planned",
    "ran_out",
    "started",
    "synchronised",
    "time_passed",
    "time_used",
]

_FOREVER = 2**62


def levels_of(state: Complaint, levels: ServiceLevels) -> ServiceLevel:
    """Return the service level that applies to this complaint now."""
    severity = state.severity
    grade, kind = (state.filing.grade, state.filing.kind) if state.filing else (None, "complaint")
    for known in SEVERITIES:
        if known == severity:
            return levels.level(known, grade, kind)
    return levels.level("medium", grade, kind)


def _promise(state: Complaint, levels: ServiceLevels, name: str) -> Promise | None:
    level = levels_of(state, levels)
    if name == "resolve":
        return (level.extended if state.held else None) or level.resolve
    if name == "acknowledge":
        return level.acknowledge
    return level.next_response if name == "next_response" else level.follow_up


def _pauses(state: Complaint, levels: ServiceLevels, name: str) -> list[tuple[int, int]]:
    """Return the intervals in which questions of this round were open; open ones have no end."""
    if not state.requests or name not in levels.paused_by_questions:
        return []
    return [
        (asked.asked_at, _FOREVER if asked.received_at is None else asked.received_at)
        for asked in state.requests.values()
        if asked.round == state.round
    ]


def _is_open(pauses: list[tuple[int, int]]) -> bool:
    return any(until == _FOREVER for _, until in pauses)


def _due(state: Complaint, levels: ServiceLevels, clock: Clock, percent: int = 100) -> int:
    """Return the time at which this percentage of the clock's time is used, not counting a pause still open."""
    promise = _promise(state, levels, clock.name)
    if promise is None:
        return clock.due_at
    within = levels.within(promise, clock.started_at) * percent // 100
    pauses = [pause for pause in _pauses(state, levels, clock.name) if pause[1] != _FOREVER]
    return levels.time.after(clock.started_at, within, pauses)


def time_used(state: Complaint, policy: Policy, name: str, until: int) -> int:
    """Return the working time that a running clock has used by `until`, without pauses; microseconds, 0 if it ended."""
    clock = state.clock(name)
    if clock is None:
        return 0
    levels = policy.service_levels
    return levels.time.used(clock.started_at, until, _pauses(state, levels, name))


def extended_due(state: Complaint, policy: Policy) -> int | None:
    """Return the latest resolution time that a holding reply may announce; None if the policy sets none."""
    clock, levels = state.clock("resolve"), policy.service_levels
    extended = levels_of(state, levels).extended
    if clock is None or extended is None:
        return None
    pauses = [pause for pause in _pauses(state, levels, "resolve") if pause[1] != _FOREVER]
    return levels.time.after(clock.started_at, levels.within(extended, clock.started_at), pauses)


# --- ends -----------------------------------------------------------------------------------------------------------


def _ended(state: Complaint, clock: Clock, at: int) -> Event:
    # A paused clock had not run out when it was paused: the miss would have been recorded then.
    outcome = DeadlineMet if clock.paused or at < clock.due_at else DeadlineMissed
    return outcome(clock=clock.name, round=state.round, due_at=clock.due_at, number=clock.number)


def ended_by(state: Complaint, kind: type[ComplaintCommand], at: int, *, answers: bool) -> list[Event]:
    """Return the outcomes of the clocks of this round that a command ends.

    Args:
        state: The complaint before the command.
        kind: The command's class.
        at: The command's business time, UTC microseconds.
        answers: True if the command answers the customer.
    """
    if not state.in_this_round(at):
        return []
    ends: list[Event] = []
    for clock in state.clocks:
        name, resolves = clock.name, kind is ResolveComplaint
        if name == "acknowledge":
            over = answers
        elif name == "resolve":
            over = resolves
        elif name == "next_response":
            over = answers and at >= clock.started_at
            if resolves and not over:
                ends.append(_cancelled(state, clock, at))
        else:
            over = kind is FollowUpComplaint and at >= clock.started_at
        if over:
            ends.append(_ended(state, clock, at))
    return ends


def _cancelled(state: Complaint, clock: Clock, at: int) -> Event:
    return ClockCancelled(clock=clock.name, round=state.round, number=clock.number, at=at)


def cancelled(state: Complaint, at: int) -> list[Event]:
    """Return the cancellations of all clocks that have no outcome yet."""
    return [_cancelled(state, clock, at) for clock in state.clocks]


def ran_out(state: Complaint, at: int) -> list[Event]:
    """Return the misses of all clocks that were due by then."""
    return [_ended(state, clock, at) for clock in state.clocks if not clock.paused and clock.due_at <= at]


def time_passed(state: Complaint, policy: Policy, at: int) -> list[Event]:
    """Return the escalations due by then, in order, and the misses."""
    events: list[Event] = []
    while (step := _next_step(state, policy.service_levels)) is not None and step.due_at <= at:
        escalated = ComplaintEscalated(to=step.to, clock=step.clock, number=step.number, percent=step.percent, at=at)
        events.append(escalated)
        state = evolve(state, escalated)
    return events + ran_out(state, at)


# --- starts and changes ---------------------------------------------------------------------------------------------


def started(state: Complaint, policy: Policy, name: str, at: int) -> list[Event]:
    """Return the start of a clock; nothing if the policy has no promise for it."""
    levels = policy.service_levels
    promise = _promise(state, levels, name)
    if promise is None:
        return []
    due_at = levels.time.after(at, levels.within(promise, at))
    number = state.turns + 1 if name == "next_response" else 1
    return [ClockStarted(clock=name, round=state.round, due_at=due_at, number=number, at=at)]


def next_response_started(state: Complaint, policy: Policy, at: int) -> list[Event]:
    """Return the start of the clock of the next answer, unless one runs already or an answer was given since.

    A case that has ended promises an answer too, to what the customer says after its end.
    """
    if not state.in_this_round(at) or (state.status in ENDED and at < state.since):
        return []
    if state.clock("acknowledge") or state.clock("next_response"):
        return []
    if state.answered_at is not None and state.answered_at > at:
        return []
    return started(state, policy, "next_response", at)


def synchronised(state: Complaint, policy: Policy, at: int, why: str) -> list[Event]:
    """Return the events that bring the clocks in line with severity, questions and holding replies, and any misses."""
    levels = policy.service_levels
    events: list[Event] = []
    for clock in state.clocks:
        if _is_open(_pauses(state, levels, clock.name)):
            if not clock.paused:
                events.append(ClockPaused(clock=clock.name, round=state.round, number=clock.number, at=at))
            continue
        # If more time was used than is now allowed, the clock is due at once, not in the past.
        due_at = max(_due(state, levels, clock), min(at, clock.due_at))
        if clock.paused:
            events.append(ClockResumed(clock=clock.name, round=state.round, due_at=due_at, number=clock.number, at=at))
        elif due_at != clock.due_at:
            events.append(
                DeadlineMoved(clock=clock.name, round=state.round, due_at=due_at, why=why, number=clock.number, at=at)
            )
    for event in events:
        state = evolve(state, event)
    return events + ran_out(state, at)


# --- escalation -----------------------------------------------------------------------------------------------------


def _next_step(state: Complaint, levels: ServiceLevels) -> Plan | None:
    """Return the next escalation step of the running clocks; None if no step is left."""
    if not levels.escalations:
        return None
    found: Plan | None = None
    for clock in state.clocks:
        if clock.paused:
            continue
        for step in levels.escalations:
            percent = step.at_percent
            if step.clock != clock.name or f"{clock.name} {clock.number} {percent}" in state.escalated:
                continue
            due_at = clock.due_at if percent == 100 else min(clock.due_at, _due(state, levels, clock, percent))
            if found is None or (due_at, percent) < (found.due_at, found.percent):
                found = Plan(due_at, clock.name, clock.number, percent, step.to)
    return found


def planned(state: Complaint, policy: Policy, at: int) -> list[Event]:
    """Return the plan of the next escalation, if it differs from the current plan."""
    step = _next_step(state, policy.service_levels)
    if step == state.plan:
        return []
    if step is None:
        return [EscalationPlanned(at=at)]
    return [
        EscalationPlanned(
            due_at=step.due_at, clock=step.clock, number=step.number, percent=step.percent, to=step.to, at=at
        )
    ]
