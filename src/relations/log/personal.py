"""Personal words under a key a customer: sealed before they are hashed, unreadable for ever once the key is gone.

A sealed field is text: `sealed:` and base64url of nonce (12 bytes), ciphertext and tag, by AES-256-GCM (NIST SP
800-38D) with the customer, topic and field as associated data, so that no sealed word can be moved elsewhere.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from relations.errors import CommandRefused, InvalidInput, LogError
from relations.log.codec import Topic
from relations.log.database import Database
from relations.log.tables import keys as table
from relations.messages import Event

__all__ = ["ERASED", "Keys", "open_event", "seal_event"]

ERASED = "[erased]"
"""What a personal field reads as once its key is destroyed."""

_PREFIX = "sealed:"
_NONCE = 12
_PLAIN, _WRAPPED, _DESTROYED = b"\x00", b"\x01", b""


class Keys:
    """The keys of customers, in a table of their own.

    Args:
        database: Where the table is.
        master_key: 32 bytes that wrap every key; without one the keys lie in the table as they are.

    Raises:
        InvalidInput: The master key has another length.
    """

    def __init__(self, database: Database, master_key: bytes | None = None) -> None:
        if master_key is not None and len(master_key) != 32:
            raise InvalidInput("the master key must have 32 bytes", code="invalid_master_key", field="master_key")
        self._master = AESGCM(master_key) if master_key else None
        insert = (sqlite if database.is_sqlite else postgresql).insert(table)
        self._insert = database.compile(insert.on_conflict_do_nothing())
        self._select = database.compile(select(table.c.key).where(table.c.customer == ""))
        self._select_many = database.compile(
            select(table.c.customer, table.c.key).where(database.among(table.c.customer, "customers"))
        )
        self._destroy = database.compile(
            insert.on_conflict_do_update(index_elements=["customer"], set_={"key": insert.excluded.key})
        )
        self._database = database

    def get(self, connection: Connection, customer: str) -> bytes | None:
        """The customer's key, or None where there is none (any more).

        Raises:
            LogError: It is wrapped, and the master key is missing or another.
        """
        cursor = self._database.cursor(connection, binary=True)
        found = cursor.execute(self._select.sql, (customer,)).fetchone()
        return None if found is None or not found[0] else self._unwrap(customer, bytes(found[0]))

    def need(self, connection: Connection, customer: str, now: int) -> bytes:
        """The customer's key, made where there was none yet.

        Raises:
            CommandRefused: The customer was erased: nothing personal is kept of them any more.
        """
        cursor = self._database.cursor(connection, binary=True)
        found = cursor.execute(self._select.sql, (customer,)).fetchone()
        if found is None:
            key = AESGCM.generate_key(256)
            row = self._insert.bind(customer=customer, key=self._wrap(customer, key), created_at=now)
            cursor.execute(self._insert.sql, row)
            return key
        if not found[0]:
            raise CommandRefused(
                f"customer {customer!r} was erased; no personal words are kept of them",
                code="customer_erased",
                field="customer",
                hint="Leave the personal fields out",
            )
        return self._unwrap(customer, bytes(found[0]))

    def destroy(self, connection: Connection, customer: str, now: int) -> None:
        """Destroy the customer's key, and leave an empty one so that no new one is ever made.

        The database's files are purged of it by `Database.purge` after the commit.
        """
        row = self._destroy.bind(customer=customer, key=_DESTROYED, created_at=now)
        self._database.cursor(connection).execute(self._destroy.sql, row)

    def open_words(self, connection: Connection, sealed: Sequence[tuple[str, str, str, str]]) -> list[str | None]:
        """Sealed words, readable; None where the key is gone.

        Args:
            connection: Sees the keys.
            sealed: Of each its customer, topic, field, and the words as the log has them.

        Raises:
            LogError: Some were changed or moved, or the keys are wrapped by another master key.
        """
        customers = sorted({customer for customer, *_ in sealed})
        found = self._database.fetch_many(connection, self._select_many, customers=customers)
        ciphers = {customer: AESGCM(self._unwrap(customer, bytes(key))) for customer, key in found if key}
        return [
            _opened(ciphers[customer], customer, topic, field, words) if customer in ciphers else None
            for customer, topic, field, words in sealed
        ]

    def _wrap(self, customer: str, key: bytes) -> bytes:
        if self._master is None:
            return _PLAIN + key
        nonce = os.urandom(_NONCE)
        return _WRAPPED + nonce + self._master.encrypt(nonce, key, customer.encode())

    def _unwrap(self, customer: str, stored: bytes) -> bytes:
        if stored[:1] == _PLAIN:
            return stored[1:]
        if self._master is None:
            raise LogError("the keys are wrapped by a master key", code="master_key_needed", hint="Give it")
        try:
            return self._master.decrypt(stored[1 : 1 + _NONCE], stored[1 + _NONCE :], customer.encode())
        except InvalidTag:
            raise LogError("the master key is not the one that wrapped the keys", code="master_key_wrong") from None


def has_personal(event: Event, topic: Topic) -> bool:
    """Whether any personal field of the event has a value."""
    return any(getattr(event, name) is not None for name in topic.personal)


def seal_event(event: Event, topic: Topic, customer: str, key: bytes) -> Event:
    """The event with its personal fields sealed."""
    cipher = AESGCM(key)
    changes: dict[str, Any] = {}
    for name in topic.personal:
        words = getattr(event, name)
        if words is not None:
            nonce = os.urandom(_NONCE)
            sealed = cipher.encrypt(nonce, words.encode(), _bound_to(customer, topic.event.topic, name))
            changes[name] = _PREFIX + urlsafe_b64encode(nonce + sealed).decode()
    return msgspec.structs.replace(event, **changes)


def open_event(event: Event, topic: Topic, customer: str, key: bytes | None) -> Event:
    """The event with its personal fields readable, or `ERASED` where the key is gone.

    Raises:
        LogError: A sealed field was changed or moved.
    """
    cipher = AESGCM(key) if key else None
    changes: dict[str, Any] = {}
    for name in topic.personal:
        words = getattr(event, name)
        if words is None or not words.startswith(_PREFIX):
            continue
        if cipher is None:
            changes[name] = ERASED
            continue
        changes[name] = _opened(cipher, customer, topic.event.topic, name, words)
    return msgspec.structs.replace(event, **changes) if changes else event


def _opened(cipher: AESGCM, customer: str, topic: str, field: str, words: str) -> str:
    try:
        sealed = urlsafe_b64decode(words.removeprefix(_PREFIX))
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound_to(customer, topic, field)).decode()
    except (InvalidTag, ValueError):  # changed so far, perhaps, that it is no sealed word any more
        raise LogError(f"the sealed field {field} of {topic} cannot be opened with its key") from None


def _bound_to(customer: str, topic: str, field: str) -> bytes:
    return f"{customer}|{topic}|{field}".encode()
