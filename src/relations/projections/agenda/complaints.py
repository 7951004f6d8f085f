"""Folds of complaint work: clocks, the next escalation, and follow-ups after a resolution."""

from __future__ import annotations

from relations.aggregates.complaint import (
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    EscalationPlanned,
)
from relations.messages import Envelope
from relations.projections.agenda.rows import Item, Kind, OtherCase
from relations.projections.agenda.surveys import came_back, come_back_by
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS"]

FOLDS = Folds()

_DEADLINES: dict[str, Kind] = {
    "acknowledge": "acknowledge",
    "next_response": "next_response",
    "resolve": "resolve",
    # The item `follow_up` is work for people, from the survey policy; this is the deadline of the service levels.
    "follow_up": "follow_up_deadline",
}
"""The kind of item by clock."""


@FOLDS.on(ComplaintFiled, ComplaintReopened)
def clocks_started(rows: Rows, event: ComplaintFiled | ComplaintReopened, at: Envelope) -> None:
    """Open both clocks; close the follow-up of an earlier resolution."""
    if isinstance(event, ComplaintFiled) and event.kind != "complaint":
        rows.need(OtherCase, at.customer, at.stream).kind = event.kind
    _open(rows, at, "acknowledge", event.acknowledge_by)
    _open(rows, at, "resolve", event.resolve_by)
    rows.drop(Item, at.customer, at.stream, "", "follow_up")
    came_back(rows, at, "")


@FOLDS.on(ClockStarted, ClockResumed, DeadlineMoved)
def deadline_set(rows: Rows, event: ClockStarted | ClockResumed | DeadlineMoved, at: Envelope) -> None:
    """Set the deadline of a clock."""
    _open(rows, at, _DEADLINES[event.clock], event.due_at)


@FOLDS.on(ClockPaused, ClockCancelled)
def clock_stopped(rows: Rows, event: ClockPaused | ClockCancelled, at: Envelope) -> None:
    """Close a clock that is paused or cancelled."""
    rows.drop(Item, at.customer, at.stream, "", _DEADLINES[event.clock])


@FOLDS.on(EscalationPlanned)
def escalation_planned(rows: Rows, event: EscalationPlanned, at: Envelope) -> None:
    """Replace the next escalation."""
    if event.due_at is None:
        rows.drop(Item, at.customer, at.stream, "", "escalation")
    else:
        _open(rows, at, "escalation", event.due_at)


@FOLDS.on(DeadlineMet, DeadlineMissed)
def clock_ended(rows: Rows, event: DeadlineMet | DeadlineMissed, at: Envelope) -> None:
    """Close a clock that was met or missed, unless one of another round runs now."""
    what = _DEADLINES[event.clock]
    item = rows.get(Item, at.customer, at.stream, "", what)
    if item is not None and item.at == event.due_at:
        rows.drop(Item, at.customer, at.stream, "", what)


@FOLDS.on(ComplaintResolved)
def resolved(rows: Rows, _event: ComplaintResolved, at: Envelope) -> None:
    """Close the clocks and open the follow-up, which only complaints have."""
    _stop_clocks(rows, at)
    if rows.get(OtherCase, at.customer, at.stream) is None:
        _open(rows, at, "follow_up", at.occurred_at)


@FOLDS.on(ComplaintFollowedUp)
def followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """Close the follow-up, unless it was dated before the last resolution.

    A low score requires a reply: a reopening or another follow-up.
    """
    came_back(rows, at, "")
    if event.answer_by is not None:
        come_back_by(rows, at, "", event.answer_by)
    item = rows.get(Item, at.customer, at.stream, "", "follow_up")
    if item is not None and item.at <= at.occurred_at:
        rows.drop(Item, at.customer, at.stream, "", "follow_up")


@FOLDS.on(ComplaintWithdrawn, ComplaintMerged)
def ended(rows: Rows, _event: ComplaintWithdrawn | ComplaintMerged, at: Envelope) -> None:
    """Close the clocks. Closing a case does not: it had an end before, and a follow-up or an answer stays due."""
    _stop_clocks(rows, at)


def _open(rows: Rows, at: Envelope, kind: Kind, moment: int) -> None:
    customer, stream = at.customer, at.stream
    rows.tables[Item][customer, stream, "", kind] = Item(customer, stream, "", kind, kind, moment)


def _stop_clocks(rows: Rows, at: Envelope) -> None:
    rows.drop(Item, at.customer, at.stream, "", "acknowledge")
    rows.drop(Item, at.customer, at.stream, "", "next_response")
    rows.drop(Item, at.customer, at.stream, "", "resolve")
