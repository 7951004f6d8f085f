"""Columns that are stored ahead of questions, next to the tables that they were read from.

A question over all customers needs a few fields of each. Reading them from the rows takes most of its time, in every
process again. So they are also stored as what the question needs: a few long arrays. They have the position of the log
that they were read at. A question that reads them also reads the rows of customers with later events. So stored columns
are never wrong, only older.

They are deleted in the transaction in which the tables that they were read from are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from zlib import crc32

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, LargeBinary, MetaData, Table, Text, and_, select

from relations.log.database import Database, create_tables, tables_of
from relations.policies.calendars import zone_data_version
from relations.projections.projection import Projection
from relations.projections.running.checkpoints import writing_views

__all__ = [
    "StoredAt",
    "forget_columns",
    "forget_edition",
    "read_columns",
    "store_columns",
    "stored_at",
    "stored_columns",
]

stored_columns = Table(
    "relations_columns",
    MetaData(),
    Column("projection", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("zone_data", Text, primary_key=True),
    Column("of", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("zone", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("aliases", BigInteger, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""One row for each part of the columns of a class of rows.

- `of` is the name of the class's table.
- `position` is that of the last event in the columns, and `aliases` that of the last merge.
"""


class StoredAt(NamedTuple):
    """The state of the tables that columns were read from."""

    zone: str
    position: int
    aliases: int


def _columns_of(projection: Projection, name: str) -> tuple[str, int, str, str]:
    return projection.name, projection.version, zone_data_version(), name


def _exists(database: Database, connection: Connection) -> bool:
    return bool(database.once(connection, _find))


def _find(connection: Connection) -> set[str]:
    return tables_of(connection, [stored_columns.name])


def stored_at(database: Database, connection: Connection, projection: Projection, name: str) -> StoredAt | None:
    """Return the state that the columns of a class of rows were stored at; None if there are none.

    Args:
        database: Where they are.
        connection: A transaction of it.
        projection: The projection of the rows.
        name: The name of the class's table.
    """
    if not _exists(database, connection):
        return None
    columns = stored_columns.c
    wanted = select(columns.zone, columns.position, columns.aliases).where(_is_of(projection, name)).limit(1)
    found = connection.execute(wanted).first()
    return None if found is None else StoredAt(*found)


def read_columns(
    connection: Connection, projection: Projection, name: str, at: StoredAt, parts: Iterable[str]
) -> dict[str, bytes] | None:
    """Return the content of some parts by name; None if any is missing, damaged or of another state."""
    columns, wanted = stored_columns.c, list(parts)
    same = columns.zone == at.zone, columns.position == at.position, columns.aliases == at.aliases
    statement = select(columns.part, columns.checksum, columns.content).where(
        _is_of(projection, name), *same, columns.part.in_(wanted)
    )
    found = {row.part: row.content for row in connection.execute(statement) if crc32(row.content) == row.checksum}
    return found if len(found) == len(wanted) else None


def store_columns(
    database: Database,
    projection: Projection,
    name: str,
    at: StoredAt,
    parts: Mapping[str, bytes],
    is_current: Callable[[Connection], bool],
) -> None:
    """Store the columns of a class of rows in place of earlier ones.

    Args:
        database: Where to.
        projection: The projection of the rows.
        name: The name of the class's table.
        at: The state that they were read from.
        parts: Their content by name.
        is_current: Returns whether the tables are still those that they were read from; otherwise nothing is stored.
    """
    edition = dict(zip(("projection", "version", "zone_data", "of"), _columns_of(projection, name), strict=True))
    with writing_views(database) as connection:
        if not is_current(connection):
            return
        if not tables_of(connection, [stored_columns.name]):
            create_tables(connection, [stored_columns])
        connection.execute(stored_columns.delete().where(_is_of(projection, name)))
        connection.execute(
            stored_columns.insert(),
            [
                {**edition, "part": part, **at._asdict(), "checksum": crc32(content), "content": content}
                for part, content in parts.items()
            ],
        )


def forget_columns(connection: Connection, projection: Projection) -> None:
    """Delete the columns that were read from tables that are replaced now, in the same transaction."""
    forget_edition(connection, projection.name, projection.version, zone_data_version())


def forget_edition(connection: Connection, name: str, version: int, zone_data: str) -> None:
    """Delete the columns of an edition of a projection."""
    if tables_of(connection, [stored_columns.name]):
        columns = stored_columns.c
        mine = columns.projection == name, columns.version == version, columns.zone_data == zone_data
        connection.execute(stored_columns.delete().where(*mine))


def _is_of(projection: Projection, name: str) -> ColumnElement[bool]:
    columns = stored_columns.c
    key = columns.projection, columns.version, columns.zone_data, columns.of
    return and_(*(column == value for column, value in zip(key, _columns_of(projection, name), strict=True)))
