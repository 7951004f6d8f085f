"""The rows of the loyalty view: accounts, lots, rewards, referrals, goals, and the movements of each day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from relations.json_form import JsonForm
from relations.projections.projection import CustomerRow, Tally

__all__ = [
    "COUNTS",
    "NEVER",
    "AccountRow",
    "Before",
    "GoalRow",
    "LotRow",
    "Movement",
    "RedemptionRow",
    "ReferralRow",
    "RewardRow",
    "SpentShare",
    "TierStep",
    "total_of",
]

NEVER = ""
"""The month of expiry of what never expires."""


class TierStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that happened to a member's tier.

    Attributes:
        at: When, UTC microseconds.
        kind: reached, kept, warned, grace, lost, restored, merged or returned.
        tier: The tier from then on.
        qualifying: What counted.
        until: Until when the member has it all the same; of a warning or a grace.
    """

    at: int
    kind: str
    tier: str | None
    qualifying: int = 0
    until: int | None = None


class Before(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The state of an account before a merge. Unmerging restores it."""

    enrolled_at: int | None = None
    lapses_at: int | None = None
    month: str = ""
    tier: str | None = None
    tier_since: int = 0
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    referrer: str | None = None


class AccountRow(CustomerRow, gc=False):
    """A member's account in one programme.

    Attributes:
        programme: Which.
        enrolled_at: Since when, UTC microseconds.
        closed_at: When the member left; None while the account is open.
        points: In all open lots.
        debt: Points owed.
        earned: Points ever earned.
        redeemed: Points ever spent, less what came back.
        expired: Points ever expired.
        shortfall: Points that refunds should have taken back, that no lot had, and that are not owed.
        tier: The present tier.
        tier_since: Since when.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that the latest warning announced.
        grace_until: When the grace for a tier that is no longer earned ends.
        month: The latest month that the account's events named, such as `2024-05`.
        months: What qualifies for tiers, by unit and month.
        steps: The history of the tier, in the order of recording.
        lapses_at: When lots that expire with inactivity expire, UTC microseconds.
        lapsing: Points in such lots, by the month of their own expiry.
        clubs: The clubs that the member is in, and when each was joined.
        benefits: How often each benefit was used.
        referrer: The member who made the referral.
        merged_into: The customer whose account holds everything now.
        merges: How the account stood before each merge into it.
        away: The clubs that moved to the account it is merged into, and when each was joined.
    """

    table: ClassVar[str] = "accounts"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("programme", "tier"),)
    programme: str
    enrolled_at: int | None = None
    closed_at: int | None = None
    points: int = 0
    debt: int = 0
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    shortfall: int = 0
    tier: str | None = None
    tier_since: int = 0
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    month: str = ""
    months: dict[str, int] = msgspec.field(default_factory=dict)
    steps: list[TierStep] = msgspec.field(default_factory=list)
    lapses_at: int | None = None
    lapsing: dict[str, int] = msgspec.field(default_factory=dict)
    clubs: dict[str, int] = msgspec.field(default_factory=dict)
    benefits: dict[str, int] = msgspec.field(default_factory=dict)
    referrer: str | None = None
    merged_into: str | None = None
    merges: dict[str, Before] = msgspec.field(default_factory=dict)
    away: dict[str, int] = msgspec.field(default_factory=dict)


class LotRow(CustomerRow, gc=False):
    """A lot of points.

    Attributes:
        programme: Whose ledger it is in.
        lot: Its id.
        points: What is left.
        active_from: From when it can be spent, UTC microseconds.
        expires_at: When it expires; None is never, or with the account's inactivity.
        earned_at: When it was earned.
        pending: It has not been activated yet.
        lapsing: It expires with the account's inactivity.
        reason: Why it was credited.
        source: The purchase, complaint, referral, transfer or merge that it came by.
        since: When it came into this account, UTC microseconds. A late arrival may take from a lot before that; it
            counts from then on.
    """

    table: ClassVar[str] = "lots"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "lot")
    programme: str
    lot: str
    points: int = 0
    active_from: int = 0
    expires_at: int | None = None
    earned_at: int = 0
    pending: bool = False
    lapsing: bool = False
    reason: str = ""
    source: str | None = None
    since: int = 0


class SpentShare(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The points that a redemption took from a lot, with that lot's terms; see `LotRow`."""

    lot: str
    active_from: int
    expires_at: int | None
    earned_at: int
    lapsing: bool
    reason: str
    source: str | None
    since: int


class RedemptionRow(CustomerRow, gc=False):
    """A redemption that may be reversed.

    Attributes:
        programme: In whose ledger.
        redemption: Its id.
        spent_at: When, UTC microseconds.
        shares: The lots that it took from.
    """

    table: ClassVar[str] = "redemptions"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "redemption")
    programme: str
    redemption: str
    spent_at: int = 0
    shares: list[SpentShare] = msgspec.field(default_factory=list)


