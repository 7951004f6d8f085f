"""What can be wanted of a customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.contact import Birthday, Email, LanguageTag, Phone
from relations.aggregates.customer.item_answer import ItemAnswer
from relations.currencies import last_day_of
from relations.messages import Channel, Command, Id, Label, Money, Tender, Term, Text
from relations.policies.instruments import CSAT, NPS

__all__ = [
    "AbsorbCustomer",
    "AnswerFeedback",
    "CodeFeedback",
    "CorrectProfile",
    "CustomerCommand",
    "DeclineInvitation",
    "DropTrait",
    "EraseAlias",
    "EraseCustomer",
    "GiveConsent",
    "GiveFeedback",
    "LinkIdentity",
    "MergeCustomer",
    "NoteCulture",
    "NoteTrait",
    "RecordAcquisitionCost",
    "RecordInteraction",
    "RecordLapse",
    "RecordPurchase",
    "RecordWinBack",
    "RefundPurchase",
    "RegisterCustomer",
    "ReinstatePurchase",
    "ReleaseCustomer",
    "RemindInvitation",
    "ReverseRefund",
    "ScoreSentiment",
    "SeeInvitation",
    "SendInvitation",
    "UnmergeCustomer",
    "WithdrawConsent",
]

_SCORES = {known.id: known for known in (NPS, CSAT)}
"""The instruments that every policy has."""


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
    """Record that the customer bought something, for nothing or more. Unknown customers are registered.

    Attributes:
        tenders: The parts of the amount by how they were paid, where that is known. The loyalty programme decides
            which of them earn points; any part that is not named counts as paid with money.
    """

    added: ClassVar[frozenset[str]] = frozenset({"tenders"})

    purchase: Id
    amount: Annotated[Money, AfterValidator(_not_negative)]
    category: Label | None = None
    touchpoint: Label | None = None
    channel: Channel | None = None
    discounted: bool = False
    tenders: Annotated[tuple[Tender, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _currency_is_in_use(self) -> RecordPurchase:
        last = last_day_of(self.amount.currency)
        # A day of grace: where the business is, it may still be the last day.
        if last is not None and self.occurred_at.date() > last + timedelta(days=1):
            raise PydanticCustomError(
                "withdrawn_currency",
                "{currency} was withdrawn, and could last be paid with on {last}",
                {"currency": self.amount.currency, "last": str(last)},
            )
        return self

    @model_validator(mode="after")
    def _tenders_fit(self) -> RecordPurchase:
        if any(tender.amount.currency != self.amount.currency for tender in self.tenders):
            raise PydanticCustomError(
                "tender_currency_differs", "the tenders of a purchase must be in the currency of its amount"
            )
        if sum(tender.amount.amount for tender in self.tenders) > self.amount.amount:
            raise PydanticCustomError(
                "tenders_exceed_purchase", "the tenders of a purchase must not add up to more than its amount"
            )
        return self


class RefundPurchase(CustomerCommand):
    """Refund a purchase, in whole or in part. All its refunds together must not exceed what was paid."""

    refund: Id
    purchase: Id
    amount: Annotated[Money, AfterValidator(_positive)]
    reason: Term | None = None


class ReverseRefund(CustomerCommand):
    """Reverse a refund that failed: the money did not reach the customer. It can be made again under a new id."""

    refund: Id
    reason: Term | None = None


class ReinstatePurchase(CustomerCommand):
    """Reinstate a purchase that was refunded in full, such as an order that was cancelled and completed after all.

    All its refunds are reversed.
    """

    purchase: Id
    reason: Term | None = None


class GiveFeedback(CustomerCommand):
    """Take an answer to a survey, a review, or the notes of an interview, a panel or an observation.

    The instrument is one of the policy's: `nps` (0 to 10) and `csat` (1 to 5) always, others as the business asks.
    Whole numbers only, and what was not answered is left out.

    Attributes:
        instrument: Its id.
        score: The answer to an instrument of one question.
        items: The answers to the items of a questionnaire.
        comment: The customer's words, or the notes.
        themes: What the words are about, where they are coded already.
        language: The language of the words.
    """

    feedback: Id
    instrument: Id
    score: Annotated[int, Field(strict=True, ge=-100, le=100)] | None = None
    items: Annotated[tuple[ItemAnswer, ...], Field(max_length=200)] = ()
    touchpoint: Label | None = None
    channel: Channel | None = None
    invitation: Id | None = None
    regarding: Annotated[str, StringConstraints(max_length=128)] | None = None
    comment: Text | None = None
    themes: tuple[Label, ...] = ()
    language: LanguageTag | None = None

    @model_validator(mode="after")
    def _score_in_range(self) -> GiveFeedback:
        known = _SCORES.get(self.instrument)
        if known is not None:
            score = self.score
            if score is None:
                raise PydanticCustomError(
                    "score_missing", "{instrument} is one score; give it", {"instrument": self.instrument}
                )
            lowest, highest = known.lowest, known.highest
            if lowest is None or highest is None or not lowest <= score <= highest:
                raise PydanticCustomError(
                    "score_out_of_range",
                    "{instrument} is a whole number from {lowest} to {highest}, not {score}",
                    {"instrument": self.instrument, "lowest": lowest, "highest": highest, "score": score},
                )
        return self

    @model_validator(mode="after")
    def _says_something(self) -> GiveFeedback:
        if self.score is None and not self.items and self.comment is None and not self.themes:
            raise PydanticCustomError("nothing_answered", "an answer has a score, items, words or themes")
        return self


class CodeFeedback(CustomerCommand):
    """Say what the words of an answer are about. The coding with the latest business time counts."""

    feedback: Id
    themes: tuple[Label, ...]
    coder: Label


class ScoreSentiment(CustomerCommand):
    """Record how favourable a model found the words of an answer, in thousandths from -1000 to 1000.

    Refused where the answer has no words.
    """

    feedback: Id
    score: Annotated[int, Field(strict=True, ge=-1000, le=1000)]
    scorer: Label
    scorer_version: Label


class AnswerFeedback(CustomerCommand):
    """Record that the business came back to the customer about an answer."""

    feedback: Id
    by: Label | None = None
    action: Label | None = None


class SendInvitation(CustomerCommand):
    """Record that the customer is asked to answer a survey.

    Refused where they saw another invitation lately, or withdrew their consent to be asked through this channel.
    """

    invitation: Id
    instrument: Id
    channel: Channel
    touchpoint: Label | None = None
    regarding: Annotated[str, StringConstraints(max_length=128)] | None = None


class RemindInvitation(CustomerCommand):
    """Record that the customer is reminded of an invitation: not answered nor declined, as often as the policy lets.

    Refused before the reminder is due, and where an invitation would be refused.
    """

    invitation: Id


class SeeInvitation(CustomerCommand):
    """Record that the customer saw an invitation. From then on they are left in peace for a while.

    Whoever answers or declines an invitation has seen it, and needs no such command.
    """

    invitation: Id


class DeclineInvitation(CustomerCommand):
    """Record that the customer does not want to answer an invitation."""

    invitation: Id
    reason: Term | None = None


class NoteTrait(CustomerCommand):
    """Note what the customer likes, does, cannot bear or needs. Noting it again with other words replaces them."""

    trait: Literal["preference", "habit", "taboo", "need"]
    about: Term
    words: Text | None = None
    need: Literal["functional", "emotional", "social"] | None = None

    @model_validator(mode="after")
    def _only_needs_have_a_sort(self) -> NoteTrait:
        if (self.need is not None) != (self.trait == "need"):
            raise PydanticCustomError(
                "need_sort_misplaced", "a need, and nothing else, is functional, emotional or social"
            )
        return self


class DropTrait(CustomerCommand):
    """Note that a trait holds no longer. Nothing happens where it was not noted."""

    trait: Literal["preference", "habit", "taboo", "need"]
    about: Term


class NoteCulture(CustomerCommand):
    """Note how the customer is used to be spoken and dealt with; what is left out stays as it was noted before."""

    languages: tuple[LanguageTag, ...] = ()
    preferred_channel: Channel | None = None
    pace: Label | None = None
    customs: Text | None = None
    taboos: Text | None = None

    @model_validator(mode="after")
    def _notes_something(self) -> NoteCulture:
        if not any((self.languages, self.preferred_channel, self.pace, self.customs, self.taboos)):
            raise PydanticCustomError("nothing_noted", "a note on culture says at least one thing")
        return self


class RecordAcquisitionCost(CustomerCommand):
    """Record what was spent to win this customer."""

    acquisition: Id
    amount: Annotated[Money, AfterValidator(_not_negative)]
    channel: Channel | None = None
    campaign: Label | None = None


class RecordLapse(CustomerCommand):
    """Record that the customer is known to have left, and why. Nobody needs to: the retention view infers stages."""

    reason: Term | None = None


class RecordWinBack(CustomerCommand):
    """Record that a customer who had left came back. Nothing happens where no lapse was recorded before."""

    campaign: Label | None = None


class EraseCustomer(CustomerCommand):
    """Make the customer's personal words unreadable for ever; totals stay, the chain still verifies.

    A customer known only by complaints can be erased too, and one who complained again after an erasure can be erased
    again. All ids that are merged with this one are the same person's, and are erased with it.
    """

    reason: Term = "customer asked"


class LinkIdentity(CustomerCommand):
    """Record which id another system has for this customer. Whoever is erased is not linked any more."""

    source: Label
    external_id: Label
    _digest: str | None = PrivateAttr(default=None)

    @property
    def digest(self) -> str | None:
        """The keyed digest of source and id, once the engine has computed it."""
        return self._digest

    def keyed(self, digest: Callable[[str, str], str]) -> LinkIdentity:
        """Return the command with its digest."""
        copy = self.model_copy()
        copy._digest = digest(self.external_id, self.source)
        return copy


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
    reason: Term = "customer asked"
