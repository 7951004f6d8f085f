"""Marks: an index of sealed words, so that a customer is found by a name, an address or a number.

A mark is the first eight bytes of a keyed digest (HMAC-SHA256) of a normalised word. Marks are not part of the log.
The log keeps everything for ever, and a short number can be guessed from its digest by anybody with the key.
They are kept next to the customers' keys, written in the transaction that seals the words, and deleted in the
transaction that destroys the key. Two words may have the same mark, so the words themselves are compared in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, exists, func, literal, select

from relations.errors import InvalidInput, LogError
from relations.log.codec import Codec
from relations.log.database import Database, SharedStatement, create_tables
from relations.log.log import Log
from relations.log.people.likeness import forget_likeness
from relations.log.personal import DIGEST_KEY, Keys, marks_of, open_event
from relations.log.tables import FOREIGN, MARKED, MARKS_VERSION, fact, record_facts
from relations.log.tables import log as log_table
from relations.log.tables import marks as table
from relations.messages import Event

__all__ = ["Marks", "MarksOf", "Word"]

Word = tuple[str, str]
"""A kind of word, such as `email`, and the word in its normal form."""
MarksOf = Callable[[Event], Iterable[Word]]
"""Returns the words of an event by which its customer can be found."""

_BUILDING = "building"
_PAGE = 2_000
_COUNTED = 2_000
"""The most customers that are counted to see which of several marks is rare."""


class Marks:
    """The marks of a log's customers.

    Args:
        database: The log's database.
        keys: The customers' keys, and that of digests.
        words_of: Returns the words of an event by which its customer can be found.
    """

    _insert = SharedStatement(lambda database: database.insert(table).on_conflict_do_nothing())

    def __init__(self, database: Database, keys: Keys, words_of: MarksOf) -> None:
        self._database = database
        self._keys = keys
        self._words_of = words_of
        self._is_kept = False

    def words(self, connection: Connection, event: Event) -> Sequence[Word]:
        """Return the words of an event that get marks. They must still be readable."""
        words = tuple(self._words_of(event))
        return words if words and self._is_written(connection) else ()

    def write(self, connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
        """Write marks with their customers, in the transaction that records the words."""
        self._database.cursor(connection).executemany(self._insert.sql, rows)

    def delete(self, connection: Connection, customer: str) -> None:
        """Delete a customer's marks and digests, in the transaction that destroys their key."""
        forget_likeness(connection, customer)
        if self._is_written(connection):
            connection.execute(table.delete().where(table.c.customer == customer))

    def _add(self, connection: Connection, found: Sequence[tuple[str, Sequence[Word]]]) -> None:
        if not found:
            return
        key = self._keys.need(connection, DIGEST_KEY, 0)
        rows = [(mark, customer) for customer, words in found for mark in marks_of(key, words)]
        self.write(connection, rows)

    def _is_written(self, connection: Connection) -> bool:
        """Return whether new words get marks. In a log of an older version they do once it was indexed."""
        if not self._is_kept:
            self._is_kept = self._state(connection) in (MARKS_VERSION, _BUILDING)
        return self._is_kept

    def _state(self, connection: Connection) -> str | None:
        return fact(connection, MARKED)

    # --- finding ----------------------------------------------------------------------------------------------------

    def candidates(self, words: Sequence[Word], after: str, limit: int) -> list[str]:
        """Return the ids that have the marks of all these words, in order. Compare the words themselves afterwards.

        Args:
            words: The words, at least one.
            after: Only ids after this one.
            limit: At most this many.

        Raises:
            InvalidInput: The log has words of an older version that have no marks yet (`not_indexed`).
        """
        with self._database.reading() as connection:
            if self._state(connection) != MARKS_VERSION:
                raise InvalidInput(
                    "the names and addresses in this log are not indexed yet",
                    code="not_indexed",
                    hint="Run `relations index` once, or call engine.index_people()",
                )
            marks = list(dict.fromkeys(self._keys.marks(connection, words)))
            if not marks:
                return []
            rare, *others = sorted(marks, key=lambda mark: self._count(connection, mark)) if len(marks) > 1 else marks
            one = table.alias("one")
            wanted = select(one.c.customer).where(one.c.mark == rare, one.c.customer > after)
            for mark in others:
                other = table.alias()
                wanted = wanted.where(
                    exists(literal(1)).where(other.c.mark == mark, other.c.customer == one.c.customer)
                )
            return list(connection.execute(wanted.order_by(one.c.customer).limit(limit)).scalars())

    def _count(self, connection: Connection, mark: int) -> int:
        some = select(literal(1).label("one")).where(table.c.mark == mark).limit(_COUNTED).subquery()
        return connection.execute(select(func.count()).select_from(some)).scalar_one()

    # --- logs of older versions, and checks -------------------------------------------------------------------------

    def build(self, log: Log, codec: Codec, on_progress: Callable[[int, int], None] | None = None) -> int:
        """Write the marks of all words in the log; the number of customers with marks is returned.

        It may be interrupted and called again. Meanwhile, new words get their marks as they are recorded.
        """
        with self._database.writing() as connection:
            create_tables(connection, [table])
            if self._state(connection) != MARKS_VERSION:
                record_facts(connection, {MARKED: _BUILDING})
        count = 0
        with self._database.reading() as connection:
            head = log.head(connection).position
        for after in range(0, head, _PAGE):
            with self._database.writing() as connection:
                found = list(self.words_in(connection, codec, after, after + _PAGE))
                self._add(connection, found)
                count += len(found)
            if on_progress is not None:
                on_progress(min(after + _PAGE, head), head)
        with self._database.writing() as connection:
            record_facts(connection, {MARKED: MARKS_VERSION})
        return count

    def words_in(
        self, connection: Connection, codec: Codec, after: int, until: int
    ) -> Iterator[tuple[str, tuple[Word, ...]]]:
        """Yield the customers and readable words of the events between two positions, the first one left out."""
        columns = log_table.c
        personal = [name for name, topic in codec.topics.items() if topic.personal]
        wanted = (
            select(columns.customer, columns.topic, columns.schema, columns.body)
            .where(columns.position > after, columns.position <= until, columns.topic.in_(personal))
            .where(columns.schema != FOREIGN)
            .order_by(columns.position)
        )
        known: dict[str, Any] = {}
        for customer, topic, schema, body in connection.execute(wanted):
            if customer not in known:
                try:
                    known[customer] = self._keys.get(connection, customer)
                except LogError:
                    known[customer] = None
            if known[customer] is None:
                continue
            try:
                event = open_event(codec.decode(topic, schema, body), codec.topics[topic], customer, known[customer])
            except LogError:
                continue  # `verify` reports it
            words = tuple(self._words_of(event))
            if words:
                yield customer, words
