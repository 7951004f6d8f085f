from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from benchmarks.cdnow import MASTER, SAMPLE, read, statistics
from hypothesis import given
from hypothesis import strategies as st

from relations.analytics import (
    BuyingModel,
    RepeatStatistics,
    SpendingModel,
    fit_buying,
    fit_spending,
    lifetime_values,
    survival_curve,
)
from relations.analytics.repeat_statistics import columns_of
from relations.analytics.spending import _grouped, _log_likelihood
from relations.errors import InvalidInput, MissingExtra

BUYING = BuyingModel(
    model="bg_nbd", r=0.243, alpha_days=30.9, a=0.793, b=2.426,
    standard_errors={}, log_likelihood=0.0, unit_days=7, customers=1, repeat_customers=1,
)  # fmt: skip
SPENDING = SpendingModel(
    p=6.25, q=3.74, v=1_544, standard_errors={}, log_likelihood=0.0, unit_amount=100, customers=1, left_out=0
)

spenders = st.builds(
    lambda x, gap, age, amount: RepeatStatistics(x, x * gap, x * gap + age, amount if x else 0),
    st.integers(0, 40), st.integers(1, 30), st.integers(0, 300), st.integers(0, 1_000_000),
)  # fmt: skip


def test_cdnow_gives_the_published_fit_of_spending(cdnow_dir: Path) -> None:
    # Fader and Hardie (2013), note 025: the 946 who came back, the mean of their repeat purchases.
    fitted = fit_spending(statistics(read(cdnow_dir / SAMPLE)))
    assert (fitted.customers, fitted.left_out) == (946, 0)
    assert [round(figure, 2) for figure in (fitted.p, fitted.q, fitted.v / 100)] == [6.25, 3.74, 15.44]
    assert fitted.mean is not None
    assert round(fitted.mean / 100) == 35


def test_the_whole_of_cdnow_can_be_fitted_and_valued(cdnow_dir: Path) -> None:
    everybody = statistics(read(cdnow_dir / MASTER))
    assert len(everybody) == 23_570
    buying, spending = fit_buying(everybody), fit_spending(everybody)
    assert (buying.customers, buying.repeat_customers) == (23_570, 9_451)
    assert (spending.customers, spending.left_out) == (9_450, 1)
    values = lifetime_values(everybody, buying, spending, days=365, yearly_rate=0.1)
    assert len(values) == 23_570
    assert all(0 <= one.alive <= 1 and 0 < one.value <= one.purchases * one.amount for one in values)


def test_a_fit_finds_the_parameters_that_purchases_were_made_with() -> None:
    random, truth = Random(11), {"p": 4.0, "q": 3.0, "v": 2_000.0}
    made = []
    for _ in range(4_000):
        x, rate = random.randint(1, 6), random.gammavariate(truth["q"], 1 / truth["v"])
        amount = round(sum(random.gammavariate(truth["p"], 1 / rate) for _ in range(x)))
        made.append(RepeatStatistics(x, 10 * x, 100, amount))
    fitted = fit_spending(made)
    for parameter, expected in truth.items():
        assert abs(getattr(fitted, parameter) - expected) < 4 * fitted.standard_errors[parameter], parameter
    again = fit_spending(reversed(made), unit_amount=1)
    assert again.v == pytest.approx(fitted.v, rel=1e-6)
    # The density of a mean in cents is a hundredth of that in dollars, for each customer.
    assert again.log_likelihood == pytest.approx(fitted.log_likelihood - len(made) * np.log(100), rel=1e-9)


def test_who_spent_nothing_is_left_out_and_counted() -> None:
    random = Random(5)
    some = [RepeatStatistics(2, 20, 50, round(random.lognormvariate(8, 0.7))) for _ in range(300)]
    fitted = fit_spending([*some, RepeatStatistics(2, 20, 50, 0), RepeatStatistics(1, 5, 50, -300)])
    assert (fitted.customers, fitted.left_out) == (300, 2)
    alone = fit_spending([*some, RepeatStatistics(0, 0, 50)])
    assert alone.left_out == 0
    assert alone.model_copy(update={"left_out": 2}) == fitted


