"""Types as columns: which polars type the values of an annotation have, and what they become in it.

===============================  ==========================================================================
annotation                       column
===============================  ==========================================================================
`int`, `float`, `bool`, `str`    Int64, Float64, Boolean, String
`Literal["a", "b"]`              Enum of those words; of other values, as their own type
`date`, `datetime`, `timedelta`  Date; Datetime in microseconds, UTC; Duration in microseconds
`Money` (and a `Total`)          two: its minor units (Int64) under the field's name, and `<name>_currency` (String)
a model or a struct              Struct of its fields
`list[X]`, `tuple[X, ...]`       List of X
`tuple[X, Y]`                    Struct of `field_0`, `field_1`
`dict[Literal["a", "b"], X]`     Struct of `a`, `b`; null where a word is not there
`dict[K, X]`                     List of Structs of `key`, `value`
`X | None`                       as X, null where there is none
`Any`, and what is made of it    String: its JSON
===============================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import AwareDatetime, BaseModel

from relations.errors import InvalidInput
from relations.extras import needed
from relations.messages import Money

__all__ = ["Column", "columns_of", "columns_of_entries", "is_record", "polars", "without_none"]

_INT64 = 2**63


class Column(NamedTuple):
    """A column.

    Attributes:
        name: Its name.
        dtype: Its polars type.
        value: Its value of an object that has the field.
    """

    name: str
    dtype: Any
    value: Callable[[Any], Any]


class _Cell(NamedTuple):
    """A polars type, and what a value (not None) becomes in it."""

    dtype: Any
    value: Callable[[Any], Any]


def polars() -> Any:
    """The package polars.

    Raises:
        MissingExtra: The extra `data` is not installed.
    """
    return needed("polars", extra="data", purpose="A frame")


def is_record(kind: Any) -> bool:
    """Whether values of a type have fields, each of which is a column: a model, or a struct that is no money."""
    return isinstance(kind, type) and issubclass(kind, BaseModel | msgspec.Struct) and not issubclass(kind, Money)


def without_none(kind: Any) -> tuple[Any, bool]:
    """An annotation without what says nothing of values (`Annotated`) and without None, and whether None was there."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        members = [each for each in get_args(kind) if each is not NoneType]
        if len(members) == 1 and len(members) < len(get_args(kind)):
            return without_none(members[0])[0], True
    return kind, False


def columns_of(kind: Any) -> list[Column]:
    """The columns of a type of rows: of its fields, where it has some, and otherwise one, `value`.

    Raises:
        InvalidInput: Of some type there is no column.
        MissingExtra: The extra `data` is not installed.
    """
    kind, _ = without_none(kind)
    if not is_record(kind):
        return _columns_of_field("value", kind, lambda row: row)
    return [column for name, field in _fields(kind) for column in _columns_of_field(name, field, _getter(name))]


def columns_of_entries(key: Any, value: Any) -> list[Column]:
    """The columns of a dictionary's entries: `key` and `value`."""
    return [*_columns_of_field("key", key, _item(0)), *_columns_of_field("value", value, _item(1))]


def _fields(kind: Any) -> list[tuple[str, Any]]:
    if issubclass(kind, BaseModel):
        return [(name, field.annotation) for name, field in kind.model_fields.items()]
    hints = get_type_hints(kind)
    return [(name, hints[name]) for name in kind.__struct_fields__]


def _getter(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, name)


def _columns_of_field(name: str, kind: Any, get: Callable[[Any], Any]) -> list[Column]:
    kind, _ = without_none(kind)
    if kind is Money:
        pl = polars()

        def part(of: str) -> Callable[[Any], Any]:
            def value(row: Any) -> Any:
                money = get(row)
                return None if money is None else getattr(money, of)

            return value

        return [Column(name, pl.Int64, part("amount")), Column(f"{name}_currency", pl.String, part("currency"))]
    cell = _cell(kind)

    def value(row: Any) -> Any:
        found = get(row)
        return None if found is None else cell.value(found)

    return [Column(name, cell.dtype, value)]


def _cell(kind: Any) -> _Cell:
    """The type of a value that stands for itself: in a list, in a dictionary, in a field."""
    kind, _ = without_none(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _plain():
        return _plain()[kind]
    if Any in arguments:
        return _plain()[Any]
    if is_record(kind):
        return _struct(columns_of(kind))
    if kind is Money:
        return _struct([_member(name, part, _getter(name)) for name, part in (("amount", int), ("currency", str))])
    if origin is Literal:
        kinds = {type(each) for each in arguments}
        return _Cell(polars().Enum(list(arguments)), _one_of(arguments)) if kinds == {str} else _cell(kinds.pop())
    if origin is dict:
        return _mapping(*arguments)
    if origin in (list, Sequence) or (origin is tuple and arguments[1:] == (Ellipsis,)):
        item = _cell(arguments[0])
        return _Cell(polars().List(item.dtype), lambda values: [_or_none(item, each) for each in values])
    if origin is tuple:
        return _struct([_member(f"field_{at}", part, _item(at)) for at, part in enumerate(arguments)])
    raise InvalidInput(f"there is no column for values of {kind}", code="no_column", field="kind")


def _plain() -> dict[Any, _Cell]:
    pl = polars()
    moment = _Cell(pl.Datetime("us", "UTC"), lambda value: value.astimezone(UTC))
    return {
        int: _Cell(pl.Int64, _within_64_bits),
        float: _Cell(pl.Float64, float),
        bool: _Cell(pl.Boolean, bool),
        str: _Cell(pl.String, str),
        date: _Cell(pl.Date, lambda value: value),
        datetime: moment,
        AwareDatetime: moment,
        timedelta: _Cell(pl.Duration("us"), lambda value: value),
        Any: _Cell(pl.String, lambda value: msgspec.json.encode(value).decode()),
    }


def _within_64_bits(value: int) -> int:
    if not -_INT64 <= value < _INT64:
        raise InvalidInput(f"{value} does not fit into a column of 64 bits", code="number_too_large")
    return value


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def value(word: str) -> str:
        # Within a list, polars takes a word that its type does not know for null without a word.
        if word not in words:
            raise InvalidInput(f"{word!r} is none of {', '.join(words)}", code="unknown_word")
        return word

    return value


def _mapping(key: Any, item: Any) -> _Cell:
    keys, _ = without_none(key)
    if get_origin(keys) is Literal:
        return _struct([_member(word, item, _entry(word)) for word in get_args(keys)])
    entry = _struct([_member("key", key, _item(0)), _member("value", item, _item(1))])
    return _Cell(polars().List(entry.dtype), lambda values: [entry.value(pair) for pair in values.items()])


def _item(at: int) -> Callable[[Any], Any]:
    return lambda values: values[at]


def _entry(word: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda values: values.get(word)


def _member(name: str, kind: Any, get: Callable[[Any], Any]) -> Column:
    cell = _cell(kind)
    return Column(name, cell.dtype, lambda value: _or_none(cell, get(value)))


def _or_none(cell: _Cell, value: Any) -> Any:
    return None if value is None else cell.value(value)


def _struct(columns: list[Column]) -> _Cell:
    pl = polars()
    dtype = pl.Struct([pl.Field(column.name, column.dtype) for column in columns])
    return _Cell(dtype, lambda value: {column.name: column.value(value) for column in columns})
