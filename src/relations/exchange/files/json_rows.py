"""The objects of a JSON document as rows: those at a path, one after the other, however long the document is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from relations.errors import SourceError
from relations.exchange.files.reading import RawRow, Reading, rows_of_objects
from relations.exchange.mapping.model import Source
from relations.exchange.mapping.texts import JsonNumber
from relations.extras import needed

__all__ = ["json_rows"]

_CHUNK = 1 << 16


class _Metered:
    """A file that refuses to go on where one row has taken more bytes than the limit."""

    def __init__(self, binary: BinaryIO, limit: int, reading: Reading) -> None:
        self._binary = binary
        self._limit = 4 * limit + 2 * _CHUNK
        self._reading = reading
        self._since = 0
        self._begun = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. The reader asks for none at first, to learn that these are bytes."""
        if not size:
            return b""
        chunk = self._binary.read(_CHUNK if size < 0 else size)
        if not self._begun:
            self._begun = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf") or self._binary.read(_CHUNK)
        self._since += len(chunk)
        if self._since > self._limit:
            raise SourceError(
                f"{self._reading.path}, {self._reading.place}: a value of more than {self._limit:,} bytes",
                code="beyond_limits",
                hint="Raise limits = { line = … } in [source], if the file is meant to have that",
            )
        return chunk

    def rest(self) -> None:
        """Begin to count again: a row is complete."""
        self._since = 0


def json_rows(source: Source, binary: BinaryIO, reading: Reading) -> Iterator[RawRow]:
    """Yield the objects at the mapping's path, such as those of `{"tickets": […]}`; without a path those of a list.

    Raises:
        MissingExtra: The reader of JSON documents is not installed.
        SourceError: It is not JSON, goes beyond the limits, or has nothing at the path.
    """
    ijson = needed("ijson", extra="files", purpose="Reading rows of a JSON document")
    yield from rows_of_objects(_objects(ijson, source, binary, reading), source.limits)


def _objects(
    ijson: Any, source: Source, binary: BinaryIO, reading: Reading
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    metered = _Metered(binary, source.limits.line, reading)
    wanted = f"{source.rows}.item" if source.rows else "item"
    place = source.rows or "the list"
    number, depth, found = 0, 0, False
    builder: Any = None
    try:
        for prefix, event, value in ijson.parse(metered, use_float=False):
            if builder is None:
                if prefix == (source.rows or "") and event == "start_array":
                    found = True
                elif prefix == wanted and event == "start_map":
                    builder, depth = ijson.ObjectBuilder(), 0
                elif prefix == wanted and event not in {"end_map", "end_array", "map_key"}:
                    number += 1
                    metered.rest()
                    yield number, f"item {number} of {place} is JSON, but not an object"
                if builder is None:
                    if not prefix.startswith(wanted):
                        metered.rest()
                    continue
            if event in {"start_map", "start_array"}:
                depth += 1
                if depth > source.limits.depth:
                    raise SourceError(
                        f"{reading.path}, {reading.place}: more than {source.limits.depth} levels of objects and lists",
                        code="beyond_limits",
                        hint="Raise limits = { depth = … } in [source], if the file is meant to have that",
                    )
            builder.event(event, JsonNumber(value) if isinstance(value, int | Decimal) and event == "number" else value)
            if event in {"end_map", "end_array"}:
                depth -= 1
                if depth == 0:
                    number += 1
                    metered.rest()
                    yield number, builder.value
                    builder = None
    except ijson.JSONError as error:
        raise _malformed(reading, str(error)) from None
    if not found:
        raise SourceError(
            f"{reading.path} has no list of rows at {source.rows!r}"
            if source.rows
            else f"{reading.path} is not a list",
            code="no_rows",
            hint="Name the path of the rows in [source], for instance rows = 'data.items'",
        )


def _malformed(reading: Reading, reason: str) -> SourceError:
    """Return the error of a document that is not JSON, with its line where the document is small enough to say."""
    said = reason.splitlines()[0] if reason else "not JSON"
    place = reading.place
    if reading.reopen is not None:
        with reading.reopen() as binary:
            head = binary.read(64_000_000).removeprefix(b"\xef\xbb\xbf")
        if not head.strip():
            return SourceError(f"{reading.path} is empty", code="empty_source")
        try:
            json.loads(head)
        except json.JSONDecodeError as error:
            place, said = f"line {error.lineno}, column {error.colno}", error.msg
        except UnicodeDecodeError as error:
            line = head[: error.start].count(b"\n") + 1
            return SourceError(
                f"{reading.path} is not UTF-8, as JSON has to be: byte 0x{head[error.start]:02x} in line {line}",
                code="wrong_encoding",
                hint="Write the file as UTF-8",
            )
        except RecursionError:
            pass
    return SourceError(f"{reading.path}, {place}: not JSON: {said}", code="malformed_source")
