"""Working time: how much of it lies between two instants, and when an amount of it has gone by.

A calendar says on which minutes of the local day a desk works. An instant counts where the clock on the wall, in the
calendar's zone, shows a minute of a shift on a day that is worked. So a day on which clocks change has 23 or 25 hours
of it if all day is worked, an hour that clocks skip is no working time, and an hour that comes twice counts twice.
Intervals are half-open; everything is in UTC microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from relations.errors import InvalidInput
from relations.extras import needed
from relations.messages import Label, from_micros

__all__ = ["BusinessCalendar", "OwnDay", "Pause", "Shift", "WorkingTime", "public_holidays"]

Pause = tuple[int, int]
"""When a clock stood still: from, until; UTC microseconds."""

_MINUTE = 60_000_000
_DAY = 86_400_000_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_SHIFT = re.compile(r"^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$")
_DAYS_MAX = 366 * 60
"""A calendar in which nothing is worked for so long has no next working day."""


def _shift_minutes(shift: str) -> tuple[int, int]:
    match = _SHIFT.match(shift)
    if match is None:
        msg = f"{shift!r} is no shift; write it as 09:00-17:30"
        raise ValueError(msg)
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if not start < end <= 24 * 60:
        msg = f"the shift {shift} does not end after it begins, by 24:00; split one that goes on past midnight"
        raise ValueError(msg)
    return start, end


def _valid_shift(shift: str) -> str:
    _shift_minutes(shift)
    return shift


Shift = Annotated[str, StringConstraints(max_length=11), AfterValidator(_valid_shift)]
"""From when until when, on the wall: `09:00-12:30`. A day ends at `24:00`."""


def _in_order(shifts: tuple[str, ...]) -> tuple[str, ...]:
    spans = [_shift_minutes(shift) for shift in shifts]
    if any(earlier[1] > later[0] for earlier, later in pairwise(spans)):
        msg = "the shifts of a day stand in their order and do not overlap"
        raise ValueError(msg)
    return shifts


Shifts = Annotated[tuple[Shift, ...], Field(max_length=24), AfterValidator(_in_order)]
Holidays = Annotated[tuple[date, ...], Field(max_length=5_000), AfterValidator(lambda days: tuple(sorted(set(days))))]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        msg = f"{name!r} is not an IANA time zone, such as Europe/Vienna"
        raise ValueError(msg) from None
    return name


class OwnDay(BaseModel):
    """A day with hours of its own, which count before holidays and weekdays: Christmas Eve until noon.

    Attributes:
        day: Which.
        shifts: Its hours; none is a day off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    shifts: Shifts = ()


