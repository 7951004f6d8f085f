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
from xml.parsers import expat

from relations.errors import SourceError
from relations.exchange.files.reading import Reading
from relations.exchange.mapping.model import Limits, Source
from relations.extras import needed

__all__ = ["is_workbook", "sheet_cells"]

_CHUNK = 1 << 20
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})").fullmatch
_ROW = re.compile(r"[1-9][0-9]{0,6}").fullmatch
_OVERLAP = 16


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
    except BaseException as error:
        # A panic of the reader's Rust code is no `Exception`, so that nothing catches it by accident.
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(reading.path, "its reader failed") from None
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
    """Check the places of the cells in a part, whatever it is called: the workbook says which parts are sheets."""
    corners = _Corners(limits, path)
    is_xml = has_cells = False
    malformed = ""
    before = b""
    for number, chunk in enumerate(iter(lambda: part.read(_CHUNK), b"")):
        if not number:
            is_xml = chunk.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<")
        if not is_xml:
            continue  # it is read to its end, for the checksum
        has_cells = has_cells or b"sheetData" in before + chunk or b"\0" in chunk
        before = chunk[-_OVERLAP:]
        if not malformed:
            malformed = corners.feed(chunk)
    if is_xml and not malformed:
        malformed = corners.feed(b"", final=True)
    if malformed and has_cells:
        raise _unreadable(path, f"{name} is not well-formed XML: {malformed}")


class _Corners:
    """The last row and column of a sheet, as the places of its cells say. A place of another form is refused."""

    def __init__(self, limits: Limits, path: Path) -> None:
        self._limits = limits
        self._path = path
        self._row = 0
        self._last_row = 0
        self._column = 0
        self._last_column = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, chunk: bytes, *, final: bool = False) -> str:
        """Read on, and return what is wrong with the XML; nothing where nothing is."""
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            return expat.ErrorString(error.code)
        return ""

    def _doctype(self, *_: object) -> None:
        raise _unreadable(self._path, "a part of it declares a document type")

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        name = element.rpartition(":")[2]
        if name not in {"row", "c"}:
            return
        place = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "r"), None)
        if name == "row":
            self._row, self._column = self._row + 1, 0
            if place is not None:
                self._row = self._number(place)
        elif place is None:
            self._column += 1
        else:
            found = _REFERENCE(place)
            if found is None:
                raise self._odd(place)
            self._column, self._row = _column(found[1]), self._number(found[2])
        self._last_row, self._last_column = max(self._last_row, self._row), max(self._last_column, self._column)
        limits = self._limits
        if self._last_column > limits.columns:
            raise _beyond(self._path, f"{self._last_column:,} columns", "columns", limits.columns)
        if self._last_row * self._last_column > limits.cells:
            count = self._last_row * self._last_column
            raise _beyond(self._path, f"{count:,} cells between its corners", "cells", limits.cells)

    def _number(self, place: str) -> int:
        if _ROW(place) is None:
            raise self._odd(place)
        return int(place)

    def _odd(self, place: str) -> SourceError:
        return _unreadable(self._path, f"a cell or row has the place {place[:20]!r}")


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
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
