"""Rows of customers as columns: arrays that a question computes with at once, instead of one object after the other.

A question over all customers reads the few stored fields that it needs, turns them into numpy arrays, and computes with
those. The arrays are kept by the view. When new events were folded, only the customers with new events are read again,
and take the place of what was known of them.

Customers are numbered by the order of their surviving ids. A part has any number of entries a customer, in their order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, pairwise
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

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
    "Parts",
    "RowSource",
    "StoredParts",
    "distinct",
    "grouped_sums",
    "ints",
    "numbered",
    "offsets_of",
    "totals",
]

T = TypeVar("T")
_DERIVED_MAX, _DERIVED_BYTES_MAX = 64, 256 * 1024 * 1024
_LISTED_MAX = 100_000
"""The most objects of a list that are kept."""
_LISTED_SHARE = 20
"""A page with less than this part of all customers is made again sooner than it is compared with what was made."""
_FORMER_CHANGES_MAX = 5_000
"""Customers who changed from which on all are computed again, not only those."""
_OBJECT_BYTES = 1_024
"""The size of an object in an array of objects, about; the objects of a long list have a few fields each."""
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


class _Derived(NamedTuple):
    """A value that was computed from columns.

    Attributes:
        value: The value.
        size: About how many bytes it takes.
        is_of_each: True if it was computed of each customer alone.
    """

    value: Any
    size: int
    is_of_each: bool


class _Former(NamedTuple):
    """A value that was computed of each customer alone in an earlier state.

    Attributes:
        derived: The value.
        names: The surviving ids of that state, in order.
        changed: The surviving ids, of then and since, of the customers who have changed.
    """

    derived: _Derived
    names: Sequence[str]
    changed: frozenset[str]


@dataclass
class Columns:
    """The columns of one class of rows, in one state of the tables.

    What is computed from them is kept with them. What is computed of each customer alone outlasts new events. It is
    then computed again only of the customers who have changed, and takes its place among the others.

    Attributes:
        source: Reads the rows.
        groups: Every group of fields, by the name of each of its parts.
        parts: The parts read so far.
        stored: The parts that were stored earlier; None if everything is read from the rows.
    """

    source: RowSource
    groups: Mapping[str, FieldGroup]
    parts: Parts = field(default_factory=dict)
    stored: StoredParts | None = None
    _names: list[str] | None = None
    _derived: OrderedDict[Hashable, _Derived] = field(default_factory=OrderedDict)
    _former: dict[Hashable, _Former] = field(default_factory=dict)
    _some: dict[frozenset[str], _SomeColumns] = field(default_factory=dict)
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

    # --- what is computed from them ---------------------------------------------------------------------------------

    def derive(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what was computed from the columns under a key, or compute it. Nobody may change it."""
        with self._lock:
            found = self._known(key)
            if found is None:
                found = self._keep(key, compute(), is_of_each=False)
            value: T = found.value
            return value

    def derive_each(self, key: Hashable, compute: Callable[[Columns], T]) -> T:
        """Return what was computed of each customer alone under a key, or compute it. Nobody may change it.

        Args:
            key: Everything that it depends on besides the columns.
            compute: Computes it from the columns of all customers, or of some. It returns arrays with one value a
                customer, parts, or a tuple or mapping of these.
        """
        with self._lock:
            found = self._known(key)
            if found is None:
                former = self._former.pop(key, None)
                value = compute(self) if former is None else self._renewed(former, compute)
                found = self._keep(key, value, is_of_each=True)
            answer: T = found.value
            return answer

    def listed(
        self, key: Hashable, places: Ints, values: Sequence[Array], make: Callable[[Ints], Iterable[T]]
    ) -> list[T]:
        """Return one object for each of some customers. Only those are made that are not the same as before.

        They are shared with the answers that a view keeps, and nobody may change them.

        Args:
            key: Everything that an object depends on besides its customer's columns and its values.
            places: The numbers of the customers.
            values: The values of each object, in the order of `places`.
            make: Makes the objects of the customers at some places within `places`.
        """
        if len(places) * _LISTED_SHARE < len(self) or len(places) > _LISTED_MAX:
            return list(make(np.arange(len(places))))
        full_key = "listed", key, len(values)
        with self._lock:
            objects, is_made, *before = self.derive_each(full_key, lambda some: _nothing_listed(len(some), values))
            same = is_made[places]
            for known, now in zip(before, values, strict=True):
                same &= known[places] == now
            rest = np.flatnonzero(~same)
            if len(rest):
                chosen = places[rest]
                changes = np.fromiter(make(rest), object, len(rest)), True, *(now[rest] for now in values)
                kept = tuple(map(np.copy, (objects, is_made, *before)))  # an earlier state may still have these
                for array, change in zip(kept, changes, strict=True):
                    array[chosen] = change
                objects = self._keep(full_key, kept, is_of_each=True).value[0]
            found: list[T] = objects[places].tolist()
            return found

    def _known(self, key: Hashable) -> _Derived | None:
        found = self._derived.get(key)
        if found is not None:
            self._derived.move_to_end(key)
        return found

    def _keep(self, key: Hashable, value: Any, *, is_of_each: bool) -> _Derived:
        found = self._derived[key] = _Derived(value, _nbytes(value), is_of_each)
        size = sum(each.size for each in self._derived.values())
        while len(self._derived) > 1 and (len(self._derived) > _DERIVED_MAX or size > _DERIVED_BYTES_MAX):
            size -= self._derived.popitem(last=False)[1].size
        return found

    def _renewed(self, former: _Former, compute: Callable[[Columns], Any]) -> Any:
        some = self._of(former.changed)
        return _moved(former.names, former.changed, some.names).renewed(former.derived.value, compute(some))

    def _of(self, customers: frozenset[str]) -> _SomeColumns:
        """Return the columns of some customers, as far as they have a row."""
        found = self._some.get(customers)
        if found is None:
            found = self._some[customers] = _SomeColumns.among(self, customers)
        return found

    # --- new events -------------------------------------------------------------------------------------------------

    def with_changes(self, changed: Collection[str]) -> Columns:
        """Return the columns with some customers read again, who may be new, changed or gone.

        Args:
            changed: The surviving ids, of before and of now.
        """
        with self._lock:
            parts, former, stored = dict(self.parts), self._outlasting(frozenset(changed)), self.stored
        groups = _distinct_groups(self.groups[name] for name in parts)
        names, merged = self._replaced(groups, self.names, parts, changed)
        if stored is not None:
            both = stored.changed | frozenset(changed)
            stored = replace(stored, changed=both) if len(both) <= CHANGED_MAX else None
        return Columns(self.source, self.groups, merged, stored, _names=names, _former=former)

    def _replaced(
        self, groups: Sequence[FieldGroup], names: list[str], parts: Parts, changed: Collection[str]
    ) -> tuple[list[str], Parts]:
        """Return the names and parts with some customers read again."""
        if not changed:
            return names, parts
        found, fresh = _read(groups, partial(self.source.of, sorted(changed)))
        moved = _moved(names, changed, found)
        return moved.names, {name: moved.merged(part, fresh[name]) for name, part in parts.items()}

    def _outlasting(self, changed: frozenset[str]) -> dict[Hashable, _Former]:
        """Return what was computed of each customer alone, as it is known after a change: the last asked for last."""
        found = {
            key: each._replace(changed=each.changed | changed)
            for key, each in self._former.items()
            if len(each.changed) + len(changed) <= _FORMER_CHANGES_MAX
        }
        found |= {key: _Former(each, self.names, changed) for key, each in self._derived.items() if each.is_of_each}
        size = sum(each.derived.size for each in found.values())
        while found and (len(found) > _DERIVED_MAX or size > _DERIVED_BYTES_MAX):
            size -= found.pop(next(iter(found))).derived.size
        return found

    def equal(self, other: Columns, names: Iterable[str]) -> bool:
        """Return whether the customers and some parts are the same as those of other columns."""
        wanted = list(names)
        for each in (self, other):
            each.read(wanted)
        return self.names == other.names and all(_equal(self.parts[name], other.parts[name]) for name in wanted)

    @property
    def nbytes(self) -> int:
        """The size of the arrays, without what was derived from them."""
        return sum(values.nbytes for part in self.parts.values() for values in (part.owner, *part.values.values()))


