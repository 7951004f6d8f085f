"""Conversion of the log's rows to recorded events, with readable personal words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from relations.log.codec import Codec
from relations.log.personal import Keys, has_personal
from relations.log.tables import FOREIGN
from relations.messages import Event, RecordedEvent

__all__ = ["Reader", "recorded_event"]


class Reader:
    """A decoder of the log's rows.

    Args:
        codec: Decodes bodies.
        keys: Opens personal words.
    """

    def __init__(self, codec: Codec, keys: Keys) -> None:
        self._codec = codec
        self._keys = keys

    def recorded(
        self, connection: Connection, rows: Iterable[Sequence[Any]], *, sealed: bool = False
    ) -> Iterator[RecordedEvent]:
        """Yield whole rows as recorded events, with readable personal fields unless erased or wanted `sealed`.

        Rows of other applications that share the log are skipped.
        """
        opener = self._keys.opener(connection)
        for row in rows:
            topic_name, schema, customer, body = row[3], row[4], row[5], row[13]
            if schema == FOREIGN:
                continue
            event = self._codec.decode(topic_name, schema, body)
            topic = self._codec.topics[topic_name]
            if not sealed and topic.personal and has_personal(event, topic):
                event = opener.open(event, topic, customer)
            yield recorded_event(row, event)


def recorded_event(row: Sequence[Any], event: Event) -> RecordedEvent:
    """Return the recorded event of a whole row and its body."""
    position, stream, version, topic, schema, customer, occurred_at, recorded_at = row[:8]
    actor, command_id, command_seq, _hash, cause, _body, digest = row[8:]
    return RecordedEvent(
        position=position,
        stream=stream,
        version=version,
        customer=customer,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        topic=topic,
        schema=schema,
        actor=actor,
        command_id=command_id,
        command_seq=command_seq,
        cause=cause,
        event=event,
        digest=bytes(digest),
    )
