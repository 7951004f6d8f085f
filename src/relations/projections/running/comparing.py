"""Comparing tables with a refold of the log, customer by customer, so that memory does not grow with the customers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from relations.errors import ProjectionFailed
from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.log import Log, Shard
from relations.policies.calendars import local_time
from relations.projections.gc_pause import collector_paused
from relations.projections.projection import Projection, Row, Tally
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.tables import RowTable

__all__ = ["Comparison", "Difference"]

_EVERYBODY = Shard(None, None)
_STRETCH = 5_000
"""Events folded before the rows of the customers that are complete are compared."""
_CUSTOMER = COLUMNS.index("customer")
_SHOWN = 120

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """The first place in which tables differ from their refold.

    Attributes:
        table: The table's name.
        key: The row's key.
        column: The first column that differs; None where a whole row is missing or unexpected.
        found: The value in the table; None where the row is missing.
        expected: The value of the refold; None where the row is unexpected.
    """

    table: str
    key: Values
    column: str | None
    found: Any
    expected: Any

    def __str__(self) -> str:
        """Return a sentence for people."""
        row = f"{self.table}, row {', '.join(map(str, self.key))}"
        if self.column is not None:
            return f"{row}, column {self.column}: found {_shown(self.found)}, expected {_shown(self.expected)}"
        if self.found is None:
            return f"{row}: is missing, expected {_shown(self.expected)}"
        return f"{row}: found {_shown(self.found)}, expected no such row"


@dataclass
class Comparison:
    """Compares the tables of projections that have come equally far with a refold, within one read transaction.

    Attributes:
        log: The log.
        codec: Decodes its events.
        projections: What to fold again.
        tables: By projection's name, the tables of its rows.
        zone: The IANA zone of the business's days and months.
        differences: By projection's name, the first difference.
        counts: By projection's name, how many rows differ.
        failures: By projection's name, those that cannot fold an event.
        folded: How many events were folded.
    """

    log: Log
    codec: Codec
    projections: Sequence[Projection]
    tables: Mapping[str, Mapping[type[Row], RowTable]]
    zone: str
    differences: dict[str, Difference] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, ProjectionFailed] = field(default_factory=dict)
    folded: int = 0

    def run(
        self,
        connection: Connection,
        until: int,
        on_count: Callable[[int], None] = lambda _count: None,
        on_page: Callable[[Sequence[Values]], None] | None = None,
    ) -> None:
        """Compare.

        Args:
            connection: The read transaction.
            until: The position that the tables have come to.
            on_count: Called with the number of events folded since the last call.
            on_page: Called with each page of events, in the order of customers and positions.
        """
        folding = Folding(self.codec, self.projections, local_time(self.zone))
        first = ""
        with collector_paused():
            for page in self._stretches(connection, until):
                folding.fold((page,))
                if on_page is not None:
                    on_page(page)
                # Of the last customer there may be more to come.
                first = self._compare(connection, folding, first, page[-1][_CUSTOMER])
                on_count(len(page))
            self._compare(connection, folding, first, None)
        self.failures.update(folding.failures)
        self.folded = folding.count

    def _stretches(self, connection: Connection, until: int) -> Iterator[list[Values]]:
        pages = self.log.scan_by_customer(connection, COLUMNS, until=until, shard=_EVERYBODY)
        stretch: list[Values] = []
        for page in pages:
            stretch += page
            if len(stretch) >= _STRETCH:
                yield stretch
                stretch = []
        if stretch:
            yield stretch

    def _compare(self, connection: Connection, folding: Folding, first: str, last: str | None) -> str:
        """Compare the rows of customers from `first` to before `last`, and at the end, without `last`, the tallies."""
        for projection in self.projections:
            name = projection.name
            complete = folding.rows[name].complete(last)
            if name in folding.failures:
                continue
            for row, table in self.tables[name].items():
                if issubclass(row, Tally) and last is not None:
                    continue
                expected = table.encode_all(complete.get(row, ()))
                if _is_equal(self.log.database, connection, table, expected, first, last):
                    continue
                found = list(_differences(connection, table, expected, first, last))
                for difference in sorted(found, key=lambda each: tuple(map(str, each.key))):
                    self.differences.setdefault(name, difference)
                    self.counts[name] = self.counts.get(name, 0) + 1
        return first if last is None else last


def _differences(
    connection: Connection, table: RowTable, expected: Sequence[Values], first: str, last: str | None
) -> Iterator[Difference]:
    """Yield every row of a range of customers that is missing, unexpected or other than expected."""
    width, columns = len(table.row.key), table.table.c
    statement = select(table.table).order_by(*table.table.primary_key)
    if not table.is_tally:
        statement = statement.where(columns.customer >= first)
        statement = statement if last is None else statement.where(columns.customer < last)
    open_rows = {values[:width]: values for values in expected}
    stored = iter(connection.execute(statement))
    while part := list(islice(stored, _STRETCH)):
        for values in map(tuple, part):
            wanted = open_rows.pop(values[:width], None)
            if wanted is None:
                yield Difference(table.label, values[:width], None, values[width:], None)
            elif wanted != values:
                at = next(index for index, pair in enumerate(zip(values, wanted, strict=True)) if pair[0] != pair[1])
                yield Difference(table.label, values[:width], table.names[at], values[at], wanted[at])
    for key, values in open_rows.items():
        yield Difference(table.label, key, None, None, values[width:])


def _is_equal(
    database: Database, connection: Connection, table: RowTable, expected: list[Values], first: str, last: str | None
) -> bool:
    """Return whether the stored rows of a range of customers are the expected ones. The comparison itself runs in C."""
    columns = table.table.c

    def build() -> Select[Any]:
        wanted = select(table.table).order_by(*table.table.primary_key)
        if not table.is_tally:
            wanted = wanted.where(columns.customer >= bindparam("first"))
        return wanted if last is None else wanted.where(columns.customer < bindparam("last"))

    statement = database.compile_once((_is_equal, table, last is None), build)
    cursor = database.cursor(connection)
    cursor.execute(statement.sql, statement.bind(first=first, last=last))
    # A fold may make the rows of one customer in any order. Keys come first and differ: the order is theirs.
    return bool(cursor.fetchmany(len(expected) + 1) == sorted(expected))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
