"""Checks of the standard codes in a policy or a mapping, and the word for an absent value."""

from __future__ import annotations

from typing import Any

from pydantic import BeforeValidator

from relations.currencies import minor_digits
from relations.errors import InvalidInput
from relations.policies.calendars import time_zone

__all__ = ["NONE_WORD", "OR_NONE", "known_currency", "known_zone"]

NONE_WORD = "none"
"""The word for an absent value in a TOML file, which cannot say null: `months_to_expiry = "none"`."""


def _absent(value: Any) -> Any:
    return None if isinstance(value, str) and value == NONE_WORD else value


OR_NONE = BeforeValidator(_absent)
"""Marks a field that may be None and whose default is not: only such a field needs the word."""


def known_currency(code: str) -> str:
    """Return the code of a present or former currency.

    Raises:
        ValueError: ISO 4217 has never had this currency.
    """
    try:
        minor_digits(code)
    except InvalidInput as error:
        raise ValueError(error.reason) from None
    return code


def known_zone(name: str) -> str:
    """Return the name of an IANA time zone.

    Raises:
        ValueError: There is no such zone.
    """
    try:
        time_zone(name)
    except InvalidInput as error:
        raise ValueError(error.reason) from None
    return name
