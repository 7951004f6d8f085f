"""A pause of Python's cyclic garbage collector, for work that makes many objects and throws none away."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["collector_paused"]

_lock = Lock()
_holders = 0
_was_enabled = False


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause automatic collection in this process until the block ends.

    A batch of commands and a rebuild make many objects that stay, none of them in cycles. The collector would walk all
    of them again and again and find nothing, which took a quarter of an import's time. Reference counting goes on as
    usual. Nested and concurrent blocks are counted; the collector is restored when the last one ends.
    """
    global _holders, _was_enabled  # noqa: PLW0603 - the process has one collector, and so one count
    with _lock:
        if _holders == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0 and _was_enabled:
                gc.enable()
