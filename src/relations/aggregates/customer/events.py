"""What can happen to a customer."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.customer.item_answer import ItemAnswer
from relations.messages import Event, Money, Personal, SealedSince, Tender

__all__ = [
    "AcquisitionCostRecorded",
    "ConsentGiven",
    "ConsentWithdrawn",
    "CultureNoted",
    "CustomerAbsorbed",
    "CustomerErased",
    "CustomerLapsed",
    "CustomerMerged",
    "CustomerRegistered",
    "CustomerReleased",
    "CustomerUnmerged",
    "CustomerWonBack",
    "FeedbackAnswered",
    "FeedbackCoded",
    "FeedbackCorrected",
    "FeedbackGiven",
    "IdentityLinked",
    "InteractionRecorded",
    "InvitationDeclined",
    "InvitationReminded",
    "InvitationSeen",
    "InvitationSent",
    "ProfileCorrected",
    "PurchaseRecorded",
    "PurchaseRefunded",
    "RefundReversed",
    "SentimentScored",
    "TraitDropped",
    "TraitNoted",
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
    """The customer bought something.

    Attributes:
        purchase: The purchase's id.
        amount: The amount paid.
        category: Its category, in the host's own word.
        touchpoint: Where it was made.
        channel: The channel it came through.
        discounted: It was bought at a discount.
        at: Business time, UTC microseconds.
        tenders: The parts of the amount by how they were paid, where that is known.
    """

    topic: ClassVar[str] = "customer.purchase_recorded"
    purchase: str
    amount: Money
    category: str | None = None
    touchpoint: str | None = None
    channel: str | None = None
    discounted: bool = False
    at: int = 0
    tenders: tuple[Tender, ...] = ()


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


class RefundReversed(Event, frozen=True):
    """A refund was reversed: it failed, or the purchase was reinstated. The inverse of `PurchaseRefunded`.

    Attributes:
        refund: The refund's id.
        purchase: The purchase that it had refunded.
        amount: The amount that is no longer refunded.
        refunded: The running total refunded of that purchase after the reversal, in minor units.
        bought: The amount of the purchase, in minor units.
        bought_at: When the purchase was made, UTC microseconds.
        refunded_at: When the refund was made, UTC microseconds.
        reinstated: The purchase was reinstated, and with it all its refunds were reversed.
        reason: Why, in the host's own word.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.refund_reversed"
    refund: str
    purchase: str
    amount: Money
    refunded: int
    bought: int
    bought_at: int
    refunded_at: int
    reinstated: bool = False
    reason: str | None = None
    at: int = 0


class FeedbackGiven(Event, frozen=True):
    """The customer answered a survey, wrote a review, or was heard or watched and it was noted.

    Attributes:
        feedback: The answer's own id.
        instrument: The id of an instrument of the policy: `nps` and `csat` always, others as the business asks.
        score: A whole number in the instrument's range; absent where it has items instead, or was not scored.
        invitation: The invitation that it answers; one invitation and instrument count once.
        regarding: What it is about, where known: a purchase, a stay, a complaint.
        comment: The customer's words, or the notes of whoever listened.
        kind: What kind the instrument is (`nps`, `csat`, `ces`, `likert`, `semantic_differential`, `servqual`,
            `review`, `interview`, `panel`, `observation`). Empty in events from before there was more than one of a
            kind: the instrument's id is its kind.
        lowest: The low end of its scale, as the policy had it when this was taken; absent without a scale.
        highest: The high end.
        items: What was answered to the items of a questionnaire.
        themes: What it is about in the policy's words, where it was coded as it was noted.
        language: The language of the words (BCP 47).
        answer_by: By when the business is to come back to the customer, UTC microseconds, where the answer is a low one
            by the policy of its time.
    """

    topic: ClassVar[str] = "customer.feedback_given"
    feedback: str
    instrument: str
    score: int | None = None
    touchpoint: str | None = None
    channel: str | None = None
    invitation: str | None = None
    regarding: str | None = None
    comment: Personal | None = None
    at: int = 0
    kind: str = ""
    lowest: int | None = None
    highest: int | None = None
    items: tuple[ItemAnswer, ...] = ()
    themes: tuple[str, ...] = ()
    language: str | None = None
    answer_by: int | None = None


class FeedbackCorrected(Event, frozen=True):
    """The customer answered again: a slip was corrected, or the form was sent once more. The last word counts.

    Attributes:
        feedback: The answer that it corrects.
        instrument: The answer's instrument.
        kind: The kind of instrument, as in `FeedbackGiven`.
        score: The new score.
        items: The new answers to the items of a questionnaire.
        comment: Words that came with it.
        given_at: The business time of the word that it replaces, UTC microseconds.
        answer_by: The time by which the business has to reply, if the new answer is a low one.
    """

    topic: ClassVar[str] = "customer.feedback_corrected"
    feedback: str
    instrument: str
    given_at: int
    kind: str = ""
    score: int | None = None
    items: tuple[ItemAnswer, ...] = ()
    comment: Personal | None = None
    at: int = 0
    answer_by: int | None = None


