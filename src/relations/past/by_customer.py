"""The events of one customer after the other, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from relations.log.log import Log, Shard
from relations.past.bounds import Bounds

__all__ = ["rows_by_customer"]

_AFTER_ALL = 2**62
"""A position after every other."""
_EVERYBODY = Shard(None, None)


def rows_by_customer(
    log: Log, columns: Sequence[str], bounds: Bounds, *, after: str | None = None
) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Yield the customers in order, each with all rows of the log within the bounds.

    No transaction is open while the caller looks at them: the log only grows.

    Args:
        log: The log.
        columns: The columns, with `position`, `customer` and `occurred_at` among them.
        bounds: The part of the log.
        after: Begin after this customer.
    """
    customer_at, position_at, occurred_at = (columns.index(name) for name in ("customer", "position", "occurred_at"))
    place = None if after is None else (after, _AFTER_ALL)
    held: list[tuple[Any, ...]] = []
    while True:
        with log.database.reading() as connection:
            pages = log.scan_by_customer(connection, columns, until=bounds.position, shard=_EVERYBODY, after=place)
            page = next(pages, None)
        if page is None:
            break
        place = page[-1][customer_at], page[-1][position_at]
        for row in page:
            if held and held[0][customer_at] != row[customer_at]:
                yield held[0][customer_at], held
                held = []
            if bounds.occurred is None or row[occurred_at] <= bounds.occurred:
                held.append(row)
    if held:
        yield held[0][customer_at], held
