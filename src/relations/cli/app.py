"""The program `relations` and its commands.

The modules of commands import only what their signatures need. A command loads the rest when it runs, so that `--help`
and completion answer at once.
"""

from __future__ import annotations

import os
import sys
from collections import UserDict
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from relations.cli.commands import audit_people as _people  # noqa: F401 - it adds its commands to `audit`
from relations.cli.commands.audit import audit
from relations.cli.commands.complaints import complaint_command, complaints_command, repair_command
from relations.cli.commands.customers import (
    audience_command,
    care_command,
    clusters_command,
    contacts_command,
    customer_command,
    duplicates_command,
    find_command,
    history_command,
    recommend_command,
)
from relations.cli.commands.demo import demo
from relations.cli.commands.frames import frame_command
from relations.cli.commands.loyalty import liability, loyalty, programme
from relations.cli.commands.policy import policy
from relations.cli.commands.record import record
from relations.cli.commands.reports import (
    board,
    campaigns_command,
    pipeline_command,
    report,
    team_command,
    ties_command,
)
from relations.cli.commands.schemas import schema
from relations.cli.commands.scoring import score_command
from relations.cli.commands.transfer import export_command, import_command
from relations.cli.commands.upkeep import rebuild, run, status, verify
from relations.cli.exits import ExitCode
from relations.cli.extensions import use_extensions
from relations.cli.operating.fitting import fit, forecast_command
from relations.cli.operating.fleets import fleet
from relations.cli.operating.relaying import dead_letters_command, outbox_view_command, relay_command
from relations.cli.operating.upkeep_of_logs import (
    backup_command,
    index_command,
    migrate_command,
    restore_command,
    schema_diff_command,
)
from relations.cli.presets import presets_command
from relations.cli.streams import prepare_streams
from relations.version import VERSION

__all__ = ["COMMANDS", "app", "run_app"]


COMMANDS: dict[str, Callable[..., None] | typer.Typer] = {
    "demo": demo,
    "record": record,
    "import": import_command,
    "presets": presets_command,
    "export": export_command,
    "frame": frame_command,
    "score": score_command,
    "report": report,
    "find": find_command,
    "audience": audience_command,
    "care": care_command,
    "contacts": contacts_command,
    "customer": customer_command,
    "duplicates": duplicates_command,
    "history": history_command,
    "recommend": recommend_command,
    "clusters": clusters_command,
    "forecast": forecast_command,
    "loyalty": loyalty,
    "liability": liability,
    "campaigns": campaigns_command,
    "complaints": complaints_command,
    "team": team_command,
    "pipeline": pipeline_command,
    "ties": ties_command,
    "complaint": complaint_command,
    "repair": repair_command,
    "status": status,
    "verify": verify,
    "rebuild": rebuild,
    "fit": fit,
    "run": run,
    "relay": relay_command,
    "dead-letters": dead_letters_command,
    "outbox-view": outbox_view_command,
    "index": index_command,
    "migrate": migrate_command,
    "backup": backup_command,
    "restore": restore_command,
    "schema-diff": schema_diff_command,
    "schema": schema,
    "board": board,
    "policy": policy,
    "programme": programme,
    "audit": audit,
    "fleet": fleet,
}
"""Every command by its name: a function, or a group of functions."""


class _Commands(UserDict[str, Any]):
    """The commands, each made of its function when it is first asked for.

    Making one reads the signature and all texts of help. Making all takes as long as answering a question.
    """

    def __init__(self) -> None:
        super().__init__(COMMANDS)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        command = self.data[name]
        if name not in self._made:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            if isinstance(command, typer.Typer):
                alone.add_typer(command, name=name)
                group: Any = get_command(alone)
                self._made[name] = group.commands[name]
            else:
                alone.command(name)(command)
                self._made[name] = get_command(alone)
        return self._made[name]


class _Program(TyperGroup):
    """The commands of the program. A wrong value on the command line is refused in plain words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from relations.messages import plainly

            error.message = plainly(error.message)
            raise


app = typer.Typer(
    name="relations",
    cls=_Program,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"relations {VERSION}")
        raise typer.Exit


@app.callback()
def relations(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            envvar="RELATIONS_WITH",
            metavar="MODULE",
            help="Use the aggregates, projections, views and reactions of this Python module, too; repeat it for more.",
        ),
    ] = None,
) -> None:
    """Record customer relations in one append-only log, and show satisfaction, retention and repair.

    Commands become events, which are kept for ever. Every view can be rebuilt from them at any time. Start with
    `relations demo`.
    """
    use_extensions(with_ or [])


def run_app() -> int:
    """Run the program and return its exit code."""
    prepare_streams()
    stdout = sys.stdout
    try:
        app(prog_name="relations")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    else:
        code = int(ExitCode.GOOD)
    # Typer replaces stdout and exits with 1 when the reader closes the pipe, as `head` does. That is not an error.
    closed = sys.stdout is not stdout
    try:
        stdout.flush()
    except BrokenPipeError:
        closed = True
    if closed:
        # Nothing more can be written there, not even when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        return int(ExitCode.GOOD)
    return code
