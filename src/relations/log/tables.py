"""The tables of the log, and the triggers that keep it append-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

__all__ = ["COLUMNS", "FOREIGN", "FORMAT", "keys", "log", "meta", "metadata", "snapshots", "tracking"]

FORMAT = 1
"""The format of these tables. A log with a higher one was written by a newer version."""

FOREIGN = 0
"""The schema of events of other applications, which are stored unchanged."""

metadata = MetaData()

# Names compare byte by byte on both databases, because shards are ranges of customers.
_Name = Text().with_variant(Text(collation="C"), "postgresql")
_Position = BigInteger().with_variant(Integer(), "sqlite")

log = Table(
    "relations_log",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("stream", _Name, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("topic", _Name, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("customer", _Name, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("command_id", _Name, nullable=False),
    Column("command_seq", Integer, nullable=False),
    Column("command_hash", LargeBinary, nullable=True),
    Column("cause", Text, nullable=True),
    Column("body", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    UniqueConstraint("stream", "version", name="relations_log_stream"),
    UniqueConstraint("command_id", "command_seq", name="relations_log_command"),
    Index("relations_log_customer", "customer", "position"),
)
"""The table of the log: one row per event, in one gap-free order."""

COLUMNS = tuple(column.name for column in log.columns)
"""The log's columns in order. The chain covers all except the last, which is the digest."""

snapshots = Table(
    "relations_snapshots",
    metadata,
    Column("stream", _Name, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The table of snapshots of long streams. It can be emptied at any time, because the log has all facts."""

keys = Table(
    "relations_keys",
    metadata,
    Column("customer", _Name, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""The table of keys for personal words, one per customer. Erasing a customer leaves an empty key."""

tracking = Table(
    "relations_tracking",
    metadata,
    Column("follower", _Name, primary_key=True),
    Column("application", _Name, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""The table of positions up to which one eventsourcing application has followed another, one row per pair."""

meta = Table(
    "relations_meta",
    metadata,
    Column("name", _Name, primary_key=True),
    Column("value", Text, nullable=False),
)
"""The table of facts about the database, such as the log's format."""

# SQLAlchemy's DDL has no annotations of its own yet; this gives it the one it needs.
_ddl: Callable[[str], Any] = cast("Any", DDL)

for _verb in ("UPDATE", "DELETE"):
    event.listen(
        log,
        "after_create",
        _ddl(
            f"CREATE TRIGGER relations_log_no_{_verb.lower()} BEFORE {_verb} ON relations_log "
            "BEGIN SELECT RAISE(ABORT, 'relations: the log is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )

# INSERT OR REPLACE removes rows without firing the trigger before DELETE, so this trigger refuses it.
event.listen(
    log,
    "after_create",
    _ddl(
        "CREATE TRIGGER relations_log_no_replace BEFORE INSERT ON relations_log WHEN EXISTS "
        "(SELECT 1 FROM relations_log WHERE position >= NEW.position) OR EXISTS "
        "(SELECT 1 FROM relations_log WHERE stream = NEW.stream AND version = NEW.version) OR EXISTS "
        "(SELECT 1 FROM relations_log WHERE command_id = NEW.command_id AND command_seq = NEW.command_seq) "
        "BEGIN SELECT RAISE(ABORT, 'relations: the log is append-only'); END"
    ).execute_if(dialect="sqlite"),
)

event.listen(
    log,
    "after_create",
    _ddl(
        "CREATE OR REPLACE FUNCTION relations_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''relations: the log is append-only''; END'"
    ).execute_if(dialect="postgresql"),
)
event.listen(
    log,
    "after_create",
    _ddl(
        "CREATE TRIGGER relations_log_no_change BEFORE UPDATE OR DELETE ON relations_log "
        "FOR EACH ROW EXECUTE FUNCTION relations_log_refuse()"
    ).execute_if(dialect="postgresql"),
)
event.listen(
    log,
    "after_create",
    _ddl(
        "CREATE TRIGGER relations_log_no_truncate BEFORE TRUNCATE ON relations_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION relations_log_refuse()"
    ).execute_if(dialect="postgresql"),
)
