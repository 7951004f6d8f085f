"""The head of the log and how far projections have folded it: every question asks for both with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    cast,
    column,
    func,
    null,
    select,
    table,
)

from relations.log.chain import GENESIS
from relations.log.database import Database, tables_of
from relations.log.log import Head
from relations.log.tables import log
from relations.policies.calendars import zone_data_version
from relations.projections.projection import Projection
from relations.projections.running.aliases import PROJECTION, Alias
from relations.projections.running.checkpoints import checkpoints
from relations.projections.running.tables import RowTable

__all__ = ["FoldState", "FoldStateReader", "Place", "is_missing"]


class Place(NamedTuple):
    """The place that the tables of a projection have reached.

    Attributes:
        position: The last position of the log that was folded into them.
        zone: The zone of their days and months.
        failed_at: The position of the event that it stopped at, if it did.
        generation: A number that changes when a rebuild switches them, in any process.
    """

    position: int
    zone: str
    failed_at: int | None
    generation: int


class FoldState(NamedTuple):
    """The head of the log and the places of projections, in one state of the database.

    While it is the same, so is every answer.

    Attributes:
        head: The last position of the log and its digest; None where there is no log.
        aliases: The position of the last change of who is merged.
        places: The places of projections by name; None for one that was never folded.
    """

    head: Head | None
    aliases: int
    places: Mapping[str, Place | None]

    def is_behind(self, projections: Iterable[Projection], zone: str) -> bool:
        """Return True if events, or days of another zone, are to be folded into any of these projections."""
        if self.head is None:
            return False
        end = self.head.position
        return any(is_missing(self.places[each.name], end, zone) for each in projections)


def is_missing(place: Place | None, end: int, zone: str) -> bool:
    """Return True if the tables of a projection lack something up to a position, or have days of another zone."""
    return place is None or place.position < end or place.zone != zone


class FoldStateReader:
    """A reader of the head of the log and the places of projections.

    Args:
        database: The database.
        has_log: The database has the log, too; that of a past has only tables.
    """

    def __init__(self, database: Database, *, has_log: bool = True) -> None:
        self._database = database
        self._has_log = has_log
        self._aliases = RowTable.of(database, PROJECTION, Alias).table
        self._exist = self._has_aliases = False

    def exist(self) -> bool:
        """Return True if there are tables that can be asked."""
        if not self._has_aliases:
            with self._database.reading() as connection:
                there = tables_of(connection, [checkpoints.name, self._aliases.name])
            self._exist, self._has_aliases = checkpoints.name in there, self._aliases.name in there
        return self._exist

    def read(self, connection: Connection, projections: Sequence[Projection]) -> FoldState:
        """Return the head of the log and the places of some projections. Within a snapshot, each is read once.

        Args:
            connection: Sees the tables, which exist.
            projections: The projections; the aliases are always among them.
        """
        database = self._database
        known = database.noted(connection, FoldState)
        if known is not None and all(each.name in known.places for each in projections):
            return known
        query, values = self._asked(projections)
        found = self._found(projections, database.cursor(connection, binary=True).execute(query, values).fetchall())
        database.note(connection, found)
        if found.head is not None:
            database.note(connection, found.head)
        return found

    def read_alone(self, projections: Sequence[Projection]) -> FoldState:
        """Return the same as `read`, in a transaction of its own."""
        return self._found(projections, self._database.fetch_alone(*self._asked(projections)))

    def _asked(self, projections: Sequence[Projection]) -> tuple[str, tuple[Any, ...]]:
        """Return the statement and its parameters."""
        names = [each.name for each in (PROJECTION, *projections)]
        key = "fold_state", self._has_log, self._has_aliases, self._aliases.name
        query = self._database.compile_once(key, self._statement)
        return query.sql, query.bind(names=self._database.many(names), zone_data=zone_data_version())

    def _found(self, projections: Sequence[Projection], rows: Sequence[Sequence[Any]]) -> FoldState:
        versions = {each.name: each.version for each in (PROJECTION, *projections)}
        places: dict[str, Place | None] = dict.fromkeys(versions)
        for name, version, *place in (row[3:] for row in rows):
            if versions.get(name) == version:
                places[name] = Place(*place)
        position, digest, aliases = rows[0][:3]
        head = Head(position, bytes(digest)) if position else Head(0, GENESIS)
        return FoldState(head if self._has_log else None, aliases or 0, places)

    def _statement(self) -> Select[Any]:
        head, digest, aliases = (select(null()) for _ in range(3))
        if self._has_log:
            head = select(func.max(log.c.position))
            digest = select(log.c.digest).order_by(log.c.position.desc()).limit(1)
        if self._has_aliases:
            aliases = select(func.max(self._aliases.c.position))
        now = select(
            head.scalar_subquery().label("head"),
            digest.scalar_subquery().label("digest"),
            aliases.scalar_subquery().label("aliases"),
        ).subquery()
        columns = checkpoints.c
        these = and_(columns.zone_data == bindparam("zone_data"), self._database.among(columns.name, "names"))
        place = columns.position, columns.zone, columns.failed_at, self._generation()
        return select(*now.c, columns.name, columns.version, *place).select_from(now.outerjoin(checkpoints, these))

    def _generation(self) -> ColumnElement[Any]:
        """Return the identity of a projection's first table; on SQLite, that of all tables together."""
        if self._database.is_sqlite:
            return select(column("schema_version")).select_from(table("pragma_schema_version")).scalar_subquery()
        first = cast(checkpoints.c.tables, JSON)[0].as_string()
        return func.coalesce(cast(func.to_regclass(func.quote_ident(first)), BigInteger), 0)
