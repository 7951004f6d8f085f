"""The engine's own log lines: structlog's, handed to the standard library's logger `relations`.

The host decides what becomes of them by configuring structlog or logging. Where neither is configured, only warnings
and errors are printed: a library must not write to its host's screen.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

__all__ = ["is_verbose", "logger", "without_reasons"]

_standard = logging.getLogger("relations")

logger: Any = structlog.wrap_logger(_standard)
"""The bound logger of the whole library."""


def is_verbose() -> bool:
    """Return whether debug lines are wanted. Ask first where making a line would cost more than the work itself."""
    return _standard.isEnabledFor(logging.DEBUG)


def without_reasons(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave reasons out of log lines: they may quote a value that was refused. Use it as a processor of structlog."""
    for name in ("reason", "error", "exception", "hint"):
        line.pop(name, None)
    return line
