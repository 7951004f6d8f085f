"""Translation of errors from drivers and SQLAlchemy into our errors, with a code and a hint.

The result codes of SQLite and the SQLSTATE of PostgreSQL decide. Messages may be translated, so they are read only if
there is no code. Errors about a statement's values (a unique key that exists, a value that does not fit) stay
unchanged. The code that sent the statement handles them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError

from relations.errors import ConcurrencyConflict, ForeignDatabase, InvalidInput, LogError, RelationsError, StoreError

__all__ = ["is_connection_lost", "translated"]

_PRIMARY_CODE = 0xFF
_LOST_STATES = ("57P01", "57P02", "25P03")
_STARTING_STATE = "57P03"
_VALUE_ERRORS = ("IntegrityError", "DataError")


def _original(error: BaseException) -> BaseException:
    """Return the driver's error within SQLAlchemy's; errors of its adapters for asyncio count as the driver's."""
    return error.orig or error if isinstance(error, DBAPIError) else error


def is_connection_lost(error: BaseException) -> bool:
    """Return True if PostgreSQL's server or the network ended the connection."""
    original = _original(error)
    if isinstance(original, sqlite3.Error):
        return False
    # SQLAlchemy's adapter of asyncpg raises the plain `Error` for a connection that was closed.
    if not _is_named(original, ("OperationalError", "InterfaceError")) and type(original).__name__ != "Error":
        return False
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return state[:2] == "08" or state in _LOST_STATES
    said = str(original).lower()
    return any(part in said for part in _LOST)


_LOST = (
    "connection is closed",
    "connection is lost",
    "connection already closed",
    "connection was closed",
    "consuming input failed",
    "sending query",
    "server closed",
    "terminat",
)


def translated(error: Exception, *, file: str = "") -> Exception:
    """Return a driver's error as one of ours, or unchanged if it is about a statement's values.

    Args:
        error: The error.
        file: The file of the database, for messages, if it is one.
    """
    original: Any = _original(error)
    if isinstance(original, UnicodeDecodeError):
        # SQLite's own message may quote a damaged text, which Python's driver then cannot read.
        return _damaged(f"a text in it is not UTF-8 ({original.reason})")
    if isinstance(original, RelationsError) or _is_named(original, _VALUE_ERRORS):
        return error
    said = (str(original).strip().splitlines() or [type(original).__name__])[0]
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original, said, file) or error
    return _of_postgresql(original, said) or error


def _is_named(error: Any, names: tuple[str, ...]) -> bool:
    """Return True if an error is of one of PEP 249's kinds. Every driver has its own classes with these names."""
    return any(kind.__name__ in names for kind in type(error).__mro__)


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _of_sqlite(error: sqlite3.Error, said: str, file: str) -> RelationsError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & _PRIMARY_CODE in _OF_FILES:
        return _OF_FILES[code & _PRIMARY_CODE](file or "the file of the database")
    if code is not None and code & _PRIMARY_CODE in _SQLITE:
        return _SQLITE[code & _PRIMARY_CODE](said)
    text = said.lower()
    if "decode to utf-8" in text:
        return LogError("a text in the database is damaged", code="log_damaged", hint="Run `relations verify`")
    if "no such table" in text or "no such column" in text or "has no column" in text:
        return _missing(said)
    if isinstance(error, sqlite3.OperationalError | sqlite3.InternalError) or type(error) is sqlite3.DatabaseError:
        return _other(said)
    return None


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _of_postgresql(error: Any, said: str) -> RelationsError | None:
    state = getattr(error, "sqlstate", None)
    if state is None:
        return _without_state(error, said)
    if state in _STATES:
        return _STATES[state](said)
    if is_connection_lost(error):
        return _lost(said)
    return _CLASSES[state[:2]](said) if state[:2] in _CLASSES else None


def _without_state(error: Any, said: str) -> RelationsError | None:
    if is_connection_lost(error):
        return _lost(said)
    text = said.lower()
    if any(part in text for part in ("invalid connection option", "invalid integer value", "invalid port")):
        return InvalidInput(f"the database URL is wrong: {said}", code="invalid_url", field="url", hint="Correct it")
    if not _is_named(error, ("OperationalError", "InternalError")):
        return None
    if "could not serialize" in text or "deadlock" in text:
        return _conflict(said)
    return _unreachable(said) if any(part in text for part in _CONNECTING) else _other(said)


