"""A customer: who they are to the business, what they allowed, bought, gave back and said.

Stream `customer-<id>`. Order of this module: events, commands, state, evolve, decide.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from relations.messages import Channel, Command, Event, Id, Label, Money, Personal, Text

# --- events ---------------------------------------------------------------------------------------------------------


class CustomerRegistered(Event, frozen=True):
    """The business began to know this customer."""

    topic: ClassVar[str] = "customer.registered"
    name: Personal | None = None
    email: Personal | None = None
    phone: Personal | None = None
    birthday: Personal | None = None
    language: str | None = None
    region: str | None = None
    channel: str | None = None
    source: str | None = None


class ProfileCorrected(Event, frozen=True):
    """Something known of the customer was wrong or has changed; only the fields given are replaced."""

    topic: ClassVar[str] = "customer.profile_corrected"
    name: Personal | None = None
    email: Personal | None = None
    phone: Personal | None = None
    birthday: Personal | None = None
    language: str | None = None
    region: str | None = None


class ConsentGiven(Event, frozen=True):
    """The customer allowed contact for one purpose through one channel."""

    topic: ClassVar[str] = "customer.consent_given"
    purpose: str
    channel: str
    basis: str
    source: str


class ConsentWithdrawn(Event, frozen=True):
    """The customer took that permission back."""

    topic: ClassVar[str] = "customer.consent_withdrawn"
    purpose: str
    channel: str
    source: str


class InteractionRecorded(Event, frozen=True):
    """Business and customer were in touch: a call, a greeting, a visit."""

    topic: ClassVar[str] = "customer.interaction_recorded"
    interaction: str
    channel: str
    kind: str
    touchpoint: str | None = None
    direction: str = "inbound"
    outcome: str | None = None


class PurchaseRecorded(Event, frozen=True):
    """The customer bought something."""

    topic: ClassVar[str] = "customer.purchase_recorded"
    purchase: str
    amount: Money
    category: str | None = None
    touchpoint: str | None = None
    channel: str | None = None
    discounted: bool = False


class PurchaseRefunded(Event, frozen=True):
    """Money of one purchase went back, in whole or in part.

    Attributes:
        refund: The refund's own id.
        purchase: The purchase that it gives back.
        amount: Given back now.
        refunded: Given back of that purchase so far, this refund included, in minor units.
        bought: What the purchase was worth, in minor units.
        bought_at: When it was bought, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.purchase_refunded"
    refund: str
    purchase: str
    amount: Money
    refunded: int
    bought: int
    bought_at: int
    reason: str | None = None


class FeedbackGiven(Event, frozen=True):
    """The customer answered one question of a survey with a score.

    Attributes:
        feedback: The answer's own id.
        instrument: `nps` (0 to 10) or `csat` (1 to 5).
        score: A whole number in the instrument's range.
        invitation: The invitation that it answers; one invitation and instrument count once.
        regarding: What it is about, where known: a purchase, a stay, a complaint.
    """

    topic: ClassVar[str] = "customer.feedback_given"
    feedback: str
    instrument: str
    score: int
    touchpoint: str | None = None
    channel: str | None = None
    invitation: str | None = None
    regarding: str | None = None
    comment: Personal | None = None


class CustomerErased(Event, frozen=True):
    """The customer's personal words were made unreadable for ever, by destroying their key."""

    topic: ClassVar[str] = "customer.erased"
    reason: str


# --- commands -------------------------------------------------------------------------------------------------------


class CustomerCommand(Command):
    """A command to one customer's stream."""

    customer: Id

    @property
    def stream(self) -> str:
        return f"customer-{self.customer}"


class RegisterCustomer(CustomerCommand):
    """Begin to know a customer. Registering again the same way changes nothing."""

    name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    birthday: Text | None = None
    language: Label | None = None
    region: Label | None = None
    channel: Channel | None = None
    source: Label | None = None


class CorrectProfile(CustomerCommand):
    """Replace the fields given."""

    name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    birthday: Text | None = None
    language: Label | None = None
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
    """Record that the customer bought something. The customer is registered by it where they were not known."""

    purchase: Id
    amount: Money
    category: Label | None = None
    touchpoint: Label | None = None
    channel: Channel | None = None
    discounted: bool = False


class RefundPurchase(CustomerCommand):
    """Give money of a purchase back. Refused where it names no purchase or would give back more than was paid."""

    refund: Id
    purchase: Id
    amount: Money
    reason: Label | None = None


class GiveFeedback(CustomerCommand):
    """Answer one question with a score: NPS 0 to 10, CSAT 1 to 5, whole numbers only."""

    feedback: Id
    instrument: Literal["nps", "csat"]
    score: Annotated[int, Field(strict=True, ge=0, le=10)]
    touchpoint: Label | None = None
    channel: Channel | None = None
    invitation: Id | None = None
    regarding: Annotated[str, StringConstraints(max_length=128)] | None = None
    comment: Text | None = None


class EraseCustomer(CustomerCommand):
    """Make the customer's personal words unreadable for ever; totals stay, the chain still verifies."""

    reason: Label = "customer asked"
