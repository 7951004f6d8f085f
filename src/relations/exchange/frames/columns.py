"""Conversion of annotated types to polars columns.

===============================  ==========================================================================
annotation                       column
===============================  ==========================================================================
`int`, `float`, `bool`, `str`    Int64, Float64, Boolean, String
`Literal["a", "b"]`              Enum of those words; for other values, their own type
`date`, `datetime`, `timedelta`  Date; Datetime in microseconds, UTC; Duration in microseconds
`Money` (and `Total`)            two: its minor units (Int64) under the field's name, and `<name>_currency` (String)
a model or a struct              Struct of its fields
`list[X]`, `tuple[X, ...]`       List of X
`tuple[X, Y]`                    Struct of `field_0`, `field_1`
`dict[Literal["a", "b"], X]`     Struct of `a`, `b`; null where a word is missing
`dict[K, X]`                     List of Structs of `key`, `value`
`X | None`                       as X; null for None
`Any`, and types made of it      String: its JSON
===============================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter, itemgetter, methodcaller
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import AwareDatetime, BaseModel

from relations.errors import InvalidInput
from relations.extras import needed
from relations.messages import Money

__all__ = ["Column", "columns_of", "columns_of_entries", "is_record", "polars", "without_none"]

Get: TypeAlias = Callable[[Any], Any]


class Column(NamedTuple):
    """A column of a frame, or a field of a struct.

    Attributes:
        name: Its name.
        dtype: Its polars type.
        series: A function that returns the polars series of its values in some rows; None has no value.
    """

    name: str
    dtype: Any
    series: Callable[[Sequence[Any]], Any]


class _Cell(NamedTuple):
    """A polars type, and the function that makes a named series of values.

    All values go into a series at once, however deeply they are nested, because polars is slow with single values.
    """

    dtype: Any
    series: Callable[[str, Sequence[Any]], Any]


def polars() -> Any:
    """Return the package polars.

    Raises:
        MissingExtra: The extra `data` is not installed.
    """
    return needed("polars", extra="data", purpose="A frame")


def is_record(kind: Any) -> bool:
    """Return True if values of a type have fields that become columns: models, and structs except money."""
    return isinstance(kind, type) and issubclass(kind, BaseModel | msgspec.Struct) and not issubclass(kind, Money)


def without_none(kind: Any) -> Any:
    """Return an annotation without `Annotated` and without None."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        members = [each for each in get_args(kind) if each is not NoneType]
        if len(members) == 1 and len(members) < len(get_args(kind)):
            return without_none(members[0])
    return kind


def columns_of(kind: Any) -> list[Column]:
    """Return the columns of a type of rows: one for each field or, without fields, a single one called `value`.

    Raises:
        InvalidInput: A type has no column type.
        MissingExtra: The extra `data` is not installed.
    """
    kind = without_none(kind)
    if not is_record(kind):
        return _columns("value", kind, lambda row: row)
    return [column for name, field in _fields(kind) for column in _columns(name, field, attrgetter(name))]


def columns_of_entries(key: Any, value: Any) -> list[Column]:
    """Return the columns of a dictionary's entries: `key` and `value`."""
    return [*_columns("key", key, itemgetter(0)), *_columns("value", value, itemgetter(1))]


def _fields(kind: Any) -> list[tuple[str, Any]]:
    if issubclass(kind, BaseModel):
        return [(name, field.annotation) for name, field in kind.model_fields.items()]
    hints = get_type_hints(kind)
    return [(name, hints[name]) for name in kind.__struct_fields__]


def _columns(name: str, kind: Any, get: Get) -> list[Column]:
    """Return the column of a field, or the two columns of money."""
    kind = without_none(kind)
    if kind is not Money:
        return [_column(name, _cell(kind), get)]

    def money(of: str) -> Get:
        return lambda row: getattr(get(row), of, None)

    plain = _plain()
    return [_column(name, plain[int], money("amount")), _column(f"{name}_currency", plain[str], money("currency"))]


def _column(name: str, cell: _Cell, get: Get) -> Column:
    return Column(name, cell.dtype, lambda rows: cell.series(name, [None if row is None else get(row) for row in rows]))


