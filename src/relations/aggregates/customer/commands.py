"""The commands to a customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.contact import Birthday, Email, LanguageTag, Phone
from relations.aggregates.customer.item_answer import ItemAnswer
from relations.aggregates.customer.purchase_line import PurchaseLine
from relations.aggregates.customer.regarding import Regarding
from relations.currencies import last_day_of
from relations.messages import Channel, Command, Id, Label, Money, Tender, Term, Text
from relations.policies.care_plans.plan import Trigger
from relations.policies.instruments import CSAT, NPS

__all__ = [
    "AbsorbCustomer",
    "AdvancePlan",
    "AnswerFeedback",
    "BeginPlan",
    "CancelAcquisitionCost",
    "CodeFeedback",
    "CorrectProfile",
    "CustomerCommand",
    "CustomerKind",
    "DeclineInvitation",
    "DropTrait",
    "EndPlan",
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
    "SkipStep",
    "UnmergeCustomer",
    "WithdrawConsent",
]

CustomerKind = Literal["person", "author", "organisation", "partner"]
"""A person, somebody known only as the author of public posts, an organisation that buys, or one that brings buyers."""

Link = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00]+$")]
"""The address of a page on the web."""
TraitKind = Literal["preference", "habit", "taboo", "need", "attribute"]

_SCORES = {known.id: known for known in (NPS, CSAT)}
"""The instruments that every policy includes."""


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise PydanticCustomError(
            "negative_amount",
            "the amount of a purchase must not be negative; send money given back as a refund (RefundPurchase)",
        )
    return amount


def _cost_not_negative(cost: Money) -> Money:
    if cost.amount < 0:
        raise PydanticCustomError("negative_cost", "the cost of a purchase must not be negative")
    return cost


def _positive(amount: Money) -> Money:
    if amount.amount <= 0:
        raise PydanticCustomError("refund_not_positive", "the amount of a refund must be greater than zero")
    return amount


class CustomerCommand(Command):
    """A command to one customer's stream."""

    customer: Id

    @property
    def stream(self) -> str:
        return f"customer-{self.customer}"


class RegisterCustomer(CustomerCommand):
    """Register a customer. Registering again with the same details changes nothing.

    Details are the same if language, region, channel and source are equal and the same personal fields are given.
    The contents of personal fields are not compared, because the state does not hold them; change them with
    `CorrectProfile`.

    Attributes:
        kind: `author` for somebody known only by what they posted in public. An author is no prospect until they buy
            or are merged with a customer. `organisation` for a business that buys, and `partner` for one through which
            others buy.
    """

    added: ClassVar[frozenset[str]] = frozenset({"kind", "gender"})

    name: Text | None = None
    email: Email | None = None
    phone: Phone | None = None
    birthday: Birthday | None = None
    language: LanguageTag | None = None
    region: Label | None = None
    channel: Channel | None = None
    source: Label | None = None
    kind: CustomerKind = "person"
    gender: Label | None = None


class CorrectProfile(CustomerCommand):
    """Correct the customer's profile: the given fields are replaced, the others stay as they are."""

    name: Text | None = None
    email: Email | None = None
    phone: Phone | None = None
    birthday: Birthday | None = None
    language: LanguageTag | None = None
    region: Label | None = None
    gender: Label | None = None

    added: ClassVar[frozenset[str]] = frozenset({"gender"})


class GiveConsent(CustomerCommand):
    """Record that the customer allows contact for a purpose through a channel."""

    purpose: Label
    channel: Channel
    basis: Label = "consent"
    source: Label = "customer"


class WithdrawConsent(CustomerCommand):
    """Record that the customer withdraws a consent."""

    purpose: Label
    channel: Channel
    source: Label = "customer"


