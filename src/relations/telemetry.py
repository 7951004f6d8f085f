"""The engine's own log lines: structlog's, handed to the standard library's logger `relations`.

The host decides what becomes of them by configuring structlog or logging. Where neither is configured, only warnings
and errors are printed: a library must not write to its host's screen.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog

__all__ = ["is_verbose", "logger"]

_standard = logging.getLogger("relations")

logger: Any = structlog.wrap_logger(_standard)
"""The bound logger of the whole library."""


def is_verbose() -> bool:
    """Return whether debug lines are wanted. Ask first where making a line would cost more than the work itself."""
    return _standard.isEnabledFor(logging.DEBUG)
