"""Rows of customers as columns: arrays that a question computes with at once, instead of one object after the other.

A question over all customers reads the few stored fields that it needs, turns them into numpy arrays, and computes with
those. The arrays are kept by the view. When new events were folded, only the customers with new events are read again,
and take the place of what was known of them.

Customers are numbered by the order of their surviving ids. A part has any number of entries a customer, in their order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from relations.extras import np
from relations.policies.calendars import LocalTime
from relations.projections.by_customer import regrouped
from relations.projections.gc_pause import collector_paused
from relations.projections.keeping import ViewState
from relations.projections.projection import CustomerRow
from relations.projections.running.aliases import Aliases

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CHANGED_MAX",
    "Array",
    "Codes",
    "ColumnGroups",
    "ColumnPart",
    "ColumnStore",
    "Columns",
    "Fetched",
    "FieldGroup",
    "Ints",
    "ListedObjects",
    "Parts",
    "RowSource",
    "StoredParts",
    "distinct",
    "grouped_sums",
    "ints",
    "numbered",
    "offsets_of",
]

T = TypeVar("T")
_LISTS_MAX, _LISTED_MAX = 8, 100_000
CHANGED_MAX = 20_000
"""Events since columns were read from which on all rows are read again, not only those of changed customers."""
_STATES_KEPT = 2
"""Two, because a question may still be answered from the state before."""
Ints: TypeAlias = "NDArray[np.int64]"
Array: TypeAlias = "NDArray[Any]"


@dataclass(frozen=True, slots=True)
class ColumnPart:
    """Entries of customers, in the order of customers.

    Attributes:
        owner: The number of each entry's customer, ascending.
        values: The entries' fields, by name.
    """

    owner: Ints
    values: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def __len__(self) -> int:
        return len(self.owner)

    def where(self, chosen: Array) -> ColumnPart:
        """Return the entries for which an array is true."""
        return ColumnPart(self.owner[chosen], {name: values[chosen] for name, values in self.values.items()})

    def sorted_by(self, *fields: Array) -> ColumnPart:
        """Return the entries by customer, and those of one customer by some fields."""
        order = np.lexsort((*reversed(fields), self.owner))
        return ColumnPart(self.owner[order], {name: values[order] for name, values in self.values.items()})


Parts: TypeAlias = dict[str, ColumnPart]


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Stored fields that are read together, and the parts that they become.

    Attributes:
        fields: The fields of the row, without `customer`.
        parts: Returns the parts by name, given each field's values in the order of customers.
        coded: The arrays of numbers of `Codes` by name, and the type of what they stand for.
        objects: The arrays of objects by name, and the type of these.
        version: Raised when the same rows lead to other parts, so that parts stored before are not read.
    """

    fields: tuple[str, ...]
    parts: Callable[..., Parts]
    coded: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1

    @property
    def name(self) -> str:
        """The name under which its parts are stored."""
        return " ".join(self.fields)


