"""What the satisfaction view keeps: counts of answers, sums of questionnaires' items, and each respondent's own file.

Most questions are answered from the two tallies, which stay small however many answer. What depends on who answered
(their language, region, complaints, or which answers they gave together) is read from one row a respondent. That an
invitation is counted once is decided where feedback is given; here every event counts, and where the same invitation
was answered under two ids that turn out to be one customer's, all answers but the first recorded are left out when
asked.

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
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["COMPLAINT_CSAT", "PROJECTION", "Answers", "Case", "Given", "Invited", "ItemAnswers", "Known", "Respondent"]

COMPLAINT_CSAT = "complaint_csat"


class Answers(Tally, gc=False):
    """How many answers had this score. An unknown touchpoint or channel is the empty string."""

    table: ClassVar[str] = "answers"
    key: ClassVar[tuple[str, ...]] = ("month", "touchpoint", "channel", "instrument", "score")
    month: str
    touchpoint: str
    channel: str
    instrument: str
    score: int
    answers: int = 0


class ItemAnswers(Tally, gc=False):
    """What was answered to one item of a questionnaire.

    Attributes:
        answers: How many answered it.
        total: The sum of what was perceived, or answered.
        squares: The sum of its squares.
        expecting: How many said what they expected as well.
        expected: The sum of that.
        gaps: The sum of perceived less expected, over those who said both.
        gap_squares: The sum of the squares of that.
    """

    table: ClassVar[str] = "items"
    key: ClassVar[tuple[str, ...]] = ("month", "touchpoint", "channel", "instrument", "item")
    month: str
    touchpoint: str
    channel: str
    instrument: str
    item: str
    answers: int = 0
    total: int = 0
    squares: int = 0
    expecting: int = 0
    expected: int = 0
    gaps: int = 0
    gap_squares: int = 0

    def count(self, answer: ItemAnswer, times: int = 1) -> None:
        """Count one answer; -1 times takes it out."""
        self.answers += times
        self.total += times * answer.score
        self.squares += times * answer.score**2
        if answer.expected is not None:
            gap = answer.score - answer.expected
            self.expecting += times
            self.expected += times * answer.expected
            self.gaps += times * gap
            self.gap_squares += times * gap**2


class Given(msgspec.Struct, array_like=True, gc=False):
    """One answer, as a respondent's row keeps it.

    Attributes:
        at: When it was given, UTC microseconds.
        position: Of its event in the log.
        words: Whether there are words; the words themselves are not here.
        followed_at: When the business came back on it.
        sentiment: What the words were scored last, in thousandths, with the scorer and its version.
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
    sentiment: tuple[int, str, str] | None = None


class Invited(msgspec.Struct, array_like=True, gc=False):
    """One invitation, and what became of it."""

    at: int
    instrument: str
    touchpoint: str = ""
    channel: str = ""
    reminders: int = 0
    seen_at: int | None = None
    declined_at: int | None = None


class Known(msgspec.Struct, array_like=True, gc=False):
    """What was last known of somebody, by business time, and at one instant by the later record."""

    at: int
    position: int
    value: str


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
    """

    table: ClassVar[str] = "respondent"
    language: Known | None = None
    region: Known | None = None
    answers: dict[str, Given] = msgspec.field(default_factory=dict)
    invitations: dict[str, Invited] = msgspec.field(default_factory=dict)
    complaints: dict[str, Case] = msgspec.field(default_factory=dict)

    def absorb(self, other: Respondent) -> None:
        """What either id is known for, was asked and said, is the one customer's."""
        self.language = _newer(self.language, other.language)
        self.region = _newer(self.region, other.region)
        # Two ids may have answers, and invitations, of one name: both are kept.
        for name, answer in other.answers.items():
            self.answers[name if name not in self.answers else f"{name}@{answer.position}"] = answer
        for name, invited in other.invitations.items():
            known = self.invitations.get(name)
            self.invitations[name] = invited if known is None else _either(known, invited)
        self.complaints.update(other.complaints)


def _newer(one: Known | None, other: Known | None) -> Known | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda known: (known.at, known.position))


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


PROJECTION = Projection(name="satisfaction", version=3, tables=(Answers, ItemAnswers, Respondent))


@PROJECTION.on(CustomerRegistered, ProfileCorrected)
def profile_known(rows: Rows, event: CustomerRegistered | ProfileCorrected, at: Envelope) -> None:
    """Where somebody is and what they speak; who says neither gets no row for it."""
    if event.language is not None:
        row = rows.need(Respondent, at.customer)
        row.language = _newer(row.language, Known(at.occurred_at, at.position, event.language))
    if event.region is not None:
        row = rows.need(Respondent, at.customer)
        row.region = _newer(row.region, Known(at.occurred_at, at.position, event.region))


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Count the answer in the month in which it was given."""
    month = rows.local.month(at.occurred_at)
    touchpoint, channel, instrument = event.touchpoint or "", event.channel or "", event.instrument
    score = event.score
    if score is not None:
        key = (month, touchpoint, channel, instrument, score)
        tally = rows.tables[Answers].get(key) or rows.need(Answers, *key)
        tally.answers += 1
    for answer in event.items:
        rows.need(ItemAnswers, month, touchpoint, channel, instrument, answer.item).count(answer)
    rows.need(Respondent, at.customer).answers[event.feedback] = Given(
        at.occurred_at,
        at.position,
        instrument,
        score,
        touchpoint,
        channel,
        event.invitation,
        event.regarding,
        list(event.items),
        list(event.themes),
        event.comment is not None,
    )


@PROJECTION.on(FeedbackCoded)
def feedback_coded(rows: Rows, event: FeedbackCoded, at: Envelope) -> None:
    """The newest coding counts."""
    given = rows.need(Respondent, at.customer).answers.get(event.feedback)
    if given is not None:
        given.themes = list(event.themes)


@PROJECTION.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """The newest score counts."""
    given = rows.need(Respondent, at.customer).answers.get(event.feedback)
    if given is not None:
        given.sentiment = (event.score, event.scorer, event.scorer_version)


@PROJECTION.on(FeedbackAnswered)
def feedback_answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """The loop is closed."""
    given = rows.need(Respondent, at.customer).answers.get(event.feedback)
    if given is not None:
        given.followed_at = at.occurred_at


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
    """How it stands, in the order of its own stream."""
    case = rows.need(Respondent, at.customer).complaints.get(at.id)
    if case is not None:
        case.standing = _STANDINGS[type(event)]


_STANDINGS: dict[type[ComplaintResolved | ComplaintWithdrawn | ComplaintReopened], str] = {
    ComplaintResolved: "resolved",
    ComplaintWithdrawn: "withdrawn",
    ComplaintReopened: "reopened",
}


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """Count the score of the handling, where one was given."""
    if event.score is not None:
        month = rows.local.month(at.occurred_at)
        rows.need(Answers, month, "complaint", "", COMPLAINT_CSAT, event.score).answers += 1
        rows.need(Respondent, at.customer).answers[f"{at.stream}@{at.version}"] = Given(
            at.occurred_at, at.position, COMPLAINT_CSAT, event.score, "complaint", regarding=at.id
        )
