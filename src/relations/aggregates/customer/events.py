"""The events of a customer."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.customer.item_answer import ItemAnswer
from relations.aggregates.customer.planned_step import PlannedStep
from relations.aggregates.customer.purchase_line import PurchaseLine
from relations.aggregates.customer.regarding import Regarding
from relations.messages import Event, Money, Personal, SealedSince, Tender

__all__ = [
    "AcquisitionCostCancelled",
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
    "PlanBegun",
    "PlanEnded",
    "PlanRenewed",
    "ProfileCorrected",
    "PurchaseRecorded",
    "PurchaseRefunded",
    "RefundReversed",
    "SentimentScored",
    "StepLapsed",
    "StepSkipped",
    "TraitDropped",
    "TraitNoted",
]


class CustomerRegistered(Event, frozen=True):
    """The customer was registered.

    Attributes:
        implicit: True if the customer became known by another event, such as a purchase. A customer has at most one
            implicit and one explicit registration, in this order.
        kind: `person`, `author` for somebody known only by what they posted in public, `organisation` or `partner`.
        at: Business time, UTC microseconds, as in the envelope. Events repeat it in the body where a rule needs it,
            because the state is built from bodies alone.
        gender: The gender, in the business's own words.
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
    kind: str = "person"
    gender: Personal | None = None


class ProfileCorrected(Event, frozen=True):
    """The customer's profile was corrected; only the given fields are replaced."""

    topic: ClassVar[str] = "customer.profile_corrected"
    name: Personal | None = None
    email: Personal | None = None
    phone: Personal | None = None
    birthday: Personal | None = None
    language: str | None = None
    region: str | None = None
    at: int = 0
    gender: Personal | None = None


class ConsentGiven(Event, frozen=True):
    """The customer allowed contact for one purpose through one channel."""

    topic: ClassVar[str] = "customer.consent_given"
    purpose: str
    channel: str
    basis: str
    source: str
    at: int = 0


class ConsentWithdrawn(Event, frozen=True):
    """The customer withdrew a consent."""

    topic: ClassVar[str] = "customer.consent_withdrawn"
    purpose: str
    channel: str
    source: str
    at: int = 0


class InteractionRecorded(Event, frozen=True):
    """The business and the customer were in contact: a call, a greeting, a visit.

    Attributes:
        interaction: The interaction's own id.
        kind: The kind of contact, such as `message`, `short_call`, `long_call` or `visit`.
        regarding: The care step, offer, opportunity or complaint that it is about, if any.
        words: What was said, or a note about it.
        by: The staff member who was in contact, by the host's id.
        minutes: How long it took.
        sells: True if the business tried to sell something.
        platform: The platform of a contact on the web, such as the name of a social network.
        purpose: The purpose for which consent counts, if it is not the policy's own.
        topics: The topics that came up and the gifts that were given, in the terms under which taboos are noted.
        in_spite_of: The reason for a topic or gift that is noted as a taboo.
        breaches: The codes of the contact rules that it broke, if it was recorded leniently.
    """

    topic: ClassVar[str] = "customer.interaction_recorded"
    schema: ClassVar[int] = 2
    interaction: str
    channel: str
    kind: str
    touchpoint: str | None = None
    direction: str = "inbound"
    outcome: str | None = None
    at: int = 0
    regarding: Regarding | None = None
    words: Personal | None = None
    by: str | None = None
    minutes: int | None = None
    sells: bool = False
    platform: str | None = None
    purpose: str | None = None
    topics: tuple[str, ...] = ()
    in_spite_of: Personal | None = None
    breaches: tuple[str, ...] = ()