class Movement(Tally, gc=False):
    """The points that moved on one local day, in lots that expire in one month. Sums of such rows read the same.

    Points that came are `earned`, `restored`, `given_back`, `received`, `raised` and `shifted_in`. Points that went are
    `redeemed`, `expired`, `reversed`, `repaid`, `sent`, `forfeited`, `lowered` and `shifted_out`. The first less the
    second are the growth of the points in open lots. Every column only grows, so no row has only zeros.

    Attributes:
        programme: Whose.
        day: The local day, as its ordinal.
        expires: The month of expiry, as `2026-05`; empty is never. It is the last month in which they can be spent.
        earned: Credited.
        restored: Back from reversed redemptions.
        received: Come from other members or accounts.
        raised: Added by hand.
        shifted_in: Come from another month of expiry.
        redeemed: Spent.
        expired: Expired.
        reversed: Taken back by refunds.
        given_back: Given back because a refund was reversed.
        repaid: Gone to repay debts.
        sent: Gone to other members or accounts.
        forfeited: Gone with closed accounts.
        lowered: Taken away by hand.
        shifted_out: Gone to another month of expiry.
        owed: Debts incurred; this and the following columns are kept in the row that never expires.
        settled: Debts repaid, written off, or gone to another account.
        joined: The number of members who joined.
        left: The number of members who left.
        redemptions: How many were made.
        undone: How many redemptions were reversed.
        referrals: How many referrals were made.
        rewards_used: How many rewards were used.
    """

    table: ClassVar[str] = "movements"
    key: ClassVar[tuple[str, ...]] = ("programme", "day", "expires")
    programme: str
    day: int
    expires: str
    earned: int = 0
    restored: int = 0
    received: int = 0
    raised: int = 0
    shifted_in: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    repaid: int = 0
    sent: int = 0
    forfeited: int = 0
    lowered: int = 0
    shifted_out: int = 0
    owed: int = 0
    settled: int = 0
    joined: int = 0
    left: int = 0
    redemptions: int = 0
    undone: int = 0
    referrals: int = 0
    rewards_used: int = 0
    given_back: int = 0

    @property
    def net(self) -> int:
        """The growth of the points in open lots."""
        return self.issued + self.restored - self.redeemed - self.expired - self.forfeited - self.taken_back

    @property
    def issued(self) -> int:
        """Points put into lots by any way, less points that went to other lots."""
        came = self.earned + self.received + self.raised + self.shifted_in
        return came - self.sent - self.lowered - self.shifted_out

    @property
    def taken_back(self) -> int:
        """Points that went with refunds and debts, less those that came back when a refund was reversed."""
        return self.reversed + self.repaid - self.given_back


COUNTS = Movement.__struct_fields__[len(Movement.key) :]
"""The columns of `Movement` that add up."""


def total_of(counts: Iterable[Any]) -> Movement:
    """Return one movement that stands for many, from the sums of `COUNTS`."""
    return Movement("", 0, NEVER, *map(int, counts))  # PostgreSQL adds big integers up to decimals


class RewardRow(JsonForm, CustomerRow, gc=False):
    """A reward that a member has, or had.

    Attributes:
        programme: Whose.
        coupon: Its id.
        reward: Which reward of the programme.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: What it cost.
        issued_at: When, UTC microseconds; of one that came with a merge, when it came.
        expires_at: Until when it can be used.
        status: open, used, expired, or void if its redemption was reversed.
        ended_at: When it stopped being open.
    """

    table: ClassVar[str] = "rewards"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "coupon")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("programme", "reward"),)
    programme: str
    coupon: str
    reward: str = ""
    kind: str = ""
    points: int = 0
    issued_at: int = 0
    expires_at: int | None = None
    status: str = "open"
    ended_at: int | None = None


class ReferralRow(JsonForm, CustomerRow, gc=False):
    """A referral that a member made.

    A referral that was rewarded, revoked or restored only after its member was merged into another has a second row
    there, with the id `merged/<member>/<referral>`. Its points add to those of the first.

    Attributes:
        programme: The programme's id.
        referral: Its id.
        referred: The referred customer.
        made_at: When, UTC microseconds.
        rewarded_at: When it was rewarded.
        points: The points that its member received; 0 again if a refund revoked it.
    """

    table: ClassVar[str] = "referrals"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "referral")
    programme: str
    referral: str
    referred: str = ""
    made_at: int = 0
    rewarded_at: int | None = None
    points: int = 0


class GoalRow(CustomerRow, gc=False):
    """A goal of a programme. It belongs to no customer: `customer` is empty.

    Attributes:
        programme: Which.
        goal: Its id.
        metric: What is counted.
        target: The value to reach.
        starts: The first local day, such as `2024-05-01`.
        ends: The local day after the last.
    """

    table: ClassVar[str] = "goals"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "goal")
    programme: str
    goal: str
    metric: str = ""
    target: int = 0
    starts: str = ""
    ends: str = ""
