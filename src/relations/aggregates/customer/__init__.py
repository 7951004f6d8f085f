"""A customer: their profile, consents, purchases, refunds and answers.

The stream is `customer-<id>`. The package has five doors: `events`, `commands`, `state`, `evolve` and `decide`.
`merging` says which of several merged ids decides a command. Every code of refusal is in `REFUSALS`.

**Ids.** Purchases, refunds, interactions and answers have the host's ids. The same id with the same content and
business time is a retry and adds nothing. Other content under a recorded id is refused, because one of the two would
be lost. Personal words are not compared, because the state never holds them.

**Unknown customers.** The first command for an unknown customer registers them: `CustomerRegistered` with `implicit` is
recorded first. A later `RegisterCustomer` records a second, explicit one. There are never more than these two.

**Late arrivals.** Consents and profile fields are decided as of the command's business time, so that a late record
does not override what came after it. A value or consent that holds already at that time is not recorded again. A
withdrawal is, so that no late consent from before it can win. At the same instant, a withdrawal wins over a consent. A
refund may be dated before its purchase, because tills' clocks differ. It counts once the purchase is recorded.

**Erasure** is final. Registrations, corrections, consents and comments of an erased customer are refused. Purchases,
refunds, scores, interactions and withdrawals are still accepted, so that totals stay right and books can be closed. A
customer known only by complaints can be erased too, because complaints hold their words.

**Surveys.** An answer names an instrument of the policy and carries the scale that it had then, so that views do not
need an older policy. A customer who *saw*, answered or declined an invitation is not asked again during the policy's
quarantine. The times of the next reminder and of the business's reply are recorded with the event that requires them,
like the deadlines of complaints. An answer that is given again with another score corrects the first; the latest
counts.

**Answers to invitations that are not recorded** are accepted: a survey tool may export answers only. The invitation's
id still makes an answer count once. If the invitation is recorded, no answer may be older than it.

**Offers** of a campaign are contact that sells: consent and quiet time apply, and an offer begins a quiet time. A
customer in the control group of a campaign gets none of its offers.
**Care plans** begin by hand or by a trigger, and run in rounds. The steps' dates are recorded with the round. A contact
that names a step closes it until the step lapses, at any time from the beginning of the round. It counts once, and also
where it is recorded after the lapse. Rounds of one plan never overlap.

**Merging** makes an id the alias of another: `CustomerMerged` in its own stream and `CustomerAbsorbed` in the
survivor's, in one transaction. Each stream keeps its own rules. A command that names a purchase, an answer, an
invitation or a trait goes to the stream that has it. The newest value under any id holds for the person. Views answer
for all ids together, and erasing either id erases both. See `docs/explanation/merging.md`.
"""

from __future__ import annotations

