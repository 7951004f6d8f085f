"""The simulation run through the engine: what is refused is what was meant to be."""

from __future__ import annotations

from collections import Counter

import pytest

from relations.engine import Relations
from relations.testing import RecordingClock, is_mistake, simulate_recorded

REFUSALS = {
    "refund_beyond_purchase": {"refund_exceeds_purchase"},
    "refund_of_nothing": {"refund_names_no_purchase"},
    "redemption_beyond_balance": {"insufficient_points", "not_a_member"},
}


@pytest.mark.parametrize(
    ("seed", "customers", "accepted_min", "late_min", "twice_min"),
    [(4, 500, 4_500, 20, 0), pytest.param(5, 1_200, 10_000, 50, 3, marks=pytest.mark.soak)],
)
def test_the_rules_refuse_the_mistakes_and_nothing_else(
    sqlite_url: str, seed: int, customers: int, accepted_min: int, late_min: int, twice_min: int
) -> None:
    clock = RecordingClock(simulate_recorded(seed=seed, customers=customers))
    refused: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    with Relations.open(sqlite_url, clock=clock, durability="off") as relations:
        for batch in clock.batches():
            report = relations.execute_many(batch)
            mistakes = sum(map(is_mistake, batch))
            # A mistake that is sent twice is refused twice.
            assert len(report.rejections) == mistakes
            for rejection in report.rejections:
                mistake = str(rejection.command.command_id).partition("!")[2]
                assert rejection.error.code in REFUSALS[mistake]
                refused[mistake] += 1
            outcomes["accepted"] += report.accepted
            outcomes["repeated"] += report.repeated
        kinds = {type(recorded.event).__name__ for recorded in relations.events()}
        views = relations.views.customers
        proposed = {each.customers for each in views.duplicates()}
        merged = views.merged()
        late = [recorded for recorded in relations.events() if recorded.recorded_at - recorded.occurred_at > 10**11]
    assert refused.keys() == REFUSALS.keys()
    assert outcomes["accepted"] > accepted_min
    assert outcomes["repeated"] > 0
    assert len(late) > late_min
    assert merged
    # Nobody else is proposed than those who filled in a second form.
    assert len([pair for pair in proposed if pair[1] == f"{pair[0]}-2"]) == len(proposed) > twice_min
    assert {
        "PointsExpired",
        "TierLost",
        "DeadlineMissed",
        "ComplaintReopened",
        "EarningReversed",
        "RemedyDeclined",
    } <= kinds
