"""Lifetime value is shown as profit next to revenue where the costs of purchases are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.customer import (
    MergeCustomer,
    PurchaseLine,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundPurchase,
    RefundReversed,
    ReverseRefund,
    UnmergeCustomer,
)
from relations.aggregates.model import BuyingParameters, RecordFit, SpendingParameters
from relations.engine import Relations
from relations.messages import Money, from_micros
from relations.policies import Lifecycle, Policy
from relations.policies.value import Condition, Segment
from tests.support.effort import part
from tests.support.making import day, purchase


@pytest.fixture
def relations(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url) as engine:
        yield engine


def euros(amount: int) -> Money:
    return Money(100 * amount, "EUR")


def refund(number: int, amount: int, on: int, customer: str = "c1") -> RefundPurchase:
    return RefundPurchase(
        customer=customer, refund=f"r{number}-{on}", purchase=f"p{number}", amount=euros(amount), occurred_at=day(on)
    )


def test_profit_is_what_is_kept_of_purchases_with_a_known_cost_less_that_cost(relations: Relations) -> None:
    relations.execute(purchase(1, euros=200, cost=euros(120)))
    relations.execute(purchase(2, euros=100))
    relations.execute(purchase(3, euros=100, cost=euros(40)))
    relations.execute(purchase(4, "c2", euros=50))
    relations.execute(refund(1, 50, 20))
    view = relations.views.retention
    before, after = (view.lifetime_values(as_of=day(number)) for number in (10, 30))
    assert (before.historic, before.costed, before.profit, before.margin) == (45_000, 30_000, 14_000, 14 / 30)
    # A quarter of the first purchase went back, and with it a quarter of its cost.
    assert (after.historic, after.costed, after.profit, after.costed_customers) == (40_000, 25_000, 12_000, 1)
    one, other = after.customers
    assert (one.customer, one.historic, one.costed, one.profit) == ("c1", 35_000, 25_000, 12_000)
    assert (other.customer, other.costed, other.profit) == ("c2", 0, None)
    assert view.value_of("c1", as_of=day(30)) == one
    assert view.lifetime_values(as_of=day(30), currency="USD").profit is None


FIT = RecordFit(
    model="bg_nbd",
    currency="EUR",
    through=date(2024, 3, 31),
    position=1,
    version=1,
    buying=BuyingParameters(
        r=0.583, alpha_days=20.86, a=0.812, b=1.85, standard_errors={}, log_likelihood=-33.5, unit_days=7.0,
        customers=60, repeat_customers=40,
    ),
    spending=SpendingParameters(
        p=1.107, q=2.915, v=69_722.9, standard_errors={}, log_likelihood=-17.25, unit_amount=100.0, customers=40,
        left_out=0,
    ),
    occurred_at=day(30),
)  # fmt: skip


def test_expected_profit_is_expected_value_at_the_customers_own_margin() -> None:
    pytest.importorskip("scipy")
    relations = Relations.open("sqlite://")
    relations.execute(FIT)
    for customer in range(10):
        for number in range(1 + customer % 3):
            amount = 100 + 10 * customer + number
            cost = euros(amount * (20 + customer) // 100) if customer % 2 else None
            relations.execute(purchase(1 + customer + 9 * number, f"c{customer}", amount, cost=cost))
    found = relations.views.retention.lifetime_values(as_of=day(60))
    assert found.no_fit is None
    assert found.costed_customers == 5
    for each in found.customers:
        assert each.expected_value is not None
        if each.profit is None:
            assert each.expected_profit is None
        else:
            assert each.expected_profit == pytest.approx(each.expected_value * each.profit / each.costed)
            assert 0 < (each.expected_profit or 0) < each.expected_value
    assert found.expected_profit == pytest.approx(sum(each.expected_profit or 0 for each in found.customers))


_BOUGHT = st.tuples(
    st.sampled_from(("c1", "c2")), st.integers(0, 40), st.integers(1, 90), st.none() | st.integers(0, 99)
)


@part(20)
@given(
    st.lists(
        _BOUGHT,
        min_size=1,
        max_size=6,
    ),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60), st.integers(1, 100), st.booleans()), max_size=5),
    st.integers(0, 70),
)
def test_profit_is_the_sum_of_what_the_events_say(
    bought: list[tuple[str, int, int, int | None]], back: list[tuple[int, int, int, bool]], through: int
) -> None:
    with Relations.open("sqlite://") as engine:
        left = [amount for _, _, amount, _ in bought]
        for number, (customer, on, amount, cost) in enumerate(bought):
            known = None if cost is None else euros(cost)
            engine.execute(purchase(number, customer, amount, cost=known, occurred_at=day(on), command_id=None))
        for serial, (number, on, wanted, reversed_later) in enumerate(back):
            if number < len(bought) and min(wanted, left[number]) > 0:
                amount = min(wanted, left[number])
                customer = bought[number][0]
                name = f"r{serial}"
                engine.execute(
                    RefundPurchase(
                        customer=customer, refund=name, purchase=f"p{number}", amount=euros(amount), occurred_at=day(on)
                    )
                )
                left[number] -= amount
                if reversed_later:
                    engine.execute(ReverseRefund(customer=customer, refund=name, occurred_at=day(on)))
                    left[number] += amount
        revenue = cost_of_all = 0
        last = day(through)
        for each in engine.events():
            event = each.event
            match event:
                case PurchaseRecorded() if event.cost is not None and _is_by(event.at, last):
                    revenue, cost_of_all = revenue + event.amount.amount, cost_of_all + event.cost.amount
                case PurchaseRefunded() if event.cost is not None and _is_by(max(event.at, event.bought_at), last):
                    revenue, cost_of_all = revenue - event.amount.amount, cost_of_all - event.cost
                case RefundReversed() if event.cost is not None and _is_by(event.refunded_at, last):
                    revenue, cost_of_all = revenue + event.amount.amount, cost_of_all + event.cost
        found = engine.views.retention.lifetime_values(as_of=last)
        assert (found.costed, found.profit or 0) == (revenue, revenue - cost_of_all if revenue else 0)
        assert sum(each.costed for each in found.customers) == found.costed
        assert sum(each.profit or 0 for each in found.customers) == (found.profit or 0)
        merged = engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=day(80))) if _both(bought) else None
        if merged is not None:
            whole = engine.views.retention.lifetime_values(as_of=last)
            assert (whole.costed, whole.profit) == (found.costed, found.profit)
            engine.execute(UnmergeCustomer(customer="c2", occurred_at=day(81)))
            assert engine.views.retention.lifetime_values(as_of=last) == found


def test_the_categories_of_lines_count_for_segments() -> None:
    likes_spa = Segment(name="spa", kind="behavioural", conditions=(Condition(fact="category", one_of=("spa",)),))
    with Relations.open("sqlite://") as engine:
        engine.adopt(Policy(lifecycle=Lifecycle(segments=(likes_spa,))), since=day(0))
        lines = (PurchaseLine("room", euros(80)), PurchaseLine("massage", euros(20), category="spa"))
        engine.execute(purchase(1, "c1", lines=lines))
        engine.execute(purchase(1, "c2", lines=lines[:1], rest=euros(20)))
        assert engine.views.retention.members(as_of=day(10)) == {"c1": ("spa",)}


def _is_by(at: int, last: datetime) -> bool:
    return from_micros(at) <= last


def _both(bought: list[tuple[str, int, int, int | None]]) -> bool:
    return {customer for customer, *_ in bought} == {"c1", "c2"}
