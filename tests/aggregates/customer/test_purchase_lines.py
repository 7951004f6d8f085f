"""A purchase has lines, a rest and a cost that fit its amount, and refunds take the cost back in proportion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.customer import (
    PurchaseLine,
    PurchaseRecorded,
    PurchaseRefunded,
    RecordPurchase,
    RefundPurchase,
    RefundReversed,
    ReverseRefund,
)
from relations.engine import Relations
from relations.errors import CommandRefused, InvalidInput
from relations.exchange.jsonlines.commands import command_from_json
from relations.messages import Event, Money
from tests.support.effort import part

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def euros(amount: int) -> Money:
    return Money(100 * amount, "EUR")


BREAKFAST = PurchaseLine("breakfast", euros(30), 2, "food")
ROOM = PurchaseLine("room", euros(90))


def purchase(amount: int = 120, **fields: Any) -> RecordPurchase:
    return RecordPurchase(
        **{"customer": "c1", "purchase": "p1", "amount": euros(amount), "occurred_at": NOON, **fields}
    )


def recorded(engine: Relations) -> list[Event]:
    return [each.event for each in engine.events()]


def test_lines_rest_and_cost_are_recorded_with_the_purchase() -> None:
    bought = purchase(115, lines=(ROOM, BREAKFAST), rest=euros(-5), cost=euros(40))
    with Relations.open("sqlite://") as engine:
        engine.execute(bought)
        found = [each for each in recorded(engine) if isinstance(each, PurchaseRecorded)]
        assert [(each.lines, each.rest, each.cost) for each in found] == [((ROOM, BREAKFAST), euros(-5), euros(40))]
        assert engine.execute(bought).events == ()
        with pytest.raises(CommandRefused, match="already recorded") as refused:
            engine.execute(purchase(115, lines=(BREAKFAST, ROOM), rest=euros(-5), cost=euros(40)))
        assert refused.value.code == "purchase_id_reused"


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        (
            {"lines": (ROOM,)},
            "lines_differ_from_amount",
            "to its amount, 120.00 EUR: its rest would be 30.00 EUR",
        ),
        ({"lines": (ROOM,), "rest": euros(31)}, "lines_differ_from_amount", "its rest would be 30.00 EUR"),
        ({"lines": (ROOM, BREAKFAST, BREAKFAST)}, "lines_differ_from_amount", "its rest would be -30.00 EUR"),
        ({"rest": euros(1)}, "rest_without_lines", "only a purchase with lines"),
        ({"cost": Money(1, "USD")}, "line_currency_differs", "must be in the currency"),
        ({"lines": (PurchaseLine("room", Money(12_000, "USD")),)}, "line_currency_differs", "must be in the currency"),
        ({"cost": euros(-1)}, "negative_cost", "must not be negative"),
        ({"lines": ({"product": "room", "amount": euros(-1)},)}, "invalid_lines", "give a discount on the whole"),
        (
            {"lines": ({"product": "room", "amount": euros(120), "quantity": 0},)},
            "invalid_lines",
            "greater than or equal",
        ),
        ({"lines": ({"product": "room", "amount": euros(120), "quantity": 1.5},)}, "invalid_lines", "integer"),
        ({"lines": ({"product": "", "amount": euros(120)},)}, "invalid_lines", "at least 1 character"),
        ({"lines": ({"product": "room", "amount": euros(120), "colour": "red"},)}, "invalid_lines", "no such field"),
    ],
)
def test_lines_must_fit_their_purchase(fields: dict[str, Any], code: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        purchase(**fields)
    assert refused.value.code == code


def test_a_command_with_lines_has_a_json_form_that_is_read_back() -> None:
    bought = purchase(lines=(ROOM, BREAKFAST), cost=euros(40))
    form = bought.model_dump(mode="json")
    assert form["lines"][1] == {
        "product": "breakfast", "amount": {"amount": 3_000, "currency": "EUR"}, "quantity": 2, "category": "food",
    }  # fmt: skip
    assert command_from_json({"command": "RecordPurchase", **form}) == bought


@part(25)
@given(
    cost=st.integers(0, 1_000),
    parts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    reversals=st.sets(st.integers(0, 5)),
)
def test_refunds_take_back_the_cost_in_proportion(cost: int, parts: list[int], reversals: set[int]) -> None:
    bought = sum(parts)
    with Relations.open("sqlite://") as engine:
        engine.execute(_bought(bought, cost))
        for number, part in enumerate(parts):
            engine.execute(_refund(number, part))
        back = [each.cost for each in recorded(engine) if isinstance(each, PurchaseRefunded)]
        assert len(back) == len(parts)
        assert all(each is not None and each >= 0 for each in back)
        assert sum(each or 0 for each in back) == cost
        for number in sorted(reversals & set(range(len(parts)))):
            engine.execute(ReverseRefund(customer="c1", refund=f"r{number}", occurred_at=NOON + timedelta(days=9)))
        given_back = {each.refund: each.cost for each in recorded(engine) if isinstance(each, RefundReversed)}
        assert given_back == {f"r{number}": back[number] for number in reversals & set(range(len(parts)))}


def test_a_refund_of_a_purchase_without_a_cost_takes_no_cost_back() -> None:
    with Relations.open("sqlite://") as engine:
        engine.execute(purchase())
        engine.execute(_refund(1, 100))
        (refund,) = (each for each in recorded(engine) if isinstance(each, PurchaseRefunded))
        assert refund.cost is None


def _bought(amount: int, cost: int) -> RecordPurchase:
    return RecordPurchase(
        customer="c1", purchase="p1", amount=Money(amount, "EUR"), cost=Money(cost, "EUR"), occurred_at=NOON
    )


def _refund(number: int, amount: int) -> RefundPurchase:
    at = NOON + timedelta(days=1 + number)
    return RefundPurchase(
        customer="c1", refund=f"r{number}", purchase="p1", amount=Money(amount, "EUR"), occurred_at=at
    )
