"""A mapping's times: texts into instants, compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as time_of_day
from functools import lru_cache
from zoneinfo import ZoneInfo

from relations.errors import InvalidInput
from relations.exchange.mapping.model import Value
from relations.messages import from_micros
from relations.policies.calendars import local_time, time_zone

__all__ = ["compile_time", "shown"]

_SHOWN = 60


def shown(text: str) -> str:
    """A text from a file as errors quote it: not longer than a line."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def compile_time(name: str, value: Value) -> Callable[[str], datetime]:
    """What reads a value's texts as instants, by its format and zone."""
    form, zone = value.format, time_zone(value.zone) if value.zone is not None else None
    at = value.at if value.at is not None else time_of_day()
    bare_iso = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}").fullmatch

    def parse(text: str) -> tuple[datetime, bool]:
        if form == "iso":
            return datetime.fromisoformat(text), bare_iso(text) is not None
        return datetime.strptime(text, form), day_only  # noqa: DTZ007 - the zone is given below

    day_only = form != "iso" and not any(code in form for code in ("%H", "%I", "%c", "%X", "%T", "%R"))

    # Files are mostly in order of time, so the same texts come again and again.
    @lru_cache(maxsize=4096)
    def moment(text: str) -> datetime:
        try:
            found, bare = parse(text)
        except ValueError:
            wanted = "an ISO 8601 time" if form == "iso" else f"like {form}"
            raise InvalidInput(f"{shown(text)} is not {wanted}", code="not_a_time", field=name) from None
        if found.tzinfo is None:
            if zone is None:
                raise InvalidInput(
                    f"{shown(text)} has no time zone, and the mapping names none",
                    code="naive_datetime",
                    field=name,
                    hint="Give `zone` in the mapping, or an offset in the file",
                )
            if bare:
                found = found.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=at.microsecond)
            found = _in_zone(name, text, found, zone)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            raise InvalidInput(f"{shown(text)} is out of range", code="not_a_time", field=name) from None

    return moment


def _in_zone(name: str, text: str, found: datetime, zone: ZoneInfo) -> datetime:
    """Local time in a zone: the earlier of two where clocks went back, refused where they skipped it."""
    local = found.replace(tzinfo=zone)
    try:
        back = local.astimezone(UTC).astimezone(zone)
    except OverflowError:
        raise InvalidInput(f"{shown(text)} is out of range", code="not_a_time", field=name) from None
    if back.replace(tzinfo=None) != found and found.time() == time_of_day():
        # The day begins later, when clocks have skipped its midnight.
        return from_micros(local_time(zone.key).start(found.date()))
    if back.replace(tzinfo=None) != found:
        raise InvalidInput(
            f"{shown(text)} did not exist in {zone.key}: clocks skipped it", code="nonexistent_time", field=name
        )
    return local
