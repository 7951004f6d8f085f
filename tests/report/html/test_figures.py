"""Axes, steps and colours, without a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.report.html.figures import Scale, points, shade, staircase, ticks_at

NUMBERS = st.floats(-1e9, 1e9).map(lambda value: round(value, 3))


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_an_axis_holds_every_value_between_its_ends(values: list[float]) -> None:
    scale = Scale(values)
    assert scale.high > scale.low
    assert all(-1e-4 <= scale.place(value) <= 100 + 1e-4 for value in values)
    ticks = scale.ticks
    assert 2 <= len(ticks) <= 12
    assert all(-1e-4 <= scale.place(tick) <= 100 + 1e-4 for tick in ticks)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([3, 47], [0, 20, 40, 60]),
        ([0.915, 0.998], [0.9, 0.95, 1.0]),
        ([-41, 62], [-50, 0, 50, 100]),
        ([0, 260_000], [0, 100_000, 200_000, 300_000]),
    ],
)
def test_ticks_are_round(values: list[float], ticks: list[float]) -> None:
    assert Scale(values).ticks == pytest.approx(ticks)


def test_an_axis_stays_within_what_is_possible() -> None:
    shares = Scale([0.99, 1.0], floor=0.0, ceiling=1.0)
    assert shares.high == 1.0
    same = Scale([1.0, 1.0], floor=0.0, ceiling=1.0)
    assert same.low < 1.0 == same.high
    none = Scale([0.0], floor=0.0)
    assert none.low == 0.0 < none.high


@given(st.lists(st.integers(0, 100).map(str), min_size=1, max_size=40), st.integers(2, 6))
def test_few_labels_are_shown_and_the_last_is_among_them(labels: list[str], most: int) -> None:
    shown = ticks_at(labels, most)
    assert len(shown) <= most
    assert shown[-1] == (100 * (len(labels) - 0.5) / len(labels), labels[-1])


def test_a_staircase_holds_each_value_until_the_next() -> None:
    assert staircase([(0, 100), (5, 80), (9, 20)]) == [(0, 100), (5, 100), (5, 80), (9, 80), (9, 20)]
    assert points([(0, 100), (5, 25)]) == "0.00,0.00 5.00,75.00"


def test_more_is_darker() -> None:
    depths = [shade(depth / 10) for depth in range(-1, 12)]
    lights = [sum(bytes.fromhex(colour[1:])) for colour in depths]
    assert lights == sorted(lights, reverse=True)
    assert lights[0] == lights[1], "there is nothing paler than none"
    assert len(set(lights)) == 11
