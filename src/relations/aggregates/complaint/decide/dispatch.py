"""Decide a complaint command: check the state, then return the command's own event and those of the clocks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from relations.aggregates.complaint.commands import (
    AcknowledgeComplaint,
    AskInformation,
    AssessComplaint,
    CheckDeadlines,
    CloseComplaint,
    ComplaintCommand,
    DeclineRemedy,
    EscalateComplaint,
    FileComplaint,
    FollowUpComplaint,
    MergeComplaint,
    ReceiveInformation,
    ReceiveMessage,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    WithdrawComplaint,
)
from relations.aggregates.complaint.decide.clocks import (
    cancelled,
    ended_by,
    next_response_started,
    planned,
    ran_out,
    started,
    synchronised,
    time_passed,
)
from relations.aggregates.complaint.decide.endings import ENDINGS, reopening
from relations.aggregates.complaint.decide.handling import HANDLING
from relations.aggregates.complaint.decide.lessons import LESSONS
from relations.aggregates.complaint.decide.refusals import Rules, illegal_move, out_of_order
from relations.aggregates.complaint.decide.remedies import REMEDIES
from relations.aggregates.complaint.events.handling import (
    ComplaintAssessed,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintRecognised,
    DuplicateTaken,
    ImprovementDone,
    ImprovementRaised,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    MessageSent,
    RemedyAccepted,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
    RemedyRefused,
)
from relations.aggregates.complaint.evolve import evolve
from relations.aggregates.complaint.moves import ANSWERS, ENDED, MOVES, WORK, Status
from relations.aggregates.complaint.state import Complaint, fact
from relations.aggregates.terms import refuse_unknown_terms
from relations.errors import CommandRefused
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["COMMANDS", "decide"]


def _reopening_by(state: Complaint, command: ComplaintCommand, policy: Policy, at: int) -> list[Event]:
    """Return no events if the command is legal, and the reopening that allows a lenient one; refuse it otherwise."""
    kind, status = type(command), state.status
    if kind in WORK or kind is FollowUpComplaint:
        if at < state.since:
            # Recorded late: it must have been legal at its own time, and what came after it stands.
            then = state.status_at(at)
            if kind in MOVES[then] or (kind in MOVES[status] and state.in_this_round(at)):
                return []
            raise illegal_move(state, command, then, "was then")
        if kind in MOVES[status]:
            return []
    elif kind in MOVES[status]:
        began = state.since if status in ENDED else state.reopened_at
        if began is not None and at < began:
            raise out_of_order(command, status if status in ENDED else "reopened")
        return cancelled(state, at) if kind is ReopenComplaint else []
    # Nothing but ReopenComplaint takes up a merged complaint again: it goes on in the surviving one.
    if command.lenient and status in ENDED and status != "merged" and (kind in WORK or kind in _LENIENT_ENDS):
        if at < state.since:
            raise out_of_order(command, status)
        why = f"{kind.__name__} after it was {status}"
        return [reopening(state, policy, at, why, lenient=True), *cancelled(state, at)]
    raise illegal_move(state, command, status)


_LENIENT_ENDS = (ResolveComplaint, WithdrawComplaint, MergeComplaint)


# --- what it does to the clocks -------------------------------------------------------------------------------------

Effect = Callable[[Complaint, Event, Policy, int], list[Event]]


def _severity_changed(state: Complaint, event: Event, policy: Policy, at: int) -> list[Event]:
    assert isinstance(event, ComplaintAssessed)  # noqa: S101 - the table below says so
    return [] if event.severity is None else synchronised(state, policy, at, "severity")


def _emergency(state: Complaint, event: Event, policy: Policy, at: int) -> list[Event]:
    """Return an assessment as critical, which every emergency is."""
    assert isinstance(event, ComplaintEscalated)  # noqa: S101 - likewise
    if not event.emergency or state.severity == "critical":
        return []
    assessed = ComplaintAssessed(severity="critical", at=at)
    return [assessed, *synchronised(evolve(state, assessed), policy, at, "severity")]


def _question_asked(state: Complaint, _event: Event, policy: Policy, at: int) -> list[Event]:
    return synchronised(state, policy, at, "pause")


def _customer_spoke(state: Complaint, _event: Event, policy: Policy, at: int) -> list[Event]:
    begun = next_response_started(state, policy, at)
    for event in begun:
        state = evolve(state, event)
    return begun + synchronised(state, policy, at, "pause")


def _reply_held(state: Complaint, _event: Event, policy: Policy, at: int) -> list[Event]:
    return synchronised(state, policy, at, "holding_reply")


_EFFECTS: dict[type[ComplaintCommand], Effect] = {
    AssessComplaint: _severity_changed,
    EscalateComplaint: _emergency,
    AskInformation: _question_asked,
    ReceiveInformation: _customer_spoke,
    ReceiveMessage: _customer_spoke,
    DeclineRemedy: _customer_spoke,
    SendHoldingReply: _reply_held,
}
"""By command: what its event does to clocks that run or start."""

_AFTER_TIME: frozenset[type[ComplaintCommand]] = frozenset(
    {AssessComplaint, EscalateComplaint, AskInformation, SendHoldingReply}
)
"""Commands that move deadlines. Clocks that ran out before them were missed."""

_STOPS: tuple[type[ComplaintCommand], ...] = (WithdrawComplaint, MergeComplaint)


# --- what happens ---------------------------------------------------------------------------------------------------


def _file(state: Complaint, command: FileComplaint, policy: Policy) -> list[Event]:
    at, levels = command.at, policy.service_levels
    due = levels.deadlines(command.severity, at, command.grade, command.kind)
    event = ComplaintFiled(
        customer=command.customer,
        subject=command.subject,
        channel=command.channel,
        severity=command.severity,
        acknowledge_by=due.acknowledge_by,
        resolve_by=due.resolve_by,
        policy=policy.version,
        text=command.text,
        remedy_sought=command.remedy_sought,
        touchpoint=command.touchpoint,
        purchase=command.purchase,
        at=at,
        grade=command.grade,
        on_behalf_of=command.on_behalf_of,
        relationship=command.relationship,
        calendar=levels.calendar.name if levels.calendar else None,
        kind=command.kind,
        language=command.language,
    )
    filing = state.filing
    if filing is None:
        return [event, *planned(evolve(state, event), policy, at)] if levels.escalations else [event]
    # The deadlines follow from the policy, which may have changed since. Personal words cannot be compared.
    again = msgspec.structs.replace(
        event,
        acknowledge_by=filing.acknowledge_by,
        resolve_by=filing.resolve_by,
        policy=filing.policy,
        calendar=filing.calendar,
        text=None,
        on_behalf_of=None,
        # What the command does not say is the engine's own, and may have changed too.
        grade=filing.grade if command.grade is None else command.grade,
        language=filing.language if command.language is None else command.language,
    )
    if again == filing:
        return []
    raise CommandRefused(
        f"complaint {command.complaint} is already filed, with other content or at another time",
        code="complaint_id_reused",
        field="complaint",
        hint="Give each complaint an id of its own, or send the recorded one again unchanged",
    )


_RULES: Rules = {**HANDLING, **REMEDIES, **ENDINGS, **LESSONS}

COMMANDS: tuple[type[ComplaintCommand], ...] = (FileComplaint, *_RULES, CheckDeadlines)

_WITH_IDS = (
    RemedyProposed,
    RemedyApproved,
    RemedyRefused,
    RemedyAccepted,
    RemedyDeclined,
    RemedyCarriedOut,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    MessageSent,
    DuplicateTaken,
    ComplaintRecognised,
    ImprovementRaised,
    ImprovementDone,
)

_REACHES: dict[type[ComplaintCommand], Status] = {CloseComplaint: "closed", WithdrawComplaint: "withdrawn"}
"""Commands that say no more than the state to which they lead; in that state they are done."""


def _is_done(state: Complaint, kind: type[ComplaintCommand], event: Event) -> bool:
    """Return whether the event is recorded already, or the complaint is closed or withdrawn again."""
    if isinstance(event, _WITH_IDS):
        return False  # they are looked up by their ids
    return state.status == _REACHES.get(kind) or fact(event) in state.facts


def _adds_nothing(state: Complaint, kind: type[ComplaintCommand], at: int) -> bool:
    """Return whether it acknowledges again. An earlier one is new: it shows how soon the customer heard."""
    first = state.acknowledged_at
    return kind is AcknowledgeComplaint and first is not None and state.in_this_round(at) and at >= first


def decide(state: Complaint, command: Command, policy: Policy) -> list[Event]:
    """Return the events of a command; none if there is nothing left to do.

    Raises:
        CommandRefused: A rule forbids it; the codes are in `REFUSALS`.
    """
    if policy.personal_data.terms:
        refuse_unknown_terms(command, policy)
    if isinstance(command, FileComplaint):
        return _file(state, command, policy)
    assert isinstance(command, ComplaintCommand)  # noqa: S101 - the engine routes by class
    at, kind = command.at, type(command)
    if kind is CheckDeadlines:
        passed = time_passed(state, policy, at)
        return passed + _plan_changed(state, passed, policy, at)
    if state.filing is None:
        raise CommandRefused(
            f"there is no complaint {command.complaint}",
            code="unknown_complaint",
            field="complaint",
            hint="File it first (FileComplaint)",
        )
    try:
        event = _RULES[kind](state, command, policy, at)
    except CommandRefused as refusal:
        # What a merged complaint does not have, the surviving one may.
        if state.merged_into is None or not refusal.code.startswith("unknown_"):
            raise
        raise illegal_move(state, command, state.status) from None
    if event is None or _is_done(state, kind, event):
        return []
    events = _reopening_by(state, command, policy, at)
    if _adds_nothing(_evolved(state, events), kind, at):
        return []
    return _with_clocks(state, kind, event, events, policy, at)


def _with_clocks(
    before: Complaint, kind: type[ComplaintCommand], event: Event, events: list[Event], policy: Policy, at: int
) -> list[Event]:
    """Return a command's event, after those that make it legal and with everything that it does to the clocks."""
    state = _evolved(before, events)
    if kind in _AFTER_TIME and state.in_this_round(at):
        passed = time_passed(state, policy, at)
        state, events = _evolved(state, passed), events + passed
    elif kind in _STOPS:
        # A clock that ran out before was missed; the others are cancelled.
        missed = ran_out(state, at)
        state, events = _evolved(state, missed), events + missed
    answers = kind in ANSWERS and not (isinstance(event, RemedyProposed) and event.needs_approval)
    new = [event, *ended_by(state, kind, at, answers=answers)]
    if kind in _STOPS:
        new += cancelled(state, at)
    elif kind is ResolveComplaint:
        new += started(state, policy, "follow_up", at)
    effect = _EFFECTS.get(kind)
    if effect is not None:
        new += effect(_evolved(state, new), event, policy, at)
    events = events + new
    return events + _plan_changed(before, events, policy, at)


def _plan_changed(state: Complaint, events: list[Event], policy: Policy, at: int) -> list[Event]:
    if not policy.service_levels.escalations:
        return []
    return planned(_evolved(state, events), policy, at)


def _evolved(state: Complaint, events: list[Event]) -> Complaint:
    for event in events:
        state = evolve(state, event)
    return state
