"""Write an object-centric event log as OCEL 2.0 JSON or SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from relations.errors import SourceError
from relations.exchange.ocel.objects import AttributeType, LogEvent, Objects, attributes_of, event_types
from relations.messages import Event, RecordedEvent

__all__ = ["pages", "whole", "write_ocel_json", "write_ocel_sqlite"]

T = TypeVar("T")

_EPOCH = "1970-01-01T00:00:00.000000Z"
"""The time of an object's first values, as OCEL asks for it."""

_SQL_TYPES: dict[AttributeType, str] = {
    "string": "TEXT",
    "time": "TIMESTAMP",
    "integer": "INTEGER",
    "float": "REAL",
    "boolean": "BOOLEAN",
}
_PAGE = 1_000


def write_ocel_json(events: Iterable[RecordedEvent], path: Path, *, schema_strict: bool = False) -> int:
    """Write recorded events as OCEL 2.0 JSON. The file appears whole or not at all.

    Args:
        events: The events in order, such as `engine.events()`; they are read once.
        path: The file; an existing one is replaced.
        schema_strict: Write every value as text, the only form that the published JSON schema allows. Some readers then
            keep numbers as text.

    Returns:
        The number of events.

    Raises:
        SourceError: The file cannot be written.
    """

    def fill(partial: Path) -> int:
        with partial.open("wb") as file:
            return _json(events, file, schema_strict=schema_strict)

    return whole(path, fill)


def write_ocel_sqlite(events: Iterable[RecordedEvent], path: Path) -> int:
    """Write recorded events as an OCEL 2.0 SQLite database. The file appears whole or not at all.

    All keys of the specification are real keys of the tables, so the database itself holds its constraints. Booleans
    are 1 and 0.

    Args:
        events: The events in order, such as `engine.events()`; they are read once.
        path: The file; an existing one is replaced.

    Returns:
        The number of events.

    Raises:
        SourceError: The file cannot be written.
    """

    def fill(partial: Path) -> int:
        connection = sqlite3.connect(partial)
        try:
            with connection:
                return _sqlite(events, connection)
        finally:
            connection.close()

    return whole(path, fill)


