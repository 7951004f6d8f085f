"""`relations status`, `verify`, `rebuild` and `run`: the state of the log and of its views."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.choices import complete_view
from relations.cli.exits import ExitCode
from relations.cli.options import (
    Database,
    Grace,
    Json,
    MasterKeyFile,
    Verbose,
    given_options,
    open_engine,
    open_to_read,
)
from relations.cli.screen import Screen, running
from relations.cli.signals import GRACE_SECONDS, stopped_by_signals
from relations.errors import ConcurrencyConflict, InvalidInput, ProjectionFailed, StoreError

if TYPE_CHECKING:
    from relations.engine import Relations
    from relations.log.subscription import Subscription

__all__ = ["checked_views", "rebuild", "run", "status", "verify"]


def status(
    database: Database,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the position of the log and the state of each view.

    The exit code is 1 if a view is stopped at an event that it cannot fold.
    """
    with running(json=json, verbose=verbose) as screen, open_to_read(database, master_key_file, views=False) as engine:
        from relations.cli.pages.upkeep import show_status

        found = engine.status()
        screen.result(found, lambda screen: screen.print(*show_status(found)))
        if any(projection.failure for projection in found.projections):
            raise typer.Exit(ExitCode.PROBLEMS)


def verify(
    database: Database,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POSITION:DIGEST", help="Check that the log has this digest at this position; repeat it for more."
        ),
    ] = None,
    note: Annotated[
        bool, typer.Option("--note", help="Note a good result in the database; `status` and the metrics show it.")
    ] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Verify the log, the keys, the snapshots, the seals and the views. Without --note nothing is changed.

    Every finding is shown with its table, row and column, and the exit code is 1. Otherwise the last position and its
    digest are shown. Note them down and pass them to --expect later, to prove that no earlier event has changed.
    """
    with running(json=json, verbose=verbose) as screen:
        import msgspec

        from relations.cli.pages.upkeep import show_verification
        from relations.cli.progress import progress_bar

        # Nothing is folded, so the views are compared as they stand.
        with open_to_read(database, master_key_file, views=False) as engine, progress_bar(screen, "Verifying") as bar:
            found = engine.verify(expect=expect or (), on_progress=bar.show)
        if note and found.good:
            with open_engine(database, master_key_file, access="fold") as engine:
                engine.note_verified(found)
        document = {"good": found.good, **msgspec.structs.asdict(found)}
        screen.result(document, lambda screen: screen.print(*show_verification(found)))
        if not found.good:
            raise typer.Exit(ExitCode.PROBLEMS)


def checked_views(views: list[str] | None) -> list[str]:
    """Return the names of views from the command line; all of them if none is given.

    Raises:
        InvalidInput: There is no such view.
    """
    from relations.cli.extensions import extension_options
    from relations.projections import PROJECTIONS

    known = [projection.name for projection in extension_options().get("projections", PROJECTIONS)]
    for view in views or ():
        if view not in known:
            raise InvalidInput(
                f"there is no view {view!r}", code="unknown_view", field="VIEW", hint=f"Give one of {', '.join(known)}"
            )
    return list(dict.fromkeys(views or known))


def rebuild(
    database: Database,
    views: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VIEW", autocompletion=complete_view, help="Rebuild only these views. Default: all views."
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Rebuild in this many processes.")] = 1,
    shards: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Divide the customers into this many shards. Default: one per process."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Rebuild views from the log. The old views stay in use until the new ones replace them."""
    safe = "The old views are unchanged and still in use."
    with running(json=json, verbose=verbose, safe=safe) as screen:
        from relations.cli.progress import progress_bar
        from relations.cli.show import counted

        names = checked_views(views)
        with open_engine(database, access="fold") as engine:
            with progress_bar(screen, "Rebuilding") as bar:
                engine.rebuild(names, processes=processes, shards=shards, on_progress=bar.show)
                seconds = bar.seconds
            position = engine.status().position
        document = {"views": names, "position": position, "seconds": round(seconds, 3)}
        rate = f", {position / seconds:,.0f} a second" if seconds > 0 else ""
        said = f"Rebuilt {', '.join(names)} from {counted(position, 'event')} in {seconds:.1f} s{rate}."
        screen.result(document, lambda screen: screen.print(said))


_RETRY_SECONDS = 1.0


