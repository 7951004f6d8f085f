"""The log's own connection, lent to a host that writes its own rows in the transaction of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from sqlalchemy import Connection, event

from relations.errors import InvalidInput
from relations.log.connections.host import HeldTransactions

__all__ = ["lent", "must_be_intact"]

_ENDS = ("commit", "rollback")


@contextmanager
def lent(connection: Connection, held: HeldTransactions) -> Iterator[Connection]:
    """Lend the log's connection while the body runs. A host may not end its transaction, nor wait for it.

    Args:
        connection: The connection, in a transaction that holds the log's write lock.
        held: The transactions of this process for which a caller must not wait.
    """
    for name in _ENDS:
        event.listen(connection, name, _refuse_end)
    try:
        with held.lending(connection):
            yield connection
    finally:
        for name in _ENDS:
            event.remove(connection, name, _refuse_end)


def _refuse_end(connection: Connection) -> NoReturn:
    connection.connection.rollback()  # SQLAlchemy takes the transaction to be at its end, whatever happens here
    raise InvalidInput(
        "the transaction is the engine's, which commits it with the command",
        code="transaction_not_yours",
        field="also",
        hint="Write rows only; raise an error to have all of it rolled back",
    )


def must_be_intact(connection: Connection) -> None:
    """Check that a host has left the transaction as it was: open, not failed, and without a savepoint of its own.

    Raises:
        InvalidInput: It has not. What it left cannot be committed.
    """
    if (savepoint := connection.get_nested_transaction()) is not None:
        while savepoint is not None:
            savepoint.rollback()
            savepoint = connection.get_nested_transaction()
        raise _broken("a savepoint of yours is still open", "End each savepoint that you begin")
    if not _is_sound(connection):
        raise _broken(
            "a statement of yours has failed, and with it the transaction",
            "Let the error pass, or put statements that may fail in a savepoint: connection.begin_nested()",
        )


def _is_sound(connection: Connection) -> bool:
    """Return whether the driver's transaction can be committed; PostgreSQL rolls a failed one back without an error."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return bool(driver.in_transaction)
    return bool(driver.info.transaction_status == driver.info.transaction_status.INTRANS)


def _broken(reason: str, hint: str) -> InvalidInput:
    return InvalidInput(reason, code="transaction_broken", field="also", hint=hint)
