"""Views keep answers and columns: whatever happens in between, they answer like a view that has kept nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from sqlalchemy import select

from relations import Relations
from relations.aggregates.customer import AGGREGATE as CUSTOMER
from relations.aggregates.customer import (
    AbsorbCustomer,
    CorrectProfile,
    EraseAlias,
    EraseCustomer,
    GiveFeedback,
    MergeCustomer,
    RecordPurchase,
    RegisterCustomer,
    ReleaseCustomer,
    UnmergeCustomer,
)
from relations.aggregates.loyalty import EnrolMember
from relations.analytics import survival_curve, time_to_loss
from relations.log.database import tables_of
from relations.messages import Command, Money, to_micros
from relations.months import month_of
from relations.policies import Lifecycle, Policy, Surveys
from relations.policies.facts import Fact
from relations.policies.lifecycle import LoyaltyKinds, OwnGap, Rfm, RfmBins
from relations.policies.value import Condition, Segment, ValueGrades
from relations.projections.arguments import Page
from relations.projections.keeping import KeptAnswers, ViewState, size_of
from relations.projections.retention import Patronage
from relations.projections.retention.acquisition import Acquired, acquisition_figures, won_by
from relations.projections.retention.churn import Departing, churn_report
from relations.projections.retention.cohorts import cohort_table
from relations.projections.retention.columns.joined import JOINED_FACTS
from relations.projections.retention.loyalty_kinds import customer_kind, kinds_report
from relations.projections.retention.patronage import costs_until
from relations.projections.retention.revenue import revenue_retention
from relations.projections.retention.rfm import rfm_buyers, rfm_scores
from relations.projections.retention.segments import members, segment_figures
from relations.projections.retention.stages import Life, customer_stages, lifecycle_report, period_rates
from relations.projections.retention.value_grades import grades_report
from relations.projections.retention.worth.lifetime_value import worth_report
from relations.projections.running.runner import Runner
from relations.projections.running.stored_columns import stored_columns
from relations.projections.view import View
from relations.testing.strategies.catalogue import commands
from tests.support.asking import IDS, LATER, START, answers
from tests.support.effort import part

_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_SLOW = "retention.lifetime_values"
"""Fitting takes long, and with a handful of customers it only fails; the law of columns asks it once."""
_LEAST: dict[Fact, float] = {
    "mean_amount": 1000.5, "complaints": 1, "contact_days": 3, "points": 1, "age": 30, "mean_gap_days": 4,
}  # fmt: skip
_WORDS: dict[Fact, tuple[str, ...]] = {
    "tier": ("gold", "silver"), "relation": ("healthy",), "campaign": ("spring", "a"), "gender": ("female", "a"),
    "attribute": ("a", "a=a", "quiet"), "rung": ("loose", "close"),
}  # fmt: skip
_SEGMENTS = (
    Segment(name="new", kind="value", conditions=(Condition(fact="known_days", at_most=90),)),
    Segment(name="often", kind="value", conditions=(Condition(fact="mean_gap_days", at_most=40.5),)),
    Segment(name="rich", kind="value", conditions=(Condition(fact="net_amount", at_least=1000.5, otherwise=True),)),
    Segment(name="full price", kind="value", conditions=(Condition(fact="discount_share", at_most=0.3),)),
    Segment(name="silent", kind="value", conditions=(Condition(fact="silent_days", at_least=30),)),
    Segment(name="regular", kind="value", conditions=(Condition(fact="purchase_days", at_least=2, at_most=5),)),
    Segment(name="happy", kind="value", conditions=(Condition(fact="satisfaction", at_least=4),)),
    Segment(name="critics", kind="value", conditions=(Condition(fact="recommendation", at_most=6),)),
    Segment(name="best", kind="value", conditions=(Condition(fact="rfm", one_of=("champions", "new customers")),)),
    Segment(name="German", kind="descriptive", conditions=(Condition(fact="speaks", one_of=("de",)),)),
    Segment(name="not here", kind="geographic", conditions=(Condition(fact="region", one_of=("AT",), otherwise=True),)),
    Segment(name="web", kind="behavioural", conditions=(Condition(fact="purchase_channel", one_of=("web", "shop")),)),
    Segment(name="rooms", kind="behavioural", conditions=(Condition(fact="category", one_of=("room", "spa")),)),
    Segment(name="needy", kind="needs", conditions=(Condition(fact="need", one_of=("functional", "quiet")),)),
    Segment(name="habits", kind="needs", conditions=(Condition(fact="habit", one_of=("late",), otherwise=True),)),
    *(
        Segment(name=fact, kind="behavioural", conditions=(Condition(fact=fact, at_least=least),))
        for fact, least in _LEAST.items()
    ),
    *(
        Segment(name=fact, kind="descriptive", conditions=(Condition(fact=fact, one_of=words),))
        for fact, words in _WORDS.items()
    ),
)
_POLICIES = (
    Policy(),
    Policy(
        surveys=Surveys(minimum_answers=1),
        lifecycle=Lifecycle(
            new_days=20,
            lapsing_days=30,
            lost_days=60,
            won_back_days=40,
            own_gap=OwnGap(purchase_days_min=2, gap_days_min=3),
            loyalty=LoyaltyKinds(months=2, purchase_days_min=1, active_share_min=0.5, signs_min=1),
            grades=ValueGrades(months=2, high_from=50_000, mid_from=1_000),
            segments=_SEGMENTS,
        ),
    ),
    Policy(
        lifecycle=Lifecycle(
            rfm=Rfm(bins=RfmBins(recency_days=(10, 20, 30, 40), frequency=(1, 2, 3, 4), monetary=(1, 100, 1000, 9999))),
            segments=(*Lifecycle().segments, _SEGMENTS[2]),
        ),
        zone="Asia/Shanghai",
    ),
)
_BY_THE_LOG = (AbsorbCustomer, EraseAlias, ReleaseCustomer)
_KINDS = [kind for kind in CUSTOMER.commands if kind not in _BY_THE_LOG]
_times = st.integers(0, 300).map(lambda day: START + timedelta(days=day))
_steps = st.one_of(
    commands(*_KINDS, customer=st.sampled_from(IDS), occurred_at=_times),
    commands(RecordPurchase, customer=st.sampled_from(IDS), occurred_at=_times),
    commands(MergeCustomer, customer=st.sampled_from(IDS), into=st.sampled_from(IDS), occurred_at=_times),
    commands(UnmergeCustomer, customer=st.sampled_from(IDS), occurred_at=_times),
    st.sampled_from(_POLICIES),
)
_KNOWN: list[Command] = [
    RegisterCustomer(customer=name, language=language, region=region, occurred_at=START)
    for name, language, region in (("c1", "de-AT", "AT"), ("c2", "zh", None), ("c3", None, "DE"))
]


@pytest.fixture
def opened() -> Iterator[Callable[[], Relations]]:
    engines: list[Relations] = []

    def new() -> Relations:
        engines.append(Relations.open("sqlite://", clock=lambda: LATER, durability="off"))
        engines[-1].execute_many(_KNOWN)
        return engines[-1]

    yield new
    for engine in engines:
        engine.close()


def take(engine: Relations, step: Command | Policy) -> None:
    if isinstance(step, Policy):
        engine.adopt(step, from_beginning=True)
    else:
        engine.execute_many([step])


def forget(engine: Relations) -> None:
    """Let the views forget all that they have kept, as if the engine had just been opened."""
    by_class = {type(view): view for view in vars(engine.views).values()}
    for kind, view in by_class.items():
        view.__dict__.update(kind(engine.view_context, *(by_class[each] for each in kind.reads)).__dict__)


def store(engine: Relations) -> None:
    """Let the views store their columns, however few events are new."""
    engine.catch_up()
    for view in vars(engine.views).values():
        view.store_columns(0)


@part(2, suppress_health_check=_CHECKS)
@given(steps=st.lists(st.tuples(st.lists(_steps, min_size=1, max_size=6), st.booleans()), min_size=1, max_size=4))
def test_a_view_that_keeps_answers_like_one_that_has_kept_nothing(
    opened: Callable[[], Relations], steps: list[tuple[list[Command | Policy], bool]]
) -> None:
    engine = opened()
    answers(engine, but=[_SLOW])
    for batch, stores in steps:
        for step in batch:
            take(engine, step)
        found = answers(engine, but=[_SLOW])
        assert answers(engine, but=[_SLOW]) == found  # asked again, from what was kept
        forget(engine)
        assert answers(engine, but=[_SLOW]) == found  # from the columns that were stored earlier, if any
        assert len(found) > 100
        if stores:
            store(engine)
            forget(engine)
            assert answers(engine, but=[_SLOW]) == found


# --- columns --------------------------------------------------------------------------------------------------------


def slow_answers(engine: Relations, rows: list[Patronage], as_of: datetime) -> dict[str, Any]:
    """Return what the retention view has to answer, customer by customer."""
    policy, local = engine.policy, engine.views.retention.local
    lifecycle, currency, moment = policy.lifecycle, policy.currency, to_micros(as_of)
    today = local.day(moment)
    month, satisfied_from = month_of(today), policy.surveys.csat_satisfied_from
    lives = [Life(row.purchase_days(today), row.turns(today, local)) for row in rows]
    every = [customer_kind(row, lifecycle.loyalty, satisfied_from=satisfied_from, month=month) for row in rows]
    kinds = [kind for kind in every if kind is not None]
    losses = [time_to_loss(life.days, today, lifecycle, life.turns) for life in lives]
    belong: dict[str, tuple[str, ...]] = {}
    joined = engine.views.retention._joined.of(JOINED_FACTS, [row.customer for row in rows], today)
    for name, those in members(rows, policy, lifecycle.segments, today=today, local=local, joined=joined).items():
        for row in those:
            belong[row.customer] = (*belong.get(row.customer, ()), name)
    return {
        "lifecycle": lifecycle_report(rows, lifecycle, as_of=moment, local=local),
        "stages": customer_stages(rows, lifecycle, today=today, local=local),
        "rates": period_rates(lives, lifecycle, today=today),
        "survival": survival_curve((each for each in losses if each), confidence=policy.surveys.confidence),
        "kinds": kinds_report(kinds, as_of=moment, month=month, listed=kinds),
        "cohorts": cohort_table(rows, today=today),
        "rfm": tuple(rfm_scores(rfm_buyers(rows, currency, today=today)[0], lifecycle.rfm, currency)),
        "value_grades": grades_report(rows, lifecycle.grades, currency=currency, month=month, grade=None, page=Page()),
        "segments": segment_figures(rows, policy, today=today, local=local, page=Page(), joined=joined),
        "members": belong,
        "revenue_retention": revenue_retention(rows, currency=currency, months=1, today=today),
        "lifetime_values": worth_report(
            rows, currency=currency, through=today, days=365.0, yearly_rate=0.1, model="bg_nbd", page=Page()
        ),
        "acquisition": acquisition_figures(
            [
                Acquired(
                    row.customer,
                    list(costs_until(row.acquisition.items(), today)),
                    bool(row.purchase_days(today)),
                    row.net_amount(currency, today),
                    won_by(row.named.items(), *row.purchase_days(today)[:1]) if row.purchase_days(today) else "",
                )
                for row in rows
            ],
            currency=currency,
            campaigns=True,
            spent=engine.views.retention._advertised(today),
        ),
        "churn_reasons": churn_report(
            [Departing(row.customer, row.departures, row.purchase_days(today)) for row in rows],
            today=today,
            local=local,
        ),
    }


_ALSO: dict[str, dict[str, Any]] = {"revenue_retention": {"months": 1}, "acquisition": {"campaigns": True}}


@part(8, suppress_health_check=_CHECKS)
@given(
    steps=st.lists(_steps, min_size=4, max_size=25),
    policy=st.sampled_from(_POLICIES),
    ages=st.lists(st.integers(0, 500), min_size=1, max_size=2),
)
def test_columns_give_what_every_customer_gives_alone(
    opened: Callable[[], Relations], steps: list[Command | Policy], policy: Policy, ages: list[int]
) -> None:
    engine = opened()
    view = engine.views.retention
    for step in (policy, *steps):
        view.lifecycle()  # so that columns are brought up to date, and not only read
        take(engine, step)
    for age in ages:
        as_of = LATER - timedelta(days=age)
        rows = view.rows(Patronage, order_by=(view.table(Patronage).c.customer,))
        assume(rows)
        for name, expected in slow_answers(engine, rows, as_of).items():
            found = getattr(view, name)(as_of=as_of, **_ALSO.get(name, {}))
            assert (found.customers if name == "rfm" else found) == expected, name
        scored = {score.customer: score for score in view.rfm(as_of=as_of).customers}
        assert [view.rfm_of(row.customer, as_of=as_of) for row in rows] == [scored.get(row.customer) for row in rows]


def test_sums_beyond_64_bits_stay_exact(opened: Callable[[], Relations]) -> None:
    engine, most = opened(), 10**15
    view = engine.views.retention
    engine.execute_many(
        RecordPurchase(customer=name, purchase=f"p{n}", amount=Money(most, "EUR"), occurred_at=START)
        for name in IDS
        for n in range(3)
    )
    rfm, (cohort,) = view.rfm(), view.cohorts()
    assert sum(score.monetary.amount for score in rfm.customers) == 12 * most
    assert cohort.months[0].net[0].amount == 12 * most


# --- stored columns -------------------------------------------------------------------------------------------------


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The classes of which all rows are read."""
    found: list[str] = []
    fetch = View._fetch_all

    def noting(self: View, row: type[Any], fields: tuple[str, ...]) -> Any:
        found.append(row.__name__)
        return fetch(self, row, fields)

    monkeypatch.setattr(View, "_fetch_all", noting)
    return found


