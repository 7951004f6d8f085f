"""How fast a complaint is answered and resolved, by severity and by the customer's grade.

The defaults are those of a business that people visit: whoever stands at the desk with a critical complaint (safety,
health, no room for the night) hears within two hours and has it settled within a day; a small annoyance is answered
within two days and settled within a fortnight. They are stricter than what regulators ask of slow trades, and meant
to be changed.

Without a calendar a duration is elapsed time: nights and holidays count. With one it is working time. A promise may
also be counted in days or months of the calendar, as laws do. `ServiceLevels.within` is the only place where promises
become amounts of time, and `deadlines` where they become instants.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from relations.messages import Label
from relations.policies.complaints.business_calendar import BusinessCalendar, WorkingTime

__all__ = [
    "CLOCKS",
    "SEVERITIES",
    "ClockName",
    "DayCount",
    "Deadlines",
    "EscalationStep",
    "GradeLevels",
    "Promise",
    "ServiceLevel",
    "ServiceLevels",
    "Severity",
]

Severity = Literal["low", "medium", "high", "critical"]
"""How much harm was done, by the business's own judgement at filing."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

ClockName = Literal["acknowledge", "next_response", "resolve", "follow_up"]
"""First answer, next answer (to what the customer said after that), resolution, asking how they see it now."""

PausableClock = Literal["acknowledge", "next_response", "resolve"]
"""A follow-up does not wait for anything."""

CLOCKS: tuple[ClockName, ...] = get_args(ClockName)

_MICROSECOND = timedelta(microseconds=1)
_LONGEST = timedelta(days=3660)
_ALWAYS = BusinessCalendar.all_day("always", weekends=True)


def _positive(duration: timedelta) -> timedelta:
    if not timedelta(0) < duration <= _LONGEST:
        msg = f"a duration is more than nothing and at most {_LONGEST.days} days"
        raise ValueError(msg)
    return duration


Duration = Annotated[timedelta, AfterValidator(_positive)]


class DayCount(BaseModel):
    """A promise counted in days or months of the calendar; the day that it starts on does not count.

    Attributes:
        days: Days on which the calendar works: business days, or all days where it works on all.
        months: Calendar months before them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: Annotated[int, Field(strict=True, ge=0, le=3660)] = 0
    months: Annotated[int, Field(strict=True, ge=0, le=120)] = 0

    @model_validator(mode="after")
    def _counts_something(self) -> DayCount:
        if not (self.days or self.months):
            msg = "a promise is at least one day or month"
            raise ValueError(msg)
        return self


Promise = Duration | DayCount


class Deadlines(NamedTuple):
    """Until when a complaint is to be answered and resolved, UTC microseconds. At the deadline itself it is late."""

    acknowledge_by: int
    resolve_by: int


class ServiceLevel(BaseModel):
    """The promise for one severity.

    Attributes:
        acknowledge: From filing, or reopening, to the first answer.
        resolve: From filing, or reopening, to the resolution; never shorter than `acknowledge`.
        extended: To the resolution where a holding reply was sent; counted from filing too.
        next_response: From what the customer says later (information that was asked for, an offer declined) to the
            next answer. None is no such clock.
        follow_up: From the resolution to asking how the customer sees it. None is no such clock.
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
            msg = "acknowledge may not be longer than resolve: a resolution is an answer"
            raise ValueError(msg)
        if self.extended is not None and _is_longer(self.resolve, self.extended):
            msg = "extended may not be shorter than resolve: a holding reply takes no time away"
            raise ValueError(msg)
        return self

    @property
    def promises(self) -> tuple[Promise, ...]:
        """All of its promises."""
        every = (self.acknowledge, self.resolve, self.extended, self.next_response, self.follow_up)
        return tuple(promise for promise in every if promise is not None)


def _is_longer(one: Promise, other: Promise) -> bool:
    """Whether one promise is surely longer; a duration and a count of days do not compare."""
    if isinstance(one, timedelta) and isinstance(other, timedelta):
        return one > other
    if isinstance(one, DayCount) and isinstance(other, DayCount):
        return (one.months, one.days) > (other.months, other.days)
    return False


