"""Execution of commands.

Decisions are made under the log's write lock on the newest state, so two writers never decide on the same past. Folded
states stay in memory and are updated with the events that others have appended. A lone writer loads nothing. See
`docs/explanation/execution.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from threading import RLock
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from relations.decider import Aggregate, Informed
from relations.errors import (
    ConcurrencyConflict,
    InvalidInput,
    LogError,
    OutcomeUnknown,
    RelationsError,
    StoreError,
)
from relations.execution.deciding import Clock, CommandDecider, Reactions
from relations.execution.idempotency import Known, Repeats
from relations.execution.receipts import BatchReport, Receipt, Rejection
from relations.execution.sharing import Also, Join, Pending, SharedCommits
from relations.execution.state_cache import StateCache
from relations.execution.states import States
from relations.execution.unit import Unit
from relations.log.codec import Codec
from relations.log.connections import lent, must_be_intact
from relations.log.database import Database
from relations.log.failures import is_connection_lost
from relations.log.forking import after_fork
from relations.log.log import Log, Writer
from relations.log.people import Marks
from relations.log.personal import Keys
from relations.log.reader import Reader, recorded_event
from relations.messages import Command, Event, to_micros
from relations.projections.gc_pause import collector_paused

__all__ = ["Clock", "Executor"]

_Decided = TypeVar("_Decided")

_FINAL = ("version_conflict", "log_busy", "own_transaction")
"""Conflicts that a new attempt does not resolve: the caller's own, and a timeout of the lock."""

_PREFETCHED = 250
"""The streams of this many commands of a batch are loaded at once."""

_FAILED_HOSTS_MAX = 4
"""After this many failures of what hosts write, the other commands of a group are executed each on its own."""


