"""Evolve the state of a complaint with its events. No recorded event is refused."""

from __future__ import annotations

from bisect import insort_right
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    CarryOutRemedy,
    CloseComplaint,
    ComplaintCommand,
    DeclineRemedy,
    GiveApology,
    MergeComplaint,
    ProposeRemedy,
    RefuseRemedy,
    ResolveComplaint,
    SendHoldingReply,
    SendMessage,
    WithdrawComplaint,
)
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
from relations.aggregates.complaint.events.handling import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintRecognised,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
    DuplicateTaken,
    HoldingReplySent,
    ImprovementDone,
    ImprovementNotProved,
    ImprovementProved,
    ImprovementRaised,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    MessageSent,
    PromiseJudged,
    RemedyAccepted,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
    RemedyRefused,
    RootCauseNamed,
)
from relations.aggregates.complaint.moves import MOVES, REMEDY_MOVES, Status
from relations.aggregates.complaint.state import JUDGED, Clock, Complaint, ImprovementState, Plan, Remedy, Request, fact
from relations.aggregates.maps import with_item
from relations.messages import Event

__all__ = ["EVENTS", "evolve", "outcome_key"]

_replace = msgspec.structs.replace


def outcome_key(round_: int, clock: str, number: int) -> str:
    """Return the key of an ended clock in `Complaint.outcomes`."""
    return f"{round_} {clock}" if number == 1 else f"{round_} {clock} {number}"


def _moved(state: Complaint, command: type[ComplaintCommand], at: int) -> tuple[tuple[int, Status], ...]:
    """Return the history after a command's event; unchanged if it was recorded late for an earlier round or end."""
    after = MOVES[state.status].get(command)
    if after is None or after == state.status or not state.in_this_round(at):
        return state.history
    return (*[entry for entry in state.history if entry[0] <= at], (at, after))


def _noted(state: Complaint, event: Any) -> Mapping[str, int]:
    return with_item(state.facts, fact(event), state.round)


def _answered(state: Complaint, at: int) -> int | None:
    last = state.answered_at
    return at if state.in_this_round(at) and (last is None or at > last) else last


def _all_cancelled(state: Complaint) -> Mapping[str, str]:
    outcomes = state.outcomes
    for clock in state.clocks:
        outcomes = with_item(outcomes, outcome_key(state.round, clock.name, clock.number), "cancelled")
    return outcomes


# --- what happens ---------------------------------------------------------------------------------------------------


def _filed(state: Complaint, event: ComplaintFiled) -> Complaint:
    wordless = event.text is None and event.on_behalf_of is None
    return _replace(
        state,
        filing=event if wordless else _replace(event, text=None, on_behalf_of=None),
        history=((event.at, "filed"),),
        round=1,
        clocks=(
            Clock("acknowledge", 1, event.at, event.acknowledge_by),
            Clock("resolve", 1, event.at, event.resolve_by),
        ),
        severities=((event.at, event.severity),),
    )


def _acknowledged(state: Complaint, event: ComplaintAcknowledged) -> Complaint:
    first = state.acknowledged_at
    if state.in_this_round(event.at) and (first is None or event.at < first):
        first = event.at
    return _replace(
        state,
        history=_moved(state, AcknowledgeComplaint, event.at),
        acknowledged_at=first,
        answered_at=_answered(state, event.at),
        facts=_noted(state, event),
    )


def _apologised(state: Complaint, event: ApologyGiven) -> Complaint:
    return _replace(
        state,
        history=_moved(state, GiveApology, event.at),
        answered_at=_answered(state, event.at),
        facts=_noted(state, event),
    )


def _assessed(state: Complaint, event: ComplaintAssessed) -> Complaint:
    severities, judged = state.severities, state.judged
    if event.severity is not None:
        severities = _in_order(severities, event.at, event.severity)
    for field in JUDGED:
        value: str | None = getattr(event, field)
        if value is not None:
            judged = with_item(judged, field, _in_order(judged.get(field, ()), event.at, value))
    return _replace(state, severities=severities, judged=judged, facts=_noted(state, event))


