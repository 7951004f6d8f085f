"""One run of an import: its batches and counts, and the rows that earlier runs decided."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
from pydantic import BaseModel, ConfigDict

from relations.aggregates.customer import GiveConsent, WithdrawConsent
from relations.errors import InvalidInput, RelationsError, SourceError
from relations.exchange.files.rejects import RejectedRow, RejectsWriter, Verdicts, rejected
from relations.exchange.files.sources import SourceFile
from relations.exchange.jsonlines.events import known_command_ids
from relations.messages import Command

if TYPE_CHECKING:
    from relations.engine import Rejection, Relations

__all__ = ["ImportProgress", "ImportReport", "OnProgress", "Run"]

_EXAMPLES = 5


class ImportProgress(NamedTuple):
    """The progress of an import.

    Attributes:
        rows: Rows read so far.
        accepted: Accepted rows.
        rejected: Rejected rows.
        bytes_read: Bytes read of the file.
        bytes_total: The file's size in bytes.
        seconds: Seconds since the import began.
    """

    rows: int
    accepted: int
    rejected: int
    bytes_read: int
    bytes_total: int
    seconds: float


class ImportReport(BaseModel):
    """The result of an import. Always rows = accepted + rejected.

    Attributes:
        source: The import's name.
        path: The file.
        rows: Rows in the file.
        accepted: Rows whose commands were all accepted, now or in an earlier run.
        rejected: Rows that were rejected, or of which a command was refused.
        commands: Commands made of the rows.
        recorded: Commands recorded now.
        repeated: Commands that the log already had.
        unchanged: Commands without effect.
        passed_over: Commands that an earlier run decided without recording anything; not decided again.
        refused: Commands refused.
        events: Events recorded now.
        by_reason: Rejected rows by code.
        notes: Accepted rows with a note, by code.
        note_reasons: The meaning of each note's code.
        examples: The first few rejected rows of each code.
        unread: The file's columns that the mapping does not read.
        unread_files: An archive's files that the mapping does not read.
        footer: Lines below the rows, such as a copyright, which are not rows.
        rejects: The file of rejected rows, if one was asked for.
        seconds: Seconds that the import took.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    path: str
    rows: int
    accepted: int
    rejected: int
    commands: int
    recorded: int
    repeated: int
    unchanged: int
    passed_over: int
    refused: int
    events: int
    by_reason: dict[str, int]
    notes: dict[str, int] = {}
    note_reasons: dict[str, str] = {}
    examples: list[dict[str, object]] = []
    unread: list[str] = []
    unread_files: list[str] = []
    footer: int = 0
    rejects: str | None = None
    seconds: float


OnProgress = Callable[[ImportProgress], object]
Lines = Sequence[tuple[int, dict[str, Any]]]
"""The numbers and texts of a row, or of the rows of a group."""


class _Waiting(NamedTuple):
    """A row of the batch, or the rows of a group.

    Attributes:
        lines: The numbers and texts of the rows.
        commands: Commands of theirs in the batch.
        refused: The error that they are rejected with, if it is known already.
    """

    lines: Lines
    commands: int
    refused: list[RejectedRow]


