"""The removal of destroyed keys from the database's files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from uuid import uuid4

from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import DBAPIError

from relations.errors import ConcurrencyConflict, StoreError
from relations.log.database.driver import DriverAccess
from relations.log.tables import PURGE_OWED, fact, meta
from relations.telemetry import logger

__all__ = ["Purging"]

_PURGE_MILLISECONDS = 1_000
_PURGE_AGAIN_MILLISECONDS = 50


class Purging(DriverAccess, ABC):
    """A database whose files are purged of destroyed keys.

    Attributes:
        busy_seconds: The seconds that a writer waits for its turn.
        schema: On PostgreSQL, the schema that has the tables, where it is not the search path's.
        purge_owed: True if this process knows of a destroyed key that is still in the files.
    """

    busy_seconds: float
    schema: str | None
    purge_owed: bool
    _purge_failed: bool

    @property
    @abstractmethod
    def is_memory(self) -> bool:
        """True for an SQLite database in memory."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that reads."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Connection]:
        """Open a plain transaction, and commit it at the end."""

    def owe_purge(self, connection: Connection) -> None:
        """Record, in the transaction that destroys a key, that the database's files have yet to be purged of it.

        A process that is killed before the purge leaves the record; the next one that opens the log purges.
        """
        self.purge_owed = True
        connection.execute(delete(meta).where(meta.c.name == PURGE_OWED))
        connection.execute(insert(meta).values(name=PURGE_OWED, value=uuid4().hex))

    def owed_purge(self) -> str | None:
        """Return the record of a pending purge, or None."""
        with self.reading() as connection:
            return fact(connection, PURGE_OWED)

    def purge(self) -> None:
        """Remove what was deleted from the database's files too: a destroyed key must not stay in a log of pages.

        Does nothing unless a purge is recorded as owed, by this process or another. It needs a moment without readers.
        If none comes within a second, or within `busy_seconds` where that is less, the purge stays owed, and the next
        call tries again. The erasure itself is committed already, so this is not an error.
        """
        owed = self.owed_purge()
        if owed is None:
            # Either nothing is owed, or a host has not yet committed the erasure that this process knows of.
            return
        longest = _PURGE_AGAIN_MILLISECONDS if self._purge_failed else _PURGE_MILLISECONDS
        milliseconds = min(longest, int(self.busy_seconds * 1000))
        self.purge_owed = True
        try:
            self._purge_failed = not self._purge_files(milliseconds)
            if not self._purge_failed:
                with self.transaction() as connection:
                    # Only this record: a key that was destroyed meanwhile is still owed.
                    connection.execute(delete(meta).where(meta.c.name == PURGE_OWED, meta.c.value == owed))
                self.purge_owed = self.owed_purge() is not None
        except (DBAPIError, self._dbapi.Error, ConcurrencyConflict, StoreError) as error:
            self._purge_failed = True
            logger.warning("purge failed", database=self.name, reason=str(error))
        if self.purge_owed:
            logger.warning("a destroyed key is still in the database's files; the next purge tries again")

    def _purge_files(self, milliseconds: int) -> bool:
        if self.is_memory:
            return True
        return self._truncate_wal(milliseconds) if self.is_sqlite else self._rewrite_keys(milliseconds)

    def _truncate_wal(self, milliseconds: int) -> bool:
        # Not in a transaction of SQLAlchemy's: within one there is no checkpoint.
        pooled = self.engine.raw_connection()
        try:
            cursor = pooled.cursor()
            cursor.execute(f"PRAGMA busy_timeout={milliseconds}")
            busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout={int(self.busy_seconds * 1000)}")
            return not busy
        finally:
            pooled.close()

    def _rewrite_keys(self, milliseconds: int) -> bool:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            cursor = self.cursor(connection)
            cursor.execute(f"SET lock_timeout = {milliseconds}")
            try:
                table = "relations_keys" if self.schema is None else f'"{self.schema}".relations_keys'
                cursor.execute(f"VACUUM FULL {table}")
            finally:
                cursor.execute(f"SET lock_timeout = {int(self.busy_seconds * 1000)}")
            return True
