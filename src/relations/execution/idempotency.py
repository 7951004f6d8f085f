"""Idempotency: the same command sent again is recognised, and another command under the same id is refused."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, literal_column, select

from relations.decider import Aggregate
from relations.errors import IdempotencyConflict
from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.personal import Keys, KeyUnreadable
from relations.log.tables import COLUMNS
from relations.log.tables import log as log_table
from relations.messages import Command

__all__ = ["Known", "Repeats"]

Known = tuple[str, bytes | None]
"""The customer and the hash of a command that the log holds."""

_encode_command = msgspec.json.Encoder(order="sorted", enc_hook=lambda model: model.model_dump_json()).encode
_CUSTOMER, _HASH = COLUMNS.index("customer"), COLUMNS.index("command_hash")


class Repeats:
    """Looks up command ids in the log, and compares the commands that came with them.

    Args:
        database: The log's database.
        codec: Knows the personal fields of events.
        keys: The customers' keys.
        aggregates: Every kind of aggregate, for the fields of its commands.
    """

    def __init__(self, database: Database, codec: Codec, keys: Keys, aggregates: Sequence[Aggregate[Any]]) -> None:
        self._database = database
        self._keys = keys
        self._personal = _personal_of_commands(codec, aggregates)
        self._command_sql = database.compile(
            select(log_table).where(log_table.c.command_id == bindparam("id")).order_by(log_table.c.command_seq)
        )
        self._ids_sql = database.compile(
            select(log_table.c.command_id, log_table.c.customer, log_table.c.command_hash).where(
                database.among(log_table.c.command_id, "ids"), log_table.c.command_seq == literal_column("0")
            )
        )

    def rows(self, connection: Connection, command: Command) -> list[Any]:
        """Return the rows that the log holds under the command's id, none where it is new.

        Raises:
            IdempotencyConflict: They came from a different command.
        """
        cursor = self._database.cursor(connection, binary=True)
        rows: list[Any] = cursor.execute(self._command_sql.sql, (command.command_id,)).fetchall()
        if rows:
            self.must_be_same(connection, command, (rows[0][_CUSTOMER], rows[0][_HASH]))
        return rows

    def known(self, connection: Connection, ids: Sequence[str]) -> dict[str, Known]:
        """Return the customer and hash of each id that the log holds."""
        found = self._database.fetch_many(connection, self._ids_sql, ids=ids)
        return {command_id: (customer, command_hash) for command_id, customer, command_hash in found}

    def must_be_same(self, connection: Connection, command: Command, known: Known) -> None:
        """Compare a command with the one that had its id before.

        Raises:
            IdempotencyConflict: They differ.
        """
        customer, recorded = known
        wanted = self.fingerprint(connection, command, customer)
        # Once the customer's key is destroyed, the personal fields can no longer be compared; the others still are.
        if recorded is not None and bytes(recorded)[: len(wanted)] != wanted:
            raise IdempotencyConflict(
                f"the command id {command.command_id!r} was used before for a different command",
                field="command_id",
                hint="Send the first command again unchanged, or give this one an id of its own",
            )

    def fingerprint(self, connection: Connection, command: Command, customer: str, now: int | None = None) -> bytes:
        """Return a hash of the command's fields that are not personal, followed by a keyed hash of those that are.

        The second hash is left out where no personal field is set, or where the customer's key is destroyed.

        Args:
            connection: Sees the keys.
            command: The command.
            customer: The customer whose key is used.
            now: When to date a key that has to be made, in UTC microseconds. None makes no key.
        """
        values = command.__dict__
        words = {field: values[field] for field in self._personal[type(command)] if values[field] is not None}
        known = {**values, **dict.fromkeys(words, True)} if words else values
        plain = sha256(type(command).__name__.encode() + _encode_command(known)).digest()[:16]
        if not words:
            return plain
        try:
            key = self._keys.get(connection, customer) if now is None else self._keys.need(connection, customer, now)
        except KeyUnreadable:
            return plain
        return plain if key is None else plain + blake2b(_encode_command(words), digest_size=16, key=key).digest()


def _personal_of_commands(codec: Codec, aggregates: Sequence[Aggregate[Any]]) -> dict[type[Command], tuple[str, ...]]:
    """Return the personal fields of each command: those named as a personal field of an event of its aggregate."""
    found: dict[type[Command], tuple[str, ...]] = {}
    for aggregate in aggregates:
        names = {name for event in aggregate.events for name in codec.topics[event.topic].personal}
        for command in aggregate.commands:
            found[command] = tuple(sorted(names & command.model_fields.keys()))
    return found
