"""What customers are worth to the business, and which belong together: value grades, and segments by predicates."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relations.messages import Label

__all__ = ["Condition", "Fact", "Segment", "SegmentKind", "ValueGrade", "ValueGrades"]

ValueGrade: TypeAlias = Literal["high", "mid", "low"]
SegmentKind: TypeAlias = Literal["descriptive", "geographic", "behavioural", "needs", "value", "psychographic"]

NumberFact: TypeAlias = Literal[
    "purchases", "purchase_days", "net_amount", "discount_share", "known_days", "silent_days", "mean_gap_days"
]
WordFact: TypeAlias = Literal["stage", "grade", "kind", "language", "region", "channel", "need", "preference", "habit"]
Fact: TypeAlias = NumberFact | WordFact

_NUMBERS: frozenset[str] = frozenset(get_args(NumberFact))


class ValueGrades(BaseModel):
    """When a customer's value is high, mid or low: by what they bought less what they gave back.

    Only amounts in the policy's currency count.

    Attributes:
        months: Over how many months, the one graded included.
        high_from: High from this amount on, in minor units.
        mid_from: Mid from this amount on, in minor units; low below.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    months: Annotated[int, Field(strict=True, ge=1, le=120)] = 12
    high_from: Annotated[int, Field(strict=True, ge=1)] = 100_000
    mid_from: Annotated[int, Field(strict=True, ge=1)] = 20_000

    @model_validator(mode="after")
    def _high_is_above_mid(self) -> Self:
        if self.high_from <= self.mid_from:
            msg = f"high_from ({self.high_from}) must be above mid_from ({self.mid_from})"
            raise ValueError(msg)
        return self

    def grade(self, amount: int) -> ValueGrade:
        """The grade of an amount in minor units."""
        return "high" if amount >= self.high_from else "mid" if amount >= self.mid_from else "low"


class Condition(BaseModel):
    """What holds of one fact of a customer. A customer of whom the fact is not known does not meet it.

    Attributes:
        fact: A number (`purchases`, `purchase_days`, `net_amount` in minor units of the policy's currency,
            `discount_share` from 0 to 1, `known_days`, `silent_days`, `mean_gap_days`) or a word (`stage`, value
            `grade`, `kind` of loyalty, `language`, `region`, `channel` of registration; `need`, `preference`, `habit`:
            what these are about, or a need's sort).
        at_least: Of a number: the least.
        at_most: Of a number: the most.
        one_of: Of a word: any of these. A language also holds its own kinds: `zh` holds `zh-Hant`.
        otherwise: The condition is turned round: met where it would not be, also where the fact is not known.
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
        if self.fact in _NUMBERS:
            if self.one_of or not bounded:
                msg = f"{self.fact} is a number; give at_least, at_most or both"
                raise ValueError(msg)
            if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
                msg = f"no {self.fact} is at least {self.at_least:g} and at most {self.at_most:g}"
                raise ValueError(msg)
        elif bounded or not self.one_of:
            msg = f"{self.fact} is a word; give one_of"
            raise ValueError(msg)
        return self

    def holds(self, known: float | frozenset[str] | None) -> bool:
        """Whether it is met by what is known: a number, some words, or nothing."""
        if isinstance(known, frozenset):
            met = any(
                word == wanted or (self.fact == "language" and word.startswith(f"{wanted}-"))
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


class Segment(BaseModel):
    """Customers who belong together: those who meet all conditions.

    Attributes:
        name: Its name.
        kind: What sort of segment it is, for whoever reads the list.
        conditions: All of these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    kind: SegmentKind
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _somebody_can_meet_it(self) -> Self:
        for fact in {each.fact for each in self.conditions if each.fact in _NUMBERS}:
            plain = [each for each in self.conditions if each.fact == fact and not each.otherwise]
            least = max((each.at_least for each in plain if each.at_least is not None), default=None)
            most = min((each.at_most for each in plain if each.at_most is not None), default=None)
            if least is not None and most is not None and least > most:
                msg = f"{self.name}: no {fact} is at least {least:g} and at most {most:g}"
                raise ValueError(msg)
        return self
