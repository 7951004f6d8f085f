"""A mapping's values as functions: compiled once, called for every row.

A compiled value takes the row's `RowValues` and gives a typed value, or None where there is none. A value that a row
cannot give raises `InvalidInput`, which rejects the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from hashlib import blake2b
from operator import itemgetter
from string import Formatter
from typing import Any

from relations.errors import InvalidInput
from relations.exchange.mapping.model import Value
from relations.exchange.mapping.times import compile_time, shown
from relations.messages import Money, minor_digits

__all__ = ["Counter", "Getter", "RowValues", "compile_column", "compile_template", "compile_value", "group_key"]

Getter = Callable[["RowValues"], Any]
_ROUNDING = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP, "down": ROUND_DOWN}
_LONG_KEY = 48


class RowValues(dict[str, Any]):
    """The values of one row, each made when it is first asked for.

    Attributes:
        raw: The row as the file has it.
        compute: How each value is made.
    """

    __slots__ = ("compute", "raw")
    raw: dict[str, str]
    compute: dict[str, Getter]

    def __missing__(self, name: str) -> Any:
        value = self[name] = self.compute[name](self)
        return value


def compile_column(name: str, blank_words: frozenset[str]) -> Getter:
    """A column as it stands, without the blanks around it; None where it is blank."""

    def column(values: RowValues) -> str | None:
        text = values.raw.get(name, "").strip()
        return None if not text or text in blank_words else text

    def plain(values: RowValues) -> str | None:
        return values.raw.get(name, "").strip() or None

    return column if blank_words else plain


def compile_template(template: str, *, field: str) -> Getter:
    """Text with names in braces. A row in which one of them is blank is rejected."""
    pieces = list(Formatter().parse(template))
    names = tuple(name for _, name, _, _ in pieces if name is not None)
    form = "".join(text.replace("%", "%%") + ("%s" if name is not None else "") for text, name, _, _ in pieces)
    if not names:
        return _constant(form % ())
    pick = itemgetter(*names)

    def blank(found: tuple[Any, ...]) -> InvalidInput:
        missing = names[found.index(None)]
        return InvalidInput(f"it is made of {missing}, which is blank", code="blank_value", field=field)

    def one(values: RowValues) -> str:
        found = pick(values)
        if found is None:
            raise blank((None,))
        text: str = form % (found,)
        return text

    def several(values: RowValues) -> str:
        found = pick(values)
        if None in found:
            raise blank(found)
        joined: str = form % found
        return joined

    return one if len(names) == 1 else several


def _constant(value: Any) -> Getter:
    return lambda _values: value


def compile_value(name: str, value: Value, counters: list[Counter], blank_words: frozenset[str]) -> Getter:
    """A value's function. Values that count or remember add themselves to `counters`, for they see every row."""
    if value.count_by is not None or value.first_of is not None:
        # The transformation fills it in; a row that is asked for it before that has a mapping that goes in circles.
        counters.append(Counter(name, value))
        return _unset(name)
    if value.items is not None:
        return _items(name, value.items, absent=value.blank == "absent")
    origin = _origin(name, value, blank_words)
    if value.product is not None:
        return _typed_number(name, value, origin)
    clean = _cleaning(name, value)
    convert = _conversion(name, value)
    if value.constant is not None and clean is None and value.type == "text":
        return origin
    default = value.default
    absent = value.blank == "absent"

    def read(values: RowValues) -> Any:
        found = origin(values)
        if found is None:
            if default is None:
                if absent:
                    return None
                raise InvalidInput("there is no value", code="blank_value", field=name)
            found = default
        if clean is not None:
            found = clean(found)
            if found.__class__ is not str:
                return found
            if not found:
                if absent:
                    return None
                raise InvalidInput("there is no value", code="blank_value", field=name)
        return found if convert is None else convert(found, values)

    return read


def _items(name: str, items: Mapping[str, str | tuple[str, str]], *, absent: bool) -> Getter:
    """A questionnaire's answers, as a command takes them."""
    number = _integer(name, Value(constant=0, type="integer"), _number_reader(name, Value(constant=0, type="integer")))
    asked = [(item, *((of, None) if isinstance(of, str) else of)) for item, of in items.items()]

    def read(values: RowValues) -> tuple[dict[str, Any], ...] | None:
        found = []
        for item, perceived, expected in asked:
            score = values[perceived]
            if score is None:
                continue
            answer = {"item": item, "score": number(score, values)}
            if expected is not None and values[expected] is not None:
                answer["expected"] = number(values[expected], values)
            found.append(answer)
        if not found and not absent:
            raise InvalidInput("no item is answered", code="blank_value", field=name)
        return tuple(found) or None

    return read


