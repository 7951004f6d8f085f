"""Satisfaction answer by answer, with sets and objects: the slow way, which the view's columns have to agree with.

It groups, decides what is shown, and computes every figure from lists of answers. Formulas of intervals, and the rows,
are the engine's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import sqrt
from statistics import median
from typing import Any, NamedTuple

from relations.analytics.drivers import DriverReport, driver_report
from relations.analytics.intervals import mean_by_respondent, net_promoters, wilson
from relations.errors import InvalidInput
from relations.messages import from_micros
from relations.policies import Instrument, Surveys
from relations.policies.calendars import LocalTime
from relations.policies.in_force import InForce
from relations.policies.instruments import DETRACTORS_TO, PROMOTERS_FROM
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, Given, InvitationOutcome, Respondent
from relations.projections.satisfaction.cuts import DIMENSIONS, WHOLE, GroupOf, Part
from relations.projections.satisfaction.disclosure import _DEAL_AGAIN_TO, Sums, _Hand
from relations.projections.satisfaction.figures import CSAT_SCORES, CsatFigure, GapFigure, NpsFigure, ScaleFigure
from relations.projections.satisfaction.open_loops import OpenLoop, OpenLoops
from relations.projections.satisfaction.response_rates import ResponseRate
from relations.projections.satisfaction.themes import SentimentFigure, ThemeFigure

_DAY = 86_400_000_000
_Cut = tuple[str, ...]
_Name = tuple[_Cut, tuple[str, ...], Part]
_Sort = tuple[Any, ...]
_STANDING: tuple[_Cut, ...] = ((), ("month",), ("touchpoint",), ("channel",))
_OF_INVITATIONS: tuple[_Cut, ...] = ((), ("instrument",), *_STANDING[1:])


@dataclass(frozen=True, slots=True)
class Fact:
    """One answer or invitation of a respondent, with everything that it can be grouped by. Unknown values are empty.

    Attributes:
        who: The respondent.
        month: The local month, such as `2024-05`.
        touchpoint: The touchpoint.
        channel: The channel.
        language: The language of the answer, or else the respondent's.
        region: The respondent's region.
        segments: The respondent's segments; the fact counts in each of them.
        complaint_outcome: The standing of the respondent's complaint.
        instrument: The instrument's id.
        content: A score, an item's answer, an invitation or a sentiment.
        parts: The parts towards which it counts.
    """

    who: str
    month: str
    touchpoint: str
    channel: str
    language: str
    region: str
    segments: tuple[str, ...]
    complaint_outcome: str
    instrument: str
    content: Any = None
    parts: tuple[Part, ...] = (WHOLE,)

    def of(self, dimension: str) -> tuple[str, ...]:
        """Return the values of the fact in a dimension."""
        if dimension == "segment":
            return self.segments or ("",)
        value: str = getattr(self, dimension)
        return (value,)


class _Group(NamedTuple):
    """One group of a cut.

    Attributes:
        part: The part of the answers.
        of: The group's value in each dimension of the cut; None is unknown.
        facts: The answers or invitations in it.
        shown: False if nothing but their number may be shown.
    """

    part: Part
    of: GroupOf
    facts: list[Fact]
    shown: bool

    @property
    def respondents(self) -> int:
        """The number of different people in the group."""
        return len({fact.who for fact in self.facts})


class _Cuts:
    """Facts of one kind in groups, with the decision which groups are shown.

    Args:
        facts: The facts to group.
        minimum: The smallest number of respondents shown.
        by: The question's dimensions, next to the standing cuts.
        standing: The cuts that are decided first.
    """

    def __init__(
        self,
        facts: Iterable[Fact],
        minimum: int,
        by: Sequence[str] = (),
        standing: Sequence[_Cut] = _STANDING,
    ) -> None:
        sorts: dict[_Sort, list[Fact]] = {}
        for fact in facts:
            sorts.setdefault(_sort(fact), []).append(fact)
        self._sorts = [sorts[sort] for sort in sorted(sorts, key=repr)]
        asked = tuple(sorted(by, key=_order))
        coarser = [cut for size in range(len(asked) + 1) for cut in combinations(asked, size)]
        cuts = list(dict.fromkeys([*standing, *coarser]))
        counted = [
            ([name for cut in cuts for name in _names(alike[0], cut)], {fact.who for fact in alike})
            for alike in self._sorts
        ]
        disclosure = _Disclosure(minimum, counted)
        self._shown: set[Hashable] = set()
        for cut in cuts:
            names = {name for alike in self._sorts for name in _names(alike[0], cut)}
            # A questionnaire's whole before its dimensions, these before its items.
            for level in range(3):
                self._shown |= disclosure.admit(name for name in names if _level(name[2]) == level)

    def groups(self, by: Sequence[str]) -> list[_Group]:
        """Return all groups with any fact, in order; without `by` always the whole."""
        cut = tuple(sorted(by, key=_order))
        places = [cut.index(dimension) for dimension in by]
        found: dict[_Name, list[Fact]] = {}
        for alike in self._sorts:
            for name in _names(alike[0], cut):
                found.setdefault(name, []).extend(alike)
        if not by and not found:
            return [_Group(WHOLE, {}, [], shown=True)]
        groups = [
            (tuple(group[place] for place in places), part, facts, (cut, group, part) in self._shown)
            for (_, group, part), facts in found.items()
        ]
        groups.sort(key=lambda each: (each[0], [name or "" for name in each[1]]))
        return [
            _Group(part, {name: value or None for name, value in zip(by, group, strict=True)}, facts, shown)
            for group, part, facts, shown in groups
        ]


def _sort(fact: Fact) -> _Sort:
    """Return everything that a fact can be grouped by."""
    return (
        fact.month,
        fact.touchpoint,
        fact.channel,
        fact.language,
        fact.region,
        fact.segments,
        fact.complaint_outcome,
        fact.instrument,
        fact.parts,
    )


def _order(dimension: str) -> tuple[int, str]:
    known: tuple[str, ...] = DIMENSIONS
    return known.index(dimension) if dimension in known else len(known), dimension


def _names(fact: Fact, cut: _Cut) -> Iterator[_Name]:
    for group in product(*map(fact.of, cut)):
        for part in fact.parts:
            yield cut, group, part


def _level(part: Part) -> int:
    dimension, item = part
    return 2 if item is not None else 0 if dimension is None else 1


# --- what is shown --------------------------------------------------------------------------------------------------


class _Disclosure:
    """Decisions which figures are shown, step by step: a figure once shown stays shown.

    No decision depends on figures that are only asked for later, though they divide the answers further.

    Args:
        minimum: The smallest number of respondents that may be shown.
        counted: For each sort of answers, the names of all figures that count them, and the respondents who gave one.
            The same sorts in the same order are decided alike.
    """

    def __init__(self, minimum: int, counted: Iterable[tuple[Collection[Hashable], Collection[str]]]) -> None:
        self._minimum = minimum
        self._table = _Table()
        self._people: dict[Hashable, set[str]] = {}
        for names, people in counted:
            self._table.add(frozenset(names), people)
            for name in names:
                self._people.setdefault(name, set()).update(people)
        self._shown: list[Hashable] = []
        self._dealing = _Dealing(minimum, self._table)

    def admit(self, names: Iterable[Hashable]) -> set[Hashable]:
        """Return those of some figures that may be shown next to all shown before, trying the largest first.

        Figures that count nobody's answers are undefined rather than hidden, and are shown as such.
        """
        shown: set[Hashable] = set()
        for name in sorted(names, key=lambda each: (-len(self._people.get(each, ())), repr(each))):
            size = len(self._people.get(name, ()))
            if not size or self._minimum <= 1 or (size >= self._minimum and self._may_be_shown(name)):
                shown.add(name)
        return shown

    def _may_be_shown(self, name: Hashable) -> bool:
        if self._dealing.tell_apart(self._table.row(name)):
            self._shown.append(name)
            return True
        if len(self._shown) >= _DEAL_AGAIN_TO or self._dealing.left_over(self._table.row(name)) < self._minimum:
            return False
        # The smallest first, while there are respondents to choose from for them.
        again = _Dealing(self._minimum, self._table)
        listed = sorted((*self._shown, name), key=lambda each: len(self._people[each]))
        if not all(again.tell_apart(self._table.row(each)) for each in listed):
            return False
        self._dealing = again
        self._shown.append(name)
        return True


class _Table:
    """The figures that count each sort of answers.

    Attributes:
        cells: The cell of each sort of answers: all sorts that the same figures count are one cell.
        sorts: The sorts of each cell.
        people: The respondents of each sort.
        answered: The sorts of answers of each respondent.
    """

    def __init__(self) -> None:
        self.cells: list[int] = []
        self.sorts: list[list[int]] = []
        self.people: list[list[str]] = []
        self.answered: dict[str, list[int]] = {}
        self._cell_of: dict[frozenset[Hashable], int] = {}
        self._rows: dict[Hashable, Sums] = {}
        self._sorted = False

    def add(self, names: frozenset[Hashable], people: Collection[str]) -> None:
        """Add a sort of answers."""
        cell = self._cell_of.setdefault(names, len(self.sorts))
        if cell == len(self.sorts):
            self.sorts.append([])
            for name in names:
                self._rows.setdefault(name, {})[cell] = 1
        self.sorts[cell].append(len(self.cells))
        for who in people:
            self.answered.setdefault(who, []).append(len(self.cells))
        self.cells.append(cell)
        self.people.append(list(people))

    def row(self, name: Hashable) -> Sums:
        """Return the cells that a figure counts."""
        return self._rows[name]

    def rank(self, who: str) -> tuple[int, str]:
        """Return the order of dealing: respondents with most answers tell most figures apart and come first."""
        return -len(self.answered[who]), who

    def rank_people(self) -> None:
        """Sort the respondents of every sort by the order of dealing."""
        if not self._sorted:
            for people in self.people:
                people.sort(key=self.rank)
            self._sorted = True


class _Dealing:
    """Respondents dealt into hands, each of which tells the same figures apart."""

    def __init__(self, hands: int, table: _Table) -> None:
        self._table = table
        table.rank_people()
        self._dealt: set[str] = set()
        self._hands = [_Hand() for _ in range(hands)]

    def tell_apart(self, figure: Mapping[int, int]) -> bool:
        """Let every hand tell one more figure apart; if nobody is left to deal, change nothing and return False."""
        found_for: list[tuple[_Hand, Sums, int, str | None]] = []
        found = True
        for hand in self._hands:
            rest = hand.without_the_others(figure)
            if not rest:
                return True  # it can be computed from figures that are shown already
            who: str | None = None
            cell = self._first(hand.sorts, rest)
            if cell is None:
                who = self._next(rest)
                if who is None:
                    found = False
                    break
                self._dealt.add(who)
                cell = self._first(self._table.answered[who], rest)
            assert cell is not None
            found_for.append((hand, rest, cell, who))
        for hand, rest, cell, who in found_for:
            if found:
                hand.add(rest, cell, () if who is None else self._table.answered[who])
            elif who is not None:
                self._dealt.discard(who)
        return found

    def left_over(self, figure: Mapping[int, int]) -> int:
        """Return the number of people that the rest of a figure is about, without the other figures."""
        rest = self._hands[0].without_the_others(figure)
        return len({who for cell in rest for sort in self._table.sorts[cell] for who in self._table.people[sort]})

    def _first(self, sorts: Iterable[int], rest: Mapping[int, int]) -> int | None:
        """Return the cell of the first sort of answers that a figure still counts."""
        return next((self._table.cells[sort] for sort in sorts if self._table.cells[sort] in rest), None)

    def _next(self, rest: Mapping[int, int]) -> str | None:
        """Return the next respondent to deal: of the rest that the figure counts, the one with most answers."""
        found: str | None = None
        for cell in rest:
            for sort in self._table.sorts[cell]:
                who = self._free(sort)
                if who is not None and (found is None or self._table.rank(who) < self._table.rank(found)):
                    found = who
        return found

    def _free(self, sort: int) -> str | None:
        return next((who for who in self._table.people[sort] if who not in self._dealt), None)


# --- answers --------------------------------------------------------------------------------------------------------


class NamedAnswer(NamedTuple):
    """One answer with its name in the respondent's row."""

    name: str
    given: Given


