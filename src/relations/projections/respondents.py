"""What is told from respondents' own files: who was asked and answered, loops still open, themes, and what drives.

Language and region are a respondent's as last known, not as of the answer: a correction corrects all figures. The
outcome of a complaint is that of the complaint which the answer regards, or else of the last one filed before it, as it
stands now; `none` where there was none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.analytics.drivers import DriverReport, driver_report
from relations.analytics.intervals import Interval, wilson
from relations.errors import InvalidInput
from relations.messages import from_micros
from relations.policies import Instrument, Surveys
from relations.policies.calendars import LocalTime
from relations.projections.answers import Given, Respondent

__all__ = [
    "OneAnswer",
    "OpenLoop",
    "OpenLoops",
    "ResponseDimension",
    "ResponseRate",
    "ThemeFigure",
    "each_answer",
    "given_once",
    "open_loops",
    "response_rates",
    "survey_drivers",
    "theme_figures",
]

ResponseDimension: TypeAlias = Literal["month", "instrument", "touchpoint", "channel"]
_NO_COMPLAINT = "none"


@dataclass(frozen=True, slots=True)
class OneAnswer:
    """One answer with all that it can be grouped by, in the form of a count of one."""

    month: str
    touchpoint: str
    channel: str
    instrument: str
    score: int
    language: str
    region: str
    segment: str
    complaint_outcome: str
    answers: int = 1


def given_once(row: Respondent) -> Iterator[tuple[str, Given]]:
    """A respondent's answers in the order of recording, the first one only to each invitation and instrument."""
    answered: set[tuple[str, str]] = set()
    for name, given in sorted(row.answers.items(), key=lambda entry: entry[1].position):
        if given.invitation is not None:
            key = given.invitation, given.instrument
            if key in answered:
                continue
            answered.add(key)
        yield name, given


def each_answer(
    rows: Iterable[Respondent], local: LocalTime, segments: Mapping[str, str] | None = None
) -> Iterator[OneAnswer]:
    """Every answer with a score."""
    known = segments or {}
    for row in rows:
        language = row.language.value if row.language else ""
        region = row.region.value if row.region else ""
        segment = known.get(row.customer, "")
        for _, given in given_once(row):
            if given.score is not None:
                yield OneAnswer(
                    local.month(given.at),
                    given.touchpoint,
                    given.channel,
                    given.instrument,
                    given.score,
                    language,
                    region,
                    segment,
                    _complaint_outcome(row, given),
                )


def _complaint_outcome(row: Respondent, given: Given) -> str:
    regarded = row.complaints.get(given.regarding or "")
    if regarded is not None:
        return regarded.standing
    before = [case for case in row.complaints.values() if case.filed_at <= given.at]
    return max(before, key=lambda case: (case.filed_at, case.standing)).standing if before else _NO_COMPLAINT


# --- invitations ----------------------------------------------------------------------------------------------------


class ResponseRate(BaseModel):
    """How many of those who were asked answered.

    Attributes:
        group: The group's value in each dimension asked for, the month being that of sending.
        sent: Invitations sent.
        seen: Of those, how many are known to have been seen.
        answered: How many were answered, by any instrument.
        declined: How many were declined and not answered after all.
        reminded: How many were reminded of.
        rate: Answered / sent, from 0 to 1; None where none were sent.
        interval: Wilson's interval of it.
        days_to_answer: The median of days from sending to the answer; None where none were answered.
    """

    model_config = ConfigDict(frozen=True)

    group: dict[ResponseDimension, str | None]
    sent: int
    seen: int
    answered: int
    declined: int
    reminded: int
    rate: float | None
    interval: Interval | None
    days_to_answer: float | None


