"""What can happen to a complaint."""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event, Money, Personal

__all__ = [
    "ApologyGiven",
    "ComplaintAcknowledged",
    "ComplaintClosed",
    "ComplaintFiled",
    "ComplaintFollowedUp",
    "ComplaintReopened",
    "ComplaintResolved",
    "ComplaintWithdrawn",
    "DeadlineMet",
    "DeadlineMissed",
    "RemedyAccepted",
    "RemedyCarriedOut",
    "RemedyDeclined",
    "RemedyProposed",
]


class ComplaintFiled(Event, frozen=True):
    """A customer said that something went wrong.

    Attributes:
        customer: Whose complaint it is.
        acknowledge_by: The deadline of the first answer, UTC microseconds. At the deadline itself it is late.
        resolve_by: The deadline of the resolution, UTC microseconds.
        policy: The version of the policy that set the deadlines; pinned for the complaint's life.
        at: Business time, UTC microseconds, as in the envelope. Here and below it stands in the body where a rule
            needs it, for a state is evolved from bodies alone.
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
    customer: str = ""
    at: int = 0


class ComplaintAcknowledged(Event, frozen=True):
    """The business answered that it has heard."""

    topic: ClassVar[str] = "complaint.acknowledged"
    channel: str | None = None
    at: int = 0


class ApologyGiven(Event, frozen=True):
    """The business apologised."""

    topic: ClassVar[str] = "complaint.apology_given"
    channel: str | None = None
    at: int = 0


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
    at: int = 0


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
    at: int = 0


class ComplaintResolved(Event, frozen=True):
    """The business holds the matter to be settled."""

    topic: ClassVar[str] = "complaint.resolved"
    outcome: str
    at: int = 0


class ComplaintFollowedUp(Event, frozen=True):
    """The customer was asked afterwards how they see it now.

    Attributes:
        score: Their satisfaction with the handling, 1 to 5, where they gave one.
    """

    topic: ClassVar[str] = "complaint.followed_up"
    score: int | None = None
    words: Personal | None = None
    at: int = 0


class ComplaintClosed(Event, frozen=True):
    """The file was put away."""

    topic: ClassVar[str] = "complaint.closed"
    at: int = 0


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
    at: int = 0


class ComplaintWithdrawn(Event, frozen=True):
    """The customer took the complaint back."""

    topic: ClassVar[str] = "complaint.withdrawn"
    reason: str | None = None
    at: int = 0


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
