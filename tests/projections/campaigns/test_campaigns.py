"""The view of campaigns: figures equal a direct count, and the lift is that of the control group."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from relations import Money, Relations
from relations.aggregates.campaign import (
    CancelCampaignCost,
    EndCampaign,
    PlanCampaign,
    RecordCampaignCost,
    RecordCampaignReach,
    StartCampaign,
)
from relations.aggregates.customer import (
    AnswerOffer,
    GiveFeedback,
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    ReverseRefund,
    SendOffer,
    UnmergeCustomer,
    WithholdOffer,
)
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies import Policy, Surveys

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
SPRING = {"campaign": "spring"}


def on(day: float, **more: Any) -> dict[str, Any]:
    return {"occurred_at": MONDAY + timedelta(days=day), **more}


def plan(**more: Any) -> PlanCampaign:
    fields = {"kind": "promotion", "starts": date(2024, 5, 7), "ends": date(2024, 6, 7), "campaign": "spring", **more}
    return PlanCampaign(**on(0), **fields)


def bought(customer: str, purchase: str, day: float, amount: str = "100", **more: Any) -> RecordPurchase:
    return RecordPurchase(**on(day), customer=customer, purchase=purchase, amount=Money.of(amount, "EUR"), **more)


def offered(customer: str, day: float = 1) -> SendOffer:
    return SendOffer(**on(day), customer=customer, offer=f"o-{customer}", channel="email", **SPRING)


def answered(customer: str, answer: Any, day: float = 2) -> AnswerOffer:
    return AnswerOffer(**on(day), customer=customer, offer=f"o-{customer}", answer=answer)


def history() -> Iterator[Command]:
    yield plan(control_percent=25, budget=Money.of("900", "EUR"))
    yield StartCampaign(**on(1), **SPRING, audience=5)
    yield bought("dan", "p0", -30)
    yield from (offered(each) for each in ("ann", "ben", "cleo", "dan"))
    yield from (WithholdOffer(**on(1), customer=each, **SPRING) for each in ("eve", "fay"))
    yield answered("ann", "clicked")
    yield answered("ann", "accepted", 3)
    yield answered("ben", "bounced")
    yield answered("cleo", "declined")
    yield bought("ann", "p1", 4, "400", **SPRING)
    yield bought("ann", "p2", 5, "200", **SPRING)
    yield bought("cleo", "p3", 6, "50", **SPRING)
    yield RefundPurchase(**on(7), customer="cleo", purchase="p3", refund="r3", amount=Money.of("50", "EUR"))
    yield bought("dan", "p4", 8, "300", **SPRING)
    yield RefundPurchase(**on(9), customer="dan", purchase="p4", refund="r4", amount=Money.of("100", "EUR"))
    yield bought("eve", "p5", 9)
    yield bought("fay", "p6", 60)
    yield RecordCampaignCost(**on(1), **SPRING, cost="ad", amount=Money.of("1000", "EUR"), channel="social")
    yield RecordCampaignCost(**on(1), **SPRING, cost="wrong", amount=Money.of("77", "EUR"))
    yield CancelCampaignCost(**on(2), **SPRING, cost="wrong")
    yield RecordCampaignReach(**on(3), **SPRING, reach="w1", platform="weibo", impressions=900, reactions=30)
    yield RecordCampaignReach(**on(9), **SPRING, reach="w1", platform="weibo", impressions=950, reactions=31)
    yield RecordCampaignReach(**on(10), **SPRING, reach="w2", platform="weibo", impressions=50, followers=2)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relations]:
    url = f"sqlite:///{tmp_path_factory.mktemp('campaigns') / 'log.db'}"
    with Relations.open(url, clock=lambda: NOW) as engine:
        engine.execute_many(history())
        yield engine


def test_each_customer_counts_once_by_what_came_back(engine: Relations) -> None:
    found = engine.views.campaigns.results("spring")
    counts = {name: getattr(found, name) for name in ("sent", "bounced", "reached", "seen", "clicked", "accepted")}
    assert counts == {"sent": 4, "bounced": 1, "reached": 3, "seen": 2, "clicked": 1, "accepted": 1}
    assert (found.declined, found.attended, found.control) == (1, 0, 2)


def test_revenue_cost_roi_and_cac_are_those_of_purchases_that_name_it(engine: Relations) -> None:
    found = engine.views.campaigns.results("spring")
    assert (found.buyers, found.orders, found.revenue, found.cost) == (2, 3, 80_000, 100_000)
    assert found.roi == pytest.approx(-0.2)
    assert (found.won, found.cac) == (1, 100_000)  # ann; dan had bought before


def test_the_lift_counts_every_buyer_on_the_days_of_the_campaign(engine: Relations) -> None:
    lift = engine.views.campaigns.results("spring").lift
    assert lift is not None
    assert (lift.offered, lift.offered_buyers, lift.control, lift.control_buyers) == (4, 2, 2, 1)
    assert lift.difference == 0
    assert lift.low < 0 < lift.high


def test_the_calendar_says_what_is_late_and_over_budget(engine: Relations) -> None:
    (found,) = engine.views.campaigns.calendar()
    assert (found.status, found.late, found.over_budget, found.counted) == ("running", True, True, 5)
    assert found.spent == (Money.of("1000", "EUR"),)
    assert [(each.platform, each.impressions, each.reactions, each.followers) for each in found.reach] == [
        ("weibo", 1000, 31, 2)
    ]
    assert engine.views.campaigns.calendar(until=date(2024, 5, 7)) == []
    assert engine.views.campaigns.calendar(since=date(2024, 6, 7)) == []
    assert engine.views.campaigns.calendar(since=date(2024, 6, 6)) == [found]


def test_every_figure_leads_to_the_customers(engine: Relations) -> None:
    recipients = engine.views.campaigns.recipients
    assert [each.customer for each in recipients("spring", control=True)] == ["eve", "fay"]
    assert [each.customer for each in recipients("spring", answer="bounced")] == ["ben"]
    assert [each.answers for each in recipients("spring", control=False, limit=1)] == [("clicked", "accepted")]
    assert [each.customer for each in recipients("spring", limit=2, after="ben")] == ["cleo", "dan"]


def test_an_unknown_campaign_is_named(engine: Relations) -> None:
    with pytest.raises(InvalidInput, match="there is no campaign 'sprung'"):
        engine.views.campaigns.results("sprung")


def test_a_person_with_two_ids_is_offered_once_and_is_no_control() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.execute_many(history())
        before = engine.views.campaigns.results("spring")
        engine.execute(MergeCustomer(**on(20), customer="eve", into="ann"))
        merged = engine.views.campaigns.results("spring")
        assert (merged.sent, merged.control, merged.buyers) == (4, 1, 2)
        engine.execute(UnmergeCustomer(**on(21), customer="eve"))
        assert engine.views.campaigns.results("spring") == before


def test_an_ended_campaign_is_not_late() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.execute_many([plan(), EndCampaign(**on(3), **SPRING), RegisterCustomer(**on(0), customer="ann")])
        found = engine.views.campaigns.campaign("spring")
        assert (found.status, found.late, found.spent) == ("ended", False, ())
        assert engine.views.campaigns.results("spring").lift is None


def test_partners_bring_purchases_profit_and_satisfaction_and_cost_their_joint_campaigns() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=2)), since=MONDAY - timedelta(days=60))
        agency: dict[str, Any] = {"partner": "agency"}
        cost: dict[str, Any] = {"cost": Money.of("60", "EUR")}
        engine.execute_many(
            [
                RegisterCustomer(**on(0), customer="agency", kind="partner", name="Alpenreisen"),
                plan(kind="joint", **agency),
                RecordCampaignCost(**on(1), **SPRING, cost="ad", amount=Money.of("70", "EUR")),
                bought("ann", "p1", 2, **agency, **cost),
                bought("ann", "p2", 3, "50", **agency),
                bought("ben", "p3", 4, "200", **agency, **cost),
                RefundPurchase(**on(5), customer="ben", purchase="p3", refund="r", amount=Money.of("100", "EUR")),
                bought("cleo", "p4", 4, **agency),
                RefundPurchase(**on(5), customer="cleo", purchase="p4", refund="r", amount=Money.of("100", "EUR")),
                bought("dan", "p5", 6, partner="rail"),
                GiveFeedback(**on(7), customer="ann", feedback="f1", instrument="csat", score=5),
                GiveFeedback(**on(7), customer="ben", feedback="f2", instrument="csat", score=3),
                GiveFeedback(**on(7), customer="dan", feedback="f3", instrument="csat", score=5),
            ]
        )
        first, second = engine.views.campaigns.partners()
        assert (first.partner, first.buyers, first.orders, first.revenue) == ("agency", 2, 3, 25_000)
        assert (first.costed, first.profit, first.campaigns, first.cost) == (20_000, 11_000, 1, 7_000)
        assert (first.answers, first.satisfied) == (2, 0.5)
        assert (second.partner, second.revenue, second.profit, second.satisfied) == ("rail", 10_000, None, None)
        engine.adopt(Policy(surveys=Surveys(minimum_answers=2, csat_satisfied_from=3)), since=MONDAY)
        (lenient, _) = engine.views.campaigns.partners()
        assert (lenient.answers, lenient.satisfied) == (2, 1.0)  # the policy says which score is satisfied


def test_the_return_of_campaigns_is_an_indicator_of_the_board(engine: Relations) -> None:
    (found,) = engine.views.campaigns.returns()
    assert (found.month, found.campaigns, found.revenue, found.cost) == ("2024-06", 1, 80_000, 100_000)
    assert engine.views.campaigns.returns(as_of=MONDAY + timedelta(days=20)) == []
    (figure,) = engine.views.board.figures(month="2024-06", indicators=["campaign_roi"])
    assert figure.month.value == engine.views.campaigns.results("spring").roi == pytest.approx(-0.2)


def test_profit_is_known_where_every_purchase_has_a_cost() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        cost = Money.of("60", "EUR")
        spent = RecordCampaignCost(**on(1), **SPRING, cost="ad", amount=Money.of("20", "EUR"))
        engine.execute_many([plan(), spent, bought("ann", "p1", 4, **SPRING, cost=cost)])
        known = engine.views.campaigns.results("spring")
        assert (known.profit, known.profit_roi, known.roi) == (4_000, 1.0, 4.0)
        engine.execute(bought("ben", "p2", 4, **SPRING))
        partly = engine.views.campaigns.results("spring")
        assert (partly.profit, partly.profit_roi, partly.costed) == (4_000, None, 10_000)


def opened_at(moment: datetime) -> Relations:
    return Relations.open("sqlite://", clock=lambda: moment)


def test_results_are_known_as_of_any_moment() -> None:
    cost = Money.of("60", "EUR")
    history: list[Command] = [
        plan(partner="agency"),
        *(offered(name) for name in ("ann", "ben", "cleo")),
        WithholdOffer(**on(1), customer="dan", **SPRING),
        WithholdOffer(**on(3), customer="eve", **SPRING),
        RecordCampaignCost(**on(1), **SPRING, cost="ad", amount=Money.of("20", "EUR")),
        bought("ann", "p1", 4, **SPRING, partner="agency", cost=cost),
        AnswerOffer(**on(4), customer="ann", offer="o-ann", answer="accepted"),
        AnswerOffer(**on(5), customer="ben", offer="o-ben", answer="bounced"),
        bought("ben", "p2", 5, **SPRING, partner="agency"),
        bought("dan", "p3", 5),
        RecordCampaignCost(**on(6), **SPRING, cost="print", amount=Money.of("30", "EUR")),
        RefundPurchase(**on(7), customer="ann", purchase="p1", refund="wrong", amount=Money.of("50", "EUR")),
        RefundPurchase(**on(8), customer="ben", purchase="p2", refund="r", amount=Money.of("100", "EUR")),
        GiveFeedback(**on(9), customer="ann", feedback="f1", instrument="csat", score=5),
        ReverseRefund(**on(10), customer="ann", refund="wrong"),
    ]
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.execute_many(history)
        view = engine.views.campaigns
        assert view.results("spring", as_of=NOW) == view.results("spring")
        assert view.partners(as_of=NOW) == view.partners()
        for day in range(12):
            moment = MONDAY + timedelta(days=day, hours=12)
            found, partners = view.results("spring", as_of=moment), view.partners(as_of=moment)
            # A refund that was reversed never counts, so the past is that of everything known now.
            with opened_at(moment) as then:
                known = [each for each in history if getattr(each, "refund", None) != "wrong"]
                then.execute_many([each for each in known if each.occurred_at <= moment])
                assert found == then.views.campaigns.results("spring")
                assert partners == then.views.campaigns.partners()


EFFECT = 0.25
SPENT, PRICE, MARGIN = 60_00, 20_00, 8_00
"""The cost of each simulated campaign, and the price and the margin of what its buyers buy, in cents."""


@pytest.fixture(scope="module")
def simulated() -> Iterator[tuple[Relations, list[tuple[int, int]]]]:
    """Two hundred campaigns of 60 customers, the odd ones with a known effect, and who bought in each of them."""
    drawn, first = random.Random(2024), datetime(2020, 1, 6, 9, tzinfo=UTC)
    people = [f"c{number}" for number in range(60)]
    bought: list[tuple[int, int]] = []

    def a_campaign(number: int) -> Iterator[Command]:
        at, name = first + timedelta(days=7 * number), f"week{number}"
        days = {"starts": at.date(), "ends": at.date() + timedelta(days=7), "control_percent": 50}
        yield PlanCampaign(campaign=name, kind="promotion", occurred_at=at, **days)
        yield RecordCampaignCost(campaign=name, cost="ad", amount=Money(SPENT, "EUR"), occurred_at=at)
        drawn.shuffle(people)
        buyers = [0, 0]
        for place, who in enumerate(people):
            fields: Any = {"customer": who, "campaign": name, "occurred_at": at}
            sent = SendOffer(**fields, offer=f"{name}-{who}", channel="email", lenient=True)
            yield WithholdOffer(**fields) if place % 2 else sent
            if drawn.random() < 0.3 + (EFFECT if number % 2 and not place % 2 else 0):
                buyers[place % 2] += 1
                yield RecordPurchase(
                    customer=who, purchase=f"{name}-{who}", amount=Money(PRICE, "EUR"), occurred_at=at,
                    cost=Money(PRICE - MARGIN, "EUR"), campaign=None if place % 2 else name,
                )  # fmt: skip
        bought.append((buyers[0], buyers[1]))

    with Relations.open("sqlite://", clock=lambda: NOW, durability="off") as engine:
        for number in range(200):
            assert not engine.execute_many(a_campaign(number)).rejections
        yield engine, bought


def test_the_lift_is_that_of_an_independent_library_and_contains_the_truth_in_about_95_of_100_campaigns(
    simulated: tuple[Relations, list[tuple[int, int]]],
) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    engine, bought = simulated
    contain = {0.0: 0, EFFECT: 0}
    beyond_zero = 0
    for number, (offered_buyers, others) in enumerate(bought):
        lift = engine.views.campaigns.results(f"week{number}").lift
        assert lift is not None
        assert (lift.offered, lift.offered_buyers, lift.control, lift.control_buyers) == (
            30,
            offered_buyers,
            30,
            others,
        )
        assert lift.difference == pytest.approx((offered_buyers - others) / 30)
        low, high = proportion.confint_proportions_2indep(offered_buyers, 30, others, 30, method="newcomb")
        assert (lift.low, lift.high) == pytest.approx((low, high))
        truth = EFFECT if number % 2 else 0.0
        contain[truth] += lift.low <= truth <= lift.high
        beyond_zero += bool(truth) and lift.low > 0
    assert 90 <= contain[0.0] <= 99, "an effect is not invented"
    assert 90 <= contain[EFFECT] <= 99, "nor is it missed"
    assert beyond_zero > 40, "thirty customers of each kind show an effect of a quarter about every other time"


def test_the_return_on_a_campaign_is_that_of_its_buyers_and_on_average_the_known_one(
    simulated: tuple[Relations, list[tuple[int, int]]],
) -> None:
    engine, bought = simulated
    rois: dict[bool, list[float]] = {False: [], True: []}
    for number, (buyers, _) in enumerate(bought):
        found = engine.views.campaigns.results(f"week{number}")
        assert (found.buyers, found.revenue, found.cost) == (buyers, buyers * PRICE, SPENT)
        assert found.roi == pytest.approx((buyers * PRICE - SPENT) / SPENT)
        assert found.profit_roi == pytest.approx((buyers * MARGIN - SPENT) / SPENT)
        assert found.roi is not None
        rois[bool(number % 2)].append(found.roi)
    for is_effective, chance in ((False, 0.3), (True, 0.3 + EFFECT)):
        known = (30 * chance * PRICE - SPENT) / SPENT
        spread = (30 * chance * (1 - chance)) ** 0.5 * PRICE / SPENT
        error = spread / len(rois[is_effective]) ** 0.5
        assert sum(rois[is_effective]) / len(rois[is_effective]) == pytest.approx(known, abs=3 * error)
