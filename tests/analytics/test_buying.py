"""The models of buying: the published figures, the definition of each formula, and what must hold for any customer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from benchmarks.cdnow import SAMPLE, read, statistics
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats  # type: ignore[import-untyped]  # scipy has no types

from relations.analytics import BuyingModel, RepeatStatistics, fit_buying
from relations.analytics.buying import BuyingModelName, _grouped, _log_likelihood
from relations.analytics.hypergeometric import mean_power
from relations.analytics.repeat_statistics import columns_of
from relations.errors import InvalidInput, NoFit

MODELS: tuple[BuyingModelName, ...] = ("bg_nbd", "mbg_nbd")
SOME = [RepeatStatistics(*one) for one in [(0, 0, 90), (0, 0, 70), (1, 14, 90), (3, 60, 80), (2, 20, 77), (8, 70, 85)]]


def made(model: BuyingModelName, r: float, alpha_days: float, a: float, b: float) -> BuyingModel:
    return BuyingModel(
        model=model, r=r, alpha_days=alpha_days, a=a, b=b,
        standard_errors={}, log_likelihood=0.0, unit_days=7, customers=1, repeat_customers=1,
    )  # fmt: skip


positive = st.floats(0.05, 20)
models = st.builds(made, st.sampled_from(MODELS), positive, st.floats(1, 400), positive, positive)
horizons = st.floats(0, 2_000)


@st.composite
def customers(draw: Any) -> RepeatStatistics:
    age = draw(st.integers(0, 1_000))
    recency = draw(st.integers(0, age))
    return RepeatStatistics(draw(st.integers(1, recency)) if recency else 0, recency, age)


def test_cdnow_gives_the_published_fit(cdnow_dir: Path) -> None:
    # Fader, Hardie and Lee (2005), table 2.
    fitted = fit_buying(statistics(read(cdnow_dir / SAMPLE)))
    assert (fitted.customers, fitted.customers - fitted.repeat_customers) == (2_357, 1_411)
    assert [round(figure, 3) for figure in (fitted.r, fitted.alpha_days / 7, fitted.a, fitted.b)] == [
        0.243, 4.414, 0.793, 2.426,
    ]  # fmt: skip
    assert round(fitted.log_likelihood, 1) == -9582.4


def test_cdnow_gives_the_known_fit_of_the_modified_model(cdnow_dir: Path) -> None:
    # The same figures as the packages `lifetimes` (Python) and `BTYDplus` (R) hold themselves to.
    fitted = fit_buying(statistics(read(cdnow_dir / SAMPLE)), model="mbg_nbd")
    assert [round(figure, 3) for figure in (fitted.r, fitted.alpha_days / 7, fitted.a, fitted.b)] == [
        0.525, 6.183, 0.891, 1.614,
    ]  # fmt: skip
    assert round(fitted.log_likelihood, 1) == -9582.1


def test_the_published_customer_is_expected_to_buy_as_published() -> None:
    # Fader, Hardie and Lee's spreadsheet: x = 2, t_x = 30.43, T = 38.86 weeks, 39 weeks ahead: 1.226.
    model = made("bg_nbd", 0.243, 4.414 * 7, 0.793, 2.426)
    assert model.expected_purchases([RepeatStatistics(2, 213, 272)], 39 * 7)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_finds_the_parameters_that_customers_were_made_with(name: BuyingModelName) -> None:
    truth = made(name, 0.8, 40_000.0, 0.9, 2.0)
    fitted = fit_buying(simulated(truth, 6_000, Random(7)), model=name)
    for parameter, error in fitted.standard_errors.items():
        assert abs(getattr(fitted, parameter) - getattr(truth, parameter)) < 4 * error, parameter
        assert 0 < error < getattr(truth, parameter) / 2


def simulated(model: BuyingModel, count: int, random: Random) -> list[RepeatStatistics]:
    """Customers by the model's own story. The time is so long that hardly two purchases fall on one day."""
    found = []
    for _ in range(count):
        age = random.randint(200_000, 500_000)
        rate, leaving = random.gammavariate(model.r, 1 / model.alpha_days), random.betavariate(model.a, model.b)
        there, at, days = model.model == "bg_nbd" or random.random() >= leaving, 0.0, set[int]()
        while there and rate > 0:
            at += random.expovariate(rate)
            if at > age:
                break
            days.add(ceil(at))
            there = random.random() >= leaving
        found.append(RepeatStatistics(len(days), max(days, default=0), age))
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_depends_neither_on_order_nor_on_the_unit_and_is_the_same_each_time(name: BuyingModelName) -> None:
    many = simulated(made(name, 0.8, 40_000.0, 0.9, 2.0), 1_500, Random(3))
    fitted = fit_buying(many, model=name)
    assert fit_buying(many, model=name) == fitted
    other = fit_buying([*reversed(many), *many], model=name, unit_days=1)
    assert (other.customers, other.repeat_customers) == (2 * fitted.customers, 2 * fitted.repeat_customers)
    for parameter in ("r", "alpha_days", "a", "b"):
        assert getattr(other, parameter) == pytest.approx(getattr(fitted, parameter), rel=1e-5)
    purchases = sum(one.frequency for one in many)
    # A density by the day is a seventh of one by the week, for each purchase.
    assert other.log_likelihood / 2 == pytest.approx(fitted.log_likelihood - purchases * np.log(7), rel=1e-9)


