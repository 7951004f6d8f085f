"""The states in memory: those used last, at most this many, and of at most about this many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

__all__ = ["State", "StateCache"]

State = tuple[int, Any]
"""A stream's version and the state at it."""

_BYTES_PER_ENCODED = 6
"""Python's objects take about this many bytes for each byte of a state's stored form."""
_SMALLEST = 1_000
"""The bytes that a state takes at least, with its key and what refers to it."""
_BYTES_PER_EVENT = 1_200
"""The bytes that an event adds to a state, by estimate."""
_SHORT = 8
"""A stream with fewer events is taken to be small."""
_LONG = 32
"""A stream with as many events is measured, and again each time that its version has grown by half."""
_NOT_COUNTED = (0, -1)


class StateCache(MutableMapping[str, State]):
    """States by stream. What was used longest ago is forgotten first.

    Sizes are estimates. To measure a state costs as much as to store it, so only long streams are measured, and seldom.

    Args:
        size_of: Returns the bytes of a state's stored form.
        most_streams: The most states.
        most_bytes: The most bytes that all of them take, by estimate.

    Attributes:
        bytes: The bytes that the states take now, by estimate.
    """

    def __init__(
        self, size_of: Callable[[str, Any], int], *, most_streams: int = 50_000, most_bytes: int = 200_000_000
    ) -> None:
        self._size_of = size_of
        self._most_streams = most_streams
        self._most_bytes = most_bytes
        # A plain dictionary would search all the places of forgotten states for the first one that is left.
        self._states: OrderedDict[str, State] = OrderedDict()
        self._sizes: dict[str, tuple[int, int]] = {}  # the bytes counted, and the last version that they hold for
        self.bytes = 0

    def __getitem__(self, stream: str) -> State:
        return self._states[stream]

    def get(self, stream: str, default: Any = None) -> Any:
        """Return a state, which does not count as a use: those that a transaction changes are set at its end."""
        return self._states.get(stream, default)

    def __contains__(self, stream: object) -> bool:
        return stream in self._states

    def use(self, stream: str) -> State | None:
        """Return a state, now the one used last; None if it is not in memory."""
        found = self._states.get(stream)
        if found is not None:
            self._states.move_to_end(stream)
        return found

    def __setitem__(self, stream: str, state: State) -> None:
        self._states[stream] = state
        self._states.move_to_end(stream)
        version, (counted, last) = state[0], self._sizes.get(stream, _NOT_COUNTED)
        if version > last:
            size, last = _SMALLEST, version + version // 2
            if version < _SHORT:
                last = _SHORT - 1
            elif version < _LONG:
                size, last = size + _BYTES_PER_EVENT * version, min(last, _LONG - 1)
            else:
                size += _BYTES_PER_ENCODED * self._size_of(stream, state[1])
            self._sizes[stream] = size, last
            self.bytes += size - counted

    def __delitem__(self, stream: str) -> None:
        del self._states[stream]
        self.bytes -= self._sizes.pop(stream)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)

    @property
    def is_crowded(self) -> bool:
        """True if the states that a transaction has loaded take half as much again as they may."""
        return self.bytes > self._most_bytes + self._most_bytes // 2

    def clear(self) -> None:
        """Forget every state."""
        self._states.clear()
        self._sizes.clear()
        self.bytes = 0

    def shrink(self) -> None:
        """Forget the states used longest ago, until the others fit. Called between transactions."""
        while len(self._states) > self._most_streams or self.bytes > self._most_bytes:
            del self[next(iter(self._states))]
