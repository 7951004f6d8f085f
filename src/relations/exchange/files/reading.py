"""Shared parts of the readers of files: the position in a file, errors of broken files, and the limits."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from relations.errors import InvalidInput, SourceError
from relations.exchange.mapping.model import Limits
from relations.exchange.mapping.objects import flat

__all__ = [
    "Raw",
    "RawRow",
    "Reading",
    "as_text",
    "limited",
    "nul_problem",
    "one_line",
    "put",
    "readable",
    "rows_of_objects",
    "too_long",
    "too_many_columns",
]

Raw = dict[str, str]
RawRow = tuple[int, Raw, InvalidInput | None]

_CHUNK = 1 << 16
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Read it with format = 'xlsx' or 'table', or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Save the sheet as CSV"),
    (b"%PDF", "a PDF", "Give the table that it was made from"),
    (b"BZh", "compressed with bzip2", "Unpack it, or compress it with gzip"),
    (b"\xfd7zXZ\x00", "compressed with xz", "Unpack it, or compress it with gzip"),
    (b"(\xb5/\xfd", "compressed with zstd", "Unpack it, or compress it with gzip"),
    (b"PAR1", "a Parquet file", "Write it as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "Give a file of rows"),
)


@dataclass(slots=True)
class Reading:
    """The position up to which a file has been read, for error messages.

    It holds the text until the file below is closed: a text that goes first closes the file with a warning.

    Attributes:
        path: The file.
        row: The last row.
        nul: True if there is a NUL character in the present row.
        length: Characters of the present row so far.
        footer: Lines of the footer so far.
        text: The text that is open.
        encoding: Its encoding.
        reopen: A function that opens the same bytes again, to find a line.
    """

    path: Path
    row: int = 0
    nul: bool = False
    length: int = 0
    footer: int = 0
    text: TextIO | None = None
    encoding: str | None = None
    reopen: Callable[[], AbstractContextManager[BinaryIO]] | None = None

    @property
    def place(self) -> str:
        return f"after row {self.row}" if self.row else "at its beginning"


@contextmanager
def readable(reading: Reading) -> Iterator[None]:
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
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceError(
            f"{path} is a damaged zip archive or workbook, {reading.place}: {error}",
            code="damaged_zip",
            hint="Fetch the file again, or save the sheet as CSV",
        ) from None
    except LookupError as error:
        raise SourceError(
            f"{path} names an encoding that does not exist: {error}",
            code="wrong_encoding",
            hint="Correct the encoding in the file's declaration, for instance to UTF-8",
        ) from None
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 1].hex()
        line = _line_of(reading)
        place = f"in line {line}" if line is not None else f"soon {reading.place}"
        raise SourceError(
            f"{path} is not {reading.encoding or error.encoding}: byte 0x{bad} {place}",
            code="wrong_encoding",
            hint="Name the file's encoding in [source], for instance encoding = 'cp1252' or 'gb18030'",
        ) from None
    except UnicodeError as error:
        raise SourceError(f"{path} cannot be decoded {reading.place}: {error}", code="wrong_encoding") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read {reading.place}: {error.strerror or error}") from None


def _line_of(reading: Reading) -> int | None:
    """Return the line of the first byte that the encoding does not have; None if it cannot be found."""
    if reading.reopen is None or reading.encoding is None:
        return None
    decoder = codecs.getincrementaldecoder(reading.encoding)()
    line = 1
    try:
        with reading.reopen() as binary:
            while chunk := binary.read(_CHUNK):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        before = bytes(error.object[: error.start])
        return line + before.decode(reading.encoding, "replace").count("\n")
    return None


def as_text(binary: BinaryIO, encoding: str, reading: Reading, *, newline: str | None) -> TextIO:
    """Return a binary file as text, in the encoding that its byte order mark or the mapping names.

    Raises:
        SourceError: It is not text.
    """
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
    reading.encoding = encoding
    text = reading.text = io.TextIOWrapper(binary, encoding, newline=newline)
    return text


# --- limits ---------------------------------------------------------------------------------------------------------


def one_line(text: TextIO, limit: int, reading: Reading) -> str:
    """Return the next line, however long the file says that it is.

    Raises:
        SourceError: The line is longer than the limit.
    """
    line = text.readline(limit + 1)
    if len(line) > limit:
        raise too_long(limit, reading, "the line")
    return line


def limited(text: TextIO, limit: int, reading: Reading) -> Iterator[str]:
    """Yield the lines of a text."""
    while line := one_line(text, limit, reading):
        yield line


def too_long(limit: int, reading: Reading, what: str) -> SourceError:
    """Return the error of a line or a row beyond the limit."""
    return SourceError(
        f"{reading.path}, {reading.place}: {what} is longer than {limit:,} characters",
        code="line_too_long",
        hint="Check the format, the quotes and the encoding; or raise limits = { line = … } in [source]",
    )


def nul_problem() -> InvalidInput:
    """Return the problem of a row with a NUL character."""
    return InvalidInput("there is a NUL character in the row", code="nul_character")


def too_many_columns(raw: Raw, limits: Limits) -> InvalidInput | None:
    """Return the problem of an object with more fields than are read."""
    if len(raw) <= limits.columns:
        return None
    return InvalidInput(
        f"the object has {len(raw)} fields, more than the {limits.columns} that are read", code="too_many_columns"
    )


# --- elements -------------------------------------------------------------------------------------------------------


def put(raw: Raw, name: str, value: str) -> None:
    """Add a value under its name, or where that is taken under the next number of it: `note`, `note[2]`."""
    free, count = name, 1
    while free in raw:
        count += 1
        free = f"{name}[{count}]"
    raw[free] = value


# --- objects --------------------------------------------------------------------------------------------------------


def rows_of_objects(found: Iterator[tuple[int, dict[str, Any] | str]], limits: Limits) -> Iterator[RawRow]:
    """Yield objects as rows, or the reason why there is none."""
    for number, item in found:
        if isinstance(item, str):
            yield number, {}, InvalidInput(item, code="malformed_row")
            continue
        raw = flat(item)
        problem = too_many_columns(raw, limits)
        if problem is not None:
            yield number, {}, problem
            continue
        yield number, raw, nul_problem() if any("\0" in value for value in raw.values()) else None
