"""The arithmetic of calendar months, on dates and on names such as `2024-05`."""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, date
from functools import lru_cache

__all__ = [
    "add_months",
    "first_day",
    "last_day",
    "month_name",
    "month_number",
    "month_of",
    "month_of_number",
    "months_after",
    "months_between",
    "months_until",
    "period_start",
]

_REMEMBERED = 8_192


def month_name(year: int, month: int) -> str:
    """Return the name of a month."""
    return f"{year:04d}-{month:02d}"


@lru_cache(maxsize=65_536)
def month_of(day: int) -> str:
    """Return the month of a day's ordinal (`date.toordinal`)."""
    found = date.fromordinal(day)
    return month_name(found.year, found.month)


def month_number(month: str) -> int:
    """Return the number of a month, counted from the first month of the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def month_of_number(number: int) -> str:
    """Return the name of the month with a number (`month_number`)."""
    return month_name(number // 12, number % 12 + 1)


@lru_cache(maxsize=_REMEMBERED)
def months_after(month: str, count: int = 1) -> str:
    """Return the month that follows `count` months later; earlier for a negative count."""
    return month_of_number(month_number(month) + count)


def months_between(first: str, last: str) -> list[str]:
    """Return all months from `first` to `last`, both included; none if `last` is the earlier."""
    return [month_of_number(index) for index in range(month_number(first), month_number(last) + 1)]


@lru_cache(maxsize=_REMEMBERED)
def months_until(last: str, count: int) -> tuple[str, ...]:
    """Return the `count` months that end with `last`, the latest first."""
    end = month_number(last)
    return tuple(month_of_number(index) for index in range(end, end - count, -1))


@lru_cache(maxsize=_REMEMBERED)
def period_start(month: str, length: int) -> str:
    """Return the first month of the period that contains a month; periods of `length` months begin with January."""
    return month_name(int(month[:4]), (int(month[5:]) - 1) // length * length + 1)


@lru_cache(maxsize=_REMEMBERED)
def first_day(month: str) -> int:
    """Return the ordinal of a month's first day."""
    return date(int(month[:4]), int(month[5:]), 1).toordinal()


@lru_cache(maxsize=_REMEMBERED)
def last_day(month: str) -> int:
    """Return the ordinal of a month's last day."""
    return first_day(month) + monthrange(int(month[:4]), int(month[5:]))[1] - 1


def add_months(day: date, count: int) -> date | None:
    """Return the day with the same number `count` months later, or that month's last day; None beyond the calendar."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    if not 1 <= year <= MAXYEAR:
        return None
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
