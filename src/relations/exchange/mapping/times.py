"""A mapping's times: texts into moments."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from relations.errors import InvalidInput
from relations.exchange.mapping.model import Value
from relations.messages import shown
from relations.policies.calendars import time_zone

__all__ = ["compile_time", "shift_days"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE_ISO = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}").fullmatch
_SERIAL = re.compile(r"([0-9]{1,7})(\.[0-9]{1,17})?").fullmatch
_TICKS = re.compile(r"-?[0-9]{1,17}(\.[0-9]{1,9})?").fullmatch
_JSON_DATE = re.compile(r"/Date\((-?[0-9]{1,17})(?:[+-][0-9]{4})?\)/").fullmatch
_EXCEL_DAYS = {"excel": datetime(1899, 12, 30), "excel_1904": datetime(1904, 1, 1)}  # noqa: DTZ001 - local days
_EXCEL_FIRST = 61
"""The first day (1900-03-01) of which all spreadsheets agree: before it, Excel counts a 1900-02-29."""


class _Read(NamedTuple):
    """A time that was read, and whether it is a day without a time."""

    at: datetime
    is_day: bool


def compile_time(name: str, value: Value) -> Callable[[str], datetime]:
    """Return the function that reads a value's texts as moments, by its format and zone."""
    zone = time_zone(value.zone) if value.zone is not None else None
    at = value.at if value.at is not None else time_of_day()
    parse, wanted = _first_of([_parser(form) for form in value.formats])

    # Most files are in order of time, so that the same texts come again and again.
    @lru_cache(maxsize=4096)
    def moment(text: str) -> datetime:
        try:
            found, is_day = parse(text)
        except (ValueError, OverflowError):
            raise InvalidInput(f"{shown(text)} is not {wanted}", code="not_a_time", field=name) from None
        if found.tzinfo is None:
            if zone is None:
                raise InvalidInput(
                    f"{shown(text)} has no time zone, and the mapping names none",
                    code="naive_datetime",
                    field=name,
                    hint="Give `zone` in the mapping, or an offset in the file",
                )
            if is_day:
                found = found.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=at.microsecond)
            return _in_zone(name, text, found, zone)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            raise InvalidInput(f"{shown(text)} is out of range", code="not_a_time", field=name) from None

    return moment


def _first_of(parsers: list[tuple[Callable[[str], _Read], str]]) -> tuple[Callable[[str], _Read], str]:
    """Return the function that tries several forms in their order."""
    if len(parsers) == 1:
        return parsers[0]

    def parse(text: str) -> _Read:
        for each, _ in parsers:
            try:
                return each(text)
            except (ValueError, OverflowError):
                continue
        raise ValueError(text)

    return parse, " or ".join(wanted for _, wanted in parsers)


def _parser(form: str) -> tuple[Callable[[str], _Read], str]:
    match form:
        case "iso":
            return lambda text: _Read(datetime.fromisoformat(text), _BARE_ISO(text) is not None), "an ISO 8601 time"
        case "excel" | "excel_1904":
            return lambda text: _serial(text, form), "a spreadsheet's serial number of a day"
        case "epoch_seconds":
            return lambda text: _ticks(text, 1_000_000), "a number of seconds since 1970"
        case "epoch_milliseconds":
            return lambda text: _ticks(text, 1_000), "a number of milliseconds since 1970"
        case "json_date":
            return _json_date, "a time like /Date(1714557600000)/"
    is_day = not any(code in form for code in ("%H", "%I", "%c", "%X", "%T", "%R"))
    return lambda text: _Read(datetime.strptime(text, form), is_day), f"a time like {form}"  # noqa: DTZ007 - see zone


def _serial(text: str, form: str) -> _Read:
    """Return the local time of a spreadsheet's serial number, to the millisecond.

    Raises:
        ValueError: The text is not a serial number, or one of a day on which spreadsheets disagree.
    """
    found = _SERIAL(text)
    if found is None or (form == "excel" and int(found[1]) < _EXCEL_FIRST):
        raise ValueError(text)
    milliseconds = round(Decimal(found[2] or 0) * 86_400_000)
    return _Read(_EXCEL_DAYS[form] + timedelta(days=int(found[1]), milliseconds=milliseconds), found[2] is None)


def _ticks(text: str, microseconds: int) -> _Read:
    if _TICKS(text) is None:
        raise ValueError(text)
    return _Read(_EPOCH + timedelta(microseconds=round(Decimal(text) * microseconds)), is_day=False)


def _json_date(text: str) -> _Read:
    """Return the moment of an old JSON date. An offset behind the milliseconds names a zone and moves nothing."""
    found = _JSON_DATE(text)
    if found is None:
        raise ValueError(text)
    return _ticks(found[1], 1_000)


def shift_days(name: str, moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same time of day some days later or, for a negative number, earlier.

    Raises:
        InvalidInput: The result is out of range, or does not exist in the zone.
    """
    try:
        local = moment.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    except OverflowError:
        raise InvalidInput(
            f"{days} days from {moment:%Y-%m-%d} is out of range", code="not_a_time", field=name
        ) from None
    return _in_zone(name, f"{local:%Y-%m-%d %H:%M}", local, zone)


def _in_zone(name: str, text: str, found: datetime, zone: ZoneInfo) -> datetime:
    """Return a local time as a moment: the earlier of two where clocks went back.

    A day whose midnight the clocks skipped begins at its first instant. Any other skipped time is an error.
    """
    local = found.replace(tzinfo=zone)
    try:
        at = local.astimezone(UTC)
        back = at.astimezone(zone)
    except OverflowError:
        raise InvalidInput(f"{shown(text)} is out of range", code="not_a_time", field=name) from None
    # Of a skipped midnight, the offset before the gap gives the instant at which the clocks went forward.
    if back.replace(tzinfo=None) == found or found.time() == time_of_day():
        return at
    raise InvalidInput(
        f"{shown(text)} did not exist in {zone.key}: the clocks skipped it", code="nonexistent_time", field=name
    )
