"""Measurement of live catch-up: events folded into the tables of all views as they come, next to a rebuild.

Also the first question about one customer after an import that no view has seen yet.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.harness import Line, Workspace, compared, timed
from benchmarks.histories import large_log, open_log
from benchmarks.purchases import clock, purchases
from relations import Relations
from relations.aggregates.loyalty import EnrolMember

NAME = "live"
ABOUT = "live catch-up of all views, next to a rebuild, and the first question after an import"

__all__ = ["ABOUT", "NAME", "measure"]

_STRETCH = 5_000
"""Events of a catch-up: fewer than would be rebuilt."""
_MEMBERS, _BASKETS_A_MEMBER = 2_500, 64
_FIRST_MS = 8_000.0


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
        ),
        _first_question(workspace),
    ]


def _first_question(workspace: Workspace) -> Line:
    """Return the time of a member's first statement, which has to fold everything that was imported."""
    members = max(2, min(_MEMBERS, workspace.scale.baskets // _BASKETS_A_MEMBER))
    baskets = workspace.scale.baskets // members
    path = workspace.once(
        f"a log of {members:,} members with {baskets} baskets", lambda made: _import(made, members, baskets)
    )
    took, events = [], 0
    for turn in range(2):
        with open_log(workspace.copy(path, "imported"), clock=clock, durability="off") as engine:
            events = engine.status().position
            workspace.say(f"asking first after an import of {events:,} events, turn {turn + 1}")
            took.append(timed(lambda: engine.views.loyalty.statement("c000001")).cpu * 1_000)
    return Line(
        measurement=NAME,
        what=f"the first statement of one member after an import of {events:,} events",
        against="the budget itself: processor time",
        unit="ms",
        ours=median(took),
        theirs=None,
        value=median(took),
        lowest=min(took),
        highest=max(took),
        budget=_FIRST_MS,
        direction="at most",
        turns=len(took),
        note="No view has seen any of the events.",
    )


def _import(path: Path, members: int, baskets: int) -> None:
    with open_log(path, clock=clock, durability="off") as engine:
        bought = purchases(range(members), range(baskets), step_days=730 / baskets)
        joined = {each.customer: each for each in reversed(bought)}
        engine.execute_many(EnrolMember(customer=name, occurred_at=first.occurred_at) for name, first in joined.items())
        engine.execute_many(bought)


def _follow(engine: Relations, events: int) -> None:
    for until in range(_STRETCH, events + _STRETCH, _STRETCH):
        engine.runner.catch_up(until=min(until, events))
