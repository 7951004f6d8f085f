"""The maps of states behave as dictionaries of which every version is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.maps import EMPTY, LayeredMap, with_item, with_items, without_item
from relations.log.codec import decode_state, encode_state

_KEYS = st.integers(0, 90).map(str)
_CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), _KEYS, st.integers()),
        st.tuples(st.just("remove"), _KEYS, st.just(0)),
        st.tuples(st.just("read"), _KEYS, st.just(0)),
    ),
    max_size=60,
)
_SIZES = st.sampled_from([0, 1, 47, 48, 49, 90, 400])


def _changed(held: Any, model: dict[str, int], change: tuple[str, str, int]) -> tuple[Any, dict[str, int]]:
    what, key, value = change
    if what == "set":
        return with_item(held, key, value), {**model, key: value}
    if what == "remove":
        if key not in model:
            with pytest.raises(KeyError):
                without_item(held, key)
            return held, model
        return without_item(held, key), {name: each for name, each in model.items() if name != key}
    assert list(held.values()) == [held[name] for name in held]  # it goes on from what was read
    return held, model


def _is_same(held: Any, model: dict[str, int]) -> bool:
    assert dict(held.items()) == model
    assert held == model
    assert model == held
    assert len(held) == len(model)
    assert set(held) == set(held.keys()) == set(model)
    assert sorted(held.values()) == sorted(model.values())
    for key in (*list(model)[:3], "0", "7", "missing"):
        assert held.get(key) == model.get(key)
        assert held.get(key, "other") == model.get(key, "other")
        assert (key in held) == (key in model)
        if key in model:
            assert held[key] == model[key]
        else:
            with pytest.raises(KeyError):
                held[key]
    return True


@given(size=_SIZES, changes=_CHANGES, branch=_CHANGES)
def test_every_version_stays_as_it_was_whatever_is_made_of_it(
    size: int, changes: list[tuple[str, str, int]], branch: list[tuple[str, str, int]]
) -> None:
    model = {str(n): n for n in range(size)}
    held: Any = EMPTY if size == 0 else with_items(EMPTY, model)
    versions = [(held, model)]
    for change in changes:
        versions.append(_changed(*versions[-1], change))
    # A second line of versions begins in the middle of the first, as when a decision is refused.
    versions.append(versions[len(versions) // 2])
    for change in branch:
        versions.append(_changed(*versions[-1], change))
    assert all(_is_same(held, model) for held, model in versions)


class Shelf(msgspec.Struct, frozen=True):
    items: Any = EMPTY


@given(size=_SIZES, changes=_CHANGES)
def test_a_map_is_stored_as_the_dictionary_that_it_stands_for(size: int, changes: list[tuple[str, str, int]]) -> None:
    model = {str(n): n for n in range(size)}
    held: Any = with_items(EMPTY, model)
    for change in changes:
        held, model = _changed(held, model, change)
    stored = encode_state(Shelf(held))
    assert stored == encode_state(Shelf(model))
    assert decode_state(stored, Shelf).items == model


def test_a_long_map_shares_its_entries_between_versions() -> None:
    held: Any = with_items(EMPTY, {str(n): n for n in range(10_000)})
    assert type(held) is LayeredMap
    after: Any = with_item(with_item(held, "a", 1), "b", 2)
    assert after._base is held._base
    assert (after["a"], after["b"], len(after), len(held)) == (1, 2, 10_002, 10_000)


def test_many_entries_in_a_row_are_folded_into_new_dictionaries_now_and_then() -> None:
    held: Any = EMPTY
    bases = set()
    for n in range(5_000):
        held = with_item(held, n, n)
        if type(held) is LayeredMap:
            bases.add(id(held._base))
            assert len(held._changes) <= max(16, 2 * 71)
    assert held == {n: n for n in range(5_000)}
    assert 1 < len(bases) < 400


def test_the_empty_map_that_states_share_refuses_to_be_filled() -> None:
    shared: Any = EMPTY
    with pytest.raises(TypeError, match="with_item"):
        shared["a"] = 1
    with pytest.raises(TypeError, match="with_item"):
        shared.update(a=1)
    assert EMPTY == {}


def test_a_map_has_no_hash_and_differs_from_other_things() -> None:
    held = LayeredMap({1: 2})
    with pytest.raises(TypeError):
        hash(held)
    assert held != 3
    assert held == LayeredMap({1: 2})
    assert repr(held) == "LayeredMap({1: 2})"
