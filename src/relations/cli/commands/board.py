"""`relations board`: measure the effect of an improvement."""

from __future__ import annotations

from typing import Annotated

import typer

from relations.cli.options import Actor, Database, Json, MasterKeyFile, Verbose, open_engine
from relations.cli.screen import running

__all__ = ["board"]

board = typer.Typer(
    help="Measure the improvements of goals. `relations report board` shows the board.", no_args_is_help=True
)


@board.callback()
def _board() -> None:
    """Measure the improvements of goals. `relations report board` shows the board."""


@board.command("measure")
def measure(
    goal: Annotated[str, typer.Argument(metavar="GOAL", help="The goal's id.")],
    improvement: Annotated[str, typer.Argument(metavar="IMPROVEMENT", help="The id of a completed improvement.")],
    database: Database,
    months: Annotated[
        int, typer.Option(min=1, max=24, help="Compare this many months before with at most as many after.")
    ] = 3,
    actor: Actor = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Compare an indicator before and after an improvement, and record the result.

    The months before are those that end before the month in which the improvement took effect. The months after begin
    with the month after it. Measuring again replaces the result.
    """
    with running(json=json, verbose=verbose) as screen:
        with open_engine(database, master_key_file) as engine:
            from relations.cli.pages.report.board import show_effect

            view = engine.views.board
            effect = view.effect(goal, improvement, months=months)
            receipt = engine.execute(effect.command(engine.clock(), actor=actor or "system"))
            profile = view.goal(goal)
        document = {"effect": effect, "recorded": bool(receipt.events)}
        screen.result(document, lambda to: to.print(show_effect(profile, improvement)))
