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
from relations.projections.agenda.rows import Asked, FirstAnswer, Reminder
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS", "came_back", "come_back_by"]

FOLDS = Folds()


@FOLDS.on(InvitationSent)
def invitation_sent(rows: Rows, event: InvitationSent, at: Envelope) -> None:
    """A reminder is due later, where the policy of its time reminds anybody."""
    if event.remind_at is not None:
        row = rows.need(Asked, at.customer)
        row.reminders[event.invitation] = Reminder(event.remind_at, at.stream)
        row.settle()


@FOLDS.on(InvitationReminded)
def invitation_reminded(rows: Rows, event: InvitationReminded, at: Envelope) -> None:
    """The next reminder is due later, or none any more."""
    if event.remind_at is None:
        _remind_no_more(rows, at, event.invitation)
        return
    row = rows.need(Asked, at.customer)
    row.reminders[event.invitation] = Reminder(event.remind_at, at.stream)
    row.settle()


@FOLDS.on(InvitationDeclined)
def invitation_declined(rows: Rows, event: InvitationDeclined, at: Envelope) -> None:
    """Nobody is reminded of it."""
    _remind_no_more(rows, at, event.invitation)


def _remind_no_more(rows: Rows, at: Envelope, invitation: str) -> None:
    row = rows.need(Asked, at.customer)
    if invitation not in row.done:
        row.done.append(invitation)
    row.reminders.pop(invitation, None)
    row.settle()


@FOLDS.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Nobody is reminded of what is answered; a low answer asks for one of the business."""
    if event.invitation is not None:
        row = rows.need(Asked, at.customer)
        answer = FirstAnswer(at.position, f"{at.stream} {event.feedback}")
        row.first.setdefault(f"{event.invitation} {event.instrument}", answer)
        if row.reminders.pop(event.invitation, None) is not None:
            row.settle()
    if event.answer_by is not None:
        come_back_by(rows, at, event.feedback, event.answer_by)


@FOLDS.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """So do unfavourable words without a score, from the first scorer who finds them so on."""
    if event.answer_by is not None:
        row = rows.get(Asked, at.customer)
        if row is None or f"{at.stream} {event.feedback}" not in row.answers:
            come_back_by(rows, at, event.feedback, event.answer_by)


@FOLDS.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """The business came back."""
    came_back(rows, at, event.feedback)


@FOLDS.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """There is nobody to remind or to come back to."""
    rows.need(Asked, at.customer).erase()


def come_back_by(rows: Rows, at: Envelope, answer: str, due_at: int) -> None:
    """The business is to come back on an answer of this stream."""
    row = rows.need(Asked, at.customer)
    if not row.erased:
        row.answers[f"{at.stream} {answer}"] = due_at
        row.settle()


def came_back(rows: Rows, at: Envelope, answer: str) -> None:
    """The business has, or need not any more."""
    row = rows.get(Asked, at.customer)
    if row is not None and row.answers.pop(f"{at.stream} {answer}", None) is not None:
        row.settle()
