"""The decision which figures may be shown together, so that no combination of them is about too few people.

A figure sums up the answers of a group. A reader of several figures can add and subtract them. Examples are a whole
less its parts, a month less a place that was only asked in it, and items less their dimension. Everything that can be
computed like this is a linear combination of the figures. It is about the answers whose coefficients do not cancel out.

**The rule.** Respondents are dealt into as many hands as the smallest number of them that may be shown. Figures are
shown together if the answers of *each hand alone* tell them apart. That is, no combination of them vanishes on all
answers of a hand without vanishing on all answers. **Why that is enough:** a combination about fewer respondents than
there are hands leaves out at least one hand. On that hand it vanishes, so it vanishes everywhere and says nothing. This
holds for every combination at once, however many cuts overlap.

The rule only errs on the safe side: another deal might let more figures be shown. The same holds for means, counts by
score, sums of squares and gaps, since all of these are sums over the same answers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TypeVar

from relations.extras import np
from relations.projections.columns import Ints, distinct

__all__ = ["Disclosure"]

K = TypeVar("K", bound=Hashable)
_PRIME = (1 << 61) - 1
"""Combinations are computed modulo this prime. Figures that differ modulo a prime differ."""
_DEAL_AGAIN_TO = 64
"""Up to this many figures, respondents are dealt again, the smallest figure first, if nobody is left for the last."""

Sums = dict[int, int]
"""The coefficient of each cell; a cell is all answers that the same figures count."""


class Disclosure:
    """Decisions which figures are shown, step by step: a figure once shown stays shown.

    No decision depends on figures that are only asked for later, though they divide the answers further.

    Args:
        minimum: The smallest number of respondents that may be shown.
        counted: For each sort of answers, the names of all figures that count them. The same sorts in the same order
            are decided alike.
        sort: Sorts of answers, by their place in `counted`, ascending.
        who: For each of these, the number of a respondent who gave such an answer. No pair of both occurs twice.
    """

    def __init__(self, minimum: int, counted: Sequence[frozenset[Hashable]], sort: Ints, who: Ints) -> None:
        self._minimum = minimum
        self._sizes = _sizes(counted, sort, who)
        self._table = _Table(counted, sort, who)
        self._shown: list[Hashable] = []
        self._dealing = _Dealing(minimum, self._table)

    def admit(self, names: Iterable[K]) -> set[K]:
        """Return those of some figures that may be shown next to all shown before, trying the largest first.

        Figures that count nobody's answers are undefined rather than hidden, and are shown as such.
        """
        shown: set[K] = set()
        for name in sorted(names, key=lambda each: (-self._sizes.get(each, 0), repr(each))):
            size = self._sizes.get(name, 0)
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
        listed = sorted((*self._shown, name), key=lambda each: self._sizes[each])
        if not all(again.tell_apart(self._table.row(each)) for each in listed):
            return False
        self._dealing = again
        self._shown.append(name)
        return True


def _sizes(counted: Sequence[frozenset[Hashable]], sort: Ints, who: Ints) -> dict[Hashable, int]:
    """Return the number of respondents of each figure."""
    cells: dict[frozenset[Hashable], int] = {}
    cell = np.array([cells.setdefault(each, len(cells)) for each in counted], np.int64)
    width = int(who.max(initial=0)) + 1
    answered = distinct(cell[sort] * width + who)
    starts = np.searchsorted(answered, np.arange(len(cells) + 1) * width)
    names: dict[Hashable, int] = {}
    pairs = [(place, names.setdefault(name, len(names))) for each, place in cells.items() for name in each]
    place, name = np.array(pairs, np.int64).reshape(-1, 2).T
    counts = (starts[1:] - starts[:-1])[place]
    entries = np.repeat(starts[place] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    counts_each = distinct(np.repeat(name, counts) * width + answered[entries] % width)
    return dict(zip(names, np.bincount(counts_each // width, minlength=len(names)).tolist(), strict=True))


class _Table:
    """The figures that count each sort of answers.

    Respondents are numbered in the order of dealing: those with most answers tell most figures apart and come first.

    Attributes:
        cells: The cell of each sort of answers: all sorts that the same figures count are one cell.
        people: The respondents of each cell, in the order of dealing.
    """

    def __init__(self, counted: Sequence[frozenset[Hashable]], sort: Ints, who: Ints) -> None:
        known: dict[frozenset[Hashable], int] = {}
        self.cells = [known.setdefault(names, len(known)) for names in counted]
        self._rows: dict[Hashable, Sums] = {}
        for names, cell in known.items():
            for name in names:
                self._rows.setdefault(name, {})[cell] = 1
        answers = np.bincount(who)
        rank = np.empty(len(answers), np.int64)
        rank[np.lexsort((np.arange(len(answers)), -answers))] = np.arange(len(answers))
        ranks, width = rank[who], max(len(answers), 1)
        by_cell = distinct(np.array(self.cells, np.int64)[sort] * width + ranks)
        bounds = np.searchsorted(by_cell, np.arange(len(known) + 1) * width).tolist()
        self.people: list[Ints] = [by_cell[start:end] % width for start, end in pairwise(bounds)]
        by_rank = np.argsort(ranks, kind="stable")
        self._answered = sort[by_rank]
        self._starts = np.searchsorted(ranks[by_rank], np.arange(width + 1)).tolist()

    def row(self, name: Hashable) -> Sums:
        """Return the cells that a figure counts."""
        return self._rows[name]

    def answered(self, who: int) -> list[int]:
        """Return the sorts of answers of a respondent, in order."""
        return list(map(int, self._answered[self._starts[who] : self._starts[who + 1]]))


class _Dealing:
    """Respondents dealt into hands, each of which tells the same figures apart."""

    def __init__(self, hands: int, table: _Table) -> None:
        self._table = table
        self._dealt: set[int] = set()
        self._next_of: list[int | None] = [int(people[0]) for people in table.people]
        """The next respondent to deal of each cell; None if all have been dealt."""
        self._hands = [_Hand() for _ in range(hands)]

    def tell_apart(self, figure: Mapping[int, int]) -> bool:
        """Let every hand tell one more figure apart; if nobody is left to deal, change nothing and return False."""
        found_for: list[tuple[_Hand, Sums, int, int | None]] = []
        found = True
        for hand in self._hands:
            rest = hand.without_the_others(figure)
            if not rest:
                return True  # it can be computed from figures that are shown already
            who: int | None = None
            cell = self._first(hand.sorts, rest)
            if cell is None:
                who = self._next(rest)
                if who is None:
                    found = False
                    break
                self._deal(who)
                cell = self._first(self._table.answered(who), rest)
            assert cell is not None  # noqa: S101 - they answered something that the figure counts
            found_for.append((hand, rest, cell, who))
        for hand, rest, cell, who in found_for:
            if found:
                hand.add(rest, cell, () if who is None else self._table.answered(who))
            elif who is not None:
                self._take_back(who)
        return found

    def left_over(self, figure: Mapping[int, int]) -> int:
        """Return the number of people that the rest of a figure is about, without the other figures."""
        rest = self._hands[0].without_the_others(figure)
        people = [self._table.people[cell] for cell in rest]
        return len(distinct(np.concatenate(people))) if people else 0

    def _first(self, sorts: Iterable[int], rest: Mapping[int, int]) -> int | None:
        """Return the cell of the first sort of answers that a figure still counts."""
        return next((self._table.cells[sort] for sort in sorts if self._table.cells[sort] in rest), None)

    def _next(self, rest: Mapping[int, int]) -> int | None:
        """Return the next respondent to deal: of the rest that the figure counts, the one with most answers."""
        nexts = map(self._next_of.__getitem__, rest)
        return min((who for who in nexts if who is not None), default=None)

    def _deal(self, who: int) -> None:
        self._dealt.add(who)
        self._find_next(who)

    def _take_back(self, who: int) -> None:
        self._dealt.discard(who)
        self._find_next(who)

    def _find_next(self, changed: int) -> None:
        for cell in {self._table.cells[sort] for sort in self._table.answered(changed)}:
            people = map(int, self._table.people[cell])
            self._next_of[cell] = next((who for who in people if who not in self._dealt), None)


class _Hand:
    """Some respondents, with the figures that their answers alone tell apart.

    Attributes:
        sorts: The sorts of answers that they gave, in order.
    """

    def __init__(self) -> None:
        self.sorts: list[int] = []
        self._told: list[Sums] = []
        self._pivots: dict[int, int] = {}

    def without_the_others(self, figure: Mapping[int, int]) -> Sums:
        """Return a figure less the combination of the others that agrees with it at this hand's pivots."""
        rest = dict(figure)
        # A row is 0 at the pivots of the rows before it, so each is subtracted once, in order.
        waiting = [self._pivots[cell] for cell in rest if cell in self._pivots]
        heapify(waiting)
        last = -1
        while waiting:
            place = heappop(waiting)
            if place == last:
                continue
            last = place
            row = self._told[place]
            factor = rest.get(next(iter(row)))
            if not factor:
                continue
            for cell, value in row.items():
                before = rest.get(cell)
                left = ((before or 0) - factor * value) % _PRIME
                if left:
                    rest[cell] = left
                    if before is None and cell in self._pivots:
                        heappush(waiting, self._pivots[cell])
                elif before is not None:
                    del rest[cell]
        return rest

    def add(self, rest: Sums, pivot: int, sorts: Sequence[int]) -> None:
        """Add a figure that the hand tells apart by its answers in a cell, with a new respondent's sorts of answers."""
        inverse = pow(rest[pivot], -1, _PRIME)
        row = {pivot: 1}
        row |= {cell: value * inverse % _PRIME for cell, value in rest.items() if cell != pivot}
        self._pivots[pivot] = len(self._told)
        self._told.append(row)
        self.sorts = sorted({*self.sorts, *sorts})
