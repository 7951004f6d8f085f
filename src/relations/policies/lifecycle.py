"""When a customer counts as new, established, lapsing or lost, and how value is graded.

Customers of a shop or a hotel sign no contract and give no notice, so all of this is inferred from when they bought.
Nothing here is ever written into the log with an event: views read it when they are asked.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from relations.policies.value import DEFAULT_SEGMENTS, Segment, ValueGrades

__all__ = ["Lifecycle", "LoyaltyKinds", "OwnGap", "Rfm", "RfmBins", "RfmSegment"]

Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Range = tuple[Annotated[int, Field(ge=1, le=5)], Annotated[int, Field(ge=1, le=5)]]
"""Lowest and highest score, both included."""


class OwnGap(BaseModel):
    """Measure silence against the customer's own rhythm instead of fixed days.

    Attributes:
        lapsing_gaps: Lapsing after this many of the customer's own mean gaps between purchase days.
        lost_gaps: Lost after this many.
        purchase_days_min: With fewer purchase days than this there is no rhythm yet, and the fixed days hold.
        gap_days_min: A shorter mean gap is taken for this long, so that nobody is lost after a quiet week.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lapsing_gaps: Annotated[float, Field(gt=0, le=1000)] = 2.0
    lost_gaps: Annotated[float, Field(gt=0, le=1000)] = 4.0
    purchase_days_min: Annotated[int, Field(strict=True, ge=2)] = 4
    gap_days_min: Days = 7

    @model_validator(mode="after")
    def _lapsing_comes_before_lost(self) -> Self:
        if self.lapsing_gaps >= self.lost_gaps:
            msg = "lapsing_gaps must be less than lost_gaps: customers lapse before they are lost"
            raise ValueError(msg)
        return self


class RfmBins(BaseModel):
    """Fixed limits for RFM scores, in place of quintiles.

    Attributes:
        recency_days: The most days since the last purchase for the scores 5, 4, 3 and 2; ascending.
        frequency: The fewest purchase days for the scores 2, 3, 4 and 5; ascending.
        monetary: The least net amount, in minor units of the report's currency, for 2, 3, 4 and 5; ascending.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    recency_days: tuple[int, int, int, int]
    frequency: tuple[int, int, int, int]
    monetary: tuple[int, int, int, int]

    @model_validator(mode="after")
    def _limits_ascend(self) -> Self:
        for name, limits in (
            ("recency_days", self.recency_days),
            ("frequency", self.frequency),
            ("monetary", self.monetary),
        ):
            if list(limits) != sorted(set(limits)):
                msg = f"the limits of {name} must ascend, none twice"
                raise ValueError(msg)
        return self


class RfmSegment(BaseModel):
    """A named part of the cube of scores.

    Attributes:
        name: What the business calls these customers.
        recency: Lowest and highest score of recency.
        frequency: Likewise of frequency.
        monetary: Likewise of money.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    recency: Range = (1, 5)
    frequency: Range = (1, 5)
    monetary: Range = (1, 5)

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        for name, (low, high) in (
            ("recency", self.recency),
            ("frequency", self.frequency),
            ("monetary", self.monetary),
        ):
            if low > high:
                msg = f"the range of {name} must run from its lowest score to its highest"
                raise ValueError(msg)
        return self

    def holds(self, recency: int, frequency: int, monetary: int) -> bool:
        """Whether these scores belong to the segment."""
        return (
            self.recency[0] <= recency <= self.recency[1]
            and self.frequency[0] <= frequency <= self.frequency[1]
            and self.monetary[0] <= monetary <= self.monetary[1]
        )


SEGMENTS = (
    RfmSegment(name="champions", recency=(5, 5), frequency=(4, 5)),
    RfmSegment(name="loyal", recency=(3, 4), frequency=(4, 5)),
    RfmSegment(name="potential loyalists", recency=(4, 5), frequency=(2, 3)),
    RfmSegment(name="new customers", recency=(5, 5), frequency=(1, 1)),
    RfmSegment(name="promising", recency=(4, 4), frequency=(1, 1)),
    RfmSegment(name="need attention", recency=(3, 3), frequency=(3, 3)),
    RfmSegment(name="about to sleep", recency=(3, 3), frequency=(1, 2)),
    RfmSegment(name="cannot lose them", recency=(1, 2), frequency=(5, 5)),
    RfmSegment(name="at risk", recency=(1, 2), frequency=(3, 4)),
    RfmSegment(name="hibernating", recency=(1, 2), frequency=(1, 2)),
)
"""The common grid of recency by frequency: each of its 25 fields has one name, whatever was spent."""


