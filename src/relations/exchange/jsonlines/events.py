"""Recorded events as JSON Lines, exported and imported byte for byte.

A line is `{"position": 1, "stream": "customer-c1", "version": 1, "topic": "customer.registered", "schema": 1, …,
"body": {…}, "digest": "…"}`: the columns of the log as they are, times in UTC microseconds since 1970, digests in
hexadecimal. The body's bytes are the recorded ones, so the chain of digests can be checked on the file alone. Personal
words stay encrypted: their keys stay in the database that recorded them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from sqlalchemy import select

from relations.errors import ChainBroken, LogError, SourceError, UndecodableEvent
from relations.exchange.files.sources import open_text
from relations.log.chain import check
from relations.log.log import Entry
from relations.log.tables import log as log_table

if TYPE_CHECKING:
    from relations.engine import Relations

__all__ = ["EventLine", "export_events", "import_events", "known_command_ids", "read_events", "write_events"]

_CHUNK = 1000


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log as a line of JSON. `RecordedEvent` describes the fields."""

    position: int
    stream: str
    version: int
    topic: str
    schema: int
    customer: str
    occurred_at: int
    recorded_at: int
    actor: str
    command_id: str
    command_seq: int
    command_hash: str | None
    cause: str | None
    body: msgspec.Raw
    digest: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """Return the line of a row that has all columns in the table's order."""
        *plain, command_hash, cause, body, digest = row
        names = cls.__struct_fields__[: len(plain)]
        return cls(
            **dict(zip(names, plain, strict=True)),
            command_hash=None if command_hash is None else bytes(command_hash).hex(),
            cause=cause,
            body=msgspec.Raw(bytes(body)),
            digest=bytes(digest).hex(),
        )

    @property
    def entry(self) -> Entry:
        """All columns but the position and the digest, for the log."""
        return Entry(
            self.stream,
            self.version,
            self.topic,
            self.schema,
            self.customer,
            self.occurred_at,
            self.recorded_at,
            self.actor,
            self.command_id,
            self.command_seq,
            None if self.command_hash is None else bytes.fromhex(self.command_hash),
            self.cause,
            bytes(self.body),
        )

    @property
    def row(self) -> tuple[Any, ...]:
        """All columns in the table's order."""
        return (self.position, *self.entry, bytes.fromhex(self.digest))


def known_command_ids(engine: Relations, name: str) -> set[str]:
    """Return the ids in the log of commands that an import of this name made."""
    ids = log_table.c.command_id
    # The semicolon follows the colon, so this is a range of the index, and no pattern.
    statement = select(ids).where(ids >= f"{name}:", ids < f"{name};", log_table.c.command_seq == 0)
    with engine.log.database.reading() as connection:
        return set(connection.execute(statement).scalars())


def export_events(engine: Relations, path: str | Path, *, after: int = 0, until: int | None = None) -> int:
    """Write the log's events to a file.

    Args:
        engine: The engine.
        path: The file. An existing file is replaced.
        after: Begin after this position.
        until: End with this position.

    Returns:
        The number of events.
    """
    with engine.log.database.reading() as connection:
        pages = engine.log.scan(connection, after=after, until=until)
        return write_events((EventLine.of(row) for page in pages for row in page), path)


def write_events(lines: Iterable[EventLine], path: str | Path) -> int:
    """Write lines to a file, and return their number."""
    count = 0
    encode = msgspec.json.Encoder().encode
    try:
        with Path(path).open("wb") as file:
            for line in lines:
                file.write(encode(line) + b"\n")
                count += 1
    except OSError as error:
        raise SourceError(f"{path} cannot be written: {error.strerror or error}", code="unwritable_file") from None
    return count


def read_events(path: str | Path) -> Iterator[EventLine]:
    """Yield the events in a file.

    Raises:
        SourceError: The file cannot be read, or a line is not a recorded event.
    """
    decode = msgspec.json.Decoder(EventLine).decode
    with open_text(Path(path)) as (text, _, _):
        for number, line in enumerate(text, 1):
            try:
                yield decode(line)
            except (msgspec.MsgspecError, ValueError) as error:
                raise SourceError(f"line {number} of {path} is not a recorded event: {error}") from None


def import_events(engine: Relations, path: str | Path, *, on_progress: Callable[[int], object] | None = None) -> int:
    """Record a file's events again, byte for byte, each at its own position and with its own digest.

    The log must be empty, or hold the beginning of the same log. Only missing events are added, so an interrupted
    import can be run again.

    Args:
        engine: The engine.
        path: The file, as `export_events` wrote it from position 1 (or from any that the log already has).
        on_progress: The function to call with the position after each batch.

    Returns:
        The number of events added.

    Raises:
        ChainBroken: The file's chain of digests is broken, or does not continue this log's head.
        UndecodableEvent: An event is unknown to this version; nothing from its batch on is recorded.
        SourceError: The file cannot be read.
    """
    lines = read_events(path)
    added = 0
    while batch := list(islice(lines, _CHUNK)):
        _check_readable(engine, batch)
        added += _append(engine, batch)
        if on_progress is not None:
            on_progress(batch[-1].position)
    return added


def _check_readable(engine: Relations, batch: list[EventLine]) -> None:
    for line in batch:
        try:
            engine.codec.decode(line.topic, line.schema, bytes(line.body))
        except LogError as error:
            raise UndecodableEvent(
                f"the event at position {line.position} ({line.topic}) cannot be read: {error.reason}",
                field=f"position {line.position}",
                hint="Import it with the version of relations that wrote it, or a newer one",
            ) from None


def _append(engine: Relations, batch: list[EventLine]) -> int:
    with engine.log.writing() as writer:
        head = writer.head
        for line in batch:
            if line.position == head.position and bytes.fromhex(line.digest) != head.digest:
                raise ChainBroken("this log and the file differ here", position=line.position)
        new = [line for line in batch if line.position > head.position]
        check((line.row for line in new), previous=head.digest, position=head.position)
        writer.append([line.entry for line in new])
        if new:
            engine.note_copied(writer.connection, new[-1].position)
    return len(new)