@dataclass
class _SomeColumns(Columns):
    """The columns of some customers of others, numbered from 0. Their parts are taken from those of everybody.

    Attributes:
        whole: The columns of everybody.
        places: The numbers that these customers have there, in order.
    """

    whole: Columns = field(kw_only=True)
    places: Ints = field(kw_only=True)

    @classmethod
    def among(cls, whole: Columns, customers: Collection[str]) -> _SomeColumns:
        """Return the columns of some customers, as far as they have a row."""
        places = [place for name in sorted(customers) if (place := _place_of(whole.names, name)) is not None]
        names = [whole.names[place] for place in places]
        return cls(whole.source, whole.groups, _names=names, whole=whole, places=np.array(places, np.int64))

    def read(self, names: Iterable[str]) -> None:
        """Take several parts from those of everybody."""
        for name in names:
            part = self.whole.part(name)
            begin = np.searchsorted(part.owner, self.places, side="left")
            count = np.searchsorted(part.owner, self.places, side="right") - begin
            chosen = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
            values = {each: array[chosen] for each, array in part.values.items()}
            self.parts[name] = ColumnPart(numbered(count), values)


def _nothing_listed(count: int, values: Sequence[Array]) -> tuple[Array, ...]:
    return np.empty(count, object), np.zeros(count, np.bool_), *(np.zeros(count, each.dtype) for each in values)


def _place_of(names: Sequence[str], name: str) -> int | None:
    place = bisect_left(names, name)
    return place if place < len(names) and names[place] == name else None


def _nbytes(value: Any) -> int:
    """Return about how many bytes the arrays of a derived value take."""
    if isinstance(value, np.ndarray):
        return value.nbytes + (len(value) * _OBJECT_BYTES if value.dtype == object else 0)
    if isinstance(value, ColumnPart):
        return _nbytes(value.owner) + _nbytes(value.values)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    return sum(map(_nbytes, inner))


