"""The satisfaction view's row for each respondent: what they were asked and what they answered.

There are no tallies. A count of answers does not show how many *people* a figure is about, nor which figures would
disclose each other.

The customer aggregate already refuses a second answer to an invitation, so every event counts here. If one invitation
was answered under two ids that were merged later, only the first answer recorded counts when a question is asked.

The scores of complaints' follow-ups (1 to 5) are an instrument of their own, `complaint_csat`, at the touchpoint
`complaint`. Only customers with a complaint are asked. Added to `csat`, the number of complaints would change the
satisfaction with everything else.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.aggregates.complaint import (
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
)
from relations.aggregates.customer import (
    CustomerErased,
    CustomerRegistered,
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackCorrected,
    FeedbackGiven,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    ItemAnswer,
    ProfileCorrected,
    SentimentScored,
)
from relations.messages import Envelope
from relations.projections.known import Known, newer
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["COMPLAINT_CSAT", "PROJECTION", "ComplaintOutcome", "Given", "InvitationOutcome", "Respondent", "Sentiment"]

COMPLAINT_CSAT = "complaint_csat"


class Sentiment(msgspec.Struct, array_like=True, gc=False):
    """The sentiment that one version of a scorer found in the words, in thousandths."""

    score: int
    scorer: str
    version: str


class Given(msgspec.Struct, array_like=True, gc=False):
    """One answer of a respondent.

    Attributes:
        at: The time at which it was given, UTC microseconds.
        position: The event's position in the log.
        instrument: The instrument's id.
        score: The score; absent for questionnaires and notes.
        touchpoint: The touchpoint; empty if unknown.
        channel: The channel; empty if unknown.
        invitation: The invitation that it answers.
        regarding: The purchase, stay or complaint that it is about.
        items: The answers to a questionnaire's items.
        themes: The policy's themes that the words are about.
        words: True if there are words; the words themselves are not kept here.
        followed_at: The time of the business's reply.
        sentiments: The sentiment found by each version of each scorer.
        coded: Time and position of the coding in force; absent if the themes came with the answer.
        answer_by: The time by which the business has to reply, as decided with the answer.
        language: The language of the answer; empty if unknown.
        platform: The platform on which it was posted in public; empty if it is not a post.
    """

    at: int
    position: int
    instrument: str
    score: int | None = None
    touchpoint: str = ""
    channel: str = ""
    invitation: str | None = None
    regarding: str | None = None
    items: list[ItemAnswer] = msgspec.field(default_factory=list)
    themes: list[str] = msgspec.field(default_factory=list)
    words: bool = False
    followed_at: int | None = None
    sentiments: list[Sentiment] = msgspec.field(default_factory=list)
    coded: tuple[int, int] | None = None
    answer_by: int | None = None
    language: str = ""
    platform: str = ""


class InvitationOutcome(msgspec.Struct, array_like=True, gc=False):
    """One invitation with its reminders and outcome."""

    at: int
    instrument: str
    touchpoint: str = ""
    channel: str = ""
    reminders: int = 0
    seen_at: int | None = None
    declined_at: int | None = None

    @property
    def was_seen(self) -> bool:
        """Return True if it is known to have been seen; one that was declined has."""
        return self.seen_at is not None or self.declined_at is not None


class ComplaintOutcome(msgspec.Struct, array_like=True, gc=False):
    """A complaint and its standing: `open`, `resolved`, `withdrawn` or `reopened`."""

    filed_at: int
    standing: str = "open"


class Respondent(CustomerRow, gc=False):
    """One customer as a respondent.

    Attributes:
        language: The customer's language, as last known.
        region: The customer's region, as last known.
        answers: Answers by id; a complaint's follow-up by its stream and version.
        invitations: Invitations by id.
        complaints: Complaints by id.
        erased_at: The time of the last erasure; nobody can reply to the customer any more.
    """

    table: ClassVar[str] = "respondent"
    language: Known | None = None
    region: Known | None = None
    answers: dict[str, Given] = msgspec.field(default_factory=dict)
    invitations: dict[str, InvitationOutcome] = msgspec.field(default_factory=dict)
    complaints: dict[str, ComplaintOutcome] = msgspec.field(default_factory=dict)
    erased_at: int | None = None

    def absorb(self, other: Respondent) -> None:
        """Add the row of another id of the same customer."""
        self.language = newer(self.language, other.language)
        self.region = newer(self.region, other.region)
        # Two ids may have answers with the same id: both are kept, and the first recorded keeps its name.
        for name, answer in other.answers.items():
            mine = self.answers.get(name, answer)
            first, later = (mine, answer) if mine.position <= answer.position else (answer, mine)
            self.answers[name] = first
            if later is not first:
                self.answers[f"{name}@{later.position}"] = later
        for name, invited in other.invitations.items():
            known = self.invitations.get(name)
            self.invitations[name] = invited if known is None else _either(known, invited)
        self.complaints.update(other.complaints)
        self.erased_at = max((at for at in (self.erased_at, other.erased_at) if at is not None), default=None)


def _either(one: InvitationOutcome, other: InvitationOutcome) -> InvitationOutcome:
    """Combine one invitation under two ids: sent once, and seen, reminded of or declined under either."""
    first, second = sorted((one, other), key=lambda each: (each.at, each.instrument, each.touchpoint, each.channel))

    def soonest(left: int | None, right: int | None) -> int | None:
        return min((at for at in (left, right) if at is not None), default=None)

    return InvitationOutcome(
        first.at,
        first.instrument,
        first.touchpoint,
        first.channel,
        max(first.reminders, second.reminders),
        soonest(first.seen_at, second.seen_at),
        soonest(first.declined_at, second.declined_at),
    )


PROJECTION = Projection(name="satisfaction", version=9, tables=(Respondent,))


@PROJECTION.on(CustomerRegistered, ProfileCorrected)
def profile_known(rows: Rows, event: CustomerRegistered | ProfileCorrected, envelope: Envelope) -> None:
    """Keep language and region as last known; without either no row is made."""
    if event.language is not None:
        row = rows.need(Respondent, envelope.customer)
        row.language = newer(row.language, Known(envelope.occurred_at, envelope.position, event.language))
    if event.region is not None:
        row = rows.need(Respondent, envelope.customer)
        row.region = newer(row.region, Known(envelope.occurred_at, envelope.position, event.region))


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, envelope: Envelope) -> None:
    """Add an answer."""
    rows.need(Respondent, envelope.customer).answers[event.feedback] = Given(
        envelope.occurred_at,
        envelope.position,
        event.instrument,
        event.score,
        event.touchpoint or "",
        event.channel or "",
        event.invitation,
        event.regarding,
        list(event.items),
        list(event.themes),
        event.comment is not None,
        answer_by=event.answer_by,
        language=event.language or "",
        platform=event.platform or "",
    )


@PROJECTION.on(FeedbackCorrected)
def feedback_corrected(rows: Rows, event: FeedbackCorrected, envelope: Envelope) -> None:
    """Replace an answer by the customer's last word, which counts from its own time."""
    given = rows.need(Respondent, envelope.customer).answers.get(event.feedback)
    if given is not None:
        given.at, given.score, given.items = envelope.occurred_at, event.score, list(event.items)
        given.words, given.answer_by = event.comment is not None or given.words, event.answer_by
        if event.themes is not None:  # its words replace the earlier ones, and what was found in those
            given.words, given.themes, given.language = (
                event.comment is not None,
                list(event.themes),
                event.language or "",
            )
            given.coded, given.sentiments = None, []


