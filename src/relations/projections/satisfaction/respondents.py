"""Answers, questionnaire items and invitations of respondents as columns, each with everything it can be grouped by.

The language is that of the answer, if it has one, or else the respondent's. Invitations have the respondent's. The
respondent's language and region are those last known, not those at the time: a correction corrects all figures.

The complaint outcome is the present standing of the complaint that an answer is about, or else of the last one filed
before it. Without a complaint it is `none`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from relations.extras import np
from relations.months import month_of
from relations.policies import Instrument
from relations.policies.calendars import LocalTime
from relations.projections.columns import Array, Codes, ColumnPart, FieldGroup, Ints, Parts, ints, numbered, offsets_of
from relations.projections.known import Known
from relations.projections.satisfaction.answers import (
    ComplaintOutcome,
    Given,
    InvitationOutcome,
    Respondent,
    Sentiment,
)
from relations.projections.satisfaction.cuts import WHOLE, Dimension, Facts, Part, Sort

__all__ = ["ABSENT", "PARTS", "Respondents", "SegmentsOf", "Where", "respondent_groups"]

SegmentsOf: TypeAlias = Mapping[str, str | Collection[str]]
"""The segment of each customer by surviving id, or several segments."""
Where: TypeAlias = Mapping[Dimension, str | None]
"""The value wanted in some dimensions; None stands for unknown."""
ABSENT = -(2**63)
"""What stands for an absent number in a column."""
_NO_COMPLAINT = "none"
_SPEAKING = ("language", "region", "complaints")
_ANSWERS = ("answers", "items", "sentiments")
PARTS = (*_ANSWERS, "invitations")
_UNCODED = ("",)
"""The themes of words that are not coded; no theme has an empty name."""


def respondent_groups(codes: Codes, local: LocalTime) -> Iterable[tuple[tuple[str, ...], FieldGroup]]:
    """Return the parts of the columns, and how they are read."""
    return (
        (
            _ANSWERS,
            FieldGroup(
                (*_SPEAKING, "answers", "erased_at"),
                partial(_answer_parts, codes, local),
                coded={"sort": Sort, "themes": tuple[str, ...], "item": str, "scorer": str},
                objects={"name": str},
            ),
        ),
        (
            ("invitations",),
            FieldGroup(
                (*_SPEAKING, "answers", "invitations"),
                partial(_invitation_part, codes, local),
                coded={"sort": Sort},
                objects={"name": str},
            ),
        ),
    )


class _Answers(NamedTuple):
    """The answers of all respondents, one respondent after the other.

    Attributes:
        counts: How many each respondent gave.
        names: The answers' names in their rows.
        given: The answers.
        occasions: A number for each answer: those of a respondent to one invitation, or about the same thing, have the
            same number.
    """

    counts: list[int]
    names: list[str]
    given: list[Given]
    occasions: list[int]


def _given_once(answers: Sequence[Mapping[str, Given]]) -> _Answers:
    """Return answers in the order of recording, only the first for each invitation and instrument."""
    found = _Answers([], [], [], [])
    for each in answers:
        if len(each) < 2:
            found.counts.append(len(each))
            found.names.extend(each)
            found.given.extend(each.values())
            found.occasions.extend(range(len(each)))
        else:
            _add_once(found, sorted(each.items(), key=_position))
    return found


def _add_once(found: _Answers, said: Sequence[tuple[str, Given]]) -> None:
    """Add the answers of a respondent who gave several."""
    before = len(found.given)
    answered: set[tuple[str, str]] = set()
    invited: dict[str, int] = {}
    regarded: dict[str, int] = {}
    for number, (name, given) in enumerate(said):
        invitation, regarding = given.invitation, given.regarding
        if invitation is not None:
            key = invitation, given.instrument
            if key in answered:
                continue
            answered.add(key)
            number = invited.setdefault(invitation, number)  # noqa: PLW2901 - that of the first one of the occasion
        elif regarding:
            number = regarded.setdefault(regarding, number)  # noqa: PLW2901 - likewise
        found.names.append(name)
        found.given.append(given)
        found.occasions.append(number)
    found.counts.append(len(found.given) - before)


def _position(named: tuple[str, Given]) -> int:
    return named[1].position


class _Sorts:
    """The sorts of answers and invitations, found by their values.

    Args:
        codes: The numbers of sorts.
        local: The business's own months.
    """

    def __init__(self, codes: Codes, local: LocalTime) -> None:
        self._codes = codes
        self._day = local.day
        self._months: dict[int, str] = {}
        self._known: dict[tuple[str, ...], int] = {}

    def of(self, at: int, touchpoint: str, channel: str, language: str, region: str, outcome: str, asked: str) -> int:
        """Return the number of the sort with these values."""
        day = self._day(at)
        key = self._months.get(day) or self._month(day), touchpoint, channel, language, region, outcome, asked
        found = self._known.get(key)
        if found is None:
            sort = Sort(key[0], touchpoint, channel, language, region, (), outcome, asked)
            found = self._known[key] = self._codes.of(sort)
        return found

    def _month(self, day: int) -> str:
        found = self._months[day] = month_of(day)
        return found


def _complaint_outcome(complaints: Mapping[str, ComplaintOutcome], regarding: str | None, at: int) -> str:
    regarded = complaints.get(regarding or "")
    if regarded is not None:
        return regarded.standing
    before = [case for case in complaints.values() if case.filed_at <= at]
    return max(before, key=lambda case: (case.filed_at, case.standing)).standing if before else _NO_COMPLAINT


def _answer_parts(
    codes: Codes,
    local: LocalTime,
    languages: Sequence[Known | None],
    regions: Sequence[Known | None],
    complaints: Sequence[Mapping[str, ComplaintOutcome]],
    answers: Sequence[Mapping[str, Given]],
    erased_at: Sequence[int | None],
) -> Parts:
    said = _given_once(answers)
    owner, given, sorts, sort_of = numbered(said.counts), said.given, list[int](), _Sorts(codes, local).of
    each_given = iter(given)
    for count, known, spoken, cases in zip(said.counts, languages, regions, complaints, strict=True):
        if not count:
            continue
        language, region = known.value if known else "", spoken.value if spoken else ""
        for of in islice(each_given, count):
            outcome = _complaint_outcome(cases, of.regarding, of.at) if cases else _NO_COMPLAINT
            sorts.append(
                sort_of(of.at, of.touchpoint, of.channel, of.language or language, region, outcome, of.instrument)
            )
    values: dict[str, Array] = {
        "sort": np.array(sorts, np.int64),
        "occasion": np.array(said.occasions, np.int64),
        "name": _objects(said.names),
        "posted": np.array([each.platform != "" for each in given], np.bool_),
        "erased": np.array([at is not None for at in erased_at], np.bool_)[owner],
        "themes": codes.all_of(tuple(each.themes) if each.themes else _UNCODED if each.words else () for each in given),
    }
    for name in ("at", "score", "followed_at", "answer_by"):
        values[name] = _optional(map(attrgetter(name), given))
    place = np.arange(len(owner)) - offsets_of(owner, len(answers))[owner]
    items = [len(each.items) for each in given]
    sentiments = [len(each.sentiments) for each in given]
    answered = [item for each in given for item in each.items]
    scored = [found for each in given for found in each.sentiments]
    return {
        "answers": ColumnPart(owner, values),
        "items": ColumnPart(
            np.repeat(owner, items),
            {
                "answer": np.repeat(place, items),
                "item": codes.all_of(each.item for each in answered),
                "score": ints([each.score for each in answered]),
                "expected": _optional(each.expected for each in answered),
            },
        ),
        "sentiments": ColumnPart(
            np.repeat(owner, sentiments),
            {
                "answer": np.repeat(place, sentiments),
                "scorer": _scorers(codes, scored),
                "score": ints([each.score for each in scored]),
            },
        ),
    }


def _scorers(codes: Codes, scored: Sequence[Sentiment]) -> Ints:
    pairs = [(each.scorer, each.version) for each in scored]
    numbers = {pair: codes.of(" ".join(pair)) for pair in set(pairs)}
    return np.array([numbers[pair] for pair in pairs], np.int64)


def _invitation_part(
    codes: Codes,
    local: LocalTime,
    languages: Sequence[Known | None],
    regions: Sequence[Known | None],
    complaints: Sequence[Mapping[str, ComplaintOutcome]],
    answers: Sequence[Mapping[str, Given]],
    invitations: Sequence[Mapping[str, InvitationOutcome]],
) -> Parts:
    sorts, any_way_at, own_at, sort_of = list[int](), list[int](), list[int](), _Sorts(codes, local).of
    for known, spoken, cases, said, invited in zip(languages, regions, complaints, answers, invitations, strict=True):
        if not invited:
            continue
        language, region = known.value if known else "", spoken.value if spoken else ""
        any_way, own = _first_answers(said, invited)
        for name, sent in invited.items():
            outcome = _complaint_outcome(cases, None, sent.at) if cases else _NO_COMPLAINT
            sorts.append(sort_of(sent.at, sent.touchpoint, sent.channel, language, region, outcome, sent.instrument))
            any_way_at.append(any_way.get(name, ABSENT))
            own_at.append(own.get(name, ABSENT))
    listed = [each for invited in invitations for each in invited.values()]
    values: dict[str, Array] = {
        "sort": np.array(sorts, np.int64),
        "name": _objects([name for invited in invitations for name in invited]),
        "at": ints([each.at for each in listed]),
        "answered": np.array(any_way_at, np.int64),
        "answered_own": np.array(own_at, np.int64),
        "seen": np.array([each.was_seen for each in listed], np.bool_),
        "declined": np.array([each.declined_at is not None for each in listed], np.bool_),
        "reminded": np.array([each.reminders > 0 for each in listed], np.bool_),
    }
    return {"invitations": ColumnPart(numbered(list(map(len, invitations))), values)}


def _first_answers(
    answers: Mapping[str, Given], invitations: Mapping[str, InvitationOutcome]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the time of the first answer to each invitation: of any, and of any with the instrument sent."""
    any_way: dict[str, int] = {}
    own: dict[str, int] = {}
    for given in answers.values():
        name = given.invitation or ""
        asked = invitations.get(name)
        if asked is not None:
            any_way[name] = min(given.at, any_way.get(name, given.at))
            if given.instrument == asked.instrument:
                own[name] = min(given.at, own.get(name, given.at))
    return any_way, own


