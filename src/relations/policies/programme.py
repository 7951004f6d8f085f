"""The loyalty programme: what is earned, how long it lasts, which tiers there are.

All of it is exact: rates are fractions, points are whole numbers, and where a fraction of a point is left over the
programme's own rounding decides. Nothing here knows an account; `relations.aggregates.loyalty` goes by these rules.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from relations.errors import InvalidInput
from relations.messages import Id, Label, minor_digits
from relations.policies.calendars import local_time

__all__ = ["CalendarYear", "Lifetime", "Programme", "Ratio", "RollingMonths", "Terms", "Tier"]

_RATIO = r"^[0-9]{1,9}(\.[0-9]{1,9}|/[1-9][0-9]{0,8})?$"
_RATIO_MAX = 1_000_000
_DENOMINATOR_MAX = 10**9
_POINTS_PER_MINOR_UNIT_MAX = 100
"""Money goes up to 10^15 minor units; a hundred points for each still fit a database's integer."""


# --- exact numbers --------------------------------------------------------------------------------------------------


def _exact(value: Any) -> Fraction:
    found: Fraction | None = None
    if isinstance(value, float | Decimal):
        # str() of a float is the number that a person wrote in JSON or TOML, not the binary one beside it.
        decimal = Decimal(str(value))
        if decimal.is_finite() and -9 <= decimal.adjusted() <= 9:
            found = Fraction(decimal)
    elif isinstance(value, Fraction | int) and not isinstance(value, bool):
        found = Fraction(value)
    elif isinstance(value, str) and re.fullmatch(_RATIO, value.strip()):
        found = Fraction(value.strip())
    if found is None or not 0 <= found <= _RATIO_MAX or found.denominator > _DENOMINATOR_MAX:
        msg = f'{value!r} is not a rate: give a number from 0 to {_RATIO_MAX:,}, as 10, "1.25" or "1/3"'
        raise ValueError(msg)
    return found


def _as_text(value: Fraction) -> str:
    """As a decimal where that is exact, else as a fraction, so that what is written is what is read back."""
    scaled = value * _DENOMINATOR_MAX
    if scaled.denominator != 1:
        return str(value)
    whole, rest = divmod(scaled.numerator, _DENOMINATOR_MAX)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


Ratio = Annotated[
    Fraction,
    PlainValidator(_exact),
    PlainSerializer(_as_text, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _RATIO}]}),
]
"""An exact number that is not negative: 10, "1.25" or "1/3"."""

Rounding = Literal["down", "half_up", "half_even", "up"]


def _down(numerator: int, denominator: int) -> int:
    return numerator // denominator


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


_ROUNDINGS: dict[str, Callable[[int, int], int]] = {
    "down": _down,
    "half_up": _half_up,
    "half_even": _half_even,
    "up": _up,
}


# --- time -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def _end_of_term(zone: str, day: int, months: int) -> int | None:
    """The instant after the last hour of the day that is `months` after a local day; None is beyond the calendar."""
    begin = date.fromordinal(day)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    if year >= MAXYEAR:
        return None
    last = date(year, month + 1, min(begin.day, monthrange(year, month + 1)[1]))
    return local_time(zone).start(last + timedelta(days=1))


@lru_cache(maxsize=8_192)
def _months_until(end: str, count: int) -> tuple[str, ...]:
    """`count` months, of which `end` (as `2024-05`) is the last."""
    last = int(end[:4]) * 12 + int(end[5:]) - 1
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(last, last - count, -1))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CalendarYear(_Part):
    """What was earned from January on counts towards a tier; on 1 January it starts at nothing."""

    kind: Literal["calendar_year"] = "calendar_year"

    def months(self, end: str) -> tuple[str, ...]:
        """The months that count when `end` is the present one."""
        return _months_until(end, int(end[5:]))


class RollingMonths(_Part):
    """What was earned in the present month and the ones before it counts; with each new month the oldest falls out.

    Attributes:
        months_count: How many months count, the present one included.
    """

    kind: Literal["rolling_months"] = "rolling_months"
    months_count: Annotated[int, Field(strict=True, ge=1, le=120)] = 12

    def months(self, end: str) -> tuple[str, ...]:
        """The months that count when `end` is the present one."""
        return _months_until(end, self.months_count)