class AskedInvitation(NamedTuple):
    """One invitation with the time of its answer, if there is one."""

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
class _Respondents:
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
    segments: Mapping[str, str | Collection[str]] | None = None
    where: Mapping[str, str | None] | None = None

    def has_month(self, month: str) -> bool:
        """Return whether a month is one of those asked for."""
        return (self.since is None or month >= self.since) and (self.until is None or month < self.until)

    def answers(self, instrument: str | None = None) -> list[Fact]:
        """Return all answers, or those to one instrument; the content of each is a `NamedAnswer`."""
        found = [fact for row in self.rows for fact in self._answers_of(row)]
        return [fact for fact in found if instrument is None or fact.instrument == instrument]

    def _answers_of(self, row: Respondent) -> Iterator[Fact]:
        for said in given_once(row):
            yield from self._facts(row, said.given, said, said.given.regarding)

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
                found += self._facts(row, invited, AskedInvitation(invited, answered.get(name)), None)
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
    return max(before, key=lambda case: (case.filed_at, case.standing)).standing if before else "none"


# --- figures --------------------------------------------------------------------------------------------------------


def _nps(group: _Group, surveys: Surveys, instrument: str) -> NpsFigure:
    scores = [fact.content for fact in group.facts]
    n = len(scores)
    figure = NpsFigure(
        group=group.of, n=n, respondents=group.respondents, suppressed=not group.shown, instrument=instrument
    )
    promoters = sum(score >= PROMOTERS_FROM for score in scores)
    detractors = sum(score <= DETRACTORS_TO for score in scores)
    passives = n - promoters - detractors
    found = net_promoters(promoters, passives, detractors, surveys.confidence)
    if not group.shown or found is None:
        return figure
    return figure.model_copy(
        update={
            "mean": sum(scores) / n,
            "spread": _spread(scores),
            "interval": found.interval,
            "nps": found.score,
            "adjusted": found.adjusted,
            "promoters": promoters,
            "passives": passives,
            "detractors": detractors,
        }
    )


