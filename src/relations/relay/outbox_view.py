"""A view of the log in the column layout of Debezium's outbox event router, for PostgreSQL.

Connectors that query a table or view can read it in order of `position`, such as the JDBC source of Kafka Connect. It
shows bodies as they are stored: personal words are sealed, and old forms are not brought to the newest one.
"""

from __future__ import annotations

from sqlalchemy import text

from relations.errors import InvalidInput
from relations.log.database import Database

__all__ = ["OUTBOX_VIEW", "create_outbox_view", "drop_outbox_view"]

OUTBOX_VIEW = "relations_outbox"

_CREATE = """
CREATE OR REPLACE VIEW relations_outbox AS
SELECT stream || '@' || version AS id,
       split_part(topic, '.', 1) AS aggregatetype,
       CASE WHEN customer = '' THEN stream ELSE customer END AS aggregateid,
       topic AS type,
       convert_from(body, 'UTF8')::jsonb AS payload,
       to_timestamp(occurred_at / 1000000.0) AS "timestamp",
       position,
       "schema" AS schema_version,
       encode(digest, 'hex') AS digest
FROM relations_log
WHERE "schema" > 0
"""


def create_outbox_view(database: Database) -> None:
    """Create the view `relations_outbox`, or bring it up to date.

    Raises:
        InvalidInput: The database is not PostgreSQL.
    """
    _must_be_postgresql(database)
    with database.transaction() as connection:
        connection.execute(text(_CREATE))


def drop_outbox_view(database: Database) -> None:
    """Drop the view if it exists. The log is unchanged."""
    _must_be_postgresql(database)
    with database.transaction() as connection:
        connection.execute(text(f"DROP VIEW IF EXISTS {OUTBOX_VIEW}"))


def _must_be_postgresql(database: Database) -> None:
    if database.is_sqlite:
        raise InvalidInput(
            "the outbox view is for PostgreSQL, and this log is in SQLite",
            code="unsupported_database",
            field="database",
            hint="Use a relay instead",
        )
