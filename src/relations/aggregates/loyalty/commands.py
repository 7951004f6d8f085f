"""Commands to a member's account."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from relations.aggregates.loyalty.lots import Holdings, MovedLot
from relations.messages import Command, Id, Label, Money, Tender, Term

__all__ = [
    "AdjustPoints",
    "CloseAccount",
    "CreditPurchase",
    "EarnPoints",
    "EnrolMember",
    "EvaluateTier",
    "ExpirePoints",
    "ExpireRewards",
    "HeldId",
    "IssueReward",
    "JoinClub",
    "LeaveClub",
    "LotId",
    "LoyaltyCommand",
    "MakeReferral",
    "ReceiveAccount",
    "ReceivePoints",
    "ReceiveReferral",
    "RedeemPoints",
    "ReleaseAccount",
    "ReopenAccount",
    "RestoreAccount",
    "RestoreEarning",
    "RestoreReferral",
    "ReturnAccount",
    "ReverseEarning",
    "ReverseRedemption",
    "RevokeReferral",
    "RewardReferral",
    "TransferPoints",
    "UseBenefit",
    "UseReward",
]

POINTS_MAX = 10**12
Points = Annotated[int, Field(strict=True, gt=0, le=POINTS_MAX)]
LotId = Annotated[
    str, StringConstraints(pattern=r"^(remedy/[A-Za-z0-9._:\-]{1,64}/)?[A-Za-z0-9._:\-]{1,64}$", max_length=136)
]
"""A lot's id: the host's own, or `remedy/<complaint>/<remedy>`. A purchase's lot is `purchase/<purchase>`. Callers
cannot use such an id, for the host's own ids have no slash."""
HeldId = Annotated[str, StringConstraints(pattern=r"^(merged/[A-Za-z0-9._:\-]{1,64}/){0,8}[A-Za-z0-9._:\-]{1,64}$")]
"""The id of a redemption or coupon: the host's own, with `merged/<customer>/` before it where it came with a merge."""
Prefix = Annotated[str, StringConstraints(pattern=r"^(merged/[A-Za-z0-9._:\-]{1,64}/){0,8}$")]


def _positive(lots: tuple[MovedLot, ...]) -> tuple[MovedLot, ...]:
    if not lots or any(not 0 < lot.points <= POINTS_MAX for lot in lots):
        msg = f"a transfer must move at least one lot, and each must have 1 to {POINTS_MAX} points"
        raise ValueError(msg)
    return lots


class LoyaltyCommand(Command):
    """A command to one member's account.

    Attributes:
        customer: The member.
        programme: The programme whose ledger it is for. Default: the one that the customer joined first.
    """

    customer: Id
    programme: Id | None = None

    @property
    def stream(self) -> str:
        return f"loyalty-{self.customer}"

    @property
    def follows(self) -> str:
        # A command with a prefix was forwarded from a merged account. Callers cannot set it themselves.
        return "the command for the merged customer" if getattr(self, "prefix", "") else ""


# --- members --------------------------------------------------------------------------------------------------------


class EnrolMember(LoyaltyCommand):
    """Join a programme."""

    programme: Id = "main"


class CloseAccount(LoyaltyCommand):
    """Leave a programme. The points in the lots are forfeited and the debt is written off."""

    reason: Term | None = None


class ReopenAccount(LoyaltyCommand):
    """Become a member again, with an empty account."""


# --- points ---------------------------------------------------------------------------------------------------------


class EarnPoints(LoyaltyCommand):
    """Credit points by hand, or for a remedy.

    The points of a remedy are owed to the customer, so customers who have not joined are enrolled. A bonus is for
    members only. Points credited by hand have the same limits as adjustments, and then need an author.

    Attributes:
        lot: The id of the lot to create.
        points: The points to credit.
        reason: bonus or remedy.
        source: The complaint, or whatever else it is credited for.
        author: The person who credits it.
        role: The author's role.
        prefix: Set where it was forwarded from a merged account.
    """

    lot: LotId
    points: Points
    reason: Literal["bonus", "remedy"] = "bonus"
    source: Id | None = None
    author: Id | None = None
    role: Label | None = None
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "CarryOutRemedy" if self.lot.startswith("remedy/") else super().follows


