"""The deeper rules of a member's account, one by one: given what happened, when this is wanted, then that follows."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

import pytest

from relations.aggregates import loyalty, programme
from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReopened,
    AdjustPoints,
    BenefitUsed,
    CloseAccount,
    ClubJoined,
    ClubLeft,
    CreditPurchase,
    DebtRepaid,
    EarningReversed,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    ExpiryDeferred,
    GracedLot,
    IssueReward,
    JoinClub,
    LeaveClub,
    LotShare,
    LoyaltyEvent,
    MakeReferral,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedeemPoints,
    RedemptionReversed,
    ReferralFulfilled,
    ReferralRewarded,
    ReleaseAccount,
    ReopenAccount,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
    TransferPoints,
    UseBenefit,
    UseReward,
)
from relations.aggregates.programme import SetProgrammeGoal, StockReturned, StockTaken
from relations.decider import Aggregate, due_before, fold
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Command, Envelope, Event, Money, to_micros
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.reactions import react

AGGREGATES: dict[str, Aggregate[Any]] = {"loyalty": loyalty.AGGREGATE, "programme": programme.AGGREGATE}
TIERS = [
    {"name": "member", "threshold": 0, "benefits": ["water"]},
    {"name": "silver", "threshold": 100, "benefits": ["lounge"]},
    {"name": "gold", "threshold": 300, "multiplier": 2},
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def micros(text: str) -> int:
    return to_micros(at(text))


def policy(*, more: Any = (), **values: Any) -> Policy:
    """One point a euro, twelve months, no tiers, unless told otherwise; the zone is Vienna's, at +1 in winter."""
    months = {} if values.get("expiry") is not None else {"months_to_expiry": 12}
    rules = {"rates": {"EUR": 1, "JPY": "0.1", "KWD": 3}, "tiers": [], **months, **values}
    return Policy.model_validate({"zone": "Europe/Vienna", "programme": rules, "programmes": more})


class Town:
    """Members who deal with each other: every command with all that its events lead to, or nothing of it."""

    def __init__(self, rules: Policy) -> None:
        self.rules = rules
        self.states: dict[str, Any] = {}

    def __getitem__(self, customer: str) -> loyalty.Account:
        return self.states.get(f"loyalty-{customer}", loyalty.AGGREGATE.decider.initial)  # type: ignore[no-any-return]

    def do(self, kind: type[Command], on: str, customer: str = "c1", /, **fields: Any) -> list[Event]:
        who = {} if "programme" in kind.model_fields and "customer" not in kind.model_fields else {"customer": customer}
        return self.send(kind(occurred_at=at(on), **who, **fields))

    def send(self, command: Command) -> list[Event]:
        states, happened = dict(self.states), []
        pending = deque([command])
        while pending:
            wanted = pending.popleft()
            stream = wanted.stream
            aggregate = AGGREGATES[stream.partition("-")[0]]
            decider = aggregate.decider
            state = states.get(stream, decider.initial)
            for due, before, events in due_before(aggregate, state, wanted, InForce([self.rules])):
                state = fold(decider, events, before)
                happened += events
                pending.extend(self._asked(events, stream, due.at))
            events = decider.decide(state, wanted, self.rules)
            state = fold(decider, events, state)
            happened += events
            pending.extend(self._asked(events, stream, wanted.at))
            states[stream] = state
        self.states = states
        return happened

    def _asked(self, events: list[Event], stream: str, at: int) -> list[Command]:
        customer = stream.partition("-")[2]
        envelope = Envelope(position=1, stream=stream, version=1, customer=customer, occurred_at=at, recorded_at=0)
        return [command for event in events for command in react(event, envelope, self.rules)]

    def refused(self, kind: type[Command], on: str, customer: str = "c1", /, **fields: Any) -> str:
        before = self.states
        with pytest.raises(CommandRefused) as caught:
            self.do(kind, on, customer, **fields)
        assert self.states is before, "something happened all the same"
        assert caught.value.code in {**loyalty.REFUSALS, **programme.REFUSALS}
        return str(caught.value)

    def join(self, *customers: str, on: str = "2024-01-01") -> Town:
        for customer in customers or ("c1",):
            self.do(EnrolMember, on, customer)
        return self

    def buy(
        self, purchase: str, euros: int, on: str = "2024-02-01", customer: str = "c1", **values: Any
    ) -> list[Event]:
        return self.do(CreditPurchase, on, customer, purchase=purchase, amount=Money(euros * 100, "EUR"), **values)

    def refund(self, purchase: str, part: int = 1, of: int = 1, on: str = "2024-03-01", name: str = "r") -> list[Event]:
        return self.do(ReverseEarning, on, refund=name, purchase=purchase, refunded=part, bought=of)

    def redeem(self, points: int, on: str = "2024-03-01", name: str = "x") -> list[Event]:
        return self.do(RedeemPoints, on, redemption=name, points=points)

    def balances(self, *customers: str) -> list[int]:
        return [self[customer].balance for customer in customers]


def shares(*pairs: tuple[str, int]) -> tuple[LotShare, ...]:
    return tuple(LotShare(lot, points) for lot, points in pairs)


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


# --- pending points -------------------------------------------------------------------------------------------------


def test_points_are_pending_until_their_day_and_then_activated_once() -> None:
    town = Town(policy(pending_days=14)).join()
    (earned,) = town.buy("p", 50, on="2024-02-01T12:00")
    assert isinstance(earned, PointsEarned)
    assert (earned.earned_at, earned.active_from) == (micros("2024-02-01T12:00"), micros("2024-02-14T23:00"))
    assert town["c1"].ledger().pending == 50
    assert "0 can be spent; 50 are pending" in town.refused(
        RedeemPoints, "2024-02-14T22:59:59", redemption="x", points=1
    )
    assert town.do(ExpirePoints, "2024-02-14T22:59:59") == []
    assert town.do(ExpirePoints, "2024-02-14T23:00") == [PointsActivated(points=50, lots=shares(("purchase/p", 50)))]
    assert town.do(ExpirePoints, "2024-02-15") == []
    assert kinds(town.redeem(50)) == [PointsRedeemed]