def _unset(name: str) -> Getter:
    def unset(_values: RowValues) -> Any:
        raise InvalidInput(f"{name} is asked for before it can be counted", code="circular_value", field=name)

    return unset


def _origin(name: str, value: Value, blank_words: frozenset[str]) -> Getter:
    if value.column is not None:
        return compile_column(value.column, blank_words)
    if value.constant is not None:
        plain = value.type == "text" or isinstance(value.constant, bool)
        return _constant(value.constant if plain else str(value.constant))
    if value.template is not None:
        return compile_template(value.template, field=name)
    if value.product is not None:
        return _product(name, value.product)
    assert value.value is not None  # noqa: S101 - a value has one origin, and this is the last
    pick = itemgetter(value.value)
    return lambda values: None if (found := pick(values)) is None else str(found)


def _product(name: str, factors: tuple[str, ...]) -> Getter:
    pick = itemgetter(*factors)

    def product(values: RowValues) -> Decimal | None:
        result = Decimal(1)
        for factor in pick(values) if len(factors) > 1 else (pick(values),):
            if factor is None:
                return None
            result *= factor if factor.__class__ is not str else _decimal(name, factor)
        return result

    return product


def _typed_number(name: str, value: Value, origin: Getter) -> Getter:
    convert = _number(name, value)

    def read(values: RowValues) -> Any:
        found = origin(values)
        if found is None:
            if value.blank == "absent":
                return None
            raise InvalidInput("a factor of it is blank", code="blank_value", field=name)
        return convert(found, values)

    return read


def _cleaning(name: str, value: Value) -> Callable[[Any], Any] | None:
    steps: list[Callable[[str], Any]] = []
    for old, new in value.replace.items():
        steps.append(lambda text, old=old, new=new: text.replace(old, new))  # type: ignore[misc]  # bound at once
    if value.pattern is not None:
        steps.append(_extraction(name, value.pattern))
    if value.case is not None:
        steps.append(str.upper if value.case == "upper" else str.lower)
    if value.map is not None and value.type != "list":
        steps.append(_lookup(name, value.map, value.otherwise))
    if not steps:
        return None
    if len(steps) == 1:
        return steps[0]

    def clean(text: str) -> Any:
        found: Any = text
        for step in steps:
            found = step(found)
        return found

    return clean


def _extraction(name: str, pattern: str) -> Callable[[str], str]:
    search = re.compile(pattern).search

    def extract(text: str) -> str:
        found = search(text)
        if found is None:
            raise InvalidInput(f"{shown(text)} is not like {pattern}", code="unlike_pattern", field=name)
        return found[1] or "" if found.re.groups else found[0]

    return extract


def _lookup(name: str, words: dict[str, Any], otherwise: Any) -> Callable[[str], Any]:
    def lookup(text: str) -> Any:
        found = words.get(text, otherwise)
        if found is None:
            known = ", ".join(list(words)[:8])
            raise InvalidInput(f"{shown(text)} is not in the mapping's map ({known})", code="unknown_word", field=name)
        return found

    return lookup


# --- types ----------------------------------------------------------------------------------------------------------

Conversion = Callable[[Any, RowValues], Any]


def _conversion(name: str, value: Value) -> Conversion | None:
    match value.type:
        case "integer" | "decimal" | "money":
            return _number(name, value)
        case "time":
            moment = compile_time(name, value)
            return lambda text, _values: moment(text)
        case "boolean":
            return _boolean(name, value)
        case "list":
            return _list(name, value)
        case _:
            if value.cut is None:
                return None
            return lambda text, _values: text[: value.cut]


def _list(name: str, value: Value) -> Conversion:
    word = None if value.map is None else _lookup(name, value.map, value.otherwise)

    def listed(text: str, _values: RowValues) -> tuple[Any, ...] | None:
        pieces = [piece for part in text.split(value.separator) if (piece := part.strip())]
        return tuple(pieces if word is None else map(word, pieces)) or None

    return listed


def _boolean(name: str, value: Value) -> Conversion:
    words = dict.fromkeys(value.true, True) | dict.fromkeys(value.false, False)

    def boolean(text: str, _values: RowValues) -> bool:
        found = words.get(text)
        if found is None:
            raise InvalidInput(f"{shown(text)} is none of {', '.join(words)}", code="not_a_boolean", field=name)
        return found

    return boolean