def _csat(group: _Group, surveys: Surveys, instrument: str) -> CsatFigure:
    scores = [fact.content for fact in group.facts]
    n = len(scores)
    figure = CsatFigure(
        group=group.of, n=n, respondents=group.respondents, suppressed=not group.shown, instrument=instrument
    )
    if not group.shown or not n:
        return figure
    satisfied = sum(score >= surveys.csat_satisfied_from for score in scores)
    counts = Counter(scores)
    return figure.model_copy(
        update={
            "mean": sum(scores) / n,
            "spread": _spread(scores),
            "interval": wilson(satisfied, n, surveys.confidence),
            "share": satisfied / n,
            "satisfied": satisfied,
            "counts": {score: counts[score] for score in CSAT_SCORES},
        }
    )


def _scale(group: _Group, instrument: Instrument, surveys: Surveys) -> ScaleFigure:
    scores = [fact.content for fact in group.facts]
    # An older policy may have had a wider scale.
    lowest = min([*scores, *([] if instrument.lowest is None else [instrument.lowest])], default=0)
    highest = max([*scores, *([] if instrument.highest is None else [instrument.highest])], default=0)
    figure = ScaleFigure(
        group=group.of,
        n=len(scores),
        respondents=group.respondents,
        suppressed=not group.shown,
        instrument=instrument.id,
        lowest=lowest,
        highest=highest,
        higher_is_better=instrument.higher_is_better,
        method=instrument.method,
    )
    if not group.shown or not scores:
        return figure
    counts = Counter(scores)
    return figure.model_copy(
        update={
            "mean": sum(scores) / len(scores),
            "spread": _spread(scores),
            "interval": mean_by_respondent(_by_respondent(group.facts, scores), surveys.confidence),
            "counts": {score: counts[score] for score in range(lowest, highest + 1)},
        }
    )


