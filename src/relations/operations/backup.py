"""Backup and restore: a log as a file that is a log itself, copied row by row with its chain.

A backup is an SQLite file with the log, the facts, the customers' keys, and the positions of consumers. It is the same
for both databases, so a log can also move from one to the other. Views are not copied; they are folded again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.engine import URL

from relations.engine import Relations
from relations.errors import ForeignDatabase, LogError, SourceError
from relations.log.consuming.positions import consumers
from relations.log.database import Database, tables_of
from relations.log.log import Log
from relations.log.personal import DIGEST_KEY
from relations.log.tables import PURGE_OWED, keys, marks, meta, tracking
from relations.relay.dead_letters import dead_letters

__all__ = ["BackupReport", "back_up", "restore"]

_ROWS = 1_000


class BackupReport(msgspec.Struct, frozen=True):
    """The contents of a backup or a restored log.

    Attributes:
        position: The last position of the log.
        digest: Its digest, hexadecimal.
        keys: The number of customers' keys that can open personal words. 0 without keys.
        erased: The number of customers whose key was destroyed before.
    """

    position: int
    digest: str
    keys: int
    erased: int


def back_up(
    engine: Relations,
    path: Path,
    *,
    with_keys: bool = True,
    master_key: bytes | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> BackupReport:
    """Copy a log as it stands now, while others go on writing, and verify the copy.

    The file appears whole or not at all. A customer who is erased later stays readable with the keys in the file.
    Delete backups with keys after a fixed time, or make them without keys.

    Args:
        engine: The engine of the log.
        path: The file; it must not exist.
        with_keys: Copy the customers' keys. Without them, no personal word in the copy can ever be read.
        master_key: The master key of the log, if it has one.
        on_progress: Called with the number of events copied so far, and of all.

    Raises:
        SourceError: The file exists or cannot be written.
        LogError: The copy is not good.
    """
    if path.exists():
        raise SourceError(f"{path} exists already", code="file_exists", hint="Give a name that is not in use")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch()
        database = Database(_url(partial))
    except OSError as error:
        raise SourceError(f"cannot write {path}: {error.strerror}", code="unwritable_file") from None
    try:
        try:
            report = _copy(engine.log, Log(database), with_keys=with_keys, on_progress=on_progress)
        finally:
            database.close()
        _must_be_good(partial, master_key if with_keys else None)
        partial.replace(path)
    finally:
        for leftover in (partial, *(Path(f"{partial}{end}") for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
    return report


def restore(
    path: Path, url: str, *, schema: str | None = None, on_progress: Callable[[int, int], None] | None = None
) -> BackupReport:
    """Copy a backup into an empty database, and check its chain on the way.

    Args:
        path: The backup.
        url: The database; it must have no log, or an empty one.
        schema: On PostgreSQL, the schema.
        on_progress: Called with the number of events copied so far, and of all.

    Raises:
        ForeignDatabase: The file is not a backup, or the database has events.
        ChainBroken: The backup was changed.
    """
    if not path.is_file():
        raise ForeignDatabase(f"there is no backup at {path}", hint="Check the path")
    source, target = Database(_url(path), access="read"), Database(url, schema=schema)
    try:
        log = Log(target)
        with target.reading() as connection:
            if log.head(connection).position:
                raise ForeignDatabase(
                    f"{target.name} has events already", code="log_not_empty", hint="Restore into an empty database"
                )
        return _copy(Log(source, create=False), log, with_keys=True, on_progress=on_progress)
    finally:
        source.close()
        target.close()


def _url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _copy(source: Log, target: Log, *, with_keys: bool, on_progress: Callable[[int, int], None] | None) -> BackupReport:
    """Copy everything in one transaction of the target, from one state of the source."""
    with source.database.reading() as reader, target.writing() as writer:
        head = source.head(reader)
        for page in source.scan(reader, until=head.position):
            writer.restore([tuple(row) for row in page])
            if on_progress is not None:
                on_progress(writer.head.position, head.position)
        there = tables_of(reader, [consumers.name, dead_letters.name, marks.name])
        for table in (consumers, dead_letters):
            if table.name in there:
                table.create(writer.connection, checkfirst=True)
        followed = [table for table in (consumers, dead_letters) if table.name in there]
        marked = [marks] if marks.name in there else []
        wanted = [meta, tracking, *([keys, *marked] if with_keys else []), *followed]
        for table in wanted:
            writer.connection.execute(delete(table))
            found = reader.execute(select(table)).mappings()
            while rows := [_portable(table, dict(row)) for row in found.fetchmany(_ROWS)]:
                kept = [row for row in rows if not (table is meta and row["name"] == PURGE_OWED)]
                if kept:
                    writer.connection.execute(insert(table), kept)
        usable = (
            select(func.count()).select_from(keys).where(func.length(keys.c.key) > 0, keys.c.customer != DIGEST_KEY)
        )
        erased = select(func.count()).select_from(keys).where(func.length(keys.c.key) == 0)
        return BackupReport(
            position=head.position,
            digest=head.digest.hex(),
            keys=writer.connection.execute(usable).scalar() or 0,
            erased=writer.connection.execute(erased).scalar() or 0,
        )


def _portable(table: Table, row: dict[str, object]) -> dict[str, object]:
    # A consumer of the copied log runs nowhere yet.
    return {**row, "holder": None, "held_until": None} if table is consumers else row


def _must_be_good(path: Path, master_key: bytes | None) -> None:
    with Relations.open(_url(path).render_as_string(), access="read", follow=False, master_key=master_key) as copy:
        problems = [each for each in copy.verify().problems if each.view is None and each.code != "key_missing"]
    if problems:
        raise LogError(
            f"the copy is not good: {problems[0].reason}",
            code="backup_damaged",
            hint="Run `relations verify` on the log; it may have the same problem",
        )
