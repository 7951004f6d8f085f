"""Upcasts, which turn old forms of bodies into the next form: pure functions from dictionary to dictionary.

When an event's form changes, its class raises `schema` by one. The step from the old form goes here under the event's
topic and the *old* schema. Bytes as they were stored are kept in `tests/recorded/`, and are never edited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["UPCASTS", "Upcast", "unchanged"]

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


def unchanged(form: dict[str, Any]) -> dict[str, Any]:
    """Return a body to which the next schema only adds fields, whose defaults say what the old form meant."""
    return form


UPCASTS: Mapping[tuple[str, int], Upcast] = {("customer.interaction_recorded", 1): unchanged}
"""Upcasts by topic and old schema; each leads to the next schema."""
