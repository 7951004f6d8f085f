"""What happens to a membership and to its points. Every event belongs to one programme's ledger; two never mix."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.lots import GracedLot, LotShare, MovedLot, VoidedReward
from relations.messages import Event

__all__ = [
    "AccountClosed",
    "AccountReopened",
    "DebtIncurred",
    "DebtRepaid",
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
        programme: Whose ledger it belongs to.
    """

    programme: str = "main"


# --- members --------------------------------------------------------------------------------------------------------


class MemberEnrolled(LoyaltyEvent, frozen=True):
    """The customer joined the programme.

    Attributes:
        enrolled_at: From when purchases earn, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.member_enrolled"
    programme: str
    enrolled_at: int = 0


class AccountClosed(LoyaltyEvent, frozen=True):
    """The member left the programme. What was in the lots is forfeited, what was owed is written off.

    Attributes:
        points: Forfeited.
        lots: The lots that they were in.
        debt: Written off.
        closed_at: When, UTC microseconds; nothing earns from then on.
        reason: Why, in the host's own word.
        rewards: Rewards not used yet, which are void now.
        settled: Nothing of what was before is undone or counts any more. So it is of every closing recorded since there
            is this field; before, what happened after a reopening could still reach back over it.
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
    """The member is back, from `reopened_at` on; what was forfeited stays so."""

    topic: ClassVar[str] = "loyalty.account_reopened"
    reopened_at: int


# --- points ---------------------------------------------------------------------------------------------------------


class PointsEarned(LoyaltyEvent, frozen=True):
    """A lot of points was credited. Where `active_from` is later than `earned_at`, it is pending until then.

    Attributes:
        lot: The lot's id, unique in the ledger.
        points: Spendable points; 0 where a purchase only counts towards a tier, and then there is no lot.
        qualifying: What counts towards a tier, in `unit`.
        active_from: From when they can be spent, UTC microseconds.
        expires_at: When what is left of them expires (then no longer spendable), UTC microseconds; None is never.
        reason: purchase, remedy, bonus, referral or joining.
        source: The purchase, complaint or referral that they were earned by.
        policy: The version of the policy that they were earned under.
        month: The month in which they qualify, in the policy's zone, as `2024-05`.
        earned_at: When they were earned, UTC microseconds, where that is not `active_from`.
        lapsing: They expire with the account's inactivity (see `ExpiryDeferred`).
        campaigns: The campaigns that gave more.
        fx: What one unit of the purchase's currency counted in the programme's own, where tiers go by spend.
        author: Who credited it by hand.
        role: In which role.
        unit: What `qualifying` is counted in: points, stays, orders, or `spend:EUR`. Where nothing is said, as in what
            was recorded before it was, it counts whatever tiers go by.
    """

    topic: ClassVar[str] = "loyalty.points_earned"
    lot: str
    points: int
    qualifying: int
    active_from: int
    reason: str
    policy: int
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
    """Points were spent: soonest to expire first, then oldest, then by lot id.

    Attributes:
        redemption: Its id.
        points: How many.
        lots: The lots that gave them.
        reward: What for.
        redeemed_at: When, UTC microseconds; None where it was recorded before redemptions said so, and put off no
            expiry (see `ExpiryDeferred`).
    """

    topic: ClassVar[str] = "loyalty.points_redeemed"
    redemption: str
    points: int
    lots: tuple[LotShare, ...]
    reward: str | None = None
    redeemed_at: int | None = None


class RedemptionReversed(LoyaltyEvent, frozen=True):
    """A redemption was undone: its points are back in the lots that they came from, with those lots' expiry.

    Attributes:
        redemption: Which.
        points: All of its points.
        lots: Where they came from, and are again. Those that had expired are gone with the `PointsExpired` that
            follows, unless they are `graced`.
        graced: Lots that had expired meanwhile and can be spent a while longer, by policy.
        reward: The reward that is void with it.
        limited: Its stock is to be given back.
        expiries: When each of `lots` expires now, in their order, UTC microseconds; None is never.
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
    """What was left of these lots is gone."""

    topic: ClassVar[str] = "loyalty.points_expired"
    points: int
    lots: tuple[LotShare, ...]


class ExpiryDeferred(LoyaltyEvent, frozen=True):
    """The member was active, or an activity was undone: lots that expire with inactivity now do so at `until`.

    Attributes:
        until: When, UTC microseconds; earlier than before where an activity was undone.
        months_count: So many months after the last activity; 0 where it was not recorded.
    """

    topic: ClassVar[str] = "loyalty.expiry_deferred"
    until: int
    months_count: int = 0


class EarningReversed(LoyaltyEvent, frozen=True):
    """A refund took points back from the lots named.

    Attributes:
        refund: The refund that did it; one refund reverses once.
        purchase: The purchase refunded.
        points: Taken from lots now.
        qualifying: Taken back of what counts towards a tier.
        lots: The lots that gave them: the purchase's own first, then pending ones, then others in spending order.
        expired: Taken back as well, and nobody's loss: the purchase's own lot had let them expire already.
        shortfall: Taken back as well, though no lot could give it: a debt of its own event, or by policy forgone.
        month: The month in which the purchase qualified, and now qualifies for less.
        lot: The purchase's own lot where it is not `purchase/<purchase>`, because it came with a merged account.
        unit: What `qualifying` is counted in, as in `PointsEarned`.
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


class DebtIncurred(LoyaltyEvent, frozen=True):
    """The account owes points: a refund came after they were spent.

    Attributes:
        points: How many.
        refund: The refund; empty where there is a `redemption`.
        redemption: The redemption that was undone after refunds had found points missing that it had spent, which were
            recorded as a shortfall until then: what came back is set against them.
    """

    topic: ClassVar[str] = "loyalty.debt_incurred"
    points: int
    refund: str
    redemption: str | None = None


class DebtRepaid(LoyaltyEvent, frozen=True):
    """Part of a lot went to repay a debt."""

    topic: ClassVar[str] = "loyalty.debt_repaid"
    points: int
    lot: str


class PointsReleased(LoyaltyEvent, frozen=True):
    """Points went to another member; there `PointsReceived` follows in the same transaction.

    Attributes:
        transfer: The transfer's id.
        to: The other member.
        points: How many.
        lots: The lots that gave them, with their expiry.
    """

    topic: ClassVar[str] = "loyalty.points_released"
    transfer: str
    to: str
    points: int
    lots: tuple[MovedLot, ...]


class PointsReceived(LoyaltyEvent, frozen=True):
    """Points came from another member, and keep their expiry.

    Attributes:
        transfer: The transfer's id, the sender's own.
        source: The other member.
        points: How many.
        lots: The lots that they are in here.
    """

    topic: ClassVar[str] = "loyalty.points_received"
    transfer: str
    source: str
    points: int
    lots: tuple[MovedLot, ...]


class PointsAdjusted(LoyaltyEvent, frozen=True):
    """Somebody with the authority to do so put the account right by hand.

    Attributes:
        adjustment: Its id.
        points: More, or less where negative.
        reason: Why, in the host's own word.
        author: Who.
        role: In which role, if it was told.
        lots: The lots that gave them where there are less.
        lot: The lot that holds them where there are more, which can be spent from `active_from` to `expires_at`.
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
