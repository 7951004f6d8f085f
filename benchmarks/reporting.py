"""Measurement of the whole report: `relations report` as text and as a page."""

from __future__ import annotations

from benchmarks.commands import process_lines
from benchmarks.harness import Line, Workspace
from benchmarks.histories import folded_log, open_log, some_customers

NAME = "report"
ABOUT = "the whole report as text and as a page: `relations report`"

__all__ = ["ABOUT", "NAME", "measure"]

_PROCESS_MS = 5_000.0
_TURNS = 2


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    events = workspace.scale.events
    path = folded_log(workspace, events)
    workspace.say(f"writing reports, {events:,} events in the log")
    with open_log(path) as engine:
        _, last = some_customers(engine, 1)
    asked = ("report", "--database", str(path), "--as-of", last.isoformat())
    page = workspace.directory / "report.html"
    note = "The views are up to date, and a fit of the value models is recorded."
    return [
        *process_lines(NAME, f"`relations report`, {events:,} events", [asked] * _TURNS, _PROCESS_MS, note),
        *process_lines(
            NAME,
            f"`relations report --html`, {events:,} events",
            [(*asked, "--html", str(page))] * _TURNS,
            _PROCESS_MS,
            note,
        ),
    ]