@pytest.mark.parametrize("group", [[], [RepeatStatistics(0, 0, 9)], [RepeatStatistics(1, 5, 9, 0)]])
def test_without_repeat_spending_there_is_nothing_to_fit(group: list[RepeatStatistics]) -> None:
    with pytest.raises(InvalidInput) as caught:
        fit_spending(group)
    assert caught.value.code == "no_repeat_spending"


def test_equal_amounts_have_no_summit() -> None:
    with pytest.raises(InvalidInput, match="Gamma-Gamma has no maximum") as caught:
        fit_spending([RepeatStatistics(2, 20, 50, 2_000)] * 30)
    assert caught.value.code == "fit_not_converged"


@given(
    st.tuples(st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.1, 100)),
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 1_000_000)), min_size=1, max_size=8),
)
def test_the_gradient_is_that_of_the_likelihood(
    parameters: tuple[float, float, float], group: list[tuple[int, int]]
) -> None:
    groups = _grouped(columns_of([RepeatStatistics(x, x, x, amount) for x, amount in group], "test"), 100, np)
    at = np.array(parameters)
    _, gradient = _log_likelihood(groups, at)
    for index, slope in enumerate(gradient):
        step = np.zeros(3)
        step[index] = at[index] * 1e-6
        above, _ = _log_likelihood(groups, at + step)
        below, _ = _log_likelihood(groups, at - step)
        assert slope * at[index] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=max(1e-3, abs(above) * 1e-8))


@given(spenders)
def test_an_expected_amount_lies_between_ones_own_mean_and_everybodys(customer: RepeatStatistics) -> None:
    expected = SPENDING.expected_amounts([customer])[0]
    everybody = SPENDING.mean
    assert everybody is not None
    own = customer.repeat_amount / customer.frequency if customer.repeat_amount > 0 else everybody
    assert min(own, everybody) * (1 - 1e-12) <= expected <= max(own, everybody) * (1 + 1e-12)


def test_a_mean_without_an_expectation_is_refused() -> None:
    heavy = SPENDING.model_copy(update={"q": 0.9})
    assert heavy.mean is None
    assert heavy.expected_amounts([RepeatStatistics(1, 5, 9, 1_000)])[0] > 0
    with pytest.raises(InvalidInput) as caught:
        heavy.expected_amounts([RepeatStatistics(0, 0, 9)])
    assert caught.value.code == "infinite_mean"


@given(st.lists(spenders, max_size=5), st.floats(0, 1_000), st.floats(0, 0.5))
def test_a_value_is_purchases_times_amount_and_no_more(group: list[RepeatStatistics], days: float, rate: float) -> None:
    values = lifetime_values(group, BUYING, SPENDING, days=days, yearly_rate=rate)
    assert len(values) == len(group)
    undiscounted = lifetime_values(group, BUYING, SPENDING, days=days, margin=0.5)
    for one, plain in zip(values, undiscounted, strict=True):
        assert 0 <= one.value <= one.purchases * one.amount * (1 + 1e-6) + 1e-6
        assert plain.value == pytest.approx(plain.purchases * plain.amount / 2, rel=1e-6, abs=1e-6)


def test_a_margin_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        lifetime_values([], BUYING, SPENDING, days=1, margin=float("nan"))
    assert caught.value.code == "invalid_margin"


def test_without_the_extra_a_fit_says_what_is_missing_and_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"] + ["scipy"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match="Fitting BG/NBD needs the package scipy") as caught:
        fit_buying([RepeatStatistics(1, 2, 3)])
    assert caught.value.extra == "analytics"
    assert "pip install 'relations-engine[analytics]'" in str(caught.value)
    with pytest.raises(MissingExtra):
        BUYING.alive([RepeatStatistics(1, 2, 3)])
    assert survival_curve([(1, True), (2, False)]).points[0].survival == 0.5
    assert SPENDING.expected_amounts([RepeatStatistics(0, 0, 3)])


def test_importing_the_package_brings_in_neither_scipy_nor_numpy() -> None:
    asked = "import sys, relations.analytics; print(sorted({'scipy', 'numpy', 'pandas'} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
