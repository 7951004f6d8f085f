"""Checks of what the database keeps next to the log: its own files, triggers, facts, streams, keys and snapshots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select, text

from relations.execution.states import States
from relations.log.database import tables_of
from relations.log.tables import FOREIGN, FORMAT, TRIGGERS, WITH_DIGESTS, facts_digests, keys, meta, metadata, snapshots
from relations.log.tables import log as log_table
from relations.verification.findings import Problem

__all__ = [
    "can_check_files",
    "check_facts",
    "check_files",
    "check_leftovers",
    "check_snapshots",
    "check_streams",
    "check_tables",
    "check_triggers",
]

_SAID_MAX = 100
"""Findings of SQLite's own integrity check that are reported."""

_OURS = (
    "relnamespace = ANY (current_schemas(false)::regnamespace[]) AND "
    "(relname LIKE 'relations\\_%' OR relname ~ '_v[0-9]+_[0-9]{4}[a-z]+$')"
)
_TABLES = f"SELECT oid, oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND {_OURS}"  # noqa: S608 - constants
_INDEXES = (
    f"WITH t AS ({_TABLES}) SELECT i.indexrelid::regclass::text FROM t JOIN pg_index i ON i.indrelid = t.oid "  # noqa: S608 - likewise
    "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND i.indisvalid"
)


def can_check_files(connection: Connection) -> bool:
    """Return whether the database can check its own files: PostgreSQL needs its extension amcheck for that."""
    if connection.dialect.name == "sqlite":
        return True
    return connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")).first() is not None


def check_files(connection: Connection) -> Iterator[Problem]:
    """Yield what the database itself finds wrong with its files: pages, indexes and constraints."""
    if connection.dialect.name == "sqlite":
        for (said,) in connection.execute(text(f"PRAGMA integrity_check({_SAID_MAX})")):
            if said != "ok":
                yield Problem("database_damaged", f"SQLite's integrity check: {said}")
        return
    if not can_check_files(connection):
        return
    for kind, name, call in _amchecks(connection):
        try:
            with connection.begin_nested():
                for row in connection.execute(text(call), {"name": name}):
                    if kind == "table":
                        yield Problem("database_damaged", f"amcheck of {name}: {row.msg}", table=name)
        except Exception as error:  # amcheck reports a damaged index as an error
            said = str(getattr(error, "orig", error)).splitlines()[0]
            yield Problem("database_damaged", f"amcheck of {name}: {said}", table=name)


