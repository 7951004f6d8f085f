"""Every figure about customers leads to who they are: a question, a figure, a tally or a table lists them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from pydantic import BaseModel

from relations.engine import Relations
from relations.errors import InvalidInput
from relations.projections import VIEWS
from relations.projections.projection import CustomerRow, Tally
from relations.projections.view import View
from relations.projections.who import who_of
from relations.testing import is_mistake, simulate
from tests.support.asking import questions

CASES, EVERY = "counts of cases, which the desk lists", "each indicator is a figure that is explained by its customers"
NOT_OF_CUSTOMERS = {
    "board.effect": EVERY,
    "board.figures": EVERY,
    "board.goal": EVERY,
    "board.goals": EVERY,
    "board.series": EVERY,
    "forecasts.forecast": "counts of purchases or amounts of whole months, expected and past",
    "recommendations.rules": "counts of baskets",
    "satisfaction.low_themes": "times of low answers, which `open_loops` lists with their customers",
    "satisfaction.themes": "counts of words by theme, without who said them: they may be disclosed for groups only",
    "team.effect": CASES,
    "team.member": "scores of one staff member's trainings",
    "team.members": "scores of staff members' trainings",
    "team.needs": "counts of cases and of trainings",
}
"""The questions with whole numbers that count no customers, or that lead to them in another way, and the reason."""


def parts_of(kind: Any, name: str = "", known: tuple[type, ...] = ()) -> Iterator[tuple[str, type]]:
    """Every plain value within a type, with the name of its field."""
    for each in get_args(kind):
        yield from parts_of(each, name, known)
    if not isinstance(kind, type) or kind in known:
        return
    if issubclass(kind, BaseModel | msgspec.Struct) or dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        for field, hint in get_type_hints(kind).items():
            if not field.startswith(("_", "model_")):
                yield from parts_of(hint, field, (*known, kind))
    else:
        yield name, kind


def counts(question: Callable[..., Any]) -> bool:
    """True for an answer with whole numbers about more than one customer that does not name the customers."""
    hints = get_type_hints(question)
    return "customer" not in hints and not names_customers(question) and int in {kind for _, kind in parts_of(
        hints["return"]
    )}  # fmt: skip


def names_customers(question: Callable[..., Any]) -> bool:
    found = parts_of(get_type_hints(question)["return"])
    return any(kind is str and name in ("customer", "customers") for name, kind in found)


@pytest.fixture(scope="module")
def hotel() -> Iterator[Relations]:
    """A small simulated hotel group with stories, so that every view has something to count."""
    commands = list(simulate(seed=1, customers=60, stories=True))
    now = max(command.occurred_at for command in commands)
    with Relations.open("sqlite://", clock=lambda: now) as engine:
        report = engine.execute_many(commands)
        assert all(is_mistake(each.command) for each in report.rejections)
        yield engine


def test_every_question_that_counts_customers_leads_to_them(hotel: Relations) -> None:
    asked = questions(hotel)
    kinds = {kind.projection.name: kind for kind in VIEWS}
    leading = {f"{view}.{question}" for view, kind in kinds.items() for question in kind.leads}
    counting = {name for name, question in asked.items() if counts(question)}
    assert len(counting) > 40
    assert counting - leading - {*NOT_OF_CUSTOMERS} == set(), "name the place that lists the customers in `View.leads`"
    assert leading <= {*asked}
    assert {*NOT_OF_CUSTOMERS} <= counting - leading


@pytest.mark.parametrize("kind", VIEWS, ids=lambda kind: kind.projection.name)
def test_every_lead_names_what_there_is(hotel: Relations, kind: type[View]) -> None:
    asked, kinds = questions(hotel), {each.projection.name: each for each in VIEWS}
    for lead in kind.leads.values():
        who = who_of(kind.projection.name, lead)
        tables = {row.__name__: row for row in kinds[who.view].projection.tables}
        match who.form:
            case "question":
                assert names_customers(asked[str(who)]), who
            case "figure":
                assert who.name in {figure.name for figure in kinds[who.view].explainable}
            case "tally":
                assert issubclass(tables[who.name], Tally)
            case "table":
                assert issubclass(tables[who.name], CustomerRow)


def test_a_lead_is_a_command_line() -> None:
    assert who_of("retention", "stages").command("stage=lost") == (
        "relations frame retention.stages --with stage=lost -o who.csv"
    )
    assert who_of("repair", "desk.work").command() == "relations frame desk.work -o who.csv"
    assert who_of("repair", "figure funnel").command("step=filed") == (
        "relations audit explain repair --figure funnel --of step=filed"
    )
    assert who_of("care", "tally CareMonth").command("2024-05", "611") == (
        "relations audit explain care --tally CareMonth --key 2024-05 --key 611"
    )


def test_as_many_customers_are_listed_as_are_counted(hotel: Relations) -> None:
    views = hotel.views
    stays = views.retention.lifecycle()
    assert {stage: len(views.retention.stages(stage=stage)) for stage in stays.stages} == stays.stages
    for cohort in views.retention.cohorts():
        assert len(views.retention.stages(cohort=cohort.month)) == cohort.size
    assert len({each.customer for each in views.retention.stages() if each.purchase_days}) == stays.buyers

    kinds = views.retention.kinds()
    assert Counter(each.kind for each in kinds.listed) == {kind: count for kind, count in kinds.kinds.items() if count}
    tiers = views.loyalty.tiers()
    assert {tier: len(views.loyalty.members(tier=tier or "")) for tier in tiers} == tiers
    past = hotel.clock() - timedelta(days=200)
    before = views.loyalty.tiers(as_of=past)
    assert views.loyalty.tiers(as_of=hotel.clock()) == tiers, "somebody left, and began again without a tier"
    assert {tier: len(views.loyalty.members(tier=tier or "", as_of=past)) for tier in before} == before != tiers


@pytest.mark.parametrize("period", ["month", "quarter", "year"])
def test_who_moved_in_a_period_adds_up_to_its_rates(hotel: Relations, period: Any) -> None:
    view, seen = hotel.views.retention, Counter[str]()
    for rates in view.rates(period=period):
        found = view.moves(period=rates.period)
        moves = Counter(each.move for each in found)
        seen.update(each.move for each in found if each.move)
        assert sum(each.at_start for each in found) == rates.at_start
        assert sum(each.at_end for each in found) == rates.at_end
        assert (moves["retained"], moves["lost"]) == (rates.retained, rates.lost)
        assert (moves["new"], moves["won_back"]) == (rates.new, rates.won_back)
        assert (sum(each.bought for each in found), sum(each.repeat for each in found)) == (
            rates.buyers, rates.repeat_buyers,
        )  # fmt: skip
        assert view.moves(period=rates.period, move="lost") == [each for each in found if each.move == "lost"]
    assert {*seen} >= {"retained", "lost", "new"}
    assert period == "year" or seen["won_back"]


@pytest.mark.parametrize("period", ["2024-13", "2024-Q5", "24", "2999-01", "", "May"])
def test_a_period_that_has_not_begun_or_is_none_is_refused(hotel: Relations, period: str) -> None:
    with pytest.raises(InvalidInput, match="is not a period that has begun") as caught:
        hotel.views.retention.moves(period=period)
    assert (caught.value.code, caught.value.field) == ("invalid_period", "period")


def test_who_left_for_a_reason_adds_up_to_its_count(hotel: Relations) -> None:
    view = hotel.views.retention
    report, departures = view.churn_reasons(), view.departures()
    assert report.reasons
    assert len(departures) == report.lapses
    assert len({each.customer for each in departures}) == report.left
    for reason in report.reasons:
        theirs = view.departures(reason=reason.reason or "")
        assert (len(theirs), len({each.customer for each in theirs})) == (reason.lapses, reason.customers)
    assert len(view.departures(outcome="won_back")) == report.won_back
    by_campaign = Counter(each.campaign for each in departures if each.outcome == "won_back")
    assert dict(report.campaigns) == by_campaign
    names = sorted({each.customer for each in departures})
    assert [each.customer for each in view.departures(limit=1, after=names[0])][:1] == names[1:2]


def test_the_steps_of_care_add_up_to_what_was_kept(hotel: Relations) -> None:
    view = hotel.views.care
    figures = view.kept()
    assert figures[0].done
    assert figures[0].lapsed
    for figure in figures:
        theirs = Counter(each.outcome for each in view.steps(plan=figure.plan or None, what=figure.what or None))
        assert [theirs[outcome] for outcome in ("done", "lapsed", "skipped")] == [
            figure.done, figure.lapsed, figure.skipped,
        ]  # fmt: skip
    for month in view.kept_months():
        within = [each for each in view.steps(since=month.month) if each.month == month.month]
        assert len(within) == month.done + month.lapsed + month.skipped
    for owner in view.kept_by_owner():
        assert sum(each.owner == owner.owner for each in view.steps(outcome="done")) == owner.done


def test_the_customers_of_staff_and_of_partners_add_up(hotel: Relations) -> None:
    team, campaigns = hotel.views.team, hotel.views.campaigns
    figures = team.tenure()
    assert sum(each.loyal for each in figures)
    for figure in figures:
        theirs = team.served(from_months=figure.from_months)
        assert (len(theirs), sum(each.loyal for each in theirs)) == (figure.customers, figure.loyal)
        assert team.served(from_months=figure.from_months, loyal=True) == [each for each in theirs if each.loyal]
    with pytest.raises(InvalidInput, match="no group of tenure begins with 7 months"):
        team.served(from_months=7)

    partners = campaigns.partners()
    assert partners
    for partner in partners:
        buyers = campaigns.buyers(partner=partner.partner)
        assert (len(buyers), sum(each.orders for each in buyers)) == (partner.buyers, partner.orders)
        assert sum(each.revenue for each in buyers) == partner.revenue
