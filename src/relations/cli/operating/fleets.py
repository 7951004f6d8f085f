"""`relations fleet`: status, run, rebuild, verify and relay over the logs of all tenants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.exits import ExitCode
from relations.cli.operating.relaying import ModeChoice, PersonalChoice, read_secrets
from relations.cli.options import Grace, Json, MasterKeyFile, Verbose, read_master_key
from relations.cli.screen import Screen, running
from relations.cli.signals import GRACE_SECONDS, stopped_by_signals
from relations.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from relations.fleet import Fleet, TenantOutcome

__all__ = ["fleet"]

fleet = typer.Typer(name="fleet", no_args_is_help=True, help="Work on the logs of many tenants at once.")

Tenants = Annotated[
    str,
    typer.Option(
        "--database",
        "-d",
        envvar="RELATIONS_URL",
        metavar="URL|PATH",
        help="Use these logs: a path such as tenants/{tenant}.db, or a PostgreSQL URL with a schema for each tenant.",
    ),
]
Schema = Annotated[str, typer.Option("--schema", help="Name a tenant's schema on PostgreSQL.")]
MaxOpen = Annotated[int, typer.Option("--max-open", min=1, max=10_000, help="Keep at most this many logs open.")]
Threads = Annotated[int, typer.Option("--threads", min=1, max=256, help="Work on this many tenants at once.")]
_SCHEMA = "tenant_{tenant}"
_NOBODY = "No tenant has a log there. Check the path, or the name of the schema."
_SAFE = "Everything recorded is safe, and the next round goes on there."


def _open(database: str, schema: str, max_open: int, threads: int, master_key_file: Path | None) -> Fleet:
    from relations.cli.extensions import extension_options
    from relations.fleet import Fleet

    url = database if "://" in database else f"sqlite:///{database}"
    key = read_master_key(master_key_file)
    own = extension_options()
    return Fleet(url, schema=schema, max_open=max(max_open, threads), threads=threads, master_key=key, **own)


def _over_all(
    screen: Screen, what: str, work: Callable[[Callable[[int, int], None]], Sequence[TenantOutcome[Any]]]
) -> Sequence[TenantOutcome[Any]]:
    from relations.cli.progress import progress_bar

    with progress_bar(screen, what, unit="tenants") as bar:
        return work(bar.show)


def _finish(
    screen: Screen,
    outcomes: Sequence[TenantOutcome[Any]],
    row: Callable[[Any], tuple[tuple[str, ...], bool]],
    *heads: str,
) -> None:
    """Show one table, and end with 1 if a tenant has a problem."""
    from rich.text import Text

    from relations.cli.show import counted, number, table

    made = table("Tenant", *heads, "State", grow=len(heads) + 1, right=tuple(range(1, len(heads) + 1)))
    problems = 0
    for each in outcomes:
        if each.error is not None:
            cells, good = (*("" for _ in heads), f"{each.error.reason} [{each.error.code}]"), False
        else:
            cells, good = row(each.result)
        problems += not good
        made.add_row(each.tenant, *cells[:-1], Text(cells[-1], style="" if good else "red"))
    screen.result(
        {"tenants": outcomes, "problems": problems},
        lambda screen: screen.print(
            *(
                [made, f"{counted(len(outcomes), 'tenant')}, {number(problems)} with problems."]
                if outcomes
                else [_NOBODY]
            )
        ),
    )
    if problems:
        raise typer.Exit(ExitCode.PROBLEMS)


def _status_row(status: Any) -> tuple[tuple[str, ...], bool]:
    from relations.cli.show import number

    stopped = [each.name for each in status.projections if each.failure is not None]
    behind = max((each.behind for each in status.projections), default=0)
    waiting = max((each.behind for each in status.consumers), default=0)
    state = f"stopped: {', '.join(stopped)}" if stopped else "behind" if behind else "up to date"
    return (number(status.position), number(behind), number(waiting), state), not stopped


@fleet.command("status")
def fleet_status(
    database: Tenants,
    schema: Schema = _SCHEMA,
    max_open: MaxOpen = 16,
    threads: Threads = 4,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the log of each tenant: its events, and how far views and relays are behind."""
    with (
        running(json=json, verbose=verbose) as screen,
        _open(database, schema, max_open, threads, master_key_file) as opened,
    ):
        outcomes = _over_all(screen, "Status", lambda show: opened.status(on_progress=show))
        _finish(screen, outcomes, _status_row, "Events", "Views behind", "Relays behind")