def stored_parts(engine: Relations) -> dict[tuple[str, str], int]:
    with engine.log.database.reading() as connection:
        if not tables_of(connection, [stored_columns.name]):
            return {}
        wanted = select(stored_columns.c.of, stored_columns.c.part, stored_columns.c.position)
        return {(row.of, row.part): row.position for row in connection.execute(wanted)}


def asked_of_all(engine: Relations) -> list[Any]:
    views = engine.views
    return [views.retention.segments(), views.retention.members(), views.satisfaction.report(), views.ties.ladder()]


def test_a_first_question_reads_stored_columns_and_only_the_customers_who_changed(
    opened: Callable[[], Relations], fetched: list[str]
) -> None:
    engine = opened()
    store(engine)
    fetched.clear()
    forget(engine)
    engine.execute_many(
        [
            RecordPurchase(customer="c2", purchase="p", amount=Money(10**15, "EUR"), channel="web", occurred_at=START),
            RegisterCustomer(customer="a0", language="de", occurred_at=START),
            GiveFeedback(customer="c1", feedback="f", instrument="nps", score=9, occurred_at=START),
            MergeCustomer(customer="c3", into="c1", occurred_at=START),
        ]
    )
    found = asked_of_all(engine)
    assert fetched == []
    store(engine)  # from what was stored, and the customers who changed
    assert fetched == []
    forget(engine)
    assert asked_of_all(engine) == found
    assert fetched == []
    engine.rebuild()
    assert asked_of_all(engine) == found
    assert {"Patronage", "Respondent"} <= set(fetched)


