"""Recorders for eventsourcing, which store the events of any eventsourcing application in the log.

Events of such an application are stored unchanged. The originator id is the stream, the topic is the one from
eventsourcing, and the body is the output of its mapper. The schema is 0, `FOREIGN`, and the event belongs to no
customer. The engine never decodes these bodies.

All applications on one database share one log, as eventsourcing's SQLite recorders share one table of a file.
Applications that follow each other need a database each (`<APPLICATION>_RELATIONS_URL`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal
from uuid import UUID, uuid4

from eventsourcing import persistence
from eventsourcing.persistence import Notification, StoredEvent, Tracking
from sqlalchemy import Connection, Select, and_, func, insert, select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from relations.errors import RelationsError
from relations.log import tables
from relations.log.eventsourcing.versions import (
    ERRORS,
    PersistenceError,
    event_columns,
    followed,
    notification,
    snapshot_bytes,
    snapshot_event,
    stored_event,
)
from relations.log.log import Entry, Log, Writer
from relations.log.snapshots import BODY_BYTES, open_snapshot, seal_snapshot
from relations.log.subscription import Subscription
from relations.log.tables import FOREIGN

__all__ = [
    "AggregateRecorder",
    "ApplicationRecorder",
    "ProcessRecorder",
    "RecorderSubscription",
    "SnapshotRecorder",
    "TrackingRecorder",
]

IdType = Literal["text", "uuid"]


@contextmanager
def persistence_errors() -> Iterator[None]:
    """Raise failures of the store as eventsourcing's errors."""
    try:
        yield
    except PersistenceError:
        raise
    except (RelationsError, PoolTimeout) as error:
        raise (_kind(error.__cause__) or ERRORS["OperationalError"])(error) from error
    except Exception as error:
        kind = _kind(error)
        if kind is None:
            raise
        raise kind(error) from error


def _kind(error: BaseException | None) -> type[Exception] | None:
    """Return eventsourcing's error for one of a driver's or SQLAlchemy's; all three are named as in PEP 249."""
    for kind in type(error).__mro__:
        if kind.__name__ in ERRORS and kind.__module__ != "builtins":
            return ERRORS[kind.__name__]
    return None


class _Recorder(persistence.Recorder):
    """The base of all recorders: a log, and the type of originator ids.

    Args:
        log: The log to record in.
        name: The application's name: the actor of its events, and the follower in its tracking.
        id_type: The type in which originator ids are returned: as stored, or as UUIDs.
    """

    def __init__(self, log: Log, *, name: str = "", id_type: IdType = "text") -> None:
        self.log = log
        self.name = name
        self.id_type = id_type

    def _originator(self, stream: str) -> UUID | str:
        return UUID(stream) if self.id_type == "uuid" else stream

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a read transaction, its errors within eventsourcing's tree."""
        with persistence_errors(), self.log.database.reading() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a write transaction outside the log, for snapshots, trackings and a subclass's own rows."""
        database = self.log.database
        # SQLite has one writer anyway; on PostgreSQL nothing here needs the log's turn.
        write = database.writing if database.is_sqlite else database.transaction
        with persistence_errors(), write() as connection:
            yield connection


def _paged(statement: Select[Any], columns: Any, gt: int | None, lte: int | None, *, desc: bool) -> Select[Any]:
    """Return the statement for a range of versions, in their order."""
    if gt is not None:
        statement = statement.where(columns.version > gt)
    if lte is not None:
        statement = statement.where(columns.version <= lte)
    return statement.order_by(columns.version.desc() if desc else columns.version)


