"""Files into the log: rows become commands, commands are executed in batches, the rest is kept with its reason.

An import may be interrupted at any moment and run again. Every command's id is made of the import's name and the row,
and a batch is one transaction, so the log itself says how far an earlier run had come: rows up to there are not
decided again, for a refusal or a "nothing to do" was right on the state of its own time and need not be on today's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relations.errors import InvalidInput, RelationsError, SourceError
from relations.exchange.files.rejects import Verdicts, is_rejects_file, read_rejects
from relations.exchange.files.sources import Raw, SourceFile, json_objects, open_source, open_text
from relations.exchange.import_run import ImportProgress, ImportReport, OnProgress, Run
from relations.exchange.jsonlines.commands import command_from_json
from relations.exchange.mapping.model import Mapping, load_mapping
from relations.exchange.mapping.transform import Transform

if TYPE_CHECKING:
    from relations.engine import Relations

__all__ = ["ImportProgress", "ImportReport", "import_commands", "import_file"]

_BATCH = 1000


def import_file(
    relations: Relations,
    mapping: Mapping | str | Path,
    source: str | Path,
    *,
    rejects: str | Path | None = None,
    notes: str | Path | None = None,
    corrected: str | Path | None = None,
    name: str | None = None,
    on_progress: OnProgress | None = None,
    batch: int = _BATCH,
) -> ImportReport:
    """Import a file by a mapping.

    Args:
        relations: The engine.
        mapping: The mapping, the path of its TOML file, or the name of a shipped one.
        source: The file; or a file of rejected rows that were mended.
        rejects: Where to write rejected rows, as JSON Lines; written anew by every run.
        notes: Where to write rows that were noted, likewise.
        corrected: A file of rejected rows that were corrected. They replace the rows of `source` with their
            numbers. For mappings that match rows with earlier ones, which a file of rejected rows does not have.
        name: The import's name in place of the mapping's; two files of one kind need two names.
        on_progress: Called after each batch.
        batch: Commands a transaction.

    Raises:
        MappingError: The mapping makes no sense, or not for this file.
        SourceError: The file cannot be read, or not to its end; the batches before are in.
    """
    rules = mapping if isinstance(mapping, Mapping) else load_mapping(mapping)
    path, import_name = Path(source), name or rules.name
    with ExitStack() as stack:
        again = is_rejects_file(path)
        file = stack.enter_context(_rejects_source(path, import_name) if again else open_source(rules.source, path))
        transform = Transform(rules, file.columns, name=import_name)
        mends = _corrections(corrected, import_name)
        run = Run(relations, import_name, path, file, rejects, on_progress, batch, notes=notes)
        if not again:
            run.resume(Verdicts.read(None if rejects is None else Path(rejects), import_name), frozenset(mends))
        stack.enter_context(run.rejects)
        stack.enter_context(run.noted)
        for row, raw, problem in file.rows:
            mend = mends.get(row)
            if mend is not None:
                raw, problem = mend, None  # noqa: PLW2901 - the mended row takes the row's place
            if problem is not None:
                run.reject(row, raw, problem)
                continue
            try:
                commands, codes = transform(row, raw)
            except InvalidInput as error:
                run.reject(row, raw, error)
                continue
            run.take(row, raw, commands)
            if codes:
                run.note(row, raw, codes, transform.reasons)
        run.flush()
    return run.report(transform.reasons)


def import_commands(
    relations: Relations,
    source: str | Path,
    *,
    rejects: str | Path | None = None,
    name: str = "commands",
    on_progress: OnProgress | None = None,
    batch: int = _BATCH,
) -> ImportReport:
    """Execute a file of commands in the native form: JSON Lines such as `{"command": "RecordPurchase", …}`.

    A command that has no id of its own gets one made of `name` and its row. The rejected rows' `raw` is the command as
    it stood, so the file of rejected rows can be mended and given again.

    Raises:
        SourceError: The file cannot be read, or not to its end; the batches before are in.
    """
    path = Path(source)
    with ExitStack() as stack:
        text, position, total = stack.enter_context(open_text(path))
        again = is_rejects_file(path)
        rows = _native_rejects(text, name) if again else json_objects(text, exact=False)
        run = Run(relations, name, path, SourceFile(None, iter(()), position, total), rejects, on_progress, batch)
        if not again:
            run.resume(Verdicts.read(None if rejects is None else Path(rejects), name), frozenset())
        stack.enter_context(run.rejects)
        for row, found in rows:
            if isinstance(found, str):
                run.reject(row, {}, InvalidInput(found, code="malformed_row"))
                continue
            try:
                command = command_from_json(found)
            except RelationsError as error:
                run.reject(row, found, error)
                continue
            if command.command_id is None:
                command = command.model_copy(update={"command_id": f"{name}:{row}"})
            run.take(row, found, [command])
        run.flush()
    return run.report({})


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
        else:
            yield found["row"], found["raw"]
