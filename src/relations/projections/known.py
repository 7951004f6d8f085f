"""The newest known value of a customer, in whatever order values were recorded."""

from __future__ import annotations

import msgspec

__all__ = ["Known", "newer"]


class Known(msgspec.Struct, array_like=True, gc=False):
    """A value with its business time. The latest counts; of one instant, the one recorded last."""

    at: int
    position: int
    value: str


def newer(one: Known | None, other: Known | None) -> Known | None:
    """Return the value that counts."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda known: (known.at, known.position))