class AggregateRecorder(_Recorder, persistence.AggregateRecorder):
    """Records events in the log and reads them by stream."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events in one transaction.

        Raises:
            IntegrityError: A stream has such a version already.
        """
        self._record(stored_events, **kwargs)
        return None

    def _record(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int]:
        if not stored_events and not kwargs:
            return []
        with persistence_errors(), self.log.writing() as writer:
            return self._append(writer, stored_events, **kwargs)

    def _append(self, writer: Writer, stored_events: Sequence[StoredEvent], **_: Any) -> list[int]:
        """Append within a transaction; subclasses record more in the same."""
        if not stored_events:
            return []
        now = time.time_ns() // 1000
        save = str(uuid4())
        columns = [event_columns(event) for event in stored_events]
        rows = writer.append(
            [
                Entry(
                    stream=str(event.originator_id),
                    version=event.originator_version,
                    topic=event.topic,
                    schema=FOREIGN,
                    customer="",
                    occurred_at=now,
                    recorded_at=now,
                    actor=self.name or "eventsourcing",
                    command_id=command_id or save,
                    command_seq=number,
                    command_hash=None,
                    cause=cause,
                    body=event.state,
                )
                for number, (event, (command_id, cause)) in enumerate(zip(stored_events, columns, strict=True))
            ]
        )
        return [row[0] for row in rows]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return one stream's events, by version."""
        columns = tables.log.c
        statement = select(
            columns.stream, columns.version, columns.topic, columns.body, columns.command_id, columns.cause
        )
        statement = _paged(statement.where(columns.stream == str(originator_id)), columns, gt, lte, desc=desc)
        with self.reading() as connection:
            rows: Sequence[Any] = connection.execute(statement if limit is None else statement.limit(limit)).all()
        return [stored_event(self._originator(stream), *rest) for stream, *rest in rows]


class SnapshotRecorder(_Recorder, persistence.AggregateRecorder):
    """Records snapshots, next to the log. They can be thrown away at any time.

    Each is stored with a digest (see `relations.log.snapshots`). One that does not match is not given back, and the
    application reads the events instead.
    """

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Store snapshots in one transaction.

        Raises:
            IntegrityError: There is already a snapshot of that version.
        """
        if stored_events:
            with self.transaction() as connection:
                connection.execute(insert(tables.snapshots), [self._row(connection, each) for each in stored_events])
        return None

    def _row(self, connection: Connection, event: StoredEvent) -> dict[str, Any]:
        stream, version = str(event.originator_id), event.originator_version
        log = tables.log.c
        found = connection.execute(select(log.digest).where(log.stream == stream, log.version == version)).scalar()
        body = seal_snapshot(stream, version, event.topic, bytes(found or b""), snapshot_bytes(event))
        return {"stream": stream, "version": version, "topic": event.topic, "body": body}

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return one stream's good snapshots, by version."""
        table, log = tables.snapshots.c, tables.log
        at_version = and_(log.c.stream == table.stream, log.c.version == table.version)
        statement = (
            select(table.stream, table.version, table.topic, BODY_BYTES, log.c.digest)
            .select_from(tables.snapshots.outerjoin(log, at_version))
            .where(table.stream == str(originator_id))
        )
        found: list[StoredEvent] = []
        with self.reading() as connection:
            for row in connection.execute(_paged(statement, table, gt, lte, desc=desc)):
                stream, version, topic, body, chain = row
                state = open_snapshot(stream, version, topic, chain, body)
                if state is not None:
                    found.append(snapshot_event(self._originator(stream), version, topic, state))
                    if len(found) == limit:
                        break
        return found


