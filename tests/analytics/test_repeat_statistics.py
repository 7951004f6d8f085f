from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.analytics import RepeatStatistics, fit_buying, repeat_statistics
from relations.errors import InvalidInput

purchase_lists = st.lists(st.tuples(st.integers(700_000, 700_400), st.integers(-500, 10_000)), max_size=30)


def test_the_first_purchase_day_makes_a_customer_and_is_not_counted() -> None:
    found = repeat_statistics([(100, 1000), (107, 300), (100, 500), (121, 200), (107, 50)], until=130)
    assert found == RepeatStatistics(frequency=2, recency_days=21, age_days=30, repeat_amount=550)


def test_what_comes_after_the_end_is_not_seen() -> None:
    assert repeat_statistics([(100, 10), (131, 20)], until=130) == RepeatStatistics(0, 0, 30, 0)
    assert repeat_statistics([(131, 20)], until=130) is None
    assert repeat_statistics([], until=130) is None


def test_a_refund_on_the_day_of_its_purchase_lowers_its_amount() -> None:
    assert repeat_statistics([(100, 10), (110, 90), (110, -40)], until=110) == RepeatStatistics(1, 10, 10, 50)


@given(purchase_lists, st.integers(700_000, 700_400))
def test_order_does_not_matter_and_no_history_is_impossible(bought: list[tuple[int, int]], until: int) -> None:
    found = repeat_statistics(bought, until=until)
    assert repeat_statistics(reversed(bought), until=until) == found
    days = {day for day, _ in bought if day <= until}
    if found is None:
        assert not days
        return
    assert found.frequency == len(days) - 1 <= found.recency_days <= found.age_days
    first = sum(amount for day, amount in bought if day == min(days))
    assert found.repeat_amount + first == sum(amount for day, amount in bought if day <= until)


@pytest.mark.parametrize("impossible", [(-1, 0, 9), (0, 3, 9), (2, 0, 9), (1, 5, 4), (3, 2, 9), (0, 0, -1)])
def test_statistics_that_no_history_has_are_refused(impossible: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInput) as caught:
        fit_buying([RepeatStatistics(1, 2, 3), RepeatStatistics(*impossible)])
    assert caught.value.code == "invalid_statistics"
