"""Measurement of a service: threads that ask about customers, next to threads that record purchases.

Half of the clients read, half write. Reads with nobody writing, writes with nobody reading, and both together take
turns. A client is a thread that sends its next call when the last one was answered. All clients of a
turn begin at once, and each makes as many calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from statistics import median
from threading import Barrier
from time import perf_counter
from typing import NamedTuple

from benchmarks.harness import Line, Workspace
from benchmarks.histories import open_log, simulated_batches, some_customers
from benchmarks.postgres import running_postgres
from relations import Relations
from relations.commands import RecordPurchase
from relations.messages import Money
from relations.views import Views

NAME = "service"
ABOUT = "threads that read next to threads that write"

__all__ = ["ABOUT", "NAME", "measure"]

_CLIENTS = 32
_COMMANDS_MAX = 20_000
_BATCH = 500
_READS_P99, _WRITES_P50 = 5.0, 2.0

Call = Callable[[int, int], object]
_READS: tuple[Callable[[Views, str], object], ...] = (
    lambda views, customer: views.customers.portrait(customer),
    lambda views, customer: views.retention.customer(customer),
    lambda views, customer: views.loyalty.account(customer),
    lambda views, customer: views.repair.relation(customer),
)


class _Turn(NamedTuple):
    """The seconds of each call in one turn: reads and writes alone, and both together."""

    reads: list[float]
    writes: list[float]
    reads_beside: list[float]
    writes_beside: list[float]


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    commands = min(workspace.scale.base_events, _COMMANDS_MAX)
    lines: list[Line] = []
    for database, opened in (("SQLite", _sqlite(workspace)), ("PostgreSQL", _postgres())):
        with opened as engine:
            workspace.say(f"{_CLIENTS} clients, {database}, {commands:,} commands in the log")
            for batch in simulated_batches(commands, _BATCH):
                engine.execute_many(batch)
            engine.catch_up()
            turns = _turns(engine, workspace)
        lines += _lines(database, turns)
    return lines


@contextmanager
def _sqlite(workspace: Workspace) -> Iterator[Relations]:
    with open_log(workspace.path("service"), durability="full") as engine:
        yield engine


@contextmanager
def _postgres() -> Iterator[Relations]:
    with running_postgres() as url, Relations.open(url.render_as_string(hide_password=False)) as engine:
        yield engine


def _turns(engine: Relations, workspace: Workspace) -> list[_Turn]:
    customers, last = some_customers(engine, 10 * _CLIENTS)
    views, numbers = engine.views, count()

    def read(client: int, call: int) -> None:
        customer = customers[(client * 31 + call) % len(customers)]
        _READS[call % len(_READS)](views, customer)

    def write(client: int, call: int) -> None:
        customer = customers[(client * 17 + call) % len(customers)]
        purchase = f"service-{next(numbers)}"
        engine.execute(
            RecordPurchase(customer=customer, purchase=purchase, amount=Money(1_000, "EUR"), occurred_at=last)
        )

    calls, half = max(workspace.scale.block, len(_READS)), _CLIENTS // 2
    found: list[_Turn] = []
    with ThreadPoolExecutor(_CLIENTS) as pool:
        _timed(pool, [read, write] * half, len(_READS))  # so that every thread has its connection, and nothing is new
        for _ in range(max(2, workspace.scale.rounds // 2)):
            reads = _timed(pool, [read] * half, calls)
            writes = _timed(pool, [write] * half, calls)
            both = _timed(pool, [read, write] * half, calls)
            found.append(_Turn(_flat(reads), _flat(writes), _flat(both[::2]), _flat(both[1::2])))
    return found


def _timed(pool: ThreadPoolExecutor, clients: Sequence[Call], calls: int) -> list[list[float]]:
    """Return the seconds of each call of each client. All begin at once."""
    together = Barrier(len(clients))

    def work(number: int) -> list[float]:
        found: list[float] = []
        together.wait()
        for call in range(calls):
            begun = perf_counter()
            clients[number](number, call)
            found.append(perf_counter() - begun)
        return found

    return list(pool.map(work, range(len(clients))))


def _flat(times: Sequence[Sequence[float]]) -> list[float]:
    return sorted(each for those in times for each in those)


def _p99(times: Sequence[float]) -> float:
    return times[min(len(times) - 1, len(times) * 99 // 100)]


def _lines(database: str, turns: Sequence[_Turn]) -> list[Line]:
    half = _CLIENTS // 2
    sides = (
        ("99th percentile of reads", "writing", [(_p99(turn.reads_beside), _p99(turn.reads)) for turn in turns],
         _READS_P99),
        ("median of writes", "reading", [(median(turn.writes_beside), median(turn.writes)) for turn in turns],
         _WRITES_P50),
    )  # fmt: skip
    lines = []
    for what, others, pairs, budget in sides:
        ratios = [beside / alone for beside, alone in pairs]
        lines.append(
            Line(
                measurement=NAME,
                what=f"{what} by {half} clients, {half} others {others}, {database}",
                against=f"the same with nobody {others}",
                unit="ms",
                ours=median(beside for beside, _ in pairs) * 1_000,
                theirs=median(alone for _, alone in pairs) * 1_000,
                value=median(ratios),
                lowest=min(ratios),
                highest=max(ratios),
                budget=budget,
                direction="at most",
                turns=len(pairs),
                note="Reads: portrait, purchases, points account and relation of one customer. Full durability.",
            )
        )
    return lines
