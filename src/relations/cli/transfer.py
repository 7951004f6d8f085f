"""`relations import` and `relations export`: files into the log, and the log into a file."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from relations.cli.exits import ExitCode
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, open_engine, open_to_read
from relations.cli.progress import Bar, progress_bar
from relations.cli.screen import Screen, running
from relations.cli.show import headline, number, section, table, words
from relations.engine import Relations
from relations.errors import InvalidInput, SourceError
from relations.exchange.files.sources import open_text
from relations.exchange.import_run import OnProgress
from relations.exchange.importing import ImportProgress, ImportReport, import_commands, import_file
from relations.exchange.jsonlines.events import EventLine, import_events, write_events
from relations.exchange.mapping.model import Mapping, load_mapping, shipped_mappings

__all__ = ["export_command", "import_command"]

_SAFE = "Every batch that was finished is in the log. Run the same command again: it goes on where it stopped."
_FIRST_LINES = 100
_EXAMPLE_CHARACTERS = 160


def import_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file; gzip is recognised. Or rejected rows, mended.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            envvar="RELATIONS_URL",
            metavar="URL|PATH",
            help="The database: an SQLAlchemy URL, or the path of an SQLite file. Made where there is none.",
        ),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            "-m",
            metavar="NAME|FILE",
            help="How rows become commands: a shipped mapping or a TOML file. Without it: the native JSON Lines.",
        ),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rejected rows there, to mend and import again.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rows there that were taken and noted.")
    ] = None,
    mended: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mended rows that take the place of FILE's own.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The import's name instead of the mapping's; each file of a kind needs its own.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=100_000, help="Commands a transaction.")] = 1_000,
    list_: Annotated[bool, typer.Option("--list", help="Show the shipped mappings, and end.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Import a file: its rows become commands, and what the rules refuse is kept with its reason.

    Every row is counted: rows = accepted + rejected. A command's id is made of the import's name and the row, so an
    interrupted import is simply run again, and a finished one writes nothing the second time. Ends with 3 where rows
    were rejected.

    Without --mapping the file holds JSON Lines of commands ({"command": "RecordPurchase", ...}), or of recorded
    events as `relations export` writes them: those are recorded again as they are, digests included, into an empty
    log or one that holds their beginning.
    """  # fmt: skip
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        if list_:
            _list_mappings(screen)
            return
        if file is None or database is None:
            missing = "FILE" if file is None else "--database"
            raise InvalidInput(f"{missing} is missing", code="missing_argument", hint="See relations import --help")
        rules = load_mapping(mapping) if mapping is not None else None
        kind = "rows" if rules else _native_kind(file)
        _must_be_readable(file)
        with open_engine(database, master_key_file, create=True) as engine:
            if kind == "events":
                _import_recorded(engine, screen, file)
                return
            with progress_bar(screen, f"Importing {file.name}", unit="rows") as bar:
                on_progress = _follow(bar)
                if rules is not None:
                    report = import_file(
                        engine, rules, file, rejects=rejects, notes=notes, mended=mended, name=name, batch=batch,
                        on_progress=on_progress,
                    )  # fmt: skip
                else:
                    report = import_commands(
                        engine, file, rejects=rejects, name=name or "commands", batch=batch, on_progress=on_progress
                    )
        screen.result(report, lambda screen: _show_import(screen, report))
        if report.rejected:
            raise typer.Exit(ExitCode.REJECTED)


def _follow(bar: Bar) -> OnProgress:
    def on_progress(at: ImportProgress) -> None:
        note = f"{number(at.rejected)} rejected" if at.rejected else ""
        rate = at.rows / at.seconds if at.seconds > 0 else None
        bar.show(at.bytes_read, at.bytes_total, note, rate)

    return on_progress


def _must_be_readable(file: Path) -> None:
    """Say so before a database is made for nothing."""
    with open_text(file):
        pass


def _native_kind(file: Path) -> str:
    """Whether a native file holds commands or recorded events; its first line tells."""
    with open_text(file) as (text, _, _):
        try:
            line = next((line for line in islice(text, _FIRST_LINES) if line.strip()), "{}")
            first = json_module.loads(line)
        except (UnicodeDecodeError, ValueError, RecursionError):
            raise SourceError(
                f"{file} does not begin with a line of JSON",
                code="not_native",
                hint=f"Say how its rows become commands: --mapping with one of {', '.join(shipped_mappings())}, or "
                "your own TOML file",
            ) from None
    return "events" if isinstance(first, dict) and {"position", "topic", "digest"} <= first.keys() else "commands"


