"""That nothing shown can be added up or subtracted to figures about too few people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st

from relations.projections.satisfaction.cuts import Cuts, Facts, Sort
from relations.projections.satisfaction.disclosure import Disclosure

Counted = list[tuple[str, tuple[str, ...]]]


def rank(rows: Iterable[Sequence[int]]) -> int:
    """The rank of a matrix of whole numbers, exactly."""
    left = [[Fraction(value) for value in row] for row in rows]
    found = 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in range(found, len(left)) if left[row][column]), None)
        if pivot is None:
            continue
        left[found], left[pivot] = left[pivot], left[found]
        for row in range(found + 1, len(left)):
            factor = left[row][column] / left[found][column]
            left[row] = [one - factor * other for one, other in zip(left[row], left[found], strict=True)]
        found += 1
    return found


def incidence(counted: Counted, figures: Iterable[str]) -> list[list[int]]:
    return [[int(figure in names) for _, names in counted] for figure in figures]


def told_about_fewer(counted: Counted, shown: Iterable[str], minimum: int) -> tuple[str, ...] | None:
    """Return the people that some combination of shown figures is about alone, if they are fewer than the minimum.

    A combination is about nobody but some respondents where it vanishes on all answers of the others. There is one that
    does not vanish altogether exactly where the others' answers have a lower rank.
    """
    figures = sorted(shown)
    whole = rank(incidence(counted, figures))
    people = sorted({who for who, _ in counted})
    for few in combinations(people, min(minimum - 1, len(people))):
        others = [(who, names) for who, names in counted if who not in few]
        if rank(incidence(others, figures)) < whole:
            return few
    return None


def decided(counted: Counted, minimum: int, levels: Iterable[Sequence[str]]) -> set[str]:
    listed = sorted(counted)
    people = sorted({who for who, _ in listed})
    who = np.array([people.index(each) for each, _ in listed], np.int64)
    disclosure = Disclosure(minimum, [frozenset(names) for _, names in listed], np.arange(len(listed)), who)
    shown: set[str] = set()
    for level in levels:
        shown |= disclosure.admit(level)
    return {name for name in shown if any(name in names for _, names in counted)}


people = st.sampled_from(["ann", "bo", "cy", "di", "eve", "fay", "gus", "hal", "ida"])
places = st.tuples(people, st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("pq"))
answers = st.lists(places, max_size=26)


@given(answers, st.integers(2, 4))
def test_no_combination_of_overlapping_cuts_is_about_too_few(found: list[Any], minimum: int) -> None:
    counted: Counted = [
        (who, ("all", month, place, channel, month + place, place + channel)) for who, month, place, channel in found
    ]
    levels = [["all"], ["a", "b", "c"], ["x", "y", "z"], ["p", "q"], [m + p for m in "abc" for p in "xyz"]]
    levels.append([p + c for p in "xyz" for c in "pq"])
    shown = decided(counted, minimum, levels)
    event(f"shown: {min(len(shown), 6)}")
    assert told_about_fewer(counted, shown, minimum) is None


@given(st.lists(st.tuples(people, st.sampled_from(["r1", "r2", "e1", "e2", "t1"])), max_size=24), st.integers(2, 4))
def test_no_item_of_few_can_be_told_from_its_dimension_and_the_whole(found: list[Any], minimum: int) -> None:
    counted: Counted = [(who, ("all", item[0], item)) for who, item in found]
    shown = decided(counted, minimum, [["all"], ["r", "e", "t"], ["r1", "r2", "e1", "e2", "t1"]])
    event(f"shown: {min(len(shown), 6)}")
    assert told_about_fewer(counted, shown, minimum) is None


@given(answers, st.integers(1, 4))
def test_what_is_asked_next_takes_nothing_back(found: list[Any], minimum: int) -> None:
    counted: Counted = [(who, ("all", month, place, month + place)) for who, month, place, _ in found]
    first = decided(counted, minimum, [["all"], ["a", "b", "c"]])
    more = decided(counted, minimum, [["all"], ["a", "b", "c"], ["x", "y", "z"], ["ax", "by"]])
    assert first == {name for name in more if name in {"all", "a", "b", "c"}}
    assert first == decided(list(reversed(counted)), minimum, [["all"], ["a", "b", "c"]])


def test_a_cut_of_large_groups_is_shown_whole() -> None:
    counted: Counted = [
        (f"{month}{place}{number}", ("all", month, place)) for month in "abc" for place in "xy" for number in range(4)
    ]
    assert decided(counted, 4, [["all"], ["a", "b", "c"], ["x", "y"]]) == {"all", "a", "b", "c", "x", "y"}


def test_the_same_people_month_after_month_are_shown_every_month() -> None:
    counted: Counted = [(f"c{number}", ("all", month)) for month in "abcdef" for number in range(5)]
    assert decided(counted, 5, [["all"], list("abcdef")]) == {"all", *"abcdef"}


def test_one_small_group_takes_the_smallest_large_one_with_it() -> None:
    sizes = {"a": 9, "b": 6, "c": 1}
    counted: Counted = [(f"{name}{number}", ("all", name)) for name, size in sizes.items() for number in range(size)]
    assert decided(counted, 5, [["all"], ["a", "b", "c"]]) == {"all", "a"}


def test_a_month_that_was_asked_in_one_place_is_not_subtracted_from_it() -> None:
    # desk less January is the one answer at the desk in February.
    counted: Counted = [(f"j{number}", ("all", "jan", "desk")) for number in range(10)]
    counted += [("f0", ("all", "feb", "desk")), *((f"f{number}", ("all", "feb", "spa")) for number in range(1, 11))]
    shown = decided(counted, 5, [["all"], ["jan", "feb"], ["desk", "spa"]])
    assert shown == {"all", "feb", "jan"}


def test_a_group_counts_people_not_answers() -> None:
    counted: Counted = [("ann", ("all",)) for _ in range(22)]
    assert decided(counted, 5, [["all"]]) == set()


Said = tuple[str, Sort]


def said_by(who: str, month: str, touchpoint: str, channel: str, *segments: str) -> Said:
    return who, Sort(month, touchpoint, channel, "", "", segments, "none", "nps")


def as_facts(said: Sequence[Said]) -> Facts:
    who, sorts = sorted({name for name, _ in said}), list(dict.fromkeys(sort for _, sort in said))
    return Facts(
        sorts,
        np.array([sorts.index(sort) for _, sort in said], np.int64),
        np.array([who.index(name) for name, _ in said], np.int64),
        {"number": np.arange(len(said))},
    )


facts = st.lists(
    st.builds(said_by, people, st.sampled_from(["2024-01", "2024-02"]), st.sampled_from("xy"), st.sampled_from("pq")),
    max_size=18,
)
CUTS = (("month",), ("month", "channel"), ("touchpoint", "channel"), ("month", "touchpoint", "channel"))
cuts = st.sampled_from(CUTS)


@given(facts, cuts, st.integers(2, 3))
def test_any_question_may_be_seen_beside_the_report(said: list[Said], by: tuple[str, ...], minimum: int) -> None:
    report, asked = Cuts(as_facts(said), minimum), Cuts(as_facts(said), minimum, by)
    standing = [(), ("month",), ("touchpoint",), ("channel",)]
    for cut in standing:
        assert [group.shown for group in report.groups(cut)] == [group.shown for group in asked.groups(cut)]
    shown = [
        (cut, group)
        for cut in [*standing, *(coarser for size in (2, 3) for coarser in combinations(by, size))]
        for group in asked.groups(cut)
        if group.shown and len(group.facts)
    ]
    named = {f"{cut} {tuple(group.of.values())}": set(group.facts["number"].tolist()) for cut, group in shown}
    counted: Counted = [
        (who, tuple(name for name, members in named.items() if number in members))
        for number, (who, _) in enumerate(said)
    ]
    event(f"shown: {min(len(named), 8)}")
    assert told_about_fewer(counted, named, minimum) is None


def test_who_belongs_to_two_segments_counts_in_both() -> None:
    said = [said_by(f"c{number}", "2024-01", "x", "p", "loyal", "near") for number in range(3)]
    said += [said_by(f"d{number}", "2024-01", "x", "p", "loyal") for number in range(3)]
    found = Cuts(as_facts(said), 3, ("segment",)).groups(("segment",))
    assert [(group.of["segment"], len(group.facts), group.shown) for group in found] == [
        ("loyal", 6, True),
        ("near", 3, True),
    ]
