"""What respondents' own files tell: answers, questionnaires' items, invitations, each with all that it is grouped by.

Language and region are a respondent's as last known, not as of the answer: a correction corrects all figures. The
outcome of a complaint is that of the complaint which the answer regards, or else of the last one filed before it, as it
stands now; `none` where there was none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from relations.policies import Instrument
from relations.policies.calendars import LocalTime
from relations.projections.satisfaction.answers import Given, Invited, Respondent
from relations.projections.satisfaction.cuts import WHOLE, Dimension, Fact

__all__ = ["Asked", "Respondents", "Said", "SegmentsOf", "Where", "given_once"]

SegmentsOf: TypeAlias = Mapping[str, str | Collection[str]]
"""By surviving id, the segment of a customer, or all of them."""
Where: TypeAlias = Mapping[Dimension, str | None]
"""The value asked for in some dimensions; None is unknown."""
_NO_COMPLAINT = "none"


class Said(NamedTuple):
    """One answer, under the name that the respondent's row knows it by."""

    name: str
    given: Given


class Asked(NamedTuple):
    """One invitation, and when it was answered, if it was."""

    invited: Invited
    answered_at: int | None


def given_once(row: Respondent) -> Iterator[Said]:
    """A respondent's answers in the order of recording, the first one only to each invitation and instrument."""
    answered: set[tuple[str, str]] = set()
    for name, given in sorted(row.answers.items(), key=lambda entry: entry[1].position):
        if given.invitation is not None:
            key = given.invitation, given.instrument
            if key in answered:
                continue
            answered.add(key)
        yield Said(name, given)


@dataclass(frozen=True)
class Respondents:
    """Respondents' rows over a span of months.

    Attributes:
        rows: The rows.
        local: The business's own months.
        since: The first month, such as `2024-05`.
        until: The month after the last one.
        segments: Who belongs to which segments.
        where: Only what has these values.
    """

    rows: list[Respondent]
    local: LocalTime
    since: str | None = None
    until: str | None = None
    segments: SegmentsOf | None = None
    where: Where | None = None

    def answers(self, instrument: str | None = None) -> list[Fact]:
        """Every answer; its content is a `Said`."""
        return [
            fact
            for row in self.rows
            for said in given_once(row)
            if instrument is None or said.given.instrument == instrument
            for fact in self._facts(row, said.given, said, said.given.regarding)
        ]

    def scores(self, instrument: str | None = None) -> list[Fact]:
        """Every answer of one score, which is its content."""
        return [
            replace(fact, content=fact.content.given.score)
            for fact in self.answers(instrument)
            if fact.content.given.score is not None
        ]

    def items(self, instrument: Instrument) -> list[Fact]:
        """Every answer to an item of a questionnaire, which counts for the item, its dimension and the whole."""
        of_item = {item.id: item.dimension for item in instrument.items}
        found = []
        for fact in self.answers(instrument.id):
            for answer in fact.content.given.items:
                dimension = of_item.get(answer.item)
                parts = dict.fromkeys((WHOLE, (dimension, None), (dimension, answer.item)))
                found.append(replace(fact, content=answer, parts=tuple(parts)))
        return found

    def invitations(self, *, own: bool = False) -> list[Fact]:
        """Every invitation, an `Asked`; its month is that of sending.

        Args:
            own: Only answers by the instrument that it invited to count, not whatever else names it.
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
                found += self._facts(row, invited, Asked(invited, answered.get(name)), None)
        return found

    def _facts(self, row: Respondent, of: Given | Invited, content: object, regarding: str | None) -> Iterable[Fact]:
        """The fact, unless it lies outside of what is asked."""
        month = self.local.month(of.at)
        if (self.since is not None and month < self.since) or (self.until is not None and month >= self.until):
            return ()
        segments = (self.segments or {}).get(row.customer, ())
        fact = Fact(
            row.customer,
            month,
            of.touchpoint,
            of.channel,
            row.language.value if row.language else "",
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
