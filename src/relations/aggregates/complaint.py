"""A complaint, from filing to closing, after ISO 10002.

Stream `complaint-<id>`. Order of this module: events, commands, state, evolve, decide.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from relations.messages import Channel, Command, Event, Id, Label, Money, Personal, Text

# --- events ---------------------------------------------------------------------------------------------------------


class ComplaintFiled(Event, frozen=True):
    """A customer said that something went wrong.

    Attributes:
        acknowledge_by: The deadline of the first answer, UTC microseconds.
        resolve_by: The deadline of the resolution, UTC microseconds.
        policy: The version of the policy that set the deadlines; pinned for the complaint's life.
    """

    topic: ClassVar[str] = "complaint.filed"
    subject: str
    channel: str
    severity: str
    acknowledge_by: int
    resolve_by: int
    policy: int
    text: Personal | None = None
    remedy_sought: str | None = None
    touchpoint: str | None = None
    purchase: str | None = None


class ComplaintAcknowledged(Event, frozen=True):
    """The business answered that it has heard."""

    topic: ClassVar[str] = "complaint.acknowledged"
    channel: str | None = None


class ApologyGiven(Event, frozen=True):
    """The business apologised."""

    topic: ClassVar[str] = "complaint.apology_given"
    channel: str | None = None


class RemedyProposed(Event, frozen=True):
    """The business offered to make it good.

    Attributes:
        kind: refund, points, voucher, replacement, service or goodwill.
        value: What it costs the business, where it is money.
        points: How many points, for the kind `points`.
    """

    topic: ClassVar[str] = "complaint.remedy_proposed"
    remedy: str
    kind: str
    value: Money | None = None
    points: int | None = None


class RemedyAccepted(Event, frozen=True):
    """The customer took the offer."""

    topic: ClassVar[str] = "complaint.remedy_accepted"
    remedy: str


class RemedyDeclined(Event, frozen=True):
    """The customer did not take the offer."""

    topic: ClassVar[str] = "complaint.remedy_declined"
    remedy: str
    reason: str | None = None


class RemedyCarriedOut(Event, frozen=True):
    """The business did what it had offered. Points are credited by a reaction."""

    topic: ClassVar[str] = "complaint.remedy_carried_out"
    remedy: str
    kind: str
    value: Money | None = None
    points: int | None = None


class ComplaintResolved(Event, frozen=True):
    """The business holds the matter to be settled."""

    topic: ClassVar[str] = "complaint.resolved"
    outcome: str


class ComplaintFollowedUp(Event, frozen=True):
    """The customer was asked afterwards how they see it now.

    Attributes:
        score: Their satisfaction with the handling, 1 to 5, where they gave one.
    """

    topic: ClassVar[str] = "complaint.followed_up"
    score: int | None = None
    words: Personal | None = None


class ComplaintClosed(Event, frozen=True):
    """The file was put away."""

    topic: ClassVar[str] = "complaint.closed"


class ComplaintReopened(Event, frozen=True):
    """It was not settled after all; new deadlines run.

    Attributes:
        lenient: True where a history did work after the end, and an import recorded that as a reopening.
    """

    topic: ClassVar[str] = "complaint.reopened"
    reason: str
    acknowledge_by: int
    resolve_by: int
    lenient: bool = False


class ComplaintWithdrawn(Event, frozen=True):
    """The customer took the complaint back."""

    topic: ClassVar[str] = "complaint.withdrawn"
    reason: str | None = None


class DeadlineMet(Event, frozen=True):
    """One of the complaint's clocks ended in time.

    Attributes:
        clock: `acknowledge` or `resolve`.
        round: 1 for the first run of the clocks, one more for each reopening.
        due_at: The deadline, UTC microseconds.
    """

    topic: ClassVar[str] = "complaint.deadline_met"
    clock: str
    round: int
    due_at: int


class DeadlineMissed(Event, frozen=True):
    """One of the complaint's clocks ran out. Once recorded, a miss stays recorded."""

    topic: ClassVar[str] = "complaint.deadline_missed"
    clock: str
    round: int
    due_at: int


# --- commands -------------------------------------------------------------------------------------------------------

Severity = Literal["low", "medium", "high", "critical"]
RemedyKind = Literal["refund", "points", "voucher", "replacement", "service", "goodwill"]


class ComplaintCommand(Command):
    """A command to one complaint's stream.

    Attributes:
        lenient: For histories of other systems: work on a complaint that has ended is recorded as a reopening first
            instead of being refused.
    """

    complaint: Id
    lenient: bool = False

    @property
    def stream(self) -> str:
        return f"complaint-{self.complaint}"


class FileComplaint(ComplaintCommand):
    """Open a complaint."""

    customer: Id
    subject: Label
    channel: Channel
    severity: Severity = "medium"
    text: Text | None = None
    remedy_sought: Label | None = None
    touchpoint: Label | None = None
    purchase: Id | None = None


class AcknowledgeComplaint(ComplaintCommand):
    """Answer that it was heard."""

    channel: Channel | None = None


class GiveApology(ComplaintCommand):
    """Apologise."""

    channel: Channel | None = None


class ProposeRemedy(ComplaintCommand):
    """Offer to make it good."""

    remedy: Id
    kind: RemedyKind
    value: Money | None = None
    points: Annotated[int, Field(strict=True, gt=0, le=10**12)] | None = None

    @model_validator(mode="after")
    def _points_name_their_number(self) -> ProposeRemedy:
        if (self.kind == "points") != (self.points is not None):
            msg = "points are given with the kind `points`, and only with it"
            raise ValueError(msg)
        return self


class AcceptRemedy(ComplaintCommand):
    """Record that the customer takes the offer."""

    remedy: Id


class DeclineRemedy(ComplaintCommand):
    """Record that the customer does not take the offer."""

    remedy: Id
    reason: Label | None = None


class CarryOutRemedy(ComplaintCommand):
    """Record that the accepted offer was carried out."""

    remedy: Id


class ResolveComplaint(ComplaintCommand):
    """Hold the matter to be settled."""

    outcome: Label = "settled"


class FollowUpComplaint(ComplaintCommand):
    """Record how the customer sees it afterwards."""

    score: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    words: Text | None = None


class CloseComplaint(ComplaintCommand):
    """Put the file away."""


class ReopenComplaint(ComplaintCommand):
    """Take it up again, with new deadlines."""

    reason: Label


class WithdrawComplaint(ComplaintCommand):
    """Record that the customer takes it back."""

    reason: Label | None = None


class CheckDeadlines(ComplaintCommand):
    """Record every deadline that has run out by `occurred_at`. The agenda says when this is due."""
