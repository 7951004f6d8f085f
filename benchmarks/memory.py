"""How much memory a rebuild takes: of one log and one twice as long of the same customers, and by shards.

Each rebuild runs in a process of its own, which says at its end how much of it was in memory at most. SQLite's map of
the file and its cache are made small there, for they hold as much as they are let; and what the same process takes for
a log a fortieth as long is subtracted: the interpreter, the libraries, two pages of rows. What is left is what grows.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

from sqlalchemy import event

from benchmarks.harness import Line, Workspace
from benchmarks.histories import large_log, open_log
from benchmarks.purchases import clock, purchases

NAME = "memory"
ABOUT = "peak memory of a rebuild, by events, and by shards"

_TURNS = 3


def measure(workspace: Workspace) -> list[Line]:
    """The lines of this measurement."""
    customers, often = workspace.scale.customers, workspace.scale.purchases
    few, many = (_regulars(workspace, customers, times) for times in (often, 2 * often))
    large = large_log(workspace, workspace.scale.events)
    small = large_log(workspace, workspace.scale.events // 40)
    workspace.say("measuring the memory of rebuilds")
    basis = median(_peak(small) for _ in range(_TURNS))
    runs = {"few": (few, 1), "many": (many, 1), "1": (large, 1), "2": (large, 2), "4": (large, 4)}
    peaks = {key: [_peak(*run) - basis for _ in range(_TURNS)] for key, run in runs.items()}
    note = f"above what the same process takes for {_events(small):,} events; SQLite's caches held small"
    regulars = f"peak memory, {customers:,} customers with {2 * often} purchases each"
    of_large = f"peak memory, rebuild of {_events(large):,} events"
    return [
        _line(regulars, f"itself: {often} purchases each", peaks["many"], peaks["few"], 1.25, note),
        _line(f"{of_large} in 2 shards", "itself in 1 shard", peaks["2"], peaks["1"], 0.6, note),
        _line(f"{of_large} in 4 shards", "itself in 2 shards", peaks["4"], peaks["2"], 0.6, note),
    ]


def _regulars(workspace: Workspace, customers: int, times: int) -> Path:
    """Customers who have bought so often in two years."""

    def make(path: Path) -> None:
        with open_log(path, clock=clock, durability="off") as relations:
            relations.execute_many(purchases(range(customers), range(times), step_days=730 / times))

    return workspace.once(f"a log of {customers:,} customers with {times} purchases each", make)


def _line(what: str, against: str, ours: list[float], theirs: list[float], budget: float, note: str) -> Line:
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
        budget=budget,
        direction="at most",
        turns=len(ratios),
        note=note,
    )


def _events(path: Path) -> int:
    with open_log(path) as relations:
        return relations.status().position


def _peak(path: Path, shards: int = 1) -> float:
    """The most memory of a process that rebuilds, in megabytes."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "benchmarks.memory", str(path), str(shards)]
    return float(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)


def _own_peak() -> float:
    with suppress(OSError):
        # Not `ru_maxrss` on Linux: a process that was forked counts its parent's memory in it.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1_000
    return getrusage(RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)


def _small_caches(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA mmap_size=0").fetchall()
    cursor.execute("PRAGMA cache_size=-2000")
    cursor.close()


def _rebuild(path: str, shards: int) -> None:
    with open_log(Path(path)) as relations:
        engine = relations.log.database.engine
        event.listen(engine, "connect", _small_caches)
        engine.dispose()
        relations.rebuild(shards=shards)
    sys.stdout.write(f"{_own_peak():.3f}\n")


if __name__ == "__main__":
    _rebuild(sys.argv[1], int(sys.argv[2]))
