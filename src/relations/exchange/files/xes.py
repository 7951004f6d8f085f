"""XES event logs (IEEE 1849) as rows: an event is a row, and the attributes of its trace are `case:…`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from relations.errors import InvalidInput, SourceError
from relations.exchange.files.reading import put
from relations.exchange.mapping.model import Limits

__all__ = ["xes_rows"]

_ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id", "list", "container"})
_CHUNK = 1 << 16
_FRAME = 3
"""The levels of elements around attributes: log, trace and event."""


def xes_rows(
    binary: BinaryIO, path: Path, limits: Limits, no_value: frozenset[str]
) -> Iterator[tuple[int, dict[str, str], InvalidInput | None]]:
    """Yield the events of a log in the file's order.

    Attributes inside attributes are `outer.inner`. Attributes in a list may share a key (IEEE 1849); the second one is
    `tags.tag[2]`. A trace without events is a row with the problem `case_without_events`. Document type declarations
    are refused: logs have none, and entities in one can fill the memory.

    Args:
        binary: The file.
        path: Its path, for messages.
        limits: The most that an event may hold.
        no_value: Words, in lower case, that stand for a missing value in attributes that are not strings.

    Raises:
        SourceError: The file is not XES, not well-formed, or beyond the limits.
    """
    reading = _Events(path, limits, no_value)
    done, fed = False, 0
    while not done:
        chunk = binary.read(_CHUNK)
        done = not chunk
        fed += len(chunk)
        if fed - max(reading.parser.CurrentByteIndex, 0) > 4 * limits.line + 2 * _CHUNK:
            # The parser keeps what it has not understood yet, such as one endless attribute.
            raise reading.beyond(f"an element of more than {limits.line:,} characters", "line")
        try:
            reading.parser.Parse(chunk, done)
        except expat.ExpatError as error:
            raise SourceError(
                f"{path} is not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}, "
                f"column {error.offset + 1}",
                code="malformed_source",
            ) from None
        yield from reading.rows
        reading.rows = []


class _Events:
    """The handlers of the parser. They collect events in `rows`."""

    def __init__(self, path: Path, limits: Limits, no_value: frozenset[str]) -> None:
        self.path = path
        self.limits = limits
        self.no_value = no_value
        self.rows: list[tuple[int, dict[str, str], InvalidInput | None]] = []
        self.number = 0
        self.depth = 0
        self.case: dict[str, str] = {}
        self.event: dict[str, str] | None = None
        self.events_of_case: int | None = None
        self.outer: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.doctype

    def doctype(self, *_: object) -> None:
        raise SourceError(
            f"{self.path} declares a document type, which event logs do not have, and which is not read",
            code="document_type_refused",
            hint="Remove the <!DOCTYPE …>, if you trust the source of the file",
        )

    def start(self, element: str, attributes: dict[str, str]) -> None:
        name = element.rpartition(":")[2]
        self.depth += 1
        if self.depth > self.limits.depth + _FRAME:
            raise self.beyond(f"more than {self.limits.depth} levels of elements", "depth")
        if self.depth == 1 and name != "log":
            raise SourceError(f"{self.path} is XML, but not an XES log: it begins with <{name}>", code="not_xes")
        if name == "trace" and self.depth == 2:
            self.case, self.events_of_case = {}, 0
        elif name == "event" and self.depth <= 3 and (self.events_of_case is not None or self.depth == 2):
            self.event = {f"case:{key}": value for key, value in self.case.items()}
        elif name in _ATTRIBUTES:
            value = attributes.get("value")
            if name != "string" and value is not None and value.strip().lower() in self.no_value:
                value = ""
            self.attribute(attributes.get("key", ""), value)

    def attribute(self, key: str, value: str | None) -> None:
        self.outer.append(key)
        if len(self.outer) > self.limits.depth:
            raise self.beyond(f"more than {self.limits.depth} levels of attributes", "depth")
        if value is None:
            return
        if len(value) > self.limits.line:
            raise self.beyond(f"an attribute of more than {self.limits.line:,} characters", "line")
        if len(self.event or self.case) >= self.limits.columns:
            raise self.beyond(f"more than {self.limits.columns:,} attributes", "columns")
        if self.event is not None:
            put(self.event, ".".join(self.outer), value)
        elif self.events_of_case is not None:
            put(self.case, ".".join(self.outer), value)

    def beyond(self, what: str, limit: str) -> SourceError:
        """Return the error of a log that goes beyond a limit."""
        return SourceError(
            f"{self.path}, after event {self.number}: {what}",
            code="beyond_limits",
            hint=f"Raise limits = {{ {limit} = … }} in [source], if the file is meant to have that",
        )

    def end(self, element: str) -> None:
        name = element.rpartition(":")[2]
        self.depth -= 1
        if name == "event" and self.event is not None:
            self.number += 1
            self.rows.append((self.number, self.event, None))
            self.event = None
            if self.events_of_case is not None:
                self.events_of_case += 1
        elif name == "trace" and self.depth == 1:
            if not self.events_of_case:
                self.number += 1
                problem = InvalidInput("the case has no events", code="case_without_events")
                self.rows.append((self.number, {f"case:{key}": v for key, v in self.case.items()}, problem))
            self.events_of_case = None
        elif name in _ATTRIBUTES and self.outer:
            self.outer.pop()
