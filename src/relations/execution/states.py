"""The states of aggregates: loaded from the log, and kept in memory between transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from relations.decider import Aggregate
from relations.errors import InvalidInput
from relations.log.codec import Codec, decode_state, encode_state
from relations.log.log import Log, Writer
from relations.log.tables import log as log_table
from relations.log.tables import snapshots

__all__ = ["State", "States"]

State = tuple[int, Any]
"""A stream's version and the state at it."""

_KEPT_STREAMS = 50_000
_CATCH_UP_MAX = 5_000
_SHORT_STREAM = 64
_ALL = 2**62


class States:
    """States of one log's streams. Use what is kept only while holding the log's write lock and the executor's.

    Args:
        log: The log.
        codec: Decodes its events.
        aggregates: Every kind of aggregate.

    Attributes:
        kept: The states in memory, by stream, as of the last transaction that was caught up with.
    """

    def __init__(self, log: Log, codec: Codec, aggregates: Sequence[Aggregate[Any]]) -> None:
        self._log = log
        self._database = log.database
        self._codec = codec
        self._by_name = {aggregate.name: aggregate for aggregate in aggregates}
        self._synced = 0
        self.kept: dict[str, State] = {}
        compiled = self._database.compile
        among = self._database.among
        self._load_sql = compiled(
            select(log_table.c.version, log_table.c.topic, log_table.c.schema, log_table.c.body)
            .where(log_table.c.stream == bindparam("stream"), log_table.c.version > bindparam("version"))
            .order_by(log_table.c.version)
            .limit(bindparam("limit"))
        )
        self._snapshot_sql = compiled(
            select(snapshots.c.version, snapshots.c.topic, snapshots.c.body)
            .where(snapshots.c.stream == bindparam("stream"))
            .order_by(snapshots.c.version.desc())
        )
        self._any_sql = compiled(select(snapshots.c.stream).limit(1))
        self._long_sql = compiled(select(snapshots.c.stream).where(among(snapshots.c.stream, "streams")).distinct())
        self._streams_sql = compiled(
            select(log_table.c.stream, log_table.c.version, log_table.c.topic, log_table.c.schema, log_table.c.body)
            .where(among(log_table.c.stream, "streams"))
            .order_by(log_table.c.stream, log_table.c.version)
        )
        insert_snapshot = (sqlite if self._database.is_sqlite else postgresql).insert(snapshots)
        self._keep_sql = compiled(insert_snapshot.on_conflict_do_nothing())

    # --- loading ----------------------------------------------------------------------------------------------------

    def aggregate(self, stream: str) -> Aggregate[Any]:
        """The kind of a stream.

        Raises:
            InvalidInput: There is no such kind.
        """
        kind = stream.partition("-")[0]
        found = self._by_name.get(kind)
        if found is None:
            raise InvalidInput(
                f"{kind!r} is no kind of aggregate",
                code="unknown_aggregate",
                hint=f"There are {', '.join(sorted(self._by_name))}",
            )
        return found

    def load(self, connection: Connection, stream: str) -> State:
        """The newest version and state of a stream, from its last snapshot and the events after it.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """
        aggregate = self.aggregate(stream)
        cursor = self._database.cursor(connection, binary=True)
        version, state = 0, aggregate.decider.initial
        rows = self._page(cursor, stream, 0, _SHORT_STREAM)
        if len(rows) == _SHORT_STREAM:
            # Most streams are short, and need this one query. A long one may have a snapshot.
            version, state = self._snapshot(cursor, stream, aggregate)
            rows = self._page(cursor, stream, version, _ALL)
        decode, evolve = self._codec.decode, aggregate.decider.evolve
        for version, topic, schema, body in rows:  # noqa: B007 - the last one is the version
            state = evolve(state, decode(topic, schema, body))
        return version, state

    def _page(self, cursor: Any, stream: str, version: int, limit: int) -> list[Any]:
        cursor.execute(self._load_sql.sql, self._load_sql.bind(stream=stream, version=version, limit=limit))
        rows: list[Any] = cursor.fetchall()
        return rows

    def load_many(self, connection: Connection, streams: Sequence[str], into: dict[str, State]) -> None:
        """Load many streams in a few queries."""
        if not streams:
            return
        many = self._database.fetch_many
        long: set[str] = set()
        # While no stream is long, there is not one snapshot.
        if self._database.cursor(connection).execute(self._any_sql.sql, self._any_sql.bind()).fetchone() is not None:
            long = {row[0] for row in many(connection, self._long_sql, streams=streams)}
        for stream in streams:
            into[stream] = (
                self.load(connection, stream) if stream in long else (0, self.aggregate(stream).decider.initial)
            )
        rest = [stream for stream in streams if stream not in long] if long else streams
        for stream, version, topic, schema, body in many(connection, self._streams_sql, streams=rest):
            evolve = self.aggregate(stream).decider.evolve
            into[stream] = (version, evolve(into[stream][1], self._codec.decode(topic, schema, body)))

    def _snapshot(self, cursor: Any, stream: str, aggregate: Aggregate[Any]) -> State:
        found = cursor.execute(self._snapshot_sql.sql, self._snapshot_sql.bind(stream=stream)).fetchone()
        if found is not None and found[1] == _snapshot_topic(aggregate):
            try:
                return found[0], decode_state(bytes(found[2]), aggregate.state)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                # A snapshot of an older form of the state, or a damaged one, is worth nothing; the events are.
                pass
        return 0, aggregate.decider.initial

    def snapshot(self, writer: Writer, states: Mapping[str, State]) -> None:
        """Write states as snapshots, within the writer's transaction."""
        for stream, (version, state) in states.items():
            topic = _snapshot_topic(self.aggregate(stream))
            row = self._keep_sql.bind(stream=stream, version=version, topic=topic, body=encode_state(state))
            writer.cursor.execute(self._keep_sql.sql, row)

    # --- keeping ----------------------------------------------------------------------------------------------------

    def catch_up(self, writer: Writer) -> None:
        """Bring the kept states to the log's head: fold what other writers have appended since."""
        head = writer.head.position
        if head == self._synced:
            return
        if head < self._synced or head - self._synced > _CATCH_UP_MAX:
            self.kept.clear()
        else:
            columns = ("position", "stream", "version", "topic", "schema", "body")
            for rows in self._log.scan(writer.connection, columns, after=self._synced, until=head):
                for _position, stream, version, topic, schema, body in rows:
                    found = self.kept.get(stream)
                    if found is None or version <= found[0]:
                        continue
                    event = self._codec.decode(topic, schema, body)
                    self.kept[stream] = (version, self.aggregate(stream).decider.evolve(found[1], event))
        self._synced = head

    def keep(self, states: Mapping[str, State], position: int) -> None:
        """These states are committed, and the log's head is `position`."""
        self.kept.update(states)
        self._synced = position
        if len(self.kept) > _KEPT_STREAMS:
            for stream in list(self.kept)[: _KEPT_STREAMS // 4]:
                del self.kept[stream]


def _snapshot_topic(aggregate: Aggregate[Any]) -> str:
    return f"{aggregate.name}:{aggregate.state_version}"
