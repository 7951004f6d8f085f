"""Subscriptions for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from threading import Thread
from typing import Self

from relations.log.subscription import Subscription
from relations.messages import RecordedEvent

__all__ = ["AsyncSubscription"]


class AsyncSubscription(AsyncIterator[RecordedEvent]):
    """An endless asynchronous iteration over the log, including whatever is recorded later.

    Cancelling a task that waits for the next event loses no event: the next one to ask gets it. Use it as an
    asynchronous context manager, or call `close`; closing the engine stops it too.

    Args:
        open_subscription: Opens the subscription to read from. It reads the database, so it runs in a thread.
    """

    def __init__(self, open_subscription: Callable[[], Subscription[RecordedEvent]]) -> None:
        self._open = open_subscription
        self._subscription: Subscription[RecordedEvent] | None = None
        self._events: deque[RecordedEvent] = deque()
        self._coming: Future[list[RecordedEvent]] | None = None
        self._turn = asyncio.Lock()
        self._stopped = False

    async def __anext__(self) -> RecordedEvent:
        async with self._turn:
            while not self._stopped:
                if self._events:
                    return self._events.popleft()
                if self._coming is None:
                    # A thread of its own and not one of the pool's: it may wait for hours.
                    self._coming = _in_thread(self._next_batch)
                await _ended(self._coming)
                batch = self._taken()
                self._events.extend(batch)
                self._stopped = self._stopped or not batch
            raise StopAsyncIteration

    def _taken(self) -> list[RecordedEvent]:
        coming, self._coming = self._coming, None
        return [] if coming is None else coming.result()

    def _next_batch(self) -> list[RecordedEvent]:
        return self._opened().batch()

    def _opened(self) -> Subscription[RecordedEvent]:
        if self._subscription is None:
            self._subscription = self._open()
        if self._stopped:
            self._subscription.stop()
        return self._subscription

    @property
    def stopped(self) -> bool:
        """True if the subscription has been stopped, or the iteration has ended."""
        return self._stopped

    def stop(self) -> None:
        """End the iteration, from any thread. Returns at once."""
        self._stopped = True
        if self._subscription is not None:
            self._subscription.stop()

    async def close(self) -> None:
        """Stop, and release all resources."""
        self.stop()
        self._events.clear()
        if self._coming is not None:
            await _ended(self._coming)
        if self._subscription is not None:
            self._subscription.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._opened)  # so that whatever is recorded from now on follows
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _ended(future: Future[list[RecordedEvent]]) -> None:
    """Wait until the future has a result or an error.

    Its thread takes events out of the subscription. So a cancellation ends only the wait, and the future stays.
    """
    await asyncio.wait([asyncio.wrap_future(future)])


def _in_thread(call: Callable[[], list[RecordedEvent]]) -> Future[list[RecordedEvent]]:
    """Call a function in a thread that does not keep the process alive."""
    future: Future[list[RecordedEvent]] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="relations-follow", daemon=True).start()
    return future