def test_a_redemption_activates_what_is_due_with_it() -> None:
    town = Town(policy(pending_days=14)).join()
    town.buy("p", 50)
    assert kinds(town.redeem(20)) == [PointsActivated, PointsRedeemed]


def test_a_refund_takes_pending_points_and_nothing_that_can_be_spent() -> None:
    town = Town(policy(pending_days=14)).join()
    town.buy("a", 50, on="2024-01-05")
    town.do(ExpirePoints, "2024-02-01")
    town.buy("b", 30, on="2024-02-10")
    (reversed_,) = town.refund("b", on="2024-02-12")
    assert isinstance(reversed_, EarningReversed)
    assert reversed_.lots == shares(("purchase/b", 30))
    assert town["c1"].ledger().pending == 0


def test_of_other_lots_a_refund_takes_pending_ones_first() -> None:
    town = Town(policy(pending_days=14)).join()
    town.buy("a", 50, on="2024-01-05")
    town.buy("active", 20, on="2024-01-06")
    town.redeem(50, on="2024-02-01")
    town.buy("pending", 30, on="2024-02-10")
    (reversed_,) = town.refund("a", on="2024-02-12")
    assert isinstance(reversed_, EarningReversed)
    assert reversed_.lots == shares(("purchase/pending", 30), ("purchase/active", 20))


# --- how long points last -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "earned", "gone"),
    [
        ({"kind": "end_of_period", "period": "year"}, "2024-02-29", "2024-12-31T23:00"),
        ({"kind": "end_of_period", "period": "year", "more_count": 1}, "2024-12-31T22:59", "2025-12-31T23:00"),
        ({"kind": "end_of_period", "period": "year"}, "2024-12-31T23:00", "2025-12-31T23:00"),
        ({"kind": "end_of_period", "period": "quarter"}, "2024-02-29", "2024-03-31T22:00"),
        ({"kind": "end_of_period", "period": "month"}, "2024-02-29", "2024-02-29T23:00"),
    ],
)
def test_points_may_last_to_the_end_of_a_period(expiry: dict[str, Any], earned: str, gone: str) -> None:
    town = Town(policy(expiry=expiry)).join()
    town.buy("p", 50, on=earned)
    assert town["c1"].lots["purchase/p"].expires_at == micros(gone)
    assert kinds(town.do(ExpirePoints, gone)) == [PointsExpired]


def test_points_may_last_until_the_member_is_inactive_for_too_long() -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 6})).join()
    deferred, earned = town.buy("a", 50, on="2024-01-31")
    assert deferred == ExpiryDeferred(until=micros("2024-07-31T22:00"), months_count=6)
    assert isinstance(earned, PointsEarned)
    assert (earned.expires_at, earned.lapsing) == (None, True)
    assert kinds(town.redeem(10, on="2024-07-01")) == [PointsRedeemed, ExpiryDeferred]
    assert town.do(ExpirePoints, "2024-12-31") == []
    assert town.do(ExpirePoints, "2025-01-01T23:00") == [PointsExpired(points=40, lots=shares(("purchase/a", 40)))]


def test_buying_again_does_not_bring_back_what_had_lapsed() -> None:
    town = Town(policy(expiry={"kind": "inactivity", "months_count": 1})).join()
    town.buy("a", 50, on="2024-01-10")
    assert kinds(town.buy("b", 5, on="2024-04-01")) == [PointsExpired, ExpiryDeferred, PointsEarned]
    assert town["c1"].balance == 5


def test_at_the_moment_of_expiry_points_can_no_longer_be_spent() -> None:
    town = Town(policy()).join()
    town.buy("p", 50, on="2024-02-01")
    gone = "2025-02-01T23:00"
    assert "insufficient_points" in town.refused(RedeemPoints, gone, redemption="x", points=1)
    other = Town(policy()).join()
    other.buy("p", 50, on="2024-02-01")
    assert kinds(other.redeem(50, on="2025-02-01T22:59:59")) == [PointsRedeemed]
    assert other.do(ExpirePoints, gone) == []


# --- redemptions undone ---------------------------------------------------------------------------------------------


def test_a_reversed_redemption_restores_the_original_lots_with_their_expiry() -> None:
    town = Town(policy()).join()
    town.buy("a", 30)
    town.buy("b", 30, on="2024-02-02")
    before = town["c1"].lots
    town.redeem(40)
    (back,) = town.do(ReverseRedemption, "2024-04-01", redemption="x")
    assert isinstance(back, RedemptionReversed)
    assert (back.points, back.lots) == (40, shares(("purchase/a", 30), ("purchase/b", 10)))
    assert back.expiries == (before["purchase/a"].expires_at, before["purchase/b"].expires_at)
    assert town["c1"].lots == before
    assert town.do(ReverseRedemption, "2024-05-01", redemption="x") == []


@pytest.mark.parametrize("told", [True, False])
def test_points_of_a_lot_that_has_expired_meanwhile_expire_at_once(told: bool) -> None:
    town = Town(policy()).join()
    town.buy("a", 30)
    town.redeem(20)
    if told:
        town.do(ExpirePoints, "2025-02-02")
    events = town.do(ReverseRedemption, "2025-03-01", redemption="x")
    assert kinds(events)[-2:] == [RedemptionReversed, PointsExpired]
    assert events[-1] == PointsExpired(points=20, lots=shares(("purchase/a", 20)))
    assert town["c1"].balance == 0


