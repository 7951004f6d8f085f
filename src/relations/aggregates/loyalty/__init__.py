"""A member's account: a ledger of lots for each programme, in whole points.

Stream `loyalty-<customer id>`. The modules in their order: `lots` (plain values), `events` (of members and points, with
`tier_events`, `reward_events` and `merge_events`), `commands`, `state`, `evolving` (with `evolving_points`,
`evolving_dealings` and `evolving_merges`), and the rules by subject: `settling` (what all of them rest on), `tiers`,
`giving`, `membership`, `spending`, `forwarding`, `earning`, `by_hand`, `refunds`, `rewards`, `merging`; `rules` brings
them together (decide, and `REFUSALS`, every code of refusal with when it is given), and `passing` says what falls due.

**Programmes.** A customer has one ledger for each programme that they have joined, in one stream; every event says
whose ledger it belongs to, and no rule looks from one ledger into another. Where a command names no programme, it is
for the one joined first; purchases, refunds and the passing of time are for all of them.

**Lots.** The balance is the sum of the open lots less what is owed. A lot is pending until its `active_from`, and
expires at its end. One that expires at the moment of a redemption is gone: intervals are half-open.

**Time.** Before a command is decided, what fell due up to its time is done first, each thing at its own moment and by
the policy of that moment; see `passing`, and `docs/explanation/points-and-time.md`.

**Debts.** What is owed is repaid from whatever comes next. Only a merge can leave an account with lots and a debt; then
the next decision repays first. Nothing is taken below zero and nothing is cut off silently.

**Refunds** take back on the running total per purchase: from the purchase's own lot, pending or not; what had expired
of it is nobody's loss; from other lots, pending ones first; and what is missing is a debt, or recorded as a shortfall.
Later earnings are not set against a shortfall, but what comes back of a redemption made before it is.

**Late arrivals.** What was recorded is never decided again: a command that arrives late finds the account as it stands,
and its business time says only which lots it may spend, which have expired by then, and in which month it earns. Where
several commands come with the wrong order of times, each is right by the account it found. But nothing comes before its
own cause: a redemption is not undone before it was made, nor a reward used, nor an account closed before what it holds.

**Changed rules.** Every lot bears what it was earned under; a new policy rules what comes after it. What lapses with
inactivity goes on doing so by the longest rule that the account has had since it lapsed last. A tier goes by the rules
of the day on which it is looked at, and by what was counted in their unit.

**Undone.** What was taken back whole was no activity, and puts off no expiry.

**Retries.** Lots, redemptions, refunds, transfers, adjustments, rewards, referrals and merges are known by their ids.
The same again adds nothing; the same id for something else is refused.

**Leaving and coming back.** A closing settles the account: its points are forfeited, its debt is written off, and its
unused rewards are void. Who comes back begins anew; nothing from before is taken back, undone or counted.

**Merged ids.** A merge is an alias: what is bought, refunded, spent, given or received under the merged id is so in the
surviving account (see `forwarding` and `merging`).

**Two accounts.** A transfer, a referral and a merge speak to a second account by a reaction in the same transaction.
Where that one refuses (closed, merged away, a member already), nothing of it happens.
"""

from __future__ import annotations

from relations.aggregates.loyalty.commands import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    HeldId,
    IssueReward,
    JoinClub,
    LeaveClub,
    LotId,
    LoyaltyCommand,
    MakeReferral,
    ReceiveAccount,
    ReceivePoints,
    ReceiveReferral,
    RedeemPoints,
    ReleaseAccount,
    ReopenAccount,
    RestoreAccount,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    RevokeReferral,
    RewardReferral,
    TransferPoints,
    UseBenefit,
    UseReward,
)
from relations.aggregates.loyalty.decide.dispatch import COMMANDS, REFUSALS, decide
from relations.aggregates.loyalty.decide.time import due
from relations.aggregates.loyalty.events.merges import (
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
    CreditForwarded,
    PurchaseForwarded,
    RefundForwarded,
    RequestForwarded,
)
from relations.aggregates.loyalty.events.points import (
    AccountClosed,
    AccountReopened,
    DebtIncurred,
    DebtRepaid,
    EarningReversed,
    ExpiryDeferred,
    LoyaltyEvent,
    MemberEnrolled,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
)
from relations.aggregates.loyalty.events.rewards import (
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRevoked,
    ReferralRewarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
)
from relations.aggregates.loyalty.events.tiers import TierGraceGiven, TierKept, TierLost, TierReached, TierWarned
from relations.aggregates.loyalty.evolve.dispatch import EVENTS, evolve
from relations.aggregates.loyalty.lots import (
    Coupon,
    Earning,
    GracedLot,
    Holdings,
    Invited,
    Lot,
    LotShare,
    Membership,
    MovedLot,
    Redemption,
    TierStanding,
    VoidedReward,
    came_from,
    issued_to,
    merged_prefix,
    purchase_lot,
    referral_lot,
    remedy_lot,
    spending_order,
)
from relations.aggregates.loyalty.state import Account, Dealings, Ledger, Received
from relations.decider import Aggregate, Decider

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "Account",
    "AccountClosed",
    "AccountReceived",
    "AccountReleased",
    "AccountReopened",
    "AccountRestored",
    "AccountReturned",
    "AdjustPoints",
    "BenefitUsed",
    "CloseAccount",
    "ClubJoined",
    "ClubLeft",
    "Coupon",
    "CreditForwarded",
    "CreditPurchase",
    "Dealings",
    "DebtIncurred",
    "DebtRepaid",
    "EarnPoints",
    "Earning",
    "EarningReversed",
    "EnrolMember",
    "EvaluateTier",
    "ExpirePoints",
    "ExpireRewards",
    "ExpiryDeferred",
    "GracedLot",
    "HeldId",
    "Holdings",
    "Invited",
    "IssueReward",
    "JoinClub",
    "LeaveClub",
    "Ledger",
    "Lot",
    "LotId",
    "LotShare",
    "LoyaltyCommand",
    "LoyaltyEvent",
    "MakeReferral",
    "MemberEnrolled",
    "Membership",
    "MovedLot",
    "PointsActivated",
    "PointsAdjusted",
    "PointsEarned",
    "PointsExpired",
    "PointsReceived",
    "PointsRedeemed",
    "PointsReleased",
    "PurchaseForwarded",
    "ReceiveAccount",
    "ReceivePoints",
    "ReceiveReferral",
    "Received",
    "RedeemPoints",
    "Redemption",
    "RedemptionReversed",
    "ReferralFulfilled",
    "ReferralMade",
    "ReferralReceived",
    "ReferralRevoked",
    "ReferralRewarded",
    "RefundForwarded",
    "ReleaseAccount",
    "ReopenAccount",
    "RequestForwarded",
    "RestoreAccount",
    "ReturnAccount",
    "ReverseEarning",
    "ReverseRedemption",
    "RevokeReferral",
    "RewardExpired",
    "RewardIssued",
    "RewardReferral",
    "RewardUsed",
    "TierGraceGiven",
    "TierKept",
    "TierLost",
    "TierReached",
    "TierStanding",
    "TierWarned",
    "TransferPoints",
    "UseBenefit",
    "UseReward",
    "VoidedReward",
    "came_from",
    "issued_to",
    "merged_prefix",
    "purchase_lot",
    "referral_lot",
    "remedy_lot",
    "spending_order",
]

AGGREGATE = Aggregate(
    name="loyalty",
    decider=Decider(Account(), decide, evolve),
    events=EVENTS,
    commands=COMMANDS,
    customer=lambda _state, command: command.customer,
    state=Account,
    state_version=6,
    due=due,
)
