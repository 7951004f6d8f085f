"""`relations demo`: two years of a hotel group, recorded, rebuilt and shown."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from relations.cli.options import Json, Verbose, database_url, moment, open_to_read
from relations.cli.pages.question import Question
from relations.cli.progress import Bar, progress_bar
from relations.cli.reports import pages
from relations.cli.screen import Screen, running
from relations.cli.show import headline, number, section
from relations.engine import BatchReport, Relations
from relations.errors import ForeignDatabase, InvalidInput
from relations.exchange.jsonlines.exporting import export_commands
from relations.messages import Command
from relations.testing.hotel.simulation import RecordingClock, is_mistake, simulate_recorded

__all__ = ["demo"]

_VIEWS = ("satisfaction", "retention", "repair", "agenda")
_DEMO_ID = re.compile(r"sim\d+:policy")
_SAFE = "What was recorded so far stays in the file; the demo begins anew when it is run again."


_START = date(2024, 1, 1)
_MONTHS = 24
_DAYS = 731
_LAST = _START + timedelta(days=_DAYS - 1)


class Outcome(NamedTuple):
    """What became of the simulated commands, and of what fell due."""

    report: BatchReport
    time: BatchReport
    ended_at: datetime
    seconds: float
    rebuild_seconds: float


def demo(
    database: Annotated[
        str,
        typer.Option(
            "--database",
            "-d",
            metavar="URL|PATH",
            help="Where to record: a file, or an empty database. A file that a demo made is made anew.",
        ),
    ] = "hotel.db",
    guests: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many guests there are.")] = 5_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same history.")] = 1,
    commands_to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the simulated commands there as JSON Lines instead, and end."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Simulate two years of a hotel group, record them, and show what the log knows of its guests.

    Every command goes through the engine and its rules into the database. Nothing of it is real; the same seed gives
    the same history.
    """  # fmt: skip
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        if commands_to is not None:
            _write_commands(screen, commands_to, seed, guests)
            return
        _make_room(database, screen)
        clock = RecordingClock(simulate_recorded(seed=seed, customers=guests, start=_START, months=_MONTHS))
        with Relations.open(database_url(database), clock=clock, durability="normal") as engine:
            outcome = _play(engine, clock, screen)
            question = Question(as_of=outcome.ended_at, zone=engine.policy.zone, asked=True)
            documents, shown = pages(engine, question, list(_VIEWS))
            document = {"database": engine.log.database.name, "recorded": _counts(outcome), **documents}

            def show(screen: Screen) -> None:
                screen.print(_told(outcome, engine), *shown, _further(database, question))

            screen.result(document, show)


def _play(engine: Relations, clock: RecordingClock, screen: Screen) -> Outcome:
    """Record the history, let time pass to its end, and rebuild the views."""
    report = BatchReport(rejections=[])
    with progress_bar(screen, "Recording two years", total=_DAYS, unit="commands") as bar:
        for batch in clock.batches():
            report.add(engine.execute_many(batch))
            day = clock()
            bar.show((day.date() - _START).days, note=f"{day:%Y-%m}", rate=report.commands / bar.seconds)
        bar.show(_DAYS, rate=report.commands / bar.seconds)
        seconds = bar.seconds
    ended_at = moment(f"{_LAST}", engine.policy.zone) or clock()
    time = engine.advance_time(ended_at)
    with progress_bar(screen, "Rebuilding the views") as bar:
        engine.rebuild(on_progress=bar.show)
        rebuild_seconds = bar.seconds
    return Outcome(report, time, ended_at, seconds, rebuild_seconds)


def _counts(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "commands": report.commands,
        "accepted": report.accepted,
        "repeated": report.repeated,
        "unchanged": report.unchanged,
        "refused": dict(sorted(Counter(rejection.error.code for rejection in report.rejections).items())),
        "refused_unexpectedly": sum(not is_mistake(rejection.command) for rejection in report.rejections),
        "events": report.events,
        "time": {"commands": outcome.time.commands, "events": outcome.time.events},
        "seconds": round(outcome.seconds, 3),
        "rebuild_seconds": round(outcome.rebuild_seconds, 3),
    }


