"""The rules of a member's account, one by one; `test_loyalty_properties.py` holds them together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from relations.aggregates.loyalty import (
    AGGREGATE,
    Account,
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    DebtIncurred,
    DebtRepaid,
    EarningReversed,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    IssueReward,
    LotShare,
    LoyaltyCommand,
    MemberEnrolled,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    RedeemPoints,
    ReverseEarning,
    ReverseRedemption,
    TierLost,
    TierReached,
    UseReward,
)
from relations.decider import fold
from relations.errors import CommandRefused, InvalidInput
from relations.log.codec import decode_state, encode_state
from relations.messages import Event, Money, to_micros
from relations.policies import Policy, Programme

INITIAL, decide = AGGREGATE.decider.initial, AGGREGATE.decider.decide


def policy(**values: Any) -> Policy:
    """One point a euro, twelve months, silver at 100 and gold at 300, unless told otherwise."""
    tiers = [
        {"name": "member", "threshold": 0},
        {"name": "silver", "threshold": 100},
        {"name": "gold", "threshold": 300, "multiplier": 2},
    ]
    defaults = {"rates": {"EUR": 1}, "months_to_expiry": 12, "tiers": tiers}
    return Policy(version=3, zone="Europe/Vienna", programme=Programme.model_validate({**defaults, **values}))


PLAIN = policy(tiers=[])
WITH_TIERS = policy()


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def micros(text: str) -> int:
    return to_micros(day(text))


def when(state: Account, command: LoyaltyCommand, policy: Policy = PLAIN) -> tuple[Account, list[Event]]:
    """The account after a command, and the events that it led to; doing it again must add nothing."""
    events = decide(state, command, policy)
    after = fold(AGGREGATE.decider, events, state)
    assert decide(after, command, policy) == [], "a retry added something"
    return after, events


def refusal(state: Account, command: LoyaltyCommand, policy: Policy = PLAIN) -> CommandRefused:
    with pytest.raises(CommandRefused) as caught:
        decide(state, command, policy)
    return caught.value


def account(*commands: LoyaltyCommand, policy: Policy = PLAIN, since: str = "2024-01-01") -> Account:
    """A member's account after these commands."""
    state = INITIAL
    for command in (EnrolMember(customer="c1", occurred_at=day(since)), *commands):
        state, _ = when(state, command, policy)
    return state


def buy(purchase: str, euros: int, on: str = "2024-02-01", **values: Any) -> CreditPurchase:
    amount = Money(euros * 100, "EUR")
    return CreditPurchase(customer="c1", purchase=purchase, amount=amount, occurred_at=day(on), **values)


def refund(purchase: str, refunded: int, bought: int, on: str = "2024-03-01", name: str = "r1") -> ReverseEarning:
    return ReverseEarning(
        customer="c1", refund=name, purchase=purchase, refunded=refunded, bought=bought, occurred_at=day(on)
    )


def redeem(points: int, on: str = "2024-03-01", name: str = "x1", **values: Any) -> RedeemPoints:
    return RedeemPoints(customer="c1", redemption=name, points=points, occurred_at=day(on), **values)


def reverse(redemption: str, on: str) -> ReverseRedemption:
    return ReverseRedemption(customer="c1", redemption=redemption, occurred_at=day(on))


def bonus(lot: str, points: int, on: str = "2024-02-01", **values: Any) -> EarnPoints:
    return EarnPoints(customer="c1", lot=lot, points=points, occurred_at=day(on), **values)


def expire(on: str) -> ExpirePoints:
    return ExpirePoints(customer="c1", occurred_at=day(on))


def evaluate(on: str) -> EvaluateTier:
    return EvaluateTier(customer="c1", occurred_at=day(on))


def shares(*pairs: tuple[str, int]) -> tuple[LotShare, ...]:
    return tuple(LotShare(lot, points) for lot, points in pairs)


def moves(events: list[Event]) -> list[Event]:
    """The events, without what every move of a tier says: by what it was counted, over what, and since when."""
    return [
        replace(each, basis="points", window="", since=0) if isinstance(each, TierReached | TierLost) else each
        for each in events
    ]


# --- joining --------------------------------------------------------------------------------------------------------


