from __future__ import annotations

from relations.commands import ApproveRemedy
from relations.testing.machines.complaint_desk import ComplaintDesk
from tests.support.effort import part

TestComplaintDesk = ComplaintDesk.TestCase
TestComplaintDesk.settings = part(20, stateful_step_count=20)


def test_the_desk_sees_commands_go_through_and_be_refused() -> None:
    desk = ComplaintDesk()
    desk.one_is_there()
    desk.offers("k1", "m1", 90)
    desk.moves_an_offer("k1", "m1", ApproveRemedy)
    desk.time_goes_by(60, looks=True)
    desk.merges("k1", "k1")
    desk.every_clock_runs_or_has_one_outcome()
    assert desk.refused == {"above_limit": 1, "self_merge": 1}
    assert "missed" in desk.state("k1").outcomes.values()
    desk.teardown()
