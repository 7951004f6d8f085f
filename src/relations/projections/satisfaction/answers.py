"""What the satisfaction view keeps: one row a respondent, with what they were asked and what they said.

There are no tallies beside it: how many *people* a figure is about, and which figures would give each other away, no
count of answers can tell. That an invitation is counted once is decided where feedback is given; here every event
counts, and where the same invitation was answered under two ids that turn out to be one customer's, all answers but the
first recorded are left out when asked.

Scores of complaints' follow-ups (1 to 5) are an instrument of their own, `complaint_csat`, at the touchpoint
`complaint`: they measure the handling of a failure, asked only of those who had one, so that adding them to `csat`
would let the number of complaints move the satisfaction with everything else.
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

__all__ = ["COMPLAINT_CSAT", "PROJECTION", "Case", "Given", "Invited", "Respondent", "Sentiment"]

COMPLAINT_CSAT = "complaint_csat"


class Sentiment(msgspec.Struct, array_like=True, gc=False):
    """How favourable one version of one scorer found the words, in thousandths."""

    score: int
    scorer: str
    version: str


class Given(msgspec.Struct, array_like=True, gc=False):
    """One answer, as a respondent's row keeps it.

    Attributes:
        at: When it was given, UTC microseconds.
        position: Of its event in the log.
        words: Whether there are words; the words themselves are not here.
        followed_at: When the business came back on it.
        sentiments: What each version of each scorer made of the words.
        coded: When the words were coded as they are now, and the position of that; absent where not beside the answer.
        answer_by: By when the business is to come back, as was decided with the answer.
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


class Invited(msgspec.Struct, array_like=True, gc=False):
    """One invitation, and what became of it."""

    at: int
    instrument: str
    touchpoint: str = ""
    channel: str = ""
    reminders: int = 0
    seen_at: int | None = None
    declined_at: int | None = None

    @property
    def was_seen(self) -> bool:
        """Whether it is known to have been seen; whoever declines has."""
        return self.seen_at is not None or self.declined_at is not None


class Case(msgspec.Struct, array_like=True, gc=False):
    """A complaint, and how it stands: `open`, `resolved`, `withdrawn` or `reopened`."""

    filed_at: int
    standing: str = "open"


class Respondent(CustomerRow, gc=False):
    """Who answers: what is known of them, what they were asked, and what they said.

    Attributes:
        language: Their own, as last known.
        region: Likewise.
        answers: By the answer's id; a complaint's follow-up by its stream and version.
        invitations: By id.
        complaints: By id.
        erased_at: When they were last erased: there is nobody to come back to.
    """

    table: ClassVar[str] = "respondent"
    language: Known | None = None
    region: Known | None = None
    answers: dict[str, Given] = msgspec.field(default_factory=dict)
    invitations: dict[str, Invited] = msgspec.field(default_factory=dict)
    complaints: dict[str, Case] = msgspec.field(default_factory=dict)
    erased_at: int | None = None

    def absorb(self, other: Respondent) -> None:
        """What either id is known for, was asked and said, is the one customer's."""
        self.language = newer(self.language, other.language)
        self.region = newer(self.region, other.region)
        # Two ids may have answers, and invitations, of one name: both are kept, and the first recorded keeps the name.
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


def _either(one: Invited, other: Invited) -> Invited:
    """The same invitation under two ids: sent once, and seen, reminded of and declined under either."""
    first, second = sorted((one, other), key=lambda each: (each.at, each.instrument, each.touchpoint, each.channel))

    def soonest(left: int | None, right: int | None) -> int | None:
        return min((at for at in (left, right) if at is not None), default=None)

    return Invited(
        first.at,
        first.instrument,
        first.touchpoint,
        first.channel,
        max(first.reminders, second.reminders),
        soonest(first.seen_at, second.seen_at),
        soonest(first.declined_at, second.declined_at),
    )


PROJECTION = Projection(name="satisfaction", version=5, tables=(Respondent,))


@PROJECTION.on(CustomerRegistered, ProfileCorrected)
def profile_known(rows: Rows, event: CustomerRegistered | ProfileCorrected, at: Envelope) -> None:
    """Where somebody is and what they speak; who says neither gets no row for it."""
    if event.language is not None:
        row = rows.need(Respondent, at.customer)
        row.language = newer(row.language, Known(at.occurred_at, at.position, event.language))
    if event.region is not None:
        row = rows.need(Respondent, at.customer)
        row.region = newer(row.region, Known(at.occurred_at, at.position, event.region))


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """One more answer."""
    rows.need(Respondent, at.customer).answers[event.feedback] = Given(
        at.occurred_at,
        at.position,
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
    )


