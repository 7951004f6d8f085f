"""The rules of the commands that answer, assess, assign, investigate and escalate a complaint."""

from __future__ import annotations

from relations.aggregates.complaint.commands import (
    AcknowledgeComplaint,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    EscalateComplaint,
    GiveApology,
    InvestigateComplaint,
    NameRootCause,
    ReceiveInformation,
    ReceiveMessage,
    SendHoldingReply,
    SendMessage,
    TransferComplaint,
)
from relations.aggregates.complaint.decide.clocks import extended_due
from relations.aggregates.complaint.decide.refusals import Rules, id_reused, known_part
from relations.aggregates.complaint.events.handling import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintEscalated,
    ComplaintInvestigated,
    ComplaintTransferred,
    HoldingReplySent,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    MessageSent,
    RootCauseNamed,
)
from relations.aggregates.complaint.state import JUDGED, Complaint, fact
from relations.errors import CommandRefused
from relations.messages import Event, to_micros
from relations.policies import Policy

__all__ = ["HANDLING"]


def _acknowledge(_state: Complaint, command: AcknowledgeComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintAcknowledged(channel=command.channel, at=at)


def _apologise(_state: Complaint, command: GiveApology, _policy: Policy, at: int) -> Event:
    return ApologyGiven(channel=command.channel, at=at)


def _assess(_state: Complaint, command: AssessComplaint, _policy: Policy, at: int) -> Event:
    # An assessment that changes nothing now is recorded too: one from before may yet arrive and be overruled by it.
    given = {field: getattr(command, field) for field in ("severity", *JUDGED)}
    return ComplaintAssessed(**{field: value for field, value in given.items() if value is not None}, at=at)


def _assign(state: Complaint, command: AssignComplaint, _policy: Policy, at: int) -> Event | None:
    if _is_with(state, command.department, command.owner, at):
        return None
    return ComplaintAssigned(owner=command.owner, department=command.department, at=at)


def _transfer(state: Complaint, command: TransferComplaint, _policy: Policy, at: int) -> Event | None:
    if _is_with(state, command.department, command.owner, at):
        return None
    return ComplaintTransferred(
        department=command.department, previous=state.department, owner=command.owner, reason=command.reason, at=at
    )


def _is_with(state: Complaint, department: str | None, owner: str | None, at: int) -> bool:
    """Return whether the complaint has this department and owner already, as far as they are given."""
    late = state.assigned_at is None or at < state.assigned_at
    return not late and department in (None, state.department) and owner in (None, state.owner)


def _investigate(_state: Complaint, command: InvestigateComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintInvestigated(findings=command.findings, conclusion=command.conclusion, at=at)


def _name_cause(_state: Complaint, command: NameRootCause, _policy: Policy, at: int) -> Event:
    return RootCauseNamed(cause=command.cause, at=at)


def _ask(state: Complaint, command: AskInformation, _policy: Policy, at: int) -> Event | None:
    known = state.requests.get(command.request)
    if known is None:
        return InformationAsked(request=command.request, about=command.about, at=at)
    if known.asked_at == at:
        return None
    raise id_reused(command, "request", "request_id_reused")


def _receive(state: Complaint, command: ReceiveInformation, _policy: Policy, at: int) -> Event | None:
    known = known_part(state.requests.get(command.request), command, "request", "Ask for it first (AskInformation)")
    if known.received_at is not None:
        return None
    if at < known.asked_at:
        raise CommandRefused(
            f"cannot receive the information {command.request} before it was asked for",
            code="out_of_order",
            field="occurred_at",
            hint="Send events in the order in which they happened, or correct the time",
        )
    return InformationReceived(request=command.request, words=command.words, at=at)


def _receive_message(state: Complaint, command: ReceiveMessage, _policy: Policy, at: int) -> Event | None:
    known = state.messages.get(command.message)
    if known is None:
        return MessageReceived(message=command.message, channel=command.channel, words=command.words, at=at)
    if known == at:
        return None
    raise id_reused(command, "message", "message_id_reused")


def _send_message(state: Complaint, command: SendMessage, _policy: Policy, at: int) -> Event | None:
    known = state.messages.get(command.message)
    if known is None:
        return MessageSent(message=command.message, channel=command.channel, words=command.words, at=at)
    if known == at:
        return None
    raise id_reused(command, "message", "message_id_reused")


def _hold(state: Complaint, command: SendHoldingReply, policy: Policy, at: int) -> Event:
    until = None if command.until is None else to_micros(command.until)
    event = HoldingReplySent(reason=command.reason, until=until, at=at)
    if until is None or fact(event) in state.facts:
        return event
    if until <= at:
        raise CommandRefused(
            "a holding reply must announce a time in the future",
            code="until_has_passed",
            field="until",
            hint="Announce a time after the reply, or leave it out",
        )
    latest = extended_due(state, policy) if state.in_this_round(at) else None
    if latest is not None and until > latest:
        raise CommandRefused(
            f"cannot announce the final answer to complaint {command.complaint} for later than the policy allows",
            code="beyond_final_deadline",
            field="until",
            hint="Announce an earlier time",
        )
    return event


def _escalate(_state: Complaint, command: EscalateComplaint, policy: Policy, at: int) -> Event:
    to = command.to or policy.service_levels.emergency_to
    return ComplaintEscalated(to=to, reason=command.reason, emergency=command.emergency, at=at)


HANDLING: Rules = {
    AcknowledgeComplaint: _acknowledge,
    AssessComplaint: _assess,
    AssignComplaint: _assign,
    TransferComplaint: _transfer,
    InvestigateComplaint: _investigate,
    NameRootCause: _name_cause,
    GiveApology: _apologise,
    AskInformation: _ask,
    ReceiveInformation: _receive,
    ReceiveMessage: _receive_message,
    SendMessage: _send_message,
    SendHoldingReply: _hold,
    EscalateComplaint: _escalate,
}
