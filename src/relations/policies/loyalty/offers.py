"""The offers of a programme besides points for purchases: tiers, campaigns, rewards, referrals."""

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
            raise ValueError(f"{error.reason}; give a minimum by codes such as EUR") from None
    return amounts


class Tier(Part):
    """A tier that members earn.

    Attributes:
        name: The name that members see.
        threshold: The amount that earns it, in the unit of the programme's tiers. With 0, every member has it from the
            day they join.
        multiplier: A multiple of the rate that its members earn; at least 1.
        below: The threshold of the next tier, if you want to write both ends.
        benefits: Benefits that members of this tier and of the tiers above may use without points.
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
    """Additional points for a time, for members who had joined when they bought. Campaigns that overlap add up.

    Attributes:
        id: Its id in the history.
        starts: Its first local day.
        ends: The local day after its last.
        categories: Only purchases in these categories; all if empty.
        tiers: Only members of these tiers; all if empty.
        multiplier: A multiple of what is earned without it. Two campaigns of 2 and 3 together make 4.
        bonus_points: Additional points for each purchase.
        minimum: The least amount of a purchase: by currency in its major unit, such as `{ EUR = 100, JPY = 15000 }`.
            Purchases in other currencies do not take part. A single number is in minor units of any currency, for
            programmes with one currency only.
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
        """Return whether it runs at a time in UTC microseconds."""
        return days_after(zone, self.starts.toordinal(), 0) <= at < days_after(zone, self.ends.toordinal(), 0)

    def suits(self, amount: int, currency: str, category: str | None, tier: str | None) -> bool:
        """Return whether a purchase of this many minor units of a currency takes part."""
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
    """A reward that members can have for points.

    Attributes:
        name: The name that members see.
        kind: gift, discount, upgrade, priority_booking or club_event.
        points: The points that it costs.
        tier: Only members of this tier and the ones above can have it.
        stock: The number of them; None means unlimited.
        days_valid: It can be used to the end of the day this many days after it was issued; None means for ever.
    """

    name: Label
    kind: RewardKind = "gift"
    points: Points
    tier: Label | None = None
    stock: Annotated[int, Field(strict=True, ge=0)] | None = None
    days_valid: Days | None = None


class Referral(Part):
    """The points for a referral.

    Attributes:
        referrer_points: Points for the member who made it.
        referred_points: Points for the customer who joined.
        after: They are credited with `joining`, or with the `first_purchase` that earns something.
        days_valid: The days that the referred customer has until then.
        most_per_member: The most referrals of one member that are rewarded; revoked ones do not count.
    """

    referrer_points: Points = 0
    referred_points: Points = 0
    after: Literal["joining", "first_purchase"] = "first_purchase"
    days_valid: Days = 365
    most_per_member: Annotated[int, Field(strict=True, ge=1)] | None = None
