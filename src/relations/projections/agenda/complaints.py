"""What is open with complaints: their clocks, the next step of escalation, whom to ask after a resolution."""

from __future__ import annotations

from relations.aggregates.complaint import (
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    ComplaintClosed,
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
from relations.projections.agenda.rows import Item, Kind
from relations.projections.agenda.surveys import came_back, come_back_by
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS"]

FOLDS = Folds()

_DEADLINES: dict[str, Kind] = {
    "acknowledge": "acknowledge",
    "next_response": "next_response",
    "resolve": "resolve",
    # The item `follow_up` is work for people, from the surveys' policy; this is the promise of the service levels.
    "follow_up": "follow_up_deadline",
}
"""By clock."""


@FOLDS.on(ComplaintFiled, ComplaintReopened)
def clocks_started(rows: Rows, event: ComplaintFiled | ComplaintReopened, at: Envelope) -> None:
    """Both clocks run; what was to be asked about an earlier resolution no longer is."""
    _open(rows, at, "acknowledge", event.acknowledge_by)
    _open(rows, at, "resolve", event.resolve_by)
    rows.drop(Item, at.customer, at.stream, "", "follow_up")
    came_back(rows, at, "")


@FOLDS.on(ClockStarted, ClockResumed, DeadlineMoved)
def deadline_set(rows: Rows, event: ClockStarted | ClockResumed | DeadlineMoved, at: Envelope) -> None:
    """A clock runs towards this deadline, whatever it was before."""
    _open(rows, at, _DEADLINES[event.clock], event.due_at)


@FOLDS.on(ClockPaused, ClockCancelled)
def clock_stopped(rows: Rows, event: ClockPaused | ClockCancelled, at: Envelope) -> None:
    """Nothing is due while the customer is asked, nor of what was called off."""
    rows.drop(Item, at.customer, at.stream, "", _DEADLINES[event.clock])


@FOLDS.on(EscalationPlanned)
def escalation_planned(rows: Rows, event: EscalationPlanned, at: Envelope) -> None:
    """The next step of escalation, in place of the one planned before."""
    if event.due_at is None:
        rows.drop(Item, at.customer, at.stream, "", "escalation")
    else:
        _open(rows, at, "escalation", event.due_at)


@FOLDS.on(DeadlineMet, DeadlineMissed)
def clock_ended(rows: Rows, event: DeadlineMet | DeadlineMissed, at: Envelope) -> None:
    """The clock is off, in time or not. A clock of another round is not the one that runs."""
    what = _DEADLINES[event.clock]
    item = rows.get(Item, at.customer, at.stream, "", what)
    if item is not None and item.at == event.due_at:
        rows.drop(Item, at.customer, at.stream, "", what)


@FOLDS.on(ComplaintResolved)
def resolved(rows: Rows, _event: ComplaintResolved, at: Envelope) -> None:
    """No clock runs on; the customer is to be asked how they see it."""
    _stop_clocks(rows, at)
    _open(rows, at, "follow_up", at.occurred_at)


@FOLDS.on(ComplaintFollowedUp)
def followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """The customer was asked. One recorded late was of an earlier resolution, and leaves the last one to ask about.

    A low score asks for an answer of the business: a reopening, or another follow-up.
    """
    came_back(rows, at, "")
    if event.answer_by is not None:
        come_back_by(rows, at, "", event.answer_by)
    item = rows.get(Item, at.customer, at.stream, "", "follow_up")
    if item is not None and item.at <= at.occurred_at:
        rows.drop(Item, at.customer, at.stream, "", "follow_up")


@FOLDS.on(ComplaintClosed, ComplaintWithdrawn, ComplaintMerged)
def ended(rows: Rows, _event: ComplaintClosed | ComplaintWithdrawn | ComplaintMerged, at: Envelope) -> None:
    """No clock runs on. That a file was put away does not answer how the customer sees it: a follow-up stays due."""
    _stop_clocks(rows, at)


def _open(rows: Rows, at: Envelope, kind: Kind, moment: int) -> None:
    customer, stream = at.customer, at.stream
    rows.tables[Item][customer, stream, "", kind] = Item(customer, stream, "", kind, kind, moment)


def _stop_clocks(rows: Rows, at: Envelope) -> None:
    rows.drop(Item, at.customer, at.stream, "", "acknowledge")
    rows.drop(Item, at.customer, at.stream, "", "next_response")
    rows.drop(Item, at.customer, at.stream, "", "resolve")