class Executor:
    """An executor of commands on one log. Thread-safe; any number of processes may write to the same database.

    Args:
        log: The log.
        codec: Encodes and decodes its events.
        keys: Seals and opens personal fields.
        aggregates: Every kind of aggregate.
        reactions: The commands that events lead to in other aggregates.
        only_if: Events that lead to nothing unless the customer's aggregate of this kind has begun.
        informed: Commands that take a fact from another aggregate of their customer.
        clock: Returns the time at which the log records an event.
        snapshot_every: Keep a snapshot of a stream each time it has grown by this many events; a long one, by more.
        attempts: The number of attempts against other writers before the conflict is raised.

    Attributes:
        aggregates: Every kind of aggregate.
        states: The states of the log's streams.
        repeats: The lookup of command ids.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        keys: Keys,
        *,
        aggregates: Sequence[Aggregate[Any]],
        reactions: Reactions,
        marks: Marks | None = None,
        only_if: Mapping[type[Event], str] = MappingProxyType({}),
        informed: Mapping[type[Command], Informed] = MappingProxyType({}),
        clock: Clock,
        snapshot_every: int = 500,
        attempts: int = 5,
    ) -> None:
        self.aggregates = tuple(aggregates)
        self._log = log
        self._database: Database = log.database
        self._clock = clock
        self._snapshot_every = snapshot_every
        self._attempts = attempts
        self._lock = RLock()
        self.repeats = Repeats(self._database, codec, keys, aggregates)
        self._reader = Reader(codec, keys)
        self.states = States(log, codec, aggregates)
        self._decider = CommandDecider(
            log,
            codec,
            keys,
            self.states,
            self.repeats,
            aggregates=aggregates,
            reactions=reactions,
            marks=marks,
            only_if=only_if,
            informed=informed,
            clock=clock,
        )
        self.rules = self._decider.rules
        self._shared = SharedCommits(self._execute_group)
        after_fork(self)

    def forked(self) -> None:
        """Use a lock of its own in a child process; another thread of the parent may hold the one that came over."""
        self._lock = RLock()
        self._shared = SharedCommits(self._execute_group)
        self.states.forget()

    # --- commands ---------------------------------------------------------------------------------------------------

    def execute(
        self,
        command: Command,
        connection: Connection | None = None,
        expected_version: int | None = None,
        also: Also | None = None,
    ) -> Receipt:
        """Execute one command; see `Relations.execute`."""
        pending = Pending(command, command.command_id or uuid4().hex, expected_version, also)
        if connection is not None:
            self._execute_in_host(pending, connection)
        else:
            # The transaction may be another caller's, but not the one that waits for this thread's own.
            self._database.held.refuse_wait()
            self._shared.submit(pending)
        if pending.error is not None:
            raise pending.error
        return _receipt(pending)

    def _execute_in_host(self, pending: Pending, connection: Connection) -> None:
        if pending.also is not None or connection is self._database.held.lent:
            raise InvalidInput(
                "`also` writes in the engine's transaction, and `connection` is for a transaction of yours",
                code="also_not_applicable",
                field="also",
                hint="Write your rows on that connection yourself, or omit `connection`",
            )
        with self._unit_in_host(connection, pending.command.command_id or "") as unit:
            self._decide_pending(unit, pending, is_new=not unit.writer.is_known)
            _give_rows(unit, [pending])

    def _execute_group(self, group: list[Pending], join: Join) -> None:
        """Execute commands in one transaction and answer them; `join` adds those that wait by now to the group."""
        try:
            self._commit_group(group, join)
        except OutcomeUnknown as error:
            for pending in group:
                pending.error = OutcomeUnknown(command_id=pending.command_id)
                pending.error.__cause__ = error
        except (ConcurrencyConflict, StoreError) as error:
            for pending in group:
                pending.error = error if len(group) == 1 else copy(error)
        except Exception as error:
            # Not a refusal: a fault in one command's rules. Alone, each of the others is not hurt by it.
            if len(group) == 1:
                group[0].error = error
            else:
                for pending in group:
                    self._execute_group([pending], _join_nobody)
        for pending in group:
            pending.is_answered = True

    def _commit_group(self, group: list[Pending], join: Join) -> None:
        while True:
            try:
                self._in_unit(self._decide_group, group, join, command_id=group[0].command.command_id or "")
            except _NothingToCommit:
                break
            except _HostFailed as failed:
                failed.pending.fail(failed.error)
                if sum(pending.has_failed for pending in group) > _FAILED_HOSTS_MAX:
                    raise
            else:
                break
        for pending in group:
            if pending.error is None and self._may_have_erased(pending):
                self._after_commit(changes_nothing=True)
                return
        self._after_commit(changes_nothing=False)

    def _may_have_erased(self, pending: Pending) -> bool:
        """Return whether a command that recorded nothing may have erased somebody when it was executed before."""
        if pending.decision is not None:
            return not pending.decision.entries
        return any(self._decider.erases(recorded.event) for recorded in pending.rows)

    def _decide_group(self, unit: Unit, group: list[Pending], join: Join) -> None:
        for pending in group:
            pending.reset()
        looked_up, new = 1, frozenset[str]()
        for number, pending in enumerate(group):  # which grows while it is gone through
            if number == looked_up:
                looked_up, new = len(group), self._new_ids(unit, group[number:])
            try:
                if not pending.has_failed:
                    is_new = pending.command_id in new if number else not unit.writer.is_known
                    self._decide_pending(unit, pending, is_new=is_new)
            except RelationsError as error:
                if isinstance(error, StoreError) or (isinstance(error, ConcurrencyConflict) and _may_try_again(error)):
                    raise  # the transaction failed, and not only this command
                pending.error = error
            if pending is group[-1]:
                join(group)
        if _is_refused(group):
            raise _NothingToCommit
        _give_rows(unit, group)
        for pending in group:
            if pending.also is not None:
                self._write_hosts_rows(unit, group)
                break

    def _write_hosts_rows(self, unit: Unit, group: Sequence[Pending]) -> None:
        """Let the hosts write what belongs to the commands that have recorded events."""
        writing = [each for each in group if each.also is not None and each.decision and each.decision.own]
        if not writing:
            return
        with lent(unit.writer.connection, self._database.held) as connection:
            for pending in writing:
                try:
                    pending.write_also(connection, _receipt(pending))
                    must_be_intact(connection)
                except Exception as error:
                    if is_connection_lost(error):
                        raise  # the transaction is lost, and not only this command
                    raise _HostFailed(pending, error) from error

    def _new_ids(self, unit: Unit, group: Sequence[Pending]) -> frozenset[str]:
        """Look several commands' ids up at once, and return those that the log does not have."""
        ids = [pending.command_id for pending in group if pending.command.command_id]
        if len(ids) < 2:
            return frozenset()  # to be looked up together with its rows
        return frozenset(ids) - self.repeats.known(unit.writer.connection, ids).keys()

    def _decide_pending(self, unit: Unit, pending: Pending, *, is_new: bool) -> None:
        """Decide a command within a unit, or find what it led to when it was executed before.

        Args:
            unit: The unit.
            pending: The command.
            is_new: True if the log is known not to have its id.
        """
        command = pending.command
        rows = [] if is_new or not command.command_id else self.repeats.rows(unit.writer, command)
        if rows:
            pending.rows = tuple(self._reader.recorded(unit.writer.connection, rows))
            return
        pending.decision = self._decider.decide(unit, command, pending.command_id, pending.expected_version)
        self._decider.take(unit, pending.decision)
        pending.end = len(unit.entries)

    def execute_many(self, commands: Sequence[Command], report: BatchReport, offset: int) -> None:
        """Execute a batch and add to `report`; `offset` is the index of its first command.

        It is one transaction, or several where the states of long streams do not fit in memory together.
        """

        def decide(unit: Unit) -> tuple[BatchReport, int, bool]:
            outcome = BatchReport(rejections=[])
            end = self._decide_many(unit, commands[start:], outcome, offset + start)
            unit.append()
            return outcome, end, not unit.entries

        start = 0
        while start < len(commands):
            with collector_paused():
                outcome, decided, changes_nothing = self._in_unit(decide)
            self._after_commit(changes_nothing=changes_nothing)
            report.add(outcome)
            start += decided

    def _decide_many(self, unit: Unit, commands: Sequence[Command], outcome: BatchReport, offset: int) -> int:
        """Decide commands until the unit is full, and return how many."""
        known = self.repeats.known(
            unit.writer.connection, [command.command_id for command in commands if command.command_id]
        )
        decided = 0
        while decided < len(commands) and not (decided and unit.is_full):
            part = commands[decided : decided + _PREFETCHED]
            unit.prefetch(self._decider.streams(part))
            self._decide_part(unit, part, known, outcome, offset + decided)
            decided += len(part)
        return decided

    def _decide_part(
        self,
        unit: Unit,
        commands: Sequence[Command],
        known: dict[str, Known],
        outcome: BatchReport,
        offset: int,
    ) -> None:
        connection = unit.writer.connection
        for index, command in enumerate(commands, start=offset):
            command_id = command.command_id
            try:
                if command_id is None:
                    command_id = uuid4().hex
                elif command_id in known:
                    self.repeats.must_be_same(connection, command, known[command_id])
                    outcome.repeated += 1
                    continue
                decision = self._decider.decide(unit, command, command_id)
            except LogError:
                raise  # not the command's fault: a wrong master key, a stream that cannot be read
            except RelationsError as error:
                # Without its traceback, whose frames would keep this transaction and its connection alive.
                error.__context__ = None
                outcome.rejections.append(Rejection(index, command, error.with_traceback(None)))
                continue
            self._decider.take(unit, decision)
            outcome.events += len(decision.entries)
            if not decision.own:
                outcome.unchanged += 1
                continue
            first = decision.entries[decision.own[0]]
            known[command_id] = (first.customer, first.command_hash)
            outcome.accepted += 1

    def _in_unit(self, decide: Callable[..., _Decided], *given: Any, command_id: str = "") -> _Decided:
        """Decide within a unit on a transaction of our own, and commit it; again where another writer was faster.

        Args:
            decide: Decides within the unit.
            given: What it needs besides the unit.
            command_id: The id of the first command, which is looked up together with the log's head.
        """
        attempt = 1
        while True:
            try:
                with self._lock:
                    with self._log.writing(command_id=command_id) as writer:
                        unit = self._unit(writer)
                        decided = decide(unit, *given)
                    self.states.keep(unit.states, writer.head)
            except (ConcurrencyConflict, StoreError) as error:
                if attempt == self._attempts or not _may_try_again(error):
                    raise
                self._note_conflict()
                with self._lock:
                    self.states.forget()
                attempt += 1
            else:
                return decided

    @contextmanager
    def _unit_in_host(self, connection: Connection, command_id: str) -> Iterator[Unit]:
        """Open a unit on a host's own transaction, which cannot be tried again.

        A host may roll back what is cached of its transaction. The digest that the states are kept with is then not in
        the log, and the next unit forgets them.
        """
        with self._log.writing(connection, command_id=command_id) as writer:
            # Without waiting: a thread that holds our lock may wait for the log's, which the host holds.
            if not self._lock.acquire(blocking=False):
                yield self._begun(writer, self.states.new_cache())
                return
            try:
                unit = self._unit(writer)
                yield unit
                self.states.keep(unit.states, writer.head)
            finally:
                self._lock.release()

    def _unit(self, writer: Writer) -> Unit:
        """Return a unit on the cached states, brought up to date. The caller holds our lock."""
        self.states.catch_up(writer)
        return self._begun(writer, self.states.cached)

    def _begun(self, writer: Writer, cached: StateCache) -> Unit:
        recorded_at = to_micros(self._clock())
        return self._decider.begun(Unit(writer, self.states, cached, recorded_at, self._snapshot_every))

    def _note_conflict(self) -> None:
        for observer in self._database.observers.all:
            observer.conflicted()

    def _after_commit(self, *, changes_nothing: bool) -> None:
        # An erasure that a host has yet to commit is purged after our next commit, or when the log is opened again. A
        # command that changes nothing may be an erasure sent again because the first one's purge was cut short.
        if self._database.purge_owed or changes_nothing:
            self._database.purge()


