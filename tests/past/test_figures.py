"""A figure is explained by its rule, the policy, and the customers and events whose parts add up to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from relations import GiveFeedback, RecordPurchase, Relations
from relations.aggregates.customer import FeedbackGiven, ItemAnswer
from relations.aggregates.staff import CompleteStaffTraining, JoinStaff, PlanStaffTraining
from relations.commands import (
    DeclineInvitation,
    FileComplaint,
    FollowUpComplaint,
    MergeCustomer,
    PlanCampaign,
    RecordCampaignCost,
    RecordInteraction,
    RegisterCustomer,
    ResolveComplaint,
    SendInvitation,
)
from relations.errors import InvalidInput
from relations.messages import Command, Money, from_micros
from relations.past.figures import FigureExplanation
from relations.policies import Care, CarePlan, CareStep, Policy, Surveys
from relations.policies.indicators import INDICATORS
from relations.projections.explained_figures import ExplainableFigure
from relations.testing.hotel.simulation import RecordingClock, simulate_recorded
from relations.views import BoardView
from tests.past.test_as_of import lived
from tests.support.asking import START

SCORES = {"c1": 10, "c2": 9, "c3": 9, "c4": 8, "c5": 3}


def day(number: float) -> Any:
    return START + timedelta(days=number)


def answers(scores: Mapping[str, int], at: float = 1) -> list[Command]:
    return [
        GiveFeedback(customer=name, feedback=f"f-{name}", instrument="nps", score=score, occurred_at=day(at))
        for name, score in scores.items()
    ]


def explained(
    engine: Relations, view: str, figure: str, of: Mapping[str, str], *, limit: int = 2, **options: Any
) -> FigureExplanation:
    """A figure with the contributions of all its pages."""
    pages = [engine.explain_figure(view, figure, of, limit=limit, **options)]
    while pages[-1].after is not None:
        pages.append(engine.explain_figure(view, figure, of, limit=limit, after=pages[-1].after, **options))
    contributions = tuple(each for page in pages for each in page.contributions)
    assert len({each.customer for each in contributions}) == pages[0].customers
    summed: Counter[str] = Counter()
    for each in contributions:
        assert each.events
        summed.update(each.added)
    assert dict(summed) == pytest.approx(pages[0].sums)
    return pages[0]


def test_a_net_promoter_score_is_made_of_its_answers(database_url: str) -> None:
    """Given 3 promoters, 1 passive and 1 detractor, the score is 40, and each answer is behind it."""
    with lived(answers(SCORES), database_url) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=5)), from_beginning=True)
        found = explained(engine, "satisfaction", "nps", {"month": "2024-01"})
        assert found.value == engine.views.satisfaction.nps(by=("month",))[0].nps == 40
        assert found.sums == {"answers": 5, "promoters": 3, "detractors": 1}
        assert (found.policy, found.settings) == (2, {"surveys.minimum_answers": 5})
        page = engine.explain_figure("satisfaction", "nps", {"month": "2024-01"}).contributions
        assert [each.about for each in page] == [f"f-{name}" for name in SCORES]
        told = {each.events[0].position: each.about for each in page}
        events = {
            event.position: event.event.feedback for event in engine.events() if isinstance(event.event, FeedbackGiven)
        }
        assert told == events


def test_a_hidden_figure_is_explained_by_the_reason() -> None:
    """Given four answers where five are needed, the score is hidden, and no explanation says what anybody answered."""
    few = dict(list(SCORES.items())[:4])
    with lived(answers(few)) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=5)), from_beginning=True)
        found = explained(engine, "satisfaction", "nps", {})
        assert found.value is None
        assert found.hidden == "too few people: it is about 4, and at least 5 are needed"
        assert found.settings == {"surveys.minimum_answers": 5}
        assert found.sums == {"answers": 4}


def test_a_figure_that_would_disclose_another_is_explained_so() -> None:
    """Given five answers by mail and one by telephone, the whole is shown and mail is not: they differ by one."""
    by_mail = [each.model_copy(update={"channel": "email"}) for each in answers(SCORES)]
    by_phone = [each.model_copy(update={"channel": "phone"}) for each in answers({"c6": 1})]
    with lived([*by_mail, *by_phone]) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=5)), from_beginning=True)
        assert engine.explain_figure("satisfaction", "nps").value is not None
        found = explained(engine, "satisfaction", "nps", {"channel": "email"})
        assert found.value is None
        assert found.hidden is not None
        assert "would disclose" in found.hidden


def test_a_corrected_answer_names_both_events() -> None:
    """Given a customer who answers the same survey again, the last word counts, and both events are behind it."""
    with lived([*answers(SCORES), *answers({"c5": 9}, at=2)]) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=1)), from_beginning=True)
        found = engine.explain_figure("satisfaction", "nps")
        assert found.value == 80
        last = found.contributions[-1]
        assert [each.topic for each in last.events] == ["customer.feedback_given", "customer.feedback_corrected"]


def test_a_response_rate_counts_invitations() -> None:
    sent: list[Command] = [
        SendInvitation(customer=name, invitation=f"i-{name}", instrument="nps", channel="email", occurred_at=day(1))
        for name in SCORES
    ]
    answered = GiveFeedback(
        customer="c1", feedback="f1", instrument="nps", score=9, invitation="i-c1", occurred_at=day(2)
    )
    declined = DeclineInvitation(customer="c2", invitation="i-c2", occurred_at=day(2))
    with lived([]) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=5, consent_purpose=None)), from_beginning=True)
        engine.execute_many([*sent, answered, declined])
        found = explained(engine, "satisfaction", "response_rate", {})
        assert found.value == 0.2
        page = engine.explain_figure("satisfaction", "response_rate").contributions
        assert [len(each.events) for each in page] == [2, 2, 1, 1, 1]


def test_a_merged_customer_counts_once_under_the_surviving_id() -> None:
    bought: list[Command] = [
        RecordPurchase(customer=name, purchase=f"p-{name}", amount=Money(10_000, "EUR"), occurred_at=day(0))
        for name in ("c1", "c2", "c3")
    ]
    with lived([*bought, MergeCustomer(customer="c2", into="c1", occurred_at=day(2))]) as engine:
        found = explained(engine, "retention", "lifetime_value", {"customer": "c2"})
        assert found.sums["historic"] == 20_000
        page = engine.explain_figure("retention", "lifetime_value", {"customer": "c2"}).contributions
        assert [each.customer for each in page] == ["c1"]
        assert len(page[0].events) == 2


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relations]:
    """A hotel's log that nobody adds to, so that no question has to look for new events."""
    clock = RecordingClock(simulate_recorded(seed=5, commands=900))
    url = f"sqlite:///{tmp_path_factory.mktemp('figures') / 'hotel.db'}"
    with Relations.open(url, clock=clock) as engine:
        for batch in clock.batches():
            engine.execute_many(batch)
        engine.runner.catch_up()
    with Relations.open(url, clock=clock, follow=False) as engine:
        yield engine


