"""Contacts between a customer and the business outside complaints, and answers to surveys.

Rows are by customer and year: each row stays small however long a relation lasts, and there are few of them. Only the
kind and time of a contact are kept; the policy weighs it when a view is asked.
"""

from __future__ import annotations

from bisect import insort
from datetime import date
from typing import ClassVar

import msgspec

from relations.aggregates.customer import FeedbackCorrected, FeedbackGiven, InteractionRecorded
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Rows

__all__ = ["Answer", "Contact", "Moments", "contact_recorded", "feedback_corrected", "feedback_given"]


class Contact(msgspec.Struct, array_like=True, gc=False, order=True):
    """An interaction.

    Attributes:
        at: Its time, UTC microseconds.
        version: Its event's version in the customer's stream.
        kind: The host's own word, such as `greeting`.
    """

    at: int
    version: int
    kind: str


class Answer(msgspec.Struct, array_like=True, gc=False, order=True):
    """An answer to a survey.

    Attributes:
        at: Its time, UTC microseconds.
        version: Its event's version in the customer's stream.
        instrument: `nps` or `csat`.
        score: The score.
        feedback: The answer's id.
    """

    at: int
    version: int
    instrument: str
    score: int
    feedback: str = ""


class Moments(CustomerRow, gc=False):
    """A customer's year.

    Attributes:
        year: The year in the policy's zone.
        contacts: The contacts in order of time.
        answers: The answers in order of time.
    """

    table: ClassVar[str] = "moments"
    key: ClassVar[tuple[str, ...]] = ("customer", "year")
    year: int
    contacts: list[Contact] = msgspec.field(default_factory=list)
    answers: list[Answer] = msgspec.field(default_factory=list)

    def absorb(self, other: Moments) -> None:
        """Add the contacts and answers of another id of the customer."""
        self.contacts = sorted([*self.contacts, *other.contacts])
        self.answers = sorted([*self.answers, *other.answers])


_years: dict[int, int] = {}
"""The year of each local day. Cached, because folds ask often."""


def _of_year(rows: Rows, at: Envelope, moment: int | None = None) -> Moments:
    day = rows.local.day(at.occurred_at if moment is None else moment)
    year = _years.get(day)
    if year is None:
        year = _years[day] = date.fromordinal(day).year
    found: Moments = rows.tables[Moments][at.customer, year]
    return found


def contact_recorded(rows: Rows, event: InteractionRecorded, at: Envelope) -> None:
    """Add a contact."""
    occurred_at = at.occurred_at
    contact = Contact(occurred_at, at.version, event.kind)
    contacts = _of_year(rows, at).contacts
    if not contacts or contacts[-1].at < occurred_at:
        contacts.append(contact)
    else:
        insort(contacts, contact)


def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Add an answer that has a score."""
    score, kind = event.score, event.kind or event.instrument
    if score is None or kind not in ("csat", "nps"):
        return
    answer = Answer(at.occurred_at, at.version, kind, score, event.feedback)
    answers = _of_year(rows, at).answers
    if not answers or answers[-1].at < answer.at:
        answers.append(answer)
    else:
        insort(answers, answer)


def feedback_corrected(rows: Rows, event: FeedbackCorrected, at: Envelope) -> None:
    """Replace an answer with the customer's latest one."""
    before = _of_year(rows, at, event.given_at)
    known = next((answer for answer in before.answers if answer.feedback == event.feedback), None)
    if known is None:
        return
    before.answers.remove(known)
    if event.score is not None:
        insort(
            _of_year(rows, at).answers,
            Answer(at.occurred_at, known.version, known.instrument, event.score, event.feedback),
        )
