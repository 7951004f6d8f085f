"""The policy in force at each moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relations.policies import Policy
from relations.policies.in_force import InForce


def adopted(*starts: int | None) -> list[Policy]:
    return [Policy(version=number, effective_from=start) for number, start in enumerate(starts, start=1)]


def test_where_none_was_adopted_the_default_is_in_force() -> None:
    assert InForce().at(0) == Policy()
    assert [(span.since, span.until) for span in InForce().spans] == [(None, None)]


def test_one_that_is_adopted_from_a_date_follows_the_one_before() -> None:
    first, second = policies = adopted(None, 100)
    rules = InForce(policies)
    assert [rules.at(moment) for moment in (-5, 99, 100, 10**15)] == [first, first, second, second]
    assert [(span.since, span.until) for span in rules.spans] == [(None, 100), (100, None)]
    assert [(span.since, span.until) for span in rules.until(99)] == [(None, 100)]
    assert [(span.since, span.until) for span in rules.until(150)] == [(None, 100), (100, 151)]


def test_one_for_histories_of_any_age_leaves_nothing_to_those_before() -> None:
    policies = adopted(None, 100, None)
    assert [span.policy for span in InForce(policies).spans] == policies[2:]


@given(st.lists(st.none() | st.integers(0, 50), min_size=1, max_size=6), st.integers(-5, 60))
def test_it_is_the_last_adopted_of_those_effective_by_then(starts: list[int | None], moment: int) -> None:
    policies = adopted(*starts)
    effective = [each for each in policies if each.effective_from is None or each.effective_from <= moment]
    rules = InForce(policies)
    assert rules.at(moment) == (effective or policies[:1])[-1]
    for before, span in zip(rules.spans, rules.spans[1:], strict=False):
        assert before.until == span.since
        assert span.policy.effective_from == span.since  # it begins with its own date and with no other