def _equal(one: ColumnPart, other: ColumnPart) -> bool:
    fields = one.values.keys() | other.values.keys()
    return (
        one.values.keys() == other.values.keys()
        and np.array_equal(one.owner, other.owner)
        and all(np.array_equal(one[name], other[name]) for name in fields)
    )


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


class _Cut(NamedTuple):
    """A place among former customers at which one goes, comes, or is replaced.

    Attributes:
        place: The place: the number of the former customer, or of the one that another comes before.
        goes: 1 if a former customer goes there; else 0.
        comes: 1 if a customer who was read again comes there; else 0.
    """

    place: int
    goes: int
    comes: int


@dataclass(frozen=True, slots=True)
class _Moved:
    """The numbers of customers after some were replaced.

    Everybody between two cuts stays in order, so arrays are put together from a few stretches of the former ones.

    Attributes:
        names: The new names in order.
        cuts: The places at which customers go and come, ascending.
        now: The new number of each former customer who stays; None if no number has changed.
        fresh: The number of each customer who was read again.
    """

    names: list[str]
    cuts: list[_Cut]
    now: Ints | None
    fresh: Ints

    def merged(self, before: ColumnPart, read: ColumnPart) -> ColumnPart:
        """Return the entries of everybody: those of customers who stay, and of those who were read again."""
        places = np.array([cut.place for cut in self.cuts], np.int64)
        goes = np.array([cut.goes for cut in self.cuts], np.int64)
        comes = np.array([cut.comes for cut in self.cuts], np.int64)
        ends, numbers = np.searchsorted(before.owner, (places, places + goes)), np.cumsum(comes)
        stretches = np.vstack((ends, np.searchsorted(read.owner, (numbers - comes, numbers)))).T.tolist()
        owner = before.owner if self.now is None else self.now[before.owner]
        return ColumnPart(
            _spliced(owner, self.fresh[read.owner], stretches),
            {name: _spliced(kept, read[name], stretches) for name, kept in before.values.items()},
        )

    def renewed(self, before: Any, read: Any) -> Any:
        """Return a value derived of each customer alone: of those who stay, and of those who were read again."""
        if isinstance(before, ColumnPart):
            return self.merged(before, read)
        if isinstance(before, Mapping):
            return {key: self.renewed(value, read[key]) for key, value in before.items()}
        if isinstance(before, tuple):
            values = [self.renewed(*pair) for pair in zip(before, read, strict=True)]
            return type(before)(*values) if hasattr(before, "_fields") else tuple(values)
        numbers = accumulate((cut.comes for cut in self.cuts), initial=0)
        return _spliced(
            before,
            read,
            [(cut.place, cut.place + cut.goes, n, n + cut.comes) for cut, n in zip(self.cuts, numbers, strict=False)],
        )


def _spliced(before: Array, read: Array, stretches: Iterable[Sequence[int]]) -> Array:
    """Return an array in which each stretch of the former one, from its begin to its end, is replaced by a read one."""
    pieces, last = list[Array](), 0
    for begin, end, first, after in stretches:
        pieces += (before[last:begin], read[first:after])
        last = end
    return np.concatenate((*pieces, before[last:]))


def _moved(names: Sequence[str], changed: Collection[str], read: Sequence[str]) -> _Moved:
    """Return where customers go and come.

    Args:
        names: The former names in order.
        changed: The names of the customers who were read again, of before and of now.
        read: The names of those who have a row now, in order.
    """
    present, cuts = frozenset(read), []
    for name in sorted({*changed, *read}):
        place = bisect_left(names, name)
        goes = place < len(names) and names[place] == name
        if goes or name in present:
            cuts.append(_Cut(place, int(goes), int(name in present)))
    if all(cut.goes and cut.comes for cut in cuts):
        listed = names if isinstance(names, list) else list(names)
        return _Moved(listed, cuts, None, np.array([cut.place for cut in cuts], np.int64))
    shift = np.zeros(len(names) + 1, np.int64)
    kept, fresh, last, shifted = list[str](), list[int](), 0, 0
    coming = iter(read)
    for cut in cuts:
        kept += names[last : cut.place]
        last = cut.place + cut.goes
        shift[last] += cut.comes - cut.goes
        if cut.comes:
            kept.append(next(coming))
            fresh.append(cut.place + shifted)
        shifted += cut.comes - cut.goes
    kept += names[last:]
    now = np.arange(len(names), dtype=np.int64) + np.cumsum(shift[:-1])
    return _Moved(kept, cuts, now, np.array(fresh, np.int64))


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


def totals(values: Array, group: Ints, count: int) -> Array:
    """Return the sum of each group's entries, exactly, whatever their order.

    Args:
        values: Whole numbers.
        group: The number of each entry's group.
        count: The number of groups.
    """
    if values.dtype == object or (len(values) and _may_overflow(values)):
        order = np.argsort(group, kind="stable")
        return grouped_sums(values[order], group[order], count)
    found = np.zeros(count, np.int64)
    np.add.at(found, group, values)
    return found


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