@given(models, st.lists(customers(), min_size=1, max_size=8))
def test_the_gradient_is_that_of_the_likelihood(model: BuyingModel, group: list[RepeatStatistics]) -> None:
    groups = _grouped(columns_of(group, "test"), 1, np)
    at = np.array([model.r, model.alpha_days, model.a, model.b])
    _, gradient = _log_likelihood(model.model, groups, at)
    for index, slope in enumerate(gradient):
        step = np.zeros(4)
        step[index] = at[index] * 1e-6
        above = _log_likelihood(model.model, groups, at + step)[0]
        below = _log_likelihood(model.model, groups, at - step)[0]
        assert slope * at[index] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=max(1e-3, abs(above) * 1e-8))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("a", [0.4, 0.995, 1.0, 1.005, 2.5])
@pytest.mark.parametrize("days", [400.0, 20_000.0])
@pytest.mark.parametrize("customer", [(0, 0, 0), (0, 0, 200), (3, 60, 100), (150, 300, 310)])
def test_expectations_are_what_the_models_story_says(
    name: BuyingModelName, a: float, customer: tuple[int, int, int], days: float
) -> None:
    # The mean over everybody's rate and probability to leave, integrated by brute force.
    model, one = made(name, 0.6, 50.0, a, 2.2), RepeatStatistics(*customer)
    chances = one.frequency + (name == "mbg_nbd")
    shape, at = model.r + one.frequency, model.alpha_days + one.age_days

    def purchases(leaving: float) -> float:
        # Of somebody who is there: (1 - E exp(-rate x leaving x days)) / leaving, over the gamma of the rates.
        return float(-np.expm1(-shape * np.log1p(leaving * days / at)) / leaving)

    beta = stats.beta(a, model.b + chances)
    # By quantiles: no singularity at either end.
    expected, _ = integrate.quad(lambda share: purchases(max(beta.ppf(share), 1e-300)), 0, 1, limit=200)
    alive = model.alive([one])[0]
    assert model.expected_purchases([one], days)[0] == pytest.approx(expected * alive, rel=1e-6)
    assert model.discounted_purchases([one], days, yearly_rate=0.0)[0] == pytest.approx(expected * alive, rel=1e-6)


@given(models, customers(), st.integers(0, 500))
def test_the_probability_to_be_there_is_one_and_falls_with_silence(
    model: BuyingModel, customer: RepeatStatistics, later: int
) -> None:
    now, then = model.alive([customer, customer._replace(age_days=customer.age_days + later)])
    assert 0 <= then <= now <= 1
    if customer.frequency == 0:
        assert now == 1 or model.model == "mbg_nbd"
    elif customer.recency_days + later <= customer.age_days:
        sooner, more_recent = model.alive([customer, customer._replace(recency_days=customer.recency_days + later)])
        assert sooner <= more_recent


@example(made("bg_nbd", 1.9095, 1.0, 1.9095, 16.0), RepeatStatistics(0, 0, 0), 0.0, 424.0)  # r - a is a whole number
@given(models, customers(), horizons, horizons)
def test_expected_purchases_grow_with_time_ever_more_slowly(
    model: BuyingModel, customer: RepeatStatistics, first: float, second: float
) -> None:
    both, one, other = (model.expected_purchases([customer], days)[0] for days in (first + second, first, second))
    slack = 1e-9 + 1e-6 * both
    assert max(one, other) - slack <= both <= one + other + slack
    rate = (model.r + customer.frequency) / (model.alpha_days + customer.age_days)
    assert both <= model.alive([customer])[0] * rate * (first + second) + slack


@given(models, customers(), horizons, st.floats(0, 1), st.floats(0, 1))
def test_discounting_lowers_the_value_within_its_bounds(
    model: BuyingModel, customer: RepeatStatistics, days: float, rate: float, more: float
) -> None:
    plain = model.expected_purchases([customer], days)[0]
    low, lower = (model.discounted_purchases([customer], days, yearly_rate=each)[0] for each in (rate, rate + more))
    slack = 1e-9 + 1e-6 * plain
    assert lower <= low + slack
    assert plain * (1 + rate) ** (-days / 365.25) - slack <= low <= plain + slack


