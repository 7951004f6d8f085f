"""A customer: who they are to the business, what they allowed, bought, gave back and said.

Stream `customer-<id>`. The modules in their order: `events`, `commands`, `state` (with evolve),
`rules` (decide, and `REFUSALS`, every code of refusal with when it is given) with `survey_rules`,
`invitation_rules` and `portrait_rules`, `merging`.

**Ids.** Purchases, refunds, interactions and answers bear the host's ids. The same id with the same content and the
same business time is a retry and adds nothing; with anything else it is refused, for one of the two would be lost.
Personal words are not compared: the state never holds them.

**Unknown customers.** Whatever a customer does makes them known: `CustomerRegistered` with `implicit` is recorded
first. A later `RegisterCustomer` records a second, explicit one; there are never more than these two.

**Late arrivals.** Consents and profile fields are decided as of the command's business time, so that what is recorded
late does not overturn what came after it. A value or a consent that holds already as of its time is not recorded
again; a withdrawal is, so that no late consent from before it can prevail. Where a consent is given and withdrawn at
the same instant, it is withdrawn. A refund may bear a time before its purchase's, as tills' clocks
differ: it counts once the purchase is recorded, and not before.

**Reversed refunds.** A refund that failed is reversed by `ReverseRefund`, and a purchase that was cancelled (refunded
in full) is reinstated by `ReinstatePurchase`. Both record `RefundReversed` and lower the running total of refunds. A
reversed refund keeps its id, so a refund made again needs a new one.

**Erasure** is for ever. Nothing that says something of the person is taken any more: no registration, correction,
consent or comment. Purchases, refunds, scores, interactions and withdrawn consents still are, so that totals stay
right and late books close. A customer known only by complaints can be erased too, for those hold words of theirs.

**Asking.** An answer names an instrument of the policy and carries the scale that it had then, so that views need no
older policy. Whoever *saw* an invitation (or answered or declined one) is left in peace for the policy's quarantine;
one that was never seen asks nothing of anybody. When a reminder, or an answer of the business, is due by the policy is
recorded with the event that asks for it, as deadlines of complaints are.

**Answers to invitations that are not recorded** are taken. The invitation may have been sent by a tool that exports
answers only; its id still makes an answer that is given twice count once. Where it is recorded, no answer is older than
it.

**Merging** makes an id the alias of another: `CustomerMerged` in its own stream, `CustomerAbsorbed` in the
survivor's, in one transaction. Rules go on within one stream, and a command that names a purchase, an answer, an
invitation or a trait goes to the stream of whichever id has it (`merging`); what makes one customer of the two are the
views. Erasing either id erases both. See `docs/explanation/merging.md`.
"""

from __future__ import annotations

from relations.aggregates.customer.commands import (
    AbsorbCustomer,
    AnswerFeedback,
    CodeFeedback,
    CorrectProfile,
    CustomerCommand,
    DeclineInvitation,
    DropTrait,
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
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.aggregates.customer.decide.dispatch import COMMANDS, decide
from relations.aggregates.customer.decide.refusals import REFUSALS
from relations.aggregates.customer.events import (
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
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    SentimentScored,
    TraitDropped,
    TraitNoted,
)
from relations.aggregates.customer.evolve import EVENTS, evolve
from relations.aggregates.customer.item_answer import ItemAnswer
from relations.aggregates.customer.merging import MERGING
from relations.aggregates.customer.state import Customer, Invitation, Registration
from relations.decider import Aggregate, Decider

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "AbsorbCustomer",
    "AcquisitionCostRecorded",
    "AnswerFeedback",
    "CodeFeedback",
    "ConsentGiven",
    "ConsentWithdrawn",
    "CorrectProfile",
    "CultureNoted",
    "Customer",
    "CustomerAbsorbed",
    "CustomerCommand",
    "CustomerErased",
    "CustomerLapsed",
    "CustomerMerged",
    "CustomerRegistered",
    "CustomerReleased",
    "CustomerUnmerged",
    "CustomerWonBack",
    "DeclineInvitation",
    "DropTrait",
    "EraseAlias",
    "EraseCustomer",
    "FeedbackAnswered",
    "FeedbackCoded",
    "FeedbackCorrected",
    "FeedbackGiven",
    "GiveConsent",
    "GiveFeedback",
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
    "NoteCulture",
    "NoteTrait",
    "ProfileCorrected",
    "PurchaseRecorded",
    "PurchaseRefunded",
    "RecordAcquisitionCost",
    "RecordInteraction",
    "RecordLapse",
    "RecordPurchase",
    "RecordWinBack",
    "RefundPurchase",
    "RefundReversed",
    "RegisterCustomer",
    "Registration",
    "ReinstatePurchase",
    "ReleaseCustomer",
    "RemindInvitation",
    "ReverseRefund",
    "ScoreSentiment",
    "SeeInvitation",
    "SendInvitation",
    "SentimentScored",
    "TraitDropped",
    "TraitNoted",
    "UnmergeCustomer",
    "WithdrawConsent",
]

AGGREGATE = Aggregate(
    name="customer",
    decider=Decider(Customer(), decide, evolve),
    events=EVENTS,
    commands=COMMANDS,
    customer=lambda _state, command: command.customer,
    state=Customer,
    state_version=7,
    merging=MERGING,
    of_known={MergeCustomer: "customer", AbsorbCustomer: "into"},
    erases=(CustomerErased,),
)