ColumnGroups: TypeAlias = "Callable[[Codes, LocalTime], Iterable[tuple[tuple[str, ...], FieldGroup]]]"
"""Returns the groups of fields, each with the names of its parts."""
Fetched: TypeAlias = tuple[list[str], list[Sequence[Any]]]
"""Ids, and the values of each field."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """A reader of the rows of one class, by surviving id.

    Attributes:
        everybody: Returns the ids of all customers in order, and the values of some fields in the same order.
        of: Returns the same of some customers, as far as they have a row.
    """

    everybody: Callable[[tuple[str, ...]], Fetched]
    of: Callable[[Sequence[str], tuple[str, ...]], Fetched]


@dataclass(frozen=True, slots=True)
class StoredParts:
    """Parts that were stored in an earlier state of the tables.

    Attributes:
        names: The surviving ids of that state, in order.
        changed: The surviving ids, of then and of now, of the customers who changed since.
        read: Returns the parts of some groups in that state; None if they are not stored, or not any more.
    """

    names: list[str]
    changed: frozenset[str]
    read: Callable[[Sequence[FieldGroup]], Parts | None]


class Codes:
    """Numbers that stand for texts and tuples. Each keeps its number for as long as the view is open."""

    __slots__ = ("_lock", "_numbers", "texts")

    def __init__(self) -> None:
        self._lock = RLock()
        self._numbers: dict[Hashable, int] = {}
        self.texts: list[Any] = []

    def of(self, text: Hashable) -> int:
        """Return the number of a text or tuple."""
        found = self._numbers.get(text)
        if found is None:
            with self._lock:
                found = self._numbers.get(text)
                if found is None:
                    found = len(self.texts)
                    self.texts.append(text)
                    self._numbers[text] = found
        return found

    def all_of(self, texts: Iterable[Hashable]) -> Ints:
        """Return the numbers of texts or tuples."""
        numbers, of = self._numbers, self.of
        return np.array([found if (found := numbers.get(text)) is not None else of(text) for text in texts], np.int64)


class ListedObjects:
    """The objects of long lists, so that a list asked for again makes only those that are not the same any more.

    They are shared with the answers that a view keeps, and nobody may change them. Those of the lists that were not
    asked for the longest time go first, and so do all of a list that is too long.
    """

    __slots__ = ("_lists", "_lock")

    def __init__(self) -> None:
        self._lists: OrderedDict[Hashable, dict[tuple[Any, ...], Any]] = OrderedDict()
        self._lock = RLock()

    def of(self, key: Hashable, rows: Iterable[tuple[Any, ...]], make: Callable[..., T]) -> list[T]:
        """Return an object for each row.

        Args:
            key: Everything that the objects depend on besides their rows.
            rows: The values of each object. Equal values have to be of the same type.
            make: Makes the object of a row's values.
        """
        with self._lock:
            before = self._lists.get(key, {})
        found = {row: before.get(row) or make(*row) for row in rows}
        with self._lock:
            self._lists.pop(key, None)
            if len(found) <= _LISTED_MAX:
                self._lists[key] = found
            while len(self._lists) > _LISTS_MAX:
                self._lists.popitem(last=False)
        return list(found.values())


@dataclass
class Columns:
    """The columns of one class of rows, in one state of the tables.

    Attributes:
        source: Reads the rows.
        groups: Every group of fields, by the name of each of its parts.
        parts: The parts read so far.
        derived: What was computed from them.
        objects: The objects of long lists.
        stored: The parts that were stored earlier; None if everything is read from the rows.
    """

    source: RowSource
    groups: Mapping[str, FieldGroup]
    parts: Parts = field(default_factory=dict)
    derived: dict[Hashable, Any] = field(default_factory=dict)
    objects: ListedObjects = field(default_factory=ListedObjects)
    stored: StoredParts | None = None
    _names: list[str] | None = None
    _lock: RLock = field(default_factory=RLock)

    @classmethod
    def of(
        cls,
        row: type[CustomerRow],
        source: RowSource,
        groups: Iterable[tuple[tuple[str, ...], FieldGroup]],
        stored: StoredParts | None = None,
    ) -> Columns:
        """Return the columns of all customers; their parts are read when they are needed."""
        assert row.key == CustomerRow.key  # noqa: S101 - one row a customer
        by_part = {name: group for names, group in groups for name in names}
        return cls(source, by_part, stored=stored)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """The surviving ids, in order."""
        with self._lock:
            if self._names is None:
                self._names = self.source.everybody(())[0]
            return self._names

    def part(self, name: str) -> ColumnPart:
        """Return a part; it is read where it is needed for the first time."""
        with self._lock:
            if name not in self.parts:
                self.read((name,))
            return self.parts[name]

    def read(self, names: Iterable[str]) -> None:
        """Read several parts at once, as far as they were not read yet: what they have in common is decoded once."""
        with self._lock, collector_paused():  # each of many new objects would count towards a search for garbage
            groups = _distinct_groups(self.groups[name] for name in names if name not in self.parts)
            if not groups:
                return
            stored = None if self.stored is None else self.stored.read(groups)
            if self.stored is None or stored is None:
                self._names, found = _read(groups, self.source.everybody)
            else:
                self._names, found = self._replaced(groups, self.stored.names, stored, self.stored.changed)
            self.parts |= found

    def derive(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what was computed from the columns under a key, or compute it. Nobody may change it."""
        with self._lock:
            if key not in self.derived:
                self.derived[key] = compute()
            found: T = self.derived[key]
            return found

    def with_changes(self, changed: Collection[str]) -> Columns:
        """Return the columns with some customers read again, who may be new, changed or gone.

        Args:
            changed: The surviving ids, of before and of now.
        """
        with self._lock:
            parts, stored = dict(self.parts), self.stored
        names, merged = self._replaced(
            _distinct_groups(self.groups[name] for name in parts), self.names, parts, changed
        )
        if stored is not None:
            both = stored.changed | frozenset(changed)
            stored = replace(stored, changed=both) if len(both) <= CHANGED_MAX else None
        return Columns(self.source, self.groups, merged, objects=self.objects, stored=stored, _names=names)

    def _replaced(
        self, groups: Sequence[FieldGroup], names: Sequence[str], parts: Parts, changed: Collection[str]
    ) -> tuple[list[str], Parts]:
        """Return the names and parts with some customers read again."""
        if not changed:
            return list(names), parts
        found, fresh = _read(groups, partial(self.source.of, sorted(changed)))
        moved = _moved(names, changed, found)
        return moved.names, {name: moved.merged(part, fresh[name]) for name, part in parts.items()}

    @property
    def nbytes(self) -> int:
        """The size of the arrays, without what was derived from them."""
        return sum(values.nbytes for part in self.parts.values() for values in (part.owner, *part.values.values()))


