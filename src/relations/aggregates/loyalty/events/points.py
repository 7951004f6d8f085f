"""Events of a membership and its points. Every event belongs to one programme's ledger; two ledgers never mix."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.lots import (
    GracedLot,
    LotShare,
    MovedLot,
    RestoredLot,
    TierStanding,
    VoidedReward,
)
from relations.messages import Event, PolicyNumber

__all__ = [
    "AccountClosed",
    "AccountReopened",
    "DebtIncurred",
    "DebtRepaid",
    "EarningRestored",
    "EarningReversed",
    "ExpiryDeferred",
    "LoyaltyEvent",
    "MemberEnrolled",
    "PointsActivated",
    "PointsAdjusted",
    "PointsEarned",
    "PointsExpired",
    "PointsReceived",
    "PointsRedeemed",
    "PointsReleased",
    "RedemptionReversed",
]


class LoyaltyEvent(Event, frozen=True, kw_only=True):
    """An event in one member's account.

    Attributes:
        programme: The programme whose ledger it belongs to.
    """

    programme: str = "main"


# --- members --------------------------------------------------------------------------------------------------------


class MemberEnrolled(LoyaltyEvent, frozen=True):
    """The customer joined the programme.

    Attributes:
        enrolled_at: The moment from which purchases earn points, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.member_enrolled"
    programme: str
    enrolled_at: int = 0


class AccountClosed(LoyaltyEvent, frozen=True):
    """The member left the programme. The points in the lots were forfeited and the debt was written off.

    Attributes:
        points: The points forfeited.
        lots: The lots that they were in.
        debt: The points written off.
        closed_at: The moment from which nothing is earned, UTC microseconds.
        reason: Why, in the host's own word.
        rewards: Rewards not used yet, which are void from now on.
        settled: Nothing from before can be reversed or counted any more. True for every closing recorded since the
            field was added. With earlier closings, commands after a reopening can still reach back over the closing.
    """

    topic: ClassVar[str] = "loyalty.account_closed"
    closed_at: int
    points: int = 0
    lots: tuple[LotShare, ...] = ()
    debt: int = 0
    reason: str | None = None
    rewards: tuple[VoidedReward, ...] = ()
    settled: bool = False


class AccountReopened(LoyaltyEvent, frozen=True):
    """The customer became a member again, from `reopened_at` on. Forfeited points stay forfeited."""

    topic: ClassVar[str] = "loyalty.account_reopened"
    reopened_at: int


# --- points ---------------------------------------------------------------------------------------------------------


class PointsEarned(LoyaltyEvent, frozen=True):
    """A lot of points was credited. Where `active_from` is later than `earned_at`, it is pending until then.

    Attributes:
        lot: The lot's id, unique in the ledger.
        points: Points that can be spent. With 0 the purchase only counts towards a tier, and there is no lot.
        qualifying: What counts towards a tier, in `unit`.
        active_from: When the points can first be spent, UTC microseconds.
        expires_at: When the rest of them expires, UTC microseconds; None means never.
        reason: purchase, remedy, bonus, referral or joining.
        source: The purchase, complaint or referral that they were earned by.
        policy: The version of the policy that they were earned under.
        month: The month in which they qualify, in the policy's zone, such as `2024-05`.
        earned_at: When they were earned, UTC microseconds, where that is not `active_from`.
        lapsing: They expire with the account's inactivity (see `ExpiryDeferred`).
        campaigns: The campaigns that added points.
        fx: The rate by which the purchase's currency counted in the programme's own, where tiers count spend.
        author: The person who credited it by hand.
        role: The author's role.
        unit: The unit of `qualifying`: points, stays, orders, or `spend:EUR`. Events recorded before there was a unit
            have none, and count in any unit.
    """

    topic: ClassVar[str] = "loyalty.points_earned"
    lot: str
    points: int
    qualifying: int
    active_from: int
    reason: str
    policy: PolicyNumber
    expires_at: int | None = None
    source: str | None = None
    month: str = ""
    earned_at: int | None = None
    lapsing: bool = False
    campaigns: tuple[str, ...] = ()
    fx: str | None = None
    author: str | None = None
    role: str | None = None
    unit: str = ""


class PointsActivated(LoyaltyEvent, frozen=True):
    """Pending points can be spent from now on."""

    topic: ClassVar[str] = "loyalty.points_activated"
    points: int
    lots: tuple[LotShare, ...]


class PointsRedeemed(LoyaltyEvent, frozen=True):
    """The member spent points: those that expire soonest first, then the oldest, then by lot id.

    Attributes:
        redemption: The redemption's id.
        points: The points spent.
        lots: The lots that gave them.
        reward: What they were spent on.
        redeemed_at: When, UTC microseconds; None in events recorded before redemptions carried it, unless the
            redemption deferred an expiry (see `ExpiryDeferred`).
    """

    topic: ClassVar[str] = "loyalty.points_redeemed"
    redemption: str
    points: int
    lots: tuple[LotShare, ...]
    reward: str | None = None
    redeemed_at: int | None = None


class RedemptionReversed(LoyaltyEvent, frozen=True):
    """A redemption was reversed: its points are back in the lots that they came from, with those lots' expiry.

    Attributes:
        redemption: The redemption's id.
        points: All of its points.
        lots: The lots that they came from and are in again. Points of lots that had expired are gone with the
            `PointsExpired` that follows, unless the lot is in `graced`.
        graced: Lots that had expired in the meantime and that policy keeps open for a while.
        reward: The reward that became void with it.
        limited: The reward goes back to stock.
        expiries: When each of `lots` expires now, in their order, UTC microseconds; None means never.
        lapsing: Those of them that expire with the account's inactivity.
    """

    topic: ClassVar[str] = "loyalty.redemption_reversed"
    redemption: str
    points: int
    lots: tuple[LotShare, ...]
    graced: tuple[GracedLot, ...] = ()
    reward: str | None = None
    limited: bool = False
    expiries: tuple[int | None, ...] = ()
    lapsing: tuple[str, ...] = ()


