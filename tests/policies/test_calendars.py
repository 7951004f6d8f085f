"""The business's own days and months are those of its zone's clocks, at every instant."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.errors import InvalidInput
from relations.messages import from_micros
from relations.policies.calendars import LocalTime, _zone_names, time_zone, zone_data_version

_SECOND = 1_000_000
_QUARTER_HOUR = 900 * _SECOND
_SINCE_1930 = -1_262_304_000 * _SECOND


def by_clock(zone: str, micros: int) -> tuple[int, str]:
    local = datetime.fromtimestamp(micros // _SECOND, UTC).astimezone(time_zone(zone))
    return local.toordinal(), f"{local.year:04d}-{local.month:02d}"


@given(
    st.sampled_from(sorted(_zone_names())),
    st.lists(st.integers(0, 110 * 366 * 86_400 * _SECOND), min_size=1, max_size=20),
)
def test_days_and_months_are_those_of_the_clock(zone: str, instants: list[int]) -> None:
    local = LocalTime(zone)
    for instant in instants:
        micros = _SINCE_1930 + instant
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
        ("America/St_Johns", 2010),  # back from 00:01 to 23:01, so midnight comes twice
        ("Pacific/Kiritimati", 1979),  # from -10:40 to -10:00
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


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Africa/Cairo", date(2024, 4, 26), "2024-04-26T01:00:00+03:00"),
        ("Asia/Beirut", date(2024, 3, 31), "2024-03-31T01:00:00+03:00"),
        ("America/Santiago", date(2023, 9, 3), "2023-09-03T01:00:00-03:00"),
        ("America/Havana", date(2024, 3, 10), "2024-03-10T01:00:00-04:00"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T01:00:00-02:00"),
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T00:30:00-04:00"),  # from 23:30 to 00:30
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-31T00:00:00+14:00"),  # there was no such day
        ("Europe/Vienna", date(2024, 3, 31), "2024-03-31T00:00:00+01:00"),
    ],
)
def test_a_day_without_a_midnight_begins_at_its_first_instant(zone: str, day: date, first: str) -> None:
    local = LocalTime(zone)
    found = local.start(day)
    assert local.moment(found).isoformat() == first
    assert local.moment(found - 1).date() < day <= local.moment(found).date()


@given(st.sampled_from(sorted(_zone_names())), st.dates(date(1930, 1, 1), date(2050, 1, 1)))
def test_the_start_of_a_day_is_its_first_instant(zone: str, day: date) -> None:
    local = LocalTime(zone)
    found = local.start(day)
    assert local.moment(found).date() >= day
    assert local.moment(found - 1).date() < day


def test_zones_are_those_of_the_package_whatever_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zone_data_version()[:4].isdecimal()
    monkeypatch.setenv("PYTHONTZPATH", "/nowhere")
    time_zone.cache_clear()
    noon = from_micros(1_720_000_000_000_000)
    assert noon.astimezone(time_zone("Europe/Vienna")).utcoffset() is not None
    assert time_zone("Europe/Vienna").key == "Europe/Vienna"


@pytest.mark.parametrize("name", ["", "Vienna", "europe/vienna", "../../etc/passwd", "posix/UTC", "Europe", "/UTC"])
def test_other_names_are_not_zones(name: str) -> None:
    with pytest.raises(InvalidInput, match="not an IANA time zone"):
        time_zone(name)
