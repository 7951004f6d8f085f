"""Checks of the texts in a mapping. Each returns the text, or raises `ValueError` with a sentence."""

from __future__ import annotations

import re
from string import Formatter

__all__ = ["sound_encoding", "sound_pattern", "sound_template", "template_names"]


def template_names(template: str) -> list[str]:
    """Return the names in a template's braces, in order.

    Raises:
        ValueError: A brace is not closed, or braces hold more than a name.
    """
    names = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name or spec or conversion:
            msg = f"{template!r}: write a name and nothing else between braces, as in 'order:{{row}}'"
            raise ValueError(msg)
        names.append(name)
    return names


def sound_template(template: str) -> str:
    """Return a template whose braces hold names."""
    template_names(template)
    return template


def sound_pattern(pattern: str) -> str:
    """Return a regular expression that compiles."""
    try:
        re.compile(pattern)
    except re.error as error:
        msg = f"{pattern!r} is not a regular expression: {error}"
        raise ValueError(msg) from None
    return pattern


def sound_encoding(name: str) -> str:
    """Return a text encoding that Python knows."""
    try:
        "".encode(name)
    except LookupError:
        msg = f"{name!r} is not a text encoding, such as utf-8, utf-16, cp1252 or gb18030"
        raise ValueError(msg) from None
    return name
