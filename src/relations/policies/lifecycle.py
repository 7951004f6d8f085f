"""The stages of customers, from new to lost, and the grading of their value.

Customers of a shop or a hotel sign no contract and give no notice, so stages are inferred from their purchases. None of
this is recorded in events; views read it when they are asked.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from relations.messages import Checked
from relations.policies.value import DEFAULT_SEGMENTS, Condition, Segment, ValueGrades

__all__ = ["LADDER", "Lifecycle", "LoyaltyKinds", "OwnGap", "Rfm", "RfmBins", "RfmSegment"]

Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Range = tuple[Annotated[int, Field(ge=1, le=5)], Annotated[int, Field(ge=1, le=5)]]
"""The lowest and highest score, both included."""


@lru_cache(maxsize=100)
def _written(multiple: float) -> Fraction:
    return Fraction(str(multiple)).limit_denominator(10**9)


class OwnGap(Checked):
    """Limits of silence as multiples of the customer's own rhythm, instead of fixed days.

    Attributes:
        lapsing_gaps: Customers lapse after this many of their own mean gaps between purchase days.
        lost_gaps: Customers are lost after this many mean gaps.
        purchase_days_min: With fewer purchase days than this there is no rhythm yet, and the fixed days apply.
        gap_days_min: A shorter mean gap counts as this long, so that nobody is lost after a quiet week.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lapsing_gaps: Annotated[float, Field(gt=0, le=1000)] = 2.0
    lost_gaps: Annotated[float, Field(gt=0, le=1000)] = 4.0
    purchase_days_min: Annotated[int, Field(strict=True, ge=2)] = 4
    gap_days_min: Days = 7

    @property
    def times(self) -> tuple[Fraction, Fraction]:
        """The multiples as they are written: 1.15 gaps of 100 days are 115 days, and not a rounded product."""
        return _written(self.lapsing_gaps), _written(self.lost_gaps)

    @model_validator(mode="after")
    def _lapsing_comes_before_lost(self) -> Self:
        if self.lapsing_gaps >= self.lost_gaps:
            msg = "lapsing_gaps must be less than lost_gaps: customers lapse before they are lost"
            raise ValueError(msg)
        return self


class RfmBins(Checked):
    """Fixed limits for RFM scores, in place of quintiles.

    Attributes:
        recency_days: The maximum days since the last purchase for the scores 5, 4, 3 and 2; ascending.
        frequency: The minimum purchase days for the scores 2, 3, 4 and 5; ascending.
        monetary: The minimum net amount, in minor units of the report's currency, for 2, 3, 4 and 5; ascending.
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
                msg = f"the limits of {name} must be strictly ascending"
                raise ValueError(msg)
        return self


class RfmSegment(Checked):
    """A named set of customers, by ranges of their RFM scores.

    Attributes:
        name: The segment's name.
        recency: The lowest and highest score of recency.
        frequency: The lowest and highest score of frequency.
        monetary: The lowest and highest score of money.
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
        """Return True if these scores belong to the segment."""
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
"""The common grid of recency and frequency. Each of its 25 cells has one name, whatever was spent."""


class Rfm(Checked):
    """The grading of recency, frequency and money from 1 to 5, and the names of segments.

    Attributes:
        bins: Fixed limits. If absent, quintiles of all customers who ever bought.
        segments: A customer belongs to the first segment that includes their scores. Together they include all scores.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bins: RfmBins | None = None
    segments: tuple[RfmSegment, ...] = SEGMENTS

    @model_validator(mode="after")
    def _segments_hold_every_score(self) -> Self:
        scores = range(1, 6)
        for r, f, m in product(scores, scores, scores):
            if not any(segment.holds(r, f, m) for segment in self.segments):
                msg = f"no segment includes the scores R {r}, F {f}, M {m}; add one for the rest at the end"
                raise ValueError(msg)
        return self


class LoyaltyKinds(Checked):
    """The limits from which behaviour and attitude count as loyal.

    Attributes:
        months: The number of months considered, the present one included.
        purchase_days_min: The minimum number of days with a purchase.
        active_share_min: The minimum share of those months, from the first purchase on, with a purchase.
        satisfied_share_min: The minimum share of satisfied answers.
        full_price_share_min: The minimum share of purchases without a discount.
        signs_min: The number of signs that make a good attitude; the signs are being satisfied, recommending, and
            paying the full price. An answer that contradicts one of the first two makes a poor attitude in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    months: Annotated[int, Field(strict=True, ge=1, le=120)] = 12
    purchase_days_min: Annotated[int, Field(strict=True, ge=1)] = 2
    active_share_min: Annotated[float, Field(ge=0, le=1)] = 0.25
    satisfied_share_min: Annotated[float, Field(ge=0, le=1)] = 0.5
    full_price_share_min: Annotated[float, Field(ge=0, le=1)] = 0.5
    signs_min: Annotated[int, Field(strict=True, ge=1, le=3)] = 2