class Run:
    """One run of an import.

    Args:
        engine: The engine.
        name: The import's name.
        path: The file.
        file: The file, opened.
        rejects: The file for rejected rows.
        on_progress: The function to call after each batch.
        batch: The most commands in a transaction.
        notes: The file for accepted rows with a note.
        reject_values: False leaves the rows' values out of both files.
    """

    def __init__(
        self,
        engine: Relations,
        name: str,
        path: Path,
        file: SourceFile,
        rejects: str | Path | None,
        on_progress: OnProgress | None,
        batch: int,
        *,
        notes: str | Path | None = None,
        reject_values: bool = True,
    ) -> None:
        self.engine = engine
        self.name = name
        self.path = path
        self.file = file
        self.rejects_path = None if rejects is None else Path(rejects)
        self.rejects = RejectsWriter(self.rejects_path, values=reject_values)
        self.noted = RejectsWriter(None if notes is None else Path(notes), values=reject_values)
        self.on_progress = on_progress
        self.batch = batch
        self.counts: Counter[str] = Counter()
        self.by_reason: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.examples: list[RejectedRow] = []
        self.commands: list[Command] = []
        self.waiting: list[_Waiting] = []
        self.turned_away: list[RejectedRow] = []
        self.note_lines: list[RejectedRow] = []
        self.earlier = Earlier.of(set(), name, Verdicts({}, 0), frozenset())
        self.named: set[str] = set()
        self.begun = time.monotonic()

    def resume(self, verdicts: Verdicts, corrected: frozenset[int]) -> None:
        """Find the rows that earlier runs decided."""
        known = known_command_ids(self.engine, self.name)
        self.earlier = Earlier.of(known, self.name, verdicts, corrected)

    def check_continues(self, rows: Iterable[tuple[int, Sequence[Command]]]) -> None:
        """Check that rows which were imported before are the same now.

        Ids that are made of a row's number identify it only while the file keeps its rows in their places.

        Args:
            rows: The rows with their commands.

        Raises:
            SourceError: A command that the log has under a row's id is another one now. Nothing has been recorded.
        """
        pending: dict[str, tuple[int, Command]] = {}
        for row, commands in rows:
            if row > self.earlier.row:
                break
            for command in commands:
                if self.earlier.made_of_row(command, row, self.name):
                    pending[command.command_id or ""] = (row, command)
            if len(pending) >= self.batch:
                self._check_same(pending)
                pending = {}
        self._check_same(pending)

    def _check_same(self, pending: dict[str, tuple[int, Command]]) -> None:
        changed = self.engine.first_changed([command for _, command in pending.values()])
        if changed is not None:
            raise SourceError(
                f"{self.path} does not continue the file that was imported as {self.name!r}: "
                f"row {pending[changed.command_id or ''][0]} was another row then, or the mapping has changed; "
                "nothing was recorded",
                code="not_a_continuation",
                hint="Import the file under another name, or give rows ids of their own with `command_id` in the "
                "mapping. Pass rejected rows that you corrected as corrected rows",
            )

    def reject(self, lines: Lines, error: RelationsError) -> None:
        """Reject a row, or the rows of a group."""
        self.turned_away += [rejected(row, raw, error, self.name) for row, raw in lines]
        self._flush_when_full()

    def take(self, lines: Lines, commands: list[Command]) -> None:
        """Add the commands of a row to the batch, without those that an earlier run decided."""
        refused: list[RejectedRow] = []
        row = lines[0][0]
        if row <= self.earlier.row and not self._is_corrected(lines):
            new = [command for command in commands if not self.earlier.passed(command, row, self.name)]
            if len(new) < len(commands):
                decided = [command for command in commands if command not in new]
                refused = self._decided_before(lines, decided)
                self.counts["commands"] += len(decided)
                commands = new
        self.commands += commands
        self.waiting.append(_Waiting(lines, len(commands), refused))
        self._flush_when_full()

    def _is_corrected(self, lines: Lines) -> bool:
        earlier = self.earlier
        return lines[0][0] in earlier.corrected or any(earlier.verdicts.is_corrected(row, raw) for row, raw in lines)

    def is_withdrawn(self, command: Command) -> bool:
        """Return true if the consent that a command gives has been withdrawn, also in the present batch."""
        if not isinstance(command, GiveConsent):
            return False
        if any(isinstance(each, WithdrawConsent) and each.stream == command.stream for each in self.commands):
            self.flush()
        if not self.engine.view_context.is_recorded((command.customer,)):
            return False  # nothing is recorded of this customer yet
        consents = self.engine.views.customers.consents(command.customer)
        return any(
            not each.allowed and (each.purpose, each.channel) == (command.purpose, command.channel) for each in consents
        )

    def is_known(self, command: Command) -> bool:
        """Return true if the log knows the customer of a command, or an earlier row of the present batch names them."""
        customer = command.stream.removeprefix("customer-")
        if customer in self.named:
            return True
        self.named.add(customer)
        return self.engine.view_context.is_recorded((customer,))

    def note(self, row: int, raw: dict[str, Any], codes: Sequence[str], reasons: dict[str, str]) -> None:
        """List an accepted row with its notes."""
        self.notes.update(codes)
        self.note_lines += [rejected(row, raw, InvalidInput(reasons[code], code=code), self.name) for code in codes]

    def _decided_before(self, lines: Lines, commands: list[Command]) -> list[RejectedRow]:
        """Return the rejected rows of commands that an earlier run decided without recording anything."""
        row = lines[0][0]
        verdict = self.earlier.verdicts.refused.get(row)
        if verdict is None and row > self.earlier.verdicts.through:
            error = next((error for each in commands if (error := self._decided_now(each)) is not None), None)
            if error is not None:
                self.counts["refused"] += len(commands)
                return [rejected(number, raw, error, self.name) for number, raw in lines]
        if verdict is None:
            self.counts["passed_over"] += len(commands)
            return []
        self.counts["refused"] += len(commands)
        return [
            rejected(number, raw, verdict.error, self.name, command=verdict.command, recorded=verdict.recorded)
            for number, raw in lines
        ]

    def _decided_now(self, command: Command) -> RelationsError | None:
        """Decide a command without recording it. Return None where it has no effect, otherwise an error.

        An earlier run recorded nothing of the command. Where it has no effect now, it had none then. Where it would
        record something now, it may have been refused then, and the state has changed since.
        """
        with self.engine.log.database.engine.connect() as connection, connection.begin() as transaction:
            try:
                receipt = self.engine.execute(command, connection=connection)
            except RelationsError as error:
                refusal: RelationsError | None = error
            else:
                refusal = None if not receipt.events else _not_recorded_before()
            transaction.rollback()
        return refusal if refusal is None else _not_recorded_before()

    def _flush_when_full(self) -> None:
        if len(self.commands) >= self.batch or len(self.waiting) + len(self.turned_away) >= 5 * self.batch:
            self.flush()

    def flush(self) -> None:
        """Execute the batch, and write its rejected rows."""
        errors: dict[int, tuple[str, RelationsError, int]] = {}
        if self.commands:
            outcome = self.engine.execute_many(self.commands, batch=len(self.commands))
            self.counts["commands"] += len(self.commands)
            self.counts["recorded"] += outcome.accepted
            self.counts["repeated"] += outcome.repeated
            self.counts["unchanged"] += outcome.unchanged
            self.counts["events"] += outcome.events
            self.counts["refused"] += len(outcome.rejections)
            errors = self._by_waiting(outcome.rejections)
        lines = [*self.turned_away, *self._refused_rows(errors)]
        self._count(lines)
        accepted = (row for waiting in self.waiting for row, _ in waiting.lines)
        last = max([*accepted, *(row.row for row in self.turned_away)], default=0)
        self.rejects.write(sorted(lines, key=lambda line: line.row), last)
        self.noted.write(self.note_lines, last)
        self.commands, self.waiting, self.turned_away, self.note_lines = [], [], [], []
        self.named.clear()
        if self.on_progress is not None:
            self.on_progress(self._progress())

    def _refused_rows(self, errors: dict[int, tuple[str, RelationsError, int]]) -> Iterator[RejectedRow]:
        for place, waiting in enumerate(self.waiting):
            if waiting.refused:
                yield from waiting.refused
            elif place in errors:
                command, error, count = errors[place]
                taken = waiting.commands - count
                for row, raw in waiting.lines:
                    yield rejected(row, raw, error, self.name, command=command, recorded=taken)

    def _by_waiting(self, rejections: Sequence[Rejection]) -> dict[int, tuple[str, RelationsError, int]]:
        """Return the first refusal of each waiting row, and the number of its refusals."""
        errors: dict[int, tuple[str, RelationsError, int]] = {}
        refusals = iter(rejections)
        refusal = next(refusals, None)
        end = 0
        for place, waiting in enumerate(self.waiting):
            end += waiting.commands
            while refusal is not None and refusal.index < end:
                first = errors.get(place, (type(refusal.command).__name__, refusal.error, 0))
                errors[place] = (first[0], first[1], first[2] + 1)
                refusal = next(refusals, None)
        return errors

    def _count(self, lines: list[RejectedRow]) -> None:
        self.counts["rows"] += sum(len(waiting.lines) for waiting in self.waiting) + len(self.turned_away)
        self.counts["rejected"] += len(lines)
        for line in lines:
            self.by_reason[line.code] += 1
            if self.by_reason[line.code] <= _EXAMPLES:
                self.examples.append(line)

    def _progress(self) -> ImportProgress:
        rows, refused = self.counts["rows"], self.counts["rejected"]
        seconds = time.monotonic() - self.begun
        return ImportProgress(rows, rows - refused, refused, self.file.bytes_read(), self.file.bytes_total, seconds)

    def report(self, note_reasons: dict[str, str], unread: Iterable[str] = ()) -> ImportReport:
        """Return the result.

        Args:
            note_reasons: The meaning of each note's code.
            unread: The file's columns that the mapping does not read.
        """
        counts = self.counts
        return ImportReport(
            source=self.name,
            path=str(self.path),
            rows=counts["rows"],
            accepted=counts["rows"] - counts["rejected"],
            rejected=counts["rejected"],
            commands=counts["commands"],
            recorded=counts["recorded"],
            repeated=counts["repeated"],
            unchanged=counts["unchanged"],
            passed_over=counts["passed_over"],
            refused=counts["refused"],
            events=counts["events"],
            by_reason=dict(self.by_reason.most_common()),
            notes=dict(self.notes.most_common()),
            note_reasons={code: note_reasons[code] for code in self.notes},
            examples=[msgspec.to_builtins(line) for line in self.examples],
            unread=list(unread),
            unread_files=self.file.left_out,
            footer=self.file.footer(),
            rejects=None if self.rejects_path is None else str(self.rejects_path),
            seconds=time.monotonic() - self.begun,
        )


