"""A member's account: one ledger of lots for each programme, in whole points.

The stream is `loyalty-<customer id>`. `lots` defines the values that the rest uses, and declares what a ledger holds.
`events`, `commands`, `state`, `evolve` and `decide` are the five parts of every aggregate.

**Programmes.** A customer has one ledger for each programme that they have joined, all in one stream. Every event names
its programme, and no rule looks from one ledger into another. A command that names no programme is for the one joined
first. Purchases, refunds and the passing of time are for all of them.

**Lots.** The balance is the sum of the open lots less the debt. A lot is pending until its `active_from` and expires at
its end. Intervals are half-open: a lot that expires at the moment of a redemption cannot be spent by it.

**Time.** Before a command is decided, everything that fell due by its time is done first. Each thing is done at its own
moment and by the policy of that moment. See `decide.time` and `docs/explanation/points-and-time.md`.

**Debts.** A debt is repaid from whatever is credited next. Only a merge can leave an account with both lots and a debt,
and then the next decision repays first. No lot falls below zero, and no points are dropped silently.

**Refunds** take points back by the running total for each purchase. They come from the purchase's own lot, pending or
not, and then from other lots, pending ones first. Points of the purchase that had already expired are not taken back.
What is missing becomes a debt, or is recorded as a shortfall. Later earnings are not set against a shortfall, but
points that come back from a redemption made before it are.

**Reversals.** What a purchase earns, a refund and a redemption can be reversed: a refund reverses the earning,
`ReverseRefund` the refund, and `ReverseRedemption` the redemption. Such a pair leaves nothing in any figure. A reversed
refund gives back what it took, to the lots that it took it from. The tier that it cost and the referral that it revoked
are as before. Other commands have counter-commands instead, and both entries stand in the figures. An adjustment is
corrected by an adjustment the other way, a credit by an adjustment, a transfer by a transfer back. `ReopenAccount`
opens a closed account again, but brings back none of its points.

**Late arrivals.** What was recorded is never decided again. A command that arrives late is decided with the account as
it stands. Its business time decides only which lots it may spend, which have expired by then, and in which month it
earns. An effect cannot precede its cause: a redemption cannot be reversed before it was made, nor an account closed
before it was last used.

**Changed rules.** Every lot keeps the terms that it was earned under, and a new policy governs what comes after it.
Points that lapse with inactivity follow the longest rule that the account has had since they last lapsed. A tier
follows the rules of the day on which it is reviewed, and what was counted in the unit that those rules use.

**Activity.** Something that was reversed in full does not count as activity and does not defer expiry.

**Retries.** Lots, redemptions, refunds, transfers, adjustments, rewards, referrals and merges have ids. The same
command again adds nothing, and the same id for something else is refused.

**Leaving and coming back.** A closing settles the account: points are forfeited, the debt is written off, and unused
rewards are void. A customer who comes back starts with nothing, and nothing from before is reversed or counted.

**Merged ids.** A merge is an alias. Whatever is bought, refunded, spent, given or received under the merged id happens
in the surviving account (see `decide.forwarding` and `decide.merging`).

**Two accounts.** A transfer, a referral and a merge reach the second account by a reaction in the same transaction.
If that account refuses (closed, merged, already a member), nothing happens in either.
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
    RestoreEarning,
    RestoreReferral,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    RevokeReferral,
    RewardReferral,
    TransferPoints,
    UseBenefit,
    UseReward,
)
from relations.aggregates.loyalty.decide import COMMANDS, REFUSALS, decide, due
from relations.aggregates.loyalty.events import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountReopened,
    AccountRestored,
    AccountReturned,
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    CreditForwarded,
    DebtIncurred,
    DebtRepaid,
    EarningRestored,
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
    PurchaseForwarded,
    RedemptionReversed,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRestored,
    ReferralRevoked,
    ReferralRewarded,
    RefundForwarded,
    RequestForwarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
)
from relations.aggregates.loyalty.evolve import EVENTS, evolve
from relations.aggregates.loyalty.lots import (
    Coupon,
    Earning,
    GracedLot,
    Holdings,
    Invited,
    LedgerContents,
    LostTier,
    Lot,
    LotShare,
    Membership,
    MovedLot,
    Redemption,
    RestoredLot,
    Revoked,
    Taking,
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
from relations.aggregates.loyalty.state import Account, Ledger, Received
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
    "DebtIncurred",
    "DebtRepaid",
    "EarnPoints",
    "Earning",
    "EarningRestored",
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
    "LedgerContents",
    "LostTier",
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
    "ReferralRestored",
    "ReferralRevoked",
    "ReferralRewarded",
    "RefundForwarded",
    "ReleaseAccount",
    "ReopenAccount",
    "RequestForwarded",
    "RestoreAccount",
    "RestoreEarning",
    "RestoreReferral",
    "RestoredLot",
    "ReturnAccount",
    "ReverseEarning",
    "ReverseRedemption",
    "RevokeReferral",
    "Revoked",
    "RewardExpired",
    "RewardIssued",
    "RewardReferral",
    "RewardUsed",
    "Taking",
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
    state_version=8,
    due=due,
)
