"""`relations status`, `verify`, `rebuild` and `run`: how the log and its views stand, and keeping them so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from relations.cli.exits import ExitCode
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, open_engine, open_to_read
from relations.cli.progress import progress_bar
from relations.cli.screen import Screen, running
from relations.cli.show import headline, number, section, table, words
from relations.engine import Relations, Status, Verification
from relations.errors import ConcurrencyConflict, InvalidInput, ProjectionFailed
from relations.log.subscription import Subscription
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
    with running(json=json, verbose=verbose) as screen, open_to_read(database, master_key_file, views=False) as engine:
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
        *(
            [Text("A destroyed key is still in the database's files. The next `relations run` removes it.", "yellow")]
            if found.purge_owed
            else []
        ),
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
    with running(json=json, verbose=verbose) as screen, open_engine(database, master_key_file, access="fold") as engine:
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
                f"{view!r} is no view", code="unknown_view", field="VIEW", hint=f"There are {', '.join(known)}"
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
        typer.Option(min=1, max=1024, help="In how many ranges of customers processes share. One a process."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Rebuild views from the log, beside the old ones, which go on serving until the new ones take their place."""
    safe = "The old views are untouched and go on serving."
    with running(json=json, verbose=verbose, safe=safe) as screen:
        names = _checked_views(views)
        with open_engine(database, access="fold") as engine:
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

    def __init__(self, engine: Relations, screen: Screen) -> None:
        self.engine = engine
        self.screen = screen
        self.folded = 0
        self.executed = 0
        self._position = -1
        self._failure: ProjectionFailed | None = None

    def follow(self, heads: Iterable[int]) -> None:
        """Catch up with the log, then again whenever it has grown."""
        self.catch_up()
        for head in heads:
            if head > self._position:
                self.catch_up()

    def catch_up(self) -> None:
        """Fold what is new; a view that stands still is reported once, and the others go on."""
        head = self.engine.status().position
        try:
            self.engine.catch_up()
        except ProjectionFailed as failure:
            if self._failure is None or self._failure.position != failure.position:
                self.screen.say(f"{failure} The other views go on.", "red")
            self._failure = failure
        except ConcurrencyConflict as conflict:
            # Somebody kept the database for long. Whatever they wrote, the next look at the log finds it.
            self.screen.say(str(conflict), "yellow")
            return
        else:
            self._failure = None
        if self._position >= 0:
            self.folded += head - self._position
        self._position = head

    def advance(self) -> None:
        """Record what has fallen due by now, and purge destroyed keys."""
        self.engine.log.database.purge()
        try:
            report = self.engine.advance_time(self.engine.clock())
        except (ProjectionFailed, ConcurrencyConflict) as error:
            self.screen.say(f"What is due has to wait: {error}", "red")
            return
        self.executed += report.accepted
        for rejection in report.rejections:
            self.screen.say(f"What was due could not be done: {rejection.error}", "red")

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


def _heads(engine: Relations) -> Subscription[int]:
    """The log's head, then each one that is new: what follows the views need not read the events for that."""

    def read(position: int, _limit: int) -> tuple[Sequence[int], int]:
        with engine.log.database.reading() as connection:
            head = engine.log.head(connection).position
        return ([head], head) if head > position else ((), position)

    return Subscription(engine.log.database, read)


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


@contextmanager
def _every(seconds: float, do: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    """Do something beside the body, now and every so many seconds; where it fails, stop the body and raise that."""
    over = threading.Event()
    failed: list[Exception] = []

    def work() -> None:
        try:
            do()
            while not over.wait(seconds):
                do()
        except Exception as error:
            failed.append(error)
            stop()

    thread = threading.Thread(target=work, name="advance time")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]


def run(
    database: Database,
    advance_time: Annotated[
        bool,
        typer.Option("--advance-time", help="Record what falls due: missed deadlines, expired points, lost tiers."),
    ] = False,
    every: Annotated[
        float, typer.Option(min=1, help="With --advance-time: look for what is due every so many seconds.")
    ] = 60,
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
        keeper = _Keeper(engine, screen)
        if once:
            if advance_time:
                keeper.advance()
            keeper.catch_up()
        else:
            with _heads(engine) as heads, _stopped_by_signals(heads.stop):
                screen.say(f"Keeping the views of {engine.log.database.name} up to date. Stop with Ctrl-C.")
                with _every(every, keeper.advance, heads.stop) if advance_time else nullcontext():
                    keeper.follow(heads)
        done = f"{number(keeper.folded)} new events folded, {number(keeper.executed)} commands that were due executed."
        screen.result(keeper.document(), lambda screen: screen.say(f"Stopped. {done} Everything recorded is safe."))
        if keeper.failed:
            raise typer.Exit(ExitCode.PROBLEMS)
