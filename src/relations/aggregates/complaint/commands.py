"""What can be wanted of a complaint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from relations.messages import Channel, Command, Id, Label, Money, Text
from relations.policies.service_levels import Severity

__all__ = [
    "AcceptRemedy",
    "AcknowledgeComplaint",
    "CarryOutRemedy",
    "CheckDeadlines",
    "CloseComplaint",
    "ComplaintCommand",
    "DeclineRemedy",
    "FileComplaint",
    "FollowUpComplaint",
    "GiveApology",
    "ProposeRemedy",
    "RemedyKind",
    "ReopenComplaint",
    "ResolveComplaint",
    "Severity",
    "WithdrawComplaint",
]

RemedyKind = Literal["refund", "points", "voucher", "replacement", "service", "goodwill"]


def _not_negative(value: Money) -> Money:
    if value.amount < 0:
        raise PydanticCustomError("negative_amount", "a remedy costs the business nothing or more")
    return value


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
    value: Annotated[Money, AfterValidator(_not_negative)] | None = None
    points: Annotated[int, Field(strict=True, gt=0, le=10**12)] | None = None

    @model_validator(mode="after")
    def _points_name_their_number(self) -> ProposeRemedy:
        if (self.kind == "points") != (self.points is not None):
            raise PydanticCustomError(
                "points_without_kind", "points are given with the kind `points`, and only with it"
            )
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
