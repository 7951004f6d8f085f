"""The elements of an XML document as rows: those at a path, with what is inside them by paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from relations.errors import SourceError
from relations.exchange.files.reading import Raw, RawRow, Reading, nul_problem, put
from relations.exchange.mapping.model import Source

__all__ = ["xml_rows"]

_CHUNK = 1 << 16


def xml_rows(source: Source, binary: BinaryIO, reading: Reading) -> Iterator[RawRow]:
    """Yield the elements at a path such as `envelope/case`, without namespaces, in the file's order.

    A row's columns are paths inside its element: `customer/name` is a text, `@id` and `customer/@id` are attributes.
    A second element of the same path is `note[2]`. Document type declarations are refused, and so no entity of a
    file's own is ever expanded.

    Raises:
        SourceError: It is not well-formed, goes beyond the limits, or has no element at the path.
    """
    found = _Elements(source, reading)
    done, fed = False, 0
    while not done:
        chunk = binary.read(_CHUNK)
        done = not chunk
        fed += len(chunk)
        if fed - max(found.parser.CurrentByteIndex, 0) > 4 * source.limits.line + 2 * _CHUNK:
            # The parser keeps what it has not understood yet, such as one endless attribute.
            raise found.beyond(f"an element of more than {source.limits.line:,} characters", "line")
        try:
            found.parser.Parse(chunk, done)
        except expat.ExpatError as error:
            raise SourceError(
                f"{reading.path} is not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}, "
                f"column {error.offset + 1}",
                code="malformed_source",
            ) from None
        yield from found.rows
        found.rows = []
    if not found.number:
        raise SourceError(
            f"{reading.path} has no element {source.rows!r}",
            code="no_rows",
            hint="Name the path of the rows in [source], for instance rows = 'envelope/case'",
        )


class _Elements:
    """The handlers of the parser. They collect elements in `rows`."""

    def __init__(self, source: Source, reading: Reading) -> None:
        self.path = tuple((source.rows or "").split("/"))
        self.limits = source.limits
        self.reading = reading
        self.rows: list[RawRow] = []
        self.number = 0
        self.open: list[str] = []
        self.raw: Raw | None = None
        self.texts: list[list[str]] = []
        self.length = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.doctype

    def doctype(self, *_: object) -> None:
        raise SourceError(
            f"{self.reading.path} declares a document type, which is not read",
            code="document_type_refused",
            hint="Remove the <!DOCTYPE …>, if you trust the source of the file",
        )

    def start(self, element: str, attributes: dict[str, str]) -> None:
        self.open.append(element.rpartition(":")[2])
        if len(self.open) > self.limits.depth + len(self.path):
            raise self.beyond(f"more than {self.limits.depth} levels of elements", "depth")
        if self.raw is None:
            if tuple(self.open) != self.path:
                return
            self.raw, self.length = {}, 0
        self.texts.append([])
        inside = "/".join(self.open[len(self.path) :])
        for name, value in attributes.items():
            if not name.startswith("xmlns"):
                self.put(f"{inside}/@{name}" if inside else f"@{name}", value)

    def text(self, found: str) -> None:
        if self.texts:
            self.length += len(found)
            if self.length > self.limits.line:
                raise self.beyond(f"an element of more than {self.limits.line:,} characters", "line")
            self.texts[-1].append(found)

    def end(self, _element: str) -> None:
        if self.raw is not None:
            text = "".join(self.texts.pop()).strip()
            inside = "/".join(self.open[len(self.path) :])
            if text and inside:
                self.put(inside, text)
            if not inside:
                if text:
                    self.put(".", text)
                self.number += 1
                nul = any("\0" in value for value in self.raw.values())
                self.rows.append((self.number, self.raw, nul_problem() if nul else None))
                self.raw = None
        self.open.pop()

    def put(self, name: str, value: str) -> None:
        """Add a value under its path, or under the next number of it."""
        assert self.raw is not None  # noqa: S101 - only called inside of a row
        if len(self.raw) >= self.limits.columns:
            raise self.beyond(f"more than {self.limits.columns:,} values in one element", "columns")
        put(self.raw, name, value)

    def beyond(self, what: str, limit: str) -> SourceError:
        """Return the error of a document that goes beyond a limit."""
        return SourceError(
            f"{self.reading.path}, after row {self.number}: {what}",
            code="beyond_limits",
            hint=f"Raise limits = {{ {limit} = … }} in [source], if the file is meant to have that",
        )
