"""`relations import` and `export`: import files into the log, and export the log to a file."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.choices import complete_mapping, complete_preset
from relations.cli.exits import ExitCode
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, in_log, open_to_read
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput, MappingError, SourceError

if TYPE_CHECKING:
    from relations.cli.progress import ProgressBar
    from relations.engine import Relations
    from relations.exchange.import_run import ImportProgress, ImportReport, OnProgress
    from relations.exchange.jsonlines.events import EventLine
    from relations.exchange.mapping.model import Mapping
    from relations.past.questions import Status

__all__ = ["export_command", "import_command"]

_OF_ANOTHER = frozenset({"unknown_column", "no_rows", "malformed_source", "unreadable_source", "not_text"})
"""The errors of a file that another preset may read."""
_SAFE = "Every finished batch is in the log. Run the same command again to continue."
_FIRST_LINES = 100


def import_command(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The file to import, also gzip-compressed; or corrected rejected rows."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            envvar="RELATIONS_URL",
            metavar="URL|PATH",
            help="Import into this database: the path of an SQLite file, or a URL. It is created if missing.",
        ),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            "-m",
            metavar="NAME|FILE",
            autocompletion=complete_mapping,
            help="Turn rows into commands with a shipped mapping or a TOML file. Without it, read native JSON Lines.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_preset,
            help="Read a file of a well-known product; `relations presets` lists them.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Import with the preset that was recognised.")] = False,
    zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Read times without a zone in this one, such as Europe/Vienna."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Read the file in this encoding, such as cp1252 or gb18030.")
    ] = None,
    headings: Annotated[
        list[str] | None,
        typer.Option(
            "--heading",
            metavar="COLUMN=HEADING",
            help="Read this heading of the file as a column of the mapping; repeat it for more.",
        ),
    ] = None,
    defaults: Annotated[
        list[str] | None,
        typer.Option(
            "--default",
            metavar="COLUMN=TEXT",
            help="Use this text where a column is blank or missing; repeat it for more.",
        ),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rejected rows to this file, to correct and import again.")
    ] = None,
    reject_values: Annotated[
        bool | None,
        typer.Option(
            "--reject-values/--no-reject-values",
            help="Write the values of rejected rows too. They may be personal. "
            "Default: write them, unless the mapping makes digests.",
        ),
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write accepted rows that have a note to this file.")
    ] = None,
    corrected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use the corrected rows in this file instead of those in FILE.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Use this import name instead of the mapping's; two files of one kind need two names."),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, max=100_000, help="Record at most this many commands in one transaction.")
    ] = 1_000,
    list_: Annotated[bool, typer.Option("--list", help="Show the shipped mappings and exit.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Import a file: turn its rows into commands, and report rejected rows with their reasons.

    Every row is counted as accepted or rejected. Command ids consist of the import's name and the row. So an
    interrupted import can be run again, and a finished one records nothing the second time. The exit code is 3 if rows
    were rejected.

    Without --mapping and --preset, the preset that reads the file is recognised by its headings. The first ten rows are
    shown as commands, and nothing is recorded before you agree. Without a terminal, agree with --yes.

    Other files must contain JSON Lines: commands ({"command": "RecordPurchase", ...}), or recorded
    events written by `relations export`. Recorded events are stored unchanged, digests included, in an empty log or in
    one that has the first of them.
    """  # fmt: skip
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        from relations.cli.pages.recording import show_import
        from relations.cli.presets import agreed_preset
        from relations.cli.progress import progress_bar
        from relations.exchange.files.sources import must_exist
        from relations.exchange.importing import import_commands, import_file
        from relations.exchange.mapping.model import load_mapping

        if list_:
            _list_mappings(screen)
            return
        if file is None or database is None:
            missing = "FILE" if file is None else "--database"
            raise InvalidInput(f"{missing} is missing", code="missing_argument", hint="See relations import --help")
        must_exist(file)
        if mapping is not None and preset is not None:
            raise InvalidInput("give --mapping or --preset, not both", code="two_mappings", field="preset")

        def adjust(mapping: Mapping) -> Mapping:
            return mapping.adjusted(
                zone=zone, encoding=encoding, headings=_pairs(headings, "heading"), defaults=_pairs(defaults, "default")
            )

        rules = None
        if preset is not None:
            rules = _preset(preset)
        elif mapping is not None:
            rules = load_mapping(mapping)
        elif not _is_native(file):
            rules = agreed_preset(screen, file, adjust, yes=yes)
        kind = "rows" if rules else _native_kind(file)
        if rules is not None:
            rules = adjust(rules)
        if kind == "events":
            _import_recorded(screen, database, master_key_file, file)
            return

        def run(
            engine: Relations, on_progress: OnProgress, rejects: Path | None = rejects, notes: Path | None = notes
        ) -> ImportReport:
            if rules is not None:
                return import_file(
                    engine, rules, file, rejects=rejects, reject_values=reject_values, notes=notes,
                    corrected=corrected, name=name, batch=batch, on_progress=on_progress,
                )  # fmt: skip
            return import_commands(
                engine,
                file,
                rejects=rejects,
                reject_values=reject_values is not False,
                name=name or "commands",
                batch=batch,
                on_progress=on_progress,
            )

        with progress_bar(screen, f"Importing {file.name}", unit="rows") as bar, _read_by(preset, file):
            on_progress = _show_on(bar)

            def rehearse(empty: Relations) -> ImportReport | None:
                try:
                    found = run(empty, _stop_once_accepted, None, None)
                except _Accepted:
                    return None
                return run(empty, on_progress) if found.rejected else None

            report = in_log(database, master_key_file, lambda engine: run(engine, on_progress), rehearse=rehearse)
        screen.result(report, lambda screen: screen.print(*show_import(report)))
        if report.rejected:
            raise typer.Exit(ExitCode.REJECTED)


