"""Readers of files: each row is `(number, row, problem)`, with the file's own texts.

Rows are numbered from 1 in the order of the file; the header, a footer and blank lines do not count. A row that cannot
be read comes with its problem and does not stop the others. A file that cannot be read is a `SourceError`.

A zip archive is read as its files, one after the other in the order of their names, as if they were one.
"""

from __future__ import annotations

import fnmatch
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from relations.errors import SourceError
from relations.exchange.files.json_rows import json_rows
from relations.exchange.files.reading import (
    Raw,
    RawRow,
    Reading,
    as_text,
    limited,
    one_line,
    readable,
    rows_of_objects,
)
from relations.exchange.files.tables import Columns, aligned, delimited, fixed, sheet_rows
from relations.exchange.files.workbooks import is_workbook, sheet_cells
from relations.exchange.files.xes import xes_rows
from relations.exchange.files.xml_rows import xml_rows
from relations.exchange.mapping.headings import Headings
from relations.exchange.mapping.model import Limits, Source
from relations.exchange.mapping.texts import JsonNumber

__all__ = ["Raw", "RawRow", "SourceFile", "first_bytes", "json_objects", "must_exist", "open_source", "open_text"]

_NATIVE_LINE = 16_000_000
"""The most characters in a line of commands, events or rejected rows."""
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
"""The texts of a line of JSON, as wholes, and the brackets between them."""
_NO_VALUE = frozenset({"nan", "nat", "none", "null"})
"""The texts that programs write into typed XES attributes without a value, in lower case."""
_ZIP = b"PK\x03\x04"


@dataclass(slots=True)
class SourceFile:
    """A file that is open for reading.

    Attributes:
        columns: The names of its columns, where the file has them once for all rows.
        rows: What it holds.
        bytes_read: How far into the file as it lies on the disk.
        bytes_total: Its size on the disk.
        footer: A function that returns the number of lines of a footer so far.
        left_out: The names of an archive's files that are not read.
    """

    columns: Columns | None
    rows: Iterator[RawRow]
    bytes_read: Callable[[], int]
    bytes_total: int
    footer: Callable[[], int] = lambda: 0
    left_out: list[str] = field(default_factory=list)


@contextmanager
def open_source(source: Source, path: str | Path) -> Iterator[SourceFile]:
    """Open a file as its mapping says that it is written.

    Raises:
        SourceError: It is not there, empty, not what it is said to be, or breaks off; also while rows are read.
    """
    reading = Reading(Path(path))
    with _open_file(reading.path) as (disk, binary, total), ExitStack() as stack:
        reading.reopen = lambda: _bytes_of(reading.path)
        left_out: list[str] = []
        columns: Columns | None
        with readable(reading):
            archive = _archive(disk, stack)
            if archive is not None and (source.format == "xlsx" or is_workbook(archive)):
                if source.format not in {"xlsx", "table"}:
                    raise SourceError(
                        f"{path} is an Excel workbook, and the mapping reads {source.format}",
                        code="not_text",
                        hint="Say format = 'xlsx' or 'table' in [source], or save the sheet as CSV",
                    )
                columns, rows = sheet_rows(source, sheet_cells(source, disk, reading), reading)
            elif archive is not None:
                columns, rows = _members(source, archive, reading, left_out)
            else:
                columns, rows = _reader(source, binary, reading)
        yield SourceFile(columns, _guarded(rows, reading), disk.tell, total, lambda: reading.footer, left_out)


@contextmanager
def open_text(path: Path) -> Iterator[tuple[Iterator[str], Callable[[], int], int]]:
    """Open a file of lines (UTF-8, unless its byte order mark says otherwise), with how far it is read and its size.

    Raises:
        SourceError: It cannot be read; also while lines are read.
    """
    reading = Reading(path, reopen=lambda: _bytes_of(path))
    with _open_file(path) as (disk, binary, total):
        with readable(reading):
            text = as_text(binary, "utf-8", reading, newline=None)
        yield _guarded_lines(text, reading), disk.tell, total


def first_bytes(path: Path) -> bytes:
    """The beginning of a file, unpacked and without its mark; nothing where it cannot be read."""
    try:
        with _open_file(path) as (_, binary, _):
            return binary.read(1 << 16).removeprefix(b"\xef\xbb\xbf")
    except (SourceError, OSError, EOFError, zlib.error):
        return b""


def must_exist(path: Path) -> None:
    """Open a file and close it again.

    Raises:
        SourceError: It is not there, or may not be read.
    """
    with _open_file(path):
        pass


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
def _bytes_of(path: Path) -> Iterator[BinaryIO]:
    with _open_file(path) as (_, binary, _):
        yield binary


