"""Grades, segments, revenue retention, the cost of winning customers, and why they leave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import GiveFeedback, Money, Policy, RecordPurchase, RefundPurchase, RegisterCustomer, Relations
from relations.commands import (
    CorrectProfile,
    DropTrait,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordAcquisitionCost,
    RecordLapse,
    RecordWinBack,
    UnmergeCustomer,
)
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies import Lifecycle
from relations.policies.value import (
    DEFAULT_SEGMENTS,
    Condition,
    CurrencyGrades,
    Segment,
    SegmentKind,
    ValueGrades,
)
from relations.projections.retention.activity import Activity
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.revenue import revenue_retention
from relations.projections.retention.value_grades import customer_grade

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
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        view.grade_of("c2")
    assert view.grades(as_of=on(3)) == [found[3]]


def test_who_never_bought_in_the_currency_is_counted_and_not_graded(relations: Relations) -> None:
    send(relations, buy("c1", "p1", 1, 400), buy("c2", "p1", 2, 50))
    for number in range(13):
        money, at = Money(5_286, "CHF"), on(2, 2 + number)
        send(relations, RecordPurchase(customer="swiss", purchase=f"p{number}", amount=money, occurred_at=at))
    view = relations.views.retention
    found = view.value_grades(as_of=on(3))
    assert (found.graded, found.other_currencies, found.currency, found.month) == (2, 1, "EUR", "2024-03")
    assert [(size.grade, size.customers, size.share, size.monetary.amount) for size in found.sizes] == [
        ("high", 0, 0, 0),
        ("mid", 1, 0.5, 400),
        ("low", 1, 0.5, 50),
    ]
    assert [each.customer for each in found.customers] == ["c1", "c2"]
    assert [each.customer for each in view.value_grades(as_of=on(3), grade="low").customers] == ["c2"]
    assert view.grade_of("swiss", as_of=on(3)) is None
    assert "valuable" not in view.segments_of("swiss", as_of=on(3))
    francs = view.value_grades(as_of=on(3), currency="CHF")
    assert (francs.graded, francs.other_currencies) == (1, 2)
    assert [(each.customer, each.grade, each.amount) for each in francs.customers] == [("swiss", "high", 13 * 5_286)]
    swiss_grade = view.grade_of("swiss", as_of=on(3), currency="CHF")
    assert swiss_grade == francs.customers[0]
    assert view.grades(as_of=on(3), currency="CHF") == [swiss_grade]
    assert view.value_grades(as_of=on(1), currency="CHF").graded == 0
    assert view.rfm(as_of=on(3)).other_currencies == 1
    assert {each.customer for each in view.rfm(as_of=on(3)).customers} == {"c1", "c2"}
    with pytest.raises(InvalidInput) as refused:
        view.value_grades(currency="XYZ")
    assert refused.value.code == "unknown_currency"


def test_a_currency_may_have_thresholds_of_its_own() -> None:
    yen = CurrencyGrades(currency="JPY", high_from=200_000, mid_from=50_000)
    grades = ValueGrades(high_from=1_000, mid_from=300, currencies=(yen,))
    assert [grades.grade(amount, "JPY") for amount in (49_999, 50_000, 200_000)] == ["low", "mid", "high"]
    assert [grades.grade(amount, "EUR") for amount in (299, 300, 1_000)] == ["low", "mid", "high"]
    assert grades.thresholds("CHF") == (1_000, 300)
    with Relations.open("sqlite://") as relations:
        relations.adopt(Policy(lifecycle=Lifecycle(grades=grades)))
        money = Money(60_000, "JPY")
        relations.execute(RecordPurchase(customer="c1", purchase="p", amount=money, occurred_at=on(1)))
        found = relations.views.retention.value_grades(as_of=on(1), currency="JPY")
        assert (found.customers[0].grade, found.high_from, found.mid_from) == (
            "mid",
            Money(200_000, "JPY"),
            Money(50_000, "JPY"),
        )
    for wrong in ((yen, yen), ({"currency": "XYZ", "high_from": 2, "mid_from": 1},)):
        with pytest.raises(InvalidInput):
            ValueGrades(currencies=wrong)
    with pytest.raises(InvalidInput, match="must be above"):
        CurrencyGrades(currency="JPY", high_from=1, mid_from=1)


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
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        relations.views.retention.segments_of("nobody")


def test_conditions_ask_for_culture_words_scores_and_what_was_bought(relations: Relations) -> None:
    def segment(name: str, fact: str, *words: str, **bounds: float) -> Segment:
        condition = Condition(fact=fact, one_of=words, **bounds)
        return Segment(name=name, kind="descriptive", conditions=(condition,))

    asked = (
        segment("speak Chinese", "speaks", "zh"),
        segment("speak German", "speaks", "de"),
        segment("like WeChat", "preferred_channel", "message"),
        segment("unhurried", "pace", "slow"),
        segment("no pork", "taboo", "pork"),
        segment("spa guests", "category", "spa"),
        segment("bought on the web", "purchase_channel", "web"),
        segment("content", "satisfaction", at_least=4),
        segment("detractors", "recommendation", at_most=6),
        segment("best", "rfm", "champions"),
        segment("poor", "net_amount", at_most=100),
    )
    relations.adopt(Policy(lifecycle=Lifecycle(grades=GRADES, segments=asked)), from_beginning=True)
    chf = Money(90_000, "CHF")
    send(
        relations,
        RegisterCustomer(customer="c1", language="de-AT", occurred_at=on(1)),
        NoteCulture(customer="c1", languages=("en", "zh-Hant"), pace="slow", occurred_at=on(1)),
        NoteCulture(customer="c1", preferred_channel="message", occurred_at=on(2)),
        NoteTrait(customer="c1", trait="taboo", about="pork", occurred_at=on(1)),
        RecordPurchase(customer="c1", purchase="p1", amount=Money(70, "EUR"), channel="web", occurred_at=on(2)),
        RecordPurchase(customer="c1", purchase="p2", amount=Money(70, "EUR"), category="spa", occurred_at=on(3)),
        RecordPurchase(customer="c2", purchase="p1", amount=Money(70, "EUR"), channel="phone", occurred_at=on(1)),
        RecordPurchase(customer="c3", purchase="p1", amount=chf, occurred_at=on(3)),
        GiveFeedback(customer="c1", feedback="f1", instrument="csat", score=2, occurred_at=on(2)),
        GiveFeedback(customer="c1", feedback="f2", instrument="csat", score=5, occurred_at=on(3)),
        GiveFeedback(customer="c2", feedback="f3", instrument="csat", score=5, occurred_at=on(2)),
        GiveFeedback(customer="c2", feedback="f4", instrument="csat", score=2, occurred_at=on(3)),
        GiveFeedback(customer="c2", feedback="f1", instrument="nps", score=9, occurred_at=on(3)),
        GiveFeedback(customer="c2", feedback="f2", instrument="nps", score=6, occurred_at=on(2)),
    )
    view = relations.views.retention

    def who(month: int) -> dict[str, tuple[str, ...]]:
        return {each.name: each.customers for each in view.segments(as_of=on(month)) if each.customers}

    # What the profile says is as last known; what happened is as of then.
    known = dict.fromkeys(("speak Chinese", "speak German", "like WeChat", "unhurried", "no pork"), ("c1",))
    assert who(3) == known | {
        "spa guests": ("c1",),
        "bought on the web": ("c1",),
        "content": ("c1",),
        "best": ("c1",),
        "poor": ("c2",),
    }
    assert who(2) == known | {
        "bought on the web": ("c1",),
        "content": ("c2",),
        "detractors": ("c2",),
        "poor": ("c1", "c2", "c3"),  # c3 had bought nothing yet, in whatever currency
    }
    assert view.segments_of("c2", as_of=on(3)) == ("poor",)
    assert "best" in view.segments_of("c1", as_of=on(3)), "a rank among all is asked of one too"
    assert view.segments_of("c3", as_of=on(3)) == (), "nobody knows what they would have spent in euros"


def test_segments_ship_and_part_the_customers_sensibly() -> None:
    commands: list[Command] = [buy("regular", f"p{month}", month, 40_000) for month in range(1, 7)]
    commands += [
        RegisterCustomer(customer="regular", language="zh-Hans", occurred_at=on(1)),
        *(
            GiveFeedback(customer="regular", feedback=f"f{month}", instrument="nps", score=10, occurred_at=on(month))
            for month in (2, 5)
        ),
        NoteTrait(customer="once", trait="need", about="company", need="social", occurred_at=on(1)),
        buy("once", "p", 6, 900),
        GiveFeedback(customer="once", feedback="f", instrument="csat", score=1, occurred_at=on(6, 11)),
        *(
            RecordPurchase(
                customer="hunter",
                purchase=f"p{month}",
                amount=Money(15_000, "EUR"),
                discounted=True,
                occurred_at=on(month),
            )
            for month in (1, 2)
        ),
    ]
    with Relations.open("sqlite://") as relations:
        send(relations, *commands)
        view = relations.views.retention
        found = {each.name: each for each in view.segments(as_of=on(9))}
        assert list(found) == [segment.name for segment in DEFAULT_SEGMENTS]
        assert {name: each.customers for name, each in found.items() if each.size} == {
            "Chinese speakers": ("regular",),
            "regulars": ("regular",),
            "bargain hunters": ("hunter",),
            "slipping away": ("hunter",),
            "social needs": ("once",),
            "high value": ("regular",),
            "valuable and at risk": ("hunter",),
            "truly loyal": ("regular",),
            "promoters": ("regular",),
            "disappointed": ("once",),
        }
        assert [month.at_end for month in view.rates(as_of=on(6), segment="regulars")][-1] == 1
        kinds = {segment.kind for segment in DEFAULT_SEGMENTS}
        assert kinds == set(get_args(SegmentKind)) - {"geographic"}, "regions are each business's own"


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


SPLIT = Policy(
    lifecycle=Lifecycle(
        new_days=5,
        lapsing_days=20,
        lost_days=45,
        grades=GRADES,
        segments=(
            Segment(name="tyrol", kind="geographic", conditions=(Condition(fact="region", one_of=("Tyrol",)),)),
            Segment(
                name="elsewhere",
                kind="geographic",
                conditions=(Condition(fact="region", one_of=("Tyrol",), otherwise=True),),
            ),
        ),
    )
)


@pytest.fixture
def split() -> Iterator[Relations]:
    """Two segments that part everybody: two Tyroleans and three others, some of whom leave."""
    with Relations.open("sqlite://", clock=lambda: on(6, 30)) as opened:
        opened.adopt(SPLIT, from_beginning=True)
        for number in range(5):
            region = "Tyrol" if number < 2 else "Wien"
            send(opened, RegisterCustomer(customer=f"c{number}", region=region, occurred_at=on(1, 1)))
        send(
            opened,
            *(buy("c0", f"p{month}", month, 100 * month) for month in range(1, 7)),
            buy("c1", "p1", 1, 300),
            buy("c2", "p1", 1, 500),
            buy("c2", "p2", 2, 200),
            buy("c3", "p1", 2, 50),
            buy("c3", "p2", 5, 70),
            buy("c4", "p1", 3, 10),
            RefundPurchase(customer="c2", purchase="p1", refund="r", amount=Money(100, "EUR"), occurred_at=on(2)),
            RecordLapse(customer="c1", reason="price", occurred_at=on(1, 20)),
            RecordLapse(customer="c4", reason="noise", occurred_at=on(4)),
        )
        yield opened


def test_rates_of_the_segments_add_up_to_those_of_all(split: Relations) -> None:
    view = split.views.retention
    whole = view.rates(since="2024-01")
    parts = [view.rates(since="2024-01", segment=name) for name in ("tyrol", "elsewhere")]
    assert [month.month for month in whole] == [f"2024-0{month}" for month in range(1, 7)]
    counts = ("at_start", "at_end", "retained", "lost", "lost_recorded", "new", "won_back", "buyers", "repeat_buyers")
    for name in counts:
        by_part = [{month.month: getattr(month, name) for month in part} for part in parts]
        for month in whole:
            assert getattr(month, name) == sum(part.get(month.month, 0) for part in by_part), (name, month.month)
    tyrol = {month.month: month for month in parts[0]}
    assert [(tyrol[f"2024-0{month}"].at_start, tyrol[f"2024-0{month}"].at_end) for month in (1, 2, 6)] == [
        (0, 1),
        (1, 1),
        (1, 1),
    ]
    elsewhere = {month.month: month for month in parts[1]}
    march, april = elsewhere["2024-03"], elsewhere["2024-04"]
    assert (march.at_start, march.lost, march.lost_recorded, march.new, march.churn) == (2, 2, 0, 1, 1)
    assert (april.at_start, april.lost, april.lost_recorded, april.retention, april.churn) == (1, 1, 1, 0, 1)
    assert (elsewhere["2024-05"].won_back, elsewhere["2024-05"].retention) == (1, None)
    with pytest.raises(InvalidInput) as refused:
        view.rates(segment="nobody")
    assert refused.value.code == "unknown_segment"


def test_rates_of_the_cohorts_add_up_to_those_of_all(split: Relations) -> None:
    view = split.views.retention
    parts = [view.rates(since="2024-01", cohort=f"2024-0{month}") for month in (1, 2, 3)]
    for index, month in enumerate(view.rates(since="2024-01")):
        assert month.at_end == sum(part[index].at_end for part in parts)
        assert month.lost == sum(part[index].lost for part in parts)
    assert [month.at_end for month in parts[0]] == [2, 2, 1, 1, 1, 1]
    assert view.rates(cohort="2024-05") == []


def test_rates_by_quarter_and_by_year(split: Relations) -> None:
    view = split.views.retention
    first, second = view.rates(period="quarter")
    assert (first.period, first.at_start, first.new, first.complete) == ("2024-Q1", 0, 2, True)
    # Of c0 and c4, active at the end of March, c4 left; c3, silent then, was back in May.
    assert (second.period, second.at_start, second.lost, second.won_back, second.churn) == ("2024-Q2", 2, 1, 0, 0.5)
    [year] = view.rates(period="year")
    assert (year.period, year.month, year.complete, year.at_end) == ("2024", "2024-01", False, second.at_end)
    assert [each.period for each in view.rates(period="quarter", until="2024-04")] == ["2024-Q1"]


def test_revenue_retention_and_survival_of_the_segments_add_up(split: Relations) -> None:
    view = split.views.retention
    whole = view.revenue_retention(months=2)
    parts = [view.revenue_retention(months=2, segment=name) for name in ("tyrol", "elsewhere")]
    assert [each.month for each in whole] == ["2024-04", "2024-05", "2024-06"]
    for name in ("customers", "before", "now", "kept"):
        for index, pair in enumerate(whole):
            found = [getattr(each, name) for part in parts for each in part if each.month == pair.month]
            assert getattr(pair, name) == sum(found), (name, index)
    tyrol = parts[0][0]
    assert (tyrol.customers, tyrol.before, tyrol.now, tyrol.kept) == (2, 600, 700, 300)
    begun = view.revenue_retention(months=2, cohort="2024-02")
    assert [(each.month, each.before, each.now) for each in begun] == [("2024-05", 50, 70), ("2024-06", 0, 0)]
    cohorts = [view.cohort_revenue(segment=name) for name in ("tyrol", "elsewhere")]
    spent = [sum(month.net for cohort in part for month in cohort.months) for part in cohorts]
    assert spent == [2_100 + 300, 500 - 100 + 200 + 120 + 10]
    assert [cohort.size for cohort in view.cohorts(segment="elsewhere")] == [1, 1, 1]
    curves = [view.survival(segment=name) for name in ("tyrol", "elsewhere")]
    assert [(curve.n, curve.events) for curve in curves] == [(2, 1), (3, 3)]
    assert [point.time for point in curves[0].points if point.events] == [10], "c1 is known to have left on that day"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"fact": "purchases", "one_of": ["a"]}, "is a number"),
        ({"fact": "purchases"}, "is a number"),
        ({"fact": "purchases", "at_least": 3, "at_most": 2}, r"at_least \(3\) must not be above at_most \(2\)"),
        ({"fact": "region", "at_least": 3}, "is a word"),
        ({"fact": "region"}, "is a word"),
        ({"fact": "shoe size", "at_least": 3}, "is not one of"),
    ],
)
def test_conditions_are_checked_when_the_policy_is_made(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Condition(**fields)


def test_a_segment_that_nobody_can_meet_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 5 and at most 2"):
        Segment(
            name="x",
            kind="value",
            conditions=(Condition(fact="purchases", at_least=5), Condition(fact="purchases", at_most=2)),
        )
    with pytest.raises(InvalidInput, match="two segments"):
        Lifecycle(segments=(SEGMENTS[0], SEGMENTS[0]))
    with pytest.raises(InvalidInput, match="must be above"):
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
    assert (found.month, found.customers, found.before, found.now, found.kept) == ("2024-02", 3, 300, 130, 80)
    assert found.net == pytest.approx(130 / 300)
    assert found.gross == pytest.approx(80 / 300)
    assert view.revenue_retention(as_of=on(2)) == []
    january, february = view.cohort_revenue(as_of=on(2))
    assert [(month.net, month.share) for month in january.months] == [(300, 1), (130, pytest.approx(130 / 300))]
    assert [month.net for month in february.months] == [900]
    with pytest.raises(InvalidInput):
        view.revenue_retention(months=0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["c1", "c2", "c3"]),
            st.integers(1, 5),
            st.integers(1, 300),
            st.booleans(),
            st.integers(1, 5),
        ),
        min_size=2,
        max_size=20,
    )
)
def test_gross_revenue_retention_never_exceeds_net(entries: list[tuple[str, int, int, bool, int]]) -> None:
    rows = {name: Patronage(name) for name in ("c1", "c2", "c3")}
    for name, month, amount, is_refunded, later in entries:
        activity = rows[name].activity
        activity.setdefault(f"2024-{month:02d}EUR", Activity()).add(1, 1, amount)
        if is_refunded:
            back = activity.setdefault(f"2024-{max(month, later):02d}EUR", Activity())
            back.refunds, back.refunded = back.refunds + 1, back.refunded + amount
    found = revenue_retention(rows.values(), currency="EUR", months=1, today=date(2024, 6, 15).toordinal())
    assert [each.complete for each in found][-1:] == ([False] if found else [])
    for each in found:
        assert (each.net is None) == (each.gross is None) == (not each.customers)
        if each.net is not None and each.gross is not None:
            assert each.gross <= each.net
            assert each.gross <= 1


def test_money_that_only_goes_back_lowers_net_and_gross_alike(relations: Relations) -> None:
    back = RefundPurchase(customer="c1", purchase="p1", refund="r1", amount=Money(50, "EUR"), occurred_at=on(2))
    send(relations, buy("c1", "p1", 1, 100), back)
    [found] = relations.views.retention.revenue_retention(as_of=on(2), months=1)
    assert (found.net, found.gross) == (-0.5, -0.5)


# --- acquisition and leaving ----------------------------------------------------------------------------------------


def cost(
    customer: str, acquisition: str, month: int, amount: int, channel: str, campaign: str | None = None
) -> Command:
    money = Money(amount, "EUR")
    return RecordAcquisitionCost(
        customer=customer,
        acquisition=acquisition,
        amount=money,
        channel=channel,
        campaign=campaign,
        occurred_at=on(month),
    )


def test_what_customers_cost_to_win_and_what_they_bring(relations: Relations) -> None:
    send(
        relations,
        cost("c0", "a1", 1, 100, "social", "spring"),
        cost("c1", "a1", 1, 100, "social"),
        cost("c2", "a1", 1, 100, "web", "spring"),
        buy("c0", "p1", 2, 500),
    )
    view = relations.views.retention
    social, web = view.acquisition(as_of=on(3))
    # Two were courted, one was won: winning that one cost what was spent on both.
    assert (social.channel, social.customers, social.buyers, social.cost, social.cac) == ("social", 2, 1, 200, 200)
    assert (social.historic, social.ratio, social.expected) == (500, 2.5, None)
    assert (web.channel, web.buyers, web.cac, web.ratio) == ("web", 0, None, 0)
    assert [(each.channel, each.campaign) for each in view.acquisition(as_of=on(3), campaigns=True)] == [
        ("social", None),
        ("social", "spring"),
        ("web", "spring"),
    ]
    [looked, _] = view.acquisition(as_of=on(3), expected={"c0": 300.0})
    assert (looked.expected, looked.ratio) == (300, 4)


@pytest.mark.parametrize("campaigns", [False, True])
def test_whoever_was_courted_in_several_ways_counts_once(relations: Relations, campaigns: bool) -> None:
    send(
        relations,
        cost("c0", "a2", 2, 900, "web", "summer"),
        cost("c0", "a1", 1, 100, "social", "spring"),
        cost("c1", "a1", 1, 300, "web", "spring"),
        cost("c1", "a2", 1, 200, "partner"),
        cost("c1", "a3", 1, 250, "partner"),
        buy("c0", "p1", 3, 500),
        buy("c1", "p1", 3, 70),
        buy("c2", "p1", 3, 7_000),
    )
    view = relations.views.retention
    expected = {"c0": 30.0, "c1": 4.0}
    found = view.acquisition(as_of=on(4), campaigns=campaigns, expected=expected)
    ways = {(each.channel, each.campaign if campaigns else None): each for each in found}
    assert sum(each.cost for each in found) == 1_750
    assert sum(each.buyers for each in found) == 2
    assert sum(each.historic for each in found) == 570
    assert sum(each.expected or 0 for each in found) == 34
    # The first cost decides; on one day the way on which most was spent.
    assert ways["social", "spring" if campaigns else None].historic == 500
    assert ways["partner", None].historic == 70
    assert sum(each.customers for each in found) == 4


def test_merged_customers_bring_what_they_bring_once(relations: Relations) -> None:
    send(
        relations,
        cost("c0", "a", 2, 700, "web"),
        cost("c1", "a", 1, 300, "social"),
        buy("c0", "p", 3, 5_000),
        buy("c1", "q", 3, 5_000),
    )
    view = relations.views.retention
    before = view.acquisition(as_of=on(4))
    assert [(each.channel, each.buyers, each.historic) for each in before] == [("social", 1, 5_000), ("web", 1, 5_000)]
    relations.execute(MergeCustomer(customer="c1", into="c0", occurred_at=on(5)))
    found = view.acquisition(as_of=on(6))
    assert [(each.channel, each.buyers, each.historic) for each in found] == [("social", 1, 10_000), ("web", 0, 0)]
    assert sum(each.historic for each in found) == view.rfm(as_of=on(6)).customers[0].monetary.amount
    relations.execute(UnmergeCustomer(customer="c1", occurred_at=on(7)))
    assert view.acquisition(as_of=on(4)) == before


def test_what_was_spent_and_bought_later_does_not_count_yet(relations: Relations) -> None:
    send(
        relations,
        cost("c0", "a1", 1, 100, "social"),
        cost("c0", "a2", 9, 900, "social"),
        cost("c1", "a1", 9, 50, "social"),
        buy("c0", "p1", 2, 500, day=10),
        buy("c0", "p2", 2, 70, day=25),
    )
    view = relations.views.retention

    def figures(as_of: datetime) -> tuple[Any, ...]:
        [found] = view.acquisition(as_of=as_of)
        return found.customers, found.buyers, found.cost, found.cac, found.historic

    assert view.acquisition(as_of=on(1, 9)) == []
    assert figures(on(1, 10)) == (1, 0, 100, None, 0)
    assert figures(on(2, 9)) == (1, 0, 100, None, 0)
    assert figures(on(2, 10)) == (1, 1, 100, 100, 500)
    assert figures(on(9, 9)) == (1, 1, 100, 100, 570)
    assert figures(on(9, 10)) == (2, 1, 1_050, 1_050, 570)


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
    assert (found.lapses, found.left, found.won_back, found.campaigns) == (3, 3, 1, (("letter", 1),))
    assert [(each.reason, each.lapses, each.customers, each.won_back) for each in found.reasons] == [
        ("price", 2, 2, 1),
        (None, 1, 1, 0),
    ]
    assert view.churn_reasons(as_of=on(2)).won_back == 0


def test_every_leaving_counts_with_what_came_of_it(relations: Relations) -> None:
    send(
        relations,
        buy("c1", "p0", 1, 100),
        RecordLapse(customer="c1", reason="price", occurred_at=on(2)),
        RecordWinBack(customer="c1", campaign="letter", occurred_at=on(3)),
        RecordLapse(customer="c1", reason="noise", occurred_at=on(4)),
        RecordLapse(customer="c1", reason="price", occurred_at=on(5)),
        RecordLapse(customer="c2", reason="price", occurred_at=on(4)),
        buy("c2", "p1", 6, 100),
        RecordLapse(customer="c2", reason="service", occurred_at=on(7)),
        RegisterCustomer(customer="c2", region="Tyrol", occurred_at=on(1)),
    )
    view = relations.views.retention
    found = view.churn_reasons(as_of=on(8))
    # c1 left twice, the second time for two reasons; c2 left, bought again unasked, and left.
    assert (found.lapses, found.left, found.won_back, found.bought_again) == (4, 2, 1, 1)
    assert found.campaigns == (("letter", 1),)
    assert [(each.reason, each.lapses, each.customers, each.won_back, each.bought_again) for each in found.reasons] == [
        ("price", 3, 2, 1, 1),
        ("noise", 1, 1, 0, 0),
        ("service", 1, 1, 0, 0),
    ]
    assert [(each.month, each.lapses, each.won_back, each.bought_again) for each in found.months] == [
        ("2024-02", 1, 1, 0),
        ("2024-04", 2, 0, 1),
        ("2024-07", 1, 0, 0),
    ]
    spring = view.churn_reasons(as_of=on(8), since="2024-03", until="2024-07")
    assert (spring.lapses, spring.won_back, [each.month for each in spring.months]) == (2, 0, ["2024-04"])
    tyrol = view.churn_reasons(as_of=on(8), segment="tyrol")
    assert (tyrol.lapses, tyrol.left, [each.reason for each in tyrol.reasons]) == (2, 1, ["price", "service"])
    assert view.churn_reasons(as_of=on(5)).bought_again == 0
    assert view.churn_reasons(as_of=on(1)).lapses == 0


def test_a_recorded_lapse_and_win_back_are_stages_and_said_to_be_recorded(relations: Relations) -> None:
    send(relations, buy("c1", "p1", 1, 100), buy("c2", "p1", 1, 100), buy("c3", "p1", 1, 100))
    send(relations, RecordLapse(customer="c1", reason="price", occurred_at=on(4, 20)))
    send(relations, RecordLapse(customer="c2", occurred_at=on(3)))
    send(relations, RecordWinBack(customer="c2", campaign="letter", occurred_at=on(5)))
    view = relations.views.retention

    def told(as_of: datetime) -> list[tuple[str, str]]:
        return [(each.stage, each.basis) for each in view.stages(as_of=as_of)]

    assert told(on(4, 19)) == [("established", "inferred"), ("lost", "recorded"), ("established", "inferred")]
    assert told(on(5)) == [("lost", "recorded"), ("won_back", "recorded"), ("established", "inferred")]
    report = view.lifecycle(as_of=on(5))
    assert {stage: count for stage, count in report.stages.items() if count} == {
        "lost": 1,
        "won_back": 1,
        "established": 1,
    }
    assert {stage: count for stage, count in report.recorded.items() if count} == {"lost": 1, "won_back": 1}
    profile = view.customer("c1", as_of=on(5))
    assert profile is not None
    assert (profile.stage, profile.basis) == ("lost", "recorded")
    rates = {month.month: month for month in view.rates(as_of=on(5, 31))}
    assert (rates["2024-03"].lost, rates["2024-03"].lost_recorded, rates["2024-05"].won_back) == (1, 1, 1)
    assert view.survival(as_of=on(5)).events == 2


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
            view.cohort_revenue(as_of=as_of),
            view.survival(as_of=as_of),
            view.kinds(as_of=as_of),
            view.lifecycle(as_of=as_of),
            view.rates(as_of=as_of),
            view.value_grades(as_of=as_of),
            [view.kind_of(name, as_of=as_of) for name in ("c1", "c2")],
        ]

    before = asked()
    relations.execute(MergeCustomer(customer="c2", into="c1", occurred_at=on(4)))
    grade = view.grade_of("c2", as_of=on(3))
    assert grade is not None
    assert (grade.customer, grade.grade, grade.amount) == ("c1", "high", 1_200)
    assert view.segments_of("c1", as_of=on(3)) == ("regulars", "quiet seekers", "valuable")
    assert "tyrol" not in view.segments_of("c1", as_of=on(3))
    [kind] = view.kinds(as_of=on(3)).listed
    assert (kind.customer, kind.signs.purchase_days, kind.signs.satisfied_share) == ("c1", 2, 1)
    assert view.kind_of("c2", as_of=on(3)) == kind
    survival = view.survival(as_of=on(3))
    # c1 left in February: as one customer they stayed a month, and the purchase of c2 fell into it.
    assert (survival.n, survival.events, [point.time for point in survival.points]) == (1, 1, [31])
    [cohort] = view.cohort_revenue(as_of=on(3))
    assert (cohort.month, cohort.size, [month.net for month in cohort.months]) == ("2024-01", 1, [600, 600, 0])
    [reason] = view.churn_reasons(as_of=on(3)).reasons
    assert (reason.customers, reason.won_back) == (1, 0)
    relations.execute(UnmergeCustomer(customer="c2", occurred_at=on(5)))
    assert asked() == before


def test_what_came_of_leaving_does_not_depend_on_the_order_of_recording() -> None:
    commands = [RecordLapse(customer="c1", reason=f"r{month}", occurred_at=on(month)) for month in (1, 2, 3)]
    for order in permutations(commands):
        with Relations.open("sqlite://") as relations:
            send(relations, *order)
            found = relations.views.retention.churn_reasons()
            assert [each.reason for each in found.reasons] == ["r1", "r2", "r3"]
            assert (found.lapses, [each.month for each in found.months]) == (1, ["2024-01"])