class _Accepted(Exception):
    """A rehearsed import has reached a row that is accepted, or has recorded events."""


def _stop_at_once(_position: int) -> None:
    raise _Accepted


def _stop_once_accepted(at: ImportProgress) -> None:
    if at.accepted:
        raise _Accepted


@contextmanager
def _read_by(preset: str | None, file: Path) -> Iterator[None]:
    """Say which preset reads a file if the named one does not."""
    from relations.exchange.recognising import recognise

    try:
        yield
    except (MappingError, SourceError) as error:
        if preset is not None and error.code in _OF_ANOTHER:
            others = [name for name in recognise(file) if name != preset]
            error.hint = (
                f"It is recognised as {others[0]}: give --preset {others[0]}"
                if others
                else f"See what this preset reads: relations presets {preset}"
            )
        raise


def _show_on(bar: ProgressBar) -> OnProgress:
    from relations.cli.show import number

    def on_progress(at: ImportProgress) -> None:
        note = f"{number(at.rejected)} rejected" if at.rejected else ""
        rate = at.rows / at.seconds if at.seconds > 0 else None
        bar.show(at.bytes_read, at.bytes_total, note, rate)

    return on_progress


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in given or ()]
    if not all(equals and name and text for name, equals, text in pairs):
        raise InvalidInput(
            f"--{option} takes a column of the mapping, an equals sign and a text",
            code="malformed_pair",
            field=option,
            hint=f"Write --{option} 'COLUMN=TEXT'",
        )
    return {name.strip(): text.strip() for name, _, text in pairs}


def _preset(name: str) -> Mapping:
    from relations.exchange.mapping.model import load_mapping, shipped_presets

    if name not in shipped_presets():
        raise InvalidInput(
            f"there is no preset {name!r}",
            code="no_such_preset",
            field="preset",
            hint=f"Use one of: {', '.join(shipped_presets())}",
        )
    return load_mapping(name)


