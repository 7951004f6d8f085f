"""Rules for rewards, benefits, clubs and referrals."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import (
    ExpireRewards,
    IssueReward,
    JoinClub,
    LeaveClub,
    LoyaltyCommand,
    MakeReferral,
    ReceiveReferral,
    RewardReferral,
    UseBenefit,
    UseReward,
)
from relations.aggregates.loyalty.decide.credits import credit_lot
from relations.aggregates.loyalty.decide.ledger import (
    Draft,
    catch_up,
    programme_of,
    require_joined_before,
    require_made_before,
    require_member,
    within_room,
)
from relations.aggregates.loyalty.decide.spending import spend_points
from relations.aggregates.loyalty.events.rewards import (
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    ReferralMade,
    ReferralReceived,
    ReferralRewarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
)
from relations.aggregates.loyalty.lots import Coupon, issued_to, referral_lot
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.offers import Reward
from relations.policies.loyalty.windows import days_after

__all__ = [
    "expire_rewards",
    "issue_reward",
    "join_club",
    "leave_club",
    "make_referral",
    "receive_referral",
    "reward_referral",
    "use_benefit",
    "use_reward",
]


# --- rewards --------------------------------------------------------------------------------------------------------


def issue_reward(state: Account, command: IssueReward, policy: Policy) -> list[Event]:
    """Issue a reward for points. A limited reward leads to `TakeStock` in the same transaction."""
    ledger = require_member(state, command)
    name = command.prefix + command.coupon
    before = ledger.coupons.get(name)
    if before is not None and before.reward == command.reward:
        return []
    if before is not None or name in ledger.redemptions:
        raise CommandRefused(
            f"cannot issue the reward {command.coupon!r}: the id was used for something else",
            code="coupon_exists",
            field="coupon",
            hint="Give each reward an id of its own",
        )
    require_joined_before(ledger, command)
    programme = programme_of(policy, ledger.programme)
    reward = programme.reward_named(command.reward)
    if reward is None:
        raise CommandRefused(
            f"the programme has no reward {command.reward!r}",
            code="unknown_reward",
            field="reward",
            hint="Name one of its rewards: " + (", ".join(each.name for each in programme.rewards) or "it has none"),
        )
    _need_tier(ledger, programme, reward.tier, f"the reward {reward.name!r}", "reward")
    draft = Draft(ledger)
    if reward.points:
        catch_up(draft, command.at)
        spend_points(draft, name, reward.points, reward.name, command.at, policy)
    draft.add(_issued(ledger, command, reward, policy))
    return draft.events


def _issued(ledger: Ledger, command: IssueReward, reward: Reward, policy: Policy) -> RewardIssued:
    expires_at = None
    if reward.days_valid is not None:
        expires_at = days_after(policy.zone, local_time(policy.zone).day(command.at), reward.days_valid + 1)
    return RewardIssued(
        programme=ledger.programme,
        coupon=command.prefix + command.coupon,
        reward=reward.name,
        kind=reward.kind,
        points=reward.points,
        expires_at=expires_at,
        limited=reward.stock is not None,
        issued_at=command.at,
    )


def use_reward(state: Account, command: UseReward, _policy: Policy) -> list[Event]:
    """Use a reward, once and before it expires."""
    ledger = require_member(state, command)
    coupon = ledger.coupons.get(command.coupon)
    if coupon is None:
        raise CommandRefused(
            f"there is no reward {command.coupon!r} in this account",
            code="unknown_coupon",
            field="coupon",
            hint="Issue it first (IssueReward)",
        )
    if coupon.status == "used":
        return []
    if coupon.status != "issued" or _over(coupon, command.at):
        ended = "is void" if coupon.status == "void" else "has expired"
        raise CommandRefused(
            f"cannot use the reward {command.coupon!r}: it {ended}", code="coupon_ended", field="coupon"
        )
    require_made_before(ledger, command.coupon, command, field="coupon")
    return [RewardUsed(programme=ledger.programme, coupon=command.coupon, reward=coupon.reward)]


def expire_rewards(state: Account, command: ExpireRewards, _policy: Policy) -> list[Event]:
    """Expire the rewards that were not used in time. A limited reward leads to `ReturnStock`."""
    events: list[Event] = []
    for ledger in state.ledgers:
        if command.programme is None or command.programme == ledger.programme:
            due = [item for item in ledger.coupons.items() if _expires(item[1], command.at)]
            due.sort(key=lambda item: (item[1].expires_at, item[0]))
            events += [
                RewardExpired(programme=ledger.programme, coupon=name, reward=each.reward, limited=each.limited)
                for name, each in due
            ]
    return events


def _over(coupon: Coupon, at: int) -> bool:
    return coupon.expires_at is not None and coupon.expires_at <= at


def _expires(coupon: Coupon, at: int) -> bool:
    return coupon.status == "issued" and _over(coupon, at)


def _need_tier(ledger: Ledger, programme: Programme, tier: str | None, what: str, field: str) -> None:
    if tier is not None and programme.terms.rank(ledger.tier) < programme.terms.rank(tier):
        raise CommandRefused(
            f"{what} needs the tier {tier!r}; the member has {ledger.tier or 'none'}",
            code="tier_too_low",
            field=field,
        )


# --- benefits and clubs ---------------------------------------------------------------------------------------------


def use_benefit(state: Account, command: UseBenefit, policy: Policy) -> list[Event]:
    """Use a benefit of the tier, or of a lower one."""
    ledger = require_member(state, command)
    before = ledger.done.get(f"benefit/{command.use}")
    if before == command.benefit:
        return []
    if before is not None:
        raise CommandRefused(
            f"cannot use the benefit {command.benefit!r}: the id {command.use!r} was used for {before!r}",
            code="use_exists",
            field="use",
            hint="Give each use an id of its own",
        )
    require_joined_before(ledger, command)
    programme = programme_of(policy, ledger.programme)
    tier = next((each.name for each in programme.tiers if command.benefit in each.benefits), None)
    if tier is None:
        raise CommandRefused(f"no tier has the benefit {command.benefit!r}", code="unknown_benefit", field="benefit")
    _need_tier(ledger, programme, tier, f"the benefit {command.benefit!r}", "benefit")
    return [BenefitUsed(programme=ledger.programme, use=command.use, benefit=command.benefit, tier=ledger.tier)]


def join_club(state: Account, command: JoinClub, policy: Policy) -> list[Event]:
    """Join a club of the programme."""
    ledger = require_member(state, command)
    if command.club in ledger.clubs:
        return []
    clubs = programme_of(policy, ledger.programme).clubs
    if command.club not in clubs:
        raise CommandRefused(
            f"the programme has no club {command.club!r}",
            code="unknown_club",
            field="club",
            hint="Name one of its clubs: " + (", ".join(clubs) or "it has none"),
        )
    require_joined_before(ledger, command)
    return [ClubJoined(programme=ledger.programme, club=command.club)]


def leave_club(state: Account, command: LeaveClub, _policy: Policy) -> list[Event]:
    """Leave a club. Nothing happens if the member is not in it."""
    ledger = require_member(state, command)
    if command.club not in ledger.clubs:
        return []
    return [ClubLeft(programme=ledger.programme, club=command.club)]


# --- referrals ------------------------------------------------------------------------------------------------------


def make_referral(state: Account, command: MakeReferral, policy: Policy) -> list[Event]:
    """Refer a customer. Leads to `ReceiveReferral`, which refuses members and customers who were referred before."""
    ledger = require_member(state, command)
    before = ledger.referrals.get(command.referral)
    if before == command.referred:
        return []
    if before is not None:
        raise CommandRefused(
            f"cannot make the referral {command.referral!r}: the id was used for {before}",
            code="referral_exists",
            field="referral",
            hint="Give each referral an id of its own",
        )
    require_joined_before(ledger, command)
    if programme_of(policy, ledger.programme).referral is None:
        raise CommandRefused("the programme has no rules for referrals", code="no_referrals", field="referral")
    return [ReferralMade(programme=ledger.programme, referral=command.referral, referred=command.referred)]


def receive_referral(state: Account, command: ReceiveReferral, _policy: Policy) -> list[Event]:
    """Record that a member referred the customer, if they are not a member yet, and once."""
    _need_own_account(state, command)
    ledger = state.ledger(command.programme)
    invited = ledger.invited
    if invited is not None and (invited.referral, invited.referrer) == (command.referral, command.referrer):
        return []
    if ledger.enrolled_at is not None or invited is not None:
        what = "was referred before" if invited is not None else "is a member already"
        raise CommandRefused(
            f"cannot refer the customer {command.customer}, who {what}", code="not_to_be_referred", field="referred"
        )
    return [
        ReferralReceived(
            programme=command.programme,
            referral=command.referral,
            referrer=command.referrer,
            received_at=command.at,
        )
    ]


def reward_referral(state: Account, command: RewardReferral, policy: Policy) -> list[Event]:
    """Reward a referral. Nothing happens if the account is closed or has reached its limit of rewards.

    The referral names the customer that was referred, which may be another id of the customer who joined.
    """
    ledger = state.ledger(command.programme)
    programme = programme_of(policy, ledger.programme)
    referral, name = programme.referral, command.prefix + command.referral
    if (
        referral is None
        or ledger.enrolled_at is None
        or ledger.closed_at is not None
        or name not in ledger.referrals
        or f"rewarded/{name}" in ledger.done
        or (referral.most_per_member is not None and ledger.rewarded >= referral.most_per_member)
    ):
        return []
    draft, (points, _) = Draft(ledger), within_room(ledger, referral.referrer_points)
    draft.add(
        ReferralRewarded(programme=ledger.programme, referral=name, referred=ledger.referrals[name], points=points)
    )
    if points:
        lot = command.prefix + referral_lot(*issued_to(command.customer, name))
        credit_lot(draft, lot, points, "referral", command.at, policy, source=command.referral)
    return draft.events


def _need_own_account(state: Account, command: LoyaltyCommand) -> None:
    if state.merged_into is not None:
        require_member(state, command)  # refuses with the surviving id
