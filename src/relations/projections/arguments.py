"""Checks of the arguments that several views share: months, numbers, pages, and names out of a list."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any, Generic, ParamSpec, TypeVar
from warnings import warn

from relations.errors import InvalidInput

__all__ = ["Page", "checked_choice", "checked_month", "checked_number", "formerly_by_offset", "renamed_arguments"]

T = TypeVar("T")
K = TypeVar("K")
P = ParamSpec("P")

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_FIRST, _LAST = "1900-01", "2200-01"
"""Nothing can be recorded outside of these months, and answers that list months would list thousands of them."""


def checked_month(value: str | None, field: str) -> str | None:
    """Return a month such as `2024-05`, or None for no bound.

    Raises:
        InvalidInput: The value is not a month, or nothing can be recorded in its year.
    """
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, hint="Write 2024-05")
    if value is not None and not _FIRST <= value <= _LAST:
        raise InvalidInput(
            f"nothing can be recorded in {value}",
            code="time_out_of_range",
            field=field,
            hint=f"Give a month from {_FIRST} to {_LAST}",
        )
    return value


def checked_choice(
    value: str | None, choices: Iterable[str], field: str, *, called: str | None = None, needed: bool = False
) -> None:
    """Check that a value is one of a fixed list; None asks for no particular one.

    Args:
        value: The value given.
        choices: The values that there are.
        field: The argument's name; the error's code is `unknown_` and this name.
        called: The name of a value in words, if not the argument's.
        needed: True refuses None too.

    Raises:
        InvalidInput: The value is not in the list.
    """
    known = list(choices)
    if (needed or value is not None) and value not in known:
        raise InvalidInput(
            f"there is no {called or field} {value!r}",
            code=f"unknown_{field}",
            field=field,
            hint=f"Give one of {', '.join(known)}" if known else None,
        )


def checked_number(value: int, field: str, *, least: int, most: int | None = None) -> None:
    """Check that a whole number is within its limits, both included.

    Args:
        value: The value given.
        field: The argument's name.
        least: The smallest value.
        most: The largest value; None sets no limit.

    Raises:
        InvalidInput: The value is outside of them.
    """
    if value < least or (most is not None and value > most):
        allowed = f"{least} or more" if most is None else f"{least} to {most}"
        raise InvalidInput(
            f"{field} must be {allowed}, not {value}", code="invalid_limit", field=field, hint=f"Give {allowed}"
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[K]):
    """A part of a list: at most `limit` entries, after the one named `after`.

    Attributes:
        limit: The most entries; all where absent.
        after: The name of the last entry of the page before; the list's beginning where absent.
    """

    limit: int | None = None
    after: K | None = None

    def __post_init__(self) -> None:
        """Refuse a negative limit."""
        if self.limit is not None and self.limit < 0:
            raise InvalidInput(
                f"a page cannot have {self.limit} entries", code="invalid_page", field="limit", hint="Give 0 or more"
            )

    def of_names(self: Page[str], entries: Sequence[T], name: Callable[[T], str]) -> list[T]:
        """Return the page of a list sorted by name; the entry named `after` need not be in it."""
        start = 0 if self.after is None else bisect_right(entries, self.after, key=name)
        return list(entries[start : None if self.limit is None else start + self.limit])

    def of_groups(self: Page[str], entries: Sequence[T], name: Callable[[T], str]) -> list[T]:
        """Return the entries of a list sorted by name in which a name may have several; `limit` counts names."""
        names = self.of_names(list(dict.fromkeys(map(name, entries))), str)
        return [entry for entry in entries if names and names[0] <= name(entry) <= names[-1]]

    def of_ranks(self, entries: Sequence[T], name: Callable[[T], K]) -> list[T]:
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


def renamed_arguments(**new_names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Accept former names of a question's arguments, with a `DeprecationWarning` that gives the new one.

    Args:
        new_names: The present name of each former one.
    """

    def decorated(question: Callable[P, T]) -> Callable[P, T]:
        @wraps(question)
        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            given: dict[str, Any] = kwargs
            for former in given.keys() & new_names.keys():
                _warn_of(former, new_names[former])
                given[new_names[former]] = given.pop(former)
            return question(*args, **kwargs)

        return ask

    return decorated


def _rest(found: Any, offset: int) -> Any:
    return found[offset:]


def formerly_by_offset(skipped: Callable[[Any, int], Any] = _rest) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Accept the former argument `offset` of a question with pages, with a `DeprecationWarning` that gives `after`.

    Args:
        skipped: Returns an answer without its first entries; the default does so for a list.
    """

    def decorated(question: Callable[P, T]) -> Callable[P, T]:
        default = signature(question).parameters["limit"].default

        @wraps(question)
        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            given: dict[str, Any] = kwargs
            if "offset" not in given:
                return question(*args, **kwargs)
            _warn_of("offset", "after")
            offset, limit = given.pop("offset"), given.get("limit", default)
            if offset < 0:
                raise InvalidInput(
                    f"a page cannot begin {-offset} entries before the list",
                    code="invalid_page",
                    field="offset",
                    hint="Give the last entry of the page before as `after`",
                )
            Page(limit)
            given["limit"] = None if limit is None else offset + limit
            found: T = skipped(question(*args, **kwargs), offset)
            return found

        return ask

    return decorated


def _warn_of(former: str, new: str) -> None:
    # The warning names the caller's line, however many wrappers of a question lie between.
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("relations."):
        level, frame = level + 1, frame.f_back
    warn(f"the argument `{former}` is now called `{new}`", DeprecationWarning, stacklevel=level)
