"""The edges of a member's account: leaving and coming back, being merged and parted, and what is told late."""

from __future__ import annotations

from typing import Any

import pytest

from relations.aggregates.loyalty import (
    AGGREGATE,
    AccountClosed,
    AccountReceived,
    AccountReturned,
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarningReversed,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    ExpiryDeferred,
    IssueReward,
    JoinClub,
    MakeReferral,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsReleased,
    ReceivePoints,
    RedeemPoints,
    RedemptionReversed,
    ReferralRevoked,
    ReleaseAccount,
    ReopenAccount,
    RequestForwarded,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    TierReached,
    TransferPoints,
    UseReward,
)
from relations.aggregates.programme import StockReturned, StockTaken
from relations.errors import InvalidInput
from relations.messages import Event, Money
from tests.aggregates.loyalty.test_loyalty_rules import TIERS, Town, at, micros, policy

MUG: dict[str, Any] = {"rewards": [{"name": "mug", "points": 10, "stock": 1}]}


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(each) for each in events]


def merge(town: Town, on: str, source: str = "c2", into: str = "c1") -> list[Event]:
    return town.do(ReleaseAccount, on, source, merge=source, into=into)


def part(town: Town, on: str, source: str = "c2", survivor: str = "c1") -> list[Event]:
    return town.do(ReturnAccount, on, survivor, merge=source, to=source)


def refund(town: Town, purchase: str, on: str, customer: str, part: int = 1, of: int = 1) -> list[Event]:
    return town.do(ReverseEarning, on, customer, refund="r", purchase=purchase, refunded=part, bought=of)


# --- leaving and coming back ----------------------------------------------------------------------------------------


def left_and_back(**rules: Any) -> Town:
    """Bought 100, spent 60 of it, left, and came back."""
    town = Town(policy(**rules)).join()
    town.buy("p", 100, on="2024-01-02")
    town.redeem(60, on="2024-01-03")
    town.do(CloseAccount, "2024-01-04")
    town.do(ReopenAccount, "2024-01-05")
    return town


def test_a_refund_of_what_was_bought_before_leaving_takes_nothing_from_what_came_after() -> None:
    town = left_and_back()
    town.buy("q", 100, on="2024-01-06")
    assert town.refund("p", on="2024-01-07") == []
    assert town["c1"].balance == 100
    assert town.refund("q", on="2024-01-08") != []
    assert town["c1"].balance == 0


def test_a_redemption_from_before_leaving_is_not_undone() -> None:
    town = left_and_back()
    assert "settled_by_closing" in town.refused(ReverseRedemption, "2024-01-06", redemption="x")
    assert town["c1"].balance == 0
    # Its id stays taken: the same again is the retry that it was, another under that id is refused.
    assert town.redeem(60, on="2024-01-06") == []
    assert "redemption_exists" in town.refused(RedeemPoints, "2024-01-06", redemption="x", points=61)


def test_a_debt_that_was_written_off_does_not_come_back_as_points() -> None:
    town = Town(policy()).join()
    town.buy("p", 100, on="2024-01-02")
    town.redeem(100, on="2024-01-02")
    town.refund("p", on="2024-01-03")
    assert town["c1"].debt == 100
    town.do(CloseAccount, "2024-01-04")
    town.do(ReopenAccount, "2024-01-04")
    assert "settled_by_closing" in town.refused(ReverseRedemption, "2024-01-05", redemption="x")
    assert (town["c1"].balance, town["c1"].debt) == (0, 0)


def test_what_qualified_before_leaving_counts_no_more() -> None:
    town = Town(policy(tiers=TIERS)).join()
    town.buy("p", 300, on="2024-01-02")
    assert town["c1"].tier == "gold"
    town.do(CloseAccount, "2024-01-03")
    town.do(ReopenAccount, "2024-01-04")
    town.buy("q", 1, on="2024-01-05")
    assert (town["c1"].tier, town["c1"].qualified) == ("member", 1)
    town.buy("r", 99, on="2024-01-06")
    assert town["c1"].tier == "silver"


def test_a_reward_that_was_not_used_is_void_with_the_account_and_back_in_stock() -> None:
    town = Town(policy(**MUG)).join("c1", "c2")
    for customer in ("c1", "c2"):
        town.buy("p", 50, on="2024-01-02", customer=customer)
    assert StockTaken in kinds(town.do(IssueReward, "2024-01-03", coupon="k", reward="mug"))
    assert "out_of_stock" in town.refused(IssueReward, "2024-01-03", "c2", coupon="k", reward="mug")
    assert kinds(town.do(CloseAccount, "2024-01-04")) == [AccountClosed, StockReturned]
    town.do(ReopenAccount, "2024-01-05")
    assert "coupon_ended" in town.refused(UseReward, "2024-01-05", coupon="k")
    assert StockTaken in kinds(town.do(IssueReward, "2024-01-06", "c2", coupon="k", reward="mug"))


