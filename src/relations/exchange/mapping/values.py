"""A mapping's values as functions that are called for every row.

A function takes the row's `RowValues` and returns a typed value, or None where there is none. It raises `InvalidInput`
for a value that cannot be read, which rejects the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from operator import itemgetter
from string import Formatter
from typing import Any

from relations.aggregates.customer import PurchaseLine
from relations.errors import InvalidInput, MappingError
from relations.exchange.mapping.markup import plain_text
from relations.exchange.mapping.model import LineParts, Source, Value
from relations.exchange.mapping.numbers import decimal_number, integer_reader, money_reader, number_reader
from relations.exchange.mapping.times import compile_time, shift_days
from relations.messages import Money, Tender, shown
from relations.policies.calendars import time_zone

__all__ = [
    "Counter",
    "Digest",
    "Getter",
    "RowValues",
    "compile_column",
    "compile_template",
    "compile_value",
    "group_key",
]

Getter = Callable[["RowValues"], Any]
Digest = Callable[[str], str]
_LONG_KEY = 48
_ERRORS = frozenset(
    (
        *("#N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!"),
        *("#NV", "#WERT!", "#BEZUG!", "#ZAHL!"),  # German
        *("#N/D", "#VALOR!", "#VALEUR!", "#NOM?", "#NOMBRE?", "#NOMBRE!", "#NUL!", "#¡VALOR!", "#¡REF!"),  # and others
    )
)
"""The errors that spreadsheets write for a formula without a result."""
_NUMBER = re.compile(r"'[=+-]?[0-9(][0-9 .,/()+-]*").fullmatch
"""A number behind an apostrophe, by which spreadsheets keep it as text: `'0043 1 234`, `'-5,00`, `'02134`."""
_FORMULA_OR_NUMBER = re.compile(r"'[=+\-@%|\t]|'[0-9(][0-9 .,/()+-]*$").match


class RowValues(dict[str, Any]):
    """The values of one row, each computed when it is first asked for.

    Attributes:
        raw: The row as the file has it.
        compute: The function of each value.
        lines: The rows of a group, this one first; empty without a `[group]`.
        left_out: The names of values that could not be read and are left out.
    """

    __slots__ = ("compute", "left_out", "lines", "raw")
    raw: dict[str, str]
    compute: dict[str, Getter]
    lines: list[RowValues]
    left_out: list[str]

    def __missing__(self, name: str) -> Any:
        value = self[name] = self.compute[name](self)
        return value


def compile_column(name: str, source: Source) -> Getter:
    """Return the function of a column: its text without the blanks around it, or None where it is blank."""
    blank_words = source.blank_words
    guarded = _FORMULA_OR_NUMBER if source.formula_guards else _NUMBER
    default = source.defaults.get(name)

    def cell(values: RowValues) -> str | None:
        text = values.raw.get(name, "").strip()
        if not text:
            return None
        if text[0] not in "'#":  # of most cells, this is all
            return text
        if text in _ERRORS:
            return None
        return text[1:] if guarded(text) is not None else text

    def plain(values: RowValues) -> str | None:
        return values.raw.get(name, "").strip() or None

    read = cell if source.is_table else plain
    if not blank_words and default is None:
        return read

    def replaced(values: RowValues) -> str | None:
        text = read(values)
        return default if text is None or text in blank_words else text

    return replaced


def compile_template(template: str, *, field: str) -> Getter:
    """Return the function of a text with names in braces. A blank name rejects the row."""
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


def compile_value(
    name: str, value: Value, counters: list[Counter], source: Source, digest: Digest | None = None
) -> Getter:
    """Return a value's function.

    Args:
        name: The value's name.
        value: Its rules.
        counters: The list to which values that count or remember add themselves, because they see every row.
        source: The form of the file.
        digest: The function that makes keyed digests.
    """
    if value.type == "time" and value.zone is None:
        value = value.model_copy(update={"zone": source.zone})
    read = _compiled(name, value, counters, source, digest)
    if value.unreadable == "reject":
        return read

    def forgiving(values: RowValues) -> Any:
        try:
            return read(values)
        except InvalidInput as error:
            if error.code == "blank_value":
                raise
            values.left_out.append(name)
            return None

    return forgiving


def _compiled(name: str, value: Value, counters: list[Counter], source: Source, digest: Digest | None) -> Getter:
    if value.count_by is not None or value.first_of is not None or value.previous is not None:
        # The transformation fills it in. Asking for it before that means that the mapping goes in circles.
        counters.append(Counter(name, value))
        return _unset(name)
    if value.items is not None:
        return _items(name, value.items, absent=value.blank == "absent")
    if value.tenders is not None:
        return _tenders(name, value.tenders)
    if value.lines is not None:
        return _lines(name, value.lines)
    if value.total_of is not None:
        return _or_default(name, value, _total(value.total_of), _numeric(name, value))
    if value.product is not None or value.sum is not None:
        origin = _arithmetic(name, value.product or value.sum or (), multiply=value.product is not None)
        return _or_default(name, value, origin, _numeric(name, value))
    origin = _origin(name, value, source)
    clean = _cleaning(name, value, digest)
    convert = _conversion(name, value)
    if value.constant is not None and clean is None and value.type == "text":
        return origin

    def finish(found: Any, values: RowValues) -> Any:
        if clean is not None:
            found = clean(found)
            if found.__class__ is not str:
                return found
            if not found:
                return None
        return found if convert is None else convert(found, values)

    return _or_default(name, value, origin, finish)


def _or_default(name: str, value: Value, origin: Getter, finish: Callable[[Any, RowValues], Any]) -> Getter:
    """Return the function of a value that treats blanks as its rules say."""
    default, absent = value.default, value.blank == "absent"

    def read(values: RowValues) -> Any:
        missing: InvalidInput | None = None
        try:
            found = origin(values)
        except InvalidInput as error:
            if error.code != "blank_value":
                raise
            found, missing = None, error
        if found is None and default is not None:
            found = default
        finished = None if found is None else finish(found, values)
        if finished is None and not absent:
            raise missing or InvalidInput("the value is blank", code="blank_value", field=name)
        return finished

    return read


def _items(name: str, items: Mapping[str, str | tuple[str, str]], *, absent: bool) -> Getter:
    """Return the function of a questionnaire's answers."""
    number = integer_reader(name, Value(constant=0, type="integer"))
    asked = [(item, *((of, None) if isinstance(of, str) else of)) for item, of in items.items()]

    def read(values: RowValues) -> tuple[dict[str, Any], ...] | None:
        found = []
        for item, perceived, expected in asked:
            score = values[perceived]
            if score is None:
                continue
            answer = {"item": item, "score": number(score)}
            if expected is not None and values[expected] is not None:
                answer["expected"] = number(values[expected])
            found.append(answer)
        if not found and not absent:
            raise InvalidInput("no item has an answer", code="blank_value", field=name)
        return tuple(found) or None

    return read


