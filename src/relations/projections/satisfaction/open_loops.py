"""Low answers, with and without a reply of the business."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from relations.extras import np
from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.policies import Surveys
from relations.policies.in_force import InForce
from relations.projections.columns import Array
from relations.projections.satisfaction.answers import COMPLAINT_CSAT
from relations.projections.satisfaction.cuts import Facts
from relations.projections.satisfaction.respondents import ABSENT, Respondents

__all__ = ["OpenLoop", "OpenLoops", "low_answers", "open_loops"]

_DAY = 86_400_000_000


class OpenLoop(ViewAnswer):
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
            before replies had deadlines, or low only by a policy adopted for its time later. No reply was promised
            then, and the agenda does not list it.
        overdue: True if that time has passed.
    """

    customer: str
    feedback: str
    instrument: str
    score: int | None
    sentiment: int | None = None
    touchpoint: str | None
    given_at: datetime
    due_at: datetime | None
    overdue: bool


class OpenLoops(ViewAnswer):
    """Low answers, with and without a reply.

    Attributes:
        low: The number of low answers, without those of erased customers: nobody can reply to them.
        closed: The number of low answers with a reply.
        share_closed: `closed` / `low`; None if there are no low answers.
        days_to_close: The median number of days from the answer to the reply; None if there are no replies.
        open: The answers without a reply, the oldest first.
    """

    low: int
    closed: int
    share_closed: float | None
    days_to_close: float | None
    open: tuple[OpenLoop, ...]


def low_answers(asked: Respondents, rules: InForce) -> Facts:
    """Return the low answers of customers who were not erased.

    Args:
        asked: The respondents.
        rules: All policies with the time from which each is in force.
    """
    answers = asked.answers()
    answers = answers.where(~answers["erased"])
    items = asked.inside("items", answers, "place")
    sentiments = asked.inside("sentiments", answers, "place")
    place, count = answers["place"], len(asked.part("answers"))
    lowest = np.full(count, ABSENT, np.int64)
    order = np.argsort(-sentiments["score"], kind="stable")
    lowest[sentiments["place"][order]] = sentiments["score"][order]  # the lowest is written last
    answers = answers.with_values(
        item_count=np.bincount(items["place"], minlength=count)[place],
        item_sum=np.bincount(items["place"], weights=items["score"], minlength=count).astype(np.int64)[place],
        sentiment=lowest[place],
    )
    return answers.where(_are_low(answers, rules))


def _are_low(answers: Facts, rules: InForce) -> Array:
    """Return for each answer whether it needs a reply: as decided with it, or else by the policy of its time.

    A platform may promise an answer to every post, low or not. There are few different answers, so the policy judges
    each of them once.
    """
    starts = [span.since for span in rules.spans if span.since is not None]
    policy = np.searchsorted(np.array(starts, np.int64), answers["at"], side="right")
    fields = (policy, answers.sort, *(answers[name] for name in ("score", "item_count", "item_sum", "sentiment")))
    different, which = np.unique(np.stack(fields), axis=1, return_inverse=True)
    low = [
        _is_low(rules.spans[number].policy.surveys, answers.sorts[sort].instrument, *said)
        for number, sort, *said in different.T.tolist()
    ]
    promised = (answers["answer_by"] != ABSENT) & ~answers["posted"]
    return np.asarray(np.array(low, np.bool_)[which.reshape(-1)] | promised)


def open_loops(low: Facts, names: Sequence[str], *, now: int) -> OpenLoops:
    """Return the low answers given until now, with and without a reply.

    Args:
        low: The low answers.
        names: The ids of respondents.
        now: The present in UTC microseconds.
    """
    low = low.where(low["at"] <= now)
    is_closed = (low["followed_at"] != ABSENT) & (low["followed_at"] <= now)
    closed, waiting = low.where(is_closed), low.where(~is_closed)
    waits = np.sort((closed["followed_at"] - closed["at"]) / _DAY).tolist()
    found = _open(waiting, names, now)
    return OpenLoops(
        low=len(low),
        closed=len(waits),
        share_closed=len(waits) / len(low) if len(low) else None,
        days_to_close=median(waits) if waits else None,
        open=tuple(sorted(found, key=lambda loop: (loop.given_at, loop.customer, loop.feedback))),
    )


def _is_low(surveys: Surveys, instrument: str, score: int, item_count: int, item_sum: int, sentiment: int) -> bool:
    total, count = (score, 1) if score != ABSENT else (item_sum, item_count)
    said = 1 if sentiment == ABSENT else sentiment
    return surveys.is_low_on_average("csat" if instrument == COMPLAINT_CSAT else instrument, total, count, said)


def _open(waiting: Facts, names: Sequence[str], now: int) -> list[OpenLoop]:
    def optional(number: int) -> int | None:
        return None if number == ABSENT else number

    columns = (waiting[name].tolist() for name in ("name", "score", "sentiment", "at", "answer_by"))
    return [
        OpenLoop(
            customer=names[who],
            feedback=name,
            instrument=waiting.sorts[sort].instrument,
            score=optional(score),
            sentiment=optional(sentiment),
            touchpoint=waiting.sorts[sort].touchpoint or None,
            given_at=from_micros(at),
            due_at=None if due == ABSENT else from_micros(due),
            overdue=due != ABSENT and due < now,
        )
        for who, sort, name, score, sentiment, at, due in zip(
            waiting.who.tolist(), waiting.sort.tolist(), *columns, strict=True
        )
    ]
