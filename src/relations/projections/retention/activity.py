"""The parts of a customer's row in the retention view: a month's purchases, scores given, and departures."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["Activity", "Costed", "Departure", "Opinion", "RungLine", "stated_at"]


class Activity(msgspec.Struct, array_like=True, gc=False):
    """A customer's purchases and refunds in one month and one currency.

    Attributes:
        days: One bit for each day with a purchase; the first of the month is the lowest.
        purchases: The number of purchases.
        bought: Their sum, in minor units.
        refunds: The number of refunds made in this month. A refund dated before its purchase counts in the month of
            the purchase.
        refunded: Their sum, in minor units.
        discounted: The number of purchases below the full price.
        amounts: The amount bought on each of `days`, in order. Empty for at most one day, when `bought` says it; most
            months are like that.
    """

    days: int = 0
    purchases: int = 0
    bought: int = 0
    refunds: int = 0
    refunded: int = 0
    discounted: int = 0
    amounts: tuple[int, ...] = ()

    def by_day(self) -> tuple[int, ...]:
        """Return the amount bought on each of `days`, in order."""
        return self.amounts or ((self.bought,) if self.days else ())

    def add(self, bit: int, purchases: int, amount: int) -> None:
        """Add purchases of one day."""
        days = self.days
        if days != bit and days:
            amounts = list(self.by_day())
            place = (days & (bit - 1)).bit_count()
            if days & bit:
                amounts[place] += amount
            else:
                amounts.insert(place, amount)
            self.amounts = tuple(amounts)
        self.days = days | bit
        self.purchases += purchases
        self.bought += amount

    def absorb(self, other: Activity) -> None:
        """Add the activity of another id of the same customer."""
        left = other.days
        for amount in other.by_day():
            lowest = left & -left
            self.add(lowest, 0, amount)
            left ^= lowest
        self.purchases += other.purchases
        self.refunds += other.refunds
        self.refunded += other.refunded
        self.discounted += other.discounted


class Costed(msgspec.Struct, array_like=True, gc=False):
    """Purchases whose cost is known, less the refunds of such purchases, in minor units.

    Attributes:
        revenue: Their amounts.
        cost: Their costs.
    """

    revenue: int = 0
    cost: int = 0

    @property
    def profit(self) -> int:
        """Amounts less costs."""
        return self.revenue - self.cost

    def add(self, revenue: int, cost: int) -> None:
        """Add a purchase, or with negative numbers a refund."""
        self.revenue += revenue
        self.cost += cost


class Opinion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A score of satisfaction or recommendation.

    Attributes:
        position: The answer's position in the log.
        at: The time at which it was given, UTC microseconds.
        month: The local month of that time.
        kind: `csat` (1 to 5) or `nps` (0 to 10).
        score: The score.
        question: The invitation and instrument that it answers, such as `s1 nps`; empty without an invitation.
        feedback: The answer's id.
    """

    position: int
    at: int
    month: str
    kind: str
    score: int
    question: str = ""
    feedback: str = ""


class Departure(msgspec.Struct, array_like=True, order=True, gc=False):
    """A recorded departure or return of a customer.

    Attributes:
        at: The business time, UTC microseconds.
        position: The event's position in the log.
        back: True for a return, False for a departure.
        why: The reason for leaving, or the campaign that won them back; empty if there is none.
    """

    at: int
    position: int
    back: bool
    why: str


class RungLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A statement about the rung on the ladder.

    Attributes:
        at: Since when, UTC microseconds.
        position: The log position.
        rung: The rung; empty if the policy's conditions count again.
        by: The staff member who said so; empty if that was not recorded.
    """

    at: int
    position: int
    rung: str = ""
    by: str = ""


def stated_at(rungs: Sequence[RungLine], moment: int) -> RungLine | None:
    """Return the statement about the rung that counts at a moment; None if the policy's conditions count.

    Args:
        rungs: The statements, in order of business time.
        moment: The moment, UTC microseconds.
    """
    found = next((each for each in reversed(rungs) if each.at <= moment), None)
    return found if found is not None and found.rung else None