class Lifetime(_Part):
    """All that was ever earned counts."""

    kind: Literal["lifetime"] = "lifetime"

    def months(self, end: str) -> tuple[str, ...] | None:
        """None: everything counts, whenever it was."""
        return None


# --- the programme --------------------------------------------------------------------------------------------------


class Tier(_Part):
    """A standing that members earn.

    Attributes:
        name: What members see.
        threshold: Qualifying points that earn it. With 0, every member has it from the day they join.
        multiplier: What its members earn, as a multiple of the rate; at least 1.
    """

    name: Label
    threshold: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    multiplier: Ratio = Fraction(1)

    @model_validator(mode="after")
    def _multiplier_never_takes(self) -> Self:
        if self.multiplier < 1:
            msg = (
                f"tier {self.name!r} has the multiplier {_as_text(self.multiplier)}; a multiplier is at least 1 "
                "(to give less, lower the rate and raise the other tiers' multipliers)"
            )
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Terms:
    """A programme worked out into whole numbers, for decisions that have to be fast.

    Attributes:
        ratios: By currency, category (None: any other) and tier (None: none): the fraction of points for a minor
            unit, and the fraction of qualifying points, as two numerators and denominators.
        categories: The categories with a factor of their own.
        names: The tiers' names, ascending.
        thresholds: Their thresholds, ascending.
        ranks: A tier's place by its name, from 0.
        round: Numerator and denominator to a whole number, neither negative.
    """

    ratios: dict[tuple[str, str | None, str | None], tuple[int, int, int, int]]
    categories: frozenset[str]
    names: tuple[str, ...]
    thresholds: tuple[int, ...]
    ranks: dict[str, int]
    round: Callable[[int, int], int]

    def earned(self, amount: int, currency: str, category: str | None, tier: str | None) -> tuple[int, int]:
        """Points and qualifying points for an amount in minor units; the tier's multiplier gives no qualifying ones."""
        ratio = self.ratios.get(
            (currency, category if category in self.categories else None, tier if tier in self.ranks else None)
        )
        if ratio is None or amount <= 0:
            return 0, 0
        numerator, denominator, base_numerator, base_denominator = ratio
        return self.round(amount * numerator, denominator), self.round(amount * base_numerator, base_denominator)

    def rank(self, tier: str | None) -> int:
        """A tier's place, from 0; -1 for none, or for one that this programme does not have."""
        return -1 if tier is None else self.ranks.get(tier, -1)

    def tier(self, qualifying: int) -> str | None:
        """The highest tier that so many qualifying points earn."""
        found = None
        for name, threshold in zip(self.names, self.thresholds, strict=True):
            if qualifying < threshold:
                break
            found = name
        return found


def _known_currencies(rates: dict[str, Fraction]) -> dict[str, Fraction]:
    for currency, rate in rates.items():
        try:
            minor_digits(currency)
        except InvalidInput as error:
            raise ValueError(f"{error.reason}; rates go by codes such as EUR") from None
        if rate == 0:
            msg = f"the rate for {currency} is 0; leave the currency out where it earns nothing"
            raise ValueError(msg)
    return rates