def test_joining_makes_a_member() -> None:
    state, events = when(INITIAL, EnrolMember(customer="c1", occurred_at=day("2024-01-01")))
    assert events == [MemberEnrolled(programme="main", enrolled_at=micros("2024-01-01"))]
    assert state.enrolled_at == micros("2024-01-01")
    assert state.balance == 0


def test_a_tier_that_asks_for_nothing_comes_with_joining() -> None:
    state, events = when(INITIAL, EnrolMember(customer="c1", occurred_at=day("2024-01-01")), WITH_TIERS)
    assert moves(events[1:]) == [TierReached(tier="member", qualifying=0, month="2024-01")]
    assert state.tier == "member"


def test_joining_again_changes_nothing() -> None:
    assert decide(account(), EnrolMember(customer="c1", occurred_at=day("2025-01-01")), PLAIN) == []


def test_a_programme_that_there_is_not_is_refused_by_name() -> None:
    error = refusal(INITIAL, EnrolMember(customer="c1", programme="crew", occurred_at=day("2024-01-01")))
    assert error.code == "unknown_programme"
    assert "'crew'" in error.reason
    assert "'main'" in (error.hint or "")


# --- earning --------------------------------------------------------------------------------------------------------


def test_a_purchase_earns_a_lot_of_its_own() -> None:
    state, events = when(account(), buy("p1", 50))
    assert events == [
        PointsEarned(
            lot="purchase/p1",
            points=50,
            qualifying=50,
            active_from=micros("2024-02-01"),
            expires_at=micros("2025-02-01T23:00"),  # the start of 2 February in Vienna
            reason="purchase",
            source="p1",
            policy=3,
            month="2024-02",
            unit="points",
        )
    ]
    assert state.balance == 50


def test_a_purchase_earns_nothing_for_a_customer_who_is_no_member() -> None:
    assert decide(INITIAL, buy("p1", 50), PLAIN) == []


def test_a_purchase_before_joining_earns_nothing() -> None:
    state = account(since="2024-02-01T12:00")
    assert decide(state, buy("p1", 50, on="2024-02-01T11:59"), PLAIN) == []
    assert decide(state, buy("p1", 50, on="2024-02-01T12:00"), PLAIN) != []


def test_a_purchase_is_credited_once_whatever_is_said_of_it_later() -> None:
    state = account(buy("p1", 50))
    assert decide(state, buy("p1", 60, on="2024-05-01"), PLAIN) == []
    spent = fold(AGGREGATE.decider, decide(state, redeem(50), PLAIN), state)
    assert decide(spent, buy("p1", 50), PLAIN) == []


def test_a_purchase_too_small_for_a_point_earns_no_lot() -> None:
    amount = Money(99, "EUR")
    command = CreditPurchase(customer="c1", purchase="p1", amount=amount, occurred_at=day("2024-02-01"))
    assert decide(account(), command, PLAIN) == []


@pytest.mark.parametrize(("money", "points"), [(Money(500, "JPY"), 5), (Money(2_500, "KWD"), 7)])
def test_currencies_earn_by_their_own_major_unit(money: Money, points: int) -> None:
    rules = policy(tiers=[], rates={"JPY": "0.01", "KWD": 3})
    command = CreditPurchase(customer="c1", purchase="p1", amount=money, occurred_at=day("2024-02-01"))
    state, _ = when(account(policy=rules), command, rules)
    assert state.balance == points


def test_a_tier_multiplies_what_is_earned_and_not_what_qualifies() -> None:
    state = account(buy("p1", 300), policy=WITH_TIERS)
    assert state.tier == "gold"
    after, events = when(state, buy("p2", 10), WITH_TIERS)
    assert isinstance(events[0], PointsEarned)
    assert (events[0].points, events[0].qualifying) == (20, 10)
    assert after.qualified == 310


def test_a_bonus_is_credited_and_never_qualifies() -> None:
    state, events = when(account(policy=WITH_TIERS), bonus("b1", 1_000, source="spring"), WITH_TIERS)
    assert [type(event) for event in events] == [PointsEarned]
    assert (state.balance, state.qualified, state.tier) == (1_000, 0, "member")


