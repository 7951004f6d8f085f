"""The check of the customers' keys against the log, in one pass over the events customer by customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from relations.decider import Aggregate
from relations.errors import LogError, RelationsError
from relations.json_form import JsonForm
from relations.log.codec import Codec
from relations.log.log import Log, Shard
from relations.log.personal import Keys, KeyUnreadable, StoredKey, is_sealed, open_event
from relations.log.tables import FOREIGN
from relations.log.tables import keys as table
from relations.projections.running.folding import COLUMNS
from relations.verification.findings import Problem

__all__ = ["KeyCheck", "KeyProblem"]

_SEALED = b'"sealed:'
"""The beginning of a sealed word in a body."""
_EVERYBODY = Shard(None, None)
_CUSTOMER, _RECORDED_AT, _TOPIC = (itemgetter(COLUMNS.index(name)) for name in ("customer", "recorded_at", "topic"))


class KeyProblem(JsonForm, msgspec.Struct, frozen=True):
    """A problem of a customer's key.

    Attributes:
        code: `key_unreadable` (damaged, or wrapped for somebody else), `key_wrong` (it does not open the customer's
            words), `key_missing` or `key_emptied` (destroyed without an erasure). Or `key_restored` (present although
            the customer was erased), `key_misdated` (not created with the customer's first words) or `key_unused` (of a
            customer without events).
        customer: The customer's id; empty for the key of digests.
        reason: A sentence for people.
        position: The position of the event that shows the problem, if one does.
    """

    code: str
    customer: str
    reason: str
    position: int | None = None

    def as_problem(self) -> Problem:
        """Return it as a finding of a verification."""
        column = {"key_missing": None, "key_unused": None, "key_misdated": "created_at"}.get(self.code, "key")
        return Problem(
            self.code, self.reason, self.position, table=str(table.name), key=self.customer or "#digests", column=column
        )


class KeyCheck:
    """The check of every key: damaged, swapped, missing, emptied, misdated, unused, and restored after an erasure.

    Keys and events are read in the order of customers, so nothing is kept but the present customer. The first sealed
    word of each customer is opened; the chain covers the others.

    Args:
        keys: The keys.
        codec: Decodes the events.
        aggregates: Every kind of aggregate; some of their events destroy a key.
        connection: The transaction.
    """

    def __init__(self, keys: Keys, codec: Codec, aggregates: Sequence[Aggregate[Any]], connection: Connection) -> None:
        self._keys = keys
        self._codec = codec
        self._connection = connection
        self._erasures = {event.topic for aggregate in aggregates for event in aggregate.erases}
        self._sealing = {name for name, topic in codec.topics.items() if topic.personal} - self._erasures
        self._begin()

    def _begin(self) -> None:
        self._problems: list[KeyProblem] = []
        self._copied = self._keys.copied_until(self._connection)
        self._stored = self._keys.stored(self._connection)
        self._key: StoredKey | None = next(self._stored, None)
        self._customer = ""
        self._is_erased = self._is_dated = False
        self._sealed: tuple[Any, ...] | None = None

    @property
    def is_possible(self) -> bool:
        """True if the keys can be read: they are not wrapped, or the master key was given."""
        return not self._keys.is_locked

    def run(self, log: Log, connection: Connection) -> Iterator[Problem]:
        """Read all events customer by customer, and yield the problems."""
        for problem in self.key_problems(log, connection):
            yield problem.as_problem()

    def key_problems(self, log: Log, connection: Connection) -> Iterator[KeyProblem]:
        """Read all events customer by customer, and yield the problems."""
        self._begin()
        until = log.head(connection).position
        for page in log.scan_by_customer(connection, COLUMNS, until=until, shard=_EVERYBODY):
            self.take(page)
            yield from self._taken()
        self._finish(None)
        yield from self._taken()

    def _taken(self) -> list[KeyProblem]:
        taken, self._problems = self._problems, []
        return taken

    def problems(self) -> Iterator[Problem]:
        """Yield the problems, after the last page was taken."""
        self._finish(None)
        for problem in self._taken():
            yield problem.as_problem()

    def take(self, page: Sequence[tuple[Any, ...]]) -> None:
        """Take the next events (`COLUMNS` of folding), ordered by customer and position."""
        for customer, rows in groupby(page, _CUSTOMER):
            if customer != self._customer:
                self._finish(customer)
                self._customer = customer
            events, key = list(rows), self._key
            if key is not None and key.customer == customer and not self._is_dated:
                self._is_dated = key.created_at in map(_RECORDED_AT, events)
            if not self._is_erased:
                self._is_erased = not self._erasures.isdisjoint(map(_TOPIC, events))
            if self._sealed is None:
                sealing = self._sealing
                found = (row for row in events if row[3] in sealing and _SEALED in row[8] and row[4] != FOREIGN)
                self._sealed = next(found, None)

    def _finish(self, following: str | None) -> None:
        """Check the present customer's key, and those of customers without events before the following one."""
        if self._key is not None and self._key.customer == self._customer:
            self._check(self._key)
            self._key = next(self._stored, None)
        elif self._sealed is not None and self._sealed[0] > self._copied:  # keys do not travel with an exported log
            reason = f"{self._customer} has sealed words and no key"
            self._add("key_missing", self._customer, reason, self._sealed[0])
        self._is_erased = self._is_dated = False
        self._sealed = None
        while self._key is not None and (following is None or self._key.customer < following):
            self._check_unused(self._key)
            self._key = next(self._stored, None)

    def _add(self, code: str, customer: str, reason: str, position: int | None = None) -> None:
        self._problems.append(KeyProblem(code, customer, reason, position))

    def _check_unused(self, stored: StoredKey) -> None:
        try:
            is_of_digests = self._keys.is_of_digests(self._connection, stored)
        except KeyUnreadable as error:
            self._add(error.code, "", f"the key of {stored.customer} cannot be read: {error.reason}")
            return
        if not is_of_digests:
            self._add("key_unused", stored.customer, f"there is a key of {stored.customer}, who has no events")

    def _check(self, stored: StoredKey) -> None:
        customer = stored.customer
        if not stored.key:
            if not self._is_erased:
                self._add("key_emptied", customer, f"the key of {customer} is empty although they were not erased")
            return
        try:
            key = self._keys.unwrap(customer, stored.key)
        except KeyUnreadable as error:
            self._add(error.code, customer, f"the key of {customer} cannot be read: {error.reason}")
            return
        if self._is_erased:
            self._add("key_restored", customer, f"{customer} was erased and has a key again")
        if not self._is_dated:
            self._add("key_misdated", customer, f"no event of {customer} was recorded when their key was created")
        if self._sealed is not None:
            self._open(self._sealed, key)

    def _open(self, row: tuple[Any, ...], key: bytes) -> None:
        position, topic, schema, customer, body = row[0], row[3], row[4], row[5], row[8]
        try:
            event = self._codec.decode(topic, schema, body)
        except RelationsError:
            return  # the check of the events reports it
        known = self._codec.topics[topic]
        first = next((name for name in known.personal if is_sealed(getattr(event, name))), None)
        if first is None:
            return
        try:
            open_event(event, known, customer, key, only=first)
        except LogError:
            self._add("key_wrong", customer, f"the key of {customer} does not open their words", position)