LADDER = (
    Segment(name="loose", kind="behavioural", conditions=(Condition(fact="purchase_days", at_least=1),)),
    Segment(
        name="close",
        kind="behavioural",
        conditions=(Condition(fact="purchase_days", at_least=3), Condition(fact="silent_days", at_most=365)),
    ),
    Segment(
        name="price_proof",
        kind="behavioural",
        conditions=(
            Condition(fact="purchase_days", at_least=5),
            Condition(fact="silent_days", at_most=365),
            Condition(fact="discount_share", at_most=0.2),
            Condition(fact="satisfaction", at_least=4),
        ),
    ),
    Segment(
        name="strategic",
        kind="behavioural",
        conditions=(
            Condition(fact="purchase_days", at_least=8),
            Condition(fact="silent_days", at_most=365),
            Condition(fact="grade", one_of=("high",)),
            Condition(fact="recommendation", at_least=9),
        ),
    ),
)
"""The default ladder: from a first purchase to a relationship that both sides plan with."""


class Lifecycle(Checked):
    """The limits of the stages new, established, lapsing and lost, and the grading of value.

    Attributes:
        new_days: Customers are new for this many days after the first purchase.
        lapsing_days: Customers lapse when the last purchase is more than this many days ago.
        lost_days: Customers are lost when it is more than this many days ago. In the rates they count as active until
            then.
        won_back_days: Customers count as won back for this many days after a purchase that ended a gap longer than
            `lost_days`.
        own_gap: Measure lapsing and lost by the customer's own mean gap. If absent, by fixed days.
        rfm: The grading by recency, frequency and money.
        loyalty: The limits from which customers count as loyal, and the kinds of loyalty.
        grades: The limits of high, mid and low value.
        refit_days: `relations run --advance-time` fits the value models again when the newest fit is this old.
        segments: Named groups of customers, each with its conditions. A customer may belong to several. A given list
            replaces all default segments.
        ladder: The rungs of the relationship, the loosest first. A customer stands on the highest rung whose conditions
            they meet at the end of a month, unless an owner states another. A given list replaces the default ladder.
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
    refit_days: Days = 30
    segments: tuple[Segment, ...] = DEFAULT_SEGMENTS
    ladder: tuple[Segment, ...] = LADDER

    @model_validator(mode="after")
    def _stages_follow_each_other(self) -> Self:
        if not self.new_days <= self.lapsing_days < self.lost_days:
            msg = "new_days must not exceed lapsing_days, and lapsing_days must be less than lost_days"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _segments_have_names_of_their_own(self) -> Self:
        for what, named in (("segments", self.segments), ("rungs", self.ladder)):
            names = [each.name for each in named]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                msg = f"two {what} have the name {twice[0]!r}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _rungs_do_not_ask_for_the_rung(self) -> Self:
        for rung in self.ladder:
            if any(condition.fact == "rung" for condition in rung.conditions):
                msg = f"the rung {rung.name!r} cannot ask for the fact rung: that would depend on the ladder itself"
                raise ValueError(msg)
        return self

    def limits(self, purchase_days: int, span_days: int) -> tuple[int, int]:
        """Return the longest silence, in whole days, before a customer lapses and before they are lost.

        Args:
            purchase_days: The number of different days on which they have bought so far.
            span_days: The days from the first of those to the last.
        """
        own = self.own_gap
        if own is None or purchase_days < own.purchase_days_min:
            return self.lapsing_days, self.lost_days
        gaps = purchase_days - 1
        days = max(span_days, own.gap_days_min * gaps)
        lapsing, lost = (times.numerator * days // (times.denominator * gaps) for times in own.times)
        return lapsing, lost