@pytest.mark.parametrize("changed", [{"points": 6}, {"source": "other"}, {"reason": "remedy"}])
def test_a_lot_id_names_one_credit(changed: dict[str, Any]) -> None:
    state = account(bonus("b1", 5))
    error = refusal(state, bonus("b1", **{"points": 5, **changed}))
    assert error.code == "lot_exists"
    assert "5 points for bonus" in error.reason


def test_a_bonus_is_for_members() -> None:
    assert refusal(INITIAL, bonus("b1", 5)).code == "not_a_member"
    assert refusal(account(since="2024-06-01"), bonus("b1", 5, on="2024-05-31")).code == "before_enrolment"


def test_a_remedy_in_points_makes_a_customer_a_member() -> None:
    command = bonus("remedy/k7/m1", 500, reason="remedy", source="k7")
    state, events = when(INITIAL, command, WITH_TIERS)
    assert [type(event) for event in events] == [MemberEnrolled, TierReached, PointsEarned]
    assert (state.balance, state.tier, state.enrolled_at) == (500, "member", micros("2024-02-01"))


@pytest.mark.parametrize("lot", ["purchase/p1", "remedy/a/b/c", "remedy/a/", "", "a b", "x" * 65])
def test_a_callers_lot_cannot_take_the_place_of_a_purchases(lot: str) -> None:
    with pytest.raises(InvalidInput, match="lot"):
        bonus(lot, 5)


# --- spending -------------------------------------------------------------------------------------------------------


def test_points_are_spent_soonest_to_expire_first_then_oldest_then_by_id() -> None:
    state = account(
        buy("late", 10, on="2024-03-05"),
        bonus("b", 10, on="2024-02-10T10:00"),
        bonus("a", 10, on="2024-02-10T10:00"),
        bonus("z", 10, on="2024-02-10T09:00"),  # the same day, so the same expiry, and older
        buy("early", 10, on="2024-02-01"),
    )
    forever = policy(tiers=[], months_to_expiry=None)
    state, _ = when(state, bonus("never", 10, on="2024-01-05"), forever)
    _, events = when(state, redeem(55, on="2024-04-01"))
    assert isinstance(events[0], PointsRedeemed)
    assert events[0].lots == shares(
        ("purchase/early", 10), ("z", 10), ("a", 10), ("b", 10), ("purchase/late", 10), ("never", 5)
    )


def test_more_than_there_is_is_refused_naming_both_numbers() -> None:
    error = refusal(account(buy("p1", 50)), redeem(51))
    assert (error.code, error.field) == ("insufficient_points", "points")
    assert "51" in error.reason
    assert "50" in error.reason


def test_points_are_spendable_from_when_they_were_earned_to_before_they_expire() -> None:
    state = account(buy("p1", 50, on="2024-02-01"))
    assert refusal(state, redeem(1, on="2024-01-31T23:59:59")).code == "insufficient_points"
    assert decide(state, redeem(50, on="2024-02-01"), PLAIN) != []
    assert decide(state, redeem(50, on="2025-02-01T22:59:59"), PLAIN) != []
    assert refusal(state, redeem(1, on="2025-02-01T23:00")).code == "insufficient_points"


def test_a_redemption_lets_what_has_expired_go_first() -> None:
    state = account(buy("old", 50, on="2024-02-01"), buy("new", 50, on="2024-06-01"))
    assert refusal(state, redeem(51, on="2025-03-01")).reason == "cannot spend 51 points: 50 can be spent"
    after, events = when(state, redeem(20, on="2025-03-01", reward="late check-out"))
    assert events == [
        PointsExpired(points=50, lots=shares(("purchase/old", 50))),
        PointsRedeemed(
            redemption="x1",
            points=20,
            lots=shares(("purchase/new", 20)),
            reward="late check-out",
            redeemed_at=micros("2025-03-01"),
        ),
    ]
    assert after.balance == 30


def test_a_redemption_id_names_one_redemption() -> None:
    state = account(buy("p1", 50), redeem(10, reward="drink"))
    assert decide(state, redeem(10, on="2024-04-01", reward="drink"), PLAIN) == []
    assert refusal(state, redeem(11, reward="drink")).code == "redemption_exists"
    assert refusal(state, redeem(10, reward="dinner")).code == "redemption_exists"