def _optional(values: Iterable[int | None]) -> Array:
    return ints([ABSENT if value is None else value for value in values])


def _objects(values: Sequence[Any]) -> Array:
    found = np.empty(len(values), object)
    found[:] = values
    return found


@dataclass(frozen=True)
class Respondents:
    """Respondents over a span of months.

    Attributes:
        names: Their ids, in order.
        part: Returns a part of their columns.
        codes: The numbers of texts and sorts in them.
        since: The first month, such as `2024-05`.
        until: The month after the last one.
        segments: The segments of each customer.
        wanted: Only answers and invitations with these values.
    """

    names: Sequence[str]
    part: Callable[[str], ColumnPart]
    codes: Codes
    since: str | None = None
    until: str | None = None
    segments: SegmentsOf | None = None
    wanted: Where | None = None

    @classmethod
    def of_rows(cls, rows: Iterable[Respondent], codes: Codes, local: LocalTime, *limits: Any) -> Respondents:
        """Return the respondents of some rows; the limits are the months, segments and values."""
        listed = sorted(rows, key=attrgetter("customer"))
        parts: Parts = {}
        for _, group in respondent_groups(codes, local):
            parts |= group.parts(*([getattr(row, name) for row in listed] for name in group.fields))
        return cls([row.customer for row in listed], parts.__getitem__, codes, *limits)

    def answers(self, instrument: str | None = None) -> Facts:
        """Return all answers, or those to one instrument."""
        return self._facts(self.part("answers"), instrument)

    def scores(self, instrument: str | None = None) -> Facts:
        """Return all answers with one score."""
        answers = self.answers(instrument)
        return answers.where(answers["score"] != ABSENT)

    def items(self, instrument: Instrument, *carried: str) -> Facts:
        """Return all answers to a questionnaire's items; each counts for the item, its dimension and the whole.

        Args:
            instrument: The questionnaire.
            *carried: The answers' fields that their items get, too.
        """
        dimension_of = {item.id: item.dimension for item in instrument.items}
        texts = self.codes.texts

        def parts(item: int) -> tuple[Part, ...]:
            name = texts[item]
            dimension = dimension_of.get(name)
            return tuple(dict.fromkeys((WHOLE, (dimension, None), (dimension, name))))

        found = self.inside("items", self.answers(instrument.id), *carried)
        return _divided(found, found["item"], parts)

    def themes(self) -> Facts:
        """Return all answers with words or themes; each counts for every theme."""
        found, texts = self._worded, self.codes.texts
        return _divided(found, found["themes"], lambda code: tuple((theme, None) for theme in texts[code]))

    def sentiments(self) -> Facts:
        """Return the sentiments found in those answers; each counts for every theme, by its scorer."""
        found, texts = self.inside("sentiments", self._worded, "themes"), self.codes.texts
        both = found["themes"] * len(texts) + found["scorer"]

        def parts(code: int) -> tuple[Part, ...]:
            themes, scorer = divmod(code, len(texts))
            return tuple((theme, texts[scorer]) for theme in texts[themes])

        return _divided(found, both, parts)

    @property
    def _worded(self) -> Facts:
        """The answers with words or themes."""
        answers = self.answers()
        return answers.where(answers["themes"] != self.codes.of(()))

    def invitations(self, *, own: bool = False) -> Facts:
        """Return all invitations; the month of each is that of sending.

        Args:
            own: Count only answers with the instrument that was sent, not every answer that names the invitation.
        """
        found = self._facts(self.part("invitations"))
        return found.with_values(answered=found["answered_own"]) if own else found

    def inside(self, name: str, answers: Facts, *carried: str) -> Facts:
        """Return the items or sentiments inside of some answers, as facts of the answers' sorts.

        Args:
            name: The part.
            answers: The answers.
            carried: The answers' fields that their entries get, too.
        """
        part = self.part(name)
        number = np.full(len(self.part("answers")), -1, np.int64)
        number[answers["place"]] = np.arange(len(answers))
        starts = offsets_of(self.part("answers").owner, len(self.names))
        of = number[starts[part.owner] + part["answer"]]
        chosen = of >= 0
        of = of[chosen]
        values = {name: values[chosen] for name, values in part.values.items()}
        return Facts(
            answers.sorts, answers.sort[of], answers.who[of], values | {each: answers[each][of] for each in carried}
        )

    def _facts(self, part: ColumnPart, instrument: str | None = None) -> Facts:
        """Return the entries of a part that lie inside the months and values wanted."""
        texts, sort = self.codes.texts, part["sort"]
        known = np.flatnonzero(np.bincount(sort)).tolist() if len(sort) else []
        kept = [code for code in known if self._has(texts[code], instrument)]
        number = np.full(max(known, default=0) + 1, -1, np.int64)
        number[kept] = np.arange(len(kept))
        numbers = number[sort] if len(sort) else sort
        places = np.flatnonzero(numbers >= 0)
        found = Facts(
            [texts[code] for code in kept],
            numbers[places],
            part.owner[places],
            {name: values[places] for name, values in part.values.items() if name != "sort"} | {"place": places},
        )
        if self.segments is not None:
            found = self._with_segments(found, self.segments)
        return found if not self.wanted else _with_values(found, self.wanted)

    def _has(self, sort: Sort, instrument: str | None) -> bool:
        return (
            (instrument is None or sort.instrument == instrument)
            and (self.since is None or sort.month >= self.since)
            and (self.until is None or sort.month < self.until)
        )

    def _with_segments(self, facts: Facts, segments: SegmentsOf) -> Facts:
        of = [segments.get(name, ()) for name in self.names]
        belong = Codes()
        code = belong.all_of((each,) if isinstance(each, str) else tuple(each) for each in of)
        return _changed(facts, code[facts.who], lambda sort, found: sort._replace(segments=belong.texts[found]))


def _divided(facts: Facts, by: Ints, parts: Callable[[int], tuple[Part, ...]]) -> Facts:
    """Return facts whose sorts have the parts that a number stands for."""
    return _changed(facts, by, lambda sort, number: sort._replace(parts=parts(number)))


def _changed(facts: Facts, by: Ints, change: Callable[[Sort, int], Sort]) -> Facts:
    """Return facts with a sort for each different pair of a sort and a number."""
    if not len(facts):
        return facts
    width = int(by.max()) + 1
    pairs, place = np.unique(facts.sort * width + by, return_inverse=True)
    sorts = [change(facts.sorts[pair // width], pair % width) for pair in pairs.tolist()]
    known: dict[Sort, int] = {}
    merged = np.array([known.setdefault(sort, len(known)) for sort in sorts], np.int64)
    return Facts(list(known), merged[place], facts.who, facts.values)


def _with_values(facts: Facts, wanted: Where) -> Facts:
    has = [all((value or "") in sort.of(name) for name, value in wanted.items()) for sort in facts.sorts]
    return facts.where(np.array(has, np.bool_)[facts.sort])
