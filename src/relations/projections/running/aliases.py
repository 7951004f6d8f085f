"""Aliases: the ids that belong to one customer, so that views answer for the surviving id.

Folds keep every row under the customer as recorded; a merge moves no rows. This small projection stores the survivor of
each merged id, and views resolve ids when they are asked. So a merge costs nothing until a view is asked, an unmerge
restores everything, and shards by customer stay correct.

An id is an alias for all business times: the two ids were one person before somebody recorded it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

import msgspec

from relations.aggregates.customer import CustomerMerged, CustomerUnmerged
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Key, Projection, Row, Rows

__all__ = ["NONE", "PROJECTION", "Alias", "Aliases", "combined", "key_of"]

C = TypeVar("C", bound=CustomerRow)


class Alias(CustomerRow, gc=False):
    """An id that is, or was, merged into another.

    Attributes:
        survivor: The id next to it on the way to the one that views answer for; None where it was unmerged.
        position: The position of the event that recorded it. The highest position identifies a state of the table.
    """

    table: ClassVar[str] = "ids"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("position",), ("survivor",))
    survivor: str | None = None
    position: int = 0

    def absorb(self, other: Alias) -> None:
        """Take over where the other id leads, if that was recorded later."""
        if other.position > self.position:
            self.survivor, self.position = other.survivor, other.position


PROJECTION = Projection(name="aliases", version=1, tables=(Alias,))


@PROJECTION.on(CustomerMerged)
def customer_merged(rows: Rows, event: CustomerMerged, at: Envelope) -> None:
    """Let the id lead to another."""
    row = rows.need(Alias, at.customer)
    row.survivor, row.position = event.into, at.position


@PROJECTION.on(CustomerUnmerged)
def customer_unmerged(rows: Rows, _event: CustomerUnmerged, at: Envelope) -> None:
    """Let the id stand for itself again."""
    row = rows.need(Alias, at.customer)
    row.survivor, row.position = None, at.position


class Aliases(msgspec.Struct, frozen=True):
    """All aliases at one moment.

    Attributes:
        survivors: Of each merged id, the id that views answer for.
        groups: Of each of those, all its ids: itself, then its aliases in order.
    """

    survivors: Mapping[str, str] = {}
    groups: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, rows: Iterable[Alias]) -> Aliases:
        """Return the aliases of these rows, in whatever order they come."""
        nexts = {row.customer: row.survivor for row in rows if row.survivor is not None}
        survivors: dict[str, str] = {}
        for customer in sorted(nexts):
            last = nexts[customer]
            while last in nexts:  # ends, for the rules let no circle come about
                last = survivors.get(last) or nexts[last]
            survivors[customer] = last
        groups: dict[str, tuple[str, ...]] = {}
        for customer, survivor in survivors.items():
            groups[survivor] = (*groups.get(survivor, (survivor,)), customer)
        return cls(survivors, groups)

    def __bool__(self) -> bool:
        return bool(self.survivors)

    def survivor(self, customer: str) -> str:
        """Return the id that views answer for."""
        return self.survivors.get(customer, customer)

    def ids(self, customer: str) -> tuple[str, ...]:
        """Return all ids of the customer with this id: the surviving one first, then the others in order."""
        survivor = self.survivor(customer)
        return self.groups.get(survivor, (survivor,))


NONE = Aliases()
"""Nobody is merged."""


def key_of(row: Row) -> Key:
    """Return the values of a row's key."""
    return tuple(getattr(row, name) for name in row.key)


def combined(rows: Iterable[C], aliases: Aliases) -> list[C]:
    """Turn rows as recorded into those of the surviving ids; rows that get the same key become one.

    Args:
        rows: The rows; they are changed in place.
        aliases: Which ids are one customer.
    """
    found: dict[Key, C] = {}
    for row in rows:
        row.customer = aliases.survivor(row.customer)
        first = found.setdefault(key_of(row), row)
        if first is not row:
            first.absorb(row)
    return list(found.values())