def test_or_have_a_grace_where_policy_gives_one() -> None:
    town = Town(policy(reversal_after_expiry="grace", reversal_grace_days=30)).join()
    town.buy("a", 30)
    town.buy("b", 30, on="2024-08-01")
    town.redeem(40, on="2024-09-01")
    events = town.do(ReverseRedemption, "2025-03-01", redemption="x")
    back = events[-1]
    assert isinstance(back, RedemptionReversed)
    assert back.graced == (GracedLot("purchase/a", micros("2025-03-31T22:00")),)
    assert town["c1"].balance == 60
    assert town.do(ExpirePoints, "2025-03-31T21:59") == []
    assert town.do(ExpirePoints, "2025-03-31T22:00") == [PointsExpired(points=30, lots=shares(("purchase/a", 30)))]


def test_a_second_redemption_undone_does_not_end_the_grace_of_the_first() -> None:
    town = Town(policy(reversal_after_expiry="grace", reversal_grace_days=10)).join()
    town.buy("p", 100, on="2024-01-02")
    town.redeem(60, on="2024-01-03", name="x")
    town.redeem(30, on="2024-01-03", name="y")
    town.do(ExpirePoints, "2025-02-01")
    town.do(ReverseRedemption, "2025-02-01", redemption="x")
    town.do(ReverseRedemption, "2025-02-02", redemption="y")
    assert town["c1"].balance == 90
    assert town.do(ExpirePoints, "2025-02-11T22:59") == []
    (expired,) = town.do(ExpirePoints, "2025-02-11T23:00")
    assert isinstance(expired, PointsExpired)
    assert expired.points == 90


def test_a_redemption_that_there_is_not_cannot_be_undone() -> None:
    assert "no redemption 'y'" in Town(policy()).join().refused(ReverseRedemption, "2024-04-01", redemption="y")


def test_what_comes_back_repays_a_debt_first() -> None:
    town = Town(policy()).join()
    town.buy("a", 30)
    town.buy("b", 10)
    town.redeem(40)
    town.refund("a")
    assert town["c1"].debt == 30
    events = town.do(ReverseRedemption, "2024-04-01", redemption="x")
    assert kinds(events) == [RedemptionReversed, DebtRepaid]
    assert (town["c1"].balance, town["c1"].debt) == (10, 0)


def test_a_refund_after_points_were_spent_and_the_rest_expired_takes_what_was_spent() -> None:
    town = Town(policy()).join()
    town.buy("a", 30)
    town.redeem(20)
    town.do(ExpirePoints, "2025-03-01")
    town.buy("b", 50, on="2025-03-02")
    (reversed_,) = town.refund("a", on="2025-04-01")
    assert isinstance(reversed_, EarningReversed)
    assert (reversed_.points, reversed_.expired, reversed_.lots) == (20, 10, shares(("purchase/b", 20)))


# --- between members ------------------------------------------------------------------------------------------------


def test_points_go_to_another_member_and_keep_their_expiry() -> None:
    town = Town(policy()).join("c1", "c2")
    town.buy("a", 30)
    town.buy("b", 30, on="2024-02-02")
    released, received = town.do(TransferPoints, "2024-03-01", transfer="t", to="c2", points=40)
    assert isinstance(released, PointsReleased)
    assert isinstance(received, PointsReceived)
    lots = town["c2"].lots
    assert [lots[name].expires_at for name in sorted(lots)] == [micros("2025-02-01T23:00"), micros("2025-02-02T23:00")]
    assert {name: lot.points for name, lot in lots.items()} == {"transfer/c1/t/1": 30, "transfer/c1/t/2": 10}
    assert town.balances("c1", "c2") == [20, 40]
    assert town.do(TransferPoints, "2024-03-02", transfer="t", to="c2", points=40) == []
    assert "transfer_exists" in town.refused(TransferPoints, "2024-03-02", transfer="t", to="c2", points=41)


def test_whoever_gets_points_becomes_a_member_and_a_closed_account_gets_none() -> None:
    town = Town(policy(tiers=TIERS)).join("c1")
    town.buy("a", 30)
    assert kinds(town.do(TransferPoints, "2024-03-01", transfer="t", to="c2", points=5))[-2:] == [
        TierReached,
        PointsReceived,
    ]
    town.do(CloseAccount, "2024-03-02", "c2")
    assert "account_closed" in town.refused(TransferPoints, "2024-03-03", transfer="u", to="c2", points=5)
    assert town["c1"].balance == 25


def test_transfers_may_be_ruled_out_and_cannot_be_to_oneself() -> None:
    town = Town(policy(transfers=False)).join("c1", "c2")
    town.buy("a", 30)
    assert "transfers_not_allowed" in town.refused(TransferPoints, "2024-03-01", transfer="t", to="c2", points=5)
    with pytest.raises(InvalidInput, match="themselves"):
        TransferPoints(customer="c1", transfer="t", to="c1", points=5, occurred_at=at("2024-03-01"))


def test_a_transferred_lot_that_is_refunded_is_owed_by_who_bought() -> None:
    town = Town(policy()).join("c1", "c2")
    town.buy("a", 30)
    town.do(TransferPoints, "2024-03-01", transfer="t", to="c2", points=30)
    town.refund("a")
    assert town.balances("c1", "c2") == [-30, 30]


# --- by hand --------------------------------------------------------------------------------------------------------


