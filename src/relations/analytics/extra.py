"""Reaching scipy and numpy only where a model is asked for: without the extra, everything else goes on working."""

from __future__ import annotations

from typing import Any

from relations.extras import needed

__all__ = ["scientific"]


def scientific(module: str, purpose: str) -> Any:
    """A module of the extra `analytics`, such as `scipy.special`.

    Args:
        module: Its name.
        purpose: What it is needed for, at the beginning of a sentence.

    Raises:
        MissingExtra: It is not installed.
    """
    return needed(module, extra="analytics", purpose=purpose)
