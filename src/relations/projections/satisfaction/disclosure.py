"""The decision which figures may be shown together, so that no combination of them is about too few people.

A figure sums up the answers of a group. A reader of several figures can add and subtract them: a whole less its parts,
a month less a place that was only asked in it, items less their dimension. Everything that can be computed like this is
a linear combination of the figures. It is about the answers whose coefficients do not cancel out.

**The rule.** Respondents are dealt into as many hands as the smallest number of them that may be shown. Figures are
shown together if the answers of *each hand alone* tell them apart: no combination of them vanishes on all answers of a
hand without vanishing on all answers. **Why that is enough:** a combination about fewer respondents than there are
hands leaves out at least one hand. On that hand it vanishes, so it vanishes everywhere and says nothing. This holds for
every combination at once, however many cuts overlap.

The rule only errs on the safe side: another deal might let more figures be shown. The same holds for means, counts by
score, sums of squares and gaps, since all of these are sums over the same answers.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeVar

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

    def admit(self, names: Iterable[K]) -> set[K]:
        """Return those of some figures that may be shown next to all shown before, trying the largest first.

        Figures that count nobody's answers are undefined rather than hidden, and are shown as such.
        """
        shown: set[K] = set()
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
            assert cell is not None  # noqa: S101 - they answered something that the figure counts
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
