"""Recommendations: rules equal those of another library, and a customer gets what others like them bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from importlib import import_module
from itertools import combinations, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from benchmarks.baskets import CUT, baskets_of, compared, purchases_of

from relations import Money, Policy, Relations
from relations.analytics import AssociationRule, association_rules
from relations.commands import DropTrait, EraseCustomer, MergeCustomer, NoteTrait, RecordPurchase
from relations.errors import InvalidInput, NoFit
from relations.events import PurchaseLine
from relations.policies import Lifecycle
from relations.projections.recommendations import RecommendationReport, figures
from tests.conftest import absent

DAY = datetime(2024, 1, 1, 12, tzinfo=UTC)
AT = DAY + timedelta(days=100)
KINDS = {"pasta": "food", "sauce": "food", "wine": "drinks", "soap": "bath", "towel": "bath"}


def purchase(customer: str, number: int, *products: str, at: datetime | None = None) -> RecordPurchase:
    """A purchase with one line for each product, each for one euro."""
    return RecordPurchase(
        customer=customer,
        purchase=f"p{number}",
        amount=Money(100 * len(products), "EUR"),
        lines=tuple(PurchaseLine(each, Money(100, "EUR"), category=KINDS.get(each)) for each in products),
        occurred_at=at or DAY + timedelta(days=number),
    )


def shop() -> Iterator[RecordPurchase]:
    """Of twelve baskets with pasta, ten have sauce and four have wine; ten others have soap or a towel alone."""
    for number in range(12):
        products = ["pasta", *(["sauce"] if number < 10 else []), *(["wine"] if number < 4 else [])]
        yield purchase(f"a{number}", number, *products)
    for number in range(10):
        yield purchase(f"b{number}", number, "soap" if number % 2 else "towel")


@pytest.fixture
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://", clock=lambda: AT, durability="off") as opened:
        opened.adopt(Policy(lifecycle=Lifecycle(refit_days=30)), from_beginning=True)
        assert opened.execute_many(shop()).accepted == 22
        yield opened


def products(found: RecommendationReport) -> list[str]:
    return [each.product for each in found.products]


# --- the rules ------------------------------------------------------------------------------------------------------


@pytest.fixture
def library() -> Any:
    """The library `efficient_apriori`, which shares no code with ours."""
    try:
        return import_module("efficient_apriori")
    except ImportError as missing:
        absent(str(missing))


def of_the_library(
    library: Any, baskets: Iterable[Iterable[str]], support: float, confidence: float
) -> dict[tuple[str, str], Any]:
    """The rules that `efficient_apriori` finds between two products, with support, confidence and lift."""
    _, rules = library.apriori(
        [tuple(each) for each in baskets], min_support=support, min_confidence=confidence, max_length=2
    )
    return {(rule.lhs[0], rule.rhs[0]): (rule.support, rule.confidence, rule.lift) for rule in rules}


def figures_of(rules: Iterable[AssociationRule]) -> dict[tuple[str, str], Any]:
    return {(each.product, each.recommended): (each.support, each.confidence, each.lift) for each in rules}


def assert_same(ours: dict[tuple[str, str], Any], theirs: dict[tuple[str, str], Any]) -> None:
    assert ours.keys() == theirs.keys()
    for pair, found in ours.items():
        assert found == pytest.approx(theirs[pair], rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_rules_are_those_of_another_library(seed: int, library: Any) -> None:
    random = Random(seed)
    names = [f"n{number}" for number in range(25)]
    baskets = [set(random.choices(names, weights=range(25, 0, -1), k=random.randint(1, 6))) for _ in range(400)]
    ours = association_rules(baskets, min_support=0.02, min_confidence=0.2, most=10_000)
    theirs = {pair: each for pair, each in of_the_library(library, baskets, 0.02, 0.2).items() if each[2] > 1 + 1e-12}
    assert len(ours) > 5
    assert_same(figures_of(ours), theirs)
    ranks = [(-Fraction(rule.together, rule.with_product), -rule.together) for rule in ours]
    assert ranks == sorted(ranks)
    assert association_rules(baskets, min_support=0.02, min_confidence=0.2, most=4) == ours[:4]


@pytest.mark.parametrize("left", [2, 3])
def test_rules_with_several_products_on_the_left_are_those_of_another_library(left: int, library: Any) -> None:
    """All that are more confident than with fewer of their products, and none else."""
    random = Random(left)
    names = [f"n{number}" for number in range(14)]
    baskets = [set(random.choices(names, weights=range(14, 0, -1), k=random.randint(2, 8))) for _ in range(500)]
    assert_longer_rules_are_those_of(library, baskets, left, 0.03, 0.3)


def parts_of(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(names)):
        yield from combinations(names, size)


def assert_longer_rules_are_those_of(
    library: Any, baskets: list[Any], left: int, support: float, confidence: float
) -> None:
    _, every = library.apriori(
        [tuple(each) for each in baskets], min_support=support, min_confidence=0.0, max_length=left + 1
    )
    rules = {(tuple(sorted(rule.lhs)), rule.rhs[0]): rule for rule in every if len(rule.rhs) == 1}
    exact = {key: Fraction(rule.count_full, rule.count_lhs) for key, rule in rules.items()}
    expected = {
        key: (rule.support, rule.confidence, rule.lift)
        for key, rule in rules.items()
        if rule.confidence >= confidence and rule.lift > 1 + 1e-12
        and all(exact[key] > exact[part, key[1]] for part in parts_of(key[0]))
    }  # fmt: skip
    ours = association_rules(baskets, min_support=support, min_confidence=confidence, most=10_000, left=left)
    assert max(1 + len(rule.also) for rule in ours) == left
    found = {((each.product, *each.also), each.recommended): each for each in ours}
    assert found.keys() == expected.keys()
    for key, each in found.items():
        assert (each.support, each.confidence, each.lift) == pytest.approx(expected[key], rel=1e-12)


def test_the_reason_names_every_product_of_the_most_specific_rule() -> None:
    baskets = (
        [("tea", "cup", "jam")] * 6 + [("tea", "cup")] * 2 + [("tea", "jam")] * 4 + [("tea",)] * 4 + [("soap",)] * 9
    )
    with Relations.open("sqlite://", clock=lambda: AT, durability="off") as engine:
        engine.execute_many(purchase(f"c{number}", number, *names) for number, names in enumerate(baskets))
        engine.execute(purchase("c15", 80, "jam"))
        engine.fit_rules(left=2)
        rules = engine.views.recommendations.rules()
        assert rules.fit is not None
        assert rules.fit.left == 2
        (found,) = engine.views.recommendations.recommend("c15").products
        assert (found.product, found.because, found.because_also) == ("cup", "jam", ("tea",))
        assert found.bought_on == (DAY + timedelta(days=80)).date()
        assert engine.refit_rules(AT + timedelta(days=400)) is not None
        again = engine.views.recommendations.rules(as_of=AT + timedelta(days=400)).fit
        assert again is not None
        assert again.left == 2


def test_pieces_and_order_of_baskets_make_no_difference() -> None:
    baskets = [["tea", "cup"], ["tea", "cup", "cup"], ["cup", "tea"], ["tea"], ["jam"], ["jam"]]
    found = association_rules(baskets)
    assert [(each.product, each.recommended, each.together) for each in found] == [("cup", "tea", 3), ("tea", "cup", 3)]
    assert (found[1].support, found[1].confidence, found[1].lift) == (0.5, 0.75, 1.5)
    assert found == association_rules(list(reversed(baskets)))


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"min_support": 1.5}, "min_support"),
        ({"min_confidence": -0.1}, "min_confidence"),
        ({"most": 0}, "most"),
        ({"left": 0}, "left"),
        ({"left": 4}, "left"),
    ],
)
def test_limits_without_sense_are_refused(limits: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        association_rules([["tea"]], **limits)
    assert refused.value.field == field


@pytest.mark.parametrize(("support", "kept"), [(0.07, 1), (0.0701, 0)])
def test_a_rule_in_just_the_smallest_share_of_all_baskets_is_kept(support: float, kept: int) -> None:
    # 0.07 * 100 is 7.000000000000001, and rounded up that would be 8 baskets.
    baskets = [["tea", "cup"]] * 7 + [["jam"]] * 93
    assert len(association_rules(baskets, min_support=support)) == 2 * kept


def test_no_basket_gives_no_rule() -> None:
    assert association_rules([]) == []
    assert association_rules([[], []]) == []


# --- recommendations ------------------------------------------------------------------------------------------------


def test_a_customer_gets_what_goes_with_what_they_bought_and_why(engine: Relations) -> None:
    engine.fit_rules(as_of=AT)
    view = engine.views.recommendations
    found = view.recommend("a11", as_of=AT + timedelta(days=3))
    assert products(found) == ["sauce", "wine"]
    sauce = found.products[0]
    assert (sauce.because, sauce.category, sauce.baskets) == ("pasta", "food", 10)
    assert sauce.bought_on == (DAY + timedelta(days=11)).date()
    assert (sauce.support, sauce.confidence, sauce.lift) == pytest.approx((10 / 22, 10 / 12, 10 / 12 / (10 / 22)))
    assert found.fit is not None
    assert (found.fit.through, found.fit.age_days, found.fit.baskets) == (AT.date(), 3, 22)
    assert products(view.recommend("a11", limit=1)) == ["sauce"]
    # What they have bought is not recommended again unless that is asked for.
    assert products(view.recommend("a0")) == []
    assert set(products(view.recommend("a0", again=True))) == {"pasta", "sauce", "wine"}
    assert products(view.recommend("b1")) == []


def test_a_taboo_on_a_product_or_a_category_is_minded(engine: Relations) -> None:
    engine.fit_rules(as_of=AT)
    view = engine.views.recommendations
    engine.execute(NoteTrait(customer="a11", trait="taboo", about="Wine", occurred_at=AT))
    found = view.recommend("a11")
    assert (products(found), found.avoided) == (["sauce"], 1)
    engine.execute(NoteTrait(customer="a11", trait="taboo", about="food", occurred_at=AT))
    assert (products(view.recommend("a11")), view.recommend("a11").avoided) == ([], 2)
    engine.execute(DropTrait(customer="a11", trait="taboo", about="food", occurred_at=AT))
    assert products(view.recommend("a11")) == ["sauce"]
    engine.execute(NoteTrait(customer="a10", trait="preference", about="wine", occurred_at=AT))
    assert "wine" in products(view.recommend("a10"))


def test_merged_customers_are_one_and_erased_ones_get_nothing(engine: Relations) -> None:
    engine.fit_rules(as_of=AT)
    view = engine.views.recommendations
    engine.execute(NoteTrait(customer="b1", trait="taboo", about="wine", occurred_at=AT))
    engine.execute(MergeCustomer(customer="b1", into="a11", occurred_at=AT))
    for name in ("a11", "b1"):
        found = view.recommend(name)
        assert (found.customer, found.bought, products(found), found.avoided) == ("a11", 2, ["sauce"], 1)
    assert products(view.recommend("a10")) == ["sauce", "wine"]
    engine.execute(EraseCustomer(customer="a10", occurred_at=AT))
    assert products(view.recommend("a10")) == []


# --- fits -----------------------------------------------------------------------------------------------------------


def test_no_question_finds_rules_while_somebody_waits(engine: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    view = engine.views.recommendations
    fresh = view.rules(as_of=AT, refit=True)
    (recorded,) = engine.fit_rules(as_of=AT).events

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("fitted while somebody waits")

    monkeypatch.setattr(figures, "association_rules", refuse)
    assert view.rules(as_of=AT).rules == fresh.rules
    assert len(fresh.rules) == 6
    fit = view.rules().fit
    assert fit is not None
    assert fit.position == recorded.position - 1
    # Before the first fit there is no answer, and none is computed.
    before = view.recommend("a11", as_of=AT - timedelta(days=1))
    assert (before.fit, before.products, before.bought) == (None, (), 1)
    with pytest.raises(AssertionError, match="while somebody waits"):
        view.rules(refit=True)


def test_a_replay_gives_the_same(engine: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.fit_rules(as_of=AT)
    view, position = engine.views.recommendations, engine.status().position
    expected = view.recommend("a11", as_of=AT)
    engine.execute_many(purchase(f"d{number}", 90, "pasta", "towel") for number in range(30))
    monkeypatch.setattr(figures, "association_rules", None)
    assert view.recommend("a11", as_of=AT) == expected
    engine.rebuild(["recommendations"])
    assert view.recommend("a11", as_of=AT) == expected
    with engine.as_of(position=position) as past:
        assert past.views.recommendations.recommend("a11", as_of=AT) == expected


def test_rules_are_found_again_when_the_newest_fit_is_old_with_its_limits(engine: Relations) -> None:
    assert engine.refit_rules(AT) is not None
    assert engine.refit_rules(AT + timedelta(days=29)) is None
    engine.fit_rules(as_of=AT + timedelta(days=29), min_confidence=0.5, most=2)
    assert engine.refit_rules(AT + timedelta(days=58)) is None
    assert engine.refit_rules(AT + timedelta(days=59)) is not None
    fit = engine.views.recommendations.rules(as_of=AT + timedelta(days=59)).fit
    assert fit is not None
    assert (fit.min_confidence, fit.most, fit.rules, fit.age_days) == (0.5, 2, 2, 0)
    assert engine.fit_rules(as_of=AT + timedelta(days=59), min_confidence=0.5, most=2).events == ()


def test_without_a_rule_nothing_is_recorded() -> None:
    with Relations.open("sqlite://", clock=lambda: AT, durability="off") as opened:
        opened.execute(purchase("c1", 1, "pasta", "sauce"))
        position = opened.status().position
        with pytest.raises(NoFit) as refused:
            opened.fit_rules()
        assert refused.value.code == "no_rules"
        assert opened.refit_rules(AT) is None
        assert opened.status().position == position


def test_purchases_without_lines_and_those_of_the_future_do_not_count(engine: Relations) -> None:
    engine.execute(RecordPurchase(customer="a1", purchase="q", amount=Money(100, "EUR"), occurred_at=DAY))
    engine.execute(purchase("a11", 200, "wine", at=AT + timedelta(days=9)))
    engine.fit_rules(as_of=AT)
    fit = engine.views.recommendations.rules(as_of=AT).fit
    assert fit is not None
    assert fit.baskets == 22
    assert "wine" in products(engine.views.recommendations.recommend("a11", as_of=AT))
    assert "wine" not in products(engine.views.recommendations.recommend("a11", as_of=AT + timedelta(days=9)))


# --- a real shop ----------------------------------------------------------------------------------------------------


def test_online_retail_gives_the_rules_of_another_library_and_beats_the_most_popular(
    data_dir: Path, library: Any
) -> None:
    purchases = list(islice(purchases_of(data_dir / "online_retail" / "online_retail.csv.gz"), 0, None, 4))
    baskets = baskets_of(purchases)
    assert len(baskets) > 3000
    ours = association_rules(baskets, min_support=0.01, min_confidence=0.3, most=10_000)
    assert len(ours) > 30
    assert_longer_rules_are_those_of(library, baskets, 2, 0.01, 0.3)
    theirs = {pair: each for pair, each in of_the_library(library, baskets, 0.01, 0.3).items() if each[2] > 1 + 1e-12}
    assert_same(figures_of(ours), theirs)
    with Relations.open("sqlite://", clock=lambda: CUT, durability="off") as engine:
        assert not engine.execute_many(each for each in purchases if each.occurred_at < CUT).rejections
        engine.fit_rules(as_of=CUT)
        by_rules, by_sales = compared(engine, purchases, 5)
    assert by_rules.given == by_sales.given > 300
    assert by_rules.bought > by_sales.bought
