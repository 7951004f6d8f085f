"""Numbers as files write them: one decimal mark, and groups of digits that are really groups."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from relations.errors import InvalidInput
from relations.exchange.mapping.model import Value
from relations.exchange.mapping.texts import JsonNumber
from relations.messages import Money, minor_digits, shown

__all__ = ["decimal_number", "integer_reader", "money_reader", "number_reader"]

_ROUNDING = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP, "down": ROUND_DOWN}
_MONEY_DIGITS = 18
"""Amounts with more digits than this are refused at once: arithmetic with 9e999999 takes memory."""
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})
_ONE_GROUP = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
"""A number that has two readings: thousands, or three decimals."""

NumberReader = Callable[[Any], Decimal]


def decimal_number(name: str, text: str) -> Decimal:
    """Return the number in a text with a decimal point.

    Raises:
        InvalidInput: The text is not a finite number in ASCII digits.
    """
    try:
        # Decimal reads `1_000` and digits of every script; a file that has them does not mean numbers.
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None:
        raise InvalidInput(f"{shown(text)} is not a number", code="not_a_number", field=name)
    if not number.is_finite():
        raise InvalidInput(f"{shown(text)} is not a finite number", code="not_a_number", field=name)
    return number


def number_reader(name: str, value: Value) -> NumberReader:
    """Return the function that reads a value's texts as numbers, by its marks and sign.

    Thousands stand in groups of three digits, or as in India in groups of two before the last three. A separator
    anywhere else rejects the row, because the text may have been written with the other marks.
    """
    mark, thousands, sign = value.decimal_mark, value.thousands, value.sign
    spaced = thousands is not None and thousands.translate(_BLANKS) == " "
    separator = re.escape(" " if spaced else thousands or "")
    grouped = re.compile(
        rf"[+-]?(?:[0-9]{{1,3}}(?:{separator}[0-9]{{3}})+|[0-9]{{1,2}}(?:{separator}[0-9]{{2}})*{separator}[0-9]{{3}})"
        rf"(?:{re.escape(mark)}[0-9]*)?"
    ).fullmatch

    def plain(text: str) -> str:
        if thousands is not None:
            text = text.translate(_BLANKS) if spaced else text
            divider = " " if spaced else thousands
            if divider in text:
                if grouped(text) is None:
                    raise _ungrouped(name, text, divider, mark)
                text = text.replace(divider, "")
        if mark == ",":
            # A point that is left is neither a mark nor a separator here.
            text = text.replace(".", "·").replace(",", ".")
        return text

    def read(found: Any) -> Decimal:
        if isinstance(found, str):
            found = decimal_number(name, found if isinstance(found, JsonNumber) else plain(found))
        number: Decimal = found
        if sign == "keep":
            return number
        return -number if sign == "negate" else abs(number)

    return read


def _ungrouped(name: str, text: str, thousands: str, mark: str) -> InvalidInput:
    other = (
        f"; with {thousands!r} as the decimal mark it is {text.replace(thousands, '.')}" if thousands in ".," else ""
    )
    return InvalidInput(
        f"{shown(text)} has {thousands!r} where no thousands are: without it the number is "
        f"{text.replace(thousands, '').replace(mark, '.')}{other}",
        code="ambiguous_number",
        field=name,
        hint="Check decimal_mark and thousands of the mapping, and write thousands in groups of three digits",
    )


def integer_reader(name: str, value: Value) -> Callable[[Any], int]:
    """Return the function that reads a value's texts as whole numbers."""
    read = number_reader(name, value)
    zero = value.accept_decimal_zero
    plain = re.compile(r"[+-]?[0-9]{1,30}").fullmatch
    simple = value.sign == "keep" and not value.thousands

    def integer(text: Any) -> int:
        if text.__class__ is int and simple:
            return text
        if simple and text.__class__ is str and plain(text):
            return int(text)
        number = read(text)
        whole = number == number.to_integral_value()
        written = not isinstance(text, str) or number.as_tuple().exponent == 0
        if not whole or not (zero or written) or number.adjusted() > 30:
            raise InvalidInput(
                f"{shown(str(text))} is not a whole number",
                code="not_an_integer",
                field=name,
                hint="Say accept_decimal_zero = true where 17850.0 means 17850" if whole else None,
            )
        return int(number)

    return integer


def money_reader(name: str, value: Value) -> Callable[[Any, str | None], Money]:
    """Return the function that reads a value's texts as money in a currency."""
    read, rounding, minor = number_reader(name, value), _ROUNDING.get(value.rounding), value.minor_units
    written = value.column is not None or value.value is not None or value.coalesce is not None

    def money(text: Any, currency: str | None) -> Money:
        number = read(text)
        if number.adjusted() > _MONEY_DIGITS:
            raise InvalidInput(f"{shown(str(text))} is too large an amount", code="invalid_amount", field=name)
        if currency is None:
            raise InvalidInput("the row's currency is blank", code="unknown_currency", field=name)
        try:
            digits = minor_digits(currency)
            if written and text.__class__ is str and _ONE_GROUP.fullmatch(text):
                _check_one_group(name, text, value, digits, currency)
            if minor:
                number = number.scaleb(-digits)
            if rounding is not None:
                number = number.quantize(Decimal(1).scaleb(-digits), rounding)
            return Money.of(number, currency)
        except InvalidInput as error:
            raise InvalidInput(error.reason, code=error.code, field=name, hint=error.hint) from None

    return money


def _check_one_group(name: str, text: str, value: Value, digits: int, currency: str) -> None:
    """Check an amount such as `1.000`, which one locale writes for a thousand and another for one.

    Raises:
        InvalidInput: The amount is not written as the mapping's marks and the currency's decimals say.
    """
    if value.thousands and value.thousands in text:
        return  # the mapping states it
    if value.decimal_mark in text and digits == 3:
        return
    whole, fraction = re.split("[.,]", text)
    raise InvalidInput(
        f"{shown(text)} {currency} is either {whole}{fraction} or {whole}.{fraction}",
        code="ambiguous_number",
        field=name,
        hint=f"Write amounts with the {digits} decimals of {currency}, or state the marks in the mapping",
    )
