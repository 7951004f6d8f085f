"""A small pipeline, for histories in which every view should have rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from relations.aggregates.customer import PurchaseLine, RecordPurchase
from relations.aggregates.opportunity import (
    AdvanceOpportunity,
    LoseOpportunity,
    OpenOpportunity,
    QuoteOpportunity,
    RenewContract,
    WinOpportunity,
)
from relations.aggregates.rival import ObserveRival
from relations.messages import Command, Money

__all__ = ["small_pipeline"]


def small_pipeline(at: datetime, one: str, other: str) -> Iterator[Command]:
    """Yield an open opportunity, a lost one, and one with a contract that is renewed, of two customers."""

    def on(name: str, days: int, **more: Any) -> dict[str, Any]:
        return {"opportunity": name, "occurred_at": at + timedelta(days=days), **more}

    first, worth = at.date(), Money(500_000, "EUR")
    yield OpenOpportunity(**on("n1", -90), customer=one, what="conference", value=worth, owner="own-li")
    yield AdvanceOpportunity(**on("n1", -80), stage="qualified", expected_on=first)
    yield OpenOpportunity(**on("n2", -90), customer=other, what="wedding", value=worth, campaign="spring")
    yield QuoteOpportunity(**on("n2", -85), quote="q1", amount=worth, valid_until=first)
    yield LoseOpportunity(**on("n2", -60), reason="price", rival="grand", price=Money(400_000, "EUR"))
    yield OpenOpportunity(**on("n3", -90), customer=other, what="crew rooms", value=worth, partner="airline-1")
    yield WinOpportunity(
        **on("n3", -70), contract="f1", amount=worth, starts=first - timedelta(days=60), ends=first + timedelta(days=5)
    )
    yield ObserveRival(
        rival="grand", observation="x1", kind="price", about="double room", price=Money(9_900, "EUR"), occurred_at=at
    )
    yield RecordPurchase(
        customer=one,
        purchase="lines-1",
        amount=Money(20_000, "EUR"),
        lines=(PurchaseLine("double room", Money(20_000, "EUR"), 2),),
        occurred_at=at,
    )
    yield RenewContract(**on("n3", -1), ends=first + timedelta(days=30))
