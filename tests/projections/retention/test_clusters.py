"""Clusters of customers: found once and recorded, and each customer belongs to the nearest centre ever after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import copysign, dist, sqrt
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Money, Policy, Relations
from relations.aggregates.model import ClusterParameters
from relations.analytics import fit_centres, nearest_centres, silhouettes
from relations.commands import (
    CorrectProfile,
    EraseCustomer,
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    UnmergeCustomer,
)
from relations.errors import InvalidInput, NoFit
from relations.policies import Condition, Lifecycle, Segment
from relations.projections.retention.clusters.rows import RecordedClusters
from relations.projections.retention.columns import clusters as finding
from relations.testing.oracle.clusters import SlowClusters

DAY = datetime(2024, 1, 1, 12, tzinfo=UTC)
AT = DAY + timedelta(days=300)
SEGMENTS = tuple(
    Segment(name=f"cluster {number}", kind="behavioural", conditions=(Condition(fact="cluster", one_of=(number,)),))
    for number in ("1", "2", "3")
)
POLICY = Policy(lifecycle=Lifecycle(refit_days=30, segments=SEGMENTS))


def buy(customer: str, number: int, day: float, amount: int, currency: str = "EUR") -> RecordPurchase:
    return RecordPurchase(
        customer=customer,
        purchase=f"p{number}",
        amount=Money(amount, currency),
        occurred_at=DAY + timedelta(days=day),
    )


def shop() -> Iterator[RecordPurchase]:
    """Regulars who spend much until the end, guests who came once lately, and some who left long ago."""
    random = Random(7)
    for who in range(12):
        for visit in range(10):
            yield buy(f"regular-{who}", visit, 28 * visit + random.randint(0, 20), 20_000 + random.randint(0, 9_000))
    for who in range(15):
        yield buy(f"guest-{who}", 0, 270 + random.randint(0, 25), 3_000 + random.randint(0, 900))
    for who in range(9):
        for visit in range(2):
            yield buy(f"former-{who}", visit, 5 + visit + random.randint(0, 15), 5_000 + random.randint(0, 900))


@contextmanager
def opened(url: str) -> Iterator[Relations]:
    with Relations.open(url, clock=lambda: AT, durability="off") as engine:
        engine.adopt(POLICY, from_beginning=True)
        assert not engine.execute_many(shop()).rejections
        engine.execute(buy("abroad", 0, 100, 500, "CHF"))
        engine.execute(RegisterCustomer(customer="prospect", occurred_at=AT))
        yield engine


@pytest.fixture
def engine() -> Iterator[Relations]:
    with opened("sqlite://") as engine:
        yield engine


def members(engine: Relations, at: datetime = AT) -> list[set[str]]:
    """Return the customers of each cluster, and check that all ways of asking agree."""
    view = engine.views.retention
    found = [set(each.customers) for each in view.clusters(as_of=at).clusters]
    figures = {each.name: set(each.customers) for each in view.segments(as_of=at)}
    assert [figures[f"cluster {number}"] for number, _ in enumerate(found, 1)] == found
    for number, customers in enumerate(found, 1):
        for name in sorted(customers)[:2]:
            one = view.cluster_of(name, as_of=at)
            assert one is not None
            assert one.cluster == number
            assert view.segments_of(name, as_of=at) == (f"cluster {number}",)
    return found


def kinds(customers: set[str]) -> set[str]:
    return {name.partition("-")[0] for name in customers}


# --- the arithmetic -------------------------------------------------------------------------------------------------


def slow_silhouette(points: list[tuple[float, ...]], labels: list[int]) -> float:
    """The mean silhouette, one customer after the other."""

    total = 0.0
    for place, point in enumerate(points):
        mean = {}
        for label in set(labels):
            others = [other for at, other in enumerate(points) if labels[at] == label and at != place]
            mean[label] = sum(dist(point, other) for other in others) / len(others) if others else None
        own = mean.pop(labels[place])
        nearest = min(each for each in mean.values() if each is not None)
        if own is not None and max(own, nearest) > 0:
            total += (nearest - own) / max(own, nearest)
    return total / len(points)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=12), st.data())
def test_the_silhouette_is_that_of_the_definition(points: list[tuple[int, int]], data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(points), max_size=len(points)))
    labels = [sorted(set(labels)).index(label) for label in labels]
    if len(set(labels)) < 2:
        labels[0], labels[1:] = 1, [0] * (len(labels) - 1)
    (found,) = silhouettes(np.array(points, float), [np.array(labels)], seed=1)
    assert found == pytest.approx(slow_silhouette([tuple(map(float, point)) for point in points], labels), abs=1e-9)


def test_clouds_apart_are_found_and_silhouettes_of_a_sample_are_near_those_of_all() -> None:
    random = np.random.default_rng(3)
    places = np.array([(0.0, 0.0), (9.0, 0.0), (0.0, 9.0)])
    values = np.concatenate([random.normal(place, 1, (60, 2)) for place in places])
    centres = fit_centres(values, 3, seed=1)
    assert centres is not None
    assert {tuple(np.round(centre / 9).astype(int)) for centre in centres} == {(0, 0), (1, 0), (0, 1)}
    labels = nearest_centres(values, centres)
    for number, centre in enumerate(centres):
        assert centre == pytest.approx(values[labels == number].mean(axis=0))  # Lloyd's fixed point
    (whole,), (part,) = (silhouettes(values, [labels], seed=1, most=most) for most in (180, 60))
    assert whole > 0.7
    assert part != whole
    assert part == pytest.approx(whole, abs=0.1)
    again = fit_centres(values, 3, seed=1)
    assert again is not None
    assert np.array_equal(centres, again)
    assert fit_centres(np.zeros((5, 2)), 2, seed=1) is None


def test_of_equally_near_centres_the_first_counts() -> None:
    centres = np.array([(1.0, 0.0), (-1.0, 0.0), (1.0, 0.0)])
    assert nearest_centres(np.array([(0.0, 5.0), (2.0, 0.0), (-2.0, 0.0)]), centres).tolist() == [0, 0, 1]


# --- a fit ----------------------------------------------------------------------------------------------------------


def test_customers_who_are_alike_are_in_one_cluster_and_it_says_what_sets_it_apart(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, clusters=3)
    report = engine.views.retention.clusters(as_of=AT + timedelta(days=2))
    assert [kinds(set(each.customers)) for each in report.clusters] == [{"regular"}, {"former"}, {"guest"}]
    assert [(each.size, each.fitted) for each in report.clusters] == [(12, 12), (9, 9), (15, 15)]
    assert [each.share for each in report.clusters] == [12 / 36, 9 / 36, 15 / 36]
    spent = Counter[str]()
    for purchase in shop():
        spent[purchase.customer.partition("-")[0]] += purchase.amount.amount
    assert [each.net_amount for each in report.clusters] == [spent["regular"], spent["former"], spent["guest"]]
    said = [{(trait.fact, trait.level) for trait in each.traits} for each in report.clusters]
    assert {("purchase_days", "high"), ("net_amount", "high")} <= said[0]
    assert ("silent_days", "high") in said[1]
    assert {("purchase_days", "low"), ("known_days", "low")} <= said[2]
    by_fact = {trait.fact: trait for trait in report.clusters[0].traits}
    assert by_fact["purchase_days"].typical == pytest.approx(10, rel=0.1)
    assert by_fact["purchase_days"].average < 5
    fit = report.fit
    assert fit is not None
    assert (fit.through, fit.age_days, fit.customers, fit.seed, fit.most) == (AT.date(), 2, 36, 1, None)
    assert report.others == 2
    members(engine)


def test_the_number_of_clusters_is_the_one_with_the_best_silhouette(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, most=5)
    fit = engine.views.retention.clusters(as_of=AT).fit
    assert fit is not None
    best = max(fit.tried, key=lambda each: each.silhouette)
    assert (best.clusters, best.silhouette) == (3, fit.silhouette)
    assert {each.clusters for each in fit.tried} >= {2, 3}


def test_customers_move_as_they_change_and_the_fit_stays(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, clusters=3)
    later = AT + timedelta(days=90)
    before = engine.views.retention.clusters(as_of=later).fit
    for visit in range(9):
        engine.execute(buy("guest-1", 10 + visit, 301 + 9 * visit, 22_000))
    found = members(engine, later)
    assert "guest-1" in found[0]
    assert "guest-1" in members(engine)[2]  # nothing of it was known then
    after = engine.views.retention.clusters(as_of=later).fit
    assert before == after is not None
    assert engine.views.retention.clusters(as_of=AT - timedelta(days=1)).fit is None
    assert engine.views.retention.cluster_of("guest-1", as_of=AT - timedelta(days=1)) is None


def test_those_who_bought_nothing_belong_to_no_cluster(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, clusters=3)
    for name in ("abroad", "prospect"):
        one = engine.views.retention.cluster_of(name)
        assert one is not None
        assert (one.cluster, one.traits, one.known) == (None, (), ())
        assert engine.views.retention.segments_of(name) == ()


def test_merged_customers_are_one_and_parted_again_and_an_erasure_keeps_what_they_bought(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, clusters=3)
    before = members(engine)
    engine.execute(MergeCustomer(customer="regular-1", into="guest-1", occurred_at=AT))
    merged = members(engine)
    assert merged == [before[0] - {"regular-1"} | {"guest-1"}, before[1], before[2] - {"guest-1"}]
    one = engine.views.retention.cluster_of("regular-1")
    assert one is not None
    assert (one.customer, one.cluster) == ("guest-1", 1)
    engine.execute(UnmergeCustomer(customer="regular-1", occurred_at=AT))
    assert members(engine) == before
    engine.execute(EraseCustomer(customer="former-1", occurred_at=AT))
    assert members(engine) == before


def test_profile_counts_if_asked_for_and_what_is_erased_counts_no_more(engine: Relations) -> None:
    for who in range(12):
        for kind, birthday in (("regular", "1950-03-01"), ("guest", "1999-03-01")):
            engine.execute(RegisterCustomer(
                customer=f"{kind}-{who}", region="Bern" if who % 2 else "Basel", gender="female" if who < 6 else "male",
                birthday=birthday, occurred_at=AT,
            ))  # fmt: skip
    engine.fit_clusters(as_of=AT, clusters=2, facts=("region", "gender", "age", "age"))
    report = engine.views.retention.clusters(as_of=AT)
    assert report.fit is not None
    assert report.fit.facts == ("region", "gender", "age")
    traits = {(trait.fact, trait.word) for each in report.clusters for trait in each.traits}
    assert traits
    assert traits <= {("region", "Bern"), ("region", "Basel"), ("gender", "female"), ("gender", "male"), ("age", None)}
    numbers = {each.number: set(each.customers) for each in report.clusters}
    where = {name: number for number, customers in numbers.items() for name in customers}
    assert {where[name] for name in where} == {1, 2}
    for name in ("regular-1", "guest-1", "former-1"):
        one = engine.views.retention.cluster_of(name)
        assert one is not None
        assert one.cluster == where[name]
    for age in (74, None):
        one = engine.views.retention.cluster_of("regular-1")
        assert one is not None
        assert [(each.fact, each.value) for each in one.known] == [("age", age)]
        engine.execute(EraseCustomer(customer="regular-1", occurred_at=AT))
    engine.execute(CorrectProfile(customer="guest-1", region="Genf", occurred_at=AT))
    members_now = engine.views.retention.clusters(as_of=AT)
    one = engine.views.retention.cluster_of("guest-1")
    assert one is not None
    assert "guest-1" in next(each for each in members_now.clusters if each.number == one.cluster).customers


def test_no_cluster_is_smaller_than_the_policy_allows(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, most=20)
    report = engine.views.retention.clusters(as_of=AT)
    assert report.fit is not None
    assert report.fit.smallest == 5
    assert min(each.fitted for each in report.clusters) >= 5
    assert max(each.clusters for each in report.fit.tried) <= 36 // 5
    engine.execute(buy("lonely", 0, 299, 90_000_000_000))
    without: tuple[dict[str, Any], ...] = ({"clusters": 30}, {"facts": ("net_amount",), "clusters": 2})
    for asked in without:
        with pytest.raises(NoFit) as refused:
            engine.fit_clusters(as_of=AT, **asked)
        assert refused.value.code == "no_clusters"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"clusters": 1}, "invalid_clusters"),
        ({"most": 51}, "invalid_clusters"),
        ({"facts": ("rfm",)}, "unknown_facts"),
        ({"facts": ()}, "facts_missing"),
    ],
)
def test_what_makes_no_sense_is_refused(engine: Relations, asked: dict[str, Any], code: str) -> None:
    for ask in (engine.fit_clusters, lambda **more: engine.views.retention.clusters(refit=True, **more)):
        with pytest.raises(InvalidInput) as refused:
            ask(**asked)
        assert refused.value.code == code
        assert refused.value.hint


def test_no_question_finds_clusters_while_somebody_waits(engine: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    view = engine.views.retention
    fresh = view.clusters(as_of=AT, refit=True)
    (recorded,) = engine.fit_clusters(as_of=AT).events

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("found while somebody waits")

    monkeypatch.setattr(finding, "fit_centres", refuse)
    found = view.clusters(as_of=AT)
    assert found.clusters == fresh.clusters
    assert found.fit is not None
    assert found.fit.position == recorded.position - 1
    with pytest.raises(AssertionError, match="while somebody waits"):
        view.clusters(refit=True)


def test_a_replay_gives_the_same(engine: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.fit_clusters(as_of=AT)
    view, position = engine.views.retention, engine.status().position
    expected = view.clusters(as_of=AT)
    later = AT + timedelta(days=1)
    engine.execute_many(buy(f"new-{number}", 0, 301, 7_000) for number in range(20))
    monkeypatch.setattr(finding, "fit_centres", None)
    assert view.clusters(as_of=AT) == expected != view.clusters(as_of=later)
    engine.rebuild(["retention"])
    assert view.clusters(as_of=AT) == expected
    with engine.as_of(position=position) as past:
        assert past.views.retention.clusters(as_of=AT) == expected
        assert past.views.retention.cluster_of("guest-1") == view.cluster_of("guest-1", as_of=AT)
    assert engine.verify().good


def test_clusters_are_found_again_when_the_fit_is_old_as_they_were_asked_for(engine: Relations) -> None:
    assert engine.refit_clusters(AT) is None  # nobody asked for any
    engine.fit_clusters(as_of=AT, clusters=3, facts=("silent_days", "net_amount"), seed=5)
    assert engine.refit_clusters(AT + timedelta(days=29)) is None
    assert engine.refit_clusters(AT + timedelta(days=30)) is not None
    fit = engine.views.retention.clusters(as_of=AT + timedelta(days=30)).fit
    assert fit is not None
    assert (fit.facts, fit.seed, fit.age_days) == (("silent_days", "net_amount"), 5, 0)
    assert engine.fit_clusters(
        as_of=AT + timedelta(days=30), clusters=3, facts=("silent_days", "net_amount"), seed=5
    ).events == ()  # fmt: skip


def test_a_fit_to_another_currency_says_nothing(engine: Relations) -> None:
    engine.fit_clusters(as_of=AT, clusters=3)
    engine.adopt(POLICY.model_copy(update={"currency": "CHF"}), since=AT)
    report = engine.views.retention.clusters(as_of=AT)
    assert (report.fit, report.clusters) == (None, ())


# --- a plain second computation -------------------------------------------------------------------------------------


def root(value: float) -> float:
    return copysign(sqrt(sqrt(abs(value))), value)


def test_each_customer_is_in_the_cluster_that_a_plain_computation_gives(database_url: str) -> None:
    """Given the recorded scaling and centres, one distance after the other; and the silhouette of the fit likewise."""
    with opened(database_url) as engine:
        engine.fit_clusters(as_of=AT, clusters=3)
        (row,) = engine.views.retention.rows(RecordedClusters)
        found = ClusterParameters.model_validate_json(row.clusters)

        def slow() -> SlowClusters:
            return SlowClusters(list(engine.events()), ZoneInfo(engine.policy.zone), found)

        assert slow().silhouette(AT) == pytest.approx(found.silhouette)
        assert sorted(Counter(slow().numbers(AT).values()).items()) == [
            (number, each.customers) for number, each in enumerate(found.clusters, 1)
        ]
        engine.execute(MergeCustomer(customer="former-2", into="guest-2", occurred_at=AT))
        engine.execute(
            RefundPurchase(customer="regular-1", purchase="p1", refund="r1", amount=Money(9_000, "EUR"), occurred_at=AT)
        )
        numbers = slow().numbers(AT)
        assert len(numbers) > 20
        assert members(engine) == [
            {name for name, number in numbers.items() if number == wanted} for wanted in (1, 2, 3)
        ]


# --- a real shop ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [4, pytest.param(1, marks=pytest.mark.soak)], ids=["a quarter", "all"])
def test_online_retail_has_clusters_of_another_kind_each(data_dir: Path, share: int) -> None:
    from benchmarks.baskets import purchases_of

    at = datetime(2011, 12, 10, tzinfo=UTC)
    purchases = [
        each.model_copy(update={"lines": ()})
        for each in purchases_of(data_dir / "online_retail" / "online_retail.csv.gz")
        if int(each.customer) % share == 0
    ]
    with Relations.open("sqlite://", clock=lambda: at, durability="off") as engine:
        engine.adopt(Policy(currency="GBP"), from_beginning=True)
        assert not engine.execute_many(purchases).rejections
        engine.fit_clusters(as_of=at)
        report = engine.views.retention.clusters(as_of=at, limit=0)
    assert report.fit is not None
    assert report.fit.customers == sum(each.size for each in report.clusters) > 4_000 // share
    assert report.fit.silhouette > 0.3
    assert ("net_amount", "high") in {(trait.fact, trait.level) for trait in report.clusters[0].traits}