class RecordInteraction(CustomerCommand):
    """Record contact between the business and the customer.

    Attributes:
        kind: The kind of contact, such as `message`, `short_call`, `long_call` or `visit`.
        regarding: The care step, offer, opportunity or complaint that it is about.
        words: What was said, or a note about it. Stored encrypted.
        by: The staff member who was in contact, by your id.
        minutes: How long it took.
        sells: True if the business tried to sell something.
        platform: The platform of a contact on the web, such as the name of a social network.
        purpose: The purpose for which consent counts, if it is not the policy's own.
        topics: The topics that came up and the gifts that were given, in the terms under which taboos are noted.
        in_spite_of: The reason for a topic or gift that is noted as a taboo. Stored encrypted.
        lenient: Used by imports from other systems. A contact that breaks a rule is recorded with the rule's code,
            instead of being refused.
    """

    added: ClassVar[frozenset[str]] = frozenset(
        {
            "regarding",
            "words",
            "by",
            "minutes",
            "sells",
            "platform",
            "purpose",
            "topics",
            "in_spite_of",
            "lenient",
        }
    )

    interaction: Id
    channel: Channel
    kind: Label
    touchpoint: Label | None = None
    direction: Literal["inbound", "outbound"] = "inbound"
    outcome: Term | None = None
    regarding: Regarding | None = None
    words: Text | None = None
    by: Id | None = None
    minutes: Annotated[int, Field(strict=True, ge=0, le=10_000)] | None = None
    sells: bool = False
    platform: Label | None = None
    purpose: Label | None = None
    topics: Annotated[tuple[Term, ...], Field(max_length=20)] = ()
    in_spite_of: Text | None = None
    lenient: bool = False


