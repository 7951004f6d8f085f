"""Folds of survey work: reminders to send, and low answers to reply to."""

from __future__ import annotations

from bisect import insort

from relations.aggregates.customer import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerErased,
    CustomerMerged,
    CustomerUnmerged,
    FeedbackAnswered,
    FeedbackCorrected,
    FeedbackGiven,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    SentimentScored,
)
from relations.messages import Envelope
from relations.policies.consents import order
from relations.projections.agenda.care import stop_care
from relations.projections.agenda.handovers import drop_handovers
from relations.projections.agenda.rows import AskedRow, FirstAnswer, Reminder
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS", "came_back", "come_back_by"]

FOLDS = Folds()


@FOLDS.on(InvitationSent)
def invitation_sent(rows: Rows, event: InvitationSent, at: Envelope) -> None:
    """Open a reminder, if the policy in force has reminders."""
    if event.remind_at is not None:
        row = rows.need(AskedRow, at.customer)
        row.reminders[event.invitation] = Reminder(event.remind_at, at.stream, event.channel, 0, at.occurred_at)
        row.settle()


@FOLDS.on(InvitationReminded)
def invitation_reminded(rows: Rows, event: InvitationReminded, at: Envelope) -> None:
    """Open the next reminder, if there is one."""
    row = rows.need(AskedRow, at.customer)
    last = row.reminders.get(event.invitation)
    if event.remind_at is None or last is None:
        _remind_no_more(rows, at, event.invitation)
        return
    row.reminders[event.invitation] = Reminder(event.remind_at, at.stream, last.channel, event.reminder, at.occurred_at)
    row.settle()


@FOLDS.on(InvitationSeen)
def invitation_seen(rows: Rows, event: InvitationSeen, at: Envelope) -> None:
    """Keep the time: reminders of other invitations wait for the end of the quarantine."""
    rows.need(AskedRow, at.customer).see(event.invitation, at.occurred_at)


@FOLDS.on(ConsentGiven)
def consent_given(rows: Rows, event: ConsentGiven, at: Envelope) -> None:
    """Keep the consent, on which reminders depend."""
    _consent(rows, event, at, event.basis)


@FOLDS.on(ConsentWithdrawn)
def consent_withdrawn(rows: Rows, event: ConsentWithdrawn, at: Envelope) -> None:
    """Keep the withdrawal."""
    _consent(rows, event, at, None)


def _consent(rows: Rows, event: ConsentGiven | ConsentWithdrawn, at: Envelope, basis: str | None) -> None:
    row = rows.need(AskedRow, at.customer)
    if not row.erased:
        said = row.consents.setdefault(f"{event.channel} {event.purpose}", {}).setdefault(at.customer, [])
        insort(said, (at.occurred_at, basis), key=order)


@FOLDS.on(CustomerMerged)
def customer_merged(rows: Rows, event: CustomerMerged, at: Envelope) -> None:
    """Keep the time since when the two ids are one person."""
    rows.need(AskedRow, at.customer).merges.append((at.occurred_at, at.customer, event.into))


@FOLDS.on(CustomerUnmerged)
def customer_unmerged(rows: Rows, _event: CustomerUnmerged, at: Envelope) -> None:
    """Remove the merge."""
    rows.need(AskedRow, at.customer).merges.clear()


@FOLDS.on(InvitationDeclined)
def invitation_declined(rows: Rows, event: InvitationDeclined, at: Envelope) -> None:
    """Close the reminder."""
    rows.need(AskedRow, at.customer).see(event.invitation, at.occurred_at)
    _remind_no_more(rows, at, event.invitation)


def _remind_no_more(rows: Rows, at: Envelope, invitation: str) -> None:
    row = rows.need(AskedRow, at.customer)
    if invitation not in row.done:
        row.done.append(invitation)
    if row.reminders.pop(invitation, None) is not None:
        row.settle()


@FOLDS.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Close the reminder, and open a reply if the answer is low."""
    if event.invitation is not None:
        row = rows.need(AskedRow, at.customer)
        row.see(event.invitation, at.occurred_at)
        answer = FirstAnswer(at.position, f"{at.stream} {event.feedback}")
        row.first.setdefault(f"{event.invitation} {event.instrument}", answer)
        if row.reminders.pop(event.invitation, None) is not None:
            row.settle()
    if event.answer_by is not None:
        come_back_by(rows, at, event.feedback, event.answer_by)


@FOLDS.on(FeedbackCorrected)
def feedback_corrected(rows: Rows, event: FeedbackCorrected, at: Envelope) -> None:
    """Replace the open reply with the one that the new answer requires, if any."""
    came_back(rows, at, event.feedback)
    if event.answer_by is not None:
        come_back_by(rows, at, event.feedback, event.answer_by)


@FOLDS.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """Open a reply to a comment without a score that a scorer found unfavourable."""
    if event.answer_by is not None:
        row = rows.get(AskedRow, at.customer)
        if row is None or f"{at.stream} {event.feedback}" not in row.answers:
            come_back_by(rows, at, event.feedback, event.answer_by)


@FOLDS.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """Close the reply."""
    came_back(rows, at, event.feedback)


@FOLDS.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Close all reminders, replies and care plans."""
    rows.need(AskedRow, at.customer).erase()
    stop_care(rows, at.customer)
    drop_handovers(rows, at.customer)


def come_back_by(rows: Rows, at: Envelope, answer: str, due_at: int) -> None:
    """Open a reply to an answer of this stream."""
    row = rows.need(AskedRow, at.customer)
    if not row.erased:
        row.answers[f"{at.stream} {answer}"] = due_at
        row.settle()


def came_back(rows: Rows, at: Envelope, answer: str) -> None:
    """Close a reply that was given or is no longer needed."""
    row = rows.get(AskedRow, at.customer)
    if row is not None and row.answers.pop(f"{at.stream} {answer}", None) is not None:
        row.settle()
