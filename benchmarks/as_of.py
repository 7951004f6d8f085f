"""Measurement of the past in a large log: one customer's history and account, and whole views, as of any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random
from statistics import median, quantiles
from time import perf_counter, thread_time

from sqlalchemy import func, select

from benchmarks.harness import Line, Timing, Workspace
from benchmarks.histories import large_log, open_log
from relations import Relations
from relations.errors import InvalidInput
from relations.log.tables import log
from relations.messages import RecordedEvent, from_micros

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
        _share(events, whole, min(rebuilds)),
    ]


def _lines(what: str, times: list[Timing], note: str) -> list[Line]:
    longest = f"{note}; the longest took {max(time.wall for time in times):.2f} ms"
    return [_line(what, "99th percentile", 99, times, longest), _line(what, "median", 50, times)]


def _line(what: str, which: str, percent: int, times: list[Timing], note: str = "") -> Line:
    wall, cpu = ([getattr(time, clock) for time in times] for clock in ("wall", "cpu"))
    value = quantiles(wall, n=100, method="inclusive")[percent - 1]
    return Line(
        measurement=NAME,
        what=what,
        against=f"the budget itself: {which}",
        unit="ms",
        ours=value,
        theirs=None,
        value=value,
        lowest=min(wall),
        highest=max(wall),
        value_cpu=quantiles(cpu, n=100, method="inclusive")[percent - 1],
        budget=10,
        direction="at most",
        turns=len(times),
        note=note,
    )


def _share(events: int, whole: list[Timing], rebuild: Timing) -> Line:
    times = [time.wall for time in whole]
    return Line(
        measurement=NAME,
        what=f"the whole view {_VIEW} as of a random position, {events:,} events, from kept states",
        against="itself, rebuilt",
        unit="s",
        ours=median(times) / 1_000,
        theirs=rebuild.wall / 1_000,
        value=median(times) / rebuild.wall,
        lowest=min(times) / rebuild.wall,
        highest=max(times) / rebuild.wall,
        value_cpu=median(time.cpu for time in whole) / rebuild.cpu,
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


def _timed(ask: Callable[[], object]) -> Timing:
    """Return the milliseconds that something takes, on the wall and of this thread's processor time."""
    wall, cpu = perf_counter(), thread_time()
    ask()
    return Timing((perf_counter() - wall) * 1_000, (thread_time() - cpu) * 1_000)


def _ask_histories(engine: Relations, customers: list[str]) -> tuple[list[Timing], int]:
    random = Random(6)
    first = from_micros(engine.history(customers[0])[0].occurred_at)
    found: list[RecordedEvent] = []

    def ask(customer: str, until: datetime) -> None:
        found.extend(engine.history(customer, until=until))

    asked = [(customer, first + timedelta(days=random.uniform(0, 730))) for customer in customers]
    return [_timed(partial(ask, *each)) for each in asked], len(found)


def _ask_accounts(engine: Relations, customers: list[str], events: int) -> list[Timing]:
    random = Random(7)

    def ask(customer: str) -> None:
        past = engine.as_of(position=random.randrange(1, events + 1), customer=customer)
        with past, suppress(InvalidInput):  # a customer who came later is unknown
            past.views.loyalty.account(customer)

    ask(customers[0])  # the tables in memory are made once
    return [_timed(partial(ask, customer)) for customer in customers]


def _ask_whole(engine: Relations, events: int) -> list[Timing]:
    random = Random(8)

    def ask() -> None:
        with engine.as_of(position=random.randrange(1, events + 1)) as past:
            past.views.loyalty.tiers()

    return [_timed(ask) for _ in range(_WHOLE)]
