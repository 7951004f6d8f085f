"""The program `relations`: its commands, and nothing else."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from relations.cli.audit import audit
from relations.cli.customers import customer_command, duplicates_command
from relations.cli.demo import demo
from relations.cli.desk import complaint_command, complaints_command, repair_command
from relations.cli.frames import frame_command
from relations.cli.loyalty import liability, loyalty, programme
from relations.cli.reports import history_command, report
from relations.cli.schemas import schema
from relations.cli.scoring import score_command
from relations.cli.screen import prepare_streams
from relations.cli.transfer import export_command, import_command
from relations.cli.upkeep import rebuild, run, status, verify
from relations.version import VERSION

__all__ = ["app", "main"]

app = typer.Typer(
    name="relations",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)

for _name, _command in (
    ("demo", demo),
    ("import", import_command),
    ("export", export_command),
    ("frame", frame_command),
    ("score", score_command),
    ("report", report),
    ("customer", customer_command),
    ("duplicates", duplicates_command),
    ("history", history_command),
    ("loyalty", loyalty),
    ("liability", liability),
    ("complaints", complaints_command),
    ("complaint", complaint_command),
    ("repair", repair_command),
    ("status", status),
    ("verify", verify),
    ("rebuild", rebuild),
    ("run", run),
    ("schema", schema),
):
    app.command(_name)(_command)
app.add_typer(programme, name="programme")
app.add_typer(audit, name="audit")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"relations {VERSION}")
        raise typer.Exit


@app.callback()
def relations(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and end.")
    ] = False,
) -> None:
    """Customer relations in one append-only log: satisfaction, retention and repair, from what was recorded.

    Commands go in, events are kept for ever, and every view is rebuilt from them at any time. Start with
    `relations demo`.
    """


def main() -> None:
    """The entry point."""
    prepare_streams()
    app(prog_name="relations")
    sys.exit(0)
