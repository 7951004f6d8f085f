"""The business's own days and months: instants in UTC, seen in one IANA zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files
from zoneinfo import ZoneInfo

from relations.messages import from_micros

__all__ = ["LocalTime", "local_time", "zone_data_version", "zone_of"]

_QUARTER_HOUR = 900_000_000
"""Every zone's offset in use since 1970 is a whole number of quarter hours but for a few before 1972, so an instant
and the start of its quarter hour fall on the same local day."""
_DAY = 86_400_000_000


@cache
def zone_data_version() -> str:
    """Return the release of the time zone data that days and months are computed with, such as `2026f`."""
    return str(import_module("tzdata").IANA_VERSION)


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return a zone as the pinned package has it, whatever data the machine has.

    Raises:
        ZoneInfoNotFoundError: There is no such zone.
    """
    found = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    if not found.is_file():
        return ZoneInfo(name)
    with found.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


class LocalTime:
    """Turns instants into the local days and months of one zone, fast enough for folds.

    Args:
        zone: An IANA name, such as `Europe/Vienna`.
    """

    __slots__ = ("_cuts", "_months", "_quarters", "_zone", "zone")

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = zone_of(zone)
        # Two years have some 700 of these: few enough to stay in the processor's cache.
        self._cuts: dict[int, tuple[int, int, int]] = {}
        self._months: dict[int, str] = {}
        self._quarters: dict[int, int] = {}

    def moment(self, micros: int) -> datetime:
        """The local datetime of UTC microseconds."""
        return from_micros(micros).astimezone(self._zone)

    def month(self, micros: int) -> str:
        """The local month, as `2024-05`."""
        day = self.day(micros)
        found = self._months.get(day)
        if found is None:
            moment = date.fromordinal(day)
            found = self._months[day] = f"{moment.year:04d}-{moment.month:02d}"
        return found

    def day(self, micros: int) -> int:
        """The local day, as its proleptic Gregorian ordinal (`date.toordinal`)."""
        cut, before, after = self._cuts.get(micros // _DAY) or self._cut(micros // _DAY)
        if micros < cut:
            return before
        return after or self._of_quarter(micros // _QUARTER_HOUR)

    def _cut(self, utc_day: int) -> tuple[int, int, int]:
        """When a day of UTC's goes over from one local day to the next, and the two; the second is 0 where clocks move.

        On such days the local day may change at any quarter hour, and now and then not in one direction only.
        """
        first, last = self.moment(utc_day * _DAY), self.moment((utc_day + 1) * _DAY - 1)
        if first.utcoffset() == last.utcoffset():
            midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
            since = (first - midnight) // timedelta(microseconds=1)
            found = utc_day * _DAY + (_DAY - since if since else 0), first.toordinal(), last.toordinal()
        else:
            found = utc_day * _DAY, 0, 0
        self._cuts[utc_day] = found
        return found

    def _of_quarter(self, quarter: int) -> int:
        found = self._quarters.get(quarter)
        if found is None:
            found = self._quarters[quarter] = self.moment(quarter * _QUARTER_HOUR).toordinal()
        return found

    def start(self, day: date) -> int:
        """The first instant of a local day, UTC microseconds."""
        begin = datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
        return round(begin.timestamp()) * 1_000_000


@lru_cache(maxsize=32)
def local_time(zone: str) -> LocalTime:
    """The one `LocalTime` of a zone in this process."""
    return LocalTime(zone)
