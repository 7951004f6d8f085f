"""Methods of the engine, made methods to be awaited. Signature, types and docstring stay the engine's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from relations.aio.threads import Threads
from relations.engine import Relations

__all__ = ["InThreads", "reading", "writing"]

P = ParamSpec("P")
T = TypeVar("T")


class InThreads(Protocol):
    """An engine for asyncio, as its awaited methods see it.

    Attributes:
        sync: The engine that does the work.
        _threads: The threads in which it does it.
    """

    sync: Relations
    _threads: Threads


def reading(
    method: Callable[Concatenate[Relations, P], T],
) -> Callable[Concatenate[InThreads, P], Coroutine[Any, Any, T]]:
    """Return the method of an asynchronous engine that calls a method of the engine in a thread that reads."""
    name = method.__name__

    async def awaited(self: InThreads, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await self._threads.read(getattr(self.sync, name), *args, **kwargs)
        return result

    update_wrapper(awaited, method)
    return awaited


def writing(
    method: Callable[Concatenate[Relations, P], T],
) -> Callable[Concatenate[InThreads, P], Coroutine[Any, Any, T]]:
    """Return the method of an asynchronous engine that calls a method of the engine in a thread that writes."""
    name = method.__name__

    async def awaited(self: InThreads, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await self._threads.write(getattr(self.sync, name), *args, **kwargs)
        return result

    update_wrapper(awaited, method)
    return awaited