class PurchaseRecorded(Event, frozen=True):
    """The customer bought something.

    Attributes:
        purchase: The purchase's id.
        amount: The amount paid.
        category: The host's own category.
        touchpoint: The touchpoint at which it was made.
        channel: The channel through which it was made.
        discounted: True if it was bought at a discount.
        at: Business time, UTC microseconds.
        tenders: The parts of the amount by how they were paid, where that is known.
        campaign: The campaign to which it is attributed.
        partner: The partner through which it was made.
        lines: Its products, where they are known. Their amounts and `rest` add up to the amount.
        rest: The part of the amount that belongs to no line: above zero such as postage, below zero as a discount.
        cost: What the business itself paid for it, where that is known.
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
    campaign: str | None = None
    partner: str | None = None
    lines: tuple[PurchaseLine, ...] = ()
    rest: Money | None = None
    cost: Money | None = None


class PurchaseRefunded(Event, frozen=True):
    """A purchase was refunded, in whole or in part.

    Attributes:
        refund: The refund's own id.
        purchase: The id of the purchase.
        amount: The amount of this refund.
        refunded: The running total refunded of that purchase, this refund included, in minor units.
        bought: The amount of the purchase, in minor units.
        bought_at: The time of the purchase, UTC microseconds.
        cost: The part of the purchase's cost that is taken back, in minor units: the same share as of the amount.
            None if the cost is not known.
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
    cost: int | None = None


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
        reinstated: True if the purchase was reinstated, which reverses all its refunds.
        reason: The host's own reason.
        at: Business time, UTC microseconds.
        cost: The part of the cost that the refund had taken back, in minor units. None if the cost is not known.
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
    cost: int | None = None


class FeedbackGiven(Event, frozen=True):
    """The customer answered a survey, wrote a review, or took part in an interview, a panel or an observation.

    Attributes:
        feedback: The answer's own id.
        instrument: The id of an instrument of the policy; `nps` and `csat` are always available.
        score: A whole number in the instrument's range; absent if it has items instead, or was not scored.
        invitation: The invitation that it answers; one invitation and instrument count once.
        regarding: The purchase, stay or complaint that it is about, if known.
        comment: The customer's comment, or the notes that were taken.
        kind: The kind of instrument (`nps`, `csat`, `ces`, `likert`, `semantic_differential`, `servqual`, `review`,
            `interview`, `panel`, `observation`). Empty in older events and if the instrument's id is its kind.
        lowest: The low end of the scale in the policy at the time; absent without a scale.
        highest: The high end of the scale.
        items: The answers to the items of a questionnaire.
        themes: The policy's themes of the comment, if it was coded when it was recorded.
        language: The language of the comment (BCP 47).
        answer_by: The time by which the business has to reply, UTC microseconds. Given if the policy at the time counts
            the answer as low or promises an answer on its platform.
        platform: The platform on which it was posted in public.
        link: The address of the post.
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
    platform: str | None = None
    link: Personal | None = None


class FeedbackCorrected(Event, frozen=True):
    """The customer changed their answer: they corrected a slip or sent the form again. The latest answer counts.

    Attributes:
        feedback: The answer that it corrects.
        instrument: The answer's instrument.
        kind: The kind of instrument, as in `FeedbackGiven`.
        score: The new score.
        items: The new answers to the items of a questionnaire.
        comment: The comment of the new answer. It replaces the earlier comment, also where it is absent.
        given_at: The business time of the answer that it replaces, UTC microseconds.
        answer_by: The time by which the business has to reply, UTC microseconds, if the new answer is low.
        themes: The themes of the new comment. They replace the earlier themes and codings. None: an older version
            recorded the event, and the earlier words and themes stay.
        language: The language of the new comment.
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
    themes: tuple[str, ...] | None = None
    language: str | None = None

    @property
    def replaces_words(self) -> bool:
        """Return True if comment, themes and language replace the earlier ones."""
        return self.themes is not None


class FeedbackCoded(Event, frozen=True):
    """The comment was coded to themes of the policy, by a person or a program.

    The coding with the latest business time counts.

    Attributes:
        coder: The person or program that coded it.
    """

    topic: ClassVar[str] = "customer.feedback_coded"
    feedback: str
    themes: tuple[str, ...]
    coder: str
    at: int = 0


class SentimentScored(Event, frozen=True):
    """A model gave the comment a sentiment score. The score is recorded, so that a replay gives the same result.

    Attributes:
        score: Thousandths, from -1000 (unfavourable) to 1000 (favourable).
        scorer: The model.
        scorer_version: The version of the model, as versions may differ on the same comment.
        answer_by: The time by which the business has to reply, UTC microseconds. Given if the answer has no score of
            its own and the policy at the time counts this one as low.
    """

    topic: ClassVar[str] = "customer.sentiment_scored"
    feedback: str
    score: int
    scorer: str
    scorer_version: str
    at: int = 0
    answer_by: int | None = None


