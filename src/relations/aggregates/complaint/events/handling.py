"""The events of handling a complaint."""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event, Money, Personal, PolicyNumber, SealedSince

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
    "MessageSent",
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
    """A customer filed a complaint.

    Attributes:
        customer: The customer who complained.
        acknowledge_by: The deadline of the first answer, UTC microseconds, exclusive: at that very time it is late.
        resolve_by: The deadline of the resolution, UTC microseconds, exclusive.
        policy: The version of the policy that set the deadlines; it applies to the complaint for all its life.
        grade: The customer's value grade at the filing, given or the engine's own.
        on_behalf_of: The person concerned, if the customer complains for somebody else.
        relationship: That person's relationship to the customer.
        calendar: The name of the business calendar of its clocks; None means elapsed time. The calendar itself is in
            the pinned policy.
        kind: `complaint`, `enquiry`, `request` or `suggestion`. Older events are complaints.
        language: The language of the case, given or that of the customer at the filing.
        at: Business time, UTC microseconds, as in the envelope. Events repeat it in the body where a rule needs it,
            because the state is built from bodies alone.
    """

    topic: ClassVar[str] = "complaint.filed"
    subject: str
    channel: str
    severity: str
    acknowledge_by: int
    resolve_by: int
    policy: PolicyNumber
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
    kind: str = "complaint"
    language: str | None = None


class ComplaintAcknowledged(Event, frozen=True):
    """The business acknowledged the complaint."""

    topic: ClassVar[str] = "complaint.acknowledged"
    channel: str | None = None
    at: int = 0


class ComplaintAssessed(Event, frozen=True):
    """The business assessed the complaint. Absent fields keep their earlier values.

    Attributes:
        severity: `low`, `medium`, `high` or `critical`; running clocks follow it from now on.
        complexity: `low`, `medium` or `high`.
        impact: `low`, `medium` or `high`.
        urgency: `low`, `medium` or `high`.
    """

    topic: ClassVar[str] = "complaint.assessed"
    severity: str | None = None
    complexity: str | None = None
    impact: str | None = None
    urgency: str | None = None
    category: str | None = None
    at: int = 0


class ComplaintAssigned(Event, frozen=True):
    """The complaint was assigned to an owner."""

    topic: ClassVar[str] = "complaint.assigned"
    owner: str
    department: str | None = None
    at: int = 0


class ComplaintTransferred(Event, frozen=True):
    """The complaint was transferred to another department.

    Attributes:
        previous: The department before the transfer, if known.
    """

    topic: ClassVar[str] = "complaint.transferred"
    department: str
    previous: str | None = None
    owner: str | None = None
    reason: SealedSince | None = None
    at: int = 0


class ComplaintInvestigated(Event, frozen=True):
    """The business investigated the complaint."""

    topic: ClassVar[str] = "complaint.investigated"
    findings: Personal | None = None
    conclusion: str | None = None
    at: int = 0


class RootCauseNamed(Event, frozen=True):
    """The business named the root cause."""

    topic: ClassVar[str] = "complaint.root_cause_named"
    cause: str
    at: int = 0


class InformationAsked(Event, frozen=True):
    """The business asked the customer for information."""

    topic: ClassVar[str] = "complaint.information_asked"
    request: str
    about: SealedSince | None = None
    at: int = 0


class InformationReceived(Event, frozen=True):
    """The customer gave the information asked for."""

    topic: ClassVar[str] = "complaint.information_received"
    request: str
    words: Personal | None = None
    at: int = 0


class MessageReceived(Event, frozen=True):
    """The customer sent an unprompted message, for example by e-mail or phone.

    Attributes:
        message: The message's own id.
    """

    topic: ClassVar[str] = "complaint.message_received"
    message: str
    channel: str | None = None
    words: Personal | None = None
    at: int = 0


class MessageSent(Event, frozen=True):
    """The business sent a message to the customer.

    Attributes:
        message: The message's own id.
    """

    topic: ClassVar[str] = "complaint.message_sent"
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
    """The business told the customer why the answer takes longer.

    Attributes:
        until: The time at which the customer was told to expect the final answer, UTC microseconds.
    """

    topic: ClassVar[str] = "complaint.holding_reply_sent"
    reason: SealedSince
    until: int | None = None
    at: int = 0