def _not_recorded_before() -> InvalidInput:
    return InvalidInput(
        "an earlier run decided this row, and the log has nothing of it",
        code="not_recorded_before",
        hint="See the rejected rows of that run; or send this one, to have the row decided again",
    )


class Earlier(NamedTuple):
    """The rows that earlier runs of an import decided.

    Attributes:
        known: The ids of this import's commands in the log.
        row: The last row of which the log has a command. Commands are recorded in order, so all rows before it are
            decided.
        rules: The endings of those ids, one for each rule of the mapping. A rule of which nothing was ever recorded may
            be new, and is decided.
        verdicts: The refusals of earlier runs.
        corrected: Rows that were corrected since, and are decided again.
    """

    known: frozenset[str]
    row: int
    rules: frozenset[str]
    verdicts: Verdicts
    corrected: frozenset[int]

    @classmethod
    def of(cls, known: set[str], name: str, verdicts: Verdicts, corrected: frozenset[int]) -> Self:
        """Return the rows behind the ids in the log: `cdnow:17` and `cdnow:17.2` are of row 17."""
        last, rules = 0, set()
        for command_id in known:
            row, _, rule = command_id[len(name) + 1 :].partition(".")
            if row.isdecimal():
                last = max(last, int(row))
                rules.add(rule)
        return cls(frozenset(known), last, frozenset(rules), verdicts, corrected)

    def made_of_row(self, command: Command, row: int, name: str) -> bool:
        """Return true if the log has a command under an id that is made of this row's number."""
        command_id = command.command_id or ""
        own, _, _ = command_id[len(name) + 1 :].partition(".")
        return command_id in self.known and own == str(row) and row not in self.corrected

    def passed(self, command: Command, row: int, name: str) -> bool:
        """Return true if an earlier run decided this command and recorded nothing."""
        command_id = command.command_id or ""
        own, _, rule = command_id[len(name) + 1 :].partition(".")
        return command_id not in self.known and own == str(row) and rule in self.rules
