"""Figures that a view computes of each customer alone, brought up to date by the customers who changed.

An answer over all customers often begins with something that depends on one customer at a time. Examples are the state
of a relation and the answers of a respondent. It is kept by customer. After new events, it is computed again only for
their customers, and for those whose ids were merged or unmerged since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from relations.policies.in_force import InForce
from relations.policies.policy import Policy
from relations.projections.keeping import ViewState, size_of
from relations.projections.running.aliases import Aliases

__all__ = ["KeptByCustomer", "regrouped"]

T = TypeVar("T")

_COUNT_MAX = 32
_BYTES_MAX = 256 * 1024 * 1024


class _Version(NamedTuple):
    """The values of all customers in one state."""

    state: ViewState
    aliases: Aliases
    rules: InForce
    policy: Policy
    values: Mapping[str, Any]
    size: int


@dataclass
class KeptByCustomer:
    """Values by surviving id, under a few keys. Threads may use it at the same time.

    Attributes:
        count: The most keys; the one that was not asked for the longest time goes first.
        size: The most bytes under all keys, as far as `size_of` can estimate them.
    """

    count: int = _COUNT_MAX
    size: int = _BYTES_MAX
    _versions: OrderedDict[Hashable, _Version] = field(default_factory=OrderedDict)
    _lock: RLock = field(default_factory=RLock)

    def at(
        self,
        key: Hashable,
        state: ViewState,
        aliases: Aliases,
        rules: InForce,
        policy: Policy,
        *,
        read: Callable[[Sequence[str] | None], Mapping[str, T]],
        changed_since: Callable[[int], Collection[str] | None],
    ) -> Mapping[str, T]:
        """Return the values of all customers in a state, in the order of their ids. Nobody may change them.

        Args:
            key: Everything that they depend on besides the tables and the policies.
            state: The state of the tables.
            aliases: Who is merged in this state.
            rules: Every policy.
            policy: The policy in force.
            read: Computes the values by surviving id: of all customers, or of some, as far as they have any.
            changed_since: Returns the ids with events after a position; None if these are too many.
        """
        with self._lock:
            known = self._versions.get(key)
            if known is not None and (known.rules is not rules or known.policy is not policy):
                known = None
            if known is not None and known.state == state:
                self._versions.move_to_end(key)
                return known.values
            names = None if known is None else _changed_customers(known, state, aliases, changed_since)
            values = _sorted(read(None)) if known is None or names is None else _updated(known.values, names, read)
            if known is None or known.state.position <= state.position:
                self._versions.pop(key, None)
                size = size_of(values)
                if size <= self.size:
                    self._versions[key] = _Version(state, aliases, rules, policy, values, size)
                while len(self._versions) > self.count or self._bytes() > self.size:
                    self._versions.popitem(last=False)
            return values

    def _bytes(self) -> int:
        return sum(version.size for version in self._versions.values())


def _changed_customers(
    known: _Version, state: ViewState, aliases: Aliases, changed_since: Callable[[int], Collection[str] | None]
) -> set[str] | None:
    """Return the surviving ids, of before and of now, whose values may have changed; None if all have to be read."""
    before = known.state
    if (before.zone, before.generation) != (state.zone, state.generation) or before.position > state.position:
        return None
    changed = changed_since(before.position)
    if changed is None:
        return None
    names = {resolved.survivor(name) for name in changed for resolved in (known.aliases, aliases)}
    return names if before.aliases == state.aliases else names | regrouped(known.aliases, aliases)


def regrouped(before: Aliases, now: Aliases) -> set[str]:
    """Return the surviving ids, of before and now, of the customers whose ids are not the same."""
    found: set[str] = set()
    for survivor in before.groups.keys() | now.groups.keys():
        ids = set(before.groups.get(survivor, ())) ^ set(now.groups.get(survivor, ()))
        for name in ids:
            found |= {survivor, before.survivor(name), now.survivor(name)}
    return found


def _updated(
    before: Mapping[str, T], names: Collection[str], read: Callable[[Sequence[str] | None], Mapping[str, T]]
) -> Mapping[str, T]:
    fresh = read(sorted(names))
    if all(name in before for name in fresh) and all(name in fresh or name not in before for name in names):
        return {**before, **fresh}  # nobody is new or gone, so the order stays
    kept = {name: value for name, value in before.items() if name not in names}
    return _sorted({**kept, **fresh})


def _sorted(values: Mapping[str, T]) -> Mapping[str, T]:
    return {name: values[name] for name in sorted(values)}
