"""The tables of the log, the triggers that keep it append-only, and the recording of facts about the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    select,
)

__all__ = [
    "COLUMNS",
    "CREATE_TRIGGERS",
    "FOREIGN",
    "FORMAT",
    "MARKED",
    "MARKS_VERSION",
    "PURGE_OWED",
    "TRIGGERS",
    "WITH_DIGESTS",
    "facts_digests",
    "keys",
    "log",
    "marks",
    "meta",
    "metadata",
    "record_facts",
    "snapshots",
    "tracking",
]

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

marks = Table(
    "relations_marks",
    metadata,
    Column("mark", BigInteger, primary_key=True, autoincrement=False),
    Column("customer", _Name, primary_key=True),
    Index("relations_marks_customer", "customer"),
    sqlite_with_rowid=False,
)
"""The table of marks, by which customers are found although their words are sealed."""

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

_REFUSAL = "relations: the log is append-only"
_REFUSE_ON_SQLITE = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
_REFUSE_ON_POSTGRESQL = f"BEGIN RAISE EXCEPTION '{_REFUSAL}'; END"

# INSERT OR REPLACE removes rows without firing the trigger before DELETE, so this trigger refuses it.
_NO_REPLACE = (
    "CREATE TRIGGER relations_log_no_replace BEFORE INSERT ON relations_log WHEN EXISTS "
    "(SELECT 1 FROM relations_log WHERE position >= NEW.position) OR EXISTS "
    "(SELECT 1 FROM relations_log WHERE stream = NEW.stream AND version = NEW.version) OR EXISTS "
    "(SELECT 1 FROM relations_log WHERE command_id = NEW.command_id AND command_seq = NEW.command_seq) "
)

TRIGGERS: dict[str, dict[str, str]] = {
    "sqlite": {
        "relations_log_no_update": "CREATE TRIGGER relations_log_no_update BEFORE UPDATE ON relations_log "
        + _REFUSE_ON_SQLITE,
        "relations_log_no_delete": "CREATE TRIGGER relations_log_no_delete BEFORE DELETE ON relations_log "
        + _REFUSE_ON_SQLITE,
        "relations_log_no_replace": _NO_REPLACE + _REFUSE_ON_SQLITE,
    },
    "postgresql": {
        "relations_log_no_change": f"27 {_REFUSE_ON_POSTGRESQL}",
        "relations_log_no_truncate": f"34 {_REFUSE_ON_POSTGRESQL}",
    },
}
"""By dialect, each trigger as the database describes it. On SQLite that is its statement. On PostgreSQL it is its
`tgtype` (27: before UPDATE or DELETE, for each row; 34: before TRUNCATE) and the source of its function."""

_ON_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION relations_log_refuse() RETURNS trigger "
    f"LANGUAGE plpgsql AS $${_REFUSE_ON_POSTGRESQL}$$;"
    "CREATE TRIGGER relations_log_no_change BEFORE UPDATE OR DELETE ON relations_log "
    "FOR EACH ROW EXECUTE FUNCTION relations_log_refuse();"
    "CREATE TRIGGER relations_log_no_truncate BEFORE TRUNCATE ON relations_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION relations_log_refuse()"
)
CREATE_TRIGGERS: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(TRIGGERS["sqlite"].values()),
    "postgresql": (_ON_POSTGRESQL,),
}
"""By dialect, the statements that create the triggers of a new log."""


# --- facts ----------------------------------------------------------------------------------------------------------

_DIGESTS = "digests"
WITH_DIGESTS = "with digests of its facts"
"""The end of the fact `created_by` in a log that has had digests of its facts from the beginning."""
MARKED = "people_indexed"
"""The name of the fact that customers can be found by the words of the log; see `relations.log.people.marks`."""
MARKS_VERSION = "1"
"""The version of the words that marks are made of."""
PURGE_OWED = "purge_owed"
"""The name of the fact that a destroyed key is still in the database's files."""
_UNCHECKED = (_DIGESTS, PURGE_OWED)
_DIGEST_DIGITS = 16


def facts_digests(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the digest of each fact that has one recorded next to it, by name."""
    return {
        name: sha256(f"{name}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
        for name, value in facts.items()
        if name not in _UNCHECKED
    }


_FACT = select(meta.c.value).where(meta.c.name == bindparam("fact"))
_FACTS = select(meta)
_FORMER = meta.delete().where(meta.c.name.in_(bindparam("facts", expanding=True)))
_INSERT = meta.insert()


def fact(connection: Connection, name: str) -> str | None:
    """Return a fact of `relations_meta`, or None if it is not recorded."""
    found: str | None = connection.execute(_FACT, {"fact": name}).scalar()
    return found


def record_facts(connection: Connection, facts: Mapping[str, str]) -> None:
    """Record facts in `relations_meta`, in place of former ones, with the digests that `verify` compares.

    A log of an older version has no digests; then all its facts get one.
    """
    found = {row.name: row.value for row in connection.execute(_FACTS)}
    recorded = json.loads(found[_DIGESTS]) if _DIGESTS in found else facts_digests(found)
    written = {**facts, _DIGESTS: json.dumps({**recorded, **facts_digests(facts)}, sort_keys=True)}
    connection.execute(_FORMER, {"facts": list(written)})
    connection.execute(_INSERT, [{"name": name, "value": value} for name, value in written.items()])
