"""`relations status`, `verify`, `rebuild` and `run`: how the log and its views stand, and keeping them so."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from relations.cli.exits import ExitCode
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, open_engine
from relations.cli.progress import progress_bar
from relations.cli.screen import Screen, running
from relations.cli.show import headline, number, section, table, words
from relations.engine import Relations, Status, Verification
from relations.errors import InvalidInput, ProjectionFailed
from relations.projections import PROJECTIONS

__all__ = ["rebuild", "run", "status", "verify"]

_PROBLEMS_SHOWN = 20


def status(
    database: Database,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show how far the log has come, and how each view stands."""
    with running(json=json, verbose=verbose) as screen, open_engine(database, master_key_file) as engine:
        found = engine.status()
        screen.result(found, lambda screen: _show_status(screen, found))
        if any(projection.failure for projection in found.projections):
            raise typer.Exit(ExitCode.PROBLEMS)


def _show_status(screen: Screen, found: Status) -> None:
    made = table("View", "Version", "Position", "Behind", "State", right=(1, 2, 3), grow=4)
    for view in found.projections:
        state = Text("up to date", "green") if not view.behind else Text("will catch up when it is asked", "yellow")
        if view.failure is not None:
            state = Text(f"stands still at position {view.failed_at}, {view.failed_stream}: {view.failure}", "red")
        made.add_row(view.name, number(view.version), number(view.position), number(view.behind), state)
    screen.print(
        headline("Status", found.database),
        section(Text(f"{number(found.position)} events"), Text(f"digest {found.digest}")),
        section(made),
    )


