"""Rows under headings: text with delimiters, text in columns, and the rows of a sheet."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from relations.errors import InvalidInput, SourceError
from relations.exchange.files.reading import RawRow, Reading, limited, nul_problem, one_line, too_long
from relations.exchange.mapping.headings import Headings
from relations.exchange.mapping.model import Source

__all__ = ["Columns", "aligned", "delimited", "fixed", "sheet_rows"]

Columns = tuple[str, ...]
_FIELD_MAX = 2**31 - 1
"""The most that the csv module takes for its limit everywhere."""
_DELIMITERS = ",;\t|"


# --- headings -------------------------------------------------------------------------------------------------------


def _named(cells: Iterable[str], source: Source, reading: Reading) -> Columns:
    translate = Headings(source).canonical
    names = tuple(translate(cell.strip()) or f"column {number}" for number, cell in enumerate(cells, 1))
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise SourceError(
            f"{reading.path} has more than one column called {', '.join(twice)}",
            code="ambiguous_columns",
            hint="Name the columns in [source]: header = false, columns = [...], skip_lines = 1",
        )
    return names


def _header(source: Source, cells: Sequence[str] | None, reading: Reading) -> Columns:
    if not source.header:
        return source.columns
    if cells is None:
        raise SourceError(f"{reading.path} is empty: it has no header", code="empty_source")
    if len(cells) > source.limits.columns:
        raise SourceError(
            f"{reading.path} has {len(cells)} columns, more than the {source.limits.columns} that are read",
            code="too_many_columns",
            hint="Check the delimiter; or raise limits = { columns = … } in [source]",
        )
    return _named(cells, source, reading)


# --- rows -----------------------------------------------------------------------------------------------------------


def _ragged(columns: Columns, cells: Sequence[str], line: int) -> tuple[dict[str, str], InvalidInput]:
    raw = dict(zip(columns, cells, strict=False))
    raw.update({f"+{number}": cell for number, cell in enumerate(cells[len(columns) :], 1)})
    return raw, InvalidInput(
        f"line {line}: the row has {len(cells)} cells where there are {len(columns)} columns", code="ragged_row"
    )


class _Footer:
    """The lines below the last row, such as a copyright. They begin with one that the mapping's `footer` matches."""

    def __init__(self, source: Source, columns: Columns, reading: Reading) -> None:
        self._search = re.compile(source.footer).search if source.footer is not None else None
        self._width = len(columns)
        self._reading = reading
        self._begun = False

    def takes(self, cells: Sequence[str]) -> bool:
        """Return true if a line belongs to the footer, and count it."""
        if self._search is None:
            return False
        filled = [cell for cell in cells if cell.strip()]
        if not self._begun:
            self._begun = len(filled) == 1 and self._search(filled[0].strip()) is not None
        takes = self._begun and len(filled) <= 1
        self._reading.footer += takes and bool(filled)
        return takes

    def problem(self, line: int) -> InvalidInput | None:
        """Return the problem of a row below the footer's first line."""
        if not self._begun:
            return None
        return InvalidInput(f"line {line}: the row comes after the footer has begun", code="row_in_footer")


def delimited(source: Source, text: TextIO, reading: Reading) -> tuple[Columns, Iterator[RawRow]]:
    """Return the columns and the rows of a text with delimiters."""
    limit = source.limits.line
    if csv.field_size_limit() < limit:  # one limit for the whole process: it may be raised, but never lowered
        csv.field_size_limit(min(limit, _FIELD_MAX))
    first_line = [one_line(text, limit, reading)] if source.format == "table" else []

    def lines() -> Iterator[str]:
        for line in _chained(first_line, limited(text, limit, reading)):
            if "\0" in line:
                reading.nul = True
            reading.length += len(line)
            if reading.length > limit:
                raise too_long(limit, reading, "the row, with the line breaks in its quotes,")
            yield line

    delimiter = "\t" if source.format == "tsv" else source.delimiter
    if first_line:
        delimiter = _delimiter_of(first_line[0], source)
    reader = csv.reader(lines(), delimiter=delimiter, quotechar=source.quote, strict=True)
    first = None
    if source.header:
        try:
            first = next((cells for cells in reader if cells), None)
        except csv.Error as error:
            raise SourceError(f"the header of {reading.path} cannot be read: {error}") from None
    columns = _header(source, first, reading)
    return columns, _delimited_rows(source, reader, columns, reading)


