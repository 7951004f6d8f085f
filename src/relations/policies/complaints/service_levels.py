"""Service levels: the promised times to answer and resolve complaints, by severity and the customer's grade.

The defaults suit a business that people visit. A critical complaint (safety, health, no room for the night) is answered
within two hours and resolved within a day. A small annoyance is answered within two days and resolved within two weeks.
They are stricter than most regulations, and meant to be changed.

Without a calendar a duration is elapsed time: nights and holidays count. With one it is working time. A promise may
also be counted in days or months of the calendar, as laws do. Only `ServiceLevels.within` turns promises into amounts
of time, and only `ServiceLevels.deadlines` into moments.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from relations.messages import Checked, Label
from relations.policies.complaints.business_calendar import BusinessCalendar, WorkingTime

__all__ = [
    "CASE_KINDS",
    "CLOCKS",
    "SEVERITIES",
    "CaseKind",
    "ClockName",
    "DayCount",
    "Deadlines",
    "EscalationStep",
    "GradeLevels",
    "KindLevel",
    "Promise",
    "ServiceLevel",
    "ServiceLevels",
    "Severity",
]

Severity = Literal["low", "medium", "high", "critical"]
"""The severity of a complaint, as judged by the business."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

CaseKind = Literal["complaint", "enquiry", "request", "suggestion"]
"""The kind of a case on the desk."""

CASE_KINDS: tuple[CaseKind, ...] = get_args(CaseKind)

ClockName = Literal["acknowledge", "next_response", "resolve", "follow_up"]
"""The clocks: the first answer, the next answer to a later message, the resolution, and the follow-up."""

PausableClock = Literal["acknowledge", "next_response", "resolve"]
"""The clocks that a question to the customer can pause: all but the follow-up."""

CLOCKS: tuple[ClockName, ...] = get_args(ClockName)

_MICROSECOND = timedelta(microseconds=1)
_LONGEST = timedelta(days=3660)
_ALWAYS = BusinessCalendar.all_day("always", weekends=True)


def _positive(duration: timedelta) -> timedelta:
    if not timedelta(0) < duration <= _LONGEST:
        msg = f"a duration must be longer than zero and at most {_LONGEST.days} days"
        raise ValueError(msg)
    return duration


Duration = Annotated[timedelta, AfterValidator(_positive)]


class DayCount(Checked):
    """A promise counted in days or months of the calendar. The day on which it starts does not count.

    Attributes:
        days: The number of working days of the calendar, counted after the months.
        months: The number of calendar months, counted first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: Annotated[int, Field(strict=True, ge=0, le=3660)] = 0
    months: Annotated[int, Field(strict=True, ge=0, le=120)] = 0

    @model_validator(mode="after")
    def _counts_something(self) -> DayCount:
        if not (self.days or self.months):
            msg = "a promise must be at least one day or month"
            raise ValueError(msg)
        return self


Promise = Duration | DayCount


class Deadlines(NamedTuple):
    """The deadlines to answer and resolve a complaint, UTC microseconds. At the deadline itself it is late."""

    acknowledge_by: int
    resolve_by: int


class ServiceLevel(Checked):
    """The promised times for one severity.

    Attributes:
        acknowledge: The time from filing or reopening to the first answer.
        resolve: The time from filing or reopening to the resolution; never shorter than `acknowledge`.
        extended: The time from filing or reopening to the resolution after a holding reply.
        next_response: The time from a later message of the customer (information, a declined remedy) to the next
            answer. None means no such clock.
        follow_up: The time from the resolution to the follow-up. None means no such clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    acknowledge: Promise
    resolve: Promise
    extended: Promise | None = None
    next_response: Promise | None = None
    follow_up: Promise | None = None

    @model_validator(mode="after")
    def _answered_before_resolved(self) -> ServiceLevel:
        if _is_longer(self.acknowledge, self.resolve):
            msg = "acknowledge must not be longer than resolve, because a resolution is an answer"
            raise ValueError(msg)
        if self.extended is not None and _is_longer(self.resolve, self.extended):
            msg = "extended must not be shorter than resolve, because a holding reply only adds time"
            raise ValueError(msg)
        return self

    @property
    def promises(self) -> tuple[Promise, ...]:
        """All promises of this level."""
        every = (self.acknowledge, self.resolve, self.extended, self.next_response, self.follow_up)
        return tuple(promise for promise in every if promise is not None)


def _is_longer(one: Promise, other: Promise) -> bool:
    """Return True if one promise is certainly longer; a duration and a count of days cannot be compared."""
    if isinstance(one, timedelta) and isinstance(other, timedelta):
        return one > other
    if isinstance(one, DayCount) and isinstance(other, DayCount):
        return (one.months, one.days) > (other.months, other.days)
    return False


class GradeLevels(Checked):
    """The service levels of one customer grade that differ from the general ones.

    Attributes:
        grade: The grade with which complaints are filed.
        low: The level for low severity; None means the general level.
        medium: The level for medium severity; None means the general level.
        high: The level for high severity; None means the general level.
        critical: The level for critical severity; None means the general level.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grade: Label
    low: ServiceLevel | None = None
    medium: ServiceLevel | None = None
    high: ServiceLevel | None = None
    critical: ServiceLevel | None = None


class KindLevel(Checked):
    """The service level of cases that are not complaints, whatever their severity.

    Attributes:
        kind: The kind of case.
        level: The promised times.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["enquiry", "request", "suggestion"]
    level: ServiceLevel