def test_who_is_no_member_has_nothing_to_spend() -> None:
    assert refusal(INITIAL, redeem(1)).code == "not_a_member"


# --- expiry ---------------------------------------------------------------------------------------------------------


def test_what_is_left_of_a_lot_expires_once() -> None:
    state = account(buy("p1", 50), buy("p2", 30, on="2024-03-01"), redeem(20, on="2024-04-01"))
    state, events = when(state, expire("2025-02-02"))
    assert events == [PointsExpired(points=30, lots=shares(("purchase/p1", 30)))]
    assert state.balance == 30


def test_nothing_due_expires_nothing() -> None:
    assert decide(account(buy("p1", 50)), expire("2025-02-01T22:59:59"), PLAIN) == []
    assert decide(INITIAL, expire("2030-01-01"), PLAIN) == []


def test_a_lot_of_a_leap_day_lasts_to_the_end_of_february() -> None:
    state = account(buy("p1", 50, on="2024-02-29T12:00"))
    assert decide(state, expire("2025-02-28T22:59:59"), PLAIN) == []
    assert decide(state, expire("2025-02-28T23:00"), PLAIN) != []


# --- refunds --------------------------------------------------------------------------------------------------------


def test_a_refund_takes_back_what_the_purchase_had_earned() -> None:
    state, events = when(account(buy("p1", 50)), refund("p1", 5_000, 5_000))
    assert events == [
        EarningReversed(
            refund="r1",
            purchase="p1",
            month="2024-02",
            unit="points",
            points=50,
            qualifying=50,
            lots=shares(("purchase/p1", 50)),
        )
    ]
    assert (state.balance, state.qualified) == (0, 0)


def test_refunds_in_parts_round_on_their_running_total() -> None:
    state = account(buy("p1", 10))
    taken = []
    for number, refunded in enumerate((333, 666, 1_000), start=1):
        state, events = when(state, refund("p1", refunded, 1_000, name=f"r{number}"))
        assert isinstance(events[0], EarningReversed)
        taken.append(events[0].points)
    assert taken == [3, 3, 4]
    assert state.balance == 0


def test_refunds_that_arrive_in_another_order_take_the_same() -> None:
    state = account(buy("p1", 10), refund("p1", 1_000, 1_000, name="r2"))
    assert decide(state, refund("p1", 400, 1_000, name="r1"), PLAIN) == []


def test_one_refund_takes_back_once() -> None:
    state = account(buy("p1", 10), refund("p1", 400, 1_000, name="r1"))
    assert decide(state, refund("p1", 1_000, 1_000, name="r1"), PLAIN) == []


def test_a_refund_takes_the_purchases_own_lot_then_others_in_spending_order_then_makes_a_debt() -> None:
    state = account(
        buy("a", 10, on="2024-02-01"),
        buy("b", 10, on="2024-02-02"),
        buy("c", 10, on="2024-02-03"),
        redeem(5, on="2024-02-04"),
    )
    state, _ = when(state, redeem(14, on="2024-02-05", name="x2"))  # 11 are left: 1 of b, 10 of c
    after, events = when(state, refund("c", 1_000, 1_000, name="rc"))
    assert isinstance(events[0], EarningReversed)
    assert events[0].lots == shares(("purchase/c", 10))
    after, events = when(after, refund("a", 1_000, 1_000, name="ra"))
    assert events == [
        EarningReversed(
            refund="ra",
            purchase="a",
            month="2024-02",
            unit="points",
            points=1,
            qualifying=10,
            lots=shares(("purchase/b", 1)),
            shortfall=9,
        ),
        DebtIncurred(points=9, refund="ra"),
    ]
    assert (after.balance, after.debt) == (-9, 9)


def test_later_earnings_repay_debt_first() -> None:
    state = account(buy("p1", 10), redeem(10), refund("p1", 1_000, 1_000))
    assert state.debt == 10
    state, events = when(state, buy("p2", 4, on="2024-04-01"))
    assert events[1:] == [DebtRepaid(points=4, lot="purchase/p2")]
    assert (state.balance, state.debt, len(state.lots)) == (-6, 6, 0)
    error = refusal(state, redeem(1, on="2024-05-01", name="x2"))
    assert error.reason.endswith("0 can be spent; the account owes 6")
    state, events = when(state, bonus("b1", 9, on="2024-05-01"))
    assert events[1:] == [DebtRepaid(points=6, lot="b1")]
    assert (state.balance, state.debt) == (3, 0)


