"""Settings of sessions and transactions on PostgreSQL.

Without a pooler a session is set once, when it is opened. Behind a pooler (PgBouncer in transaction mode), the next
transaction may have another session, and settings would reach other clients. There each transaction is set, statements
are not prepared, and the log is polled instead of listened to. A schema is set for each transaction in any case, so
that the logs of many tenants can share one pool.
"""

from __future__ import annotations

import re
from hashlib import sha256
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError

from relations.errors import InvalidInput

__all__ = ["SCHEMA_OPTION", "Sessions", "checked_schema", "lock_key", "schema_channel"]

SCHEMA_OPTION = "relations_schema"
"""The execution option of an engine that names its schema."""

_IDLE_SECONDS = 1.0
"""Seconds after which an idle connection is tested before use."""
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def checked_schema(name: str) -> str:
    """Return the name of a schema.

    Raises:
        InvalidInput: The name cannot be one.
    """
    if not _SCHEMA.fullmatch(name) or name.startswith("pg_"):
        raise InvalidInput(
            f"{name!r} cannot be the name of a schema",
            code="invalid_schema",
            field="schema",
            hint="Use 1 to 63 lower-case letters, digits and _, not beginning with pg_",
        )
    return name


def lock_key(schema: str | None, default: int) -> int:
    """Return the number of the advisory lock that serialises the appends of a schema's log."""
    if schema is None:
        return default
    return int.from_bytes(sha256(f"relations {schema}".encode()).digest()[:8], "big", signed=True)


def schema_channel(schema: str | None, default: str) -> str:
    """Return the channel on which the appends of a schema's log are announced."""
    return default if schema is None else f"{default}_{sha256(schema.encode()).hexdigest()[:16]}"


class Sessions:
    """The settings of an engine's sessions.

    Args:
        synchronous_commit: `on` or `off`.
        lock_milliseconds: How long a statement waits for a lock.
        read_only: Refuse everything that writes.

    Attributes:
        is_pooled: True once a connection turned out to lead to a pooler.
    """

    def __init__(self, *, synchronous_commit: str, lock_milliseconds: int, read_only: bool) -> None:
        self.is_pooled = False
        self._settings = [
            f"SET {{}} synchronous_commit = {synchronous_commit}",
            f"SET {{}} lock_timeout = {lock_milliseconds}",
        ]
        self._read_only = read_only

    def attach(self, engine: Engine) -> None:
        """Let an engine's new connections and transactions have these settings."""
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "begin", self._begun)
        event.listen(engine, "checkin", _used)
        event.listen(engine, "checkout", _revive)

    def _connected(self, connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            # A pooler announces a process of its own making; the statement is answered by the server's.
            (process,) = cursor.execute("SELECT pg_backend_pid()").fetchone()
            if process != connection.info.backend_pid:
                self.is_pooled = True
                connection.prepare_threshold = None
            else:
                for setting in self._settings:
                    cursor.execute(setting.format("SESSION"))
                if self._read_only:
                    cursor.execute("SET default_transaction_read_only = on")
        connection.commit()

    def _begun(self, connection: Connection) -> None:
        schema = connection.get_execution_options().get(SCHEMA_OPTION)
        if schema is None and not self.is_pooled:
            return
        driver: Any = connection.connection.driver_connection
        if driver.autocommit:
            return  # there is no transaction to set
        settings = [] if schema is None else [f'SET LOCAL search_path TO "{schema}"']
        if self.is_pooled:
            settings += [setting.format("LOCAL") for setting in self._settings]
            if self._read_only:
                settings.append("SET TRANSACTION READ ONLY")
        driver.execute("; ".join(settings))


def _used(_connection: Any, record: Any) -> None:
    record.info["used"] = monotonic()


def _revive(connection: Any, record: Any, _proxy: object) -> None:
    # The server may have been restarted while the connection was not in use.
    if monotonic() - record.info.get("used", monotonic()) < _IDLE_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise InvalidatePoolError from error
