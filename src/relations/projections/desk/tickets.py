"""What the complaint desk's lists are made of: of each complaint where it stands now, whose it is and what is due.

Where a complaint stands follows from the order of its stream, as its own rules have it; who has it and how bad it is,
from the latest word by business time. Which clocks run is what their events say; one that was missed stays on the list
until what it waits for is done.
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
    RemedyApproved,
    RemedyCarriedOut,
    RemedyProposed,
)
from relations.messages import Envelope, Event
from relations.policies.complaints.service_levels import SEVERITIES
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["DONE", "NEVER", "PROJECTION", "URGENCY", "Ticket"]

NEVER = 2**62
"""When a ticket is due that is to be settled, but of which no clock runs: a number, so that lists end with these."""

DONE = NEVER + 1
"""When a ticket is due of which nothing is to be done: after all others, so that no list has to pass over it."""

URGENCY: dict[str, int] = {severity: place for place, severity in enumerate(reversed(SEVERITIES))}
"""By severity; 0 is the worst."""

_UNKNOWN = len(SEVERITIES)


class Ticket(CustomerRow, gc=False):
    """A complaint as the desk has it.

    Attributes:
        complaint: Its id.
        subject: What it is about.
        channel: How it came in.
        severity: As last assessed.
        urgency: The severity as a number, 0 the worst.
        severity_at: When, UTC microseconds.
        category: As last assessed.
        category_at: When.
        owner: Who works on it.
        department: Where.
        assigned_at: Since when either is so.
        status: filed, acknowledged, resolved, closed, withdrawn, merged or reopened.
        status_at: Since when.
        filed_at: When it was filed.
        round: Which run of the complaint this is: 1, and one more for each reopening.
        round_at: When that began.
        is_open: Whether it is still to be settled.
        is_pending: Whether there is anything to be done: it is open, or a clock runs.
        due_at: The next deadline that runs; `NEVER` where none does, `DONE` where nothing is to be done.
        due_clock: Whose.
        clocks: Deadlines by clock and number, of those that run or were missed and still wait.
        started: When those of them started that do so later than the round, UTC microseconds.
        paused: Those of them that stand still.
        questions: What was asked of the customer in this round and is not answered.
        escalated_to: Who was last called.
        is_emergency: Whether that was on the emergency path.
        merged_into: The complaint that it is a duplicate of.
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


PROJECTION = Projection(name="desk", version=2, tables=(Ticket,))


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, at: Envelope) -> None:
    """Something is to be done."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.subject, ticket.channel = event.subject, event.channel
    ticket.severity, ticket.urgency = event.severity, URGENCY.get(event.severity, _UNKNOWN)
    ticket.filed_at = ticket.severity_at = at.occurred_at
    _begin(ticket, event, at, "filed")


@PROJECTION.on(ComplaintReopened)
def complaint_reopened(rows: Rows, event: ComplaintReopened, at: Envelope) -> None:
    """It is to be done again."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.round_at = max(at.occurred_at, ticket.filed_at)
    _begin(ticket, event, at, "reopened")


def _begin(ticket: Ticket, event: ComplaintFiled | ComplaintReopened, at: Envelope, status: str) -> None:
    ticket.status, ticket.status_at, ticket.is_open = status, max(at.occurred_at, ticket.filed_at), True
    ticket.round += 1
    ticket.clocks = {"acknowledge": event.acknowledge_by, "resolve": event.resolve_by}
    ticket.started = {}
    ticket.paused, ticket.questions, ticket.merged_into = [], [], None
    _reckon(ticket)


@PROJECTION.on(ComplaintAcknowledged, ApologyGiven, InformationAsked, HoldingReplySent, RemedyApproved)
def answered(rows: Rows, event: Event, at: Envelope) -> None:
    """The customer knows that they were heard."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if isinstance(event, InformationAsked):
        ticket.questions = sorted({*ticket.questions, event.request})
    _answer(ticket, at)


@PROJECTION.on(RemedyProposed)
def remedy_proposed(rows: Rows, event: RemedyProposed, at: Envelope) -> None:
    """An offer is an answer, once the customer may know of it."""
    if not event.needs_approval:
        _answer(rows.need(Ticket, at.customer, at.id), at)


@PROJECTION.on(RemedyCarriedOut)
def remedy_carried_out(rows: Rows, _event: RemedyCarriedOut, at: Envelope) -> None:
    """A deed is an answer too."""
    _answer(rows.need(Ticket, at.customer, at.id), at)


@PROJECTION.on(InformationReceived)
def information_received(rows: Rows, event: InformationReceived, at: Envelope) -> None:
    """The customer gave what was asked for."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.questions = [request for request in ticket.questions if request != event.request]


def _answer(ticket: Ticket, at: Envelope) -> None:
    if not ticket.is_open or max(at.occurred_at, ticket.filed_at) < ticket.round_at:
        return  # recorded late, for an earlier round
    if ticket.status != "acknowledged":
        ticket.status, ticket.status_at = "acknowledged", max(at.occurred_at, ticket.filed_at)
    # A clock that was missed before is not ended by an event of its own again.
    _drop(ticket, "acknowledge", "next_response", started_by=at.occurred_at)


