"""Purchases of each customer in each currency, as plain numbers that a database can count.

The grade of one customer depends on how many others have the same or a lower value. Counting the values takes a few
milliseconds. Reading everybody's purchase days takes a hundred times as long.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar, Protocol

from relations.months import first_day
from relations.projections.projection import CustomerRow, Rows

if TYPE_CHECKING:
    from relations.projections.retention.activity import Activity

__all__ = ["Purchases", "Turnover", "add_to_turnover", "derive_turnover"]

_MONTH, _DAY = 7, 10


class Turnover(CustomerRow, gc=False):
    """A customer's purchases in one currency, with their purchase days in any currency. It follows from `Patronage`.

    Attributes:
        currency: The currency, in which they bought something.
        net: Purchases less refunds, in minor units.
        visits: The number of local days with a purchase in any currency. None for ids that were merged: a day of both
            counts once, and only `Patronage` knows the days.
        last_day: The ordinal of the last of these days.
        until: The ordinal of the day from which the numbers hold: the last one with a purchase or a refund.
    """

    table: ClassVar[str] = "turnover"
    key: ClassVar[tuple[str, ...]] = ("customer", "currency")
    currency: str
    net: int = 0
    visits: int | None = 0
    last_day: int = 0
    until: int = 0

    def absorb(self, other: Turnover) -> None:
        """Add the row of another id of the same customer."""
        self.net += other.net
        self.visits = None
        self.last_day = max(self.last_day, other.last_day)
        self.until = max(self.until, other.until)


class Purchases(Protocol):
    """The part of a row of `Patronage` that turnovers are derived from."""

    customer: str
    activity: dict[str, Activity]
    returned: dict[str, int]


def add_to_turnover(rows: Rows, bought: Purchases, currency: str, amount: int, day: int) -> None:
    """Add a purchase to the rows of a customer.

    Args:
        rows: The rows.
        bought: Everything that the customer bought, with this purchase.
        currency: Its currency.
        amount: Its amount in minor units.
        day: The ordinal of its local day.
    """
    table = rows.tables[Turnover]
    own = table.get((bought.customer, currency))
    if own is None or day < own.last_day:
        derive_turnover(rows, bought)
        return
    own.net += amount
    if day > own.last_day:  # until now, nothing was bought on this day in any currency
        for code in {key[_MONTH:] for key in bought.activity}:
            each = table.get((bought.customer, code))
            if each is not None:
                each.visits += 1
                each.last_day = day
                each.until = max(each.until, day)


def derive_turnover(rows: Rows, bought: Purchases) -> None:
    """Compute the rows of a customer from everything that they bought."""
    months: dict[str, int] = {}
    net: dict[str, int] = {}
    for key, did in bought.activity.items():
        month, code = key[:_MONTH], key[_MONTH:]
        net[code] = net.get(code, 0) + did.bought - did.refunded
        if did.days:
            months[month] = months.get(month, 0) | did.days
    if not months:
        return
    last = max(months)
    day = first_day(last) + months[last].bit_length() - 1
    visits = sum(bits.bit_count() for bits in months.values())
    refunded: dict[str, int] = {}
    for key in bought.returned:
        code, counted = key[_DAY:-_DAY], date.fromisoformat(key[-_DAY:]).toordinal()
        refunded[code] = max(refunded.get(code, 0), counted)
    for code in {key[_MONTH:] for key, did in bought.activity.items() if did.days}:
        row = rows.need(Turnover, bought.customer, code)
        row.net, row.visits, row.last_day, row.until = net[code], visits, day, max(day, refunded.get(code, 0))