def response_rates(
    rows: Iterable[Respondent], *, by: Sequence[ResponseDimension], local: LocalTime, confidence: float
) -> list[ResponseRate]:
    """The response rate of every group that was asked, in the groups' order; of all invitations where `by` is empty."""
    counts: dict[tuple[str, ...], Counter[str]] = {} if by else {(): Counter()}
    waits: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        answered: dict[str, int] = {}
        for given in row.answers.values():
            if given.invitation is not None:
                answered[given.invitation] = min(given.at, answered.get(given.invitation, given.at))
        for name, invited in row.invitations.items():
            of = {
                "month": local.month(invited.at),
                "instrument": invited.instrument,
                "touchpoint": invited.touchpoint,
                "channel": invited.channel,
            }
            group = tuple(of[dimension] for dimension in by)
            at = answered.get(name)
            count = counts.setdefault(group, Counter())
            count["sent"] += 1
            count["seen"] += invited.seen_at is not None
            count["reminded"] += invited.reminders > 0
            count["answered"] += at is not None
            count["declined"] += at is None and invited.declined_at is not None
            if at is not None:
                waits.setdefault(group, []).append((at - invited.at) / 86_400_000_000)
    return [
        ResponseRate(
            group={dimension: value or None for dimension, value in zip(by, group, strict=True)},
            **{name: count[name] for name in ("sent", "seen", "answered", "declined", "reminded")},
            rate=count["answered"] / count["sent"] if count["sent"] else None,
            interval=wilson(count["answered"], count["sent"], confidence),
            days_to_answer=median(waits[group]) if group in waits else None,
        )
        for group, count in sorted(counts.items())
    ]


# --- loops ----------------------------------------------------------------------------------------------------------


