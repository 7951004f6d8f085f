"""Subscriptions, which read the log and then wait for new events at almost no cost.

SQLite does not announce commits, so it is polled. `PRAGMA data_version` on one open connection changes whenever any
other connection, of this process or another, has committed. A poll takes microseconds and reads no table. It runs every
millisecond while the log is busy, and ten times a second when it is quiet. On PostgreSQL an append sends a notification
in its transaction, and the operating system waits for it. If a notification is lost, a slow poll finds the events.

A subscription has no thread of its own: the thread that takes the next item reads and waits.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, Generic, Protocol, Self, TypeVar

from relations.log.database import Database
from relations.log.failures import translated

__all__ = ["Subscription", "Waker"]

T = TypeVar("T")

_BATCH = 500
_PAUSE_MIN_SECONDS = 0.001
_PAUSE_MAX_SECONDS = 0.1
_PAUSE_GROWTH = 1.5
_SLOW_POLL_SECONDS = 5.0
_MEMORY_PAUSE_SECONDS = 0.02


class Waker:
    """A wait for a time, a socket or a wake-up from another thread, whichever comes first."""

    def __init__(self) -> None:
        # A pair of sockets, and not a `threading.Event`: a socket can be waited for together with PostgreSQL's, and
        # can be sent to from a signal handler without meeting a lock that the interrupted thread holds.
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._far, selectors.EVENT_READ)

    def wake(self) -> None:
        # Closed already, or the buffer is full of pending wake-ups, and one more makes no difference.
        with contextlib.suppress(OSError):
            self._near.send(b"!")

    def wait(self, seconds: float) -> bool:
        """Wait, and return True if something ended the wait before the time was over."""
        return bool(self._selector.select(seconds))

    def watch(self, socket_number: int) -> None:
        self._selector.register(socket_number, selectors.EVENT_READ)

    def unwatch(self, socket_number: int) -> None:
        self._selector.unregister(socket_number)

    def close(self) -> None:
        self._selector.close()
        self._near.close()
        self._far.close()


class _Watch(Protocol):
    """A detector of commits. A commit after `arm` has returned ends the next `wait`."""

    def arm(self) -> None: ...
    def wait(self) -> None: ...
    def close(self) -> None: ...


def _own_connection(database: Database) -> Any:
    """The driver's connection, out of the pool for good: it serves nobody else."""
    pooled = database.engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    return connection


class _SqliteWatch:
    def __init__(self, database: Database, waker: Waker) -> None:
        self._database = database
        self._waker = waker
        self._connection: Any = None
        self._seen = 0

    def arm(self) -> None:
        if self._connection is None:
            # One connection throughout: the pragma compares with what this same connection saw before.
            self._connection = _own_connection(self._database)
        self._seen = self._version()

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def wait(self) -> None:
        pause = _PAUSE_MIN_SECONDS
        while not self._waker.wait(pause) and self._version() == self._seen:
            pause = min(pause * _PAUSE_GROWTH, _PAUSE_MAX_SECONDS)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _PollingWatch:
    """A watch that only lets the log be read again, for databases that nothing announces commits of.

    In memory there is one connection, and behind a pooler of PostgreSQL nobody can listen.
    """

    def __init__(self, waker: Waker, pause_seconds: float) -> None:
        self._waker = waker
        self._pause_seconds = pause_seconds

    def arm(self) -> None:
        pass

    def wait(self) -> None:
        self._waker.wait(self._pause_seconds)

    def close(self) -> None:
        pass


class _PostgresWatch:
    def __init__(self, database: Database, waker: Waker) -> None:
        self._database = database
        self._waker = waker
        self._connection: Any = None
        self._socket = -1

    def arm(self) -> None:
        if self._connection is not None:
            try:
                self._drain()
            except self._error:
                # The server has ended the session; the next read finds what was committed in the meantime.
                self.close()
        if self._connection is None:
            self._listen()

    @property
    def _error(self) -> type[Exception]:
        error: type[Exception] = self._database.engine.dialect.loaded_dbapi.Error
        return error

    def _drain(self) -> None:
        for _ in self._connection.notifies(timeout=0):
            pass

    def _listen(self) -> None:
        connection = _own_connection(self._database)
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {self._database.channel}")
            self._socket = connection.fileno()
            self._waker.watch(self._socket)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def wait(self) -> None:
        self._waker.wait(_SLOW_POLL_SECONDS)

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._waker.unwatch(self._socket)
            connection.close()


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise translated(error) from error


def _watch(database: Database, waker: Waker) -> _Watch:
    if database.is_pooled:
        return _PollingWatch(waker, _PAUSE_MAX_SECONDS)
    if not database.is_sqlite:
        return _PostgresWatch(database, waker)
    return _PollingWatch(waker, _MEMORY_PAUSE_SECONDS) if database.is_memory else _SqliteWatch(database, waker)


class Subscription(Iterator[T], Generic[T]):
    """An endless iteration over the log after a position, including whatever is appended later.

    Several threads may take items from one subscription; each item goes to one of them. Any thread or a signal handler
    may stop it. The iteration then ends at once, without the items read ahead. Errors from `read` are raised by the
    iteration, which may continue at the same position. A subscription is a context manager; leaving it closes it.

    Args:
        database: The log's database.
        read: `(after, limit) -> (items, position)`: the next items after a position, at most `limit`, and the
            position up to which it has read. The same position again means that there is nothing new.
        after: Begin after this position.
        batch: The number of items to read at a time.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[int, int], tuple[Sequence[T], int]],
        *,
        after: int = 0,
        batch: int = _BATCH,
    ) -> None:
        self._read = read
        self._after = after
        self._batch = batch
        self._items: Sequence[T] = ()
        self._next = 0
        self._lock = Lock()
        self._stopped = False
        self._closed = False
        self._waker = Waker()
        self._watch = _watch(database, self._waker)

    def __next__(self) -> T:
        with self._lock:
            while not self._stopped:
                if self._next < len(self._items):
                    item = self._items[self._next]
                    self._next += 1
                    return item
                self._fill()
            self._release()
            raise StopIteration

    def batch(self) -> list[T]:
        """Return the next items, at least one, and wait for it where there is none; empty once it is stopped."""
        try:
            first = next(self)
        except StopIteration:
            return []
        with self._lock:
            rest = list(self._items[self._next :])
            self._next += len(rest)
        return [first, *rest]

    def _fill(self) -> None:
        # First arm, then read: whatever is committed after the arming ends the wait, so nothing falls in between.
        with _translating():
            self._watch.arm()
        items, position = self._read(self._after, self._batch)
        self._items, self._next = items, 0
        if position > self._after:
            self._after = position
        elif not self._stopped:
            with _translating():
                self._watch.wait()

    @property
    def stopped(self) -> bool:
        """True if the subscription has been stopped."""
        return self._stopped

    def stop(self) -> None:
        """End the iteration, from any thread. Returns at once."""
        self._stopped = True
        self._waker.wake()
        # Where a thread is inside the iteration, that thread releases what is held on its way out.
        if self._lock.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Stop, wait for a thread inside the iteration to leave it, and release all resources."""
        self.stop()
        with self._lock:
            self._release()

    def _release(self) -> None:
        if not self._closed:
            self._closed = True
            self._items = ()
            self._watch.close()
            self._waker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Stopped by another thread between two items and never asked again: nobody else is left to do this.
        if getattr(self, "_watch", None) is not None:
            self._release()
