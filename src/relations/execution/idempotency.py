"""Recognition of repeated commands, and refusal of different commands under the same id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from hashlib import blake2b, sha256
from typing import Any, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Connection, bindparam, literal_column, select

from relations.decider import Aggregate
from relations.errors import CommandRefused, IdempotencyConflict
from relations.log.codec import Codec, Topic
from relations.log.database import Database, SharedStatement
from relations.log.log import Writer
from relations.log.personal import Keys, KeyUnreadable
from relations.log.tables import COLUMNS
from relations.log.tables import log as log_table
from relations.messages import Command

__all__ = ["Known", "Repeats"]

Known = tuple[str, bytes | None]
"""The customer and the hash of a command that the log holds."""
KeyOf: TypeAlias = Callable[[str], bytes | None]
"""Returns the key of a customer, or None if there is none."""

_encode_command = msgspec.json.Encoder(order="sorted", enc_hook=lambda model: model.model_dump_json()).encode
_CUSTOMER, _HASH, _TOPIC, _SCHEMA, _BODY = (
    COLUMNS.index(name) for name in ("customer", "command_hash", "topic", "schema", "body")
)


class _Form(NamedTuple):
    """The parts of the fingerprint of a class of commands.

    Attributes:
        name: The name of the class.
        added: The fields of later versions, each with the default at which it is left out.
        words: The fields with personal words.
        once_clear: Those of them that older versions stored unencrypted.
    """

    name: bytes
    added: tuple[tuple[str, Any], ...]
    words: tuple[str, ...]
    once_clear: frozenset[str]


class Repeats:
    """A lookup of command ids in the log, which also compares the commands.

    Args:
        database: The log's database.
        codec: Knows the personal fields of events.
        keys: The customers' keys.
        aggregates: Every kind of aggregate, for the fields of its commands.
    """

    _command_sql = SharedStatement(
        lambda _: select(log_table).where(log_table.c.command_id == bindparam("id")).order_by(log_table.c.command_seq)
    )
    _ids_sql = SharedStatement(
        lambda database: select(log_table.c.command_id, log_table.c.customer, log_table.c.command_hash).where(
            database.among(log_table.c.command_id, "ids"), log_table.c.command_seq == literal_column("0")
        )
    )

    def __init__(self, database: Database, codec: Codec, keys: Keys, aggregates: Sequence[Aggregate[Any]]) -> None:
        self._database = database
        self._keys = keys
        self._codec = codec
        self._is_same = {kind: same for aggregate in aggregates for kind, same in aggregate.repeats.items()}
        self._aggregates = tuple(aggregates)

    @cached_property
    def _forms(self) -> dict[type[Command], _Form]:
        """The form of each command, found for the first one: annotations of all events take a tenth of a second."""
        personal = _fields_of_commands(self._codec, self._aggregates, lambda topic: topic.personal)
        # Only fields that are sealed in no other event: those were always hashed with the key.
        always = _fields_of_commands(
            self._codec, self._aggregates, lambda topic: set(topic.personal) - set(topic.once_clear)
        )
        return {
            kind: _Form(
                kind.__name__.encode(),
                tuple((name, kind.model_fields[name].get_default()) for name in sorted(kind.added)),
                words,
                frozenset(words) - set(always[kind]),
            )
            for kind, words in personal.items()
        }

    def rows(self, writer: Writer, command: Command) -> list[Any]:
        """Return the rows in the log with the command's id; none if it is new.

        Raises:
            IdempotencyConflict: The rows came from a different command.
        """
        rows: list[Any] = writer.reader.execute(self._command_sql.sql, (command.command_id,)).fetchall()
        if rows:
            self.must_be_same(writer.connection, command, (rows[0][_CUSTOMER], rows[0][_HASH]))
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
        key_of = partial(self._keys.get, connection)
        wanted = self.fingerprint(command, customer, key_of)
        # Once the customer's key is destroyed, the personal fields can no longer be compared; the others still are.
        if recorded is None or bytes(recorded)[: len(wanted)] == wanted:
            return
        # Older versions stored some of the words unencrypted, and hashed them without the key.
        form = self._forms[type(command)]
        always = [name for name in form.words if name not in form.once_clear]
        former = self.fingerprint(command, customer, key_of, always)
        if bytes(recorded)[: len(former)] != former and not self._led_to_recorded(connection, command):
            raise IdempotencyConflict(
                f"the command id {command.command_id!r} was used before for a different command",
                field="command_id",
                hint="Send the first command again unchanged, or give this one a new id",
            )

    def _led_to_recorded(self, connection: Connection, command: Command) -> bool:
        """Return whether the recorded event is what this command led to, where its aggregate can say so."""
        is_same = self._is_same.get(type(command))
        if is_same is None:
            return False
        cursor = self._database.cursor(connection, binary=True)
        row = cursor.execute(self._command_sql.sql, (command.command_id,)).fetchone()
        return is_same(command, self._codec.decode(row[_TOPIC], row[_SCHEMA], bytes(row[_BODY])))

    def fingerprint(self, command: Command, customer: str, key_of: KeyOf, names: Sequence[str] | None = None) -> bytes:
        """Return a command's fingerprint: a hash without its personal words, then a keyed hash of those.

        The second is left out if there are no words, or no key for them.

        Args:
            command: The command.
            customer: The customer whose key is used.
            key_of: Returns that key. When a command is recorded, a missing one is created.
            names: The fields that are hashed with the key; by default, all that hold personal words.
        """
        form = self._forms[type(command)]
        # A field of a later version that is not used is left out: the command is then as it was first recorded.
        values = command.__dict__
        if form.added:
            values = values.copy()
            for name, default in form.added:
                if values[name] == default:
                    del values[name]
        words = {}
        for name in form.words if names is None else names:
            if values.get(name) is not None:
                words[name] = values[name]
        if not words:
            return sha256(form.name + _encode_command(values)).digest()[:16]
        known = {**values, **dict.fromkeys(words, True)}
        plain = sha256(form.name + _encode_command(known)).digest()[:16]
        try:
            key = key_of(customer)
        except KeyUnreadable:
            return plain
        except CommandRefused:
            if words.keys() - form.once_clear:
                raise
            return plain
        return plain if key is None else plain + blake2b(_encode_command(words), digest_size=16, key=key).digest()


def _fields_of_commands(
    codec: Codec, aggregates: Sequence[Aggregate[Any]], fields: Callable[[Topic], Iterable[str]]
) -> dict[type[Command], tuple[str, ...]]:
    """Return the fields of each command that are named like certain fields of an event of the same aggregate."""
    found: dict[type[Command], tuple[str, ...]] = {}
    for aggregate in aggregates:
        names = {name for event in aggregate.events for name in fields(codec.topics[event.topic])}
        for command in aggregate.commands:
            found[command] = tuple(sorted(names & command.model_fields.keys()))
    return found