def test_an_adjustment_names_its_author_and_reason_and_keeps_within_the_authority() -> None:
    town = Town(policy(adjustment_max=50, authority={"head": 500})).join()
    some: dict[str, Any] = {"reason": "goodwill", "author": "anna"}
    (more,) = town.do(AdjustPoints, "2024-03-01", adjustment="a1", points=50, **some)
    assert isinstance(more, PointsAdjusted)
    assert (more.lot, more.expires_at, more.author) == ("adjustment/a1", micros("2025-03-01T23:00"), "anna")
    assert "anna cannot adjust 51 points: the limit is 50" in town.refused(
        AdjustPoints, "2024-03-01", adjustment="a2", points=-51, **some
    )
    town.do(AdjustPoints, "2024-03-01", adjustment="a2", points=51, role="head", **some)
    (less,) = town.do(AdjustPoints, "2024-03-02", adjustment="a3", points=-20, **some)
    assert isinstance(less, PointsAdjusted)
    assert less.lots == shares(("adjustment/a1", 20))
    assert town["c1"].balance == 81
    assert "insufficient_points" in town.refused(
        AdjustPoints, "2024-03-02", adjustment="a4", points=-82, role="head", **some
    )
    assert town.do(AdjustPoints, "2024-03-02", adjustment="a3", points=-20, **some) == []


# --- earning by more rules ------------------------------------------------------------------------------------------

SPRING = {"id": "spring", "starts": "2024-03-01", "ends": "2024-06-01", "multiplier": 2, "joining_points": 25}


def test_a_campaign_gives_more_on_its_own_days_in_the_businesss_zone() -> None:
    town = Town(policy(campaigns=[{**SPRING, "joining_points": 0, "bonus_points": 3}])).join()
    points = []
    for number, when in enumerate(["2024-02-29T22:59", "2024-02-29T23:00", "2024-05-31T21:59", "2024-05-31T22:00"]):
        (earned,) = town.buy(f"p{number}", 10, on=when)
        assert isinstance(earned, PointsEarned)
        points.append((earned.points, earned.qualifying, earned.campaigns))
    assert points == [(10, 10, ()), (23, 10, ("spring",)), (23, 10, ("spring",)), (10, 10, ())]


def test_who_joins_during_a_campaign_gets_its_points_and_earns_by_it_from_then_on() -> None:
    town = Town(policy(campaigns=[SPRING], joining_points=5))
    assert town.buy("early", 10, on="2024-04-01") == []
    joined = town.do(EnrolMember, "2024-04-02")
    assert isinstance(joined[-1], PointsEarned)
    assert (joined[-1].points, joined[-1].reason, joined[-1].campaigns) == (30, "joining", ("spring",))
    assert town.buy("before", 10, on="2024-04-01") == []
    assert town.buy("after", 10, on="2024-04-02") != []
    assert town["c1"].balance == 50


def test_campaigns_that_run_together_add_up_and_each_keeps_to_its_purchases() -> None:
    spa = {"id": "spa", "starts": "2024-04-01", "ends": "2024-05-01", "multiplier": 3, "categories": ["spa"]}
    large = {"id": "large", "starts": "2024-01-01", "ends": "2025-01-01", "bonus_points": 7, "minimum": 10_000}
    town = Town(policy(campaigns=[{**SPRING, "joining_points": 0}, spa, large], category_factors={"gift": 0})).join()
    for category, euros, points in (("spa", 10, 40), ("room", 10, 20), ("spa", 100, 407), ("gift", 100, 0)):
        events = town.buy(f"{category}{euros}", euros, on="2024-04-10", category=category)
        assert [each.points for each in events if isinstance(each, PointsEarned)] == ([points] if points else [])


@pytest.mark.parametrize(("money", "points"), [(Money(500, "JPY"), 50), (Money(2_500, "KWD"), 7), (Money(9, "JPY"), 0)])
def test_each_currency_earns_and_is_taken_back_by_its_own_unit(money: Money, points: int) -> None:
    town = Town(policy(pending_days=1)).join()
    town.do(CreditPurchase, "2024-02-01", purchase="p", amount=money)
    assert town["c1"].balance == points
    town.refund("p", money.amount, money.amount)
    assert town["c1"].balance == 0


@pytest.mark.parametrize(
    ("basis", "bought", "qualifying"),
    [
        ("points", [("room", 10, "EUR"), ("spa", 5, "EUR")], 25),
        ("orders", [("room", 10, "EUR"), ("spa", 5, "EUR"), ("gift", 5, "EUR")], 2),
        ("stays", [("room", 10, "EUR"), ("spa", 5, "EUR"), ("room", 1, "EUR")], 2),
        ("spend", [("room", 10, "EUR"), ("spa", 2, "KWD"), ("room", 9, "JPY")], 1_000 + 66),
    ],
)
def test_tiers_may_go_by_points_spend_stays_or_orders(basis: str, bought: Any, qualifying: int) -> None:
    rules = policy(
        tier_basis=basis, stay_categories=["room"], category_factors={"spa": 3, "gift": 0}, fx={"KWD": "3.3"},
        tiers=TIERS,
    )  # fmt: skip
    town = Town(rules).join()
    for number, (category, major, currency) in enumerate(bought):
        minor = major * (100 if currency == "EUR" else 100 if currency == "KWD" else 1)
        town.do(CreditPurchase, "2024-02-01", purchase=f"p{number}", amount=Money(minor, currency), category=category)
    assert town["c1"].qualified == qualifying
    reached = [each for each in town.refund("p0", 1, 2) if isinstance(each, EarningReversed)]
    assert reached[0].qualifying == {"points": 5, "orders": 0, "stays": 0, "spend": 500}[basis]


def test_the_exchange_rate_is_kept_with_the_event() -> None:
    town = Town(policy(tier_basis="spend", fx={"KWD": "3.3"}, tiers=TIERS)).join()
    events = town.do(CreditPurchase, "2024-02-01", purchase="p", amount=Money(1_000, "KWD"))
    assert isinstance(events[0], PointsEarned)
    assert (events[0].fx, events[0].qualifying) == ("3.3", 330)
    town.rules = policy(tier_basis="spend", fx={"KWD": "9"}, tiers=TIERS)
    town.refund("p")
    assert town["c1"].qualified == 0


# --- tiers ----------------------------------------------------------------------------------------------------------

YEARLY = {"tiers": TIERS, "tier_window": {"kind": "calendar_year"}, "downgrade_when": "year_end"}