def _in_order(changes: tuple[tuple[int, str], ...], at: int, value: str) -> tuple[tuple[int, str], ...]:
    found = list(changes)
    insort_right(found, (at, value), key=lambda entry: entry[0])
    return tuple(found)


def _assigned(state: Complaint, event: ComplaintAssigned | ComplaintTransferred) -> Complaint:
    facts = _noted(state, event)
    if state.assigned_at is not None and event.at < state.assigned_at:
        return _replace(state, facts=facts)
    department = event.department or state.department
    return _replace(state, owner=event.owner, department=department, assigned_at=event.at, facts=facts)


def _only_noted(state: Complaint, event: Event) -> Complaint:
    return _replace(state, facts=_noted(state, event))


def _asked(state: Complaint, event: InformationAsked) -> Complaint:
    # A question of an earlier round pauses no clock of this one.
    round_ = state.round if state.in_this_round(event.at) else 0
    return _replace(
        state,
        history=_moved(state, AskInformation, event.at),
        answered_at=_answered(state, event.at),
        requests=with_item(state.requests, event.request, Request(round_, event.at)),
    )


def _received(state: Complaint, event: InformationReceived) -> Complaint:
    known = state.requests.get(event.request)
    if known is None:
        return state
    return _replace(state, requests=with_item(state.requests, event.request, _replace(known, received_at=event.at)))


def _message_received(state: Complaint, event: MessageReceived) -> Complaint:
    return _replace(state, messages=with_item(state.messages, event.message, event.at))


def _message_sent(state: Complaint, event: MessageSent) -> Complaint:
    return _replace(
        state,
        history=_moved(state, SendMessage, event.at),
        answered_at=_answered(state, event.at),
        messages=with_item(state.messages, event.message, event.at),
    )


def _held(state: Complaint, event: HoldingReplySent) -> Complaint:
    return _replace(
        state,
        history=_moved(state, SendHoldingReply, event.at),
        answered_at=_answered(state, event.at),
        held=state.held or state.in_this_round(event.at),
        facts=_noted(state, event),
    )


def _escalated(state: Complaint, event: ComplaintEscalated) -> Complaint:
    facts = _noted(state, event)
    if event.clock is None:
        return _replace(state, facts=facts)
    step = f"{event.clock} {event.number} {event.percent}"
    return _replace(state, escalated=(*state.escalated, step), facts=facts)


# --- offers ---------------------------------------------------------------------------------------------------------


def _remedy_proposed(state: Complaint, event: RemedyProposed) -> Complaint:
    if event.needs_approval:
        remedy = Remedy(event.kind, event.value, event.points, "awaiting", event.author)
        return _replace(state, remedies=with_item(state.remedies, event.remedy, remedy))
    return _replace(
        state,
        history=_moved(state, ProposeRemedy, event.at),
        answered_at=_answered(state, event.at),
        remedies=with_item(state.remedies, event.remedy, Remedy(event.kind, event.value, event.points, "proposed")),
    )


def _remedy_moved(state: Complaint, remedy: str, command: type[ComplaintCommand]) -> Mapping[str, Remedy]:
    known = state.remedies.get(remedy)
    after = REMEDY_MOVES[known.status].get(command) if known else None
    if known is None or after is None:
        return state.remedies
    return with_item(state.remedies, remedy, _replace(known, status=after))


def _remedy_approved(state: Complaint, event: RemedyApproved) -> Complaint:
    return _replace(
        state,
        history=_moved(state, ApproveRemedy, event.at),
        answered_at=_answered(state, event.at),
        remedies=_remedy_moved(state, event.remedy, ApproveRemedy),
    )


