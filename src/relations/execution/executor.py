"""Executing commands.

A decision is made under the lock, on the newest state, so two writers never decide on the same past. States already
folded are kept in memory and brought up to the log's head by what others have appended since; a writer that is alone
loads nothing. See `docs/explanation/execution.md`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn
from uuid import uuid4

from sqlalchemy import Connection, bindparam, select

from relations.aggregates.customer import CustomerErased
from relations.aggregates.policy import Adoption, AdoptPolicy, PolicyBook
from relations.decider import Aggregate, due_before
from relations.errors import CommandRefused, ConcurrencyConflict, InvalidInput, LogError, RelationsError
from relations.execution.idempotency import Repeats
from relations.execution.merged_ids import states_together
from relations.execution.receipts import BatchReport, Receipt, Rejection
from relations.execution.states import State, States
from relations.gc_pause import held_back
from relations.log.codec import Codec, Topic
from relations.log.database import Database
from relations.log.log import Entry, Log, Writer
from relations.log.personal import Keys, has_personal, seal_event
from relations.log.reader import Reader, recorded_event
from relations.log.tables import log as log_table
from relations.messages import Command, Envelope, Event, to_micros
from relations.policies import Policy
from relations.policies.in_force import InForce

__all__ = ["Clock", "Executor"]

Clock = Callable[[], datetime]
React = Callable[[Event, Envelope, Policy], list[Command]]
_REACTIONS_MAX = 1_000
_POLICY_STREAM = "policy"
_FINAL = ("version_conflict", "log_busy")
"""Conflicts that trying again does not end: the caller's own, and a turn waited for as long as was to be waited."""
_DEFAULT_POLICY = Policy()
_NO_RULES = InForce()
_entry: Callable[..., Entry] = tuple.__new__
"""What `Entry._make` does, without the call of Python's in between: it runs for every event."""


class _Decided(NamedTuple):
    """One command's outcome within a unit of work, and what is still to be decided for it.

    `own` are the places of its own events among all, between which there may be what time had done before.
    """

    command_id: str
    actor: str
    entries: list[Entry]
    events: list[Event]
    own: list[int]
    states: dict[str, State]
    pending: deque[tuple[Command, str | None]]


class _Place:
    """Where events of one decision belong, and why. `passed` is the id of what time did; None of what is wanted."""

    __slots__ = ("aggregate", "at", "cause", "command_hash", "customer", "passed", "policy", "stream")

    def __init__(
        self, aggregate: Aggregate[Any], stream: str, customer: str, at: int, cause: str | None, policy: Policy
    ) -> None:
        self.aggregate = aggregate
        self.stream = stream
        self.customer = customer
        self.at = at
        self.cause = cause
        self.policy = policy
        self.command_hash: bytes | None = None
        self.passed: str | None = None


class _Unit:
    """One write transaction: the states it sees, and what it is going to append."""

    __slots__ = (
        "cached",
        "entries",
        "has_erased",
        "position",
        "recorded_at",
        "rules",
        "snapshots",
        "states",
        "writer",
    )

    def __init__(self, writer: Writer, cached: dict[str, State], recorded_at: int) -> None:
        self.writer = writer
        self.cached = cached
        self.recorded_at = recorded_at
        self.has_erased = False
        self.states: dict[str, State] = {}
        self.entries: list[Entry] = []
        self.snapshots: dict[str, State] = {}
        self.position = writer.head.position
        self.rules = _NO_RULES

    def pinned(self, aggregate: Aggregate[Any], state: Any) -> Policy | None:
        """The policy that a stream is decided by for all its life, if it is pinned to one that was adopted."""
        if aggregate.pinned is None:
            return None
        number = aggregate.pinned(state)
        return self.rules.adopted[number - 1] if number and number <= len(self.rules.adopted) else None


