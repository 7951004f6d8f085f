"""What the texts of a mapping have to be. Each gives the text back, or raises `ValueError` with a sentence."""

from __future__ import annotations

import re
from string import Formatter
from zoneinfo import ZoneInfo

from relations.errors import InvalidInput
from relations.messages import minor_digits

__all__ = ["sound_currency", "sound_encoding", "sound_pattern", "sound_template", "sound_zone", "template_names"]


def template_names(template: str) -> list[str]:
    """The names in a template's braces, in order.

    Raises:
        ValueError: A brace is not closed, or there is more than a name between two.
    """
    names = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name or spec or conversion:
            msg = f"{template!r}: between braces stands a name and nothing else, as in 'order:{{row}}'"
            raise ValueError(msg)
        names.append(name)
    return names


def sound_template(template: str) -> str:
    """A template whose braces make sense."""
    template_names(template)
    return template


def sound_pattern(pattern: str) -> str:
    """A regular expression that compiles."""
    try:
        re.compile(pattern)
    except re.error as error:
        msg = f"{pattern!r} is not a regular expression: {error}"
        raise ValueError(msg) from None
    return pattern


def sound_encoding(name: str) -> str:
    """An encoding of texts that Python knows."""
    try:
        "".encode(name)
    except LookupError:
        msg = f"{name!r} is not a text encoding, such as utf-8, utf-16, cp1252 or gb18030"
        raise ValueError(msg) from None
    return name


def sound_zone(name: str) -> str:
    """An IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        msg = f"{name!r} is not an IANA time zone, such as Europe/Vienna"
        raise ValueError(msg) from None
    return name


def sound_currency(code: str) -> str:
    """An ISO 4217 currency that can be paid with."""
    try:
        minor_digits(code)
    except InvalidInput as error:
        raise ValueError(error.reason) from None
    return code
