"""The terminal pages of an import's result and of the shipped mappings."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table

from relations.cli.show import headline, number, section, table, words
from relations.exchange.import_run import ImportReport
from relations.exchange.mapping.model import Mapping

__all__ = ["show_import", "show_mappings"]

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