@PROJECTION.on(ComplaintAssessed)
def complaint_assessed(rows: Rows, event: ComplaintAssessed, at: Envelope) -> None:
    """How bad it is."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if event.severity is not None and at.occurred_at >= ticket.severity_at:
        ticket.severity_at = at.occurred_at
        ticket.severity, ticket.urgency = event.severity, URGENCY.get(event.severity, _UNKNOWN)
    if event.category is not None and at.occurred_at >= ticket.category_at:
        ticket.category_at, ticket.category = at.occurred_at, event.category


@PROJECTION.on(ComplaintAssigned)
def complaint_assigned(rows: Rows, event: ComplaintAssigned, at: Envelope) -> None:
    """Somebody has it."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if at.occurred_at >= ticket.assigned_at:
        ticket.assigned_at, ticket.owner = at.occurred_at, event.owner
        if event.department is not None:
            ticket.department = event.department


@PROJECTION.on(ComplaintTransferred)
def complaint_transferred(rows: Rows, event: ComplaintTransferred, at: Envelope) -> None:
    """Another department has it; who there, if that was said."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if at.occurred_at >= ticket.assigned_at:
        ticket.assigned_at, ticket.department, ticket.owner = at.occurred_at, event.department, event.owner


@PROJECTION.on(ComplaintEscalated)
def complaint_escalated(rows: Rows, event: ComplaintEscalated, at: Envelope) -> None:
    """Somebody higher up knows of it."""
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
    """Nothing is to be done but to ask how the customer sees it."""
    ticket = rows.need(Ticket, at.customer, at.id)
    ticket.status, ticket.status_at, ticket.is_open = _SETTLED[type(event)], max(at.occurred_at, ticket.filed_at), False
    if isinstance(event, ComplaintMerged):
        ticket.merged_into = event.into
    _drop(ticket, "acknowledge", "next_response", "resolve")


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, _event: ComplaintFollowedUp, at: Envelope) -> None:
    """The customer was asked."""
    ticket = rows.need(Ticket, at.customer, at.id)
    if at.occurred_at >= ticket.round_at:
        _drop(ticket, "follow_up", started_by=at.occurred_at)


# --- clocks ---------------------------------------------------------------------------------------------------------


@PROJECTION.on(ClockStarted, ClockResumed, DeadlineMoved)
def clock_set(rows: Rows, event: ClockStarted | ClockResumed | DeadlineMoved, at: Envelope) -> None:
    """A clock runs, to a deadline."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round != ticket.round:
        return
    ticket.clocks[name] = event.due_at
    if isinstance(event, ClockStarted):
        ticket.started[name] = event.at
    if not isinstance(event, DeadlineMoved) and name in ticket.paused:
        ticket.paused.remove(name)
    _reckon(ticket)


@PROJECTION.on(ClockPaused)
def clock_paused(rows: Rows, event: ClockPaused, at: Envelope) -> None:
    """A clock stands still."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round == ticket.round and name in ticket.clocks and name not in ticket.paused:
        ticket.paused = sorted([*ticket.paused, name])
        _reckon(ticket)


@PROJECTION.on(DeadlineMet, ClockCancelled)
def clock_ended(rows: Rows, event: DeadlineMet | ClockCancelled, at: Envelope) -> None:
    """A clock waits for nothing any more."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round == ticket.round and ticket.clocks.pop(name, None) is not None:
        ticket.paused = [each for each in ticket.paused if each != name]
        _reckon(ticket)


@PROJECTION.on(DeadlineMissed)
def clock_missed(rows: Rows, event: DeadlineMissed, at: Envelope) -> None:
    """What it waits for is still to be done, unless it was done late: then it is not on the list any more."""
    ticket, name = rows.need(Ticket, at.customer, at.id), _name(event)
    if event.round == ticket.round and name in ticket.paused:
        ticket.paused.remove(name)
        _reckon(ticket)


def _name(event: Any) -> str:
    number: int = event.number
    return event.clock if number == 1 else f"{event.clock} {number}"


def _drop(ticket: Ticket, *clocks: str, started_by: int = NEVER) -> None:
    """What these clocks waited for is done; one that started later than that waits on."""
    ended = [name for name in ticket.clocks if name.partition(" ")[0] in clocks]
    for name in ended:
        if ticket.started.get(name, 0) <= started_by:
            del ticket.clocks[name]
    ticket.paused = [name for name in ticket.paused if name in ticket.clocks]
    _reckon(ticket)


def _reckon(ticket: Ticket) -> None:
    """The next deadline, and whether anything is to be done."""
    running = [(due_at, name) for name, due_at in ticket.clocks.items() if name not in ticket.paused]
    ticket.is_pending = ticket.is_open or bool(ticket.clocks)
    ticket.due_at, name = min(running, default=(NEVER if ticket.is_pending else DONE, ""))
    ticket.due_clock = name.partition(" ")[0] or None
