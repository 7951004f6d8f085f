"""Windows in which tiers are earned, and rules of expiry."""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, date, timedelta
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from relations.messages import Checked
from relations.months import add_months, first_day, months_after, months_until, period_start
from relations.policies.calendars import local_time

__all__ = [
    "CalendarYear",
    "EndOfPeriod",
    "Expiry",
    "Inactivity",
    "Lifetime",
    "Part",
    "RollingMonths",
    "counted_as",
    "counted_in",
    "days_after",
    "end_of_term",
    "first_of_month",
    "month_of",
    "yearly_after",
]


@lru_cache(maxsize=65_536)
def end_of_term(zone: str, day: int, months: int) -> int | None:
    """Return the instant after the day that is `months` after a local day; None if beyond the calendar."""
    last = add_months(date.fromordinal(day), months)
    return None if last is None or last.year >= MAXYEAR else local_time(zone).start(last + timedelta(days=1))


def counted_as(unit: str, month: str) -> str:
    """Return the key of what qualifies in a month, such as `stays/2024-05`.

    Events recorded before they carried a unit have the month alone, and count in any unit.
    """
    return f"{unit}/{month}" if unit else month


@lru_cache(maxsize=8_192)
def counted_in(unit: str, months: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of everything that counts in these months for tiers in `unit`."""
    return (*(counted_as(unit, month) for month in months), *months)


class Part(Checked):
    """A part of a programme: frozen, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CalendarYear(Part):
    """A window of one calendar year. On 1 January, counting starts at zero."""

    kind: Literal["calendar_year"] = "calendar_year"

    def months(self, end: str) -> tuple[str, ...]:
        """Return the months that count when `end` is the present one."""
        return months_until(end, int(end[5:]))


class RollingMonths(Part):
    """A window of the present month and the ones before it. Each new month drops the oldest.

    Attributes:
        months_count: The number of months, the present one included.
    """

    kind: Literal["rolling_months"] = "rolling_months"
    months_count: Annotated[int, Field(strict=True, ge=1, le=120)] = 12

    def months(self, end: str) -> tuple[str, ...]:
        """Return the months that count when `end` is the present one."""
        return months_until(end, self.months_count)


class Lifetime(Part):
    """Everything that was ever earned counts."""

    kind: Literal["lifetime"] = "lifetime"

    def months(self, end: str) -> tuple[str, ...] | None:
        """Return None: everything counts."""
        return None


# --- expiry ---------------------------------------------------------------------------------------------------------


class Expiry(Part):
    """A rule of expiry.

    Attributes:
        latest_months_count: Points expire at the latest this many months after they were earned, at the end of the day.
            None means that only the rule itself holds.
    """

    latest_months_count: Annotated[int, Field(strict=True, ge=1, le=1_200)] | None = None


class EndOfPeriod(Expiry):
    """Points last to the end of the month, quarter or year in which they were earned, or of a later one.

    Attributes:
        period: The period.
        more_count: The number of whole periods to add.
    """

    kind: Literal["end_of_period"] = "end_of_period"
    period: Literal["month", "quarter", "year"] = "year"
    more_count: Annotated[int, Field(strict=True, ge=0, le=120)] = 0

    def expires_at(self, earned_at: int, zone: str) -> int | None:
        """Return the first instant after the period, UTC microseconds; None if beyond the calendar."""
        size = {"month": 1, "quarter": 3, "year": 12}[self.period]
        return _end_of_period(zone, local_time(zone).month(earned_at), size, self.more_count)


class Inactivity(Expiry):
    """All points last until the member has neither earned nor spent any for a number of months.

    Attributes:
        months_count: The months of inactivity. Points can be spent to the end of the day this long after the last
            activity.
    """

    kind: Literal["inactivity"] = "inactivity"
    months_count: Annotated[int, Field(strict=True, ge=1, le=1_200)] = 18

    def lapses_at(self, active_at: int, zone: str) -> int | None:
        """Return when they lapse if nothing more happens, UTC microseconds; None if beyond the calendar."""
        return end_of_term(zone, local_time(zone).day(active_at), self.months_count)


@lru_cache(maxsize=8_192)
def _end_of_period(zone: str, month: str, size: int, more: int) -> int | None:
    after = months_after(period_start(month, size), size * (more + 1))
    return None if int(after[:-3]) >= MAXYEAR else first_of_month(zone, after)


# --- the calendar ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def days_after(zone: str, day: int, days: int) -> int:
    """Return the first instant of the local day this many days after (or before) a day's ordinal, UTC microseconds."""
    return local_time(zone).start(date.fromordinal(max(1, min(day + days, date.max.toordinal() - 1))))


@lru_cache(maxsize=8_192)
def first_of_month(zone: str, month: str) -> int:
    """Return the first instant of a local month, UTC microseconds."""
    return local_time(zone).start(date.fromordinal(first_day(month)))


def month_of(zone: str, at: int) -> str:
    """Return the local month of an instant."""
    return local_time(zone).month(at)


@lru_cache(maxsize=65_536)
def yearly_after(zone: str, day: int, after: int, anniversary: bool) -> int | None:
    """Return the first new year, or anniversary of a local day, after `after`; None is beyond the calendar.

    In years without 29 February, its anniversary is 1 March: what began on that day ends with 28 February.
    """
    begin = date.fromordinal(day) if anniversary else date(2000, 1, 1)
    for year in range(local_time(zone).moment(after).year, MAXYEAR - 1):
        leap_day = (begin.month, begin.day) == (2, 29) and monthrange(year, 2)[1] == 28
        moment = local_time(zone).start(date(year, 3, 1) if leap_day else date(year, begin.month, begin.day))
        if moment > after:
            return moment
    return None
