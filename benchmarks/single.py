"""Measurement of one command per transaction, against the peer and against plain inserts.

All three write purchases of customers who have ten already. "From the file" means that each command goes to a customer
whom the process has not touched before, so the aggregate has to be loaded; "in memory", that it was touched just
before, and the peer's cache of aggregates is on, for the engine keeps states too. The engine does more for a command
than the peer: it looks for the command's id, asks the points account what the purchase earns, and links the row into
the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks.bare import BareTable
from benchmarks.harness import Line, Timing, Work, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.peer import PeerCustomer, durability_of, open_peer, synchronise
from benchmarks.purchases import clock, in_parts, purchases, rows_of
from relations.aggregates.customer import RecordPurchase
from relations.log.database import Durability
from relations.log.tables import COLUMNS

NAME = "single"
ABOUT = "load, decide and append, one command a transaction"

_BEFORE = 10
_COMMAND_ID = COLUMNS.index("command_id")
_CACHED = {"AGGREGATE_CACHE_MAXSIZE": "0", "AGGREGATE_CACHE_FASTFORWARD": "n"}

Commands = Sequence[RecordPurchase]


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    customers = range(1, scale.block * scale.blocks + 1)
    workspace.say(f"making logs of {len(customers):,} customers with {_BEFORE} purchases each")
    ours, peers = workspace.path("customers"), workspace.path("peer-customers")
    before = purchases(customers, range(_BEFORE))
    with open_log(ours, clock=clock, durability="off") as relations:
        relations.execute_many(before)
    _fill_peer(peers, before, len(customers))
    lines: list[Line] = []
    for durability in ("full", "off"):
        race = _Race(workspace, ours, peers, customers, durability)
        lines += race.run("from the file", place=_BEFORE, warm=False)
        lines += race.run("in memory", place=_BEFORE, warm=True)
    return lines


def _fill_peer(path: Path, before: Commands, customers: int) -> None:
    with open_peer(path) as application:
        synchronise(application, "OFF")
        known: dict[str, PeerCustomer] = {}
        for command in before:
            customer = known.get(command.customer)
            if customer is None:
                customer = known[command.customer] = PeerCustomer(command.customer, command.channel, command.at)
            customer.record_purchase(command)
        for part in in_parts(list(known.values()), 100):
            application.save(*part)
        assert len(known) == customers


class _Race:
    """Engine, peer and bare inserts, each on a copy of its own of the same histories."""

    def __init__(self, workspace: Workspace, ours: Path, peers: Path, customers: range, durability: Durability) -> None:
        self._workspace = workspace
        self._files = ours, peers
        self._customers = customers
        self._durability = durability

    def run(self, where: str, *, place: int, warm: bool) -> list[Line]:
        scale = self._workspace.scale
        self._workspace.say(f"one command a transaction, {where}, durability {self._durability}")
        touch = purchases(self._customers, range(place, place + 1), "touch") if warm else []
        wanted = purchases(self._customers, range(place + 1, place + 2))
        with ExitStack() as stack:
            relations = stack.enter_context(open_log(self._copy(0), clock=clock, durability=self._durability))
            application = stack.enter_context(open_peer(self._copy(1), _CACHED if warm else None))
            synchronise(application, "OFF")
            for command in touch:
                application.record_purchase(command)
            relations.execute_many(touch)
            if self._durability == "full":
                synchronise(application, "FULL")
            bare_path, transactions = self._rows(touch, wanted)
            bare = stack.enter_context(BareTable(bare_path, self._durability))
            times = alternate(
                {
                    "engine": _each(in_parts(wanted, scale.block), lambda part: _execute(relations.execute, part)),
                    "peer": _each(
                        in_parts(wanted, scale.block), lambda part: _execute(application.record_purchase, part)
                    ),
                    "bare": _each(in_parts(transactions, scale.block), bare.insert_each),
                },
                scale.blocks,
            )
            set_up = f"engine and inserts: {bare.durability}; peer: {durability_of(application)}"
        return self._lines(where, times, set_up, warm=warm)

    def _copy(self, which: int) -> Path:
        return self._workspace.copy(self._files[which], "race")

    def _rows(self, touch: Commands, wanted: Commands) -> tuple[Path, list[list[tuple[Any, ...]]]]:
        """The rows that the commands lead to, by transaction, and a log into which they fit."""
        target = self._copy(0)
        with open_log(target, clock=clock, durability="off") as relations:
            relations.execute_many(touch)
        scratch = self._workspace.copy(target, "scratch")
        with open_log(scratch, clock=clock, durability="off") as relations:
            after = relations.status().position
            relations.execute_many(wanted)
        rows = rows_of(scratch, after)
        return target, [list(group) for _, group in groupby(rows, itemgetter(_COMMAND_ID))]

    def _lines(self, where: str, times: Mapping[str, list[Timing]], set_up: str, *, warm: bool) -> list[Line]:
        budgeted = self._durability == "full" and not warm
        what = f"load + decide + append, one command a transaction, {where}"
        waits = "" if self._durability == "full" else ", not waiting for the disk"
        counts = self._workspace.scale.block, self._workspace.scale.block
        peer = "peer: the same model on eventsourcing's SQLite application" + (", its cache on" if warm else "")
        return [
            compared(NAME, what + waits, peer, times["engine"], times["peer"], counts=counts, unit="commands/s",
                     budget=1.5 if budgeted else None, note=set_up),
            compared(NAME, what + waits, "limit: bare insert and commit", times["engine"], times["bare"],
                     counts=counts, unit="commands/s", budget=0.5 if budgeted else None, note=set_up),
        ]  # fmt: skip


def _each(parts: Sequence[Any], work: Any) -> Work:
    """Work that takes the next part each time it is called."""
    rest: Iterator[Any] = iter(parts)
    return lambda: work(next(rest))


def _execute(execute: Any, commands: Commands) -> None:
    for command in commands:
        execute(command)
