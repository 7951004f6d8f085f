"""A unit of work: one write transaction, the states that it sees, and what it is going to append."""

from __future__ import annotations

from collections import deque
from typing import Any

from relations.decider import Aggregate
from relations.errors import ConcurrencyConflict
from relations.execution.state_cache import StateCache
from relations.execution.states import State, States, snapshot_step
from relations.log.log import Entry, Writer
from relations.log.people import PersonalWriter
from relations.messages import Command, Event
from relations.policies import Policy
from relations.policies.in_force import InForce

__all__ = ["Decision", "Unit", "UnitStep"]

_NO_POLICIES = InForce()


class UnitStep:
    """One command to decide: from the caller, a reaction, or the passage of time.

    Attributes:
        aggregate: The kind of the stream.
        at: The command's time, UTC microseconds.
        sent: The command as it was sent.
        command: The command as it is decided, addressed to the merged id that has the entity it names.
        stream: The stream in which it is decided.
        version: The stream's version before it.
        state: The stream's state before it.
        customer: The customer whose history its events belong to.
        cause: `stream@version` of the event that led to it; None for commands from the caller or from time.
        merged: The states of all merged ids, the command's own first; None if there are none.
        home: The id whose stream decides the command, if ids are merged.
        policy: The policy in force at the command's time.
        is_due: True if it comes from the passage of time.
    """

    merged: dict[str, Any] | None = None
    home = ""
    customer = ""
    policy: Policy

    def __init__(
        self,
        aggregate: Aggregate[Any],
        command: Command,
        stream: str,
        found: State,
        cause: str | None = None,
        *,
        is_due: bool = False,
    ) -> None:
        self.aggregate = aggregate
        self.sent = self.command = command
        self.at = command.at
        self.stream = stream
        self.version, self.state = found
        self.cause = cause
        self.is_due = is_due


class Decision:
    """The outcome of one command within a unit, and what is still to be decided for it.

    Attributes:
        command_id: The command's id.
        actor: The command's actor.
        entries: Everything to append for it.
        events: The same events, with personal fields still readable.
        own: The indexes in `entries` of the command's own events. The others fell due before it.
        personal: The events with personal words, still readable, and those that erase; each with its customer.
        states: The new versions and states of the streams that it changes.
        pending: Reactions that are still to be decided, each with its cause.
    """

    __slots__ = ("actor", "command_id", "entries", "events", "own", "pending", "personal", "states")

    def __init__(self, command_id: str, actor: str) -> None:
        self.command_id = command_id
        self.actor = actor
        self.entries: list[Entry] = []
        self.events: list[Event] = []
        self.own: list[int] = []
        self.personal: list[tuple[Event, str]] = []
        self.states: dict[str, State] = {}
        self.pending: deque[tuple[Command, str | None]] = deque()


class Unit:
    """One write transaction of an executor.

    Args:
        writer: The transaction's view of the log.
        states: Loads states that are not in memory.
        cached: The states that are in memory, by stream. Loaded ones are added.
        recorded_at: When the log records these events, in UTC microseconds.
        snapshot_every: Keep a snapshot of a stream each time it has grown by this many events; a long one, by more.

    Attributes:
        writer: The transaction's view of the log.
        recorded_at: When the log records these events.
        position: The position of the last event, including those that are not appended yet.
        rules: The policies and when each is in force.
        latest: The latest time that a command may be dated; None if the policy has no limit.
        personal: The keys and marks of the transaction, once a command has needed any.
        states: The versions and states that this unit leads to, by stream.
        entries: The entries to append.
    """

    __slots__ = (
        "_cached",
        "_snapshot_every",
        "_snapshots",
        "_states",
        "entries",
        "latest",
        "personal",
        "position",
        "recorded_at",
        "rules",
        "states",
        "writer",
    )

    def __init__(
        self, writer: Writer, states: States, cached: StateCache, recorded_at: int, snapshot_every: int
    ) -> None:
        self._states = states
        self._cached = cached
        self._snapshot_every = snapshot_every
        self._snapshots: dict[str, State] = {}
        self.writer = writer
        self.recorded_at = recorded_at
        self.position = writer.head.position
        self.rules = _NO_POLICIES
        self.latest: int | None = None
        self.personal: PersonalWriter | None = None
        self.states: dict[str, State] = {}
        self.entries: list[Entry] = []

    def state(self, stream: str) -> State:
        """Return the version and state of a stream as this unit sees them."""
        found = self.states.get(stream) or self._cached.get(stream)
        if found is None:
            found = self._cached[stream] = self._states.load_by(self.writer.reader, stream)
        return found

    def has_begun(self, stream: str) -> bool:
        """Return True if a stream has any event. Mostly it is only asked for, so this counts as a use of its state."""
        found = self.states.get(stream) or self._cached.use(stream)
        return (found or self.state(stream))[0] > 0

    @property
    def is_full(self) -> bool:
        """True if what was decided should be committed before more states are loaded."""
        return self._cached.is_crowded

    def prefetch(self, streams: set[str]) -> None:
        """Load the streams that are not in memory, in a few queries instead of one each."""
        loaded: dict[str, State] = {}
        self._states.load_many(self.writer.connection, list(streams - self._cached.keys()), loaded)
        self._cached.update(loaded)

    def pinned(self, aggregate: Aggregate[Any], state: Any) -> Policy | None:
        """Return the policy that decides a stream for all its life, or None where it is not pinned to one."""
        if aggregate.pinned is None:
            return None
        number = aggregate.pinned(state)
        return self.rules.adopted[number - 1] if number and number <= len(self.rules.adopted) else None

    def take(self, decision: Decision) -> None:
        """Make a decision part of this unit."""
        self.entries += decision.entries
        self.position += len(decision.entries)
        every = self._snapshot_every
        for stream, found in decision.states.items():
            if found[0] >= every:  # a shorter stream has no snapshot
                before = self.states.get(stream) or self._cached.get(stream) or (0, None)
                step = snapshot_step(found[0], every)
                if found[0] // step > before[0] // step:
                    self._snapshots[stream] = found
            self.states[stream] = found

    def append(self) -> list[tuple[Any, ...]]:
        """Append the unit's entries, and return them as stored.

        Raises:
            ConcurrencyConflict: Another writer has recorded the same version of a stream, or the same command id.
        """
        if not self.entries:
            return []
        try:
            rows = self.writer.append(self.entries)
        except self.writer.integrity_error as error:
            raise ConcurrencyConflict("another writer recorded the same version first", hint="Try again") from error
        if self.personal is not None:
            self.personal.write()
        if self._snapshots:
            self._states.snapshot(self.writer, self._snapshots, rows)
        return rows
