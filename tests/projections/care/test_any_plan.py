"""Any plan, any contacts, any way of advancing time: the same outcomes, as a slow count has them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relations import Relations
from relations.commands import BeginPlan, RecordInteraction, RegisterCustomer
from relations.errors import InvalidInput
from relations.policies import Care, CarePlan, CareStep, Policy
from tests.support.effort import part

START = datetime(2024, 1, 30, 12, tzinfo=UTC)
END = START + timedelta(days=200)


@st.composite
def plans(draw: st.DrawFn) -> CarePlan:
    days = draw(st.lists(st.integers(1, 80), min_size=1, max_size=4))
    steps = tuple(
        CareStep(id=f"s{n}", what=draw(st.sampled_from(("message", "short_call"))), day=each, days_valid=valid)
        for n, each in enumerate(days)
        for valid in [draw(st.integers(1, 12))]
    )
    for months in draw(st.permutations([1, 2, 3, None])):
        try:
            return CarePlan(id="p", repeats_months=months, steps=steps)
        except InvalidInput:
            continue  # its steps do not fit into so few months
    raise AssertionError


def moment(hours: int) -> datetime:
    return START + timedelta(hours=hours)


Contacts = list[tuple[int, int, int]]
"""Hour, number of the round, and number of the step."""


def outcomes(plan: CarePlan, contacts: Contacts, stops: list[int]) -> tuple[dict[str, Any], Relations]:
    """Record the contacts and advance time to each stop in between."""
    engine = Relations.open("sqlite://", clock=lambda: END)
    engine.adopt(Policy(care=Care(plans=(plan,), quiet_days=0, consent_purpose=None)), from_beginning=True)
    engine.execute(RegisterCustomer(customer="c", occurred_at=START))
    engine.execute(BeginPlan(customer="c", plan="p", occurred_at=START))
    times = sorted([*((hour, 1, n) for n, (hour, *_) in enumerate(contacts)), *((hour, 0, 0) for hour in stops)])
    for hour, is_contact, n in times:
        if not is_contact:
            engine.advance_time(moment(hour))
            continue
        _, number, step = contacts[n]
        contact = RecordInteraction(
            customer="c", interaction=f"i{n}", channel="phone", kind="call", direction="outbound",
            regarding=f"care p-{number} s{step}", occurred_at=moment(hour),
        )  # fmt: skip
        report = engine.execute_many([contact])
        assert all(refused.error.code == "unknown_step" for refused in report.rejections)
    engine.advance_time(END)
    return {each.round: each for each in engine.views.care.plans("c")}, engine


@part(40)
@given(
    plan=plans(),
    contacts=st.lists(st.tuples(st.integers(0, 4_000), st.just(1), st.integers(0, 4)), max_size=8),
    stops=st.lists(st.integers(0, 4_700), max_size=5),
)
def test_any_way_of_advancing_time_gives_the_outcomes_of_a_slow_count(
    plan: CarePlan, contacts: Contacts, stops: list[int]
) -> None:
    rounds, one = outcomes(plan, contacts, [])
    again, other = outcomes(plan, contacts, stops)
    with one, other:
        assert again == rounds
        assert other.views.care.kept() == one.views.care.kept()
    counted: Counter[str] = Counter()
    for each in rounds.values():
        for step in each.steps:
            in_time = [
                hour
                for hour, number, n in contacts
                if (f"p-{number}", f"s{n}") == (each.round, step.step) and moment(hour) < step.until
            ]
            over = step.until <= END
            assert step.outcome == ("done" if in_time else "lapsed" if over else "open")
            counted[step.outcome] += 1
    for earlier, later in pairwise(rounds.values()):
        assert earlier.ended_at == later.began_at
        assert max(step.until for step in earlier.steps) <= min(step.due_at or END for step in later.steps)
    done = sum(1 for each in rounds.values() for step in each.steps if step.outcome == "done")
    assert counted["done"] == done <= len(contacts)
