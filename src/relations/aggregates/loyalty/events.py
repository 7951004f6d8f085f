"""What happens in a member's account. Every event belongs to one programme's ledger; two programmes never mix."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.lots import (
    GracedLot,
    Holdings,
    LotShare,
    Membership,
    MovedLot,
    TierStanding,
    VoidedReward,
)
from relations.messages import Event, Money

__all__ = [
    "AccountClosed",
    "AccountReceived",
    "AccountReleased",
    "AccountReopened",
    "AccountRestored",
    "AccountReturned",
    "BenefitUsed",
    "ClubJoined",
    "ClubLeft",
    "CreditForwarded",
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
    "PurchaseForwarded",
    "RedemptionReversed",
    "ReferralFulfilled",
    "ReferralMade",
    "ReferralReceived",
    "ReferralRevoked",
    "ReferralRewarded",
    "RefundForwarded",
    "RequestForwarded",
    "RewardExpired",
    "RewardIssued",
    "RewardUsed",
    "TierGraceGiven",
    "TierKept",
    "TierLost",
    "TierReached",
    "TierWarned",
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
        redeemed_at: When, UTC microseconds, where it puts off an expiry; see `ExpiryDeferred`.
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
    """The account owes points: a refund came after they were spent."""

    topic: ClassVar[str] = "loyalty.debt_incurred"
    points: int
    refund: str


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


# --- tiers ----------------------------------------------------------------------------------------------------------


class TierReached(LoyaltyEvent, frozen=True):
    """The member rose to a tier.

    Attributes:
        qualifying: What earned it.
        month: The last month of the window that it was counted in.
        basis: What was counted: points, spend, stays or orders.
        window: Over what: `calendar_year`, `lifetime`, or `rolling_months:12`.
        since: From when the member has it, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.tier_reached"
    tier: str
    qualifying: int
    previous: str | None = None
    month: str = ""
    basis: str = "points"
    window: str = ""
    since: int = 0


class TierKept(LoyaltyEvent, frozen=True):
    """A review found the tier earned again.

    Attributes:
        qualifying: What earned it.
        month: The last month of the window that it was counted in.
        basis: As in `TierReached`.
        window: As in `TierReached`.
        reviewed_at: The review's moment, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.tier_kept"
    tier: str
    qualifying: int
    month: str = ""
    basis: str = "points"
    window: str = ""
    reviewed_at: int = 0


class TierWarned(LoyaltyEvent, frozen=True):
    """The member will lose the tier unless more is earned.

    Attributes:
        qualifying: What will be left in the window by then.
        required: What the tier asks for.
        losing_at: When the tier will be lost, UTC microseconds.
        basis: As in `TierReached`.
        window: As in `TierReached`.
    """

    topic: ClassVar[str] = "loyalty.tier_warned"
    tier: str
    qualifying: int
    required: int
    losing_at: int
    basis: str = "points"
    window: str = ""


class TierGraceGiven(LoyaltyEvent, frozen=True):
    """The tier is no longer earned, and kept a while for grace.

    Attributes:
        qualifying: What is left in the window.
        until: When the grace ends, UTC microseconds.
        month: The last month of the window.
        basis: As in `TierReached`.
        window: As in `TierReached`.
    """

    topic: ClassVar[str] = "loyalty.tier_grace_given"
    tier: str
    qualifying: int
    until: int
    month: str = ""
    basis: str = "points"
    window: str = ""


class TierLost(LoyaltyEvent, frozen=True):
    """The member fell from a tier, to `next` or to none.

    Attributes:
        qualifying: What is left in the window.
        month: The last month of that window.
        basis: As in `TierReached`.
        window: As in `TierReached`.
        since: From when the member has the lower tier, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.tier_lost"
    tier: str
    qualifying: int
    next: str | None = None
    month: str = ""
    basis: str = "points"
    window: str = ""
    since: int = 0


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------


class RewardIssued(LoyaltyEvent, frozen=True):
    """The member has a reward to use.

    Attributes:
        coupon: The reward's own id; the redemption that paid for it bears the same.
        reward: Which reward of the programme.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: What it cost.
        expires_at: Until when it can be used, UTC microseconds; None is for ever.
        limited: There are only so many of them.
    """

    topic: ClassVar[str] = "loyalty.reward_issued"
    coupon: str
    reward: str
    kind: str
    points: int = 0
    expires_at: int | None = None
    limited: bool = False


class RewardUsed(LoyaltyEvent, frozen=True):
    """The member used a reward."""

    topic: ClassVar[str] = "loyalty.reward_used"
    coupon: str
    reward: str


class RewardExpired(LoyaltyEvent, frozen=True):
    """A reward was not used in time. Its points stay spent."""

    topic: ClassVar[str] = "loyalty.reward_expired"
    coupon: str
    reward: str


class BenefitUsed(LoyaltyEvent, frozen=True):
    """The member used what comes with the tier, at no points: the lounge, a late check-out."""

    topic: ClassVar[str] = "loyalty.benefit_used"
    use: str
    benefit: str
    tier: str | None = None


class ClubJoined(LoyaltyEvent, frozen=True):
    """The member joined a club within the programme."""

    topic: ClassVar[str] = "loyalty.club_joined"
    club: str


class ClubLeft(LoyaltyEvent, frozen=True):
    """The member left a club within the programme."""

    topic: ClassVar[str] = "loyalty.club_left"
    club: str


# --- referrals ------------------------------------------------------------------------------------------------------


