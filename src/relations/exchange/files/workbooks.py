"""Sheets of workbooks (xlsx) as rows of texts.

A sheet is read as a whole, so what it can hold is checked before. The library that reads it keeps a place for every
cell between the first and the last one. Two cells in opposite corners would fill the memory and end the process.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from relations.errors import SourceError
from relations.exchange.files.reading import Reading
from relations.exchange.mapping.model import Limits, Source
from relations.extras import needed

__all__ = ["is_workbook", "sheet_cells"]

_CHUNK = 1 << 20
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']\$?([A-Za-z]{1,3})\$?([0-9]{1,10})["']""")
_ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\sr\s*=\s*["']([0-9]{1,10})["']""")
_OVERLAP = 256


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Return true if an archive is a workbook, and not an archive of files."""
    return "xl/workbook.xml" in archive.namelist()


def sheet_cells(source: Source, binary: BinaryIO, reading: Reading) -> Iterator[list[str]]:
    """Yield the rows of a sheet: numbers with a point, times in ISO 8601, and an empty text for an error of a formula.

    Raises:
        MissingExtra: The reader of workbooks is not installed.
        SourceError: It is not a workbook, has no such sheet, or goes beyond the limits.
    """
    calamine = needed("python_calamine", extra="files", purpose="Reading a workbook")
    _check(binary, source.limits, reading)
    binary.seek(0)
    try:
        book = calamine.CalamineWorkbook.from_filelike(binary)
        sheet = _sheet(book, source.sheet, reading)
        rows = sheet.iter_rows()
    except calamine.CalamineError as error:
        raise _unreadable(reading.path, str(error)) from None
    # Blank rows above the first cell are not in the sheet, and are lines all the same.
    above = (sheet.start or (0, 0))[0]
    yield from ([] for _ in range(above))
    yield from ([_text(cell) for cell in row] for row in rows)


def _sheet(book: Any, wanted: str | int | None, reading: Reading) -> Any:
    names: list[str] = list(book.sheet_names)
    if isinstance(wanted, str) and wanted in names:
        return book.get_sheet_by_name(wanted)
    if wanted is None and names:
        shown = [each.name for each in book.sheets_metadata if str(each.visible).endswith("Visible")]
        return book.get_sheet_by_name((shown or names)[0])
    if isinstance(wanted, int) and wanted <= len(names):
        return book.get_sheet_by_index(wanted - 1)
    raise SourceError(
        f"{reading.path} has no sheet {wanted!r}", code="no_such_sheet", hint=f"It has: {', '.join(names) or 'none'}"
    )


def _text(cell: Any) -> str:
    match cell:
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
    return str(cell)


# --- limits ---------------------------------------------------------------------------------------------------------


def _check(binary: BinaryIO, limits: Limits, reading: Reading) -> None:
    """Check the unpacked size and the corners of all sheets.

    Raises:
        SourceError: It is not a workbook, damaged, encrypted, or beyond the limits.
    """
    binary.seek(0)
    if binary.read(4) != b"PK\x03\x04":
        raise _unreadable(reading.path, "it does not begin as one")
    with zipfile.ZipFile(binary) as archive:
        if not is_workbook(archive):
            raise _unreadable(reading.path, "it is an archive of other files")
        unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > limits.unpacked:
            raise _beyond(reading.path, f"{unpacked:,} bytes once unpacked", "unpacked", limits.unpacked)
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise _unreadable(reading.path, "it is encrypted")
            # Reading to the end also checks the declared size, by the checksum.
            with archive.open(info) as part:
                _check_part(info.filename, part, limits, reading.path)


def _check_part(name: str, part: Any, limits: Limits, path: Path) -> None:
    sheet = name.startswith("xl/worksheets/") and name.endswith(".xml")
    row = column = 0
    before = b""
    while chunk := part.read(_CHUNK):
        if not sheet:
            continue
        if b"\0" in chunk:
            raise _unreadable(path, f"{name} is not UTF-8")
        window = before + chunk
        before = window[-_OVERLAP:]
        for letters, digits in _REFERENCE.findall(window):
            column = max(column, _column(letters))
            row = max(row, int(digits))
        row = max([row, *(int(found) for found in _ROW.findall(window))])
    if column > limits.columns:
        raise _beyond(path, f"{column:,} columns", "columns", limits.columns)
    if row * max(column, 1) > limits.cells:
        raise _beyond(path, f"{row * column:,} cells between its corners", "cells", limits.cells)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _beyond(path: Path, what: str, limit: str, allowed: int) -> SourceError:
    return SourceError(
        f"{path} has {what}, more than the {allowed:,} that are read",
        code="beyond_limits",
        hint=f"Delete what is not needed; or raise limits = {{ {limit} = … }} in [source]",
    )


def _unreadable(path: Path, reason: str) -> SourceError:
    return SourceError(
        f"{path} cannot be read as a workbook: {reason}", code="not_a_workbook", hint="Save the sheet as xlsx or CSV"
    )
