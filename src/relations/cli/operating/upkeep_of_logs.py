"""`relations backup`, `index`, `migrate`, `restore` and `schema-diff`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from relations.cli.exits import ExitCode
from relations.cli.options import (
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    database_url,
    open_engine,
    open_to_read,
    read_master_key,
)
from relations.cli.screen import running
from relations.errors import SourceError

__all__ = ["backup_command", "index_command", "migrate_command", "restore_command", "schema_diff_command"]


def backup_command(
    database: Database,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Write the backup to this file.")],
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the customers' keys out; personal words stay unreadable.")
    ] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Copy the log into a file while others go on writing, and verify the copy.

    The file is a log itself: `relations verify -d FILE` checks it. Views are not copied.
    """
    safe = "No backup was written."
    with (
        running(json=json, verbose=verbose, safe=safe) as screen,
        open_to_read(database, master_key_file, views=False) as engine,
    ):
        from relations.cli.progress import progress_bar
        from relations.cli.show import counted
        from relations.operations import back_up

        with progress_bar(screen, "Copying") as bar:
            report = back_up(
                engine,
                to,
                with_keys=not without_keys,
                master_key=read_master_key(master_key_file),
                on_progress=bar.show,
            )
        said = [f"Copied {counted(report.position, 'event')} to {to}, and verified the copy. Digest {report.digest}."]
        if without_keys:
            said.append("It has no keys, so nobody can read personal words from it, and erasures need no change in it.")
        else:
            said.append(
                f"It has the keys of {counted(report.keys, 'customer')}. A customer who is erased from now on stays "
                "readable in this file. Delete it when its time is over, and erase again after a restore."
            )
        screen.result(report, lambda screen: screen.print(*said))


def index_command(
    database: Database,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make the customers of a log of an older version findable by name, number and address.

    A log that was created by this version needs no index. The command may be interrupted and run again.
    """
    from relations.cli.show import counted

    with running(json=json, verbose=verbose) as screen:
        from relations.cli.progress import progress_bar

        with open_engine(database, master_key_file) as engine, progress_bar(screen, "Indexing") as bar:
            count = engine.index_people(on_progress=bar.show)
        screen.result({"events": count}, lambda screen: screen.say(f"Indexed {counted(count, 'event')} with words."))


def migrate_command(
    database: Database,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Bring the tables of a log of an older version to the form of this version. No event is changed.

    It only goes forward: the log of a newer version is refused. Make a backup first. It may be run again.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.cli.progress import progress_bar
        from relations.operations import migrate

        opened = (
            open_to_read(database, master_key_file, views=False) if dry_run else open_engine(database, master_key_file)
        )
        with opened as engine, progress_bar(screen, "Indexing") as bar:
            report = migrate(engine, dry_run=dry_run, on_progress=bar.show)
        title = "Would do:" if dry_run else "Done:"
        said = [title, *(f"{step.table}: {step.change}" for step in report.steps)]
        if not report.steps:
            said = ["Nothing to do: the tables have the form of this version."]
        screen.result(report, lambda screen: screen.print(*said))


def restore_command(
    backup: Annotated[Path, typer.Argument(metavar="FILE", help="Restore this backup.")],
    database: Database,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Copy a backup into an empty database, on SQLite or PostgreSQL, and check its chain on the way."""
    with running(json=json, verbose=verbose) as screen:
        from relations.cli.progress import progress_bar
        from relations.cli.show import counted
        from relations.operations import restore

        with progress_bar(screen, "Restoring") as bar:
            report = restore(backup, database_url(database), on_progress=bar.show)
        said = (
            f"Restored {counted(report.position, 'event')}. Digest {report.digest}. Customers who were erased after "
            "the backup are readable again: erase them again. `relations rebuild` makes the views."
        )
        screen.result(report, lambda screen: screen.print(said))


class RequireChoice(StrEnum):
    """The compatibility that a change of events must have."""

    backward = "backward"
    forward = "forward"
    full = "full"


def schema_diff_command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Compare this file of `relations schema events`.")],
    new: Annotated[
        Path | None, typer.Argument(metavar="NEW", help="Compare it with this one. Default: this version's events.")
    ] = None,
    require: Annotated[
        RequireChoice, typer.Option("--require", help="End with 1 unless the change is compatible in this way.")
    ] = RequireChoice.backward,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Compare the forms of events in two versions: can each read what the other records, and is an upcast missing.

    Backward: the new version reads old events. Forward: the old version reads new events, as is needed while both run.
    """
    with running(json=json, verbose=verbose) as screen:
        from rich.text import Text

        from relations.cli.commands.schemas import events_schema
        from relations.cli.show import table
        from relations.operations import compare_schemas

        found = compare_schemas(_read(old), events_schema() if new is None else _read(new))
        made = table("Event", "Backward", "Forward", "Change", grow=3)
        for each in found.changes:
            marks = [Text("yes" if good else "NO", "" if good else "red") for good in (each.backward, each.forward)]
            made.add_row(each.topic, *marks, each.text)
        kind = "fully" if found.full else "backward" if found.backward else "forward" if found.forward else "not"
        said = f"The new events are {kind} compatible." if found.changes else "The events are the same."
        document = {"backward": found.backward, "forward": found.forward, "full": found.full, "changes": found.changes}
        screen.result(document, lambda screen: screen.print(*([made] if found.changes else []), said))
        if not getattr(found, require.value):
            raise typer.Exit(ExitCode.PROBLEMS)


_WRITE_IT = "Write it with `relations schema events`"


def _read(path: Path) -> dict[str, Any]:
    import msgspec

    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Any]])
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror}", code="unreadable_file", hint="Check the path"
        ) from None
    except msgspec.MsgspecError as error:
        raise SourceError(
            f"{path} is not a document of schemas: {error}", code="invalid_json", hint=_WRITE_IT
        ) from None
    for topic, each in document.items():
        if type(each.get("x-schema-version")) is not int:
            raise SourceError(
                f"{path} is not a document of events: {topic!r} has no schema version",
                code="invalid_json",
                hint=_WRITE_IT,
            )
    return document