def evaluate(town: Town, on: str) -> list[Event]:
    """The events of the tier, without the points that expire in the meantime."""
    return [each for each in town.do(EvaluateTier, on) if not isinstance(each, PointsExpired)]


def test_at_year_end_a_tier_is_kept_by_the_year_that_ends_and_lost_by_the_next() -> None:
    town = Town(policy(**YEARLY)).join()
    town.buy("p", 150, on="2024-11-01")
    assert evaluate(town, "2024-12-31T22:59") == []
    (kept,) = evaluate(town, "2024-12-31T23:00")
    assert kept == TierKept(
        tier="silver", qualifying=150, month="2024-12", window="calendar_year", reviewed_at=micros("2024-12-31T23:00")
    )
    assert evaluate(town, "2025-12-31T22:59") == []
    (lost,) = evaluate(town, "2025-12-31T23:00")
    assert isinstance(lost, TierLost)
    assert (lost.tier, lost.next, lost.qualifying, lost.since) == ("silver", "member", 0, micros("2025-12-31T23:00"))


def test_after_a_long_silence_every_review_is_made_in_its_order() -> None:
    town = Town(policy(**YEARLY, downgrade_to="one_step")).join()
    town.buy("p", 350, on="2024-11-01")
    events = evaluate(town, "2028-06-01")
    assert kinds(events) == [TierKept, TierLost, TierLost]
    assert [each.next for each in events if isinstance(each, TierLost)] == ["silver", "member"]
    assert evaluate(town, "2028-06-01") == []


def test_on_the_anniversary_of_the_tier() -> None:
    town = Town(policy(tiers=TIERS, downgrade_when="anniversary")).join()
    town.buy("p", 150, on="2024-02-29T12:00")
    town.buy("q", 10, on="2024-06-01")
    assert evaluate(town, "2025-02-28T22:59") == []
    events = evaluate(town, "2025-02-28T23:00")  # 1 March: the twelve months to the end of February
    assert kinds(events) == [TierLost]
    kept = Town(policy(tiers=TIERS, downgrade_when="anniversary")).join()
    kept.buy("p", 150, on="2024-02-29T12:00")
    kept.buy("q", 110, on="2024-06-01")
    assert kinds(evaluate(kept, "2025-03-01")) == [TierKept]
    assert kinds(evaluate(kept, "2026-03-01")) == [TierLost]


def test_a_member_is_warned_once_before_a_loss_and_again_of_another() -> None:
    rules = policy(tiers=TIERS, warning_days=30)
    town = Town(rules).join()
    town.buy("p", 150)
    assert evaluate(town, "2025-01-01") == []
    (warned,) = evaluate(town, "2025-01-02")
    assert warned == TierWarned(
        tier="silver", qualifying=0, required=100, losing_at=micros("2025-01-31T23:00"), window="rolling_months:12"
    )
    assert evaluate(town, "2025-01-20") == []
    town.buy("q", 100, on="2025-01-25")
    assert evaluate(town, "2025-01-31T23:00") == []
    assert kinds(evaluate(town, "2025-12-03")) == [TierWarned]
    assert kinds(evaluate(town, "2025-12-31T23:00")) == [TierLost]


def test_a_grace_keeps_a_tier_that_is_no_longer_earned_until_it_ends() -> None:
    rules = policy(tiers=TIERS, grace_days=20)
    for saved in (False, True):
        town = Town(rules).join()
        town.buy("p", 150)
        (grace,) = evaluate(town, "2025-01-31T23:00")
        assert isinstance(grace, TierGraceGiven)
        assert grace.until == micros("2025-02-20T23:00")
        assert town["c1"].tier == "silver"
        if saved:
            town.buy("q", 100, on="2025-02-10")
        assert evaluate(town, "2025-02-20T22:59") == []
        assert kinds(evaluate(town, "2025-02-20T23:00")) == [TierKept if saved else TierLost]


def test_a_late_refund_costs_the_tier_from_then_on() -> None:
    town = Town(policy(**YEARLY)).join()
    town.buy("p", 150, on="2024-11-01")
    evaluate(town, "2025-01-01")
    events = town.refund("p", on="2025-06-01")
    assert kinds(events) == [EarningReversed, TierLost]
    assert isinstance(events[-1], TierLost)
    assert events[-1].since == micros("2025-06-01")
    kept = Town(policy(**YEARLY)).join()
    kept.buy("p", 150, on="2024-11-01")
    kept.buy("q", 20, on="2025-02-01")
    evaluate(kept, "2025-03-01")
    assert kinds(kept.refund("q", on="2025-06-01")) == [EarningReversed]
    assert kept["c1"].tier == "silver"


def test_a_refund_in_parts_costs_the_tiers_that_the_whole_costs() -> None:
    whole, split = (Town(policy(tiers=TIERS, downgrade_to="one_step")).join() for _ in range(2))
    for town in (whole, split):
        town.buy("p", 300)
    whole.refund("p", 260, 300, on="2024-03-01")
    split.refund("p", 250, 300, on="2024-03-01", name="r1")
    split.refund("p", 260, 300, on="2024-03-01", name="r2")
    assert whole["c1"].tier == split["c1"].tier == "member"


def test_one_step_a_month_however_often_the_tier_is_looked_at() -> None:
    town = Town(policy(tiers=TIERS, downgrade_to="one_step")).join()
    town.buy("p", 300)
    for _ in range(3):
        evaluate(town, "2025-01-31T23:00")
    assert town["c1"].tier == "silver"
    evaluate(town, "2025-02-28T23:00")
    assert town["c1"].tier == "member"