def test_a_programme_may_record_the_shortfall_instead_of_a_debt() -> None:
    rules = policy(tiers=[], refund_shortfall="recorded")
    state = account(buy("p1", 10), redeem(7), policy=rules)
    state, events = when(state, refund("p1", 1_000, 1_000), rules)
    assert events == [
        EarningReversed(
            refund="r1",
            purchase="p1",
            month="2024-02",
            unit="points",
            points=3,
            qualifying=10,
            lots=shares(("purchase/p1", 3)),
            shortfall=7,
        )
    ]
    assert (state.balance, state.debt) == (0, 0)


def test_what_is_dated_before_what_it_is_about_is_refused() -> None:
    state = account(buy("p1", 50, on="2024-02-01"), redeem(20, on="2024-03-01"))
    assert refusal(state, reverse("x1", on="2024-02-29")).code == "out_of_order"
    assert refusal(state, CloseAccount(customer="c1", occurred_at=day("2024-02-20"))).code == "out_of_order"
    assert when(state, reverse("x1", on="2024-03-01"))[0].balance == 50
    assert when(state, CloseAccount(customer="c1", occurred_at=day("2024-03-01")))[0].ledger().closed_at is not None


def test_a_reward_is_used_only_after_it_was_issued() -> None:
    rules = policy(tiers=[], rewards=[{"name": "mug", "points": 0}])
    issued = IssueReward(customer="c1", coupon="k", reward="mug", occurred_at=day("2024-03-01"))
    state = account(buy("p1", 50), issued, policy=rules)
    early = UseReward(customer="c1", coupon="k", occurred_at=day("2024-02-20"))
    assert refusal(state, early, rules).code == "out_of_order"
    assert decide(state, early.model_copy(update={"occurred_at": issued.occurred_at}), rules)


def test_a_late_adjustment_takes_nothing_that_was_earned_only_after_it() -> None:
    state = account(buy("p1", 10, on="2024-02-01"), buy("p2", 50, on="2024-05-01"))

    def lower(points: int) -> AdjustPoints:
        return AdjustPoints(
            customer="c1", adjustment="a", points=-points, reason="error", author="anna", occurred_at=day("2024-03-01")
        )

    assert refusal(state, lower(11)).code == "insufficient_points"
    after, _ = when(state, lower(10))
    assert {name: lot.points for name, lot in after.lots.items()} == {"purchase/p2": 50}


RECORDED = {"tiers": [], "refund_shortfall": "recorded"}


def test_what_comes_back_is_set_against_a_recorded_shortfall() -> None:
    rules = policy(**RECORDED)
    state = account(buy("p1", 10), redeem(10), refund("p1", 1_000, 1_000), policy=rules)
    assert (state.balance, state.ledger().shortfall) == (0, 10)
    state, events = when(state, reverse("x1", on="2024-05-01"), rules)
    assert events[1:] == [
        DebtIncurred(points=10, refund="", redemption="x1"),
        DebtRepaid(points=10, lot="purchase/p1"),
    ]
    assert (state.balance, state.debt, state.ledger().shortfall) == (0, 0, 0)


def test_of_several_purchases_spent_together_only_what_was_not_given_back_comes_back() -> None:
    rules = policy(**RECORDED)
    state = account(
        buy("a", 10, on="2024-02-01"),
        buy("b", 10, on="2024-02-02"),
        redeem(15, on="2024-02-05"),
        refund("a", 1_000, 1_000, name="ra"),  # 5 of b, and 5 are missing
        refund("b", 400, 1_000, name="rb"),
        policy=rules,
    )
    assert (state.balance, state.ledger().shortfall) == (0, 9)
    state, _ = when(state, reverse("x1", on="2024-05-01"), rules)
    assert (state.balance, state.ledger().shortfall) == (6, 0)


