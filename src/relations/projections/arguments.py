"""Checks of the arguments that several views share: months, pages, and names out of a list."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from relations.errors import InvalidInput

__all__ = ["Page", "checked_choice", "checked_month"]

T = TypeVar("T")

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def checked_month(value: str | None, field: str) -> str | None:
    """Return a month such as `2024-05`, or None for no bound.

    Raises:
        InvalidInput: The value is not a month.
    """
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, hint="Write 2024-05")
    return value


def checked_choice(value: str | None, choices: Iterable[str], field: str, *, called: str | None = None) -> None:
    """Check that a value is one of a fixed list; None asks for no particular one.

    Args:
        value: The value given.
        choices: The values that there are.
        field: The argument's name; the error's code is `unknown_` and this name.
        called: What a value is in words, if not the argument's name.

    Raises:
        InvalidInput: The value is not in the list.
    """
    known = list(choices)
    if value is not None and value not in known:
        raise InvalidInput(
            f"there is no {called or field} {value!r}",
            code=f"unknown_{field}",
            field=field,
            hint=f"Give one of {', '.join(known)}" if known else None,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: at most `limit` entries, after the one named `after`.

    Attributes:
        limit: The most entries; all where absent.
        after: The name of the last entry of the page before; the list's beginning where absent.
    """

    limit: int | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        """Refuse a negative limit."""
        if self.limit is not None and self.limit < 0:
            raise InvalidInput(
                f"a page cannot have {self.limit} entries", code="invalid_page", field="limit", hint="Give 0 or more"
            )

    def of_names(self, entries: Sequence[T], name: Callable[[T], str]) -> list[T]:
        """Return the page of a list sorted by name; the entry named `after` need not be in it."""
        start = 0 if self.after is None else bisect_right(entries, self.after, key=name)
        return list(entries[start : None if self.limit is None else start + self.limit])

    def of_ranks(self, entries: Sequence[T], name: Callable[[T], str]) -> list[T]:
        """Return the page of a list in any other order.

        Raises:
            InvalidInput: No entry is named `after`.
        """
        start = 0
        if self.after is not None:
            start = next((place for place, entry in enumerate(entries, 1) if name(entry) == self.after), -1)
            if start < 0:
                raise InvalidInput(
                    f"no entry of the list is named {self.after!r}",
                    code="invalid_page",
                    field="after",
                    hint="Give the name of the last entry of the page before",
                )
        return list(entries[start : None if self.limit is None else start + self.limit])
