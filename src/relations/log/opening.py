"""Database URLs, and SQLite files opened so that nothing in them or next to them is changed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.util.langhelpers import coerce_kw_type

from relations.errors import ForeignDatabase, InvalidInput

__all__ = ["ReadOnlyFile", "parse_url"]

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
"""The drivers that a URL may name, and the name that SQLAlchemy has for each."""
_SQLITE_OPTIONS: dict[str, type] = {
    "uri": bool,
    "timeout": float,
    "isolation_level": str,
    "detect_types": int,
    "check_same_thread": bool,
    "cached_statements": int,
}
"""The options of Python's SQLite driver that a URL may set, as SQLAlchemy reads them."""


def parse_url(url: str | URL) -> URL:
    """Return a database URL with the driver that the log uses.

    Raises:
        InvalidInput: The text is not a URL (`invalid_url`), or the database or driver is not supported
            (`unsupported_database`).
    """
    try:
        parsed = make_url(url)
        odd = "\0" in (parsed.database or "")
        parsed.render_as_string(hide_password=False).encode()
        (parsed.database or "").encode()
    except (ArgumentError, ValueError, TypeError):
        odd = True
    if odd:
        raise InvalidInput(
            "this is not a database URL",
            code="invalid_url",
            field="url",
            hint="Use a URL such as sqlite:///hotel.db or postgresql://user@host/name",
        )
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise InvalidInput(
            f"{parsed.drivername!r} is not supported",
            code="unsupported_database",
            field="url",
            hint="Use SQLite (sqlite:///hotel.db) or PostgreSQL (postgresql://user@host/name)",
        )
    if "plugin" in parsed.query:
        reason = "a database URL cannot name plugins"
        raise InvalidInput(reason, code="invalid_url", field="url", hint="Leave plugin out")
    if driver == "sqlite":
        _check_sqlite_options(dict(parsed.query))
    return parsed.set(drivername=driver)


def _check_sqlite_options(given: dict[str, Any]) -> None:
    """Refuse options that the driver cannot read, or that it would silently ignore."""
    known: dict[str, Any] = {}
    for name, kind in _SQLITE_OPTIONS.items():
        try:
            coerce_kw_type(given, name, kind, dest=known)
        except (ValueError, TypeError):
            raise InvalidInput(
                f"{given[name]!r} is not a value of the option {name} of SQLite's driver",
                code="invalid_url",
                field="url",
                hint=f"Leave {name} out, or give it another value",
            ) from None
    ignored = sorted(given.keys() - _SQLITE_OPTIONS.keys())
    if ignored and not known.get("uri"):
        raise InvalidInput(
            f"SQLite would ignore {', '.join(map(repr, ignored))} in this database URL",
            code="invalid_url",
            field="url",
            hint="Leave it out, or for an option of SQLite itself write sqlite:///file:hotel.db?mode=ro&uri=true",
        )


class ReadOnlyFile:
    """An SQLite file opened so that reading leaves no trace.

    A reader of a file in write-ahead mode needs its two side files (`-wal` and `-shm`). SQLite makes them where it can
    and a read-only connection leaves them behind; `close` removes those that were made here. Where they cannot be made,
    on read-only media, the file is opened as immutable.

    Args:
        path: The file's path.

    Raises:
        ForeignDatabase: There is no such file, it is not a database, or it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._wal = Path(f"{path}-wal")
        self._lock = Lock()
        if self._path.is_dir():
            raise ForeignDatabase(f"{path} is a folder", code="not_a_file", hint="Give the path of a database file")
        if not self._path.is_file():
            raise ForeignDatabase(f"there is no database at {path}", hint="Check the path")
        self._had_wal = self._wal.exists()
        self._options = "mode=ro"
        try:
            self._probe()
        except sqlite3.OperationalError:
            # Without the side files. That is safe only where no other process can write, and nothing waits in the WAL.
            if self._had_wal and self._wal.stat().st_size:
                raise ForeignDatabase(
                    f"{path} cannot be read where it is: changes in {self._wal.name} have not been written back",
                    hint="Copy both files to a writable folder, and open the copy",
                ) from None
            if self.is_writable:
                raise
            self._options = "mode=ro&immutable=1"
            self._probe()

    @property
    def is_immutable(self) -> bool:
        """Return whether the file is on read-only media."""
        return "immutable" in self._options

    @property
    def is_writable(self) -> bool:
        """Return whether the file and its folder may be written."""
        effective = os.access in os.supports_effective_ids
        return all(os.access(path, os.W_OK, effective_ids=effective) for path in (self._path, self._path.parent))

    def _probe(self) -> None:
        with closing(self.connect(timeout=1.0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()

    def connect(self, *, timeout: float) -> sqlite3.Connection:
        """Open a connection.

        Args:
            timeout: How many seconds to wait for a lock.
        """
        uri = f"file:{quote(str(self._path.absolute()))}?{self._options}"
        return sqlite3.connect(uri, uri=True, timeout=timeout, check_same_thread=False)

    def close(self) -> None:
        """Remove the side files that reading has made, unless another process uses the file."""
        with self._lock:
            if self.is_immutable or self._had_wal or not self._wal.exists() or self._wal.stat().st_size:
                return
            try:
                # The last connection that may write removes them when it is closed. It has nothing to write itself.
                with closing(sqlite3.connect(self._path, timeout=0)) as connection:
                    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            except sqlite3.Error:
                return  # the folder may have become read-only; two empty files stay
