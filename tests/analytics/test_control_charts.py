"""Charts that say which month chance does not explain."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.analytics.control_charts import Individuals, NpsSample, ShareSample, individuals, nps_chart, p_chart
from relations.errors import InvalidInput


def shares(*hits: int, n: int = 100) -> list[ShareSample]:
    return [ShareSample(f"m{index:02}", each, n) for index, each in enumerate(hits)]


def test_limits_follow_each_month_s_own_number_of_answers() -> None:
    chart = p_chart([ShareSample("a", 80, 100), ShareSample("b", 8, 10), ShareSample("c", 0, 0)])
    assert chart is not None
    assert chart.centre == 0.8
    few, many = chart.points[1], chart.points[0]
    assert many.low == pytest.approx(0.8 - 3 * sqrt(0.16 / 100))
    assert few.low == pytest.approx(0.8 - 3 * sqrt(0.16 / 10))
    assert few.high == 1.0
    assert [point.period for point in chart.points] == ["a", "b"]
    assert not chart.signals


def test_a_month_beyond_the_limits_is_named() -> None:
    chart = p_chart(shares(80, 82, 79, 81, 50, 80))
    assert chart is not None
    assert [(point.period, "beyond_limits" in point.signals) for point in chart.points][4] == ("m04", True)
    assert [point.period for point in chart.points if "beyond_limits" in point.signals] == ["m04"]


def test_nine_on_one_side_and_six_rising() -> None:
    chart = p_chart(shares(*[78] * 9, *[82] * 9))
    assert chart is not None
    assert [point.period for point in chart.points if "one_side" in point.signals] == ["m08", "m17"]
    rising = p_chart(shares(78, 79, 80, 81, 82, 83, 80))
    assert rising is not None
    assert [point.period for point in rising.points if "trend" in point.signals] == ["m05"]


def test_two_of_three_and_four_of_five() -> None:
    two = p_chart(shares(90, 90, 91, 78, 90, 78, 90, 91, 92, 93))
    assert two is not None
    assert [point.period for point in two.points if "two_of_three" in point.signals] == ["m05"]
    four = p_chart(shares(80, 86, 80, 86, 86, 86, 70, 72, 74, 80))
    assert four is not None
    assert "four_of_five" in four.points[5].signals


def test_net_promoters_have_the_variance_of_plus_one_nought_and_minus_one() -> None:
    chart = nps_chart([NpsSample("a", 60, 20, 20), NpsSample("b", 40, 40, 20), NpsSample("c", 0, 0, 0)])
    assert chart is not None
    assert chart.centre == pytest.approx(30)
    answers = [1] * 100 + [0] * 60 + [-1] * 40
    mean = sum(answers) / 200
    variance = sum((each - mean) ** 2 for each in answers) / 200
    assert chart.points[0].high == pytest.approx(100 * (mean + 3 * sqrt(variance / 100)))
    assert chart.points[0].deviation == pytest.approx((0.4 - mean) / sqrt(variance / 100))


def test_where_all_are_alike_nothing_is_a_signal() -> None:
    chart = nps_chart([NpsSample(str(month), 5, 0, 0) for month in range(12)])
    assert chart is not None
    assert not chart.signals
    assert all(point.deviation is None for point in chart.points)


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
def test_months_that_are_all_alike_are_on_neither_side(passives: int, promoters: int, detractors: int) -> None:
    # A centre that is rounded otherwise than the values put them all on one side: a third of detractors, for example.
    chart = nps_chart([NpsSample(str(month), promoters, passives, detractors) for month in range(9)])
    assert chart is not None
    assert len(chart.points) == 9
    assert not chart.signals


def test_nobody_is_no_chart_and_impossible_counts_are_refused() -> None:
    assert p_chart([]) is None
    assert nps_chart([NpsSample("a", 0, 0, 0)]) is None
    with pytest.raises(InvalidInput):
        p_chart([ShareSample("a", 2, 1)])
    with pytest.raises(InvalidInput):
        nps_chart([NpsSample("a", -1, 0, 0)])


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_a_share_and_its_complement_signal_alike(counts: list[tuple[int, int]]) -> None:
    ours = p_chart([ShareSample(str(index), hits, hits + rest) for index, (hits, rest) in enumerate(counts)])
    theirs = p_chart([ShareSample(str(index), rest, hits + rest) for index, (hits, rest) in enumerate(counts)])
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert ours.centre == pytest.approx(1 - theirs.centre)
        for one, other in zip(ours.points, theirs.points, strict=True):
            assert one.low <= ours.centre + 1e-12
            assert one.high >= ours.centre - 1e-12
            if one.deviation is not None and other.deviation is not None:
                assert one.deviation == pytest.approx(-other.deviation, abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(2, 20))
def test_a_figure_as_it_always_was_is_usual(hits: int, n: int, months: int) -> None:
    # The rounded mean of six tenths is 0.10000000000000002, and the next tenth would lie below it.
    value = hits / n
    assert individuals([value] * months).side(value) is None
    assert individuals([value] * months).side(value + 1) == "above"
    assert individuals([value] * months).side(value - 1) == "below"


def test_usual_are_2_66_mean_steps_around_the_mean() -> None:
    usual = individuals([10, 12, 11, 15])
    reach = Fraction("2.66") * (2 + 1 + 4) / 3
    assert usual == Individuals(12 - reach, Fraction(12), 12 + reach)
    assert usual.side(18.2) is None
    assert usual.side(18.3) == "above"
