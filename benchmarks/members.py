"""Measurement of members' points: rebuilding the loyalty view of a long log, and the statement of a busy account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.harness import Line, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.rebuild import read_and_decode
from relations import Relations
from relations.aggregates.loyalty import EarnPoints, EnrolMember, RedeemPoints
from relations.messages import Command
from relations.projections.loyalty.view import LoyaltyView, Statement

NAME = "members"
ABOUT = "members' points: rebuilding the loyalty view, and a statement of 5,000 events"

_START = datetime(2024, 1, 1, tzinfo=UTC)
_END = _START + timedelta(days=900)
_EVENTS_A_MEMBER = 50
_STATEMENT_EVENTS = 5_000
_ASKED = 25


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    events = min(scale.events, 1_000_000)
    path = workspace.once(f"a log of {events:,} loyalty events", lambda made: _fill(made, events, _EVENTS_A_MEMBER))
    with open_log(path, clock=lambda: _END) as relations:
        events = relations.status().position
        relations.rebuild(["loyalty"])
        workspace.say("rebuilding the loyalty view, in turns with its limit")
        times = alternate(
            {"rebuild": lambda: relations.rebuild(["loyalty"]), "read": lambda: read_and_decode(relations)},
            scale.rounds,
        )
    rebuilt = compared(
        NAME,
        f"rebuild of the loyalty view, {events:,} loyalty events, one process",
        "limit: reading all columns and decoding",
        times["rebuild"],
        times["read"],
        counts=(events, events),
        budget=0.35,
        note="a purchase in three is spent from; no other view is rebuilt",
    )
    return [rebuilt, *_statements(workspace, min(_STATEMENT_EVENTS, events))]


def _statements(workspace: Workspace, events: int) -> Iterator[Line]:
    path = workspace.once(f"an account of {events:,} events", lambda made: _fill(made, events, events))
    workspace.say("asking for statements")
    account = f"an account with {events:,} events"
    with open_log(path, clock=lambda: _END) as relations:
        entries = relations.views.loyalty.statement("m0", limit=None).entries
        before = entries[-101].position if len(entries) > 100 else None
        asked: list[tuple[str, Callable[[LoyaltyView], Statement], str]] = [
            (
                f"a statement of {account}, its last page",
                lambda view: view.statement("m0", after=before),
                "opening and closing balance, totals, 100 entries",
            ),
            (
                f"a statement of {account}, over a period",
                lambda view: view.statement("m0", since=_END - timedelta(days=300), until=_END),
                "as it stood at the period's end",
            ),
        ]
        for what, ask, note in asked:
            yield _line(what, list(_ask(relations, ask)), f"folded from the log each time; {note}", budget=20)
        note = "what `relations loyalty CUSTOMER` asks for: 100 entries, and every open lot"
        yield _line(f"the statement and the standing of {account}", list(_ask(relations, _shown)), note)


def _line(what: str, milliseconds: list[float], note: str, *, budget: float | None = None) -> Line:
    return Line(
        measurement=NAME,
        what=what,
        against="the budget itself: median",
        unit="ms",
        ours=median(milliseconds),
        theirs=None,
        value=median(milliseconds),
        lowest=min(milliseconds),
        highest=max(milliseconds),
        budget=budget,
        direction="at most",
        turns=len(milliseconds),
        note=note,
    )


def _ask(relations: Relations, ask: Callable[[LoyaltyView], Statement]) -> Iterator[float]:
    view = relations.views.loyalty
    count = ask(view).count
    for _ in range(_ASKED):
        begun = perf_counter()
        found = ask(view)
        yield (perf_counter() - begun) * 1_000
        assert found.count == count
        assert found.entries


def _shown(view: LoyaltyView) -> Statement:
    found = view.statement("m0")
    account = view.account("m0", programme=found.programme)
    assert account is not None
    assert account.balance == found.closing
    return found


def _fill(path: Path, events: int, each: int) -> None:
    with open_log(path, clock=lambda: _END, durability="off") as relations:
        relations.execute_many(_commands(events, each))


def _commands(events: int, each: int) -> Iterator[Command]:
    """Members who earn and spend in turns, day by day, so that all of them are spread over the whole log."""
    members = max(1, events // each)
    for member in range(members):
        yield EnrolMember(customer=f"m{member}", occurred_at=_START)
    step = timedelta(days=800) / each
    for number in range(each - 2):  # joining made two events
        at = _START + step * number
        for member in range(members):
            if number % 4 == 3:
                yield RedeemPoints(customer=f"m{member}", redemption=f"r{number}", points=25, occurred_at=at)
            else:
                yield EarnPoints(customer=f"m{member}", lot=f"l{number}", points=10 + number % 7, occurred_at=at)