class ReferralMade(LoyaltyEvent, frozen=True):
    """The member recommended the programme to somebody."""

    topic: ClassVar[str] = "loyalty.referral_made"
    referral: str
    referred: str


class ReferralReceived(LoyaltyEvent, frozen=True):
    """The customer was recommended to join, by a member."""

    topic: ClassVar[str] = "loyalty.referral_received"
    referral: str
    referrer: str
    received_at: int = 0


class ReferralFulfilled(LoyaltyEvent, frozen=True):
    """The customer did what the referral asks for; the member who recommended is rewarded.

    Attributes:
        referral: The recommendation.
        referrer: Who made it.
        lot: The lot of the purchase that did it; None where joining did.
    """

    topic: ClassVar[str] = "loyalty.referral_fulfilled"
    referral: str
    referrer: str
    lot: str | None = None


class ReferralRevoked(LoyaltyEvent, frozen=True):
    """The purchase by which a referral was fulfilled has been given back whole: what it was worth is taken back."""

    topic: ClassVar[str] = "loyalty.referral_revoked"
    referral: str
    referrer: str
    refund: str
    purchase: str


class ReferralRewarded(LoyaltyEvent, frozen=True):
    """A referral was worth something: its points are in the `PointsEarned` that follows, where there are any."""

    topic: ClassVar[str] = "loyalty.referral_rewarded"
    referral: str
    referred: str
    points: int = 0


# --- merging --------------------------------------------------------------------------------------------------------


class AccountReleased(LoyaltyEvent, frozen=True):
    """All that the account had in this programme goes to another customer's, which is the same person's."""

    topic: ClassVar[str] = "loyalty.account_released"
    merge: str
    into: str
    holdings: Holdings


class AccountReceived(LoyaltyEvent, frozen=True):
    """All that another account of the same person had is here now.

    Attributes:
        merge: The merge's id.
        source: The other account's customer.
        holdings: What came, as it was there. Its lots, earnings and redemptions bear `merged/<source>/` here.
        enrolled: There was no membership here before.
        tier: The tier from now on: the highest of both, and of what both earn together.
        reopened: The account here was closed; the member who comes is one here.
        reached_at: When both together reached the tier that neither had alone, UTC microseconds; 0 where one had it.
        month: The last month of the window in which they did; empty is the latest that either account had heard of.
    """

    topic: ClassVar[str] = "loyalty.account_received"
    merge: str
    source: str
    holdings: Holdings
    enrolled: bool = False
    tier: str | None = None
    reopened: bool = False
    reached_at: int = 0
    month: str = ""


class AccountReturned(LoyaltyEvent, frozen=True):
    """A merge was a mistake: what came with it, and is left of it, goes back.

    Attributes:
        merge: The merge's id.
        to: The other account's customer.
        holdings: What goes back.
        lots: The lots here that it is taken from.
        tier: The tier that the account has here from now on.
        undone: Nothing had happened in between: everything here is as it was before the merge.
        clubs: The clubs here that go with it.
        membership: Whether the customer is a member here without it; None leaves that as the merge made it.
        standing: What that tier rests on; None leaves that as the merge made it.
    """

    topic: ClassVar[str] = "loyalty.account_returned"
    merge: str
    to: str
    holdings: Holdings
    lots: tuple[LotShare, ...] = ()
    tier: str | None = None
    undone: bool = False
    clubs: tuple[str, ...] = ()
    membership: Membership | None = None
    standing: TierStanding | None = None


class AccountRestored(LoyaltyEvent, frozen=True):
    """The account is its own again, with what came back from the other."""

    topic: ClassVar[str] = "loyalty.account_restored"
    merge: str
    source: str
    holdings: Holdings


class PurchaseForwarded(LoyaltyEvent, frozen=True):
    """A purchase came under an id that is merged into another: it is credited there.

    Attributes:
        into: The surviving account's customer.
        prefix: What its lot's id begins with there.
        purchase: The purchase.
        amount: What it cost.
        category: Of which category it is.
    """

    topic: ClassVar[str] = "loyalty.purchase_forwarded"
    into: str
    prefix: str
    purchase: str
    amount: Money
    category: str | None = None


class RefundForwarded(LoyaltyEvent, frozen=True):
    """A refund came under an id that is merged into another: it is taken back there."""

    topic: ClassVar[str] = "loyalty.refund_forwarded"
    into: str
    prefix: str
    refund: str
    purchase: str
    refunded: int
    bought: int


class CreditForwarded(LoyaltyEvent, frozen=True):
    """Points by hand or for a remedy came under an id that is merged into another: they are credited there."""

    topic: ClassVar[str] = "loyalty.credit_forwarded"
    into: str
    prefix: str
    lot: str
    points: int
    reason: str
    source: str | None = None
    author: str | None = None
    role: str | None = None


class RequestForwarded(LoyaltyEvent, frozen=True):
    """Something was asked under an id that is merged into another: it is done there, or refused with it.

    Attributes:
        into: The surviving account's customer.
        prefix: What ids from here begin with there.
        request: The command's name, such as `RedeemPoints`.
        about: The redemption, transfer, coupon or referral.
        points: How many.
        other: The reward, the other member, or the refund.
        lots: The lots of a transfer that comes.
        purchase: The purchase that was given back.
    """

    topic: ClassVar[str] = "loyalty.request_forwarded"
    into: str
    prefix: str
    request: str
    about: str
    points: int = 0
    other: str | None = None
    lots: tuple[MovedLot, ...] = ()
    purchase: str | None = None
