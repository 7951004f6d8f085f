"""Measurement of `execute_many`, as in an import, against inserting the same rows in the same batches.

Rows are compared with rows: a purchase of a customer not known before leads to two. The engine's commands are ready
when it gets them, as the rows of the bare inserts are; one line makes and validates them within the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from random import Random
from typing import Any

from benchmarks.bare import BareTable
from benchmarks.harness import Line, Timing, Workspace, alternate, compared
from benchmarks.histories import open_log, simulated_batches
from benchmarks.purchases import clock, facts, in_parts
from relations import Relations
from relations.aggregates.customer import RecordPurchase
from relations.log.database import Durability
from relations.messages import Command

NAME = "import"
ABOUT = "execute_many with all checks on, against inserting the same rows"

_BATCH = 1_000
_PURCHASES_A_CUSTOMER = 3
"""The purchases per customer of CDNOW, a common test of models of buying: 69,659 purchases by 23,570 customers."""

Batches = Sequence[Sequence[Command]]
Rows = list[list[tuple[Any, ...]]]


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    batches = scale.import_batches * scale.import_rounds
    fields = _shop(batches * _BATCH)
    ready = in_parts([RecordPurchase(**each) for each in fields], _BATCH)
    shop = "execute_many, purchases of customers unknown before"
    return [
        *_compare(workspace, shop, ready, "full", budget=0.5),
        *_compare(workspace, shop, ready, "off"),
        *_compare(workspace, f"{shop}, commands made and validated too", ready, "off", fields=fields),
        *_compare(workspace, "execute_many, the simulated hotel group's commands",
                  simulated_batches(batches * _BATCH, _BATCH), "off"),
    ]  # fmt: skip


def _shop(count: int) -> list[dict[str, Any]]:
    """The fields of purchases in the order of a till's roll: customers come back between others."""
    random = Random(11)
    customers = [random.randrange(count // _PURCHASES_A_CUSTOMER + 1) for _ in range(count)]
    places: dict[int, int] = {}
    found = []
    for customer in customers:
        place = places[customer] = places.get(customer, -1) + 1
        found.append(facts(customer, place, "till"))
    return found


def _compare(
    workspace: Workspace,
    what: str,
    batches: Batches,
    durability: Durability,
    *,
    budget: float | None = None,
    fields: list[dict[str, Any]] | None = None,
) -> list[Line]:
    scale = workspace.scale
    workspace.say(f"{what}, durability {durability}")
    rows = _rows(workspace, batches)
    with ExitStack() as stack:
        relations = stack.enter_context(open_log(workspace.path("import"), clock=clock, durability=durability))
        bare = stack.enter_context(BareTable(workspace.path("bare"), durability))
        commands = _commands(batches, fields, scale.import_batches)
        parts = iter(in_parts(rows, scale.import_batches))
        times = alternate(
            {"engine": lambda: _execute(relations, next(commands)), "bare": lambda: bare.insert_each(next(parts))},
            scale.import_rounds,
        )
    in_a_turn = [sum(map(len, part)) for part in in_parts(rows, scale.import_batches)]
    commands_a_turn = [sum(map(len, part)) for part in in_parts(batches, scale.import_batches)]
    turns = scale.import_rounds
    # Turns differ in how many customers are new, so each is brought to one row before they are compared.
    ours, theirs = (
        [Timing(turn.wall / count, turn.cpu / count) for turn, count in zip(times[name], in_a_turn, strict=False)]
        for name in ("engine", "bare")
    )
    speed = sum(commands_a_turn[:turns]) / sum(turn.wall for turn in times["engine"])
    waits = "" if durability == "full" else ", not waiting for the disk"
    return [
        compared(NAME, what + waits, "limit: inserting the same rows in the same batches", ours, theirs,
                 counts=(1, 1), unit="rows/s", budget=budget, note=f"{speed:,.0f} commands/s"),
    ]  # fmt: skip


def _commands(batches: Batches, fields: list[dict[str, Any]] | None, size: int) -> Iterator[Any]:
    """The commands of each turn: ready, or made while they are executed."""
    if fields is None:
        for part in in_parts(batches, size):
            yield [command for batch in part for command in batch]
    else:
        for some in in_parts(fields, size * _BATCH):
            yield (RecordPurchase(**each) for each in some)


def _execute(relations: Relations, commands: Any) -> None:
    report = relations.execute_many(commands, batch=_BATCH)
    assert report.accepted, "an import that records nothing measures nothing"


def _rows(workspace: Workspace, batches: Batches) -> Rows:
    """Return the outcome of each batch."""
    found: Rows = []
    with open_log(workspace.path("scratch"), clock=clock, durability="off") as relations:
        after = 0
        for batch in batches:
            relations.execute_many(batch, batch=_BATCH)
            with relations.log.database.reading() as connection:
                found.append([row for page in relations.log.scan(connection, after=after) for row in page])
            after = found[-1][-1][0]
    return found
