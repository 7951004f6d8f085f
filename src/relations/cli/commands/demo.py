"""`relations demo`: two years of a hotel group, simulated, recorded and shown."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from relations.cli.options import Json, Verbose, database_url, moment, open_to_read
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput, MissingExtra, NoFit, RelationsError

if TYPE_CHECKING:
    from relations.cli.pages.demo import DemoOutcome
    from relations.cli.progress import ProgressBar
    from relations.engine import Relations
    from relations.messages import Command
    from relations.testing.hotel.simulation import Recorded

__all__ = ["demo"]

_VIEWS = ("satisfaction", "retention", "repair", "agenda")
_SAFE = "An earlier demo is unchanged; run the command again to start over."
_DATABASE = "hotel-demo.db"
_MONTHS = 24


def demo(
    database: Annotated[
        str,
        typer.Option(
            "--database",
            "-d",
            metavar="URL|PATH",
            help="Record into this file, or into an empty database. Only an unchanged demo is replaced.",
        ),
    ] = _DATABASE,
    guests: Annotated[int, typer.Option(min=1, max=10_000_000, help="Simulate this many guests.")] = 5_000,
    seed: Annotated[int, typer.Option(min=0, help="Use this seed; the same seed gives the same history.")] = 1,
    as_of: Annotated[
        str | None, typer.Option(metavar="DAY", help="End the history on this day. Default: today, now.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page with charts here. Default: next to the file.")
    ] = None,
    commands_to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the simulated commands to a file as JSON Lines, and exit."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Simulate two years of a hotel group, record them, and show a summary and a page with charts.

    The data is invented. Every command passes through the engine and its rules. The same seed and last day give the
    same history. Of today only the past is recorded.
    """
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        period = _period(as_of)
        if commands_to is not None:
            _write_commands(screen, commands_to, seed, guests, period)
            return
        _check_free(database)
        if "://" in database:
            _record(screen, database, database, seed, guests, period, html)
            return
        target = Path(database)
        partial = target.with_name(f"{target.name}.partial")
        _remove(partial)
        try:
            digest = _record(screen, str(partial), database, seed, guests, period, html)
            _sign(partial, digest)
            _remove(target)
            partial.replace(target)
        finally:
            _remove(partial)


class _Period(NamedTuple):
    """The time that the history covers.

    Attributes:
        start: The first day.
        last: The last day.
        until: Nothing is recorded after this moment.
    """

    start: date
    last: date
    until: datetime

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.start).days + 1

    def recorded(self, seed: int, guests: int) -> Iterator[Recorded]:
        """Yield the simulated commands of the period."""
        from relations.testing.hotel.simulation import simulate_recorded

        simulated = simulate_recorded(seed=seed, customers=guests, start=self.start, months=_MONTHS, stories=True)
        return takewhile(lambda each: each.recorded_at <= self.until, simulated)


