"""What a programme offers beside points for purchases: tiers, campaigns, rewards, referrals."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from relations.errors import InvalidInput
from relations.messages import Id, Label, minor_digits
from relations.policies.loyalty.ratios import Ratio, ratio_text
from relations.policies.loyalty.windows import Part, days_after

__all__ = ["Campaign", "Referral", "Reward", "RewardKind", "Tier"]

RewardKind = Literal["gift", "discount", "upgrade", "priority_booking", "club_event"]
Points = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]


def _known(amounts: dict[str, Fraction]) -> dict[str, Fraction]:
    for currency in amounts:
        try:
            minor_digits(currency)
        except InvalidInput as error:
            raise ValueError(f"{error.reason}; a minimum goes by codes such as EUR") from None
    return amounts


class Tier(Part):
    """A standing that members earn.

    Attributes:
        name: What members see.
        threshold: What earns it, in the unit that the programme's tiers go by. With 0, every member has it from the
            day they join.
        multiplier: What its members earn, as a multiple of the rate; at least 1.
        below: Where the next tier begins, for those who like to write both ends; must then be the next threshold.
        benefits: What its members may use at no points, and those of the tiers above as well.
    """

    name: Label
    threshold: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    multiplier: Ratio = Fraction(1)
    below: Annotated[int, Field(strict=True, ge=1, le=10**15)] | None = None
    benefits: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _multiplier_never_takes(self) -> Self:
        if self.multiplier < 1:
            msg = (
                f"tier {self.name!r} has the multiplier {ratio_text(self.multiplier)}; a multiplier is at least 1 "
                "(to give less, lower the rate and raise the other tiers' multipliers)"
            )
            raise ValueError(msg)
        return self


class Campaign(Part):
    """More points for a time, to members who had joined when they bought. Campaigns that run together add up.

    Attributes:
        id: Its name in the history.
        starts: Its first local day.
        ends: The local day after its last.
        categories: Only purchases of these; all where empty.
        tiers: Only members of these; all where empty.
        multiplier: What is earned, as a multiple of what it were without; two of 2 and 3 together make 4.
        bonus_points: Points more for each purchase.
        minimum: For purchases of so much at least: by currency in its major unit, as `{ EUR = 100, JPY = 15000 }`, and
            none in a currency that is not named. One number alone is in minor units of whatever currency; that is for
            programmes of one currency only.
        joining_points: Points for joining while it runs.
    """

    id: Id
    starts: date
    ends: date
    categories: tuple[Label, ...] = ()
    tiers: tuple[Label, ...] = ()
    multiplier: Ratio = Fraction(1)
    bonus_points: Points = 0
    minimum: Annotated[int, Field(strict=True, ge=0)] | Annotated[dict[str, Ratio], AfterValidator(_known)] = 0
    joining_points: Points = 0

    @model_validator(mode="after")
    def _is_of_use(self) -> Self:
        if self.ends <= self.starts:
            msg = f"campaign {self.id!r} ends ({self.ends}) before it has begun ({self.starts})"
            raise ValueError(msg)
        if self.multiplier < 1:
            msg = f"campaign {self.id!r} has the multiplier {ratio_text(self.multiplier)}; it is at least 1"
            raise ValueError(msg)
        return self

    def runs(self, at: int, zone: str) -> bool:
        """Whether it runs at an instant."""
        return days_after(zone, self.starts.toordinal(), 0) <= at < days_after(zone, self.ends.toordinal(), 0)

    def suits(self, amount: int, currency: str, category: str | None, tier: str | None) -> bool:
        """Whether a purchase of so many minor units of a currency takes part."""
        return (
            self._is_enough(amount, currency)
            and (not self.categories or category in self.categories)
            and (not self.tiers or tier in self.tiers)
        )

    def _is_enough(self, amount: int, currency: str) -> bool:
        if isinstance(self.minimum, int):
            return amount >= self.minimum
        least = self.minimum.get(currency)
        return least is not None and amount >= least * 10 ** minor_digits(currency)


class Reward(Part):
    """What members can have for points.

    Attributes:
        name: What members see.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: What it costs.
        tier: Only for members of this tier and the ones above.
        stock: How many there are in all; None is as many as wanted.
        days_valid: Can be used to the end of the day so many days after it was issued; None is for ever.
    """

    name: Label
    kind: RewardKind = "gift"
    points: Points
    tier: Label | None = None
    stock: Annotated[int, Field(strict=True, ge=0)] | None = None
    days_valid: Days | None = None


class Referral(Part):
    """What a recommendation is worth.

    Attributes:
        referrer_points: To the member who recommended.
        referred_points: To the one who joined.
        after: When: with `joining`, or with the `first_purchase` that earns something.
        days_valid: How many days the one who was recommended may take until then.
        most_per_member: How many recommendations of one member are rewarded; what was taken back does not count.
    """

    referrer_points: Points = 0
    referred_points: Points = 0
    after: Literal["joining", "first_purchase"] = "first_purchase"
    days_valid: Days = 365
    most_per_member: Annotated[int, Field(strict=True, ge=1)] | None = None
