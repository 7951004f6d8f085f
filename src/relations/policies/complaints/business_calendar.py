"""Working time: how much of it lies between two instants, and when an amount of it has passed.

A calendar lists the minutes of the local day on which a desk works. An instant counts where a wall clock in the
calendar's zone shows a minute of a shift on a worked day. A day on which clocks change therefore has 23 or 25 hours
if it is worked around the clock. An hour that clocks skip is not working time, and an hour that occurs twice counts
twice. Intervals are half-open; all times are UTC microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from relations.errors import InvalidInput
from relations.extras import needed
from relations.messages import Checked, Label, from_micros
from relations.months import add_months
from relations.policies.calendars import local_time, time_zone
from relations.policies.codes import known_zone

__all__ = ["BusinessCalendar", "OwnDay", "Pause", "PublicHolidays", "Shift", "WorkingTime", "public_holidays"]

Pause = tuple[int, int]
"""The span in which a clock was paused: from, until; UTC microseconds."""

_MINUTE = 60_000_000
_DAY = 86_400_000_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_SHIFT = re.compile(r"^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$")
_DAYS_MAX = 366 * 60
"""A calendar without a worked day in this many days has no next working day."""
_LAST_MINUTE = 24 * 60 - 1


def _shift_minutes(shift: str) -> tuple[int, int]:
    match = _SHIFT.match(shift)
    if match is None:
        msg = f"{shift!r} is not a shift; write it as 09:00-17:30"
        raise ValueError(msg)
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if not start < end <= 24 * 60:
        msg = f"the shift {shift} must end after it begins and by 24:00; split a shift that passes midnight"
        raise ValueError(msg)
    # People write 23:59 for midnight. Nobody stops work for the last minute of a day.
    return start, 24 * 60 if end == _LAST_MINUTE else end


def _valid_shift(shift: str) -> str:
    _shift_minutes(shift)
    return shift


Shift = Annotated[str, StringConstraints(max_length=11), AfterValidator(_valid_shift)]
"""The start and end of a shift by the wall clock: `09:00-12:30`. A day ends at `24:00`; `23:59` means the same."""


def _in_order(shifts: tuple[str, ...]) -> tuple[str, ...]:
    spans = [_shift_minutes(shift) for shift in shifts]
    if any(earlier[1] > later[0] for earlier, later in pairwise(spans)):
        msg = "the shifts of a day must be in order and must not overlap"
        raise ValueError(msg)
    return shifts


Shifts = Annotated[tuple[Shift, ...], Field(max_length=24), AfterValidator(_in_order)]
Holidays = Annotated[tuple[date, ...], Field(max_length=5_000), AfterValidator(lambda days: tuple(sorted(set(days))))]


class OwnDay(Checked):
    """A day with its own hours, which override holidays and weekdays: Christmas Eve until noon.

    Attributes:
        day: The day.
        shifts: Its hours; empty for a day off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    shifts: Shifts = ()


