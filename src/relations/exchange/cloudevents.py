"""Recorded events as CloudEvents 1.0 in JSON (https://cloudevents.io): one event a line.

The type is the topic, the subject the customer, and the id `stream@version`, so an event that is sent twice has one id.
`relationsdigest` is the event's link in the chain and `relationsposition` its place in the log. Both are texts: the
format's integers end at 2^31 - 1, and its binary values are not written alike by all libraries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from relations.errors import InvalidInput, SourceError
from relations.exchange.ocel.objects import in_words
from relations.log.codec import personal_fields
from relations.messages import RecordedEvent

__all__ = ["cloud_event", "write_cloud_events"]

_SOURCE = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def cloud_event(recorded: RecordedEvent, source: str, *, keep: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """Return one event in CloudEvents' JSON form. Personal fields are left out unless they are to be kept.

    Args:
        recorded: The event.
        source: A URI reference that names the log, such as `/hotel/customers`.
        keep: Returns True for the words of personal fields that are kept.

    Raises:
        InvalidInput: The source is not a URI reference.
    """
    if not _SOURCE.fullmatch(source):
        raise InvalidInput(
            f"{source!r} is not a URI reference", code="invalid_source", field="source", hint="Write /hotel/customers"
        )
    personal = personal_fields(type(recorded.event))
    body = msgspec.json.decode(msgspec.json.encode(recorded.event))
    found = {
        "specversion": "1.0",
        "id": f"{recorded.stream}@{recorded.version}",
        "source": source,
        "type": recorded.topic,
        "time": in_words(recorded.occurred_at),
        "datacontenttype": "application/json",
        "relationsdigest": recorded.digest.hex(),
        "relationsposition": str(recorded.position),
        "data": {name: value for name, value in body.items() if name not in personal or (keep and keep(value))},
    }
    return {**found, "subject": recorded.customer} if recorded.customer else found


def write_cloud_events(events: Iterable[RecordedEvent], path: Path, *, source: str) -> int:
    """Write recorded events as JSON Lines of CloudEvents. The file appears whole or not at all.

    Args:
        events: The events in order, such as `engine.events()`; they are read once.
        path: The file; an existing one is replaced.
        source: A URI reference that names the log.

    Returns:
        The number of events.

    Raises:
        InvalidInput: The source is not a URI reference.
        SourceError: The file cannot be written.
    """
    partial, count = path.with_name(path.name + ".partial"), 0
    try:
        with partial.open("wb") as file:
            for each in events:
                file.write(msgspec.json.encode(cloud_event(each, source)) + b"\n")
                count += 1
        partial.replace(path)
    except OSError as error:
        raise SourceError(f"cannot write {path}: {error}", code="unwritable_file", hint="Check the folder") from None
    finally:
        partial.unlink(missing_ok=True)
    return count
