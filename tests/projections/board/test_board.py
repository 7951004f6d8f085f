"""The board: each figure equals its view's, and a goal is judged by its indicator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from relations import Money, Policy, Relations
from relations.aggregates.campaign import PlanCampaign, RecordCampaignCost
from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import PurchaseRecorded, PurchaseRefunded, RefundReversed
from relations.aggregates.goal import (
    CompleteGoalImprovement,
    EndGoal,
    GoalReviewed,
    GoalSet,
    RaiseGoalImprovement,
    ReviewGoal,
    SetGoal,
)
from relations.analytics.intervals import wilson
from relations.commands import (
    BeginPlan,
    FileComplaint,
    FollowUpComplaint,
    GiveFeedback,
    RecordInteraction,
    RecordPurchase,
    ResolveComplaint,
)
from relations.errors import InvalidInput
from relations.messages import Command, Event, from_micros, to_micros
from relations.months import months_after
from relations.policies import Care
from relations.policies.indicators import INDICATORS
from relations.projections.board.indicators import COMPUTED, MonthValue, overall
from relations.projections.board.rows import PROJECTION, ReviewLine, StandingGoal, TradeMonth
from relations.projections.retention.stages import PeriodRates
from relations.testing import FoldedRows, hotel_policy, simulate
from relations.testing.laws import check_laws

E = TypeVar("E", bound=Event)
LAST = datetime(2025, 12, 31, 12, tzinfo=UTC)
MONTH = "2025-09"
MONTHS = ("2025-03", "2025-06", MONTH, "2025-11")


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://", clock=lambda: LAST) as engine:
        engine.adopt(hotel_policy(), from_beginning=True)
        report = engine.execute_many(simulate(seed=5, customers=150, start=date(2024, 7, 1), months=18))
        assert report.events > 2_000
        engine.adopt(
            hotel_policy().model_copy(update={"care": Care(plans=("support",))}), since=datetime(2025, 9, 1, tzinfo=UTC)
        )
        assert not engine.execute_many(what_the_simulation_lacks()).rejections
        yield engine


def what_the_simulation_lacks() -> Iterator[Command]:
    """Yield a campaign with costs, a care plan, follow-ups and a survey, all in one month."""
    at = datetime(2025, 9, 2, 10, tzinfo=UTC)
    days = {"starts": date(2025, 9, 1), "ends": date(2025, 9, 30)}
    yield PlanCampaign(campaign="autumn", kind="promotion", occurred_at=at, **days)
    yield RecordCampaignCost(campaign="autumn", cost="ad", amount=Money(70_00, "EUR"), occurred_at=at)
    for number in range(12):
        who: Any = {"customer": f"x{number}", "occurred_at": at + timedelta(days=1)}
        amount = Money(20_00, "EUR")
        yield RecordPurchase(**who, purchase=f"x{number}", amount=amount, campaign="autumn" if number < 5 else None)
        yield GiveFeedback(**who, feedback=f"e{number}", instrument="ces", score=3 + number % 4)
        # Scores of other months are few, so a month of its own takes them in and is not shown itself.
        for moment in (at, *([at - timedelta(days=30)] if number < 6 else [])):
            name = f"x{number}-{moment:%m}"
            case: Any = {"complaint": name, "occurred_at": moment}
            yield FileComplaint(**case, customer=f"x{number}", subject="noise", channel="on_site")
            yield ResolveComplaint(**case)
            yield FollowUpComplaint(**case, score=2 + number % 4)
    yield BeginPlan(customer="x0", plan="support", occurred_at=at + timedelta(days=2))
    yield RecordInteraction(
        customer="x0", interaction="i", channel="phone", kind="short_call", direction="outbound",
        regarding={"kind": "care", "id": "support-1", "step": "call"}, occurred_at=at + timedelta(days=4),
    )  # fmt: skip


def test_every_indicator_is_computed() -> None:
    assert COMPUTED.keys() == INDICATORS.keys()


@dataclass(frozen=True)
class Month:
    """A month of the board, to be asked of the views."""

    engine: Relations
    name: str

    @property
    def span(self) -> Any:
        return {"since": self.name, "until": months_after(self.name)}

    @property
    def end(self) -> datetime:
        first = date.fromisoformat(f"{months_after(self.name)}-01")
        return from_micros(self.engine.views.board.local.start(first)) - timedelta(microseconds=1)

    @cached_property
    def rates(self) -> PeriodRates:
        return self.engine.views.retention.rates(**self.span)[0]

    def events(self, kind: type[E]) -> list[E]:
        """Return the events of a kind in the month, where no view has the figure and the log has to say it."""
        local = self.engine.views.board.local
        return [
            each.event
            for each in self.engine.events()
            if isinstance(each.event, kind) and local.month(each.occurred_at) == self.name
        ]

    @cached_property
    def orders(self) -> list[int]:
        return [each.amount.amount for each in self.events(PurchaseRecorded) if each.amount.currency == "EUR"]

    @property
    def filed(self) -> int:
        return sum(each.kind == "complaint" for each in self.events(ComplaintFiled))

    def step(self, name: str) -> float | None:
        steps = self.engine.views.repair.steps(**self.span, as_of=LAST)
        return next(each.on_time for each in steps if each.step == name)


def revenue(month: Month) -> float:
    euros = [each.amount.amount for each in month.events(PurchaseRefunded) if each.amount.currency == "EUR"]
    return (sum(month.orders) - sum(euros)) / 100


def worth(month: Month) -> float | None:
    found = month.engine.views.retention.lifetime_values(as_of=month.end, limit=0)
    return (found.historic + (found.expected_value or 0)) / found.buyers / 100 if found.buyers else None


def cost_of_a_buyer(month: Month) -> float | None:
    found = month.engine.views.retention.acquisition(as_of=month.end)
    buyers = sum(each.buyers for each in found)
    return sum(each.cost for each in found) / buyers / 100 if buyers else None


def return_on_campaigns(month: Month) -> float | None:
    view = month.engine.views.campaigns
    ended = [plan for plan in view.calendar() if f"{plan.ends - timedelta(days=1):%Y-%m}" == month.name]
    found = [view.results(plan.campaign, as_of=LAST) for plan in ended]
    cost = sum(each.cost for each in found)
    return (sum(each.revenue for each in found) - cost) / cost if cost else None


def to_renew(month: Month) -> float | None:
    view, ahead = month.engine.views.pipeline, timedelta(days=month.engine.policy.pipeline.renewal_days)
    return len(view.contracts(ahead=ahead, as_of=month.end)) if view.contracts(as_of=month.end) else None


def trained_in_time(month: Month) -> float | None:
    courses = [
        course.completed_at is not None and course.completed_at <= course.due_at
        for each in month.engine.views.team.members(left=True)
        for course in each.trainings
        if course.due_at is not None and f"{course.due_at:%Y-%m}" == month.name
    ]
    return sum(courses) / len(courses) if courses else None


def reopened(month: Month) -> float | None:
    resolved: Counter[bool] = Counter()
    local = month.engine.views.board.local
    kinds: dict[str, set[str]] = {}
    for each in month.engine.events():
        if each.stream.startswith("complaint-"):
            kinds.setdefault(each.stream, set()).add(each.topic)
            if isinstance(each.event, ComplaintFiled) and local.month(each.occurred_at) == month.name:
                kinds[each.stream].add("of the month")
    for topics in kinds.values():
        if {"of the month", "complaint.resolved"} <= topics:
            resolved["complaint.reopened" in topics] += 1
    again = sum(each.reopened for each in month.engine.views.team.figures(**month.span, as_of=LAST))
    assert again == resolved[True], "every case that was reopened counts for somebody"
    return resolved[True] / resolved.total() if resolved.total() else None


def care_kept(month: Month) -> float | None:
    found = [each for each in month.engine.views.care.kept(**month.span) if not each.plan]
    return found[0].kept if found else None


OF_ITS_VIEW: dict[str, Callable[[Month], float | None]] = {
    "nps": lambda month: month.engine.views.satisfaction.nps(**month.span)[0].nps,
    "satisfaction": lambda month: month.engine.views.satisfaction.csat(**month.span)[0].share,
    "effort": lambda month: month.engine.views.satisfaction.ces(**month.span)[0].mean,
    "complaint_satisfaction": lambda month: (
        month.engine.views.satisfaction.csat(instrument="complaint_csat", **month.span)[0].share
    ),
    "response_rate": lambda month: month.engine.views.satisfaction.response_rates(**month.span)[0].rate,
    "retention": lambda month: month.rates.retention,
    "churn": lambda month: month.rates.churn,
    "repeat_rate": lambda month: month.rates.repeat_rate,
    "revenue": revenue,
    "average_order_value": lambda month: sum(month.orders) / len(month.orders) / 100,
    "lifetime_value": worth,
    "acquisition_cost": cost_of_a_buyer,
    "campaign_roi": return_on_campaigns,
    "win_rate": lambda month: month.engine.views.pipeline.results(**month.span)[0].win_rate,
    "weighted_pipeline": lambda month: (
        sum(each.weighted for each in month.engine.views.pipeline.stages(as_of=month.end)) / 100
    ),
    "contracts_to_renew": to_renew,
    "trainings_on_time": trained_in_time,
    "reopened_cases": reopened,
    "care_kept": care_kept,
    "complaint_rate": lambda month: month.filed / len(month.orders),
    "complaints": lambda month: month.filed,
    "first_response_on_time": lambda month: month.step("acknowledged"),
    "resolution_on_time": lambda month: month.step("resolved"),
    "open_cases": lambda month: month.engine.views.repair.cases(as_of=month.end).open,
    "overdue_cases": lambda month: len(
        {each.complaint for each in month.engine.views.repair.overdue(as_of=month.end) if each.clock != "follow_up"}
    ),
    "overdue_follow_ups": lambda month: len(month.engine.views.repair.overdue(as_of=month.end, clock="follow_up")),
    "restored_relations": lambda month: month.engine.views.repair.summary(as_of=month.end).restored_share,
    "liability": lambda month: month.engine.views.loyalty.liability(as_of=month.end).points,
}
"""The figure of each indicator as its view has it; where none has it, as the log has it."""


def test_every_indicator_is_compared_with_its_view() -> None:
    assert OF_ITS_VIEW.keys() == INDICATORS.keys()


def test_a_figure_of_the_board_equals_that_of_its_view(engine: Relations) -> None:
    seen, wrong = set(), {}
    for name in MONTHS:
        board = {each.indicator: each.month for each in engine.views.board.figures(month=name, indicators=INDICATORS)}
        assert board.keys() == OF_ITS_VIEW.keys()
        month = Month(engine, name)
        for indicator, ask in OF_ITS_VIEW.items():
            value, expected = board[indicator].value, ask(month)
            if value is None or expected is None:
                same = value is None and not expected
            else:
                same = value == pytest.approx(expected)
                seen.add(indicator)
            if not same:
                wrong[name, indicator] = value, expected
    assert wrong == {}
    assert seen == set(INDICATORS), "each has a value in one of the months"


def test_only_open_cases_are_overdue(engine: Relations) -> None:
    """A follow-up that nobody made is overdue, but its complaint is settled."""
    counted: list[tuple[float, float]] = []
    for month in ("2025-06", MONTH, "2025-11"):
        figures = engine.views.board.figures(month=month, indicators=["open_cases", "overdue_cases"])
        board = {figure.indicator: figure.month.value for figure in figures}
        counted.append((board["overdue_cases"] or 0, board["open_cases"] or 0))
    assert all(overdue <= opened for overdue, opened in counted)
    assert any(step.clock == "follow_up" for step in engine.views.repair.overdue(as_of=LAST))


def test_trade_and_complaints_equal_a_plain_sum_over_the_log(engine: Relations) -> None:
    local = engine.views.board.local
    sold = refunded = orders = filed = 0
    for recorded in engine.events():
        if local.month(recorded.occurred_at) == MONTH:
            match recorded.event:
                case PurchaseRecorded(amount=amount) if amount.currency == "EUR":
                    sold, orders = sold + amount.amount, orders + 1
                case PurchaseRefunded(amount=amount) if amount.currency == "EUR":
                    refunded += amount.amount
                case _ if recorded.topic == "complaint.filed":
                    filed += 1
    board = {figure.indicator: figure.month for figure in engine.views.board.figures(month=MONTH)}
    assert orders > 20
    assert board["revenue"].value == pytest.approx((sold - refunded) / 100)
    assert board["average_order_value"].value == pytest.approx(sold / orders / 100)
    assert board["complaints"].value == filed
    assert board["complaint_rate"].value == pytest.approx(filed / orders)


def test_a_goal_has_a_light_an_owner_reviews_and_a_measured_improvement(engine: Relations) -> None:
    at = datetime(2025, 1, 2, tzinfo=UTC)
    share = next(f for f in engine.views.board.figures(month=MONTH) if f.indicator == "satisfaction").month.value
    assert share is not None
    for target, least, light in ((0.0, None, "green"), (1.0, 0.0, "amber"), (1.0, None, "red")):
        engine.execute(
            SetGoal(
                goal="glad",
                indicator="satisfaction",
                target=Decimal(str(target)),
                least=None if least is None else Decimal(str(least)),
                starts=date(2025, 1, 1),
                ends=date(2026, 1, 1),
                owner="ann",
                occurred_at=at + timedelta(hours=int(target * 2) + (least is None)),
            )
        )
        figure = next(f for f in engine.views.board.figures(month=MONTH) if f.goal == "glad")
        assert (figure.light, figure.target, figure.owner) == (light, target, "ann")
    engine.execute(ReviewGoal(goal="glad", finding="Late rooms", decision="Clean earlier", occurred_at=at))
    engine.execute(RaiseGoalImprovement(goal="glad", improvement="i1", what="Clean from 8", due_at=at, occurred_at=at))
    assert engine.views.board.goal("glad").improvements[0].overdue
    with pytest.raises(InvalidInput, match="not in effect"):
        engine.views.board.effect("glad", "i1")
    engine.execute(
        CompleteGoalImprovement(goal="glad", improvement="i1", occurred_at=datetime(2025, 6, 15, tzinfo=UTC))
    )

    effect = engine.views.board.effect("glad", "i1")
    assert (effect.before.since, effect.before.until) == ("2025-03", "2025-06")
    assert (effect.after.since, effect.after.until) == ("2025-07", "2025-10")
    plain = engine.views.satisfaction.csat(since="2025-03", until="2025-06")[0]
    assert (effect.before.value, effect.before.n) == (plain.share, plain.n)
    assert engine.execute(effect.command(LAST)).events
    goal = engine.views.board.goal("glad")
    measured = goal.improvements[0]
    assert effect.before.value is not None
    assert effect.after.value is not None
    assert measured.effect == pytest.approx(effect.after.value - effect.before.value, abs=1e-5)
    assert measured.proved is not None
    assert (goal.reviews[0].finding, goal.state) == ("Late rooms", "running")

    engine.execute(EndGoal(goal="glad", occurred_at=LAST))
    assert engine.views.board.goal("glad").state == "ended"
    assert engine.views.board.goal("glad", as_of=at + timedelta(days=9)).state == "running"
    with pytest.raises(InvalidInput, match="there is no goal"):
        engine.views.board.goal("none")


def test_a_goal_may_have_a_scope(engine: Relations) -> None:
    touchpoint = engine.views.satisfaction.csat(by=["touchpoint"])[0].group["touchpoint"]
    assert touchpoint is not None
    engine.execute(
        SetGoal(
            goal="there", indicator="satisfaction", target=Decimal("0.9"), scope={"touchpoint": touchpoint},
            starts=date(2025, 1, 1), ends=date(2026, 1, 1), occurred_at=datetime(2025, 1, 2, tzinfo=UTC),
        )
    )  # fmt: skip
    figure = next(f for f in engine.views.board.figures(month=MONTH) if f.goal == "there")
    series = engine.views.board.series("satisfaction", since="2025-01", until="2025-12", scope=figure.scope)
    plain = engine.views.satisfaction.csat(by=["month", "touchpoint"], since="2025-01", until="2025-12")
    wanted = {f.group["month"]: f.share for f in plain if f.group["touchpoint"] == touchpoint}
    assert {each.month: each.value for each in series if each.month in wanted} == wanted
    assert len(wanted) > 3
    with pytest.raises(InvalidInput, match="has no scope"):
        engine.views.board.series("revenue", since="2025-01", until="2025-12", scope={"touchpoint": "bar"})


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"month": "2026-01"}, "invalid_month"),
        ({"month": "soon"}, "invalid_month"),
        ({"indicators": ["happiness"]}, "unknown_indicator"),
    ],
)
def test_what_cannot_be_answered_is_refused(engine: Relations, options: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        engine.views.board.figures(**options)  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.code == code


def test_a_refund_counts_in_its_month_and_its_reversal_takes_it_back() -> None:
    may, june, july = (datetime(2024, month, 9, tzinfo=UTC) for month in (5, 6, 7))
    bought = PurchaseRecorded(purchase="p1", amount=Money(1000, "EUR"))
    refund = PurchaseRefunded(
        refund="r1", purchase="p1", amount=Money(400, "EUR"), refunded=400, bought=1000, bought_at=to_micros(may)
    )
    back = RefundReversed(
        refund="r1", purchase="p1", amount=Money(400, "EUR"), refunded=0, bought=1000,
        bought_at=to_micros(may), refunded_at=to_micros(june),
    )  # fmt: skip
    rows = FoldedRows(PROJECTION).given(bought, customer="c1", at=may).given(refund, customer="c1", at=june)
    rows.then(
        TradeMonth,
        TradeMonth("2024-05", "EUR", orders=1, bought=1000),
        TradeMonth("2024-06", "EUR", refunded=400),
    )
    # A tally of zeros is no row once it is stored.
    rows.given(back, customer="c1", at=july).then(
        TradeMonth, TradeMonth("2024-05", "EUR", orders=1, bought=1000), TradeMonth("2024-06", "EUR")
    )


def test_the_latest_terms_by_business_time_hold() -> None:
    early, late = (datetime(2024, month, 9, tzinfo=UTC) for month in (5, 6))
    first, second = (
        GoalSet(indicator="nps", target=each, starts="2024-05-01", ends="2024-08-01") for each in ("40", "50")
    )
    rows = (
        FoldedRows(PROJECTION)
        .given(second, customer="", stream="goal-g1", at=late)
        .given(first, customer="", stream="goal-g1", at=early)
    )
    rows = rows.given(GoalReviewed(finding="B"), customer="", stream="goal-g1", at=late)
    rows.given(GoalReviewed(finding="A"), customer="", stream="goal-g1", at=early).then(
        StandingGoal,
        StandingGoal(
            "", "g1", indicator="nps", target="50", starts="2024-05-01", ends="2024-08-01", set_at=to_micros(late),
            reviews=[ReviewLine(to_micros(early), "A"), ReviewLine(to_micros(late), "B")],
        ),
    )  # fmt: skip


@pytest.mark.parametrize(("hits", "n"), [(1, 49), (8, 107), (29, 161)])
def test_a_share_over_all_months_is_that_of_all_hits(monkeypatch: pytest.MonkeyPatch, hits: int, n: int) -> None:
    # 49 times 1/49 is 0.9999999999999999. Summed up so, the share of two such months would miss a target that it meets.
    months = {month: MonthValue(hits / n, n, wilson(hits, n)) for month in ("2024-05", "2024-06")}
    monkeypatch.setitem(COMPUTED, "repeat_rate", lambda asked: months)
    asked: Any = SimpleNamespace(policy=Policy())
    assert overall("repeat_rate", asked) == MonthValue(2 * hits / (2 * n), 2 * n, wilson(2 * hits, 2 * n))


def test_goals_keep_the_laws() -> None:
    at = datetime(2024, 5, 6, tzinfo=UTC)
    terms = {"indicator": "nps", "starts": date(2024, 5, 1), "ends": date(2024, 8, 1)}
    commands = [
        command
        for number in range(4)
        for command in (
            SetGoal(goal=f"g{number}", target=Decimal(40 + number), occurred_at=at, **terms),
            ReviewGoal(goal=f"g{number}", finding=f"Finding {number}", occurred_at=at + timedelta(days=number)),
            RaiseGoalImprovement(goal=f"g{number}", improvement="i1", what="More", occurred_at=at),
            CompleteGoalImprovement(goal=f"g{number}", improvement="i1", occurred_at=at + timedelta(days=9)),
            EndGoal(goal=f"g{number}", occurred_at=at + timedelta(days=99)),
        )
    ]
    report = check_laws(PROJECTION, commands, batches=(3,), shards=(1, 2), points=3, hash_seeds=())
    assert report.folded == len(commands)
