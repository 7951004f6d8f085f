"""Digests by which likely duplicates are found, stored ahead of the question.

Finding duplicates means opening the words of every customer and bringing each into its normal form. So keyed digests of
the normal forms are stored, for parts of all customers. With the log's key, guesses can be tested against a digest. So
the transaction that destroys a customer's key also deletes the part with the customer's digests. What is missing is
computed again from the words that can still be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from zlib import crc32

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Table, Text, literal, select

from relations.log.database import Database, create_tables, tables_of
from relations.log.tables import log

__all__ = [
    "PARTS",
    "Likeness",
    "StoredPart",
    "forget_likeness",
    "likeness",
    "part_of",
    "read_likeness",
    "store_likeness",
]

PARTS = 64
"""The number of parts: an erasure costs one of them."""

likeness = Table(
    "relations_likeness",
    MetaData(),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("form", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""One row for each part of all customers. `form` says what the digests depend on besides the words."""


class StoredPart(NamedTuple):
    """A part: the last position of the log that is in it, and the digests."""

    position: int
    content: bytes


def part_of(customer: str) -> int:
    """Return the number of the part that has a customer's digests."""
    return crc32(customer.encode()) % PARTS


def read_likeness(connection: Connection, form: str, *, content: bool = True) -> dict[int, StoredPart]:
    """Return the parts of a form by number.

    Args:
        connection: A transaction.
        form: What the digests depend on besides the words.
        content: False for the positions alone.
    """
    if not tables_of(connection, [likeness.name]):
        return {}
    columns = likeness.c
    wanted = select(columns.part, columns.position, columns.content if content else literal(b"").label("content"))
    found = connection.execute(wanted.where(columns.form == form))
    return {row.part: StoredPart(row.position, bytes(row.content)) for row in found}


def store_likeness(database: Database, form: str, position: int, parts: Mapping[int, bytes], *, erasing: str) -> None:
    """Store all parts in place of earlier ones, unless a customer was erased meanwhile.

    Args:
        database: Where to.
        form: What the digests depend on besides the words.
        position: The last position of the log that is in them.
        parts: The digests by the part's number.
        erasing: The topic of the event that erases a customer.
    """
    later = select(literal(1)).where(log.c.position > position, log.c.topic == erasing).limit(1)
    with database.writing() as connection:
        if connection.execute(later).first() is not None:
            return
        create_tables(connection, [likeness])
        connection.execute(likeness.delete())
        rows = [
            {"part": part, "form": form, "position": position, "content": content} for part, content in parts.items()
        ]
        connection.execute(likeness.insert(), rows)


class Likeness:
    """The stored digests, as a view reads and stores them."""

    parts = PARTS
    part_of = staticmethod(part_of)
    read = staticmethod(read_likeness)
    store = staticmethod(store_likeness)


def forget_likeness(connection: Connection, customer: str) -> None:
    """Delete the part with a customer's digests, in the transaction that destroys their key."""
    if tables_of(connection, [likeness.name]):
        connection.execute(likeness.delete().where(likeness.c.part == part_of(customer)))
