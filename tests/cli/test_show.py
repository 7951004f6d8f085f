from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relations.cli.options import moment
from relations.cli.show import bar, number, percent, span, spark
from relations.errors import InvalidInput


def test_a_bar_is_as_long_as_its_share() -> None:
    assert bar(0.0) == ""
    assert bar(1.0, 4) == "████"
    assert bar(0.5, 4) == "██"
    assert bar(9.9, 4) == "████"
    assert bar(None) == ""


def test_a_sparkline_keeps_a_place_for_what_is_missing() -> None:
    assert spark([0, None, 1]) == "▁ █"
    assert spark([]) == ""
    assert spark([0.0, 0.0]) == "▁▁"


def test_a_range_shows_both_ends_and_the_figure() -> None:
    assert span(-100, 0, 100, between=(-100, 100), width=5) == "├─●─┤"
    assert span(0.5, 0.5, 0.5, between=(0, 1), width=3) == "·●·"


def test_numbers_are_said_as_people_write_them() -> None:
    assert number(1_234_567) == "1,234,567"
    assert percent(0.123, 1) == "12.3%"
    assert percent(None) == number(None) == "\u2013"


def test_a_day_means_its_end_in_the_business_s_zone() -> None:
    assert moment("2024-05-01", "Europe/Vienna") == datetime(2024, 5, 1, 21, 59, 59, 999_999, tzinfo=UTC)
    assert moment("2024-03-31", "Europe/Vienna") == datetime(2024, 3, 31, 21, 59, 59, 999_999, tzinfo=UTC)
    assert moment("2024-05-01T10:00+02:00", "UTC") == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert moment(None, "UTC") is None
    with pytest.raises(InvalidInput) as refused:
        moment("2024-05-01T10:00", "UTC")
    assert refused.value.code == "naive_datetime"