class Executor:
    """Executes commands against one log. Thread-safe; any number of processes may write to the same database.

    Args:
        log: The log.
        codec: Encodes and decodes its events.
        keys: Seals and opens personal words.
        aggregates: Every kind of aggregate.
        react: What an event asks of other aggregates.
        only_if: Events that ask nothing unless the customer's aggregate of this kind has begun.
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
        only_if: Mapping[type[Event], str] = MappingProxyType({}),
        clock: Clock,
        snapshot_every: int = 500,
        attempts: int = 5,
    ) -> None:
        self._log = log
        self._database: Database = log.database
        self._codec = codec
        self._keys = keys
        self._react = react
        self._only_if = only_if
        self._clock = clock
        self._snapshot_every = snapshot_every
        self._attempts = attempts
        self._by_command = {command: aggregate for aggregate in aggregates for command in aggregate.commands}
        self._topics: dict[type[Event], Topic] = {topic.event: topic for topic in codec.topics.values()}
        self._lock = RLock()
        self._parsed: dict[tuple[bytes, int | None], Policy] = {}
        self._rules = PolicyBook(), _NO_RULES
        self._repeats = Repeats(self._database, codec, keys, aggregates)
        self._reader = Reader(codec, keys)
        self._known_sql = self._database.compile(
            select(log_table.c.position).where(log_table.c.customer == bindparam("customer")).limit(1)
        )
        self.states = States(log, codec, aggregates)

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
                        rows = self._repeats.rows(unit.writer.connection, command)
                        if rows:
                            before = self._reader.recorded(unit.writer.connection, rows)
                            return Receipt(command_id, tuple(before), repeated=True)
                    decided = self._decide(unit, command, command_id, expected_version)
                    self._take(unit, decided)
                    rows = self._append(unit)
                self._after_commit(unit, own=connection is None)
                first = len(rows) - len(decided.entries)
                own = (recorded_event(rows[first + place], decided.events[place]) for place in decided.own)
                return Receipt(command_id, tuple(own))
            except ConcurrencyConflict as conflict:
                if last or conflict.code in _FINAL:
                    raise
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def execute_many(self, commands: Sequence[Command], report: BatchReport, offset: int) -> None:
        """Execute a batch in one transaction, adding to `report`; `offset` is the index of its first command."""
        for last in self._tries(None):
            outcome = BatchReport(rejections=[])
            try:
                with held_back(), self._unit(None) as unit:
                    self._decide_many(unit, commands, outcome, offset)
                    self._append(unit)
            except ConcurrencyConflict as conflict:
                if last or conflict.code in _FINAL:
                    raise
                continue
            self._after_commit(unit, own=True)
            report.accepted += outcome.accepted
            report.repeated += outcome.repeated
            report.unchanged += outcome.unchanged
            report.events += outcome.events
            report.rejections += outcome.rejections
            return

    def _decide_many(self, unit: _Unit, commands: Sequence[Command], outcome: BatchReport, offset: int) -> None:
        connection = unit.writer.connection
        known = self._repeats.known(connection, [command.command_id for command in commands if command.command_id])
        self._prefetch(unit, commands)
        for index, command in enumerate(commands, start=offset):
            command_id = command.command_id
            try:
                if command_id is None:
                    command_id = uuid4().hex
                elif command_id in known:
                    self._repeats.must_be_same(connection, command, known[command_id])
                    outcome.repeated += 1
                    continue
                decided = self._decide(unit, command, command_id)
            except LogError:
                raise  # no fault of the command's: a wrong master key, a stream that cannot be read
            except RelationsError as error:
                # Kept without its traceback, whose frames would keep this transaction, and its connection, with it.
                error.__context__ = None
                outcome.rejections.append(Rejection(index, command, error.with_traceback(None)))
                continue
            self._take(unit, decided)
            outcome.events += len(decided.entries)
            if not decided.own:
                outcome.unchanged += 1
                continue
            first = decided.entries[decided.own[0]]
            known[command_id] = (first.customer, first.command_hash)
            outcome.accepted += 1

    def _tries(self, connection: Connection | None) -> Iterator[bool]:
        """Yield once a try, saying whether it is the last. A host's own transaction cannot be tried again."""
        attempts = 1 if connection is not None else self._attempts
        for attempt in range(1, attempts + 1):
            yield attempt == attempts
            with self._lock:
                self.states.kept.clear()

    @contextmanager
    def _unit(self, connection: Connection | None) -> Iterator[_Unit]:
        """A unit of work on our own transaction and the kept states, or on the host's with states of its own.

        What a host's transaction sees may vanish with it, so nothing of it is kept.
        """
        if connection is not None:
            # Without our lock: a thread that holds it may be waiting for the log's, which the host holds until it ends.
            with self._log.writing(connection) as writer:
                unit = _Unit(writer, {}, self._now())
                self._refresh_policies(unit)
                yield unit
            return
        with self._lock:
            with self._log.writing() as writer:
                self.states.catch_up(writer)
                unit = _Unit(writer, self.states.kept, self._now())
                self._refresh_policies(unit)
                yield unit
            self.states.keep(unit.states, unit.writer.head.position)

    def _after_commit(self, unit: _Unit, *, own: bool) -> None:
        if own and (unit.has_erased or self._database.purge_owed):
            self._database.purge()
        elif unit.has_erased:
            self._database.purge_owed = True  # the host has yet to commit; whatever we commit next brings it away

    # --- deciding ---------------------------------------------------------------------------------------------------

    def _decide(self, unit: _Unit, command: Command, command_id: str, expected_version: int | None = None) -> _Decided:
        """Decide a command and everything that it leads to. The unit is unchanged until `_take`."""
        if not unit.rules.adopted and not isinstance(command, AdoptPolicy):
            self._adopt_default(unit)
        if command.follows:
            _refuse_alone(command)
        decided = _Decided(command_id, command.actor, [], [], [], {}, deque())
        wanted, cause = command, None
        while True:
            aggregate = self._by_command.get(type(wanted)) or self._unknown(wanted)
            stream = wanted.stream
            found = decided.states.get(stream) or unit.states.get(stream) or unit.cached.get(stream)
            version, state = found or self._state(unit, stream)
            if cause is None and expected_version is not None:
                _must_be_at(expected_version, stream, version)
            at, due = wanted.at, aggregate.due
            if due is not None and version and due(state, wanted, at, unit.rules) is not None:
                version, state = self._let_time_pass(unit, decided, wanted, (version, state))
            knowing = state
            if aggregate.merging is not None and aggregate.merging.next_to(state):
                wanted, (version, state), knowing = self._among_merged(unit, decided, aggregate, wanted)
                stream = wanted.stream
            policy = unit.rules.at(at)
            # Reactions go by the policy in force, also where the stream itself is pinned to an older one.
            new = aggregate.decider.decide(knowing, wanted, unit.pinned(aggregate, state) or policy)
            if new:
                customer = aggregate.customer(state, wanted)
                if type(wanted) in aggregate.of_known:
                    self._must_be_known(unit, decided, customer, aggregate.of_known[type(wanted)])
                here = _Place(aggregate, stream, customer, at, cause, policy)
                if cause is None and command.command_id is not None:
                    here.command_hash = self._repeats.fingerprint(
                        unit.writer.connection, command, customer, unit.recorded_at
                    )
                decided.states[stream] = self._record(unit, decided, here, (version, state), new)
                if len(decided.own) > _REACTIONS_MAX:
                    msg = f"{type(command).__name__} leads to over {_REACTIONS_MAX} events: a circle of reactions?"
                    raise RuntimeError(msg)
            if not decided.pending:
                return decided
            wanted, cause = decided.pending.popleft()

    def _let_time_pass(self, unit: _Unit, decided: _Decided, wanted: Command, found: State) -> State:
        """Do in a stream what fell due before a command that is wanted, each at its moment, as if told of it then.

        What is done bears an id of its own, of the stream's version that it was due at: so it is in the log once.
        """
        stream, aggregate = wanted.stream, self._by_command[type(wanted)]
        for due, state, events in due_before(aggregate, found[1], wanted, unit.rules):
            command = due.command(f"due:{stream}@{found[0]}:{due.at}")
            customer = aggregate.customer(state, command)
            here = _Place(aggregate, stream, customer, due.at, None, unit.rules.at(due.at))
            here.passed = command.command_id
            here.command_hash = self._repeats.fingerprint(unit.writer.connection, command, customer, unit.recorded_at)
            found = decided.states[stream] = self._record(unit, decided, here, found, events)
        return found

    def _among_merged(
        self, unit: _Unit, decided: _Decided, aggregate: Aggregate[Any], wanted: Any
    ) -> tuple[Command, State, Any]:
        """A command to one of several merged ids as one to the id that has what it names.

        Returns:
            The command, that id's version and state, and the state to decide on, which knows of the others.
        """
        merging = aggregate.merging
        assert merging is not None  # noqa: S101 - asked before

        def load(name: str) -> State:
            stream = f"{aggregate.name}-{name}"
            return decided.states.get(stream) or self._state(unit, stream)

        together = states_together(merging, wanted.customer, load(wanted.customer), load)
        states = {name: state for name, (_version, state) in together.items()}
        home = merging.home(wanted, states)
        if home != wanted.customer:
            wanted = wanted.model_copy(update={"customer": home})
        return wanted, together[home], merging.together(wanted, home, states)

    def _must_be_known(self, unit: _Unit, decided: _Decided, name: str, field: str) -> None:
        """Refuse a command to somebody of whom there is nothing in the log, nor about to be."""
        if any(entry.customer == name for entry in (*unit.entries, *decided.entries)):
            return
        cursor = self._database.cursor(unit.writer.connection)
        if cursor.execute(self._known_sql.sql, self._known_sql.bind(customer=name)).fetchone() is None:
            raise CommandRefused(
                f"nothing is recorded of the customer {name}",
                code="unknown_customer",
                field=field,
                hint="Check the id; whoever is only about to become known is registered first (RegisterCustomer)",
            )

    def _record(self, unit: _Unit, decided: _Decided, here: _Place, found: State, new: Sequence[Event]) -> State:
        """Add new events of one stream to a decision, with what they ask of others. Returns the stream's new state."""
        version, state = found
        entries, stream, customer = decided.entries, here.stream, here.customer
        evolve = here.aggregate.decider.evolve
        passed, own = here.passed, decided.own
        for place, event in enumerate(new):
            version += 1
            seq = len(own) if passed is None else place
            topic = self._topics[type(event)]
            sealed = event
            if topic.personal and has_personal(event, topic):
                key = self._keys.need(unit.writer.connection, customer, unit.recorded_at)
                sealed = seal_event(event, topic, customer, key)
            state = evolve(state, sealed)
            entry = (
                stream,
                version,
                event.topic,
                topic.schema,
                customer,
                here.at,
                unit.recorded_at,
                decided.actor if passed is None else "agenda",
                decided.command_id if passed is None else passed,
                seq,
                None if seq else here.command_hash,
                here.cause,
                self._codec.encode(sealed),
            )
            if passed is None:
                own.append(len(entries))
            entries.append(_entry(Entry, entry))
            decided.events.append(event)
            kind = self._only_if.get(type(event))
            if kind is not None and self._is_unknown(unit, f"{kind}-{customer}", decided.states):
                continue
            envelope = Envelope(
                position=unit.position + len(entries),
                stream=stream,
                version=version,
                customer=customer,
                occurred_at=here.at,
                recorded_at=unit.recorded_at,
            )
            led_to = self._react(event, envelope, here.policy)
            if led_to:
                decided.pending.extend((reaction, f"{stream}@{version}") for reaction in led_to)
        return version, state

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
        for seq, event in enumerate(decided.events):
            if type(event) is CustomerErased:
                # Now and not at the end: what comes later in the same batch finds no key any more.
                self._keys.destroy(unit.writer.connection, decided.entries[seq].customer, unit.recorded_at)
                unit.has_erased = True
        if _POLICY_STREAM in decided.states:
            self._refresh_policies(unit)

    def _append(self, unit: _Unit) -> list[tuple[Any, ...]]:
        """Write what the unit has taken, in one go, and return it as stored."""
        if not unit.entries:
            return []
        try:
            rows = unit.writer.append(unit.entries)
        except self._database.integrity_error as error:
            raise ConcurrencyConflict("another writer took the place of an event", hint="Try again") from error
        self.states.snapshot(unit.writer, unit.snapshots)
        return rows

    def _now(self) -> int:
        return to_micros(self._clock())

    def _is_unknown(self, unit: _Unit, stream: str, states: dict[str, State]) -> bool:
        """Whether nothing has happened in a stream yet."""
        found = states.get(stream) or unit.states.get(stream) or unit.cached.get(stream)
        if found is None:
            found = self._state(unit, stream)
        return found[0] == 0

    def _unknown(self, command: Command) -> NoReturn:
        raise InvalidInput(
            f"{type(command).__name__} is not a command of this engine", code="unknown_command", field="command"
        )

    # --- policies ---------------------------------------------------------------------------------------------------

    def _refresh_policies(self, unit: _Unit) -> None:
        _version, book = self._state(unit, _POLICY_STREAM)
        unit.rules = self.rules_of(book)

    def rules_of(self, book: PolicyBook) -> InForce:
        """The policies of a book and when each is in force, parsed once."""
        known, rules = self._rules
        if known is not book:
            rules = InForce(self._policy_of(adoption) for adoption in book.adoptions)
            self._rules = book, rules
        return rules

    def _policy_of(self, adoption: Adoption) -> Policy:
        key = bytes(adoption.policy), adoption.effective_from
        policy = self._parsed.get(key)
        if policy is None:
            policy = Policy.model_validate_json(key[0]).model_copy(update={"effective_from": key[1]})
            self._parsed[key] = policy
        return policy

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

    def _state(self, unit: _Unit, stream: str) -> State:
        found = unit.states.get(stream) or unit.cached.get(stream)
        if found is None:
            found = unit.cached[stream] = self.states.load(unit.writer.connection, stream)
        return found

    def _prefetch(self, unit: _Unit, commands: Sequence[Command]) -> None:
        """Load the streams of a batch that are not in memory, in a few queries instead of one each."""
        missing = {command.stream for command in commands if type(command) in self._by_command}
        # Where a reaction may lead is not known yet; a customer's account is where most of them do.
        missing |= {f"loyalty-{name}" for name in {getattr(command, "customer", None) for command in commands} if name}
        self.states.load_many(unit.writer.connection, list(missing - unit.cached.keys()), unit.cached)


def _refuse_alone(command: Command) -> NoReturn:
    """A command that only events ask for is not a caller's: it would bring about one half of something."""
    raise CommandRefused(
        f"{type(command).__name__} follows from {command.follows} and is not sent by itself",
        code="only_follows",
        field="command",
        hint=f"Send {command.follows}",
    )


def _must_be_at(expected: int, stream: str, version: int) -> None:
    if version != expected:
        raise ConcurrencyConflict(
            f"{stream} is at version {version}, not {expected}",
            code="version_conflict",
            hint="Read it again and decide anew",
        )
