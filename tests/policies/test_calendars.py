"""The business's own days and months are those of its zone's clocks, at every instant."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.policies.calendars import LocalTime

_SECOND = 1_000_000
_QUARTER_HOUR = 900 * _SECOND
_SINCE_1973 = 94_694_400 * _SECOND


def by_clock(zone: str, micros: int) -> tuple[int, str]:
    local = datetime.fromtimestamp(micros // _SECOND, UTC).astimezone(ZoneInfo(zone))
    return local.toordinal(), f"{local.year:04d}-{local.month:02d}"


@given(
    st.sampled_from(sorted(available_timezones())),
    st.lists(st.integers(0, 60 * 366 * 86_400 * _SECOND), min_size=1, max_size=20),
)
def test_days_and_months_are_those_of_the_clock(zone: str, instants: list[int]) -> None:
    local = LocalTime(zone)
    for instant in instants:
        micros = _SINCE_1973 + instant
        assert (local.day(micros), local.month(micros)) == by_clock(zone, micros)


@pytest.mark.parametrize(
    ("zone", "year"),
    [
        ("Europe/Vienna", 2024),
        ("America/Havana", 2024),  # clocks move at midnight
        ("Asia/Beirut", 2023),
        ("Pacific/Apia", 2011),  # a day that never was
        ("America/Sao_Paulo", 2018),
        ("Australia/Lord_Howe", 2024),  # by half an hour
        ("Asia/Kathmandu", 2024),
    ],
)
def test_every_quarter_hour_of_a_year_falls_on_the_clocks_own_day(zone: str, year: int) -> None:
    local = LocalTime(zone)
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * _SECOND
    seen = set()
    for quarter in range(366 * 96):
        for micros in (first + quarter * _QUARTER_HOUR, first + (quarter + 1) * _QUARTER_HOUR - 1):
            day, month = by_clock(zone, micros)
            assert (local.day(micros), local.month(micros)) == (day, month)
            seen.add(day)
    assert len(seen) > 360
