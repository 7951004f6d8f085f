"""Views as frames: the answer to any question, and the tables behind a view, as polars data frames.

    frame(engine.views.retention.cohorts)                       # the question, not yet asked
    frame(engine.views.satisfaction.nps, by=["month"])          # its arguments after it
    table(engine.views.retention, "Patronage")                  # what the view keeps

The types of columns come from what the question says that it returns, not from what it returned: an empty answer has
the same columns. See `columns` for what becomes what. A frame goes on to Arrow as it is: `frame.to_arrow()`, or
whatever takes Arrow's C stream. Needs the extra `data`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    """Ask a view, and get the answer as a frame.

    A list is a row for each of its entries; one thing is one row, and None is no row. Lists within rows stay lists:
    `part` makes rows of them.

    Args:
        question: A view's method, such as `engine.views.retention.cohorts`.
        *args: Its arguments.
        **kwargs: Likewise.

    Raises:
        MissingExtra: The extra `data` is not installed.
        InvalidInput: As the question raises it; or it does not say what it returns, or that is nothing for a frame.
    """
    kind = get_type_hints(question).get("return")
    if kind is None:
        raise InvalidInput(
            f"{getattr(question, '__qualname__', question)} does not say what it returns",
            code="no_column",
            field="question",
            hint="Give a view's method, or an answer and its type to frame_of",
        )
    _rows_of(kind)  # what cannot become a frame is not asked first
    return frame_of(question(*args, **kwargs), kind)


def frame_of(answer: Any, kind: Any) -> DataFrame:
    """An answer that is at hand as a frame.

    Args:
        answer: What a view answered, or a part of it, such as `report.customers`.
        kind: Its type, such as `list[RfmScore]`: columns come from it, so that no answer is too empty to have any.

    Raises:
        MissingExtra: The extra `data` is not installed.
        InvalidInput: There is no column for something in it.
    """
    columns, rows = _rows_of(kind)
    listed = list(rows(answer))
    return polars().DataFrame([column.series(listed) for column in columns])  # type: ignore[no-any-return]  # reached late


def _rows_of(kind: Any) -> tuple[list[Column], Callable[[Any], Iterable[Any]]]:
    """The columns of an answer's rows, and how its rows are had."""
    kind = without_none(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return columns_of_entries(*arguments), lambda answer: (answer or {}).items()
    if origin is list or (origin is tuple and arguments[1:] == (Ellipsis,)):
        return columns_of(arguments[0]), lambda answer: answer or ()
    return columns_of(kind), lambda answer: () if answer is None else (answer,)


def part(of: DataFrame, column: str) -> DataFrame:
    """The entries of a column of lists as rows of their own, such as the customers of a report.

    Args:
        of: A frame.
        column: One of its columns: of lists, or of structs, whose fields then are the columns.

    Raises:
        InvalidInput: The frame has no such column, or it holds neither.
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
    """The questions that a view answers, by name: of a view at hand its methods, of a class its functions."""
    kind = view if isinstance(view, type) else type(view)
    own = (name for name in dir(kind) if not name.startswith("_") and not hasattr(View, name))
    return {name: getattr(view, name) for name in own if isinstance(getattr_static(kind, name), FunctionType)}


def tables(view: View | type[View]) -> dict[str, type[Row]]:
    """The classes of rows that a view keeps, by name."""
    return {row.__name__: row for row in view.projection.tables}


def table(view: View, name: str) -> DataFrame:
    """What a view keeps, in the order of its key, as a frame: merged customers under the surviving id.

    Rows are given as they are kept: times are UTC microseconds, as whole numbers.

    Args:
        view: The view, such as `engine.views.retention`.
        name: A class of its rows, such as `Patronage`.

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
