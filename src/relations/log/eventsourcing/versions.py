"""The differences between eventsourcing 9.5 and 10, in one place.

Version 9.5 is supported and pinned. Version 10 is in alpha. It moved the errors, made its records keyword-only, added
an id and metadata to stored events, and renamed a field of trackings. What it adds is kept in columns of the log that
its events do not need otherwise. The id is in the command id, the metadata in the cause. Both are covered by the chain.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing import persistence

__all__ = [
    "ERRORS",
    "PersistenceError",
    "event_columns",
    "followed",
    "notification",
    "snapshot_bytes",
    "snapshot_event",
    "stored_event",
]

_HAS_IDS = int(version("eventsourcing").partition(".")[0]) >= 10
_ID = "event:"
_WITH_METADATA = b"\x00eventsourcing 10\x00"

_modules: list[Any] = [persistence]
if find_spec("eventsourcing.errors") is not None:
    _modules.append(import_module("eventsourcing.errors"))


def _error(name: str) -> type[Exception]:
    found: type[Exception] = next(getattr(module, name) for module in _modules if hasattr(module, name))
    return found


PersistenceError: type[Exception] = _error("PersistenceError")
"""The root of eventsourcing's errors of the store."""

ERRORS: dict[str, type[Exception]] = {
    name: _error(name)
    for name in (
        "InterfaceError",
        "DataError",
        "OperationalError",
        "IntegrityError",
        "InternalError",
        "ProgrammingError",
        "NotSupportedError",
        "DatabaseError",
    )
}
"""Eventsourcing's errors by their names, which are those of PEP 249."""


_StoredEvent: Any = persistence.StoredEvent
_Notification: Any = persistence.Notification


def _fields(stream: UUID | str, number: int, topic: str, state: bytes, command_id: str, cause: str | None) -> Any:
    fields: dict[str, Any] = {
        "originator_id": stream,
        "originator_version": number,
        "topic": topic,
        "state": state,
    }
    if _HAS_IDS:
        if command_id.startswith(_ID):
            fields["uuid"] = UUID(command_id.removeprefix(_ID))
        if cause is not None:
            fields["metadata"] = msgspec.json.decode(cause, type=dict[str, str])
    return fields


def stored_event(
    stream: UUID | str, number: int, topic: str, state: bytes, command_id: str = "", cause: str | None = None
) -> persistence.StoredEvent:
    """Return a stored event from the columns of the log."""
    made: persistence.StoredEvent = _StoredEvent(**_fields(stream, number, topic, state, command_id, cause))
    return made


def notification(
    position: int, stream: UUID | str, number: int, topic: str, state: bytes, command_id: str, cause: str | None
) -> persistence.Notification:
    """Return a notification from the columns of the log."""
    fields = _fields(stream, number, topic, state, command_id, cause)
    made: persistence.Notification = _Notification(id=position, **fields)
    return made


def event_columns(event: Any) -> tuple[str | None, str | None]:
    """Return the command id and the cause by which the log keeps an event's id and metadata; None where it has none."""
    own: UUID | None = getattr(event, "uuid", None)
    metadata: dict[str, str] = getattr(event, "metadata", None) or {}
    return (
        f"{_ID}{own}" if own is not None and own.int else None,
        msgspec.json.encode(metadata, order="deterministic").decode() if metadata else None,
    )


def snapshot_bytes(event: Any) -> bytes:
    """Return what is stored for a snapshot: its state, and its id and metadata where it has them."""
    command_id, cause = event_columns(event)
    state: bytes = event.state
    if command_id is None and cause is None:
        return state
    return _WITH_METADATA + msgspec.msgpack.encode((state, command_id or "", cause))


def snapshot_event(stream: UUID | str, number: int, topic: str, stored: bytes) -> persistence.StoredEvent:
    """Return the stored event of a snapshot from what is stored for it."""
    if not stored.startswith(_WITH_METADATA):
        return stored_event(stream, number, topic, stored)
    kind = tuple[bytes, str, str | None]
    return stored_event(stream, number, topic, *msgspec.msgpack.decode(stored[len(_WITH_METADATA) :], type=kind))


def followed(tracking: Any) -> str:
    """Return the name of the application that a tracking says is followed."""
    name: str = tracking.context_name if hasattr(tracking, "context_name") else tracking.application_name
    return name
