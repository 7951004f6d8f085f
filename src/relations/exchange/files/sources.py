"""Readers of files: each row is `(number, row, problem)`, with the file's own texts.

Rows are numbered from 1 in the order of the file; the header and blank lines do not count. A row that cannot be read
comes with its problem and does not stop the others. A file that cannot be read is a `SourceError`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from relations.errors import InvalidInput, SourceError
from relations.exchange.files.xes import xes_rows
from relations.exchange.mapping.model import Limits, Source
from relations.exchange.mapping.texts import JsonNumber

__all__ = ["Raw", "RawRow", "SourceFile", "first_bytes", "json_objects", "open_source", "open_text"]

Raw = dict[str, str]
RawRow = tuple[int, Raw, InvalidInput | None]

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NATIVE_LINE = 16_000_000
"""The most characters in a line of commands, events or rejected rows."""
_FIELD_MAX = 2**31 - 1
"""The most that the csv module takes for its limit everywhere."""
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
"""The texts of a line of JSON, as wholes, and the brackets between them."""
_NO_VALUE = frozenset({"nan", "nat", "none", "null"})
"""The texts that programs write into typed XES attributes without a value, in lower case."""
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Save the sheet as CSV"),
    (b"%PDF", "a PDF", "Give the table that it was made from"),
    (b"BZh", "compressed with bzip2", "Unpack it, or compress it with gzip"),
    (b"\xfd7zXZ\x00", "compressed with xz", "Unpack it, or compress it with gzip"),
    (b"(\xb5/\xfd", "compressed with zstd", "Unpack it, or compress it with gzip"),
    (b"PAR1", "a Parquet file", "Write it as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "Give a file of rows"),
)


@dataclass(slots=True)
class SourceFile:
    """A file that is open for reading.

    Attributes:
        columns: The names of its columns, where the file has them once for all rows.
        rows: What it holds.
        bytes_read: How far into the file as it lies on the disk.
        bytes_total: Its size on the disk.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[RawRow]
    bytes_read: Callable[[], int]
    bytes_total: int


@contextmanager
def open_source(source: Source, path: str | Path) -> Iterator[SourceFile]:
    """Open a file as its mapping says that it is written.

    Raises:
        SourceError: It is not there, empty, not what it is said to be, or breaks off; also while rows are read.
    """
    with _open_file(Path(path)) as (disk, binary, total):
        reading = _Reading(Path(path))
        with _readable(reading):
            columns, rows = _reader(source, binary, reading)
        yield SourceFile(columns, _guarded(rows, reading), disk.tell, total)


@contextmanager
def open_text(path: Path) -> Iterator[tuple[Iterator[str], Callable[[], int], int]]:
    """Open a file of lines (UTF-8, unless its byte order mark says otherwise), with how far it is read and its size.

    Raises:
        SourceError: It cannot be read; also while lines are read.
    """
    reading = _Reading(path)
    with _open_file(path) as (disk, binary, total):
        with _readable(reading):
            text = _text(binary, "utf-8", reading, newline=None)
        yield _guarded_lines(text, reading), disk.tell, total


def first_bytes(path: Path) -> bytes:
    """The beginning of a file, unpacked and without its mark; nothing where it cannot be read."""
    try:
        with _open_file(path) as (_, binary, _):
            return binary.read(1 << 16).removeprefix(b"\xef\xbb\xbf")
    except (SourceError, OSError, EOFError, zlib.error):
        return b""


@dataclass(slots=True)
class _Reading:
    """The position up to which a file has been read, for error messages.

    It holds the text until the file below is closed: a text that goes first closes the file with a warning.
    """

    path: Path
    row: int = 0
    nul: bool = False
    length: int = 0
    text: TextIO | None = None

    @property
    def place(self) -> str:
        return f"after row {self.row}" if self.row else "at its beginning"


