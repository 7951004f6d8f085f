"""Following a log: subscriptions, and consumers whose positions are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection

from relations.log.consuming.consumer import Consumer
from relations.log.consuming.positions import move_consumer, must_be_in_log
from relations.log.log import Log
from relations.log.subscription import Subscription
from relations.messages import Event, RecordedEvent

__all__ = ["Following"]


class Following(ABC):
    """An engine whose log can be followed.

    Attributes:
        log: The log of events.
    """

    log: Log

    @abstractmethod
    def page(
        self,
        after: int,
        limit: int = 1_000,
        *,
        until: int | None = None,
        of: Collection[type[Event]] = (),
        sealed: bool = False,
        to_head: bool = False,
    ) -> tuple[list[RecordedEvent], int]:
        """Return the next events and the position read up to."""

    def subscribe(self, *, after: int | None = None) -> Subscription[RecordedEvent]:
        """Follow the log: return an iterator of recorded events that waits for new ones until it is stopped.

        Use it as a context manager; any thread may call its `stop`. Waiting costs next to nothing.

        Args:
            after: Begin after this position; None is the present head, so only new events follow.

        Raises:
            InvalidInput: The log has no such position yet.
        """
        with self.log.database.reading() as connection:
            if after is None:
                after = self.log.head(connection).position
            must_be_in_log(connection, after, field="after")

        return Subscription(self.log.database, self.page, after=after)

    def consume(
        self,
        name: str,
        *,
        after: int = 0,
        of: Collection[type[Event]] = (),
        wait: bool = True,
        standby: bool = True,
        lease_seconds: float = 10.0,
        save_every: int = 1,
        sealed: bool = False,
        before_read: Callable[[], object] = lambda: None,
    ) -> Consumer[RecordedEvent]:
        """Follow the log under a name whose position is kept in the database, so that no event is missed.

        An event is acknowledged when the next one is asked for. After a crash, those that were not come again. Of all
        consumers with one name, in any number of processes, one runs at a time. `subscribe` keeps nothing.

        Args:
            name: The consumer's name; a new one begins after the position `after`.
            after: The position after which a consumer with a new name begins.
            of: Only events of these classes; all events by default.
            wait: Wait for new events at the end of the log; otherwise the iteration ends there.
            standby: Wait for the turn while another consumer has the name; otherwise refuse.
            lease_seconds: After this time, the name of a consumer that was killed is free.
            save_every: Write the position after this many events. After a crash, up to as many more come again.
            sealed: Leave personal words sealed.
            before_read: Called before each read of the log.

        Raises:
            InvalidInput: The name or a number is out of range.
            ForeignDatabase: The engine was opened for reading only.
        """

        def read(position: int, limit: int) -> tuple[list[RecordedEvent], int]:
            return self.page(position, limit, of=of, sealed=sealed, to_head=True)

        return Consumer(
            self.log.database,
            read,
            name=name,
            after=after,
            wait=wait,
            standby=standby,
            lease_seconds=lease_seconds,
            save_every=save_every,
            before_read=before_read,
        )

    def move_consumer(self, name: str, position: int) -> None:
        """Move a durable consumer that does not run: it goes on with the events after this position.

        Raises:
            InvalidInput: There is no such consumer, or the log has no such position yet.
            ConcurrencyConflict: It is running.
        """
        move_consumer(self.log.database, name, position)
