"""Answers of views, and the tables behind them, as polars data frames.

    frame(engine.views.retention.cohorts)                       # pass the method itself
    frame(engine.views.satisfaction.nps, by=["month"])          # and its arguments after it
    table(engine.views.retention, "Patronage")                  # the rows that the view stores

The columns come from the method's return annotation, so an empty answer has the same columns; see `columns`.
A frame can be passed to Arrow unchanged, with `frame.to_arrow()` or by Arrow's C stream. Needs the extra `data`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from inspect import getattr_static
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, get_args, get_origin, get_type_hints

from relations.errors import InvalidInput
from relations.exchange.frames.columns import Column, columns_of, columns_of_entries, polars, without_none
from relations.projections.projection import Row
from relations.projections.view import View

if TYPE_CHECKING:
    from polars import DataFrame

__all__ = ["frame", "frame_of", "part", "questions", "table", "tables"]

P = ParamSpec("P")


def frame(question: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> DataFrame:
    """Call a view's method and return the answer as a frame.

    A list becomes one row per entry, a single object becomes one row, and None becomes no rows. Nested lists stay
    lists; `part` turns them into rows.

    Args:
        question: A view's method, such as `engine.views.retention.cohorts`.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Raises:
        MissingExtra: The extra `data` is not installed.
        InvalidInput: The method raises it, has no return annotation, or returns a type that has no columns.
    """
    kind = get_type_hints(question).get("return")
    if kind is None:
        raise InvalidInput(
            f"{getattr(question, '__qualname__', question)} has no return annotation",
            code="no_column",
            field="question",
            hint="Pass a view's method, or pass an answer and its type to frame_of",
        )
    _rows_of(kind)  # checked before the method is called
    return frame_of(question(*args, **kwargs), kind)


def frame_of(answer: Any, kind: Any) -> DataFrame:
    """Return an existing answer as a frame.

    Args:
        answer: The answer of a view, or a part of it, such as `report.customers`.
        kind: Its type, such as `list[RfmScore]`. The columns come from it, so an empty answer has them too.

    Raises:
        MissingExtra: The extra `data` is not installed.
        InvalidInput: A type in it has no column type.
    """
    columns, rows = _rows_of(kind)
    listed = list(rows(answer))
    return polars().DataFrame([column.series(listed) for column in columns])  # type: ignore[no-any-return]  # reached late


def _rows_of(kind: Any) -> tuple[list[Column], Callable[[Any], Iterable[Any]]]:
    """Return the columns of an answer's rows, and a function that returns its rows."""
    kind = without_none(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return columns_of_entries(*arguments), lambda answer: (answer or {}).items()
    if origin in (list, Iterator) or (origin is tuple and arguments[1:] == (Ellipsis,)):
        return columns_of(arguments[0]), lambda answer: answer or ()
    return columns_of(kind), lambda answer: () if answer is None else (answer,)


def part(of: DataFrame, column: str) -> DataFrame:
    """Return the entries of a column of lists as rows, such as the customers of a report.

    Args:
        of: A frame.
        column: One of its columns, of lists or of structs. The fields of a struct become the columns.

    Raises:
        InvalidInput: The frame has no such column, or the column has neither lists nor structs.
    """
    pl = polars()
    dtype = of.schema.get(column)
    if dtype is None or not dtype.is_nested():
        known = ", ".join(name for name, each in of.schema.items() if each.is_nested())
        raise InvalidInput(
            f"the frame has no part {column!r}",
            code="unknown_part",
            field="part",
            hint=f"Give one of {known}" if known else "None of its columns holds lists",
        )
    entries = of.select(column).drop_nulls()
    if isinstance(dtype, pl.List):
        # An empty list would become a row of nulls.
        entries = entries.filter(pl.col(column).list.len() > 0).explode(column)
        dtype = dtype.inner
    return entries.unnest(column) if isinstance(dtype, pl.Struct) else entries


def questions(view: View | type[View]) -> dict[str, Callable[..., Any]]:
    """Return the questions that a view or its class answers, by name."""
    kind = view if isinstance(view, type) else type(view)
    own = (name for name in dir(kind) if not name.startswith("_") and not hasattr(View, name))
    return {name: getattr(view, name) for name in own if isinstance(getattr_static(kind, name), FunctionType)}


def tables(view: View | type[View]) -> dict[str, type[Row]]:
    """Return the classes of rows that a view stores, by name."""
    return {row.__name__: row for row in view.projection.tables}


def table(view: View, name: str) -> DataFrame:
    """Return a table of a view as a frame, in the order of its key. Merged customers have the surviving id.

    Rows are returned as stored: times are UTC microseconds, as whole numbers.

    Args:
        view: The view, such as `engine.views.retention`.
        name: The name of a class of its rows, such as `Patronage`.

    Raises:
        MissingExtra: The extra `data` is not installed.
        InvalidInput: The view has no such rows.
    """
    row = tables(view).get(name)
    if row is None:
        raise InvalidInput(
            f"the view {view.projection.name} has no table {name!r}",
            code="unknown_table",
            field="name",
            hint=f"Give one of {', '.join(tables(view))}",
        )
    columns = view.table(row).c
    return frame_of(view.rows(row, order_by=[columns[key] for key in row.key]), list[row])  # type: ignore[valid-type]
