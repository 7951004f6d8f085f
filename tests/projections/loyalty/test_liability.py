"""Small histories of points whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from relations import Policy, Relations
from relations.aggregates.customer import (
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    UnmergeCustomer,
)
from relations.aggregates.loyalty import (
    CloseAccount,
    EarnPoints,
    EnrolMember,
    IssueReward,
    MakeReferral,
    RedeemPoints,
    ReverseRedemption,
    TransferPoints,
    UseReward,
)
from relations.aggregates.programme import SetProgrammeGoal
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Money
from relations.policies import Programme
from relations.policies.loyalty.offers import Referral, Reward, Tier
from relations.policies.loyalty.programme import RollingMonths
from relations.projections.loyalty.view import LoyaltyView

ZONE = "Europe/Vienna"
POLICY = Policy(
    zone=ZONE,
    programme=Programme(
        rates={"EUR": Fraction(1)},
        months_to_expiry=12,
        tiers=(Tier(name="member", threshold=0), Tier(name="silver", threshold=100), Tier(name="gold", threshold=300)),
        tier_window=RollingMonths(months_count=3),
        rewards=(Reward(name="mug", points=30, days_valid=10),),
        referral=Referral(referrer_points=5, referred_points=5, after="joining"),
    ),
)
START = datetime(2024, 1, 10, 9, tzinfo=UTC)


def after(days: float) -> datetime:
    return START + timedelta(days=days)


@pytest.fixture
def relations(either_url: str) -> Iterator[Relations]:
    now = [START]
    with Relations.open(either_url, durability="off", clock=lambda: now[0]) as opened:
        opened.adopt(POLICY, from_beginning=True)
        for name in ("ada", "bo"):
            opened.execute(RegisterCustomer(customer=name, occurred_at=START))
            opened.execute(EnrolMember(customer=name, occurred_at=START))
        now[0] = after(40)
        yield opened


def buy(relations: Relations, customer: str, purchase: str, euros: int, days: float) -> None:
    amount = Money(euros * 100, "EUR")
    relations.execute(RecordPurchase(customer=customer, purchase=purchase, amount=amount, occurred_at=after(days)))


def test_a_statement_is_paged_by_period_and_adds_up(relations: Relations) -> None:
    buy(relations, "ada", "p1", 200, 1)
    relations.execute(RedeemPoints(customer="ada", redemption="r1", points=150, occurred_at=after(2)))
    relations.execute(
        RefundPurchase(customer="ada", refund="b1", purchase="p1", amount=Money(10_000, "EUR"), occurred_at=after(3))
    )
    buy(relations, "ada", "p2", 80, 5)
    view = relations.views.loyalty
    whole = view.statement("ada")
    assert [(entry.kind, entry.points, entry.debt, entry.balance) for entry in whole.entries] == [
        ("earned", 200, 0, 200),
        ("redeemed", -150, 0, 50),
        ("reversed", -50, 0, 0),
        ("debt", 0, 50, -50),
        ("earned", 80, 0, 30),
        ("repaid", -50, -50, 30),
    ]
    position = whole.entries[1].position
    part = view.statement("ada", since=after(2), until=after(5), limit=1, after=position)
    assert (part.opening, part.closing, part.count) == (200, -50, 3)
    assert part.totals == {"redeemed": -150, "reversed": -50, "debt": -50}
    assert [entry.about for entry in part.entries] == ["b1"]
    assert view.statement("ada", until=after(2)).closing == 200  # what happens at the end is not before it
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        view.statement("nobody")
    with pytest.raises(InvalidInput, match="before it begins"):
        view.statement("ada", since=after(2), until=after(1))
    with pytest.raises(InvalidInput, match="-1 entries"):
        view.statement("ada", limit=-1)
    with pytest.raises(InvalidInput, match="no entry of the list"):
        view.statement("ada", since=after(2), after=whole.entries[0].position)


def test_an_account_is_as_it_was_at_any_moment(relations: Relations) -> None:
    buy(relations, "ada", "p1", 200, 1)
    relations.execute(TransferPoints(customer="ada", transfer="t1", to="bo", points=50, occurred_at=after(3)))
    view = relations.views.loyalty
    now, before = view.account("ada"), view.account("ada", as_of=after(3) - timedelta(microseconds=1))
    assert now is not None
    assert before is not None
    assert (now.balance, before.balance, before.tier is not None and before.tier.tier) == (150, 200, "silver")
    other = view.account("bo")
    assert other is not None
    assert [(lot.points, lot.reason, lot.source) for lot in other.lots] == [(50, "transfer", "ada")]
    assert other.lots[0].expires_at == now.lots[0].expires_at
    early = view.account("bo", as_of=after(1))
    assert early is not None
    assert (early.balance, early.lots) == (0, ())
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        view.account("nobody")
    late = view.account("ada", as_of=after(800))
    assert late is not None
    assert (late.overdue, late.spendable, late.balance) == (150, 0, 150)


def test_what_is_owed_moves_from_month_to_month_and_ends_with_its_expiry(relations: Relations) -> None:
    buy(relations, "ada", "p1", 200, 1)
    buy(relations, "bo", "p2", 90, 35)
    relations.execute(RedeemPoints(customer="ada", redemption="r1", points=40, occurred_at=after(36)))
    view = relations.views.loyalty
    assert [(month.month, month.points) for month in view.liability(as_of=after(40)).months] == [
        ("2025-01", 160),
        ("2025-02", 90),
    ]
    assert [month.points for month in view.liability(as_of=after(30)).months] == [200]
    assert view.liability(as_of=after(-30)).points == 0
    # Years later and nobody advanced the time: overdue, until it is recorded at the moment when it was due.
    assert [month.overdue for month in view.liability(as_of=after(390)).months] == [True, False]
    relations.advance_time(after(390))
    assert [month.points for month in view.liability(as_of=after(390)).months] == [90]
    assert view.liability(as_of=after(366)).points == 250
    report = view.breakage(as_of=after(390))
    assert (report.issued, report.expired, report.rate) == (200, 160, 0.8)
    assert [(each.month, each.redeemed, each.expired, each.open) for each in report.months] == [
        ("2025-01", 40, 160, 0),
        ("2025-02", 0, 0, 90),
    ]
    months = view.months(as_of=after(390))
    assert [(each.month, each.joined, each.earned, each.redeemed, each.expired, each.open) for each in months] == [
        ("2024-01", 2, 200, 0, 0, 200),
        ("2024-02", 0, 90, 40, 0, 250),
        ("2025-01", 0, 0, 0, 160, 90),
    ]
    assert [each.month for each in view.months(since="2024-02", until="2025-01", as_of=after(390))] == ["2024-02"]


def test_who_is_about_to_lose_a_tier_loses_it(relations: Relations) -> None:
    buy(relations, "ada", "p1", 350, 1)
    buy(relations, "bo", "p2", 120, 25)
    view = relations.views.loyalty
    assert view.tiers() == {"silver": 1, "gold": 1}
    april, may = datetime(2024, 4, 15, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC)
    assert view.losing_tier(until=datetime(2024, 3, 30, tzinfo=UTC)) == []
    risks = view.losing_tier(until=may)
    assert [(risk.customer, risk.tier, risk.falls_to, risk.missing) for risk in risks] == [
        ("ada", "gold", "member", 300),
        ("bo", "silver", "member", 100),
    ]
    assert [risk.customer for risk in view.losing_tier(until=may, tier="silver")] == ["bo"]
    assert view.losing_tier(until=may, limit=1, after="ada") == risks[1:]
    relations.advance_time(april)
    assert view.tiers() == {"member": 1, "silver": 1}
    account = view.account("ada")
    assert account is not None
    assert account.tier is not None
    assert [(step.kind, step.tier) for step in account.tier.history] == [
        ("reached", "member"),
        ("reached", "gold"),
        ("lost", "member"),
    ]
    assert account.tier.since == risks[0].losing_at
    relations.advance_time(may)
    assert view.tiers() == {"member": 2}
    # As of the days before, it is what it was then; and as of now, what it is.
    assert [view.tiers(as_of=at) for at in (april, risks[0].losing_at - timedelta(seconds=1))] == [
        {"member": 1, "silver": 1},
        {"silver": 1, "gold": 1},
    ]
    assert view.tiers(as_of=risks[0].losing_at) == {"member": 1, "silver": 1}
    assert view.tiers(as_of=may) == {"member": 2}
    assert view.tiers(as_of=datetime(2023, 1, 1, tzinfo=UTC)) == {}
    with pytest.raises(InvalidInput, match="no programme"):
        view.losing_tier(until=may, programme="none")


def test_rewards_referrals_and_goals_are_counted(relations: Relations) -> None:
    for goal, metric, target in (
        ("g1", "points_redeemed", 100),
        ("g2", "rewards_used", 1),
        ("g3", "members", 3),
        ("g4", "redemptions", 2),
        ("g5", "referrals", 2),
    ):
        relations.execute(
            SetProgrammeGoal(
                programme="main", goal=goal, metric=metric, target=target, occurred_at=START,
                starts=date(2024, 1, 1), ends=date(2024, 1, 31),
            )
        )  # fmt: skip
    relations.execute(EarnPoints(customer="ada", lot="l1", points=200, occurred_at=after(1)))
    for coupon in ("c1", "c2", "c3"):
        relations.execute(IssueReward(customer="ada", coupon=coupon, reward="mug", occurred_at=after(2)))
    relations.execute(UseReward(customer="ada", coupon="c1", occurred_at=after(3)))
    relations.execute(ReverseRedemption(customer="ada", redemption="c2", occurred_at=after(3)))
    relations.advance_time(after(20))
    relations.execute(RegisterCustomer(customer="cy", occurred_at=after(1)))
    relations.execute(MakeReferral(customer="ada", referral="f1", referred="cy", occurred_at=after(4)))
    relations.execute(EnrolMember(customer="cy", occurred_at=after(5)))
    view = relations.views.loyalty
    (mug,) = view.rewards()
    assert (mug.issued, mug.used, mug.void, mug.expired, mug.open, mug.points) == (3, 1, 1, 1, 0, 60)
    assert [row.coupon for row in view.coupons("ada")] == ["c1", "c2", "c3"]
    figures = view.referrals()
    assert (figures.made, figures.members, figures.rewarded, figures.points) == (1, 1, 1, 5)
    assert [row.referred for row in view.referrals_of("ada")] == ["cy"]
    goals = {each.goal: (each.actual, each.reached) for each in view.goals(as_of=after(40))}
    assert goals == {"g1": (60, False), "g2": (1, True), "g3": (3, True), "g4": (2, True), "g5": (1, False)}
    assert view.goals(as_of=datetime(2024, 1, 15, tzinfo=UTC))[0].elapsed == 0.5


def test_points_that_went_back_with_refunds_reach_no_goal(relations: Relations) -> None:
    relations.execute(
        SetProgrammeGoal(
            programme="main", goal="g", metric="points_earned", target=100, occurred_at=START,
            starts=date(2024, 1, 1), ends=date(2024, 12, 31),
        )
    )  # fmt: skip
    buy(relations, "ada", "p1", 120, 1)
    (before,) = relations.views.loyalty.goals(as_of=after(2))
    relations.execute(RedeemPoints(customer="ada", redemption="r1", points=50, occurred_at=after(2)))
    back = {"customer": "ada", "purchase": "p1", "amount": Money(12_000, "EUR")}
    relations.execute(RefundPurchase(refund="b1", occurred_at=after(3), **back))
    (refunded,) = relations.views.loyalty.goals(as_of=after(4))
    buy(relations, "ada", "p2", 80, 5)  # of which 50 repay what was spent
    (repaid,) = relations.views.loyalty.goals(as_of=after(6))
    assert [(each.actual, each.reached) for each in (before, refunded, repaid)] == [
        (120, True),
        (50, False),
        (80, False),
    ]


def test_a_refund_dated_before_its_purchase_is_in_the_statement_when_that_was_made(relations: Relations) -> None:
    buy(relations, "ada", "p1", 100, 10)
    back = {"customer": "ada", "purchase": "p1", "amount": Money(10_000, "EUR")}
    relations.execute(RefundPurchase(refund="b1", occurred_at=after(5), **back))
    view = relations.views.loyalty
    assert [(each.at, each.points) for each in view.statement("ada").entries] == [(after(10), 100), (after(10), -100)]
    assert view.statement("ada", until=after(9)).closing == 0


def test_a_limited_reward_is_there_again_once_time_has_ended_it_or_it_was_given_back(relations: Relations) -> None:
    rewards = (Reward(name="pin", points=0, stock=1, days_valid=10),)
    programme = POLICY.programme.model_copy(update={"rewards": rewards})
    relations.adopt(POLICY.model_copy(update={"programme": programme}), from_beginning=True)
    relations.execute(IssueReward(customer="ada", coupon="k", reward="pin", occurred_at=after(1)))
    with pytest.raises(CommandRefused, match="out_of_stock"):
        relations.execute(IssueReward(customer="bo", coupon="k", reward="pin", occurred_at=after(2)))
    relations.advance_time(after(20))
    relations.execute(IssueReward(customer="bo", coupon="k", reward="pin", occurred_at=after(21)))
    relations.execute(ReverseRedemption(customer="bo", redemption="k", occurred_at=after(22)))
    relations.execute(IssueReward(customer="ada", coupon="l", reward="pin", occurred_at=after(23)))
    (pin,) = relations.views.loyalty.rewards()
    assert (pin.issued, pin.expired, pin.void, pin.open) == (3, 1, 1, 1)


def test_what_is_owed_is_known_to_the_microsecond(relations: Relations) -> None:
    buy(relations, "ada", "p", 100, 1 + 8 / 24)
    buy(relations, "bo", "q", 50, 1 + 15 / 24)
    view = relations.views.loyalty
    instant = timedelta(microseconds=1)
    seen = []
    for moment in (after(1 + 8 / 24) - instant, after(1 + 8 / 24), after(1 + 15 / 24) - instant, after(1 + 15 / 24)):
        owed = view.liability(as_of=moment)
        accounts = [view.account(name, as_of=moment) for name in ("ada", "bo")]
        assert owed.as_of == moment
        assert owed.points == sum(account.balance for account in accounts if account is not None)
        assert sum(each.open for each in view.breakage(as_of=moment).months) == owed.points
        seen.append(owed.points)
    assert seen[0] == 0 < seen[1] == seen[2] < seen[3]


def test_nobody_is_folded_for_a_moment_after_which_nothing_happened_on_that_day(
    relations: Relations, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(relations, "ada", "p", 100, 1 + 8 / 24)
    buy(relations, "bo", "q", 50, 1 + 13 / 24)
    buy(relations, "ada", "r", 10, 3)
    view = relations.views.loyalty
    folded: list[str] = []
    fold = view._fold_customer

    def counting(projections: Any, customer: str, until: int | None) -> Any:
        folded.append(customer)
        return fold(projections, customer, until)

    monkeypatch.setattr(view, "_fold_customer", counting)
    assert view.liability(as_of=after(1 + 13 / 24)).points == 150
    assert view.breakage(as_of=after(1 + 13 / 24)).months[0].open == 150
    assert folded == []
    assert view.liability(as_of=after(1 + 12 / 24)).points == 100
    assert folded == ["ada"]


def test_a_merged_id_answers_for_the_surviving_account_and_before_the_merge_for_itself(relations: Relations) -> None:
    for customer in ("ada", "bo"):
        buy(relations, customer, "p", 100, 1)
    before = relations.views.loyalty.account("bo", as_of=after(5))
    relations.execute(MergeCustomer(customer="bo", into="ada", occurred_at=after(10)))
    view = relations.views.loyalty
    assert view.account("bo") == view.account("ada")
    assert view.statement("bo") == view.statement("ada")
    assert view.programmes("bo") == view.programmes("ada") == ["main"]
    assert view.account("bo", as_of=after(5)) == before
    assert view.statement("bo", until=after(5)).customer == "bo"
    relations.execute(RedeemPoints(customer="bo", redemption="x", points=150, occurred_at=after(11)))
    account = view.account("ada")
    assert account is not None
    assert (account.customer, account.balance) == ("ada", relations.load("loyalty", "ada").balance)
    relations.execute(UnmergeCustomer(customer="bo", occurred_at=after(12)))
    relations.execute(ReverseRedemption(customer="bo", redemption="x", occurred_at=after(13)))
    for customer in ("ada", "bo"):
        shown = view.account(customer)
        assert shown is not None
        assert shown.balance == relations.load("loyalty", customer).balance == view.statement(customer).closing > 0


@pytest.mark.parametrize(("rule", "debt", "shortfall"), [("debt", 60, 0), ("recorded", 0, 60)])
def test_what_no_lot_could_give_is_owed_or_shown_as_a_shortfall(rule: str, debt: int, shortfall: int) -> None:
    programme = POLICY.programme.model_copy(update={"refund_shortfall": rule})
    with Relations.open("sqlite://", clock=lambda: after(40)) as relations:
        relations.adopt(POLICY.model_copy(update={"programme": programme}), from_beginning=True)
        relations.execute(EnrolMember(customer="ada", occurred_at=START))
        buy(relations, "ada", "p", 100, 1)
        relations.execute(RedeemPoints(customer="ada", redemption="x", points=60, occurred_at=after(2)))
        relations.execute(
            RefundPurchase(customer="ada", refund="r", purchase="p", amount=Money(10_000, "EUR"), occurred_at=after(3))
        )
        account = relations.views.loyalty.account("ada")
        assert account is not None
        assert (account.debt, account.shortfall, account.balance) == (debt, shortfall, -debt)


def test_what_a_member_forfeits_by_leaving_is_breakage_of_its_own(relations: Relations) -> None:
    buy(relations, "ada", "p", 100, 1)
    relations.execute(CloseAccount(customer="ada", occurred_at=after(2)))
    (vintage,) = relations.views.loyalty.breakage(as_of=after(3)).months
    assert (vintage.issued, vintage.forfeited, vintage.taken_back, vintage.open) == (100, 100, 0, 0)
    report = relations.views.loyalty.breakage(as_of=after(500))
    assert (report.issued, report.expired, report.rate) == (100, 100, 1.0)


def test_a_policy_may_be_adopted_from_a_day_to_come(relations: Relations) -> None:
    double = POLICY.programme.model_copy(update={"rates": {"EUR": Fraction(2)}})
    relations.adopt(POLICY.model_copy(update={"programme": double}), since=after(20))
    buy(relations, "ada", "before", 10, 19)
    buy(relations, "ada", "after", 10, 21)
    buy(relations, "ada", "late", 10, 5)
    lots = relations.load("loyalty", "ada").lots
    assert [lots[f"purchase/{name}"].points for name in ("before", "after", "late")] == [10, 20, 10]


# --- programmes -----------------------------------------------------------------------------------------------------

ASKED: dict[str, Callable[[LoyaltyView, str], Any]] = {
    "account": lambda view, name: view.account("ada", programme=name),
    "statement": lambda view, name: view.statement("ada", programme=name),
    "coupons": lambda view, name: view.coupons("ada", programme=name),
    "referrals_of": lambda view, name: view.referrals_of("ada", programme=name),
    "tiers": lambda view, name: view.tiers(programme=name),
    "losing_tier": lambda view, name: view.losing_tier(until=after(900), programme=name),
    "liability": lambda view, name: view.liability(programme=name),
    "breakage": lambda view, name: view.breakage(programme=name),
    "months": lambda view, name: view.months(programme=name),
    "goals": lambda view, name: view.goals(programme=name),
    "rewards": lambda view, name: view.rewards(programme=name),
    "referrals": lambda view, name: view.referrals(programme=name),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_programme_that_there_never_was_is_refused_by_name_whatever_is_asked(
    relations: Relations, asked: str
) -> None:
    with pytest.raises(InvalidInput, match="unknown_programme"):
        ASKED[asked](relations.views.loyalty, "mian")


@pytest.mark.parametrize("asked", ASKED)
def test_a_programme_that_the_policy_no_longer_has_is_still_answered_for(relations: Relations, asked: str) -> None:
    renamed = POLICY.programme.model_copy(update={"id": "second"})
    relations.adopt(POLICY.model_copy(update={"programme": renamed}))
    for known in ("main", "second"):
        ASKED[asked](relations.views.loyalty, known)
    assert relations.views.loyalty.tiers(programme="main") == {"member": 2}
    buy(relations, "ada", "p1", 200, 1)
    assert relations.views.loyalty.tiers(programme="second") == {}
