"""SQLAlchemy's dialects, equal where they speak alike, so that engines share the statements that it compiles.

SQLAlchemy keeps compiled statements for each of its own engines. Compiling takes longer than most statements run, and
each log that a process opens would compile all of them again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

__all__ = ["PostgreSQLDialect", "SQLiteDialect", "with_shared_statements"]

_DRIVER = "relations"
_STATEMENTS_MAX = 2_000
_compiled: LRUCache[Any, Any] = LRUCache(_STATEMENTS_MAX)


class _Alike:
    """A dialect that equals every other of its class for the same version of the server."""

    server_version_info: tuple[Any, ...] | None
    paramstyle: str

    def _form(self) -> tuple[Any, ...]:
        return type(self), self.server_version_info, self.paramstyle

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Alike) and self._form() == other._form()

    def __hash__(self) -> int:
        return hash(type(self))


class SQLiteDialect(_Alike, SQLiteDialect_pysqlite):
    """SQLAlchemy's own dialect of SQLite."""

    supports_statement_cache = True


class PostgreSQLDialect(_Alike, PGDialect_psycopg):
    """SQLAlchemy's own dialect of PostgreSQL with the driver psycopg."""

    supports_statement_cache = True


for _kind, _dialect in (("sqlite", SQLiteDialect), ("postgresql", PostgreSQLDialect)):
    registry.register(f"{_kind}.{_DRIVER}", __name__, _dialect.__name__)


def with_shared_statements(url: URL) -> dict[str, Any]:
    """Return arguments of `create_engine` with which an engine shares compiled statements with all others."""
    shared = url.set(drivername=f"{url.get_backend_name()}+{_DRIVER}")
    return {"url": shared, "execution_options": {"compiled_cache": _compiled}}
