"""Local days and months of the business: instants in UTC as seen in one IANA time zone.

All zones come from the package `tzdata`, not from the machine, so the same log gives the same days everywhere.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

from relations.errors import InvalidInput
from relations.messages import from_micros
from relations.months import month_of

__all__ = ["LocalTime", "local_time", "time_zone", "zone_data_version"]

_DATA = "tzdata"
_DAY = 86_400_000_000
_SECOND = 1_000_000


def zone_data_version() -> str:
    """Return the version of the time zone data that all local days and months depend on, such as `2025b`."""
    return str(import_module(_DATA).IANA_VERSION)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(files(_DATA).joinpath("zones").read_text().split())


@cache
def time_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone by its name, such as `Europe/Vienna`.

    Raises:
        InvalidInput: There is no such zone.
    """
    if name not in _zone_names():
        raise InvalidInput(
            f"{name!r} is not an IANA time zone, such as Europe/Vienna", code="unknown_zone", field="zone"
        )
    data = files(_DATA).joinpath("zoneinfo", *name.split("/")).read_bytes()
    return ZoneInfo.from_file(BytesIO(data), key=name)


class LocalTime:
    """A converter from instants to the local days and months of one zone, fast enough for folds.

    Args:
        zone: An IANA name, such as `Europe/Vienna`.
    """

    __slots__ = ("_cuts", "_starts", "_zone", "zone")

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = time_zone(zone)
        # Two years have some 700 of these: few enough to stay in the processor's cache.
        self._cuts: dict[int, tuple[int, int, int]] = {}
        self._starts: dict[int, int] = {}

    def moment(self, micros: int) -> datetime:
        """Return the local datetime of UTC microseconds."""
        return from_micros(micros).astimezone(self._zone)

    def month(self, micros: int) -> str:
        """Return the local month, as `2024-05`."""
        return month_of(self.day(micros))

    def day(self, micros: int) -> int:
        """Return the local day as its proleptic Gregorian ordinal (`date.toordinal`)."""
        cut, before, after = self._cuts.get(micros // _DAY) or self._cut(micros // _DAY)
        if micros < cut:
            return before
        return after or self.moment(micros).toordinal()

    def _cut(self, utc_day: int) -> tuple[int, int, int]:
        """Return when the local day changes within a UTC day, and both local days; the second is 0 if clocks move.

        On such days the local day may change at any second, and back again: clocks of Newfoundland went back at 00:01.
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

    def start(self, day: date) -> int:
        """Return the first instant of a local day, UTC microseconds.

        Where clocks skip midnight, the day begins at the instant of the change: 2024-04-26 in Cairo at one o'clock. A
        day that is skipped altogether begins together with the next day.
        """
        found = self._starts.get(day.toordinal())
        if found is None:
            found = self._starts[day.toordinal()] = self._start(day)
        return found

    def _start(self, day: date) -> int:
        midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
        found = round(midnight.timestamp())
        if self.moment(found * _SECOND).replace(tzinfo=None) == datetime(day.year, day.month, day.day):  # noqa: DTZ001
            return found * _SECOND
        # Clocks skip midnight. The change is the first second of which the local day is not an earlier one.
        before = found - _DAY // _SECOND
        while found - before > 1:
            middle = (before + found) // 2
            if self.moment(middle * _SECOND).date() < day:
                before = middle
            else:
                found = middle
        return found * _SECOND


@lru_cache(maxsize=32)
def local_time(zone: str) -> LocalTime:
    """Return the shared `LocalTime` of a zone."""
    return LocalTime(zone)