class GradeLevels(BaseModel):
    """What customers of one grade are promised, where it differs.

    Attributes:
        grade: The grade, as complaints are filed with it.
        low: Instead of everybody's; None is as everybody's. Likewise the others.
        medium: Likewise.
        high: Likewise.
        critical: Likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grade: Label
    low: ServiceLevel | None = None
    medium: ServiceLevel | None = None
    high: ServiceLevel | None = None
    critical: ServiceLevel | None = None


class EscalationStep(BaseModel):
    """Somebody hears of it when so much of a clock's time is used.

    Attributes:
        clock: Which clock.
        at_percent: From 1; 100 is at the miss.
        to: Who is to hear of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock: ClockName = "resolve"
    at_percent: Annotated[int, Field(strict=True, ge=1, le=100)]
    to: Label


class ServiceLevels(BaseModel):
    """How fast a complaint is answered and resolved: one promise a severity, none left out.

    Attributes:
        low: An annoyance: answered in 2 days, resolved in 14.
        medium: A service that fell short: answered in 1 day, resolved in 7.
        high: A stay or an order spoilt: answered in 8 hours, resolved in 3 days.
        critical: Safety, health, or a guest without a bed: answered in 2 hours, resolved in 1 day.
        grades: What some customers are promised beside that.
        calendar: When the desk works; None is always.
        paused_by_questions: The clocks that stand still while information is asked of the customer.
        escalations: Who hears of a clock before and at its miss.
        emergency_to: Who hears of an emergency.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: ServiceLevel = ServiceLevel(acknowledge=timedelta(days=2), resolve=timedelta(days=14))
    medium: ServiceLevel = ServiceLevel(acknowledge=timedelta(days=1), resolve=timedelta(days=7))
    high: ServiceLevel = ServiceLevel(acknowledge=timedelta(hours=8), resolve=timedelta(days=3))
    critical: ServiceLevel = ServiceLevel(acknowledge=timedelta(hours=2), resolve=timedelta(days=1))
    grades: tuple[GradeLevels, ...] = ()
    calendar: BusinessCalendar | None = None
    paused_by_questions: tuple[PausableClock, ...] = ("resolve",)
    escalations: tuple[EscalationStep, ...] = ()
    emergency_to: Label = "duty manager"

    @model_validator(mode="after")
    def _days_need_a_calendar(self) -> ServiceLevels:
        if len({each.grade for each in self.grades}) < len(self.grades):
            msg = "each grade stands once"
            raise ValueError(msg)
        if self.calendar is None:
            levels = [self.level(severity, grade) for severity in SEVERITIES for grade in self._grade_names]
            if any(isinstance(promise, DayCount) for level in levels for promise in level.promises):
                msg = "a promise counted in days needs a calendar that says what a day is"
                raise ValueError(msg)
        return self

    @property
    def _grade_names(self) -> list[str | None]:
        return [None, *(each.grade for each in self.grades)]

    @property
    def time(self) -> WorkingTime:
        """The arithmetic of the calendar."""
        calendar = self.calendar
        return _ALWAYS.time if calendar is None else calendar.time

    def level(self, severity: Severity, grade: str | None = None) -> ServiceLevel:
        """The promise for a severity and a grade; a grade that is not named has everybody's."""
        found: ServiceLevel | None = None
        if grade is not None:
            for each in self.grades:
                if each.grade == grade:
                    found = getattr(each, severity)
        if found is None:
            found = getattr(self, severity)
        return found

    def within(self, promise: Promise, start: int) -> int:
        """How much working time a promise gives to a clock that starts at `start`, in microseconds."""
        if isinstance(promise, timedelta):
            return _micros(promise)
        time = self.time
        return time.between(start, time.end_of_days(start, days=promise.days, months=promise.months))

    def deadlines(self, severity: Severity, start: int, grade: str | None = None) -> Deadlines:
        """The deadlines of clocks that start at `start`, UTC microseconds."""
        level = self.level(severity, grade)
        acknowledge, resolve = self.within(level.acknowledge, start), self.within(level.resolve, start)
        if self.calendar is None:
            return Deadlines(start + acknowledge, start + resolve)
        time = self.time
        return Deadlines(time.after(start, acknowledge), time.after(start, resolve))


@lru_cache(maxsize=256)
def _micros(duration: timedelta) -> int:
    return duration // _MICROSECOND
