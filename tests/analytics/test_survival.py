from __future__ import annotations

from fractions import Fraction
from math import exp, log, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.analytics import Turn, spells, survival_curve, time_to_loss
from relations.errors import InvalidInput
from relations.policies import Lifecycle
from relations.policies.lifecycle import OwnGap
from relations.projections.retention.stages import Life, stage_of

# Weeks of remission of 42 children with leukaemia, half of them with 6-MP: E. J. Freireich and others, Blood 21 (1963)
# 699-716, as in E. A. Gehan, Biometrika 52 (1965) 203-223, and J. D. Kalbfleisch and R. L. Prentice's book.
TREATED = [(t, True) for t in (6, 6, 6, 7, 10, 13, 16, 22, 23)] + [
    (t, False) for t in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
]
CONTROL = [(t, True) for t in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)]

times = st.integers(0, 40)
durations = st.lists(st.tuples(times, st.booleans()), min_size=1, max_size=60)


def test_the_curve_is_the_published_one() -> None:
    # Stata's `sts list` in G. Rodriguez, "The Gehan survival data" (data.princeton.edu/pop509/gehan.html): Greenwood's
    # errors and log(-log) intervals. Survival and errors also in the NAG Library manual, example of g12aac.
    curve = survival_curve(TREATED)
    rows = [
        (p.time, p.at_risk, p.events, *(round(figure, 4) for figure in (p.survival, p.standard_error or 0)))
        + ((round(p.interval.low, 4), round(p.interval.high, 4)) if p.interval else ())
        for p in curve.points
        if p.events
    ]
    assert rows == [
        (6, 21, 3, 0.8571, 0.0764, 0.6197, 0.9516),
        (7, 17, 1, 0.8067, 0.0869, 0.5631, 0.9228),
        (10, 15, 1, 0.7529, 0.0963, 0.5032, 0.8894),
        (13, 12, 1, 0.6902, 0.1068, 0.4316, 0.8491),
        (16, 11, 1, 0.6275, 0.1141, 0.3675, 0.8049),
        (22, 7, 1, 0.5378, 0.1282, 0.2678, 0.7468),
        (23, 6, 1, 0.4482, 0.1346, 0.1881, 0.6801),
    ]
    assert (curve.n, curve.events, curve.median) == (21, 9, 23)


def test_the_control_group_is_the_published_one_and_nobody_is_left_at_its_end() -> None:
    curve = survival_curve(CONTROL)
    first, second = curve.points[:2]
    for point, published in ((first, (0.9048, 0.0641, 0.6700, 0.9753)), (second, (0.8095, 0.0857, 0.5689, 0.9239))):
        assert point.standard_error is not None
        assert point.interval is not None
        found = (point.survival, point.standard_error, point.interval.low, point.interval.high)
        assert tuple(round(figure, 4) for figure in found) == published
    last = curve.points[-1]
    assert (last.survival, last.standard_error, last.interval) == (0, None, None)
    assert curve.median == 8


@pytest.mark.parametrize("n", [6, 24, 38, 120])
def test_the_median_is_where_exactly_half_stay(n: int) -> None:
    # A product of rounded shares is 0.5000000000000001 there for many n, and the median would be the next time.
    assert survival_curve([(time, True) for time in range(1, n + 1)]).median == n / 2


@given(durations)
def test_the_median_is_that_of_exact_shares(observed: list[tuple[float, bool]]) -> None:
    curve, share, median = survival_curve(observed), Fraction(1), None
    for point in curve.points:
        share *= Fraction(point.at_risk - point.events, point.at_risk)
        if median is None and 2 * share <= 1:
            median = point.time
    assert curve.median == median


@given(durations)
def test_the_curve_equals_its_formulas_computed_apart(observed: list[tuple[float, bool]]) -> None:
    z = NormalDist().inv_cdf(0.975)
    seen = 0
    for point in survival_curve(observed).points:
        left = sorted({time for time, event in observed if event and time <= point.time})
        n = [sum(time >= each for time, _ in observed) for each in left]
        d = [observed.count((each, True)) for each in left]
        survival, greenwood = 1.0, 0.0
        for risk, events in zip(n, d, strict=True):
            survival *= 1 - events / risk
            greenwood += events / (risk * (risk - events)) if risk > events else float("inf")
        assert point.survival == pytest.approx(survival, abs=1e-12)
        assert point.at_risk == sum(time >= point.time for time, _ in observed)
        if point.survival:
            assert point.standard_error == pytest.approx(survival * sqrt(greenwood))
        if point.interval:
            reach = z * sqrt(greenwood) / log(survival)
            low, high = sorted(exp(-exp(log(-log(survival)) + sign * reach)) for sign in (-1, 1))
            assert (point.interval.low, point.interval.high) == pytest.approx((low, high))
            assert 0 <= point.interval.low < point.survival < point.interval.high <= 1
        seen += 1
    assert seen == len({time for time, _ in observed})