def test_a_used_reward_stays_used_when_the_account_closes() -> None:
    town = Town(policy(**MUG)).join()
    town.buy("p", 50, on="2024-01-02")
    town.do(IssueReward, "2024-01-03", coupon="k", reward="mug")
    town.do(UseReward, "2024-01-03", coupon="k")
    assert kinds(town.do(CloseAccount, "2024-01-04")) == [AccountClosed]


def test_who_comes_back_is_in_no_club() -> None:
    town = Town(policy(clubs=["wine"])).join()
    town.do(JoinClub, "2024-01-02", club="wine")
    town.do(CloseAccount, "2024-01-03")
    town.do(ReopenAccount, "2024-01-04")
    assert town["c1"].ledger().clubs == ()


def test_a_lot_id_from_before_leaving_stays_taken() -> None:
    town = Town(policy()).join()
    town.do(EarnPoints, "2024-01-02", lot="b", points=5)
    town.do(CloseAccount, "2024-01-03")
    town.do(ReopenAccount, "2024-01-04")
    assert town.do(EarnPoints, "2024-01-05", lot="b", points=5) == []
    assert "lot_exists" in town.refused(EarnPoints, "2024-01-05", lot="b", points=6)


# --- two accounts of one person -------------------------------------------------------------------------------------


def test_points_spent_of_another_customers_lots_go_to_that_customer_when_the_redemption_is_undone() -> None:
    town = Town(policy()).join("c1", "c2")
    town.buy("p", 100, on="2024-01-02", customer="c2")
    merge(town, "2024-01-10")
    town.redeem(100, on="2024-01-11")
    part(town, "2024-01-13")
    assert town.balances("c1", "c2") == [0, 0]
    undone = town.do(ReverseRedemption, "2024-01-14", redemption="x")
    assert kinds(undone) == [RedemptionReversed, PointsReleased, PointsReceived]
    assert town.balances("c1", "c2") == [0, 100]
    assert dict(town["c1"].lots) == {}
    assert town.do(ReverseRedemption, "2024-01-15", redemption="x") == []
    (lot,) = town["c2"].lots.values()
    assert lot.expires_at == town["c2"].ledger().earnings["purchase/p"].expires_at
    refund(town, "p", "2024-01-16", "c2")
    assert town.balances("c1", "c2") == [0, 0]


def test_what_was_spent_of_both_goes_back_to_each() -> None:
    town = Town(policy()).join("c1", "c2")
    town.buy("p", 30, on="2024-01-02")
    town.buy("p", 100, on="2024-01-03", customer="c2")
    merge(town, "2024-01-10")
    town.redeem(100, on="2024-01-11")
    town.do(RedeemPoints, "2024-01-12", "c2", redemption="x", points=20)
    part(town, "2024-01-13")
    assert town.balances("c1", "c2") == [0, 10]
    town.do(ReverseRedemption, "2024-01-14", redemption="x")
    assert town.balances("c1", "c2") == [30, 80]
    town.do(ReverseRedemption, "2024-01-14", "c2", redemption="x")
    assert town.balances("c1", "c2") == [30, 100]


def test_what_the_merged_id_spent_of_the_survivors_lots_goes_back_to_the_survivor() -> None:
    town = Town(policy()).join("c1", "c2")
    town.buy("p", 100, on="2024-01-02")
    merge(town, "2024-01-10")
    assert RequestForwarded in kinds(town.do(RedeemPoints, "2024-01-11", "c2", redemption="x", points=40))
    part(town, "2024-01-13")
    assert town.balances("c1", "c2") == [60, 0]
    town.do(ReverseRedemption, "2024-01-14", "c2", redemption="x")
    assert town.balances("c1", "c2") == [100, 0]


def test_a_member_who_is_merged_into_a_closed_account_is_a_member_still() -> None:
    town = Town(policy(tiers=TIERS)).join("c1", "c2")
    town.buy("p", 150, on="2024-01-02", customer="c2")
    town.do(CloseAccount, "2024-01-03")
    closed = town["c1"]
    merge(town, "2024-01-04")
    ledger = town["c1"].ledger()
    assert (ledger.closed_at, ledger.enrolled_at, ledger.balance) == (None, micros("2024-01-01"), 150)
    part(town, "2024-01-05")
    assert town["c1"] == closed
    merge(town, "2024-01-06")
    town.redeem(50, on="2024-01-07")
    part(town, "2024-01-08")
    assert town["c1"].ledger().closed_at == closed.ledger().closed_at
    assert town.balances("c1", "c2") == [0, 100]


