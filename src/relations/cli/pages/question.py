"""What a report is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from relations.months import month_of, months_after
from relations.policies.calendars import time_zone

__all__ = ["Dimension", "Question"]

Dimension: TypeAlias = Literal["month", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"]


class Question(NamedTuple):
    """What a report is asked for.

    Attributes:
        as_of: The moment it is to be true of.
        zone: The business's zone.
        asked: Whether the moment was asked for; it is the present otherwise.
        since: The first month.
        until: The month after the last one.
        by: How satisfaction is to be grouped.
        days: How far ahead the agenda looks.
        limit: How many customers, items and months a list has at most.
        segments: Whose segments are meant: those of `value`, or those that the `policy` names.
        currency: Which amounts grade customers; the policy's where absent.
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
        """The month after the last one that counts: as asked for, or after that of the moment."""
        if self.until is not None or not self.asked:
            return self.until
        return months_after(month_of(self.as_of.astimezone(time_zone(self.zone)).toordinal()))

    def spans(self, month: str) -> bool:
        """Whether a month is from the first one on and before the end asked for."""
        return (self.since is None or month >= self.since) and (self.until is None or month < self.until)
