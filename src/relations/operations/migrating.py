"""Migration: the tables of a log that an older version made, brought to the form of this version. Forward only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from sqlalchemy import Column, Connection, Index, Table, inspect
from sqlalchemy.schema import CreateColumn

from relations.engine import Relations
from relations.log.consuming.positions import consumers
from relations.log.database import tables_of
from relations.log.tables import MARKED, MARKS_VERSION, fact, metadata, record_facts
from relations.relay.dead_letters import dead_letters

__all__ = ["MigrationReport", "MigrationStep", "migrate"]

_OPTIONAL = (consumers, dead_letters)
"""Tables that are made when they are first needed."""
# A column that a new version adds to a table is nullable or has a default of the server's, or no row would fit it.


class MigrationStep(msgspec.Struct, frozen=True):
    """One change that a migration makes.

    Attributes:
        table: The table.
        change: The change, such as `add the column note`.
    """

    table: str
    change: str


class MigrationReport(msgspec.Struct, frozen=True):
    """The steps of a migration.

    Attributes:
        steps: What was done, or with `dry_run` what would be done. Empty if the tables have this version's form.
        is_done: False for a dry run.
    """

    steps: list[MigrationStep]
    is_done: bool


def migrate(
    engine: Relations, *, dry_run: bool = False, on_progress: Callable[[int, int], None] | None = None
) -> MigrationReport:
    """Bring the log's own tables to the form of this version. No event is changed, and nothing is removed.

    Missing tables, columns and indexes are made in one transaction under the write lock. Then the words of a log
    without an index of people are indexed, which may be interrupted and repeated. Views are not touched: they bring
    themselves up to date. Missing triggers are not made, because `verify` reports them as a sign of tampering.

    Args:
        engine: The engine of the log. A log of a newer version cannot be opened.
        dry_run: Change nothing, and report what would be done.
        on_progress: Called with the number of events indexed so far, and of all.

    Raises:
        ForeignDatabase: The engine was opened for reading, and this is not a dry run.
    """
    database = engine.log.database
    with database.reading() as connection:
        is_indexed = fact(connection, MARKED) == MARKS_VERSION
    if dry_run:
        with database.reading() as connection:
            found = [step for step, _make in _steps(connection)]
    else:
        database.refuse_read_only()
        with database.writing() as connection:
            made = list(_steps(connection))
            found = [step for step, _make in made]
            for _step, make in made:
                make(connection)
            if made:
                record_facts(connection, {})
    if not is_indexed:
        found.append(MigrationStep("relations_marks", "index the names, numbers and addresses of all customers"))
        if not dry_run:
            engine.index_people(on_progress=on_progress)
    return MigrationReport(found, not dry_run)


_Made = tuple[MigrationStep, Callable[[Connection], object]]


def _steps(connection: Connection) -> Iterator[_Made]:
    """Yield each change that is needed, with the function that makes it."""
    every = [*metadata.sorted_tables, *_OPTIONAL]
    there = tables_of(connection, [table.name for table in every])
    for table in every:
        if table.name in there:
            yield from _steps_within(connection, table)
        elif table not in _OPTIONAL:
            yield MigrationStep(str(table.name), "create the table"), _creating(table)


def _steps_within(connection: Connection, table: Table) -> Iterator[_Made]:
    found = inspect(connection)
    columns = {each["name"] for each in found.get_columns(table.name)}
    for column in table.columns:
        if column.name not in columns:
            yield MigrationStep(str(table.name), f"add the column {column.name}"), _adding(table, column)
    indexes = {each["name"] for each in found.get_indexes(table.name)}
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if index.name not in indexes:
            yield MigrationStep(str(table.name), f"create the index {index.name}"), _indexing(index)


def _creating(table: Table) -> Callable[[Connection], object]:
    return lambda connection: table.create(connection, checkfirst=True)


def _indexing(index: Index) -> Callable[[Connection], object]:
    return lambda connection: index.create(connection, checkfirst=True)


def _adding(table: Table, column: Column[object]) -> Callable[[Connection], object]:
    def add(connection: Connection) -> None:
        described = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {described}")

    return add