def test_who_has_left_brings_no_membership_with_a_merge() -> None:
    town = Town(policy()).join("c2")
    town.do(CloseAccount, "2024-01-03", "c2")
    left = town["c2"]
    merge(town, "2024-01-04")
    assert town["c1"].enrolled_at is None
    assert town.buy("p", 10, on="2024-01-05") == []
    part(town, "2024-01-06")
    assert town["c2"] == left


def test_clubs_follow_a_merge_and_go_back() -> None:
    town = Town(policy(clubs=["wine", "tea"])).join("c1", "c2")
    town.do(JoinClub, "2024-01-02", "c2", club="wine")
    before = [town["c1"], town["c2"]]
    merge(town, "2024-01-03")
    assert town["c1"].ledger().clubs == ("wine",)
    part(town, "2024-01-04")
    assert [town["c1"], town["c2"]] == before
    merge(town, "2024-01-05")
    town.do(JoinClub, "2024-01-06", club="tea")
    part(town, "2024-01-07")
    assert [town[name].ledger().clubs for name in ("c1", "c2")] == [("tea",), ("wine",)]


REFERRALS = policy(referral={"referrer_points": 50, "referred_points": 20})


def test_a_recommendation_made_under_a_merged_id_is_rewarded_at_the_surviving_account() -> None:
    town = Town(REFERRALS).join("c1", "c2")
    town.do(MakeReferral, "2024-01-02", "c2", referral="f", referred="n1")
    merge(town, "2024-01-03")
    town.join("n1")
    town.buy("p", 10, on="2024-01-05", customer="n1")
    assert town.balances("c1", "c2", "n1") == [50, 0, 30]
    part(town, "2024-01-06")
    assert town.balances("c1", "c2") == [0, 50]
    assert town["c2"].ledger().rewarded == 1


def test_who_was_recommended_and_then_merged_still_earns_the_reward_for_both() -> None:
    town = Town(REFERRALS).join("c9")
    town.do(MakeReferral, "2024-01-02", "c9", referral="f", referred="c2")
    town.do(EnrolMember, "2024-01-03", "c2")
    merge(town, "2024-01-04")
    town.buy("p", 10, on="2024-01-05", customer="c2")
    assert town.balances("c1", "c9") == [30, 50]


def test_a_limited_reward_that_came_with_a_merge_returns_to_stock() -> None:
    town = Town(policy(**MUG)).join("c1", "c2", "c3")
    for customer in ("c2", "c3"):
        town.buy("p", 50, on="2024-01-02", customer=customer)
    town.do(IssueReward, "2024-01-03", "c2", coupon="k", reward="mug")
    merge(town, "2024-01-04")
    undone = town.do(ReverseRedemption, "2024-01-05", "c2", redemption="k")
    assert StockReturned(reward="mug", customer="c2", coupon="k") in undone
    assert StockTaken in kinds(town.do(IssueReward, "2024-01-06", "c3", coupon="k", reward="mug"))


def test_what_two_accounts_of_one_person_earned_counts_together() -> None:
    town = Town(policy(tiers=TIERS)).join("c1", "c2")
    town.buy("p", 80, on="2024-01-02")
    town.buy("p", 80, on="2024-01-02", customer="c2")
    before = [town["c1"], town["c2"]]
    (received,) = [each for each in merge(town, "2024-01-10") if isinstance(each, AccountReceived)]
    assert (received.tier, received.reached_at) == ("silver", micros("2024-01-10"))
    ledger = town["c1"].ledger()
    assert (ledger.tier, ledger.tier_since, ledger.reviewed) == ("silver", micros("2024-01-10"), micros("2024-01-10"))
    part(town, "2024-01-11")
    assert [town["c1"], town["c2"]] == before


def test_a_return_leaves_each_with_the_tier_that_its_own_earns() -> None:
    town = Town(policy(tiers=TIERS)).join("c1", "c2")
    town.buy("p", 80, on="2024-01-02")
    town.buy("p", 80, on="2024-01-02", customer="c2")
    merge(town, "2024-01-10")
    town.buy("q", 40, on="2024-01-12", customer="c2")
    part(town, "2024-01-13")
    assert [town[name].tier for name in ("c1", "c2")] == ["member", "silver"]
    assert [town[name].qualified for name in ("c1", "c2")] == [80, 120]


def test_a_return_leaves_no_membership_that_was_never_joined() -> None:
    town = Town(policy(tiers=TIERS)).join("c2")
    town.buy("p", 150, on="2024-01-02", customer="c2")
    merge(town, "2024-01-10")
    assert town["c1"].tier == "silver"
    refund(town, "p", "2024-01-11", "c2", 50, 150)
    (returned, *_) = part(town, "2024-01-12")
    assert isinstance(returned, AccountReturned)
    assert not returned.undone
    left = town["c1"]
    assert left.enrolled_at is None
    assert left.tier is None
    assert town.buy("z", 10, on="2024-01-13") == []
    assert (town["c2"].balance, town["c2"].tier) == (100, "silver")