_OFFICE: tuple[str, ...] = ("09:00-17:00",)
_ALL_DAY: tuple[str, ...] = ("00:00-24:00",)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class BusinessCalendar(Checked):
    """The hours in which a desk works, as data.

    Attributes:
        name: Its name, with a version or year, such as `Vienna 2026`. Complaints keep the name of their calendar.
        zone: The IANA zone of its days and hours.
        monday: The shifts of a Monday: several where the day is split, none for a day off. The same for each day.
        tuesday: Likewise.
        wednesday: Likewise.
        thursday: Likewise.
        friday: Likewise.
        saturday: Likewise.
        sunday: Likewise.
        holidays: Days off, as plain dates. `public_holidays` returns those of many countries; where weekend days are
            worked in exchange, it fills `worked_days` too.
        worked_days: Days that are worked although their weekday is off, with the hours of the first worked weekday.
        own_days: Days with their own hours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label = "office hours"
    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    monday: Shifts = _OFFICE
    tuesday: Shifts = _OFFICE
    wednesday: Shifts = _OFFICE
    thursday: Shifts = _OFFICE
    friday: Shifts = _OFFICE
    saturday: Shifts = ()
    sunday: Shifts = ()
    holidays: Holidays = ()
    worked_days: Holidays = ()
    own_days: Annotated[tuple[OwnDay, ...], Field(max_length=1_000)] = ()

    @model_validator(mode="before")
    @classmethod
    def _take_worked_days(cls, given: Any) -> Any:
        found = given.get("holidays") if isinstance(given, dict) else None
        if isinstance(found, PublicHolidays) and "worked_days" not in given:
            return {**given, "worked_days": found.worked}
        return given

    @model_validator(mode="after")
    def _something_is_worked(self) -> BusinessCalendar:
        if not any(self.week):
            msg = "at least one weekday must have a shift; no deadline would ever come otherwise"
            raise ValueError(msg)
        if len({own.day for own in self.own_days}) < len(self.own_days):
            msg = "each own day may be listed only once"
            raise ValueError(msg)
        if both := sorted(set(self.holidays) & set(self.worked_days)):
            msg = f"{both[0].isoformat()} cannot be both a holiday and a worked day"
            raise ValueError(msg)
        return self

    @property
    def week(self) -> tuple[tuple[str, ...], ...]:
        """The shifts of each weekday, Monday first."""
        return (
            self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday,
        )  # fmt: skip

    @classmethod
    def all_day(
        cls, name: str, *, zone: str = "UTC", weekends: bool = False, holidays: Iterable[date] = ()
    ) -> BusinessCalendar:
        """Return a calendar of whole days, for promises that are counted in days.

        Args:
            name: Its name.
            zone: The IANA zone of its days.
            weekends: True if Saturdays and Sundays count.
            holidays: Days that do not count.
        """
        worked = _WEEK if weekends else _WEEK[:5]
        return cls(
            name=name,
            zone=zone,
            holidays=holidays if isinstance(holidays, PublicHolidays) else tuple(holidays),
            **{day: _ALL_DAY if day in worked else () for day in _WEEK},
        )

    @cached_property
    def time(self) -> WorkingTime:
        """The arithmetic of this calendar."""
        return WorkingTime(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        # A copy with other hours has other arithmetic.
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("time", None)
        return copied


class WorkingTime:
    """The arithmetic of one calendar. It caches the working time of each day.

    Args:
        calendar: The calendar.
    """

    __slots__ = ("_days", "_own", "_week", "_zone", "always")

    def __init__(self, calendar: BusinessCalendar) -> None:
        self._zone = time_zone(calendar.zone)
        self._week = [
            [(start * _MINUTE, end * _MINUTE) for start, end in map(_shift_minutes, shifts)] for shifts in calendar.week
        ]
        self._own: dict[int, list[Pause]] = {day.toordinal(): [] for day in calendar.holidays}
        usual = next(shifts for shifts in self._week if shifts)
        for day in calendar.worked_days:
            self._own[day.toordinal()] = self._week[day.weekday()] or usual
        for own in calendar.own_days:
            spans = [(start * _MINUTE, end * _MINUTE) for start, end in map(_shift_minutes, own.shifts)]
            self._own[own.day.toordinal()] = spans
        self._days: dict[int, tuple[tuple[Pause, ...], int]] = {}
        self.always = not self._own and all(shifts == [(0, _DAY)] for shifts in self._week)

    def between(self, start: int, end: int) -> int:
        """Return the working time in [start, end), in microseconds; 0 where the end is not after the start."""
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
        """Return the working time in [start, end) outside the pauses, which may overlap and come in any order."""
        return sum(self.between(low, high) for low, high in running(start, end, pauses))

    def after(self, start: int, amount: int, pauses: Sequence[Pause] = ()) -> int:
        """Return the first instant, from `start`, by which `amount` of working time outside the pauses has passed.

        Raises:
            InvalidInput: The calendar never has that much working time.
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
                    raise InvalidInput(
                        "the calendar does not have that much working time", code="empty_calendar", field="calendar"
                    )
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
        """Return the end of the last day of a period that is counted in days or months.

        The first day does not count. A period of months ends on the day with the same number, or the month's last.
        Where that day is not worked, it ends on the next worked one: Regulation (EEC, Euratom) 1182/71, Article 3.

        Args:
            start: An instant of the day before the first.
            days: The number of worked days.
            months: The number of months before them.
        """
        local = from_micros(start).astimezone(self._zone)
        day = local.date()
        if months:
            later = add_months(day, months)
            if later is None:
                raise InvalidInput("the calendar ends before that", code="empty_calendar", field="calendar")
            day = later
        number = day.toordinal()
        for _ in range(_DAYS_MAX):
            if days <= 0 and (months == 0 or self._shifts(number)):
                break
            number += 1
            if days and self._shifts(number):
                days -= 1
        else:
            raise InvalidInput(
                "the calendar does not have that many working days", code="empty_calendar", field="calendar"
            )
        return local_time(self._zone.key or "UTC").start(date.fromordinal(number + 1))

    def _shifts(self, number: int) -> list[Pause]:
        """Return the shifts of a local day, as microseconds of its wall clock."""
        own = self._own.get(number)
        return self._week[(number - 1) % 7] if own is None else own

    def _worked(self, day: int) -> tuple[tuple[Pause, ...], int]:
        """Return the worked spans of a UTC day, in order, and their sum. UTC days have no gaps in any zone."""
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
        """Return the parts of an interval in which the zone has one offset; bisect to find where clocks change."""
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
    """Return the parts of [start, end) outside the pauses, in order."""
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
    """Return the pauses in order, those that touch joined into one."""
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