def test_the_window_slides_past_a_large_purchase() -> None:
    town = Town(policy(tiers=TIERS)).join()
    town.buy("large", 350, on="2024-02-01")
    town.buy("small", 120, on="2024-08-01")
    assert town["c1"].tier == "gold"
    assert [each.next for each in evaluate(town, "2025-01-31T23:00") if isinstance(each, TierLost)] == ["silver"]
    assert [each.next for each in evaluate(town, "2025-07-31T22:00") if isinstance(each, TierLost)] == ["member"]


# --- rewards, benefits, clubs ---------------------------------------------------------------------------------------

REWARDS = {
    "tiers": TIERS,
    "rewards": [
        {"name": "night", "points": 50, "stock": 2, "days_valid": 30},
        {"name": "suite", "kind": "upgrade", "points": 10, "tier": "gold"},
        {"name": "card", "points": 0},
    ],
    "clubs": ["wine"],
}


def test_a_reward_is_bought_with_points_and_used_once_in_its_time() -> None:
    town = Town(policy(**REWARDS)).join()
    town.buy("p", 90)
    events = town.do(IssueReward, "2024-03-01T12:00", coupon="k", reward="night")
    assert kinds(events) == [PointsRedeemed, RewardIssued, StockTaken]
    assert isinstance(events[1], RewardIssued)
    assert events[1].expires_at == micros("2024-03-31T22:00")
    assert town.do(IssueReward, "2024-03-02", coupon="k", reward="night") == []
    assert "coupon_ended" in town.refused(UseReward, "2024-03-31T22:00", coupon="k")
    assert town.do(UseReward, "2024-03-31T21:59", coupon="k") == [RewardUsed(coupon="k", reward="night")]
    assert town.do(UseReward, "2024-04-02", coupon="k") == []
    assert "reward_used" in town.refused(ReverseRedemption, "2024-04-01", redemption="k")
    assert town.do(ExpireRewards, "2024-05-01") == []


def test_a_reward_that_is_not_used_expires_and_one_given_back_returns_to_stock() -> None:
    town = Town(policy(**REWARDS)).join("c1", "c2")
    town.buy("p", 90)
    town.buy("p", 200, customer="c2")
    town.do(IssueReward, "2024-03-01", coupon="k", reward="night")
    town.do(IssueReward, "2024-03-01", "c2", coupon="k", reward="night")
    assert "out_of_stock" in town.refused(IssueReward, "2024-03-01", "c2", coupon="l", reward="night")
    assert town["c2"].balance == 150
    assert kinds(town.do(ReverseRedemption, "2024-03-02", redemption="k")) == [RedemptionReversed, StockReturned]
    assert kinds(town.do(IssueReward, "2024-03-03", "c2", coupon="l", reward="night"))[-1] is StockTaken
    assert "out_of_stock" in town.refused(IssueReward, "2024-03-04", coupon="m", reward="night")
    assert town.do(ExpireRewards, "2024-03-31T22:00", "c2") == [
        RewardExpired(coupon="k", reward="night", limited=True),
        StockReturned(reward="night", customer="c2", coupon="k"),
    ]
    assert kinds(town.do(IssueReward, "2024-04-01", coupon="m", reward="night"))[-1] is StockTaken
    assert town["c1"].balance == 40


def test_a_reward_that_cost_nothing_is_given_back_unless_it_was_used() -> None:
    free = [{"name": "pin", "points": 0, "stock": 1}]
    town = Town(policy(tiers=[], rewards=free)).join("c1", "c2")
    town.do(IssueReward, "2024-03-01", coupon="k", reward="pin")
    assert "out_of_order" in town.refused(ReverseRedemption, "2024-02-01", redemption="k")
    assert town.do(ReverseRedemption, "2024-03-02", redemption="k") == [
        RedemptionReversed(redemption="k", points=0, lots=(), reward="pin", limited=True),
        StockReturned(reward="pin", customer="c1", coupon="k"),
    ]
    assert town.do(ReverseRedemption, "2024-03-02", redemption="k") == []
    assert "coupon_ended" in town.refused(UseReward, "2024-03-03", coupon="k")
    town.do(IssueReward, "2024-03-03", "c2", coupon="k", reward="pin")
    town.do(UseReward, "2024-03-04", "c2", coupon="k")
    assert "reward_used" in town.refused(ReverseRedemption, "2024-03-05", "c2", redemption="k")


def test_rewards_and_benefits_go_by_tier() -> None:
    town = Town(policy(**REWARDS)).join()
    town.buy("p", 120)
    assert "tier_too_low" in town.refused(IssueReward, "2024-03-01", coupon="k", reward="suite")
    assert "unknown_reward" in town.refused(IssueReward, "2024-03-01", coupon="k", reward="yacht")
    assert kinds(town.do(IssueReward, "2024-03-01", coupon="k", reward="card")) == [RewardIssued]
    assert kinds(town.do(UseBenefit, "2024-03-01", use="u1", benefit="water")) == [BenefitUsed]
    assert town.do(UseBenefit, "2024-03-01", use="u2", benefit="lounge") == [
        BenefitUsed(use="u2", benefit="lounge", tier="silver")
    ]
    assert "unknown_benefit" in town.refused(UseBenefit, "2024-03-01", use="u3", benefit="boat")
    assert town.do(UseBenefit, "2024-03-02", use="u2", benefit="lounge") == []


def test_clubs_are_joined_and_left() -> None:
    town = Town(policy(**REWARDS)).join()
    assert town.do(JoinClub, "2024-03-01", club="wine") == [ClubJoined(club="wine")]
    assert town.do(JoinClub, "2024-03-02", club="wine") == []
    assert "unknown_club" in town.refused(JoinClub, "2024-03-01", club="golf")
    assert town.do(LeaveClub, "2024-03-03", club="wine") == [ClubLeft(club="wine")]
    assert town.do(LeaveClub, "2024-03-04", club="wine") == []


# --- referrals ------------------------------------------------------------------------------------------------------

REFERRAL = {"referral": {"referrer_points": 50, "referred_points": 20, "days_valid": 60, "most_per_member": 1}}


