from __future__ import annotations

from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.analytics.intervals import (
    mean_by_respondent,
    mean_interval,
    net_promoters,
    normal_quantile,
    share_difference,
    student_quantile,
    wilson,
)
from relations.errors import InvalidInput

counts = st.integers(0, 100_000)


def test_the_quantile_of_ninety_five_percent_is_the_well_known_one() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959963985)
    assert normal_quantile(0.99) == pytest.approx(2.575829304)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 1.5, 1 - 1e-16, float("nan")])
def test_what_is_no_confidence_level_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        normal_quantile(confidence)
    assert caught.value.code == "invalid_confidence"


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # The four examples of R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    found = wilson(hits, n)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_wilson_of_four_and_of_five_of_five() -> None:
    four = wilson(4, 5)
    assert four is not None
    assert (round(four.low, 3), round(four.high, 3)) == (0.376, 0.964)
    five = wilson(5, 5)
    assert five is not None
    assert (round(five.low, 3), five.high) == (0.566, 1)


def test_wilson_of_none_is_undefined() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize(("hits", "n"), [(6, 5), (-1, 5), (0, -1)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(InvalidInput):
        wilson(hits, n)


@given(st.tuples(counts, counts).filter(any), st.floats(0.5, 0.9999))
def test_wilson_holds_its_share_inside_the_unit_interval_and_is_symmetric(
    pair: tuple[int, int], confidence: float
) -> None:
    hits, misses = pair
    n = hits + misses
    found = wilson(hits, n, confidence)
    assert found is not None
    assert 0 <= found.low <= hits / n <= found.high <= 1
    mirrored = wilson(misses, n, confidence)
    assert mirrored is not None
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-12)


@given(st.tuples(counts, counts).filter(any))
def test_wilson_inverts_the_score_test(pair: tuple[int, int]) -> None:
    # By definition the ends are the shares p at which |hits/n - p| is exactly z standard errors of p.
    hits, misses = pair
    n = hits + misses
    found = wilson(hits, n)
    assert found is not None
    for p in (found.low, found.high):
        if 0 < p < 1:
            assert (hits / n - p) ** 2 == pytest.approx(normal_quantile(0.95) ** 2 * p * (1 - p) / n, rel=1e-6)


def test_three_promoters_a_passive_and_a_detractor() -> None:
    found = net_promoters(3, 1, 1)
    assert found is not None
    assert found.score == 40
    assert found.adjusted == 25.0
    assert (round(found.interval.low, 1), round(found.interval.high, 1)) == (-29.8, 79.8)


def test_five_promoters_are_a_hundred_but_hardly_more_than_sixty() -> None:
    found = net_promoters(5, 0, 0)
    assert found is not None
    assert found.score == 100
    assert found.adjusted == 62.5
    assert found.interval.low < 20
    assert found.interval.high == 100


def test_net_promoters_of_none_are_undefined() -> None:
    assert net_promoters(0, 0, 0) is None


def test_net_promoters_refuse_negative_counts() -> None:
    with pytest.raises(InvalidInput):
        net_promoters(1, -1, 0)


@given(st.tuples(counts, counts, counts).filter(any))
def test_net_promoters_stay_on_the_scale_and_mirror(triple: tuple[int, int, int]) -> None:
    promoters, passives, detractors = triple
    found = net_promoters(promoters, passives, detractors)
    assert found is not None
    assert -100 <= found.interval.low <= found.adjusted <= found.interval.high <= 100
    assert abs(found.adjusted) <= abs(found.score) + 1e-9
    mirrored = net_promoters(detractors, passives, promoters)
    assert mirrored is not None
    assert mirrored.score == pytest.approx(-found.score)
    assert mirrored.interval.low == pytest.approx(-found.interval.high)


@given(st.tuples(counts, counts, counts).filter(any))
def test_the_interval_is_that_of_the_mean_of_pluses_and_minuses(triple: tuple[int, int, int]) -> None:
    # The variance of the difference of two shares is the variance of answers scored +1, 0 and -1.
    promoters, passives, detractors = triple
    n = sum(triple) + 3
    plus, minus = (promoters + 0.75) / n, (detractors + 0.75) / n
    zero = 1 - plus - minus
    mean = plus - minus
    variance = plus * (1 - mean) ** 2 + zero * mean**2 + minus * (-1 - mean) ** 2
    reach = 100 * normal_quantile(0.95) * sqrt(variance / n)
    found = net_promoters(promoters, passives, detractors)
    assert found is not None
    assert found.interval.low == pytest.approx(max(-100, 100 * mean - reach))
    assert found.interval.high == pytest.approx(min(100, 100 * mean + reach))


# --- means ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confidence", "degrees", "tabled"),
    [
        # Abramowitz and Stegun, table 26.10.
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 4, 2.776),
        (0.95, 5, 2.571),
        (0.99, 10, 3.169),
        (0.999, 3, 12.924),
        (0.9, 30, 1.697),
        (0.9, 60, 1.671),
        (0.95, 120, 1.980),
        (0.999, 120, 3.373),
    ],
)
def test_student_s_quantiles_are_those_of_the_table(confidence: float, degrees: int, tabled: float) -> None:
    assert student_quantile(confidence, degrees) == pytest.approx(tabled, abs=0.0006)