def whole(path: Path, fill: Callable[[Path], int]) -> int:
    """Fill a file under another name and put it in its place; return what `fill` returns.

    Raises:
        SourceError: The file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        count = fill(partial)
        partial.replace(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise SourceError(f"cannot write {path}: {error}", code="unwritable_file", hint="Check the folder") from None
    finally:
        partial.unlink(missing_ok=True)
    return count


# --- JSON -----------------------------------------------------------------------------------------------------------


def _json(events: Iterable[RecordedEvent], file: BinaryIO, *, schema_strict: bool) -> int:
    objects, kinds, count = Objects(), set[type[Event]](), 0
    file.write(b'{"events":[')
    for each in objects.take(events):
        kinds.add(each.kind)
        file.write(b",\n" if count else b"\n")
        file.write(msgspec.json.encode(_json_event(each, schema_strict=schema_strict)))
        count += 1
    related = _by_source(objects)
    file.write(b'\n],"objects":[')
    for number, (identifier, kind) in enumerate(objects.types.items()):
        body = {"id": identifier, "type": kind, "attributes": [], "relationships": related.get(identifier, [])}
        file.write((b",\n" if number else b"\n") + msgspec.json.encode(body))
    rest = {
        "objectTypes": [{"name": kind, "attributes": []} for kind in sorted(set(objects.types.values()))],
        "eventTypes": [
            {"name": kind.topic, "attributes": [{"name": a.name, "type": a.type} for a in attributes_of(kind)]}
            for kind in event_types(kinds)
        ],
    }
    file.write(b"\n]," + msgspec.json.encode(rest)[1:] + b"\n")
    return count


def _json_event(event: LogEvent, *, schema_strict: bool) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.kind.topic,
        "time": event.time,
        "attributes": [
            {"name": name, "value": _text(value) if schema_strict else value} for name, value in event.values.items()
        ],
        "relationships": [{"objectId": target, "qualifier": qualifier} for target, qualifier in event.objects],
    }


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _by_source(objects: Objects) -> dict[str, list[dict[str, str]]]:
    related: dict[str, list[dict[str, str]]] = {}
    for source, target, qualifier in sorted(objects.relations):
        related.setdefault(source, []).append({"objectId": target, "qualifier": qualifier})
    return related


# --- SQLite ---------------------------------------------------------------------------------------------------------

_TABLES = """
CREATE TABLE event_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT NOT NULL UNIQUE);
CREATE TABLE object_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT NOT NULL UNIQUE);
CREATE TABLE event (ocel_id TEXT PRIMARY KEY, ocel_type TEXT NOT NULL REFERENCES event_map_type (ocel_type));
CREATE TABLE object (ocel_id TEXT PRIMARY KEY, ocel_type TEXT NOT NULL REFERENCES object_map_type (ocel_type));
CREATE TABLE event_object (
    ocel_event_id TEXT NOT NULL REFERENCES event (ocel_id),
    ocel_object_id TEXT NOT NULL REFERENCES object (ocel_id),
    ocel_qualifier TEXT NOT NULL,
    PRIMARY KEY (ocel_event_id, ocel_object_id, ocel_qualifier)
);
CREATE TABLE object_object (
    ocel_source_id TEXT NOT NULL REFERENCES object (ocel_id),
    ocel_target_id TEXT NOT NULL REFERENCES object (ocel_id),
    ocel_qualifier TEXT NOT NULL,
    PRIMARY KEY (ocel_source_id, ocel_target_id, ocel_qualifier)
);
"""


def _sqlite(events: Iterable[RecordedEvent], connection: sqlite3.Connection) -> int:
    connection.executescript(_TABLES)
    connection.execute("PRAGMA defer_foreign_keys = ON")
    objects, kinds, count = Objects(), set[type[Event]](), 0
    for page in pages(objects.take(events)):
        for kind in {each.kind for each in page} - kinds:
            kinds.add(kind)
            _event_table(connection, kind)
        connection.executemany("INSERT INTO event VALUES (?, ?)", [(each.id, each.kind.topic) for each in page])
        for kind in {each.kind for each in page}:
            names = [attribute.name for attribute in attributes_of(kind)]
            rows = [(e.id, e.time, *(e.values.get(name) for name in names)) for e in page if e.kind is kind]
            marks = ", ".join("?" * (len(names) + 2))
            connection.executemany(f'INSERT INTO "event_{kind.__name__}" VALUES ({marks})', rows)  # noqa: S608 - a class's name
        related = [(each.id, target, qualifier) for each in page for target, qualifier in each.objects]
        connection.executemany("INSERT INTO event_object VALUES (?, ?, ?)", related)
        count += len(page)
    _object_tables(connection, objects)
    return count


def _event_table(connection: sqlite3.Connection, kind: type[Event]) -> None:
    columns = "".join(f', "{a.name}" {_SQL_TYPES[a.type]}' for a in attributes_of(kind))
    connection.execute("INSERT INTO event_map_type VALUES (?, ?)", (kind.topic, kind.__name__))
    connection.execute(
        f'CREATE TABLE "event_{kind.__name__}" '
        f"(ocel_id TEXT PRIMARY KEY REFERENCES event (ocel_id), ocel_time TIMESTAMP NOT NULL{columns})"
    )


def _object_tables(connection: sqlite3.Connection, objects: Objects) -> None:
    for kind in sorted(set(objects.types.values())):
        table = kind.title()
        connection.execute("INSERT INTO object_map_type VALUES (?, ?)", (kind, table))
        connection.execute(
            f'CREATE TABLE "object_{table}" '
            "(ocel_id TEXT NOT NULL REFERENCES object (ocel_id), ocel_time TIMESTAMP NOT NULL, ocel_changed_field TEXT)"
        )
        rows = [(identifier, _EPOCH, None) for identifier, of_kind in objects.types.items() if of_kind == kind]
        connection.executemany(f'INSERT INTO "object_{table}" VALUES (?, ?, ?)', rows)  # noqa: S608 - one of our kinds
    connection.executemany("INSERT INTO object VALUES (?, ?)", list(objects.types.items()))
    connection.executemany("INSERT INTO object_object VALUES (?, ?, ?)", sorted(objects.relations))


def pages(events: Iterator[T]) -> Iterator[list[T]]:
    """Yield the events in lists of a thousand."""
    page: list[T] = []
    for each in events:
        page.append(each)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