def _cell(kind: Any) -> _Cell:
    kind = without_none(kind)
    origin, arguments, plain = get_origin(kind), get_args(kind), _plain()
    if kind in plain:
        return plain[kind]
    if Any in arguments:
        return plain[Any]
    if is_record(kind):
        return _struct(columns_of(kind))
    if kind is Money:
        return _struct(
            [_column(name, plain[of], attrgetter(name)) for name, of in (("amount", int), ("currency", str))]
        )
    if origin is Literal:
        kinds = {type(each) for each in arguments}
        return _scalar(polars().Enum(list(arguments))) if kinds == {str} else _cell(kinds.pop())
    if origin is dict:
        return _mapping(*arguments)
    if origin is list or (origin is tuple and arguments[1:] == (Ellipsis,)):
        return _list(_cell(arguments[0]))
    if origin is tuple:
        return _struct([_column(f"field_{at}", _cell(of), itemgetter(at)) for at, of in enumerate(arguments)])
    raise InvalidInput(f"there is no column for values of {kind}", code="no_column", field="kind")


def _plain() -> dict[Any, _Cell]:
    pl = polars()
    moment = _scalar(pl.Datetime("us", "UTC"), lambda value: value.astimezone(UTC))
    return {
        int: _scalar(pl.Int64()),
        float: _scalar(pl.Float64(), float),
        bool: _scalar(pl.Boolean()),
        str: _scalar(pl.String()),
        date: _scalar(pl.Date()),
        datetime: moment,
        AwareDatetime: moment,
        timedelta: _scalar(pl.Duration("us")),
        Any: _scalar(pl.String(), lambda value: msgspec.json.encode(value).decode()),
    }


def _scalar(dtype: Any, convert: Get | None = None) -> _Cell:
    pl = polars()

    def series(name: str, values: Sequence[Any]) -> Any:
        if convert is not None:
            values = [None if value is None else convert(value) for value in values]
        try:
            return pl.Series(name, values, dtype=dtype, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
            said = str(error).partition("\n")[0]
            raise InvalidInput(
                f"a value does not fit into a column of {dtype}: {said}", code="unfit_value", field=name
            ) from None

    return _Cell(dtype, series)


def _struct(columns: list[Column]) -> _Cell:
    pl = polars()

    def series(name: str, values: Sequence[Any]) -> Any:
        whole = pl.DataFrame([column.series(values) for column in columns]).to_struct(name)
        known = pl.Series([value is not None for value in values], dtype=pl.Boolean)
        return whole if known.all() else pl.select(pl.when(known).then(whole).alias(name))[name]

    return _Cell(pl.Struct([pl.Field(column.name, column.dtype) for column in columns]), series)


def _list(item: _Cell, items_of: Callable[[Any], Iterable[Any]] = list) -> _Cell:
    pl = polars()
    dtype = pl.List(item.dtype)

    def series(name: str, values: Sequence[Any]) -> Any:
        listed = [None if value is None else list(items_of(value)) for value in values]
        full = [items for items in listed if items]
        flat = pl.DataFrame(
            {
                "of": pl.Series([at for at, items in enumerate(full) for _ in items], dtype=pl.UInt32),
                "items": item.series("items", [each for items in full for each in items]),
            }
        )
        lists = flat.group_by("of", maintain_order=True).agg("items")["items"]
        # Each list is found by its index among the non-empty lists. The empty list comes after them.
        places, count = [], 0
        for items in listed:
            places.append(count if items else None if items is None else len(full))
            count += bool(items)
        lists = pl.concat([lists.cast(dtype), pl.Series("items", [[]], dtype=dtype)])
        return lists.gather(pl.Series(places, dtype=pl.UInt32)).alias(name)

    return _Cell(dtype, series)


def _mapping(key: Any, value: Any) -> _Cell:
    keys = without_none(key)
    if get_origin(keys) is Literal:
        return _struct([_column(word, _cell(value), methodcaller("get", word)) for word in get_args(keys)])
    entry = _struct([_column("key", _cell(key), itemgetter(0)), _column("value", _cell(value), itemgetter(1))])
    return _list(entry, lambda entries: entries.items())