def test_who_has_earned_by_themselves_since_a_merge_stays_a_member() -> None:
    town = Town(policy()).join("c2")
    merge(town, "2024-01-10")
    town.buy("own", 10, on="2024-01-12")
    part(town, "2024-01-20")
    assert town["c1"].enrolled_at == micros("2024-01-12")
    assert town.balances("c1", "c2") == [10, 0]


def test_whatever_a_member_asks_under_a_merged_id_is_done_at_the_surviving_account() -> None:
    town = Town(policy(**MUG)).join("c1", "c2", "c3")
    town.buy("p", 100, on="2024-01-02", customer="c2")
    town.buy("p", 100, on="2024-01-02", customer="c3")
    merge(town, "2024-01-03")
    assert town.do(RedeemPoints, "2024-01-04", "c2", redemption="x", points=10) != []
    assert town.do(RedeemPoints, "2024-01-04", "c2", redemption="x", points=10) == []
    assert "redemption_exists" in town.refused(RedeemPoints, "2024-01-04", "c2", redemption="x", points=11)
    assert "insufficient_points" in town.refused(RedeemPoints, "2024-01-04", "c2", redemption="y", points=500)
    town.do(TransferPoints, "2024-01-05", "c2", transfer="t", to="c3", points=5)
    town.do(TransferPoints, "2024-01-05", "c3", transfer="t", to="c2", points=7)
    assert "account_merged" in town.refused(TransferPoints, "2024-01-05", "c2", transfer="u", to="c1", points=5)
    town.do(IssueReward, "2024-01-06", "c2", coupon="k", reward="mug")
    town.do(UseReward, "2024-01-07", "c2", coupon="k")
    assert town["c1"].ledger().coupons["merged/c2/k"].status == "used"
    assert town.balances("c1", "c2", "c3") == [100 - 10 - 5 + 7 - 10, 0, 100 + 5 - 7]
    town.do(ReverseRedemption, "2024-01-08", "c2", redemption="x")
    assert town.balances("c1", "c2") == [92, 0]
    assert town.do(ReverseRedemption, "2024-01-08", "c2", redemption="x") == []


# --- what is told late ----------------------------------------------------------------------------------------------


def test_points_that_came_from_a_member_are_spent_from_when_they_came() -> None:
    town = Town(policy()).join("c1")
    town.buy("p", 100, on="2024-02-01")
    town.do(TransferPoints, "2024-03-01", transfer="t", to="c2", points=50)
    assert "before_enrolment" in town.refused(RedeemPoints, "2024-02-15", "c2", redemption="x", points=50)
    town.join("c3")
    town.do(TransferPoints, "2024-03-01", transfer="u", to="c3", points=50)
    assert "insufficient_points" in town.refused(RedeemPoints, "2024-02-15", "c3", redemption="x", points=50)
    assert town.do(RedeemPoints, "2024-03-01", "c3", redemption="x", points=50) != []


def test_nothing_is_spent_or_given_away_before_joining() -> None:
    town = Town(policy())
    town.do(EnrolMember, "2024-02-01")
    town.buy("p", 10, on="2024-02-02")
    assert "before_enrolment" in town.refused(RedeemPoints, "2024-01-31", redemption="x", points=1)
    assert "before_enrolment" in town.refused(TransferPoints, "2024-01-31", transfer="t", to="c2", points=1)


# --- the programme that is meant ------------------------------------------------------------------------------------

DINING = {
    "id": "dining",
    "rates": {"EUR": 2},
    "tiers": [],
    "referral": {"referrer_points": 5, "referred_points": 5},
}


def test_a_recommendation_is_no_joining() -> None:
    town = Town(policy(more=[DINING])).join()
    town.do(EnrolMember, "2024-01-01", programme="dining")
    town.do(MakeReferral, "2024-01-02", referral="f", referred="n1", programme="dining")
    town.do(EnrolMember, "2024-01-03", "n1", programme="main")
    town.buy("p", 50, on="2024-01-04", customer="n1")
    assert town["n1"].balance == 50
    assert town.do(RedeemPoints, "2024-01-05", "n1", redemption="x", points=10) != []


def test_a_remedy_in_a_programme_that_there_is_not_is_refused() -> None:
    town = Town(policy()).join()
    wanted: dict[str, Any] = {"lot": "l", "points": 5, "reason": "remedy", "programme": "nosuch"}
    assert "unknown_programme" in town.refused(EarnPoints, "2024-01-05", **wanted)
    assert [ledger.programme for ledger in town["c1"].ledgers] == ["main"]