class Programme(_Part):
    """The loyalty programme: what is earned, how long it lasts, which tiers there are.

    Attributes:
        id: The programme that members enrol in.
        name: What members see.
        rates: Points for one major unit, by currency. A purchase in another currency earns nothing.
        category_factors: What purchases of a category earn, as a multiple of the rate; 0 is nothing. Any other
            category has the factor 1.
        rounding: What happens to a fraction of a point: per purchase when it earns, and on the running total of its
            refunds when it is taken back.
        months_to_expiry: Points can be spent to the end of the day so many calendar months after they were earned, in
            the policy's zone; None is for ever. Where that month has no such day, its last day counts.
        tiers: Ascending; none is a programme without tiers.
        tier_window: Which qualifying points count towards a tier.
        refund_shortfall: What happens when a refund takes back more points than the account has left: `debt` (later
            earnings repay it first) or `recorded` (the shortfall stands in the history, and nothing is owed).
    """

    id: Id = "main"
    name: Label = "Guest Rewards"
    rates: Annotated[dict[str, Ratio], AfterValidator(_known_currencies)] = {
        "EUR": Fraction(10),
        "USD": Fraction(10),
        "GBP": Fraction(12),
        "CHF": Fraction(10),
        "CNY": Fraction(3, 2),
        "JPY": Fraction(1, 15),
    }
    category_factors: dict[Label, Ratio] = {}
    rounding: Rounding = "down"
    months_to_expiry: Annotated[int, Field(strict=True, ge=1, le=1_200)] | None = 24
    tiers: tuple[Tier, ...] = (
        Tier(name="member", threshold=0),
        Tier(name="silver", threshold=10_000, multiplier=Fraction(11, 10)),
        Tier(name="gold", threshold=30_000, multiplier=Fraction(5, 4)),
        Tier(name="platinum", threshold=75_000, multiplier=Fraction(3, 2)),
    )
    tier_window: Annotated[CalendarYear | RollingMonths | Lifetime, Field(discriminator="kind")] = RollingMonths()
    refund_shortfall: Literal["debt", "recorded"] = "debt"

    @model_validator(mode="after")
    def _tiers_ascend(self) -> Self:
        for lower, higher in zip(self.tiers, self.tiers[1:], strict=False):
            if higher.threshold <= lower.threshold:
                msg = (
                    f"tier {higher.name!r} ({higher.threshold:,}) follows {lower.name!r} ({lower.threshold:,}); "
                    "each tier needs more qualifying points than the one before it"
                )
                raise ValueError(msg)
        names = [tier.name for tier in self.tiers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two tiers are named {twice[0]!r}; a tier's name is its own"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _points_stay_countable(self) -> Self:
        factor = max(self.category_factors.values(), default=Fraction(1))
        multiplier = max((tier.multiplier for tier in self.tiers), default=Fraction(1))
        for currency, rate in self.rates.items():
            most = rate * max(factor, Fraction(1)) * multiplier / 10 ** minor_digits(currency)
            if most > _POINTS_PER_MINOR_UNIT_MAX:
                msg = (
                    f"{currency} would earn up to {ceil(most):,} points for the smallest amount, all factors taken "
                    f"together; at most {_POINTS_PER_MINOR_UNIT_MAX} are possible"
                )
                raise ValueError(msg)
        return self

    @cached_property
    def terms(self) -> Terms:
        """The programme worked out into whole numbers, once."""
        tiers: list[tuple[str | None, Fraction]] = [(None, Fraction(1))]
        tiers += [(tier.name, tier.multiplier) for tier in self.tiers]
        categories: list[tuple[str | None, Fraction]] = [(None, Fraction(1)), *self.category_factors.items()]
        ratios = {}
        for currency, rate in self.rates.items():
            for category, factor in categories:
                base = rate * factor / 10 ** minor_digits(currency)
                for tier, multiplier in tiers:
                    points = base * multiplier
                    fractions = (points.numerator, points.denominator, base.numerator, base.denominator)
                    ratios[currency, category, tier] = fractions
        return Terms(
            ratios=ratios,
            categories=frozenset(self.category_factors),
            names=tuple(tier.name for tier in self.tiers),
            thresholds=tuple(tier.threshold for tier in self.tiers),
            ranks={tier.name: rank for rank, tier in enumerate(self.tiers)},
            round=_ROUNDINGS[self.rounding],
        )

    def expires_at(self, earned_at: int, zone: str) -> int | None:
        """When points earned at an instant can no longer be spent, UTC microseconds; None is never.

        Counted as Regulation (EEC, Euratom) No 1182/71, Article 3, counts periods in months: to the end of the last
        hour of the day with the same date, or of the last day of a month that has no such date. So points of 29
        February 2024 that last twelve months can be spent all through 28 February 2025.
        """
        if self.months_to_expiry is None:
            return None
        return _end_of_term(zone, local_time(zone).day(earned_at), self.months_to_expiry)

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        """As pydantic's, without what was worked out from the values before."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("terms", None)
        return copied