def gap_figures(
    cuts: _Cuts, instrument: Instrument, *, by: Sequence[str], surveys: Surveys, items: bool
) -> list[GapFigure]:
    """Return every dimension of a questionnaire and the whole, or every item, in every group with an answer.

    Args:
        cuts: The answers to its items.
        instrument: The questionnaire.
        by: The dimensions to group by.
        surveys: The smallest number shown, and the confidence level.
        items: Give each item on its own instead of the dimensions.
    """
    dimensions = list(dict.fromkeys(item.dimension for item in instrument.items if item.dimension is not None))

    def order(group: _Group) -> tuple[int, str, list[str]]:
        dimension, item = group.part
        known = dimensions.index(dimension) if dimension in dimensions else len(dimensions)
        return known, item or "", [value or "" for value in group.of.values()]

    chosen = [group for group in cuts.groups(by) if group.facts and (group.part[1] is not None) == items]
    return [_gap(group, instrument.id, surveys) for group in sorted(chosen, key=order)]


def _gap(group: _Group, instrument: str, surveys: Surveys) -> GapFigure:
    answers = [fact.content for fact in group.facts]
    dimension, item = group.part
    figure = GapFigure(
        group=group.of,
        n=group.respondents,
        respondents=group.respondents,
        suppressed=not group.shown,
        instrument=instrument,
        answers=len(answers),
        dimension=dimension,
        item=item,
    )
    if not group.shown:
        return figure
    expecting = [fact for fact in group.facts if fact.content.expected is not None]
    facts = expecting or group.facts
    values = [fact.content.score - (fact.content.expected or 0 if expecting else 0) for fact in facts]
    expected = [fact.content.expected for fact in expecting]
    return figure.model_copy(
        update={
            "mean": sum(answer.score for answer in answers) / len(answers),
            "spread": _spread(values),
            "expected": sum(expected) / len(expected) if expected else None,
            "gap": sum(values) / len(values) if expecting else None,
            "interval": mean_by_respondent(_by_respondent(facts, values), surveys.confidence),
        }
    )


