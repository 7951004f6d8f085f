"""Imports of scipy and numpy when a model needs them; without the extra, everything else works."""

from __future__ import annotations

from typing import Any

from relations.extras import needed

__all__ = ["scientific"]


def scientific(module: str, purpose: str) -> Any:
    """Import a module of the extra `analytics`, such as `scipy.special`.

    Args:
        module: The module's name.
        purpose: The purpose, as the beginning of a sentence.

    Raises:
        MissingExtra: The module is not installed.
    """
    return needed(module, extra="analytics", purpose=purpose)
