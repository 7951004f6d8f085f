"""The rows of the complaint desk: each complaint's status, owner, severity and deadlines.

The status follows the order of the complaint's stream, as its own rules do. Owner and severity follow the latest
record by business time. Running clocks are those that the events name. A missed clock stays on the list until its step
is done.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from relations.aggregates.complaint import (
    ApologyGiven,
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    HoldingReplySent,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    MessageSent,
    PromiseJudged,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyProposed,
)
from relations.messages import Envelope, Event
from relations.policies.complaints.service_levels import SEVERITIES
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["DONE", "NEVER", "PROJECTION", "URGENCY", "Ticket"]

NEVER = 2**62
"""The due time of an open ticket without a running clock: a number, so that lists end with these tickets."""

DONE = NEVER + 1
"""The due time of a ticket with nothing left to do: after all others, so that no list has to skip it."""

URGENCY: dict[str, int] = {severity: place for place, severity in enumerate(reversed(SEVERITIES))}
"""By severity; 0 is the worst."""

_UNKNOWN = len(SEVERITIES)


class Ticket(CustomerRow, gc=False):
    """A complaint on the desk.

    Attributes:
        complaint: Its id.
        subject: Its subject.
        channel: The channel through which it came in.
        severity: The severity as last assessed.
        urgency: The severity as a number, 0 the worst.
        severity_at: The time of that assessment, UTC microseconds.
        category: The category as last assessed.
        category_at: The time of that assessment.
        owner: The person who works on it.
        department: The department that works on it.
        assigned_at: The time of the last assignment or transfer.
        status: filed, acknowledged, resolved, closed, withdrawn, merged or reopened.
        status_at: The time since when it has this status.
        filed_at: The time of filing.
        round: The number of the present round: 1, and one more for each reopening.
        round_at: The time at which that round began.
        is_open: True until it is resolved, closed, withdrawn or merged.
        is_pending: True while there is work: it is open, or a clock runs.
        due_at: The next running deadline; `NEVER` if none runs, `DONE` if nothing is left to do.
        due_clock: The clock of that deadline.
        clocks: The deadlines by clock and number, of clocks that run and of missed ones whose step is not done.
        started: The start times of clocks that start later than the round, UTC microseconds.
        paused: The clocks that are paused.
        questions: The questions to the customer in this round that are not answered.
        escalated_to: The recipient of the last escalation.
        is_emergency: True if it was ever escalated as an emergency.
        merged_into: The surviving complaint, if it was merged.
        messages: The number of messages that the customer sent unprompted.
        message_at: The time of the latest of them, UTC microseconds; 0 if there is none.
        promises_kept: The number of promises that another system judged as kept.
        promises_broken: The number of promises that another system judged as broken.
        kind: complaint, enquiry, request or suggestion.
        grade: The customer's value grade with which it was filed.
        language: The language in which it was filed.
    """

    table: ClassVar[str] = "tickets"
    key: ClassVar[tuple[str, ...]] = ("customer", "complaint")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("complaint",),
        ("due_at", "complaint"),
        ("is_pending", "urgency", "due_at", "complaint"),
        ("owner", "due_at", "complaint"),
        ("department", "due_at", "complaint"),
        ("status", "filed_at", "complaint"),
        ("filed_at", "complaint"),
        ("kind", "due_at", "complaint"),
        ("channel", "due_at", "complaint"),
        ("grade", "due_at", "complaint"),
        ("language", "due_at", "complaint"),
    )
    complaint: str
    subject: str = ""
    channel: str = ""
    severity: str = ""
    urgency: int = _UNKNOWN
    severity_at: int = 0
    category: str | None = None
    category_at: int = 0
    owner: str | None = None
    department: str | None = None
    assigned_at: int = 0
    status: str = "unfiled"
    status_at: int = 0
    filed_at: int = 0
    round: int = 0
    round_at: int = 0
    is_open: bool = False
    is_pending: bool = False
    due_at: int = DONE
    due_clock: str | None = None
    clocks: dict[str, int] = msgspec.field(default_factory=dict)
    started: dict[str, int] = msgspec.field(default_factory=dict)
    paused: list[str] = msgspec.field(default_factory=list)
    questions: list[str] = msgspec.field(default_factory=list)
    escalated_to: str | None = None
    is_emergency: bool = False
    merged_into: str | None = None
    messages: int = 0
    message_at: int = 0
    promises_kept: int = 0
    promises_broken: int = 0
    kind: str = "complaint"
    grade: str | None = None
    language: str | None = None


PROJECTION = Projection(name="desk", version=6, tables=(Ticket,))


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, at: Envelope) -> None:
    """Add a ticket."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.subject, ticket.channel = event.subject, event.channel
    ticket.kind, ticket.grade, ticket.language = event.kind, event.grade, event.language
    ticket.severity, ticket.urgency = event.severity, URGENCY.get(event.severity, _UNKNOWN)
    ticket.filed_at = ticket.severity_at = at.occurred_at
    _begin(ticket, event, at, "filed")


