"""Value grades of customers, and segments of customers by conditions."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from relations.messages import Checked, Label
from relations.policies.codes import known_currency
from relations.policies.facts import NUMBER_FACTS, Fact

__all__ = [
    "DEFAULT_SEGMENTS",
    "Condition",
    "CurrencyGrades",
    "Segment",
    "SegmentKind",
    "ValueGrade",
    "ValueGrades",
]

ValueGrade: TypeAlias = Literal["high", "mid", "low"]
SegmentKind: TypeAlias = Literal["descriptive", "geographic", "behavioural", "needs", "value", "psychographic"]


class CurrencyGrades(Checked):
    """The thresholds of value grades in one currency.

    Attributes:
        currency: The currency (ISO 4217).
        high_from: The lowest amount of high value, in minor units.
        mid_from: The lowest amount of mid value, in minor units; less is low.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Annotated[str, AfterValidator(known_currency)]
    high_from: Annotated[int, Field(strict=True, ge=1)]
    mid_from: Annotated[int, Field(strict=True, ge=1)]

    @model_validator(mode="after")
    def _high_is_above_mid(self) -> Self:
        _check_thresholds(self.high_from, self.mid_from)
        return self


class ValueGrades(Checked):
    """The grading of a customer's value as high, mid or low, by purchases less refunds.

    Each currency is graded separately, and nothing is converted.

    Attributes:
        months: The number of months considered, the graded one included.
        high_from: The lowest amount of high value, in minor units. It applies to the policy's currency, and to every
            other currency without thresholds of its own.
        mid_from: The lowest amount of mid value, likewise; less is low.
        currencies: Thresholds of other currencies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    months: Annotated[int, Field(strict=True, ge=1, le=120)] = 12
    high_from: Annotated[int, Field(strict=True, ge=1)] = 100_000
    mid_from: Annotated[int, Field(strict=True, ge=1)] = 20_000
    currencies: tuple[CurrencyGrades, ...] = ()

    @model_validator(mode="after")
    def _high_is_above_mid(self) -> Self:
        _check_thresholds(self.high_from, self.mid_from)
        codes = [each.currency for each in self.currencies]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            msg = f"{twice[0]} has two pairs of thresholds"
            raise ValueError(msg)
        return self

    def thresholds(self, currency: str) -> tuple[int, int]:
        """Return the lowest amounts of high and of mid value, in minor units of a currency."""
        own = next((each for each in self.currencies if each.currency == currency), self)
        return own.high_from, own.mid_from

    def grade(self, amount: int, currency: str) -> ValueGrade:
        """Return the grade of an amount in minor units of a currency."""
        high_from, mid_from = self.thresholds(currency)
        return "high" if amount >= high_from else "mid" if amount >= mid_from else "low"


def _check_thresholds(high_from: int, mid_from: int) -> None:
    if high_from <= mid_from:
        msg = f"high_from ({high_from}) must be above mid_from ({mid_from})"
        raise ValueError(msg)


class Condition(Checked):
    """A condition on one fact about a customer. A customer whose fact is unknown does not meet it.

    Attributes:
        fact: The name of a fact; `relations.policies.FACTS` says what each means.
        at_least: For a number: the minimum.
        at_most: For a number: the maximum.
        one_of: For a word: any of these. A language includes its variants: `zh` includes `zh-Hant`.
        otherwise: Invert the condition. It is then also met if the fact is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fact: Fact
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[Label, ...] = ()
    otherwise: bool = False

    @model_validator(mode="after")
    def _suits_the_fact(self) -> Self:
        bounded = self.at_least is not None or self.at_most is not None
        if self.fact in NUMBER_FACTS:
            if self.one_of or not bounded:
                msg = f"{self.fact} is a number; give at_least, at_most or both"
                raise ValueError(msg)
            if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
                msg = f"{self.fact}: at_least ({self.at_least:g}) must not be above at_most ({self.at_most:g})"
                raise ValueError(msg)
        elif bounded or not self.one_of:
            msg = f"{self.fact} is a word; give one_of"
            raise ValueError(msg)
        return self

    def holds(self, known: float | frozenset[str] | None) -> bool:
        """Return True if the known fact (a number, words, or nothing) meets the condition."""
        if isinstance(known, frozenset):
            met = any(
                word == wanted or (self.fact in ("language", "speaks") and word.startswith(f"{wanted}-"))
                for word in known
                for wanted in self.one_of
            )
        else:
            met = (
                known is not None
                and (self.at_least is None or known >= self.at_least)
                and (self.at_most is None or known <= self.at_most)
            )
        return met != self.otherwise


class Segment(Checked):
    """A segment of customers: all who meet every condition.

    Attributes:
        name: The segment's name.
        kind: The sort of segment, for readers of the list.
        conditions: The conditions, all of which must hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    kind: SegmentKind
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _somebody_can_meet_it(self) -> Self:
        for fact in {each.fact for each in self.conditions if each.fact in NUMBER_FACTS}:
            plain = [each for each in self.conditions if each.fact == fact and not each.otherwise]
            least = max((each.at_least for each in plain if each.at_least is not None), default=None)
            most = min((each.at_most for each in plain if each.at_most is not None), default=None)
            if least is not None and most is not None and least > most:
                msg = f"{self.name}: {fact} cannot be both at least {least:g} and at most {most:g}"
                raise ValueError(msg)
        return self


DEFAULT_SEGMENTS = (
    Segment(
        name="Chinese speakers",
        kind="descriptive",
        conditions=(Condition(fact="speaks", one_of=("zh", "yue")),),
    ),
    Segment(
        name="regulars",
        kind="behavioural",
        conditions=(
            Condition(fact="purchase_days", at_least=3),
            Condition(fact="stage", one_of=("new", "established", "won_back")),
        ),
    ),
    Segment(
        name="bargain hunters",
        kind="behavioural",
        conditions=(Condition(fact="purchases", at_least=2), Condition(fact="discount_share", at_least=0.5)),
    ),
    Segment(
        name="slipping away",
        kind="behavioural",
        conditions=(Condition(fact="purchase_days", at_least=2), Condition(fact="stage", one_of=("lapsing",))),
    ),
    Segment(name="functional needs", kind="needs", conditions=(Condition(fact="need", one_of=("functional",)),)),
    Segment(name="emotional needs", kind="needs", conditions=(Condition(fact="need", one_of=("emotional",)),)),
    Segment(name="social needs", kind="needs", conditions=(Condition(fact="need", one_of=("social",)),)),
    Segment(name="high value", kind="value", conditions=(Condition(fact="grade", one_of=("high",)),)),
    Segment(
        name="valuable and at risk",
        kind="value",
        conditions=(
            Condition(fact="grade", one_of=("high", "mid")),
            Condition(fact="stage", one_of=("lapsing", "lost")),
        ),
    ),
    Segment(name="truly loyal", kind="psychographic", conditions=(Condition(fact="kind", one_of=("true",)),)),
    Segment(name="promoters", kind="psychographic", conditions=(Condition(fact="recommendation", at_least=9),)),
    Segment(name="disappointed", kind="psychographic", conditions=(Condition(fact="satisfaction", at_most=2),)),
)
"""Segments that suit most businesses. Regions differ from business to business, so geographic segments are not
included."""
