"""A consumer of the log that goes on where it stopped, in this process or in the next one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import Generic, Protocol, Self, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from relations.errors import ConcurrencyConflict, InvalidInput, RelationsError
from relations.log.consuming.positions import Positions
from relations.log.database import Database
from relations.log.subscription import Subscription, Waker

__all__ = ["Consumer", "ConsumerLost"]


class _Positioned(Protocol):
    @property
    def position(self) -> int: ...


T = TypeVar("T", bound=_Positioned)

_BATCH = 500
_STANDBY_SECONDS = 0.5


class ConsumerLost(ConcurrencyConflict):
    """Another consumer has taken this one's name, because it was not renewed in time."""

    code = "consumer_lost"


class Consumer(Iterator[T], Generic[T]):
    """An iteration over the log that keeps its position under a name, in the log's database.

    An event is acknowledged when the next one is asked for, or by `acknowledge`. After a crash, the events that were
    not acknowledged come again: each comes at least once, in order. Of all consumers with one name, in any number of
    processes, one runs at a time; the others wait for their turn.

    Use it as a context manager in one thread. Any thread or a signal handler may call `stop`.

    Args:
        database: The log's database.
        read: `(after, limit) -> (items, position)`: the next items, and the position up to which it has read.
        name: The name.
        after: The position after which a consumer with a new name begins.
        wait: Wait for new events at the end of the log; otherwise the iteration ends there.
        standby: Wait if another consumer holds the name; otherwise refuse.
        lease_seconds: The time after which the name of a killed consumer is free.
        save_every: Write the position after this many events, and whenever there is nothing new. After a crash, up to
            this many acknowledged events come again.
        before_read: Called before each read of the log.

    Raises:
        InvalidInput: The name or a number is out of range.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[int, int], tuple[Sequence[T], int]],
        *,
        name: str,
        after: int = 0,
        wait: bool = True,
        standby: bool = True,
        lease_seconds: float = 10.0,
        save_every: int = 1,
        before_read: Callable[[], object] = lambda: None,
    ) -> None:
        for field, number in (("lease_seconds", lease_seconds), ("save_every", save_every)):
            if not number > 0:
                raise InvalidInput(f"{field} must be above 0", code="out_of_range", field=field)
        database.refuse_read_only()
        self.name = name
        self._database = database
        self._read_log = read
        self._after = after
        self._wait = wait
        self._standby = standby
        self._lease_seconds = lease_seconds
        self._save_every = save_every
        self._before_read = before_read
        self._positions = Positions(database, name, uuid4().hex, int(lease_seconds * 1_000_000))
        self._waker = Waker()
        self._stopped = False
        self._source: Subscription[list[T]] | Iterator[list[T]] | None = None
        self._renewal: _Renewal | None = None
        self._ready: deque[T] = deque()
        self._current: int | None = None
        self._acknowledged = self._saved = self._scanned = 0

    # --- iteration --------------------------------------------------------------------------------------------------

    def __next__(self) -> T:
        self.acknowledge()
        if not self._ready:
            self._ready.extend(self._next_page())
        item = self._ready.popleft()
        self._current = item.position
        return item

    def batches(self, limit: int = 100) -> Iterator[list[T]]:
        """Yield what there is to consume, in lists of at most `limit`. Asking for the next acknowledges the last."""
        while True:
            self.acknowledge()
            if not self._ready:
                try:
                    self._ready.extend(self._next_page())
                except StopIteration:
                    return
            batch = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
            self._current = batch[-1].position
            yield batch

    def _next_page(self) -> list[T]:
        source = self._source or self._hold()
        try:
            self._must_hold()
            return next(source)
        except StopIteration:
            if not self._stopped:
                self._flush(self._scanned)
            raise
        except ConsumerLost:
            self._drop_source()
            raise

    def _read(self, after: int, limit: int) -> tuple[Sequence[list[T]], int]:
        # All that was read before is acknowledged by now, so what was scanned without a hit counts as well.
        self._flush(self._scanned)
        self._must_hold()
        self._before_read()
        items, position = self._read_log(after, limit)
        self._scanned = max(self._scanned, position)
        return [list(items)] if items else [], position

    def _until_head(self) -> Iterator[list[T]]:
        after = self._saved
        while not self._stopped:
            pages, position = self._read(after, _BATCH)
            yield from pages
            if position == after:
                return
            after = position

    # --- the name ---------------------------------------------------------------------------------------------------

    def _hold(self) -> Subscription[list[T]] | Iterator[list[T]]:
        """Take the name, waiting for it if another consumer holds it, and return the pages after its position."""
        self._positions.prepare(self._after)
        while (position := None if self._stopped else self._positions.take()) is None:
            if self._stopped:
                raise StopIteration
            if not self._standby:
                raise ConcurrencyConflict(
                    f"the consumer {self.name} is running already",
                    code="consumer_running",
                    hint="Stop it, or wait for it with standby=True",
                )
            self._waker.wait(min(_STANDBY_SECONDS, self._lease_seconds / 2))
        self._acknowledged = self._saved = self._scanned = position
        self._renewal = _Renewal(self._positions, self._lease_seconds)
        if not self._wait:
            self._source = self._until_head()
            return self._source
        self._source = subscription = Subscription(self._database, self._read, after=position, batch=_BATCH)
        if self._stopped:  # a signal came before there was anything to stop
            subscription.stop()
        return subscription

    def _must_hold(self) -> None:
        if self._renewal is not None and self._renewal.is_lost:
            raise self._lost()

    def _lost(self) -> ConsumerLost:
        return ConsumerLost(
            f"the consumer {self.name} was taken over by another process",
            hint="Iterate again to wait for the name; events that were not acknowledged come again",
        )

    def _drop_source(self) -> None:
        if self._renewal is not None:
            self._renewal.end()
            self._renewal = None
        if isinstance(self._source, Subscription):
            self._source.close()
        self._source = self._current = None
        self._ready.clear()

    # --- acknowledging ----------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The last position that is acknowledged."""
        return self._acknowledged

    def acknowledge(self, position: int | None = None, *, connection: Connection | None = None) -> None:
        """Acknowledge the event or batch that was taken last: it does not come again.

        Asking for the next does the same. Call it before leaving the loop, or with the host's connection.

        Args:
            position: Acknowledge only up to this position of a batch.
            connection: The host's own connection to the log's database. The position moves if the host's transaction
                commits, so what the host writes in it is written exactly once.

        Raises:
            ConsumerLost: Another consumer has taken the name.
        """
        if self._current is None:
            return
        self._acknowledged = max(self._acknowledged, self._current if position is None else position)
        if position is None:
            self._current = None
        try:
            if connection is not None:
                self._save(self._acknowledged, connection)
            elif self._acknowledged - self._saved >= self._save_every:
                self._save(self._acknowledged)
        except ConsumerLost:
            self._drop_source()
            raise

    def _flush(self, position: int) -> None:
        self._acknowledged = max(self._acknowledged, position)
        if self._acknowledged > self._saved:
            self._save(self._acknowledged)

    def _save(self, position: int, connection: Connection | None = None) -> None:
        if not self._positions.save(position, connection):
            raise self._lost()
        self._saved = position

    # --- the end ----------------------------------------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """True if the consumer has been stopped."""
        return self._stopped

    def stop(self) -> None:
        """End the iteration, from any thread or a signal handler. Returns at once."""
        self._stopped = True
        self._waker.wake()
        if isinstance(self._source, Subscription):
            self._source.stop()

    def close(self) -> None:
        """Stop, write the position of what was acknowledged, and give the name back."""
        self.stop()
        was_held = self._source is not None and not (self._renewal and self._renewal.is_lost)
        self._drop_source()
        try:
            if was_held:
                if self._acknowledged > self._saved:
                    self._positions.save(self._acknowledged)
                self._positions.release()
        finally:
            self._waker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # The body's own error matters more than one on the way out.
        with nullcontext() if kind is None else suppress(RelationsError):
            self.close()


class _Renewal:
    """A thread that keeps the name of a running consumer.

    Attributes:
        is_lost: True once another consumer has the name.
    """

    def __init__(self, positions: Positions, lease_seconds: float) -> None:
        self.is_lost = False
        self._positions = positions
        self._pause = lease_seconds / 3
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer's name", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            with suppress(RelationsError):  # the next renewal, or the next save, finds out
                if not self._positions.renew() and not self._over.is_set():
                    self.is_lost = True
                    return

    def end(self) -> None:
        """Renew no more."""
        self._over.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
