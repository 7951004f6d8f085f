"""Statements that are compiled once, and the tables that exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Dialect, Table, any_, bindparam, func, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import ClauseElement

from relations.extras import Later

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql
else:
    postgresql = Later("sqlalchemy.dialects.postgresql")

__all__ = ["CompiledStatement", "among", "compiled", "create_tables", "insert_into", "tables_of"]


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """A Core statement, compiled once for the driver's cursor.

    Attributes:
        sql: The driver's SQL, with positional parameters.
        names: The parameters' names, in order.
        defaults: Values of parameters that the statement itself supplies.
    """

    sql: str
    names: tuple[str, ...]
    defaults: dict[str, Any]

    def bind(self, **values: Any) -> tuple[Any, ...]:
        """Return the parameters in order."""
        merged = {**self.defaults, **values}
        return tuple([merged[name] for name in self.names])


def compiled(statement: ClauseElement, dialect: Dialect) -> CompiledStatement:
    """Compile a Core statement for the driver's own cursor, with positional parameters."""
    found: Any = statement.compile(dialect=dialect)
    return CompiledStatement(str(found), tuple(found.positiontup or ()), dict(found.params))


def insert_into(table: Table, dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that may say what happens on a conflict, in the database's own dialect."""
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)


def among(column: ColumnElement[Any], name: str, dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition that a column is among any number of values, given as one parameter."""
    if dialect.name == "sqlite":
        values = func.json_each(bindparam(name)).table_valued("value")
        return column.in_(select(values.c.value))
    return column == any_(bindparam(name))


_SQLITE_TABLES = text("SELECT name FROM sqlite_master WHERE type = 'table'")
_POSTGRESQL_TABLES = text(
    "SELECT relname FROM pg_class"
    " WHERE relname = ANY (CAST(:names AS name[])) AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)"
)


def tables_of(connection: Connection, names: Sequence[str]) -> set[str]:
    """Return those of the tables that exist."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(_SQLITE_TABLES)
    else:
        found = connection.execute(_POSTGRESQL_TABLES, {"names": [*names]})
    return {row[0] for row in found} & set(names)


def create_tables(connection: Connection, tables: Iterable[Table]) -> None:
    """Create the tables that are missing, with their indexes. Their SQL is compiled once for each kind of database."""
    dialect = connection.dialect
    cursor = connection.connection.cursor()  # the driver's: a new log has sixty statements
    for table in tables:
        key = f"creation on {dialect.name}"
        if key not in table.info:
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            parts: list[Any] = [
                CreateTable(table, if_not_exists=True),
                *(CreateIndex(each, if_not_exists=True) for each in indexes),
            ]
            table.info[key] = [str(part.compile(dialect=dialect)) for part in parts]
        for statement in table.info[key]:
            cursor.execute(statement)
