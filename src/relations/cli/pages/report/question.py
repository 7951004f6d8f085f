"""The question that a report answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from relations.months import month_of, months_after
from relations.policies.calendars import time_zone

__all__ = ["Dimension", "Question"]

Dimension: TypeAlias = Literal["month", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"]


class Question(NamedTuple):
    """The options of a report.

    Attributes:
        as_of: The moment asked about.
        zone: The business's time zone.
        asked: True if the moment was given, False if it is the present.
        since: The first month.
        until: The month after the last one.
        by: The dimensions by which satisfaction is grouped.
        days: How far ahead the agenda looks, in days.
        limit: The most customers, items and months in a list.
        segments: `value` for RFM segments, `policy` for the segments that the policy names.
        currency: The currency whose amounts count; the policy's by default.
    """

    as_of: datetime
    zone: str
    asked: bool = False
    since: str | None = None
    until: str | None = None
    by: tuple[Dimension, ...] = ()
    days: int = 14
    limit: int = 12
    currency: str | None = None
    segments: Literal["value", "policy"] = "value"

    @property
    def day(self) -> str:
        """The local day of the moment."""
        return f"{self.as_of.astimezone(time_zone(self.zone)):%Y-%m-%d}"

    @property
    def month_after(self) -> str | None:
        """The month after the last one that counts: as given, or the one after the moment's month."""
        if self.until is not None or not self.asked:
            return self.until
        return months_after(month_of(self.as_of.astimezone(time_zone(self.zone)).toordinal()))

    def spans(self, month: str) -> bool:
        """Return True if a month is within `since` and `until`."""
        return (self.since is None or month >= self.since) and (self.until is None or month < self.until)
