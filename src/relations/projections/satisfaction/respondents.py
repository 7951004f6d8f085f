"""Answers, questionnaire items and invitations of respondents, each with everything that it can be grouped by.

The language is that of the answer, if it has one, or else the respondent's. Invitations have the respondent's. The
respondent's language and region are those last known, not those at the time: a correction corrects all figures.

The complaint outcome is the present standing of the complaint that an answer is about, or else of the last one filed
before it; `none` without a complaint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeAlias

from relations.gc_pause import collector_paused
from relations.policies import Instrument
from relations.policies.calendars import LocalTime
from relations.projections.satisfaction.answers import Given, InvitationOutcome, Respondent
from relations.projections.satisfaction.cuts import WHOLE, Dimension, Fact

__all__ = ["AskedInvitation", "NamedAnswer", "Respondents", "SegmentsOf", "Where", "given_once"]

SegmentsOf: TypeAlias = Mapping[str, str | Collection[str]]
"""The segment of each customer by surviving id, or several segments."""
Where: TypeAlias = Mapping[Dimension, str | None]
"""The value wanted in some dimensions; None stands for unknown."""
_NO_COMPLAINT = "none"


class NamedAnswer(NamedTuple):
    """One answer with its name in the respondent's row."""

    name: str
    given: Given


class AskedInvitation(NamedTuple):
    """One invitation with its id and the time of its answer, if there is one."""

    name: str
    invited: InvitationOutcome
    answered_at: int | None


def given_once(row: Respondent) -> Iterator[NamedAnswer]:
    """Yield a respondent's answers in the order of recording, only the first for each invitation and instrument."""
    answered: set[tuple[str, str]] = set()
    for name, given in sorted(row.answers.items(), key=lambda entry: entry[1].position):
        if given.invitation is not None:
            key = given.invitation, given.instrument
            if key in answered:
                continue
            answered.add(key)
        yield NamedAnswer(name, given)


@dataclass(frozen=True)
class Respondents:
    """Respondents' rows over a span of months.

    Attributes:
        rows: The rows.
        local: The business's days and months.
        since: The first month, such as `2024-05`.
        until: The month after the last one.
        segments: The segments of each customer.
        where: Only answers and invitations with these values.
    """

    rows: list[Respondent]
    local: LocalTime
    since: str | None = None
    until: str | None = None
    segments: SegmentsOf | None = None
    where: Where | None = None

    @classmethod
    def read_before(cls, answered: Mapping[str, tuple[Respondent, list[Fact]]], local: LocalTime) -> Respondents:
        """Return all respondents whose answers were read before.

        Args:
            answered: The row and the answers of each respondent; see `answers_of`.
            local: The business's days and months.
        """
        found = cls([row for row, _ in answered.values()], local)
        found.__dict__["_answers"] = [fact for _, facts in answered.values() for fact in facts]
        return found

    def within(self, since: str | None, until: str | None) -> Respondents:
        """Return the same respondents over a span of months; this object has to be over all months."""
        found = replace(self, since=since, until=until)
        if since is None and until is None:
            found.__dict__["_answers_by_instrument"] = self._answers_by_instrument
        found.__dict__["_answers"] = [fact for fact in self._answers if found.has_month(fact.month)]
        return found

    def has_month(self, month: str) -> bool:
        """Return whether a month is one of those asked for."""
        return (self.since is None or month >= self.since) and (self.until is None or month < self.until)

    def answers_of(self) -> dict[str, tuple[Respondent, list[Fact]]]:
        """Return the row and the answers of each respondent."""
        with collector_paused():
            return {row.customer: (row, list(self._answers_of(row))) for row in self.rows}

    def answers(self, instrument: str | None = None) -> list[Fact]:
        """Return all answers, or those to one instrument; the content of each is a `NamedAnswer`."""
        if instrument is None:
            return self._answers
        return self._answers_by_instrument.get(instrument, [])

    @cached_property
    def _answers(self) -> list[Fact]:
        with collector_paused():
            return [fact for row in self.rows for fact in self._answers_of(row)]

    def _answers_of(self, row: Respondent) -> Iterator[Fact]:
        for said in given_once(row):
            yield from self._facts(row, said.given, said, said.given.regarding)

    @cached_property
    def _answers_by_instrument(self) -> dict[str, list[Fact]]:
        found: dict[str, list[Fact]] = {}
        for fact in self._answers:
            found.setdefault(fact.instrument, []).append(fact)
        return found

    def scores(self, instrument: str | None = None) -> list[Fact]:
        """Return all answers with one score; the content of each is the score."""
        return [
            replace(fact, content=fact.content.given.score)
            for fact in self.answers(instrument)
            if fact.content.given.score is not None
        ]

    def items(self, instrument: Instrument) -> list[Fact]:
        """Return all answers to a questionnaire's items; each counts for the item, its dimension and the whole."""
        of_item = {item.id: item.dimension for item in instrument.items}
        found = []
        for fact in self.answers(instrument.id):
            for answer in fact.content.given.items:
                dimension = of_item.get(answer.item)
                parts = dict.fromkeys((WHOLE, (dimension, None), (dimension, answer.item)))
                found.append(replace(fact, content=answer, parts=tuple(parts)))
        return found

    def invitations(self, *, own: bool = False) -> list[Fact]:
        """Return all invitations; the content of each is an `Asked`, and its month is that of sending.

        Args:
            own: Count only answers with the instrument that was sent, not every answer that names the invitation.
        """
        found: list[Fact] = []
        for row in self.rows:
            answered: dict[str, int] = {}
            for given in row.answers.values():
                name = given.invitation or ""
                asked = row.invitations.get(name)
                if asked is not None and (not own or given.instrument == asked.instrument):
                    answered[name] = min(given.at, answered.get(name, given.at))
            for name, invited in row.invitations.items():
                found += self._facts(row, invited, AskedInvitation(name, invited, answered.get(name)), None)
        return found

    def _facts(
        self, row: Respondent, of: Given | InvitationOutcome, content: object, regarding: str | None
    ) -> Iterable[Fact]:
        """Return the fact, unless it lies outside the months or values wanted."""
        month = self.local.month(of.at)
        if not self.has_month(month):
            return ()
        segments = (self.segments or {}).get(row.customer, ())
        fact = Fact(
            row.customer,
            month,
            of.touchpoint,
            of.channel,
            (of.language if isinstance(of, Given) else "") or (row.language.value if row.language else ""),
            row.region.value if row.region else "",
            (segments,) if isinstance(segments, str) else tuple(segments),
            _complaint_outcome(row, regarding, of.at),
            of.instrument,
            content,
        )
        asked = self.where or {}
        return (fact,) if all((value or "") in fact.of(dimension) for dimension, value in asked.items()) else ()


def _complaint_outcome(row: Respondent, regarding: str | None, at: int) -> str:
    regarded = row.complaints.get(regarding or "")
    if regarded is not None:
        return regarded.standing
    before = [case for case in row.complaints.values() if case.filed_at <= at]
    return max(before, key=lambda case: (case.filed_at, case.standing)).standing if before else _NO_COMPLAINT
