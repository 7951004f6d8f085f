"""Write an object-centric event log as a bundle of Parquet files: one zip archive with one table for each type.

The archive has `ocel-meta.json`, which declares the files and the types of attributes. `events/`, `objects/` and
`object_changes/` have a file for each type. `relations/` has the relations of events to objects and of objects to
objects. Times, whole numbers, amounts and booleans are typed columns.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from zipfile import ZIP_STORED, ZipFile

import msgspec

from relations.exchange.ocel.objects import AttributeType, LogEvent, Objects, attributes_of, event_types
from relations.exchange.ocel.writing import pages, whole
from relations.extras import needed
from relations.messages import Event, RecordedEvent

__all__ = ["write_ocel_parquet"]

_META: Final = "ocel-meta.json"
_E2O, _O2O = "relations/e2o.parquet", "relations/o2o.parquet"


def write_ocel_parquet(events: Iterable[RecordedEvent], path: Path) -> int:
    """Write recorded events as a bundle of Parquet files in a zip archive. It appears whole or not at all.

    Needs the extra `data`. Attributes and relations are held as columns in memory until all events are read.

    Args:
        events: The events in order, such as `engine.events()`; they are read once.
        path: The archive, such as `log.ocel-parquet.zip`; an existing one is replaced.

    Returns:
        The number of events.

    Raises:
        MissingExtra: The extra `data` is not installed.
        SourceError: The file cannot be written.
    """
    polars = needed("polars", extra="data", purpose="Writing Parquet files")

    def fill(partial: Path) -> int:
        with ZipFile(partial, "w", ZIP_STORED) as archive:
            return _Bundle(polars, archive).write(events)

    return whole(path, fill)


class _Bundle:
    """One archive while it is written.

    Args:
        polars: The module.
        archive: The open archive.
    """

    def __init__(self, polars: Any, archive: ZipFile) -> None:
        self._polars = polars
        self._archive = archive
        moment = polars.Datetime("us", "UTC")
        self._types: dict[AttributeType, Any] = {
            "string": polars.String,
            "time": moment,
            "integer": polars.Int64,
            "float": polars.Float64,
            "boolean": polars.Boolean,
        }
        self._moment = moment

    def write(self, events: Iterable[RecordedEvent]) -> int:
        objects, count = Objects(), 0
        frames: dict[type[Event], list[Any]] = {}
        related: list[Any] = []
        for page in pages(objects.take(events)):
            count += len(page)
            for kind in {each.kind for each in page}:
                frames.setdefault(kind, []).append(self._events(kind, [each for each in page if each.kind is kind]))
            rows = [(each.id, target, qualifier) for each in page for target, qualifier in each.objects]
            related.append(self._relations(("ocel_event_id", "ocel_object_id"), rows))
        kinds = event_types(frames)
        for kind in kinds:
            self._add(_event_file(kind.topic), self._polars.concat(frames.pop(kind)))
        types = sorted(set(objects.types.values()))
        for name in types:
            self._objects(name, [identifier for identifier, kind in objects.types.items() if kind == name])
        related.append(self._relations(("ocel_event_id", "ocel_object_id"), []))
        self._add(_E2O, self._polars.concat(related))
        self._add(_O2O, self._relations(("ocel_source_id", "ocel_target_id"), sorted(objects.relations)))
        self._archive.writestr(_META, msgspec.json.format(msgspec.json.encode(_declared(kinds, types)), indent=2))
        return count

    def _events(self, kind: type[Event], events: Sequence[LogEvent]) -> Any:
        polars = self._polars
        columns = [polars.Series("ocel_id", [each.id for each in events], polars.String)]
        columns.append(self._times("ocel_time", [each.time for each in events]))
        for attribute in attributes_of(kind):
            values: list[Any] = [each.values.get(attribute.name) for each in events]
            if attribute.type == "time":
                columns.append(self._times(attribute.name, values))
            else:
                columns.append(polars.Series(attribute.name, values, self._types[attribute.type]))
        return polars.DataFrame(columns)

    def _times(self, name: str, values: list[str | None]) -> Any:
        texts = self._polars.Series(name, values, self._polars.String)
        return texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us").dt.replace_time_zone("UTC")

    def _relations(self, ends: tuple[str, str], rows: Sequence[tuple[str, str, str]]) -> Any:
        names = (*ends, "ocel_qualifier")
        return self._polars.DataFrame(rows, schema=dict.fromkeys(names, self._polars.String), orient="row")

    def _objects(self, name: str, identifiers: list[str]) -> None:
        polars = self._polars
        self._add(_object_file(name), polars.DataFrame({"ocel_id": identifiers}, schema={"ocel_id": polars.String}))
        schema = {"ocel_id": polars.String, "ocel_time": self._moment, "ocel_changed_field": polars.String}
        self._add(_changes_file(name), polars.DataFrame(schema=schema))

    def _add(self, name: str, frame: Any) -> None:
        with tempfile.TemporaryFile() as file:
            frame.write_parquet(file)
            size = file.tell()
            file.seek(0)
            with self._archive.open(name, "w", force_zip64=size > 2**31) as entry:
                while part := file.read(1 << 20):
                    entry.write(part)


def _event_file(topic: str) -> str:
    return f"events/event_{quote(topic, safe='.')}.parquet"


def _object_file(name: str) -> str:
    return f"objects/object_{quote(name, safe='.')}.parquet"


def _changes_file(name: str) -> str:
    return f"object_changes/object_changes_{quote(name, safe='.')}.parquet"


def _declared(kinds: Iterable[type[Event]], types: Iterable[str]) -> dict[str, Any]:
    return {
        "ocelVersion": "2.0",
        "bundleFormatVersion": "1.0",
        "storageFormat": "parquet",
        "eventTypes": {
            kind.topic: {
                "file": _event_file(kind.topic),
                "attributes": [{"name": each.name, "type": each.type} for each in attributes_of(kind)],
            }
            for kind in kinds
        },
        "objectTypes": {
            name: {"file": _object_file(name), "changesFile": _changes_file(name), "attributes": []} for name in types
        },
        "relations": {"e2o": _E2O, "o2o": _O2O},
    }
