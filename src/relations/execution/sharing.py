"""Shared commits: callers that execute commands at the same time share transactions.

Waiting for the disk takes longer than deciding. So one caller leads: it opens a transaction, decides every command
that waits, its own first, and commits once. The others sleep until their commands are answered. At the end it wakes
them, and one that has come meanwhile leads next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from threading import Lock
from typing import Any, TypeAlias

from sqlalchemy import Connection

from relations.errors import OutcomeUnknown
from relations.execution.receipts import Receipt
from relations.execution.unit import Decision
from relations.messages import Command

__all__ = ["Also", "Join", "Pending", "SharedCommits"]

Also: TypeAlias = Callable[[Connection, Receipt], object]
"""What a host writes in the transaction of a command, on the connection of that transaction."""

_COMMANDS_MAX = 256
"""The most commands that share a transaction."""


class Pending:
    """One command, from its call to its answer.

    Attributes:
        command: The command.
        command_id: The caller's id of it, or one that was made for this call.
        expected_version: The version at which its stream must be; None for any.
        also: What the host writes in the same transaction.
        has_failed: True if that raised an error. The command is then left out of the group.
        decision: What was recorded for it; None if it was refused or is a repetition.
        rows: The rows of the log: those of the decision, or those that the first such command led to.
        end: The number of the unit's entries once this command was decided.
        error: Why it was not executed.
        is_answered: True once the transaction has ended.
    """

    has_failed = False
    decision: Decision | None = None
    rows: Sequence[Any] = ()
    end = 0
    error: BaseException | None = None
    is_answered = False
    woken: Lock | None = None

    def __init__(
        self, command: Command, command_id: str, expected_version: int | None = None, also: Also | None = None
    ) -> None:
        self.command = command
        self.command_id = command_id
        self.expected_version = expected_version
        self.also = also
        self._context = None if also is None else copy_context()

    def reset(self) -> None:
        """Forget the answer of a transaction that was rolled back."""
        self.decision, self.rows = None, ()
        if not self.has_failed:
            self.error = None

    def write_also(self, connection: Connection, receipt: Receipt) -> None:
        """Let the host write, with the values of the caller's context: another caller may lead."""
        if self.also is not None and self._context is not None:
            self._context.run(self.also, connection, receipt)

    def fail(self, error: Exception) -> None:
        """Answer the command with the error that the host's own writing raised."""
        self.reset()
        self.has_failed, self.error = True, error

    def wake(self) -> None:
        """Wake the caller: its command was answered, or it leads."""
        if self.woken is not None:
            self.woken.release()


Join: TypeAlias = Callable[[list[Pending]], None]
"""Adds the commands that wait by now to a group."""


class SharedCommits:
    """The callers whose commands wait for a transaction, and the one that leads.

    Args:
        execute: Executes a group of commands in a transaction, and answers each. It is given the leader's command in a
            list, and a function that adds those that wait by now.
    """

    def __init__(self, execute: Callable[[list[Pending], Join], None]) -> None:
        self._execute = execute
        self._lock = Lock()
        self._waiting: deque[Pending] = deque()
        self._is_led = False

    def submit(self, pending: Pending) -> None:
        """Have a command executed, in this thread or by the caller that leads. Return when it is answered."""
        with self._lock:
            leads = not self._is_led
            if leads:
                self._is_led = True
            else:
                pending.woken = Lock()
                pending.woken.acquire()
                self._waiting.append(pending)
        if leads or self._leads_after_waiting(pending):
            self._lead(pending)

    def _leads_after_waiting(self, pending: Pending) -> bool:
        assert pending.woken is not None  # noqa: S101 - it was queued with one
        try:
            pending.woken.acquire()
        except BaseException:  # the caller was interrupted, so it must not be waited for as the next leader
            with self._lock:
                if pending in self._waiting:
                    self._waiting.remove(pending)
                    raise
            if not pending.is_answered and not pending.woken.acquire(blocking=False):
                raise  # its command is under way
            if not pending.is_answered:
                self._hand_over([])
            raise
        return not pending.is_answered

    def _lead(self, pending: Pending) -> None:
        group = [pending]
        try:
            self._execute(group, self._join)
        finally:
            self._hand_over(group)

    def _join(self, group: list[Pending]) -> None:
        """Add the commands that wait. One with an id that the group has already waits for the next transaction."""
        if not self._waiting:
            return
        with self._lock:
            ids = {each.command_id for each in group}
            rest: deque[Pending] = deque()
            for each in self._waiting:
                if each.command_id in ids or len(group) >= _COMMANDS_MAX:
                    rest.append(each)
                else:
                    ids.add(each.command_id)
                    group.append(each)
            self._waiting = rest

    def _hand_over(self, group: Sequence[Pending]) -> None:
        """Wake the callers of a group, and then the one that leads next."""
        for each in group:
            if not each.is_answered:  # the leader was interrupted, perhaps while it committed
                each.error = OutcomeUnknown(command_id=each.command_id)
                each.is_answered = True
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            self._is_led = following is not None
        for each in group:
            if each.woken is not None:
                each.wake()
        if following is not None:
            following.wake()