def test_columns_are_stored_after_many_events_and_not_after_few(opened: Callable[[], Relations]) -> None:
    engine = opened()
    engine.catch_up()
    assert stored_parts(engine) == {}
    view = engine.views.retention
    view.store_columns(3)
    first = stored_parts(engine)
    assert {of for of, _ in first} == {"retention_customer"}
    assert set(first.values()) == {view.position}
    take(engine, RecordPurchase(customer="c1", purchase="p", amount=Money(1, "EUR"), occurred_at=START))
    view.store_columns(3)
    assert stored_parts(engine) == first
    view.store_columns(1)
    assert set(stored_parts(engine).values()) == {view.position}


def test_damaged_columns_are_not_read(opened: Callable[[], Relations], fetched: list[str]) -> None:
    engine = opened()
    found = asked_of_all(engine)
    store(engine)
    with engine.log.database.writing() as connection:
        connection.execute(stored_columns.update().values(content=b"x"))
    fetched.clear()
    forget(engine)
    assert asked_of_all(engine) == found
    assert {"Patronage", "Respondent"} <= set(fetched)


def test_columns_of_replaced_tables_are_deleted(opened: Callable[[], Relations]) -> None:
    engine = opened()
    store(engine)
    others = {"customers_portraits", "ties_ties"}
    assert {of for of, _ in stored_parts(engine)} == {"retention_customer", "satisfaction_respondent", *others}
    engine.rebuild(["retention"])
    assert {of for of, _ in stored_parts(engine)} == {"satisfaction_respondent", *others}
    engine.runner.reset("satisfaction")
    assert {of for of, _ in stored_parts(engine)} == others


