"""SQLAlchemy's dialects, equal where they speak alike, so that engines share the statements that it compiles.

SQLAlchemy keeps compiled statements for each of its own engines. Compiling takes longer than most statements run, and
each log that a process opens would compile all of them again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

__all__ = ["Alike", "SQLiteDialect", "with_shared_statements"]

_DRIVER = "relations"
_STATEMENTS_MAX = 2_000
_compiled: LRUCache[Any, Any] = LRUCache(_STATEMENTS_MAX)


class Alike:
    """A dialect that equals every other of its class for the same version of the server."""

    server_version_info: tuple[Any, ...] | None
    paramstyle: str

    def _form(self) -> tuple[Any, ...]:
        return type(self), self.server_version_info, self.paramstyle

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and self._form() == other._form()

    def __hash__(self) -> int:
        return hash(type(self))


class SQLiteDialect(Alike, SQLiteDialect_pysqlite):
    """SQLAlchemy's own dialect of SQLite."""

    supports_statement_cache = True


registry.register(f"sqlite.{_DRIVER}", __name__, SQLiteDialect.__name__)
registry.register(f"postgresql.{_DRIVER}", "relations.log.postgres.dialect", "PostgreSQLDialect")


def with_shared_statements(url: URL) -> dict[str, Any]:
    """Return arguments of `create_engine` with which an engine shares compiled statements with all others."""
    shared = url.set(drivername=f"{url.get_backend_name()}+{_DRIVER}")
    return {"url": shared, "execution_options": {"compiled_cache": _compiled}}
