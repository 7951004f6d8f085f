"""The relay's messages as an AsyncAPI 3 document, generated from the registry of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from relations.log.codec import personal_fields
from relations.messages import Event
from relations.version import VERSION

__all__ = ["asyncapi_document"]

_SCHEMAS = "#/components/schemas/{name}"


def asyncapi_document(
    events: Sequence[type[Event]], *, title: str = "Customer relations", source: str = "/relations"
) -> dict[str, Any]:
    """Return the AsyncAPI 3.0.0 document of what a relay sends in structured mode.

    Args:
        events: The events: `[topic.event for topic in engine.codec.topics.values()]`.
        title: The title of the document.
        source: The CloudEvents source of the relay.
    """
    ordered = sorted(events, key=lambda event: event.topic)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_SCHEMAS)
    schemas["CloudEvent"] = _envelope(source)
    for event in ordered:
        for name in personal_fields(event):
            schemas[event.__name__]["properties"][name]["x-personal"] = True
    messages = {event.topic: _message(event) for event in ordered}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": "Each event is sent at least once, and the events of one subject in order. An event that is "
            "sent again has the same id. Personal fields are sealed unless the sender opens them.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "events": {
                "address": None,
                "description": "All events of the log, in the order in which they were recorded.",
                "messages": {topic: {"$ref": f"#/components/messages/{topic}"} for topic in messages},
            }
        },
        "operations": {
            "sendEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{topic}"} for topic in messages],
            }
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _message(event: type[Event]) -> dict[str, Any]:
    summary = (event.__doc__ or event.__name__).strip().partition("\n")[0]
    data = {"$ref": _SCHEMAS.format(name=event.__name__)}
    return {
        "name": event.topic,
        "title": event.__name__,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": _SCHEMAS.format(name="CloudEvent")},
                {"type": "object", "properties": {"type": {"const": event.topic}, "data": data}},
            ]
        },
        "x-schema-version": event.schema,
    }


def _envelope(source: str) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "A CloudEvent of version 1.0 in JSON.",
        "required": ["specversion", "id", "source", "type", "time", "relationsposition", "relationsdigest", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**text, "description": "`stream@version`: the same each time the event is sent."},
            "source": {"const": source},
            "type": {**text, "description": "The topic."},
            "subject": {**text, "description": "The customer."},
            "time": {**text, "format": "date-time", "description": "When it happened."},
            "datacontenttype": {"const": "application/json"},
            "relationsposition": {**text, "pattern": "^[0-9]+$", "description": "The position in the log."},
            "relationsdigest": {**text, "pattern": "^[0-9a-f]{64}$", "description": "The link in the chain."},
            "data": {"type": "object"},
        },
    }
