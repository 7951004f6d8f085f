"""What can happen to a complaint."""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event, Money, Personal, SealedSince

__all__ = [
    "ApologyGiven",
    "ComplaintAcknowledged",
    "ComplaintAssessed",
    "ComplaintAssigned",
    "ComplaintClosed",
    "ComplaintEscalated",
    "ComplaintFiled",
    "ComplaintFollowedUp",
    "ComplaintInvestigated",
    "ComplaintMerged",
    "ComplaintRecognised",
    "ComplaintReopened",
    "ComplaintResolved",
    "ComplaintTransferred",
    "ComplaintWithdrawn",
    "DuplicateTaken",
    "HoldingReplySent",
    "ImprovementDone",
    "ImprovementNotProved",
    "ImprovementProved",
    "ImprovementRaised",
    "InformationAsked",
    "InformationReceived",
    "MessageReceived",
    "PromiseJudged",
    "RemedyAccepted",
    "RemedyApproved",
    "RemedyCarriedOut",
    "RemedyDeclined",
    "RemedyProposed",
    "RemedyRefused",
    "RootCauseNamed",
]


class ComplaintFiled(Event, frozen=True):
    """A customer said that something went wrong.

    Attributes:
        customer: Whose complaint it is.
        acknowledge_by: The deadline of the first answer, UTC microseconds. At the deadline itself it is late.
        resolve_by: The deadline of the resolution, UTC microseconds.
        policy: The version of the policy that set the deadlines; pinned for the complaint's life.
        grade: The customer's value grade, where it was given.
        on_behalf_of: Who it is about, where the customer speaks for somebody else.
        relationship: What that person is to the customer.
        calendar: The name of the calendar that its clocks go by; None is elapsed time. The calendar itself stands in
            the pinned policy.
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
    remedy_sought: SealedSince | None = None
    touchpoint: str | None = None
    purchase: str | None = None
    customer: str = ""
    at: int = 0
    grade: str | None = None
    on_behalf_of: Personal | None = None
    relationship: str | None = None
    calendar: str | None = None


class ComplaintAcknowledged(Event, frozen=True):
    """The business answered that it has heard."""

    topic: ClassVar[str] = "complaint.acknowledged"
    channel: str | None = None
    at: int = 0


class ComplaintAssessed(Event, frozen=True):
    """The business judged how bad it is. What is absent stays as it was judged before.

    Attributes:
        severity: low, medium, high or critical; the clocks that run go by it from now on.
        complexity: low, medium or high, and so are impact and urgency.
    """

    topic: ClassVar[str] = "complaint.assessed"
    severity: str | None = None
    complexity: str | None = None
    impact: str | None = None
    urgency: str | None = None
    category: str | None = None
    at: int = 0


class ComplaintAssigned(Event, frozen=True):
    """Somebody is to work on it."""

    topic: ClassVar[str] = "complaint.assigned"
    owner: str
    department: str | None = None
    at: int = 0


class ComplaintTransferred(Event, frozen=True):
    """Another department is to work on it.

    Attributes:
        previous: The department that it came from, where one was known.
    """

    topic: ClassVar[str] = "complaint.transferred"
    department: str
    previous: str | None = None
    owner: str | None = None
    reason: str | None = None
    at: int = 0


class ComplaintInvestigated(Event, frozen=True):
    """The business found out what had happened."""

    topic: ClassVar[str] = "complaint.investigated"
    findings: Personal | None = None
    conclusion: str | None = None
    at: int = 0


class RootCauseNamed(Event, frozen=True):
    """The business found out why it had happened."""

    topic: ClassVar[str] = "complaint.root_cause_named"
    cause: str
    at: int = 0


class InformationAsked(Event, frozen=True):
    """The business asked the customer for something."""

    topic: ClassVar[str] = "complaint.information_asked"
    request: str
    about: SealedSince | None = None
    at: int = 0


class InformationReceived(Event, frozen=True):
    """The customer gave what had been asked for."""

    topic: ClassVar[str] = "complaint.information_received"
    request: str
    words: Personal | None = None
    at: int = 0


class MessageReceived(Event, frozen=True):
    """The customer wrote or called without being asked.

    Attributes:
        message: The message's own id.
    """

    topic: ClassVar[str] = "complaint.message_received"
    message: str
    channel: str | None = None
    words: Personal | None = None
    at: int = 0


class PromiseJudged(Event, frozen=True):
    """Another system judged whether a promise was kept.

    Attributes:
        promise: The promise in that system's words.
        judged_by: The author of the judgement.
    """

    topic: ClassVar[str] = "complaint.promise_judged"
    promise: str
    kept: bool
    judged_by: str
    at: int = 0


class HoldingReplySent(Event, frozen=True):
    """The business said why it takes longer.

    Attributes:
        until: When the customer was told to expect the final answer, UTC microseconds.
    """

    topic: ClassVar[str] = "complaint.holding_reply_sent"
    reason: str
    until: int | None = None
    at: int = 0


class ComplaintEscalated(Event, frozen=True):
    """Somebody higher up was called.

    Attributes:
        to: Who.
        emergency: True for the emergency path.
        clock: The clock whose time made it due; absent where somebody decided it.
        number: Which run of that clock in the round.
        percent: How much of that clock's time was used: 100 at its miss.
    """

    topic: ClassVar[str] = "complaint.escalated"
    to: str
    reason: str | None = None
    emergency: bool = False
    clock: str | None = None
    number: int = 1
    percent: int | None = None
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
        needs_approval: True where it is above its author's limit: the customer does not know of it yet.
        author: Who proposed it, where it needs approval: nobody approves their own.
    """

    topic: ClassVar[str] = "complaint.remedy_proposed"
    remedy: str
    kind: str
    value: Money | None = None
    points: int | None = None
    at: int = 0
    needs_approval: bool = False
    author: str | None = None


