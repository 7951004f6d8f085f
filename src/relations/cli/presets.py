"""`relations presets`, and the preset that `relations import` recognises."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.choices import complete_preset
from relations.cli.options import Json, Verbose
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from relations.exchange.mapping.model import Mapping

__all__ = ["agreed_preset", "presets_command"]


def presets_command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", autocompletion=complete_preset, help="Show this preset in full."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the presets: the files of well-known products that `relations import` can read.

    With NAME, show how to export such a file, what becomes of it, and what to mind.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.cli.pages import presets as page
        from relations.exchange.mapping.model import load_mapping, shipped_presets

        names = shipped_presets()
        if name is None:
            found = [load_mapping(each) for each in names]
            screen.result([page.document(each) for each in found], lambda to: to.print(page.show_presets(found)))
            return
        if name not in names:
            raise InvalidInput(
                f"there is no preset {name!r}",
                code="no_such_preset",
                field="NAME",
                hint=f"Use one of: {', '.join(names)}",
            )
        mapping = load_mapping(name)
        screen.result(page.document(mapping), lambda to: to.print(*page.show_preset(mapping)))


def agreed_preset(screen: Screen, file: Path, adjust: Callable[[Mapping], Mapping], *, yes: bool) -> Mapping | None:
    """Return the preset that reads a file, once somebody agreed to its first rows; None where no preset does.

    Args:
        screen: The screen to show the rows on.
        file: The file.
        adjust: A function that applies the zone, the encoding and the headings given on the command line.
        yes: True if somebody agreed on the command line.

    Raises:
        InvalidInput: Nobody agreed (`not_agreed`).
        MappingError: The preset does not fit the file, or needs a zone.
    """
    from relations.cli.pages import presets as page
    from relations.exchange.mapping.model import load_mapping
    from relations.exchange.recognising import preview, recognise

    names = recognise(file)
    if not names:
        return None
    mapping = load_mapping(names[0])
    adjusted = adjust(mapping)
    screen.say(f"{file} is recognised as {mapping.name}: {page.title(mapping)}.")
    shown = preview(adjusted, file)
    if not screen.json:
        screen.print(*page.show_preview(shown))
    if yes:
        return mapping
    hint = f"Look at the commands, then add --yes or --preset {mapping.name}"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput("nothing is recorded before you agree", code="not_agreed", hint=hint)
    if not typer.confirm("Import the file like this?"):
        raise InvalidInput("you did not agree; nothing was recorded", code="not_agreed", hint=hint)
    return mapping