def _period(as_of: str | None) -> _Period:
    """Return the period that ends on a day, or now.

    Raises:
        InvalidInput: The text is not a day.
    """
    now = datetime.now(UTC)
    today = now.astimezone().date()
    if as_of is None:
        last = today
    elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", as_of):
        try:
            last = date.fromisoformat(as_of)
        except ValueError as error:
            raise InvalidInput(f"{as_of!r} is not a day: {error}", code="invalid_time", field="--as-of") from None
    else:
        raise InvalidInput(
            f"{as_of!r} is not a day", code="invalid_time", field="--as-of", hint="Write it as 2025-12-31"
        )
    if not 1990 <= last.year <= 2200:
        raise InvalidInput(f"{as_of} is out of range", code="invalid_time", field="--as-of")
    after = last + timedelta(days=1)
    start = date(after.year - _MONTHS // 12, after.month, min(after.day, 28))
    # Nothing of today is recorded before it happens. A later day was asked for.
    return _Period(start, last, now if last == today else datetime.max.replace(tzinfo=UTC))


def _record(
    screen: Screen, file: str, database: str, seed: int, guests: int, period: _Period, html: Path | None
) -> str:
    """Record the history in a file, show it, and return the digest of its last event."""
    from relations.cli.commands.reports import pages
    from relations.cli.pages.demo import show
    from relations.cli.pages.report.question import Question
    from relations.engine import Relations
    from relations.testing.hotel.simulation import RecordingClock

    clock = RecordingClock(period.recorded(seed, guests))
    with Relations.open(database_url(file), clock=clock, durability="normal") as engine:
        outcome = _play(engine, clock, screen, period)
        question = Question(as_of=outcome.ended_at, zone=engine.policy.zone, asked=True)
        page = html
        if html is None and "://" not in database:
            page = Path(database).with_suffix(".html")
        written = _page(engine, page, outcome.ended_at)
        if screen.json:
            documents, _ = pages(engine, question, list(_VIEWS))
            screen.document(
                {"database": database_url(database), "page": written, "recorded": _counts(outcome), **documents}
            )
        else:
            screen.print(*show(engine, outcome, written=written, database=shlex.quote(database)))
        return engine.status().digest


def _page(engine: Relations, path: Path | None, at: datetime) -> str | None:
    """Write the page with charts; return None if there is no place for it, or its extra is not installed."""
    from relations.cli.commands.reports import write_page

    if path is None:
        return None
    try:
        return str(write_page(engine, path, "en", as_of=at, currency=None, ahead=timedelta(days=14))["written"])
    except MissingExtra:
        return None


def _measure(engine: Relations, at: datetime) -> None:
    """Record the effect of each improvement that has been in effect for a full month."""
    for goal in engine.views.board.goals(as_of=at):
        for each in goal.improvements:
            if each.completed_at is not None and goal.state != "ended":
                try:
                    effect = engine.views.board.effect(goal.goal, each.improvement, as_of=at)
                except InvalidInput:  # no month after it is over
                    continue
                engine.execute(effect.command(at, actor="head office"))


def _fit(engine: Relations, at: datetime) -> None:
    """Find rules and clusters, and fit forecasts; a small demo may have none, or their extra is not installed."""
    for fit in (engine.fit_rules, engine.fit_clusters, engine.fit_forecasts):
        with suppress(NoFit, MissingExtra):
            fit(as_of=at)


def _play(engine: Relations, clock: Any, screen: Screen, period: _Period) -> DemoOutcome:
    """Record the history, advance the time to its end, and rebuild the views."""
    from relations.cli.pages.demo import DemoOutcome
    from relations.cli.progress import progress_bar
    from relations.engine import BatchReport

    report = BatchReport(rejections=[])
    with progress_bar(screen, "Recording two years", total=period.days, unit="commands") as bar:
        for batch in clock.batches():
            report.add(engine.execute_many(batch))
            day = clock()
            bar.show((day.date() - period.start).days, note=f"{day:%Y-%m}", rate=report.commands / bar.seconds)
        bar.show(period.days, rate=report.commands / bar.seconds)
        seconds = bar.seconds
    ended_at = min(moment(f"{period.last}", engine.policy.zone) or clock(), period.until)
    clock.advance(ended_at)
    time = engine.advance_time(ended_at)
    _measure(engine, ended_at)
    _fit(engine, ended_at)
    with progress_bar(screen, "Rebuilding the views") as bar:
        engine.rebuild(on_progress=bar.show)
        rebuild_seconds = bar.seconds
    return DemoOutcome(report, time, ended_at, seconds, rebuild_seconds)


def _counts(outcome: DemoOutcome) -> dict[str, Any]:
    from relations.testing.hotel.simulation import is_mistake

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


# --- the file -------------------------------------------------------------------------------------------------------


def _sign(file: Path, digest: str) -> None:
    """Write the digest of the last event into a demo's file, so that a later demo knows that nothing was added."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE demo_head (digest TEXT NOT NULL)")
        connection.execute("INSERT INTO demo_head VALUES (?)", (digest,))
        connection.commit()


def _signed(file: Path) -> str | None:
    """Return the digest that a demo left in its file, or None."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("SELECT digest FROM demo_head").fetchone()
        except sqlite3.DatabaseError:
            return None
    return None if row is None else str(row[0])


def _check_free(database: str) -> None:
    """Check that nothing but an unchanged demo would be replaced.

    Raises:
        InvalidInput: The database holds a log that is not an unchanged demo.
    """
    if "://" in database:
        try:
            with open_to_read(database, views=False) as engine:
                head = engine.status().position
        except RelationsError as error:
            if error.code == "foreign_database":
                return  # there is no log yet
            raise
        if head:
            raise InvalidInput(
                f"{database} holds a log", code="not_a_demo", field="--database", hint="Give an empty database"
            )
        return
    database_url(database)  # refuses what cannot be a path
    path = Path(database)
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return
    with open_to_read(database, views=False) as engine:
        status = engine.status()
    if status.position and _signed(path) != status.digest:
        raise InvalidInput(
            f"{database} holds a log that is not an unchanged demo",
            code="not_a_demo",
            field="--database",
            hint="Choose another file with --database; only an unchanged demo is replaced",
        )


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


# --- the commands ---------------------------------------------------------------------------------------------------


def _write_commands(screen: Screen, path: Path, seed: int, guests: int, period: _Period) -> None:
    from relations.cli.progress import progress_bar
    from relations.cli.show import counted
    from relations.exchange.jsonlines.exporting import export_commands

    with progress_bar(screen, "Simulating two years", total=period.days, unit="commands") as bar:
        count = export_commands(_watched(bar, seed, guests, period), path)
    said = f"{counted(count, 'command is', 'commands are')} in {path}. To record them: relations import {path} -d FILE"
    screen.result({"path": str(path), "commands": count}, lambda screen: screen.print(said))


def _watched(bar: ProgressBar, seed: int, guests: int, period: _Period) -> Iterator[Command]:
    for count, (recorded_at, command) in enumerate(period.recorded(seed, guests), 1):
        if count % 500 == 0:
            bar.show((recorded_at.date() - period.start).days, rate=count / bar.seconds)
        yield command
