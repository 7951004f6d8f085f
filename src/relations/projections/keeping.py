"""Answers and columns that a view keeps for as long as they hold.

A view computes an answer from three things: the state of its tables, the policy, and the arguments. While none of them
has changed, the same question has the same answer, so it is kept. What is kept is bounded by number and by size: the
answer that was not asked for the longest time goes first.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from threading import Lock, local
from typing import Any, Protocol

import msgspec
from pydantic import BaseModel

from relations.policies.in_force import InForce
from relations.policies.policy import Policy
from relations.projections.running.fold_state import FoldState

__all__ = ["Asking", "Holding", "KeptAnswers", "ViewState", "copied", "key_of_call", "size_of", "span_around"]

_COUNT_MAX = 256
_BYTES_MAX = 256 * 1024 * 1024
"""Enough for a list of every customer of a log of a million events, with their steps; such a list takes 130 MB."""
_ALWAYS = -(2**62), 2**62
_SAMPLED = 16
"""The number of entries of a long list whose size stands for that of all."""


@dataclass(frozen=True, slots=True)
class ViewState:
    """The state of a view's tables, as one read transaction sees them.

    Attributes:
        position: The last position of the log at which an event was folded into them, as far as is known.
        zone: The zone of their days and months.
        generation: The identity of the tables, which changes when a rebuild switches them.
        aliases: The position of the last change of who is merged.
    """

    position: int
    zone: str
    generation: int
    aliases: int


class Asking(local):
    """The question that a thread is asking.

    Attributes:
        is_lasting: False once it has read something that may change while the tables and the policies do not.
        is_of_log: True once it has read the log, which changes with every event.
        days: The present days that it depends on.
        current: The head and the places, with all events folded; None if that is not known.
        fold_state: The head and the places that the state was read from.
        state: The state of the tables; None if it is not known, or if there are no tables yet.
        position: The last position of the log that was folded into them.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a question."""
        self.is_lasting = True
        self.is_of_log = False
        self.days: set[int] = set()
        self.current: FoldState | None = None
        self.fold_state: FoldState | None = None
        self.state: ViewState | None = None
        self.position: int | None = None

    def begin_part(self) -> tuple[bool, set[int], bool]:
        """Begin a question within a question. Return what the outer one depends on so far."""
        outer = self.is_lasting, self.days, self.is_of_log
        self.is_lasting, self.days, self.is_of_log = True, set(), False
        return outer

    def end_part(self, outer: tuple[bool, set[int], bool]) -> None:
        """Go on with the outer question, which depends on the same as the inner one."""
        is_lasting, days, is_of_log = outer
        self.is_lasting = is_lasting and self.is_lasting
        self.days = days | self.days
        self.is_of_log = is_of_log or self.is_of_log


class KeptAnswers:
    """Answers by question, arguments, policy and state of the tables. Threads may use it at the same time.

    Args:
        count: The most answers to keep.
        size: The most bytes to keep, as far as `size_of` can estimate them.
    """

    def __init__(self, count: int = _COUNT_MAX, size: int = _BYTES_MAX) -> None:
        self._count = count
        self._size = size
        self._lock = Lock()
        self._state: ViewState | None = None
        self._rules: InForce | None = None
        self._policy: Policy | None = None
        self._answers: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, state: ViewState, rules: InForce, policy: Policy) -> tuple[Any] | None:
        """Return a kept answer in a tuple; None if there is none for this state and these policies."""
        with self._lock:
            if not self._holds(state, rules, policy):
                return None
            found = self._answers.get(key)
            if found is None:
                return None
            self._answers.move_to_end(key)
            return (found[0],)

    def put(self, key: Hashable, answer: Any, state: ViewState, rules: InForce, policy: Policy) -> None:
        """Keep an answer. The answers of an earlier state go: the tables do not return to it."""
        size = size_of(answer)
        if size > self._size:
            return
        with self._lock:
            if not self._holds(state, rules, policy):
                if self._state is not None and state.position < self._state.position:
                    return  # computed from an older state than the others that are kept
                self._answers.clear()
                self._bytes = 0
                self._state, self._rules, self._policy = state, rules, policy
            before = self._answers.pop(key, None)
            self._bytes += size - (0 if before is None else before[1])
            self._answers[key] = answer, size
            while len(self._answers) > self._count or self._bytes > self._size:
                _, (_, less) = self._answers.popitem(last=False)
                self._bytes -= less

    def _holds(self, state: ViewState, rules: InForce, policy: Policy) -> bool:
        return self._state == state and self._rules is rules and self._policy is policy

    def __len__(self) -> int:
        return len(self._answers)


class Holding(Protocol):
    """A value computed as of a moment that stays the same for a while before and after it."""

    def hold(self, moment: int) -> bool:
        """Return True if it is the same at a moment, UTC microseconds."""


def span_around(turns: Iterable[int], moment: int) -> tuple[int, int]:
    """Return the last turn up to a moment and the first one after it, UTC microseconds.

    A value that depends on the moment only by the turns reached is the same from the first of the two until the second.

    Args:
        turns: The times at which something changes, in any order.
        moment: The moment.
    """
    since, until = _ALWAYS
    for at in turns:
        if at <= moment:
            since = max(since, at)
        else:
            until = min(until, at)
    return since, until


def size_of(value: Any) -> int:
    """Return about how many bytes a value takes. Of a long list, a few entries stand for all."""
    size = sys.getsizeof(value)
    match value:
        case str() | bytes() | int() | float() | None:
            return size
        case BaseModel():
            return size + size_of(vars(value))
        case msgspec.Struct():
            return size + sum(size_of(getattr(value, name)) for name in value.__struct_fields__)
        case _ if is_dataclass(value):
            return size + sum(size_of(getattr(value, each.name)) for each in fields(value))
        case Mapping():
            return size + _sampled([*value.values()]) + _sampled([*value.keys()])
        case Sequence() | set() | frozenset():
            return size + _sampled([*value])
    return size + int(getattr(value, "nbytes", 0))


def _sampled(entries: Sequence[Any]) -> int:
    step = max(len(entries) // _SAMPLED, 1)
    sample = entries[::step]
    return sum(map(size_of, sample)) * len(entries) // max(len(sample), 1)


def copied(answer: Any) -> Any:
    """Return a list or dictionary as a copy, so that a caller may change it; anything else as it is."""
    return answer.copy() if type(answer) in (list, dict) else answer


def frozen(value: Any) -> Any:
    """Return an argument so that it can be part of a key; a list becomes a tuple."""
    return tuple(value) if type(value) is list else value


def key_of_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Hashable | None:
    """Return the key of a question with its arguments; None if an argument cannot be part of one."""
    key = name, tuple(map(frozen, args)), tuple(sorted((each, frozen(value)) for each, value in kwargs.items()))
    try:
        hash(key)
    except TypeError:
        return None
    return key
