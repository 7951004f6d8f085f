"""Files into the log: rows become commands, commands are executed in batches, and rejected rows keep their reasons.

An import may be interrupted at any moment and run again. Command ids are made of the import's name and the row, and
are recorded in the order of the rows. So the log itself shows how far an earlier run came. Rows up to there are not
decided again: a refusal was right on the state of its own time and need not be on today's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relations.errors import InvalidInput, RelationsError, SourceError
from relations.exchange.files.rejects import Verdicts, is_rejects_file, read_rejects
from relations.exchange.files.sources import Raw, RawRow, SourceFile, json_objects, open_source, open_text
from relations.exchange.import_run import ImportProgress, ImportReport, OnProgress, Run
from relations.exchange.jsonlines.commands import command_from_json
from relations.exchange.mapping.model import Mapping, load_mapping
from relations.exchange.mapping.transform import RowCommands, Transform
from relations.messages import Command

if TYPE_CHECKING:
    from relations.engine import Relations

__all__ = ["ImportProgress", "ImportReport", "decided_rows", "import_commands", "import_file"]

_BATCH = 1000

Decided = tuple[list[tuple[int, Raw]], RowCommands | InvalidInput]
"""A row, or the rows of a group, with their commands or the reason why there are none."""


def import_file(
    engine: Relations,
    mapping: Mapping | str | Path,
    source: str | Path,
    *,
    rejects: str | Path | None = None,
    reject_values: bool | None = None,
    notes: str | Path | None = None,
    corrected: str | Path | None = None,
    name: str | None = None,
    zone: str | None = None,
    encoding: str | None = None,
    headings: dict[str, str] | None = None,
    defaults: dict[str, str] | None = None,
    on_progress: OnProgress | None = None,
    batch: int = _BATCH,
) -> ImportReport:
    """Import a file by a mapping.

    Args:
        engine: The engine.
        mapping: The mapping, the path of its TOML file, or the name of a shipped one or of a preset.
        source: The file, or a file of rejected rows that were corrected.
        rejects: The file for rejected rows, as JSON Lines. Every run replaces it.
        reject_values: False leaves the rows' values, which may be personal, out of that file and of the notes. To
            correct such a row, put its values into `raw`. By default they are left out if the mapping makes digests,
            because what it makes them of is personal.
        notes: The file for accepted rows with a note, likewise.
        corrected: A file of rejected rows that were corrected. They replace the rows of `source` with their numbers.
            Use it for mappings that compare rows with earlier ones, which a file of rejected rows does not have.
        name: The import's name instead of the mapping's. Two files of one kind need two names.
        zone: The zone of times without one, for values that name none.
        encoding: The encoding of the file instead of the mapping's.
        headings: Other headings of the file, by the mapping's names of their columns.
        defaults: The texts of columns where they are blank or missing.
        on_progress: The function to call after each batch.
        batch: The most commands in a transaction.

    Raises:
        MappingError: The mapping has a mistake, or does not fit this file.
        SourceError: The file cannot be read completely; the batches before are recorded. Or it does not continue the
            file that was imported under this name (`not_a_continuation`); then nothing is recorded.
    """
    loaded = mapping if isinstance(mapping, Mapping) else load_mapping(mapping)
    rules = loaded.adjusted(zone=zone, encoding=encoding, headings=headings, defaults=defaults)
    path, import_name = Path(source), name or rules.name
    again = is_rejects_file(path)
    corrections = _corrections(corrected, import_name)

    def opened(stack: ExitStack, run: Run | None) -> tuple[SourceFile, Transform]:
        file = stack.enter_context(_rejects_source(path, import_name) if again else open_source(rules.source, path))
        withdrawn = None if run is None else run.is_withdrawn
        return file, Transform(rules, file.columns, name=import_name, digest=engine.digest, withdrawn=withdrawn)

    with ExitStack() as stack:
        file, transform = opened(stack, None)
        with_values = not rules.makes_digests if reject_values is None else reject_values
        run = Run(engine, import_name, path, file, rejects, on_progress, batch, notes=notes, reject_values=with_values)
        if not again:
            run.resume(Verdicts.read(None if rejects is None else Path(rejects), import_name), frozenset(corrections))
            if run.earlier.row:
                with ExitStack() as first:
                    before, compiled = opened(first, None)
                    run.check_continues(
                        (lines[0][0], decided.commands)
                        for lines, decided in decided_rows(before.rows, compiled, corrections)
                        if isinstance(decided, RowCommands)
                    )
        transform = Transform(
            rules,
            file.columns,
            name=import_name,
            digest=engine.digest,
            withdrawn=run.is_withdrawn,
            known=run.is_known,
        )
        stack.enter_context(run.rejects)
        stack.enter_context(run.noted)
        unread = _Unread(transform, file.columns, rules.source.limits.columns)
        for lines, decided in decided_rows(unread.watch(file.rows), transform, corrections):
            if isinstance(decided, InvalidInput):
                run.reject(lines, decided)
                continue
            run.take(lines, decided.commands)
            if decided.notes:
                row, raw = lines[0]
                run.note(row, raw, decided.notes, transform.reasons)
        run.flush()
    return run.report(transform.reasons, unread.columns)


class _Unread:
    """The columns of a file that its mapping does not read, in the order in which they were met."""

    def __init__(self, transform: Transform, columns: Sequence[str] | None, limit: int) -> None:
        read = transform.columns_read
        # An inner object that is missing in one row is the blank of its fields, which are read.
        parents = {name[:place] for name in read for place, sign in enumerate(name) if sign == "."}
        self._transform = transform
        self._read = read | parents
        self._limit = limit
        self._fixed = columns is not None
        self._found = dict.fromkeys(name for name in columns or () if name not in read)

    def watch(self, rows: Iterable[RawRow]) -> Iterable[RawRow]:
        """Return the rows, and remember the names of fields that not every row has."""
        return rows if self._fixed else self._watched(rows)

    def _watched(self, rows: Iterable[RawRow]) -> Iterator[RawRow]:
        for item in rows:
            new = item[1].keys() - self._read - self._found.keys()
            if new and len(self._found) <= self._limit:
                self._found |= dict.fromkeys(name for name in item[1] if name in new)
            yield item

    @property
    def columns(self) -> list[str]:
        """The names; only the first ones where rows have ever new ones."""
        inner = (name for name in self._transform.inner_fields if name not in self._read)
        found = list(dict.fromkeys((*self._found, *inner)))
        return found if len(found) <= self._limit else [*found[: self._limit], "…"]


def decided_rows(rows: Iterable[RawRow], transform: Transform, corrections: dict[int, Raw]) -> Iterator[Decided]:
    """Yield the rows, in groups where the mapping has some, with their commands or the reason why there are none."""
    for lines, problem in _groups(rows, transform.mapping, corrections):
        if problem is not None:
            yield lines, problem
            continue
        row, raw = lines[0]
        try:
            yield lines, transform(row, raw, lines)
        except InvalidInput as error:
            yield lines, error


def _groups(
    rows: Iterable[RawRow], mapping: Mapping, corrections: dict[int, Raw]
) -> Iterator[tuple[list[tuple[int, Raw]], InvalidInput | None]]:
    """Yield consecutive rows of one group together, and each row alone where the mapping has no groups."""
    by = () if mapping.group is None else mapping.group.by
    lines: list[tuple[int, Raw]] = []
    for number, found, wrong in rows:
        correction = corrections.get(number)
        raw, problem = (found, wrong) if correction is None else (correction, None)
        if problem is not None or not by:
            if lines:
                yield lines, None
                lines = []
            yield [(number, raw)], problem
            continue
        if lines and any(lines[0][1].get(column) != raw.get(column) for column in by):
            yield lines, None
            lines = []
        lines.append((number, raw))
    if lines:
        yield lines, None


def import_commands(
    engine: Relations,
    source: str | Path,
    *,
    rejects: str | Path | None = None,
    reject_values: bool = True,
    name: str = "commands",
    on_progress: OnProgress | None = None,
    batch: int = _BATCH,
) -> ImportReport:
    """Execute a file of commands in the native form: JSON Lines such as `{"command": "RecordPurchase", …}`.

    A command without an id gets one that is made of `name` and its row. The `raw` of a rejected row is the command
    itself, so the file of rejected rows can be corrected and imported again.

    Args:
        engine: The engine.
        source: The file, or a file of rejected rows that were corrected.
        rejects: The file for rejected rows, as JSON Lines. Every run replaces it.
        reject_values: False leaves the rows' values, which may be personal, out of that file and of the notes. To
            correct such a row, put its values into `raw`.
        name: The import's name.
        on_progress: The function to call after each batch.
        batch: The most commands in a transaction.

    Raises:
        SourceError: The file cannot be read completely; the batches before are recorded. Or it does not continue the
            file that was imported under this name (`not_a_continuation`); then nothing is recorded.
    """
    path = Path(source)
    again = is_rejects_file(path)
    with ExitStack() as stack:
        text, position, total = stack.enter_context(open_text(path))
        rows = _native_rejects(text, name) if again else json_objects(text, exact=False)
        nothing = SourceFile(None, iter(()), position, total)
        run = Run(engine, name, path, nothing, rejects, on_progress, batch, reject_values=reject_values)
        if not again:
            run.resume(Verdicts.read(None if rejects is None else Path(rejects), name), frozenset())
            if run.earlier.row:
                with open_text(path) as (first, _, _):
                    run.check_continues(
                        (row, [decided])
                        for row, _, decided in _commands(engine, json_objects(first, exact=False), name)
                        if isinstance(decided, Command)
                    )
        stack.enter_context(run.rejects)
        for row, raw, decided in _commands(engine, rows, name):
            if isinstance(decided, RelationsError):
                run.reject([(row, raw)], decided)
            else:
                run.take([(row, raw)], [decided])
        run.flush()
    return run.report({})


def _commands(
    engine: Relations, rows: Iterable[tuple[int, dict[str, Any] | str]], name: str
) -> Iterator[tuple[int, dict[str, Any], Command | RelationsError]]:
    """Yield the rows of a native file with their command, or the reason why there is none."""
    for row, found in rows:
        if isinstance(found, str):
            yield row, {}, InvalidInput(found, code="malformed_row")
            continue
        try:
            command = command_from_json(found, engine.commands)
        except RelationsError as error:
            yield row, found, error
            continue
        if command.command_id is None:
            command = command.model_copy(update={"command_id": f"{name}:{row}"})
        yield row, found, command


@contextmanager
def _rejects_source(path: Path, name: str) -> Iterator[SourceFile]:
    with open_text(path) as (text, position, total):
        yield SourceFile(None, read_rejects(text, name), position, total)


def _corrections(path: str | Path | None, name: str) -> dict[int, Raw]:
    if path is None:
        return {}
    with _rejects_source(Path(path), name) as file:
        return {row: raw for row, raw, problem in file.rows if problem is None}


def _native_rejects(lines: Iterable[str], name: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, found in json_objects(lines, exact=False):
        if isinstance(found, str):
            yield -number, found
        elif found.get("source") != name:
            raise SourceError(f"line {number} was rejected by the import {found.get('source')!r}, this is {name!r}")
        elif not found["raw"]:
            yield found["row"], "the row was written without its values; put them into `raw`"
        else:
            yield found["row"], found["raw"]