def _chained(first: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def _delimiter_of(line: str, source: Source) -> str:
    """Return the delimiter that separates most headings of the first line; the mapping's own where none does."""
    quoted = re.compile(rf"{re.escape(source.quote)}[^{re.escape(source.quote)}]*{re.escape(source.quote)}")
    bare = quoted.sub("", line)
    found = max(_DELIMITERS, key=bare.count)
    return found if bare.count(found) > bare.count(source.delimiter) else source.delimiter


def _delimited_rows(source: Source, reader: Any, columns: Columns, reading: Reading) -> Iterator[RawRow]:
    width = len(columns)
    number = 0
    footer = _Footer(source, columns, reading)
    has_footer, skips_blanks = source.footer is not None, source.skip_blank_rows
    above = source.skip_lines
    while True:
        reading.nul, reading.length = False, 0
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            line = above + reader.line_num
            if "expected after" not in str(error):
                raise SourceError(
                    f"{reading.path}, row {number}, line {line}: {error}",
                    code="malformed_source",
                    hint="Look for a quote that is opened there or before and never closed",
                ) from None
            malformed = InvalidInput(f"line {line}: the row's quotes make no sense: {error}", code="malformed_row")
            yield number, {"line": str(line)}, malformed
            continue
        if cells is None:
            return
        if not cells or (has_footer and footer.takes(cells)) or (skips_blanks and not any(map(str.strip, cells))):
            continue
        number += 1
        if len(cells) != width:
            yield number, *_ragged(columns, cells, above + reader.line_num)
        else:
            problem = nul_problem() if reading.nul else None
            if has_footer and problem is None:
                problem = footer.problem(above + reader.line_num)
            yield number, dict(zip(columns, cells, strict=True)), problem


def sheet_rows(source: Source, cells: Iterator[list[str]], reading: Reading) -> tuple[Columns, Iterator[RawRow]]:
    """Return the columns and the rows of a sheet. Blank rows do not count.

    Args:
        source: The form of the file.
        cells: The texts of each row.
        reading: The position, for messages.
    """
    numbered = ((line, row) for line, row in enumerate(cells, 1) if line > source.skip_lines)
    filled = ((line, row) for line, row in numbered if any(map(str.strip, row)))
    first = next((row for _, row in filled), None) if source.header else None
    if first is not None:
        while len(first) > 1 and not first[-1].strip():
            first = first[:-1]
    columns = _header(source, first, reading)
    width = len(columns)

    def rows() -> Iterator[RawRow]:
        footer = _Footer(source, columns, reading)
        number = 0
        for line, row in filled:
            if footer.takes(row):
                continue
            number += 1
            if any(cell.strip() for cell in row[width:]) or len(row) < width:
                yield number, *_ragged(columns, row, line)
            else:
                problem = nul_problem() if any("\0" in cell for cell in row) else footer.problem(line)
                yield number, dict(zip(columns, row[:width], strict=True)), problem

    return columns, rows()


def aligned(source: Source, text: TextIO, reading: Reading) -> tuple[Columns, Iterator[RawRow]]:
    """Return the columns and the rows of a text whose cells are separated by blanks."""
    first = None
    line_number = source.skip_lines
    if source.header:
        for line in limited(text, source.limits.line, reading):
            line_number += 1
            if first := line.split():
                break
    columns = _header(source, first or None, reading)
    width = len(columns)

    def rows() -> Iterator[RawRow]:
        number = 0
        for place, line in enumerate(limited(text, source.limits.line, reading), line_number + 1):
            cells = line.split()
            if not cells:
                continue
            number += 1
            if len(cells) != width:
                yield number, *_ragged(columns, cells, place)
            else:
                yield number, dict(zip(columns, cells, strict=True)), nul_problem() if "\0" in line else None

    return columns, rows()


def fixed(source: Source, text: TextIO, reading: Reading) -> Iterator[RawRow]:
    """Yield the rows of a text whose columns have fixed positions."""
    places = [(column.name, column.start - 1, column.end) for column in source.fixed]
    width = max(end for _, _, end in places)
    shortest = max(start for _, start, _ in places)
    number = 0
    for place, whole in enumerate(limited(text, source.limits.line, reading), source.skip_lines + 1):
        line = whole.rstrip("\r\n")
        if not line.strip():
            continue
        number += 1
        raw = {name: line[start:end].strip() for name, start, end in places}
        problem = None
        if "\0" in line:
            problem = nul_problem()
        elif len(line) <= shortest or len(line.rstrip()) > width:
            problem = InvalidInput(
                f"line {place} has {len(line)} characters where the last column stands at {shortest + 1} to {width}",
                code="ragged_row",
            )
        yield number, raw, problem