def _is_native(file: Path) -> bool:
    """Return true if a file begins with a command, a recorded event or a rejected row."""
    from relations.exchange.files.sources import first_bytes

    try:
        first = json_module.loads(first_bytes(file).lstrip().partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and bool({"command", "topic", "raw"} & first.keys())


def _native_kind(file: Path) -> str:
    """Return the kind of a native file, commands or recorded events, by its first line."""
    from relations.exchange.files.sources import open_text

    with open_text(file) as (text, _, _):
        try:
            lines = [*islice(text, _FIRST_LINES)]
            line = next((line for line in lines if line.strip()), None)
            if line is None and len(lines) < _FIRST_LINES:
                raise SourceError(f"{file} is empty", code="empty_source", hint="Check the path, or export it again")
            first = json_module.loads(line or "{}")
        except (UnicodeDecodeError, ValueError, RecursionError):
            raise SourceError(
                f"{file} does not begin with a line of JSON",
                code="not_native",
                hint="No preset recognises it either. Add --mapping with your own TOML file, or with one that "
                "`relations import --list` or `relations presets` shows",
            ) from None
    return "events" if isinstance(first, dict) and {"position", "topic", "digest"} <= first.keys() else "commands"


def _import_recorded(screen: Screen, database: str, master_key_file: Path | None, file: Path) -> None:
    from relations.cli.progress import progress_bar
    from relations.cli.show import counted, number
    from relations.exchange.jsonlines.events import import_events

    def rehearse(empty: Relations) -> None:
        with suppress(_Accepted):
            import_events(empty, file, on_progress=_stop_at_once)

    with progress_bar(screen, f"Importing {file.name}") as bar:

        def run(engine: Relations) -> tuple[int, Status]:
            return import_events(engine, file, on_progress=bar.show), engine.status()

        added, status = in_log(database, master_key_file, run, rehearse=rehearse)
        seconds = bar.seconds
    document = {
        "path": str(file),
        "events": added,
        "position": status.position,
        "digest": status.digest,
        "seconds": round(seconds, 3),
    }
    events = counted(added, "event was", "events were")
    said = f"{events} added. The log is at position {number(status.position)}, {status.digest}."
    screen.result(document, lambda screen: screen.print(said))


def _list_mappings(screen: Screen) -> None:
    from relations.cli.pages.recording import show_mappings
    from relations.exchange.mapping.model import load_mapping, shipped_mappings

    found = [(name, load_mapping(name)) for name in shipped_mappings()]
    document = [{"name": name, "about": mapping.about, "format": mapping.source.format} for name, mapping in found]
    screen.result(document, lambda screen: screen.print(show_mappings(found)))


def export_command(
    database: Database,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of stdout.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Export the events after this position.")] = 0,
    until: Annotated[int | None, typer.Option(min=0, help="Export the events up to this position, included.")] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Export the recorded events as JSON Lines, byte for byte as in the log, with their digests.

    Personal words stay encrypted, because keys are not exported. `relations import` can read the file. Without --output
    only the lines are written to stdout; with --output and --json the document contains their number.
    """
    with running(json=json, verbose=verbose, safe="The log is unchanged; the file was not written.") as screen:
        import msgspec

        from relations.cli.progress import progress_bar
        from relations.cli.show import counted

        with open_to_read(database, master_key_file, views=False) as engine:
            head = engine.status().position
            last = head if until is None else min(until, head)
            with progress_bar(screen, "Exporting", total=max(last - after, 0)) as bar:
                lines = _lines(engine, bar, after, last)
                if output is None:
                    for line in lines:
                        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
                    sys.stdout.buffer.flush()
                    return
                count = _write(lines, output)
                seconds = bar.seconds
        document = {"path": str(output), "events": count, "after": after, "until": last, "seconds": round(seconds, 3)}
        screen.result(document, lambda screen: screen.print(f"{counted(count, 'event is', 'events are')} in {output}."))


def _lines(engine: Relations, bar: ProgressBar, after: int, until: int) -> Iterator[EventLine]:
    from relations.exchange.jsonlines.events import EventLine

    count = 0
    with engine.log.database.reading() as connection:
        for page in engine.log.scan(connection, after=after, until=until, chunk=1_000):
            for row in page:
                yield EventLine.of(row)
            count += len(page)
            bar.show(count)


def _write(lines: Iterator[EventLine], output: Path) -> int:
    """Write a file under another name and rename it when it is complete."""
    from relations.exchange.jsonlines.events import write_events

    partial = output.with_name(output.name + ".partial")
    try:
        count = write_events(lines, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return count
