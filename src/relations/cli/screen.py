"""Where a command's words go: results on stdout, everything else on stderr, errors as a sentence and an exit code."""

from __future__ import annotations

import codecs
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog
import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.text import Text

from relations.cli.exits import ExitCode, as_error, exit_code
from relations.errors import RelationsError

__all__ = ["Screen", "prepare_streams", "running", "to_json"]

_LOOK_ALIKE = str.maketrans(
    dict(zip("█▇▆▅▄▃▂▁▉▊▋▌▍▎▏", "#*+=-,._####   ", strict=True))
    | dict(zip("●├┤─│·…→≥≤", "o||-|.~>><", strict=True))
    | dict(zip("\u2013\u2014\u2212\u00d7\u2018\u2019\u201c\u201d\u00a0", "---x''\"\" ", strict=True))
)


def _look_alikes(error: UnicodeError) -> tuple[str, int]:
    """What a stream's encoding lacks, as a character that looks like it; a question mark for all else."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - it is registered for writing only
    text = error.object[error.start : error.end].translate(_LOOK_ALIKE)
    return "".join(character if character.isascii() else "?" for character in text), error.end


codecs.register_error("relations.look_alikes", _look_alikes)


def _json_hook(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json", by_alias=True)
        case RelationsError():
            return value.as_dict()
        case Path():
            return str(value)
    msg = f"{type(value).__name__} has no JSON form"
    raise NotImplementedError(msg)


def to_json(document: Any, *, indent: int = 0) -> bytes:
    """Anything that a command may show as one JSON document, with its end of line."""
    body = msgspec.json.encode(document, enc_hook=_json_hook)
    return (msgspec.json.format(body, indent=indent) if indent else body) + b"\n"


class Screen:
    """What one command shows.

    Args:
        json: One JSON document on stdout in place of tables.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        prepare_streams()
        self.out = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self.err = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)

    def result(self, document: Any, show: Callable[[Screen], None]) -> None:
        """The command's result: the document for programs, or what `show` prints for people."""
        if self.json:
            self.document(document)
        else:
            show(self)

    def document(self, document: Any) -> None:
        """One JSON document on stdout, in UTF-8 whatever the terminal's encoding is."""
        self.bytes(to_json(document, indent=2 if sys.stdout.isatty() else 0))

    def bytes(self, data: bytes) -> None:
        """Bytes on stdout as they are."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def print(self, *what: RenderableType) -> None:
        """Things on stdout, one below the other."""
        for each in what:
            self.out.print(each)

    def say(self, text: str, style: str = "") -> None:
        """A message beside the result, on stderr."""
        self.err.print(Text(text, style=style), soft_wrap=True)

    def error(self, error: RelationsError) -> ExitCode:
        """An error: a sentence on stderr, with `json` the document too; returns the exit code."""
        code = exit_code(error)
        where = f"{error.field}: " if error.field else ""
        self.err.print(
            Text.assemble(("relations: ", "bold red"), f"{where}{error.reason} ", (f"[{error.code}]", "dim")),
            soft_wrap=True,
        )
        if error.hint:
            stop = "" if error.hint.endswith((".", "?", "!")) else "."
            self.err.print(Text(f"  {error.hint}{stop}"), soft_wrap=True)
        if self.json:
            self.document({"error": {**error.as_dict(), "exit_code": int(code)}})
        return code


@contextmanager
def running(*, json: bool = False, verbose: bool = False, safe: str = "Nothing was changed.") -> Iterator[Screen]:
    """Run one command's body: whatever goes wrong in it becomes words and an exit code, never a traceback.

    Args:
        json: As asked on the command line.
        verbose: Log lines from debug on, on stderr.
        safe: What to say of the data when the command is interrupted.
    """
    screen = Screen(json=json)
    with _logging(verbose=verbose):
        try:
            yield screen
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            screen.say(f"Interrupted. {safe}", "yellow")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has gone, as `head` does; that is no error, and nothing more can be said there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(ExitCode.GOOD) from None
        except Exception as error:
            known = as_error(error)
            if known is None:
                known = RelationsError(
                    f"a fault in relations itself: {type(error).__name__}: {error}",
                    code="fault",
                    hint="Please report it, with what -v shows",
                )
                screen.error(known)
                code = ExitCode.FAULT
            else:
                code = screen.error(known)
            if verbose:
                traceback.print_exc(file=sys.stderr)
            raise typer.Exit(code) from None


def prepare_streams() -> None:
    """Let stdout and stderr take every character, whatever their encoding: what it lacks is written as a look-alike."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and not (stream.encoding or "").lower().startswith("utf"):
            reconfigure(errors="relations.look_alikes")


@contextmanager
def _logging(*, verbose: bool) -> Iterator[None]:
    """Configure the library's log lines for one command's time. Without -v the command says itself what matters."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    standard = logging.getLogger("relations")
    before = (standard.level, standard.propagate)
    standard.addHandler(handler)
    standard.propagate = False
    standard.setLevel(logging.DEBUG if verbose else logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ]
    )
    try:
        yield
    finally:
        standard.removeHandler(handler)
        standard.level, standard.propagate = before