class _NothingToCommit(Exception):
    """No command of a group records anything, so its transaction is rolled back."""


class _HostFailed(Exception):
    """The failure of what a host writes in the transaction of its command, which is then rolled back."""

    def __init__(self, pending: Pending, error: Exception) -> None:
        super().__init__()
        self.pending = pending
        self.error = error


def _join_nobody(_group: list[Pending]) -> None:
    """Leave a group as it is."""


def _receipt(pending: Pending) -> Receipt:
    rows, decision = pending.rows, pending.decision
    if decision is None:
        return Receipt(pending.command_id, tuple(rows), repeated=True)
    own = [recorded_event(rows[index], decision.events[index]) for index in decision.own]
    return Receipt(pending.command_id, tuple(own))


def _give_rows(unit: Unit, group: Sequence[Pending]) -> None:
    """Append what was decided, and give each command its rows."""
    rows = unit.append()
    for pending in group:
        if pending.decision is not None:
            pending.rows = rows[pending.end - len(pending.decision.entries) : pending.end]


def _is_refused(group: Sequence[Pending]) -> bool:
    """Return whether commands of a group were refused, and none of the others was decided."""
    refused = False
    for pending in group:
        if pending.decision is not None:
            return False
        refused = refused or pending.error is not None
    return refused


def _may_try_again(error: ConcurrencyConflict | StoreError) -> bool:
    if isinstance(error, StoreError):
        return error.code == "connection_lost"  # before the commit, so nothing was recorded
    return error.code not in _FINAL