_CONNECTING = (
    "connection to server",
    "connection is bad",
    "refused",
    "could not connect",
    "connection failed",
    "translate host",
    "resolve host",
    "timeout",
    "starting up",
)


def _conflict(said: str) -> RelationsError:
    return ConcurrencyConflict(f"another writer changed the same rows ({said})", hint="Try again")


def _busy(said: str) -> RelationsError:
    return ConcurrencyConflict(
        f"another writer kept the database for too long ({said})",
        code="log_busy",
        hint="Try again; if a transaction of your own is open, pass its connection",
    )


def _read_only() -> RelationsError:
    return ForeignDatabase(
        "the database is read-only",
        code="read_only",
        hint="Move it to a writable place, or open it as a user who may write",
    )


def _missing(said: str) -> RelationsError:
    return StoreError(
        f"a table or column of the database is missing: {said}",
        code="table_missing",
        hint="Run `relations rebuild` if it belongs to a view; otherwise restore the database from a backup",
    )


def _full(said: str) -> RelationsError:
    return StoreError(
        f"there is no space left for the database: {said}",
        code="disk_full",
        hint="Free some space and send the command again; nothing of it was recorded",
    )


def _damaged(said: str) -> RelationsError:
    return StoreError(
        f"the database is damaged: {said}",
        code="database_damaged",
        hint="Run `relations verify` to see where, and restore it from a backup",
    )


def _lost(said: str) -> RelationsError:
    return StoreError(f"the connection to the database was lost: {said}", code="connection_lost", hint="Try again")


def _unreachable(said: str) -> RelationsError:
    return StoreError(
        f"the database cannot be reached: {said}",
        code="database_unreachable",
        hint="Check the URL, and that the server is running",
    )


def _denied(said: str) -> RelationsError:
    return StoreError(f"the database refuses access: {said}", code="access_denied", hint="Check the user's permissions")


def _other(said: str) -> RelationsError:
    return StoreError(f"the database failed: {said}", code="store_failed", hint="Check the database, then try again")


_OF_FILES: dict[int, Callable[[str], RelationsError]] = {
    sqlite3.SQLITE_NOTADB: lambda file: ForeignDatabase(
        f"{file} is not a database", hint="Use the file of a relations database"
    ),
    sqlite3.SQLITE_CANTOPEN: lambda file: ForeignDatabase(
        f"{file} cannot be opened",
        code="cannot_open",
        hint="Check that its folder exists, and that the file and the folder are writable",
    ),
}
"""By SQLite's primary result code; the file is named."""

_SQLITE: dict[int, Callable[[str], RelationsError]] = {
    sqlite3.SQLITE_READONLY: lambda _said: _read_only(),
    sqlite3.SQLITE_BUSY: _busy,
    sqlite3.SQLITE_LOCKED: _busy,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_CORRUPT: _damaged,
    sqlite3.SQLITE_IOERR: lambda said: StoreError(
        f"the database file cannot be read or written: {said}",
        code="store_failed",
        hint="Check the disk, then run `relations verify`",
    ),
    sqlite3.SQLITE_PERM: lambda _said: _read_only(),
}
"""By SQLite's primary result code."""

_STATES: dict[str, Callable[[str], RelationsError]] = {
    "40001": _conflict,
    "40P01": _conflict,
    "55P03": _busy,
    "57014": _busy,
    "25006": lambda _said: _read_only(),
    "42P01": _missing,
    "42703": _missing,
    "42501": _denied,
    "53100": _full,
    "53300": _unreachable,
    _STARTING_STATE: _unreachable,
    "3D000": _unreachable,
}
"""By SQLSTATE: see "PostgreSQL Error Codes" in its documentation."""

_CLASSES: dict[str, Callable[[str], RelationsError]] = {
    "28": _denied,
    "53": _other,
    "57": _other,
    "58": _other,
    "XX": _damaged,
}
"""By the first two characters of SQLSTATE."""
