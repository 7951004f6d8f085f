"""Output: results to stdout, everything else to stderr, errors as a sentence and an exit code."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from relations.cli.exits import ExitCode, as_error, exit_code
from relations.errors import RelationsError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Screen", "running", "to_json", "visible"]


def visible(text: str) -> str:
    """Return text with its control and bidirectional characters written as escape sequences.

    Words in the log come from files and customers. Unescaped, such characters could rewrite the screen.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character not in "\n\t\u200c\u200d"
        else character
        for character in text
    )


def _json_hook(value: Any) -> Any:
    from pydantic import BaseModel

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
    """Return a result as one JSON document that ends with a newline."""
    import msgspec

    body = msgspec.json.encode(document, enc_hook=_json_hook)
    return (msgspec.json.format(body, indent=indent) if indent else body) + b"\n"


def _console(*, stderr: bool = False) -> Console:
    """Return a console that writes text as it is given, except for characters that would rewrite the screen."""
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

    class Visible(Console):
        """A console on which control characters of recorded words are visible."""

        def render(self, *args: Any, **kwargs: Any) -> Iterator[Segment]:
            for segment in super().render(*args, **kwargs):
                yield segment if segment.control else Segment(visible(segment.text), segment.style)

        def render_str(self, text: str, **kwargs: Any) -> Text:
            return super().render_str(visible(text), **kwargs)

    return Visible(file=sys.stderr if stderr else sys.stdout, highlight=False, markup=False, emoji=False)


class Screen:
    """The output of one command.

    Attributes:
        json: Results are JSON documents for programs.
        out: The console on stdout.
        err: The console on stderr.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.out = _console()
        self.err = _console(stderr=True)

    def result(self, document: Any, show: Callable[[Screen], None]) -> None:
        """Write the command's result: the document for programs, or what `show` prints for people."""
        if self.json:
            self.document(document)
        else:
            show(self)

    def document(self, document: Any) -> None:
        """Write one JSON document to stdout, in UTF-8 whatever the terminal's encoding."""
        self.bytes(to_json(document, indent=2 if sys.stdout.isatty() else 0))

    def bytes(self, data: bytes) -> None:
        """Write bytes to stdout unchanged."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def print(self, *what: RenderableType) -> None:
        """Print things to stdout, one below the other.

        A text that must not be wrapped stays in one piece, however long: a path or a command can then be copied.
        """
        from rich.text import Text

        for each in what:
            self.out.print(each, soft_wrap=isinstance(each, Text) and bool(each.no_wrap))

    def say(self, text: str, style: str = "") -> None:
        """Print a message to stderr."""
        from rich.text import Text

        self.err.print(Text(visible(text), style=style), soft_wrap=True)

    def error(self, error: RelationsError) -> ExitCode:
        """Print an error to stderr, with `json` also as a document on stdout, and return the exit code."""
        from rich.text import Text

        code = exit_code(error)
        where = f"{error.field}: " if error.field else ""
        self.err.print(
            Text.assemble(("relations: ", "bold red"), visible(f"{where}{error.reason} "), (f"[{error.code}]", "dim")),
            soft_wrap=True,
        )
        if error.hint:
            stop = "" if error.hint.endswith((".", "?", "!")) else "."
            self.err.print(Text(f"  {visible(error.hint)}{stop}"), soft_wrap=True)
        if self.json:
            self.document({"error": {**error.as_dict(), "exit_code": int(code)}})
        return code


@contextmanager
def running(*, json: bool = False, verbose: bool = False, safe: str = "Nothing was changed.") -> Iterator[Screen]:
    """Run a command's body. Any exception in it becomes a sentence and an exit code, never a traceback.

    Args:
        json: Results and errors are JSON documents, as asked on the command line.
        verbose: Show log lines from level debug on stderr.
        safe: The sentence about the data that follows "Interrupted."
    """
    try:
        screen = Screen(json=json)
        with _logging(verbose=verbose):
            try:
                yield screen
            except (typer.Exit, typer.Abort, typer.BadParameter, KeyboardInterrupt, BrokenPipeError):
                raise
            except Exception as error:
                code = _failed(screen, error)
                if verbose:
                    traceback.print_exc(file=sys.stderr)
                raise typer.Exit(code) from None
    except KeyboardInterrupt:
        sys.stderr.write(f"Interrupted. {safe}\n")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. That is not an error, and nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(ExitCode.GOOD) from None


def _failed(screen: Screen, error: Exception) -> ExitCode:
    known = as_error(error)
    if known is not None:
        return screen.error(known)
    screen.error(
        RelationsError(
            f"a fault in relations itself: {type(error).__name__}: {error}",
            code="fault",
            hint="Please report it, with the output of -v",
        )
    )
    return ExitCode.FAULT


@contextmanager
def _logging(*, verbose: bool) -> Iterator[None]:
    """Show the library's log lines while a command runs. Without `verbose` the command reports what matters itself."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    standard = logging.getLogger("relations")
    before = (standard.level, standard.propagate)
    standard.addHandler(handler)
    standard.propagate = False
    standard.setLevel(logging.DEBUG if verbose else logging.CRITICAL)
    if verbose:
        import structlog

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
