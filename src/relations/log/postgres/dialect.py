"""SQLAlchemy's dialect of PostgreSQL. It is loaded for a URL of PostgreSQL, and not where only SQLite is used."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from relations.log.database.dialects import Alike

__all__ = ["PostgreSQLDialect"]


class PostgreSQLDialect(Alike, PGDialect_psycopg):
    """SQLAlchemy's own dialect of PostgreSQL with the driver psycopg."""

    supports_statement_cache = True
