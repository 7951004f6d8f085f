"""Groups of answers, and the decision which groups are shown.

A *cut* is a tuple of dimensions: `()` is the whole, `("month",)` every month, `("month", "channel")` every channel in
every month. The standing cuts, those of the report, are always decided first and always alike. Then come the coarser
cuts of the question, then the question's own: see `disclosure`. So the answer to any question may be seen next to the
report.

Answers are columns. There are many answers, but few *sorts* of them: all answers with the same value in every dimension
are one sort. So everything that depends on the dimensions alone is computed once a sort.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from relations.extras import np
from relations.projections.columns import Array, Ints, distinct
from relations.projections.satisfaction.disclosure import Disclosure

__all__ = ["DIMENSIONS", "WHOLE", "Cuts", "Dimension", "Facts", "Group", "GroupOf", "Part", "Sort"]

Dimension: TypeAlias = Literal["month", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

Part: TypeAlias = tuple[str | None, str | None]
"""A part of an answer: a questionnaire's dimension and item, or a theme and a scorer. Both None is the whole."""
WHOLE: Part = (None, None)
GroupOf: TypeAlias = dict[Any, str | None]
_Cut: TypeAlias = tuple[str, ...]
_Name: TypeAlias = tuple[_Cut, tuple[str, ...], Part]
"""The name of a figure: its cut, the group, and the part."""
_STANDING: tuple[_Cut, ...] = ((), ("month",), ("touchpoint",), ("channel",))


class Sort(NamedTuple):
    """Everything that an answer or an invitation can be grouped by. Unknown values are empty.

    Attributes:
        month: The local month, such as `2024-05`.
        touchpoint: The touchpoint.
        channel: The channel.
        language: The language of the answer, or else the respondent's.
        region: The respondent's region.
        segments: The respondent's segments; the answer counts in each of them.
        complaint_outcome: The standing of the respondent's complaint.
        instrument: The instrument's id.
        parts: The parts towards which it counts.
    """

    month: str
    touchpoint: str
    channel: str
    language: str
    region: str
    segments: tuple[str, ...]
    complaint_outcome: str
    instrument: str
    parts: tuple[Part, ...] = (WHOLE,)

    def of(self, dimension: str) -> tuple[str, ...]:
        """Return the values in a dimension."""
        if dimension == "segment":
            return self.segments or ("",)
        value: str = getattr(self, dimension)
        return (value,)


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers, invitations or sentiments of one kind, as columns.

    Attributes:
        sorts: The sorts of them.
        sort: The place of each entry's sort among `sorts`.
        who: The number of each entry's respondent.
        values: The entries' fields, by name.
    """

    sorts: Sequence[Sort]
    sort: Ints
    who: Ints
    values: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def __len__(self) -> int:
        return len(self.sort)

    def where(self, chosen: Array) -> Facts:
        """Return the entries for which an array is true, or those at the places that it has."""
        values = {name: values[chosen] for name, values in self.values.items()}
        return Facts(self.sorts, self.sort[chosen], self.who[chosen], values)

    def with_values(self, **values: Array) -> Facts:
        """Return the entries with further fields, or with others of these names."""
        return Facts(self.sorts, self.sort, self.who, {**self.values, **values})


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
    facts: Facts
    shown: bool

    @property
    def respondents(self) -> int:
        """The number of different people in the group."""
        return len(distinct(self.facts.who))


class Cuts:
    """Facts of one kind in groups, with the decision which groups are shown.

    Args:
        facts: The facts to group.
        minimum: The smallest number of respondents shown.
        by: The question's dimensions, next to the standing cuts.
        standing: The cuts that are decided first.
    """

    def __init__(
        self, facts: Facts, minimum: int, by: Sequence[str] = (), standing: Sequence[_Cut] = _STANDING
    ) -> None:
        self._facts = facts
        counts = np.bincount(facts.sort, minlength=len(facts.sorts))
        places = sorted(np.flatnonzero(counts).tolist(), key=lambda place: repr(tuple(facts.sorts[place])))
        self._sorts = [facts.sorts[place] for place in places]
        number = np.zeros(len(facts.sorts), np.int64)
        number[places] = np.arange(len(places))
        by_number = number[facts.sort]
        self._order = np.argsort(by_number, kind="stable")
        self._starts = np.concatenate(([0], np.cumsum(counts[places]))).tolist()
        asked = tuple(sorted(by, key=_order))
        coarser = [cut for size in range(len(asked) + 1) for cut in combinations(asked, size)]
        cuts = list(dict.fromkeys([*standing, *coarser]))
        named = _Named(cuts)
        names = [named.of(sort) for sort in self._sorts]
        width = int(facts.who.max()) + 1 if len(facts) else 1
        people = distinct(by_number * width + facts.who)
        disclosure = Disclosure(minimum, names, people // width, people % width)
        found: dict[tuple[_Cut, int], set[_Name]] = {}
        for name in {name for each in dict.fromkeys(names) for name in each}:
            found.setdefault((name[0], _level(name[2])), set()).add(name)
        self._shown: set[_Name] = set()
        # A questionnaire's whole before its dimensions, these before its items.
        for cut, level in product(cuts, range(3)):
            self._shown |= disclosure.admit(found.get((cut, level), ()))

    def groups(self, by: Sequence[str]) -> list[Group]:
        """Return all groups with any fact, in order; without `by` always the whole."""
        cut = tuple(sorted(by, key=_order))
        places = [cut.index(dimension) for dimension in by]
        found: dict[_Name, list[int]] = {}
        named = _Named([cut])
        for number, sort in enumerate(self._sorts):
            for name in named.of(sort):
                found.setdefault(name, []).append(number)
        if not by and not found:
            return [Group(WHOLE, {}, self._facts, shown=True)]
        groups = [
            (tuple(group[place] for place in places), part, self._of(numbers), (cut, group, part) in self._shown)
            for (_, group, part), numbers in found.items()
        ]
        groups.sort(key=lambda each: (each[0], [name or "" for name in each[1]]))
        return [
            Group(part, {name: value or None for name, value in zip(by, group, strict=True)}, facts, shown)
            for group, part, facts, shown in groups
        ]

    def _of(self, numbers: Sequence[int]) -> Facts:
        starts = self._starts
        return self._facts.where(np.concatenate([self._order[starts[each] : starts[each + 1]] for each in numbers]))


def _order(dimension: str) -> tuple[int, str]:
    known: tuple[str, ...] = DIMENSIONS
    return known.index(dimension) if dimension in known else len(known), dimension


class _Named:
    """The names of the figures that count a sort of answers. Sorts that the same figures count share them.

    Args:
        cuts: The cuts of the figures.
    """

    def __init__(self, cuts: Sequence[_Cut]) -> None:
        self._cuts = cuts
        self._dimensions = sorted({name for cut in cuts for name in cut})
        self._known: dict[Any, frozenset[_Name]] = {}

    def of(self, sort: Sort) -> frozenset[_Name]:
        key = tuple(map(sort.of, self._dimensions)), sort.parts
        found = self._known.get(key)
        if found is None:
            groups = ((cut, group) for cut in self._cuts for group in product(*map(sort.of, cut)))
            found = self._known[key] = frozenset((*each, part) for each in groups for part in sort.parts)
        return found


def _level(part: Part) -> int:
    dimension, item = part
    return 2 if item is not None else 0 if dimension is None else 1
