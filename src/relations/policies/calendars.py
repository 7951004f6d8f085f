"""The business's own days and months: instants in UTC, seen in one IANA zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from relations.messages import from_micros

__all__ = ["LocalTime", "local_time"]

_QUARTER_HOUR = 900_000_000
"""Every zone's offset in use since 1970 is a whole number of quarter hours but for a few before 1972, so an instant
and the start of its quarter hour fall on the same local day."""


class LocalTime:
    """Turns instants into the local days and months of one zone, fast enough for folds.

    Args:
        zone: An IANA name, such as `Europe/Vienna`.
    """

    __slots__ = ("_days", "_months", "_zone", "zone")

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._months: dict[int, str] = {}
        self._days: dict[int, int] = {}

    def moment(self, micros: int) -> datetime:
        """The local datetime of UTC microseconds."""
        return from_micros(micros).astimezone(self._zone)

    def month(self, micros: int) -> str:
        """The local month, as `2024-05`."""
        quarter = micros // _QUARTER_HOUR
        found = self._months.get(quarter)
        if found is None:
            moment = self.moment(quarter * _QUARTER_HOUR)
            found = self._months[quarter] = f"{moment.year:04d}-{moment.month:02d}"
        return found

    def day(self, micros: int) -> int:
        """The local day, as its proleptic Gregorian ordinal (`date.toordinal`)."""
        quarter = micros // _QUARTER_HOUR
        found = self._days.get(quarter)
        if found is None:
            found = self._days[quarter] = self.moment(quarter * _QUARTER_HOUR).toordinal()
        return found

    def start(self, day: date) -> int:
        """The first instant of a local day, UTC microseconds."""
        begin = datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
        return round(begin.timestamp()) * 1_000_000


@lru_cache(maxsize=32)
def local_time(zone: str) -> LocalTime:
    """The one `LocalTime` of a zone in this process."""
    return LocalTime(zone)
