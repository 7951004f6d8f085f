"""The threads in which an asynchronous engine works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from relations.errors import InvalidInput

__all__ = ["Threads", "finished"]

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Two bounded pools of threads: one that writes, and one that reads.

    Commands never wait behind slow questions, and questions never wait behind commands.

    Args:
        writers: The number of threads that write.
        readers: The number of threads that read.
    """

    def __init__(self, *, writers: int, readers: int) -> None:
        if readers < 1:
            raise InvalidInput(
                f"an engine cannot work with {readers} threads",
                code="invalid_threads",
                field="threads",
                hint="Give 1 or more",
            )
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="relations-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="relations-read")
        self._is_closed = False

    async def write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread that writes, and return its result."""
        return await self._run(self._writers, partial(function, *args, **kwargs))

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread that reads, and return its result."""
        return await self._run(self._readers, partial(function, *args, **kwargs))

    async def _run(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        # A task that is cancelled takes a call that has not begun off the queue. One that has begun runs to its end,
        # so a command is recorded as a whole or not at all.
        if self._is_closed:
            raise closed()
        context = copy_context()  # the logger's bound values and the current trace
        return await asyncio.wrap_future(pool.submit(context.run, call))

    async def close(self) -> None:
        """Refuse new calls, wait for those that were made, and end the threads."""
        self._is_closed = True
        await finished(asyncio.to_thread(self._shut_down))

    def _shut_down(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()


def closed() -> InvalidInput:
    """Return the refusal of a call to an engine that was closed."""
    return InvalidInput("the engine is closed", code="engine_closed", hint="Open it again, or close it later")


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Await work that must not stop half-way: a cancellation takes effect when it has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:
            break
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # read, so that asyncio does not report it as lost
        raise cancelled
    return task.result()
