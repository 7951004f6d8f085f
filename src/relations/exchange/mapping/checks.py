"""What the texts of a mapping have to be. Each gives the text back, or raises `ValueError` with a sentence."""

from __future__ import annotations

import re
from string import Formatter

__all__ = ["sound_encoding", "sound_pattern", "sound_template", "template_names"]


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