# --- kept answers ---------------------------------------------------------------------------------------------------


def test_an_answer_is_computed_once_while_nothing_changes(
    opened: Callable[[], Relations], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = opened()
    monkeypatch.setattr("relations.projections.view._WORTH_KEEPING", 0.0)
    view, counted = engine.views.retention, [0]
    columns = View.columns

    def counting(self: View, *args: Any) -> Any:
        counted[0] += 1
        return columns(self, *args)

    monkeypatch.setattr(View, "columns", counting)
    first = view.cohorts()
    asked = counted[0]
    assert asked > 0
    assert view.cohorts() == first
    assert counted[0] == asked
    engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=START))
    assert view.cohorts() != first
    assert counted[0] > asked


def test_an_answer_outlasts_events_that_do_not_concern_its_tables(
    opened: Callable[[], Relations], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, counted = opened(), [0]
    monkeypatch.setattr("relations.projections.view._WORTH_KEEPING", 0.0)
    view, columns = engine.views.satisfaction, View.columns

    def counting(self: View, *args: Any) -> Any:
        counted[0] += 1
        return columns(self, *args)

    monkeypatch.setattr(View, "columns", counting)

    def asked() -> tuple[int, int]:
        before = counted[0]
        return view.nps()[0].n, counted[0] - before

    assert asked() == (0, 1)
    for number in range(3):
        engine.execute(
            RecordPurchase(customer="c1", purchase=f"p{number}", amount=Money(100, "EUR"), occurred_at=START)
        )
        assert asked() == (0, 0)
    engine.execute(GiveFeedback(customer="c1", feedback="f", instrument="nps", score=9, occurred_at=START))
    assert asked() == (1, 1)
    assert asked() == (1, 0)


def test_only_the_customers_with_new_events_are_computed_again(opened: Callable[[], Relations]) -> None:
    engine = opened()
    view = engine.views.retention
    asked: list[list[str] | None] = []

    def bought(customers: Sequence[str] | None) -> dict[str, int]:
        asked.append(None if customers is None else list(customers))
        return {row.customer: len(row.purchase_days(10**6)) for row in view.rows_of_some(Patronage, customers)}

    def found() -> dict[str, int]:
        with view.answering():
            return dict(view.of_each("days", bought))

    assert found() == {"c1": 0, "c2": 0, "c3": 0}
    engine.execute(RecordPurchase(customer="c2", purchase="p", amount=Money(100, "EUR"), occurred_at=START))
    assert found() == {"c1": 0, "c2": 1, "c3": 0}
    assert found() == {"c1": 0, "c2": 1, "c3": 0}
    assert asked == [None, ["c2"]]
    engine.execute(MergeCustomer(customer="c2", into="c3", occurred_at=LATER))
    assert list(found().items()) == [("c1", 0), ("c3", 1)]
    engine.execute(UnmergeCustomer(customer="c2", occurred_at=LATER))
    assert list(found().items()) == [("c1", 0), ("c2", 1), ("c3", 0)]
    assert asked == [None, ["c2"], ["c2", "c3"], ["c2", "c3"]]


def test_a_caller_may_change_the_list_that_it_got(
    opened: Callable[[], Relations], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relations.projections.view._WORTH_KEEPING", 0.0)
    view = opened().views.retention
    view.stages().clear()
    assert [stage.customer for stage in view.stages()] == ["c1", "c2", "c3"]


def test_an_answer_from_the_log_is_kept_only_while_the_tables_are_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relations.projections.view._WORTH_KEEPING", 0.0)
    counted, between = [0], Runner.customers_between

    def counting(self: Runner, *args: Any, **kwargs: Any) -> list[str]:
        counted[0] += 1
        return between(self, *args, **kwargs)

    monkeypatch.setattr(Runner, "customers_between", counting)
    with Relations.open("sqlite://", clock=lambda: LATER, durability="off", follow=False) as engine:
        engine.execute_many([*_KNOWN, EnrolMember(customer="c1", occurred_at=START)])
        engine.catch_up()

        def asked() -> int:
            before = counted[0]
            engine.views.loyalty.liability(as_of=START + timedelta(days=10))
            return counted[0] - before

        assert asked() > 0
        assert asked() == 0
        at = START + timedelta(days=20)
        engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(9_900, "EUR"), occurred_at=at))
        # The tables are as they were, but the log is not: what was kept still holds for them, and nothing more is kept.
        forget(engine)
        assert asked() > 0
        assert asked() > 0


