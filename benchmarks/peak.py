"""Rebuild a log and print the peak memory of the process, in megabytes: `python -m benchmarks.peak FILE`.

It imports only the engine, because everything that is imported counts in the peak.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from sqlalchemy import event

from relations import Relations


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


def _rebuild(path: str) -> None:
    with Relations.open(f"sqlite:///{path}") as engine:
        pool = engine.log.database.engine
        event.listen(pool, "connect", _small_caches)
        pool.dispose()
        engine.rebuild()
    sys.stdout.write(f"{_own_peak():.3f}\n")


if __name__ == "__main__":
    _rebuild(sys.argv[1])
