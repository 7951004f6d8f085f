"""The engine's own log lines: structlog's, handed to the standard library's logger `relations`.

A host that configures structlog or logging decides what becomes of them. Where neither is configured nothing is
printed below a warning: a library must not write on its host's screen.
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
    """Whether anybody listens to lines below a warning; asked first where a line would cost more than its subject."""
    return _standard.isEnabledFor(logging.DEBUG)