class FeedbackAnswered(Event, frozen=True):
    """The business replied to the customer about an answer, which closes the loop.

    Attributes:
        by: The person who replied.
        action: The action taken.
    """

    topic: ClassVar[str] = "customer.feedback_answered"
    feedback: str
    by: str | None = None
    action: str | None = None
    at: int = 0


class InvitationSent(Event, frozen=True):
    """The customer was invited to a survey.

    Attributes:
        invitation: The invitation's own id, to which answers refer.
        instrument: The instrument of the survey.
        regarding: The purchase, stay or complaint that it asks about, if known.
        remind_at: The time at which a reminder is due, UTC microseconds. Absent if the policy at the time has no
            reminders, or if the answer was recorded before the invitation.
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
        reminder: The number of the reminder, from 1.
        remind_at: The time at which the next one is due, UTC microseconds; absent if this is the last.
    """

    topic: ClassVar[str] = "customer.invitation_reminded"
    invitation: str
    reminder: int
    at: int = 0
    remind_at: int | None = None


class InvitationSeen(Event, frozen=True):
    """The customer saw an invitation. This starts the quarantine, during which no other is sent."""

    topic: ClassVar[str] = "customer.invitation_seen"
    invitation: str
    at: int = 0


class InvitationDeclined(Event, frozen=True):
    """The customer declined an invitation."""

    topic: ClassVar[str] = "customer.invitation_declined"
    invitation: str
    reason: str | None = None
    at: int = 0


class TraitNoted(Event, frozen=True):
    """A preference, habit, taboo, need or attribute of the customer was noted.

    Attributes:
        trait: `preference`, `habit`, `taboo`, `need` or `attribute`.
        about: The subject, in the business's words: `pillow`, `breakfast`.
        words: The details.
        need: The kind of a need: `functional`, `emotional` or `social`.
        value: The value of an attribute, by which segments are made. It is not sealed.
    """

    topic: ClassVar[str] = "customer.trait_noted"
    trait: str
    about: str
    words: Personal | None = None
    need: str | None = None
    at: int = 0
    value: str | None = None


class TraitDropped(Event, frozen=True):
    """A noted trait no longer applies."""

    topic: ClassVar[str] = "customer.trait_dropped"
    trait: str
    about: str
    at: int = 0


class CultureNoted(Event, frozen=True):
    """The way this customer wants to be addressed and served was noted. Newer notes replace older ones field by field.

    Attributes:
        languages: The languages they speak, the best first (BCP 47).
        preferred_channel: The channel through which they want to be reached.
        pace: The pace at which they want to be served, in the business's words.
        customs: Customs that matter to them: festivals, forms of address.
        taboos: Things to avoid in their presence.
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
        channel: The channel through which they were won.
        campaign: The campaign that won them.
    """

    topic: ClassVar[str] = "customer.acquisition_cost_recorded"
    acquisition: str
    amount: Money
    channel: str | None = None
    campaign: str | None = None
    at: int = 0


