"""The drivers of satisfaction, against numpy and scipy on the same numbers."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from relations.analytics.drivers import driver_report, pearson, spearman
from relations.errors import InvalidInput

columns = st.integers(2, 4).flatmap(
    lambda size: st.lists(st.lists(st.integers(1, 7), min_size=size + 1, max_size=size + 1), min_size=9, max_size=25)
)


def r_squared(outcome: np.ndarray, drivers: np.ndarray) -> float:
    design = np.column_stack([np.ones(len(outcome)), drivers])
    fitted = design @ np.linalg.lstsq(design, outcome, rcond=None)[0]
    return float(1 - ((outcome - fitted) ** 2).sum() / ((outcome - outcome.mean()) ** 2).sum())


@given(columns)
def test_shares_are_the_mean_gain_over_all_orders_and_sum_to_r_squared(table: list[list[int]]) -> None:
    data = np.array(table, dtype=float)
    outcome, drivers = data[:, 0], data[:, 1:]
    assume(all(len(set(column)) > 1 for column in data.T))
    names = [f"d{index}" for index in range(drivers.shape[1])]
    found = driver_report("y", outcome.tolist(), dict(zip(names, drivers.T.tolist(), strict=True)))
    assert sum(driver.share for driver in found.drivers) == pytest.approx(found.r_squared, abs=1e-9)
    assert found.r_squared == pytest.approx(r_squared(outcome, drivers), abs=1e-6)
    orders = list(permutations(range(len(names))))
    for driver in found.drivers:
        mine = names.index(driver.name)
        gains = []
        for order in orders:
            before = list(order[: order.index(mine)])
            gained = r_squared(outcome, drivers[:, [*before, mine]])
            gains.append(gained - (r_squared(outcome, drivers[:, before]) if before else 0))
        assert driver.share == pytest.approx(sum(gains) / len(gains), abs=1e-6)
        assert driver.share >= 0


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 5)), min_size=3, max_size=40))
def test_correlations_are_scipy_s(pairs: list[tuple[int, int]]) -> None:
    x, y = [float(one) for one, _ in pairs], [float(other) for _, other in pairs]
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert pearson(x, y) is None
        assert spearman(x, y) is None
        return
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


def test_drivers_that_have_nothing_to_do_with_each_other_share_by_their_squared_correlation() -> None:
    a, b = [1, 1, -1, -1] * 5, [1, -1, 1, -1] * 5
    y = [2 * one + other + (0.5 if index % 3 else -1) for index, (one, other) in enumerate(zip(a, b, strict=True))]
    found = driver_report("y", y, {"a": a, "b": b})
    assert [driver.name for driver in found.drivers] == ["a", "b"]
    for driver in found.drivers:
        assert driver.pearson is not None
        assert driver.beta == pytest.approx(driver.pearson)
        assert driver.share == pytest.approx(driver.pearson**2)
        assert driver.vif == pytest.approx(1)
    assert not found.collinear


def test_the_regression_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, 3))
    x[:, 2] += x[:, 0]
    y = x @ [1.0, -0.5, 0.3] + rng.normal(size=60)
    found = driver_report("y", y.tolist(), {f"d{index}": x[:, index].tolist() for index in range(3)})
    z, target = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    betas = np.linalg.lstsq(z, target, rcond=None)[0]
    for driver in found.drivers:
        index = int(driver.name[1])
        assert driver.beta == pytest.approx(betas[index])
        others = [other for other in range(3) if other != index]
        assert driver.vif == pytest.approx(1 / (1 - r_squared(x[:, index], x[:, others])))


def test_a_driver_that_is_another_one_is_said_and_shares_evenly() -> None:
    a = [1.0, 2, 3, 4, 5, 6, 7, 2]
    found = driver_report("y", [1.0, 3, 2, 5, 4, 7, 6, 2], {"a": a, "twice": [2 * each for each in a], "same": [3] * 8})
    assert set(found.collinear) == {"a", "twice"}
    assert found.constant == ("same",)
    assert found.drivers[0].share == pytest.approx(found.drivers[1].share)
    assert all(driver.beta is None and driver.vif is None for driver in found.drivers)


@pytest.mark.parametrize(
    ("values", "drivers", "code"),
    [
        ([1, 2, 3], {}, "no_drivers"),
        ([1, 2, 3], {"a": [1, 1, 1]}, "no_drivers"),
        ([1, 1, 1], {"a": [1, 2, 3]}, "constant_outcome"),
        ([1, 2], {"a": [1, 2]}, "too_few_observations"),
        ([1, 2, 3], {"a": [1, 2]}, "uneven_columns"),
        ([1, 2] * 20, {str(index): [index, 1] * 20 for index in range(2, 15)}, "too_many_drivers"),
    ],
)
def test_what_cannot_be_explained_is_refused(values: list[float], drivers: dict[str, list[float]], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        driver_report("y", values, drivers)
    assert refused.value.code == code


@pytest.mark.parametrize("value", [0.1, 1 / 3, 4.333333333333333])
def test_a_number_that_never_varies_has_no_correlation(value: float) -> None:
    # The rounded mean of nine tenths is none of them, and what is left would be taken for a difference.
    for n in range(2, 40):
        assert pearson([value] * n, [float(number % 7) for number in range(n)]) is None
        assert pearson([value] * n, [value] * n) is None