@PROJECTION.on(ComplaintReopened)
def complaint_reopened(rows: Rows, event: ComplaintReopened, at: Envelope) -> None:
    """Begin the next round."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.round_at = max(at.occurred_at, ticket.filed_at)
    _begin(ticket, event, at, "reopened")


def _begin(ticket: Ticket, event: ComplaintFiled | ComplaintReopened, at: Envelope, status: str) -> None:
    ticket.status, ticket.status_at, ticket.is_open = status, max(at.occurred_at, ticket.filed_at), True
    ticket.round += 1
    ticket.clocks = {"acknowledge": event.acknowledge_by, "resolve": event.resolve_by}
    ticket.started = {}
    ticket.paused, ticket.questions, ticket.merged_into = [], [], None
    _update_due(ticket)


@PROJECTION.on(ComplaintAcknowledged, ApologyGiven, InformationAsked, HoldingReplySent, MessageSent, RemedyApproved)
def answered(rows: Rows, event: Event, at: Envelope) -> None:
    """Mark the ticket as answered."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if isinstance(event, InformationAsked):
        ticket.questions = sorted({*ticket.questions, event.request})
    _answer(ticket, at)


@PROJECTION.on(RemedyProposed)
def remedy_proposed(rows: Rows, event: RemedyProposed, at: Envelope) -> None:
    """Mark the ticket as answered, unless the remedy needs approval first."""
    if not event.needs_approval:
        _answer(rows.need(Ticket, at.customer, at.id), at)


@PROJECTION.on(RemedyCarriedOut)
def remedy_carried_out(rows: Rows, _event: RemedyCarriedOut, at: Envelope) -> None:
    """Mark the ticket as answered."""
    _answer(rows.need(Ticket, at.customer, at.id), at)


@PROJECTION.on(InformationReceived)
def information_received(rows: Rows, event: InformationReceived, at: Envelope) -> None:
    """Close a question to the customer."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.questions = [request for request in ticket.questions if request != event.request]


@PROJECTION.on(MessageReceived)
def message_received(rows: Rows, _event: MessageReceived, at: Envelope) -> None:
    """Count a message of the customer. The clock that it starts has an event of its own."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.messages += 1
    ticket.message_at = max(ticket.message_at, at.occurred_at)


@PROJECTION.on(PromiseJudged)
def promise_judged(rows: Rows, event: PromiseJudged, at: Envelope) -> None:
    """Count another system's judgement of a promise."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if event.kept:
        ticket.promises_kept += 1
    else:
        ticket.promises_broken += 1


def _answer(ticket: Ticket, at: Envelope) -> None:
    if max(at.occurred_at, ticket.filed_at) < ticket.round_at:
        return  # recorded late, for an earlier round
    if ticket.is_open and ticket.status != "acknowledged":
        ticket.status, ticket.status_at = "acknowledged", max(at.occurred_at, ticket.filed_at)
    # A clock that was missed before has no further event of its own.
    _drop(ticket, "acknowledge", "next_response", started_by=at.occurred_at)


@PROJECTION.on(ComplaintAssessed)
def complaint_assessed(rows: Rows, event: ComplaintAssessed, at: Envelope) -> None:
    """Keep severity and category as last assessed."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if event.severity is not None and at.occurred_at >= ticket.severity_at:
        ticket.severity_at = at.occurred_at
        ticket.severity, ticket.urgency = event.severity, URGENCY.get(event.severity, _UNKNOWN)
    if event.category is not None and at.occurred_at >= ticket.category_at:
        ticket.category_at, ticket.category = at.occurred_at, event.category


