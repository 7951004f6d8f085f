"""What can be wanted of a complaint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from relations.messages import Channel, Command, Id, Label, Money, Term, Text
from relations.policies.complaints.service_levels import Severity

__all__ = [
    "AcceptRemedy",
    "AcknowledgeComplaint",
    "ApproveRemedy",
    "AskInformation",
    "AssessComplaint",
    "AssignComplaint",
    "CarryOutRemedy",
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
    "Severity",
    "TakeDuplicate",
    "TransferComplaint",
    "WithdrawComplaint",
]

Grading = Literal["low", "medium", "high"]
"""How complex, how far-reaching, how urgent."""

Conclusion = Literal["upheld", "partly_upheld", "not_upheld"]
"""What an investigation found of the complaint."""

RemedyKind = Literal["refund", "points", "voucher", "replacement", "service", "goodwill"]


Points = Annotated[int, Field(strict=True, gt=0, le=10**12)]


def _not_negative(value: Money) -> Money:
    if value.amount < 0:
        raise PydanticCustomError("negative_amount", "a remedy costs the business nothing or more")
    return value


Cost = Annotated[Money, AfterValidator(_not_negative)]


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
    """Open a complaint.

    Attributes:
        grade: The customer's value grade, where promises differ by it.
        on_behalf_of: Who it is about, where the customer speaks for somebody else.
        relationship: What that person is to the customer: child, guest of the booking, company.
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
    relationship: Label | None = None


class AcknowledgeComplaint(ComplaintCommand):
    """Answer that it was heard."""

    channel: Channel | None = None


class AssessComplaint(ComplaintCommand):
    """Judge how bad it is. What is left out stays as it was judged before."""

    severity: Severity | None = None
    complexity: Grading | None = None
    impact: Grading | None = None
    urgency: Grading | None = None
    category: Label | None = None

    @model_validator(mode="after")
    def _judges_something(self) -> AssessComplaint:
        if not any((self.severity, self.complexity, self.impact, self.urgency, self.category)):
            raise PydanticCustomError("nothing_assessed", "an assessment judges at least one thing")
        return self


class AssignComplaint(ComplaintCommand):
    """Give it to somebody to work on."""

    owner: Label
    department: Label | None = None


class TransferComplaint(ComplaintCommand):
    """Hand it over to another department, and there to somebody if known."""

    department: Label
    owner: Label | None = None
    reason: Term | None = None


class InvestigateComplaint(ComplaintCommand):
    """Record what was found out."""

    findings: Text | None = None
    conclusion: Conclusion | None = None


class NameRootCause(ComplaintCommand):
    """Say why it happened. Mostly known later, so it may be said at any time."""

    cause: Term


class AskInformation(ComplaintCommand):
    """Ask the customer for something. The clocks that the policy names stand still until it comes."""

    request: Id
    about: Label | None = None


class ReceiveInformation(ComplaintCommand):
    """Record that what was asked for has come."""

    request: Id
    words: Text | None = None


class ReceiveMessage(ComplaintCommand):
    """Record a message that the customer sent unasked. It starts the clock of the next answer.

    Attributes:
        message: The message's own id.
        channel: The channel through which it came.
        words: The customer's words.
    """

    message: Id
    channel: Channel | None = None
    words: Text | None = None


class SendHoldingReply(ComplaintCommand):
    """Tell the customer why it takes longer, and until when."""

    reason: Term
    until: AwareDatetime | None = None


class EscalateComplaint(ComplaintCommand):
    """Call for somebody higher up. An emergency goes to whom the policy names and makes the complaint critical."""

    to: Label | None = None
    reason: Term | None = None
    emergency: bool = False

    @model_validator(mode="after")
    def _goes_to_somebody(self) -> EscalateComplaint:
        if self.to is None and not self.emergency:
            raise PydanticCustomError("escalated_to_nobody", "an escalation names who is to hear of it")
        return self


class GiveApology(ComplaintCommand):
    """Apologise."""

    channel: Channel | None = None


class ProposeRemedy(ComplaintCommand):
    """Offer to make it good.

    Attributes:
        role: The author's role, by which the policy limits what they may offer without asking.
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
                "points_without_kind", "points are given with the kind `points`, and only with it"
            )
        return self


class ApproveRemedy(ComplaintCommand):
    """Allow an offer that is above its author's limit; it is now the business's offer to the customer."""

    remedy: Id
    role: Label | None = None


class RefuseRemedy(ComplaintCommand):
    """Do not allow an offer that is above its author's limit."""

    remedy: Id
    reason: Label | None = None


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

    reason: Term


class WithdrawComplaint(ComplaintCommand):
    """Record that the customer takes it back."""

    reason: Term | None = None


class MergeComplaint(ComplaintCommand):
    """Record that it is a duplicate of another complaint, in which it goes on."""

    into: Id


class TakeDuplicate(ComplaintCommand):
    """Record, in the complaint that goes on, which one was merged into it. Follows from `MergeComplaint`."""

    duplicate: Id


class JudgePromise(ComplaintCommand):
    """Record another system's judgement of whether a promise was kept. It changes none of the complaint's clocks.

    Attributes:
        promise: The promise in that system's words, such as `timely response`.
        kept: True if it was kept.
        judged_by: The author of the judgement: a regulator, a former system.
    """

    promise: Label
    kept: bool
    judged_by: Label


class RecogniseComplaint(ComplaintCommand):
    """Say that it was useful, and thank for it with points or something of value.

    Attributes:
        reward: An id, from the same pool as those of remedies.
    """

    reward: Id
    reason: Label | None = None
    value: Cost | None = None
    points: Points | None = None


class RaiseImprovement(ComplaintCommand):
    """Propose a change so that it does not happen again."""

    improvement: Id
    title: Label
    cause: Term | None = None
    owner: Label | None = None


class CompleteImprovement(ComplaintCommand):
    """Record that the change was made."""

    improvement: Id


class MeasureImprovement(ComplaintCommand):
    """Compare how often it happened before the change and after it.

    Attributes:
        before: How many complaints of the kind in the days before.
        after: How many in the days after.
    """

    improvement: Id
    before: Annotated[int, Field(strict=True, ge=0, le=10**9)]
    before_days: Annotated[int, Field(strict=True, ge=1, le=36_500)]
    after: Annotated[int, Field(strict=True, ge=0, le=10**9)]
    after_days: Annotated[int, Field(strict=True, ge=1, le=36_500)]


class CheckDeadlines(ComplaintCommand):
    """Record what time alone has done by `occurred_at`: deadlines that ran out, escalations that fell due.

    The agenda says when this is due.
    """
