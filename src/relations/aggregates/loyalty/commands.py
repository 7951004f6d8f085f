"""What somebody may want of a member's account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from relations.aggregates.loyalty.lots import Holdings, MovedLot
from relations.messages import Command, Id, Label, Money

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
"""A lot's id: the host's own, or `remedy/<complaint>/<remedy>`. A purchase's lot is `purchase/<purchase>`, which no
caller can take, for an id has no slash."""
HeldId = Annotated[str, StringConstraints(pattern=r"^(merged/[A-Za-z0-9._:\-]{1,64}/){0,8}[A-Za-z0-9._:\-]{1,64}$")]
"""The id of a redemption or coupon: the host's own, behind `merged/<customer>/` where it came with a merge."""
Prefix = Annotated[str, StringConstraints(pattern=r"^(merged/[A-Za-z0-9._:\-]{1,64}/){0,8}$")]


def _positive(lots: tuple[MovedLot, ...]) -> tuple[MovedLot, ...]:
    if not lots or any(not 0 < lot.points <= POINTS_MAX for lot in lots):
        msg = f"what moves is at least one lot, each of 1 to {POINTS_MAX} points"
        raise ValueError(msg)
    return lots


class LoyaltyCommand(Command):
    """A command to one member's account.

    Attributes:
        customer: The member.
        programme: Which programme's ledger it is for; the one that the customer joined first if absent.
    """

    customer: Id
    programme: Id | None = None

    @property
    def stream(self) -> str:
        return f"loyalty-{self.customer}"

    @property
    def follows(self) -> str:
        # What has a prefix is forwarded from a merged account: only its own command may say so.
        return "the command for the merged customer" if getattr(self, "prefix", "") else ""


# --- members --------------------------------------------------------------------------------------------------------


class EnrolMember(LoyaltyCommand):
    """Join a programme."""

    programme: Id = "main"


class CloseAccount(LoyaltyCommand):
    """Leave a programme. What is in the lots is forfeited, what is owed is written off."""

    reason: Label | None = None


class ReopenAccount(LoyaltyCommand):
    """Be a member again, with an empty account."""


# --- points ---------------------------------------------------------------------------------------------------------


class EarnPoints(LoyaltyCommand):
    """Credit points by hand, or for a remedy.

    A remedy's points are owed to the customer: where they are no member, they become one. A bonus is for members. What
    is credited by hand is limited as adjustments are; where the programme limits them, it needs an author.

    Attributes:
        author: Who credits it.
        role: In which role.
        prefix: Set where it was forwarded from an account that is merged into this one.
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
    """Credit what each programme gives for a purchase. Nothing happens where the customer is no member.

    Attributes:
        programme: Only this one; all that the customer is a member of if absent.
        prefix: Set where it was forwarded from an account that is merged into this one.
    """

    purchase: Id
    amount: Money
    category: Label | None = None
    prefix: Prefix = ""


class ReverseEarning(LoyaltyCommand):
    """Take back what a refunded purchase had earned, on the running total of its refunds, in each programme.

    Attributes:
        refunded: Given back of the purchase so far, this refund included, in minor units.
        bought: What the purchase was worth, in minor units.
        programme: Only this one; all that the customer is a member of if absent.
        prefix: Set where it was forwarded from an account that is merged into this one.
    """

    refund: Id
    purchase: Id
    refunded: Annotated[int, Field(ge=0)]
    bought: Annotated[int, Field(ge=0)]
    prefix: Prefix = ""


class RedeemPoints(LoyaltyCommand):
    """Spend points.

    Attributes:
        prefix: Set where it was forwarded from an account that is merged into this one.
    """

    redemption: Id
    points: Points
    reward: Label | None = None
    prefix: Prefix = ""


class ReverseRedemption(LoyaltyCommand):
    """Undo a redemption: its points go back to the lots that they came from."""

    redemption: HeldId


class TransferPoints(LoyaltyCommand):
    """Give points to another member of the same programme. They keep their expiry.

    Attributes:
        prefix: Set where it was forwarded from an account that is merged into this one.
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
    """Take in what another member released. A reaction to `PointsReleased`; who is no member becomes one.

    Attributes:
        transfer: The transfer's id in the account that it comes from, with a prefix where it was forwarded to there or
            undoes a redemption of lots that were merged in between.
    """

    programme: Id = "main"
    transfer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\-/]{1,700}$")]
    source: Id
    lots: Annotated[tuple[MovedLot, ...], AfterValidator(_positive)]

    @property
    def follows(self) -> str:
        return "TransferPoints"


