"""From commands to recorded events: load, decide, react, append, in one transaction that holds the log's write lock.

A decision is made under the lock, on the newest state, so two writers never decide on the same past. States already
folded are kept in memory and brought up to the log's head by what others have appended since; a writer that is alone
loads nothing. See `docs/explanation/execution.md`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from threading import RLock
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, bindparam, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from relations.aggregates.policy import AdoptPolicy, PolicyBook
from relations.collection import held_back
from relations.decider import Aggregate
from relations.errors import ConcurrencyConflict, IdempotencyConflict, InvalidInput, RelationsError
from relations.log.codec import Codec, Topic, decode_state, encode_state
from relations.log.database import Database, Statement
from relations.log.log import Entry, Log, Writer
from relations.log.personal import Keys, has_personal, open_event, seal_event
from relations.log.table import COLUMNS, FOREIGN, snapshots
from relations.log.table import log as log_table
from relations.messages import Command, Envelope, Event, RecordedEvent, to_micros
from relations.policies import Policy

__all__ = ["BatchReport", "Clock", "Executor", "Receipt", "Rejection"]

Clock = Callable[[], datetime]
React = Callable[[Event, Envelope, Policy], list[Command]]
State = tuple[int, Any]
"""A stream's version and the state at it."""

_CACHED_STREAMS = 50_000
_CATCH_UP_MAX = 5_000
_REACTIONS_MAX = 1_000
_POLICY_STREAM = "policy"
_NOT_THE_ID = {"command_id"}
_DEFAULT_POLICY = Policy()


class Receipt(msgspec.Struct, frozen=True):
    """What became of a command.

    Attributes:
        command_id: Its id, made up if it had none.
        events: The events recorded for it, its reactions' included; none where there was nothing left to do.
        repeated: Whether the log already held this command; then `events` are those of the first time.
    """

    command_id: str
    events: tuple[RecordedEvent, ...]
    repeated: bool = False

    @property
    def position(self) -> int | None:
        """The position of its last event, None without events."""
        return self.events[-1].position if self.events else None


class Rejection(msgspec.Struct, frozen=True):
    """A command of a batch that was not recorded.

    Attributes:
        index: Its place in what was given, from 0.
        command: The command.
        error: Why.
    """

    index: int
    command: Command
    error: RelationsError


class BatchReport(msgspec.Struct):
    """What became of many commands: accepted + repeated + unchanged + rejections = commands.

    Attributes:
        accepted: Recorded now.
        repeated: Recorded before under the same id.
        unchanged: Nothing left to do.
        events: Events recorded now.
        rejections: Refused, each with its place and reason.
    """

    accepted: int = 0
    repeated: int = 0
    unchanged: int = 0
    events: int = 0
    rejections: list[Rejection] = []

    @property
    def commands(self) -> int:
        """How many commands it speaks of."""
        return self.accepted + self.repeated + self.unchanged + len(self.rejections)


class _Decided(NamedTuple):
    """One command's outcome within a unit of work."""

    entries: list[Entry]
    events: list[Event]
    states: dict[str, State]


class _Unit:
    """One write transaction: the states it sees, and what it is going to append."""

    __slots__ = ("cached", "entries", "policies", "position", "snapshots", "states", "writer")

    def __init__(self, writer: Writer, cached: dict[str, State]) -> None:
        self.writer = writer
        self.cached = cached
        self.states: dict[str, State] = {}
        self.entries: list[Entry] = []
        self.snapshots: dict[str, State] = {}
        self.position = writer.head.position
        self.policies: list[tuple[int | None, Policy]] = []

    def policy(self, at: int) -> Policy:
        """The policy in force for business time `at`: the last adopted of those effective by then."""
        for effective_from, policy in reversed(self.policies):
            if effective_from is None or effective_from <= at:
                return policy
        return self.policies[0][1] if self.policies else _DEFAULT_POLICY

    def pinned(self, aggregate: Aggregate[Any], state: Any) -> Policy | None:
        """The policy that a stream is decided by for all its life, if it is pinned to one that was adopted."""
        if aggregate.pinned is None:
            return None
        number = aggregate.pinned(state)
        return self.policies[number - 1][1] if number and number <= len(self.policies) else None