def _spread(numbers: Sequence[int]) -> float | None:
    """Return the standard deviation of whole numbers, exact up to the last division."""
    n, total = len(numbers), sum(numbers)
    squares = sum(number * number for number in numbers)
    return sqrt((n * squares - total * total) / (n * (n - 1))) if n > 1 else None


def _by_respondent(facts: Iterable[Fact], numbers: Iterable[int]) -> Iterable[list[int]]:
    found: dict[str, list[int]] = {}
    for fact, number in zip(facts, numbers, strict=True):
        found.setdefault(fact.who, []).append(number)
    return found.values()


def response_rates(respondents: _Respondents, *, by: Sequence[str], surveys: Surveys) -> list[ResponseRate]:
    """Return the response rate of every group, in the groups' order; without `by`, of all invitations."""
    cuts = _Cuts(respondents.invitations(own="instrument" in by), surveys.minimum_answers, by, _OF_INVITATIONS)
    return [_rate(group, surveys.confidence) for group in cuts.groups(by)]


def _rate(group: _Group, confidence: float) -> ResponseRate:
    asked = [fact.content for fact in group.facts]
    figure = ResponseRate(group=group.of, sent=len(asked), respondents=group.respondents, suppressed=not group.shown)
    if not group.shown:
        return figure
    waits = [(each.answered_at - each.invited.at) / 86_400_000_000 for each in asked if each.answered_at is not None]
    declined = [each for each in asked if each.answered_at is None and each.invited.declined_at is not None]
    seen = [each for each in asked if each.answered_at is not None or each.invited.was_seen]
    return figure.model_copy(
        update={
            "seen": len(seen),
            "answered": len(waits),
            "declined": len(declined),
            "reminded": sum(each.invited.reminders > 0 for each in asked),
            "rate": len(waits) / len(asked) if asked else None,
            "interval": wilson(len(waits), len(asked), confidence),
            "days_to_answer": median(waits) if waits else None,
        }
    )