class AdjustPoints(LoyaltyCommand):
    """Put the account right by hand: more points, or less where negative. Policy limits how many by role."""

    adjustment: Id
    points: Annotated[int, Field(strict=True, ge=-(10**12), le=10**12)]
    reason: Label
    author: Id
    role: Label | None = None


class ExpirePoints(LoyaltyCommand):
    """Activate every lot that is due by `occurred_at`, and let every one go that has expired by then.

    In every programme. The agenda says when this is due.
    """


# --- tiers ----------------------------------------------------------------------------------------------------------


class EvaluateTier(LoyaltyCommand):
    """Hold the tier against its window as of `occurred_at`, in every programme: kept, warned of, lost.

    The agenda says when this is due.
    """


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------


class IssueReward(LoyaltyCommand):
    """Buy one of the programme's rewards with points. The redemption bears the coupon's id.

    Attributes:
        prefix: Set where it was forwarded from an account that is merged into this one.
    """

    coupon: Id
    reward: Label
    prefix: Prefix = ""


class UseReward(LoyaltyCommand):
    """Use a reward."""

    coupon: HeldId


class ExpireRewards(LoyaltyCommand):
    """Let every reward go that was not used by its end. The agenda says when this is due."""


class UseBenefit(LoyaltyCommand):
    """Use what comes with the tier."""

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
    """Recommend the programme to a customer who is no member yet."""

    referral: Id
    referred: Id

    @model_validator(mode="after")
    def _of_another(self) -> MakeReferral:
        if self.referred == self.customer:
            msg = f"{self.customer} cannot refer themselves; name another customer"
            raise ValueError(msg)
        return self


class ReceiveReferral(LoyaltyCommand):
    """Be recommended. A reaction to `ReferralMade`."""

    programme: Id = "main"
    referral: Id
    referrer: Id

    @property
    def follows(self) -> str:
        return "MakeReferral"


class RewardReferral(LoyaltyCommand):
    """Reward whoever recommended. A reaction to `ReferralFulfilled`.

    Attributes:
        prefix: Set where it was forwarded from an account that is merged into this one.
    """

    programme: Id = "main"
    referral: Id
    referred: Id
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "MakeReferral"


class RevokeReferral(LoyaltyCommand):
    """Take back what a referral was worth. A reaction to `ReferralRevoked`.

    Attributes:
        referral: The recommendation.
        refund: The refund by which it has come to nothing.
        purchase: The purchase that was given back.
        prefix: Set where it was forwarded from an account that is merged into this one.
    """

    programme: Id = "main"
    referral: Id
    refund: Id
    purchase: Id
    prefix: Prefix = ""

    @property
    def follows(self) -> str:
        return "RefundPurchase"


# --- merging --------------------------------------------------------------------------------------------------------


class ReleaseAccount(LoyaltyCommand):
    """Hand everything over to the account of `into`, which is the same person's. For the merging of customers."""

    merge: Id
    into: Id

    @model_validator(mode="after")
    def _into_another(self) -> ReleaseAccount:
        if self.into == self.customer:
            msg = f"{self.customer} cannot be merged into themselves; name another customer"
            raise ValueError(msg)
        return self


class ReceiveAccount(LoyaltyCommand):
    """Take in what a merged account released. A reaction to `AccountReleased`."""

    programme: Id = "main"
    merge: Id
    source: Id
    holdings: Holdings

    @property
    def follows(self) -> str:
        return "MergeCustomer"


class ReturnAccount(LoyaltyCommand):
    """Give back what came with a merge, and is left of it. For the unmerging of customers."""

    merge: Id
    to: Id


class RestoreAccount(LoyaltyCommand):
    """Be an account of its own again. A reaction to `AccountReturned`."""

    programme: Id = "main"
    merge: Id
    source: Id
    holdings: Holdings

    @property
    def follows(self) -> str:
        return "UnmergeCustomer"