def _decimal(name: str, text: str) -> Decimal:
    try:
        # Decimal reads `1_000` and digits of every script; a file that has them was not meant so.
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None:
        raise InvalidInput(f"{shown(text)} is not a number", code="not_a_number", field=name)
    if not number.is_finite():
        raise InvalidInput(f"{shown(text)} is not a finite number", code="not_a_number", field=name)
    return number


def _number(name: str, value: Value) -> Conversion:
    read = _number_reader(name, value)
    match value.type:
        case "integer":
            return _integer(name, value, read)
        case "money":
            return _money(name, value, read)
        case _:
            return lambda text, _values: read(text)


def _number_reader(name: str, value: Value) -> Callable[[Any], Decimal]:
    thousands, comma, sign = value.thousands, value.decimal_mark == ",", value.sign

    def read(found: Any) -> Decimal:
        if found.__class__ is str:
            if thousands:
                found = found.replace(thousands, "")
            if comma:
                found = found.replace(".", "·").replace(",", ".")
            number = _decimal(name, found)
        else:
            number = found
        if sign == "keep":
            return number
        return -number if sign == "negate" else abs(number)

    return read


def _integer(name: str, value: Value, read: Callable[[Any], Decimal]) -> Conversion:
    zero = value.accept_decimal_zero
    plain = re.compile(r"[+-]?[0-9]{1,30}").fullmatch
    simple = value.sign == "keep" and not value.thousands

    def integer(text: Any, _values: RowValues) -> int:
        if simple and text.__class__ is str and plain(text):
            return int(text)
        number = read(text)
        whole = number == number.to_integral_value()
        written = text.__class__ is not str or number.as_tuple().exponent == 0
        if not whole or not (zero or written) or number.adjusted() > 30:
            raise InvalidInput(
                f"{shown(str(text))} is not a whole number",
                code="not_an_integer",
                field=name,
                hint="Where 17850.0 means 17850, the mapping says accept_decimal_zero = true" if whole else None,
            )
        return int(number)

    return integer


def _money(name: str, value: Value, read: Callable[[Any], Decimal]) -> Conversion:
    rounding = _ROUNDING.get(value.rounding)
    minor, fixed = value.minor_units, value.currency
    pick = itemgetter(value.currency_from) if value.currency_from is not None else None

    def money(text: Any, values: RowValues) -> Money:
        number = read(text)
        if number.adjusted() > _MONEY_DIGITS:
            raise InvalidInput(f"{shown(str(text))} is beyond all money", code="invalid_amount", field=name)
        currency = fixed if pick is None else pick(values)
        if currency is None:
            raise InvalidInput("the row's currency is blank", code="unknown_currency", field=name)
        try:
            digits = minor_digits(currency)
            if minor:
                number = number.scaleb(-digits)
            if rounding is not None:
                number = number.quantize(Decimal(1).scaleb(-digits), rounding)
            return Money.of(number, currency)
        except InvalidInput as error:
            raise InvalidInput(error.reason, code=error.code, field=name, hint=error.hint) from None

    return money


_MONEY_DIGITS = 18
"""Amounts with more digits than this are refused at once: arithmetic with 9e999999 takes memory."""


# --- values that remember earlier rows ------------------------------------------------------------------------------


def group_key(found: Iterable[Any]) -> str | bytes:
    """What rows are put together by; long ones shortened to a digest, since every one is kept in memory."""
    key = "\x1f".join(["" if part is None else str(part) for part in found])
    return key if len(key) <= _LONG_KEY else blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Counter:
    """A `count_by` or `first_of` value: what it has seen of each group so far.

    Args:
        name: The value's name.
        value: What the mapping says of it.
    """

    __slots__ = ("_seen", "holds", "name", "names", "value")

    def __init__(self, name: str, value: Value) -> None:
        self.name = name
        self.value = value
        self.names = value.count_by if value.count_by is not None else value.by
        self.holds: Callable[[RowValues], bool] | None = None
        self._seen: dict[str | bytes, Any] = {}

    def see(self, values: RowValues) -> None:
        """Take the row into account and give it its value."""
        key = group_key([values[name] for name in self.names])
        if self.value.first_of is not None:
            if key not in self._seen:
                self._seen[key] = values[self.value.first_of]
            values[self.name] = self._seen[key]
            return
        count: int = self._seen.get(key, 0)
        if self.holds is None or self.holds(values):
            count += 1
            self._seen[key] = count
        values[self.name] = count
