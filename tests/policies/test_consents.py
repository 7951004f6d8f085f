"""Consents of one person under several ids, against a slow oracle that looks at every instant."""

from __future__ import annotations

from hypothesis import event, given
from hypothesis import strategies as st

from relations.policies.consents import Change, order, said_as_one, standing_at

MERGED_AT = 30
changes = st.lists(st.tuples(st.integers(0, 60), st.none() | st.sampled_from(["consent", "contract"])), max_size=5).map(
    lambda found: sorted(found, key=order)
)


def last(said: list[Change], moment: int) -> Change | None:
    return max((change for change in said if change[0] <= moment), key=order, default=None)


@given(changes, changes)
def test_before_the_merge_the_strictest_word_holds_and_after_it_the_newest(
    one: list[Change], other: list[Change]
) -> None:
    words = said_as_one({"old": one, "new": other}, [(MERGED_AT, "old", "new")])
    for moment in range(62):
        found = standing_at(words, moment)
        after = [change for change in (*one, *other) if MERGED_AT < change[0] <= moment]
        if after:
            # The law of one customer: everything said after the merge counts as if one customer had said it.
            assert found == last([*one, *other], moment)
            event("said after the merge")
            continue
        each = [change for change in (last(one, min(moment, 30)), last(other, min(moment, 30))) if change is not None]
        withdrawn = [change for change in each if change[1] is None]
        assert found == max(withdrawn or each, key=order, default=None)


@given(changes)
def test_one_id_says_what_it_said(said: list[Change]) -> None:
    words = said_as_one({"only": said}, [])
    for moment in range(62):
        assert standing_at(words, moment) == last(said, moment)


def test_a_word_after_one_merge_stands_when_a_third_id_is_merged() -> None:
    said: dict[str, list[Change]] = {"a": [(10, None)], "b": [(40, "consent")], "c": [(5, "consent")]}
    merges = [(30, "a", "b"), (60, "c", "b")]
    assert standing_at(said_as_one(said, merges), 70) == (40, "consent")
    assert standing_at(said_as_one(said, [*merges, (20, "b", "d")]), 70) == (40, "consent")
