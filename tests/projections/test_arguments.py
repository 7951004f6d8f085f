"""Arguments that several views share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.errors import InvalidInput
from relations.projections.arguments import (
    Page,
    checked_choice,
    checked_month,
    formerly_by_offset,
    renamed_arguments,
)

NAMES = st.lists(st.text("abcxyz", min_size=1, max_size=4), unique=True, max_size=12)


@given(NAMES, st.integers(1, 5), st.booleans())
def test_pages_put_together_are_the_whole_list(names: list[str], limit: int, by_name: bool) -> None:
    listed = sorted(names) if by_name else names
    found: list[str] = []
    after: str | None = None
    while True:
        page = Page(limit, after)
        part = page.of_names(listed, str) if by_name else page.of_ranks(listed, str)
        if not part:
            break
        found += part
        after = part[-1]
    assert found == listed


def test_a_sorted_page_goes_on_after_an_entry_that_left_the_list() -> None:
    assert Page(2, "b").of_names(["a", "c", "d", "e"], str) == ["c", "d"]


@pytest.mark.parametrize("month", ["2024-13", "2024-00", "24-05", "2024-05-01", "", 5])
def test_what_is_not_a_month_is_refused(month: str) -> None:
    with pytest.raises(InvalidInput, match="is not a month") as caught:
        checked_month(month, "since")
    assert caught.value.field == "since"
    assert checked_month("2024-05", "since") == "2024-05"
    assert checked_month(None, "since") is None


@pytest.mark.parametrize("month", ["0001-01", "1899-12", "2200-02", "9999-12"])
def test_a_month_in_which_nothing_can_be_recorded_is_refused(month: str) -> None:
    with pytest.raises(InvalidInput, match=f"nothing can be recorded in {month}") as caught:
        checked_month(month, "since")
    assert (caught.value.code, caught.value.field) == ("time_out_of_range", "since")
    assert [checked_month(each, "since") for each in ("1900-01", "2200-01")] == ["1900-01", "2200-01"]


def test_an_unknown_choice_is_refused_with_those_that_there_are() -> None:
    checked_choice("lost", ("new", "lost"), "stage")
    checked_choice(None, (), "stage")
    with pytest.raises(InvalidInput, match="there is no stage 'gone'") as caught:
        checked_choice("gone", ("new", "lost"), "stage")
    assert (caught.value.code, caught.value.hint) == ("unknown_stage", "Give one of new, lost")


def test_a_page_cannot_be_negative_or_follow_nobody() -> None:
    with pytest.raises(InvalidInput, match="-1 entries"):
        Page(-1)
    with pytest.raises(InvalidInput, match="is named 'z'"):
        Page(1, "z").of_ranks(["b", "a"], str)


@formerly_by_offset()
def first_letters(*, limit: int | None = 3, after: str | None = None) -> list[str]:
    return Page(limit, after).of_names("abcdef", str)


@given(st.integers(0, 8), st.none() | st.integers(0, 8))
def test_a_former_offset_still_skips_entries_and_names_the_new_argument(offset: int, limit: int | None) -> None:
    former: Any = first_letters  # the present signature has no `offset`
    with pytest.warns(DeprecationWarning, match="`offset` is now called `after`"):
        found = former(offset=offset, limit=limit)
    assert found == list("abcdef"[offset : None if limit is None else offset + limit])


def test_a_former_offset_keeps_the_default_limit_and_must_not_be_negative() -> None:
    former: Any = first_letters
    with pytest.warns(DeprecationWarning, match="offset"):
        assert former(offset=2) == ["c", "d", "e"]
    with pytest.warns(DeprecationWarning, match="offset"), pytest.raises(InvalidInput) as caught:
        former(offset=-1)
    assert (caught.value.code, caught.value.field) == ("invalid_page", "offset")


def test_an_argument_is_found_by_its_former_name_for_one_more_version() -> None:
    @renamed_arguments(filed_from="since")
    def search(*, since: int = 0) -> int:
        return since

    former: Any = search
    with pytest.warns(DeprecationWarning, match="`filed_from` is now called `since`"):
        assert former(filed_from=5) == 5
    assert search(since=6) == 6