# --- what comes by hand ---------------------------------------------------------------------------------------------


def test_what_is_credited_by_hand_is_limited_as_adjustments_are() -> None:
    town = Town(policy(adjustment_max=20, authority={"head": 60})).join()
    assert "author_missing" in town.refused(EarnPoints, "2024-02-01", lot="l", points=5)
    assert "beyond_authority" in town.refused(EarnPoints, "2024-02-01", lot="l", points=21, author="anna")
    assert "beyond_authority" in town.refused(
        EarnPoints, "2024-02-01", lot="l", points=21, author="anna", reason="remedy"
    )
    (earned,) = town.do(EarnPoints, "2024-02-01", lot="l", points=21, author="anna", role="head")
    assert isinstance(earned, PointsEarned)
    assert (earned.author, earned.role) == ("anna", "head")
    town.do(EarnPoints, "2024-02-01", lot="remedy/k/m", points=500, reason="remedy", source="k")
    assert town["c1"].balance == 521


@pytest.mark.parametrize("points", [0, -5_000, 10**12 + 1])
def test_points_that_arrive_are_positive_and_bounded(points: int) -> None:
    fields: dict[str, Any] = {"customer": "c1", "transfer": "t", "source": "c2", "occurred_at": at("2024-02-01")}
    with pytest.raises(InvalidInput, match="at least one lot"):
        ReceivePoints(lots=[["l", points, 0, None, 0]], **fields)
    with pytest.raises(InvalidInput, match="at least one lot"):
        ReceivePoints(lots=(), **fields)


# --- recommendations ------------------------------------------------------------------------------------------------


def test_a_recommendation_is_worth_nothing_where_the_purchase_that_it_led_to_is_given_back() -> None:
    town = Town(REFERRALS).join("c1")
    town.do(MakeReferral, "2024-01-02", referral="f", referred="n1")
    town.join("n1")
    town.buy("p", 10, on="2024-01-04", customer="n1")
    assert town.balances("c1", "n1") == [50, 30]
    town.do(ReverseEarning, "2024-01-05", "n1", refund="half", purchase="p", refunded=1, bought=2)
    assert town.balances("c1", "n1") == [50, 25]
    assert ReferralRevoked in kinds(
        town.do(ReverseEarning, "2024-01-06", "n1", refund="rest", purchase="p", refunded=2, bought=2)
    )
    assert town.balances("c1", "n1") == [0, 0]
    town.buy("q", 10, on="2024-01-07", customer="n1")
    assert town.balances("c1", "n1") == [0, 10]


def test_what_a_recommendation_was_worth_is_taken_back_under_whatever_id_it_was_rewarded() -> None:
    town = Town(REFERRALS).join("c1", "c2")
    town.do(MakeReferral, "2024-01-02", "c2", referral="f", referred="n2")
    town.join("n2")
    merge(town, "2024-01-03")
    merge(town, "2024-01-03", "n2", "n1")
    town.buy("p", 10, on="2024-01-04", customer="n2")
    assert town.balances("c1", "n1") == [50, 30]
    part(town, "2024-01-05", "n2", "n1")
    assert town.balances("n1", "n2") == [0, 30]
    refund(town, "p", "2024-01-06", "n2")
    assert town.balances("c1", "n2") == [0, 0]
    assert town.do(ReverseEarning, "2024-01-06", "n2", refund="r", purchase="p", refunded=1, bought=1) == []


# --- what counts towards a tier -------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(100_000, "SEK")])
def test_a_stay_counts_though_it_earns_no_points(amount: Money) -> None:
    tiers = [{"name": "member", "threshold": 0}, {"name": "silver", "threshold": 1}]
    town = Town(policy(tiers=tiers, tier_basis="stays", stay_categories=["room"])).join()
    bought: dict[str, Any] = {"purchase": "p", "amount": amount, "category": "room"}
    assert kinds(town.do(CreditPurchase, "2024-02-01", **bought)) == [PointsEarned, TierReached]
    assert town.do(CreditPurchase, "2024-02-01", **bought) == []
    assert (town["c1"].qualified, town["c1"].balance) == (1, 0)


def test_spend_counts_in_a_currency_that_earns_nothing() -> None:
    town = Town(policy(tiers=TIERS, tier_basis="spend", fx={"SEK": "0.1"})).join()
    town.do(CreditPurchase, "2024-02-01", purchase="p", amount=Money(100_000, "SEK"))
    assert (town["c1"].qualified, town["c1"].balance) == (10_000, 0)


