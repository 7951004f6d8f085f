"""The days on which a customer bought, as one bit a day: small, the same in any order, and merged by `or`.

A month's days are the bits of one integer, the first of the month the lowest, so a customer takes as much room as
they have months, however often they buy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache

__all__ = [
    "days_of",
    "first_day",
    "last_day",
    "month_after",
    "month_and_bit",
    "month_of",
    "months_after",
    "months_between",
]

_months: dict[int, tuple[str, int]] = {}


def month_and_bit(day: int) -> tuple[str, int]:
    """The month of a day's ordinal, as `2024-05`, and the day's bit in it. Remembered: folds ask all the time."""
    found = _months.get(day)
    if found is None:
        moment = date.fromordinal(day)
        found = _months[day] = (f"{moment.year:04d}-{moment.month:02d}", 1 << (moment.day - 1))
    return found


def month_of(day: int) -> str:
    """The month of a day's ordinal, as `2024-05`."""
    return month_and_bit(day)[0]


@cache
def first_day(month: str) -> int:
    """The ordinal of a month's first day."""
    return date.fromisoformat(f"{month}-01").toordinal()


@cache
def months_after(month: str, count: int) -> str:
    """The month so many after; before, where the count is negative."""
    index = int(month[:4]) * 12 + int(month[5:]) - 1 + count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def month_after(month: str) -> str:
    """The month that follows."""
    return months_after(month, 1)


@cache
def last_day(month: str) -> int:
    """The ordinal of a month's last day."""
    return first_day(month_after(month)) - 1


def months_between(first: str, last: str) -> list[str]:
    """All months from `first` to `last`, both included; none where `last` is the earlier."""
    found = []
    while first <= last:
        found.append(first)
        first = month_after(first)
    return found


def days_of(months: Iterable[tuple[str, int]], until: int) -> list[int]:
    """The ordinals of all days up to and including `until`, ascending.

    Args:
        months: Months with the bits of their days, in any order, none twice.
        until: The last day that counts.
    """
    found: list[int] = []
    for month, bits in months:
        before = first_day(month) - 1
        left = bits
        while left:
            lowest = left & -left
            found.append(before + lowest.bit_length())
            left ^= lowest
    found.sort()
    while found and found[-1] > until:
        found.pop()
    return found
