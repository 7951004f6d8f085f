"""Reaching optional packages only where they are asked for: without an extra, everything else goes on working."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from relations.errors import MissingExtra

__all__ = ["needed"]


def needed(module: str, *, extra: str, purpose: str) -> Any:
    """A module of an extra, such as `polars` of `data`.

    Args:
        module: Its name.
        extra: The extra of `relations` that brings it.
        purpose: What it is needed for, at the beginning of a sentence.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise MissingExtra(package, extra=extra, purpose=purpose) from None
