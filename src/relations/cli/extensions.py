"""A host's own aggregates, projections, views and reactions for the program.

`relations --with MODULE` names a module. A package that is installed names its own in the group of entry points
`relations.extensions`, and then needs no option.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relations.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relations.decider import Aggregate
    from relations.messages import Command

__all__ = ["ENTRY_POINTS", "extended_aggregates", "extended_commands", "extension_options", "use_extensions"]

ENTRY_POINTS = "relations.extensions"
"""The group of entry points whose values are modules with extensions."""

_modules: list[str] = []
_NAMES = ("AGGREGATES", "PROJECTIONS", "VIEWS", "REACTIONS")


def use_extensions(modules: list[str]) -> None:
    """Use the extensions in these modules for the command that follows."""
    _modules[:] = modules


def extension_options() -> dict[str, Any]:
    """Return the options of `Relations.open` that add what the modules have to what is included.

    A module has any of `AGGREGATES`, `PROJECTIONS`, `VIEWS` (sequences) and `REACTIONS` (by class of event).

    Raises:
        InvalidInput: A module cannot be imported, or has none of them.
    """
    installed = [each.value for each in entry_points(group=ENTRY_POINTS)]
    modules = list(dict.fromkeys((*sorted(installed), *_modules)))
    if not modules:
        return {}
    from relations.aggregates import AGGREGATES
    from relations.projections import PROJECTIONS, VIEWS
    from relations.reactions import REACTIONS

    aggregates, projections, views, reactions = [*AGGREGATES], [*PROJECTIONS], [*VIEWS], {**REACTIONS}
    for name in modules:
        module = _imported(name)
        aggregates += getattr(module, "AGGREGATES", ())
        projections += getattr(module, "PROJECTIONS", ())
        views += getattr(module, "VIEWS", ())
        reactions |= getattr(module, "REACTIONS", {})
    return {"aggregates": aggregates, "projections": projections, "views": views, "reactions": reactions}


def extended_aggregates() -> Sequence[Aggregate[Any]]:
    """Return the aggregates that are included, and those of the modules."""
    from relations.aggregates import AGGREGATES

    aggregates: Sequence[Aggregate[Any]] = extension_options().get("aggregates", AGGREGATES)
    return aggregates


def extended_commands() -> dict[str, type[Command]]:
    """Return the commands of all these aggregates by name."""
    return {command.__name__: command for aggregate in extended_aggregates() for command in aggregate.commands}


def _imported(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    try:
        module = import_module(name)
    except Exception as error:  # whatever a module of the host raises
        raise InvalidInput(
            f"the module {name!r} cannot be imported: {type(error).__name__}: {error}",
            code="invalid_extension",
            field="--with",
            hint="Give the dotted name of a module that Python finds from here",
        ) from None
    if not any(hasattr(module, each) for each in _NAMES):
        raise InvalidInput(
            f"the module {name!r} has none of {', '.join(_NAMES)}",
            code="invalid_extension",
            field="--with",
            hint="Define AGGREGATES = (my_aggregate,) in it",
        )
    return module
