"""Projections: a name, a version, tables, and pure folds from events into rows.

The same folds serve live catch-up, rebuild, rebuild in shards and reading as of any point. That works because every
row belongs to one customer (a `CustomerRow`) or is a tally that adds up (a `Tally`). It also works because a fold sees
nothing but its rows, the event, and the event's envelope. Folds change their rows in place: the runner owns them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import msgspec

from relations.messages import Envelope, Event
from relations.policies.calendars import LocalTime

__all__ = ["CustomerRow", "Fold", "Folds", "Projection", "Row", "Rows", "Tally"]

E = TypeVar("E", bound=Event)
R = TypeVar("R", bound="Row")
Key = tuple[Any, ...]


class Row(msgspec.Struct, gc=False):
    """A row of a projection's table. Subclass `CustomerRow` or `Tally`, not this class.

    Fields are columns: `int`, `str`, `bool` and optional ones as themselves, anything else as canonical JSON. No
    floats: sums of floats depend on their order. All fields outside of the key have defaults.
    """

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = ()


class CustomerRow(Row, gc=False):
    """A row of one customer; the key begins with `customer`. It holds all the state that its folds need.

    A class whose rows may have the same key once their customers are merged declares how two become one: `absorb`.
    That is every class with one row a customer. Rows of one complaint or one account just get the surviving id.
    """

    key: ClassVar[tuple[str, ...]] = ("customer",)
    customer: str

    def absorb(self, other: Any) -> None:
        """Add a row with the same key of the same person's other id. The order must not matter."""
        msg = f"{type(self).__name__} does not say how the rows of merged customers are combined"
        raise NotImplementedError(msg)


class Tally(Row, gc=False):
    """A row of counts that add up. Fields outside of the key are `int` and 0 by default; all zeros is no row."""


class _Table(dict[Key, Any]):
    """The rows of one class by key. Asked for a key that is missing, it creates the row with its defaults."""

    __slots__ = ("_row",)

    def __init__(self, row: type[Row]) -> None:
        self._row = row

    def __missing__(self, key: Key) -> Any:
        found = self[key] = self._row(*key)
        return found


class Rows:
    """The rows that folds work on: a table is a dictionary from key to row, which creates a row that is missing.

    Attributes:
        local: The business's own days and months.
    """

    __slots__ = ("local", "tables")

    def __init__(self, tables: Iterable[type[Row]], local: LocalTime) -> None:
        self.local = local
        self.tables: dict[type[Row], dict[Key, Any]] = {table: _Table(table) for table in tables}

    def get(self, table: type[R], *key: Any) -> R | None:
        """Return the row with this key, or None."""
        found: R | None = self.tables[table].get(key)
        return found

    def need(self, table: type[R], *key: Any) -> R:
        """Return the row with this key; create it with its defaults if it is missing."""
        row: R = self.tables[table][key]
        return row

    def drop(self, table: type[Row], *key: Any) -> None:
        """Remove the row with this key, if there is one."""
        self.tables[table].pop(key, None)

    def complete(self, customer: str | None) -> dict[type[Row], list[Any]]:
        """Remove and return all rows that no later event can change, if customers are folded one after the other.

        Args:
            customer: The next customer, whose rows stay; None at the end, when tallies are returned, too.
        """
        given: dict[type[Row], list[Any]] = {}
        for table, rows in self.tables.items():
            if not rows or (customer is not None and issubclass(table, Tally)):
                continue
            staying = []
            while rows and customer is not None:  # rows come in the order of customers
                key, row = rows.popitem()
                if key[0] != customer:
                    rows[key] = row
                    break
                staying.append((key, row))
            given[table] = list(rows.values())
            rows.clear()
            rows.update(reversed(staying))
        return given


Fold = Callable[[Rows, Any, Envelope], None]


def _registering(folds: dict[type[Event], Fold], events: tuple[type[Event], ...]) -> Callable[[Fold], Fold]:
    def register(fold: Fold) -> Fold:
        for event in events:
            _add(folds, event, fold)
        return fold

    return register


def _add(folds: dict[type[Event], Fold], event: type[Event], fold: Fold) -> None:
    if event in folds:
        msg = f"{event.__name__} is folded twice, by {folds[event].__name__} and by {fold.__name__}"
        raise ValueError(msg)
    folds[event] = fold


class Folds(dict[type[Event], Fold]):
    """Folds by class of event. A projection of many folds may keep them in several modules, and join them with `of`."""

    def on(self, *events: type[Event]) -> Callable[[Fold], Fold]:
        """Register a fold for one or more classes of event, as a decorator.

        Raises:
            ValueError: One of them is folded already.
        """
        return _registering(self, events)

    @classmethod
    def of(cls, *parts: Folds) -> Folds:
        """Return the folds of several modules together.

        Raises:
            ValueError: Two of them fold the same class of event.
        """
        found = cls()
        for part in parts:
            for event, fold in part.items():
                _add(found, event, fold)
        return found


@dataclass(frozen=True, slots=True)
class Projection:
    """A named, versioned set of folds.

    Attributes:
        name: The view's name; the first part of its tables' names.
        version: Raised whenever folds or rows change; the runner then rebuilds next to the old tables and switches.
        tables: The classes of its rows.
        folds: By class of event; filled by `on`, or joined from several modules.
    """

    name: str
    version: int
    tables: tuple[type[Row], ...]
    folds: dict[type[Event], Fold] = field(default_factory=dict)

    def on(self, *events: type[Event]) -> Callable[[Fold], Fold]:
        """Register a fold for one or more classes of event, as a decorator."""
        return _registering(self.folds, events)
