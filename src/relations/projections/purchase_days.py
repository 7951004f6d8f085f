"""The days on which a customer bought, as one bit a day: small, the same in any order, and merged by `or`.

A month's days are the bits of one integer, the first of the month the lowest. So a customer takes as much room as
they have months, however often they buy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from relations.months import first_day, month_name

__all__ = ["days_of", "month_and_bit"]

_months: dict[int, tuple[str, int]] = {}


def month_and_bit(day: int) -> tuple[str, int]:
    """Return the month of a day's ordinal, as `2024-05`, and the day's bit in it. Cached, because folds ask often."""
    found = _months.get(day)
    if found is None:
        moment = date.fromordinal(day)
        found = _months[day] = (month_name(moment.year, moment.month), 1 << (moment.day - 1))
    return found


def days_of(months: Iterable[tuple[str, int]], until: int) -> list[int]:
    """Return the ordinals of all days up to and including `until`, ascending.

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