class CreditPurchase(LoyaltyCommand):
    """Credit what each programme gives for a purchase. Nothing happens where the customer is not a member.

    Attributes:
        purchase: The purchase's id.
        amount: The amount paid.
        category: Its category.
        tenders: The parts of the amount by how they were paid. The programme decides which of them earn points.
        programme: Only this programme. Default: all programmes of the customer.
        prefix: Set where it was forwarded from a merged account.
    """

    added: ClassVar[frozenset[str]] = frozenset({"tenders"})

    purchase: Id
    amount: Money
    category: Label | None = None
    tenders: tuple[Tender, ...] = ()
    prefix: Prefix = ""


class ReverseEarning(LoyaltyCommand):
    """Take back what a refunded purchase earned, by the running total of its refunds, in each programme.

    Attributes:
        refund: The refund's id.
        purchase: The purchase that it refunds.
        refunded: The running total refunded, this refund included, in minor units.
        bought: The amount of the purchase, in minor units.
        programme: Only this programme. Default: all programmes of the customer.
        prefix: Set where it was forwarded from a merged account.
    """

    refund: Id
    purchase: Id
    refunded: Annotated[int, Field(ge=0)]
    bought: Annotated[int, Field(ge=0)]
    prefix: Prefix = ""


class RestoreEarning(LoyaltyCommand):
    """Give back what a refund had taken, because the refund was reversed. A reaction to `RefundReversed`.

    Attributes:
        refund: The refund that was reversed.
        purchase: The purchase that it had refunded.
        refunded: The running total refunded without it, in minor units.
        bought: The amount of the purchase, in minor units.
        programme: Only this programme. Default: all programmes of the customer.
        prefix: Set where it was forwarded from a merged account.
    """

    refund: Id
    purchase: Id
    refunded: Annotated[int, Field(ge=0)]
    bought: Annotated[int, Field(ge=0)]
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "ReverseRefund"


class RedeemPoints(LoyaltyCommand):
    """Spend points.

    Attributes:
        redemption: The redemption's id.
        points: The points to spend.
        reward: What they are spent on.
        prefix: Set where it was forwarded from a merged account.
    """

    redemption: Id
    points: Points
    reward: Label | None = None
    prefix: Prefix = ""


class ReverseRedemption(LoyaltyCommand):
    """Reverse a redemption: its points go back to the lots that they came from."""

    redemption: HeldId


class TransferPoints(LoyaltyCommand):
    """Give points to another member of the same programme. They keep their expiry.

    Attributes:
        transfer: The transfer's id.
        to: The other member.
        points: The points to give.
        prefix: Set where it was forwarded from a merged account.
    """

    transfer: Id
    to: Id
    points: Points
    prefix: Prefix = ""

    @model_validator(mode="after")
    def _to_another(self) -> TransferPoints:
        if self.to == self.customer:
            msg = f"{self.customer} cannot transfer points to themselves; name another member"
            raise ValueError(msg)
        return self


class ReceivePoints(LoyaltyCommand):
    """Take in points that another member released. A reaction to `PointsReleased`.

    Customers who have not joined are enrolled.

    Attributes:
        transfer: The transfer's id in the account that it comes from. It has a prefix where it was forwarded there, or
            where it comes of reversing a redemption of lots that were merged in the meantime.
        source: The other member.
        lots: The lots that come, in the sender's account.
    """

    programme: Id = "main"
    transfer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\-/]{1,700}$")]
    source: Id
    lots: Annotated[tuple[MovedLot, ...], AfterValidator(_positive)]

    @property
    def follows(self) -> str:
        return "TransferPoints"


class AdjustPoints(LoyaltyCommand):
    """Correct the account by hand: add points, or take them where negative. Policy limits how many, by role.

    Attributes:
        adjustment: The adjustment's id.
        points: The points to add, or to take where negative.
        reason: Why.
        author: The person who does it.
        role: The author's role.
    """

    adjustment: Id
    points: Annotated[int, Field(strict=True, ge=-(10**12), le=10**12)]
    reason: Term
    author: Id
    role: Label | None = None


class ExpirePoints(LoyaltyCommand):
    """Activate the lots that are due by `occurred_at` and expire those that have ended, in every programme.

    The agenda lists when this is due.
    """


