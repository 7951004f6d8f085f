"""The limit of an account: beyond it gifts are refused, and automatic credits stop at it."""

from __future__ import annotations

import pytest

from relations import Relations
from relations.aggregates.customer import RecordPurchase, RegisterCustomer
from relations.aggregates.loyalty import (
    AdjustPoints,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    MakeReferral,
    PointsAdjusted,
    PointsEarned,
    PointsReceived,
    ReleaseAccount,
    TransferPoints,
)
from relations.aggregates.loyalty.decide.ledger import BALANCE_MAX
from relations.errors import CommandRefused
from relations.messages import Event, Money
from tests.aggregates.loyalty.test_loyalty_rules import TIERS, Town, at, policy

MUCH = Money(10**15, "EUR")
LAVISH = {"rates": {"EUR": 10_000}}


def full(*customers: str, short_of: int = 0) -> Town:
    """Members whose accounts are full, but for some points."""
    town = Town(policy(**LAVISH, transfers=True)).join(*customers)
    for customer in customers:
        # 10,000 points a euro are 100 a cent.
        amount = Money((BALANCE_MAX - short_of) // 100, "EUR")
        town.do(CreditPurchase, "2024-01-02", customer, purchase="p", amount=amount)
        assert town[customer].balance == BALANCE_MAX - short_of
    return town


def points(events: list[Event]) -> list[int]:
    return [each.points for each in events if isinstance(each, PointsEarned | PointsAdjusted | PointsReceived)]


def test_a_purchase_is_credited_up_to_what_the_account_holds_and_taken_back_by_that() -> None:
    town = full("c1", short_of=2 * 10**12)
    big = Money(10**11, "EUR")
    assert points(town.do(CreditPurchase, "2024-01-03", purchase="q", amount=big)) == [2 * 10**12]
    assert town["c1"].balance == BALANCE_MAX
    assert town.do(CreditPurchase, "2024-01-04", purchase="r", amount=big) == []
    town.refund("q", part=1, of=2)
    assert town["c1"].balance == BALANCE_MAX - 10**12


def test_so_it_is_under_every_rule_of_a_programme_and_for_what_counts_towards_a_tier() -> None:
    town = Town(policy(**LAVISH, pending_days=1, tiers=TIERS[:2])).join()
    assert points(town.do(CreditPurchase, "2024-01-02", purchase="p", amount=MUCH)) == [BALANCE_MAX]
    town.redeem(10**12)
    (earned,) = town.do(CreditPurchase, "2024-03-03", purchase="q", amount=MUCH)
    assert isinstance(earned, PointsEarned)
    assert (earned.points, earned.qualifying) == (10**12, 0)
    assert town["c1"].qualified == BALANCE_MAX


def test_what_is_given_by_hand_is_refused_beyond_it_and_may_come_when_there_is_room() -> None:
    town = full("c1", short_of=10**12 - 100)
    hand = {"points": 10**12, "reason": "bonus"}
    assert "balance_too_large] points" in town.refused(EarnPoints, "2024-01-03", lot="l", **hand)
    right = {"adjustment": "a", "points": 10**12, "reason": "error", "author": "ada"}
    assert "balance_too_large] points" in town.refused(AdjustPoints, "2024-01-03", **right)
    town.redeem(100)
    assert points(town.do(EarnPoints, "2024-03-02", lot="l", **hand)) == [10**12]
    assert town["c1"].balance == BALANCE_MAX
    assert "balance_too_large] points" in town.refused(AdjustPoints, "2024-03-03", **right | {"points": 1})


def test_a_transfer_to_a_full_account_is_refused_on_both_sides() -> None:
    town = full("c1", "c2")
    assert "balance_too_large" in town.refused(TransferPoints, "2024-01-03", to="c2", transfer="t", points=1)
    assert town.balances("c1", "c2") == [BALANCE_MAX, BALANCE_MAX]


def test_two_accounts_that_are_too_much_together_are_not_merged() -> None:
    town = full("c1", "c2").join("c3")
    assert "balance_too_large] into" in town.refused(ReleaseAccount, "2024-01-03", "c2", merge="c2", into="c1")
    town.do(ReleaseAccount, "2024-01-03", "c3", merge="c3", into="c1")
    assert town["c3"].merged_into == "c1"


def test_a_recommendation_brings_what_there_is_room_for_and_stops_nobody_from_buying() -> None:
    referral = {"referrer_points": 10**12, "referred_points": 7, "days_valid": 60}
    town = Town(policy(**LAVISH, referral=referral)).join()
    town.do(CreditPurchase, "2024-01-02", purchase="p", amount=MUCH)
    town.do(MakeReferral, "2024-01-02", referral="f", referred="n")
    town.join("n", on="2024-01-03")
    assert points(town.buy("p", 1, on="2024-01-04", customer="n")) == [10_000, 7]
    assert town.balances("c1", "n") == [BALANCE_MAX, 10_007]


def test_no_accepted_command_stops_the_view(database_url: str) -> None:
    with Relations.open(database_url, durability="off", clock=lambda: at("2024-02-01")) as relations:
        relations.adopt(policy(**LAVISH), from_beginning=True)
        relations.execute(RegisterCustomer(customer="c1", occurred_at=at("2024-01-01")))
        relations.execute(EnrolMember(customer="c1", occurred_at=at("2024-01-01")))
        for number in range(100):
            bought = RecordPurchase(customer="c1", purchase=f"p{number}", amount=MUCH, occurred_at=at("2024-01-02"))
            relations.execute(bought)
        with pytest.raises(CommandRefused) as caught:
            relations.execute(EarnPoints(customer="c1", lot="l", points=1, occurred_at=at("2024-01-03")))
        assert (caught.value.code, caught.value.field) == ("balance_too_large", "points")
        relations.catch_up()
        assert sum(each.event.topic == "customer.purchase_recorded" for each in relations.events()) == 100
        assert relations.views.loyalty.liability(as_of=at("2024-01-04")).points == BALANCE_MAX
