"""Maps that grow without being changed: a state is a value, and each event makes the next one.

A map in a state is read as a `Mapping` and never written to. The functions here return the map with one change and
leave the given one as it was. Up to `_SMALL` entries it is a plain dictionary, which is copied: most customers have
few purchases, and nothing in Python copies faster. A longer map is a `LayeredMap`, whose changes do not copy it.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from math import isqrt
from typing import Any, Final, NoReturn, TypeVar, cast

__all__ = ["EMPTY", "LayeredMap", "with_item", "with_items", "without_item"]

K = TypeVar("K")
V = TypeVar("V")

_SMALL: Final = 48
_CHANGES_MIN: Final = 16
_ABSENT: Final[Any] = object()
_REMOVED: Final[Any] = object()


class _Empty(dict[Any, Any]):
    """A dictionary without entries that refuses to be filled, since many states share it."""

    __slots__ = ()

    def _refuse(self, *_arguments: object, **_named: object) -> NoReturn:
        msg = "the map of a state cannot be changed; use with_item"
        raise TypeError(msg)

    __setitem__ = setdefault = update = __ior__ = _refuse


EMPTY: Final[Mapping[Any, Any]] = _Empty()
"""The map without entries, for the defaults of a state's fields."""


class LayeredMap(Mapping[K, V]):
    """A long map: a dictionary that many versions share, and the changes of this version.

    A change copies the changes, not the whole. They are folded into a new dictionary when there are about twice as many
    as the square root of the entries. So a change costs that many steps on average. Removed keys are marked.

    Args:
        base: The entries; nobody may change them any more.
    """

    __slots__ = ("_base", "_changes", "_limit", "_whole")

    def __init__(self, base: Mapping[K, V]) -> None:
        self._base: dict[K, V] = base if type(base) is dict else dict(base)
        self._changes: dict[K, V] = {}
        self._limit = max(_CHANGES_MIN, 2 * isqrt(len(self._base)))
        self._whole: dict[K, V] | None = self._base

    def get(self, key: K, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        value = self._changes.get(key, _ABSENT)
        if value is _ABSENT:
            return self._base.get(key, default)
        return default if value is _REMOVED else value

    def __getitem__(self, key: K) -> V:
        value = self.get(key, _ABSENT)
        if value is _ABSENT:
            raise KeyError(key)
        return cast("V", value)

    def __contains__(self, key: object) -> bool:
        return self.get(cast("K", key), _ABSENT) is not _ABSENT

    def __len__(self) -> int:
        return len(self.whole())

    def __iter__(self) -> Iterator[K]:
        return iter(self.whole())

    def keys(self) -> KeysView[K]:
        return self.whole().keys()

    def values(self) -> ValuesView[V]:
        return self.whole().values()

    def items(self) -> ItemsView[K, V]:
        return self.whole().items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LayeredMap):
            return self.whole() == other.whole()
        return self.whole() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # like a dictionary, and a state with one, it has no hash

    def __repr__(self) -> str:
        return f"LayeredMap({self.whole()!r})"

    def whole(self) -> dict[K, V]:
        """Return all entries as one dictionary, which is computed once. Do not change it."""
        found = self._whole
        if found is None:
            found = {**self._base, **self._changes}
            if _REMOVED in self._changes.values():
                found = {key: value for key, value in found.items() if value is not _REMOVED}
            self._whole = found
        return found


_new = object.__new__


def with_item(held: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """Return a map with a value set.

    Args:
        held: A map that these functions made, `EMPTY`, or a dictionary that nobody changes any more.
        key: The key.
        value: Its value, in place of the one it had.
    """
    if type(held) is not LayeredMap:
        small = {**held, key: value}
        return small if len(small) <= _SMALL else LayeredMap(small)
    changes = {**held._changes, key: value}
    new: LayeredMap[K, V] = _new(LayeredMap)
    new._base, new._changes, new._limit, new._whole = held._base, changes, held._limit, None
    return new if len(changes) <= held._limit else LayeredMap(new.whole())


def with_items(held: Mapping[K, V], more: Mapping[K, V]) -> Mapping[K, V]:
    """Return a map with all entries of another one set."""
    together = {**held, **more}
    return together if len(together) <= _SMALL else LayeredMap(together)


def without_item(held: Mapping[K, V], key: K) -> Mapping[K, V]:
    """Return a map without a key.

    Raises:
        KeyError: It has no such key.
    """
    if key not in held:
        raise KeyError(key)
    if type(held) is LayeredMap:
        return with_item(held, key, _REMOVED)
    left = {**held}
    del left[key]
    return left