@given(st.integers(1, 400), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_more_degrees_of_freedom_come_nearer_to_the_normal_quantile(degrees: int, confidence: float) -> None:
    fewer, more = student_quantile(confidence, degrees), student_quantile(confidence, degrees + 1)
    assert fewer >= more >= normal_quantile(confidence)


def test_no_degrees_of_freedom_are_refused() -> None:
    with pytest.raises(InvalidInput):
        student_quantile(0.95, 0)


def test_the_interval_of_a_mean_holds_the_true_one_as_often_as_it_says() -> None:
    # Five people draw a score of 1 to 7 each: exactly what a normal quantile gets wrong (88 of 100, not 95).
    random = Random(7)
    scores, weights = (1, 2, 3, 4, 5, 6, 7), (1, 2, 4, 6, 4, 2, 1)
    held = 0
    for _ in range(4_000):
        found = mean_by_respondent([[each] for each in random.choices(scores, weights, k=5)])
        assert found is not None
        held += found.low <= 4 <= found.high
    assert 0.93 < held / 4_000 < 0.97


def test_items_of_one_person_do_not_narrow_the_interval() -> None:
    alone = mean_by_respondent([[3], [5], [4], [6]])
    together = mean_by_respondent([[3] * 22, [5] * 22, [4] * 22, [6] * 22])
    assert alone is not None
    assert together is not None
    assert together.low == pytest.approx(alone.low)
    assert together.high == pytest.approx(alone.high)
    assert alone.low == pytest.approx(4.5 - 3.182446 * 1.290994 / 2)
    assert mean_by_respondent([[3, 4, 5]]) is None
    assert mean_by_respondent([]) is None


def test_the_interval_of_paired_differences_is_students() -> None:
    found = mean_interval([2.0, 2.0, 1.0, 1.0, 3.0])
    assert found is not None
    # Mean 1.8, standard deviation 0.83666, so 2.776445 x 0.374166 to each side.
    assert found.low == pytest.approx(0.761149, abs=1e-5)
    assert found.high == pytest.approx(2.838851, abs=1e-5)
    assert mean_interval([2.0]) is None
    assert mean_interval([]) is None


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30))
def test_respondents_with_one_number_each_have_the_interval_of_a_plain_mean(numbers: list[int]) -> None:
    plain, grouped = mean_interval(numbers), mean_by_respondent([[number] for number in numbers])
    assert plain is not None
    assert grouped is not None
    assert plain.low == pytest.approx(grouped.low)
    assert plain.high == pytest.approx(grouped.high)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # The eight examples of R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_shares_has_the_published_interval(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = share_difference(first, second)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(first=counts, more=counts, second=counts, others=counts)
def test_the_interval_of_a_difference_turns_with_its_samples(first: int, more: int, second: int, others: int) -> None:
    one, other = (first, first + more + 1), (second, second + others + 1)
    found, turned = share_difference(one, other), share_difference(other, one)
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))
    assert -1 <= found.low <= one[0] / one[1] - other[0] / other[1] <= found.high <= 1


def test_without_an_effect_about_95_of_100_intervals_contain_zero() -> None:
    contains = 0
    for seed in range(1000):
        drawn = Random(seed)
        a, b = (sum(drawn.random() < 0.12 for _ in range(size)) for size in (150, 50))
        found = share_difference((a, 150), (b, 50))
        contains += found.low <= 0 <= found.high
    assert 930 <= contains <= 970


def test_the_difference_to_an_empty_sample_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        share_difference((1, 2), (0, 0))
    assert caught.value.code == "empty_sample"
