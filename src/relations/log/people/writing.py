"""Personal words within one write transaction: sealing them, and marking their customers to be found by them.

A transaction may record many events of one customer, and the hash of a command needs the customer's key as well. So
each key is read once a transaction, and all marks are written with one statement at its end. Nothing is remembered for
longer, because a transaction may be rolled back, and its new keys with it.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from relations.errors import CommandRefused
from relations.log.codec import Topic
from relations.log.people.marks import Marks
from relations.log.personal import DIGEST_KEY, ERASED, Keys, marks_of, seal_event, text_digest
from relations.messages import Event

__all__ = ["PersonalWriter"]


class PersonalWriter:
    """The keys and marks of one write transaction.

    Args:
        keys: The customers' keys.
        marks: The marks of people to find them by.
        connection: The transaction's connection.
        now: The time of recording, UTC microseconds.
    """

    __slots__ = ("_connection", "_keys", "_known", "_made", "_marks", "_now", "_rows")

    def __init__(self, keys: Keys, marks: Marks | None, connection: Connection, now: int) -> None:
        self._keys = keys
        self._marks = marks
        self._connection = connection
        self._now = now
        self._known: dict[str, bytes] = {}
        self._made: list[str] = []  # by the present decision
        self._rows: list[tuple[int, str]] = []

    def key(self, customer: str) -> bytes:
        """Return the customer's key, and create it if it does not exist yet.

        Raises:
            CommandRefused: The customer was erased, or their key cannot be read.
        """
        found = self._known.get(customer)
        if found is None:
            found = self._known[customer] = self._keys.need(self._connection, customer, self._now, self._made)
        return found

    def begin_decision(self) -> None:
        """Note from now on which keys are made, for `remove_made`."""
        self._made.clear()

    def remove_made(self) -> None:
        """Remove the keys that the present decision has made: it is refused, and nothing is sealed with them."""
        if self._made:
            self._keys.remove(self._connection, self._made)
            for customer in self._made:
                del self._known[customer]

    def seal(self, event: Event, topic: Topic, customer: str) -> Event:
        """Return the event with its personal fields sealed under the customer's key, created if missing.

        For an erased customer, words that older versions stored unencrypted become `ERASED`.

        Raises:
            CommandRefused: The customer was erased, or their key cannot be read, and there are other personal words.
        """
        try:
            key = self.key(customer)
        except CommandRefused:
            given = [name for name in topic.personal if getattr(event, name) is not None]
            if any(name not in topic.once_clear for name in given):
                raise
            return msgspec.structs.replace(event, **dict.fromkeys(given, ERASED))
        return seal_event(event, topic, customer, key)

    def digest(self, text: str, purpose: str) -> str:
        """Return the digest of a text, as `Keys.digest` does; this may be the first one that the log needs."""
        return text_digest(self._digest_key(), text, purpose)

    def mark(self, customer: str, event: Event) -> None:
        """Have the marks of an event written, whose words are still readable."""
        if self._marks is not None:
            words = self._marks.words(self._connection, event)
            if words:
                self._rows += [(mark, customer) for mark in marks_of(self._digest_key(), words)]

    def _digest_key(self) -> bytes:
        found = self._keys.digest_key or self._known.get(DIGEST_KEY)
        if found is None:
            found = self._known[DIGEST_KEY] = self._keys.need(self._connection, DIGEST_KEY, 0)
        return found

    def destroy(self, customer: str) -> None:
        """Destroy the customer's key and delete their marks, also those that are not written yet."""
        self._keys.destroy(self._connection, customer, self._now)
        self._known.pop(customer, None)
        if self._marks is not None:
            self._rows = [row for row in self._rows if row[1] != customer]
            self._marks.delete(self._connection, customer)

    def write(self) -> None:
        """Write the marks of everything that was recorded, in the transaction that records it."""
        if self._marks is not None and self._rows:
            self._marks.write(self._connection, self._rows)
            self._rows = []
