"""Recorded fits of models: which one a question uses, and how old it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Protocol, TypeVar

from relations.aggregates.model import ClustersFitted, ForecastsFitted, ModelFitted, RulesFitted
from relations.json_form import ViewAnswer
from relations.messages import Envelope, from_micros
from relations.policies.calendars import LocalTime

__all__ = ["FitInUse", "newest_row", "note_origin", "origin_now", "origin_of"]


class _FitRow(Protocol):
    """The columns that the row of a fit has whatever the model."""

    number: int
    fitted_at: int
    through: str
    position: int
    version: int


F = TypeVar("F", bound=_FitRow)


class FitInUse(ViewAnswer):
    """The fit from which an answer was computed.

    Attributes:
        fitted_at: When it was recorded; None if it was fitted for this question alone.
        through: The last local day observed.
        position: The last position of the log that was read; None if it was fitted for this question alone.
        version: The version of the method of fitting.
        age_days: The days from the last day observed to the day of the question.
    """

    fitted_at: datetime | None
    through: date
    position: int | None
    version: int
    age_days: int


def note_origin(
    row: _FitRow, event: ModelFitted | RulesFitted | ClustersFitted | ForecastsFitted, envelope: Envelope
) -> None:
    """Keep when a fit was recorded, what it observed, and by which method."""
    row.fitted_at, row.through, row.position = envelope.occurred_at, event.through, event.position
    row.version = event.version


def newest_row(rows: Iterable[F], today: int, local: LocalTime) -> F | None:
    """Return the row of the newest fit that was recorded by the evening of a day; None if there is none.

    Args:
        rows: The fits of one model.
        today: The ordinal of the day.
        local: The business's days.
    """
    known = (row for row in rows if local.day(row.fitted_at) <= today)
    return max(known, key=lambda row: (row.fitted_at, row.number), default=None)


def origin_of(row: _FitRow, today: int) -> FitInUse:
    """Return where a recorded fit comes from, and its age on a day.

    Args:
        row: The fit's row.
        today: The ordinal of the day.
    """
    through = date.fromisoformat(row.through)
    return FitInUse(
        fitted_at=from_micros(row.fitted_at),
        through=through,
        position=row.position,
        version=row.version,
        age_days=today - through.toordinal(),
    )


def origin_now(today: int, version: int, *, through: int | None = None) -> FitInUse:
    """Return where a fit comes from that is made for one question and not recorded.

    Args:
        today: The ordinal of the day of the question.
        version: The version of the method of fitting.
        through: The ordinal of the last day observed; by default that day.
    """
    last = today if through is None else through
    return FitInUse(
        fitted_at=None, through=date.fromordinal(last), position=None, version=version, age_days=today - last
    )