@PROJECTION.on(FeedbackCoded)
def feedback_coded(rows: Rows, event: FeedbackCoded, envelope: Envelope) -> None:
    """Keep the coding with the latest business time, in whatever order codings are recorded."""
    given = rows.need(Respondent, envelope.customer).answers.get(event.feedback)
    coded = envelope.occurred_at, envelope.position
    if given is not None and (given.coded is None or given.coded < coded):
        given.themes, given.coded = list(event.themes), coded


@PROJECTION.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, envelope: Envelope) -> None:
    """Keep each scorer's sentiment on its own: scorers use different scales."""
    given = rows.need(Respondent, envelope.customer).answers.get(event.feedback)
    if given is not None:
        given.sentiments.append(Sentiment(event.score, event.scorer, event.scorer_version))
        if given.answer_by is None:
            given.answer_by = event.answer_by


@PROJECTION.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, envelope: Envelope) -> None:
    """Keep the time of the reply."""
    given = rows.need(Respondent, envelope.customer).answers.get(event.feedback)
    if given is not None:
        given.followed_at = envelope.occurred_at


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, envelope: Envelope) -> None:
    """Keep the time of the erasure, with or without earlier answers: complaints may still be filed for the customer."""
    row = rows.need(Respondent, envelope.customer)
    row.erased_at = max(envelope.occurred_at, row.erased_at or envelope.occurred_at)


