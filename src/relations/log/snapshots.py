"""Snapshots: states of streams, each with a digest that ties it to one position of one chain.

The stored body is a format byte, a SHA-256 digest and the state's bytes. The digest covers the stream, the version, the
topic, the chain's digest at that version, and the state. A snapshot that was changed, moved, or made on another chain
does not match and is ignored; the events are always enough. Bodies of older versions have no format byte. They are
ignored too.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, LargeBinary, and_, cast, select

from relations.log.database import Database
from relations.log.tables import log, snapshots

__all__ = ["BODY_BYTES", "StoredSnapshot", "open_snapshot", "seal_snapshot", "stored_snapshots"]

BODY_BYTES = cast(snapshots.c.body, LargeBinary)
"""The body as bytes, even where damage has made SQLite take it for a text."""

_FORMAT = b"\x01"
_OLDER_START = b"{"
"""The first byte of the bodies of older versions, which were a state's JSON and nothing else."""
_DIGEST = slice(1, 33)
_STATE = slice(33, None)
_encode = msgspec.msgpack.Encoder().encode


def _digest(stream: str, version: int, topic: str, chain: bytes, state: bytes) -> bytes:
    return sha256(b"relations snapshot\x00" + _encode([stream, version, topic, chain, state])).digest()


def seal_snapshot(stream: str, version: int, topic: str, chain: bytes, state: bytes) -> bytes:
    """Return the body to store for a state.

    Args:
        stream: The stream.
        version: The stream's version at the state.
        topic: The kind and form of the state.
        chain: The digest of the event at that version; empty where the stream has no such event.
        state: The state's bytes.
    """
    return _FORMAT + _digest(stream, version, topic, chain, state) + state


def open_snapshot(stream: str, version: Any, topic: str, chain: bytes | None, body: Any) -> bytes | None:
    """Return the state's bytes of a stored body, or None where it does not match its digest.

    Args:
        stream: The stream.
        version: The version as stored.
        topic: The kind and form of the state.
        chain: The digest of the event at that version; None where there is no such event.
        body: The body as stored; damage may have made it anything.
    """
    if not isinstance(body, bytes | memoryview):
        return None
    stored = bytes(body)
    state = stored[_STATE]
    try:
        expected = _digest(stream, version, topic, chain or b"", state)
    except (UnicodeEncodeError, TypeError):  # damaged text, see `Log.scan`
        return None
    return state if stored[:1] == _FORMAT and stored[_DIGEST] == expected else None


class StoredSnapshot(NamedTuple):
    """One row of the table of snapshots, as it was read.

    Attributes:
        stream: The stream.
        version: The version.
        topic: The kind and form of the state.
        state: The state's bytes; None where the row does not match its digest.
        is_older: Whether an older version of relations wrote it, without a digest. Such a snapshot is not used.
    """

    stream: str
    version: int
    topic: str
    state: bytes | None
    is_older: bool


def stored_snapshots(database: Database, connection: Connection) -> Iterator[StoredSnapshot]:
    """Yield every snapshot in order of stream and version, damaged ones included."""
    rows = snapshots.outerjoin(log, and_(log.c.stream == snapshots.c.stream, log.c.version == snapshots.c.version))
    statement = database.compile(
        select(snapshots.c.stream, snapshots.c.version, snapshots.c.topic, BODY_BYTES, log.c.digest)
        .select_from(rows)
        .order_by(snapshots.c.stream, snapshots.c.version)
    )
    with database.tolerating_damage(connection) as cursor:
        for stream, version, topic, body, chain in cursor.execute(statement.sql, statement.bind()):
            state = open_snapshot(stream, version, topic, chain, body)
            is_older = isinstance(body, bytes | memoryview) and bytes(body[:1]) == _OLDER_START
            yield StoredSnapshot(stream, version, topic, state, is_older)
