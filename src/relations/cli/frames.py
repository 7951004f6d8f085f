"""`relations frame`: the answer to any question of any view, or a table behind it, as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

import msgspec
import typer
from pydantic import TypeAdapter, ValidationError

from relations.cli.options import AsOf, Json, MasterKeyFile, Verbose, moment, open_to_read
from relations.cli.screen import Screen, running
from relations.cli.show import headline, number, section, table, words
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.exchange.frames.columns import polars, without_none
from relations.exchange.frames.questions import frame, part, questions, tables
from relations.exchange.frames.questions import table as table_frame
from relations.projections.view import View

if TYPE_CHECKING:
    from polars import DataFrame

__all__ = ["frame_command"]

_SAFE = "The database is untouched; the file is not there yet."


def _write_csv(frame: DataFrame, path: Path) -> None:
    """Cells of CSV are plain: lists and structs become JSON in theirs."""
    pl = polars()
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    frame.with_columns(
        pl.Series(
            name,
            [None if value is None else msgspec.json.encode(value).decode() for value in frame[name].to_list()],
            dtype=pl.String,
        )
        for name in nested
    ).write_csv(path)


_WRITERS: dict[str, Callable[[DataFrame, Path], object]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".arrow": lambda frame, path: frame.write_ipc(path),
    ".csv": _write_csv,
}


def frame_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="VIEW.QUESTION", help="Such as retention.cohorts; or a table, such as retention.Patronage."
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            envvar="RELATIONS_URL",
            metavar="URL|PATH",
            help="The database: an SQLAlchemy URL, or the path of an SQLite file.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help=f"Write there; its end says how: {', '.join(_WRITERS)}."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--with", "-w", metavar="NAME=VALUE", help="An argument of the question; given again, a list of values."
        ),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option("--part", metavar="COLUMN", help="Rows of their own for a column of lists; again: one within."),
    ] = None,
    as_of: AsOf = None,
    list_: Annotated[bool, typer.Option("--list", help="Show all questions and tables, and end.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write what a view answers, or a table that it keeps, to a Parquet, Arrow or CSV file.

    Columns have the types of the answer: days, times in UTC, spans, money in minor units with its currency beside it.
    An empty answer has the same columns. In CSV, lists and structs are JSON. Needs the extra `data`.
    """
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        if list_:
            _list_all(screen)
            return
        for option, value in (("VIEW.QUESTION", name), ("--database", database), ("--output", output)):
            if value is None:
                raise InvalidInput(
                    f"{option} is missing", code="missing_argument", hint="See relations frame --help, or --list"
                )
        assert name is not None and database is not None and output is not None  # noqa: PT018, S101 - said above
        writer = _writer(output)
        with open_to_read(database, master_key_file) as engine:
            pairs = [*(given or ()), *([] if as_of is None else [f"as_of={as_of}"])]
            found = _found(engine, name, pairs)
        for column in parts or ():
            found = part(found, column)
        _write(found, output, writer)
        columns = {column: str(dtype) for column, dtype in found.schema.items()}
        document = {"name": name, "path": str(output), "rows": found.height, "columns": columns}
        screen.result(document, lambda screen: _show(screen, output, found.height, columns))


def _found(engine: Relations, name: str, pairs: Sequence[str]) -> DataFrame:
    view_name, _, what = name.partition(".")
    view = _views(engine).get(view_name)
    if view is None or what not in {*questions(view), *tables(view)}:
        known = f"{view_name}.({'|'.join([*questions(view), *tables(view)])})" if view else ", ".join(_views(engine))
        raise InvalidInput(
            f"{name!r} is neither a question of a view nor a table",
            code="unknown_question",
            field="VIEW.QUESTION",
            hint=f"{'Give one of' if view else 'The views are'} {known}; see relations frame --list",
        )
    if what in tables(view):
        if pairs:
            raise InvalidInput("a table takes no arguments", code="unknown_argument", field="--with")
        return table_frame(view, what)
    question = questions(view)[what]
    return frame(question, **_arguments(question, pairs, engine.policy.zone))


def _views(engine: Relations) -> dict[str, View]:
    return dict(sorted(vars(engine.views).items()))


def _arguments(question: Callable[..., Any], pairs: Sequence[str], zone: str) -> dict[str, Any]:
    """What stands on the command line, as the question's own types."""
    hints, known = get_type_hints(question), signature(question).parameters
    written: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            raise InvalidInput(
                f"{pair!r} is no argument of the question",
                code="unknown_argument",
                field="--with",
                hint=f"It takes {', '.join(f'{each}=…' for each in known) or 'none'}",
            )
        written.setdefault(name, []).append(value)
    missing = [each.name for each in known.values() if each.default is Parameter.empty and each.name not in written]
    if missing:
        raise InvalidInput(
            f"the question needs {', '.join(missing)}",
            code="missing_argument",
            field="--with",
            hint=f"Add {' '.join(f'--with {each}=…' for each in missing)}",
        )
    return {name: _value(name, hints[name], values, zone) for name, values in written.items()}


def _value(name: str, hint: Any, values: list[str], zone: str) -> Any:
    kind = without_none(hint)
    if kind is datetime:
        return moment(values[-1], zone, field=f"--with {name}")
    try:
        if get_origin(kind) is Sequence:
            return TypeAdapter(kind).validate_python(values)
        return TypeAdapter(kind).validate_strings(values[-1])
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise InvalidInput(
            f"{', '.join(values)!r} cannot be given for {name}: {said}", code="invalid_argument", field=f"--with {name}"
        ) from None


def _writer(output: Path) -> Callable[[DataFrame, Path], object]:
    if output.suffix not in _WRITERS:
        raise InvalidInput(
            f"it is not known how to write {output.name}",
            code="unknown_format",
            field="--output",
            hint=f"Let its name end with one of {', '.join(_WRITERS)}",
        )
    return _WRITERS[output.suffix]


def _write(found: DataFrame, output: Path, writer: Callable[[DataFrame, Path], object]) -> None:
    """Write beside the file and put it in its place when it is whole."""
    partial = output.with_name(output.name + ".partial")
    try:
        writer(found, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _show(screen: Screen, output: Path, rows: int, columns: dict[str, str]) -> None:
    made = table("Column", "Type", grow=1)
    for column, dtype in columns.items():
        made.add_row(column, dtype)
    screen.print(headline(f"{number(rows)} rows are in {output}"), section(made))


def _list_all(screen: Screen) -> None:
    with Relations.open("sqlite://") as engine:
        views = _views(engine)
        document = {
            name: {
                "questions": {each: str(signature(question)) for each, question in questions(view).items()},
                "tables": list(tables(view)),
            }
            for name, view in views.items()
        }
        takes = {
            f"{name}.{each}": ", ".join(signature(question).parameters)
            for name, view in views.items()
            for each, question in questions(view).items()
        }

    def show(screen: Screen) -> None:
        made = table("Question", "Takes", grow=1)
        for name, arguments in takes.items():
            made.add_row(name, arguments)
        screen.print(section(made))
        for name, view in document.items():
            screen.print(words(f"Tables: {', '.join(f'{name}.{each}' for each in view['tables'])}"))

    screen.result(document, show)
