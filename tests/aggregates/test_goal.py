"""Goals: set within their indicator's bounds, reviewed while they run, and improved by what is measured."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from relations.aggregates import goal
from relations.aggregates.goal import (
    CompleteGoalImprovement,
    EndGoal,
    GoalEnded,
    GoalImprovementCompleted,
    GoalImprovementMeasured,
    GoalImprovementRaised,
    GoalReviewed,
    GoalSet,
    MeasureGoalImprovement,
    Measurement,
    RaiseGoalImprovement,
    ReviewGoal,
    SetGoal,
)
from relations.errors import InvalidInput
from relations.policies.indicators import INDICATORS
from relations.testing import History, Scenario, histories

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
BEFORE, AFTER = (Measurement(since="2024-02", until="2024-05", value=Decimal(each), n=50) for each in ("31", "44.5"))


def wanted(**more: Any) -> SetGoal:
    fields = {"indicator": "nps", "target": "45", "starts": date(2024, 5, 1), "ends": date(2024, 8, 1), **more}
    return SetGoal(goal="g1", occurred_at=MONDAY, **fields)


SET = Scenario(goal.AGGREGATE).given(wanted())
RAISED = SET.given(RaiseGoalImprovement(goal="g1", improvement="i1", what="Open a second counter", occurred_at=MONDAY))
DONE = RAISED.given(CompleteGoalImprovement(goal="g1", improvement="i1", occurred_at=MONDAY + timedelta(days=9)))
MEASURE = MeasureGoalImprovement(
    goal="g1", improvement="i1", before=BEFORE, after=AFTER, occurred_at=MONDAY + timedelta(days=200)
)


def test_a_goal_is_set_once_and_changed_by_setting_it_again() -> None:
    first = GoalSet(indicator="nps", target="45", starts="2024-05-01", ends="2024-08-01")
    Scenario(goal.AGGREGATE).when(wanted()).then(first)
    SET.when(wanted(target="45.00")).then_nothing()
    SET.when(wanted(target="50", least="45", owner="ann")).then(
        GoalSet(indicator="nps", target="50", least="45", starts="2024-05-01", ends="2024-08-01", owner="ann")
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"indicator": "happiness"}, "there is no indicator 'happiness'; there are nps, satisfaction"),
        ({"indicator": "satisfaction"}, "must be from 0 to 1, but is 45"),
        ({"target": "101"}, "must be from -100 to 100"),
        ({"indicator": "complaints", "target": "-1"}, "must be at least 0"),
        ({"ends": date(2024, 5, 1)}, "must end (2024-05-01) after it starts"),
        ({"least": "46"}, "the least acceptable value (46) is better than the target (45)"),
        ({"indicator": "complaints", "target": "9", "least": "8"}, "is better than the target (9)"),
        ({"scope": {"owner": "ann"}}, "nps has no scope 'owner': it is computed by channel, language"),
        ({"indicator": "revenue", "scope": {"channel": "web"}}, "it is computed as a whole only"),
        ({"scope": {"channel": "web", "region": "AT"}}, "one scope at most"),
    ],
)
def test_a_goal_that_does_not_fit_its_indicator_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wanted(**fields)
    assert said in refused.value.reason


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_every_indicator_can_have_a_goal(name: str) -> None:
    command = wanted(indicator=name, target="0.5")
    assert Scenario(goal.AGGREGATE).when(command).events[0] == GoalSet(
        indicator=name, target="0.5", starts="2024-05-01", ends="2024-08-01"
    )


def test_reviews_and_improvements_belong_to_a_goal_that_is_pursued() -> None:
    review = ReviewGoal(goal="g1", finding="Too few staff", decision="Hire two", occurred_at=MONDAY)
    SET.when(review).then(GoalReviewed(finding="Too few staff", decision="Hire two"))
    Scenario(goal.AGGREGATE).when(review).then_refused("goal_not_set")
    ended = SET.given(EndGoal(goal="g1", occurred_at=MONDAY))
    ended.when(review).then_refused("goal_not_set")
    ended.when(EndGoal(goal="g1", occurred_at=MONDAY)).then_refused("goal_not_set")
    ended.when(wanted()).then(GoalSet(indicator="nps", target="45", starts="2024-05-01", ends="2024-08-01"))
    SET.when(EndGoal(goal="g1", reason="Closed", occurred_at=MONDAY)).then(GoalEnded(reason="Closed"))


def test_an_improvement_is_raised_completed_and_measured() -> None:
    raised = RaiseGoalImprovement(goal="g1", improvement="i1", what="Open a second counter", occurred_at=MONDAY)
    SET.when(raised).then(GoalImprovementRaised(improvement="i1", what="Open a second counter"))
    RAISED.when(raised).then_refused("improvement_exists")
    done = CompleteGoalImprovement(goal="g1", improvement="i1", occurred_at=MONDAY)
    RAISED.when(done).then(GoalImprovementCompleted(improvement="i1"))
    DONE.when(done).then_nothing()
    SET.when(done).then_refused("improvement_unknown")
    RAISED.when(MEASURE).then_refused("improvement_not_completed")
    DONE.when(MEASURE).then(GoalImprovementMeasured(improvement="i1", before=BEFORE.recorded, after=AFTER.recorded))
    DONE.given(MEASURE).when(MEASURE).then_nothing()


def test_the_words_of_a_goal_must_not_be_about_a_person() -> None:
    with pytest.raises(InvalidInput, match="unencrypted"):
        ReviewGoal(goal="g1", finding="Call anna@example.com", occurred_at=MONDAY)


@given(histories(goal.AGGREGATE, commands_max=8))
def test_random_goals_are_decided_the_same_again(history: History[Any]) -> None:
    state = goal.AGGREGATE.decider.initial
    for event in history.events:
        state = goal.evolve(state, event)
    assert all(each.completed for each in state.improvements.values() if each.before is not None)
