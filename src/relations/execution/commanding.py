"""The commands that an engine executes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from sqlalchemy import Connection

from relations.errors import IdempotencyConflict
from relations.execution.executor import Executor
from relations.execution.idempotency import Repeats
from relations.execution.receipts import BatchReport, Receipt
from relations.execution.sharing import Also
from relations.log.log import Log
from relations.messages import Command
from relations.telemetry import Observed, Observer, is_verbose, logger

__all__ = ["Commanding"]


class Commanding:
    """An engine that executes commands.

    Attributes:
        log: The log of events.
    """

    log: Log
    _executor: Executor
    _repeats: Repeats

    def execute(
        self,
        command: Command,
        *,
        connection: Connection | None = None,
        expected_version: int | None = None,
        also: Also | None = None,
    ) -> Receipt:
        """Execute a command: all its events, and those it leads to, are recorded in one transaction, or nothing is.

        Args:
            command: The command. With a `command_id`, the same command again returns the first receipt.
            connection: The host's own SQLAlchemy connection: the events commit or vanish with the host's rows.
            expected_version: Refuse unless the command's stream is at this version.
            also: Writes rows of the host's own, given the connection on which the events are recorded, and the receipt:
                both commit or vanish together. It is called if the command records events, so not for a repetition.
                If it raises an error, nothing is recorded, and the caller gets that error. All writers of the log wait
                while it runs, so it should do nothing else. It may run in another thread, and again after a rollback.

        Raises:
            CommandRefused: A rule of the domain forbids it.
            IdempotencyConflict: Its id was used for a different command.
            ConcurrencyConflict: The stream is at another version, or others kept writing first.
            InvalidInput: `also` has ended the transaction, or left it broken.
        """
        if observers := self.log.database.observers.of("execute"):
            with Observed(observers, "execute", type(command).__name__) as facts:
                receipt = self._executor.execute(command, connection, expected_version, also)
                facts["receipt"], facts["stream"] = receipt, command.stream
        else:
            receipt = self._executor.execute(command, connection, expected_version, also)
        if is_verbose():
            logger.debug(
                "executed",
                command=type(command).__name__,
                command_id=receipt.command_id,
                stream=command.stream,
                position=receipt.position,
                events=len(receipt.events),
                repeated=receipt.repeated,
            )
        return receipt

    def execute_many(
        self,
        commands: Iterable[Command],
        *,
        batch: int = 1_000,
        on_progress: Callable[[BatchReport], None] | None = None,
    ) -> BatchReport:
        """Execute many commands, one transaction for each batch. Refused ones are reported, the others recorded.

        Each command is all or nothing as in `execute`. A crash loses at most the batch under way, and sending all of it
        again records only what is missing, where commands have ids.

        Args:
            commands: Any iterable; it is read a batch at a time.
            batch: The number of commands in a transaction. It has fewer where their streams are too long for memory.
            on_progress: Called after each batch with the report so far.
        """
        report = BatchReport(rejections=[])
        rest = iter(commands)
        offset = 0
        while part := list(islice(rest, batch)):
            self._execute_batch(part, report, offset)
            offset += len(part)
            if on_progress is not None:
                on_progress(report)
        return report

    def _execute_batch(self, part: Sequence[Command], report: BatchReport, offset: int) -> None:
        if not self.log.database.observers.of("execute_many"):
            self._executor.execute_many(part, report, offset)
            return
        with self.log.database.observed("execute_many", "batch") as facts:
            outcome = BatchReport(rejections=[])
            self._executor.execute_many(part, outcome, offset)
            facts.update(commands=part, offset=offset, report=outcome, events=outcome.events)
            report.add(outcome)

    def observe(self, observer: Observer) -> None:
        """Let an observer see this engine's commands, folds and appends; see `relations.observability`."""
        self.log.database.observers.add(observer)

    def first_changed(self, commands: Sequence[Command]) -> Command | None:
        """Return the first command whose id the log has for a different command, or None."""
        with self.log.database.reading() as connection:
            known = self._repeats.known(connection, [each.command_id for each in commands if each.command_id])
            for command in commands:
                if command.command_id in known:
                    try:
                        self._repeats.must_be_same(connection, command, known[command.command_id])
                    except IdempotencyConflict:
                        return command
        return None

    def is_same_command(self, command: Command, customer: str) -> bool | None:
        """Return whether a command is the one that was recorded under its id; None if the log has no fingerprint.

        Args:
            command: A command with an id.
            customer: The customer of the event that it led to.
        """
        with self.log.database.reading() as connection:
            known = self._repeats.known(connection, [command.command_id or ""]).get(command.command_id or "")
            if known is None or known[1] is None:
                return None
            try:
                self._repeats.must_be_same(connection, command, (customer, known[1]))
            except IdempotencyConflict:
                return False
        return True
