"""What can be wanted of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.contact import Birthday, Email, LanguageTag, Phone
from relations.messages import Channel, Command, Id, Label, Money, Text

__all__ = [
    "AbsorbCustomer",
    "CorrectProfile",
    "CustomerCommand",
    "EraseAlias",
    "EraseCustomer",
    "GiveConsent",
    "GiveFeedback",
    "LinkIdentity",
    "MergeCustomer",
    "RecordInteraction",
    "RecordPurchase",
    "RefundPurchase",
    "RegisterCustomer",
    "ReleaseCustomer",
    "UnmergeCustomer",
    "WithdrawConsent",
]

_SCORES: Mapping[str, tuple[int, int]] = {"nps": (0, 10), "csat": (1, 5)}
"""The lowest and the highest score of each instrument."""


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise PydanticCustomError("negative_amount", "a purchase is worth nothing or more; what goes back is a refund")
    return amount


def _positive(amount: Money) -> Money:
    if amount.amount <= 0:
        raise PydanticCustomError("refund_not_positive", "a refund gives back more than nothing")
    return amount


class CustomerCommand(Command):
    """A command to one customer's stream."""

    customer: Id

    @property
    def stream(self) -> str:
        return f"customer-{self.customer}"


class RegisterCustomer(CustomerCommand):
    """Begin to know a customer. Registering again the same way changes nothing.

    The same way means: the same language, region, channel and source, and the same personal fields given. What those
    fields say is not compared, for the state does not hold it; `CorrectProfile` changes it.
    """

    name: Text | None = None
    email: Email | None = None
    phone: Phone | None = None
    birthday: Birthday | None = None
    language: LanguageTag | None = None
    region: Label | None = None
    channel: Channel | None = None
    source: Label | None = None


class CorrectProfile(CustomerCommand):
    """Replace the fields given."""

    name: Text | None = None
    email: Email | None = None
    phone: Phone | None = None
    birthday: Birthday | None = None
    language: LanguageTag | None = None
    region: Label | None = None


class GiveConsent(CustomerCommand):
    """Record that the customer allows contact for a purpose through a channel."""

    purpose: Label
    channel: Channel
    basis: Label = "consent"
    source: Label = "customer"


class WithdrawConsent(CustomerCommand):
    """Record that the customer takes a permission back."""

    purpose: Label
    channel: Channel
    source: Label = "customer"


class RecordInteraction(CustomerCommand):
    """Record that business and customer were in touch."""

    interaction: Id
    channel: Channel
    kind: Label
    touchpoint: Label | None = None
    direction: Literal["inbound", "outbound"] = "inbound"
    outcome: Label | None = None


class RecordPurchase(CustomerCommand):
    """Record that the customer bought something, for nothing or more. They are registered by it if not known before."""

    purchase: Id
    amount: Annotated[Money, AfterValidator(_not_negative)]
    category: Label | None = None
    touchpoint: Label | None = None
    channel: Channel | None = None
    discounted: bool = False


class RefundPurchase(CustomerCommand):
    """Give money of a purchase back. Refused where it names no purchase or would give back more than was paid."""

    refund: Id
    purchase: Id
    amount: Annotated[Money, AfterValidator(_positive)]
    reason: Label | None = None


class GiveFeedback(CustomerCommand):
    """Answer one question with a score: NPS 0 to 10, CSAT 1 to 5, whole numbers only."""

    feedback: Id
    instrument: Literal["nps", "csat"]
    score: Annotated[int, Field(strict=True, json_schema_extra={"minimum": 0, "maximum": 10})]
    touchpoint: Label | None = None
    channel: Channel | None = None
    invitation: Id | None = None
    regarding: Annotated[str, StringConstraints(max_length=128)] | None = None
    comment: Text | None = None

    @model_validator(mode="after")
    def _score_in_range(self) -> GiveFeedback:
        lowest, highest = _SCORES[self.instrument]
        if not lowest <= self.score <= highest:
            raise PydanticCustomError(
                "score_out_of_range",
                "{instrument} is a whole number from {lowest} to {highest}, not {score}",
                {"instrument": self.instrument, "lowest": lowest, "highest": highest, "score": self.score},
            )
        return self


class EraseCustomer(CustomerCommand):
    """Make the customer's personal words unreadable for ever; totals stay, the chain still verifies.

    A customer known only by complaints can be erased too, and one who complained again after an erasure can be erased
    again. All ids that are merged with this one are the same person's, and are erased with it.
    """

    reason: Label = "customer asked"


class LinkIdentity(CustomerCommand):
    """Record which id another system has for this customer. Whoever is erased is not linked any more."""

    source: Label
    external_id: Label


class MergeCustomer(CustomerCommand):
    """Say that this customer is the same person as another, and make its id an alias of the other's.

    Refused unless neither is merged into anybody yet: only whom views answer for can be merged, or take others in. So
    there can be no circle. `UnmergeCustomer` undoes it.
    """

    into: Id


class UnmergeCustomer(CustomerCommand):
    """Say that this customer is a person of their own after all. Nothing happens where they are not merged."""


class AbsorbCustomer(CustomerCommand):
    """Take another id in. `MergeCustomer` asks for it and fails where it is refused; alone it makes nobody an alias."""

    merged: Id


class ReleaseCustomer(CustomerCommand):
    """Let an alias go. `UnmergeCustomer` asks for it; alone it frees nobody."""

    merged: Id


class EraseAlias(CustomerCommand):
    """Erase this customer because one merged with it was erased. Nothing happens where the two are not merged."""

    other: Id
    reason: Label = "customer asked"
