"""What can happen to a customer."""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event, Money, Personal

__all__ = [
    "ConsentGiven",
    "ConsentWithdrawn",
    "CustomerAbsorbed",
    "CustomerErased",
    "CustomerMerged",
    "CustomerRegistered",
    "CustomerReleased",
    "CustomerUnmerged",
    "FeedbackGiven",
    "IdentityLinked",
    "InteractionRecorded",
    "ProfileCorrected",
    "PurchaseRecorded",
    "PurchaseRefunded",
]


class CustomerRegistered(Event, frozen=True):
    """The business began to know this customer.

    Attributes:
        implicit: Nobody registered the customer: something they did made them known. At most one implicit event and
            one explicit one are recorded of a customer, in this order.
        at: Business time, UTC microseconds, as in the envelope. Here and below it stands in the body where a rule
            needs it, for a state is evolved from bodies alone.
    """

    topic: ClassVar[str] = "customer.registered"
    name: Personal | None = None
    email: Personal | None = None
    phone: Personal | None = None
    birthday: Personal | None = None
    language: str | None = None
    region: str | None = None
    channel: str | None = None
    source: str | None = None
    implicit: bool = False
    at: int = 0


class ProfileCorrected(Event, frozen=True):
    """Something known of the customer was wrong or has changed; only the fields given are replaced."""

    topic: ClassVar[str] = "customer.profile_corrected"
    name: Personal | None = None
    email: Personal | None = None
    phone: Personal | None = None
    birthday: Personal | None = None
    language: str | None = None
    region: str | None = None
    at: int = 0


class ConsentGiven(Event, frozen=True):
    """The customer allowed contact for one purpose through one channel."""

    topic: ClassVar[str] = "customer.consent_given"
    purpose: str
    channel: str
    basis: str
    source: str
    at: int = 0


class ConsentWithdrawn(Event, frozen=True):
    """The customer took that permission back."""

    topic: ClassVar[str] = "customer.consent_withdrawn"
    purpose: str
    channel: str
    source: str
    at: int = 0


class InteractionRecorded(Event, frozen=True):
    """Business and customer were in touch: a call, a greeting, a visit."""

    topic: ClassVar[str] = "customer.interaction_recorded"
    interaction: str
    channel: str
    kind: str
    touchpoint: str | None = None
    direction: str = "inbound"
    outcome: str | None = None
    at: int = 0


class PurchaseRecorded(Event, frozen=True):
    """The customer bought something."""

    topic: ClassVar[str] = "customer.purchase_recorded"
    purchase: str
    amount: Money
    category: str | None = None
    touchpoint: str | None = None
    channel: str | None = None
    discounted: bool = False
    at: int = 0


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
    at: int = 0


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
    at: int = 0


class CustomerErased(Event, frozen=True):
    """The customer's personal words were made unreadable for ever, by destroying their key.

    Attributes:
        merged: The ids next to this one that were the same person's when it was erased; they are erased with it.
    """

    topic: ClassVar[str] = "customer.erased"
    reason: str
    at: int = 0
    merged: tuple[str, ...] = ()


class IdentityLinked(Event, frozen=True):
    """Another system's id for this customer became known."""

    topic: ClassVar[str] = "customer.identity_linked"
    source: str
    external_id: str
    at: int = 0


class CustomerMerged(Event, frozen=True):
    """This id and another turned out to be one person's: from now on it is an alias of the other.

    Nothing is rewritten, and events go on under either id. Its counterpart in the survivor's stream is
    `CustomerAbsorbed`.

    Attributes:
        into: The surviving id.
    """

    topic: ClassVar[str] = "customer.merged"
    into: str
    at: int = 0


class CustomerUnmerged(Event, frozen=True):
    """This id turned out to be a person of its own after all, and is an alias no longer.

    Attributes:
        survivor: The id that it was merged into.
    """

    topic: ClassVar[str] = "customer.unmerged"
    survivor: str
    at: int = 0


class CustomerAbsorbed(Event, frozen=True):
    """Another id became an alias of this one.

    Attributes:
        merged: The alias.
    """

    topic: ClassVar[str] = "customer.absorbed"
    merged: str
    at: int = 0


class CustomerReleased(Event, frozen=True):
    """An alias of this id became a customer of its own again.

    Attributes:
        merged: What was the alias.
    """

    topic: ClassVar[str] = "customer.released"
    merged: str
    at: int = 0
