"""One import under way: batches, counts, and what earlier runs of it had come past."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
from pydantic import BaseModel, ConfigDict

from relations.errors import InvalidInput, RelationsError
from relations.exchange.files.rejects import RejectedRow, RejectsWriter, Verdicts, rejected
from relations.exchange.files.sources import SourceFile
from relations.exchange.jsonlines.events import known_command_ids
from relations.messages import Command

if TYPE_CHECKING:
    from relations.engine import Rejection, Relations

__all__ = ["ImportProgress", "ImportReport", "OnProgress", "Run"]

_EXAMPLES = 5


class ImportProgress(NamedTuple):
    """How far an import is.

    Attributes:
        rows: Rows read.
        accepted: Of these, taken.
        rejected: Of these, rejected.
        bytes_read: How far into the file.
        bytes_total: The file's size.
        seconds: Since the import began.
    """

    rows: int
    accepted: int
    rejected: int
    bytes_read: int
    bytes_total: int
    seconds: float


class ImportReport(BaseModel):
    """What became of a file's rows: rows = accepted + rejected, always.

    Attributes:
        source: The import's name.
        path: The file.
        rows: Rows in it.
        accepted: Rows of which every command was taken, now or in an earlier run.
        rejected: Rows that were turned away, or of which a command was refused.
        commands: Commands that the rows gave.
        recorded: Commands recorded now.
        repeated: Commands that the log already held.
        unchanged: Commands that there was nothing left to do for.
        passed_over: Commands that an earlier run came past without recording anything of them; not decided again.
        refused: Commands refused.
        events: Events recorded now.
        by_reason: Rejected rows by code.
        notes: Rows taken and noted, by code.
        note_reasons: What each note's code means.
        examples: The first few rejected rows of each code.
        rejects: The file of rejected rows, where one was asked for.
        seconds: How long it took.
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
    rejects: str | None = None
    seconds: float


OnProgress = Callable[[ImportProgress], object]


class _Waiting(NamedTuple):
    """A row of the batch under way."""

    row: int
    raw: dict[str, Any]
    commands: int
    refused: RejectedRow | None


