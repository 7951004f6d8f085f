"""Counts of all purchases are those of the customers' own rows, and grade one customer like all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Relations
from relations.aggregates.customer import (
    EraseCustomer,
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    ReverseRefund,
    UnmergeCustomer,
)
from relations.messages import Command, Money
from relations.policies import Lifecycle, Policy
from relations.policies.lifecycle import Rfm, RfmBins
from relations.projections.retention import Patronage
from relations.projections.retention.rfm import quintiles, rfm_buyers, rfm_scores, score_among
from relations.projections.retention.worth.turnover import Turnover
from tests.projections.retention.test_retention import Facts, folded, histories, patrons
from tests.support.effort import part

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=200)
EVER = LATER.toordinal() + 5_000
IDS = tuple(f"c{number}" for number in range(1, 9))
BINS = RfmBins(recency_days=(30, 60, 90, 180), frequency=(2, 3, 5, 8), monetary=(1, 100, 1_000, 5_000))


@given(histories())
def test_a_turnover_is_what_was_bought_by_its_day_and_stays_so(facts: Facts) -> None:
    rows = folded(facts)
    found = {(row.customer, row.currency): row for row in rows.tables[Turnover].values()}
    wanted = {
        (row.customer, currency): row
        for row in patrons(rows)
        for currency in {currency for _, currency, _ in row.entries()}
        if row.bought_in(currency, EVER)
    }
    assert found.keys() == wanted.keys()
    for (_, currency), patron in wanted.items():
        row = found[patron.customer, currency]
        for day in (row.until, row.until + 1, EVER):
            days = patron.purchase_days(day)
            assert (row.net, row.visits, row.last_day) == (patron.net_amount(currency, day), len(days), days[-1])
        refunds = {key[-10:] for key in patron.returned if key[10:-10] == currency}
        assert row.until == max(row.last_day, *(date.fromisoformat(day).toordinal() for day in refunds), 0)


@given(histories(), st.randoms(use_true_random=False))
def test_turnovers_do_not_depend_on_the_order_of_recording(facts: Facts, chance: Random) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)
    assert folded(facts).tables[Turnover] == folded(shuffled).tables[Turnover]


def test_the_turnover_of_merged_ids_does_not_know_their_days() -> None:
    one, other = Turnover("a", "EUR", 100, 2, 5, 9), Turnover("b", "EUR", 50, 1, 7, 7)
    one.absorb(other)
    assert one == Turnover("a", "EUR", 150, None, 7, 9)


numbers = st.integers(0, 11)
whens = st.integers(0, 200).map(lambda day: START + timedelta(days=day))
ids = st.sampled_from(IDS)
steps = st.one_of(
    st.builds(
        RecordPurchase,
        customer=ids,
        purchase=numbers.map(lambda number: f"p{number}"),
        amount=st.builds(Money, st.sampled_from([1, 50, 50, 700, 9_000]), st.sampled_from(["EUR", "EUR", "JPY"])),
        occurred_at=whens,
    ),
    st.builds(
        RefundPurchase,
        customer=ids,
        refund=numbers.map(lambda number: f"r{number}"),
        purchase=numbers.map(lambda number: f"p{number}"),
        amount=st.builds(Money, st.sampled_from([1, 50, 700]), st.just("EUR")),
        occurred_at=whens,
    ),
    st.builds(ReverseRefund, customer=ids, refund=numbers.map(lambda number: f"r{number}"), occurred_at=whens),
    st.builds(MergeCustomer, customer=ids, into=ids, occurred_at=whens),
    st.builds(UnmergeCustomer, customer=ids, occurred_at=whens),
    st.builds(EraseCustomer, customer=st.just("c8"), occurred_at=whens),
)


def bought(customer: str, number: int, day: int, amount: int) -> RecordPurchase:
    when = START + timedelta(days=day)
    return RecordPurchase(customer=customer, purchase=f"q{number}", amount=Money(amount, "EUR"), occurred_at=when)


@part(200)
@given(
    most=st.sampled_from([0, 2, 1_000, 1_000]),
    first=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 500)), min_size=8, max_size=8),
    merged=st.lists(st.builds(MergeCustomer, customer=ids, into=ids, occurred_at=whens), max_size=4),
    later=st.lists(steps, max_size=30),
    bins=st.sampled_from([None, None, BINS]),
    ages=st.lists(st.integers(0, 200), min_size=1, max_size=3),
)
def test_one_customer_is_graded_like_all(
    most: int,
    first: list[tuple[int, int]],
    merged: list[Command],
    later: list[Command],
    bins: RfmBins | None,
    ages: list[int],
) -> None:
    with pytest.MonkeyPatch.context() as patched, Relations.open("sqlite://", clock=lambda: LATER) as engine:
        patched.setattr("relations.projections.retention.view._CHANGED_MAX", most)
        engine.adopt(Policy(lifecycle=Lifecycle(rfm=Rfm(bins=bins))), from_beginning=True)
        engine.execute_many(RegisterCustomer(customer=name, occurred_at=START) for name in IDS)
        engine.execute_many(bought(IDS[n], n, day, amount) for n, (day, amount) in enumerate(first))
        view = engine.views.retention
        for half in (merged, later):
            engine.execute_many(half)
            for age in ages:
                as_of = LATER - timedelta(days=age)
                rows, today = view.rows(Patronage), view.local.day(int(as_of.timestamp() * 1_000_000))
                for currency in ("EUR", "JPY"):
                    every = rfm_scores(rfm_buyers(rows, currency, today=today)[0], Rfm(bins=bins), currency)
                    scored = {score.customer: score for score in every}
                    for name in IDS:
                        found = view.rfm_of(name, as_of=as_of, currency=currency)
                        assert found == scored.get(view.aliases.survivor(name)), (name, currency, as_of)


def test_every_database_counts_the_same(database_url: str) -> None:
    with Relations.open(database_url, clock=lambda: LATER) as engine:
        engine.execute_many(RegisterCustomer(customer=name, occurred_at=START) for name in IDS)
        engine.execute_many(bought(name, number, number * 7 % 90, number * 30) for number, name in enumerate(IDS, 1))
        engine.execute(MergeCustomer(customer="c2", into="c5", occurred_at=LATER))
        view = engine.views.retention
        for as_of in (LATER, START + timedelta(days=45)):
            scored = view.rfm(as_of=as_of).customers
            assert [view.rfm_of(score.customer, as_of=as_of) for score in scored] == list(scored)
            assert len({score.m for score in scored}) > 2


def test_counts_give_the_grades_of_a_list() -> None:
    buyers = [(f"c{number}", number % 7, number % 3, number * number % 50) for number in range(40)]
    counts = tuple(
        {value: column.count(value) for value in column} for column in zip(*(b[1:] for b in buyers), strict=True)
    )
    recency, frequency, monetary = counts
    scores = rfm_scores(buyers, Rfm(), "EUR")
    assert [score_among((recency, frequency, monetary), buyer, Rfm(), "EUR") for buyer in buyers] == scores
    assert {score.m for score in scores} == set(quintiles(buyer[3] for buyer in buyers).values()) == {1, 2, 3, 4, 5}
