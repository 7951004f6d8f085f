"""The terminal pages of recorded commands and imports, and of the commands and mappings that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as Names

from rich.console import Group, RenderableType
from rich.table import Table

from relations.cli.pages.history import timeline
from relations.cli.show import headline, number, section, table, words
from relations.exchange.import_run import ImportReport
from relations.exchange.jsonlines.pairs import CommandField
from relations.exchange.mapping.model import Mapping
from relations.execution import Receipt
from relations.messages import Command

__all__ = ["show_commands", "show_fields", "show_import", "show_mappings", "show_receipt", "summary"]

_EXAMPLE_CHARACTERS = 160


def show_import(report: ImportReport) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    sums = table("", "", right=(1,))
    sums.show_header = False
    sums.add_row("Rows in the file", number(report.rows))
    sums.add_row("  accepted", number(report.accepted))
    sums.add_row("  rejected", number(report.rejected), style="yellow" if report.rejected else "")
    sums.add_row("Commands made of them", number(report.commands))
    for label, count in (
        ("  recorded now", report.recorded),
        ("  recorded before", report.repeated),
        ("  without effect", report.unchanged),
        ("  decided by an earlier run", report.passed_over),
        ("  refused", report.refused),
    ):
        if count or label == "  recorded now":
            sums.add_row(label, number(count))
    sums.add_row("Events recorded", number(report.events))
    rate = f", {report.rows / report.seconds:,.0f} rows a second" if report.seconds > 0 else ""
    yield headline(f"Imported as {report.source}", f"in {report.seconds:.1f} s{rate}")
    yield section(sums)
    if report.by_reason:
        yield section(_reasons(report), _about_rejects(report))
    if report.notes:
        made = table("Accepted with a note", "Rows", "Meaning", right=(1,), grow=2)
        for code, count in sorted(report.notes.items(), key=lambda pair: -pair[1]):
            made.add_row(code, number(count), report.note_reasons.get(code, ""))
        yield section(made)
    for label, names in (
        ("Columns that are not read", report.unread),
        ("Files that are not read", report.unread_files),
    ):
        if names:
            yield words(f"{label}: {', '.join(names)}.")
    if report.footer:
        yield words(f"Footer lines after the rows: {number(report.footer)}.")


def _reasons(report: ImportReport) -> Table:
    made = table("Rejected because", "Rows", "For example", right=(1,), grow=2)
    examples = {str(example["code"]): example for example in reversed(report.examples)}
    for code, count in sorted(report.by_reason.items(), key=lambda pair: -pair[1]):
        example = examples.get(code)
        said = f"row {example['row']}: {example['reason']}" if example else ""
        made.add_row(code, number(count), said[:_EXAMPLE_CHARACTERS])
    return made


def _about_rejects(report: ImportReport) -> RenderableType:
    if report.rejects is None:
        return words("Run the command again with --rejects FILE to write the rejected rows to a file.")
    return words(f"The rejected rows are in {report.rejects}. Correct them there, and import that file.")


def show_mappings(found: list[tuple[str, Mapping]]) -> RenderableType:
    """Return the shipped mappings as a table."""
    made = table("Mapping", "Reads", "About", grow=2)
    for name, mapping in found:
        made.add_row(name, mapping.source.format, " ".join(mapping.about.partition("Rules:")[0].split()))
    return Group(made, words("--list --json also shows the rules of each mapping."))


def summary(command: type[Command]) -> str:
    """Return the first line of a command's description."""
    return (command.__doc__ or "").strip().partition("\n")[0]


def show_commands(commands: Names[str, type[Command]]) -> RenderableType:
    """Return every command with its meaning."""
    made = table("Command", "Meaning", grow=1)
    for name, command in sorted(commands.items()):
        made.add_row(name, summary(command))
    return Group(made, words("`relations record COMMAND --fields` shows the fields of one."))


def show_fields(command: type[Command], fields: Names[str, CommandField]) -> RenderableType:
    """Return the fields of a command."""
    made = table("Field", "", "Form", "If left out", grow=2)
    for field in fields.values():
        form = "one of " + ", ".join(field.words) if field.words else field.form
        left_out = (
            "now" if field.name == "occurred_at" else "" if field.default in (None, []) else json.dumps(field.default)
        )
        needed = "required" if field.required and field.name != "occurred_at" else ""
        made.add_row(field.name, needed, form, left_out)
    return Group(headline(command.__name__, summary(command)), section(made))


def show_receipt(command: Command, receipt: Receipt, zone: str, *, dry_run: bool) -> RenderableType:
    """Return what a command recorded, had recorded before, or would record."""
    name = type(command).__name__
    if not receipt.events:
        return Group(headline(name, "changes nothing; no event was recorded"))
    done = "would record" if dry_run else "was recorded before" if receipt.repeated else "recorded"
    return Group(headline(f"{name} {done}"), section(timeline(list(receipt.events), zone, proof=True)))
