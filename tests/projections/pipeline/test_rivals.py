"""Rivals next to our own prices and losses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from relations import Money, RecordPurchase
from relations.aggregates.customer import PurchaseLine
from relations.aggregates.rival import CancelRivalObservation, ObserveRival
from relations.errors import InvalidInput
from tests.projections.pipeline.test_pipeline import MONDAY, NOW, engine_of, euros, history


def seen(observation: str, days_ago: float, **more: Any) -> ObserveRival:
    fields: dict[str, Any] = {"rival": "grand", "kind": "price", "about": "double room", **more}
    return ObserveRival(observation=observation, occurred_at=NOW - timedelta(days=days_ago), **fields)


def bought(purchase: str, days_ago: float, amount: int, pieces: int) -> RecordPurchase:
    line = PurchaseLine("double room", euros(amount), pieces)
    return RecordPurchase(
        customer="c1",
        purchase=purchase,
        amount=euros(amount),
        lines=(line,),
        occurred_at=NOW - timedelta(days=days_ago),
    )


def test_the_last_price_stands_next_to_our_own_and_to_what_was_lost() -> None:
    commands = [
        *history(),
        seen("x1", 40, price=euros(90)),
        seen("x2", 10, price=euros(100)),
        seen("x3", 5, price=euros(1)),
        CancelRivalObservation(rival="grand", observation="x3", occurred_at=NOW - timedelta(days=4)),
        seen("x4", 3, kind="rating", value="4.5", source="portal"),
        seen("x5", 2, rival="inn", price=Money(5_000, "CHF")),
        bought("p1", 20, 110, 1),
        bought("p2", 2, 260, 2),
        bought("p3", 200, 9_000, 1),
    ]
    with engine_of(iter(commands)) as engine:
        grand, inn = engine.views.pipeline.rivals()
        assert (grand.rival, grand.lost, grand.value) == ("grand", 1, 40_000)
        rating, price = grand.observations
        assert (rating.kind, rating.value, rating.source, rating.gap) == ("rating", 4.5, "portal", None)
        assert (price.price, price.previous) == (euros(100), euros(90))
        assert price.own_price == pytest.approx(37_000 / 3)
        assert price.gap == pytest.approx(37_000 / 3 / 10_000 - 1)
        # We sell in no francs, so there is nothing to compare with.
        assert (inn.lost, inn.observations[0].own_price, inn.observations[0].gap) == (0, None, None)
        (early,) = engine.views.pipeline.rivals(as_of=MONDAY + timedelta(days=20))
        assert (early.rival, early.lost, early.observations) == ("grand", 1, ())
        with pytest.raises(InvalidInput, match="months"):
            engine.views.pipeline.rivals(months=0)
