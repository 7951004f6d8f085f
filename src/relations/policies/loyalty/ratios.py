"""Exact numbers in a policy: rates as fractions, and the rounding of fractions of a point."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

__all__ = ["ROUNDINGS", "Ratio", "Rounding", "ratio_text"]

_RATIO = r"^[0-9]{1,9}(\.[0-9]{1,9}|/[1-9][0-9]{0,8})?$"
_RATIO_MAX = 1_000_000
_DENOMINATOR_MAX = 10**9


def _exact(value: Any) -> Fraction:
    found: Fraction | None = None
    if isinstance(value, float | Decimal):
        # str() of a float is the number that a person wrote in JSON or TOML, not its binary approximation.
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


def ratio_text(value: Fraction) -> str:
    """Return a rate as a decimal if that is exact, else as a fraction, so that it reads back as the same rate."""
    scaled = value * _DENOMINATOR_MAX
    if scaled.denominator != 1:
        return str(value)
    whole, rest = divmod(scaled.numerator, _DENOMINATOR_MAX)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


Ratio = Annotated[
    Fraction,
    PlainValidator(_exact),
    PlainSerializer(ratio_text, return_type=str),
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


ROUNDINGS: dict[str, Callable[[int, int], int]] = {
    "down": _down,
    "half_up": _half_up,
    "half_even": _half_even,
    "up": _up,
}
