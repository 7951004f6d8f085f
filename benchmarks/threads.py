"""Measurement of threads: one command a transaction, executed by eight threads and by one, in turns.

Threads share commits, so eight of them wait for the disk about as often as one does. The peer is the same model on
eventsourcing's application with as many threads; its SQLite recorder writes for one thread after the other. Every
thread has customers of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from benchmarks.harness import Line, Timing, Work, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.peer import durability_of, open_peer
from benchmarks.postgres import running_postgres
from benchmarks.purchases import clock, in_parts, purchases
from relations.aggregates.customer import RecordPurchase
from relations.engine import Relations

NAME = "threads"
ABOUT = "one command a transaction, executed by eight threads"

_THREADS = 8
_TIMES_ONE = 4.0
_TIMES_PEER = 3.0

Commands = Sequence[RecordPurchase]


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    block = scale.block * _THREADS
    turns = max(2, scale.blocks // 4)
    commands = purchases(range(1, block + 1), range(2 * turns))
    lines: list[Line] = []
    with ExitStack() as stack:
        workspace.say(f"{_THREADS} threads, SQLite file")
        engine = stack.enter_context(open_log(workspace.path("threads"), clock=clock, durability="full"))
        application = stack.enter_context(open_peer(workspace.path("peer-threads")))
        times = _times(engine, commands, block, turns, application.record_purchase)
        note = f"peer: {durability_of(application)}"
        lines += [
            _against_one("SQLite", times, block, scale.block),
            compared(NAME, "eight threads, SQLite", "peer: eventsourcing's SQLite application with eight threads",
                     times["eight"], times["peer"], counts=(block, block), unit="commands/s", budget=_TIMES_PEER,
                     note=note),
        ]  # fmt: skip
    with running_postgres() as url, Relations.open(url.render_as_string(hide_password=False), clock=clock) as engine:
        workspace.say(f"{_THREADS} threads, PostgreSQL")
        lines.append(_against_one("PostgreSQL", _times(engine, commands, block, turns), block, scale.block))
    return lines


def _times(
    engine: Relations, commands: Commands, block: int, turns: int, peer: Callable[[Any], Any] | None = None
) -> dict[str, list[Timing]]:
    parts = in_parts(commands, block)
    with ThreadPoolExecutor(_THREADS) as pool:
        contenders: dict[str, Work] = {
            "eight": _each(parts[:turns], lambda part: _in_threads(pool, engine.execute, part)),
            # one thread needs no more of its turn than an eighth
            "one": _each(parts[turns:], lambda part: _one_after_another(engine.execute, part[: len(part) // _THREADS])),
        }
        if peer is not None:
            contenders["peer"] = _each(parts[:turns], lambda part: _in_threads(pool, peer, part))
        return alternate(contenders, turns)


def _in_threads(pool: ThreadPoolExecutor, execute: Callable[[Any], Any], commands: Commands) -> None:
    shares = [commands[number::_THREADS] for number in range(_THREADS)]
    list(pool.map(lambda share: _one_after_another(execute, share), shares))


def _one_after_another(execute: Callable[[Any], Any], commands: Commands) -> None:
    for command in commands:
        execute(command)


def _each(parts: Sequence[Commands], work: Callable[[Commands], None]) -> Work:
    rest: Iterator[Commands] = iter(parts)
    return lambda: work(next(rest))


def _against_one(database: str, times: dict[str, list[Timing]], eight: int, one: int) -> Line:
    return compared(NAME, f"eight threads, {database}", "the same engine with one thread", times["eight"],
                    times["one"], counts=(eight, one), unit="commands/s", budget=_TIMES_ONE,
                    note="full durability, one command a transaction")  # fmt: skip
