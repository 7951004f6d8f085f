"""How far each projection has come: one row each, moved on in the transaction that writes its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text

from relations.log.database import Database

__all__ = ["checkpoints", "writing_views"]

checkpoints = Table(
    "relations_projections",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("zone", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rebuild", Text, nullable=True),
    Column("failed_at", BigInteger, nullable=True),
    Column("failed_stream", Text, nullable=True),
    Column("failure", Text, nullable=True),
)
"""One row a projection: how far it has come (the position scanned), and why it stands still, if it does."""


@contextmanager
def writing_views(database: Database) -> Iterator[Connection]:
    """A transaction that writes views: on SQLite it takes the one write lock there is, on PostgreSQL none."""
    if database.is_sqlite:
        with database.writing() as connection, database.without_overwriting(connection):
            yield connection
    else:
        with database.transaction() as connection:
            yield connection
