"""Measurement of whole processes of the command line, by the processor time that each takes from start to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from benchmarks.harness import Line

__all__ = ["process_lines", "process_ms"]

_START = (sys.executable, "-c", "import relations.engine")


def process_ms(arguments: Sequence[str]) -> float:
    """Return the processor time of a process, in milliseconds."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1_000


def process_lines(name: str, what: str, turns: Sequence[Sequence[str]], budget: float | None, note: str) -> list[Line]:
    """Return the lines of a command: against its budget, and against a process that only imports the engine.

    Args:
        name: The measurement's name.
        what: The command, for readers.
        turns: The arguments of the command line in each turn.
        budget: The most milliseconds of processor time.
        note: An explanation for readers.
    """
    ours, starts = [], []
    for arguments in turns:
        ours.append(process_ms([sys.executable, "-m", "relations", *arguments]))
        starts.append(process_ms(_START))
    ratios = [mine / start for mine, start in zip(ours, starts, strict=True)]
    return [
        Line(
            measurement=name,
            what=f"{what}, whole process",
            against="the budget itself: processor time" if budget else "no budget",
            unit="ms",
            ours=median(ours),
            theirs=None,
            value=median(ours),
            lowest=min(ours),
            highest=max(ours),
            budget=budget,
            direction="at most",
            turns=len(ours),
            note=note,
        ),
        Line(
            measurement=name,
            what=f"{what}, times the start alone",
            against="limit: a process that only imports the engine",
            unit="ms",
            ours=median(ours),
            theirs=median(starts),
            value=median(ratios),
            lowest=min(ratios),
            highest=max(ratios),
            direction="at most",
            turns=len(ratios),
        ),
    ]
