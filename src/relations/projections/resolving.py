"""How views find out who is merged: the tables of `relations.projections.aliases`, read and joined."""

from __future__ import annotations

from sqlalchemy import CTE, Connection, func, select

from relations.log.database import Database, tables_of
from relations.projections.aliases import NONE, PROJECTION, Alias, Aliases
from relations.projections.tables import RowTable

__all__ = ["AliasReader"]


class AliasReader:
    """Reads the aliases of a database; while nothing changes, that is one look into an index.

    Args:
        database: Where the tables are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = RowTable(database, PROJECTION, Alias)
        self._exists = False
        self._known: tuple[int, Aliases] = (0, NONE)

    def read(self, connection: Connection) -> Aliases:
        """The aliases as the tables have them; none where nothing was folded yet."""
        table = self._rows.table
        if not self._exists:
            if table.name not in tables_of(connection, [table.name]):
                return NONE
            self._exists = True
        position = connection.execute(select(func.max(table.c.position))).scalar() or 0
        known, aliases = self._known
        if position != known:
            decode = self._rows.decode
            found = connection.execute(select(table).where(table.c.survivor.is_not(None)))
            aliases = Aliases.of([decode(row) for row in found])
            self._known = position, aliases
        return aliases

    def survivors(self) -> CTE:
        """All merged ids as a table of a query: `customer`, and `survivor`, the id that views answer for."""
        first, table = self._rows.table.alias("first"), self._rows.table
        beyond = table.alias("beyond")
        ended = (
            ~select(beyond.c.customer)
            .where(beyond.c.customer == first.c.survivor, beyond.c.survivor.is_not(None))
            .exists()
        )
        found = (
            select(first.c.customer, first.c.survivor)
            .where(first.c.survivor.is_not(None), ended)
            .cte("survivors", recursive=True)
        )
        nearer = table.alias("nearer")
        return found.union_all(
            select(nearer.c.customer, found.c.survivor).join(found, nearer.c.survivor == found.c.customer)
        )
