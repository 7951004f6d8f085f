"""`relations loyalty`, `liability` and `programme check`: what members have, and the rules that it goes by."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from relations.cli.exits import ExitCode
from relations.cli.options import (
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    beginning,
    checked_customer,
    moment,
    open_to_read,
)
from relations.cli.pages import loyalty as page
from relations.cli.screen import running
from relations.exchange.programmes import check_programme_file

__all__ = ["liability", "loyalty", "programme"]

Programme = Annotated[
    str | None,
    typer.Option("--programme", metavar="ID", help="Which programme; the first one by default."),
]


def loyalty(
    database: Database,
    customer: Annotated[str, typer.Argument(help="The member's id.")],
    programme: Programme = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on: a day (its beginning), or a time with its zone.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Up to then: a day (its end), or a time with its zone.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="The most entries.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="After so many entries.")] = 0,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show a member's statement: opening balance, what moved, closing balance; and how the account stands.

    The account is shown as it stood at --until, now by default. The balances are those of the whole period, whichever
    entries are shown.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_customer(customer)
        with open_to_read(database, master_key_file) as engine:
            zone, view = engine.policy.zone, engine.views.loyalty
            end = moment(until, zone, field="--until")
            statement = view.statement(
                customer,
                programme=programme,
                since=beginning(since, zone, field="--since"),
                until=None if end is None else _after(end),
                limit=limit,
                offset=offset,
            )
            account = view.account(customer, programme=statement.programme, as_of=end)
        document = {"account": account, "statement": statement}
        screen.result(document, lambda screen: screen.print(page.show_statement(account, statement, zone)))


def _after(end: datetime) -> datetime:
    return end + timedelta(microseconds=1)


def liability(
    database: Database,
    programme: Programme = None,
    as_of: AsOf = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what is owed to members: the points in open lots by month of expiry, and how many points are never used.

    A day given as --as-of counts whole, in the zone of the policy; of a moment the figures are exact.
    """
    with running(json=json, verbose=verbose) as screen, open_to_read(database, master_key_file) as engine:
        zone, view = engine.policy.zone, engine.views.loyalty
        at = moment(as_of, zone)
        owed = view.liability(programme=programme, as_of=at)
        unused = view.breakage(programme=programme, as_of=at)
        document = {"liability": owed, "breakage": unused}
        screen.result(document, lambda screen: screen.print(page.show_liability(owed, unused, zone)))


programme = typer.Typer(help="Loyalty programmes as files.", no_args_is_help=True)


@programme.callback()
def _programme() -> None:
    """Loyalty programmes as files."""


@programme.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A TOML file: one programme at the top, or one for each [[programme]].")],
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Check a loyalty programme as a whole: what it gets wrong, where, and what would be right.

    Tiers with gaps between them, rewards that nobody can ever have, rules that contradict each other. Ends with 1 where
    there are errors; warnings alone end with 0.
    """
    with running(json=json, verbose=verbose) as screen:
        report = check_programme_file(file)
        screen.result(
            {**report.model_dump(mode="json"), "good": report.good}, lambda to: to.print(page.show_check(report))
        )
        if not report.good:
            raise typer.Exit(ExitCode.PROBLEMS)
