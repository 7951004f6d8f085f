"""Folds of membership: joining and leaving, tiers, rewards, benefits, clubs, referrals and goals."""

from __future__ import annotations

from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReopened,
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    MemberEnrolled,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRewarded,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
)
from relations.aggregates.programme import ProgrammeGoalSet
from relations.messages import Envelope
from relations.projections.loyalty.moves import movement_of_day, owe, take
from relations.projections.loyalty.rows import AccountRow, GoalRow, ReferralRow, RewardRow, TierStep
from relations.projections.projection import Folds, Rows

__all__ = ["FOLDS", "count_member"]

FOLDS = Folds()


def count_member(rows: Rows, account: AccountRow, at: Envelope, change: int) -> None:
    """Count one member more, or one fewer."""
    movement = movement_of_day(rows, account.programme, at)
    if change > 0:
        movement.joined += change
    else:
        movement.left -= change


@FOLDS.on(MemberEnrolled)
def member_enrolled(rows: Rows, event: MemberEnrolled, at: Envelope) -> None:
    """Add a member."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.enrolled_at = event.enrolled_at
    count_member(rows, account, at, 1)


@FOLDS.on(AccountClosed)
def account_closed(rows: Rows, event: AccountClosed, at: Envelope) -> None:
    """Remove a member, forfeit the points and write off the debt."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.closed_at, account.tier, account.grace_until = event.closed_at, None, None
    for share in event.lots:
        take(rows, account, share, at).forfeited += share.points
    owe(rows, account, at, -event.debt)
    count_member(rows, account, at, -1)
    for each in event.rewards:
        coupon = rows.need(RewardRow, account.customer, account.programme, each.coupon)
        coupon.reward, coupon.status, coupon.ended_at = each.reward, "void", at.occurred_at
    if event.settled:
        account.months, account.clubs = {}, {}
        account.warned = account.lapses_at = None


@FOLDS.on(AccountReopened)
def account_reopened(rows: Rows, event: AccountReopened, at: Envelope) -> None:
    """Add the member again."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.closed_at, account.enrolled_at = None, event.reopened_at
    count_member(rows, account, at, 1)


def _stands(account: AccountRow, step: TierStep, month: str, since: int) -> None:
    """Set the tier from then on, and drop what was recorded about the earlier one."""
    account.steps.append(step)
    account.tier = step.tier
    account.tier_since = account.reviewed = since
    account.warned = account.grace_until = None
    account.month = max(account.month, month)


@FOLDS.on(TierReached)
def tier_reached(rows: Rows, event: TierReached, at: Envelope) -> None:
    """Set a higher tier."""
    step = TierStep(at.occurred_at, "reached", event.tier, event.qualifying)
    _stands(rows.need(AccountRow, at.customer, event.programme), step, event.month, event.since or at.occurred_at)


@FOLDS.on(TierLost)
def tier_lost(rows: Rows, event: TierLost, at: Envelope) -> None:
    """Set a lower tier, or none."""
    step = TierStep(at.occurred_at, "lost", event.next, event.qualifying)
    _stands(rows.need(AccountRow, at.customer, event.programme), step, event.month, event.since or at.occurred_at)


@FOLDS.on(TierKept)
def tier_kept(rows: Rows, event: TierKept, at: Envelope) -> None:
    """Keep the tier until the next review."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.steps.append(TierStep(at.occurred_at, "kept", event.tier, event.qualifying))
    account.reviewed = event.reviewed_at or at.occurred_at
    account.warned = account.grace_until = None
    account.month = max(account.month, event.month)


@FOLDS.on(TierWarned)
def tier_warned(rows: Rows, event: TierWarned, at: Envelope) -> None:
    """Record the warning."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.steps.append(TierStep(at.occurred_at, "warned", event.tier, event.qualifying, event.losing_at))
    account.warned = event.losing_at


@FOLDS.on(TierGraceGiven)
def tier_grace_given(rows: Rows, event: TierGraceGiven, at: Envelope) -> None:
    """Record the grace."""
    account = rows.need(AccountRow, at.customer, event.programme)
    account.steps.append(TierStep(at.occurred_at, "grace", event.tier, event.qualifying, event.until))
    account.grace_until = event.until
    account.month = max(account.month, event.month)


@FOLDS.on(RewardIssued)
def reward_issued(rows: Rows, event: RewardIssued, at: Envelope) -> None:
    """Add a reward."""
    coupon = rows.need(RewardRow, at.customer, event.programme, event.coupon)
    coupon.reward, coupon.kind, coupon.points = event.reward, event.kind, event.points
    coupon.issued_at, coupon.expires_at = at.occurred_at, event.expires_at


@FOLDS.on(RewardUsed)
def reward_used(rows: Rows, event: RewardUsed, at: Envelope) -> None:
    """Mark the reward as used."""
    coupon = rows.need(RewardRow, at.customer, event.programme, event.coupon)
    coupon.reward, coupon.status, coupon.ended_at = event.reward, "used", at.occurred_at
    movement_of_day(rows, event.programme, at).rewards_used += 1


@FOLDS.on(RewardExpired)
def reward_expired(rows: Rows, event: RewardExpired, at: Envelope) -> None:
    """Mark the reward as expired."""
    coupon = rows.need(RewardRow, at.customer, event.programme, event.coupon)
    coupon.reward, coupon.status, coupon.ended_at = event.reward, "expired", at.occurred_at


@FOLDS.on(BenefitUsed)
def benefit_used(rows: Rows, event: BenefitUsed, at: Envelope) -> None:
    """Count the use."""
    benefits = rows.need(AccountRow, at.customer, event.programme).benefits
    benefits[event.benefit] = benefits.get(event.benefit, 0) + 1


@FOLDS.on(ClubJoined)
def club_joined(rows: Rows, event: ClubJoined, at: Envelope) -> None:
    """Add the club."""
    rows.need(AccountRow, at.customer, event.programme).clubs[event.club] = at.occurred_at


@FOLDS.on(ClubLeft)
def club_left(rows: Rows, event: ClubLeft, at: Envelope) -> None:
    """Remove the club."""
    rows.need(AccountRow, at.customer, event.programme).clubs.pop(event.club, None)


@FOLDS.on(ReferralMade)
def referral_made(rows: Rows, event: ReferralMade, at: Envelope) -> None:
    """Add a referral."""
    row = rows.need(ReferralRow, at.customer, event.programme, event.referral)
    row.referred, row.made_at = event.referred, at.occurred_at
    movement_of_day(rows, event.programme, at).referrals += 1


@FOLDS.on(ReferralRewarded)
def referral_rewarded(rows: Rows, event: ReferralRewarded, at: Envelope) -> None:
    """Record the reward of a referral."""
    row = rows.need(ReferralRow, at.customer, event.programme, event.referral)
    row.referred, row.rewarded_at, row.points = event.referred, at.occurred_at, event.points


@FOLDS.on(ReferralReceived, ReferralFulfilled)
def referral_received(rows: Rows, event: ReferralReceived | ReferralFulfilled, at: Envelope) -> None:
    """Record the member who referred the customer."""
    rows.need(AccountRow, at.customer, event.programme).referrer = event.referrer


@FOLDS.on(ProgrammeGoalSet)
def goal_set(rows: Rows, event: ProgrammeGoalSet, at: Envelope) -> None:
    """Set a goal, or replace it."""
    row = rows.need(GoalRow, at.customer, at.stream.removeprefix("programme-"), event.goal)
    row.metric, row.target, row.starts, row.ends = event.metric, event.target, event.starts, event.ends