class Rfm(BaseModel):
    """How recency, frequency and money are graded from 1 to 5, and what the grades are called.

    Attributes:
        bins: Fixed limits; quintiles of the customers who ever bought where absent.
        segments: The first that holds a customer's scores names them. Together they hold every score.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bins: RfmBins | None = None
    segments: tuple[RfmSegment, ...] = SEGMENTS

    @model_validator(mode="after")
    def _segments_hold_every_score(self) -> Self:
        scores = range(1, 6)
        for r, f, m in product(scores, scores, scores):
            if not any(segment.holds(r, f, m) for segment in self.segments):
                msg = f"no segment holds the scores R {r}, F {f}, M {m}; add one for the rest as the last"
                raise ValueError(msg)
        return self


class LoyaltyKinds(BaseModel):
    """When behaviour and attitude count as those of a loyal customer.

    Attributes:
        months: How many months are looked at, the present one included.
        purchase_days_min: They repeat: so many days with a purchase at least.
        active_share_min: The share of those months, from their first purchase on, with a purchase.
        satisfied_share_min: They are content: the share of satisfied answers.
        full_price_share_min: They pay the full price: the share of purchases without a discount.
        signs_min: How many of these signs make a good attitude: content, recommend, pay the full price. An answer
            that says the opposite of one of the first two makes a poor one, whatever else there is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    months: Annotated[int, Field(strict=True, ge=1, le=120)] = 12
    purchase_days_min: Annotated[int, Field(strict=True, ge=1)] = 2
    active_share_min: Annotated[float, Field(ge=0, le=1)] = 0.25
    satisfied_share_min: Annotated[float, Field(ge=0, le=1)] = 0.5
    full_price_share_min: Annotated[float, Field(ge=0, le=1)] = 0.5
    signs_min: Annotated[int, Field(strict=True, ge=1, le=3)] = 2


class Lifecycle(BaseModel):
    """When a customer counts as new, established, lapsing or lost, and how value is graded.

    Attributes:
        new_days: New for this many days after the first purchase.
        lapsing_days: Lapsing once the last purchase is more days ago than this.
        lost_days: Lost once it is more days ago than this; also how long somebody counts as active in the rates.
        won_back_days: Won back for this many days after a purchase that ended a gap longer than lost.
        own_gap: Measures lapsing and lost by the customer's own mean gap; fixed days where absent.
        rfm: How value is graded.
        loyalty: When somebody counts as loyal, and in which way.
        grades: When a customer's value is high, mid or low.
        segments: Named groups of customers, each by its conditions; a customer may belong to several. What is given
            replaces the ones that ship, all of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    new_days: Days = 90
    lapsing_days: Days = 180
    lost_days: Days = 365
    won_back_days: Days = 90
    own_gap: OwnGap | None = None
    rfm: Rfm = Rfm()
    loyalty: LoyaltyKinds = LoyaltyKinds()
    grades: ValueGrades = ValueGrades()
    segments: tuple[Segment, ...] = DEFAULT_SEGMENTS

    @model_validator(mode="after")
    def _stages_follow_each_other(self) -> Self:
        if not self.new_days <= self.lapsing_days < self.lost_days:
            msg = "new_days must not exceed lapsing_days, and lapsing_days must be less than lost_days"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _segments_have_names_of_their_own(self) -> Self:
        names = [segment.name for segment in self.segments]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two segments have the name {twice[0]!r}"
            raise ValueError(msg)
        return self

    def limits(self, purchase_days: int, span_days: int) -> tuple[float, float]:
        """The longest silence in days before somebody lapses, and before they are lost.

        Args:
            purchase_days: On how many different days they have bought so far.
            span_days: Days from the first of them to the last.
        """
        own = self.own_gap
        if own is None or purchase_days < own.purchase_days_min:
            return self.lapsing_days, self.lost_days
        gap = max(span_days / (purchase_days - 1), own.gap_days_min)
        return own.lapsing_gaps * gap, own.lost_gaps * gap
