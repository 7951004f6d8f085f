"""Rebuild a log, or fill one, and print the peak memory of the process, in megabytes.

`python -m benchmarks.peak FILE` rebuilds. `python -m benchmarks.peak FILE CUSTOMERS PURCHASES` records this many
purchases of this many customers; a third number is the MB of states that it may keep. It imports only the engine,
because everything that is imported counts in the peak.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from sqlalchemy import event

from benchmarks.purchases import clock, facts
from relations import Relations
from relations.commands import RecordPurchase


def _own_peak() -> float:
    """Return the most memory that this process has used."""
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


def _measure(path: str, work: Callable[[Relations], object]) -> None:
    with Relations.open(f"sqlite:///{path}", clock=clock, durability="off") as engine:
        pool = engine.log.database.engine
        event.listen(pool, "connect", _small_caches)
        pool.dispose()
        with engine.log.writing() as writer:  # on a connection of its own, which stays open
            _small_caches(writer.connection.connection.dbapi_connection, None)
        work(engine)
    sys.stdout.write(f"{_own_peak():.3f}\n")


def _fill(engine: Relations, customers: int, count: int, room: int | None = None) -> None:
    """Record purchases: everybody's first, then everybody's second, and so on."""
    if room is not None:
        engine._executor.states.cached._most_bytes = room * 1_000_000
    report = engine.execute_many(
        RecordPurchase(**facts(number % customers, number // customers, "shop", step_days=0.5))
        for number in range(count)
    )
    assert report.accepted == count, report.rejections[:1]


if __name__ == "__main__":
    _path, *_numbers = sys.argv[1:]
    if _numbers:
        _measure(_path, lambda engine: _fill(engine, *map(int, _numbers)))
    else:
        _measure(_path, lambda engine: engine.rebuild())