class ApplicationRecorder(AggregateRecorder, persistence.ApplicationRecorder):
    """Records events in the log and reads them by position; notification ids are positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events in one transaction.

        Returns:
            Their positions.

        Raises:
            IntegrityError: A stream has such a version already.
        """
        return self._record(stored_events, **kwargs)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return events in order of position, from `start` to `stop`, at most `limit`."""
        columns = tables.log.c
        statement: Select[Any] = select(
            columns.position,
            columns.stream,
            columns.version,
            columns.topic,
            columns.body,
            columns.command_id,
            columns.cause,
        )
        if start is not None:
            begun = columns.position >= start if inclusive_of_start else columns.position > start
            statement = statement.where(begun)
        if stop is not None:
            statement = statement.where(columns.position <= stop)
        if topics:
            statement = statement.where(columns.topic.in_(list(topics)))
        with self.reading() as connection:
            rows = connection.execute(statement.order_by(columns.position).limit(limit)).all()
        return [notification(position, self._originator(stream), *rest) for position, stream, *rest in rows]

    def max_notification_id(self) -> int | None:
        """Return the last position, or None if the log is empty."""
        with self.reading() as connection:
            return connection.execute(select(func.max(tables.log.c.position))).scalar()

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> persistence.Subscription[persistence.ApplicationRecorder]:
        """Follow the log after position `gt`, without end."""
        return RecorderSubscription(self, gt=gt, topics=topics)


class RecorderSubscription(persistence.Subscription[persistence.ApplicationRecorder]):
    """Eventsourcing's form of a `Subscription`.

    Args:
        recorder: Whose notifications.
        gt: Begin after this position.
        topics: Only these topics; all if there are none.
    """

    def __init__(self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._subscription = Subscription(recorder.log.database, self._read, after=gt or 0)

    def _read(self, after: int, limit: int) -> tuple[Sequence[Notification], int]:
        # Where topics are left out, the last one found does not say how far the reading got; the head, asked for
        # before, does, and spares looking at the same events again and again.
        head = (self._recorder.max_notification_id() or 0) if self._topics else 0
        found = self._recorder.select_notifications(after, limit, topics=self._topics, inclusive_of_start=False)
        last = found[-1].id if found else after
        return found, last if len(found) == limit else max(last, head)

    def __next__(self) -> Notification:
        with persistence_errors():
            return next(self._subscription)

    def stop(self) -> None:
        """End the iteration, from any thread."""
        super().stop()
        self._subscription.stop()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._subscription.close()


class TrackingRecorder(_Recorder, persistence.TrackingRecorder):
    """Records how far another application has been followed.

    A subclass that keeps a view writes its rows and the tracking in one `transaction`, the tracking by `track`.
    """

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record a tracking.

        Raises:
            IntegrityError: It, or a later one, is recorded already.
        """
        with self.transaction() as connection:
            self.track(connection, tracking)

    def track(self, connection: Connection, tracking: Tracking) -> None:
        """Record a tracking within the transaction of `connection`.

        Raises:
            IntegrityError: It, or a later one, is recorded already: by this process or any other.
        """
        table = tables.tracking
        statement = self.log.database.insert(table).values(
            follower=self.name, application=followed(tracking), position=tracking.notification_id
        )
        # Compare and set in one statement: of two processes one changes the row, and the other finds it changed.
        recorded = connection.execute(
            statement.on_conflict_do_update(
                index_elements=[table.c.follower, table.c.application],
                set_={"position": statement.excluded.position},
                where=table.c.position < statement.excluded.position,
            ),
            execution_options={"preserve_rowcount": True},
        )
        if recorded.rowcount != 1:
            msg = f"{followed(tracking)} has been followed up to {tracking.notification_id} or further before"
            raise ERRORS["IntegrityError"](msg)

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the last position recorded for an application, or None."""
        table = tables.tracking
        statement = select(table.c.position).where(
            table.c.follower == self.name, table.c.application == application_name
        )
        with self.reading() as connection:
            return connection.execute(statement).scalar()


class ProcessRecorder(TrackingRecorder, ApplicationRecorder, persistence.ProcessRecorder):
    """Records events and the tracking of what caused them in one transaction."""

    def _append(
        self,
        writer: Writer,
        stored_events: Sequence[StoredEvent],
        *,
        tracking: Tracking | None = None,
        **kwargs: Any,
    ) -> list[int]:
        if tracking is not None:
            self.track(writer.connection, tracking)
        return super()._append(writer, stored_events, **kwargs)
