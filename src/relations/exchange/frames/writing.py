"""Writing of frames to files: Parquet, Arrow and CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from relations.errors import InvalidInput, SourceError
from relations.exchange.frames.columns import polars

if TYPE_CHECKING:
    from polars import DataFrame

__all__ = ["FORMATS", "guarded", "write_frame"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The first characters of cells that a spreadsheet reads as formulas."""


def write_frame(frame: DataFrame, path: str | Path, *, raw: bool = False) -> None:
    """Write a frame to a file; the suffix of its name decides the format.

    CSV cells are text: time spans are written as ISO 8601 (`P1DT2H`), lists and structs as JSON.

    Args:
        frame: The frame.
        path: The file. It is replaced once the new one is complete.
        raw: Write texts in CSV unchanged. By default a text that a spreadsheet would read as a formula gets a leading
            apostrophe.

    Raises:
        InvalidInput: The name has no known suffix.
        SourceError: The file cannot be written.
    """
    target = Path(path)
    write = FORMATS.get(target.suffix)
    if write is None:
        raise InvalidInput(
            f"the format of {target.name!r} is unknown",
            code="unknown_format",
            field="--output",
            hint=f"Use a name that ends with one of {', '.join(FORMATS)}",
        )
    partial = target.with_name(target.name + ".partial")
    try:
        write(frame, partial, raw)
        partial.replace(target)
    except OSError as error:
        raise SourceError(f"{target} cannot be written: {error.strerror or error}", code="unwritable_file") from None
    finally:
        partial.unlink(missing_ok=True)


def _write_csv(frame: DataFrame, path: Path, raw: bool) -> None:
    pl = polars()
    columns: list[Any] = []
    for name, dtype in frame.schema.items():
        if dtype.is_nested():
            cells = [None if value is None else msgspec.json.encode(value).decode() for value in frame[name].to_list()]
        elif isinstance(dtype, pl.Duration):
            cells = [None if value is None else msgspec.to_builtins(value) for value in frame[name].to_list()]
        elif isinstance(dtype, pl.String | pl.Enum | pl.Categorical) and not raw:
            cells = [guarded(value) for value in frame[name].cast(pl.String).to_list()]
        else:
            continue
        columns.append(pl.Series(name, cells, dtype=pl.String))
    frame.with_columns(columns).write_csv(path)


def guarded(text: str | None) -> str | None:
    """Return a text for a cell; one that a spreadsheet would read as a formula gets a leading apostrophe."""
    return f"'{text}" if text is not None and text.startswith(_FORMULA) else text


FORMATS: dict[str, Callable[[DataFrame, Path, bool], object]] = {
    ".parquet": lambda frame, path, _raw: frame.write_parquet(path),
    ".arrow": lambda frame, path, _raw: frame.write_ipc(path),
    ".csv": _write_csv,
}
"""The writer of each suffix."""
