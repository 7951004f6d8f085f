"""Objects of JSON as rows, and the objects of a list inside a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from relations.errors import InvalidInput
from relations.exchange.mapping.texts import JsonNumber

__all__ = ["flat", "items_of"]


def flat(found: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return an object as one row: fields of inner objects are `outer.inner`, and lists are JSON.

    Args:
        found: The object.
        prefix: The text to put before each name.
    """
    raw: dict[str, str] = {}
    _flatten(found, prefix, raw)
    return raw


def items_of(raw: dict[str, str], name: str) -> Iterator[dict[str, str]]:
    """Yield the objects of a row's list, each as a row whose fields are `list.field`. A blank has none.

    Raises:
        InvalidInput: It is not a list of objects.
    """
    text = raw.get(name, "")
    if not text:
        return
    try:
        found = json.loads(text, parse_float=JsonNumber, parse_int=JsonNumber)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise InvalidInput(f"{name} is not a list", code="malformed_row", field=name)
    for number, item in enumerate(found, 1):
        if not isinstance(item, dict):
            raise InvalidInput(f"item {number} of {name} is JSON, but not an object", code="malformed_row", field=name)
        yield flat(item, f"{name}.")


def _flatten(found: dict[str, Any], prefix: str, raw: dict[str, str]) -> None:
    for key, value in found.items():
        name = prefix + key
        match value:
            case str():
                raw[name] = value
            case None:
                raw[name] = ""
            case bool():
                raw[name] = "true" if value else "false"
            case dict():
                _flatten(value, f"{name}.", raw)
            case _:
                raw[name] = json.dumps(value, ensure_ascii=False, default=str)