def verify(
    database: Database,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Prove the log and the views: the chain of digests, gaps, unknown topics, every view equal to its refold.

    Ends with 1 and the first bad position where something does not hold. Otherwise it shows the last position and its
    digest: noted down elsewhere, they prove later that nothing up to there was changed.
    """
    with running(json=json, verbose=verbose) as screen, open_engine(database, master_key_file) as engine:
        with progress_bar(screen, "Checking the log") as bar:
            found = engine.verify(on_progress=bar.show)
        document = {"good": found.good, **msgspec.structs.asdict(found)}
        screen.result(document, lambda screen: _show_verification(screen, found))
        if not found.good:
            raise typer.Exit(ExitCode.PROBLEMS)


def _show_verification(screen: Screen, found: Verification) -> None:
    if found.good:
        screen.print(
            Text("All is well.", "bold green"),
            Text(f"{number(found.events)} events: chain unbroken, no gaps, every body readable."),
            Text(f"Equal to their refold: {', '.join(found.views)}."),
            section(
                words("Note this down; it proves later that nothing up to there was changed:"),
                Text(f"position {found.position}"),
                Text(f"digest   {found.digest}"),
            ),
        )
        return
    placed = [problem.position for problem in found.problems if problem.position is not None]
    if placed:
        screen.print(Text(f"The first bad position is {min(placed)}.", "bold red"))
    else:
        screen.print(Text("The log is good; a view is not.", "bold red"))
    made = table("Problem", "Where", "", right=(1,), grow=2)
    for problem in found.problems[:_PROBLEMS_SHOWN]:
        where = problem.view or (f"position {problem.position}" if problem.position is not None else "")
        made.add_row(problem.code, where, problem.reason)
    lines = [words(f"Good up to position {number(found.position)}, digest {found.digest or '(none)'}")]
    hidden = len(found.problems) - _PROBLEMS_SHOWN
    if hidden > 0:
        lines.insert(0, words(f"and {number(hidden)} more; --json lists them all"))
    if any(problem.view and problem.position is None for problem in found.problems):
        lines.append(words("`relations rebuild` makes a view anew from the log."))
    screen.print(section(made, *lines))


def _checked_views(views: list[str] | None) -> list[str]:
    known = [projection.name for projection in PROJECTIONS]
    for view in views or ():
        if view not in known:
            raise InvalidInput(
                f"{view!r} is no view", code="unknown_view", field="VIEW", remedy=f"There are {', '.join(known)}"
            )
    return list(dict.fromkeys(views or known))


def rebuild(
    database: Database,
    views: Annotated[
        list[str] | None, typer.Argument(metavar="[VIEW]...", help="Which views; all of them by default.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes fold.")] = 1,
    shards: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="In how many parts, by customer: more need less memory. One a process."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Rebuild views from the log, beside the old ones, which go on serving until the new ones take their place."""
    safe = "The old views are untouched and go on serving."
    with running(json=json, verbose=verbose, safe=safe) as screen:
        names = _checked_views(views)
        with open_engine(database) as engine:
            with progress_bar(screen, "Rebuilding") as bar:
                engine.rebuild(names, processes=processes, shards=shards, on_progress=bar.show)
                seconds = bar.seconds
            position = engine.status().position
        document = {"views": names, "position": position, "seconds": round(seconds, 3)}
        rate = f", {position / seconds:,.0f} a second" if seconds > 0 else ""
        said = f"Rebuilt {', '.join(names)} from {number(position)} events in {seconds:.1f} s{rate}."
        screen.result(document, lambda screen: screen.print(Text(said)))


class _Keeper:
    """Keeps views up to date until it is told to stop."""

    def __init__(self, engine: Relations, screen: Screen, *, every: float, advance: bool) -> None:
        self.engine = engine
        self.screen = screen
        self.every = every
        self.advance = advance
        self.stopped = threading.Event()
        self.folded = 0
        self.executed = 0
        self._position = -1
        self._failure: ProjectionFailed | None = None

    def run(self, poll_seconds: float, *, once: bool) -> None:
        """Catch up, then again whenever the log has grown; advance time every so often."""
        due_at = 0.0
        while not self.stopped.is_set():
            if self.advance and time.monotonic() >= due_at:
                report = self.engine.advance_time(self.engine.clock())
                self.executed += report.accepted
                due_at = time.monotonic() + self.every
                for rejection in report.rejections:
                    self.screen.say(f"What was due could not be done: {rejection.error}", "red")
            self._catch_up()
            if once:
                return
            self.stopped.wait(poll_seconds)

    def _catch_up(self) -> None:
        # On a quiet log this is one indexed read; only a grown one, or a view that stands still, asks for more.
        with self.engine.log.database.reading() as connection:
            head = self.engine.log.head(connection).position
        if head == self._position:
            return
        try:
            self.engine.catch_up()
        except ProjectionFailed as failure:
            if self._failure is None or self._failure.position != failure.position:
                self.screen.say(f"{failure}. The other views go on.", "red")
            self._failure = failure
        else:
            self._failure = None
        if self._position >= 0:
            self.folded += head - self._position
        self._position = head

    def document(self) -> dict[str, Any]:
        """What was done, for programs."""
        return {
            "position": self._position,
            "folded": self.folded,
            "executed": self.executed,
            "failure": None if self._failure is None else self._failure.as_dict(),
        }

    @property
    def failed(self) -> bool:
        """Whether a view stands still."""
        return self._failure is not None


@contextmanager
def _stopped_by_signals(stop: Callable[[], object]) -> Iterator[None]:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    database: Database,
    advance_time: Annotated[
        bool,
        typer.Option("--advance-time", help="Record what falls due: missed deadlines, expired points, lost tiers."),
    ] = False,
    every: Annotated[
        float, typer.Option(min=1, help="With --advance-time: look for what is due every so many seconds.")
    ] = 60,
    poll: Annotated[float, typer.Option(min=0.01, help="Look for new events every so many seconds.")] = 0.2,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do now, and end.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Keep the views up to date until interrupted.

    Several may run beside each other and beside services that embed the engine: no event is counted twice. A view
    that meets an event it cannot fold stands still, is reported, and the others go on.
    """
    with running(json=json, verbose=verbose) as screen, open_engine(database, master_key_file) as engine:
        keeper = _Keeper(engine, screen, every=every, advance=advance_time)
        if not once:
            screen.say(f"Keeping the views of {engine.log.database.name} up to date. Stop with Ctrl-C.")
        with _stopped_by_signals(keeper.stopped.set):
            keeper.run(poll, once=once)
        done = f"{number(keeper.folded)} new events folded, {number(keeper.executed)} commands that were due executed."
        screen.result(keeper.document(), lambda screen: screen.say(f"Stopped. {done} Everything recorded is safe."))
        if keeper.failed:
            raise typer.Exit(ExitCode.PROBLEMS)
