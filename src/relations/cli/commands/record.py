"""`relations record`: record one command from the shell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.choices import complete_command, complete_pair
from relations.cli.options import Actor, Json, MasterKeyFile, Verbose, in_log, open_engine
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from relations.engine import Receipt, Relations
    from relations.messages import Command

__all__ = ["record"]


def record(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="COMMAND",
            autocompletion=complete_command,
            help="The command's name, such as RecordPurchase; or - to read the whole command as JSON from stdin.",
        ),
    ] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            autocompletion=complete_pair,
            help="The command's fields. Money is written as '12.30 EUR', lists with commas, JSON as KEY:=JSON.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            envvar="RELATIONS_URL",
            metavar="URL|PATH",
            help="Record into this database: the path of an SQLite file, or a URL. It is created if missing.",
        ),
    ] = None,
    actor: Actor = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be recorded, and record nothing.")
    ] = False,
    fields: Annotated[
        bool, typer.Option("--fields", help="Show the command's fields and their forms, and exit.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show every command and exit.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Record one command, such as `relations record RecordPurchase customer=c1 purchase=p1 amount='12.30 EUR'`.

    The rules of the library apply. A refused command records nothing, and the exit code is 3. `occurred_at` is now
    unless it is given. With a `command_id` the same command can be sent again safely.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.cli.extensions import extended_commands
        from relations.cli.pages import recording as page
        from relations.exchange.jsonlines.commands import command_class
        from relations.exchange.jsonlines.pairs import command_fields

        by_name = extended_commands()
        if list_:
            screen.result(
                {name: page.summary(each) for name, each in by_name.items()},
                lambda to: to.print(page.show_commands(by_name)),
            )
            return
        if command is None:
            raise InvalidInput(
                "COMMAND is missing", code="missing_argument", hint="`relations record --list` shows every command"
            )
        if fields:
            wanted = command_class(command, by_name)
            found = command_fields(wanted)
            screen.result(found, lambda to: to.print(page.show_fields(wanted, found)))
            return
        if database is None:
            raise InvalidInput("--database is missing", code="missing_argument", hint="See relations record --help")
        wish = _read(command, pairs or [], actor, by_name)
        if dry_run:
            with open_engine(database, master_key_file) as engine:
                receipt, zone = _tried(engine, wish), engine.policy.zone
        else:
            where = database

            def rehearse(empty: Relations) -> None:
                empty.execute(wish)
                if "://" not in where and not Path(where).exists():
                    screen.say(f"{where} is new: a log is created there.")

            receipt, zone = in_log(
                where, master_key_file, lambda engine: (engine.execute(wish), engine.policy.zone), rehearse=rehearse
            )
        _show(screen, wish, receipt, zone, dry_run=dry_run)


def _read(command: str, pairs: list[str], actor: str | None, commands: dict[str, type[Command]]) -> Command:
    from datetime import UTC, datetime

    from relations.exchange.jsonlines.commands import command_from_json
    from relations.exchange.jsonlines.pairs import command_from_pairs

    defaults = {"occurred_at": datetime.now(UTC).isoformat()} | ({} if actor is None else {"actor": actor})
    if command != "-":
        return command_from_pairs(command, pairs, commands, **defaults)
    if pairs:
        raise InvalidInput("a command from stdin takes no fields here", code="malformed_pair", field="KEY=VALUE")
    import json

    line = sys.stdin.read()
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = line
    return command_from_json({**defaults, **found} if isinstance(found, dict) else line, commands)


def _tried(engine: Relations, command: Command) -> Receipt:
    """Execute a command in a transaction that is rolled back."""
    with engine.log.database.engine.connect() as connection, connection.begin() as transaction:
        receipt = engine.execute(command, connection=connection)
        transaction.rollback()
    return receipt


def _show(screen: Screen, command: Command, receipt: Receipt, zone: str, *, dry_run: bool) -> None:
    from relations.cli.pages import recording as page
    from relations.cli.pages.history import as_dict

    document = {
        "command": type(command).__name__,
        "command_id": receipt.command_id,
        "recorded": not dry_run and not receipt.repeated and bool(receipt.events),
        "repeated": receipt.repeated,
        "events": [as_dict(event) for event in receipt.events],
    }
    screen.result(document, lambda to: to.print(page.show_receipt(command, receipt, zone, dry_run=dry_run)))