@contextmanager
def _open_file(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO, int]]:
    try:
        disk = path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{path} cannot be read: {reason}", code="no_such_source") from None
    with disk:
        total = path.stat().st_size
        head = disk.read(4)
        disk.seek(0)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(disk, "rb") as unpacked:
                yield disk, cast("BinaryIO", unpacked), total
        else:
            yield disk, disk, total


@contextmanager
def _readable(reading: _Reading) -> Iterator[None]:
    """Turn the standard library's errors about broken files into errors for people."""
    path = reading.path
    try:
        yield
    except EOFError:
        raise SourceError(
            f"{path} breaks off {reading.place}: the gzip stream has no end",
            code="truncated_gzip",
            hint="Fetch the file again; the rows before that are in, and are not taken twice",
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path} is damaged {reading.place}: {error}", code="damaged_gzip") from None
    except LookupError as error:
        raise SourceError(
            f"{path} names an encoding that does not exist: {error}",
            code="wrong_encoding",
            hint="Correct the encoding in the file's declaration, for instance to UTF-8",
        ) from None
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 1].hex()
        raise SourceError(
            f"{path} is not {error.encoding}: byte 0x{bad} soon {reading.place}",
            code="wrong_encoding",
            hint="Name the file's encoding in [source], for instance encoding = 'cp1252' or 'gb18030'",
        ) from None
    except UnicodeError as error:
        raise SourceError(f"{path} cannot be decoded {reading.place}: {error}", code="wrong_encoding") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read {reading.place}: {error.strerror or error}") from None


def _guarded(rows: Iterator[RawRow], reading: _Reading) -> Iterator[RawRow]:
    with _readable(reading):
        for item in rows:
            reading.row = item[0]
            yield item


def _guarded_lines(text: TextIO, reading: _Reading) -> Iterator[str]:
    with _readable(reading):
        for line in _limited(text, _NATIVE_LINE, reading):
            reading.row += 1
            yield line


def _reader(source: Source, binary: BinaryIO, reading: _Reading) -> tuple[tuple[str, ...] | None, Iterator[RawRow]]:
    if source.format == "xes":
        return None, xes_rows(binary, reading.path, source.limits, _NO_VALUE)
    delimited = source.format in {"csv", "tsv"}
    text = _text(binary, source.encoding, reading, newline="" if delimited else None)
    for _ in range(source.skip_lines):
        _one_line(text, source.limits.line, reading)
    if delimited:
        return _delimited(source, text, reading)
    if source.format == "columns":
        return _aligned(source, text, reading)
    if source.format == "fixed":
        return tuple(column.name for column in source.fixed), _fixed(source, text, reading)
    return None, _json_lines(text, source.limits, reading)


def _text(binary: BinaryIO, encoding: str, reading: _Reading, *, newline: str | None) -> TextIO:
    path = reading.path
    peeked = cast("io.BufferedReader", binary).peek(4096)[:4096]
    for mark, what, hint in _FOREIGN:
        if peeked.startswith(mark):
            raise SourceError(f"{path} is {what}, not text", code="not_text", hint=hint)
    for mark, name in _MARKS:
        if peeked.startswith(mark):
            encoding = name
            break
    else:
        wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
        if not wide and peeked.count(0) > len(peeked) // 8:
            raise SourceError(
                f"{path} is not {encoding} text: it is full of NUL bytes",
                code="not_text",
                hint="If it is UTF-16, say encoding = 'utf-16-le' or 'utf-16-be' in [source]",
            )
    text = reading.text = io.TextIOWrapper(binary, encoding, newline=newline)
    return text


# --- limits ---------------------------------------------------------------------------------------------------------


def _one_line(text: TextIO, limit: int, reading: _Reading) -> str:
    """Return the next line, however long the file says that it is.

    Raises:
        SourceError: The line is longer than the limit.
    """
    line = text.readline(limit + 1)
    if len(line) > limit:
        raise _too_long(limit, reading, "the line")
    return line


