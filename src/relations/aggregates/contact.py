"""Checks of a customer's contact details.

The checks are light on purpose. They find swapped columns and truncated fields, not addresses that do not exist.
Values are stored as sent, without surrounding spaces. Language tags are stored in the case that RFC 5646 recommends,
so that `DE` and `de` are one language. Numbers and addresses are normalised only where they are compared
(`relations.projections.customers.matching`).

====================  ===================================================================
code                  when
====================  ===================================================================
`invalid_email`       not of the form `name@host.domain`, or longer than 254 characters
`invalid_phone`       not 5 to 15 digits with `+ ( ) - . /` or spaces, and an extension such as `ext. 12`
`invalid_birthday`    neither a date such as 1980-02-29 nor, without a year, --02-29, or a date in the future
`invalid_language`    not well-formed as a language tag (BCP 47, RFC 5646 section 2.1), such as `de` or `zh-Hant`
====================  ===================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, LiteralString

from pydantic import AfterValidator, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

__all__ = ["Birthday", "Email", "LanguageTag", "Phone"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"(\+?[0-9 ().\-/]+)((;ext=| *ext\.? *| *x *| *# *)[0-9]{1,7})?", re.IGNORECASE)
"""A telephone number with an optional extension."""
_LANGUAGE = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}"  # language, and what extends it
    r"(-[a-z]{4})?"  # script
    r"(-([a-z]{2}|[0-9]{3}))?"  # region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(-[a-wyz0-9](-[a-z0-9]{2,8})+)*"  # extensions
    r"(-x(-[a-z0-9]{1,8})+)?"  # private use
    r"|x(-[a-z0-9]{1,8})+",
    re.IGNORECASE | re.ASCII,
)
"""The grammar of RFC 5646, section 2.1, without grandfathered tags."""
_DIGITS_MIN, _DIGITS_MAX = 5, 15
"""E.164 allows fifteen digits; a number with fewer than five works only inside a building."""
_LEAP_YEAR = "2000"
_DAY = timedelta(days=1)


def _form(code: LiteralString, reason: LiteralString, holds: Callable[[str], bool]) -> AfterValidator:
    def check(value: str) -> str:
        if not holds(value):
            raise PydanticCustomError(code, reason)
        return value

    return AfterValidator(check)


def _is_phone(value: str) -> bool:
    found = _PHONE.fullmatch(value)
    return found is not None and _DIGITS_MIN <= sum(map(str.isdigit, found[1])) <= _DIGITS_MAX


def _birthday(value: str, info: ValidationInfo) -> str:
    # Many people give the day but not the year. ISO 8601:2000 wrote that as --MM-DD, and vCard still does.
    with_year = not value.startswith("--")
    whole = value if with_year else f"{_LEAP_YEAR}{value[1:]}"
    try:
        born = date.fromisoformat(whole)
    except ValueError:
        born = None
    if born is None or born.isoformat() != whole:
        raise PydanticCustomError("invalid_birthday", "a birthday must be a date such as 1980-02-29, or --02-29")
    said_at: datetime | None = info.data.get("occurred_at")
    # One day of tolerance, because it may already be tomorrow in the person's time zone.
    if with_year and said_at is not None and born > (said_at + _DAY).date():
        raise PydanticCustomError("invalid_birthday", "a birthday must not be in the future")
    return value


def _language(value: str) -> str:
    """Return a tag in the case that RFC 5646, section 2.1.1, recommends: `zh-Hant-TW`."""
    if not _LANGUAGE.fullmatch(value):
        raise PydanticCustomError("invalid_language", "a language must be a tag such as de or zh-Hant")
    parts = value.lower().split("-")
    single = next((index for index, part in enumerate(parts) if len(part) == 1), len(parts))
    for index, part in enumerate(parts[1:single], start=1):
        if len(part) == 2:
            parts[index] = part.upper()
        elif len(part) == 4 and part.isalpha():
            parts[index] = part.title()
    return "-".join(parts)


_Short = Annotated[str, StringConstraints(min_length=1, max_length=254, strip_whitespace=True)]

Email = Annotated[
    _Short,
    _form("invalid_email", "an e-mail address must look like name@host.domain", lambda v: bool(_EMAIL.fullmatch(v))),
]
Phone = Annotated[
    _Short, _form("invalid_phone", "a phone number must have 5 to 15 digits, such as +43 1 5550199", _is_phone)
]
Birthday = Annotated[_Short, AfterValidator(_birthday)]
LanguageTag = Annotated[_Short, AfterValidator(_language)]
