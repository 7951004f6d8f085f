"""Checks of the standard codes in a policy or a mapping."""

from __future__ import annotations

from relations.currencies import minor_digits
from relations.errors import InvalidInput
from relations.policies.calendars import time_zone

__all__ = ["known_currency", "known_zone"]


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