class PointsExpired(LoyaltyEvent, frozen=True):
    """The rest of these lots expired."""

    topic: ClassVar[str] = "loyalty.points_expired"
    points: int
    lots: tuple[LotShare, ...]


class ExpiryDeferred(LoyaltyEvent, frozen=True):
    """The member was active, or an activity was reversed: lots that expire with inactivity now do so at `until`.

    Attributes:
        until: When, UTC microseconds. It is earlier than before where an activity was reversed.
        months_count: The months of inactivity after which lots lapse; 0 where that was not recorded.
    """

    topic: ClassVar[str] = "loyalty.expiry_deferred"
    until: int
    months_count: int = 0


class EarningReversed(LoyaltyEvent, frozen=True):
    """A refund took points back from the lots named.

    Attributes:
        refund: The refund that did it. One refund takes back once.
        purchase: The purchase refunded.
        points: Points taken from lots now.
        qualifying: Taken back from what counts towards a tier.
        lots: The lots that gave them: the purchase's own first, then pending ones, then others in spending order.
        expired: Points counted as taken back that had already expired in the purchase's own lot.
        shortfall: Points that should be taken back but that no lot has: a debt recorded by `DebtIncurred`, or forgone
            by policy.
        month: The month in which the purchase qualified, and now qualifies for less.
        lot: The purchase's own lot where it is not `purchase/<purchase>`, because it came with a merged account.
        unit: The unit of `qualifying`, as in `PointsEarned`.
    """

    topic: ClassVar[str] = "loyalty.earning_reversed"
    refund: str
    purchase: str
    points: int
    qualifying: int
    lots: tuple[LotShare, ...]
    expired: int = 0
    shortfall: int = 0
    month: str = ""
    lot: str | None = None
    unit: str = ""


class EarningRestored(LoyaltyEvent, frozen=True):
    """A refund was reversed: what it had taken back is given back. The inverse of `EarningReversed`.

    `points + expired + debt + shortfall` is what is no longer taken back of the earning.

    Attributes:
        refund: The refund that was reversed.
        purchase: The purchase that was refunded.
        points: Points given back to lots.
        qualifying: Given back to what counts towards a tier.
        lots: The lots that have them now, with the terms of those lots.
        expired: Points no longer taken back that had expired before the refund.
        debt: Points no longer owed.
        shortfall: Points no longer missing, where the shortfall was not owed.
        missing: Points that the refund had found missing, and that are not missing any more.
        month: The month in which the purchase qualifies again.
        unit: The unit of `qualifying`, as in `PointsEarned`.
        lot: The earning's own lot where it is not `purchase/<purchase>`.
        tier: The tier that the refund had cost, and that the member has again; None where it cost none.
        standing: The standing of that tier, as it was before the refund.
    """

    topic: ClassVar[str] = "loyalty.earning_restored"
    refund: str
    purchase: str
    points: int
    qualifying: int = 0
    lots: tuple[RestoredLot, ...] = ()
    expired: int = 0
    debt: int = 0
    shortfall: int = 0
    missing: int = 0
    month: str = ""
    unit: str = ""
    lot: str | None = None
    tier: str | None = None
    standing: TierStanding | None = None


class DebtIncurred(LoyaltyEvent, frozen=True):
    """The account owes points: a refund came after they were spent.

    Attributes:
        points: The points owed.
        refund: The refund; empty where there is a `redemption`.
        redemption: The redemption that was reversed after refunds had found its points missing and recorded them as a
            shortfall. The points that came back are set against that shortfall.
    """

    topic: ClassVar[str] = "loyalty.debt_incurred"
    points: int
    refund: str
    redemption: str | None = None


class DebtRepaid(LoyaltyEvent, frozen=True):
    """Part of a lot repaid a debt."""

    topic: ClassVar[str] = "loyalty.debt_repaid"
    points: int
    lot: str


class PointsReleased(LoyaltyEvent, frozen=True):
    """Points went to another member. `PointsReceived` follows in that account in the same transaction.

    Attributes:
        transfer: The transfer's id.
        to: The other member.
        points: The points sent.
        lots: The lots that gave them, with their expiry.
    """

    topic: ClassVar[str] = "loyalty.points_released"
    transfer: str
    to: str
    points: int
    lots: tuple[MovedLot, ...]


class PointsReceived(LoyaltyEvent, frozen=True):
    """Points came from another member. They keep their expiry.

    Attributes:
        transfer: The transfer's id, as the sender gave it.
        source: The other member.
        points: The points received.
        lots: The lots that hold them here.
    """

    topic: ClassVar[str] = "loyalty.points_received"
    transfer: str
    source: str
    points: int
    lots: tuple[MovedLot, ...]


class PointsAdjusted(LoyaltyEvent, frozen=True):
    """Somebody with the authority to do so corrected the account by hand.

    Attributes:
        adjustment: The adjustment's id.
        points: Points added, or taken where negative.
        reason: Why, in the host's own word.
        author: The person who did it.
        role: The author's role, if given.
        lots: The lots that gave points where points were taken.
        lot: The lot that holds the points added. It can be spent from `active_from` to `expires_at`.
        lapsing: That lot expires with the account's inactivity (see `ExpiryDeferred`).
    """

    topic: ClassVar[str] = "loyalty.points_adjusted"
    adjustment: str
    points: int
    reason: str
    author: str
    role: str | None = None
    lots: tuple[LotShare, ...] = ()
    lot: str | None = None
    active_from: int = 0
    expires_at: int | None = None
    lapsing: bool = False