def test_duplicates_follow_the_customers_who_changed() -> None:
    now = [LATER]
    with Relations.open("sqlite://", clock=lambda: now[0], durability="off") as engine:
        engine.execute_many(_KNOWN)
        view, pair = engine.views.customers, ("c1", "c2")

        def correct(customer: str, email: str, days: int = 0) -> None:
            at = LATER + timedelta(days=days)
            engine.execute(CorrectProfile(customer=customer, email=email, occurred_at=at))

        assert [each.customers for each in view.duplicates()] == []
        correct("c1", "ada@example.com")
        correct("c2", "ADA@example.com")
        assert [each.customers for each in view.duplicates()] == [pair]
        correct("c2", "bea@example.com")
        assert [each.customers for each in view.duplicates()] == []
        correct("c2", "ada@example.com", days=10)  # takes effect later, without another event
        assert [each.customers for each in view.duplicates()] == []
        now[0] = LATER + timedelta(days=11)
        assert [each.customers for each in view.duplicates()] == [pair]
        engine.execute(EraseCustomer(customer="c1", occurred_at=now[0]))
        assert [each.customers for each in view.duplicates()] == []


def test_what_is_kept_is_bounded_by_number_and_by_size() -> None:
    rules, policy, state = object(), object(), ViewState(1, "UTC", 1, 0)
    kept = KeptAnswers(count=3, size=10_000)
    for number in range(5):
        kept.put(number, "x" * 1_000, state, rules, policy)  # type: ignore[arg-type]  # only their identity counts
    assert [kept.get(number, state, rules, policy) is not None for number in range(5)] == [  # type: ignore[arg-type]
        False, False, True, True, True,
    ]  # fmt: skip
    kept.put("large", ["y" * 1_000] * 9, state, rules, policy)  # type: ignore[arg-type]
    assert len(kept) == 1
    kept.put("too large", "z" * 20_000, state, rules, policy)  # type: ignore[arg-type]
    assert len(kept) == 1
    assert kept.get("large", ViewState(2, "UTC", 1, 0), rules, policy) is None  # type: ignore[arg-type]


def test_the_size_of_a_long_list_is_estimated_from_some_of_it() -> None:
    class Entry(msgspec.Struct):
        text: str

    listed = [Entry("a" * 100) for _ in range(10_000)]
    assert 1_500_000 < size_of(listed) < 3_000_000
