"""The headings of a file under the names that its mapping uses."""

from __future__ import annotations

from relations.exchange.mapping.model import Source

__all__ = ["Headings"]


def _plain(heading: str) -> str:
    """Return a heading without what people vary: case, and the number and kind of blanks."""
    return " ".join(heading.casefold().split())


class Headings:
    """The names of a file's columns, whatever language or version of a product wrote its headings.

    Args:
        source: The form of the file, with the other headings of each column.
    """

    def __init__(self, source: Source) -> None:
        self._names = {_plain(other): name for name, others in source.headings.items() for other in (name, *others)}

    def canonical(self, heading: str) -> str:
        """Return the mapping's name of a heading; the heading itself where the mapping names no other."""
        return self._names.get(_plain(heading), heading)

    def of_row(self, raw: dict[str, str]) -> dict[str, str]:
        """Return a row under the mapping's names. Where two fields have one name, neither is renamed."""
        if not self._names:
            return raw
        renamed = {self.canonical(heading): text for heading, text in raw.items()}
        return renamed if len(renamed) == len(raw) else raw
