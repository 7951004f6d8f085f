"""Checkpoints: how far each edition of a projection has come.

An edition is a version of the projection together with the release of the time zone data that its days and months
were computed with. Each edition has tables of its own. So two releases of a service that share a database for a while
each keep their own tables up to date. Rows of two releases of the data never mix. Editions that no process has
folded for a day are retired by a process that runs a later one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    select,
)

from relations.log.database import Database, tables_of
from relations.messages import to_micros
from relations.policies.calendars import zone_data_version
from relations.projections.projection import Projection
from relations.projections.running.rebuild_tokens import has_ended

__all__ = [
    "ABANDONED_AFTER",
    "all_of",
    "checkpoints",
    "edition_suffix",
    "is_edition_of",
    "move_on",
    "now_micros",
    "rebuilds_under_way",
    "writing_views",
]

checkpoints = Table(
    "relations_views",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("zone_data", Text, primary_key=True),
    Column("zone", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("folded_at", BigInteger, nullable=False),
    Column("tables", Text, nullable=False),
    Column("rebuild", Text, nullable=True),
    Column("rebuild_at", BigInteger, nullable=True),
    Column("failed_at", BigInteger, nullable=True),
    Column("failed_stream", Text, nullable=True),
    Column("failure", Text, nullable=True),
)
"""One row an edition.

- `position` is the last one scanned, moved on in the transaction that writes the tables.
- `tables` is a JSON list of names.
- `rebuild` is the token of a rebuild under way, which was alive at `rebuild_at`.
- Times are UTC microseconds.
"""


ABANDONED_AFTER = 60_000_000
"""Microseconds without a sign of life after which a rebuild's tables are leftovers."""


def is_edition_of(projection: Projection) -> ColumnElement[bool]:
    """Return the condition that finds the checkpoint of a projection's present edition."""
    return _is_edition(projection.name, projection.version, zone_data_version())


@cache  # every question asks: SQLAlchemy needs as long to build a statement as the database to answer it
def _is_edition(name: str, version: int, zone_data: str) -> ColumnElement[bool]:
    columns = checkpoints.c
    return and_(columns.name == name, columns.version == version, columns.zone_data == zone_data)


_MOVE = (
    checkpoints.update()
    .where(
        checkpoints.c.name == bindparam("of"),
        checkpoints.c.version == bindparam("of_version"),
        checkpoints.c.zone_data == bindparam("of_zone_data"),
        checkpoints.c.position == bindparam("expected"),
    )
    .values(position=bindparam("to"), folded_at=bindparam("at"), failed_at=None, failed_stream=None, failure=None)
)


def move_on(connection: Connection, projection: Projection, expected: int, position: int) -> bool:
    """Move the checkpoint on, if nobody else has: two processes can never both count an event."""
    edition = {"of": projection.name, "of_version": projection.version, "of_zone_data": zone_data_version()}
    moved = connection.execute(_MOVE, {**edition, "expected": expected, "to": position, "at": now_micros()})
    return moved.rowcount == 1


@cache
def all_of(zone_data: str) -> Select[Any]:
    """Return the statement that finds the checkpoints of every edition with a release of the time zone data."""
    return select(checkpoints).where(checkpoints.c.zone_data == zone_data)


def now_micros() -> int:
    """Return the machine's time, UTC microseconds: for what is alive and what is not, never for what is folded."""
    return to_micros(datetime.now(UTC))


def edition_suffix(projection: Projection) -> str:
    """Return the end of the names of the present edition's tables, such as `_v5_2026f`."""
    return f"_v{projection.version}_{zone_data_version()}"


def rebuilds_under_way(database: Database) -> list[str]:
    """Return the projections that a process, this one or another, is rebuilding now."""
    alive = checkpoints.c.rebuild_at > now_micros() - ABANDONED_AFTER
    with database.reading() as connection:
        if not tables_of(connection, [checkpoints.name]):
            return []
        found = connection.execute(
            select(checkpoints.c.name, checkpoints.c.rebuild).where(checkpoints.c.rebuild.is_not(None), alive)
        )
        return sorted({name for name, token in found if not has_ended(token)})


@contextmanager
def writing_views(database: Database) -> Iterator[Connection]:
    """Open a transaction that writes views. On SQLite it takes the one write lock there is, on PostgreSQL none."""
    if database.is_sqlite:
        with database.writing() as connection, database.without_overwriting(connection):
            yield connection
    else:
        with database.transaction() as connection:
            yield connection
