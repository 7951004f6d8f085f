"""The commands to a complaint."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.contact import LanguageTag
from relations.messages import Channel, Command, Id, Label, Money, Term, Text
from relations.policies.complaints.service_levels import CaseKind, Severity

__all__ = [
    "AcceptRemedy",
    "AcknowledgeComplaint",
    "ApproveRemedy",
    "AskInformation",
    "AssessComplaint",
    "AssignComplaint",
    "CarryOutRemedy",
    "CaseKind",
    "CheckDeadlines",
    "CloseComplaint",
    "ComplaintCommand",
    "CompleteImprovement",
    "Conclusion",
    "DeclineRemedy",
    "EscalateComplaint",
    "FileComplaint",
    "FollowUpComplaint",
    "GiveApology",
    "Grading",
    "InvestigateComplaint",
    "JudgePromise",
    "MeasureImprovement",
    "MergeComplaint",
    "NameRootCause",
    "ProposeRemedy",
    "RaiseImprovement",
    "ReceiveInformation",
    "ReceiveMessage",
    "RecogniseComplaint",
    "RefuseRemedy",
    "RemedyKind",
    "ReopenComplaint",
    "ResolveComplaint",
    "SendHoldingReply",
    "SendMessage",
    "Severity",
    "TakeDuplicate",
    "TransferComplaint",
    "WithdrawComplaint",
]

Grading = Literal["low", "medium", "high"]
"""A grade of complexity, impact or urgency."""

Conclusion = Literal["upheld", "partly_upheld", "not_upheld"]
"""The conclusion of an investigation."""

RemedyKind = Literal["refund", "points", "voucher", "replacement", "service", "goodwill"]


Points = Annotated[int, Field(strict=True, gt=0, le=10**12)]


def _not_negative(value: Money) -> Money:
    if value.amount < 0:
        raise PydanticCustomError("negative_amount", "the value of a remedy must not be negative")
    return value


Cost = Annotated[Money, AfterValidator(_not_negative)]


class ComplaintCommand(Command):
    """A command to one complaint's stream.

    Attributes:
        lenient: Used by imports from other systems. Work on an ended complaint first records a reopening, instead of
            being refused.
    """

    complaint: Id
    lenient: bool = False

    @property
    def stream(self) -> str:
        return f"complaint-{self.complaint}"


class FileComplaint(ComplaintCommand):
    """File a complaint, or a case that is not one: an enquiry, a request or a suggestion.

    Attributes:
        kind: The kind of case. Only complaints affect the state of the relation.
        grade: The customer's value grade, on which service levels may depend. Without it the engine takes its own, by
            what the customer bought up to this time.
        on_behalf_of: The person concerned, if the customer complains for somebody else.
        language: The language of the case. Without it the engine takes that of the customer, if it is known.
        relationship: That person's relationship to the customer: child, guest of the booking, company.
    """

    customer: Id
    subject: Term
    channel: Channel
    severity: Severity = "medium"
    text: Text | None = None
    remedy_sought: Label | None = None
    touchpoint: Label | None = None
    purchase: Id | None = None
    grade: Label | None = None
    on_behalf_of: Text | None = None
    relationship: Term | None = None
    kind: CaseKind = "complaint"
    language: LanguageTag | None = None

    added: ClassVar[frozenset[str]] = frozenset({"kind", "language"})


class AcknowledgeComplaint(ComplaintCommand):
    """Acknowledge the complaint to the customer."""

    channel: Channel | None = None


class AssessComplaint(ComplaintCommand):
    """Assess the complaint. Fields that are left out keep their earlier values."""

    severity: Severity | None = None
    complexity: Grading | None = None
    impact: Grading | None = None
    urgency: Grading | None = None
    category: Label | None = None

    @model_validator(mode="after")
    def _judges_something(self) -> AssessComplaint:
        if not any((self.severity, self.complexity, self.impact, self.urgency, self.category)):
            raise PydanticCustomError("nothing_assessed", "an assessment must have at least one field")
        return self


class AssignComplaint(ComplaintCommand):
    """Assign the complaint to an owner."""

    owner: Label
    department: Label | None = None


class TransferComplaint(ComplaintCommand):
    """Transfer the complaint to another department, and to an owner there if known."""

    department: Label
    owner: Label | None = None
    reason: Label | None = None


class InvestigateComplaint(ComplaintCommand):
    """Record the findings and the conclusion of an investigation."""

    findings: Text | None = None
    conclusion: Conclusion | None = None


class NameRootCause(ComplaintCommand):
    """Record the root cause. Allowed at any time, because it is often known only later."""

    cause: Term


class AskInformation(ComplaintCommand):
    """Ask the customer for information. The clocks named in the policy are paused until it is received."""

    request: Id
    about: Label | None = None


class ReceiveInformation(ComplaintCommand):
    """Record that the customer gave the information asked for."""

    request: Id
    words: Text | None = None


class ReceiveMessage(ComplaintCommand):
    """Record a message that the customer sent unprompted. It starts the `next_response` clock, in any state.

    Attributes:
        message: The message's own id.
        channel: The channel through which it was received.
        words: The customer's words.
    """

    message: Id
    channel: Channel | None = None
    words: Text | None = None


class SendMessage(ComplaintCommand):
    """Record a message that the business sent to the customer. It ends the clock of the next answer, in any state.

    Attributes:
        message: The message's own id, which must differ from those of the customer's messages.
        channel: The channel through which it was sent.
        words: The words of the message.
    """

    message: Id
    channel: Channel | None = None
    words: Text | None = None


class SendHoldingReply(ComplaintCommand):
    """Tell the customer why the answer takes longer, and when to expect it."""

    reason: Label
    until: AwareDatetime | None = None


class EscalateComplaint(ComplaintCommand):
    """Escalate the complaint. An emergency goes to the recipient in the policy and makes the complaint critical."""

    to: Label | None = None
    reason: Label | None = None
    emergency: bool = False

    @model_validator(mode="after")
    def _goes_to_somebody(self) -> EscalateComplaint:
        if self.to is None and not self.emergency:
            raise PydanticCustomError(
                "escalated_to_nobody", "an escalation must name a recipient (`to`) unless it is an emergency"
            )
        return self


class GiveApology(ComplaintCommand):
    """Apologise to the customer."""

    channel: Channel | None = None


class ProposeRemedy(ComplaintCommand):
    """Propose a remedy.

    Attributes:
        role: The author's role. The policy sets the limit up to which it needs no approval.
    """

    remedy: Id
    kind: RemedyKind
    value: Cost | None = None
    points: Points | None = None
    role: Label | None = None

    @model_validator(mode="after")
    def _points_name_their_number(self) -> ProposeRemedy:
        if (self.kind == "points") != (self.points is not None):
            raise PydanticCustomError(
                "points_without_kind", "`points` must be given with the kind `points`, and only with it"
            )
        return self


class ApproveRemedy(ComplaintCommand):
    """Approve a remedy above its author's limit, which makes it the business's offer to the customer."""

    remedy: Id
    role: Label | None = None


class RefuseRemedy(ComplaintCommand):
    """Refuse a remedy above its author's limit."""

    remedy: Id
    reason: Label | None = None