class Run:
    """One import under way: the batch, the counts, and what earlier runs had come past."""

    def __init__(
        self,
        relations: Relations,
        name: str,
        path: Path,
        file: SourceFile,
        rejects: str | Path | None,
        on_progress: OnProgress | None,
        batch: int,
        *,
        notes: str | Path | None = None,
    ) -> None:
        self.relations = relations
        self.name = name
        self.path = path
        self.file = file
        self.rejects_path = None if rejects is None else Path(rejects)
        self.rejects = RejectsWriter(self.rejects_path)
        self.noted = RejectsWriter(None if notes is None else Path(notes))
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
        self.begun = time.monotonic()

    def resume(self, verdicts: Verdicts, mended: frozenset[int]) -> None:
        """Find out how far earlier runs had come."""
        known = known_command_ids(self.relations, self.name)
        self.earlier = Earlier.of(known, self.name, verdicts, mended)

    def reject(self, row: int, raw: dict[str, Any], error: RelationsError) -> None:
        """Turn a row away."""
        self.turned_away.append(rejected(row, raw, error, self.name))
        self._flush_when_full()

    def take(self, row: int, raw: dict[str, Any], commands: list[Command]) -> None:
        """Put a row's commands into the batch, without those that an earlier run has decided."""
        refused = None
        if row <= self.earlier.row and row not in self.earlier.mended:
            new = [command for command in commands if not self.earlier.passed(command, row, self.name)]
            if len(new) < len(commands):
                refused = self._decided_before(row, raw, len(commands) - len(new))
                self.counts["commands"] += len(commands) - len(new)
                commands = new
        self.commands += commands
        self.waiting.append(_Waiting(row, raw, len(commands), refused))
        self._flush_when_full()

    def note(self, row: int, raw: dict[str, Any], codes: Sequence[str], reasons: dict[str, str]) -> None:
        """List a row that was taken."""
        self.notes.update(codes)
        self.note_lines += [
            RejectedRow(row=row, code=code, reason=reasons[code], source=self.name, raw=raw) for code in codes
        ]

    def _decided_before(self, row: int, raw: dict[str, Any], commands: int) -> RejectedRow | None:
        verdict = self.earlier.verdicts.refused.get(row)
        if verdict is None and row > self.earlier.verdicts.through:
            error = InvalidInput(
                "an earlier run came past this row, and the log holds nothing of it: it was refused, or there was "
                "nothing to do",
                code="not_recorded_before",
                hint="See that run's file of rejected rows; or send this one, to have the row decided again",
            )
            verdict = rejected(row, raw, error, self.name)
        self.counts["passed_over" if verdict is None else "refused"] += commands
        return verdict

    def _flush_when_full(self) -> None:
        if len(self.commands) >= self.batch or len(self.waiting) + len(self.turned_away) >= 5 * self.batch:
            self.flush()

    def flush(self) -> None:
        """Execute the batch, and write down what was not taken."""
        errors: dict[int, tuple[str, RelationsError, int]] = {}
        if self.commands:
            outcome = self.relations.execute_many(self.commands, batch=len(self.commands))
            self.counts["commands"] += len(self.commands)
            self.counts["recorded"] += outcome.accepted
            self.counts["repeated"] += outcome.repeated
            self.counts["unchanged"] += outcome.unchanged
            self.counts["events"] += outcome.events
            self.counts["refused"] += len(outcome.rejections)
            errors = self._by_waiting(outcome.rejections)
        lines = [*self.turned_away, *self._refused_rows(errors)]
        self._count(lines)
        last = max([*(row.row for row in self.waiting), *(row.row for row in self.turned_away)], default=0)
        self.rejects.write(sorted(lines, key=lambda line: line.row), last)
        self.noted.write(self.note_lines, last)
        self.commands, self.waiting, self.turned_away, self.note_lines = [], [], [], []
        if self.on_progress is not None:
            self.on_progress(self._progress())

    def _refused_rows(self, errors: dict[int, tuple[str, RelationsError, int]]) -> Iterator[RejectedRow]:
        for place, waiting in enumerate(self.waiting):
            if waiting.refused is not None:
                yield waiting.refused
            elif place in errors:
                command, error, count = errors[place]
                taken = waiting.commands - count
                yield rejected(waiting.row, waiting.raw, error, self.name, command=command, recorded=taken)

    def _by_waiting(self, rejections: Sequence[Rejection]) -> dict[int, tuple[str, RelationsError, int]]:
        """The first refusal of each waiting row, and how many there are."""
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
        self.counts["rows"] += len(self.waiting) + len(self.turned_away)
        self.counts["rejected"] += len(lines)
        for line in lines:
            self.by_reason[line.code] += 1
            if self.by_reason[line.code] <= _EXAMPLES:
                self.examples.append(line)

    def _progress(self) -> ImportProgress:
        rows, refused = self.counts["rows"], self.counts["rejected"]
        seconds = time.monotonic() - self.begun
        return ImportProgress(rows, rows - refused, refused, self.file.bytes_read(), self.file.bytes_total, seconds)

    def report(self, note_reasons: dict[str, str]) -> ImportReport:
        """What became of all rows."""
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
            rejects=None if self.rejects_path is None else str(self.rejects_path),
            seconds=time.monotonic() - self.begun,
        )


class Earlier(NamedTuple):
    """What earlier runs of an import had come past.

    Attributes:
        known: The ids of this import's commands that the log holds.
        row: The last row of which the log holds a command. Batches are whole and in order, so all before are decided.
        rules: The endings of those ids, one for each of the mapping's rules: a rule of which nothing was ever recorded
            may be new, and is decided.
        verdicts: What earlier runs refused.
        mended: Rows that were mended since, and are decided again.
    """

    known: frozenset[str]
    row: int
    rules: frozenset[str]
    verdicts: Verdicts
    mended: frozenset[int]

    @classmethod
    def of(cls, known: set[str], name: str, verdicts: Verdicts, mended: frozenset[int]) -> Self:
        """From the ids that the log holds: `cdnow:17` and `cdnow:17.2` are of row 17."""
        last, rules = 0, set()
        for command_id in known:
            row, _, rule = command_id[len(name) + 1 :].partition(".")
            if row.isdecimal():
                last = max(last, int(row))
                rules.add(rule)
        return cls(frozenset(known), last, frozenset(rules), verdicts, mended)

    def passed(self, command: Command, row: int, name: str) -> bool:
        """Whether an earlier run decided this command, and nothing was recorded."""
        command_id = command.command_id or ""
        own, _, rule = command_id[len(name) + 1 :].partition(".")
        return command_id not in self.known and own == str(row) and rule in self.rules
