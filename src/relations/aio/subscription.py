"""Subscriptions and durable consumers for asyncio."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from relations.aio.threads import finished
from relations.log.consuming.consumer import Consumer
from relations.log.subscription import Subscription
from relations.messages import RecordedEvent

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection  # needs greenlet, which only its users have

__all__ = ["AsyncConsumer", "AsyncSubscription"]

S = TypeVar("S", Subscription[RecordedEvent], Consumer[RecordedEvent])


class _Following(AsyncIterator[RecordedEvent], Generic[S]):
    """An asynchronous iteration over an iterator that waits, in a thread.

    Args:
        open_source: Opens the iterator. It reads the database, so it runs in a thread.
    """

    def __init__(self, open_source: Callable[[], S]) -> None:
        self._open: Callable[[], S] = open_source
        self._source: S | None = None
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

    @abstractmethod
    def _next_batch(self) -> list[RecordedEvent]:
        """Return the next events, in a thread; empty at the end."""

    def _opened(self) -> S:
        if self._source is None:
            self._source = self._open()
        if self._stopped:
            self._source.stop()
        return self._source

    @property
    def stopped(self) -> bool:
        """True if it has been stopped, or the iteration has ended."""
        return self._stopped

    def stop(self) -> None:
        """End the iteration, from any thread. Returns at once."""
        self._stopped = True
        if self._source is not None:
            self._source.stop()

    async def close(self) -> None:
        """Stop, and release all resources."""
        self.stop()
        self._events.clear()
        if self._coming is not None:
            await _ended(self._coming)
        if self._source is not None:
            await finished(asyncio.to_thread(self._source.close))  # a consumer writes its position

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._opened)  # so that whatever is recorded from now on follows
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncSubscription(_Following[Subscription[RecordedEvent]]):
    """An endless asynchronous iteration over the log, including whatever is recorded later.

    Cancelling a task that waits for the next event loses no event: the next one to ask gets it. Use it as an
    asynchronous context manager, or call `close`; closing the engine stops it too.
    """

    def _next_batch(self) -> list[RecordedEvent]:
        return self._opened().batch()


class AsyncConsumer(_Following[Consumer[RecordedEvent]]):
    """An asynchronous iteration over the log that keeps its position under a name, in the log's database.

    An event is acknowledged when the next one is asked for, or by `acknowledge`. Use it as an asynchronous context
    manager; closing the engine stops it too.
    """

    def _next_batch(self) -> list[RecordedEvent]:
        try:
            return [next(self._opened())]  # one at a time: asking for the next acknowledges it
        except StopIteration:
            return []

    async def acknowledge(self, position: int | None = None, *, connection: AsyncConnection | None = None) -> None:
        """Acknowledge the event that was taken last: it does not come again.

        Args:
            position: Acknowledge only up to this position.
            connection: The host's own connection for asyncio to the log's database: the position moves if the host's
                transaction commits.

        Raises:
            ConsumerLost: Another consumer has taken the name.
        """
        consumer = self._source
        if consumer is None:
            return
        if connection is None:
            await finished(asyncio.to_thread(consumer.acknowledge, position))
        else:
            await finished(connection.run_sync(lambda host: consumer.acknowledge(position, connection=host)))


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
