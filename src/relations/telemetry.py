"""The engine's own log lines: structlog's, handed to the standard library's logger `relations`.

The host decides what becomes of them by configuring structlog or logging. Where neither is configured, only warnings
and errors are printed: a library must not write to its host's screen.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from relations.extras import Later

if TYPE_CHECKING:
    import structlog
else:
    structlog = Later("structlog")

__all__ = ["WORKS", "Observed", "Observer", "Observers", "is_verbose", "logger", "without_reasons"]

_standard = logging.getLogger("relations")


class _Logger:
    """structlog's bound logger, made for the first line."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_bound(), name)


@cache
def _bound() -> Any:
    return structlog.wrap_logger(_standard)


logger: Any = _Logger()
"""The bound logger of the whole library."""


def is_verbose() -> bool:
    """Return whether debug lines are wanted. Ask first where making a line would cost more than the work itself."""
    return _standard.isEnabledFor(logging.DEBUG)


def without_reasons(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave reasons out of log lines: they may quote a value that was refused. Use it as a processor of structlog."""
    for name in ("reason", "error", "exception", "hint"):
        line.pop(name, None)
    return line


WORKS = frozenset(("execute", "execute_many", "append", "read", "fold", "rebuild"))
"""The kinds of work that observers see."""


class Observer:
    """An observer of an engine's work, for spans and metrics. This one does nothing; override what you need.

    `begin` and `end` enclose a piece of work in one thread. An observer must be quick and must not raise.

    Attributes:
        works: The kinds of work that it sees, as `begin` names them; all by default.
    """

    works: frozenset[str] = WORKS

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


class Observers:
    """The observers of an engine.

    Attributes:
        all: Every one of them.
    """

    __slots__ = ("_by_work", "all")

    def __init__(self) -> None:
        self.all: tuple[Observer, ...] = ()
        self._by_work: dict[str, tuple[Observer, ...]] = dict.fromkeys(WORKS, ())

    def add(self, observer: Observer) -> None:
        """Add an observer, which sees the work that begins from now on."""
        self.all = (*self.all, observer)
        for work in observer.works:
            self._by_work[work] = (*self._by_work[work], observer)

    def of(self, work: str) -> tuple[Observer, ...]:
        """Return those that see a kind of work. Where there are none, it costs nothing to observe it."""
        return self._by_work[work]


class Observed:
    """A piece of work that observers see. Use it as a context manager; it gives the facts, to which the work may add.

    Args:
        observers: The observers that see this kind of work.
        work: The kind of work.
        name: The command's class, the table, or the projection.
    """

    __slots__ = ("_begun", "_facts", "_name", "_observers", "_work")

    def __init__(self, observers: Sequence[Observer], work: str, name: str) -> None:
        self._observers = observers
        self._work = work
        self._name = name
        self._facts: dict[str, Any] = {}
        self._begun: list[Any] = []

    def __enter__(self) -> dict[str, Any]:
        self._begun = [observer.begin(self._work, self._name) for observer in self._observers]
        return self._facts

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        for observer in reversed(self._observers):
            observer.end(self._begun.pop(), error, self._facts)
