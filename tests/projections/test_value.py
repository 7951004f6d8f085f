"""Grades, segments, revenue retention, the cost of winning customers, and why they leave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from relations import (
    CorrectProfile,
    DropTrait,
    GiveFeedback,
    Lifecycle,
    MergeCustomer,
    Money,
    NoteTrait,
    Policy,
    RecordAcquisitionCost,
    RecordLapse,
    RecordPurchase,
    RecordWinBack,
    RefundPurchase,
    RegisterCustomer,
    Relations,
    UnmergeCustomer,
)
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies.value import Condition, Segment, ValueGrades
from relations.projections.grading import customer_grade
from relations.projections.patronage import Activity, Patronage

GRADES = ValueGrades(months=3, high_from=1_000, mid_from=300)
SEGMENTS = (
    Segment(name="chinese guests", kind="descriptive", conditions=(Condition(fact="language", one_of=("zh",)),)),
    Segment(name="tyrol", kind="geographic", conditions=(Condition(fact="region", one_of=("Tyrol",)),)),
    Segment(
        name="regulars",
        kind="behavioural",
        conditions=(Condition(fact="purchase_days", at_least=2), Condition(fact="silent_days", at_most=60)),
    ),
    Segment(name="quiet seekers", kind="needs", conditions=(Condition(fact="need", one_of=("quiet", "emotional")),)),
    Segment(name="valuable", kind="value", conditions=(Condition(fact="grade", one_of=("high", "mid")),)),
    Segment(
        name="not yet convinced",
        kind="psychographic",
        conditions=(Condition(fact="kind", one_of=("true",), otherwise=True),),
    ),
)
POLICY = Policy(lifecycle=Lifecycle(grades=GRADES, segments=SEGMENTS))


def on(month: int, day: int = 10) -> datetime:
    return datetime(2024, month, day, 12, tzinfo=UTC)


def buy(customer: str, name: str, month: int, amount: int, day: int = 10) -> RecordPurchase:
    return RecordPurchase(customer=customer, purchase=name, amount=Money(amount, "EUR"), occurred_at=on(month, day))


@pytest.fixture
def relations() -> Iterator[Relations]:
    with Relations.open("sqlite://") as opened:
        opened.adopt(POLICY)
        yield opened


def send(relations: Relations, *commands: Command) -> None:
    for command in commands:
        relations.execute(command)


# --- grades ---------------------------------------------------------------------------------------------------------


def test_a_grade_says_since_when_and_time_alone_lowers_it(relations: Relations) -> None:
    send(relations, buy("c1", "p1", 1, 400), buy("c1", "p2", 2, 700))
    view = relations.views.retention
    found = {month: view.grade_of("c1", as_of=on(month)) for month in range(1, 7)}
    assert [(each.grade, each.since, each.amount) for each in found.values() if each] == [
        ("mid", "2024-01", 400),
        ("high", "2024-02", 1_100),
        ("high", "2024-02", 1_100),
        ("mid", "2024-04", 700),
        ("low", "2024-05", 0),
        ("low", "2024-05", 0),
    ]
    assert view.grade_of("c2") is None
    assert view.grades(as_of=on(3)) == [found[3]]


def test_a_refund_lowers_the_grade_in_the_month_in_which_it_happens(relations: Relations) -> None:
    refund = RefundPurchase(customer="c1", purchase="p1", refund="r1", amount=Money(500, "EUR"), occurred_at=on(2))
    send(relations, buy("c1", "p1", 1, 1_200), refund)
    view = relations.views.retention
    january, february = view.grade_of("c1", as_of=on(1)), view.grade_of("c1", as_of=on(2))
    assert january is not None
    assert february is not None
    assert (january.grade, february.grade, february.since) == ("high", "mid", "2024-02")


months = st.integers(1, 24).map(lambda index: f"{2023 + index // 13:04d}-{1 + index % 12:02d}")
activities = st.dictionaries(months, st.tuples(st.integers(0, 900), st.integers(0, 300)), min_size=1, max_size=8)


@settings(max_examples=60)
@given(activities, st.integers(1, 5))
def test_since_is_the_first_month_of_the_grade_month_by_month(did: dict[str, tuple[int, int]], span: int) -> None:
    row = Patronage("c1", activity={f"{m}EUR": Activity(1, 1, bought, 1, back) for m, (bought, back) in did.items()})
    policy = ValueGrades(months=span, high_from=1_000, mid_from=300)
    every = [f"{year}-{month:02d}" for year in (2023, 2024, 2025) for month in range(1, 13)]
    run: tuple[str, str] | None = None
    for month in every:
        found = customer_grade(row, policy, currency="EUR", month=month)
        if found is None:
            assert month < min(did)
            continue
        run = run if run is not None and run[0] == found.grade else (found.grade, month)
        assert (found.grade, found.since) == run
    assert run is not None


# --- segments -------------------------------------------------------------------------------------------------------


def test_segments_are_named_predicates_over_what_is_known(relations: Relations) -> None:
    send(
        relations,
        RegisterCustomer(customer="c1", language="zh-Hant", region="Tyrol", occurred_at=on(1)),
        buy("c1", "p1", 1, 500),
        buy("c1", "p2", 2, 500),
        RegisterCustomer(customer="c2", language="de", region="Tyrol", occurred_at=on(1)),
        NoteTrait(customer="c2", trait="need", about="rest", need="emotional", occurred_at=on(1)),
        NoteTrait(customer="c3", trait="need", about="quiet", need="functional", occurred_at=on(1)),
        DropTrait(customer="c3", trait="need", about="quiet", occurred_at=on(2)),
    )
    found = {each.name: each for each in relations.views.retention.segments(as_of=on(3))}
    assert {name: each.customers for name, each in found.items()} == {
        "chinese guests": ("c1",),
        "tyrol": ("c1", "c2"),
        "regulars": ("c1",),
        "quiet seekers": ("c2",),
        "valuable": ("c1",),
        "not yet convinced": ("c1", "c2", "c3"),
    }
    assert found["regulars"].net_amount == 1_000
    assert found["tyrol"].share == pytest.approx(2 / 3)
    assert relations.views.retention.segments_of("c2", as_of=on(3)) == ("tyrol", "quiet seekers", "not yet convinced")
    assert relations.views.retention.segments_of("nobody") == ()


def test_what_is_corrected_moves_a_customer_whatever_the_order_of_recording() -> None:
    commands: list[Command] = [
        RegisterCustomer(customer="c1", region="Tyrol", occurred_at=on(1)),
        CorrectProfile(customer="c1", region="Wien", occurred_at=on(3)),
        CorrectProfile(customer="c1", region="Salzburg", occurred_at=on(2)),
    ]
    for order in ([0, 1, 2], [0, 2, 1]):
        with Relations.open("sqlite://") as relations:
            relations.adopt(POLICY)
            send(relations, *(commands[index] for index in order))
            assert "tyrol" not in relations.views.retention.segments_of("c1")
            [row] = relations.views.retention.rows(Patronage)
            assert row.profile["region"].value == "Wien"


def test_rates_of_a_segment_and_of_a_cohort(relations: Relations) -> None:
    for number in range(4):
        send(relations, buy(f"c{number}", "p1", 1 + number % 2, 100))
        send(relations, RegisterCustomer(customer=f"c{number}", region="Tyrol" if number < 1 else "Wien",
                                         occurred_at=on(1)))  # fmt: skip
    view = relations.views.retention
    for month in view.rates(as_of=on(4), segment="tyrol"):
        assert month.at_start <= 1
    begun = [month.at_start for month in view.rates(as_of=on(4), cohort="2024-02")]
    assert max(begun) == 2
    with pytest.raises(InvalidInput) as refused:
        view.rates(segment="nobody")
    assert refused.value.code == "unknown_segment"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"fact": "purchases", "one_of": ["a"]}, "is a number"),
        ({"fact": "purchases"}, "is a number"),
        ({"fact": "purchases", "at_least": 3, "at_most": 2}, "at least 3 and at most 2"),
        ({"fact": "region", "at_least": 3}, "is a word"),
        ({"fact": "region"}, "is a word"),
        ({"fact": "shoe size", "at_least": 3}, "Input should be"),
    ],
)
def test_conditions_are_checked_when_the_policy_is_made(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Condition(**fields)


def test_a_segment_that_nobody_can_meet_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 5 and at most 2"):
        Segment(
            name="x",
            kind="value",
            conditions=(Condition(fact="purchases", at_least=5), Condition(fact="purchases", at_most=2)),
        )
    with pytest.raises(ValidationError, match="two segments"):
        Lifecycle(segments=(SEGMENTS[0], SEGMENTS[0]))
    with pytest.raises(ValidationError, match="must be above"):
        ValueGrades(high_from=5, mid_from=5)


# --- revenue --------------------------------------------------------------------------------------------------------


def test_revenue_retention_net_and_gross(relations: Relations) -> None:
    send(
        relations,
        buy("c1", "p1", 1, 100),
        buy("c1", "p2", 2, 150),
        buy("c2", "p1", 1, 100),
        buy("c2", "p2", 2, 40),
        buy("c3", "p1", 1, 100),
        buy("new", "p1", 2, 900),
        RefundPurchase(customer="c2", purchase="p1", refund="r1", amount=Money(60, "EUR"), occurred_at=on(2)),
    )
    view = relations.views.retention
    [found] = view.revenue_retention(as_of=on(2), months=1)
    assert (found.month, found.customers, found.before, found.now, found.kept) == ("2024-02", 3, 300, 130, 100)
    assert found.net == pytest.approx(130 / 300)
    assert found.gross == pytest.approx(1 / 3)
    assert view.revenue_retention(as_of=on(2)) == []
    january, february = view.cohort_revenue(as_of=on(2))
    assert [(month.net, month.share) for month in january.months] == [(300, 1), (130, pytest.approx(130 / 300))]
    assert [month.net for month in february.months] == [900]
    with pytest.raises(InvalidInput):
        view.revenue_retention(months=0)


# --- acquisition and leaving ----------------------------------------------------------------------------------------


def test_what_customers_cost_to_win_and_what_they_bring(relations: Relations) -> None:
    for number, (channel, campaign) in enumerate([("social", "spring"), ("social", None), ("web", "spring")]):
        relations.execute(
            RecordAcquisitionCost(
                customer=f"c{number}",
                acquisition="a1",
                amount=Money(100, "EUR"),
                channel=channel,
                campaign=campaign,
                occurred_at=on(1),
            )
        )
    send(relations, buy("c0", "p1", 2, 500))
    view = relations.views.retention
    social, web = view.acquisition(as_of=on(3))
    assert (social.channel, social.customers, social.buyers, social.cost, social.cac) == ("social", 2, 1, 200, 100)
    assert (social.historic, social.ratio, social.expected) == (500, 2.5, None)
    assert (web.channel, web.ratio) == ("web", 0)
    assert [(each.channel, each.campaign) for each in view.acquisition(as_of=on(3), campaigns=True)] == [
        ("social", None),
        ("social", "spring"),
        ("web", "spring"),
    ]
    [looked, _] = view.acquisition(as_of=on(3), expected={"c0": 300.0})
    assert (looked.expected, looked.ratio) == (300, 4)


def test_why_customers_left_and_what_won_them_back(relations: Relations) -> None:
    send(
        relations,
        RecordLapse(customer="c1", reason="price", occurred_at=on(1)),
        RecordLapse(customer="c2", reason="price", occurred_at=on(1)),
        RecordLapse(customer="c3", occurred_at=on(1)),
        RecordWinBack(customer="c1", campaign="letter", occurred_at=on(3)),
    )
    view = relations.views.retention
    found = view.churn_reasons(as_of=on(4))
    assert (found.left, found.won_back, found.campaigns) == (3, 1, (("letter", 1),))
    assert [(each.reason, each.customers, each.won_back) for each in found.reasons] == [("price", 2, 1), (None, 1, 0)]
    assert view.churn_reasons(as_of=on(2)).won_back == 0


# --- merging --------------------------------------------------------------------------------------------------------


def test_merged_customers_have_one_grade_one_file_and_get_their_own_back(relations: Relations) -> None:
    history: list[Command] = [
        RegisterCustomer(customer="c1", region="Tyrol", occurred_at=on(1)),
        RegisterCustomer(customer="c2", region="Wien", occurred_at=on(2)),
        buy("c1", "p1", 1, 600),
        buy("c2", "p1", 2, 600),
        NoteTrait(customer="c2", trait="need", about="quiet", need="social", occurred_at=on(1)),
        RecordAcquisitionCost(customer="c2", acquisition="a", amount=Money(9, "EUR"), occurred_at=on(1)),
        RecordLapse(customer="c1", reason="price", occurred_at=on(2)),
        RecordWinBack(customer="c2", occurred_at=on(3)),
        GiveFeedback(customer="c2", feedback="f", instrument="csat", score=5, occurred_at=on(2)),
    ]
    send(relations, *history)
    view = relations.views.retention

    def asked() -> list[Any]:
        as_of = on(3)
        return [
            view.grades(as_of=as_of),
            view.segments(as_of=as_of),
            view.acquisition(as_of=as_of),
            view.churn_reasons(as_of=as_of),
            view.revenue_retention(as_of=as_of, months=1),
        ]

    before = asked()
    relations.execute(MergeCustomer(customer="c2", into="c1", occurred_at=on(4)))
    grade = view.grade_of("c2", as_of=on(3))
    assert grade is not None
    assert (grade.customer, grade.grade, grade.amount) == ("c1", "high", 1_200)
    assert view.segments_of("c1", as_of=on(3)) == ("regulars", "quiet seekers", "valuable")
    assert "tyrol" not in view.segments_of("c1", as_of=on(3))
    relations.execute(UnmergeCustomer(customer="c2", occurred_at=on(5)))
    assert asked() == before


def test_departures_are_kept_in_order_of_business_time() -> None:
    commands = [RecordLapse(customer="c1", reason=f"r{month}", occurred_at=on(month)) for month in (1, 2, 3)]
    for order in permutations(commands):
        with Relations.open("sqlite://") as relations:
            send(relations, *order)
            [reason] = relations.views.retention.churn_reasons().reasons
            assert reason.reason == "r3"
