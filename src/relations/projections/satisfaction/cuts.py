"""Groups of answers, and the decision which groups are shown.

A *cut* is a tuple of dimensions: `()` is the whole, `("month",)` every month, `("month", "channel")` every channel in
every month. The standing cuts, those of the report, are always decided first and always alike. Then come the coarser
cuts of the question, then the question's own: see `disclosure`. So the answer to any question may be seen next to the
report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from relations.projections.satisfaction.disclosure import Disclosure

__all__ = ["DIMENSIONS", "WHOLE", "Cuts", "Dimension", "Fact", "Group", "GroupOf", "Part"]

Dimension: TypeAlias = Literal["month", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

Part: TypeAlias = tuple[str | None, str | None]
"""A part of an answer: a questionnaire's dimension and item, or a theme and a scorer. Both None is the whole."""
WHOLE: Part = (None, None)
GroupOf: TypeAlias = dict[Any, str | None]
_Cut: TypeAlias = tuple[str, ...]
_Name: TypeAlias = tuple[_Cut, tuple[str, ...], Part]
"""The name of a figure: its cut, the group, and the part."""
_Sort: TypeAlias = tuple[Any, ...]
_STANDING: tuple[_Cut, ...] = ((), ("month",), ("touchpoint",), ("channel",))


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


class Group(NamedTuple):
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


class Cuts:
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
        disclosure = Disclosure(minimum, counted)
        self._shown: set[_Name] = set()
        for cut in cuts:
            names = {name for alike in self._sorts for name in _names(alike[0], cut)}
            # A questionnaire's whole before its dimensions, these before its items.
            for level in range(3):
                self._shown |= disclosure.admit(name for name in names if _level(name[2]) == level)

    def groups(self, by: Sequence[str]) -> list[Group]:
        """Return all groups with any fact, in order; without `by` always the whole."""
        cut = tuple(sorted(by, key=_order))
        places = [cut.index(dimension) for dimension in by]
        found: dict[_Name, list[Fact]] = {}
        for alike in self._sorts:
            for name in _names(alike[0], cut):
                found.setdefault(name, []).extend(alike)
        if not by and not found:
            return [Group(WHOLE, {}, [], shown=True)]
        groups = [
            (tuple(group[place] for place in places), part, facts, (cut, group, part) in self._shown)
            for (_, group, part), facts in found.items()
        ]
        groups.sort(key=lambda each: (each[0], [name or "" for name in each[1]]))
        return [
            Group(part, {name: value or None for name, value in zip(by, group, strict=True)}, facts, shown)
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