def _distinct_groups(groups: Iterable[FieldGroup]) -> list[FieldGroup]:
    return list({id(group): group for group in groups}.values())


def _read(groups: Sequence[FieldGroup], fetch: Callable[[tuple[str, ...]], Fetched]) -> tuple[list[str], Parts]:
    """Return the names and parts of groups; the fields that they have in common are decoded once."""
    fields = tuple(dict.fromkeys(each for group in groups for each in group.fields))
    names, columns = fetch(fields)
    by_field = dict(zip(fields, columns, strict=True))
    parts: Parts = {}
    for group in groups:
        parts |= group.parts(*(by_field[each] for each in group.fields))
    return names, parts


@dataclass(frozen=True, slots=True)
class _Moved:
    """The numbers of customers after some were replaced.

    Attributes:
        names: The new names in order.
        stays: True for each former customer who is not read again.
        now: The new number of each former customer who stays.
        fresh: The number of each customer who was read again.
    """

    names: list[str]
    stays: NDArray[np.bool_]
    now: Ints
    fresh: Ints

    def merged(self, before: ColumnPart, read: ColumnPart) -> ColumnPart:
        stays = self.stays[before.owner]
        owner = np.concatenate((self.now[before.owner[stays]], self.fresh[read.owner]))
        order = np.argsort(owner, kind="stable")
        values = {name: np.concatenate((kept[stays], read[name]))[order] for name, kept in before.values.items()}
        return ColumnPart(owner[order], values)


def _moved(names: Sequence[str], changed: Collection[str], read: Sequence[str]) -> _Moved:
    stays = np.ones(len(names), np.bool_)
    for name in changed:
        place = bisect_left(names, name)
        if place < len(names) and names[place] == name:
            stays[place] = False
    kept = list(names)
    for place in np.flatnonzero(~stays)[::-1].tolist():
        del kept[place]
    before = np.array([bisect_left(kept, name) for name in read], np.int64)
    now = np.zeros(len(names), np.int64)
    count = np.arange(len(kept), dtype=np.int64)
    now[stays] = count + np.searchsorted(before, count, side="right")
    for name in read:
        insort(kept, name)
    return _Moved(kept, stays, now, before + np.arange(len(read), dtype=np.int64))


