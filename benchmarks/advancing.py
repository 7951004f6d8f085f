"""Measurement of advancing time over many lots of points that have expired: `relations run --advance-time`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.harness import Line, Timing, Workspace, timed
from benchmarks.histories import open_log
from relations import Policy
from relations.aggregates.loyalty import EarnPoints, EnrolMember
from relations.messages import Command
from relations.policies import Programme

NAME = "advancing"
ABOUT = "advancing time over lots of points that have expired"

__all__ = ["ABOUT", "NAME", "measure"]

_START = datetime(2022, 1, 1, tzinfo=UTC)
_NOW = _START + timedelta(days=1_000)
_LOTS_A_MEMBER = 5
_COMMANDS_A_SECOND = 5_000.0
_TURNS = 2


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    lots = workspace.scale.expiring
    path = workspace.once(f"a log of {lots:,} lots", lambda made: _fill(made, lots))
    rates = []
    for turn in range(_TURNS):
        workspace.say(f"advancing time over {lots:,} lots, turn {turn + 1}")
        took, commands = _advanced(workspace.copy(path, "advancing"), lots)
        rates.append(commands / took.cpu)
    return [
        Line(
            measurement=NAME,
            what=f"`run --advance-time` over {lots:,} expired lots",
            against="the budget itself: processor time",
            unit="commands/s",
            ours=median(rates),
            theirs=None,
            value=median(rates),
            lowest=min(rates),
            highest=max(rates),
            budget=_COMMANDS_A_SECOND,
            turns=len(rates),
            note=f"{lots // _LOTS_A_MEMBER:,} members; finding what is due, recording it, and folding the agenda",
        )
    ]


def _advanced(path: Path, lots: int) -> tuple[Timing, int]:
    with open_log(path, clock=lambda: _NOW, durability="off") as engine:
        engine.catch_up()
        commands = [0]

        def advance() -> None:
            commands[0] = engine.advance_time(_NOW).commands

        took = timed(advance)
        assert commands[0] >= lots
        return took, commands[0]


def _fill(path: Path, lots: int) -> None:
    with open_log(path, clock=lambda: _START + timedelta(days=60), durability="off") as engine:
        programme = Programme(months_to_expiry=12)
        engine.adopt(Policy(programme=programme), since=_START - timedelta(days=1))
        report = engine.execute_many(_earned(lots))
        assert not report.rejections, report.rejections[0]


def _earned(lots: int) -> Iterator[Command]:
    members = lots // _LOTS_A_MEMBER
    for member in range(members):
        yield EnrolMember(customer=f"m{member}", occurred_at=_START)
    for number in range(_LOTS_A_MEMBER):
        at = _START + timedelta(days=10 * number + 1)
        for member in range(members):
            yield EarnPoints(customer=f"m{member}", lot=f"l{number}", points=10 + number, occurred_at=at)
