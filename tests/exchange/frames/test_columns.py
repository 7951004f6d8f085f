"""Every type in a column, however it is nested, and types that have no column."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from relations import InvalidInput, Money
from relations.exchange.frames.columns import columns_of, without_none
from relations.exchange.frames.questions import frame_of
from relations.messages import from_micros
from relations.projections.totals import Total
from tests.exchange.frames.test_frames import check_frame

Word = Literal["red", "green"]


class Point(BaseModel):
    """A model within a struct, which a list within a model is elsewhere."""

    x: int
    label: str | None = None


class Thing(msgspec.Struct):
    """Something of everything."""

    number: int
    share: float | None
    sure: bool
    word: Word
    certain: Literal[True]
    day: date | None
    at: datetime
    span: timedelta | None
    price: Money | None
    sums: tuple[Total, ...]
    point: Point | None
    points: list[Point | None] | None
    lists: tuple[list[int], ...]
    pair: tuple[str, int | None] | None
    by_word: dict[Word, int]
    by_name: dict[str, list[Point]] | None


INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
POINTS = st.builds(Point, x=INTEGERS, label=st.none() | TEXTS)
MONEY = st.builds(Money, st.integers(-(10**15), 10**15), st.sampled_from(("EUR", "JPY", "KWD")))
MOMENTS = (
    st.integers(-(10**15), 10**16)
    .map(from_micros)
    .flatmap(lambda at: st.sampled_from((at, at.astimezone(timezone(timedelta(hours=8))))))
)
THINGS = st.builds(
    Thing,
    number=INTEGERS,
    share=st.none() | st.floats(allow_nan=False),
    sure=st.booleans(),
    word=st.sampled_from(get_args(Word)),
    certain=st.just(True),
    day=st.none() | st.dates(),
    at=MOMENTS,
    span=st.none() | st.timedeltas(timedelta(days=-99_999), timedelta(days=99_999)),
    price=st.none() | MONEY,
    sums=st.lists(MONEY, max_size=3).map(tuple),
    point=st.none() | POINTS,
    points=st.none() | st.lists(st.none() | POINTS, max_size=3),
    lists=st.lists(st.lists(INTEGERS, max_size=3), max_size=3).map(tuple),
    pair=st.none() | st.tuples(TEXTS, st.none() | INTEGERS),
    by_word=st.dictionaries(st.sampled_from(get_args(Word)), INTEGERS),
    by_name=st.none() | st.dictionaries(TEXTS, st.lists(POINTS, max_size=2), max_size=2),
)


@given(st.lists(THINGS, max_size=5))
def test_every_row_comes_back_as_it_was(things: list[Thing]) -> None:
    found = frame_of(things, list[Thing])
    check_frame(found, things)
    assert found.schema == frame_of([], list[Thing]).schema
    assert found.height == len(things)


def test_each_type_has_its_column() -> None:
    point = pl.Struct({"x": pl.Int64, "label": pl.String})
    money = pl.Struct({"amount": pl.Int64, "currency": pl.String})
    assert dict(frame_of([], list[Thing]).schema) == {
        "number": pl.Int64(),
        "share": pl.Float64(),
        "sure": pl.Boolean(),
        "word": pl.Enum(["red", "green"]),
        "certain": pl.Boolean(),
        "day": pl.Date(),
        "at": pl.Datetime("us", "UTC"),
        "span": pl.Duration("us"),
        "price": pl.Int64(),
        "price_currency": pl.String(),
        "sums": pl.List(money),
        "point": point,
        "points": pl.List(point),
        "lists": pl.List(pl.List(pl.Int64)),
        "pair": pl.Struct({"field_0": pl.String, "field_1": pl.Int64}),
        "by_word": pl.Struct({"red": pl.Int64, "green": pl.Int64}),
        "by_name": pl.List(pl.Struct({"key": pl.String, "value": pl.List(point)})),
    }


def test_no_list_and_an_empty_one_stay_apart() -> None:
    rows: list[list[int] | None] = [None, [], [1, 2], None, [], [3]]
    assert frame_of(rows, list[list[int] | None])["value"].to_list() == rows


def test_no_struct_and_one_of_nothing_stay_apart() -> None:
    class Maybe(msgspec.Struct):
        pair: tuple[int | None, int | None] | None

    rows = [Maybe(pair=None), Maybe(pair=(None, None)), Maybe(pair=(1, None))]
    shown = frame_of(rows, list[Maybe])["pair"]
    assert shown.is_null().to_list() == [True, False, False]


def test_what_is_of_no_type_is_json() -> None:
    assert frame_of([[1, "a"], None], list[list[Any] | None])["value"].to_list() == ['[1,"a"]', None]


def test_what_says_nothing_of_values_is_taken_off() -> None:
    assert without_none(Annotated[int | None, "words"]) is int
    assert without_none(Annotated[str, "words"]) is str
    assert [column.name for column in columns_of(Thing | None)][:2] == ["number", "share"]


@pytest.mark.parametrize("kind", [Decimal, int | str, bytes, set[int], dict[str, complex], list[bytes]])
def test_what_has_no_column_is_refused(kind: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        columns_of(kind)
    assert refused.value.code == "no_column"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([2**63], int),
        (["7"], int),
        ([1.5], int),
        ([7], str),
        (["blue"], Word),
        ([[2**70]], list[int]),
        ([["b"]], list[Word]),
    ],
)
def test_what_does_not_fit_is_refused_and_never_becomes_null(values: list[Any], kind: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        frame_of(values, list[kind])
    assert refused.value.code == "unfit_value"
