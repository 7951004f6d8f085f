"""Arguments that several views share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.errors import InvalidInput
from relations.projections.arguments import Page, checked_choice, checked_month

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