@pytest.fixture(scope="module")
def surveyed() -> Iterator[Relations]:
    """A business that shows every figure: six guests, each with a survey, a complaint and a step of a care plan."""
    plan = CarePlan(id="welcome", begins="registered", steps=(CareStep(id="hello", what="message", day=2),))
    now = [day(0)]
    commands: list[Command] = []
    for number in range(6):
        customer, one = f"c{number}", {"customer": f"c{number}"}
        about = {**one, "complaint": f"k{number}"}
        items = (ItemAnswer("empathy-1", 3 + number % 3, 6), ItemAnswer("tangibles-2", 7 - number, 7))
        commands += [
            RegisterCustomer(**one, name="Ada", email=f"{customer}@example.org", occurred_at=day(0)),
            SendInvitation(**one, invitation=f"i{number}", instrument="nps", channel="email", occurred_at=day(1)),
            GiveFeedback(**one, feedback="c", instrument="csat", score=3, occurred_at=day(4)),
            FileComplaint(**about, subject="noise", channel="email", severity="high", occurred_at=day(5)),
            ResolveComplaint(complaint=f"k{number}", occurred_at=day(6 + number)),
            FollowUpComplaint(complaint=f"k{number}", score=4 + number % 2, occurred_at=day(14)),
            GiveFeedback(**one, feedback="d", instrument="csat", score=5 - number % 2, occurred_at=day(15)),
        ]
        for name, score in (("nps", 4 + number), ("ces", 1 + number % 5), ("csat", 1 + number % 4)):
            commands.append(
                GiveFeedback(
                    **one, feedback=name, instrument=name, score=score, invitation=f"i{number}", occurred_at=day(2)
                )
            )
        commands.append(
            GiveFeedback(
                **one, feedback="q", instrument="servqual", items=items, invitation=f"i{number}", occurred_at=day(2)
            )
        )
        if number % 2:
            contact = {"channel": "email", "kind": "message", "direction": "outbound"}
            commands.append(
                RecordInteraction(
                    **one, interaction="h", regarding="care welcome-1 hello", occurred_at=day(3), **contact
                )
            )
    spring = {"starts": date(2024, 1, 5), "ends": date(2024, 1, 20)}
    commands += [
        PlanCampaign(campaign="spring", kind="promotion", occurred_at=day(1), **spring),
        RecordCampaignCost(campaign="spring", cost="x", amount=Money(5_000, "EUR"), occurred_at=day(2)),
        RecordPurchase(
            customer="c1", purchase="p1", amount=Money(12_000, "EUR"), campaign="spring", occurred_at=day(6)
        ),
    ]
    course = {"staff": "olga", "training": "tone"}
    commands += [
        JoinStaff(staff="olga", role="concierge", occurred_at=day(0)),
        PlanStaffTraining(**course, due_at=day(20), occurred_at=day(1)),
        CompleteStaffTraining(**course, occurred_at=day(9)),
    ]
    policy = Policy(
        surveys=Surveys(minimum_answers=1, consent_purpose=None, quarantine_days=0), care=Care(plans=(plan,))
    )
    with Relations.open("sqlite://", clock=lambda: now[0]) as engine:
        engine.adopt(policy, from_beginning=True)
        for command in sorted(commands, key=lambda each: each.occurred_at or day(0)):
            now[0] = command.occurred_at or day(0)
            engine.advance_time(now[0])
            engine.execute(command)
        now[0] = day(100)
        engine.advance_time(now[0])
        yield engine


