"""Reaching scipy and numpy only where a model is asked for: without the extra, everything else goes on working."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from relations.errors import MissingExtra

__all__ = ["scientific"]


def scientific(module: str, purpose: str) -> Any:
    """A module of the extra `analytics`, such as `scipy.special`.

    Args:
        module: Its name.
        purpose: What it is needed for, at the beginning of a sentence.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise MissingExtra(package, extra="analytics", purpose=purpose) from None
