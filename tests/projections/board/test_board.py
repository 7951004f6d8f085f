"""The board: each figure equals its view's, and a goal is judged by its indicator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from relations import Relations
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
from relations.errors import InvalidInput
from relations.messages import Money, to_micros
from relations.months import months_after
from relations.policies.indicators import INDICATORS
from relations.projections.board.indicators import COMPUTED
from relations.projections.board.rows import PROJECTION, ReviewLine, StandingGoal, TradeMonth
from relations.testing import FoldedRows, hotel_policy, simulate
from relations.testing.laws import check_laws

LAST = datetime(2025, 12, 31, 12, tzinfo=UTC)
MONTH = "2025-09"


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://", clock=lambda: LAST) as engine:
        engine.adopt(hotel_policy(), from_beginning=True)
        report = engine.execute_many(simulate(seed=5, customers=150, start=date(2024, 7, 1), months=18))
        assert report.events > 2_000
        yield engine


def test_every_indicator_is_computed() -> None:
    assert COMPUTED.keys() == INDICATORS.keys()


def test_a_figure_of_the_board_equals_that_of_its_view(engine: Relations) -> None:
    board = {figure.indicator: figure for figure in engine.views.board.figures(month=MONTH, indicators=INDICATORS)}
    following = months_after(MONTH)
    views = engine.views
    end = views.board.local.start(date(2025, 10, 1))
    as_of = datetime.fromtimestamp(end / 1e6, UTC) - timedelta(microseconds=1)

    nps = views.satisfaction.nps(since=MONTH, until=following)[0]
    assert (board["nps"].month.value, board["nps"].month.n) == (nps.nps, nps.n)
    csat = views.satisfaction.csat(since=MONTH, until=following)[0]
    assert (board["satisfaction"].month.value, board["satisfaction"].month.interval) == (csat.share, csat.interval)
    rates = views.retention.rates(since=MONTH, until=following)[0]
    assert board["retention"].month.value == rates.retention
    assert board["churn"].month.value == rates.churn
    assert board["repeat_rate"].month.value == rates.repeat_rate
    assert board["restored_relations"].month.value == views.repair.summary(as_of=as_of).restored_share
    assert board["liability"].month.value == views.loyalty.liability(as_of=as_of).points
    worth = views.retention.lifetime_values(as_of=as_of, limit=0)
    value = board["lifetime_value"].month.value
    assert value == pytest.approx((worth.historic + (worth.expected_value or 0)) / worth.buyers / 100)
    resolved = next(
        each for each in views.repair.steps(since=MONTH, until=following, as_of=LAST) if each.step == "resolved"
    )
    assert board["resolution_on_time"].month.value == resolved.on_time
    (decided,) = views.pipeline.results(since=MONTH, until=following)
    assert (board["win_rate"].month.value, board["win_rate"].month.interval) == (decided.win_rate, decided.interval)
    weighted = sum(each.weighted for each in views.pipeline.stages(as_of=as_of)) / 100
    assert board["weighted_pipeline"].month.value == pytest.approx(weighted)
    ahead = timedelta(days=engine.policy.pipeline.renewal_days)
    assert board["contracts_to_renew"].month.value == len(views.pipeline.contracts(ahead=ahead, as_of=as_of))
    handled = views.team.figures(since=MONTH, until=following, as_of=LAST)
    again, month_of_cases = sum(each.reopened for each in handled), board["reopened_cases"].month
    assert month_of_cases.value == (pytest.approx(again / month_of_cases.n) if month_of_cases.n else None)
    assert len(board) == len(INDICATORS)
    assert sum(figure.month.value is not None for figure in board.values()) > 12


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
