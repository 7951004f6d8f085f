"""The option `--known`: answer from what had been recorded by then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.options import moment, open_to_read
from relations.cli.screen import Screen

if TYPE_CHECKING:
    from relations.engine import Relations
    from relations.past.questions import Questions

__all__ = ["STATES", "Known", "bounds_of", "open_as_known", "states_folder"]

STATES = "RELATIONS_STATES"
"""The environment variable that names the folder for kept states."""

Known = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="TIME|POSITION",
        help="Answer only from what had been recorded by then: a day (its end), a time with its zone, or a position of "
        "the log. Default: everything.",
    ),
]


def bounds_of(known: str | None, zone: str, *, field: str = "--known") -> dict[str, Any]:
    """Return the arguments of `Relations.as_of` for the text of `--known`.

    Raises:
        InvalidInput: It is neither a position nor a day or time.
    """
    if known is not None and known.isascii() and known.isdecimal():
        return {"position": int(known)}
    return {"recorded": moment(known, zone, field=field)}


def states_folder() -> Path | None:
    """Return the folder in which states of views are kept; None if the environment names none."""
    folder = os.environ.get(STATES)
    return Path(folder) if folder else None


@contextmanager
def open_as_known(
    screen: Screen,
    database: str,
    master_key_file: Path | None = None,
    *,
    known: str | None = None,
    as_of: str | None = None,
    customer: str | None = None,
    views: bool = True,
) -> Iterator[Questions]:
    """Open the engine for a command that only reads, or its past if a moment is given.

    Args:
        screen: Says what is known, and that folding takes its time.
        database: A URL or a path.
        master_key_file: The file of the master key.
        known: The text of `--known`.
        as_of: The text of `--as-of`, for commands whose views only know the present: later events are left out.
        customer: Answer about this customer alone.
        views: True if the command reads views.
    """
    if known is None and as_of is None:
        with open_to_read(database, master_key_file, views=views) as engine:
            yield engine
        return
    with open_to_read(database, master_key_file, views=False, kept_states=states_folder()) as engine:
        zone = engine.policy.zone
        occurred = moment(as_of, zone)
        with engine.as_of(**bounds_of(known, zone), occurred=occurred, customer=customer) as past:
            if known is not None:
                _say_known(engine, past, screen)
            yield past


def _say_known(engine: Relations, past: Questions, screen: Screen) -> None:
    from relations.cli.show import counted

    if screen.json:
        return
    position, head = past.status().position, engine.status().position
    last = next(iter(past.events(after=position - 1)), None) if position else None
    from relations.messages import from_micros

    recorded = "" if last is None else f", recorded {_minute(from_micros(last.recorded_at), engine)}"
    screen.say(f"As known then: the first {position:,} of {counted(head, 'event')}{recorded}.")


def _minute(at: datetime, engine: Relations) -> str:
    from relations.cli.show import local_minute

    return local_minute(at, engine.policy.zone)
