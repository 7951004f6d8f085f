"""How much memory a rebuild takes: of one log and one twice as long of the same customers, and by shards.

Each rebuild runs in a process of its own, which says at its end how much of it was in memory at most. SQLite's map of
the file and its cache are made small there, for they hold as much as they are let; and what the same process takes on
an empty log is subtracted. So what is left is what folding and loading take.
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
from benchmarks.histories import large_log, open_log, simulated_customers

NAME = "memory"
ABOUT = "peak memory of a rebuild, by events, and by shards"

_TURNS = 3
_NOTE = "above what the same process takes on an empty log; SQLite's caches held small"


def measure(workspace: Workspace) -> list[Line]:
    """The lines of this measurement."""
    customers = workspace.scale.customers
    short = workspace.once(
        f"a log of {customers:,} customers in 2 years",
        lambda path: simulated_customers(path, customers=customers, months=24),
    )
    long = workspace.once(
        f"a log of {customers:,} customers in 4 years",
        lambda path: simulated_customers(path, customers=customers, months=48),
    )
    empty = workspace.path("empty")
    with open_log(empty):
        pass
    large = large_log(workspace, workspace.scale.events)
    workspace.say("measuring the memory of rebuilds")
    basis = median(_peak(empty) for _ in range(_TURNS))
    peaks = {
        key: [_peak(path, shards) - basis for _ in range(_TURNS)]
        for key, path, shards in [
            ("short", short, 1), ("long", long, 1), ("1", large, 1), ("2", large, 2), ("4", large, 4),
        ]
    }  # fmt: skip
    more = _events(long) / _events(short)
    of_large = f"rebuild of {_events(large):,} events"
    return [
        _line(f"peak memory, the same {customers:,} customers with {more:.2f} times the events",
              f"itself: {_events(short):,} events", peaks["long"], peaks["short"], 1.25, f"{_NOTE}; a row keeps a bit "
              "a day and a few sums a month, so it does grow, with months and not with events"),
        _line(f"peak memory, {of_large} in 2 shards", "itself in 1 shard", peaks["2"], peaks["1"], 0.6, _NOTE),
        _line(f"peak memory, {of_large} in 4 shards", "itself in 2 shards", peaks["4"], peaks["2"], 0.6, _NOTE),
    ]  # fmt: skip


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
