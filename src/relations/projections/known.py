"""What was last known of somebody, whatever order it was recorded in."""

from __future__ import annotations

import msgspec

__all__ = ["Known", "newer"]


class Known(msgspec.Struct, array_like=True, gc=False):
    """A value with when it was said: the later business time counts, and at one instant the later record."""

    at: int
    position: int
    value: str


def newer(one: Known | None, other: Known | None) -> Known | None:
    """The one that counts."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda known: (known.at, known.position))
