"""`relations frame`: the answer to any question of a view, or a table behind it, as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

import typer

from relations.cli.choices import complete_question
from relations.cli.known import Known, open_as_known
from relations.cli.options import AsOf, Json, MasterKeyFile, Verbose, moment
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from polars import DataFrame

    from relations.past.questions import Questions
    from relations.projections.view import View

__all__ = ["frame_command"]

_SAFE = "The database is unchanged; the file was not written."


def frame_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="VIEW.QUESTION",
            autocompletion=complete_question,
            help="A question such as retention.cohorts, or a table such as retention.Patronage.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            envvar="RELATIONS_URL",
            metavar="URL|PATH",
            help="Use this database: the path of an SQLite file, or a URL such as postgresql://user@host/name.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, named *.parquet, *.arrow or *.csv."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--with", "-w", metavar="NAME=VALUE", help="Pass an argument to the question; repeat it for a list."
        ),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            metavar="COLUMN",
            help="Write the entries of this column of lists as rows; repeat it for nested lists.",
        ),
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write CSV texts unchanged, even those that a spreadsheet would read as formulas."),
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show all questions and tables, and exit.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write the answer of a view, or a table behind it, to a Parquet, Arrow or CSV file.

    Columns are typed: days, times in UTC, time spans, and money in minor units next to its currency. An empty answer
    has the same columns. In CSV, time spans are ISO 8601, and lists and structs are JSON. Needs the extra `data`.
    """
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        from relations.exchange.frames import part, write_frame
        from relations.exchange.frames.writing import FORMATS

        if list_:
            _list_all(screen)
            return
        if name is None or database is None or output is None:
            missing = "VIEW.QUESTION" if name is None else "--database" if database is None else "--output"
            raise InvalidInput(
                f"{missing} is missing", code="missing_argument", hint="See relations frame --help, or --list"
            )
        if output.suffix not in FORMATS:
            raise InvalidInput(
                f"the format of {output.name!r} is unknown",
                code="unknown_format",
                field="--output",
                hint=f"Use a name that ends with one of {', '.join(FORMATS)}",
            )
        bounded = as_of if _takes_no_moment(name) else None
        with open_as_known(screen, database, master_key_file, known=known, as_of=bounded) as engine:
            pairs = [*(given or ()), *([] if as_of is None or bounded is not None else [f"as_of={as_of}"])]
            found = _found(engine, name, pairs)
        for column in parts or ():
            found = part(found, column)
        write_frame(found, output, raw=raw)
        columns = {column: str(dtype) for column, dtype in found.schema.items()}
        document = {"name": name, "path": str(output), "rows": found.height, "columns": columns}
        screen.result(document, lambda screen: _show(screen, output, found.height, columns))


def _takes_no_moment(name: str) -> bool:
    """Return True for a table, and for a question without an argument `as_of`: they are asked in the past itself."""
    from relations.cli.extensions import extension_options
    from relations.projections import VIEWS

    view_name, _, what = name.partition(".")
    kind = next((each for each in extension_options().get("views", VIEWS) if each.projection.name == view_name), None)
    found = getattr(kind, what, None) if kind is not None else None
    return found is None or "as_of" not in signature(found).parameters


def _found(engine: Questions, name: str, pairs: Sequence[str]) -> DataFrame:
    from relations.exchange.frames import frame, questions, table, tables

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
        return table(view, what)
    question = questions(view)[what]
    return frame(question, **_arguments(question, pairs, engine.policy.zone))


def _views(engine: Questions) -> dict[str, View]:
    return dict(sorted(vars(engine.views).items()))


def _arguments(question: Callable[..., Any], pairs: Sequence[str], zone: str) -> dict[str, Any]:
    """Return the command line's arguments, converted to the types that the question takes."""
    hints, known = get_type_hints(question), signature(question).parameters
    written: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            raise InvalidInput(
                f"{pair!r} is not an argument of the question",
                code="unknown_argument",
                field="--with",
                hint=f"It takes {', '.join(f'{each}=…' for each in known) or 'no arguments'}",
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
    from pydantic import TypeAdapter, ValidationError

    from relations.exchange.frames.columns import without_none
    from relations.messages import plainly

    kind = without_none(hint)
    if kind is datetime:
        return moment(values[-1], zone, field=f"--with {name}")
    try:
        if get_origin(kind) is Sequence:
            return TypeAdapter(kind).validate_python(values)
        return TypeAdapter(kind).validate_strings(values[-1])
    except ValidationError as error:
        said = plainly(error.errors(include_url=False)[0]["msg"])
        raise InvalidInput(
            f"{', '.join(values)!r} is not a value for {name}: {said}", code="invalid_argument", field=f"--with {name}"
        ) from None


def _show(screen: Screen, output: Path, rows: int, columns: dict[str, str]) -> None:
    from relations.cli.show import counted, headline, section, table

    made = table("Column", "Type", grow=1)
    for column, dtype in columns.items():
        made.add_row(column, dtype)
    screen.print(headline(f"{counted(rows, 'row is', 'rows are')} in {output}"), section(made))


def _list_all(screen: Screen) -> None:
    from relations.engine import Relations
    from relations.exchange.frames import questions, tables

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
        from relations.cli.show import section, table, words

        made = table("Question", "Takes", grow=1)
        for name, arguments in takes.items():
            made.add_row(name, arguments)
        screen.print(section(made))
        for name, view in document.items():
            screen.print(words(f"Tables: {', '.join(f'{name}.{each}' for each in view['tables'])}"))

    screen.result(document, show)
