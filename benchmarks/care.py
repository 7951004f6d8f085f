"""Measurement of care plans: quarters of the plan 611 for many customers, and the list of contacts that are due.

A step that lapses is a command to the customer's stream, so it should cost about as much as any other. The plain
command that it is compared with is a purchase of the same customers, in the same log and in the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from time import process_time

from benchmarks.harness import Line, Timing, Workspace, compared, timed
from benchmarks.histories import open_log
from benchmarks.purchases import clock, purchases
from relations import Relations
from relations.aggregates.customer import RegisterCustomer
from relations.messages import Command
from relations.policies import Care, Policy

NAME = "care"
ABOUT = "care plans: quarters of the plan 611, and what is due"

_DAYS = (98, 189)
"""Time is advanced to each of these days after the purchase. All eight steps of another round have lapsed by then."""
_DUE_DAY = 191
"""The first message of the third round is due."""
_LISTED = 50
_TURNS = 3


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    few = max(20, workspace.scale.events // 1_000)
    many = max(2 * few, workspace.scale.events // 100)
    return [line for count in (few, many) for line in _measured(workspace, count)]


def _measured(workspace: Workspace, count: int) -> Iterator[Line]:
    workspace.say(f"a quarter of 611 for {count:,} customers, in turns with purchases")
    numbers, start = range(1, count + 1), clock() - timedelta(days=1_000)
    with open_log(workspace.path("care"), clock=clock, durability="off") as relations:
        relations.adopt(Policy(care=Care(plans=("611",), quiet_days=0)), from_beginning=True)
        relations.execute_many(_people(numbers))
        relations.execute_many(purchases(numbers, range(1)))
        relations.catch_up()
        ours, theirs = [], []
        for place, day in enumerate(_DAYS, 1):
            ours.append(_advanced(relations, day))
            shopping = purchases(numbers, range(place, place + 1))
            relations.catch_up()
            bought = timed(partial(relations.execute_many, shopping))
            theirs.append(Timing(bought.wall / count, bought.cpu / count))
            relations.catch_up()
        yield compared(
            NAME, f"advancing {count:,} customers over a quarter of 611 at once",
            "a plain command: a purchase of the same customers, in the same batches", ours, theirs,
            counts=(1, 1), unit="commands/s", budget=0.2,
            note="with finding what is due, and folding what was recorded",
        )  # fmt: skip
        relations.advance_time(start + timedelta(days=_DUE_DAY))
        at = start + timedelta(days=_DUE_DAY)
        for what, limit, budget in ((f"the {_LISTED} most urgent contacts", _LISTED, 0.1), ("all contacts", None, 0.2)):
            times = []
            for _ in range(_TURNS):
                begun = process_time()
                found = relations.views.care.due(as_of=at, limit=limit)
                times.append((process_time() - begun) * 1_000 / count)
                assert len(found) == (count if limit is None else min(limit, count))
            yield _line(f"{what} that are due to {count:,} customers", times, budget)
        times = []
        for later in range(1, _TURNS + 1):
            begun = process_time()
            assert not relations.advance_time(at + timedelta(days=later)).accepted
            times.append((process_time() - begun) * 1_000 / count)
        yield _line(f"advancing a day on which nothing happens to {count:,} customers", times, 0.1)


def _people(numbers: range) -> Iterator[Command]:
    at = clock() - timedelta(days=1_001)
    for number in numbers:
        name = f"c{number:06d}"
        yield RegisterCustomer(customer=name, name=f"Guest {number}", email=f"{name}@example.org", occurred_at=at)


def _advanced(relations: Relations, day: int) -> Timing:
    """Advance time, and return how long each command took."""
    commands = 0

    def advance() -> None:
        nonlocal commands
        report = relations.advance_time(clock() - timedelta(days=1_000 - day))
        assert not report.rejections
        commands = report.accepted

    time = timed(advance)
    assert commands
    return Timing(time.wall / commands, time.cpu / commands)


def _line(what: str, times: list[float], budget: float) -> Line:
    times = sorted(times)
    return Line(
        measurement=NAME,
        what=what,
        against="the budget itself: median, processor time",
        unit="ms a customer",
        ours=times[len(times) // 2],
        theirs=None,
        value=times[len(times) // 2],
        lowest=times[0],
        highest=times[-1],
        budget=budget,
        direction="at most",
        turns=len(times),
    )
