"""What a command to a member's account leads to, and every refusal there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relations.aggregates.loyalty.commands import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    IssueReward,
    JoinClub,
    LeaveClub,
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
from relations.aggregates.loyalty.decide.adjustments import adjust, earn
from relations.aggregates.loyalty.decide.earning import credit_purchase
from relations.aggregates.loyalty.decide.forwarding import FORWARDED, forward
from relations.aggregates.loyalty.decide.membership import close, enrol, reopen
from relations.aggregates.loyalty.decide.merging import receive_account, release, restore, return_account
from relations.aggregates.loyalty.decide.refunds import (
    restore_earning,
    restore_referral,
    reverse_earning,
    revoke_referral,
)
from relations.aggregates.loyalty.decide.rewards import (
    expire_rewards,
    issue_reward,
    join_club,
    leave_club,
    make_referral,
    receive_referral,
    reward_referral,
    use_benefit,
    use_reward,
)
from relations.aggregates.loyalty.decide.spending import expire, receive, redeem, reverse_redemption, transfer
from relations.aggregates.loyalty.decide.tiers import evaluate_tier
from relations.aggregates.loyalty.state import Account
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["COMMANDS", "REFUSALS", "decide"]


def decide(state: Account, command: Command, policy: Policy) -> list[Event]:
    """What a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    if state.merged_into is not None and isinstance(command, LoyaltyCommand) and type(command) in FORWARDED:
        return forward(state, command)
    return _RULES[type(command)](state, command, policy)


# By class and not by `match`: isinstance against a pydantic class runs Python code for every class that it is not.
_RULES: dict[type[Command], Callable[[Account, Any, Policy], list[Event]]] = {
    CreditPurchase: credit_purchase,
    EnrolMember: enrol,
    CloseAccount: close,
    ReopenAccount: reopen,
    EarnPoints: earn,
    ReverseEarning: reverse_earning,
    RestoreEarning: restore_earning,
    RedeemPoints: redeem,
    ReverseRedemption: reverse_redemption,
    TransferPoints: transfer,
    ReceivePoints: receive,
    AdjustPoints: adjust,
    ExpirePoints: expire,
    EvaluateTier: evaluate_tier,
    IssueReward: issue_reward,
    UseReward: use_reward,
    ExpireRewards: expire_rewards,
    UseBenefit: use_benefit,
    JoinClub: join_club,
    LeaveClub: leave_club,
    MakeReferral: make_referral,
    ReceiveReferral: receive_referral,
    RewardReferral: reward_referral,
    RevokeReferral: revoke_referral,
    RestoreReferral: restore_referral,
    ReleaseAccount: release,
    ReceiveAccount: receive_account,
    ReturnAccount: return_account,
    RestoreAccount: restore,
}
COMMANDS = tuple(_RULES)

REFUSALS: dict[str, str] = {
    "account_closed": "The account was closed; reopen it first",
    "account_merged": "The account is merged into another: send it there; or the account has come already",
    "adjustment_exists": "The adjustment's id was used for another one",
    "author_missing": "The programme limits what is credited by hand, and nobody is named who does it",
    "balance_too_large": "The account would hold more than 10^15 points",
    "before_enrolment": "It is dated before the customer joined",
    "beyond_authority": "The author may not adjust so many points",
    "coupon_ended": "The reward is void or has expired",
    "coupon_exists": "The coupon's id was used for something else",
    "insufficient_points": "There are fewer points than are asked for",
    "lot_exists": "The lot's id was used for another credit",
    "no_referrals": "The programme has no rules for referrals",
    "not_a_member": "The customer has not joined the programme",
    "not_to_be_referred": "The customer is a member, or was recommended before",
    "nothing_to_adjust": "An adjustment by 0 points",
    "out_of_order": "It is dated before the closing, redemption or reward that it is about",
    "redemption_exists": "The redemption's id was used for another one",
    "referral_exists": "The referral's id was used for another one",
    "refund_exceeds_purchase": "More was given back than was bought",
    "reward_used": "The redemption paid for a reward that has been used",
    "settled_by_closing": "The redemption was made before the account was closed",
    "tier_too_low": "The reward or benefit is for a higher tier",
    "transfer_exists": "The transfer's id was used for another one",
    "transfers_not_allowed": "Members of the programme cannot give points to each other",
    "unknown_benefit": "No tier has this benefit",
    "unknown_club": "The programme has no such club",
    "unknown_coupon": "There is no such reward in this account",
    "unknown_programme": "The policy has no such programme",
    "unknown_redemption": "There is no such redemption in this account",
    "unknown_reward": "The programme has no such reward",
    "use_exists": "The id was used for another benefit",
}
