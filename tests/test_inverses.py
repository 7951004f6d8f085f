"""A command that moves money or points, followed by its inverse, leaves nothing behind in any view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from relations import Relations
from relations.aggregates.customer import (
    CancelAcquisitionCost,
    MergeCustomer,
    PurchaseRefunded,
    RecordAcquisitionCost,
    RecordPurchase,
    RefundPurchase,
    RefundReversed,
    ReinstatePurchase,
    ReverseRefund,
    UnmergeCustomer,
)
from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    EarningRestored,
    EarningReversed,
    EarnPoints,
    EnrolMember,
    ExpiryDeferred,
    MakeReferral,
    PointsEarned,
    RedeemPoints,
    ReferralRestored,
    ReopenAccount,
    ReverseRedemption,
    TierLost,
    TransferPoints,
)
from relations.aggregates.policy import AdoptPolicy
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Command, Money, Tender, to_micros
from relations.policies import Policy
from relations.projections import agenda, loyalty, retention
from relations.projections.loyalty import MemberAccount
from relations.testing.laws import check_laws
from tests.aggregates.loyalty.test_loyalty_rules import TIERS, policy
from tests.support.asking import Answers, answers
from tests.support.effort import part

START = datetime(2024, 1, 1, 9, tzinfo=UTC)
SOME: dict[str, Any] = {"customer": "c1"}


def on(day: int) -> datetime:
    return START + timedelta(days=day)


def euros(amount: int) -> Money:
    return Money(100 * amount, "EUR")


def opened(rules: Policy, *history: Command) -> Relations:
    engine = Relations.open("sqlite://", clock=lambda: on(900))
    engine.adopt(rules, from_beginning=True)
    members = [EnrolMember(customer=name, occurred_at=START) for name in ("c1", "c2")]
    report = engine.execute_many([*members, *history])
    assert report.rejections == []
    return engine


def buy(purchase: str, amount: int, day: int, **more: Any) -> RecordPurchase:
    return RecordPurchase(purchase=purchase, amount=euros(amount), occurred_at=on(day), **{**SOME, **more})


def refund(purchase: str, amount: int, day: int, name: str = "r1", **more: Any) -> RefundPurchase:
    return RefundPurchase(refund=name, purchase=purchase, amount=euros(amount), occurred_at=on(day), **{**SOME, **more})


def figures(engine: Relations, *, but: tuple[str, ...] = ()) -> Answers:
    """Every answer of every view, with lists of what happened left to what they add up to.

    A statement and a tier's history show both entries. Movements by month do too where a month ends between the two, so
    that their sums and the points that are open in the end are compared.
    """
    found = answers(engine, customers=("c1", "c2"), but=("loyalty.statement", *but))
    for (name, _), said in found.items():
        if isinstance(said, dict) and isinstance(said.get("tier"), dict):
            said["tier"].pop("history", None)
        if name == "loyalty.months" and said:
            moved = [key for key in said[0] if key not in ("month", "open")]
            said[:] = [{key: sum(each[key] for each in said) for key in moved} | {"open": said[-1]["open"]}]
    return found


def spending(engine: Relations) -> Any:
    profile = engine.views.retention.customer("c1")
    assert profile is not None
    return profile.spending


def account(engine: Relations, customer: str = "c1") -> MemberAccount:
    found = engine.views.loyalty.account(customer)
    assert found is not None
    return found


def balance(engine: Relations, customer: str = "c1") -> int:
    return account(engine, customer).balance


# --- a refund that failed -------------------------------------------------------------------------------------------


def test_a_failed_refund_is_reversed_and_made_again() -> None:
    with opened(policy(), buy("p", 100, 1), refund("p", 100, 2)) as engine:
        assert balance(engine) == 0
        engine.execute(ReverseRefund(refund="r1", reason="account closed", occurred_at=on(7), **SOME))
        (spent,) = spending(engine)
        assert (spent.net, spent.refunds, spent.refunded) == (euros(100), 0, euros(0))
        assert balance(engine) == 100
        engine.execute(refund("p", 100, 8, name="r2"))
        (spent,) = spending(engine)
        assert (spent.net, spent.refunds) == (euros(0), 1)
        assert balance(engine) == 0
        kinds = [
            type(each.event) for each in engine.events() if isinstance(each.event, EarningReversed | EarningRestored)
        ]
        assert kinds == [EarningReversed, EarningRestored, EarningReversed]


def test_a_reversal_is_a_retry_the_second_time_and_needs_a_refund_made_before_it() -> None:
    with opened(policy(), buy("p", 100, 1), refund("p", 40, 5)) as engine:
        with pytest.raises(CommandRefused, match="before it was made") as early:
            engine.execute(ReverseRefund(refund="r1", occurred_at=on(4), **SOME))
        with pytest.raises(CommandRefused, match="has no such refund") as unknown:
            engine.execute(ReverseRefund(refund="r9", occurred_at=on(6), **SOME))
        assert (early.value.code, unknown.value.code) == ("before_refund", "unknown_refund")
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(6), **SOME))
        assert engine.execute(ReverseRefund(refund="r1", occurred_at=on(7), **SOME)).events == ()
        with pytest.raises(CommandRefused) as reused:
            engine.execute(refund("p", 40, 8))
        assert reused.value.hint == "Give the new refund an id of its own"


def test_the_points_go_back_to_the_lots_that_they_came_from() -> None:
    history = [buy("a", 10, 1), buy("b", 30, 2), RedeemPoints(redemption="x", points=25, occurred_at=on(3), **SOME)]
    with opened(policy(), *history) as engine:
        before = account(engine).lots
        engine.execute(refund("a", 10, 4))  # a is spent: b gives its points
        assert balance(engine) == 5
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(5), **SOME))
        assert account(engine).lots == before


@pytest.mark.parametrize("shortfall", ["debt", "recorded"])
def test_what_was_missing_is_neither_owed_nor_missing_any_more(shortfall: str) -> None:
    spend = RedeemPoints(redemption="x", points=40, occurred_at=on(2), **SOME)
    with opened(policy(refund_shortfall=shortfall), buy("p", 40, 1), spend) as engine:
        before = figures(engine)
        engine.execute(refund("p", 40, 3))
        now = account(engine)
        assert (now.debt, now.shortfall) == ((40, 0) if shortfall == "debt" else (0, 40))
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(4), **SOME))
        assert figures(engine) == before
        engine.execute(ReverseRedemption(redemption="x", occurred_at=on(5), **SOME))
        assert balance(engine) == 40  # nothing is set against what is missing no longer


def test_a_refund_in_one_month_and_its_reversal_in_the_next_add_up_to_nothing() -> None:
    with opened(policy(), buy("p", 3, 28), refund("p", 1, 30)) as engine:
        before, months = figures(engine), engine.views.loyalty.months()
        engine.execute(refund("p", 1, 30, name="r2"))
        engine.execute(ReverseRefund(refund="r2", occurred_at=on(30), **SOME))
        assert engine.views.loyalty.months() == months
        engine.execute(refund("p", 1, 30, name="r3"))
        engine.execute(ReverseRefund(refund="r3", occurred_at=on(40), **SOME))
        assert [each.taken_back for each in engine.views.loyalty.months()] == [2, -1]
        assert figures(engine) == before


def test_a_month_in_which_points_only_went_and_came_back_is_no_month_of_movements() -> None:
    with opened(policy(), buy("p", 3, 28)) as engine:
        before = engine.views.loyalty.months()
        engine.execute(refund("p", 1, 40))
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(41), **SOME))
        assert engine.views.loyalty.months() == before
        assert len(before) == 1


def test_a_debt_that_was_repaid_meanwhile_comes_back_as_points() -> None:
    spend = RedeemPoints(redemption="x", points=40, occurred_at=on(2), **SOME)
    with opened(policy(), buy("p", 40, 1), spend, refund("p", 40, 3), buy("q", 25, 4)) as engine:
        assert balance(engine) == -15
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(5), **SOME))
        now = account(engine)
        assert (now.balance, now.debt) == (25, 0)


def test_points_of_a_lot_that_has_expired_since_are_gone_or_have_a_grace() -> None:
    for more, left in (({}, 0), ({"reversal_after_expiry": "grace"}, 10)):
        rules = policy(months_to_expiry=2, **more)
        with opened(rules, buy("p", 10, 0), refund("p", 10, 5)) as engine:
            engine.execute(ReverseRefund(refund="r1", occurred_at=on(100), **SOME))
            assert balance(engine) == left


def test_a_tier_that_a_refund_cost_stands_as_before() -> None:
    rules = policy(tiers=TIERS, downgrade_when="anniversary")
    with opened(rules, buy("p", 200, 1)) as engine:
        before = account(engine).tier
        assert before is not None
        assert before.tier != "member"
        engine.execute(refund("p", 200, 20))
        assert any(isinstance(each.event, TierLost) for each in engine.events())
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(30), **SOME))
        after = account(engine).tier
        assert after is not None
        assert (after.tier, after.since, after.change_at) == (before.tier, before.since, before.change_at)
        assert [each.kind for each in after.history][-2:] == ["lost", "restored"]


def test_an_expiry_by_inactivity_is_deferred_again() -> None:
    rules = policy(expiry={"kind": "inactivity", "months_count": 3})
    with opened(rules, buy("a", 10, 1), buy("b", 10, 50)) as engine:
        before = figures(engine)
        engine.execute(refund("b", 10, 51))
        engine.execute(ReverseRefund(refund="r1", occurred_at=on(52), **SOME))
        assert sum(isinstance(each.event, ExpiryDeferred) for each in engine.events()) == 4
        assert figures(engine) == before


def test_a_referral_that_a_refund_revoked_counts_again_on_both_sides() -> None:
    rules = policy(referral={"referrer_points": 50, "referred_points": 20})
    refer = MakeReferral(customer="c1", referral="f", referred="c3", occurred_at=on(1))
    join = EnrolMember(customer="c3", occurred_at=on(2))
    with opened(rules, refer, join, buy("p", 10, 3, customer="c3")) as engine:
        before = figures(engine), balance(engine), balance(engine, "c3")
        assert before[1:] == (50, 30)
        engine.execute(refund("p", 10, 4, customer="c3"))
        assert (balance(engine), balance(engine, "c3")) == (0, 0)
        engine.execute(ReverseRefund(customer="c3", refund="r1", occurred_at=on(5)))
        assert any(isinstance(each.event, ReferralRestored) for each in engine.events())
        assert (figures(engine), balance(engine), balance(engine, "c3")) == before


@pytest.mark.parametrize(
    "order", ["refund merge reversal", "merge refund unmerge reversal", "merge refund reversal unmerge"]
)
def test_a_revoked_referral_counts_again_however_a_merge_comes_between(order: str) -> None:
    rules = policy(referral={"referrer_points": 50, "referred_points": 20})
    refer = MakeReferral(customer="c1", referral="f", referred="c3", occurred_at=on(1))
    history: list[Command] = [
        refer,
        EnrolMember(customer="c3", occurred_at=on(2)),
        buy("p", 10, 3, customer="c3"),
    ]
    steps = {
        "refund": refund("p", 10, 4, customer="c3"),
        "merge": MergeCustomer(customer="c1", into="c2", occurred_at=on(5)),
        "reversal": ReverseRefund(customer="c3", refund="r1", occurred_at=on(6)),
        "unmerge": UnmergeCustomer(customer="c1", occurred_at=on(7)),
    }
    names = order.split()
    with opened(rules, *history) as engine, opened(rules, *history) as other:
        for number, name in enumerate(names):
            engine.execute(steps[name].model_copy(update={"occurred_at": on(10 + number)}))
            if name == "refund":
                assert engine.views.loyalty.referrals().points == 0
                assert [each.points for each in engine.views.loyalty.referrals_of("c1")] == [0]
            elif "merge" in name:
                other.execute(steps[name].model_copy(update={"occurred_at": on(10 + number)}))
        assert any(isinstance(each.event, ReferralRestored) for each in engine.events())
        whose = "c1" if "unmerge" in names else "c2"
        assert engine.views.loyalty.referrals() == other.views.loyalty.referrals()
        for each in (engine, other):
            assert [(row.points, row.rewarded_at) for row in each.views.loyalty.referrals_of("c1")] == [
                (50, to_micros(on(3)))
            ]
            assert balance(each, whose) == 50


def test_a_refund_under_a_merged_id_is_reversed_in_the_surviving_account() -> None:
    history = [buy("p", 10, 1), MergeCustomer(customer="c1", into="c2", occurred_at=on(2)), refund("p", 10, 3)]
    with opened(policy(), *history) as engine:
        assert balance(engine, "c2") == 0
        engine.execute(ReverseRefund(customer="c2", refund="r1", occurred_at=on(4)))
        assert balance(engine, "c2") == 10


# --- an order that was cancelled and completed after all ------------------------------------------------------------


def test_a_cancelled_purchase_is_reinstated_with_all_its_refunds_reversed() -> None:
    with opened(policy(), buy("p", 100, 1)) as engine:
        before = figures(engine)
        engine.execute(refund("p", 30, 2))
        engine.execute(refund("p", 70, 3, name="r2"))
        with pytest.raises(CommandRefused) as again:
            engine.execute(buy("p", 100, 4))
        assert again.value.hint is not None
        assert "ReinstatePurchase" in again.value.hint
        engine.execute(ReinstatePurchase(purchase="p", occurred_at=on(4), **SOME))
        reversed_ = [each.event for each in engine.events() if isinstance(each.event, RefundReversed)]
        assert [(each.refund, each.refunded, each.reinstated) for each in reversed_] == [
            ("r2", 3_000, True),
            ("r1", 0, True),
        ]
        assert figures(engine) == before
        assert engine.execute(ReinstatePurchase(purchase="p", occurred_at=on(5), **SOME)).events == ()


@pytest.mark.parametrize("given_back", [0, 40])
def test_a_purchase_that_was_not_cancelled_cannot_be_reinstated(given_back: int) -> None:
    refunds = [refund("p", given_back, 2)] if given_back else []
    with opened(policy(), buy("p", 100, 1), *refunds) as engine, pytest.raises(CommandRefused) as refusal:
        engine.execute(ReinstatePurchase(purchase="p", occurred_at=on(3), **SOME))
    assert refusal.value.code == "purchase_not_cancelled"


# --- credits, adjustments, transfers, costs, closings ---------------------------------------------------------------


def test_a_cancelled_acquisition_cost_leaves_nothing_in_any_view() -> None:
    spent = {"channel": "web", "campaign": "spring", "occurred_at": on(0), **SOME}
    first = RecordAcquisitionCost(acquisition="a1", amount=euros(30), **spent)
    for kept in ([], [first]):
        with opened(policy(), buy("p", 100, 1), *kept) as engine:
            before = figures(engine)
            engine.execute(RecordAcquisitionCost(acquisition="a2", amount=euros(12), **spent))
            assert engine.views.retention.acquisition(as_of=on(9))[0].cost == (4_200 if kept else 1_200)
            cancel = CancelAcquisitionCost(acquisition="a2", occurred_at=on(5), **SOME)
            assert len(engine.execute(cancel).events) == 1
            assert figures(engine) == before
            assert engine.execute(cancel.model_copy(update={"occurred_at": on(6)})).events == ()
            with pytest.raises(CommandRefused) as unknown:
                engine.execute(CancelAcquisitionCost(acquisition="a9", occurred_at=on(6), **SOME))
            assert unknown.value.code == "unknown_acquisition"


def test_a_cancelled_acquisition_cost_obeys_the_laws_of_projections() -> None:
    spent = {"occurred_at": on(0), **SOME}
    history: list[Command] = [
        RecordAcquisitionCost(acquisition="a1", amount=euros(30), channel="web", **spent),
        RecordAcquisitionCost(acquisition="a2", amount=euros(30), channel="web", **spent),
        CancelAcquisitionCost(acquisition="a1", occurred_at=on(1), **SOME),
        buy("p", 20, 2),
    ]
    assert check_laws(retention.PROJECTION, history).folded == 5


def test_points_that_were_sent_and_sent_back_are_where_they_were() -> None:
    def held(engine: Relations, customer: str) -> list[Any]:
        return sorted((lot.points, str(lot.expires_at), str(lot.active_from)) for lot in account(engine, customer).lots)

    rules = policy(months_to_expiry=12, tiers=TIERS)
    with opened(rules, buy("p", 120, 1), buy("q", 30, 40), buy("r", 10, 3, customer="c2")) as engine:
        before = {name: (held(engine, name), account(engine, name).tier) for name in ("c1", "c2")}
        owed = engine.views.loyalty.liability()
        engine.execute(TransferPoints(transfer="t1", to="c2", points=30, occurred_at=on(50), **SOME))
        assert (balance(engine), balance(engine, "c2")) == (120, 40)
        engine.execute(TransferPoints(customer="c2", transfer="t2", to="c1", points=30, occurred_at=on(51)))
        assert {name: sum(points for points, *_ in held(engine, name)) for name in before} == {"c1": 150, "c2": 10}
        assert {name: account(engine, name).tier for name in before} == {
            name: tier for name, (_, tier) in before.items()
        }
        assert {name: sorted({ends for _, ends, _ in held(engine, name)}) for name in before} == {
            name: sorted({ends for _, ends, _ in lots}) for name, (lots, _) in before.items()
        }
        assert engine.views.loyalty.liability() == owed


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (EarnPoints(lot="bonus", points=25, author="ann", occurred_at=on(5), **SOME), -25),
        (AdjustPoints(adjustment="a", points=25, reason="typo", author="ann", occurred_at=on(5), **SOME), -25),
        (AdjustPoints(adjustment="a", points=-25, reason="typo", author="ann", occurred_at=on(5), **SOME), 25),
    ],
    ids=["credit", "more", "less"],
)
def test_a_credit_or_an_adjustment_is_corrected_by_the_opposite_adjustment(there: Command, back: int) -> None:
    correct = AdjustPoints(adjustment="z", points=back, reason="correction", author="ann", occurred_at=on(6), **SOME)
    with opened(policy(tiers=TIERS), buy("p", 120, 1)) as engine:
        before, owed = account(engine), engine.views.loyalty.liability()
        engine.execute(there)
        assert balance(engine) == 120 - back
        engine.execute(correct)
        now = account(engine)
        assert (now.balance, now.debt, now.tier) == (before.balance, before.debt, before.tier)
        assert engine.views.loyalty.liability().points == owed.points


def test_a_closing_is_final_and_says_how_its_points_can_be_given_back() -> None:
    with opened(policy(), buy("p", 120, 1)) as engine:
        engine.execute(CloseAccount(occurred_at=on(5), **SOME))
        engine.execute(ReopenAccount(occurred_at=on(6), **SOME))
        assert balance(engine) == 0
        give = AdjustPoints(
            adjustment="a", points=120, reason="closed by mistake", author="ann", occurred_at=on(6), **SOME
        )
        engine.execute(give)
        assert balance(engine) == 120


# --- tenders --------------------------------------------------------------------------------------------------------


def tender(kind: str, amount: int) -> Tender:
    return Tender(kind, euros(amount))


@pytest.mark.parametrize(
    ("tenders", "rules", "points"),
    [
        ((), {}, 100),
        ((tender("points", 20),), {}, 80),
        ((tender("points", 20), tender("card", 80)), {}, 80),
        ((tender("gift_card", 30), tender("points", 20)), {}, 50),
        ((tender("points", 100),), {}, 0),
        ((tender("points", 20),), {"excluded_tenders": []}, 100),
        ((tender("voucher", 20),), {"excluded_tenders": ["voucher"]}, 80),
    ],
)
def test_what_was_paid_with_points_or_a_gift_card_earns_nothing(
    tenders: tuple[Tender, ...], rules: dict[str, Any], points: int
) -> None:
    with opened(policy(**rules), buy("p", 100, 1, tenders=tenders)) as engine:
        assert balance(engine) == points
        engine.execute(refund("p", 50, 2))
        assert balance(engine) == points / 2


def test_an_order_counts_towards_a_tier_however_it_was_paid() -> None:
    rules = policy(tier_basis="orders", tiers=[{"name": "regular", "threshold": 1}])
    with opened(rules, buy("p", 100, 1, tenders=(tender("points", 100),))) as engine:
        tier = account(engine).tier
        assert tier is not None
        assert (balance(engine), tier.tier) == (0, "regular")


@pytest.mark.parametrize(
    ("tenders", "reason"),
    [
        ((tender("card", 101),), "must not add up to more"),
        ((Tender("card", Money(1, "USD")),), "must be in the currency"),
        (({"kind": "card", "amount": {"amount": 0, "currency": "EUR"}},), "must be above zero"),
        (({"kind": "", "amount": {"amount": 1, "currency": "EUR"}},), "at least 1 character"),
        (({"kind": "card", "amount": {"amount": 1, "currency": "EUR"}, "card": "4111"},), "no such field"),
    ],
)
def test_tenders_must_fit_their_purchase(tenders: Any, reason: str) -> None:
    with pytest.raises((ValueError, InvalidInput), match=reason):
        buy("p", 100, 1, tenders=tenders)


# --- two expiries at once -------------------------------------------------------------------------------------------


def test_points_lapse_with_inactivity_and_at_the_latest_after_so_many_months() -> None:
    rules = policy(months_to_expiry=48, expiry={"kind": "inactivity", "months_count": 18})
    visits = [buy(f"p{n}", 10, 300 * n) for n in range(5)]  # never idle for eighteen months
    with opened(rules, *visits) as engine:
        engine.advance_time(on(1_450))
        assert balance(engine) == 50
        engine.execute(buy("p5", 10, 1_455))
        engine.advance_time(on(1_500))
        assert balance(engine) == 50  # the first ones are four years old
        engine.advance_time(on(1_455 + 19 * 31))
        assert balance(engine) == 0  # nothing was bought for eighteen months
    with opened(rules, visits[0]) as engine:
        engine.advance_time(on(19 * 31))
        assert balance(engine) == 0


def test_both_expiries_are_recorded_in_one_rule_and_read_back() -> None:
    wanted = policy(months_to_expiry=48, expiry={"kind": "inactivity", "months_count": 18})
    body = wanted.model_dump_json()
    assert Policy.recorded(body) == Policy.model_validate_json(body) == wanted
    expiry = wanted.programme.expiry
    assert expiry is not None
    assert (expiry.latest_months_count, wanted.programme.months_to_expiry) == (48, None)
    with pytest.raises(ValueError, match="must not differ"):
        policy(months_to_expiry=48, expiry={"kind": "inactivity", "latest_months_count": 36})


def test_a_policy_recorded_before_both_could_hold_means_what_it_meant() -> None:
    old = '{"programme":{"months_to_expiry":24,"expiry":{"kind":"inactivity","months_count":18}}}'
    programme = Policy.recorded(old).programme
    assert programme.expires_at(0, "UTC") is None
    assert Policy.model_validate_json(old).programme.expires_at(0, "UTC") is not None


def test_a_programme_with_an_error_is_not_adopted() -> None:
    wrong = policy(pending_days=90, months_to_expiry=1)
    with Relations.open("sqlite://") as engine, pytest.raises(CommandRefused, match="may expire after") as refusal:
        engine.execute(AdoptPolicy(policy=wrong, occurred_at=START))
    assert (refusal.value.code, refusal.value.field) == ("programme_error", "policy")
    assert refusal.value.hint == "Let points last longer than they are pending"


# --- the law --------------------------------------------------------------------------------------------------------

RULES = (
    policy(),
    policy(refund_shortfall="recorded", rounding="up", tiers=TIERS),
    policy(tiers=TIERS, months_to_expiry=2, pending_days=20, reversal_after_expiry="grace"),
    policy(
        tiers=TIERS,
        expiry={"kind": "inactivity", "months_count": 2, "latest_months_count": 5},
        downgrade_when="year_end",
    ),
)
PURCHASES = ("p1", "p2", "p3")
UNTOUCHED = ("satisfaction", "desk", "retention.lifetime_values")
"""What the property does not ask: it has neither purchases in it, nor is quickly fitted. The tests above ask it."""


@st.composite
def histories(draw: st.DrawFn) -> list[Command]:
    """Purchases, redemptions and refunds in order of time."""
    day = 0
    found: list[Command] = []
    for number, name in enumerate(PURCHASES):
        day += draw(st.integers(0, 40))
        found.append(buy(name, draw(st.integers(1, 150)), day))
        if draw(st.booleans()):
            points = draw(st.integers(1, 60))
            found.append(RedeemPoints(redemption=f"x{number}", points=points, occurred_at=on(day + 1), **SOME))
        if draw(st.booleans()):
            whose = draw(st.sampled_from(PURCHASES[: number + 1]))
            found.append(refund(whose, draw(st.integers(1, 40)), day + 2, name=f"e{number}"))
    return found


@part(40)
@given(st.sampled_from(RULES), histories(), st.sampled_from(PURCHASES), st.integers(1, 100), st.integers(0, 3))
def test_a_refund_and_its_reversal_leave_nothing_in_any_view(
    rules: Policy, history: list[Command], purchase: str, percent: int, wait: int
) -> None:
    with Relations.open("sqlite://", clock=lambda: on(900)) as engine:
        engine.adopt(rules, from_beginning=True)
        engine.execute(EnrolMember(occurred_at=START, **SOME))
        engine.execute_many(history)
        later = max(each.occurred_at for each in history) + timedelta(days=1)
        engine.advance_time(later + timedelta(days=wait))
        bought = next(each for each in history if isinstance(each, RecordPurchase) and each.purchase == purchase)
        before = figures(engine, but=UNTOUCHED)
        amount = Money(max(1, bought.amount.amount * percent // 100), "EUR")
        back = RefundPurchase(refund="mine", purchase=purchase, amount=amount, occurred_at=later, **SOME)
        try:
            engine.execute(back)
        except CommandRefused as refusal:
            assume(refusal.code == "nothing of it is left")
        assert any(isinstance(each.event, PurchaseRefunded) for each in engine.events())
        undo = ReverseRefund(refund="mine", occurred_at=later + timedelta(days=wait), **SOME)
        engine.execute(undo)
        assert figures(engine, but=UNTOUCHED) == before
        moved = [each.event for each in engine.events()]
        event("points were given back" if any(isinstance(each, EarningRestored) for each in moved) else "none were")
        event("a tier was lost" if any(isinstance(each, TierLost) for each in moved) else "no tier was lost")
        assert any(isinstance(each, PointsEarned) for each in moved)


def test_reversed_refunds_obey_the_laws_of_projections() -> None:
    history = [
        buy("p", 200, 1),
        RedeemPoints(redemption="x", points=150, occurred_at=on(2), **SOME),
        refund("p", 100, 3),
        refund("p", 100, 4, name="r2"),
        ReverseRefund(refund="r1", occurred_at=on(5), **SOME),
        ReverseRefund(refund="r2", occurred_at=on(6), **SOME),
        refund("p", 200, 7, name="r3"),
        ReinstatePurchase(purchase="p", occurred_at=on(8), **SOME),
    ]
    adopt = AdoptPolicy(policy=policy(tiers=TIERS), from_beginning=True, occurred_at=START)
    commands: list[Command] = [adopt, EnrolMember(occurred_at=START, **SOME), *history]
    for projection in (loyalty.PROJECTION, agenda.PROJECTION, retention.PROJECTION):
        assert check_laws(projection, commands).events > 12
