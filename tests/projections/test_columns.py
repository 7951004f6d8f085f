"""Columns are brought up to date by the customers who changed, and give what reading everybody again gives."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.extras import np
from relations.projections.columns import (
    Array,
    ColumnPart,
    Columns,
    FieldGroup,
    Ints,
    RowSource,
    grouped_sums,
    numbered,
)
from relations.projections.columns import columns as module

_NAMES = [f"c{number}" for number in range(8)]
Rows = dict[str, list[int]]
_rows = st.dictionaries(st.sampled_from(_NAMES), st.lists(st.integers(-9, 9), max_size=3))


class _Found(NamedTuple):
    sums: Array
    positive: ColumnPart
    more: dict[str, Array]


def _columns(rows: Rows) -> Columns:
    """Return columns that read these rows, as they are at the time of reading."""

    def read(names: Collection[str], fields: Sequence[str]) -> tuple[list[str], list[Sequence[Any]]]:
        known = sorted(name for name in names if name in rows)
        return known, [[rows[name] for name in known] for _ in fields]

    def parts(lists: Sequence[Sequence[int]]) -> dict[str, ColumnPart]:
        values = np.array([value for each in lists for value in each], np.int64)
        return {"numbers": ColumnPart(numbered([len(each) for each in lists]), {"number": values})}

    source = RowSource(lambda fields: read(rows, fields), read)
    return Columns(source, {"numbers": FieldGroup(("numbers",), parts)})


def _of_each(some: Columns) -> _Found:
    part = some.part("numbers")
    sums = grouped_sums(part["number"], part.owner, len(some))
    return _Found(sums, part.where(part["number"] > 0), {"is_big": sums > 5, "text": sums.astype(object)})


def _answers(columns: Columns, *, has_derived: bool) -> tuple[Any, ...]:
    part, names = columns.part("numbers"), columns.names
    found = [names, part.owner.tolist(), part["number"].tolist()]
    if has_derived:
        each = columns.derive_each("each", _of_each)
        found += [each.sums.tolist(), each.positive.owner.tolist(), each.positive["number"].tolist()]
        found += [values.tolist() for values in each.more.values()]
        found.append(_listed(columns))
    return tuple(found)


def _listed(columns: Columns, made: list[str] | None = None) -> list[tuple[str, int]]:
    """Return an object for each customer with an even sum."""
    sums = columns.derive_each("each", _of_each).sums
    places = np.flatnonzero(sums % 2 == 0)

    def make(rest: Ints) -> Iterator[tuple[str, int]]:
        for place in places[rest].tolist():
            if made is not None:
                made.append(columns.names[place])
            yield columns.names[place], int(sums[place])

    return columns.listed("even", places, (sums[places],), make)


@given(first=_rows, steps=st.lists(st.tuples(_rows, st.sets(st.sampled_from(_NAMES)), st.booleans()), max_size=5))
def test_columns_with_changes_are_those_of_everybody_read_again(
    first: Rows, steps: list[tuple[Rows, set[str], bool]]
) -> None:
    rows = dict(first)
    columns = _columns(rows)
    assert _answers(columns, has_derived=True) == _answers(_columns(rows), has_derived=True)
    for others, gone, has_derived in steps:
        rows |= others
        for name in gone:
            rows.pop(name, None)
        columns = columns.with_changes(others.keys() | gone)
        assert _answers(columns, has_derived=has_derived) == _answers(_columns(rows), has_derived=has_derived)


def test_only_the_customers_who_changed_are_computed_again() -> None:
    rows: Rows = {name: [2] for name in _NAMES}
    columns, seen, made = _columns(rows), list[list[str]](), list[str]()

    def compute(some: Columns) -> Ints:
        seen.append(list(some.names))
        return np.arange(len(some))

    columns.derive_each("seen", compute)
    _listed(columns, made)
    rows["c2"], rows["c9"] = [4], [6]
    columns = columns.with_changes({"c2", "c9"})
    rows["c3"] = [8]
    columns = columns.with_changes({"c3"})
    columns.derive_each("seen", compute)
    assert _listed(columns, made)[2:4] == [("c2", 4), ("c3", 8)]
    assert seen == [_NAMES, ["c2", "c3", "c9"]]
    assert made == [*_NAMES, "c2", "c3", "c9"]


def test_what_is_derived_is_bounded_by_number_and_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DERIVED_MAX", 3)
    columns = _columns({name: [1] for name in _NAMES})
    for number in range(5):
        columns.derive_each(number, _of_each)
    assert [*columns._derived] == [2, 3, 4]
    columns = columns.with_changes({"c1"})
    assert [*columns._former] == [2, 3, 4]
    columns.derive_each(3, _of_each)
    assert [*columns.with_changes({"c2"})._former] == [2, 4, 3]
    monkeypatch.setattr(module, "_DERIVED_BYTES_MAX", 1)
    columns.derive_each(5, _of_each)
    assert [*columns._derived] == [5]
    assert [*columns.with_changes({"c2"})._former] == []


def test_too_many_changes_lead_to_everybody_being_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FORMER_CHANGES_MAX", 2)
    columns = _columns({name: [1] for name in _NAMES})
    columns.derive_each("each", _of_each)
    for name in ("c1", "c2", "c3"):
        columns = columns.with_changes({name})
    assert [*columns._former] == []
