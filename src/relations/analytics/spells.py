"""Spells of activity: the days on which a customer was active.

Without a contract hardly any customer gives notice. So a customer counts as active for as long after the last sign of
life as the policy allows. Purchases and recorded returns are signs of life. A recorded departure ends a spell on its
day. Pure arithmetic over ordinals of days; no extra is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from relations.policies import Lifecycle

__all__ = ["Spell", "Turn", "spells"]


class Turn(NamedTuple):
    """A recorded departure or return.

    Attributes:
        day: The ordinal of the day.
        back: True for a return, False for a departure.
    """

    day: int
    back: bool


class Spell(NamedTuple):
    """A run of days on whose evenings a customer was active.

    Attributes:
        begin: The ordinal of the first day.
        end: The ordinal of the last day; of a spell that goes on, the day on which silence alone would end it.
    """

    begin: int
    end: int


def spells(days: Sequence[int], policy: Lifecycle, turns: Sequence[Turn] = ()) -> Iterator[Spell]:
    """Yield a customer's spells in order. They never touch: a purchase on the day after a spell prolongs it.

    On one day purchases count before recorded departures and returns, so a customer who buys and leaves on one day has
    left by the evening. A spell without an evening ends a day before it begins.

    Args:
        days: The ordinals of the purchase days, ascending.
        policy: The limits.
        turns: Recorded departures and returns, at most one a day, ascending. Those before the first purchase are
            ignored.
    """
    if not days:
        return
    first = days[0]
    signs = [(day, False) for day in days]
    if turns:
        signs = sorted([*signs, *((turn.day, True) for turn in turns)])
    backs = {turn.day: turn.back for turn in turns}
    begin = end = None
    limit = bought = 0
    for day, recorded in signs:
        if begin is not None and end is not None and day > end + 1:
            yield Spell(begin, end)
            begin = None
        if not recorded:
            bought += 1
            limit = policy.limits(bought, day - first)[1]
        elif not bought:
            continue
        elif not backs[day]:
            if begin is not None:
                yield Spell(begin, day - 1)
                begin = None
            continue
        begin, end = day if begin is None else begin, day + limit
    if begin is not None and end is not None:
        yield Spell(begin, end)