# --- arrays ---------------------------------------------------------------------------------------------------------


def ints(values: Sequence[int]) -> Array:
    """Return whole numbers as an array; those beyond 64 bits stay Python's own, so that they remain exact."""
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array(values, object)


def distinct(values: Ints) -> Ints:
    """Return the different whole numbers among some, in order.

    With many different numbers this is faster than `numpy.unique`, which puts them into a hash table first.
    """
    found = np.sort(values)
    return found[np.concatenate(([True], found[1:] != found[:-1]))] if len(found) else found


def numbered(counts: Sequence[int] | Ints) -> Ints:
    """Return the owner of each entry, given how many entries each customer has."""
    return np.repeat(np.arange(len(counts), dtype=np.int64), np.array(counts, np.int64))


def offsets_of(owner: Ints, count: int) -> Ints:
    """Return where the entries of each customer begin, and at the end their number."""
    return np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=count)))).astype(np.int64)


def grouped_sums(values: Array, owner: Ints, count: int) -> Array:
    """Return the sum of each customer's entries, exactly.

    Args:
        values: Whole numbers in the order of `owner`.
        owner: The number of each entry's customer, ascending.
        count: The number of customers.
    """
    if values.dtype != object and len(values) and _may_overflow(values):
        values = values.astype(object)
    offsets = offsets_of(owner, count)
    if values.dtype == object:
        listed, ends = values.tolist(), offsets.tolist()
        found = [sum(listed[begin:end]) for begin, end in pairwise(ends)]
        return ints(found)
    sums = np.concatenate((np.zeros(1, values.dtype), np.cumsum(values)))
    return np.asarray(sums[offsets[1:]] - sums[offsets[:-1]])


def _may_overflow(values: Array) -> bool:
    largest = max(abs(int(values.max())), abs(int(values.min())))
    return largest * len(values) >= 2**62


@dataclass
class ColumnStore:
    """The columns of one class of rows that a view keeps: those of the newest states that were asked for.

    Attributes:
        codes: The numbers of texts, shared by all states.
    """

    codes: Codes = field(default_factory=Codes)
    _versions: list[tuple[ViewState, Aliases, Columns]] = field(default_factory=list)
    _lock: RLock = field(default_factory=RLock)

    def at(
        self,
        state: ViewState,
        aliases: Aliases,
        *,
        read: Callable[[Codes], Columns],
        changed_since: Callable[[int], Collection[str] | None],
    ) -> Columns:
        """Return the columns of a state.

        Args:
            state: The state.
            aliases: Who is merged in this state.
            read: Reads the columns of all customers.
            changed_since: Returns the ids with events after a position; None if these are too many.
        """
        with self._lock:
            for known, _, columns in self._versions:
                if known == state:
                    return columns
            found = self._updated(state, aliases, changed_since) or read(self.codes)
            self._versions = [(state, aliases, found), *self._versions[: _STATES_KEPT - 1]]
            self._versions.sort(key=lambda version: -version[0].position)
            return found

    def _updated(
        self, state: ViewState, aliases: Aliases, changed_since: Callable[[int], Collection[str] | None]
    ) -> Columns | None:
        for known, before, columns in self._versions:
            if (known.zone, known.generation) != (state.zone, state.generation) or known.position > state.position:
                continue
            changed = changed_since(known.position)
            if changed is None:
                return None
            names = {resolved.survivor(name) for name in changed for resolved in (before, aliases)}
            if known.aliases != state.aliases:
                names |= regrouped(before, aliases)
            return columns.with_changes(names)
        return None
