"""The table of results, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from benchmarks.harness import Line

__all__ = ["markdown", "table"]

_HEADINGS = ("what", "against", "ours", "theirs", "value", "turns from … to", "by processor", "budget", "kept")
_TIMES = " \N{MULTIPLICATION SIGN}"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cells(line: Line) -> tuple[str, ...]:
    alone = line.theirs is None
    sign = "" if alone else _TIMES
    bound = "" if line.budget is None else f"{'≥' if line.direction == 'at least' else '≤'} {line.budget:g}{sign}"
    return (
        line.what,
        line.against,
        f"{_number(line.ours)} {line.unit}",
        "" if line.theirs is None else f"{_number(line.theirs)} {line.unit}",
        f"{_number(line.value)}{f' {line.unit}' if alone else sign}",
        f"{_number(line.lowest)} … {_number(line.highest)} ({line.turns})",
        "" if line.value_cpu is None else f"{_number(line.value_cpu)}{f' {line.unit}' if alone else _TIMES}",
        bound,
        {None: "", True: "yes", False: "NO"}[line.met],
    )


def _measured_on(machine: Mapping[str, Any], seconds: float) -> str:
    load = machine["load_average"]
    return (
        f"Python {machine['python']}, SQLite {machine['sqlite']}, {machine['processors']} processors"
        f"{'' if load is None else f' (load {load:.1f} at the beginning)'}, {machine['platform']}, "
        f"{machine['at']}, in {seconds:,.0f} s"
    )


def table(lines: Sequence[Line], machine: Mapping[str, Any], seconds: float) -> Table:
    """The table for a terminal."""
    made = Table(caption=_measured_on(machine, seconds), show_lines=False)
    for heading in _HEADINGS:
        made.add_column(heading, justify="left" if heading in _HEADINGS[:2] else "right", overflow="fold")
    last = ""
    for line in lines:
        if last and line.measurement != last:
            made.add_section()
        last = line.measurement
        made.add_row(*_cells(line), style={None: "dim", True: None, False: "bold red"}[line.met])
    return made


def markdown(lines: Sequence[Line], machine: Mapping[str, Any], seconds: float) -> str:
    """The table for a page, with the notes under it."""
    rows = ["| " + " | ".join(_HEADINGS) + " |", "|---|---|" + "---:|" * (len(_HEADINGS) - 2)]
    notes: list[str] = []
    for line in lines:
        cells = list(_cells(line))
        if line.note:
            if line.note not in notes:
                notes.append(line.note)
            cells[0] += f" [{notes.index(line.note) + 1}]"
        rows.append("| " + " | ".join(cells) + " |")
    below = [f"{number}. {note}" for number, note in enumerate(notes, start=1)]
    return "\n".join([*rows, "", f"Measured on {_measured_on(machine, seconds)}.", "", *below]) + "\n"