@PROJECTION.on(FeedbackCoded)
def feedback_coded(rows: Rows, event: FeedbackCoded, at: Envelope) -> None:
    """The coding with the latest business time counts, whatever order they are recorded in."""
    given = rows.need(Respondent, at.customer).answers.get(event.feedback)
    coded = at.occurred_at, at.position
    if given is not None and (given.coded is None or given.coded < coded):
        given.themes, given.coded = list(event.themes), coded


@PROJECTION.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """What scorers say is kept apart, for they do not go by one scale. A version says one thing of the same words."""
    given = rows.need(Respondent, at.customer).answers.get(event.feedback)
    if given is not None:
        given.sentiments.append(Sentiment(event.score, event.scorer, event.scorer_version))
        if given.answer_by is None:
            given.answer_by = event.answer_by


@PROJECTION.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """The loop is closed."""
    given = rows.need(Respondent, at.customer).answers.get(event.feedback)
    if given is not None:
        given.followed_at = at.occurred_at


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Also whoever has not been asked yet: complaints may still be filed and followed up in their name."""
    row = rows.need(Respondent, at.customer)
    row.erased_at = max(at.occurred_at, row.erased_at or at.occurred_at)


@PROJECTION.on(InvitationSent)
def invitation_sent(rows: Rows, event: InvitationSent, at: Envelope) -> None:
    """Somebody was asked."""
    rows.need(Respondent, at.customer).invitations[event.invitation] = Invited(
        at.occurred_at, event.instrument, event.touchpoint or "", event.channel
    )


@PROJECTION.on(InvitationReminded, InvitationSeen, InvitationDeclined)
def invitation_went_on(
    rows: Rows, event: InvitationReminded | InvitationSeen | InvitationDeclined, at: Envelope
) -> None:
    """What became of it."""
    invited = rows.need(Respondent, at.customer).invitations.get(event.invitation)
    if invited is None:
        return
    if isinstance(event, InvitationReminded):
        invited.reminders = max(invited.reminders, event.reminder)
    elif isinstance(event, InvitationDeclined):
        invited.declined_at = at.occurred_at
    elif invited.seen_at is None or at.occurred_at < invited.seen_at:
        invited.seen_at = at.occurred_at


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, _event: ComplaintFiled, at: Envelope) -> None:
    """Whoever answers after this had a complaint."""
    rows.need(Respondent, at.customer).complaints[at.id] = Case(at.occurred_at)


@PROJECTION.on(ComplaintResolved, ComplaintWithdrawn, ComplaintReopened)
def complaint_went_on(
    rows: Rows, event: ComplaintResolved | ComplaintWithdrawn | ComplaintReopened, at: Envelope
) -> None:
    """How it stands, in the order of its own stream. A reopening comes back on what was said of its handling."""
    row = rows.need(Respondent, at.customer)
    case = row.complaints.get(at.id)
    if case is not None:
        case.standing = _STANDINGS[type(event)]
    if type(event) is ComplaintReopened:
        _come_back(row, at)


_STANDINGS: dict[type[ComplaintResolved | ComplaintWithdrawn | ComplaintReopened], str] = {
    ComplaintResolved: "resolved",
    ComplaintWithdrawn: "withdrawn",
    ComplaintReopened: "reopened",
}


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """The score of the handling, where one was given. Whoever asks again comes back on what was said before."""
    row = rows.need(Respondent, at.customer)
    _come_back(row, at)
    if event.score is not None:
        row.answers[f"{at.stream}@{at.version}"] = Given(
            at.occurred_at,
            at.position,
            COMPLAINT_CSAT,
            event.score,
            "complaint",
            regarding=at.id,
            answer_by=event.answer_by,
        )


def _come_back(row: Respondent, at: Envelope) -> None:
    for given in row.answers.values():
        if given.instrument == COMPLAINT_CSAT and given.regarding == at.id and given.followed_at is None:
            given.followed_at = max(at.occurred_at, given.at)