@given(models, st.lists(customers(), max_size=6))
def test_each_answer_is_their_own(model: BuyingModel, group: list[RepeatStatistics]) -> None:
    assert model.alive([*group, *group]) == model.alive(group) * 2
    alone = [model.expected_purchases([one], 100)[0] for one in group]
    assert model.expected_purchases(group, 100) == pytest.approx(alone, rel=1e-9, abs=1e-12)


def test_nothing_is_expected_in_no_time_and_a_new_customer_is_one_without_a_past() -> None:
    model = made("mbg_nbd", 0.6, 50.0, 0.8, 2.0)
    assert model.expected_purchases(SOME, 0) == [0.0] * len(SOME)
    # At the first purchase already b / (a + b) stay.
    assert model.alive([RepeatStatistics(0, 0, 0)])[0] == pytest.approx(2.0 / 2.8)
    assert model.new_customer_purchases(300) == model.expected_purchases([RepeatStatistics(0, 0, 0)], 300)[0]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("group", "code"), [([], "no_customers"), ([RepeatStatistics(0, 0, 30)] * 50, "no_repeat_customers")]
)
def test_without_anybody_who_came_back_there_is_nothing_to_fit(
    name: BuyingModelName, group: list[RepeatStatistics], code: str
) -> None:
    with pytest.raises(NoFit) as caught:
        fit_buying(group, model=name)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "group",
    [
        [RepeatStatistics(1, 30, 60)] * 40,  # all alike: rates do not differ
        [RepeatStatistics(n, 59, 60) for n in (5, 6, 5, 6, 7)],  # nobody ever left
        # A ridge so flat that rounding decides where on it the search ends, and whether its slope and curvature pass.
        [RepeatStatistics(n % 2, n % 2 * (9 + n % 7 * 11), 180 - n) for n in range(1, 90)],
    ],
)
def test_a_likelihood_without_a_summit_is_refused_and_says_where_it_leads(group: list[RepeatStatistics]) -> None:
    with pytest.raises(NoFit, match="has no maximum") as caught:
        fit_buying(group)
    assert caught.value.code == "fit_not_converged"


@given(st.lists(customers(), max_size=12), st.sampled_from(MODELS))
def test_whatever_the_customers_a_fit_is_found_or_refused(group: list[RepeatStatistics], name: BuyingModelName) -> None:
    try:
        fitted = fit_buying(group * 5, model=name)
    except NoFit as error:
        refused = error.code
    else:
        refused = ""
    if refused:
        assert refused in {"fit_not_converged", "no_repeat_customers" if group else "no_customers"}
        return
    assert all(0 < figure < float("inf") for figure in fitted.standard_errors.values())
    assert all(0 <= figure <= 1 for figure in fitted.alive(group))
    # No other parameters are likelier: not even a little off in each direction.
    groups = _grouped(columns_of(group * 5, "test"), 7, np)
    at = np.array([fitted.r, fitted.alpha_days / 7, fitted.a, fitted.b])
    for index, factor in product(range(4), (0.9, 1.1)):
        off = at.copy()
        off[index] *= factor
        assert _log_likelihood(name, groups, off)[0] <= fitted.log_likelihood + 1e-6


def test_questions_that_make_no_sense_are_refused() -> None:
    model = made("bg_nbd", 0.6, 50.0, 0.8, 2.0)
    questions: list[tuple[Callable[[], object], str]] = [
        (lambda: fit_buying(SOME, model="pareto"), "unknown_model"),  # type: ignore[arg-type]  # on purpose
        (lambda: fit_buying(SOME, unit_days=0), "invalid_unit"),
        (lambda: model.expected_purchases(SOME, -1), "invalid_horizon"),
        (lambda: model.expected_purchases(SOME, float("nan")), "invalid_horizon"),
        (lambda: model.discounted_purchases(SOME, 10, yearly_rate=-1), "invalid_discount_rate"),
    ]
    for ask, code in questions:
        with pytest.raises(InvalidInput) as caught:
            ask()
        assert caught.value.code == code


@pytest.mark.parametrize(("a", "b"), [(1e3, 5e3), (1e4, 5e4)])
def test_customers_who_all_leave_equally_often_are_expected_like_a_fixed_chance(a: float, b: float) -> None:
    for e, z in product((1.5, 6.0), (0.1, 2.0, 8.0)):
        found = mean_power(a, np.array([b]), np.array([e]), np.array([z]))
        assert found[0] == pytest.approx((1 + a / (a + b) * z) ** -e, rel=2e-2)
