"""What a customer's row in the retention view is made of: what they did in a month, said in it, and when they left."""

from __future__ import annotations

import msgspec

__all__ = ["Activity", "Departure", "Opinion"]


class Activity(msgspec.Struct, array_like=True, gc=False):
    """What a customer did in one month and one currency.

    Attributes:
        days: A bit for each day with a purchase, the first of the month the lowest.
        purchases: How many.
        bought: Their sum, in minor units.
        refunds: How many count in this month: that in which they happened, or that of their purchase where they bear
            an earlier date, as late or wrong entries do.
        refunded: Their sum, in minor units.
        discounted: How many of the purchases were at less than the full price.
        amounts: What was bought on each of `days`, in their order. Empty where that is at most one day, for then
            `bought` says it: most months are such.
    """

    days: int = 0
    purchases: int = 0
    bought: int = 0
    refunds: int = 0
    refunded: int = 0
    discounted: int = 0
    amounts: tuple[int, ...] = ()

    def by_day(self) -> tuple[int, ...]:
        """What was bought on each of `days`, in their order."""
        return self.amounts or ((self.bought,) if self.days else ())

    def add(self, bit: int, purchases: int, amount: int) -> None:
        """Purchases of one day."""
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
        """What two ids did adds up."""
        left = other.days
        for amount in other.by_day():
            lowest = left & -left
            self.add(lowest, 0, amount)
            left ^= lowest
        self.purchases += other.purchases
        self.refunds += other.refunds
        self.refunded += other.refunded
        self.discounted += other.discounted


class Opinion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A score of satisfaction or recommendation.

    Attributes:
        position: Of the answer in the log.
        at: When it was given, UTC microseconds.
        month: The local month of that.
        kind: `csat` (1 to 5) or `nps` (0 to 10).
        score: The score.
        question: The invitation and instrument that it answers (`s1 nps`), empty without an invitation.
    """

    position: int
    at: int
    month: str
    kind: str
    score: int
    question: str = ""


class Departure(msgspec.Struct, array_like=True, order=True, gc=False):
    """That the customer left, or came back.

    Attributes:
        at: When, UTC microseconds.
        position: Of its event in the log.
        back: Whether they came back.
        why: The reason for leaving, or the campaign that won them back; empty where there is none.
    """

    at: int
    position: int
    back: bool
    why: str