def _import_recorded(engine: Relations, screen: Screen, file: Path) -> None:
    with progress_bar(screen, f"Importing {file.name}") as bar:
        added = import_events(engine, file, on_progress=bar.show)
        seconds = bar.seconds
    status = engine.status()
    document = {
        "path": str(file),
        "events": added,
        "position": status.position,
        "digest": status.digest,
        "seconds": round(seconds, 3),
    }
    said = f"{number(added)} events were added; the log is at position {number(status.position)}, {status.digest}."
    screen.result(document, lambda screen: screen.print(Text(said)))


def _list_mappings(screen: Screen) -> None:
    found: list[tuple[str, Mapping]] = [(name, load_mapping(name)) for name in shipped_mappings()]
    document = [{"name": name, "about": mapping.about, "format": mapping.source.format} for name, mapping in found]

    def show(screen: Screen) -> None:
        made = table("Mapping", "Reads", "About", grow=2)
        for name, mapping in found:
            made.add_row(name, mapping.source.format, " ".join(mapping.about.partition("Rules:")[0].split()))
        screen.print(made, words("--list --json shows the rules that each was made by, too."))

    screen.result(document, show)


def _show_import(screen: Screen, report: ImportReport) -> None:
    sums = table("", "", right=(1,))
    sums.show_header = False
    sums.add_row("Rows in the file", number(report.rows))
    sums.add_row("  accepted", number(report.accepted))
    sums.add_row("  rejected", number(report.rejected), style="yellow" if report.rejected else "")
    sums.add_row("Commands that they gave", number(report.commands))
    for label, count in (
        ("  recorded now", report.recorded),
        ("  recorded before", report.repeated),
        ("  nothing left to do", report.unchanged),
        ("  decided by an earlier run", report.passed_over),
        ("  refused", report.refused),
    ):
        if count or label == "  recorded now":
            sums.add_row(label, number(count))
    sums.add_row("Events recorded", number(report.events))
    rate = f", {report.rows / report.seconds:,.0f} rows a second" if report.seconds > 0 else ""
    screen.print(headline(f"Imported as {report.source}", f"in {report.seconds:.1f} s{rate}"), section(sums))
    if report.by_reason:
        screen.print(section(_reasons(report), *_about_rejects(report)))
    if report.notes:
        made = table("Taken and noted", "Rows", "Meaning", right=(1,), grow=2)
        for code, count in sorted(report.notes.items(), key=lambda pair: -pair[1]):
            made.add_row(code, number(count), report.note_reasons.get(code, ""))
        screen.print(section(made))


def _reasons(report: ImportReport) -> Table:
    made = table("Rejected because", "Rows", "For example", right=(1,), grow=2)
    examples = {str(example["code"]): example for example in reversed(report.examples)}
    for code, count in sorted(report.by_reason.items(), key=lambda pair: -pair[1]):
        example = examples.get(code)
        said = f"row {example['row']}: {example['reason']}" if example else ""
        made.add_row(code, number(count), said[:_EXAMPLE_CHARACTERS])
    return made


def _about_rejects(report: ImportReport) -> list[Text]:
    if report.rejects is None:
        return [words("Run it again with --rejects FILE to get the rejected rows in a file, to mend and import.")]
    return [words(f"The rejected rows are in {report.rejects}. Mend them there, and import that file.")]


def export_command(
    database: Database,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there; stdout by default.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Begin after this position.")] = 0,
    until: Annotated[int | None, typer.Option(min=0, help="End with this position.")] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Export the recorded events as JSON Lines, byte for byte as they are in the log, with their digests.

    Personal words stay sealed, for their keys do not travel. `relations import` takes the file again. On stdout the
    lines are all there is; with --output and --json the document says how many there were.
    """
    with running(json=json, verbose=verbose, safe="The log is untouched; the file is not there yet.") as screen:
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
        screen.result(document, lambda screen: screen.print(Text(f"{number(count)} events are in {output}.")))


def _lines(engine: Relations, bar: Bar, after: int, until: int) -> Iterator[EventLine]:
    count = 0
    with engine.log.database.reading() as connection:
        for page in engine.log.scan(connection, after=after, until=until, chunk=1_000):
            for row in page:
                yield EventLine.of(row)
            count += len(page)
            bar.show(count)


def _write(lines: Iterator[EventLine], output: Path) -> int:
    """Write beside the file and put it in its place when it is whole."""
    partial = output.with_name(output.name + ".partial")
    try:
        count = write_events(lines, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return count
