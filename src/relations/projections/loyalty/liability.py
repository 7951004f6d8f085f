"""Reports from the movements of points: liability, breakage, months and goals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from pydantic import AwareDatetime

from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.projections.loyalty.rows import COUNTS, NEVER, GoalRow, Movement, total_of

__all__ = [
    "BreakageReport",
    "GoalProgress",
    "Liability",
    "LiabilityMonth",
    "PointsMonth",
    "ReferralFigures",
    "RewardFigures",
    "VintageBreakage",
    "breakage",
    "goal_progress",
    "liability",
    "points_by_month",
]


class LiabilityMonth(ViewAnswer):
    """Points in open lots that expire in one month.

    Attributes:
        month: The last month in which they can be spent; None is never.
        points: The number of points.
        overdue: The month is over: they have expired without a record of it, since time was not advanced.
    """

    month: str | None
    points: int
    overdue: bool


class Liability(ViewAnswer):
    """The liability to members: the sum over all open lots, pending ones included.

    Attributes:
        programme: Whose.
        as_of: The moment, exactly.
        points: In all open lots.
        debt: What members owe.
        months: By month of expiry, soonest first; what never expires comes last.
    """

    programme: str
    as_of: AwareDatetime
    points: int
    debt: int
    months: tuple[LiabilityMonth, ...]


class VintageBreakage(ViewAnswer):
    """The outcome of all points that expire in one month.

    `issued = redeemed + taken_back + expired + forfeited + open`.

    Attributes:
        month: The last month in which they can be spent; None is never.
        issued: Credited, received, adjusted and moved here from other months, less what was sent away.
        redeemed: Spent, less what came back.
        taken_back: Gone with refunds and debts.
        expired: Never used.
        forfeited: Never used, because their members left.
        open: Not used yet, or not recorded as expired yet.
        rate: (Expired + forfeited) / issued; None before the month is over, or if nothing was issued.
    """

    month: str | None
    issued: int
    redeemed: int
    taken_back: int
    expired: int
    forfeited: int
    open: int
    rate: float | None


class BreakageReport(ViewAnswer):
    """The share of points that is never used.

    Attributes:
        programme: Whose.
        as_of: The moment, exactly.
        issued: Points issued in all months that are over.
        expired: Points of these that expired or were forfeited.
        rate: Expired / issued over these months; None if no month is over.
        months: By month of expiry.
    """

    programme: str
    as_of: AwareDatetime
    issued: int
    expired: int
    rate: float | None
    months: tuple[VintageBreakage, ...]


class PointsMonth(ViewAnswer):
    """The movements of one month.

    Attributes:
        month: The month, such as `2024-05`.
        joined: New members, less those who left.
        earned: Credited.
        redeemed: Spent, less what came back.
        expired: Expired.
        taken_back: Taken back by refunds, used to repay debts, or forfeited with closed accounts.
        moved: Received less sent, adjustments included.
        open: In open lots at the end of the month.
    """

    month: str
    joined: int
    earned: int
    redeemed: int
    expired: int
    taken_back: int
    moved: int
    open: int


class GoalProgress(ViewAnswer):
    """The progress of a goal.

    Attributes:
        goal: Its id.
        metric: What is counted: members (joined less left), points_earned, points_redeemed and redemptions (less those
            reversed), referrals (made), rewards_used. Points taken back by refunds or used to repay debts are deducted
            from points_earned on the day on which that happened.
        target: The value to reach.
        starts: The first local day.
        ends: The local day after the last.
        actual: The value reached by the end of the day asked for.
        share: Actual / target.
        elapsed: The share of its days that are over.
        reached: The target is met.
    """

    goal: str
    metric: str
    target: int
    starts: date
    ends: date
    actual: int
    share: float
    elapsed: float
    reached: bool


class RewardFigures(ViewAnswer):
    """The outcome of one reward's coupons; they add up to `issued`.

    Attributes:
        reward: The reward's name.
        issued: How many coupons were issued.
        points: The points paid for coupons that are not void.
        open: How many can still be used.
        used: How many were used.
        expired: How many were not used in time.
        void: How many were given back.
    """

    reward: str
    issued: int
    points: int
    open: int
    used: int
    expired: int
    void: int


class ReferralFigures(ViewAnswer):
    """The outcome of referrals.

    Attributes:
        programme: Whose.
        made: The number of referrals made.
        members: The number of members who made them.
        rewarded: The number of referrals that were rewarded.
        points: The points given to the members who made them.
    """

    programme: str
    made: int
    members: int
    rewarded: int
    points: int


def liability(programme: str, as_of: int, month: str, sums: Iterable[tuple[str, Movement]]) -> Liability:
    """Return the liability.

    Args:
        programme: Whose.
        as_of: The moment, UTC microseconds.
        month: Its local month.
        sums: All movements by then, by month of expiry.
    """
    found = dict(sums)
    months = [
        LiabilityMonth(month=expires or None, points=each.net, overdue=expires != NEVER and expires < month)
        for expires, each in sorted(found.items(), key=_never_last)
        if each.net
    ]
    return Liability(
        programme=programme,
        as_of=from_micros(as_of),
        points=sum(each.points for each in months),
        debt=sum(each.owed - each.settled for each in found.values()),
        months=tuple(months),
    )


def _never_last(item: tuple[str, Any]) -> tuple[bool, str]:
    return item[0] == NEVER, item[0]


def breakage(programme: str, as_of: int, month: str, sums: Iterable[tuple[str, Movement]]) -> BreakageReport:
    """Return the outcome of all points by month of expiry; the arguments are those of `liability`."""
    months = []
    for expires, each in sorted(sums, key=_never_last):
        over = expires != NEVER and expires < month
        issued = each.issued
        vintage = VintageBreakage(
            month=expires or None,
            issued=issued,
            redeemed=each.redeemed - each.restored,
            taken_back=each.taken_back,
            expired=each.expired,
            forfeited=each.forfeited,
            open=each.net,
            rate=(each.expired + each.forfeited) / issued if over and issued > 0 else None,
        )
        if any((issued, vintage.redeemed, vintage.taken_back, vintage.expired, vintage.forfeited)):
            months.append(vintage)
    over_months = [each for each in months if each.month is not None and each.month < month]
    issued, expired = (
        sum(each.issued for each in over_months),
        sum(each.expired + each.forfeited for each in over_months),
    )
    return BreakageReport(
        programme=programme,
        as_of=from_micros(as_of),
        issued=issued,
        expired=expired,
        rate=expired / issued if issued > 0 else None,
        months=tuple(months),
    )


def goal_progress(row: GoalRow, sums: Movement, *, day: int) -> GoalProgress:
    """Return the progress of a goal from the sums of its days up to and including `day`."""
    starts, ends = date.fromisoformat(row.starts), date.fromisoformat(row.ends)
    first, after = starts.toordinal(), ends.toordinal()
    actual = {
        "members": sums.joined - sums.left,
        "points_earned": sums.earned - sums.taken_back,
        "points_redeemed": sums.redeemed - sums.restored,
        "redemptions": sums.redemptions - sums.undone,
        "referrals": sums.referrals,
        "rewards_used": sums.rewards_used,
    }[row.metric]
    return GoalProgress(
        goal=row.goal,
        metric=row.metric,
        target=row.target,
        starts=starts,
        ends=ends,
        actual=actual,
        share=actual / row.target,
        elapsed=max(0, min(day + 1, after) - first) / (after - first),
        reached=actual >= row.target,
    )


def points_by_month(days: Iterable[tuple[int, Movement]]) -> list[PointsMonth]:
    """Return the movements by month from those by local day, without months whose movements cancel out."""
    months: dict[str, list[Movement]] = {}
    for day, sums in sorted(days):
        months.setdefault(f"{date.fromordinal(day):%Y-%m}", []).append(sums)
    found, left = [], 0
    for month, parts in months.items():
        total = total_of(sum(getattr(each, name) for each in parts) for name in COUNTS)
        left += total.net
        row = PointsMonth(
            month=month,
            joined=total.joined - total.left,
            earned=total.earned,
            redeemed=total.redeemed - total.restored,
            expired=total.expired,
            taken_back=total.taken_back + total.forfeited,
            moved=total.issued - total.earned,
            open=left,
        )
        if any((row.joined, row.earned, row.redeemed, row.expired, row.taken_back, row.moved)):
            found.append(row)  # else all that happened in it was reversed in it
    return found