def test_a_referral_is_rewarded_with_the_first_purchase_of_who_was_recommended() -> None:
    town = Town(policy(**REFERRAL)).join("c1")
    town.do(MakeReferral, "2024-02-01", referral="f", referred="c2")
    town.join("c2", on="2024-02-10")
    events = town.buy("p", 10, on="2024-02-20", customer="c2")
    assert kinds(events) == [PointsEarned, ReferralFulfilled, PointsEarned, ReferralRewarded, PointsEarned]
    assert town.balances("c1", "c2") == [50, 30]
    assert kinds(town.buy("q", 10, on="2024-02-21", customer="c2")) == [PointsEarned]


def test_or_with_joining_and_only_so_often_and_in_time() -> None:
    rules = policy(referral={**REFERRAL["referral"], "after": "joining"})
    town = Town(rules).join("c1")
    for number in (2, 3, 4):
        town.do(MakeReferral, "2024-02-01", referral=f"f{number}", referred=f"c{number}")
    town.do(EnrolMember, "2024-02-10", "c2")
    town.do(EnrolMember, "2024-02-10", "c3")
    town.do(EnrolMember, "2024-06-10", "c4")
    assert town.balances("c1", "c2", "c3", "c4") == [50, 20, 20, 0]


def test_nobody_is_referred_who_is_a_member_or_was_referred_before() -> None:
    town = Town(policy(**REFERRAL)).join("c1", "c2")
    assert "is a member already" in town.refused(MakeReferral, "2024-02-01", referral="f", referred="c2")
    town.do(MakeReferral, "2024-02-01", referral="f", referred="c3")
    assert "was referred before" in town.refused(MakeReferral, "2024-02-02", "c2", referral="g", referred="c3")
    assert "no_referrals" in Town(policy()).join().refused(MakeReferral, "2024-02-01", referral="f", referred="c3")
    with pytest.raises(InvalidInput, match="themselves"):
        MakeReferral(customer="c1", referral="f", referred="c1", occurred_at=at("2024-02-01"))


# --- leaving --------------------------------------------------------------------------------------------------------


def test_leaving_forfeits_what_there_is_and_writes_off_what_is_owed() -> None:
    town = Town(policy(tiers=TIERS)).join()
    town.buy("p", 150)
    (closed,) = town.do(CloseAccount, "2024-03-01", reason="moved away")
    assert isinstance(closed, AccountClosed)
    assert (closed.points, closed.lots) == (150, shares(("purchase/p", 150)))
    assert (town["c1"].balance, town["c1"].tier) == (0, None)
    assert town.do(CloseAccount, "2024-03-02") == []
    assert town.buy("q", 10, on="2024-03-02") == []
    assert town.refund("p") == []
    assert "account_closed" in town.refused(RedeemPoints, "2024-03-02", redemption="x", points=1)
    assert "account_closed" in town.refused(EnrolMember, "2024-03-02")
    assert evaluate(town, "2026-01-01") == []
    assert kinds(town.do(ReopenAccount, "2024-04-01")) == [AccountReopened, TierReached]
    assert town.buy("q", 10, on="2024-04-02") != []
    assert town.do(ReopenAccount, "2024-05-01") == []
    indebted = Town(policy()).join()
    indebted.buy("p", 10)
    indebted.redeem(10, on="2024-02-02")
    indebted.refund("p", on="2024-02-03")
    (closed,) = indebted.do(CloseAccount, "2024-03-01")
    assert isinstance(closed, AccountClosed)
    assert (closed.debt, indebted["c1"].balance) == (10, 0)


def test_a_remedy_owed_to_who_has_left_reopens_the_account() -> None:
    town = Town(policy()).join()
    town.do(CloseAccount, "2024-03-01")
    assert kinds(town.do(EarnPoints, "2024-04-01", lot="b", points=5, reason="remedy")) == [
        AccountReopened,
        PointsEarned,
    ]


# --- several programmes ---------------------------------------------------------------------------------------------

DINING = {"id": "dining", "rates": {"EUR": 2, "CHF": 1}, "months_to_expiry": 1, "tiers": []}


def test_a_purchase_earns_in_each_programme_that_the_customer_has_joined() -> None:
    town = Town(policy(more=[DINING])).join()
    town.do(EnrolMember, "2024-01-01", programme="dining")
    events = town.buy("p", 10)
    assert [(each.programme, each.points) for each in events if isinstance(each, PointsEarned)] == [
        ("main", 10),
        ("dining", 20),
    ]
    town.do(RedeemPoints, "2024-02-02", redemption="x", points=15, programme="dining")
    assert "insufficient_points" in town.refused(RedeemPoints, "2024-02-02", redemption="y", points=15)
    assert [town["c1"].ledger(each).balance for each in ("main", "dining")] == [10, 5]
    refunded = [each.programme for each in town.refund("p", on="2024-02-03") if isinstance(each, LoyaltyEvent)]
    assert refunded == ["main", "dining", "dining"]
    assert [town["c1"].ledger(each).balance for each in ("main", "dining")] == [0, -15]


def test_a_new_policy_leaves_what_was_earned_under_the_old_one() -> None:
    town = Town(policy()).join()
    town.buy("old", 50)
    before = town["c1"].lots["purchase/old"]
    town.rules = policy(rates={"EUR": 5}, months_to_expiry=1, pending_days=10)
    town.buy("new", 10)
    assert town["c1"].lots["purchase/old"] == before
    assert town["c1"].lots["purchase/new"].points == 50
    town.refund("old")
    assert town["c1"].balance == 50


def test_a_programme_that_the_policy_no_longer_has_earns_nothing_and_is_still_spent() -> None:
    town = Town(policy(more=[DINING])).join()
    town.do(EnrolMember, "2024-01-01", programme="dining")
    town.buy("p", 10)
    town.rules = policy()
    town.buy("q", 10)
    assert town["c1"].ledger("dining").balance == 20
    assert town.do(RedeemPoints, "2024-02-02", redemption="x", points=20, programme="dining") != []


