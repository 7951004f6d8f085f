"""Measurement of the past in a large log: one customer's history and account, and whole views, as of any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from statistics import median, quantiles
from time import perf_counter

from sqlalchemy import func, select

from benchmarks.harness import Line, Workspace
from benchmarks.histories import large_log, open_log
from relations import Relations
from relations.errors import InvalidInput
from relations.log.tables import log
from relations.messages import from_micros

NAME = "as_of"
ABOUT = "one customer and whole views as of any time"

_VIEW = "loyalty"
_WHOLE = 8
"""Random positions at which the whole view is asked for."""


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    path = large_log(workspace, scale.events)
    with open_log(path) as engine:
        workspace.say("asking for histories")
        events = engine.status().position
        asked = _customers(engine, scale.histories)
        histories, returned = _ask_histories(engine, asked)
        accounts = _ask_accounts(engine, asked, events)
        workspace.say("keeping states, and asking for whole views")
        rebuilds = [_timed(lambda: engine.rebuild(["aliases", _VIEW])) for _ in range(2)]
        engine.keep_states([_VIEW])
        whole = _ask_whole(engine, events)
    what = f"one customer's history as of a random time, {events:,} events in the log"
    note = f"{len(asked):,} random customers, {returned / len(asked):.1f} events each, personal words opened"
    account = f"one customer's account as of a random position, {events:,} events in the log"
    return [
        *_lines(what, histories, note),
        *_lines(account, accounts, "the view's tables are folded in memory from the log's index"),
        _share(events, whole, median(rebuilds)),
    ]


def _lines(what: str, times: list[float], note: str) -> list[Line]:
    cuts = quantiles(times, n=100, method="inclusive")
    longest = f"{note}; the longest took {max(times):.2f} ms"
    return [_line(what, "99th percentile", cuts[98], times, longest), _line(what, "median", cuts[49], times)]


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


def _share(events: int, times: list[float], rebuild: float) -> Line:
    return Line(
        measurement=NAME,
        what=f"the whole view {_VIEW} as of a random position, {events:,} events, from kept states",
        against="itself, rebuilt",
        unit="s",
        ours=median(times) / 1_000,
        theirs=rebuild / 1_000,
        value=median(times) / rebuild,
        lowest=min(times) / rebuild,
        highest=max(times) / rebuild,
        budget=0.2,
        direction="at most",
        turns=len(times),
        note="with the copy of the state and the folding from it; states at every mark",
    )


def _customers(engine: Relations, count: int) -> list[str]:
    """Return the customers of random events, so customers with more events are asked for more often."""
    random = Random(5)
    with engine.log.database.reading() as connection:
        last = connection.execute(select(func.max(log.c.position))).scalar_one()
        positions = [random.randrange(2, last + 1) for _ in range(count)]
        return [
            connection.execute(select(log.c.customer).where(log.c.position == position)).scalar_one()
            for position in positions
        ]


def _timed(ask: Callable[[], object]) -> float:
    """Return the milliseconds that something takes."""
    begun = perf_counter()
    ask()
    return (perf_counter() - begun) * 1_000


def _ask_histories(engine: Relations, customers: list[str]) -> tuple[list[float], int]:
    random = Random(6)
    first = from_micros(engine.history(customers[0])[0].occurred_at)
    milliseconds, returned = [], 0
    for customer in customers:
        until = first + timedelta(days=random.uniform(0, 730))
        begun = perf_counter()
        found = engine.history(customer, until=until)
        milliseconds.append((perf_counter() - begun) * 1_000)
        returned += len(found)
    return milliseconds, returned


def _ask_accounts(engine: Relations, customers: list[str], events: int) -> list[float]:
    random = Random(7)

    def ask(customer: str) -> None:
        past = engine.as_of(position=random.randrange(1, events + 1), customer=customer)
        with past, suppress(InvalidInput):  # a customer who came later is unknown
            past.views.loyalty.account(customer)

    ask(customers[0])  # the tables in memory are made once
    return [_timed(lambda customer=customer: ask(customer)) for customer in customers]


def _ask_whole(engine: Relations, events: int) -> list[float]:
    random = Random(8)

    def ask() -> None:
        with engine.as_of(position=random.randrange(1, events + 1)) as past:
            past.views.loyalty.tiers()

    return [_timed(ask) for _ in range(_WHOLE)]