class AcceptRemedy(ComplaintCommand):
    """Record that the customer accepts the remedy."""

    remedy: Id


class DeclineRemedy(ComplaintCommand):
    """Record that the customer declines the remedy."""

    remedy: Id
    reason: Label | None = None


class CarryOutRemedy(ComplaintCommand):
    """Record that the accepted remedy was carried out."""

    remedy: Id


class ResolveComplaint(ComplaintCommand):
    """Resolve the complaint. The outcome of a suggestion is `adopted` or `declined`."""

    outcome: Term = "settled"


class FollowUpComplaint(ComplaintCommand):
    """Record the customer's score and words after the resolution."""

    score: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    words: Text | None = None


class CloseComplaint(ComplaintCommand):
    """Close the complaint."""


class ReopenComplaint(ComplaintCommand):
    """Reopen the complaint, with new deadlines."""

    reason: Label


class WithdrawComplaint(ComplaintCommand):
    """Record that the customer withdraws the complaint."""

    reason: Label | None = None


class MergeComplaint(ComplaintCommand):
    """Merge the complaint into another one of which it is a duplicate. Work continues there."""

    into: Id


class TakeDuplicate(ComplaintCommand):
    """Record in the surviving complaint that a duplicate was merged into it. Sent by `MergeComplaint`."""

    duplicate: Id


class JudgePromise(ComplaintCommand):
    """Record another system's judgement of whether a promise was kept. It changes none of the complaint's clocks.

    Attributes:
        promise: The promise in that system's words, such as `timely response`.
        kept: True if it was kept.
        judged_by: The author of the judgement: a regulator, a former system.
    """

    promise: Term
    kept: bool
    judged_by: Label


class RecogniseComplaint(ComplaintCommand):
    """Recognise the complaint as useful, and reward it with points or something of value.

    Attributes:
        reward: The reward's id, which must differ from those of the complaint's remedies.
    """

    reward: Id
    reason: Label | None = None
    value: Cost | None = None
    points: Points | None = None


class RaiseImprovement(ComplaintCommand):
    """Propose an improvement that prevents the problem from happening again."""

    improvement: Id
    title: Term
    cause: Term | None = None
    owner: Label | None = None


class CompleteImprovement(ComplaintCommand):
    """Record that the improvement was made."""

    improvement: Id


class MeasureImprovement(ComplaintCommand):
    """Measure an improvement: compare the rate of such complaints before and after it.

    Attributes:
        before: The number of such complaints in `before_days` before it.
        after: The number of such complaints in `after_days` after it.
    """

    improvement: Id
    before: Annotated[int, Field(strict=True, ge=0, le=10**9)]
    before_days: Annotated[int, Field(strict=True, ge=1, le=36_500)]
    after: Annotated[int, Field(strict=True, ge=0, le=10**9)]
    after_days: Annotated[int, Field(strict=True, ge=1, le=36_500)]


class CheckDeadlines(ComplaintCommand):
    """Record the deadlines missed and the escalations due by `occurred_at`.

    The agenda lists when this is needed.
    """