def _told(outcome: Outcome, engine: Relations) -> RenderableType:
    report, status = outcome.report, engine.status()
    rate = report.commands / outcome.seconds if outcome.seconds > 0 else 0
    refused = Counter(rejection.error.code for rejection in report.rejections)
    kinds = ", ".join(f"{number(count)} {code}" for code, count in refused.most_common(4))
    lines = [
        f"{number(report.commands)} commands gave {number(report.events)} events ({number(rate)} commands a second).",
        f"{number(report.repeated)} were sent twice, and counted once; {number(report.unchanged)} changed nothing.",
        f"{number(len(report.rejections))} were refused, as clerks make mistakes" + (f": {kinds}." if kinds else "."),
        f"Then time passed: {number(outcome.time.events)} events of what fell due (points expired, tiers lost).",
        f"The views were rebuilt from {number(status.position)} events in {outcome.rebuild_seconds:.1f} s.",
        f"Proof of all of it: position {status.position}, digest {status.digest[:16]}…",
    ]
    return section(headline("A hotel group, two years", "simulated"), *(Text(line) for line in lines))


def _further(database: str, question: Question) -> RenderableType:
    option = shlex.quote(database)
    guest = "g000001"
    commands = [
        (f"relations history {guest} -d {option}", "all that happened to one guest"),
        (f"relations report repair -d {option} --as-of {question.day}", "one view, with its lists"),
        (f"relations report satisfaction -d {option} --by touchpoint --by month", "one hotel, month by month"),
        (f"relations report retention -d {option} --as-of 2025-06-30", "as things stood then"),
        (f"relations verify -d {option}", "prove that nothing was changed"),
        (f"relations export -d {option} -o events.jsonl", "all of it, as JSON Lines"),
    ]
    return Group(
        headline("To look further"),
        *(Text.assemble(f"  {command}", (f"\n      {what}", "dim")) for command, what in commands),
    )


def _make_room(database: str, screen: Screen) -> None:
    """Take away what an earlier demo left; leave alone what anybody else did.

    Raises:
        InvalidInput: There is a log that no demo made.
    """
    try:
        with open_to_read(database, views=False) as engine:
            # The default policy comes first, as in every log; then the hotel group adopts its own.
            ids = {recorded.command_id for recorded in engine.events(until=2)}
            head = engine.status().position
    except ForeignDatabase as error:
        if error.code == "foreign_database" and _is_empty(database):
            return
        raise
    if head == 0:
        return
    if "://" in database or not any(map(_DEMO_ID.fullmatch, ids)):
        raise InvalidInput(
            f"{database} holds a log" + ("" if "://" in database else " that no demo made"),
            code="not_a_demo",
            field="--database",
            hint="Give another file with --database; the demo replaces none but its own",
        )
    screen.say(f"Making {database} anew: it is an earlier demo's.")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def _is_empty(database: str) -> bool:
    """Whether opening it may make a log there: no file yet, or a database without tables of ours."""
    if "://" in database:
        return True
    path = Path(database)
    return not path.exists() or path.stat().st_size == 0


def _write_commands(screen: Screen, path: Path, seed: int, guests: int) -> None:
    with progress_bar(screen, "Simulating two years", total=_DAYS, unit="commands") as bar:
        count = export_commands(_watched(bar, seed, guests), path)
    said = f"{number(count)} commands are in {path}. To record them: relations import {path} -d FILE"
    screen.result({"path": str(path), "commands": count}, lambda screen: screen.print(Text(said)))


def _watched(bar: Bar, seed: int, guests: int) -> Iterator[Command]:
    recorded = simulate_recorded(seed=seed, customers=guests, start=_START, months=_MONTHS)
    for count, (recorded_at, command) in enumerate(recorded, 1):
        if count % 500 == 0:
            bar.show((recorded_at.date() - _START).days, rate=count / bar.seconds)
        yield command