class _Follower:
    """The work of `relations run`: following the log, and recording what falls due.

    It may be repeated after a failure of the store: an event is folded once, and a due command has the same id each
    time.
    """

    def __init__(self, engine: Relations, screen: Screen) -> None:
        from relations.execution.refitting import DailyRefits

        self.engine = engine
        self.screen = screen
        self.folded = 0
        self.executed = 0
        self._position = -1
        self._failure: ProjectionFailed | None = None
        self._is_lost = False
        self._refits = DailyRefits()

    def follow(self, heads: Iterable[int]) -> None:
        """Catch up with the log now, and whenever it grows."""
        self.catch_up()
        waiting = iter(heads)
        while True:
            try:
                head = next(waiting, None)
            except StoreError as error:
                self._wait_for_store(error)
                continue
            if head is None:
                return
            if head > self._position:
                self.catch_up()

    def _wait_for_store(self, error: StoreError) -> None:
        """Report once that the store cannot be reached, and wait before the next attempt; a server may be restarting.

        Raises:
            StoreError: It is another failure, which does not end by itself.
        """
        if not error.retry:
            raise error
        if not self._is_lost:
            self.screen.say(f"{error.reason}. Trying again until the database answers.", "yellow")
        self._is_lost = True
        time.sleep(_RETRY_SECONDS)

    def _is_back(self) -> None:
        if self._is_lost:
            self.screen.say("The database answers again.")
        self._is_lost = False

    def catch_up(self) -> None:
        """Fold new events. A stopped view is reported once, and the others continue."""
        try:
            status = self.engine.status()
            head = status.position
            before = min((view.position for view in status.projections), default=head)
            self.engine.catch_up()
        except ProjectionFailed as failure:
            if self._failure is None or self._failure.position != failure.position:
                self.screen.say(f"{failure} The other views continue.", "red")
            self._failure = failure
        except ConcurrencyConflict as conflict:
            # Another writer held the database for long. The next catch-up finds its events.
            self.screen.say(str(conflict), "yellow")
            return
        except StoreError as error:
            self._wait_for_store(error)
            return
        else:
            self._failure = None
        self._is_back()
        self.folded += head - (before if self._position < 0 else self._position)
        self._position = head

    def advance(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Execute the commands that are due by now, purge destroyed keys, and fit models again.

        Args:
            stopped: Asked before each fit of a model; if it returns True, no other one begins.
        """
        try:
            self.engine.log.database.purge()
            report = self.engine.advance_time(self.engine.clock())
            self.executed += report.accepted
            for rejection in report.rejections:
                self.screen.say(f"A due command was refused: {rejection.error}", "red")
            for name in self._refits.refit(self.engine, stopped):
                self.screen.say(f"The {name} were fitted again.")
        except (ProjectionFailed, ConcurrencyConflict, StoreError) as error:
            if not (isinstance(error, StoreError) and error.retry and self._is_lost):
                self.screen.say(f"Due commands are postponed: {error}", "red")

    def document(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {
            "position": self._position,
            "folded": self.folded,
            "executed": self.executed,
            "failure": None if self._failure is None else self._failure.as_dict(),
        }

    @property
    def failed(self) -> bool:
        """True if a view is stopped."""
        return self._failure is not None


def _heads(engine: Relations) -> Subscription[int]:
    """Return a subscription to the log's head, which need not read the events."""
    from relations.log.subscription import Subscription

    def read(position: int, _limit: int) -> tuple[Sequence[int], int]:
        with engine.log.database.reading() as connection:
            head = engine.log.head(connection).position
        return ([head], head) if head > position else ((), position)

    return Subscription(engine.log.database, read)


@contextmanager
def _every(seconds: float, do: Callable[[Callable[[], bool]], object], stop: Callable[[], object]) -> Iterator[None]:
    """Call a function at once and after every interval while the body runs. If it fails, stop the body and raise.

    The function gets a question to ask: is the body over?
    """
    over = threading.Event()
    failed: list[Exception] = []

    def work() -> None:
        try:
            do(over.is_set)
            while not over.wait(seconds):
                do(over.is_set)
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
    context: typer.Context,
    database: Database,
    advance_time: Annotated[
        bool,
        typer.Option(
            "--advance-time",
            help="Execute the commands that fall due: missed deadlines, expired points, lost tiers. Fit the value"
            " models, rules, clusters and forecasts again when the newest fit is too old.",
        ),
    ] = False,
    every: Annotated[
        float, typer.Option(min=1, help="Look for due commands after this many seconds, with --advance-time.")
    ] = 60,
    once: Annotated[bool, typer.Option("--once", help="Catch up once and exit.")] = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="[HOST]:PORT",
            help="Serve metrics for Prometheus under /metrics; without a host, on all addresses of the machine.",
        ),
    ] = None,
    health: Annotated[
        bool,
        typer.Option("--health", help="Serve /live and /ready, too, for probes of the process and of its views."),
    ] = False,
    max_lag: Annotated[
        float, typer.Option(min=0, help="Report not ready if a view is this many seconds behind, with --health.")
    ] = 60,
    grace: Grace = GRACE_SECONDS,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Keep the views up to date until interrupted.

    Several processes may run at once, also alongside services that embed the engine; no event is counted twice. A view
    that cannot fold an event stops and is reported; the others continue.
    """
    with running(json=json, verbose=verbose) as screen, open_engine(database, master_key_file) as engine:
        from relations.cli.show import counted

        follower = _Follower(engine, screen)
        if health and metrics is None:
            raise InvalidInput(
                "--health needs an address", code="address_missing", field="--health", hint="Add --metrics :9100"
            )
        if "max_lag" in given_options(context) and not health:
            raise InvalidInput(
                "--max-lag needs --health",
                code="unsuitable_option",
                field="--max-lag",
                hint="Add --health, or leave it out",
            )
        if once:
            if advance_time:
                follower.advance()
            follower.catch_up()
        else:
            from relations.observability.serving import serving

            served = nullcontext() if metrics is None else serving(engine, metrics, health=health, max_lag=max_lag)
            with served as address, _heads(engine) as heads, stopped_by_signals(heads.stop, grace=grace):
                if address is not None:
                    screen.say(f"Metrics at {address}/metrics")
                screen.say(f"Keeping the views of {engine.log.database.name} up to date. Stop with Ctrl-C.")
                with _every(every, follower.advance, heads.stop) if advance_time else nullcontext():
                    follower.follow(heads)
        done = (
            f"{counted(follower.folded, 'new event was', 'new events were')} folded, and "
            f"{counted(follower.executed, 'due command')} executed."
        )
        screen.result(follower.document(), lambda screen: screen.say(f"Stopped. {done} Everything recorded is safe."))
        if follower.failed:
            raise typer.Exit(ExitCode.PROBLEMS)