class RecordPurchase(CustomerCommand):
    """Record a purchase. The amount may be zero. Unknown customers are registered.

    Attributes:
        tenders: The parts of the amount by how they were paid, where that is known. The loyalty programme decides
            which of them earn points; the rest of the amount counts as paid with money.
        campaign: The campaign to which the purchase is attributed.
        partner: The partner through which it was made.
        lines: Its products. Their amounts and `rest` add up to the amount.
        rest: The part of the amount that belongs to no line, such as postage. A discount on the whole purchase is
            below zero.
        cost: What the business itself paid for it. The margin is the amount less this cost.
    """

    added: ClassVar[frozenset[str]] = frozenset({"tenders", "campaign", "partner", "lines", "rest", "cost"})

    purchase: Id
    amount: Annotated[Money, AfterValidator(_not_negative)]
    category: Label | None = None
    touchpoint: Label | None = None
    channel: Channel | None = None
    discounted: bool = False
    tenders: Annotated[tuple[Tender, ...], Field(max_length=20)] = ()
    campaign: Id | None = None
    partner: Id | None = None
    lines: Annotated[tuple[PurchaseLine, ...], Field(max_length=2_000)] = ()
    rest: Money | None = None
    cost: Annotated[Money, AfterValidator(_cost_not_negative)] | None = None

    @model_validator(mode="after")
    def _currency_is_in_use(self) -> RecordPurchase:
        last = last_day_of(self.amount.currency)
        # A day of grace: where the business is, it may still be the last day.
        if last is not None and self.occurred_at.date() > last + timedelta(days=1):
            raise PydanticCustomError(
                "withdrawn_currency",
                "{currency} is no longer in use; the last day to pay with it was {last}",
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

    @model_validator(mode="after")
    def _lines_add_up(self) -> RecordPurchase:
        amount, rest = self.amount, self.rest
        parts = [*(line.amount for line in self.lines), *(part for part in (rest, self.cost) if part is not None)]
        if any(part.currency != amount.currency for part in parts):
            raise PydanticCustomError(
                "line_currency_differs", "the lines, rest and cost of a purchase must be in the currency of its amount"
            )
        if not self.lines:
            if rest is not None:
                raise PydanticCustomError("rest_without_lines", "only a purchase with lines can have a rest")
            return self
        left = amount.amount - sum(line.amount.amount for line in self.lines)
        stated = 0 if rest is None else rest.amount
        if left != stated:
            raise PydanticCustomError(
                "lines_differ_from_amount",
                "the lines of a purchase and its rest must add up to its amount, {amount}: its rest would be {rest}",
                {"amount": str(amount), "rest": str(Money(left, amount.currency))},
            )
        return self


class RefundPurchase(CustomerCommand):
    """Refund a purchase, in whole or in part. Its refunds together must not exceed the amount paid."""

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
    """Record an answer to a survey, a review, or the notes of an interview, a panel or an observation.

    The policy defines the instruments; `nps` (0 to 10) and `csat` (1 to 5) are always available.
    Scores are whole numbers. Leave out questions that were not answered.

    Attributes:
        instrument: The id of the instrument.
        score: The score, for an instrument with a single question.
        items: The answers to the items of a questionnaire.
        comment: The customer's comment, or the notes.
        themes: The themes of the comment, if it is already coded.
        language: The language of the comment.
        platform: The platform on which it was posted in public, such as `weibo`. A post by somebody unknown makes them
            known as an author.
        link: The address of the post. It leads to the author, so it is sealed like the comment.
    """

    added: ClassVar[frozenset[str]] = frozenset({"platform", "link"})

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
    platform: Term | None = None
    link: Link | None = None

    @model_validator(mode="after")
    def _is_posted_somewhere(self) -> GiveFeedback:
        if self.link is not None and self.platform is None:
            raise PydanticCustomError("platform_missing", "the link of a post must come with its platform")
        return self

    @model_validator(mode="after")
    def _score_in_range(self) -> GiveFeedback:
        known = _SCORES.get(self.instrument)
        if known is not None:
            score = self.score
            if score is None:
                raise PydanticCustomError(
                    "score_missing", "an answer to {instrument} must have a score", {"instrument": self.instrument}
                )
            lowest, highest = known.lowest, known.highest
            if lowest is None or highest is None or not lowest <= score <= highest:
                raise PydanticCustomError(
                    "score_out_of_range",
                    "a score for {instrument} must be a whole number from {lowest} to {highest}, not {score}",
                    {"instrument": self.instrument, "lowest": lowest, "highest": highest, "score": score},
                )
        return self

    @model_validator(mode="after")
    def _says_something(self) -> GiveFeedback:
        if self.score is None and not self.items and self.comment is None and not self.themes:
            raise PydanticCustomError("nothing_answered", "an answer must have a score, items, a comment or themes")
        return self


class CodeFeedback(CustomerCommand):
    """Assign themes to the comment of an answer. The coding with the latest business time counts."""

    feedback: Id
    themes: tuple[Label, ...]
    coder: Label


class ScoreSentiment(CustomerCommand):
    """Record the sentiment score that a model gave the comment of an answer, in thousandths from -1000 to 1000.

    Refused if the answer has no comment.
    """

    feedback: Id
    score: Annotated[int, Field(strict=True, ge=-1000, le=1000)]
    scorer: Label
    scorer_version: Label


class AnswerFeedback(CustomerCommand):
    """Record that the business replied to the customer about an answer."""

    feedback: Id
    by: Label | None = None
    action: Term | None = None


class SendInvitation(CustomerCommand):
    """Record an invitation to a survey.

    Refused if the customer saw another invitation within the policy's quarantine, or withdrew their consent to
    surveys through this channel.
    """

    invitation: Id
    instrument: Id
    channel: Channel
    touchpoint: Label | None = None
    regarding: Annotated[str, StringConstraints(max_length=128)] | None = None


class RemindInvitation(CustomerCommand):
    """Record that the customer is reminded of an invitation that they have neither answered nor declined.

    Refused before the reminder is due, after the policy's last reminder, and whenever a new invitation would be
    refused.
    """

    invitation: Id


class SeeInvitation(CustomerCommand):
    """Record that the customer saw an invitation. This starts the quarantine, during which no other is sent.

    A customer who answers or declines an invitation counts as having seen it; this command is then not needed.
    """

    invitation: Id


class DeclineInvitation(CustomerCommand):
    """Record that the customer declines an invitation."""

    invitation: Id
    reason: Term | None = None


class NoteTrait(CustomerCommand):
    """Note a preference, habit, taboo, need or attribute of the customer. Noting it again replaces what was noted.

    An attribute is anything else that segments are made of, such as a club card. Its `value` is not sealed, so it must
    not be personal.
    """

    trait: TraitKind
    about: Term
    words: Text | None = None
    need: Literal["functional", "emotional", "social"] | None = None
    value: Term | None = None

    added: ClassVar[frozenset[str]] = frozenset({"value"})

    @model_validator(mode="after")
    def _only_needs_have_a_sort(self) -> NoteTrait:
        if (self.need is not None) != (self.trait == "need"):
            raise PydanticCustomError(
                "need_sort_misplaced",
                "the kind of need (functional, emotional or social) must be given for a need, and only for a need",
            )
        return self

    @model_validator(mode="after")
    def _only_attributes_have_a_value(self) -> NoteTrait:
        if self.value is not None and self.trait != "attribute":
            raise PydanticCustomError(
                "value_misplaced", "only an attribute can have a value; use words for the details"
            )
        return self


class DropTrait(CustomerCommand):
    """Drop a trait that no longer applies. Nothing happens if it was not noted."""

    trait: TraitKind
    about: Term


class NoteCulture(CustomerCommand):
    """Note how the customer wants to be addressed and served. Fields that are left out keep their earlier values."""

    languages: tuple[LanguageTag, ...] = ()
    preferred_channel: Channel | None = None
    pace: Label | None = None
    customs: Text | None = None
    taboos: Text | None = None

    @model_validator(mode="after")
    def _notes_something(self) -> NoteCulture:
        if not any((self.languages, self.preferred_channel, self.pace, self.customs, self.taboos)):
            raise PydanticCustomError("nothing_noted", "a note on culture must have at least one field")
        return self


class RecordAcquisitionCost(CustomerCommand):
    """Record the cost of acquiring this customer."""

    acquisition: Id
    amount: Annotated[Money, AfterValidator(_not_negative)]
    channel: Channel | None = None
    campaign: Label | None = None


class CancelAcquisitionCost(CustomerCommand):
    """Take back a cost that was recorded by mistake: every figure is as if it had never been recorded.

    To correct an amount, cancel the cost and record it again with an id of its own.
    """

    acquisition: Id


class RecordLapse(CustomerCommand):
    """Record that the customer is known to have left, and why. Optional, since the retention view infers stages."""

    reason: Term | None = None


class RecordWinBack(CustomerCommand):
    """Record that a customer who had left came back. Nothing happens if no lapse was recorded before."""

    campaign: Label | None = None


class BeginPlan(CustomerCommand):
    """Begin a care plan of the policy for the customer.

    Refused while the plan is in progress. A plan that begins by a trigger of its own is then left as it is.

    Attributes:
        plan: The plan's id.
        on: The day from which its days are counted; by default the day of `occurred_at`.
        because: The trigger.
        owner: The staff member who is responsible, by your id.
    """

    plan: Id
    on: date | None = None
    because: Trigger = "by_hand"
    owner: Id | None = None


class SkipStep(CustomerCommand):
    """Leave out a step of a care plan on purpose. Nothing happens if it was done or skipped already."""

    round: Id
    step: Id
    reason: Term


class EndPlan(CustomerCommand):
    """End a care plan. Nothing happens if it is not in progress."""

    plan: Id
    reason: Term


class AdvancePlan(CustomerCommand):
    """Record what time has done in the customer's care plans: steps that lapsed, and rounds that ended.

    `advance_time` sends it when something falls due.

    Attributes:
        not_renewed: The rounds after which the plan ends, because the customer no longer meets its conditions.
    """

    added: ClassVar[frozenset[str]] = frozenset({"not_renewed"})

    not_renewed: Annotated[tuple[Id, ...], Field(max_length=100)] = ()


class EraseCustomer(CustomerCommand):
    """Erase the customer: make their personal data unreadable for ever. Totals stay, and the chain still verifies.

    A customer known only from complaints can be erased, too. One who complained again after an erasure can be erased
    again. All ids merged with this one belong to the same person and are erased with it.
    """

    reason: Term = "customer asked"


class LinkIdentity(CustomerCommand):
    """Record the id of this customer in another system. Refused for an erased customer."""

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
    """Merge this customer into another: both are the same person, and this id becomes an alias of the other.

    Refused if either is already merged into another customer, so merges cannot form a circle. `UnmergeCustomer`
    reverses it.
    """

    into: Id


class UnmergeCustomer(CustomerCommand):
    """Reverse a merge: this customer is a separate person after all. Nothing happens if they are not merged."""


class AbsorbCustomer(CustomerCommand):
    """Take in a merged customer. Sent by `MergeCustomer`, which fails if this is refused; alone it merges nothing."""

    merged: Id


class ReleaseCustomer(CustomerCommand):
    """Release an alias. Sent by `UnmergeCustomer`; on its own it unmerges nothing."""

    merged: Id


class EraseAlias(CustomerCommand):
    """Erase this customer because one merged with it was erased. Nothing happens if the two are not merged."""

    other: Id
    reason: Term = "customer asked"