def _tenders(name: str, tenders: Mapping[str, str]) -> Getter:
    """Return the function of the parts of a payment."""

    def read(values: RowValues) -> tuple[Tender, ...] | None:
        found = []
        for kind, of in tenders.items():
            amount = _money_of(name, of, values)
            if amount is not None and amount.amount:
                found.append(Tender(kind, amount))
        return tuple(found) or None

    return read


def _lines(name: str, parts: LineParts) -> Getter:
    """Return the function of the products of a purchase: a line for each row of the group."""
    number = integer_reader(name, Value(constant=0, type="integer", accept_decimal_zero=True))

    def line_of(row: RowValues) -> PurchaseLine | None:
        product = row[parts.product]
        if product is None:
            return None
        amount = _money_of(name, parts.amount, row)
        if amount is None:
            raise InvalidInput(f"the line of {shown(product)} has no amount", code="blank_value", field=name)
        quantity = 1 if parts.quantity is None else row[parts.quantity]
        category = None if parts.category is None else row[parts.category]
        pieces = 1 if quantity is None else number(quantity)
        return PurchaseLine(str(product), amount, pieces, None if category is None else str(category))

    def read(values: RowValues) -> tuple[PurchaseLine, ...] | None:
        return tuple(line for row in values.lines or [values] if (line := line_of(row)) is not None) or None

    return read