def test_a_redemption_made_after_a_shortfall_was_recorded_comes_back_whole() -> None:
    rules = policy(**RECORDED)
    state = account(buy("p1", 10), redeem(10), refund("p1", 1_000, 1_000), policy=rules)
    state, _ = when(state, buy("p2", 8, on="2024-04-10"), rules)
    state, _ = when(state, redeem(8, on="2024-04-11", name="x2"), rules)
    state, _ = when(state, reverse("x2", on="2024-05-01"), rules)
    assert (state.balance, state.ledger().shortfall) == (8, 10)


def test_what_had_expired_is_not_taken_back_a_second_time() -> None:
    state = account(buy("p1", 50), buy("p2", 30, on="2024-06-01"), redeem(20), expire("2025-03-01"))
    state, events = when(state, refund("p1", 2_500, 5_000, on="2025-04-01", name="half"))
    assert events == [
        EarningReversed(
            refund="half", purchase="p1", month="2024-02", unit="points", points=0, qualifying=25, lots=(), expired=25
        )
    ]
    # 30 of the 50 had expired and 20 were spent; only those come out of other lots.
    state, events = when(state, refund("p1", 5_000, 5_000, on="2025-04-02", name="rest"))
    assert events == [
        EarningReversed(
            refund="rest",
            purchase="p1",
            month="2024-02",
            unit="points",
            points=20,
            qualifying=25,
            lots=shares(("purchase/p2", 20)),
            expired=5,
        )
    ]
    assert state.balance == 10


def test_a_refund_after_the_expiry_lets_the_lot_expire_first() -> None:
    state, events = when(account(buy("p1", 50)), refund("p1", 5_000, 5_000, on="2025-06-01"))
    assert events == [
        PointsExpired(points=50, lots=shares(("purchase/p1", 50))),
        EarningReversed(
            refund="r1", purchase="p1", month="2024-02", unit="points", points=0, qualifying=50, lots=(), expired=50
        ),
    ]
    assert state.balance == 0


def test_a_refund_of_what_earned_nothing_takes_nothing() -> None:
    assert decide(account(), refund("p1", 100, 100), PLAIN) == []
    assert decide(INITIAL, refund("p1", 100, 100), PLAIN) == []
    assert decide(account(buy("p1", 10)), refund("p1", 0, 0), PLAIN) == []
    assert decide(account(buy("p1", 10)), refund("p1", 99, 1_000), PLAIN) == []  # less than a point


def test_more_refunded_than_bought_is_refused() -> None:
    assert refusal(account(buy("p1", 10)), refund("p1", 1_001, 1_000)).code == "refund_exceeds_purchase"


# --- tiers ----------------------------------------------------------------------------------------------------------


def test_a_tier_is_reached_with_the_earning_that_earns_it() -> None:
    state = account(buy("p1", 99), policy=WITH_TIERS)
    assert state.tier == "member"
    state, events = when(state, buy("p2", 1, on="2024-03-01"), WITH_TIERS)
    assert moves(events[1:]) == [TierReached(tier="silver", qualifying=100, previous="member", month="2024-03")]


def test_one_earning_may_lead_past_a_tier() -> None:
    _, events = when(account(policy=WITH_TIERS), buy("p1", 300), WITH_TIERS)
    assert moves(events[1:]) == [TierReached(tier="gold", qualifying=300, previous="member", month="2024-02")]


def test_time_alone_takes_a_tier_when_the_window_has_moved_on() -> None:
    state = account(buy("p1", 300), buy("p2", 120, on="2024-08-01"), policy=WITH_TIERS)
    assert decide(state, evaluate("2025-01-31T22:59"), WITH_TIERS) == []
    state, events = when(state, evaluate("2025-01-31T23:00"), WITH_TIERS)  # February in Vienna
    assert moves(events) == [TierLost(tier="gold", qualifying=120, next="silver", month="2025-02")]
    state, events = when(state, evaluate("2025-08-01"), WITH_TIERS)
    assert moves(events) == [TierLost(tier="silver", qualifying=0, next="member", month="2025-08")]