def _remedy_refused(state: Complaint, event: RemedyRefused) -> Complaint:
    return _replace(state, remedies=_remedy_moved(state, event.remedy, RefuseRemedy))


def _remedy_accepted(state: Complaint, event: RemedyAccepted) -> Complaint:
    return _replace(state, remedies=_remedy_moved(state, event.remedy, AcceptRemedy))


def _remedy_declined(state: Complaint, event: RemedyDeclined) -> Complaint:
    return _replace(state, remedies=_remedy_moved(state, event.remedy, DeclineRemedy))


def _remedy_carried_out(state: Complaint, event: RemedyCarriedOut) -> Complaint:
    return _replace(
        state,
        history=_moved(state, CarryOutRemedy, event.at),
        answered_at=_answered(state, event.at),
        remedies=_remedy_moved(state, event.remedy, CarryOutRemedy),
    )


# --- ends and beginnings --------------------------------------------------------------------------------------------


def _resolved(state: Complaint, event: ComplaintResolved) -> Complaint:
    return _replace(state, history=_moved(state, ResolveComplaint, event.at), facts=_noted(state, event))


def _closed(state: Complaint, event: ComplaintClosed) -> Complaint:
    return _replace(state, history=_moved(state, CloseComplaint, event.at), facts=_noted(state, event))


def _withdrawn(state: Complaint, event: ComplaintWithdrawn) -> Complaint:
    return _replace(
        state,
        history=_moved(state, WithdrawComplaint, event.at),
        # Older logs have no events that cancel clocks.
        clocks=(),
        outcomes=_all_cancelled(state),
        facts=_noted(state, event),
    )


def _merged(state: Complaint, event: ComplaintMerged) -> Complaint:
    return _replace(
        state,
        history=_moved(state, MergeComplaint, event.at),
        clocks=(),
        outcomes=_all_cancelled(state),
        merged_into=event.into,
        facts=_noted(state, event),
    )


def _reopened(state: Complaint, event: ComplaintReopened) -> Complaint:
    return _replace(
        state,
        history=(*state.history, (event.at, "reopened")),
        round=state.round + 1,
        reopened_at=event.at,
        clocks=(
            Clock("acknowledge", 1, event.at, event.acknowledge_by),
            Clock("resolve", 1, event.at, event.resolve_by),
        ),
        outcomes=_all_cancelled(state),
        acknowledged_at=None,
        answered_at=None,
        turns=0,
        held=False,
        merged_into=None,
        escalated=(),
        facts=_noted(state, event),
    )


# --- lessons --------------------------------------------------------------------------------------------------------


def _duplicate_taken(state: Complaint, event: DuplicateTaken) -> Complaint:
    return _replace(state, duplicates=(*state.duplicates, event.duplicate))


def _recognised(state: Complaint, event: ComplaintRecognised) -> Complaint:
    reward = Remedy("recognition", event.value, event.points, "carried_out")
    return _replace(state, remedies=with_item(state.remedies, event.reward, reward))


def _improvement_raised(state: Complaint, event: ImprovementRaised) -> Complaint:
    improvement = ImprovementState(event.title, event.cause, event.owner, "raised")
    return _replace(state, improvements=with_item(state.improvements, event.improvement, improvement))


def _improvement_moved(
    state: Complaint, event: ImprovementDone | ImprovementProved | ImprovementNotProved
) -> Complaint:
    known = state.improvements.get(event.improvement)
    if known is None:
        return state
    if isinstance(event, ImprovementDone):
        after = _replace(known, status="done", done_at=event.at)
        return _replace(state, improvements=with_item(state.improvements, event.improvement, after))
    after = _replace(known, status="proved" if isinstance(event, ImprovementProved) else "not_proved")
    return _replace(
        state, improvements=with_item(state.improvements, event.improvement, after), facts=_noted(state, event)
    )


# --- clocks ---------------------------------------------------------------------------------------------------------


