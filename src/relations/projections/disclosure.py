"""Which figures may be shown together, so that no combination of them is about too few people.

A figure sums up the answers of a group. Whoever sees several can add and subtract them: a whole less its parts, a month
less a place that was only asked in it, items less their dimension. All that can be reckoned so is a linear combination
of the figures, and it is about the answers whose coefficients do not cancel out.

**The rule.** Respondents are dealt into as many hands as the smallest number of them that may be shown. Figures are
shown together where the answers of *each hand alone* tell them apart: where no combination of them vanishes on all
answers of a hand without vanishing on all answers there are. **Why that is enough:** a combination about fewer
respondents than there are hands leaves at least one hand out altogether. On that hand it vanishes, so it vanishes
everywhere, and says nothing. It holds for every combination at once, however many cuts overlap.

The rule errs on the safe side only: dealing better might let more figures be shown. What may be said about means,
counts by score, sums of squares and gaps follows alike, for all of these are sums over the same answers.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["Disclosure"]

K = TypeVar("K", bound=Hashable)
_PRIME = (1 << 61) - 1
"""Combinations are reckoned modulo this. A figure that is told apart modulo a prime is told apart."""

Sums = dict[int, int]
"""By cell (answers that the same figures count), its coefficient."""


class Disclosure:
    """Decides which figures are shown, step by step: what was shown once stays shown.

    Args:
        minimum: The smallest number of respondents that may be shown.
        counted: Of each answer, who gave it and the names of all figures that count it.
    """

    def __init__(self, minimum: int, counted: Iterable[tuple[str, Collection[Hashable]]]) -> None:
        self._minimum = minimum
        self._cells: dict[frozenset[Hashable], set[str]] = {}
        self._people: dict[Hashable, set[str]] = {}
        self._shown: list[Hashable] = []
        for who, names in counted:
            self._cells.setdefault(frozenset(names), set()).add(who)
        for names, people in self._cells.items():
            for name in names:
                self._people.setdefault(name, set()).update(people)

    def admit(self, names: Iterable[K]) -> set[K]:
        """Those of some figures that are shown beside all that were shown before; the largest come first.

        Figures that count nobody's answers are undefined rather than hidden, and are shown as that.
        """
        listed = list(names)
        sizes = {name: len(self._people.get(name, ())) for name in listed}
        big = [name for name in listed if sizes[name] >= self._minimum]
        if self._minimum > 1:
            big.sort(key=lambda name: (-sizes[name], repr(name)))
            before = len(self._shown)
            self._admit(big)
            shown = set(self._shown[before:])
        else:
            shown = set(big)
        return {name for name in listed if name in shown or not sizes[name]}

    def _admit(self, names: Sequence[Hashable]) -> None:
        if not names:
            return
        if self._told_apart([*self._shown, *names]):
            self._shown += names
        elif len(names) > 1:
            half = len(names) // 2
            self._admit(names[:half])
            self._admit(names[half:])

    def _told_apart(self, names: Sequence[Hashable]) -> bool:
        """Whether respondents can be dealt so that each hand alone tells these figures apart."""
        chosen = frozenset(names)
        cells: dict[frozenset[Hashable], set[str]] = {}
        for counted, people in self._cells.items():
            kept = counted & chosen
            if kept:
                cells.setdefault(kept, set()).update(people)
        # In an order of their own, so that the same answers are decided alike in whatever order they come.
        ordered = sorted(cells, key=lambda counted: sorted(map(repr, counted)))
        rows: dict[Hashable, Sums] = {name: {} for name in names}
        for place, counted in enumerate(ordered):
            for name in counted:
                rows[name][place] = 1
        dealing = _Dealing(self._minimum, [cells[counted] for counted in ordered])
        # The smallest first, while there is a choice of whom to deal for them.
        return all(dealing.tell_apart(rows[name]) for name in sorted(names, key=lambda each: len(self._people[each])))


class _Dealing:
    """Respondents dealt into hands, each of which tells the same figures apart."""

    def __init__(self, hands: int, cells: Sequence[set[str]]) -> None:
        self._cells_of: dict[str, list[int]] = {}
        for place, people in enumerate(cells):
            for who in people:
                self._cells_of.setdefault(who, []).append(place)
        # Whoever answered most tells most figures apart, and is dealt first.
        self._free = [sorted(people, key=self._rank, reverse=True) for people in cells]
        self._dealt: set[str] = set()
        self._hands = [_Hand() for _ in range(hands)]

    def _rank(self, who: str) -> tuple[int, str]:
        return -len(self._cells_of[who]), who

    def tell_apart(self, figure: Mapping[int, int]) -> bool:
        """Let every hand tell one more figure from the others; False where there is nobody left to deal."""
        for hand in self._hands:
            rest = hand.without_the_others(figure)
            if not rest:
                return True  # all of it can be reckoned from figures shown already
            cell = min((place for place in rest if place in hand.cells), default=None)
            if cell is None:
                who = self._next(rest)
                if who is None:
                    return False
                self._dealt.add(who)
                hand.cells.update(self._cells_of[who])
                cell = min(place for place in rest if place in hand.cells)
            hand.tells(rest, cell)
        return True

    def _next(self, rest: Mapping[int, int]) -> str | None:
        """Who is dealt next: whoever answered most of all who are left and of whom the figure tells something."""
        found: str | None = None
        for place in rest:
            free = self._free[place]
            while free and free[-1] in self._dealt:
                free.pop()
            if free and (found is None or self._rank(free[-1]) < self._rank(found)):
                found = free[-1]
        return found


class _Hand:
    """Some respondents, and the figures that their answers alone tell apart.

    Attributes:
        cells: The cells that they answered in.
    """

    def __init__(self) -> None:
        self.cells: set[int] = set()
        self._told: list[tuple[int, Sums]] = []

    def without_the_others(self, figure: Mapping[int, int]) -> Sums:
        """A figure less the combination of the others that says the same of this hand's pivots."""
        rest = dict(figure)
        for pivot, row in self._told:
            factor = rest.get(pivot)
            if factor:
                for place, value in row.items():
                    left = (rest.get(place, 0) - factor * value) % _PRIME
                    if left:
                        rest[place] = left
                    else:
                        rest.pop(place, None)
        return rest

    def tells(self, rest: Sums, pivot: int) -> None:
        """From now on this is told by the hand's answers in a cell."""
        inverse = pow(rest[pivot], -1, _PRIME)
        self._told.append((pivot, {place: value * inverse % _PRIME for place, value in rest.items()}))
