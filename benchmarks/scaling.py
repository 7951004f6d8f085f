"""Measurement of the time per event of a rebuild, for a large and a smaller log."""

from __future__ import annotations

from statistics import median

from benchmarks.harness import Line, Workspace, alternate
from benchmarks.histories import large_log, open_log

NAME = "scaling"
ABOUT = "time an event of a large log's rebuild against a smaller one's"

_ASKED = (10_000_000, 1_000_000)


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    large, small = large_log(workspace, scale.events), large_log(workspace, scale.fewer_events)
    with open_log(large) as more, open_log(small) as fewer:
        counts = more.status().position, fewer.status().position
        workspace.say("rebuilding the large log and the smaller one in turns")
        fewer.rebuild()
        times = alternate({"more": more.rebuild, "fewer": fewer.rebuild}, scale.rounds)
    each = [(a.wall / counts[0], b.wall / counts[1]) for a, b in zip(times["more"], times["fewer"], strict=True)]
    by_cpu = [a.cpu / counts[0] / (b.cpu / counts[1]) for a, b in zip(times["more"], times["fewer"], strict=True)]
    ratios = [more / fewer for more, fewer in each]
    stand_in = "" if (scale.events, scale.fewer_events) == _ASKED else "a stand-in for 10 M and 1 M: see --full"
    return [
        Line(
            measurement=NAME,
            what=f"time an event, rebuild of {counts[0]:,} events",
            against=f"itself: rebuild of {counts[1]:,} events",
            unit="µs an event",
            ours=median(more for more, _ in each) * 1e6,
            theirs=median(fewer for _, fewer in each) * 1e6,
            value=median(ratios),
            lowest=min(ratios),
            highest=max(ratios),
            value_cpu=median(by_cpu),
            budget=1.2,
            direction="at most",
            turns=len(ratios),
            note=stand_in,
        )
    ]