# --- tiers ----------------------------------------------------------------------------------------------------------


class EvaluateTier(LoyaltyCommand):
    """Review the tier as of `occurred_at`, in every programme: it is kept, warned of, or lost.

    The agenda lists when this is due.
    """


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------


class IssueReward(LoyaltyCommand):
    """Buy one of the programme's rewards with points. The redemption has the coupon's id.

    Attributes:
        coupon: The coupon's id.
        reward: The reward's name in the programme.
        prefix: Set where it was forwarded from a merged account.
    """

    coupon: Id
    reward: Label
    prefix: Prefix = ""


class UseReward(LoyaltyCommand):
    """Use a reward."""

    coupon: HeldId


class ExpireRewards(LoyaltyCommand):
    """Expire the rewards that were not used in time. The agenda lists when this is due."""


class UseBenefit(LoyaltyCommand):
    """Use a benefit of the tier."""

    use: Id
    benefit: Label


class JoinClub(LoyaltyCommand):
    """Join a club within the programme."""

    club: Label


class LeaveClub(LoyaltyCommand):
    """Leave a club within the programme."""

    club: Label


# --- referrals ------------------------------------------------------------------------------------------------------


class MakeReferral(LoyaltyCommand):
    """Refer a customer who is not a member yet to the programme."""

    referral: Id
    referred: Id

    @model_validator(mode="after")
    def _of_another(self) -> MakeReferral:
        if self.referred == self.customer:
            msg = f"{self.customer} cannot refer themselves; name another customer"
            raise ValueError(msg)
        return self


class ReceiveReferral(LoyaltyCommand):
    """Record that a member referred this customer. A reaction to `ReferralMade`."""

    programme: Id = "main"
    referral: Id
    referrer: Id

    @property
    def follows(self) -> str:
        return "MakeReferral"


class RewardReferral(LoyaltyCommand):
    """Reward the member who made a referral. A reaction to `ReferralFulfilled`.

    Attributes:
        prefix: Set where it was forwarded from a merged account.
    """

    programme: Id = "main"
    referral: Id
    referred: Id
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "MakeReferral"


class RevokeReferral(LoyaltyCommand):
    """Take back the points of a referral. A reaction to `ReferralRevoked`.

    Attributes:
        referral: The referral's id.
        refund: The refund that revoked it.
        purchase: The purchase that was refunded.
        prefix: Set where it was forwarded from a merged account.
    """

    programme: Id = "main"
    referral: Id
    refund: Id
    purchase: Id
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "RefundPurchase"


class RestoreReferral(LoyaltyCommand):
    """Give back the points of a referral, because the refund was reversed. A reaction to `ReferralRestored`.

    Attributes:
        referral: The referral's id.
        refund: The refund that had revoked it.
        purchase: The purchase that had been refunded.
        prefix: Set where it was forwarded from a merged account.
    """

    programme: Id = "main"
    referral: Id
    refund: Id
    purchase: Id
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "ReverseRefund"


# --- merging --------------------------------------------------------------------------------------------------------


class ReleaseAccount(LoyaltyCommand):
    """Hand everything over to the account of `into`, another id of the same person. A reaction to `CustomerMerged`."""

    merge: Id
    into: Id

    @model_validator(mode="after")
    def _into_another(self) -> ReleaseAccount:
        if self.into == self.customer:
            msg = f"{self.customer} cannot be merged into themselves; name another customer"
            raise ValueError(msg)
        return self


class ReceiveAccount(LoyaltyCommand):
    """Take in everything that a merged account released. A reaction to `AccountReleased`."""

    programme: Id = "main"
    merge: Id
    source: Id
    holdings: Holdings

    @property
    def follows(self) -> str:
        return "MergeCustomer"


class ReturnAccount(LoyaltyCommand):
    """Give back what is left of what came with a merge. A reaction to `CustomerUnmerged`."""

    merge: Id
    to: Id


class RestoreAccount(LoyaltyCommand):
    """Become a separate account again. A reaction to `AccountReturned`."""

    programme: Id = "main"
    merge: Id
    source: Id
    holdings: Holdings

    @property
    def follows(self) -> str:
        return "UnmergeCustomer"