def asked_of(figure: ExplainableFigure, engine: Relations, *, latest: bool) -> list[dict[str, str]]:
    """Return what a figure is asked of: the whole if there is one, and each name with a few values.

    Args:
        latest: Ask of the last month as well.
    """
    first = from_micros(next(engine.events()).occurred_at)
    months = [each.month for each in engine.views.board.series("complaints", since=f"{first:%Y-%m}")]
    early, middle, last = months[0], months[len(months) // 2], months[-1:] if latest else []
    causes = [each.cause for each in engine.views.repair.causes(by="subject") if each.cause is not None]
    some: dict[str, tuple[str, ...]] = {
        "period": (middle, *last, middle[:4], f"{middle[:4]}-Q2"),
        "month": (early, middle, *last),
        "channel": ("email",),
        "severity": ("high",),
        "segment": tuple(each.name for each in engine.policy.lifecycle.segments[:1]),
        "instrument": ("nps", "csat", "complaint_csat", "ces"),
        "customer": tuple(each.customer for each in engine.views.retention.lifetime_values(limit=1).customers),
        "clock": ("acknowledge", "resolve", "follow_up"),
        "step": ("acknowledged", "resolved", "followed_up", "filed", "restored"),
        "justice": ("distributive", "procedural", "interactional"),
        "currency": ("EUR",),
        "driver": ("csat",),
    }
    found: list[dict[str, str]] = [{}]
    found += [{name: value} for name in figure.of if name in some for value in some[name]]
    if "cause" in figure.of:
        found += [{"by": "subject", "cause": cause} for cause in causes[:2]]
    if "month" in figure.of:  # a part of a month
        found += [
            {"month": middle, name: some[name][0]} for name in ("channel", "severity", "segment") if name in figure.of
        ]
    return found


def figures_of(engine: Relations) -> set[tuple[str, str]]:
    return {(view, figure.name) for view, asked in vars(engine.views).items() for figure in asked.explainable}


def checked(engine: Relations, *, latest: bool) -> tuple[set[tuple[str, str]], int]:
    """Check that each figure follows from its parts; return those that have a value, and how many are hidden."""
    shown, hidden = set[tuple[str, str]](), 0
    for view, asked in vars(engine.views).items():
        for figure in asked.explainable:
            for of in asked_of(figure, engine, latest=latest):
                try:
                    found = explained(engine, view, figure.name, of, limit=400)
                except InvalidInput:
                    continue  # nothing was recorded that counts there, or the instrument is of another kind
                if found.hidden is None:
                    assert found.value == pytest.approx(figure.value(found.sums)), (view, figure.name, of)
                    if found.value is not None:
                        shown.add((view, figure.name))
                else:
                    assert found.value is None
                    hidden += 1
    return shown, hidden


@pytest.mark.parametrize("latest", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_every_figure_of_every_view_follows_from_its_parts(hotel: Relations, surveyed: Relations, latest: bool) -> None:
    """Given two years of a hotel and a survey, the rule applied to the sums of all parts is the figure of the view."""
    shown, hidden = checked(hotel, latest=latest)
    assert hidden > 0
    also, _ = checked(surveyed, latest=latest)
    assert figures_of(hotel) - shown - also == set()


def test_every_indicator_of_the_board_is_explained() -> None:
    assert {figure.name for figure in BoardView.explainable} == {*INDICATORS}


@pytest.mark.parametrize(("months", "least"), [(3, 30), pytest.param(4, 40, marks=pytest.mark.soak)])
def test_an_indicator_is_explained_as_the_board_shows_it(hotel: Relations, months: int, least: int) -> None:
    """Given months of the board, the value explained is that of the month, and a part has fewer customers."""
    compared = 0
    for name in INDICATORS:
        for month in hotel.views.board.series(name)[-months:]:
            if month.value is not None:
                found = hotel.explain_figure("board", name, {"month": month.month}, limit=1)
                assert found.value == month.value
                compared += 1
    assert compared > least
    first = from_micros(next(hotel.events()).occurred_at)
    series = hotel.views.board.series("resolution_on_time", since=f"{first:%Y-%m}")
    busiest = max(series, key=lambda each: each.n).month
    whole = hotel.explain_figure("board", "resolution_on_time", {"month": busiest})
    ended = 0.0
    for severity in type(hotel.policy.service_levels).model_fields:
        with suppress(InvalidInput):  # no complaint of that severity in this month
            of = {"month": busiest, "severity": severity}
            ended += hotel.explain_figure("board", "resolution_on_time", of).sums["ended"]
    assert ended == whole.sums["ended"] > 0


def test_drivers_follow_from_the_sums_of_scores_and_products(surveyed: Relations) -> None:
    """Given answers that were asked together, the share of a driver follows from sums alone, without any answer."""
    report = surveyed.views.satisfaction.drivers("nps")
    assert len(report.drivers) > 1
    for driver in report.drivers:
        found = explained(surveyed, "satisfaction", "drivers", {"outcome": "nps", "driver": driver.name})
        assert found.value == driver.share
        assert found.sums["occasions"] == report.n
    assert explained(surveyed, "satisfaction", "drivers", {}).value == report.r_squared


def test_gaps_of_a_dimension_and_of_an_item_are_explained(surveyed: Relations) -> None:
    view = surveyed.views.satisfaction
    for each in view.gaps():
        of = {} if each.dimension is None else {"dimension": each.dimension}
        assert explained(surveyed, "satisfaction", "gap", of).value == each.gap
        assert explained(surveyed, "satisfaction", "perception", of).value == each.mean
    (item,) = [each for each in view.gaps(items=True) if each.item == "empathy-1"]
    assert explained(surveyed, "satisfaction", "gap", {"item": "empathy-1"}).value == item.gap


def test_what_a_case_counts_for_names_the_events_of_its_complaint(surveyed: Relations) -> None:
    page = surveyed.explain_figure("repair", "step_on_time", {"step": "resolved"}).contributions
    assert [each.about for each in page] == [f"k{number}" for number in range(6)]
    streams = {event.position: event.stream for event in surveyed.events()}
    for each in page:
        assert {streams[event.position] for event in each.events} == {f"complaint-{each.about}"}


QUESTIONS: dict[str, dict[str, str]] = {
    "satisfaction": {
        "nps": "nps", "csat": "csat", "ces": "ces", "scale": "ces", "gaps": "gap", "drivers": "drivers",
        "response_rates": "response_rate", "trend": "nps", "trends": "nps", "report": "nps",
        "open_loops": "a list of answers", "low_themes": "counts of low answers",
        "themes": "counts of answers by theme, each a row of a respondent",
    },
    "retention": {
        "rates": "retention", "lifetime_values": "lifetime_value", "value_of": "lifetime_value",
        "acquisition": "the board's acquisition_cost",
        "lifecycle": "counts of stages, each a row of a customer", "stages": "a list of customers",
        "cohorts": "counts of customers by first purchase", "survival": "a curve over counts of customers",
        "churn_reasons": "counts of departures", "kinds": "counts of customers", "kind_of": "of one customer",
        "customer": "of one customer", "rfm": "ranks of customers", "rfm_of": "of one customer",
        "revenue_retention": "sums of purchases by cohort", "cohort_revenue": "sums of purchases by cohort",
        "value_grades": "ranks of customers", "grades": "a list of customers", "grade_of": "of one customer",
        "segments": "counts of customers", "members": "a list of customers", "in_segment": "a list of customers",
        "moves": "a list of customers", "departures": "a list of customers",
        "segments_of": "of one customer", "clusters": "a list of customers", "cluster_of": "of one customer",
    },
    "repair": {
        "steps": "step_on_time", "steps_by_month": "step_on_time", "clocks": "clock_on_time",
        "summary": "restored_share", "funnel": "funnel", "causes": "cause_share", "justice": "justice_share",
        "satisfaction": "satisfaction_change", "cases": "the board's open_cases",
        "relations": "a list of customers", "relation": "of one customer", "account": "of one customer",
        "accounts": "a list of customers", "overdue": "a list of steps", "due": "a list of steps",
        "improvements": "a list of improvements",
    },
    "board": {
        "figures": "every indicator", "series": "every indicator", "goals": "a list of goals with an indicator",
        "goal": "an indicator against its target", "effect": "an indicator over several months",
    },
}  # fmt: skip
"""By view, each question with the figure that explains its answer, or the reason why it has none."""


def test_every_question_is_explained_or_has_a_reason(hotel: Relations) -> None:
    """Given a view with figures, a new question has to be explained, or to be listed here with a reason."""
    for view, asked in vars(hotel.views).items():
        own = {
            name for each in type(asked).__mro__ if each.__module__.startswith(f"relations.projections.{view}")
            for name, found in vars(each).items() if not name.startswith("_") and callable(found)
        }  # fmt: skip
        if not asked.explainable:  # lists of rows, and tallies, which --tally explains
            continue
        assert own == {*QUESTIONS[view]}, view
        figures = {figure.name for figure in asked.explainable}
        used = {answer for answer in QUESTIONS[view].values() if " " not in answer}
        assert used <= figures


def test_rates_are_those_of_the_view_at_every_period(hotel: Relations) -> None:
    for rates in hotel.views.retention.rates()[::5]:
        for name in ("retention", "churn", "repeat_rate"):
            assert hotel.explain_figure("retention", name, {"period": rates.period}).value == getattr(rates, name)
        sums = hotel.explain_figure("retention", "churn", {"period": rates.period}).sums
        assert sums.get("won_back", 0) == rates.won_back
        assert sums.get("new", 0) == rates.new


def test_a_figure_is_explained_as_it_was_known(hotel: Relations) -> None:
    position = hotel.status().position // 2
    with hotel.as_of(position=position) as past:
        expected = past.views.retention.rates()[-2]
    found = explained(hotel, "retention", "retention", {"period": expected.period}, limit=400, position=position)
    assert found.value == expected.retention
    assert all(event.position <= position for each in found.contributions for event in each.events)


def test_the_guide_lists_every_figure(hotel: Relations) -> None:
    guide = (Path(__file__).parents[2] / "docs/how-to/ask-the-past.md").read_text(encoding="utf-8")
    rows = [line for line in guide.splitlines() if line.startswith("| `")]
    for view, asked in vars(hotel.views).items():
        for figure in asked.explainable:
            row = next(line for line in rows if line.startswith(f"| `{view}`") and f"`{figure.name}`" in line)
            assert all(f"`{name}`" in row for name in figure.of)


def test_what_cannot_be_explained_is_refused(hotel: Relations) -> None:
    asked: tuple[tuple[tuple[Any, ...], str], ...] = (
        (("taxes", "nps"), "unknown_view"),
        (("satisfaction", "joy"), "unknown_figure"),
        (("desk", "nps"), "unknown_figure"),
        (("satisfaction", "nps", {"moon": "full"}), "unknown_dimension"),
        (("satisfaction", "nps", {"month": "1999-01"}), "unknown_figure"),
        (("retention", "churn"), "unknown_figure"),
        (("retention", "churn", {"period": "1999-01"}), "unknown_figure"),
        (("retention", "lifetime_value", {"customer": "nobody"}), "unknown_figure"),
    )
    for arguments, code in asked:
        with pytest.raises(InvalidInput) as refused:
            hotel.explain_figure(*arguments)
        assert refused.value.code == code
