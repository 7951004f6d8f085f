"""The sessions of PostgreSQL: their settings, also behind a pooler and in a schema of their own."""

from relations.log.postgres.sessions import Sessions

__all__ = ["Sessions"]
