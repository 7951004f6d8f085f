"""Low answers, and whether somebody came back on them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from statistics import median

from pydantic import BaseModel, ConfigDict

from relations.messages import from_micros
from relations.policies.in_force import InForce
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, Given, Respondent
from relations.projections.satisfaction.cuts import Fact

__all__ = ["OpenLoop", "OpenLoops", "open_loops"]

_DAY = 86_400_000_000


class OpenLoop(BaseModel):
    """A low answer that nobody has come back on yet.

    Attributes:
        feedback: The answer's id; of a complaint's follow-up its stream and version.
        score: Its score; absent for a questionnaire, whose items are low on the whole, and for words.
        sentiment: The lowest score that a scorer gave the words, in thousandths; absent where none did.
        given_at: When it was given.
        due_at: By when somebody is to come back, as was decided with the answer. Absent where nothing was: the answer
            was recorded before that was decided, or is low by a policy that was adopted for its time only later.
            Nobody promised anything then, and the agenda has nothing of it.
        overdue: Whether that has passed.
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


class OpenLoops(BaseModel):
    """Low answers, and whether somebody came back on them.

    Attributes:
        low: How many low answers there were. Those of customers who were erased are not among them: there is nobody to
            come back to.
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


def open_loops(answers: Iterable[Fact], rows: Iterable[Respondent], rules: InForce, *, now: int) -> OpenLoops:
    """Low answers among these; those given after `now` are not there yet.

    Args:
        answers: Their content is a `Said`.
        rows: Those of whoever gave them.
        rules: Which policy is in force when.
        now: UTC microseconds.
    """
    erased = {row.customer for row in rows if row.erased_at is not None}
    found: list[OpenLoop] = []
    waits: list[float] = []
    for fact in answers:
        name, given = fact.content
        if given.at > now or fact.who in erased or not _is_low(given, rules):
            continue
        if given.followed_at is not None and given.followed_at <= now:
            waits.append((given.followed_at - given.at) / _DAY)
        else:
            found.append(_open(fact.who, name, given, now))
    found.sort(key=lambda loop: (loop.given_at, loop.customer, loop.feedback))
    low = len(found) + len(waits)
    return OpenLoops(
        low=low,
        closed=len(waits),
        share_closed=len(waits) / low if low else None,
        days_to_close=median(waits) if waits else None,
        open=tuple(found),
    )


def _is_low(given: Given, rules: InForce) -> bool:
    """Whether the answer asks for one of the business: as was decided with it, or else by the policy of its time."""
    if given.answer_by is not None:
        return True
    surveys = rules.at(given.at).surveys
    instrument = "csat" if given.instrument == COMPLAINT_CSAT else given.instrument
    scores = [answer.score for answer in given.items] if given.score is None else [given.score]
    if scores:
        return surveys.answer_by(instrument, given.at, *scores) is not None
    low, said = surveys.low_sentiment, [each.score for each in given.sentiments]
    return low is not None and min(said, default=1) <= low


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
