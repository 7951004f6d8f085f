"""Measurement of live catch-up: events folded into the tables of all views as they come, next to a rebuild."""

from __future__ import annotations

from benchmarks.harness import Line, Workspace, compared, timed
from benchmarks.histories import large_log, open_log
from relations import Relations

NAME = "live"
ABOUT = "live catch-up of all views, next to a rebuild"

__all__ = ["ABOUT", "NAME", "measure"]

_STRETCH = 5_000
"""Events of a catch-up: fewer than would be rebuilt."""


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    path = workspace.copy(large_log(workspace, min(scale.base_events, scale.events)), "live")
    live, rebuilt = [], []
    with open_log(path, durability="off") as engine:
        engine.catch_up()
        events = engine.status().position
        for turn in range(2 if scale.rounds < 3 else 3):
            workspace.say(f"folding {events:,} events live and by a rebuild, turn {turn + 1}")
            for name in engine.runner.projections:
                engine.runner.reset(name)
            live.append(timed(lambda: _follow(engine, events)))
            rebuilt.append(timed(engine.rebuild))
    return [
        compared(
            NAME,
            f"live catch-up of all views, {events:,} events, {_STRETCH:,} at a time",
            "limit: a rebuild of all views",
            live,
            rebuilt,
            counts=(events, events),
            budget=0.35,
            note="The views were emptied first. Each catch-up is one call, as of a process that follows the log.",
        )
    ]


def _follow(engine: Relations, events: int) -> None:
    for until in range(_STRETCH, events + _STRETCH, _STRETCH):
        engine.runner.catch_up(until=min(until, events))