class OpenLoop(BaseModel):
    """A low answer that nobody has come back on yet.

    Attributes:
        given_at: When it was given.
        due_at: By when the policy has somebody come back.
        overdue: Whether that has passed.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    feedback: str
    instrument: str
    score: int
    touchpoint: str | None
    given_at: datetime
    due_at: datetime
    overdue: bool


class OpenLoops(BaseModel):
    """Low answers, and whether somebody came back on them.

    Attributes:
        low: How many low answers there were.
        closed: On how many of them somebody came back.
        share_closed: Closed / low; None where none was low.
        days_to_close: The median of days from the answer to that; None where none was closed.
        open: Those still open, the oldest first.
    """

    model_config = ConfigDict(frozen=True)

    low: int
    closed: int
    share_closed: float | None
    days_to_close: float | None
    open: tuple[OpenLoop, ...]


def open_loops(rows: Iterable[Respondent], surveys: Surveys, *, now: int) -> OpenLoops:
    """Low answers by the instruments of the policy; those given after `now` are not there yet."""
    instruments: dict[str, Instrument | None] = {}
    found: list[OpenLoop] = []
    waits: list[float] = []
    for row in rows:
        for name, given in given_once(row):
            if given.score is None or given.at > now:
                continue
            if given.instrument not in instruments:
                instruments[given.instrument] = surveys.instrument(given.instrument)
            instrument = instruments[given.instrument]
            if instrument is None or not instrument.is_low(given.score):
                continue
            if given.followed_at is not None and given.followed_at <= now:
                waits.append((given.followed_at - given.at) / 86_400_000_000)
                continue
            given_at = from_micros(given.at)
            due_at = given_at + timedelta(days=surveys.answer_within_days)
            found.append(
                OpenLoop(
                    customer=row.customer,
                    feedback=name,
                    instrument=given.instrument,
                    score=given.score,
                    touchpoint=given.touchpoint or None,
                    given_at=given_at,
                    due_at=due_at,
                    overdue=due_at < from_micros(now),
                )
            )
    found.sort(key=lambda loop: (loop.given_at, loop.customer, loop.feedback))
    low = len(found) + len(waits)
    return OpenLoops(
        low=low,
        closed=len(waits),
        share_closed=len(waits) / low if low else None,
        days_to_close=median(waits) if waits else None,
        open=tuple(found),
    )


# --- words ----------------------------------------------------------------------------------------------------------


class ThemeFigure(BaseModel):
    """What was said about one theme.

    Attributes:
        theme: Its name; None for answers with words that were not coded.
        n: How many answers are about it. An answer can be about several.
        suppressed: True where these are fewer than the policy's `minimum_answers`; what follows is then absent.
        scored: How many of them have a score of sentiment.
        sentiment: The mean of these, from -1 to 1.
        scorers: Who scored, each with its version.
    """

    model_config = ConfigDict(frozen=True)

    theme: str | None
    n: int
    suppressed: bool
    scored: int | None = None
    sentiment: float | None = None
    scorers: tuple[str, ...] = ()


def theme_figures(rows: Iterable[Respondent], surveys: Surveys) -> list[ThemeFigure]:
    """All themes that anything was said about, the most frequent first."""
    counts: Counter[str | None] = Counter()
    sentiments: dict[str | None, list[int]] = {}
    scorers: dict[str | None, set[str]] = {}
    for row in rows:
        for _, given in given_once(row):
            if not given.themes and not given.words:
                continue
            about: list[str | None] = [*given.themes] or [None]
            for theme in about:
                counts[theme] += 1
                if given.sentiment is not None:
                    score, scorer, version = given.sentiment
                    sentiments.setdefault(theme, []).append(score)
                    scorers.setdefault(theme, set()).add(f"{scorer} {version}")
    found = []
    for name, n in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0] is None, entry[0] or "")):
        scores = sentiments.get(name, [])
        # A mean of fewer scores than the minimum is one of few answers too.
        unseen = n < surveys.minimum_answers
        few = len(scores) < surveys.minimum_answers
        found.append(
            ThemeFigure(
                theme=name,
                n=n,
                suppressed=unseen,
                scored=None if unseen else len(scores),
                sentiment=None if unseen or few else sum(scores) / len(scores) / 1000,
                scorers=() if unseen else tuple(sorted(scorers.get(name, ()))),
            )
        )
    return found


# --- drivers --------------------------------------------------------------------------------------------------------


def survey_drivers(
    rows: Iterable[Respondent], outcome: str, surveys: Surveys, drivers: Sequence[str], *, until: int | None = None
) -> DriverReport:
    """What goes with an outcome, over occasions on which it was asked together with all drivers.

    Answers belong to one occasion where they answer one invitation, or regard the same thing.

    Args:
        rows: The respondents.
        outcome: An instrument of one score.
        surveys: For the dimensions of questionnaires.
        drivers: Names as `csat`, `servqual.empathy` (a dimension: the mean of its items answered), `mood.cold-warm` (an
            item). Empty: everything that was answered on at least half of the occasions.
        until: Only answers given by then, UTC microseconds; all where absent.

    Raises:
        InvalidInput: Too few complete occasions, nothing that varies, or more than twelve drivers.
    """
    occasions = [values for values in _occasions(rows, surveys, until) if outcome in values]
    if drivers:
        chosen = list(dict.fromkeys(drivers))
    else:
        asked = Counter(name for values in occasions for name in values if name != outcome)
        dimensioned = {f"{each.id}." for each in surveys.instruments if any(item.dimension for item in each.items)}
        items = {f"{each.id}.{item.id}" for each in surveys.instruments for item in each.items if item.dimension}
        chosen = sorted(
            name
            for name, times in asked.items()
            if 2 * times >= len(occasions) and not (name in items and any(map(name.startswith, dimensioned)))
        )
    complete = [values for values in occasions if all(name in values for name in chosen)]
    if len(complete) < surveys.minimum_answers:
        raise InvalidInput(
            f"{outcome} was answered together with {', '.join(chosen) or 'anything else'} on {len(complete)} occasions",
            code="too_few_observations",
            field="drivers",
            remedy="Ask for them on one invitation, or name drivers that were asked together with it",
        )
    return driver_report(
        outcome,
        [values[outcome] for values in complete],
        {name: [values[name] for values in complete] for name in chosen},
    )


def _occasions(rows: Iterable[Respondent], surveys: Surveys, until: int | None) -> Iterator[dict[str, float]]:
    dimension_of = {
        (each.id, item.id): item.dimension for each in surveys.instruments for item in each.items if item.dimension
    }
    for row in rows:
        together: dict[tuple[str, str], dict[str, list[float]]] = {}
        for name, given in given_once(row):
            if until is not None and given.at > until:
                continue
            if given.invitation is not None:
                key = "invitation", given.invitation
            else:
                key = ("regarding", given.regarding) if given.regarding else ("answer", name)
            values = together.setdefault(key, {})
            if given.score is not None:
                values.setdefault(given.instrument, []).append(given.score)
            for answer in given.items:
                values.setdefault(f"{given.instrument}.{answer.item}", []).append(answer.score)
                dimension = dimension_of.get((given.instrument, answer.item))
                if dimension is not None:
                    values.setdefault(f"{given.instrument}.{dimension}", []).append(answer.score)
        for values in together.values():
            yield {name: sum(scores) / len(scores) for name, scores in values.items()}