class PublicHolidays(tuple[date, ...]):
    """The public holidays of a country, in order.

    Attributes:
        worked: Weekend days that are worked in exchange for a day off next to a holiday (China, Hungary, Taiwan).
        estimated: Years for which the package has no decree yet, so that dates may still change.
    """

    worked: tuple[date, ...]
    estimated: tuple[int, ...]

    def __new__(cls, days: Iterable[date], worked: Iterable[date] = (), estimated: Iterable[int] = ()) -> Self:
        """Return the holidays, each day once and in order."""
        found = super().__new__(cls, sorted(set(days)))
        found.worked, found.estimated = tuple(sorted(set(worked))), tuple(sorted(set(estimated)))
        return found


def public_holidays(country: str, years: Iterable[int], *, subdivision: str | None = None) -> PublicHolidays:
    """Return the public holidays of a country, as plain dates for a calendar.

    They become part of the policy as data, so a newer version of the package changes no decision already made.

    Args:
        country: ISO 3166-1 alpha-2, such as `AT`.
        years: The years.
        subdivision: ISO 3166-2 without the country, such as `9` for Vienna.

    Returns:
        The dates, with the weekend days worked in exchange and the years that are only estimated.

    Raises:
        MissingExtra: The package `holidays` is not installed.
        InvalidInput: The package does not know the country or the subdivision.
    """
    holidays = needed("holidays", extra="calendars", purpose="Knowing the holidays of countries")
    wanted = sorted(set(years))
    days: list[date] = []
    worked: list[date] = []
    estimated: list[int] = []
    for year in wanted:
        try:
            known: Any = holidays.country_holidays(country, subdiv=subdivision, years=[year])
        except NotImplementedError as error:
            raise InvalidInput(
                f"no holidays are known for {country} {subdivision or ''}".rstrip(),
                code="unknown_country",
                field="country",
                hint="Give an ISO 3166 code such as AT, or list the dates yourself",
            ) from error
        found = set(known)  # asking fills the years; some packages' years reach into the next
        days += found
        # The package lists a swapped day in both sets where a holiday was moved away from it later.
        worked += [day for day in getattr(known, "weekend_workdays", ()) if day.year in wanted and day not in found]
        if _is_estimated(known, year):
            estimated.append(year)
    return PublicHolidays(days, worked, estimated)


def _is_estimated(known: Any, year: int) -> bool:
    """Return whether a year's holidays are computed because no decree is known for it."""
    if any("estimated" in name for name in known.values()):
        return True
    swaps = [each for each, entries in _specials(known) if any(len(entry) > _NAMED_ENTRY for entry in entries)]
    return bool(swaps) and year > max(swaps)


_NAMED_ENTRY = 3
"""The package writes a special holiday as month, day and name, and a swapped one with the day worked in exchange."""


def _specials(known: Any) -> Iterable[tuple[int, tuple[tuple[Any, ...], ...]]]:
    for year, entries in (getattr(known, "special_public_holidays", None) or {}).items():
        yield year, entries if isinstance(entries[0], tuple) else (entries,)