from relations.aggregates.customer.commands import (
    AbsorbCustomer,
    AdvancePlan,
    AnswerFeedback,
    BeginPlan,
    CancelAcquisitionCost,
    CodeFeedback,
    CorrectProfile,
    CustomerCommand,
    DeclineInvitation,
    DropTrait,
    EndPlan,
    EraseAlias,
    EraseCustomer,
    GiveConsent,
    GiveFeedback,
    LinkIdentity,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordLapse,
    RecordPurchase,
    RecordWinBack,
    RefundPurchase,
    RegisterCustomer,
    ReinstatePurchase,
    ReleaseCustomer,
    RemindInvitation,
    ReverseRefund,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
    SkipStep,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.aggregates.customer.decide.dispatch import COMMANDS, decide
from relations.aggregates.customer.decide.refusals import REFUSALS
from relations.aggregates.customer.events import (
    AcquisitionCostCancelled,
    AcquisitionCostRecorded,
    ConsentGiven,
    ConsentWithdrawn,
    CultureNoted,
    CustomerAbsorbed,
    CustomerErased,
    CustomerLapsed,
    CustomerMerged,
    CustomerRegistered,
    CustomerReleased,
    CustomerUnmerged,
    CustomerWonBack,
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackCorrected,
    FeedbackGiven,
    IdentityLinked,
    InteractionRecorded,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    PlanBegun,
    PlanEnded,
    PlanRenewed,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    SentimentScored,
    StepLapsed,
    StepsAdded,
    StepSkipped,
    TraitDropped,
    TraitNoted,
)
from relations.aggregates.customer.evolve import EVENTS, evolve
from relations.aggregates.customer.item_answer import ItemAnswer
from relations.aggregates.customer.merging import MERGING
from relations.aggregates.customer.offer_commands import (
    OFFER_ANSWERS,
    AnswerOffer,
    OfferAnswer,
    SendOffer,
    WithholdOffer,
)
from relations.aggregates.customer.offer_events import OfferAnswered, OfferSent, OfferWithheld
from relations.aggregates.customer.planned_step import PlannedStep
from relations.aggregates.customer.purchase_line import PurchaseLine
from relations.aggregates.customer.regarding import Regarding, RegardingKind
from relations.aggregates.customer.state import Customer, Invitation, Offer, Registration, RoundState
from relations.aggregates.customer.tie_commands import (
    AcceptHandover,
    AssignCustomer,
    DropContact,
    NameContact,
    StateRung,
)
from relations.aggregates.customer.tie_events import (
    ContactDropped,
    ContactNamed,
    CustomerAssigned,
    HandoverAccepted,
    RungStated,
)
from relations.decider import Aggregate, Decider

__all__ = [
    "AGGREGATE",
    "OFFER_ANSWERS",
    "REFUSALS",
    "AbsorbCustomer",
    "AcceptHandover",
    "AcquisitionCostCancelled",
    "AcquisitionCostRecorded",
    "AdvancePlan",
    "AnswerFeedback",
    "AnswerOffer",
    "AssignCustomer",
    "BeginPlan",
    "CancelAcquisitionCost",
    "CodeFeedback",
    "ConsentGiven",
    "ConsentWithdrawn",
    "ContactDropped",
    "ContactNamed",
    "CorrectProfile",
    "CultureNoted",
    "Customer",
    "CustomerAbsorbed",
    "CustomerAssigned",
    "CustomerCommand",
    "CustomerErased",
    "CustomerLapsed",
    "CustomerMerged",
    "CustomerRegistered",
    "CustomerReleased",
    "CustomerUnmerged",
    "CustomerWonBack",
    "DeclineInvitation",
    "DropContact",
    "DropTrait",
    "EndPlan",
    "EraseAlias",
    "EraseCustomer",
    "FeedbackAnswered",
    "FeedbackCoded",
    "FeedbackCorrected",
    "FeedbackGiven",
    "GiveConsent",
    "GiveFeedback",
    "HandoverAccepted",
    "IdentityLinked",
    "InteractionRecorded",
    "Invitation",
    "InvitationDeclined",
    "InvitationReminded",
    "InvitationSeen",
    "InvitationSent",
    "ItemAnswer",
    "LinkIdentity",
    "MergeCustomer",
    "NameContact",
    "NoteCulture",
    "NoteTrait",
    "Offer",
    "OfferAnswer",
    "OfferAnswered",
    "OfferSent",
    "OfferWithheld",
    "PlanBegun",
    "PlanEnded",
    "PlanRenewed",
    "PlannedStep",
    "ProfileCorrected",
    "PurchaseLine",
    "PurchaseRecorded",
    "PurchaseRefunded",
    "RecordAcquisitionCost",
    "RecordInteraction",
    "RecordLapse",
    "RecordPurchase",
    "RecordWinBack",
    "RefundPurchase",
    "RefundReversed",
    "Regarding",
    "RegardingKind",
    "RegisterCustomer",
    "Registration",
    "ReinstatePurchase",
    "ReleaseCustomer",
    "RemindInvitation",
    "ReverseRefund",
    "RoundState",
    "RungStated",
    "ScoreSentiment",
    "SeeInvitation",
    "SendInvitation",
    "SendOffer",
    "SentimentScored",
    "SkipStep",
    "StateRung",
    "StepLapsed",
    "StepSkipped",
    "StepsAdded",
    "TraitDropped",
    "TraitNoted",
    "UnmergeCustomer",
    "WithdrawConsent",
    "WithholdOffer",
]

AGGREGATE = Aggregate(
    name="customer",
    decider=Decider(Customer(), decide, evolve),
    events=EVENTS,
    commands=COMMANDS,
    customer=lambda _state, command: command.customer,
    state=Customer,
    state_version=13,
    merging=MERGING,
    of_known={MergeCustomer: "customer", AbsorbCustomer: "into", BeginPlan: "customer"},
    keyed={LinkIdentity: LinkIdentity.keyed},
    erases=(CustomerErased,),
)