class Executor:
    """Executes commands against one log. Thread-safe; any number of processes may write to the same database.

    Args:
        log: The log.
        codec: Encodes and decodes its events.
        keys: Seals and opens personal words.
        aggregates: Every kind of aggregate.
        react: What an event asks of other aggregates.
        clock: Says when the log takes an event.
        snapshot_every: Keep the state of a stream each time it has grown by so many events.
        attempts: How often a command is tried against other writers before it is given up.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        keys: Keys,
        *,
        aggregates: Sequence[Aggregate[Any]],
        react: React,
        clock: Clock,
        snapshot_every: int = 500,
        attempts: int = 5,
    ) -> None:
        self._log = log
        self._database: Database = log.database
        self._codec = codec
        self._keys = keys
        self._react = react
        self._clock = clock
        self._snapshot_every = snapshot_every
        self._attempts = attempts
        self._by_name = {aggregate.name: aggregate for aggregate in aggregates}
        self._by_command = {command: aggregate for aggregate in aggregates for command in aggregate.commands}
        self._topics: dict[type[Event], Topic] = {topic.event: topic for topic in codec.topics.values()}
        self._lock = RLock()
        self._cached: dict[str, State] = {}
        self._synced = 0
        self._parsed: dict[bytes, Policy] = {}
        self._personal = _personal_of_commands(aggregates, self._topics)
        self._load_sql = self._database.compile(
            select(log_table.c.version, log_table.c.topic, log_table.c.schema, log_table.c.body)
            .where(log_table.c.stream == bindparam("stream"), log_table.c.version > bindparam("version"))
            .order_by(log_table.c.version)
        )
        self._command_sql = self._database.compile(
            select(log_table).where(log_table.c.command_id == bindparam("id")).order_by(log_table.c.command_seq)
        )
        self._snapshot_sql = self._database.compile(
            select(snapshots.c.version, snapshots.c.topic, snapshots.c.body)
            .where(snapshots.c.stream == bindparam("stream"))
            .order_by(snapshots.c.version.desc())
        )
        among = self._database.among
        self._ids_sql = self._database.compile(
            select(log_table.c.command_id, log_table.c.customer, log_table.c.command_hash).where(
                among(log_table.c.command_id, "ids"), log_table.c.command_seq == literal_column("0")
            )
        )
        self._long_sql = self._database.compile(
            select(snapshots.c.stream).where(among(snapshots.c.stream, "streams")).distinct()
        )
        self._streams_sql = self._database.compile(
            select(log_table.c.stream, log_table.c.version, log_table.c.topic, log_table.c.schema, log_table.c.body)
            .where(among(log_table.c.stream, "streams"))
            .order_by(log_table.c.stream, log_table.c.version)
        )
        insert_snapshot = (sqlite if self._database.is_sqlite else postgresql).insert(snapshots)
        self._keep_sql = self._database.compile(insert_snapshot.on_conflict_do_nothing())

    # --- commands ---------------------------------------------------------------------------------------------------

    def execute(
        self, command: Command, *, connection: Connection | None = None, expected_version: int | None = None
    ) -> Receipt:
        """Execute one command; see `Relations.execute`."""
        command_id = command.command_id or uuid4().hex
        for last in self._tries(connection):
            try:
                with self._unit(connection) as unit:
                    if command.command_id is not None:
                        repeated = self._repeated(unit, command)
                        if repeated is not None:
                            return repeated
                    decided = self._decide(unit, command, command_id, expected_version)
                    self._take(unit, decided)
                    rows = self._append(unit)
                self._after_commit(decided.events, own=connection is None)
                own = rows[len(rows) - len(decided.events) :]
                return Receipt(command_id, tuple(map(_recorded, own, decided.events)))
            except ConcurrencyConflict as conflict:
                if last or conflict.code == "version_conflict":
                    raise
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def execute_many(self, commands: Sequence[Command], report: BatchReport, offset: int) -> None:
        """Execute a batch in one transaction, adding to `report`; `offset` is the index of its first command."""
        for last in self._tries(None):
            outcome = BatchReport(rejections=[])
            try:
                with held_back(), self._unit(None) as unit:
                    events = self._decide_many(unit, commands, outcome, offset)
                    self._append(unit)
            except ConcurrencyConflict:
                if last:
                    raise
                continue
            self._after_commit(events, own=True)
            report.accepted += outcome.accepted
            report.repeated += outcome.repeated
            report.unchanged += outcome.unchanged
            report.events += outcome.events
            report.rejections += outcome.rejections
            return

    def _decide_many(self, unit: _Unit, commands: Sequence[Command], outcome: BatchReport, offset: int) -> list[Event]:
        known = self._known_ids(unit, [command.command_id for command in commands if command.command_id])
        self._prefetch(unit, commands)
        events: list[Event] = []
        for index, command in enumerate(commands, start=offset):
            command_id = command.command_id
            try:
                if command_id is None:
                    command_id = uuid4().hex
                elif command_id in known:
                    self._must_be_same(unit, command, *known[command_id])
                    outcome.repeated += 1
                    continue
                decided = self._decide(unit, command, command_id)
            except RelationsError as error:
                outcome.rejections.append(Rejection(index, command, error))
                continue
            if not decided.entries:
                outcome.unchanged += 1
                continue
            self._take(unit, decided)
            first = decided.entries[0]
            known[command_id] = (first.customer, first.command_hash)
            outcome.accepted += 1
            outcome.events += len(decided.entries)
            events += decided.events
        return events

    def _tries(self, connection: Connection | None) -> Iterator[bool]:
        """Yield once a try, saying whether it is the last. A host's own transaction cannot be tried again."""
        attempts = 1 if connection is not None else self._attempts
        for attempt in range(1, attempts + 1):
            yield attempt == attempts
            with self._lock:
                self._cached.clear()

    @contextmanager
    def _unit(self, connection: Connection | None) -> Iterator[_Unit]:
        """A unit of work on our own transaction and the kept states, or on the host's with states of its own.

        What a host's transaction sees may vanish with it, so nothing of it is kept.
        """
        with self._lock, self._log.writing(connection) as writer:
            own = connection is None
            if own:
                self._catch_up(writer)
            unit = _Unit(writer, self._cached if own else {})
            self._refresh_policies(unit)
            yield unit
            if not own:
                return
        if own:
            # Committed: from now on these are the states of the log.
            cached = self._cached
            for stream, state in unit.states.items():
                cached.pop(stream, None)  # written last, dropped last
                cached[stream] = state
            self._synced = unit.writer.head.position
            if len(cached) > _CACHED_STREAMS:
                for stream in list(cached)[: _CACHED_STREAMS // 4]:
                    del cached[stream]

    def _after_commit(self, events: Iterable[Event], *, own: bool) -> None:
        if own and any(event.topic == "customer.erased" for event in events):
            self._database.purge()

    # --- deciding ---------------------------------------------------------------------------------------------------

    def _decide(self, unit: _Unit, command: Command, command_id: str, expected_version: int | None = None) -> _Decided:
        """Decide a command and everything that it leads to. The unit is unchanged until `_take`."""
        if not unit.policies and not isinstance(command, AdoptPolicy):
            self._adopt_default(unit)
        decided = _Decided([], [], {})
        entries, events, states = decided
        recorded_at = to_micros(self._clock())
        actor = command.actor
        fingerprint: bytes | None = None
        pending: deque[tuple[Command, str | None]] | None = None
        wanted, cause = command, None
        while True:
            aggregate = self._aggregate_of(wanted)
            stream = wanted.stream
            version, state = states.get(stream) or self._state(unit, stream, aggregate)
            if cause is None and expected_version is not None and version != expected_version:
                raise ConcurrencyConflict(
                    f"{stream} is at version {version}, not {expected_version}",
                    code="version_conflict",
                    remedy="Read it again and decide anew",
                )
            at = wanted.at
            policy = unit.policy(at)
            decider = aggregate.decider
            # Reactions go by the policy in force, also where the stream itself is pinned to an older one.
            new = decider.decide(state, wanted, unit.pinned(aggregate, state) or policy)
            if new:
                customer = aggregate.customer(state, wanted)
                if not entries and command.command_id is not None:
                    fingerprint = self._fingerprint(unit, command, customer)
                for event in new:
                    version += 1
                    topic = self._topics[type(event)]
                    sealed = event
                    if topic.personal and has_personal(event, topic):
                        key = self._keys.need(unit.writer.connection, customer, recorded_at)
                        sealed = seal_event(event, topic, customer, key)
                    state = decider.evolve(state, sealed)
                    seq = len(entries)
                    entries.append(
                        Entry(
                            stream,
                            version,
                            event.topic,
                            topic.schema,
                            customer,
                            at,
                            recorded_at,
                            actor,
                            command_id,
                            seq,
                            None if seq else fingerprint,
                            cause,
                            self._codec.encode(sealed),
                        )
                    )
                    events.append(event)
                    envelope = Envelope(
                        position=unit.position + seq + 1,
                        stream=stream,
                        version=version,
                        customer=customer,
                        occurred_at=at,
                        recorded_at=recorded_at,
                    )
                    led_to = self._react(event, envelope, policy)
                    if led_to:
                        here = f"{stream}@{version}"
                        pending = pending or deque()
                        pending.extend((reaction, here) for reaction in led_to)
                states[stream] = (version, state)
                if len(entries) > _REACTIONS_MAX:
                    msg = f"{type(command).__name__} leads to {len(entries)} events: do reactions run in a circle?"
                    raise RuntimeError(msg)
            if not pending:
                return decided
            wanted, cause = pending.popleft()

    def _take(self, unit: _Unit, decided: _Decided) -> None:
        """Make a decision part of the unit."""
        unit.entries += decided.entries
        unit.position += len(decided.entries)
        every = self._snapshot_every
        for stream, (version, state) in decided.states.items():
            before = unit.states.get(stream) or unit.cached.get(stream) or (0, None)
            if version // every > before[0] // every:
                unit.snapshots[stream] = (version, state)
            unit.states[stream] = (version, state)
        if _POLICY_STREAM in decided.states:
            self._refresh_policies(unit)

    def _append(self, unit: _Unit) -> list[tuple[Any, ...]]:
        """Write what the unit has taken, in one go, and return it as stored."""
        if not unit.entries:
            return []
        rows = unit.writer.append(unit.entries)
        for entry in unit.entries:
            if entry.topic == "customer.erased":
                self._keys.destroy(unit.writer.connection, entry.customer, entry.recorded_at)
        for stream, (version, state) in unit.snapshots.items():
            aggregate = self._by_name[stream.partition("-")[0]]
            row = self._keep_sql.bind(
                stream=stream, version=version, topic=_snapshot_topic(aggregate), body=encode_state(state)
            )
            unit.writer.cursor.execute(self._keep_sql.sql, row)
        return rows

    def _aggregate_of(self, command: Command) -> Aggregate[Any]:
        found = self._by_command.get(type(command))
        if found is None:
            raise InvalidInput(
                f"{type(command).__name__} is not a command of this engine", code="unknown_command", field="command"
            )
        return found

    # --- policies ---------------------------------------------------------------------------------------------------

    def _refresh_policies(self, unit: _Unit) -> None:
        _version, book = self._state(unit, _POLICY_STREAM, self._by_name[_POLICY_STREAM])
        unit.policies = self.policies_of(book)

    def policies_of(self, book: PolicyBook) -> list[tuple[int | None, Policy]]:
        """The policies of a book with the time from which each is in force, parsed once."""
        found = []
        for adoption in book.adoptions:
            body = bytes(adoption.policy)
            policy = self._parsed.get(body)
            if policy is None:
                policy = self._parsed[body] = Policy.model_validate_json(body)
            found.append((adoption.effective_from, policy))
        return found

    def _adopt_default(self, unit: _Unit) -> None:
        """A log explains itself: where nobody adopted a policy, the default one is adopted first, by an event."""
        adopt = AdoptPolicy(
            policy=_DEFAULT_POLICY,
            from_beginning=True,
            occurred_at=self._clock(),
            command_id="relations:default-policy",
            actor="relations",
        )
        self._take(unit, self._decide(unit, adopt, "relations:default-policy"))

    # --- states -----------------------------------------------------------------------------------------------------

    def load(self, connection: Connection, stream: str) -> State:
        """The newest version and state of a stream, from its last snapshot and the events after it.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """
        kind = stream.partition("-")[0]
        aggregate = self._by_name.get(kind)
        if aggregate is None:
            raise InvalidInput(
                f"{kind!r} is no kind of aggregate",
                code="unknown_aggregate",
                remedy=f"There are {', '.join(sorted(self._by_name))}",
            )
        cursor = self._database.cursor(connection, binary=True)
        version, state = self._snapshot(cursor, stream, aggregate)
        cursor.execute(self._load_sql.sql, self._load_sql.bind(stream=stream, version=version))
        decode, evolve = self._codec.decode, aggregate.decider.evolve
        for version, topic, schema, body in cursor.fetchall():  # noqa: B007 - the last one is the version
            state = evolve(state, decode(topic, schema, body))
        return version, state

    def _snapshot(self, cursor: Any, stream: str, aggregate: Aggregate[Any]) -> State:
        found = cursor.execute(self._snapshot_sql.sql, self._snapshot_sql.bind(stream=stream)).fetchone()
        if found is not None and found[1] == _snapshot_topic(aggregate):
            try:
                return found[0], decode_state(bytes(found[2]), aggregate.state)
            except msgspec.ValidationError:
                # A snapshot of an older form of the state is worth nothing; the events are.
                pass
        return 0, aggregate.decider.initial

    def _state(self, unit: _Unit, stream: str, aggregate: Aggregate[Any]) -> State:
        found = unit.states.get(stream) or unit.cached.get(stream)
        if found is None:
            found = self.load(unit.writer.connection, stream)
            unit.cached[stream] = found
        return found

    def _catch_up(self, writer: Writer) -> None:
        """Bring the kept states to the log's head: fold what other writers have appended since."""
        head = writer.head.position
        if head == self._synced:
            return
        if head < self._synced or head - self._synced > _CATCH_UP_MAX:
            self._cached.clear()
        else:
            columns = ("position", "stream", "version", "topic", "schema", "body")
            for rows in self._log.scan(writer.connection, columns, after=self._synced, until=head):
                for _position, stream, version, topic, schema, body in rows:
                    found = self._cached.get(stream)
                    if found is None or version <= found[0]:
                        continue
                    aggregate = self._by_name[stream.partition("-")[0]]
                    event = self._codec.decode(topic, schema, body)
                    self._cached[stream] = (version, aggregate.decider.evolve(found[1], event))
        self._synced = head

    def _prefetch(self, unit: _Unit, commands: Sequence[Command]) -> None:
        """Load the streams of a batch that are not in memory, in a few queries instead of one each."""
        missing = {command.stream for command in commands if type(command) in self._by_command} - unit.cached.keys()
        # Where a reaction may lead is not known yet; a customer's account is where most of them do.
        missing |= {f"loyalty-{name}" for name in (getattr(c, "customer", None) for c in commands) if name}
        self._load_many(unit, sorted(missing - unit.cached.keys()))

    def _load_many(self, unit: _Unit, streams: Sequence[str]) -> None:
        connection, cached = unit.writer.connection, unit.cached
        if not streams:
            return
        long = {row[0] for row in self._many(connection, self._long_sql, streams=streams)}
        for stream in streams:
            if stream in long:
                cached[stream] = self.load(connection, stream)
            else:
                cached[stream] = (0, self._by_name[stream.partition("-")[0]].decider.initial)
        rest = [stream for stream in streams if stream not in long]
        for stream, version, topic, schema, body in self._many(connection, self._streams_sql, streams=rest):
            evolve = self._by_name[stream.partition("-")[0]].decider.evolve
            cached[stream] = (version, evolve(cached[stream][1], self._codec.decode(topic, schema, body)))

    def _many(self, connection: Connection, statement: Statement, **values: Sequence[str]) -> list[Any]:
        """The rows of a statement with one parameter of many values."""
        cursor = self._database.cursor(connection, binary=True)
        bound = statement.bind(**{name: self._database.many(many) for name, many in values.items()})
        rows: list[Any] = cursor.execute(statement.sql, bound).fetchall()
        return rows

    # --- idempotency ------------------------------------------------------------------------------------------------

    def _repeated(self, unit: _Unit, command: Command) -> Receipt | None:
        cursor = self._database.cursor(unit.writer.connection, binary=True)
        rows = cursor.execute(self._command_sql.sql, (command.command_id,)).fetchall()
        if not rows:
            return None
        first = dict(zip(COLUMNS, rows[0], strict=True))
        self._must_be_same(unit, command, first["customer"], first["command_hash"])
        return Receipt(first["command_id"], tuple(self.recorded(unit.writer.connection, rows)), repeated=True)

    def _known_ids(self, unit: _Unit, ids: Sequence[str]) -> dict[str, tuple[str, bytes | None]]:
        found = self._many(unit.writer.connection, self._ids_sql, ids=ids)
        return {command_id: (customer, command_hash) for command_id, customer, command_hash in found}

    def _must_be_same(self, unit: _Unit, command: Command, customer: str, recorded: bytes | None) -> None:
        wanted = self._fingerprint(unit, command, customer, keep=False)
        # Without the customer's key the words cannot be compared any more: the id alone must do.
        if recorded is not None and wanted is not None and bytes(recorded) != wanted:
            raise IdempotencyConflict(
                f"the command id {command.command_id!r} was used before for a different command",
                field="command_id",
                remedy="Send the first command again unchanged, or give this one an id of its own",
            )

    def _fingerprint(self, unit: _Unit, command: Command, customer: str, *, keep: bool = True) -> bytes | None:
        """What tells one command from another: a keyed hash where it holds personal words, else a plain one."""
        body = command.__pydantic_serializer__.to_json(command, exclude=_NOT_THE_ID)
        personal = self._personal[type(command)]
        key = b""
        if personal and any(getattr(command, field) is not None for field in personal):
            connection = unit.writer.connection
            found = self._keys.need(connection, customer, 0) if keep else self._keys.get(connection, customer)
            if found is None:
                return None
            key = found
        return blake2b(type(command).__name__.encode() + body, digest_size=16, key=key).digest()

    def recorded(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> Iterator[RecordedEvent]:
        """Whole rows of the log as recorded events, personal fields readable unless erased.

        Rows of other applications that share the log are passed by.
        """
        keys: dict[str, bytes | None] = {}
        for row in rows:
            topic_name, schema, customer, body = row[3], row[4], row[5], row[13]
            if schema == FOREIGN:
                continue
            event = self._codec.decode(topic_name, schema, body)
            topic = self._codec.topics[topic_name]
            if topic.personal and has_personal(event, topic):
                if customer not in keys:
                    keys[customer] = self._keys.get(connection, customer)
                event = open_event(event, topic, customer, keys[customer])
            yield _recorded(row, event)


def _recorded(row: Sequence[Any], event: Event) -> RecordedEvent:
    position, stream, version, topic, schema, customer, occurred_at, recorded_at = row[:8]
    actor, command_id, command_seq, _hash, cause, _body, digest = row[8:]
    return RecordedEvent(
        position=position,
        stream=stream,
        version=version,
        customer=customer,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        topic=topic,
        schema=schema,
        actor=actor,
        command_id=command_id,
        command_seq=command_seq,
        cause=cause,
        event=event,
        digest=bytes(digest),
    )


def _snapshot_topic(aggregate: Aggregate[Any]) -> str:
    return f"{aggregate.name}:{aggregate.state_version}"


def _personal_of_commands(
    aggregates: Sequence[Aggregate[Any]], topics: dict[type[Event], Topic]
) -> dict[type[Command], tuple[str, ...]]:
    """Which fields of a command are personal: those named as a personal field of an event of the same aggregate."""
    found: dict[type[Command], tuple[str, ...]] = {}
    for aggregate in aggregates:
        names = {name for event in aggregate.events for name in topics[event].personal}
        for command in aggregate.commands:
            found[command] = tuple(sorted(names & command.model_fields.keys()))
    return found