def test_an_award_night_fulfils_no_recommendation() -> None:
    rules = policy(
        tiers=TIERS,
        tier_basis="stays",
        stay_categories=["room"],
        referral={"referrer_points": 50, "referred_points": 9},
    )
    town = Town(rules).join("c1")
    town.do(MakeReferral, "2024-01-02", referral="f", referred="n1")
    town.join("n1")
    town.do(CreditPurchase, "2024-01-03", "n1", purchase="p", amount=Money(0, "EUR"), category="room")
    assert town.balances("c1", "n1") == [0, 0]


@pytest.mark.parametrize(
    ("amount", "points"),
    [
        (Money(9_900, "EUR"), 99),
        (Money(10_000, "EUR"), 600),
        (Money(10_000, "JPY"), 1_000),
        (Money(15_000, "JPY"), 2_000),
        (Money(10_000, "KWD"), 30),
    ],
)
def test_a_campaigns_minimum_goes_by_currency(amount: Money, points: int) -> None:
    campaign = {
        "id": "c", "starts": "2024-01-01", "ends": "2025-01-01", "bonus_points": 500,
        "minimum": {"EUR": 100, "JPY": 15_000},
    }  # fmt: skip
    town = Town(policy(campaigns=[campaign])).join()
    (earned,) = town.do(CreditPurchase, "2024-02-01", purchase="p", amount=amount)
    assert isinstance(earned, PointsEarned)
    assert earned.points == points


# --- inactivity -----------------------------------------------------------------------------------------------------


def test_points_put_right_by_hand_expire_with_inactivity_like_all_others() -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 6}, months_to_expiry=None)).join()
    town.buy("p", 50, on="2024-01-02")
    more = {"points": 40, "reason": "goodwill", "author": "anna"}
    (*_, adjusted) = town.do(AdjustPoints, "2024-01-03", adjustment="a", **more)
    assert isinstance(adjusted, PointsAdjusted)
    assert adjusted.lapsing
    assert town["c1"].balance == 90
    assert PointsExpired in kinds(town.do(ExpirePoints, "2024-07-04"))
    assert town["c1"].balance == 0


def test_what_lapses_does_so_by_the_rule_that_it_was_earned_under_and_activity_goes_on_putting_it_off() -> None:
    idle, fixed = (
        policy(expiry={"kind": "inactivity", "months_count": 6}, months_to_expiry=None),
        policy(months_to_expiry=3),
    )
    active, silent = Town(idle).join(), Town(idle).join()
    for town in (active, silent):
        town.buy("old", 50, on="2024-01-10")
        town.rules = fixed
    active.buy("p", 5, on="2024-05-10")
    assert active["c1"].lots["purchase/p"].expires_at == micros("2024-08-10T22:00")
    active.buy("q", 5, on="2024-10-10")
    for town, left in ((active, 55), (silent, 0)):
        town.do(ExpirePoints, "2024-11-01")
        assert town["c1"].balance == left
    active.redeem(1, on="2025-01-05")
    active.do(ExpirePoints, "2025-07-05")
    assert set(active["c1"].lots) == {"purchase/old"}
    # Silent for so long as the old rule says, and by that alone, it goes.
    active.do(ExpirePoints, "2025-07-06")
    assert active["c1"].balance == 0
    # Then nothing of the old rule is left.
    assert kinds(active.buy("new", 5, on="2025-08-01")) == [PointsEarned]
    assert active["c1"].lots["purchase/new"].expires_at == micros("2025-11-01T23:00")


def test_a_shorter_patience_shortens_nothing_before_the_account_has_lapsed() -> None:
    long, short = (
        policy(expiry={"kind": "inactivity", "months_count": months}, months_to_expiry=None) for months in (12, 2)
    )
    town = Town(long).join()
    town.buy("old", 50, on="2024-01-10")
    town.rules = short
    town.buy("p", 5, on="2024-06-10")
    assert town["c1"].ledger().lapses_at == micros("2025-06-10T22:00")
    town.do(ExpirePoints, "2025-06-11")
    assert town["c1"].balance == 0
    town.buy("q", 5, on="2025-07-01")
    assert town["c1"].ledger().lapses_at == micros("2025-09-01T22:00")


@pytest.mark.parametrize("undone", ["purchase", "redemption"])
def test_who_undoes_what_they_did_has_put_off_nothing(undone: str) -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 6}, months_to_expiry=None)).join()
    town.buy("p", 50, on="2024-01-10")
    for month, soon in ((6, True), (7, False)):
        if undone == "purchase":
            town.buy(f"q{month}", 100, on="2024-06-10")
            assert town["c1"].ledger().lapses_at == micros("2024-12-10T23:00")
            town.refund(f"q{month}", on=f"2024-{month:02d}-20", name=f"r{month}")
        else:
            town.redeem(10, on="2024-06-10", name=f"x{month}")
            assert town["c1"].ledger().lapses_at == micros("2024-12-10T23:00")
            town.do(ReverseRedemption, f"2024-{month:02d}-20", redemption=f"x{month}")
        assert town["c1"].ledger().lapses_at == micros("2024-07-10T22:00")
        assert town["c1"].balance == (50 if soon else 0)  # where that is over by then, it has lapsed


