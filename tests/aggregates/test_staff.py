"""Staff: joined, changed, trained, recognised and gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from relations.aggregates import staff
from relations.aggregates.staff import (
    ChangeStaffRole,
    CompleteStaffTraining,
    JoinStaff,
    LeaveStaff,
    PlanStaffTraining,
    RecogniseStaff,
    StaffJoined,
    StaffLeft,
    StaffRecognised,
    StaffRoleChanged,
    StaffTrainingCompleted,
    StaffTrainingPlanned,
)
from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.testing import History, Scenario, histories

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)


def on(day: float, **more: Any) -> dict[str, Any]:
    return {"staff": "ann", "occurred_at": MONDAY + timedelta(days=day), **more}


def at(day: float) -> int:
    return to_micros(MONDAY + timedelta(days=day))


JOIN = JoinStaff(**on(0), role="concierge", department="front desk", languages=("DE", "zh"), skills=("rooms",))
JOINED = StaffJoined(role="concierge", department="front desk", languages=("de", "zh"), skills=("rooms",), at=at(0))
LEAVE = LeaveStaff(**on(30), reason="moved")
PLAN = PlanStaffTraining(**on(1), training="listening", about=("tone",), due_at=MONDAY + timedelta(days=20))
PRESENT = Scenario(staff.AGGREGATE).given(JOIN)


def complete(day: float = 10, **more: Any) -> CompleteStaffTraining:
    return CompleteStaffTraining(**on(day), training="listening", **more)


def test_somebody_joins_once_and_may_come_back() -> None:
    Scenario(staff.AGGREGATE).when(JOIN).then(JOINED)
    PRESENT.when(JOIN).then_nothing()
    PRESENT.when(JoinStaff(**on(1), role="waiter")).then_refused("staff_present")
    PRESENT.given(LEAVE).when(JoinStaff(**on(60), role="waiter")).then(StaffJoined(role="waiter", at=at(60)))


def test_fields_that_a_change_leaves_out_stay() -> None:
    PRESENT.when(ChangeStaffRole(**on(5), role="house manager", skills=())).then(
        StaffRoleChanged(role="house manager", department="front desk", languages=("de", "zh"), at=at(5))
    )
    PRESENT.when(ChangeStaffRole(**on(5), role="concierge")).then_nothing()


def test_a_change_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one field"):
        ChangeStaffRole(**on(5))


def test_a_training_is_planned_and_completed_once() -> None:
    PRESENT.when(PLAN).then(StaffTrainingPlanned(training="listening", about=("tone",), due_at=at(20)))
    planned = PRESENT.given(PLAN)
    planned.when(PLAN).then_nothing()
    planned.when(complete(score=80)).then(
        StaffTrainingCompleted(training="listening", about=("tone",), score=80, at=at(10))
    )
    done = planned.given(complete(score=80))
    done.when(complete(score=80)).then_nothing()
    done.when(complete(score=90)).then_refused("training_completed")
    done.when(PlanStaffTraining(**on(11), training="listening")).then_refused("training_completed")


def test_a_training_needs_no_plan() -> None:
    PRESENT.when(complete(about=("noise",))).then(
        StaffTrainingCompleted(training="listening", about=("noise",), at=at(10))
    )


def test_good_work_is_recognised_once_under_an_id() -> None:
    praise = RecogniseStaff(**on(3), recognition="r1", reason="praised by a guest")
    PRESENT.when(praise).then(StaffRecognised(recognition="r1", reason="praised by a guest", at=at(3)))
    PRESENT.given(praise).when(praise).then_nothing()
    other = RecogniseStaff(**on(4), recognition="r1", reason="saved a booking")
    PRESENT.given(praise).when(other).then_refused("recognition_id_reused")


def test_nothing_happens_after_they_left_but_it_may_be_recorded_late() -> None:
    PRESENT.when(LEAVE).then(StaffLeft(reason="moved", at=at(30)))
    gone = PRESENT.given(LEAVE)
    gone.when(LEAVE).then_nothing()
    gone.when(complete(31)).then_refused("staff_left")
    gone.when(complete(29)).then(StaffTrainingCompleted(training="listening", at=at(29)))
    for command in (
        ChangeStaffRole(**on(31), role="waiter"),
        PlanStaffTraining(**on(31), training="listening"),
        RecogniseStaff(**on(31), recognition="r1", reason="praised"),
    ):
        gone.when(command).then_refused("staff_left")


def test_nothing_is_recorded_of_somebody_who_never_joined() -> None:
    for command in (LEAVE, PLAN, complete(), ChangeStaffRole(**on(1), role="waiter")):
        Scenario(staff.AGGREGATE).when(command).then_refused("staff_unknown")


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (JoinStaff, {"role": "ann@example.org"}, "address"),
        (JoinStaff, {"role": "waiter", "languages": ("not a language",)}, "language"),
        (CompleteStaffTraining, {"training": "t", "score": 101}, "100"),
        (JoinStaff, {"role": "waiter", "staff": "Ann Lindner"}, "id"),
    ],
)
def test_personal_words_and_impossible_values_are_refused(kind: Any, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        kind(**{**on(0), **fields})


@given(histories(staff.AGGREGATE))
def test_each_training_is_completed_at_most_once_and_nobody_leaves_twice(history: History[Any]) -> None:
    state, there = staff.AGGREGATE.decider.initial, False
    for event in history.events:
        state = staff.evolve(state, event)
        if isinstance(event, StaffJoined | StaffLeft):
            assert there == isinstance(event, StaffLeft)
            there = not there
    done = [event.training for event in history.events if isinstance(event, StaffTrainingCompleted)]
    assert len(done) == len(set(done))
    assert sorted(done) == sorted(name for name, each in state.trainings.items() if each.completed_at is not None)
    assert (state.left_at is None) == there or state.profile is None
