"""The table of rules by command, and every code of refusal."""

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
from relations.aggregates.terms import UNKNOWN_TERM, refuse_unknown_terms
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["COMMANDS", "REFUSALS", "decide"]


def decide(state: Account, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    if policy.personal_data.terms:
        refuse_unknown_terms(command, policy)
    if state.merged_into is not None and isinstance(command, LoyaltyCommand) and type(command) in FORWARDED:
        return forward(state, command)
    return _RULES[type(command)](state, command, policy)


# A table and not a `match`: isinstance against a pydantic class runs Python code for every class that does not match.
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
    **UNKNOWN_TERM,
    "account_closed": "The account was closed; reopen it first",
    "account_merged": "The account is merged into another one, to which the command must be sent",
    "adjustment_exists": "The id was used for another adjustment",
    "author_missing": "Points credited by hand are limited and need an author",
    "balance_too_large": "The account would hold more than 10^15 points",
    "before_enrolment": "The command is dated before the customer joined",
    "beyond_authority": "The author cannot adjust that many points",
    "coupon_ended": "The reward is void or has expired",
    "coupon_exists": "The id was used for another reward or redemption",
    "insufficient_points": "The account has fewer points than asked for",
    "lot_exists": "The id was used for another credit",
    "no_referrals": "The programme has no rules for referrals",
    "not_a_member": "The customer has not joined the programme",
    "not_to_be_referred": "The customer is a member already, or was referred before",
    "nothing_to_adjust": "The adjustment is by 0 points",
    "out_of_order": "The command is dated before the closing, redemption or reward that it is about",
    "redemption_exists": "The id was used for another redemption",
    "referral_exists": "The id was used for another referral",
    "refund_exceeds_purchase": "The refunds exceed the amount of the purchase",
    "reward_used": "The redemption paid for a reward that was used",
    "settled_by_closing": "The redemption was made before the account was closed, which settled it",
    "tier_too_low": "The reward or benefit is for a higher tier",
    "transfer_exists": "The id was used for another transfer",
    "transfers_not_allowed": "The programme does not allow transfers between members",
    "unknown_benefit": "No tier has this benefit",
    "unknown_club": "The programme has no such club",
    "unknown_coupon": "There is no such reward in this account",
    "unknown_programme": "The policy has no such programme",
    "unknown_redemption": "There is no such redemption in this account",
    "unknown_reward": "The programme has no such reward",
    "use_exists": "The id was used for another benefit",
}
