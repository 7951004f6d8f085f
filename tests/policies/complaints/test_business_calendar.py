"""Working time against an oracle that looks at the clock on the wall minute by minute."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from relations.errors import InvalidInput, MissingExtra
from relations.messages import from_micros, to_micros
from relations.policies.complaints.business_calendar import BusinessCalendar, OwnDay, public_holidays

MINUTE = 60_000_000
HOUR = 60 * MINUTE
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALL_DAY = ("00:00-24:00",)
# Clocks that change by an hour, by half an hour, at midnight, by 45 minutes off the hour, and a day left out.
ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu",
         "Pacific/Apia", "America/St_Johns")  # fmt: skip
# Around changes of clocks: Vienna, New York, Lord Howe, Apia's lost day, St John's at one minute past midnight.
MONDAYS = (date(2024, 3, 29), date(2024, 10, 25), date(2024, 11, 1), date(2024, 4, 5), date(2011, 12, 28),
           date(2010, 11, 5), date(2024, 3, 8), date(2024, 6, 3))  # fmt: skip


def at(day: date, hour: float = 0, zone: str = "UTC") -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(hours=hour))


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@st.composite
def shifts(draw: st.DrawFn) -> tuple[str, ...]:
    marks = sorted(draw(st.lists(st.integers(0, 48).map(lambda half: half * 30), unique=True, max_size=6)))
    return tuple(f"{clock(low)}-{clock(high)}" for low, high in zip(marks[::2], marks[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[BusinessCalendar, int]:
    """A calendar, and the start of the two weeks to look at."""
    first = draw(st.sampled_from(MONDAYS))
    days = st.integers(0, 14).map(lambda ahead: first + timedelta(days=ahead))
    week = {day: draw(shifts() | st.just(ALL_DAY) | st.just(())) for day in WEEK}
    if not any(week.values()):
        week["monday"] = ("08:00-12:00", "13:00-17:30")
    own = draw(st.dictionaries(days, shifts(), max_size=2))
    holidays, worked = draw(st.sets(days, max_size=3)), draw(st.sets(days, max_size=2))
    calendar = BusinessCalendar(
        zone=draw(st.sampled_from(ZONES)),
        holidays=tuple(holidays),
        worked_days=tuple(worked - holidays),
        own_days=tuple(OwnDay(day=day, shifts=hours) for day, hours in own.items()),
        **week,
    )
    return calendar, at(first)


def is_worked(calendar: BusinessCalendar, micros: int) -> bool:
    wall = from_micros(micros).astimezone(ZoneInfo(calendar.zone))
    own = {each.day: each.shifts for each in calendar.own_days}
    day = wall.date()
    if day in own:
        hours = own[day]
    elif day in calendar.holidays:
        hours = ()
    else:
        hours = getattr(calendar, WEEK[day.weekday()])
        if not hours and day in calendar.worked_days:
            hours = next(each for each in calendar.week if each)
    minute = wall.hour * 60 + wall.minute
    spans = [[int(part[:2]) * 60 + int(part[3:]) for part in shift.split("-")] for shift in hours]
    return any(low <= minute < high for low, high in spans)


moments = st.integers(0, 12 * 24 * 60)
pauses_of_minutes = st.lists(st.tuples(moments, st.integers(0, 3_000)).map(lambda p: (p[0], p[0] + p[1])), max_size=4)


def micros(base: int, pauses: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(base + low * MINUTE, base + high * MINUTE) for low, high in pauses]


@given(calendars(), moments, st.integers(0, 4_000), pauses_of_minutes)
def test_it_equals_an_oracle_that_looks_at_every_minute(
    drawn: tuple[BusinessCalendar, int], start: int, length: int, pauses: list[tuple[int, int]]
) -> None:
    calendar, base = drawn
    begin, end = base + start * MINUTE, base + (start + length) * MINUTE
    minutes = range(start, start + length)
    worked = [minute for minute in minutes if is_worked(calendar, base + minute * MINUTE)]
    free = [minute for minute in worked if not any(low <= minute < high for low, high in pauses)]
    time = calendar.time
    assert time.between(begin, end) == len(worked) * MINUTE
    assert time.used(begin, end, micros(base, pauses)) == len(free) * MINUTE
    for amount in {1, len(free) // 2, len(free)} - {0}:
        if amount <= len(free):
            found = time.after(begin, amount * MINUTE, micros(base, pauses))
            assert found == base + (free[amount - 1] + 1) * MINUTE
    event(f"{min(len(free) // 500, 5) * 500} minutes or more")


@given(calendars(), moments, st.integers(1, 10**11), pauses_of_minutes)
def test_after_an_amount_so_much_has_gone_by_and_not_before(
    drawn: tuple[BusinessCalendar, int], start: int, amount: int, pauses: list[tuple[int, int]]
) -> None:
    calendar, base = drawn
    begin, stood = base + start * MINUTE, micros(base, pauses)
    due = calendar.time.after(begin, amount, stood)
    assert calendar.time.used(begin, due, stood) == amount
    assert calendar.time.used(begin, due - 1, stood) == amount - 1


@given(calendars(), moments, moments, moments, pauses_of_minutes)
def test_used_time_adds_up(
    drawn: tuple[BusinessCalendar, int], a: int, b: int, c: int, pauses: list[tuple[int, int]]
) -> None:
    calendar, base = drawn
    low, middle, high = sorted(base + each * MINUTE for each in (a, b, c))
    time, stood = calendar.time, micros(base, pauses)
    assert time.between(low, middle) + time.between(middle, high) == time.between(low, high)
    assert time.used(low, middle, stood) + time.used(middle, high, stood) == time.used(low, high, stood)
    assert 0 <= time.used(low, high, stood) <= time.between(low, high) <= high - low


@given(calendars(), moments, st.integers(0, 10**11), st.integers(0, 10**11))
def test_amounts_add_up(drawn: tuple[BusinessCalendar, int], start: int, first: int, second: int) -> None:
    calendar, base = drawn
    time, begin = calendar.time, base + start * MINUTE
    assert time.after(time.after(begin, first), second) == time.after(begin, first + second)


@given(calendars(), moments, st.integers(0, 10**11), st.integers(0, 10**10), pauses_of_minutes, pauses_of_minutes)
def test_a_deadline_is_monotone_in_its_target_and_in_paused_working_time(
    drawn: tuple[BusinessCalendar, int],
    start: int,
    amount: int,
    more: int,
    pauses: list[tuple[int, int]],
    others: list[tuple[int, int]],
) -> None:
    calendar, base = drawn
    time, begin = calendar.time, base + start * MINUTE
    stood, longer = micros(base, pauses), micros(base, pauses + others)
    due = time.after(begin, amount, stood)
    assert due <= time.after(begin, amount + more, stood)
    assert due <= time.after(begin, amount, longer)
    # A pause outside of working time takes nothing off: only what both have in common counts.
    lost = time.between(begin, due) - time.used(begin, due, longer)
    assert time.used(begin, due, stood) - time.used(begin, due, longer) <= lost


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 6, 2), 24)])
def test_days_have_23_24_or_25_hours(day: date, hours: int) -> None:
    calendar = BusinessCalendar.all_day("days", zone="Europe/Vienna", weekends=True, holidays=[date(2024, 1, 1)])
    begin, end = at(day, zone="Europe/Vienna"), at(day + timedelta(days=1), zone="Europe/Vienna")
    assert end - begin == hours * HOUR
    assert calendar.time.between(begin, end) == hours * HOUR
    assert calendar.time.after(begin, hours * HOUR) == end


def test_an_hour_that_clocks_skip_is_no_working_time_and_one_that_comes_twice_counts_twice() -> None:
    night = BusinessCalendar(zone="Europe/Vienna", sunday=("02:00-03:00",))
    spring, autumn = date(2024, 3, 31), date(2024, 10, 27)
    assert night.time.between(at(spring), at(spring, 24)) == 0
    assert night.time.between(at(autumn), at(autumn, 24)) == 2 * HOUR


def test_split_shifts_holidays_and_own_days() -> None:
    calendar = BusinessCalendar(
        name="Vienna 2024",
        zone="Europe/Vienna",
        thursday=("08:00-12:00", "13:00-17:00"),
        holidays=(date(2024, 12, 25), date(2024, 12, 26)),
        own_days=(OwnDay(day=date(2024, 12, 24), shifts=("08:00-12:00",)), OwnDay(day=date(2024, 12, 28), shifts=())),
    )
    eve = at(date(2024, 12, 24), 11, "Europe/Vienna")
    assert calendar.time.after(eve, HOUR) == at(date(2024, 12, 24), 12, "Europe/Vienna")
    assert calendar.time.after(eve, HOUR + 1) == at(date(2024, 12, 27), 9, "Europe/Vienna") + 1
    thursday = at(date(2024, 12, 19), 11, "Europe/Vienna")
    assert calendar.time.after(thursday, 2 * HOUR) == at(date(2024, 12, 19), 14, "Europe/Vienna")


def test_a_period_in_days_ends_with_the_last_worked_one() -> None:
    # Filed on Friday 20 December: 15 business days without the two holidays and New Year.
    off = [date(2024, 12, 25), date(2024, 12, 26), date(2025, 1, 1), date(2025, 1, 6)]
    time = BusinessCalendar.all_day("bank days", zone="Europe/Vienna", holidays=off).time
    filed = at(date(2024, 12, 20), 15, "Europe/Vienna")
    assert time.end_of_days(filed, days=1) == at(date(2024, 12, 24), 0, "Europe/Vienna")
    assert time.end_of_days(filed, days=15) == at(date(2025, 1, 17), 0, "Europe/Vienna")
    # A month on from 31 January; and one that ends on a Saturday ends on the Monday after it.
    assert time.end_of_days(at(date(2023, 1, 31), 9, "Europe/Vienna"), months=1) == at(
        date(2023, 3, 1), 0, "Europe/Vienna"
    )
    assert time.end_of_days(at(date(2024, 5, 1), 9, "Europe/Vienna"), months=1) == at(
        date(2024, 6, 4), 0, "Europe/Vienna"
    )


def test_a_calendar_that_is_always_open_is_elapsed_time() -> None:
    time = BusinessCalendar.all_day("always", zone="Europe/Vienna", weekends=True).time
    assert time.always
    assert time.after(5, 10**15) == 5 + 10**15


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (dict.fromkeys(WEEK, ()), "at least one weekday"),
        ({"monday": ("22:00-06:00",)}, "split a shift"),
        ({"monday": ("9-17",)}, "write it as"),
        ({"monday": ("09:00-25:00",)}, "must end after"),
        ({"monday": ("09:00-12:00", "11:00-15:00")}, "must not overlap"),
        ({"zone": "Mars/Base"}, "IANA"),
        ({"own_days": [{"day": "2024-01-01"}, {"day": "2024-01-01"}]}, "listed only once"),
    ],
)
def test_calendars_that_make_no_sense_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        BusinessCalendar(**fields)


def test_a_calendar_in_which_working_days_never_come_says_so() -> None:
    only = BusinessCalendar(zone="Asia/Tokyo", **dict.fromkeys(WEEK[1:], ()), monday=("09:00-09:30",))
    assert only.time.after(0, HOUR) > 0
    monday = date(1950, 1, 2)
    off = tuple(monday + timedelta(weeks=week) for week in range(4_000))
    never = only.model_copy(update={"holidays": off})
    with pytest.raises(InvalidInput, match="that much working time"):
        never.time.after(at(monday), HOUR)
    with pytest.raises(InvalidInput, match="that many working days"):
        never.time.end_of_days(at(monday), days=1)


def test_a_calendar_survives_the_log() -> None:
    calendar = BusinessCalendar(zone="Europe/Vienna", holidays=(date(2024, 12, 26), date(2024, 12, 25)))
    assert calendar.time.between(0, HOUR) == 0
    assert BusinessCalendar.model_validate_json(calendar.model_dump_json()) == calendar
    assert calendar.holidays == (date(2024, 12, 25), date(2024, 12, 26))


def test_holidays_of_countries_are_plain_dates() -> None:
    pytest.importorskip("holidays")
    found = public_holidays("AT", [2026])
    assert date(2026, 10, 26) in found
    assert BusinessCalendar(holidays=found).holidays == found
    with pytest.raises(InvalidInput, match="no holidays are known"):
        public_holidays("ZZ", [2026])


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtra, match="holidays") as missing:
        public_holidays("AT", [2026])
    assert missing.value.extra == "calendars"


def test_weekend_days_that_are_worked_in_exchange_count_as_working_time() -> None:
    pytest.importorskip("holidays")
    found = public_holidays("CN", [2026])
    assert date(2026, 2, 14) in found.worked
    calendar = BusinessCalendar(name="Shanghai 2026", zone="Asia/Shanghai", holidays=found)
    assert calendar.worked_days == found.worked
    friday = to_micros(datetime(2026, 2, 13, 16, tzinfo=ZoneInfo("Asia/Shanghai")))
    assert from_micros(calendar.time.after(friday, 8 * HOUR)).astimezone(ZoneInfo("Asia/Shanghai")) == datetime(
        2026, 2, 14, 16, tzinfo=ZoneInfo("Asia/Shanghai")
    )
    days = BusinessCalendar.all_day("days", zone="Asia/Shanghai", holidays=found)
    assert days.worked_days == found.worked
    assert date(2023, 2, 18) in public_holidays("TW", [2023]).worked


def test_a_year_without_a_decree_is_an_estimate() -> None:
    pytest.importorskip("holidays")
    assert public_holidays("CN", [2025, 2026, 2080]).estimated == (2080,)
    assert public_holidays("AT", [2026, 2080]).estimated == ()
    assert public_holidays("EG", [2080]).estimated == (2080,)


@pytest.mark.parametrize("shift", ["00:00-23:59", "00:00-24:00"])
def test_a_shift_until_the_last_minute_is_a_whole_day(shift: str) -> None:
    whole = BusinessCalendar(**dict.fromkeys(WEEK, (shift,)))
    start = to_micros(datetime(2026, 2, 13, tzinfo=UTC))
    assert whole.time.between(start, start + 24 * HOUR) == 24 * HOUR
    assert whole.time.always


def test_a_day_cannot_be_a_holiday_and_worked() -> None:
    with pytest.raises(InvalidInput, match="both a holiday and a worked day"):
        BusinessCalendar(holidays=(date(2026, 2, 14),), worked_days=(date(2026, 2, 14),))