def _money_of(name: str, of: str, values: RowValues) -> Money | None:
    amount = values[of]
    if amount is not None and not isinstance(amount, Money):
        raise InvalidInput(
            f"the value {of!r} is not money", code="not_money", field=name, hint=f"Give {of!r} type = 'money'"
        )
    return amount


def _unset(name: str) -> Getter:
    def unset(_values: RowValues) -> Any:
        raise InvalidInput(f"{name} is used before it can be counted", code="circular_value", field=name)

    return unset


def _origin(name: str, value: Value, source: Source) -> Getter:
    if value.column is not None:
        return compile_column(value.column, source)
    if value.constant is not None:
        plain = value.type == "text" or isinstance(value.constant, bool)
        return _constant(value.constant if plain else str(value.constant))
    if value.template is not None:
        return compile_template(value.template, field=name)
    if value.coalesce is not None:
        return _coalesce(value.coalesce)
    assert value.value is not None  # noqa: S101 - a value has one origin, and this is the last
    pick = itemgetter(value.value)
    return lambda values: None if (found := pick(values)) is None else str(found)


def _coalesce(names: tuple[str, ...]) -> Getter:
    def coalesce(values: RowValues) -> Any:
        for name in names:
            found = values[name]
            if found is not None:
                return found if isinstance(found, str) else str(found)
        return None

    return coalesce


def _arithmetic(name: str, names: tuple[str, ...], *, multiply: bool) -> Getter:
    """Return the function of a product or a sum; None where a part is blank."""

    def compute(values: RowValues) -> Decimal | None:
        result = Decimal(1 if multiply else 0)
        for part in names:
            found = values[part]
            if found is None:
                return None
            if isinstance(found, Money):
                found = found.decimal
            elif found.__class__ is str:
                found = decimal_number(name, found)
            result = result * found if multiply else result + found
        return result

    return compute


def _total(of: str) -> Getter:
    """Return the function of a sum over the rows of a group."""

    def total(values: RowValues) -> Any:
        result: Decimal = Decimal(0)
        currencies = set()
        for line in values.lines or [values]:
            found = line[of]
            if found is None:
                return None
            if isinstance(found, Money):
                currencies.add(found.currency)
                found = found.decimal
            result += found if found.__class__ is not str else decimal_number(of, found)
        if len(currencies) > 1:
            raise InvalidInput(
                f"the rows of one group have several currencies: {', '.join(sorted(currencies))}",
                code="several_currencies",
                field=of,
            )
        return result

    return total


def _numeric(name: str, value: Value) -> Callable[[Any, RowValues], Any]:
    convert = _conversion(name, value)
    if convert is None:
        return lambda found, _values: str(found)
    return convert


