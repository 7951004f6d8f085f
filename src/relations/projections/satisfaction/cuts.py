"""What respondents said, put into groups; and which groups are shown.

A *cut* is a tuple of dimensions: `()` is the whole, `("month",)` every month, `("month", "channel")` every channel in
every month. Whatever is asked, the standing cuts (those of the report) are decided first and always alike, then the
coarser cuts of what is asked, then what is asked: see `disclosure`. So whatever one question shows may be seen beside
the report.
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
"""What of it: a questionnaire's dimension and item, a theme and a scorer. Both None is all of it."""
WHOLE: Part = (None, None)
GroupOf: TypeAlias = dict[Any, str | None]
_Cut: TypeAlias = tuple[str, ...]
_Name: TypeAlias = tuple[_Cut, tuple[str, ...], Part]
"""What a figure is called: its cut, the group, what of it."""
_Sort: TypeAlias = tuple[Any, ...]
_STANDING: tuple[_Cut, ...] = ((), ("month",), ("touchpoint",), ("channel",))


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a respondent said or did, with all that it can be grouped by. What is unknown is empty.

    Attributes:
        who: The respondent.
        segments: The segments that they belong to: in each of them it counts.
        content: What was said: a score, an item's answer, an invitation, a sentiment.
        parts: What it counts towards.
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
        """The values that it has in a dimension."""
        if dimension == "segment":
            return self.segments or ("",)
        value: str = getattr(self, dimension)
        return (value,)


class Group(NamedTuple):
    """One group of a cut.

    Attributes:
        part: What of it.
        of: Its value in each dimension of the cut; None is unknown.
        facts: What was said in it.
        shown: Whether more may be shown than how many they are.
    """

    part: Part
    of: GroupOf
    facts: list[Fact]
    shown: bool

    @property
    def respondents(self) -> int:
        """How many people said it."""
        return len({fact.who for fact in self.facts})


class Cuts:
    """Facts of one sort, cut as asked, with what is shown of every cut.

    Args:
        facts: What is to be grouped.
        minimum: The smallest number of respondents shown.
        by: What is asked beyond the standing cuts.
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
        """All groups that anything was said in, in order; the whole in any case where `by` is empty."""
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
    """All that a fact can be grouped by."""
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
