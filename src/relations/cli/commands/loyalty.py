"""`relations loyalty`, `liability` and `programme check`: members' points, and the programmes' rules."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from relations.cli.exits import ExitCode
from relations.cli.known import Known, open_as_known
from relations.cli.options import (
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    beginning,
    checked_id,
    moment,
)
from relations.cli.screen import running

__all__ = ["liability", "loyalty", "programme"]

Programme = Annotated[
    str | None,
    typer.Option("--programme", metavar="ID", help="Show the account in this programme. Default: the first one."),
]


def loyalty(
    database: Database,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Any id of the member.")],
    programme: Programme = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Begin the statement with a day (its start), or at a time with its zone."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End the statement with a day (its end), or at a time with its zone."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Show at most this many entries.")] = 100,
    after: Annotated[
        int | None,
        typer.Option(metavar="POSITION", help="Show only entries after the one with this position in the log."),
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show a member's statement: opening balance, entries and closing balance, and the state of the account.

    The account is shown as of --as-of or --until, whichever is earlier, by default as of now. The balances cover the
    whole period, even if only some entries are shown. The exit code is 2 for an unknown id.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_id(customer)
        with open_as_known(screen, database, master_key_file, known=known) as engine:
            from relations.cli.pages import loyalty as page

            zone, view = engine.policy.zone, engine.views.loyalty
            end = moment(until, zone, field="--until")
            at = moment(as_of, zone)
            end = at if end is None else end if at is None else min(at, end)
            statement = view.statement(
                customer,
                programme=programme,
                since=beginning(since, zone, field="--since"),
                until=None if end is None else end + timedelta(microseconds=1),
                limit=limit,
                after=after,
            )
            account = view.account(customer, programme=statement.programme, as_of=end)
        document = {"account": account, "statement": statement}
        screen.result(document, lambda screen: screen.print(page.show_statement(account, statement, zone)))


def liability(
    database: Database,
    programme: Programme = None,
    as_of: AsOf = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the points owed to members by month of expiry, and the share of points that are never used.

    A day given as --as-of includes the whole day, in the policy's time zone. A time gives the figures of that moment.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, master_key_file, known=known) as engine,
    ):
        from relations.cli.pages import loyalty as page

        zone, view = engine.policy.zone, engine.views.loyalty
        at = moment(as_of, zone)
        owed = view.liability(programme=programme, as_of=at)
        unused = view.breakage(programme=programme, as_of=at)
        document = {"liability": owed, "breakage": unused}
        screen.result(document, lambda screen: screen.print(page.show_liability(owed, unused, zone)))


programme = typer.Typer(help="Check loyalty programmes in files.", no_args_is_help=True)


@programme.callback()
def _programme() -> None:
    """Check loyalty programmes in files."""


@programme.command("check")
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A TOML file with one programme, or with a [[programme]] for each.")
    ],
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Check the loyalty programmes in a file, and show where each mistake is and how to correct it.

    The check finds gaps between tiers, rewards that nobody can reach, and contradictory rules. The exit code is 1 for
    errors, and 0 if there are only warnings.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.cli.pages import loyalty as page
        from relations.exchange.programmes import check_programme_file

        report = check_programme_file(file)
        screen.result(
            {**report.model_dump(mode="json"), "good": report.good}, lambda to: to.print(page.show_check(report))
        )
        if not report.good:
            raise typer.Exit(ExitCode.PROBLEMS)