class ComplaintEscalated(Event, frozen=True):
    """The complaint was escalated.

    Attributes:
        to: The recipient.
        emergency: True for an emergency.
        clock: The clock whose time made it due; absent if a person escalated it.
        number: The number of the run of that clock in the round.
        percent: The percentage of that clock's time that was used: 100 when it is missed.
    """

    topic: ClassVar[str] = "complaint.escalated"
    to: str
    reason: SealedSince | None = None
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
    """A remedy was proposed.

    Attributes:
        kind: `refund`, `points`, `voucher`, `replacement`, `service` or `goodwill`.
        value: The cost to the business, if it is money.
        points: The number of points, for the kind `points`.
        needs_approval: True if it is above its author's limit. The customer is not told before it is approved.
        author: The person who proposed it, if it needs approval; they may not approve it themselves.
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
    """A remedy above its author's limit was approved, and is now the business's offer to the customer.

    Attributes:
        role: The role of the person who approved it.
    """

    topic: ClassVar[str] = "complaint.remedy_approved"
    remedy: str
    role: str | None = None
    at: int = 0


class RemedyRefused(Event, frozen=True):
    """A remedy above its author's limit was refused, before the customer was told of it."""

    topic: ClassVar[str] = "complaint.remedy_refused"
    remedy: str
    reason: SealedSince | None = None
    at: int = 0


class RemedyAccepted(Event, frozen=True):
    """The customer accepted the remedy."""

    topic: ClassVar[str] = "complaint.remedy_accepted"
    remedy: str


class RemedyDeclined(Event, frozen=True):
    """The customer declined the remedy."""

    topic: ClassVar[str] = "complaint.remedy_declined"
    remedy: str
    reason: SealedSince | None = None


class RemedyCarriedOut(Event, frozen=True):
    """The business carried out the remedy. Points are credited by a reaction."""

    topic: ClassVar[str] = "complaint.remedy_carried_out"
    remedy: str
    kind: str
    value: Money | None = None
    points: int | None = None
    at: int = 0


class ComplaintResolved(Event, frozen=True):
    """The business resolved the complaint."""

    topic: ClassVar[str] = "complaint.resolved"
    outcome: str
    at: int = 0


class ComplaintFollowedUp(Event, frozen=True):
    """The business followed up with the customer after the resolution.

    Attributes:
        score: The customer's satisfaction with the handling, 1 to 5, if they gave a score.
        answer_by: The time by which the business has to reply, UTC microseconds, if the policy at the time counts the
            score as low.
    """

    topic: ClassVar[str] = "complaint.followed_up"
    score: int | None = None
    words: Personal | None = None
    at: int = 0
    answer_by: int | None = None


class ComplaintClosed(Event, frozen=True):
    """The complaint was closed."""

    topic: ClassVar[str] = "complaint.closed"
    at: int = 0


class ComplaintReopened(Event, frozen=True):
    """The complaint was reopened, with new deadlines.

    Attributes:
        lenient: True if an import recorded the reopening because its history has work after the end.
    """

    topic: ClassVar[str] = "complaint.reopened"
    reason: SealedSince
    acknowledge_by: int
    resolve_by: int
    lenient: bool = False
    at: int = 0


class ComplaintWithdrawn(Event, frozen=True):
    """The customer withdrew the complaint."""

    topic: ClassVar[str] = "complaint.withdrawn"
    reason: SealedSince | None = None
    at: int = 0


class ComplaintMerged(Event, frozen=True):
    """The complaint was merged into another one of which it is a duplicate."""

    topic: ClassVar[str] = "complaint.merged"
    into: str
    at: int = 0


class DuplicateTaken(Event, frozen=True):
    """A duplicate was merged into this complaint."""

    topic: ClassVar[str] = "complaint.duplicate_taken"
    duplicate: str
    at: int = 0


class ComplaintRecognised(Event, frozen=True):
    """The business recognised the complaint as useful and rewarded it. Points are credited by a reaction."""

    topic: ClassVar[str] = "complaint.recognised"
    reward: str
    reason: SealedSince | None = None
    value: Money | None = None
    points: int | None = None
    at: int = 0


class ImprovementRaised(Event, frozen=True):
    """An improvement was proposed that prevents the problem from happening again."""

    topic: ClassVar[str] = "complaint.improvement_raised"
    improvement: str
    title: str
    cause: str | None = None
    owner: str | None = None
    at: int = 0


class ImprovementDone(Event, frozen=True):
    """The improvement was made."""

    topic: ClassVar[str] = "complaint.improvement_done"
    improvement: str
    at: int = 0


class ImprovementProved(Event, frozen=True):
    """The improvement proved effective: such complaints are less frequent than before.

    Attributes:
        before: The number of such complaints in `before_days` before the improvement.
        after: The number of such complaints in `after_days` after it.
    """

    topic: ClassVar[str] = "complaint.improvement_proved"
    improvement: str
    before: int
    before_days: int
    after: int
    after_days: int
    at: int = 0


class ImprovementNotProved(Event, frozen=True):
    """The improvement was not proved effective: such complaints are as frequent as before, or more."""

    topic: ClassVar[str] = "complaint.improvement_not_proved"
    improvement: str
    before: int
    before_days: int
    after: int
    after_days: int
    at: int = 0
