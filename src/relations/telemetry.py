"""The engine's own log lines: structlog's, handed to the standard library's logger `relations`.

The host decides what becomes of them by configuring structlog or logging. Where neither is configured, only warnings
and errors are printed: a library must not write to its host's screen.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

__all__ = ["Observer", "is_verbose", "logger", "without_reasons"]

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


class Observer:
    """An observer of an engine's work, for spans and metrics. This one does nothing; override what you need.

    `begin` and `end` enclose a piece of work in one thread. An observer must be quick and must not raise.
    """

    def begin(self, work: str, name: str) -> Any:
        """Note that a piece of work begins, and return what `end` needs.

        Args:
            work: `execute` (a command), `execute_many` (a batch), `append` or `read` (the store), `fold` or `rebuild`.
            name: The command's class, the table, or the projection.
        """

    def end(self, begun: Any, error: BaseException | None, facts: dict[str, Any]) -> None:
        """Note that it has ended.

        Args:
            begun: What `begin` returned.
            error: Why it failed, or None.
            facts: More about it, such as the number of events.
        """

    def conflicted(self) -> None:
        """Note that a command is decided again because another writer was first."""

    def progressed(self, name: str, done: int, total: int) -> None:
        """Note the progress of a rebuild of these projections, in events."""
