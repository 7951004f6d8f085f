"""Statements that are compiled once, and the tables that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

__all__ = ["CompiledStatement", "tables_of"]


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
        return tuple(merged[name] for name in self.names)


def tables_of(connection: Connection, names: Sequence[str]) -> set[str]:
    """Return those of the tables that exist."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
    else:
        found = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))")
        )
    return {row[0] for row in found} & set(names)
