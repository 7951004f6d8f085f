"""Texts of files that are more than texts."""

from __future__ import annotations

__all__ = ["JsonNumber"]


class JsonNumber(str):
    """The text of a number in JSON. It has one reading, whatever marks the mapping states for texts."""

    __slots__ = ()

    def strip(self, _chars: str | None = None, /) -> JsonNumber:
        """Return itself: there is nothing around a number in JSON."""
        return self
