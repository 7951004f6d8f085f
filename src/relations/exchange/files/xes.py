"""XES event logs (IEEE 1849), read as a stream: an event is a row, the attributes of its trace are `case:…`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from relations.errors import InvalidInput, SourceError

__all__ = ["xes_rows"]

_ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id", "list", "container"})
_CHUNK = 1 << 16


def xes_rows(binary: BinaryIO, path: Path) -> Iterator[tuple[int, dict[str, str], InvalidInput | None]]:
    """The events of a log in the file's order.

    Attributes inside attributes are `outer.inner`. A trace without events is a row with the problem
    `case_without_events`. A document type declaration is refused: logs have none, and entities in one can fill the
    memory.

    Raises:
        SourceError: The file is not XES, or not well-formed.
    """
    reading = _Events(path)
    done = False
    while not done:
        chunk = binary.read(_CHUNK)
        done = not chunk
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
    """What the parser calls; rows gather in `rows`."""

    def __init__(self, path: Path) -> None:
        self.path = path
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
            f"{self.path} declares a document type, which an event log has no need of and which is not read",
            code="document_type_refused",
            hint="Take the <!DOCTYPE …> out, if the file comes from somebody you trust",
        )

    def start(self, element: str, attributes: dict[str, str]) -> None:
        name = element.rpartition(":")[2]
        self.depth += 1
        if self.depth == 1 and name != "log":
            raise SourceError(f"{self.path} is XML, but not an XES log: it begins with <{name}>", code="not_xes")
        if name == "trace" and self.depth == 2:
            self.case, self.events_of_case = {}, 0
        elif name == "event" and self.depth <= 3 and (self.events_of_case is not None or self.depth == 2):
            self.event = {f"case:{key}": value for key, value in self.case.items()}
        elif name in _ATTRIBUTES:
            self.attribute(attributes.get("key", ""), attributes.get("value"))

    def attribute(self, key: str, value: str | None) -> None:
        self.outer.append(key)
        if value is None:
            return
        if self.event is not None:
            self.event[".".join(self.outer)] = value
        elif self.events_of_case is not None:
            self.case[".".join(self.outer)] = value

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
