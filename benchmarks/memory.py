"""Measurement of memory: of rebuilds, and of processes that record purchases.

A rebuild is measured for five times the customers, and for a longer log of the same customers. A process that records
is measured with a new customer for each purchase, and with few customers who buy often; and how it grows when the
states do not fit. Each runs in its own process, which reports its peak memory at the end, including the interpreter and
the libraries. SQLite's memory map and cache are kept small there, because they use as much as they are allowed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from sqlalchemy import func, select

from benchmarks.harness import Line, Workspace
from benchmarks.histories import large_log, open_log
from benchmarks.purchases import clock, purchases
from relations.log.tables import log

NAME = "memory"
ABOUT = "peak memory of a rebuild, by customers and by events, and of a process that records purchases"

_TURNS = 3
_REGULARS = 2_500
_RECORDING_MB = 600.0
_FLAT = 1.25
_ROOM = 10
"""The MB of states that a process may keep while its growth is measured, so that it is full from early on."""


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    customers, often = scale.customers, scale.purchases
    few, many = (_regulars(workspace, customers, times) for times in (often, 2 * often))
    large, small = (large_log(workspace, events) for events in (scale.events, scale.fewer_events))
    workspace.say("measuring the memory of rebuilds")
    runs = {"few": few, "many": many, "small": small, "large": large}
    turns = min(_TURNS, scale.rounds)
    peaks = {key: [_peak(path) for _ in range(turns)] for key, path in runs.items()}
    regulars = f"peak memory, {customers:,} customers with {2 * often} purchases each"
    events = f"peak memory, rebuild of {_events(large):,} events of {_customers(large):,} customers"
    fewer = f"itself: {_events(small):,} events of {_customers(small):,}"
    return [
        _line(events, fewer, peaks["large"], peaks["small"]),
        _line(regulars, f"itself: {often} purchases each", peaks["many"], peaks["few"]),
        *_recording(workspace, scale.recorded, scale.recorded),
        *_recording(workspace, _REGULARS, scale.recorded * 3 // 2),
    ]


def _recording(workspace: Workspace, customers: int, purchases: int) -> list[Line]:
    """Return the peak of a process that records purchases; and, with little room for states, how it grows."""
    workspace.say(f"measuring the memory of recording {purchases:,} purchases of {customers:,} customers")
    later, fewer = purchases // 2, purchases // 8
    peaks = [
        [
            _peak(workspace.path("recording"), customers, *numbers)
            for numbers in ((purchases,), (later, _ROOM), (fewer, _ROOM))
        ]
        for _ in range(min(_TURNS - 1, workspace.scale.rounds))
    ]
    most, more, less = ([each[place] for each in peaks] for place in (0, 1, 2))
    what = f"peak memory, recording {purchases:,} purchases of {customers:,} customers"
    return [
        Line(
            measurement=NAME,
            what=what,
            against="the budget itself",
            unit="MB",
            ours=median(most),
            theirs=None,
            value=median(most),
            lowest=min(most),
            highest=max(most),
            budget=_RECORDING_MB,
            direction="at most",
            turns=len(most),
            note="`execute_many`, 1,000 commands a transaction; the whole process",
        ),
        _line(
            f"peak memory after {later:,} purchases of {customers:,} customers, with room for {_ROOM} MB of states",
            f"itself: the first {fewer:,} purchases",
            more,
            less,
        ),
    ]


def _regulars(workspace: Workspace, customers: int, times: int) -> Path:
    """Customers who have bought so often in two years."""

    def make(path: Path) -> None:
        with open_log(path, clock=clock, durability="off") as relations:
            relations.execute_many(purchases(range(customers), range(times), step_days=730 / times))

    return workspace.once(f"a log of {customers:,} customers with {times} purchases each", make)


def _line(what: str, against: str, ours: list[float], theirs: list[float]) -> Line:
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Line(
        measurement=NAME,
        what=what,
        against=against,
        unit="MB",
        ours=median(ours),
        theirs=median(theirs),
        value=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        budget=_FLAT,
        direction="at most",
        turns=len(ratios),
        note="the whole process; SQLite's caches held small",
    )


def _events(path: Path) -> int:
    with open_log(path) as relations:
        return relations.status().position


def _customers(path: Path) -> int:
    with open_log(path) as relations, relations.log.database.reading() as connection:
        found: int = connection.execute(select(func.count(log.c.customer.distinct()))).scalar_one()
        return found


def _peak(path: Path, *numbers: int) -> float:
    """Return the peak memory of a process that rebuilds, or records purchases, in megabytes; see `benchmarks.peak`."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "benchmarks.peak", str(path), *map(str, numbers)]
    return float(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)