def theme_figures(answers: Sequence[Fact], surveys: Surveys, by: Sequence[str] = ()) -> list[ThemeFigure]:
    """Return all themes with an answer, group by group, the most frequent first."""
    about: list[Fact] = []
    scored: list[Fact] = []
    for fact in answers:
        given = fact.content.given
        if not given.themes and not given.words:
            continue
        # An empty name stands for words that are not coded; no theme has it.
        themes = given.themes or [""]
        about.append(replace(fact, parts=tuple((theme, None) for theme in themes)))
        for said in given.sentiments:
            parts = tuple((theme, f"{said.scorer} {said.version}") for theme in themes)
            scored.append(replace(fact, content=said.score, parts=parts))
    sentiments: dict[tuple[tuple[str | None, ...], str | None], list[SentimentFigure]] = {}
    for group in _Cuts(scored, surveys.minimum_answers, by, ((),)).groups(by):
        if group.facts:
            sentiments.setdefault((tuple(group.of.values()), group.part[0]), []).append(_sentiment(group))
    found = [
        ThemeFigure(
            theme=group.part[0] or None,
            group=group.of,
            n=len(group.facts),
            respondents=group.respondents,
            sentiments=tuple(sentiments.get((tuple(group.of.values()), group.part[0]), ())),
        )
        for group in _Cuts(about, 1, by, ()).groups(by)
        if group.facts
    ]
    found.sort(key=lambda each: ([value or "" for value in each.group.values()], -each.n, each.theme is None))
    return found


def _sentiment(group: _Group) -> SentimentFigure:
    scores = [fact.content for fact in group.facts]
    figure = SentimentFigure(scorer=group.part[1] or "", n=len(scores), suppressed=not group.shown)
    return figure.model_copy(update={"mean": sum(scores) / len(scores) / 1000}) if group.shown else figure


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


def survey_drivers(answers: Iterable[Fact], outcome: str, surveys: Surveys, drivers: Sequence[str]) -> DriverReport:
    """Explain an outcome by drivers, over the occasions on which all of them were answered.

    Answers belong to one occasion if they answer one invitation, or are about the same thing.

    Args:
        answers: Answers whose content is a `Said`.
        outcome: An instrument with one score.
        surveys: The instruments, with the dimensions of questionnaires.
        drivers: Names such as `csat`, `servqual.empathy` (a dimension: the mean of its items answered) or
            `mood.cold-warm` (an item). Empty: everything that was answered on at least half of the occasions.

    Raises:
        InvalidInput: Too few respondents have complete occasions, nothing varies, or there are more than twelve
            drivers.
    """
    occasions = [(who, values) for who, values in _occasions(answers, surveys) if outcome in values]
    if drivers:
        chosen = list(dict.fromkeys(drivers))
    else:
        asked = Counter(name for _, values in occasions for name in values if name != outcome)
        dimensioned = {f"{each.id}." for each in surveys.instruments if any(item.dimension for item in each.items)}
        items = {f"{each.id}.{item.id}" for each in surveys.instruments for item in each.items if item.dimension}
        chosen = sorted(
            name
            for name, times in asked.items()
            if 2 * times >= len(occasions) and not (name in items and any(map(name.startswith, dimensioned)))
        )
    asked_all = [(who, values) for who, values in occasions if all(name in values for name in chosen)]
    complete = [values for _, values in asked_all]
    respondents = len({who for who, _ in asked_all})
    if respondents < surveys.minimum_answers:
        raise InvalidInput(
            f"{respondents} respondents answered {outcome} together with {', '.join(chosen) or 'anything else'}",
            code="too_few_observations",
            field="drivers",
            hint="Ask for them on one invitation, or name drivers that were asked together with it",
        )
    return driver_report(
        outcome,
        [values[outcome] for values in complete],
        {name: [values[name] for values in complete] for name in chosen},
    )