class FeedbackCoded(Event, frozen=True):
    """Somebody, or something, read the words and said which of the policy's themes they are about.

    The coding with the latest business time counts.

    Attributes:
        coder: Who read it.
    """

    topic: ClassVar[str] = "customer.feedback_coded"
    feedback: str
    themes: tuple[str, ...]
    coder: str
    at: int = 0


class SentimentScored(Event, frozen=True):
    """The words were given a score of how favourable they are. Recorded, so that a replay gives the same.

    Attributes:
        score: Thousandths, from -1000 (unfavourable) to 1000.
        scorer: Which model scored.
        scorer_version: Its version: another one may say otherwise of the same words.
        answer_by: By when the business is to come back to the customer, where these words have no score beside them and
            this one is low by the policy of its time.
    """

    topic: ClassVar[str] = "customer.sentiment_scored"
    feedback: str
    score: int
    scorer: str
    scorer_version: str
    at: int = 0
    answer_by: int | None = None


class FeedbackAnswered(Event, frozen=True):
    """The business came back to the customer about an answer: the loop is closed.

    Attributes:
        by: Who did.
        action: What was done.
    """

    topic: ClassVar[str] = "customer.feedback_answered"
    feedback: str
    by: str | None = None
    action: str | None = None
    at: int = 0


class InvitationSent(Event, frozen=True):
    """The customer was asked to answer a survey.

    Attributes:
        invitation: Its own id, which answers name.
        instrument: The instrument it asks with.
        regarding: What it asks about, where known.
        remind_at: When the customer is to be reminded, UTC microseconds; absent where the policy of its time reminds
            nobody, or the answer came before word of the invitation.
    """

    topic: ClassVar[str] = "customer.invitation_sent"
    invitation: str
    instrument: str
    channel: str
    touchpoint: str | None = None
    regarding: str | None = None
    at: int = 0
    remind_at: int | None = None


class InvitationReminded(Event, frozen=True):
    """The customer was reminded of an invitation.

    Attributes:
        reminder: Which one it is, from 1.
        remind_at: When the next one is due; absent where this is the last.
    """

    topic: ClassVar[str] = "customer.invitation_reminded"
    invitation: str
    reminder: int
    at: int = 0
    remind_at: int | None = None


class InvitationSeen(Event, frozen=True):
    """The customer saw an invitation: from then on they are left in peace for a while."""

    topic: ClassVar[str] = "customer.invitation_seen"
    invitation: str
    at: int = 0


class InvitationDeclined(Event, frozen=True):
    """The customer does not want to answer an invitation."""

    topic: ClassVar[str] = "customer.invitation_declined"
    invitation: str
    reason: str | None = None
    at: int = 0


class TraitNoted(Event, frozen=True):
    """Something that this customer likes, does, cannot bear or needs became known.

    Attributes:
        trait: `preference`, `habit`, `taboo` or `need`.
        about: What it is about, in the business's words: `pillow`, `breakfast`.
        words: What exactly.
        need: Of a need, its sort: `functional`, `emotional` or `social`.
    """

    topic: ClassVar[str] = "customer.trait_noted"
    trait: str
    about: str
    words: Personal | None = None
    need: str | None = None
    at: int = 0


class TraitDropped(Event, frozen=True):
    """What was noted holds no longer."""

    topic: ClassVar[str] = "customer.trait_dropped"
    trait: str
    about: str
    at: int = 0


class CultureNoted(Event, frozen=True):
    """How this customer is used to be spoken and dealt with. The newest note replaces those before, field by field.

    Attributes:
        languages: The languages they speak, the best first (BCP 47).
        preferred_channel: How they want to be reached.
        pace: How fast they want things done, in the business's words.
        customs: What they hold dear: festivals, forms of address.
        taboos: What is not done before them.
    """

    topic: ClassVar[str] = "customer.culture_noted"
    languages: tuple[str, ...] = ()
    preferred_channel: str | None = None
    pace: str | None = None
    customs: Personal | None = None
    taboos: Personal | None = None
    at: int = 0


class AcquisitionCostRecorded(Event, frozen=True):
    """Money was spent to win this customer.

    Attributes:
        acquisition: The cost's own id.
        channel: Through which channel they were won.
        campaign: By which campaign.
    """

    topic: ClassVar[str] = "customer.acquisition_cost_recorded"
    acquisition: str
    amount: Money
    channel: str | None = None
    campaign: str | None = None
    at: int = 0


class CustomerLapsed(Event, frozen=True):
    """The business learnt that the customer has left. Stages that are only inferred are in the retention view.

    Attributes:
        reason: Why, in the business's words.
    """

    topic: ClassVar[str] = "customer.lapsed"
    reason: str | None = None
    at: int = 0


class CustomerWonBack(Event, frozen=True):
    """A customer who had left came back.

    Attributes:
        campaign: What won them back.
    """

    topic: ClassVar[str] = "customer.won_back"
    campaign: str | None = None
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
    """Another system's id for this customer became known.

    Attributes:
        source: The other system.
        external_id: The id there.
        digest: The keyed digest of source and id, by which it is found. Absent in events of versions that recorded the
            id in clear.
    """

    topic: ClassVar[str] = "customer.identity_linked"
    source: str
    external_id: SealedSince
    at: int = 0
    digest: str | None = None


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