class RemedyApproved(Event, frozen=True):
    """An offer above its author's limit was allowed, and is now the business's offer to the customer.

    Attributes:
        role: The role of who allowed it.
    """

    topic: ClassVar[str] = "complaint.remedy_approved"
    remedy: str
    role: str | None = None
    at: int = 0


class RemedyRefused(Event, frozen=True):
    """An offer above its author's limit was not allowed. The customer never heard of it."""

    topic: ClassVar[str] = "complaint.remedy_refused"
    remedy: str
    reason: SealedSince | None = None
    at: int = 0


class RemedyAccepted(Event, frozen=True):
    """The customer took the offer."""

    topic: ClassVar[str] = "complaint.remedy_accepted"
    remedy: str


class RemedyDeclined(Event, frozen=True):
    """The customer did not take the offer."""

    topic: ClassVar[str] = "complaint.remedy_declined"
    remedy: str
    reason: SealedSince | None = None


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
        answer_by: By when the business is to come back to the customer, UTC microseconds, where the score is a low one
            by the policy of its time.
    """

    topic: ClassVar[str] = "complaint.followed_up"
    score: int | None = None
    words: Personal | None = None
    at: int = 0
    answer_by: int | None = None


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


class ComplaintMerged(Event, frozen=True):
    """It was a duplicate; the other one goes on."""

    topic: ClassVar[str] = "complaint.merged"
    into: str
    at: int = 0


class DuplicateTaken(Event, frozen=True):
    """A duplicate was merged into this one."""

    topic: ClassVar[str] = "complaint.duplicate_taken"
    duplicate: str
    at: int = 0


class ComplaintRecognised(Event, frozen=True):
    """The business said that it was useful: a rewarded complaint. Points are credited by a reaction."""

    topic: ClassVar[str] = "complaint.recognised"
    reward: str
    reason: SealedSince | None = None
    value: Money | None = None
    points: int | None = None
    at: int = 0


class ImprovementRaised(Event, frozen=True):
    """A change was proposed so that it does not happen again."""

    topic: ClassVar[str] = "complaint.improvement_raised"
    improvement: str
    title: str
    cause: str | None = None
    owner: str | None = None
    at: int = 0


class ImprovementDone(Event, frozen=True):
    """The change was made."""

    topic: ClassVar[str] = "complaint.improvement_done"
    improvement: str
    at: int = 0


class ImprovementProved(Event, frozen=True):
    """It has happened less often since: the change works.

    Attributes:
        before: How many complaints of the kind in `before_days` before the change.
        after: How many in `after_days` after it.
    """

    topic: ClassVar[str] = "complaint.improvement_proved"
    improvement: str
    before: int
    before_days: int
    after: int
    after_days: int
    at: int = 0


class ImprovementNotProved(Event, frozen=True):
    """It has happened as often as before, or more: nothing shows that the change works."""

    topic: ClassVar[str] = "complaint.improvement_not_proved"
    improvement: str
    before: int
    before_days: int
    after: int
    after_days: int
    at: int = 0
