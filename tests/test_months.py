"""One arithmetic of months: laws, and the calendar's own answers."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from relations.months import (
    add_months,
    first_day,
    last_day,
    month_name,
    month_of,
    months_after,
    months_between,
    months_until,
    period_start,
)

names = st.builds(month_name, st.integers(1900, 2199), st.integers(1, 12))
counts = st.integers(-1_000, 1_000)
days = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@given(names, counts, counts)
def test_steps_add_up_and_can_be_taken_back(month: str, first: int, second: int) -> None:
    assert months_after(months_after(month, first), second) == months_after(month, first + second)
    assert months_after(months_after(month, first), -first) == month
    assert (months_after(month, first) > month) == (first > 0)


@given(names, st.integers(1, 60))
def test_a_span_of_months_is_counted_alike_from_both_ends(month: str, count: int) -> None:
    until = months_until(month, count)
    assert len(until) == count
    assert list(reversed(until)) == months_between(until[-1], month)
    assert months_between(month, months_after(month, -1)) == []


@given(days)
def test_a_day_lies_in_its_own_month(day: date) -> None:
    month = month_of(day.toordinal())
    assert month == day.isoformat()[:7]
    assert first_day(month) <= day.toordinal() <= last_day(month)
    assert last_day(month) - first_day(month) + 1 == monthrange(day.year, day.month)[1]
    assert month_of(last_day(month) + 1) == months_after(month)


@given(days, st.integers(-600, 600))
def test_a_day_months_later_keeps_its_number_or_is_the_last(day: date, count: int) -> None:
    later = add_months(day, count)
    assert later is not None
    assert month_of(later.toordinal()) == months_after(month_of(day.toordinal()), count)
    assert later.day == min(day.day, monthrange(later.year, later.month)[1])


def test_beyond_the_calendar_there_is_no_day() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(9999, 12, 1), 1) is None
    assert add_months(date(1, 1, 1), -1) is None


def test_periods_begin_with_january() -> None:
    assert [period_start(month, 3) for month in ("2024-01", "2024-03", "2024-04", "2024-12")] == [
        "2024-01",
        "2024-01",
        "2024-04",
        "2024-10",
    ]
