"""Rivals: observed once under an id, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from relations.aggregates import rival
from relations.aggregates.rival import (
    CancelRivalObservation,
    ObserveRival,
    RivalObservationCancelled,
    RivalObserved,
)
from relations.errors import InvalidInput
from relations.messages import Money, to_micros
from relations.testing import History, Scenario, histories

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
PRICE = Money.of("99", "EUR")
EMPTY = Scenario(rival.AGGREGATE)


def observed(**more: Any) -> ObserveRival:
    fields: dict[str, Any] = {"observation": "x1", "kind": "price", "about": "double room", "price": PRICE, **more}
    return ObserveRival(rival="grand", occurred_at=MONDAY, **fields)


CANCEL = CancelRivalObservation(rival="grand", observation="x1", occurred_at=MONDAY)


def test_an_observation_counts_once_and_is_taken_back_once() -> None:
    EMPTY.when(observed()).then(
        RivalObserved(observation="x1", kind="price", about="double room", price=PRICE, at=to_micros(MONDAY))
    )
    once = EMPTY.given(observed())
    once.when(observed()).then_nothing()
    once.when(observed(price=Money.of("89", "EUR"))).then_refused("observation_id_reused")
    once.when(CANCEL).then(RivalObservationCancelled(observation="x1"))
    once.given(CANCEL).when(CANCEL).then_nothing()
    once.given(CANCEL).when(observed()).then_refused("observation_id_reused")
    EMPTY.when(CANCEL).then_refused("observation_unknown")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"price": None}, "must have the field price"),
        ({"kind": "rating"}, "must have the field value"),
        ({"kind": "service", "price": None}, "must have the field words"),
        ({"kind": "rating", "value": "4.5"}, "not have a figure of another kind"),
        ({"kind": "share", "price": None, "value": "1.5"}, "from 0 to 1"),
        ({"price": Money(-1, "EUR")}, "negative"),
        ({"words": "ask ann@example.org"}, "address"),
    ],
)
def test_an_observation_has_the_one_figure_of_its_kind(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        observed(**fields)


@given(histories(rival.AGGREGATE))
def test_what_is_cancelled_was_observed(history: History[Any]) -> None:
    seen = [event.observation for event in history.events if isinstance(event, RivalObserved)]
    cancelled = [event.observation for event in history.events if isinstance(event, RivalObservationCancelled)]
    assert len(seen) == len(set(seen))
    assert len(cancelled) == len(set(cancelled))
    assert set(cancelled) <= set(seen)
