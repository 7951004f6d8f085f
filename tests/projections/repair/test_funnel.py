"""The funnel of complaints on the way to a restored relation."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import get_args

from hypothesis import given

from relations.aggregates.complaint import (
    AcknowledgeComplaint,
    FollowUpComplaint,
    GiveApology,
    ResolveComplaint,
)
from relations.engine import Relations
from relations.projections.repair.funnel import FunnelName, FunnelStep, repair_funnel
from relations.testing.hotel.simulation import simulate
from tests.projections.repair.test_repair import History, histories, relation

STEPS = get_args(FunnelName)


def funnel(*told: History, as_of: float = 10_000) -> dict[str, tuple[int, int]]:
    found = repair_funnel(history for one in told for history in relation(one, as_of).histories)
    assert tuple(step.step for step in found) == STEPS
    return {step.step: (step.reached, step.taken) for step in found}


def test_each_complaint_counts_at_every_step_up_to_its_furthest() -> None:
    silent = History().files(1)
    answered = History().files(1).does(2, AcknowledgeComplaint)
    resolved = History().files(1).does(2, AcknowledgeComplaint).does(3, GiveApology).does(4, ResolveComplaint)
    content = History().files(1).does(3, ResolveComplaint).does(8, FollowUpComplaint, score=5)
    assert funnel(silent, answered, resolved, content) == {
        "filed": (4, 4),
        "acknowledged": (3, 3),
        "apologised": (2, 1),
        "carried_out": (2, 0),
        "resolved": (2, 2),
        "restored": (1, 1),
    }


def test_what_is_dated_later_is_not_there_yet() -> None:
    history = History().files(1).does(2, AcknowledgeComplaint).does(4, ResolveComplaint)
    assert funnel(history, as_of=0.5)["filed"] == (0, 0)
    assert funnel(history, as_of=3)["acknowledged"] == (1, 1)
    assert funnel(history, as_of=3)["resolved"] == (0, 0)


def test_of_nothing_there_are_no_shares() -> None:
    assert [(step.share, step.onward) for step in repair_funnel([])] == [(None, None)] * len(STEPS)


def test_a_simulated_year_narrows_step_by_step_and_agrees_with_the_times_of_the_steps() -> None:
    as_of = datetime(2024, 12, 31, tzinfo=UTC)
    with Relations.open("sqlite://", durability="off") as engine:
        engine.execute_many(list(simulate(seed=4, customers=400, months=12)))
        found = engine.views.repair.funnel(as_of=as_of)
        complaints = engine.views.repair.summary(as_of=as_of).complaints
        view = engine.views.repair
        times: dict[str, int] = {step.step: step.reached for step in view.steps(as_of=as_of)}
        by_month = view.steps_by_month(["2024-07", "2024-08"], as_of=as_of)
        assert by_month["2024-08"] == view.steps(since="2024-08", until="2024-09", as_of=as_of)
        assert by_month["2024-07"] == view.steps(since="2024-07", until="2024-08", as_of=as_of)
        assert by_month["2024-08"][0].reached > 0
    reached = [step.reached for step in found]
    assert reached[0] == complaints > 20
    assert reached == sorted(reached, reverse=True)
    assert 0 < reached[-1] < reached[0]
    # Rounds are counted there, complaints here; a complaint has one round at least.
    for step in found[1:]:
        assert 0 < step.taken <= min(step.reached, times[step.step])
    assert [step.share for step in found] == [step.reached / complaints for step in found]
    assert [step.onward for step in found[1:]] == [b / a for a, b in pairwise(reached)]


@given(histories())
def test_the_funnel_never_widens(history: History) -> None:
    found: list[FunnelStep] = repair_funnel(relation(history).histories)
    reached = [step.reached for step in found]
    assert reached == sorted(reached, reverse=True)
    assert all(step.taken <= step.reached for step in found)
    assert found[-1].taken == found[-1].reached, "the last step cannot be gone past"