def test_a_calendar_year_starts_at_nothing() -> None:
    rules = policy(tier_window={"kind": "calendar_year"})
    state = account(buy("p1", 60, on="2024-11-01"), policy=rules)
    state, events = when(state, buy("p2", 60, on="2025-01-10"), rules)
    assert [type(event) for event in events] == [PointsEarned]
    state, events = when(state, buy("p3", 40, on="2025-12-31T22:00"), rules)
    assert moves(events[1:]) == [TierReached(tier="silver", qualifying=100, previous="member", month="2025-12")]
    _, events = when(state, evaluate("2026-01-01"), rules)
    assert moves(events) == [TierLost(tier="silver", qualifying=0, next="member", month="2026-01")]


def test_a_lifetime_tier_is_not_lost_with_time() -> None:
    rules = policy(tier_window={"kind": "lifetime"})
    state = account(buy("p1", 60), buy("p2", 60, on="2030-01-01"), policy=rules)
    assert state.tier == "silver"
    assert decide(state, evaluate("2090-01-01"), rules) == []


def test_a_refund_may_cost_a_tier() -> None:
    state = account(buy("p1", 90), buy("p2", 20), policy=WITH_TIERS)
    state, events = when(state, refund("p2", 1_000, 2_000), WITH_TIERS)
    assert [type(event) for event in events] == [EarningReversed]
    state, events = when(state, refund("p2", 2_000, 2_000, name="r2"), WITH_TIERS)
    assert moves(events[1:]) == [TierLost(tier="silver", qualifying=90, next="member", month="2024-03", refund="r2")]
    assert state.tier == "member"


def test_a_late_purchase_counts_in_its_own_month_and_not_in_the_present_window() -> None:
    state = account(buy("new", 60, on="2025-06-01"), policy=WITH_TIERS)
    after, events = when(state, buy("old", 60, on="2024-05-01"), WITH_TIERS)  # thirteen months before
    assert [type(event) for event in events] == [PointsEarned]
    assert (after.tier, after.month) == ("member", "2025-06")
    _, events = when(state, buy("late", 60, on="2024-07-01"), WITH_TIERS)
    assert moves(events[1:]) == [TierReached(tier="silver", qualifying=120, previous="member", month="2025-06")]


def test_a_late_purchase_does_not_bring_back_a_tier_that_time_has_taken() -> None:
    state = account(buy("p1", 100), evaluate("2025-03-01"), policy=WITH_TIERS)
    assert state.tier == "member"
    _, events = when(state, buy("late", 50, on="2024-02-20"), WITH_TIERS)
    assert [type(event) for event in events] == [PointsEarned]


def test_a_late_evaluation_does_not_go_back_in_time() -> None:
    state = account(buy("p1", 100), evaluate("2025-03-01"), policy=WITH_TIERS)
    assert decide(state, evaluate("2024-06-01"), WITH_TIERS) == []


def test_a_changed_policy_is_felt_at_the_next_evaluation() -> None:
    state = account(buy("p1", 100), policy=WITH_TIERS)
    renamed = policy(tiers=[{"name": "bronze", "threshold": 50}])
    _, events = when(state, evaluate("2024-04-01"), renamed)
    assert moves(events) == [TierLost(tier="silver", qualifying=100, next="bronze", month="2024-03")]
    _, events = when(state, evaluate("2024-04-01"), PLAIN)
    assert moves(events) == [TierLost(tier="silver", qualifying=100, month="2024-03")]


def test_who_is_no_member_has_no_tier_to_evaluate() -> None:
    assert decide(INITIAL, evaluate("2024-04-01"), WITH_TIERS) == []


# --- the account ----------------------------------------------------------------------------------------------------


def test_an_account_survives_a_snapshot() -> None:
    state = account(
        buy("p1", 300), bonus("b1", 5), redeem(30), refund("p1", 3_000, 30_000), expire("2026-01-01"), policy=WITH_TIERS
    )
    assert state.redemptions
    assert decode_state(encode_state(state), Account) == state


def test_the_stream_and_the_customer_are_the_commands() -> None:
    assert buy("p1", 1).stream == "loyalty-c1"
    assert AGGREGATE.customer(INITIAL, buy("p1", 1)) == "c1"
    assert set(AGGREGATE.commands) == set(LoyaltyCommand.__subclasses__())