def _limited(text: TextIO, limit: int, reading: _Reading) -> Iterator[str]:
    while line := _one_line(text, limit, reading):
        yield line


def _too_long(limit: int, reading: _Reading, what: str) -> SourceError:
    return SourceError(
        f"{reading.path}, {reading.place}: {what} is longer than {limit:,} characters",
        code="line_too_long",
        hint="Check the format, the quotes and the encoding; or raise limits = { line = … } in [source]",
    )


# --- rows of each format --------------------------------------------------------------------------------------------


def _named(cells: Iterable[str], path: Path) -> tuple[str, ...]:
    names = tuple(cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(
            f"{path} has more than one column called {', '.join(twice)}",
            code="ambiguous_columns",
            hint="Name the columns in [source]: header = false, columns = [...], skip_lines = 1",
        )
    return names


def _header(source: Source, cells: list[str] | None, path: Path) -> tuple[str, ...]:
    if not source.header:
        return source.columns
    if cells is None:
        raise SourceError(f"{path} is empty: it has no header", code="empty_source")
    if len(cells) > source.limits.columns:
        raise SourceError(
            f"{path} has {len(cells)} columns, more than the {source.limits.columns} that are read",
            code="too_many_columns",
            hint="Check the delimiter; or raise limits = { columns = … } in [source]",
        )
    return _named(cells, path)


def _ragged(columns: tuple[str, ...], cells: list[str]) -> tuple[Raw, InvalidInput]:
    raw = dict(zip(columns, cells, strict=False))
    raw.update({f"+{number}": cell for number, cell in enumerate(cells[len(columns) :], 1)})
    return raw, InvalidInput(
        f"the row has {len(cells)} cells where there are {len(columns)} columns", code="ragged_row"
    )


def _nul() -> InvalidInput:
    return InvalidInput("there is a NUL character in the row", code="nul_character")


def _delimited(source: Source, text: TextIO, reading: _Reading) -> tuple[tuple[str, ...], Iterator[RawRow]]:
    limit = source.limits.line
    if csv.field_size_limit() < limit:  # one limit for the whole process: it may be raised, but never lowered
        csv.field_size_limit(min(limit, _FIELD_MAX))

    def lines() -> Iterator[str]:
        for line in _limited(text, limit, reading):
            if "\0" in line:
                reading.nul = True
            reading.length += len(line)
            if reading.length > limit:
                raise _too_long(limit, reading, "the row, with the line breaks in its quotes,")
            yield line

    delimiter = "\t" if source.format == "tsv" else source.delimiter
    reader = csv.reader(lines(), delimiter=delimiter, quotechar=source.quote, strict=True)
    first = None
    if source.header:
        try:
            first = next((cells for cells in reader if cells), None)
        except csv.Error as error:
            raise SourceError(f"the header of {reading.path} cannot be read: {error}") from None
    columns = _header(source, first, reading.path)
    return columns, _delimited_rows(reader, columns, reading)


def _delimited_rows(reader: Any, columns: tuple[str, ...], reading: _Reading) -> Iterator[RawRow]:
    width = len(columns)
    number = 0
    while True:
        reading.nul, reading.length = False, 0
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            if "expected after" not in str(error):
                raise SourceError(
                    f"{reading.path}, row {number}, line {reader.line_num}: {error}",
                    code="malformed_source",
                    hint="Look for a quote that is opened there or before and never closed",
                ) from None
            problem = InvalidInput(f"the row's quotes make no sense: {error}", code="malformed_row")
            yield number, {"line": str(reader.line_num)}, problem
            continue
        if cells is None:
            return
        if not cells:
            continue
        number += 1
        if len(cells) != width:
            yield number, *_ragged(columns, cells)
        else:
            yield number, dict(zip(columns, cells, strict=True)), _nul() if reading.nul else None


def _aligned(source: Source, text: TextIO, reading: _Reading) -> tuple[tuple[str, ...], Iterator[RawRow]]:
    first = None
    if source.header:
        lines = _limited(text, source.limits.line, reading)
        first = next((cells for line in lines if (cells := line.split())), None)
    columns = _header(source, first, reading.path)
    width = len(columns)

    def rows() -> Iterator[RawRow]:
        number = 0
        for line in _limited(text, source.limits.line, reading):
            cells = line.split()
            if not cells:
                continue
            number += 1
            if len(cells) != width:
                yield number, *_ragged(columns, cells)
            else:
                yield number, dict(zip(columns, cells, strict=True)), _nul() if "\0" in line else None

    return columns, rows()


def _fixed(source: Source, text: TextIO, reading: _Reading) -> Iterator[RawRow]:
    places = [(column.name, column.start - 1, column.end) for column in source.fixed]
    width = max(end for _, _, end in places)
    shortest = max(start for _, start, _ in places)
    number = 0
    for line in _limited(text, source.limits.line, reading):
        line = line.rstrip("\r\n")  # noqa: PLW2901 - the line without its end is the line
        if not line.strip():
            continue
        number += 1
        raw = {name: line[start:end].strip() for name, start, end in places}
        problem = None
        if "\0" in line:
            problem = _nul()
        elif len(line) <= shortest or len(line.rstrip()) > width:
            problem = InvalidInput(
                f"the line has {len(line)} characters where the last column stands at {shortest + 1} to {width}",
                code="ragged_row",
            )
        yield number, raw, problem


def json_objects(
    text: Iterable[str], *, exact: bool = True, depth: int = Limits().depth
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the objects of JSON Lines with their row numbers, or the reason why a line has none.

    Args:
        text: The lines.
        exact: Return numbers as their own texts, so that nothing is rounded.
        depth: The most levels of objects and lists inside each other.
    """
    as_text = dict.fromkeys(("parse_float", "parse_int", "parse_constant"), JsonNumber)
    numbers: dict[str, Any] = as_text if exact else {}
    number = 0
    for line in text:
        if line.isspace():
            continue
        number += 1
        if _nested_deeper(line, depth):
            yield number, f"the line has more than {depth} levels of objects and lists"
            continue
        try:
            found = json.loads(line, **numbers)
        except (ValueError, RecursionError) as error:
            yield number, f"the line is not JSON: {error}"
            continue
        yield number, found if isinstance(found, dict) else "the line is JSON, but not an object"


def _json_lines(text: TextIO, limits: Limits, reading: _Reading) -> Iterator[RawRow]:
    for number, found in json_objects(_limited(text, limits.line, reading), depth=limits.depth):
        if isinstance(found, str):
            yield number, {}, InvalidInput(found, code="malformed_row")
            continue
        raw: Raw = {}
        _flatten(found, "", raw)
        if len(raw) > limits.columns:
            yield (
                number,
                {},
                InvalidInput(
                    f"the object has {len(raw)} fields, more than the {limits.columns} that are read",
                    code="too_many_columns",
                ),
            )
            continue
        nul = any("\0" in value for value in raw.values())
        yield number, raw, _nul() if nul else None


def _nested_deeper(line: str, depth: int) -> bool:
    """Return true if a line of JSON has more than some levels of objects and lists, without parsing it."""
    if line.count("{") + line.count("[") <= depth:
        return False
    level = 0
    for bracket in _BRACKETS.findall(line):
        if bracket in "{[":
            level += 1
            if level > depth:
                return True
        elif bracket in "}]":
            level -= 1
    return False


def _flatten(found: dict[str, Any], prefix: str, raw: Raw) -> None:
    for key, value in found.items():
        name = prefix + key
        match value:
            case str():
                raw[name] = value
            case None:
                raw[name] = ""
            case bool():
                raw[name] = "true" if value else "false"
            case dict():
                _flatten(value, f"{name}.", raw)
            case _:
                raw[name] = json.dumps(value, ensure_ascii=False)