def test_points_of_a_redemption_undone_too_late_have_the_grace_that_there_is() -> None:
    rules = {"expiry": {"kind": "inactivity", "months_count": 6}, "months_to_expiry": None}
    town = Town(policy(**rules, reversal_after_expiry="grace", reversal_grace_days=10)).join()
    town.buy("p", 50, on="2024-01-10")
    town.redeem(10, on="2024-06-10")
    events = town.do(ReverseRedemption, "2024-07-20", redemption="x")
    assert kinds(events) == [ExpiryDeferred, PointsExpired, RedemptionReversed]
    assert {name: lot.points for name, lot in town["c1"].lots.items()} == {"purchase/p": 10}
    assert town["c1"].lots["purchase/p"].expires_at == micros("2024-07-30T22:00")


def test_what_was_undone_does_not_shorten_what_another_activity_put_off() -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 6}, months_to_expiry=None)).join()
    town.buy("p", 50, on="2024-01-10")
    town.buy("q", 100, on="2024-06-10")
    town.redeem(10, on="2024-05-10")  # told late, and the purchase put it off further
    town.refund("q", on="2024-06-20")
    assert town["c1"].ledger().lapses_at == micros("2024-11-10T23:00")
    town.refund("p", 1, 2, on="2024-06-21", name="half")
    assert town["c1"].ledger().lapses_at == micros("2024-11-10T23:00")


def test_who_is_active_under_a_merged_id_is_so_after_parting() -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 6}, months_to_expiry=None))
    town.do(EnrolMember, "2024-01-02", "c1")
    town.do(EnrolMember, "2024-01-02", "c2")
    town.do(CreditPurchase, "2024-01-10", "c2", purchase="p", amount=Money(50_00, "EUR"))
    merge(town, "2024-02-01")
    town.do(CreditPurchase, "2024-03-10", "c2", purchase="q", amount=Money(50_00, "EUR"))
    town.do(RedeemPoints, "2024-04-10", "c2", redemption="x", points=20)
    town.do(CreditPurchase, "2024-05-10", "c1", purchase="p", amount=Money(50_00, "EUR"))
    part(town, "2024-06-01")
    assert town["c2"].ledger().lapses_at == micros("2024-10-10T22:00")  # of the redemption, not of c1's purchase
    assert town["c2"].balance == 80


def test_whose_first_activity_was_under_a_merged_id_has_points_that_lapse() -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 6}, months_to_expiry=None))
    town.do(EnrolMember, "2024-01-02", "c1")
    town.do(EnrolMember, "2024-01-02", "c2")
    merge(town, "2024-02-01")
    town.do(CreditPurchase, "2024-03-10", "c2", purchase="q", amount=Money(50_00, "EUR"))
    part(town, "2024-06-01")
    assert PointsExpired in kinds(town.do(ExpirePoints, "2024-09-11", "c2"))
    assert town["c2"].balance == 0


# --- what tiers go by -----------------------------------------------------------------------------------------------

STAYS: dict[str, Any] = {"tier_basis": "stays", "stay_categories": ["room"]}
BY_STAYS = policy(tiers=[{"name": "member", "threshold": 0}, {"name": "gold", "threshold": 20}], **STAYS)
BY_POINTS = policy(tiers=TIERS)


def test_points_are_no_stays_where_tiers_go_by_those_from_then_on() -> None:
    town = Town(BY_POINTS).join()
    town.buy("p", 90)
    town.rules = BY_STAYS
    assert TierReached not in kinds(town.buy("q", 90, on="2024-02-02", category="room"))
    assert town["c1"].tier == "member"
    assert dict(town["c1"].months) == {"points/2024-02": 90, "stays/2024-02": 1}
    # What counted before counts again where the former basis does, and a stay is not a point.
    town.rules = BY_POINTS
    assert kinds(town.do(EvaluateTier, "2024-02-03")) == []
    assert kinds(town.buy("r", 10, on="2024-02-04")) == [PointsEarned, TierReached]


def test_spend_in_one_currency_is_no_spend_in_another() -> None:
    euros, yens = (policy(tiers=TIERS, tier_basis="spend", tier_currency=code) for code in ("EUR", "JPY"))
    town = Town(euros).join()
    town.buy("p", 1)  # 100 cents
    assert town["c1"].tier == "silver"
    town.rules = yens
    town.do(ExpirePoints, "2024-03-02")
    assert town["c1"].tier == "member"


