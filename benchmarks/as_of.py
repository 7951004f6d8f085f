"""Measurement of one customer's history as of any time, in a large log."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from statistics import quantiles
from time import perf_counter

from sqlalchemy import func, select

from benchmarks.harness import Line, Workspace
from benchmarks.histories import large_log, open_log
from relations import Relations
from relations.log.tables import log
from relations.messages import from_micros

NAME = "history"
ABOUT = "one customer's history as of any time"


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    path = large_log(workspace, scale.events)
    with open_log(path) as relations:
        workspace.say("asking for histories")
        events = relations.status().position
        asked = _customers(relations, scale.histories)
        milliseconds, returned = _ask(relations, asked)
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    what = f"one customer's history as of a random time, {events:,} events in the log"
    note = (
        f"{len(asked):,} random customers, {returned / len(asked):.1f} events each, personal words opened; "
        f"the longest took {max(milliseconds):.2f} ms"
    )
    return [_line(what, "99th percentile", cuts[98], milliseconds, note), _line(what, "median", cuts[49], milliseconds)]


def _line(what: str, which: str, value: float, times: list[float], note: str = "") -> Line:
    return Line(
        measurement=NAME,
        what=what,
        against=f"the budget itself: {which}",
        unit="ms",
        ours=value,
        theirs=None,
        value=value,
        lowest=min(times),
        highest=max(times),
        budget=10,
        direction="at most",
        turns=len(times),
        note=note,
    )


def _customers(relations: Relations, count: int) -> list[str]:
    """Return the customers of random events, so customers with more events are asked for more often."""
    random = Random(5)
    with relations.log.database.reading() as connection:
        last = connection.execute(select(func.max(log.c.position))).scalar_one()
        positions = [random.randrange(2, last + 1) for _ in range(count)]
        return [
            connection.execute(select(log.c.customer).where(log.c.position == position)).scalar_one()
            for position in positions
        ]


def _ask(relations: Relations, customers: list[str]) -> tuple[list[float], int]:
    random = Random(6)
    whole = [event for customer in customers[:1] for event in relations.history(customer)]
    first = from_micros(whole[0].occurred_at)
    milliseconds, returned = [], 0
    for customer in customers:
        until = first + timedelta(days=random.uniform(0, 730))
        begun = perf_counter()
        found = relations.history(customer, until=until)
        milliseconds.append((perf_counter() - begun) * 1_000)
        returned += len(found)
    return milliseconds, returned