def _cleaning(name: str, value: Value, digest: Digest | None) -> Callable[[Any], Any] | None:
    steps: list[Callable[[str], Any]] = []
    for old, new in value.replace.items():
        steps.append(lambda text, old=old, new=new: text.replace(old, new))  # type: ignore[misc]  # bound at once
    if value.pattern is not None:
        steps.append(_extraction(name, value.pattern))
    if value.case is not None:
        steps.append(str.upper if value.case == "upper" else str.lower)
    if value.map is not None and value.type != "list":
        steps.append(_lookup(name, value.map, value.otherwise))
    if value.digest:
        if digest is None:
            raise MappingError("keyed digests need an engine", field=name, hint="Import the file with import_file")
        steps.append(digest)
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
            raise InvalidInput(
                f"{shown(text)} does not have the form that the mapping expects",
                code="unlike_pattern",
                field=name,
                hint=f"See `pattern` of {name} in the mapping",
            )
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
        case "integer":
            integer = integer_reader(name, value)
            return lambda found, _values: integer(found)
        case "decimal":
            number = number_reader(name, value)
            return lambda found, _values: number(found)
        case "money":
            return _money(name, value)
        case "time":
            return _time(name, value)
        case "boolean":
            return _boolean(name, value)
        case "list":
            return _list(name, value)
        case _:
            return _text(value)


def _text(value: Value) -> Conversion | None:
    if value.markup is None:
        return None if value.cut is None else lambda text, _values: text[: value.cut]
    return lambda text, _values: plain_text(text)[: value.cut] or None


def _money(name: str, value: Value) -> Conversion:
    read, fixed, of = money_reader(name, value), value.currency, value.currency_from
    return lambda found, values: read(found, fixed if of is None else values[of])


def _time(name: str, value: Value) -> Conversion:
    moment = compile_time(name, value)
    shifts = [(days, sign) for days, sign in ((value.plus_days, 1), (value.minus_days, -1)) if days is not None]
    if not shifts:
        return lambda text, _values: moment(text)
    zone = time_zone(value.zone or "UTC")
    whole = integer_reader(name, Value(constant=0, type="integer", accept_decimal_zero=True))

    def shifted(text: str, values: RowValues) -> datetime | None:
        days = 0
        for given, sign in shifts:
            found = given if isinstance(given, int) else values[given]
            if found is None:
                return None
            days += sign * (found if isinstance(found, int) else whole(found))
        return shift_days(name, moment(text), days, zone)

    return shifted


def _list(name: str, value: Value) -> Conversion:
    word = None if value.map is None else _lookup(name, value.map, value.otherwise)

    def listed(text: str, _values: RowValues) -> tuple[Any, ...] | None:
        pieces = [piece for part in text.split(value.separator) if (piece := part.strip())]
        return tuple(pieces if word is None else map(word, pieces)) or None

    return listed


def _boolean(name: str, value: Value) -> Conversion:
    if value.nonzero:
        number = number_reader(name, Value(constant=0, type="decimal"))
        return lambda found, _values: number(found) != 0
    words = dict.fromkeys(value.true, True) | dict.fromkeys(value.false, False)

    def boolean(text: str, _values: RowValues) -> bool:
        found = words.get(text)
        if found is None:
            raise InvalidInput(f"{shown(text)} is not one of {', '.join(words)}", code="not_a_boolean", field=name)
        return found

    return boolean


# --- values that remember earlier rows ------------------------------------------------------------------------------


def group_key(found: Iterable[Any]) -> str | bytes:
    """Return the key of a row's group. Long keys become digests, because each one is kept in memory."""
    key = "\x1f".join(["" if part is None else str(part) for part in found])
    return key if len(key) <= _LONG_KEY else blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Counter:
    """A value that counts or remembers rows: `count_by`, `first_of` or `previous`.

    Args:
        name: The value's name.
        value: Its rules.
    """

    __slots__ = ("_seen", "holds", "name", "names", "value")

    def __init__(self, name: str, value: Value) -> None:
        self.name = name
        self.value = value
        self.names = value.count_by if value.count_by is not None else value.by
        self.holds: Callable[[RowValues], bool] | None = None
        self._seen: dict[str | bytes, Any] = {}

    def see(self, values: RowValues) -> None:
        """Count or remember a row, and set its value."""
        key = group_key([values[name] for name in self.names])
        if self.value.previous is not None:
            values[self.name] = self._seen.get(key)
            self._seen[key] = values[self.value.previous]
            return
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
