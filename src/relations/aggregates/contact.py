"""The forms that a customer's contact details take at the door.

Checks are light on purpose: they catch columns that were swapped and fields that were cut off, not addresses that do
not exist. What is kept is what was sent, without the spaces around it.

====================  ===================================================================
code                  when
====================  ===================================================================
`invalid_email`       not of the form `name@host.domain`, or longer than 254 characters
`invalid_phone`       other than 5 to 15 digits with a leading `+` and `( ) - . /` or spaces
`invalid_birthday`    neither a date such as 1980-02-29 nor, without its year, --02-29
`invalid_language`    not of the form of a language tag (BCP 47), such as `de` or `zh-Hant`
====================  ===================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, LiteralString

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

__all__ = ["Birthday", "Email", "LanguageTag", "Phone"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+?[0-9 ().\-/]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_DIGITS_MIN, _DIGITS_MAX = 5, 15
"""E.164 allows fifteen digits; fewer than five reach nobody outside of a house."""
_LEAP_YEAR = "2000"


def _form(code: LiteralString, reason: LiteralString, holds: Callable[[str], bool]) -> AfterValidator:
    def check(value: str) -> str:
        if not holds(value):
            raise PydanticCustomError(code, reason)
        return value

    return AfterValidator(check)


def _is_phone(value: str) -> bool:
    digits = sum(character.isdigit() for character in value)
    return _PHONE.fullmatch(value) is not None and _DIGITS_MIN <= digits <= _DIGITS_MAX


def _is_birthday(value: str) -> bool:
    # Many people tell the day but not the year; ISO 8601 once wrote that as --MM-DD, and vCard still does.
    whole = f"{_LEAP_YEAR}{value[1:]}" if value.startswith("--") else value
    try:
        return date.fromisoformat(whole).isoformat() == whole
    except ValueError:
        return False


_Short = Annotated[str, StringConstraints(min_length=1, max_length=254, strip_whitespace=True)]

Email = Annotated[
    _Short, _form("invalid_email", "an e-mail address looks like name@host.domain", lambda v: bool(_EMAIL.fullmatch(v)))
]
Phone = Annotated[_Short, _form("invalid_phone", "a phone number has 5 to 15 digits, such as +43 1 5550199", _is_phone)]
Birthday = Annotated[
    _Short, _form("invalid_birthday", "a birthday is a date such as 1980-02-29, or --02-29", _is_birthday)
]
LanguageTag = Annotated[
    _Short,
    _form("invalid_language", "a language is a tag such as de or zh-Hant", lambda v: bool(_LANGUAGE.fullmatch(v))),
]
