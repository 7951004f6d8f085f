"""Texts from files as messages quote them."""

from __future__ import annotations

from typing import Any

from relations.messages import Money

__all__ = ["JsonNumber", "shown"]

_SHOWN = 60


def shown(found: Any) -> str:
    """Return a value from a file as messages quote it: money as people write it, texts not longer than a line."""
    if isinstance(found, Money):
        return str(found).replace("-", "\N{MINUS SIGN}")
    text = found if isinstance(found, str) else str(found)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


class JsonNumber(str):
    """The text of a number in JSON. It has one reading, whatever marks the mapping states for texts."""

    __slots__ = ()

    def strip(self, _chars: str | None = None, /) -> JsonNumber:
        """Return itself: there is nothing around a number in JSON."""
        return self