class AcquisitionCostCancelled(Event, frozen=True):
    """A recorded cost of winning this customer was taken back. It carries the cost, so that it can be subtracted.

    Attributes:
        acquisition: The cost's own id.
        amount: The amount that was recorded.
        channel: The channel that was recorded.
        campaign: The campaign that was recorded.
        spent_at: When the money was said to be spent, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.acquisition_cost_cancelled"
    acquisition: str
    amount: Money
    channel: str | None = None
    campaign: str | None = None
    spent_at: int = 0
    at: int = 0


class CustomerLapsed(Event, frozen=True):
    """The business learnt that the customer has left. The retention view infers stages without this event.

    Attributes:
        reason: The reason, in the business's words.
    """

    topic: ClassVar[str] = "customer.lapsed"
    reason: str | None = None
    at: int = 0


class CustomerWonBack(Event, frozen=True):
    """A customer who had left came back.

    Attributes:
        campaign: The campaign that won them back.
    """

    topic: ClassVar[str] = "customer.won_back"
    campaign: str | None = None
    at: int = 0


class PlanBegun(Event, frozen=True):
    """A care plan began for the customer.

    Attributes:
        plan: The plan's id.
        round: The id of the round: the plan's id and a number.
        since: The local day from which the days of the round are counted, such as `2024-05-17`.
        steps: The steps, with their dates by the policy at the time.
        ends_at: The time at which the round ends, UTC microseconds: it is then renewed, or the plan ends.
        because: The trigger.
        owner: The staff member who is responsible, by the host's id.
        after_stays: The steps to add after each end of a stay, as long as they are due before their `until`.
    """

    topic: ClassVar[str] = "customer.plan_begun"
    plan: str
    round: str
    since: str
    steps: tuple[PlannedStep, ...]
    ends_at: int
    because: str = "by_hand"
    owner: str | None = None
    at: int = 0
    after_stays: tuple[PlannedStep, ...] = ()


class PlanRenewed(Event, frozen=True):
    """A round of a care plan ended, and the next one began.

    Attributes:
        plan: The plan's id.
        previous: The id of the round that ended.
        round: The id of the round that began.
        since: The local day from which its days are counted.
        steps: Its steps.
        ends_at: The time at which it ends, UTC microseconds.
        owner: The staff member who is responsible, by the host's id.
        after_stays: The steps to add after each end of a stay, as long as they are due before their `until`.
    """

    topic: ClassVar[str] = "customer.plan_renewed"
    plan: str
    previous: str
    round: str
    since: str
    steps: tuple[PlannedStep, ...]
    ends_at: int
    owner: str | None = None
    at: int = 0
    after_stays: tuple[PlannedStep, ...] = ()


class StepsAdded(Event, frozen=True):
    """A stay of the customer ended, and steps of a round in progress became due after it.

    Attributes:
        plan: The plan's id.
        round: The id of the round.
        steps: The steps, with their dates.
    """

    topic: ClassVar[str] = "customer.steps_added"
    plan: str
    round: str
    steps: tuple[PlannedStep, ...]
    at: int = 0


class StepSkipped(Event, frozen=True):
    """A step of a care plan was left out on purpose.

    Attributes:
        reason: The reason. `no_consent`: the customer allows no contact through any channel that suits the step.
    """

    topic: ClassVar[str] = "customer.step_skipped"
    plan: str
    round: str
    step: str
    reason: str
    at: int = 0


class StepLapsed(Event, frozen=True):
    """A step of a care plan was not done in time."""

    topic: ClassVar[str] = "customer.step_lapsed"
    plan: str
    round: str
    step: str
    at: int = 0


class PlanEnded(Event, frozen=True):
    """A care plan ended for the customer. Steps that were open are no longer intended.

    Attributes:
        reason: The reason. `completed`: the last round is over.
    """

    topic: ClassVar[str] = "customer.plan_ended"
    plan: str
    round: str
    reason: str
    at: int = 0


class CustomerErased(Event, frozen=True):
    """The customer's personal data was made unreadable for ever by destroying the key.

    Attributes:
        merged: The other ids of the same person at the time of the erasure; they are erased with it.
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
        digest: The keyed digest of source and id, used to look it up. Absent in events of older versions, which
            recorded the id in clear text.
    """

    topic: ClassVar[str] = "customer.identity_linked"
    source: str
    external_id: SealedSince
    at: int = 0
    digest: str | None = None


class CustomerMerged(Event, frozen=True):
    """This id was merged into another of the same person, and is an alias of it from now on.

    Nothing is rewritten, and events continue under either id. Its counterpart in the survivor's stream is
    `CustomerAbsorbed`.

    Attributes:
        into: The surviving id.
    """

    topic: ClassVar[str] = "customer.merged"
    into: str
    at: int = 0


class CustomerUnmerged(Event, frozen=True):
    """This id belongs to a separate person after all, and is no longer an alias.

    Attributes:
        survivor: The id that it had been merged into.
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
        merged: The former alias.
    """

    topic: ClassVar[str] = "customer.released"
    merged: str
    at: int = 0
