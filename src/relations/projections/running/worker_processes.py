"""Pools of worker processes that end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any

__all__ = ["worker_pool"]


def worker_pool(
    processes: int,
    *,
    method: str = "spawn",
    start: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> ProcessPoolExecutor:
    """Make a pool of processes, none of which outlives this one.

    `ProcessPoolExecutor` ends its workers only where this process ends in good order. After a SIGKILL or an `os._exit`
    they would wait for work for ever: each holds the writing end of the pipe that it reads.

    Args:
        processes: How many workers to start at most.
        method: How they start: `spawn`, `forkserver` or `fork`.
        start: A function that every worker calls first.
        arguments: The arguments of `start`, such as locks, which can only be handed over at the start.
    """
    return ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context(method), initializer=_start, initargs=(start, arguments)
    )


def _start(start: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    """End this process once the one that started it has ended, however that came about."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
