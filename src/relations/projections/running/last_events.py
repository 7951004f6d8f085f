"""The last events of customers, and whether their personal words are still readable."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from relations.log.database import Database
from relations.log.tables import keys
from relations.log.tables import log as log_table

__all__ = ["last_events"]


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