# --- archives -------------------------------------------------------------------------------------------------------


def _archive(disk: BinaryIO, stack: ExitStack) -> zipfile.ZipFile | None:
    """Return a file as a zip archive; None if it is not one."""
    head = disk.read(4)
    disk.seek(0)
    return stack.enter_context(zipfile.ZipFile(disk)) if head == _ZIP else None


def _members(
    source: Source, archive: zipfile.ZipFile, reading: Reading, left_out: list[str]
) -> tuple[Columns | None, Iterator[RawRow]]:
    """Return the columns and the rows of the archive's files that the mapping names, numbered through."""
    files = sorted(name for name in archive.namelist() if not name.endswith("/"))
    names = [name for name in files if fnmatch.fnmatchcase(name.rpartition("/")[2], source.member)]
    left_out += [name for name in files if name not in names]
    if not names:
        raise SourceError(
            f"{reading.path} is an archive without a file like {source.member}",
            code="no_such_member",
            hint=f"It has: {', '.join(files[:8]) or 'nothing'}",
        )
    first = _member(archive, names[0], reading)
    columns, rows = _reader(source, first, reading)

    def every() -> Iterator[RawRow]:
        number = 0
        for number, raw, problem in rows:
            yield number, raw, problem
        for name in names[1:]:
            before = number
            others, more = _reader(source, _member(archive, name, reading), reading)
            if others != columns:
                raise SourceError(
                    f"{reading.path}: {name} has other columns than {names[0]}",
                    code="members_differ",
                    hint="Name files of one kind in [source], for instance member = 'Case*.csv'",
                )
            for place, raw, problem in more:
                number = before + place
                yield number, raw, problem

    return columns, every()


def _member(archive: zipfile.ZipFile, name: str, reading: Reading) -> BinaryIO:
    if archive.getinfo(name).flag_bits & 1:
        raise SourceError(f"{reading.path}: {name} is encrypted", code="encrypted_archive", hint="Unpack it first")
    reading.reopen = lambda: cast("Any", archive.open(name))
    return cast("BinaryIO", io.BufferedReader(cast("Any", archive.open(name))))


# --- formats --------------------------------------------------------------------------------------------------------


def _guarded(rows: Iterator[RawRow], reading: Reading) -> Iterator[RawRow]:
    with readable(reading):
        for item in rows:
            reading.row = item[0]
            yield item


def _guarded_lines(text: TextIO, reading: Reading) -> Iterator[str]:
    with readable(reading):
        for line in limited(text, _NATIVE_LINE, reading):
            reading.row += 1
            yield line


def _reader(source: Source, binary: BinaryIO, reading: Reading) -> tuple[Columns | None, Iterator[RawRow]]:
    match source.format:
        case "xes":
            return None, xes_rows(binary, reading.path, source.limits, _NO_VALUE)
        case "xml":
            return None, _renamed(source, xml_rows(source, binary, reading))
        case "json" if not _is_one_object_a_line(source, reading):
            return None, _renamed(source, json_rows(source, binary, reading))
        case "xlsx":
            raise SourceError(
                f"{reading.path} is not an Excel workbook",
                code="not_a_workbook",
                hint="Say format = 'csv' or 'table' in [source]",
            )
    lines_end_as_they_do = source.format in {"csv", "tsv", "table"}
    text = as_text(binary, source.encoding, reading, newline="" if lines_end_as_they_do else None)
    for _ in range(source.skip_lines):
        one_line(text, source.limits.line, reading)
    if lines_end_as_they_do:
        return delimited(source, text, reading)
    if source.format == "columns":
        return aligned(source, text, reading)
    if source.format == "fixed":
        return tuple(column.name for column in source.fixed), fixed(source, text, reading)
    objects = json_objects(limited(text, source.limits.line, reading), depth=source.limits.depth)
    return None, _renamed(source, rows_of_objects(objects, source.limits))


def _renamed(source: Source, rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield the rows under the names of the mapping."""
    if not source.headings:
        return rows
    rename = Headings(source).of_row
    return ((number, rename(raw), problem) for number, raw, problem in rows)


def _is_one_object_a_line(source: Source, reading: Reading) -> bool:
    """Return true if a JSON file has an object on its first line, without the mapping's path."""
    assert reading.reopen is not None  # noqa: S101 - set where the file is opened
    with reading.reopen() as binary:
        line = binary.readline(source.limits.line).removeprefix(b"\xef\xbb\xbf")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and (source.rows or "").partition(".")[0] not in found


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