def test_a_stay_is_taken_back_as_a_stay_and_only_when_it_is_given_back_whole() -> None:
    town = Town(BY_STAYS).join()
    town.buy("p", 90, category="room")
    town.rules = policy(tiers=TIERS, rounding="up")
    (half,) = town.refund("p", 1, 2, name="half")
    assert isinstance(half, EarningReversed)
    assert (half.points, half.qualifying) == (45, 0)
    (whole,) = town.refund("p", 2, 2, name="whole")
    assert isinstance(whole, EarningReversed)
    assert (whole.qualifying, whole.unit, whole.month) == (1, "stays", "2024-02")
    assert town["c1"].qualified == 0


def test_what_was_recorded_without_a_unit_counts_whatever_tiers_go_by() -> None:
    """Events of before say no unit; they mean what they meant then."""
    told: dict[str, Any] = {"active_from": micros("2024-02-01"), "reason": "purchase", "policy": 1, "month": "2024-02"}
    for rules in (BY_POINTS, BY_STAYS):
        town = Town(rules).join()
        earned = PointsEarned(lot="purchase/old", points=99, qualifying=19, source="old", **told)
        town.states["loyalty-c1"] = AGGREGATE.decider.evolve(town["c1"], earned)
        town.buy("p", 81, on="2024-02-02", category="room")
        assert town["c1"].tier != "member"
        town.refund("old", on="2024-02-03")
        assert town["c1"].tier == "member"


# --- in what order merges are undone --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("c2", "c3"), ("c3", "c2")])
@pytest.mark.parametrize("bought", [False, True])
def test_who_was_no_member_is_none_when_all_who_came_have_gone(order: tuple[str, str], bought: bool) -> None:
    town = Town(BY_POINTS).join("c2").join("c3", on="2024-01-05")
    town.buy("p", 300, on="2024-01-06", customer="c2")
    merge(town, "2024-02-01", "c2")
    merge(town, "2024-02-02", "c3")
    if bought:
        town.buy("own", 10, on="2024-02-03")
    part(town, "2024-03-01", order[0])
    stays = {"c2": micros("2024-01-05"), "c3": micros("2024-01-01")}
    assert town["c1"].enrolled_at == stays[order[0]]
    part(town, "2024-03-02", order[1])
    ledger = town["c1"].ledger("main")
    assert ledger.enrolled_at == (micros("2024-02-03") if bought else None)
    assert ledger.tier == ("member" if bought else None)
    assert [town[name].tier for name in ("c2", "c3")] == ["gold", "member"]


def test_who_left_and_came_back_between_two_merges_is_a_member_by_themselves() -> None:
    town = Town(BY_POINTS).join("c2").join("c3", on="2024-01-05")
    merge(town, "2024-02-01", "c2")
    town.do(CloseAccount, "2024-02-02")
    town.do(ReopenAccount, "2024-02-03")
    merge(town, "2024-02-04", "c3")
    part(town, "2024-03-01", "c2")
    part(town, "2024-03-02", "c3")
    assert town["c1"].enrolled_at == micros("2024-02-03")


def test_a_recommendation_that_was_worth_nothing_leaves_room_for_another() -> None:
    rules = policy(referral={"referrer_points": 50, "days_valid": 60, "most_per_member": 1})
    town = Town(rules).join("c1")
    for number, worth in ((1, 50), (2, 50), (3, 50)):
        town.do(MakeReferral, "2024-01-02", referral=f"f{number}", referred=f"n{number}")
        town.join(f"n{number}", on="2024-01-03")
        town.buy("p", 10, on=f"2024-01-{3 + number:02d}", customer=f"n{number}")
        assert town["c1"].balance == worth
        if number == 1:
            refund(town, "p", "2024-01-04T12:00", "n1")
            assert (town["c1"].balance, town["c1"].ledger().rewarded) == (0, 0)
    assert town["c1"].ledger().rewarded == 1


def test_nor_does_it_count_after_a_merge_for_either() -> None:
    rules = policy(referral={"referrer_points": 50, "days_valid": 60, "most_per_member": 1})
    town = Town(rules).join("c1", "c2")
    town.do(MakeReferral, "2024-01-02", "c2", referral="f", referred="n1")
    town.join("n1", on="2024-01-03")
    town.buy("p", 10, on="2024-01-04", customer="n1")
    merge(town, "2024-02-01")
    assert town["c1"].ledger().rewarded == 1
    refund(town, "p", "2024-02-02", "n1")
    assert town["c1"].ledger().rewarded == 0
    part(town, "2024-02-03")
    assert [town[name].ledger().rewarded for name in ("c1", "c2")] == [0, 0]