@PROJECTION.on(InvitationSent)
def invitation_sent(rows: Rows, event: InvitationSent, envelope: Envelope) -> None:
    """Add an invitation."""
    rows.need(Respondent, envelope.customer).invitations[event.invitation] = InvitationOutcome(
        envelope.occurred_at, event.instrument, event.touchpoint or "", event.channel
    )


@PROJECTION.on(InvitationReminded, InvitationSeen, InvitationDeclined)
def invitation_went_on(
    rows: Rows, event: InvitationReminded | InvitationSeen | InvitationDeclined, envelope: Envelope
) -> None:
    """Keep a reminder, or that the invitation was seen or declined."""
    invited = rows.need(Respondent, envelope.customer).invitations.get(event.invitation)
    if invited is None:
        return
    if isinstance(event, InvitationReminded):
        invited.reminders = max(invited.reminders, event.reminder)
    elif isinstance(event, InvitationDeclined):
        invited.declined_at = envelope.occurred_at
    elif invited.seen_at is None or envelope.occurred_at < invited.seen_at:
        invited.seen_at = envelope.occurred_at


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, envelope: Envelope) -> None:
    """Add a complaint: later answers come from somebody who complained. Other kinds of case are not added."""
    if event.kind != "complaint":
        return
    rows.need(Respondent, envelope.customer).complaints[envelope.id] = ComplaintOutcome(envelope.occurred_at)


@PROJECTION.on(ComplaintResolved, ComplaintWithdrawn, ComplaintReopened)
def complaint_went_on(
    rows: Rows, event: ComplaintResolved | ComplaintWithdrawn | ComplaintReopened, envelope: Envelope
) -> None:
    """Keep the complaint's standing. A reopening is a reply to what the customer said of its handling."""
    row = rows.need(Respondent, envelope.customer)
    case = row.complaints.get(envelope.id)
    if case is not None:
        case.standing = _STANDINGS[type(event)]
    if type(event) is ComplaintReopened:
        _reply_to(row, envelope)


_STANDINGS: dict[type[ComplaintResolved | ComplaintWithdrawn | ComplaintReopened], str] = {
    ComplaintResolved: "resolved",
    ComplaintWithdrawn: "withdrawn",
    ComplaintReopened: "reopened",
}


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, event: ComplaintFollowedUp, envelope: Envelope) -> None:
    """Add the score of the complaint's handling. A new follow-up is a reply to the answers before."""
    row = rows.need(Respondent, envelope.customer)
    _reply_to(row, envelope)
    if event.score is not None and envelope.id in row.complaints:
        row.answers[f"{envelope.stream}@{envelope.version}"] = Given(
            envelope.occurred_at,
            envelope.position,
            COMPLAINT_CSAT,
            event.score,
            "complaint",
            regarding=envelope.id,
            answer_by=event.answer_by,
        )


def _reply_to(row: Respondent, envelope: Envelope) -> None:
    for given in row.answers.values():
        if given.instrument == COMPLAINT_CSAT and given.regarding == envelope.id and given.followed_at is None:
            given.followed_at = max(envelope.occurred_at, given.at)
