"""One event on its way out: a CloudEvent in structured and in binary form."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from relations.exchange.cloudevents import cloud_event
from relations.log.personal import is_sealed
from relations.messages import RecordedEvent

__all__ = ["CONTENT_TYPE", "DATA_TYPE", "Message", "Mode", "PersonalWords", "message_of"]

Mode = Literal["structured", "binary"]
PersonalWords = Literal["sealed", "omit", "open"]

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
DATA_TYPE = "application/json"


class Message(msgspec.Struct, frozen=True):
    """An event to deliver.

    Attributes:
        position: Its position in the log.
        id: The CloudEvents id, `stream@version`. It is the same each time the event is sent.
        topic: The event's topic, which is the CloudEvents type.
        key: What keeps its order: the customer, or the stream of an event without a customer.
        attributes: The CloudEvents attributes without `datacontenttype`.
        data: The body.
    """

    position: int
    id: str
    topic: str
    key: str
    attributes: dict[str, str]
    data: dict[str, Any]

    @property
    def structured(self) -> bytes:
        """The event as one JSON document with its attributes and its data."""
        return msgspec.json.encode({**self.attributes, "datacontenttype": DATA_TYPE, "data": self.data})

    @property
    def body(self) -> bytes:
        """The data alone, for the binary mode, in which the attributes are headers."""
        return msgspec.json.encode(self.data)


def message_of(recorded: RecordedEvent, source: str, personal: PersonalWords = "sealed") -> Message:
    """Return the message of an event.

    Args:
        recorded: The event, with its personal words sealed unless they are to be sent.
        source: A URI reference that names the log.
        personal: `sealed`: send personal words as they are stored; words that an old version stored in clear are left
            out. `omit`: leave personal fields out. `open`: send what `recorded` has.

    Raises:
        InvalidInput: The source is not a URI reference.
    """
    keep = {"sealed": is_sealed, "omit": None, "open": bool}[personal]
    event = cloud_event(recorded, source, keep=keep)
    data = event.pop("data")
    del event["datacontenttype"]
    return Message(
        position=recorded.position,
        id=event["id"],
        topic=recorded.topic,
        key=recorded.customer or recorded.stream,
        attributes=event,
        data=data,
    )
