"""Commands of plain purchases for the measurements of writing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.histories import open_log
from relations.aggregates.customer import RecordPurchase
from relations.messages import Money

__all__ = ["clock", "facts", "in_parts", "purchases", "rows_of"]

_START = datetime(2024, 1, 1, tzinfo=UTC)


def clock() -> datetime:
    """A constant clock, so that the same commands give the same rows."""
    return _START + timedelta(days=1_000)


def facts(customer: int, place: int, source: str, step_days: float = 1.0) -> dict[str, Any]:
    """The fields of one purchase, with an id as an import gives it."""
    return {
        "customer": f"c{customer:06d}",
        "purchase": f"p{customer:06d}-{place}",
        "amount": Money(1_990 + (customer * 37 + place * 101) % 20_000, "EUR"),
        "category": "room",
        "touchpoint": "nice-promenade",
        "channel": "web",
        "occurred_at": _START + timedelta(minutes=customer * 7 % 1_440, days=place * step_days),
        "command_id": f"{source}:{customer}:{place}",
        "actor": "import",
    }


def purchases(customers: range, places: range, source: str = "shop", step_days: float = 1.0) -> list[RecordPurchase]:
    """Purchases of these customers: everybody's first, then everybody's second, and so on."""
    return [RecordPurchase(**facts(customer, place, source, step_days)) for place in places for customer in customers]


def rows_of(path: Path, after: int) -> list[tuple[Any, ...]]:
    """The log's rows after a position, as they are stored."""
    with open_log(path) as relations, relations.log.database.reading() as connection:
        return [row for page in relations.log.scan(connection, after=after) for row in page]


def in_parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """The items in parts of one size."""
    return [items[start : start + size] for start in range(0, len(items), size)]