@PROJECTION.on(ComplaintAssigned)
def complaint_assigned(rows: Rows, event: ComplaintAssigned, at: Envelope) -> None:
    """Keep the owner, and the department if it is named."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if at.occurred_at >= ticket.assigned_at:
        ticket.assigned_at, ticket.owner = at.occurred_at, event.owner
        if event.department is not None:
            ticket.department = event.department


@PROJECTION.on(ComplaintTransferred)
def complaint_transferred(rows: Rows, event: ComplaintTransferred, at: Envelope) -> None:
    """Keep the new department and its owner, if one is named."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if at.occurred_at >= ticket.assigned_at:
        ticket.assigned_at, ticket.department, ticket.owner = at.occurred_at, event.department, event.owner


@PROJECTION.on(ComplaintEscalated)
def complaint_escalated(rows: Rows, event: ComplaintEscalated, at: Envelope) -> None:
    """Keep the recipient of the escalation."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.escalated_to = event.to
    ticket.is_emergency = ticket.is_emergency or event.emergency


_SETTLED: dict[type[Event], str] = {
    ComplaintResolved: "resolved",
    ComplaintClosed: "closed",
    ComplaintWithdrawn: "withdrawn",
    ComplaintMerged: "merged",
}


@PROJECTION.on(*_SETTLED)
def complaint_settled(rows: Rows, event: Event, at: Envelope) -> None:
    """Settle the ticket; only a follow-up may be left to do, and the answer to a message after the end."""
    ticket = rows.need(Ticket, at.customer, at.id)
    was_open = ticket.is_open
    ticket.status, ticket.status_at, ticket.is_open = _SETTLED[type(event)], max(at.occurred_at, ticket.filed_at), False
    if isinstance(event, ComplaintMerged):
        ticket.merged_into = event.into
    if was_open:
        _drop(ticket, "acknowledge", "next_response", "resolve")


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, _event: ComplaintFollowedUp, at: Envelope) -> None:
    """End the clock of the follow-up."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if at.occurred_at >= ticket.round_at:
        _drop(ticket, "follow_up", started_by=at.occurred_at)


# --- clocks ---------------------------------------------------------------------------------------------------------


@PROJECTION.on(ClockStarted, ClockResumed, DeadlineMoved)
def clock_set(rows: Rows, event: ClockStarted | ClockResumed | DeadlineMoved, at: Envelope) -> None:
    """Set a clock's deadline."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round != ticket.round:
        return
    ticket.clocks[name] = event.due_at
    if isinstance(event, ClockStarted):
        ticket.started[name] = event.at
    if not isinstance(event, DeadlineMoved) and name in ticket.paused:
        ticket.paused.remove(name)
    _update_due(ticket)


@PROJECTION.on(ClockPaused)
def clock_paused(rows: Rows, event: ClockPaused, at: Envelope) -> None:
    """Pause a clock."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round == ticket.round and name in ticket.clocks and name not in ticket.paused:
        ticket.paused = sorted([*ticket.paused, name])
        _update_due(ticket)


@PROJECTION.on(DeadlineMet, ClockCancelled)
def clock_ended(rows: Rows, event: DeadlineMet | ClockCancelled, at: Envelope) -> None:
    """Remove a clock that was met or cancelled."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round == ticket.round and ticket.clocks.pop(name, None) is not None:
        ticket.paused = [each for each in ticket.paused if each != name]
        _update_due(ticket)


@PROJECTION.on(DeadlineMissed)
def clock_missed(rows: Rows, event: DeadlineMissed, at: Envelope) -> None:
    """Keep a missed clock on the list until its step is done; it is paused no longer."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round == ticket.round and name in ticket.paused:
        ticket.paused.remove(name)
        _update_due(ticket)


def _name(event: Any) -> str:
    number: int = event.number
    return event.clock if number == 1 else f"{event.clock} {number}"


def _drop(ticket: Ticket, *clocks: str, started_by: int = NEVER) -> None:
    """Remove clocks whose step is done, but not those that started after it."""
    ended = [name for name in ticket.clocks if name.partition(" ")[0] in clocks]
    for name in ended:
        if ticket.started.get(name, 0) <= started_by:
            del ticket.clocks[name]
    ticket.paused = [name for name in ticket.paused if name in ticket.clocks]
    _update_due(ticket)


def _update_due(ticket: Ticket) -> None:
    """Compute the next deadline, and whether there is work."""
    running = [(due_at, name) for name, due_at in ticket.clocks.items() if name not in ticket.paused]
    ticket.is_pending = ticket.is_open or bool(ticket.clocks)
    ticket.due_at, name = min(running, default=(NEVER if ticket.is_pending else DONE, ""))
    ticket.due_clock = name.partition(" ")[0] or None
