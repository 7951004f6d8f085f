"""For how long somebody was a customer, and when they were not: spells of activity, by days.

Without a contract nobody gives notice, so a customer counts as active while the last sign of them is no longer ago than
the policy's limit. Two kinds of signs prolong it: purchases, and that their coming back was recorded. That their
leaving was recorded ends it, on that day. Pure arithmetic over ordinals of days; no extra is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import NamedTuple

from relations.policies import Lifecycle

__all__ = ["Spell", "Turn", "spells"]


class Turn(NamedTuple):
    """That somebody left or came back, as it was recorded.

    Attributes:
        day: The ordinal of the day.
        back: Whether they came back.
    """

    day: int
    back: bool


class Spell(NamedTuple):
    """A run of days on whose evenings somebody was an active customer.

    Attributes:
        begin: The ordinal of the first such day.
        end: That of the last; of a spell that goes on, the day on which silence alone would end it.
    """

    begin: int
    end: int


def spells(days: Sequence[int], policy: Lifecycle, turns: Sequence[Turn] = ()) -> Iterator[Spell]:
    """Every spell of somebody, in order. They do not touch: whoever buys on the day after a spell has not left.

    On one day purchases count first and what was recorded after them, so who buys and leaves on one day has left by
    the evening; a spell of no evening has its end a day before its begin.

    Args:
        days: The ordinals of their purchase days, ascending.
        policy: The limits.
        turns: When their leaving and coming back was recorded, at most once a day, ascending. Before the first
            purchase nobody is a customer who could do either.
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
            limit = floor(policy.limits(bought, day - first)[1])
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
