"""What is open with customers who were asked: whom to remind, and on whose low answer to come back."""

from __future__ import annotations

from relations.aggregates.customer import (
    CustomerErased,
    FeedbackAnswered,
    FeedbackGiven,
    InvitationDeclined,
    InvitationReminded,
    InvitationSent,
    SentimentScored,
)
from relations.messages import Envelope
from relations.projections.agenda_rows import Asked, Kind
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS", "note_asked"]

FOLDS = Folds()


@FOLDS.on(InvitationSent, InvitationReminded)
def invitation_sent(rows: Rows, event: InvitationSent | InvitationReminded, at: Envelope) -> None:
    """A reminder is due later, or none any more."""
    note_asked(rows, at, "reminder", event.invitation, event.remind_at)


@FOLDS.on(InvitationDeclined)
def invitation_declined(rows: Rows, event: InvitationDeclined, at: Envelope) -> None:
    """Nobody is reminded of it."""
    note_asked(rows, at, "reminder", event.invitation, None)


@FOLDS.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Nobody is reminded of what is answered; a low answer asks for one of the business."""
    if event.invitation is not None:
        note_asked(rows, at, "reminder", event.invitation, None)
    if event.answer_by is not None:
        note_asked(rows, at, "answer", event.feedback, event.answer_by)


@FOLDS.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """So do unfavourable words without a score, from the first scorer who finds them so on."""
    if event.answer_by is not None:
        row = rows.get(Asked, at.customer)
        if row is None or f"{at.stream} answer {event.feedback}" not in row.open:
            note_asked(rows, at, "answer", event.feedback, event.answer_by)


@FOLDS.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """The business came back."""
    note_asked(rows, at, "answer", event.feedback, None)


@FOLDS.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """There is nobody to remind or to come back to."""
    rows.drop(Asked, at.customer)


def note_asked(rows: Rows, at: Envelope, kind: Kind, name: str, due_at: int | None) -> None:
    """Something is open with a customer until then; None: no longer."""
    what = f"{at.stream} {kind} {name}"
    row = rows.get(Asked, at.customer)
    if due_at is not None:
        row = row or rows.need(Asked, at.customer)
        row.open[what] = due_at
    elif row is None or row.open.pop(what, None) is None:
        return
    if row.open:
        row.at = min(row.open.values())
    else:
        rows.drop(Asked, at.customer)