# --- merging --------------------------------------------------------------------------------------------------------


def merged(rules: Policy | None = None) -> Town:
    town = Town(rules or policy(tiers=TIERS)).join("c1", "c2")
    town.buy("p", 150)
    town.redeem(30)
    town.buy("p", 80, on="2024-02-05", customer="c2")
    town.do(ReleaseAccount, "2024-05-01", "c2", merge="m", into="c1")
    return town


def test_a_merge_brings_lots_debts_and_what_qualifies_to_the_surviving_account() -> None:
    town = merged()
    assert town.balances("c1", "c2") == [200, 0]
    assert town["c1"].lots["merged/c2/purchase/p"].points == 80
    assert (town["c1"].qualified, town["c1"].tier) == (230, "silver")
    assert town["c2"].merged_into == "c1"
    adjustment = {"adjustment": "a", "points": 1, "reason": "goodwill", "author": "anna"}
    assert "account_merged" in town.refused(AdjustPoints, "2024-05-02", "c2", **adjustment)
    assert town.do(ReleaseAccount, "2024-05-03", "c2", merge="m", into="c1") == []
    assert "account_merged" in town.refused(ReleaseAccount, "2024-05-03", "c2", merge="n", into="c3")
    assert "account_merged" in town.refused(ReleaseAccount, "2024-05-03", merge="n", into="c2")


def test_what_comes_under_the_old_id_is_credited_and_taken_back_at_the_surviving_account() -> None:
    town = merged()
    town.buy("q", 40, on="2024-05-02", customer="c2")
    assert town["c1"].lots["merged/c2/purchase/q"].points == 40
    assert town.buy("q", 40, on="2024-05-02", customer="c2") == []
    for purchase in ("p", "q"):
        town.do(ReverseEarning, "2024-05-03", "c2", refund=f"r{purchase}", purchase=purchase, refunded=1, bought=1)
    assert {name for name in town["c1"].lots if name.startswith("merged")} == set()
    town.do(EarnPoints, "2024-05-04", "c2", lot="remedy/k/m", points=9, reason="remedy", source="k")
    assert town["c1"].balance == 129
    assert town["c1"].ledger().earnings["merged/c2/remedy/k/m"].reason == "remedy"


def test_a_merge_of_who_had_no_account_still_forwards() -> None:
    town = Town(policy()).join("c1")
    town.do(ReleaseAccount, "2024-02-01", "c9", merge="m", into="c1")
    town.buy("p", 10, on="2024-02-02", customer="c9")
    assert town.balances("c1", "c9") == [10, 0]
    assert town.do(ReturnAccount, "2024-02-03", merge="m", to="c9") != []
    assert town["c9"].merged_into is None
    assert town["c9"].balance == 10


def test_a_chain_of_merges_keeps_every_id_apart() -> None:
    town = merged()
    town.join("c0")
    town.do(ReleaseAccount, "2024-06-01", "c1", merge="n", into="c0")
    assert town["c0"].lots["merged/c1/merged/c2/purchase/p"].points == 80
    town.do(ReverseEarning, "2024-06-02", "c2", refund="r", purchase="p", refunded=1, bought=1)
    assert "merged/c1/merged/c2/purchase/p" not in town["c0"].lots
    assert town["c0"].balance == 120


def test_an_unmerge_after_something_happened_gives_back_what_is_left() -> None:
    town = merged()
    town.redeem(150, on="2024-05-10", name="y")  # the purchases of both expire in the order of their days
    town.do(ReturnAccount, "2024-06-01", merge="m", to="c2")
    assert town.balances("c1", "c2") == [0, 50]
    assert (town["c1"].qualified, town["c2"].qualified) == (150, 80)
    assert town["c2"].merged_into is None
    assert town.buy("z", 5, on="2024-06-02", customer="c2") != []


def test_a_debt_that_came_with_a_merge_is_repaid_from_what_was_there() -> None:
    town = Town(policy()).join("c1", "c2")
    town.buy("a", 100)
    town.buy("p", 30, customer="c2")
    town.do(RedeemPoints, "2024-02-02", "c2", redemption="x", points=30)
    town.do(ReverseEarning, "2024-02-03", "c2", refund="r", purchase="p", refunded=1, bought=1)
    town.do(ReleaseAccount, "2024-05-01", "c2", merge="m", into="c1")
    assert (town["c1"].balance, town["c1"].debt) == (70, 30)
    assert kinds(town.redeem(70, on="2024-05-02")) == [DebtRepaid, PointsRedeemed]
    assert "insufficient_points" in town.refused(RedeemPoints, "2024-05-03", redemption="z", points=1)


# --- the programme's own stream -------------------------------------------------------------------------------------


def test_a_goal_is_set_once_and_may_be_set_anew() -> None:
    town = Town(policy())
    goal: dict[str, Any] = {"programme": "main", "goal": "g", "metric": "members", "starts": "2024-01-01"}
    assert len(town.do(SetProgrammeGoal, "2024-01-01", target=100, ends="2025-01-01", **goal)) == 1
    assert town.do(SetProgrammeGoal, "2024-01-01", target=100, ends="2025-01-01", **goal) == []
    assert len(town.do(SetProgrammeGoal, "2024-02-01", target=200, ends="2025-01-01", **goal)) == 1
    assert "unknown_programme" in town.refused(
        SetProgrammeGoal, "2024-01-01", target=1, ends="2025-01-01", **{**goal, "programme": "crew"}
    )
    with pytest.raises(InvalidInput, match="the goal must end"):
        SetProgrammeGoal(occurred_at=at("2024-01-01"), target=1, ends="2024-01-01", **goal)
