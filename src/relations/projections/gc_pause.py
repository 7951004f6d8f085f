"""A pause of Python's cyclic garbage collector, for work that makes many objects and throws none away."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from time import monotonic

__all__ = ["collector_paused"]

_lock = Lock()
_holders: dict[object, int] = {}
"""The thread of each block that is not over."""
_was_enabled = False
_since = 0.0
_PAUSE_MAX = 5.0
"""The seconds after which garbage is collected once, if blocks of other threads go on pausing the collector."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause automatic collection in this process until the block ends.

    A batch of commands, a rebuild and a long answer make many objects that stay, none of them in cycles. The collector
    would walk all of them again and again and find nothing, which took a quarter of an import's time. Reference
    counting goes on as usual. Nested and concurrent blocks are counted; the collector is restored when the last one
    ends. In a service whose threads' blocks always overlap, none is the last, so the end of any may collect.
    """
    global _was_enabled, _since  # noqa: PLW0603 - the process has one collector, and so one state of it
    block = object()
    with _lock:
        if not _holders:
            _was_enabled = gc.isenabled()
            gc.disable()
            _since = monotonic()
        _holders[block] = get_ident()
    try:
        yield
    finally:
        with _lock:
            mine = _holders.pop(block)
            is_overdue = bool(_holders) and _was_enabled and monotonic() - _since > _PAUSE_MAX
            is_overdue = is_overdue and mine not in _holders.values()
            if is_overdue:
                _since = monotonic()
            if not _holders and _was_enabled:
                gc.enable()
        if is_overdue:
            gc.collect()
