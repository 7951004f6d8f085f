"""Write the log as XES (IEEE 1849-2016): one trace for each case, for tools that follow one case at a time.

A case is a customer, or a stream such as a complaint. Times carry the offset of the business's zone. Global attributes
are declared in the scopes `trace` and `event`, so a reader knows what every trace and event has. Personal fields are
left out.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from relations.exchange.ocel.objects import AttributeType, Objects, attributes_of
from relations.exchange.ocel.writing import pages, whole
from relations.messages import RecordedEvent

__all__ = ["Case", "write_xes"]

Case = Literal["customer", "complaint", "account"]
"""The kind of case that a trace stands for."""

_STREAMS: Final[dict[str, str]] = {"customer": "", "complaint": "complaint-", "account": "loyalty-"}
_TAGS: Final[dict[AttributeType, str]] = {
    "string": "string",
    "time": "date",
    "integer": "int",
    "float": "float",
    "boolean": "boolean",
}
_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<global scope="trace">
<string key="concept:name" value=""/>
</global>
<global scope="event">
<string key="concept:name" value=""/>
<date key="time:timestamp" value="1970-01-01T00:00:00.000000+00:00"/>
<string key="lifecycle:transition" value="complete"/>
<string key="org:resource" value=""/>
</global>
<classifier name="Activity" keys="concept:name"/>
"""


def write_xes(events: Iterable[RecordedEvent], path: Path, *, case: Case = "customer", zone: str = "UTC") -> int:
    """Write recorded events as XES, one trace for each case, its events in order of business time.

    Events without such a case, such as the adoption of a policy, are left out. The events are sorted in a temporary
    file, so memory does not grow with the log.

    Args:
        events: The events in order, such as `engine.events()`; they are read once.
        path: The file; an existing one is replaced.
        case: A trace stands for a customer, a complaint or an account.
        zone: The IANA zone of the times, such as `engine.policy.zone`.

    Returns:
        The number of events written.

    Raises:
        SourceError: The file cannot be written.
    """

    def fill(partial: Path) -> int:
        with tempfile.TemporaryDirectory() as folder:
            connection = sqlite3.connect(Path(folder) / "sorted")
            try:
                count = _gather(connection, events, case, ZoneInfo(zone))
                with partial.open("w", encoding="utf-8", newline="\n") as file:
                    file.write(_HEAD)
                    file.writelines(_traces(connection))
                    file.write("</log>\n")
                return count
            finally:
                connection.close()

    return whole(path, fill)


def _gather(connection: sqlite3.Connection, events: Iterable[RecordedEvent], case: Case, zone: ZoneInfo) -> int:
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("CREATE TABLE part (name TEXT, at INTEGER, position INTEGER, xml TEXT)")
    count = 0
    for page in pages(_parts(events, case, zone)):
        connection.executemany("INSERT INTO part VALUES (?, ?, ?, ?)", page)
        count += len(page)
    connection.execute("CREATE INDEX in_order ON part (name, at, position)")
    connection.commit()
    return count


def _parts(events: Iterable[RecordedEvent], case: Case, zone: ZoneInfo) -> Iterator[tuple[str, int, int, str]]:
    prefix = _STREAMS[case]
    objects = Objects()
    for recorded in events:
        name = recorded.customer if case == "customer" else recorded.stream.removeprefix(prefix)
        if not name or not recorded.stream.startswith(prefix):
            continue
        yield name, recorded.occurred_at, recorded.position, _event(recorded, objects, zone)


def _traces(connection: sqlite3.Connection) -> Iterator[str]:
    present: str | None = None
    for name, xml in connection.execute("SELECT name, xml FROM part ORDER BY name, at, position"):
        if name != present:
            yield "" if present is None else "</trace>\n"
            yield f"<trace>\n{_attribute('string', 'concept:name', name)}"
            present = name
        yield xml
    if present is not None:
        yield "</trace>\n"


def _event(recorded: RecordedEvent, objects: Objects, zone: ZoneInfo) -> str:
    event = next(iter(objects.take([recorded])))
    parts = [
        "<event>\n",
        _attribute("string", "concept:name", recorded.topic),
        _attribute("date", "time:timestamp", _local(event.time, zone)),
        _attribute("string", "lifecycle:transition", "complete"),
        _attribute("string", "org:resource", recorded.actor),
        _attribute("string", "stream", recorded.stream),
    ]
    for each in attributes_of(type(recorded.event)):
        value: Any = event.values.get(each.name)
        if value is None:
            continue
        if each.type == "time":
            value = _local(value, zone)
        elif each.type == "boolean":
            value = "true" if value else "false"
        parts.append(_attribute(_TAGS[each.type], each.name, str(value)))
    parts.append("</event>\n")
    return "".join(parts)


def _local(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).isoformat(timespec="microseconds")


def _attribute(tag: str, key: str, value: str) -> str:
    return f"<{tag} key={quoteattr(key)} value={_quoted(value)}/>\n"


def _quoted(value: str) -> str:
    # XML has no form for most control characters, and turns line breaks in an attribute into blanks unless escaped.
    plain = "".join(each if each >= " " or each in "\t\n\r" else "�" for each in value if each not in "\ufffe\uffff")
    breaks = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    return f'"{escape(plain, breaks)}"'
