"""Low answers, with and without a reply of the business."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from relations.messages import from_micros
from relations.policies.in_force import InForce
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, Given, Respondent
from relations.projections.satisfaction.cuts import Fact

__all__ = ["LowAnswer", "OpenLoop", "OpenLoops", "low_answers", "open_loops"]

_DAY = 86_400_000_000


class OpenLoop(BaseModel):
    """A low answer without a reply yet.

    Attributes:
        customer: The customer's id.
        feedback: The answer's id; for a complaint's follow-up, its stream and version.
        instrument: The instrument's id.
        score: The score; absent for a questionnaire, whose items are low on the whole, and for words alone.
        sentiment: The lowest sentiment that a scorer found in the words, in thousandths; absent without one.
        touchpoint: The touchpoint; absent if unknown.
        given_at: The time of the answer.
        due_at: The time by which the business has to reply, as decided with the answer. Absent for an answer recorded
            before replies had deadlines, or low only by a policy adopted for its time later: no reply was promised, and
            the agenda does not list it.
        overdue: True if that time has passed.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    feedback: str
    instrument: str
    score: int | None
    sentiment: int | None = None
    touchpoint: str | None
    given_at: datetime
    due_at: datetime | None
    overdue: bool


class LowAnswer(NamedTuple):
    """A low answer.

    Attributes:
        customer: The customer's id.
        name: The answer's name in the respondent's row.
        given: The answer.
    """

    customer: str
    name: str
    given: Given


class OpenLoops(BaseModel):
    """Low answers, with and without a reply.

    Attributes:
        low: The number of low answers, without those of erased customers: nobody can reply to them.
        closed: The number of low answers with a reply.
        share_closed: `closed` / `low`; None if there are no low answers.
        days_to_close: The median number of days from the answer to the reply; None if there are no replies.
        open: The answers without a reply, the oldest first.
    """

    model_config = ConfigDict(frozen=True)

    low: int
    closed: int
    share_closed: float | None
    days_to_close: float | None
    open: tuple[OpenLoop, ...]


def low_answers(answers: Iterable[Fact], rows: Iterable[Respondent], rules: InForce) -> list[LowAnswer]:
    """Return the low answers of customers who were not erased.

    Args:
        answers: Answers whose content is a `NamedAnswer`.
        rows: The rows of their respondents.
        rules: All policies with the time from which each is in force.
    """
    erased = {row.customer for row in rows if row.erased_at is not None}
    return [
        LowAnswer(fact.who, *fact.content)
        for fact in answers
        if fact.who not in erased and _is_low(fact.content.given, rules)
    ]


def open_loops(low: Iterable[LowAnswer], *, now: int) -> OpenLoops:
    """Return the low answers given until now, with and without a reply.

    Args:
        low: The low answers.
        now: The present in UTC microseconds.
    """
    found: list[OpenLoop] = []
    waits: list[float] = []
    for who, name, given in low:
        if given.at > now:
            continue
        if given.followed_at is not None and given.followed_at <= now:
            waits.append((given.followed_at - given.at) / _DAY)
        else:
            found.append(_open(who, name, given, now))
    found.sort(key=lambda loop: (loop.given_at, loop.customer, loop.feedback))
    count = len(found) + len(waits)
    return OpenLoops(
        low=count,
        closed=len(waits),
        share_closed=len(waits) / count if count else None,
        days_to_close=median(waits) if waits else None,
        open=tuple(found),
    )


def _is_low(given: Given, rules: InForce) -> bool:
    """Return True if the answer needs a reply: as decided with it, or else by the policy of its time.

    A platform may promise an answer to every post, low or not.
    """
    if given.answer_by is not None and not given.platform:
        return True
    surveys = rules.at(given.at).surveys
    instrument = "csat" if given.instrument == COMPLAINT_CSAT else given.instrument
    scores = [answer.score for answer in given.items] if given.score is None else [given.score]
    return surveys.is_low(instrument, scores, [each.score for each in given.sentiments])


def _open(customer: str, name: str, given: Given, now: int) -> OpenLoop:
    return OpenLoop(
        customer=customer,
        feedback=name,
        instrument=given.instrument,
        score=given.score,
        sentiment=min((each.score for each in given.sentiments), default=None),
        touchpoint=given.touchpoint or None,
        given_at=from_micros(given.at),
        due_at=None if given.answer_by is None else from_micros(given.answer_by),
        overdue=given.answer_by is not None and given.answer_by < now,
    )
