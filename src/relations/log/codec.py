"""Encoding of events as JSON and decoding, with one decoder for each topic and upcasts of old forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from typing import Any

import msgspec

from relations.errors import NewerLog, UndecodableEvent
from relations.log.upcasts import UPCASTS, Upcast, unchanged
from relations.messages import Event

__all__ = ["Codec", "Topic", "decode_state", "encode_state", "marked_fields", "personal_fields", "upcasts_of"]


class Topic:
    """The codec's entry for one topic. What reads the class's annotations is made when it is first needed.

    Args:
        event: The class.
        readable: The newest schema, and older ones to which only fields with defaults were added.
    """

    def __init__(self, event: type[Event], readable: range) -> None:
        self.event = event
        self.schema = event.schema
        self.readable = readable

    @cached_property
    def decode(self) -> Callable[[bytes], Event]:
        """The function that decodes bytes of a readable schema into the class."""
        return _decoder(self.event)

    @cached_property
    def personal(self) -> tuple[str, ...]:
        """The names of its personal fields."""
        return personal_fields(self.event)

    @cached_property
    def once_clear(self) -> tuple[str, ...]:
        """The names of those of them that older versions stored unencrypted."""
        return marked_fields(self.event, "once_clear")


def personal_fields(event: type[Event]) -> tuple[str, ...]:
    """Return the names of an event's `Personal` fields, in order."""
    return marked_fields(event, "personal")


_info = cache(msgspec.inspect.type_info)
"""Takes a fraction of a millisecond for each event, and is asked once for each mark."""


@cache
def marked_fields(event: type[Event], mark: str) -> tuple[str, ...]:
    """Return the names of an event's fields whose type has a mark, such as `Personal` or `PolicyNumber`, in order."""
    info = _info(event)
    if not isinstance(info, msgspec.inspect.StructType):
        return ()
    return tuple(field.name for field in info.fields if _is_marked(field.type, mark))


def _is_marked(kind: msgspec.inspect.Type, mark: str) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_marked(member, mark) for member in kind.types)
    return isinstance(kind, msgspec.inspect.Metadata) and bool((kind.extra or {}).get(mark))


def upcasts_of(event: type[Event], upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS) -> dict[int, Upcast]:
    """Return the upcasts of an event by old schema: those of the table, and those that the class itself has."""
    return {schema: step for (topic, schema), step in upcasts.items() if topic == event.topic} | dict(event.upcasts)


@cache
def _decoder(event: type[Event]) -> Callable[[bytes], Event]:
    return msgspec.json.Decoder(event).decode


def _oldest_readable(schema: int, steps: Mapping[int, Upcast]) -> int:
    """Return the oldest schema whose bodies the decoder of this one reads as they are."""
    while steps.get(schema - 1) is unchanged:
        schema -= 1
    return schema


class Codec:
    """An encoder and decoder of the bodies of a fixed set of events.

    Args:
        events: The classes; each has its own topic.
        upcasts: Upcasts from old forms, by topic and old schema.

    Raises:
        ValueError: Two classes share a topic, a class has none, or an upcast to the newest schema is missing.
    """

    def __init__(self, events: Iterable[type[Event]], upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS) -> None:
        self._upcasts: dict[str, dict[int, Upcast]] = {}
        self.topics: dict[str, Topic] = {}
        for event in events:
            if not event.topic or event.topic in self.topics:
                msg = f"{event.__name__}: the topic {event.topic!r} is empty or taken"
                raise ValueError(msg)
            steps = self._upcasts[event.topic] = upcasts_of(event, upcasts)
            missing = [schema for schema in range(1, event.schema) if schema not in steps]
            if missing:
                msg = f"{event.topic}: no upcast from schema {missing[0]}"
                raise ValueError(msg)
            readable = range(_oldest_readable(event.schema, steps), event.schema + 1)
            self.topics[event.topic] = Topic(event, readable)
        self.encode = msgspec.json.Encoder().encode

    def decode(self, topic: str, schema: int, body: bytes) -> Event:
        """Return the event of a stored body in its newest form. Personal fields stay sealed.

        Raises:
            NewerLog: The schema is newer than those known to this version.
            UndecodableEvent: The topic is unknown, or the body does not fit it.
        """
        known = self.topics.get(topic)
        if known is None:
            raise UndecodableEvent(f"the topic {topic!r} is unknown", field="topic")
        if schema > known.schema:
            raise NewerLog(
                f"{topic} has schema {schema}; this version knows up to {known.schema}",
                hint="Use the newer version of relations that wrote it",
            )
        try:
            return known.decode(body) if schema in known.readable else self._upcast(known, topic, schema, body)
        except (
            Exception
        ) as error:  # whatever a step of an upcast raises: bytes that cannot be read stop only themselves
            raise UndecodableEvent(f"the body does not fit {topic}, schema {schema}: {error}") from error

    def _upcast(self, known: Topic, topic: str, schema: int, body: bytes) -> Event:
        form = msgspec.json.decode(body, type=dict[str, Any])
        for step in range(schema, known.schema):
            form = self._upcasts[topic][step](form)
        return msgspec.convert(form, known.event)


def _enc_hook(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value.items())
    msg = f"a state cannot hold a {type(value).__name__}"
    raise NotImplementedError(msg)


def encode_state(state: Any) -> bytes:
    """Return a state as canonical JSON, for a snapshot. Equal states give equal bytes."""
    return msgspec.json.encode(state, enc_hook=_enc_hook, order="deterministic")


def decode_state(body: bytes, kind: type[Any]) -> Any:
    """Return the state of a snapshot.

    Raises:
        msgspec.ValidationError: The form has changed since.
    """
    return msgspec.json.decode(body, type=kind)
