"""The program `python -m benchmarks`: measure, show a table, and write JSON."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import msgspec
from rich.console import Console

from benchmarks import (
    advancing,
    as_of,
    campaign,
    care,
    complaints,
    customer,
    importing,
    lifetime_value,
    live,
    loading,
    members,
    memory,
    observing,
    people,
    questions,
    rebuild,
    reporting,
    scaling,
    sealing,
    service,
    single,
    storage,
    threads,
    verifying,
)
from benchmarks.harness import FULL, NORMAL, SMALL, Line, Scale, workspace
from benchmarks.report import markdown, table
from relations.version import VERSION

__all__ = ["MEASUREMENTS", "as_json", "main", "run"]

_WIDTH = 180

MEASUREMENTS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        single,
        threads,
        service,
        observing,
        importing,
        loading,
        rebuild,
        live,
        complaints,
        campaign,
        care,
        members,
        scaling,
        as_of,
        lifetime_value,
        memory,
        storage,
        advancing,
        sealing,
        people,
        questions,
        customer,
        reporting,
        verifying,
    )
}
"""The measurements by name, in order. Those that wait for the disk run first, before others fill its caches."""


def run(names: Sequence[str], scale: Scale, console: Console) -> list[Line]:
    """Run the named measurements."""
    lines: list[Line] = []
    begun = perf_counter()

    def say(words: str) -> None:
        console.print(f"[dim]{perf_counter() - begun:6.1f} s  {words}[/dim]", highlight=False)

    with workspace(scale, say) as space:
        for name in names:
            lines += MEASUREMENTS[name].measure(space)
    return lines


def machine() -> dict[str, Any]:
    """Return the description of the machine."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "sqlite": sqlite3.sqlite_version,
        "versions": {"relations": VERSION}
        | {name: version(name) for name in ("eventsourcing", "msgspec", "sqlalchemy", "pydantic")},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; return 1 if a budget is missed."""
    options = _parser().parse_args(arguments)
    scale = SMALL if options.small else FULL if options.full else NORMAL
    if options.events:
        scale = replace(scale, events=options.events, fewer_events=min(scale.fewer_events, options.events // 5))
        if options.events >= FULL.events:
            scale = replace(scale, fewer_events=FULL.fewer_events, rounds=FULL.rounds)
    progress = Console(stderr=True, quiet=options.quiet)
    on = machine()
    begun = perf_counter()
    lines = run(options.only or list(MEASUREMENTS), scale, progress)
    seconds = perf_counter() - begun
    screen = Console()
    if not screen.is_terminal:
        screen = Console(width=_WIDTH)
    screen.print(table(lines, on, seconds))
    if options.json:
        document = {
            "machine": on,
            "seconds": seconds,
            "scale": asdict(scale),
            "lines": [as_json(line) for line in lines],
        }
        Path(options.json).write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    if options.markdown:
        Path(options.markdown).write_text(markdown(lines, on, seconds), encoding="utf-8")
    return 1 if any(line.met is False for line in lines) and not options.small else 0


def as_json(line: Line) -> dict[str, Any]:
    """Return a line as JSON values."""
    return {**msgspec.structs.asdict(line), "met": line.met}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure every budget of the engine next to its peer and its limit, in one run.",
        epilog="; ".join(f"{name}: {module.ABOUT}" for name, module in MEASUREMENTS.items()),
    )
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), metavar="NAME",
                        help="measure only this; repeat it for more")  # fmt: skip
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="compare a log of 10 million events with one of 1 million")
    size.add_argument(
        "--small", action="store_true", help="measure almost nothing, to test that it runs; the figures mean nothing"
    )
    size.add_argument("--events", type=int, help=f"events of the large log, {NORMAL.events:,} by default")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="write the table to this file as Markdown")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


if __name__ == "__main__":
    # When terminated, it still stops its server and removes its files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