@fleet.command("run")
def fleet_run(
    database: Tenants,
    advance_time: Annotated[
        bool,
        typer.Option(
            "--advance-time",
            help="Execute the commands that fall due, and fit models again when the newest fit is too old.",
        ),
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Begin the next round after this many seconds.")] = 60,
    once: Annotated[bool, typer.Option("--once", help="Go through all tenants once and exit.")] = False,
    grace: Grace = GRACE_SECONDS,
    schema: Schema = _SCHEMA,
    max_open: MaxOpen = 16,
    threads: Threads = 4,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Keep the views of all tenants up to date, in rounds, until interrupted.

    When interrupted, it finishes the tenants that it is working on, and shows those of the last round. A tenant's
    failure is reported when it begins, and the others continue.
    """
    with (
        running(json=json, verbose=verbose, safe=_SAFE) as screen,
        _open(database, schema, max_open, threads, master_key_file) as opened,
    ):
        stop = threading.Event()
        rounds = _Rounds(opened, screen, stop, advance_time=advance_time)
        with stopped_by_signals(stop.set, grace=grace, safe=_SAFE):
            if once:
                rounds.go_through()
            else:
                screen.say(f"Keeping the views of {database} up to date. Stop with Ctrl-C.")
                rounds.repeat(every)
        _finish(screen, rounds.outcomes, lambda executed: ((str(executed), "up to date"), True), "Commands executed")


class _Rounds:
    """Rounds through all tenants, in which their views are brought up to date."""

    def __init__(self, fleet: Fleet, screen: Screen, stop: threading.Event, *, advance_time: bool) -> None:
        self._fleet = fleet
        self._screen = screen
        self._stop = stop
        self._advance_time = advance_time
        self._failures: dict[str, str] = {}
        self.outcomes: Sequence[TenantOutcome[int]] = []

    def go_through(self) -> None:
        """Go through all tenants once."""
        self.outcomes = _over_all(
            self._screen,
            "Running",
            lambda show: self._fleet.catch_up(advance_time=self._advance_time, on_progress=show, stop=self._stop),
        )

    def repeat(self, seconds: float) -> None:
        """Begin a round after every interval, until stopped; also after a failure of the store that may end."""
        while not self._stop.is_set():
            try:
                self.go_through()
            except StoreError as error:
                if not error.retry:
                    raise
                self._say_new({"": f"{error.reason}. Trying again until the database answers."})
            else:
                failed = {each.tenant: each.error for each in self.outcomes if each.error is not None}
                self._say_new({tenant: f"{tenant}: {error}" for tenant, error in failed.items()})
            self._stop.wait(seconds)

    def _say_new(self, failures: dict[str, str]) -> None:
        for key, failure in failures.items():
            if self._failures.get(key) != failure:
                self._screen.say(failure, "red")
        self._failures = failures


@fleet.command("rebuild")
def fleet_rebuild(
    database: Tenants,
    views: Annotated[list[str] | None, typer.Argument(metavar="VIEW", help="Rebuild only these views.")] = None,
    tenants: Annotated[
        list[str] | None, typer.Option("--tenant", metavar="NAME", help="Only this tenant; repeat it for more.")
    ] = None,
    schema: Schema = _SCHEMA,
    max_open: MaxOpen = 16,
    threads: Threads = 4,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Rebuild views of all tenants, or of some."""
    from relations.cli.commands.upkeep import checked_views

    safe = "Views that were not replaced yet are unchanged."
    with (
        running(json=json, verbose=verbose, safe=safe) as screen,
        _open(database, schema, max_open, threads, None) as opened,
    ):
        names = checked_views(views)
        outcomes = _over_all(
            screen, "Rebuilding", lambda show: opened.rebuild(names, tenants=tenants or None, on_progress=show)
        )
        _finish(screen, outcomes, lambda _: (("rebuilt",), True))


@fleet.command("verify")
def fleet_verify(
    database: Tenants,
    schema: Schema = _SCHEMA,
    max_open: MaxOpen = 16,
    threads: Threads = 4,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Verify the log and the views of every tenant."""
    from relations.cli.show import number

    def row(found: Any) -> tuple[tuple[str, ...], bool]:
        state = "good" if found.good else found.problems[0].reason
        return (number(found.events), found.digest[:16], state), found.good

    with (
        running(json=json, verbose=verbose) as screen,
        _open(database, schema, max_open, threads, master_key_file) as opened,
    ):
        outcomes = _over_all(screen, "Verifying", lambda show: opened.verify(on_progress=show))
        _finish(screen, outcomes, row, "Events", "Digest")


@fleet.command("relay")
def fleet_relay(
    database: Tenants,
    to: Annotated[
        str, typer.Option("--to", metavar="KIND|FILE", help="Send to this target; {tenant} becomes the tenant's name.")
    ],
    url: Annotated[str | None, typer.Option("--url", help="The address; {tenant} likewise.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="The channel; {tenant} likewise.")] = None,
    name: Annotated[str, typer.Option("--name", help="Keep the positions under this name.")] = "relay",
    source: Annotated[
        str, typer.Option("--source", metavar="URI", help="Name the logs; {tenant} likewise.")
    ] = "/relations/{tenant}",
    mode: Annotated[ModeChoice, typer.Option("--mode", help="Send attributes with the data or as headers.")] = (
        ModeChoice.structured
    ),
    personal: Annotated[
        PersonalChoice, typer.Option("--personal", help="Send personal words sealed, omit them, or open them.")
    ] = PersonalChoice.sealed,
    secret_file: Annotated[
        str | None, typer.Option("--secret-file", metavar="FILE", help="Sign webhooks with the secrets in this file.")
    ] = None,
    schema: Schema = _SCHEMA,
    max_open: MaxOpen = 16,
    threads: Threads = 4,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Send what is new in every tenant's log, each to its own target, and exit."""
    from pathlib import Path

    from relations.cli.show import number
    from relations.relay import Relay, RelayReport
    from relations.relay.targets.opening import open_target

    def row(report: RelayReport) -> tuple[tuple[str, ...], bool]:
        state = "delivered" if not report.dead else "has dead letters"
        return (number(report.delivered), number(report.dead), state), not report.dead

    with (
        running(json=json, verbose=verbose) as screen,
        _open(database, schema, max_open, threads, master_key_file) as opened,
    ):
        secrets = read_secrets(None if secret_file is None else Path(secret_file))

        def send(tenant: str, engine: Any) -> RelayReport:
            def named(text: str | None) -> Any:
                return None if text is None else text.replace("{tenant}", tenant)

            target = open_target(
                named(to), url=named(url), channel=named(channel), mode=mode.value, secrets=secrets, lanes=1
            )
            with Relay(engine, target, name=name, source=named(source), personal=personal.value) as relay:
                return relay.run(once=True)

        outcomes = _over_all(screen, "Relaying", lambda show: opened.each(send, on_progress=show))
        _finish(screen, outcomes, row, "Delivered", "Dead letters")