_OFFICE: tuple[str, ...] = ("09:00-17:00",)
_ALL_DAY: tuple[str, ...] = ("00:00-24:00",)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class BusinessCalendar(BaseModel):
    """When a desk works, as data: nothing but the calendar is needed to say what was working time.

    Attributes:
        name: What it is called, with its version or year, such as `Vienna 2026`. Complaints keep the name of the one
            that they go by.
        zone: The IANA zone of its days and hours.
        monday: The shifts of a Monday, and so on; more than one where the day is split, none for a day off.
        tuesday: Likewise.
        wednesday: Likewise.
        thursday: Likewise.
        friday: Likewise.
        saturday: Likewise.
        sunday: Likewise.
        holidays: Days off, as plain dates; `public_holidays` knows those of many countries.
        own_days: Days with hours of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label = "office hours"
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    monday: Shifts = _OFFICE
    tuesday: Shifts = _OFFICE
    wednesday: Shifts = _OFFICE
    thursday: Shifts = _OFFICE
    friday: Shifts = _OFFICE
    saturday: Shifts = ()
    sunday: Shifts = ()
    holidays: Holidays = ()
    own_days: Annotated[tuple[OwnDay, ...], Field(max_length=1_000)] = ()

    @model_validator(mode="after")
    def _something_is_worked(self) -> BusinessCalendar:
        if not any(self.week):
            msg = "an empty calendar: no weekday has a shift, so no deadline would ever come"
            raise ValueError(msg)
        if len({own.day for own in self.own_days}) < len(self.own_days):
            msg = "each own day stands once"
            raise ValueError(msg)
        return self

    @property
    def week(self) -> tuple[tuple[str, ...], ...]:
        """The shifts of each day, from Monday."""
        return (
            self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday,
        )  # fmt: skip

    @classmethod
    def all_day(
        cls, name: str, *, zone: str = "UTC", weekends: bool = False, holidays: Iterable[date] = ()
    ) -> BusinessCalendar:
        """Whole days, for promises that are counted in days.

        Args:
            name: What it is called.
            zone: Whose days.
            weekends: Whether Saturdays and Sundays count.
            holidays: Days that do not count.
        """
        worked = _WEEK if weekends else _WEEK[:5]
        return cls(
            name=name,
            zone=zone,
            holidays=tuple(holidays),
            **{day: _ALL_DAY if day in worked else () for day in _WEEK},
        )

    @cached_property
    def time(self) -> WorkingTime:
        """Its arithmetic, made once."""
        return WorkingTime(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        # A copy with other hours has other arithmetic.
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("time", None)
        return copied


class WorkingTime:
    """The arithmetic of one calendar. What it finds out of a day it keeps.

    Args:
        calendar: Says what is worked.
    """

    __slots__ = ("_days", "_own", "_week", "_zone", "always")

    def __init__(self, calendar: BusinessCalendar) -> None:
        self._zone = ZoneInfo(calendar.zone)
        self._week = [
            [(start * _MINUTE, end * _MINUTE) for start, end in map(_shift_minutes, shifts)] for shifts in calendar.week
        ]
        self._own: dict[int, list[Pause]] = {day.toordinal(): [] for day in calendar.holidays}
        for own in calendar.own_days:
            spans = [(start * _MINUTE, end * _MINUTE) for start, end in map(_shift_minutes, own.shifts)]
            self._own[own.day.toordinal()] = spans
        self._days: dict[int, tuple[tuple[Pause, ...], int]] = {}
        self.always = not self._own and all(shifts == [(0, _DAY)] for shifts in self._week)

    def between(self, start: int, end: int) -> int:
        """How much working time lies in [start, end); 0 where the end is not after the start."""
        if end <= start:
            return 0
        if self.always:
            return end - start
        first, last = start // _DAY, (end - 1) // _DAY
        if first == last:
            return _overlap(self._worked(first)[0], start, end)
        total = _overlap(self._worked(first)[0], start, end) + _overlap(self._worked(last)[0], start, end)
        for day in range(first + 1, last):
            total += self._worked(day)[1]
        return total

    def used(self, start: int, end: int, pauses: Sequence[Pause] = ()) -> int:
        """The working time in [start, end) that lies in no pause. Pauses may overlap and come in any order."""
        return sum(self.between(low, high) for low, high in running(start, end, pauses))

    def after(self, start: int, amount: int, pauses: Sequence[Pause] = ()) -> int:
        """The first instant, from `start`, by which `amount` of working time outside of the pauses has gone by.

        Raises:
            InvalidInput: So much is never worked.
        """
        at = start
        for low, high in _joined(pauses):
            if high <= at:
                continue
            there = self.between(at, low)
            if there >= amount:
                break
            amount -= there
            at = high
        return self._after(at, amount)

    def _after(self, start: int, amount: int) -> int:
        if amount <= 0:
            return start
        if self.always:
            return start + amount
        day = start // _DAY
        idle = 0
        while True:
            spans, total = self._worked(day)
            if total == 0:
                idle += 1
                if idle > _DAYS_MAX:
                    raise InvalidInput("the calendar has no such working time", code="empty_calendar", field="calendar")
            elif day * _DAY >= start and total < amount:
                idle, amount = 0, amount - total
            else:
                idle = 0
                for low, high in spans:
                    there = high - max(low, start)
                    if there >= amount:
                        return max(low, start) + amount
                    amount -= max(there, 0)
            day += 1

    def end_of_days(self, start: int, *, days: int = 0, months: int = 0) -> int:
        """The end of the last day of a period that is counted in days or months; its first day does not count.

        A period of months ends on the day with the same number, or the month's last, and then on a day that is
        worked: as Regulation (EEC, Euratom) 1182/71, Article 3, has it.

        Args:
            start: An instant of the day before the first.
            days: How many worked days.
            months: How many months before them.
        """
        local = from_micros(start).astimezone(self._zone)
        day = local.date()
        if months:
            year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
            day = date(year, month + 1, min(day.day, _month_days(year, month + 1)))
        number = day.toordinal()
        for _ in range(_DAYS_MAX):
            if days <= 0 and (months == 0 or self._shifts(number)):
                break
            number += 1
            if days and self._shifts(number):
                days -= 1
        else:
            raise InvalidInput("the calendar has no such working day", code="empty_calendar", field="calendar")
        midnight = datetime.fromordinal(number + 1).replace(tzinfo=self._zone)
        return int(midnight.timestamp()) * 1_000_000

    def _shifts(self, number: int) -> list[Pause]:
        """The shifts of a local day, as microseconds on its wall clock."""
        own = self._own.get(number)
        return self._week[(number - 1) % 7] if own is None else own

    def _worked(self, day: int) -> tuple[tuple[Pause, ...], int]:
        """What is worked in a UTC day, in order, and how much that is. Days of UTC follow each other in every zone."""
        found = self._days.get(day)
        if found is None:
            begin, end = day * _DAY, (day + 1) * _DAY
            spans: list[Pause] = []
            for low, high, offset in self._offsets(begin, end):
                # Wall time is UTC time plus the offset here, so its shifts lie where wall time shows them.
                for number in range((low + offset) // _DAY, (high + offset - 1) // _DAY + 1):
                    base = number * _DAY - offset
                    for opens, closes in self._shifts(number + _EPOCH_ORDINAL):
                        if base + opens < high and base + closes > low:
                            spans.append((max(base + opens, low), min(base + closes, high)))
            found = self._days[day] = (tuple(spans), sum(high - low for low, high in spans))
        return found

    def _offsets(self, low: int, high: int) -> list[tuple[int, int, int]]:
        """The parts of an interval in which the zone has one offset, halving it to find where clocks change."""
        first, last = self._offset(low), self._offset(high - 1)
        if first == last:
            # No zone changes its clocks twice within a day and back.
            return [(low, high, first)]
        late = high - 1
        early = low
        while late - early > 1:
            middle = (early + late) // 2
            if self._offset(middle) == first:
                early = middle
            else:
                late = middle
        return [(low, late, first), *self._offsets(late, high)]

    def _offset(self, micros: int) -> int:
        shift = from_micros(micros).astimezone(self._zone).utcoffset() or timedelta(0)
        return shift // timedelta(microseconds=1)


def running(start: int, end: int, pauses: Sequence[Pause]) -> list[Pause]:
    """The parts of [start, end) that lie in no pause, in order."""
    parts, at = [], start
    for low, high in _joined(pauses):
        if low >= end:
            break
        if low > at:
            parts.append((at, low))
        at = max(at, high)
    if at < end:
        parts.append((at, end))
    return parts


def _joined(pauses: Sequence[Pause]) -> list[Pause]:
    """Pauses in order, those that touch as one."""
    joined: list[Pause] = []
    for low, high in sorted(pauses):
        if high <= low:
            continue
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


def _overlap(spans: tuple[Pause, ...], start: int, end: int) -> int:
    total = 0
    for low, high in spans:
        from_, until = max(low, start), min(high, end)
        if until > from_:
            total += until - from_
    return total


def _month_days(year: int, month: int) -> int:
    return (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day


def public_holidays(country: str, years: Iterable[int], *, subdivision: str | None = None) -> tuple[date, ...]:
    """The public holidays of a country, as plain dates for a calendar.

    They go into the policy as data, so what a newer version of the package says changes no decision that was made.

    Args:
        country: ISO 3166-1 alpha-2, such as `AT`.
        years: Which years.
        subdivision: ISO 3166-2 without the country, such as `9` for Vienna.

    Raises:
        MissingExtra: The package `holidays` is not installed.
        InvalidInput: It does not know the country or the subdivision.
    """
    holidays = needed("holidays", extra="calendars", purpose="Knowing the holidays of countries")
    try:
        known: Any = holidays.country_holidays(country, subdiv=subdivision, years=list(years))
    except NotImplementedError as error:
        raise InvalidInput(
            f"no holidays are known of {country} {subdivision or ''}".rstrip(),
            code="unknown_country",
            field="country",
            hint="Give an ISO 3166 code such as AT, or write the dates down",
        ) from error
    return tuple(sorted(known))
