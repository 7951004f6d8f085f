"""Campaigns: planned, started and ended; their costs and their reach."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from relations.aggregates import campaign
from relations.aggregates.campaign import (
    CampaignCostCancelled,
    CampaignCostRecorded,
    CampaignEnded,
    CampaignPlanned,
    CampaignReachRecorded,
    CampaignStarted,
    CancelCampaignCost,
    EndCampaign,
    PlanCampaign,
    RecordCampaignCost,
    RecordCampaignReach,
    StartCampaign,
)
from relations.errors import InvalidInput
from relations.messages import Money, to_micros
from relations.testing import History, Scenario, histories

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
SPENT = Money.of("10000", "EUR")


def planned(**more: Any) -> PlanCampaign:
    fields = {"kind": "promotion", "starts": date(2024, 5, 1), "ends": date(2024, 6, 1), **more}
    return PlanCampaign(campaign="spring", occurred_at=MONDAY, **fields)


def spent(**more: Any) -> RecordCampaignCost:
    fields: dict[str, Any] = {"cost": "ad-1", "amount": SPENT, "channel": "social", **more}
    return RecordCampaignCost(campaign="spring", occurred_at=MONDAY, **fields)


def start(**more: Any) -> StartCampaign:
    return StartCampaign(campaign="spring", occurred_at=MONDAY, **more)


END = EndCampaign(campaign="spring", occurred_at=MONDAY + timedelta(days=30))
CANCEL = CancelCampaignCost(campaign="spring", cost="ad-1", occurred_at=MONDAY + timedelta(days=1))
RECORDED = CampaignCostRecorded(cost="ad-1", amount=SPENT, channel="social", at=to_micros(MONDAY))
PLANNED = Scenario(campaign.AGGREGATE).given(planned())


def test_a_plan_may_change_until_the_campaign_starts() -> None:
    plan = CampaignPlanned(kind="promotion", starts="2024-05-01", ends="2024-06-01")
    Scenario(campaign.AGGREGATE).when(planned()).then(plan)
    PLANNED.when(planned()).then_nothing()
    PLANNED.when(planned(control_percent=10)).then(
        CampaignPlanned(kind="promotion", starts="2024-05-01", ends="2024-06-01", control_percent=10)
    )
    started = PLANNED.given(start())
    started.when(planned()).then_nothing()
    started.when(planned(control_percent=10)).then_refused("campaign_started")


def test_a_campaign_starts_once_and_ends_once() -> None:
    PLANNED.when(start(audience=1200)).then(CampaignStarted(policy=0, audience=1200))
    PLANNED.given(start()).when(start()).then_nothing()
    PLANNED.given(start()).when(END).then(CampaignEnded())
    PLANNED.given(start(), END).when(END).then_nothing()
    PLANNED.when(END).then(CampaignEnded())
    PLANNED.given(END).when(start()).then_refused("campaign_ended")
    PLANNED.given(END).when(planned(control_percent=5)).then_refused("campaign_ended")


def test_costs_are_recorded_before_the_start_and_after_the_end() -> None:
    PLANNED.when(spent()).then(RECORDED)
    PLANNED.given(start(), END).when(spent()).then(RECORDED)


def test_a_cost_counts_once_and_is_taken_back_once() -> None:
    once = PLANNED.given(spent())
    once.when(spent()).then_nothing()
    once.when(spent(amount=Money.of("9000", "EUR"))).then_refused("campaign_cost_id_reused")
    once.when(CANCEL).then(
        CampaignCostCancelled(cost="ad-1", amount=SPENT, channel="social", spent_at=to_micros(MONDAY))
    )
    once.given(CANCEL).when(CANCEL).then_nothing()
    once.given(CANCEL).when(spent()).then_refused("campaign_cost_id_reused")
    PLANNED.when(CANCEL).then_refused("campaign_cost_unknown")


def test_a_report_of_reach_under_a_known_id_replaces_it() -> None:
    def report(impressions: int) -> RecordCampaignReach:
        return RecordCampaignReach(
            campaign="spring", reach="week-1", platform="weibo", impressions=impressions, occurred_at=MONDAY
        )

    first, second = (CampaignReachRecorded(reach="week-1", platform="weibo", impressions=each) for each in (100, 90))
    PLANNED.when(report(100)).then(first)
    PLANNED.given(report(100)).when(report(100)).then_nothing()
    PLANNED.given(report(100)).when(report(90)).then(second)


def test_nothing_is_recorded_of_a_campaign_that_was_never_planned() -> None:
    for command in (start(), spent(), END):
        Scenario(campaign.AGGREGATE).when(command).then_refused("campaign_not_planned")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ends": date(2024, 5, 1)}, "must end"),
        ({"control_percent": 91}, "90"),
        ({"budget": Money(-1, "EUR")}, "negative"),
        ({"objective": "write to ann@example.org"}, "address"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        planned(**fields)


@given(histories(campaign.AGGREGATE))
def test_a_cost_is_recorded_once_and_cancelled_once(history: History[Any]) -> None:
    state = campaign.AGGREGATE.decider.initial
    for event in history.events:
        state = campaign.evolve(state, event)
    recorded = [event.cost for event in history.events if isinstance(event, CampaignCostRecorded)]
    cancelled = [event.cost for event in history.events if isinstance(event, CampaignCostCancelled)]
    assert sorted(state.costs) == sorted(recorded)
    assert len(recorded) == len(set(recorded))
    assert len(cancelled) == len(set(cancelled))
    assert list(state.cancelled) == cancelled
    assert set(cancelled) <= set(recorded)