def _amchecks(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Yield the kind, the name and the statement of each check by amcheck: of every table and every index."""
    for name in connection.execute(text(_TABLES)).scalars("name").all():
        yield "table", name, "SELECT msg FROM verify_heapam(CAST(:name AS regclass))"
    for name in connection.execute(text(_INDEXES)).scalars().all():
        yield "index", name, "SELECT bt_index_check(CAST(:name AS regclass), true)"


def check_tables(connection: Connection) -> Iterator[Problem]:
    """Yield the tables of the log that are missing."""
    wanted = [table.name for table in metadata.sorted_tables]
    for name in sorted(set(wanted) - tables_of(connection, wanted)):
        yield Problem("table_missing", f"the table {name} is missing", table=name)


def check_triggers(connection: Connection) -> Iterator[Problem]:
    """Yield the triggers that are missing, disabled or other than relations creates them."""
    wanted = TRIGGERS[connection.dialect.name]
    found = _sqlite_triggers(connection) if connection.dialect.name == "sqlite" else _postgresql_triggers(connection)
    for name, statement in wanted.items():
        if found.get(name) is None:
            reason = f"the trigger {name} is missing or disabled: rows of the log can be changed"
            yield Problem("trigger_missing", reason, table=str(log_table.name), key=name)
        elif found[name] != statement:
            reason = f"the trigger {name} is not the one that relations creates"
            yield Problem("trigger_changed", reason, table=str(log_table.name), key=name)


def _sqlite_triggers(connection: Connection) -> dict[str, str | None]:
    statement = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
    return {row.name: row.sql for row in connection.execute(statement, {"table": log_table.name})}


def _postgresql_triggers(connection: Connection) -> dict[str, str | None]:
    """Return each trigger's moments and its function's source, as text; None if it is disabled."""
    statement = text(
        "SELECT t.tgname AS name, t.tgenabled IN ('O', 'A') AS is_enabled, t.tgtype AS kind, p.prosrc AS source "
        "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE t.tgrelid = CAST(:table AS regclass) AND NOT t.tgisinternal"
    )
    rows = connection.execute(statement, {"table": log_table.name})
    return {row.name: f"{row.kind} {row.source}" if row.is_enabled else None for row in rows}


def check_facts(connection: Connection, head: int) -> Iterator[Problem]:
    """Yield the rows of `relations_meta` that are missing, unknown, changed or impossible.

    Args:
        connection: The transaction.
        head: The last position of the log.
    """
    found = {row.name: row.value for row in connection.execute(select(meta))}
    noted = facts_digests(found)
    recorded = _recorded_digests(found)
    if not recorded and found.get("created_by", "").endswith(WITH_DIGESTS):
        yield _fact("digests", "the digests of the facts are missing")
    if recorded is None:
        yield _fact("digests", "the digests of the facts cannot be read")
        recorded = {}
    for name in sorted(recorded.keys() - found.keys()):
        yield _fact(name, f"the fact {name!r} is missing")
    for name in sorted(noted):
        if name in recorded and recorded[name] != noted[name]:
            yield _fact(name, f"the fact {name!r} was changed", "value")
        elif recorded and name not in recorded:
            yield _fact(name, f"the fact {name!r} was not recorded by relations")
    written = found.get("format", "")
    if not (written.isdecimal() and 1 <= int(written) <= FORMAT):
        yield _fact("format", f"the format of the log is {written!r}", "value")
    copied = found.get("copied_until", "0")
    if not (copied.isdecimal() and int(copied) <= head):
        yield _fact("copied_until", f"events up to {copied!r} were copied, and the log ends at {head}", "value")


def _recorded_digests(found: dict[str, str]) -> dict[str, str] | None:
    """Return the recorded digests by the facts' names; empty if an older version made the log, None if damaged."""
    if "digests" not in found:
        return {}
    try:
        recorded = json.loads(found["digests"])
    except ValueError:
        return None
    return recorded if isinstance(recorded, dict) else None


def _fact(name: str, reason: str, column: str | None = None) -> Problem:
    return Problem("fact_damaged", reason, table=str(meta.name), key=name, column=column)


def check_streams(connection: Connection) -> Iterator[Problem]:
    """Yield the first event of each stream that does not follow the one before it."""
    # Both databases read this from the index of streams in its order, and keep nothing.
    statement = text(
        "SELECT stream, version, position, before FROM (SELECT stream, version, position, "
        "lag(version, 1, 0) OVER w AS before, lag(position, 1, 0) OVER w AS earlier "
        "FROM relations_log WINDOW w AS (PARTITION BY stream ORDER BY version)) AS checked "
        "WHERE version <> before + 1 OR position <= earlier ORDER BY position"
    )
    for stream, version, position, before in connection.execute(statement):
        schema = connection.execute(select(log_table.c.schema).where(log_table.c.position == position)).scalar()
        if schema == FOREIGN:
            continue  # another application counts as it likes
        reason = f"version {version} of {stream} follows version {before}, or comes before it in the log"
        yield Problem("version_gap", reason, position, table=str(log_table.name), key=str(position), column="version")


def check_snapshots(states: States, connection: Connection) -> Iterator[Problem]:
    """Yield the snapshots that do not match their digest, or differ from the events that they stand for."""
    for bad in states.bad_snapshots(connection):
        code = "snapshot_differs" if bad.is_intact else "snapshot_damaged"
        reason = f"the snapshot of {bad.stream} at version {bad.version} {bad.reason}"
        yield Problem(code, reason, table=str(snapshots.name), key=f"{bad.stream}, {bad.version}")


def check_leftovers(connection: Connection, positions: dict[str, int]) -> Iterator[Problem]:
    """Yield a problem if the log is empty and was not always.

    Args:
        connection: The transaction.
        positions: The positions of the views.
    """
    left: dict[str, Any] = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (keys, snapshots)
    }
    if any(left.values()) or any(positions.values()):
        kept = ", ".join(f"{count} rows in {name}" for name, count in left.items())
        reason = f"the log is empty, but was not always: there are {kept}"
        yield Problem("log_emptied", reason, table=str(log_table.name))
