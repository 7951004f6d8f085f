"""The states of aggregates: loaded from the log, and cached in memory between transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, select

from relations.decider import Aggregate
from relations.errors import InvalidInput, RelationsError
from relations.execution.state_cache import State, StateCache
from relations.log.chain import GENESIS
from relations.log.codec import Codec, decode_state, encode_state
from relations.log.database import SharedStatement
from relations.log.log import Head, Log, Writer
from relations.log.snapshots import BODY_BYTES, StoredSnapshot, open_snapshot, seal_snapshot, stored_snapshots
from relations.log.tables import COLUMNS, snapshots
from relations.log.tables import log as log_table

__all__ = ["BadSnapshot", "State", "States", "snapshot_step"]

_CATCH_UP_MAX = 5_000
_SHORT_STREAM = 64
_SNAPSHOTS_TRIED = 3
_GROWTH = 8
"""The distance of the snapshots of a long stream is at most its length divided by this."""
_PAGE = 1_000
_ALL = 2**62
_STREAM, _VERSION, _DIGEST = (COLUMNS.index(name) for name in ("stream", "version", "digest"))


class BadSnapshot(NamedTuple):
    """A snapshot that does not hold.

    Attributes:
        stream: The stream.
        version: The version.
        reason: What is wrong with the snapshot, as the end of a sentence.
        is_intact: Whether it matches its digest. If not, the engine ignores it.
    """

    stream: str
    version: int
    reason: str
    is_intact: bool


class States:
    """States of one log's streams. Use the cache only while holding the log's write lock and the executor's lock.

    Args:
        log: The log.
        codec: Decodes its events.
        aggregates: Every kind of aggregate.

    Attributes:
        cached: The states in memory, by stream, as of the last transaction that was caught up with.
    """

    _load_sql = SharedStatement(
        lambda _: (
            select(log_table.c.version, log_table.c.topic, log_table.c.schema, log_table.c.body)
            .where(log_table.c.stream == bindparam("stream"), log_table.c.version > bindparam("version"))
            .order_by(log_table.c.version)
            .limit(bindparam("limit"))
        )
    )
    _newest_sql = SharedStatement(
        lambda _: (
            select(log_table.c.version, log_table.c.digest)
            .where(log_table.c.stream == bindparam("stream"))
            .order_by(log_table.c.version.desc())
            .limit(1)
        )
    )
    _snapshot_sql = SharedStatement(
        lambda _: (
            select(snapshots.c.version, BODY_BYTES, log_table.c.digest)
            .select_from(
                snapshots.outerjoin(
                    log_table,
                    and_(log_table.c.stream == snapshots.c.stream, log_table.c.version == snapshots.c.version),
                )
            )
            .where(snapshots.c.stream == bindparam("stream"), snapshots.c.topic == bindparam("topic"))
            .order_by(snapshots.c.version.desc())
            .limit(_SNAPSHOTS_TRIED)
        )
    )
    _any_sql = SharedStatement(lambda _: select(snapshots.c.stream).limit(1))
    _long_sql = SharedStatement(
        lambda database: select(snapshots.c.stream).where(database.among(snapshots.c.stream, "streams")).distinct()
    )
    _streams_sql = SharedStatement(
        lambda database: (
            select(log_table.c.stream, log_table.c.version, log_table.c.topic, log_table.c.schema, log_table.c.body)
            .where(database.among(log_table.c.stream, "streams"))
            .order_by(log_table.c.stream, log_table.c.version)
        )
    )
    # A snapshot that is there already may be damaged, or of an older form of the state.
    _keep_sql = SharedStatement(
        lambda database: (insert := database.insert(snapshots)).on_conflict_do_update(
            index_elements=["stream", "version"],
            set_={"topic": insert.excluded.topic, "body": insert.excluded.body},
        )
    )
    _thin_sql = SharedStatement(
        lambda _: delete(snapshots).where(
            snapshots.c.stream == bindparam("stream"), snapshots.c.version < bindparam("version")
        )
    )

    def __init__(self, log: Log, codec: Codec, aggregates: Sequence[Aggregate[Any]]) -> None:
        self._log = log
        self._database = log.database
        self._codec = codec
        self._by_name = {aggregate.name: aggregate for aggregate in aggregates}
        self._synced = Head(0, GENESIS)
        self.cached = self.new_cache()

    # --- loading ----------------------------------------------------------------------------------------------------

    def aggregate(self, stream: str) -> Aggregate[Any]:
        """Return the kind of a stream.

        Raises:
            InvalidInput: There is no such kind.
        """
        kind = stream.partition("-")[0]
        found = self._by_name.get(kind)
        if found is None:
            raise InvalidInput(
                f"there is no kind of aggregate called {kind!r}",
                code="unknown_aggregate",
                hint=f"Choose one of {', '.join(sorted(self._by_name))}",
            )
        return found

    def load(self, connection: Connection, stream: str) -> State:
        """Return the newest version and state of a stream, from its last good snapshot and the events after it.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """
        return self.load_by(self._database.cursor(connection, binary=True), stream)

    def load_by(self, cursor: Any, stream: str) -> State:
        """Return the same with the driver's cursor, which reads values in binary."""
        aggregate = self.aggregate(stream)
        version, state = 0, aggregate.decider.initial
        rows = self._page(cursor, stream, 0, _SHORT_STREAM)
        if len(rows) == _SHORT_STREAM:
            # Most streams are short and need this one query. A long one may have a snapshot.
            version, state = self._snapshot(cursor, stream, aggregate)
            rows = self._page(cursor, stream, version, _ALL)
        topics, evolve = self._codec.topics, aggregate.decider.evolve
        topic, schema, body = "", 0, b""
        try:
            for version, topic, schema, body in rows:  # noqa: B007 - the last one is the version
                known = topics.get(topic)
                if known is not None and schema in known.readable:
                    event = known.decode(body)
                else:
                    event = self._codec.decode(topic, schema, body)
                state = evolve(state, event)
        except (msgspec.MsgspecError, UnicodeError):
            self._codec.decode(topic, schema, body)  # raises what says which body it is
            raise
        return version, state

    def newest(self, connection: Connection, stream: str) -> tuple[int, bytes] | None:
        """Return the version and digest of a stream's last event; None if it has none. They identify its state."""
        cursor = self._database.cursor(connection, binary=True)
        row = cursor.execute(self._newest_sql.sql, self._newest_sql.bind(stream=stream)).fetchone()
        return None if row is None else (row[0], bytes(row[1]))

    def _page(self, cursor: Any, stream: str, version: int, limit: int) -> list[Any]:
        bound = self._load_sql.bind(stream=stream, version=version, limit=limit)
        rows: list[Any] = cursor.execute(self._load_sql.sql, bound).fetchall()
        return rows

    def load_many(self, connection: Connection, streams: Sequence[str], into: dict[str, State]) -> None:
        """Load many streams in a few queries."""
        if not streams:
            return
        many = self._database.fetch_many
        long: set[str] = set()
        # While no stream is long, there is no snapshot at all.
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

    # --- snapshots --------------------------------------------------------------------------------------------------

    def _snapshot(self, cursor: Any, stream: str, aggregate: Aggregate[Any]) -> State:
        topic = _snapshot_topic(aggregate)
        cursor.execute(self._snapshot_sql.sql, self._snapshot_sql.bind(stream=stream, topic=topic))
        for version, body, chain in cursor.fetchall():
            stored = open_snapshot(stream, version, topic, chain, body)
            if stored is None:
                continue
            try:
                return version, decode_state(stored, aggregate.state)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                # The form of the state was changed without raising its version. The events are enough.
                continue
        return 0, aggregate.decider.initial

    def snapshot(self, writer: Writer, states: Mapping[str, State], rows: Sequence[Sequence[Any]]) -> None:
        """Write states as snapshots, within the writer's transaction; `rows` are the events that led to them."""
        chain = {(row[_STREAM], row[_VERSION]): row[_DIGEST] for row in rows if row[_STREAM] in states}
        for stream, (version, state) in states.items():
            topic = _snapshot_topic(self.aggregate(stream))
            body = seal_snapshot(stream, version, topic, chain[stream, version], encode_state(state))
            bound = self._keep_sql.bind(stream=stream, version=version, topic=topic, body=body)
            # Only the newest is ever used. Without it, the events are enough. Its place in the file is used again.
            writer.cursor.execute(self._thin_sql.sql, self._thin_sql.bind(stream=stream, version=version))
            writer.cursor.execute(self._keep_sql.sql, bound)

    def bad_snapshots(self, connection: Connection) -> Iterator[BadSnapshot]:
        """Compare every snapshot with its digest and with the events of its stream, and yield those that do not hold.

        The engine never decides on a snapshot whose digest does not match.
        """
        for stream, group in groupby(stored_snapshots(self._database, connection), lambda found: found.stream):
            current: list[StoredSnapshot] = []
            for found in group:
                if found.state is None:
                    if not found.is_older:
                        yield BadSnapshot(stream, found.version, "does not match its digest, and is ignored", False)
                elif (kind := self._by_name.get(stream.partition("-")[0])) and found.topic == _snapshot_topic(kind):
                    current.append(found)
            if current:
                yield from self._differing(connection, stream, current)

    def _differing(self, connection: Connection, stream: str, found: Sequence[StoredSnapshot]) -> Iterator[BadSnapshot]:
        aggregate = self.aggregate(stream)
        expected = {each.version: each.state for each in found}
        state = aggregate.decider.initial
        try:
            version = 0
            while page := self._page(self._database.cursor(connection, binary=True), stream, version, _PAGE):
                for version, topic, schema, body in page:
                    state = aggregate.decider.evolve(state, self._codec.decode(topic, schema, body))
                    if version in expected and expected[version] != encode_state(state):
                        yield BadSnapshot(stream, version, "differs from the events that it stands for", True)
        except RelationsError as error:
            reason = f"cannot be compared with its events: {error.reason}"
            yield BadSnapshot(stream, found[-1].version, reason, True)

    # --- caching ----------------------------------------------------------------------------------------------------

    def catch_up(self, writer: Writer) -> None:
        """Bring the cached states to the log's head: fold what other writers have appended since."""
        head, synced = writer.head, self._synced
        if head == synced:
            return
        # Another digest at the same position means another log: restored or replaced under this process.
        is_ours = synced.position == 0 or self._log.digest(writer.connection, synced.position) == synced.digest
        if not is_ours or head.position - synced.position > _CATCH_UP_MAX:
            self.forget()
        else:
            columns = ("position", "stream", "version", "topic", "schema", "body")
            for rows in self._log.scan(writer.connection, columns, after=synced.position, until=head.position):
                for _position, stream, version, topic, schema, body in rows:
                    if stream not in self.cached:
                        continue
                    found = self.cached[stream]
                    if version <= found[0]:
                        continue
                    event = self._codec.decode(topic, schema, body)
                    self.cached[stream] = (version, self.aggregate(stream).decider.evolve(found[1], event))
        self._synced = head

    def new_cache(self) -> StateCache:
        """Return an empty cache of states."""
        return StateCache(lambda _stream, state: len(encode_state(state)))

    def forget(self) -> None:
        """Forget every cached state, so that each is loaded again."""
        self.cached.clear()

    def keep(self, states: Mapping[str, State], head: Head) -> None:
        """Cache states that are committed, with the log's head behind them."""
        for stream, state in states.items():
            self.cached[stream] = state
        self.cached.shrink()
        self._synced = head


def snapshot_step(version: int, every: int) -> int:
    """Return the distance of snapshots around a version of a stream.

    It is `every` events, and doubles while it is at most an eighth of the stream. So the bytes written for snapshots
    grow with the stream and not with its square.
    """
    step = every
    while step * 2 * _GROWTH <= version:
        step *= 2
    return step


def _snapshot_topic(aggregate: Aggregate[Any]) -> str:
    return f"{aggregate.name}:{aggregate.state_version}"