_KIND_LEVELS = (
    KindLevel(
        kind="enquiry",
        level=ServiceLevel(acknowledge=timedelta(hours=4), resolve=timedelta(days=1), next_response=timedelta(hours=4)),
    ),
    KindLevel(
        kind="request",
        level=ServiceLevel(acknowledge=timedelta(hours=4), resolve=timedelta(days=2), next_response=timedelta(hours=4)),
    ),
    KindLevel(kind="suggestion", level=ServiceLevel(acknowledge=timedelta(days=2), resolve=timedelta(days=30))),
)


class EscalationStep(Checked):
    """An escalation that is due when a percentage of a clock's time is used.

    Attributes:
        clock: The clock.
        at_percent: The percentage of its time, 1 to 100; 100 is the miss.
        to: The recipient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock: ClockName = "resolve"
    at_percent: Annotated[int, Field(strict=True, ge=1, le=100)]
    to: Label


class ServiceLevels(Checked):
    """The promised times to answer and resolve complaints: one level for each severity.

    Attributes:
        low: The level for an annoyance; by default answered in 2 days, resolved in 14.
        medium: The level for a service that fell short; by default answered in 1 day, resolved in 7.
        high: The level for a spoilt stay or order; by default answered in 8 hours, resolved in 3 days.
        critical: The level for safety, health, or a guest without a bed; by default answered in 2 hours, resolved in
            1 day.
        grades: The levels of customer grades that differ.
        kinds: The levels of cases that are not complaints. By default an enquiry is answered in 4 hours and resolved in
            1 day. For a request it is 4 hours and 2 days, for a suggestion 2 days and 30 days. A kind without a level
            of its own follows severity and grade, as complaints do.
        calendar: The working hours of the desk; None means always.
        paused_by_questions: The clocks that are paused while a question to the customer is open.
        escalations: The escalations before a clock is missed, and when it is.
        emergency_to: The recipient of emergencies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: ServiceLevel = ServiceLevel(acknowledge=timedelta(days=2), resolve=timedelta(days=14))
    medium: ServiceLevel = ServiceLevel(acknowledge=timedelta(days=1), resolve=timedelta(days=7))
    high: ServiceLevel = ServiceLevel(acknowledge=timedelta(hours=8), resolve=timedelta(days=3))
    critical: ServiceLevel = ServiceLevel(acknowledge=timedelta(hours=2), resolve=timedelta(days=1))
    grades: tuple[GradeLevels, ...] = ()
    kinds: tuple[KindLevel, ...] = _KIND_LEVELS
    calendar: BusinessCalendar | None = None
    paused_by_questions: tuple[PausableClock, ...] = ("resolve",)
    escalations: tuple[EscalationStep, ...] = ()
    emergency_to: Label = "duty manager"

    @model_validator(mode="after")
    def _days_need_a_calendar(self) -> ServiceLevels:
        if len({each.grade for each in self.grades}) < len(self.grades):
            msg = "each grade may be given only once"
            raise ValueError(msg)
        if len({each.kind for each in self.kinds}) < len(self.kinds):
            msg = "each kind may be given only once"
            raise ValueError(msg)
        if self.calendar is None:
            levels = [each.level for each in self.kinds]
            levels += [self.level(severity, grade) for severity in SEVERITIES for grade in self._grade_names]
            if any(isinstance(promise, DayCount) for level in levels for promise in level.promises):
                msg = "a promise counted in days or months requires a calendar"
                raise ValueError(msg)
        return self

    @property
    def _grade_names(self) -> list[str | None]:
        return [None, *(each.grade for each in self.grades)]

    @property
    def time(self) -> WorkingTime:
        """The working-time arithmetic of the calendar."""
        calendar = self.calendar
        return _ALWAYS.time if calendar is None else calendar.time

    def level(self, severity: Severity, grade: str | None = None, kind: str = "complaint") -> ServiceLevel:
        """Return the level for a kind of case, or for a severity and a grade if the kind has none of its own."""
        for one in self.kinds:
            if one.kind == kind:
                return one.level
        found: ServiceLevel | None = None
        if grade is not None:
            for each in self.grades:
                if each.grade == grade:
                    found = getattr(each, severity)
        if found is None:
            found = getattr(self, severity)
        # Only complaints are followed up, unless the kind has a level that says otherwise.
        return found if kind == "complaint" else _unfollowed(found)

    def within(self, promise: Promise, start: int) -> int:
        """Return the working time that a promise gives a clock started at `start`, in microseconds."""
        if isinstance(promise, timedelta):
            return _micros(promise)
        time = self.time
        return time.between(start, time.end_of_days(start, days=promise.days, months=promise.months))

    def deadlines(self, severity: Severity, start: int, grade: str | None = None, kind: str = "complaint") -> Deadlines:
        """Return the deadlines of clocks started at `start`, UTC microseconds."""
        level = self.level(severity, grade, kind)
        acknowledge, resolve = self.within(level.acknowledge, start), self.within(level.resolve, start)
        if self.calendar is None:
            return Deadlines(start + acknowledge, start + resolve)
        time = self.time
        return Deadlines(time.after(start, acknowledge), time.after(start, resolve))


@lru_cache(maxsize=64)
def _unfollowed(level: ServiceLevel) -> ServiceLevel:
    return level if level.follow_up is None else level.model_copy(update={"follow_up": None})


@lru_cache(maxsize=256)
def _micros(duration: timedelta) -> int:
    return duration // _MICROSECOND