def _occasions(answers: Iterable[Fact], surveys: Surveys) -> Iterator[tuple[str, dict[str, float]]]:
    dimension_of = {
        (each.id, item.id): item.dimension for each in surveys.instruments for item in each.items if item.dimension
    }
    together: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for fact in answers:
        name, given = fact.content
        if given.invitation is not None:
            key = fact.who, "invitation", given.invitation
        else:
            key = (fact.who, "regarding", given.regarding) if given.regarding else (fact.who, "answer", name)
        values = together.setdefault(key, {})
        if given.score is not None:
            values.setdefault(given.instrument, []).append(given.score)
        for answer in given.items:
            values.setdefault(f"{given.instrument}.{answer.item}", []).append(answer.score)
            dimension = dimension_of.get((given.instrument, answer.item))
            if dimension is not None:
                values.setdefault(f"{given.instrument}.{dimension}", []).append(answer.score)
    for (who, _, _), values in together.items():
        yield who, {name: sum(scores) / len(scores) for name, scores in values.items()}


# --- the view -------------------------------------------------------------------------------------------------------


def slow_figures(
    rows: list[Respondent],
    surveys: Surveys,
    local: LocalTime,
    *,
    by: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
    segments: Mapping[str, str | Collection[str]] | None = None,
) -> dict[str, Any]:
    """Return every figure of satisfaction in groups, by question."""
    asked = _Respondents(rows, local, since, until, segments)

    def cuts(instrument: str) -> _Cuts:
        return _Cuts(asked.scores(instrument), surveys.minimum_answers, by)

    found: dict[str, Any] = {
        "nps": [_nps(group, surveys, "nps") for group in cuts("nps").groups(by)],
        "csat": [_csat(group, surveys, "csat") for group in cuts("csat").groups(by)],
        "response_rates": response_rates(asked, by=by, surveys=surveys),
        "themes": theme_figures(asked.answers(), surveys, by),
    }
    for each in surveys.instruments:
        if each.scored:
            found[f"scale {each.id}"] = [_scale(group, each, surveys) for group in cuts(each.id).groups(by)]
        if each.items:
            of_items = _Cuts(asked.items(each), surveys.minimum_answers, by)
            for items in (False, True):
                found[f"gaps {each.id} {items}"] = gap_figures(of_items, each, by=by, surveys=surveys, items=items)
    return found


def slow_loops(
    rows: list[Respondent], rules: InForce, local: LocalTime, now: int, where: Mapping[str, str | None] | None = None
) -> OpenLoops:
    """Return low answers with and without a reply."""
    return open_loops(low_answers(_Respondents(rows, local, where=where).answers(), rows, rules), now=now)


def slow_drivers(rows: list[Respondent], surveys: Surveys, local: LocalTime, outcome: str) -> DriverReport:
    """Return the drivers of an outcome."""
    return survey_drivers(_Respondents(rows, local).answers(), outcome, surveys, ())
