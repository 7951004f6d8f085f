"""Measurement of one customer's file: the whole command, and what asking takes of it."""

from __future__ import annotations

from statistics import median

from benchmarks.commands import process_lines
from benchmarks.harness import Line, Workspace, timed
from benchmarks.histories import folded_log, open_log, some_customers
from relations.report.customer_file import customer_file

NAME = "customer"
ABOUT = "the file of one customer: `relations customer`, and what asking takes of it"

__all__ = ["ABOUT", "NAME", "measure"]

_PROCESS_MS, _ASKING_MS = 700.0, 60.0
_TURNS, _FEWER_TURNS = 5, 2


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    events, turns = workspace.scale.events, _TURNS if workspace.scale.rounds > 2 else _FEWER_TURNS
    path = folded_log(workspace, events)
    workspace.say(f"showing customers, {events:,} events in the log")
    with open_log(path) as engine:
        customers, last = some_customers(engine, turns)
        customers = customers[:turns]
    asked = []
    for customer in customers:
        with open_log(path) as engine:
            engine.policy  # noqa: B018 - every service has read it before the first question
            asked.append(timed(lambda: customer_file(engine, customer, as_of=last)).cpu * 1_000)  # noqa: B023 - at once
    moment = last.isoformat()
    return [
        *process_lines(
            NAME,
            f"`relations customer`, {events:,} events",
            [("customer", customer, "--database", str(path), "--as-of", moment) for customer in customers],
            _PROCESS_MS,
            "The views are up to date, and a fit of the value models is recorded.",
        ),
        Line(
            measurement=NAME,
            what=f"asking for the file in a new engine, {events:,} events",
            against="the budget itself: processor time",
            unit="ms",
            ours=median(asked),
            theirs=None,
            value=median(asked),
            lowest=min(asked),
            highest=max(asked),
            budget=_ASKING_MS,
            direction="at most",
            turns=len(asked),
            note="Each customer is asked about in an engine that has answered nothing yet.",
        ),
    ]
