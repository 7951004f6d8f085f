"""Reading aliases: the tables of `relations.projections.running.aliases`, as views and histories need them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import CTE, Connection, select

from relations.aggregates.customer import CustomerAbsorbed, CustomerMerged, CustomerReleased, CustomerUnmerged
from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.tables import log
from relations.projections.projection import Projection
from relations.projections.running.aliases import NONE, PROJECTION, Alias, Aliases
from relations.projections.running.fold_state import FoldState, FoldStateReader
from relations.projections.running.tables import RowTable

__all__ = ["AliasReader", "ids_in_log"]


class AliasReader:
    """Reads the aliases of a database; while nothing changes, that is one look into an index.

    Args:
        database: Where the tables are.
        is_filled_whole: The database gets the aliases and the tables of one projection in one transaction, as that of a
            past does. They are then of the same state.

    Attributes:
        fold_states: Reads the head of the log and the places of projections.
        is_filled_whole: The same.
    """

    def __init__(self, database: Database, *, is_filled_whole: bool = False) -> None:
        self.fold_states = FoldStateReader(database, has_log=not is_filled_whole)
        self.is_filled_whole = is_filled_whole
        self._database = database
        self._rows = RowTable.of(database, PROJECTION, Alias)
        table = self._rows.table
        self._merged = select(table).where(table.c.survivor.is_not(None))
        self._known: tuple[int, Aliases] = (0, NONE)

    def read(self, connection: Connection) -> Aliases:
        """Return the aliases as the tables have them; none if nothing was folded yet."""
        if not self.fold_states.exist():
            return NONE
        position = self.fold_states.read(connection, ()).aliases
        known, aliases = self._known
        if position != known:
            decode = self._rows.decode
            found = connection.execute(self._merged)
            aliases = Aliases.of([decode(row) for row in found])
            self._known = position, aliases
        return aliases

    def agree(self, fold_state: FoldState, projections: Sequence[Projection]) -> bool:
        """Return whether the aliases are of the same state as the tables of projections, as far as merges go."""
        if self.is_filled_whole:
            return True
        known, *others = (fold_state.places[each.name] for each in (PROJECTION, *projections))
        if known is None:
            return True  # the aliases have not been folded yet
        return all(each is None or fold_state.aliases <= each.position <= known.position for each in others)

    def survivors(self) -> CTE:
        """Return all merged ids as a table of a query: `customer`, and `survivor`, the id that views answer for."""
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


_MERGING = (CustomerMerged, CustomerUnmerged, CustomerAbsorbed, CustomerReleased)


def ids_in_log(connection: Connection, codec: Codec, customer: str, *, until: int | None = None) -> list[str]:
    """Return all ids of one customer from the log alone, in order, so that histories wait for no view.

    Args:
        connection: Sees the log.
        codec: Decodes its events.
        customer: Any of the ids.
        until: The last position to consider; None is the head.
    """
    nexts: dict[str, str | None] = {}
    found, open_ids = [], [customer]
    while open_ids:
        name = open_ids.pop()
        if name in nexts:
            continue
        into, absorbed = _neighbours(connection, codec, name, until)
        nexts[name] = into
        found.append(name)
        open_ids += absorbed if into is None else [*absorbed, into]
    # An id that says that it took another in proves nothing; the other one has to say so too.
    aliases = Aliases.of([Alias(name, into) for name, into in nexts.items()])
    return sorted(name for name in found if aliases.survivor(name) == aliases.survivor(customer))


def _neighbours(connection: Connection, codec: Codec, customer: str, until: int | None) -> tuple[str | None, list[str]]:
    """Return the id that an id was merged into, and those that it absorbed."""
    into: str | None = None
    absorbed: list[str] = []
    columns = log.c.topic, log.c.schema, log.c.body
    ours = [log.c.stream == f"customer-{customer}", log.c.topic.in_([event.topic for event in _MERGING])]
    if until is not None:
        ours.append(log.c.position <= until)
    for topic, schema, body in connection.execute(select(*columns).where(*ours).order_by(log.c.version)):
        match codec.decode(topic, schema, body):
            case CustomerMerged() as event:
                into = event.into
            case CustomerUnmerged():
                into = None
            case CustomerAbsorbed() as event:
                absorbed.append(event.merged)
            case CustomerReleased() as event:
                absorbed = [name for name in absorbed if name != event.merged]
    return into, absorbed
