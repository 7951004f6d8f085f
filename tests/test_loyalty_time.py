"""Time, told to a whole engine: once or in steps, what falls due comes of it once, and the agenda is empty then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from relations import Relations
from relations.aggregates.loyalty import (
    CreditPurchase,
    EnrolMember,
    IssueReward,
    PointsActivated,
    PointsExpired,
    RedeemPoints,
    ReleaseAccount,
    ReturnAccount,
    ReverseRedemption,
    RewardExpired,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierWarned,
    TransferPoints,
)
from relations.messages import Command, Money
from relations.policies import Policy
from relations.projections import agenda
from relations.testing.laws import check_laws
from tests.aggregates.test_loyalty_laws import POLICIES, RULES, START, commands
from tests.aggregates.test_loyalty_rules import DINING, at, policy

EVERYTHING = policy(
    **RULES,
    pending_days=14,
    warning_days=45,
    grace_days=10,
    downgrade_when="year_end",
    downgrade_to="one_step",
    more=[DINING],
)


def opened(rules: Policy, history: list[Command]) -> Relations:
    relations = Relations.open("sqlite://", clock=lambda: START)
    relations.adopt(rules, from_beginning=True)
    joining: list[Command] = [EnrolMember(customer=name, occurred_at=START) for name in ("c1", "c2")]
    if rules.programmes:
        joining.append(EnrolMember(customer="c1", programme="dining", occurred_at=START))
    relations.execute_many([*joining, *history])
    return relations


def recorded(relations: Relations) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in relations.events():
        if each.stream.startswith("loyalty-"):
            found.setdefault(each.stream, []).append((each.occurred_at, each.event))
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([*POLICIES, EVERYTHING]),
    commands(size=20),
    st.lists(st.integers(0, 900), min_size=1, max_size=5),
)
def test_time_in_one_step_is_time_in_many(rules: Policy, history: list[Command], moments: list[int]) -> None:
    start = max(command.occurred_at for command in history)
    last = start + timedelta(days=max(moments))
    with opened(rules, history) as once, opened(rules, history) as often:
        before = len(list(once.events()))
        once.advance_time(last)
        for moment in sorted(moments):
            often.advance_time(start + timedelta(days=moment))
        assert recorded(once) == recorded(often)
        for relations in (once, often):
            assert relations.views.agenda.due(until=last) == []
            report = relations.advance_time(last)
            assert (report.accepted, report.rejections) == (0, [])
        events = list(once.events())[before:]
        event(f"{min(len(events) // 4, 3) * 4} events of time or more")


def test_everything_that_time_does_is_done_once_and_at_its_moment() -> None:
    some: dict[str, Any] = {"customer": "c1"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(35_000, "EUR"), occurred_at=at("2024-02-01"), **some),
        IssueReward(coupon="k", reward="night", occurred_at=at("2024-03-01"), **some),
        TransferPoints(transfer="t", to="c2", points=20, occurred_at=at("2024-03-01"), **some),
    ]
    with opened(EVERYTHING, history) as relations:
        kinds = {each.kind for each in relations.views.agenda.for_customer("c1")}
        assert kinds == {"expiry", "tier", "reward"}
        relations.advance_time(at("2027-06-01"))
        told = [
            (each.event, each.occurred_at)
            for each in relations.events()
            if each.actor == "agenda" and each.customer == "c1"
        ]
        seen = [type(each) for each, _ in told]
        for kind, count in (
            (PointsExpired, 2),
            (RewardExpired, 1),
            (TierKept, 1),
            (TierWarned, 2),
            (TierGraceGiven, 2),
            (TierLost, 2),
        ):
            assert seen.count(kind) == count, (kind, seen)
        assert [moment for _, moment in told] == sorted(moment for _, moment in told)
        assert relations.verify().good


def test_pending_points_are_activated_by_time_alone() -> None:
    bought = CreditPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=at("2024-02-01T12:00"))
    with opened(EVERYTHING, [bought]) as relations:
        relations.advance_time(at("2024-03-01"))
        activated = [each for each in relations.events() if isinstance(each.event, PointsActivated)]
        assert [each.occurred_at for each in activated] == [1_707_951_600_000_000]  # 15 February in Vienna


@pytest.mark.parametrize("expiry", [None, {"kind": "inactivity", "months_count": 6}])
def test_points_that_come_back_after_their_expiry_was_done_with_expire_again(expiry: Any) -> None:
    """The agenda's commands have ids; what comes back late must not be taken for what was done before."""
    some: dict[str, Any] = {"customer": "c1"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(5_000, "EUR"), occurred_at=at("2024-02-01"), **some),
        RedeemPoints(redemption="x", points=20, occurred_at=at("2024-02-02"), **some),
    ]
    with opened(policy(expiry=expiry), history) as relations:
        relations.advance_time(at("2026-01-01"))
        assert relations.load("loyalty", "c1").balance == 0
        relations.execute(ReverseRedemption(redemption="x", occurred_at=at("2024-03-01"), **some))
        late = CreditPurchase(purchase="q", amount=Money(700, "EUR"), occurred_at=at("2024-02-01"), **some)
        relations.execute(late)
        relations.advance_time(at("2026-01-01"))
        assert relations.load("loyalty", "c1").balance == 0
        assert relations.views.agenda.due(until=at("2026-01-01")) == []


def test_what_moves_with_a_merge_falls_due_where_it_is() -> None:
    some: dict[str, Any] = {"customer": "c2"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(15_000, "EUR"), occurred_at=at("2024-02-01"), **some),
        IssueReward(coupon="k", reward="night", occurred_at=at("2024-03-01"), **some),
        ReleaseAccount(merge="m", into="c1", occurred_at=at("2024-03-02"), **some),
    ]
    with opened(EVERYTHING, history) as relations:
        before = relations.views.agenda.for_customer("c1")
        assert {each.kind for each in before} == {"expiry", "tier", "reward"}
        assert relations.views.agenda.for_customer("c2") == []
        relations.execute(ReturnAccount(customer="c1", merge="m", to="c2", occurred_at=at("2024-03-03")))
        assert relations.views.agenda.for_customer("c1") == []
        after = relations.views.agenda.for_customer("c2")
        assert [(each.kind, each.due_at) for each in after] == [(each.kind, each.due_at) for each in before]
        assert relations.advance_time(at("2027-01-01")).accepted > 3
        assert relations.views.agenda.due(until=at("2027-01-01")) == []


def test_the_agenda_keeps_its_laws_whatever_members_do() -> None:
    checked = 0

    @settings(max_examples=6, deadline=None)
    @given(commands(size=25))
    def check(history: list[Command]) -> None:
        nonlocal checked
        joining: list[Command] = [EnrolMember(customer=name, occurred_at=START) for name in ("c1", "c2")]
        end = max(command.occurred_at for command in history)
        merging: list[Command] = [
            ReleaseAccount(customer="c2", merge="m", into="c1", occurred_at=end),
            ReturnAccount(customer="c1", merge="m", to="c2", occurred_at=end),
        ]
        report = check_laws(agenda.PROJECTION, [*joining, *history, *merging], points=4, batches=(1, 7), shards=(2, 3))
        checked += report.checks

    check()
    assert checked > 20