@given(durations, st.integers(-1, 45))
def test_the_curve_never_rises_and_accounts_for_everybody(observed: list[tuple[float, bool]], time: int) -> None:
    curve = survival_curve(reversed(observed))
    assert curve == survival_curve(observed)
    levels = [1.0, *(point.survival for point in curve.points), 0.0]
    assert levels == sorted(levels, reverse=True)
    assert sum(point.events + point.censored for point in curve.points) == curve.n == len(observed)
    at = curve.at(time)
    before = [point.survival for point in curve.points if point.time <= time]
    assert at in {None, 1.0, *before}
    assert curve.at(curve.points[-1].time) == curve.points[-1].survival


@given(st.lists(times, min_size=1, max_size=60))
def test_without_censoring_the_curve_is_the_share_that_stayed(left: list[int]) -> None:
    curve = survival_curve([(time, True) for time in left])
    for time in range(45):
        share = sum(each > time for each in left) / len(left)
        assert curve.at(time) == pytest.approx(share, abs=1e-12)
    for point in curve.points[:-1]:
        # Greenwood's error is then that of a share.
        share = point.survival
        assert point.standard_error == pytest.approx(sqrt(share * (1 - share) / len(left)))


def test_beyond_the_last_observation_nothing_is_known() -> None:
    curve = survival_curve([(3, True), (5, False)])
    assert [curve.at(time) for time in (-1, 0, 3, 4.9, 5, 5.1)] == [None, 1.0, 0.5, 0.5, 0.5, None]
    assert survival_curve([(3, True)]).at(9) == 0
    assert survival_curve([(3, False)]).median is None
    nobody = survival_curve([])
    assert (nobody.n, nobody.points, nobody.at(0), nobody.median) == (0, (), None, None)


@pytest.mark.parametrize("time", [-1, float("nan"), float("inf")])
def test_what_is_no_duration_is_refused(time: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        survival_curve([(time, True)])
    assert caught.value.code == "invalid_duration"


def test_a_customer_is_lost_on_the_day_the_limit_is_passed() -> None:
    policy = Lifecycle(new_days=10, lapsing_days=20, lost_days=30)
    assert time_to_loss([], 500, policy) is None
    assert time_to_loss([100, 120], 150, policy) == (50, False)
    assert time_to_loss([100, 120], 151, policy) == (51, True)
    # Back on the very day on which they would have been lost, they are not; a day later they were.
    assert time_to_loss([100, 131], 140, policy) == (40, False)
    assert time_to_loss([100, 132], 140, policy) == (31, True)


def test_who_is_known_to_have_left_is_lost_on_that_day_until_they_buy_or_come_back() -> None:
    policy = Lifecycle(new_days=10, lapsing_days=20, lost_days=30)
    left, back = Turn(110, back=False), Turn(120, back=True)
    assert time_to_loss([100], 109, policy) == (9, False)
    assert time_to_loss([100], 115, policy, [left]) == (10, True)
    assert list(spells([100], policy, [left])) == [(100, 109)]
    assert list(spells([100], policy, [left, back])) == [(100, 109), (120, 150)]
    assert list(spells([100, 125], policy, [left])) == [(100, 109), (125, 155)]
    # On one day, what was recorded comes after the purchase; and only a customer can leave.
    assert time_to_loss([100, 110], 115, policy, [left]) == (10, True)
    assert list(spells([115], policy, [left])) == [(115, 145)]
    assert list(spells([], policy, [left, back])) == []


@given(
    st.lists(st.integers(700_000, 700_300), min_size=1, max_size=12, unique=True).map(sorted),
    st.dictionaries(st.integers(700_000, 700_300), st.booleans(), max_size=4),
    st.integers(0, 200),
    st.sampled_from([
        Lifecycle(new_days=10, lapsing_days=20, lost_days=30),
        Lifecycle(own_gap=OwnGap(lapsing_gaps=1.5, lost_gaps=2.5, gap_days_min=3)),
    ]),
)  # fmt: skip
def test_the_loss_is_the_first_day_on_which_the_stage_says_so(
    days: list[int], recorded: dict[int, bool], more: int, policy: Lifecycle
) -> None:
    today = days[-1] + more
    turns = [Turn(day, back) for day, back in sorted(recorded.items()) if day <= today]

    def then(day: int) -> Life:
        return Life([each for each in days if each <= day], [turn for turn in turns if turn.day <= day])

    lost = [day - days[0] for day in range(days[0], today + 1) if stage_of(then(day), day, policy)[0] == "lost"]
    assert time_to_loss(days, today, policy, turns) == ((lost[0], True) if lost else (today - days[0], False))
