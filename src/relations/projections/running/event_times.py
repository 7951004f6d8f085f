"""The times of customers' events, as the log has them: who has events between two moments, and everybody's last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeAlias

from sqlalchemy import func, select

from relations.log.database import Database
from relations.log.log import Head
from relations.log.tables import keys
from relations.log.tables import log as log_table

__all__ = ["CustomersBetween", "last_events"]

_COUNT_MAX = 16
_CUSTOMERS_MAX = 50_000
_Key: TypeAlias = tuple[tuple[str, ...], int, int]


@dataclass
class CustomersBetween:
    """A reader of the customers with events between two moments. Threads may use it at the same time.

    Rows of the log never change. So what was found up to one position holds, and only later rows are read again.

    Attributes:
        database: The log's database.
    """

    database: Database
    _found: OrderedDict[_Key, tuple[int, frozenset[str]]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, topics: tuple[str, ...], since: int, until: int, *, position: int | None = None) -> list[str]:
        """Return the customers with events from `since` to `until`, UTC microseconds, in order.

        The first time it reads every row's time, for no index has them: about 0.2 s for a million events.

        Args:
            topics: Only events with these topics.
            since: The first moment.
            until: The last moment.
            position: The last position of the log; None is the head.
        """
        key = topics, since, until
        columns = log_table.c
        with self.database.reading() as connection:
            if position is None and (head := self.database.noted(connection, Head)) is not None:
                position = head.position
            elif position is None:
                position = connection.execute(select(func.coalesce(func.max(columns.position), 0))).scalar_one()
            with self._lock:
                known, before = self._found.get(key, (0, frozenset[str]()))
            if known > position:
                known, before = 0, frozenset()
            statement = (
                select(columns.customer)
                .distinct()
                .where(columns.position > known, columns.position <= position)
                .where(columns.occurred_at.between(since, until), columns.topic.in_(topics))
            )
            found = before.union(connection.execute(statement).scalars())
        if len(found) <= _CUSTOMERS_MAX:
            self._keep(key, position, found)
        return sorted(found)

    def _keep(self, key: _Key, position: int, found: frozenset[str]) -> None:
        with self._lock:
            if self._found.get(key, (0,))[0] <= position:
                self._found[key] = position, found
                self._found.move_to_end(key)
            while len(self._found) > _COUNT_MAX:
                self._found.popitem(last=False)


def last_events(
    database: Database, customers: Collection[str] | None = None, *, but_by: str
) -> dict[str, tuple[int, bool]]:
    """Return the business time of the last event of each customer, and whether there is a key of personal words.

    For all customers it reads every row's time, for no index has them: less than a second for a million events. The
    rows of some customers are found by an index.

    Args:
        database: The log's database.
        customers: Only these ids; None for all.
        but_by: Events of this actor do not count.
    """
    customer = log_table.c.customer
    latest = (
        select(customer, func.max(log_table.c.occurred_at).label("at"))
        .where(customer != "" if customers is None else customer.in_(customers), log_table.c.actor != but_by)
        .group_by(customer)
        .subquery()
    )
    statement = select(latest.c.customer, latest.c.at, func.coalesce(func.length(keys.c.key), 0)).select_from(
        latest.outerjoin(keys, keys.c.customer == latest.c.customer)
    )
    with database.reading() as connection:
        return {name: (at, size > 0) for name, at, size in connection.execute(statement)}