def _clock_started(state: Complaint, event: ClockStarted) -> Complaint:
    clock = Clock(event.clock, event.number, event.at, event.due_at)
    others = [each for each in state.clocks if each.name != event.clock]
    turns = max(state.turns, event.number) if event.clock == "next_response" else state.turns
    return _replace(state, clocks=(*others, clock), turns=turns)


def _clock_changed(state: Complaint, event: ClockPaused | ClockResumed | DeadlineMoved) -> Complaint:
    if event.round != state.round:
        return state
    changed = []
    for clock in state.clocks:
        if clock.name != event.clock or clock.number != event.number:
            changed.append(clock)
        elif isinstance(event, ClockPaused):
            changed.append(_replace(clock, paused=True))
        else:
            changed.append(_replace(clock, due_at=event.due_at, paused=False))
    return _replace(state, clocks=tuple(changed))


_ENDS: dict[type[Event], str] = {DeadlineMet: "met", DeadlineMissed: "missed", ClockCancelled: "cancelled"}


def _clock_ended(state: Complaint, event: DeadlineMet | DeadlineMissed | ClockCancelled) -> Complaint:
    name, number = event.clock, event.number
    outcomes = with_item(state.outcomes, outcome_key(event.round, name, number), _ENDS[type(event)])
    if event.round != state.round:
        return _replace(state, outcomes=outcomes)
    left = tuple([clock for clock in state.clocks if clock.name != name or clock.number != number])
    return _replace(state, outcomes=outcomes, clocks=left)


def _escalation_planned(state: Complaint, event: EscalationPlanned) -> Complaint:
    if event.due_at is None:
        return _replace(state, plan=None)
    plan = Plan(event.due_at, event.clock or "", event.number, event.percent or 0, event.to or "")
    return _replace(state, plan=plan)


_EVOLUTIONS: dict[type[Event], Callable[[Complaint, Any], Complaint]] = {
    ComplaintFiled: _filed,
    ComplaintAcknowledged: _acknowledged,
    ApologyGiven: _apologised,
    ComplaintAssessed: _assessed,
    ComplaintAssigned: _assigned,
    ComplaintTransferred: _assigned,
    ComplaintInvestigated: _only_noted,
    RootCauseNamed: _only_noted,
    InformationAsked: _asked,
    InformationReceived: _received,
    MessageReceived: _message_received,
    MessageSent: _message_sent,
    PromiseJudged: _only_noted,
    HoldingReplySent: _held,
    ComplaintEscalated: _escalated,
    RemedyProposed: _remedy_proposed,
    RemedyApproved: _remedy_approved,
    RemedyRefused: _remedy_refused,
    RemedyAccepted: _remedy_accepted,
    RemedyDeclined: _remedy_declined,
    RemedyCarriedOut: _remedy_carried_out,
    ComplaintResolved: _resolved,
    ComplaintFollowedUp: _only_noted,
    ComplaintClosed: _closed,
    ComplaintReopened: _reopened,
    ComplaintWithdrawn: _withdrawn,
    ComplaintMerged: _merged,
    DuplicateTaken: _duplicate_taken,
    ComplaintRecognised: _recognised,
    ImprovementRaised: _improvement_raised,
    ImprovementDone: _improvement_moved,
    ImprovementProved: _improvement_moved,
    ImprovementNotProved: _improvement_moved,
    ClockStarted: _clock_started,
    ClockPaused: _clock_changed,
    ClockResumed: _clock_changed,
    DeadlineMoved: _clock_changed,
    DeadlineMet: _clock_ended,
    DeadlineMissed: _clock_ended,
    ClockCancelled: _clock_ended,
    EscalationPlanned: _escalation_planned,
}

EVENTS = tuple(_EVOLUTIONS)


def evolve(state: Complaint, event: Event) -> Complaint:
    """Return the state after an event; an unknown event changes nothing."""
    evolution = _EVOLUTIONS.get(type(event))
    return state if evolution is None else evolution(state, event)
