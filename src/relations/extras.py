"""Loading packages only where they are used.

Without the package of an extra, everything else goes on working. Large packages that only some work needs are loaded
by that work, so that a program starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from relations.errors import MissingExtra

__all__ = ["Later", "needed", "np"]


class Later:
    """A module that is imported when something of it is first used.

    Hide it from type checkers, which need the module itself: `if TYPE_CHECKING: import numpy as np`.

    Args:
        module: Its name, such as `numpy`.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._module), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")


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
