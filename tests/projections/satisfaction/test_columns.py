"""Columns give what every answer gives alone: the view's figures equal those of the slow way, to the digit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from relations.aggregates.complaint import ComplaintFiled, ComplaintFollowedUp, ComplaintResolved
from relations.aggregates.customer import (
    CustomerErased,
    CustomerRegistered,
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackGiven,
    InvitationDeclined,
    InvitationSent,
    ItemAnswer,
    SentimentScored,
)
from relations.errors import InvalidInput
from relations.messages import Envelope, Event
from relations.policies import Policy, Surveys
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.projections.columns import Codes
from relations.projections.projection import Rows
from relations.projections.satisfaction import PROJECTION, Respondent
from relations.projections.satisfaction.cuts import DIMENSIONS, Cuts
from relations.projections.satisfaction.drivers import survey_drivers
from relations.projections.satisfaction.figures import csat_figures, gap_figures, nps_figures, scale_figures
from relations.projections.satisfaction.open_loops import low_answers, open_loops
from relations.projections.satisfaction.respondents import Respondents
from relations.projections.satisfaction.response_rates import response_rates
from relations.projections.satisfaction.themes import theme_figures
from tests.support.effort import part
from tests.support.slow_satisfaction import slow_drivers, slow_figures, slow_loops

START, DAY = 1_704_067_200_000_000, 86_400_000_000
NOW = START + 90 * DAY
LOCAL = local_time("Europe/Vienna")

places = st.one_of(st.none(), st.sampled_from(["bar", "desk"]))
names = st.sampled_from(["a", "b", "c", "d"])
items = st.lists(
    st.builds(
        ItemAnswer,
        item=st.sampled_from(["reliability-1", "reliability-2", "empathy-1", "other"]),
        score=st.integers(1, 7),
        expected=st.one_of(st.none(), st.integers(1, 7)),
    ),
    max_size=3,
).map(tuple)
answers: st.SearchStrategy[Event] = st.one_of(
    *(
        st.builds(
            FeedbackGiven,
            feedback=names,
            instrument=st.just(instrument),
            score=st.integers(*scale),
            touchpoint=places,
            channel=places,
            invitation=st.one_of(st.none(), names),
            regarding=st.one_of(st.none(), names),
            language=st.one_of(st.none(), st.just("de")),
        )
        for instrument, scale in (("nps", (0, 10)), ("csat", (1, 5)), ("ces", (1, 7)))
    ),
    st.builds(
        FeedbackGiven,
        feedback=names,
        instrument=st.just("servqual"),
        items=items,
        invitation=st.one_of(st.none(), names),
    ),
    st.builds(
        FeedbackGiven,
        feedback=names,
        instrument=st.just("interview"),
        comment=st.one_of(st.none(), st.just("words")),
        themes=st.lists(st.sampled_from(["bed", "food"]), unique=True, max_size=2).map(tuple),
        answer_by=st.one_of(st.none(), st.integers(NOW - DAY, NOW + DAY)),
        platform=st.one_of(st.none(), st.just("weibo")),
    ),
)
others: st.SearchStrategy[Event] = st.one_of(
    st.builds(CustomerRegistered, language=places, region=places),
    st.builds(InvitationSent, invitation=names, instrument=st.sampled_from(["nps", "csat"]), channel=st.just("email")),
    st.builds(InvitationDeclined, invitation=names),
    st.builds(SentimentScored, feedback=names, score=st.integers(-9, 9), scorer=names, scorer_version=st.just("1")),
    st.builds(FeedbackCoded, feedback=names, themes=st.just(("bed",))),
    st.builds(FeedbackAnswered, feedback=names),
    st.just(
        ComplaintFiled(subject="noise", channel="email", severity="high", acknowledge_by=0, resolve_by=0, policy=1)
    ),
    st.just(ComplaintResolved(outcome="refund")),
    st.just(ComplaintFollowedUp(score=2)),
    st.just(CustomerErased(reason="asked")),
)
people = st.sampled_from([f"c{number}" for number in range(9)])
times = st.integers(0, 89).map(lambda day: START + day * DAY)
histories = st.lists(st.tuples(people, times, st.one_of(answers, answers, others)), min_size=15, max_size=70)
SEGMENTS = {"c1": ("loyal", "near"), "c2": "near", "c3": ("loyal",)}
RULES = InForce([Policy(), Policy(surveys=Surveys(low_sentiment=-3), effective_from=START + 30 * DAY)])


def folded(recorded: Iterable[tuple[str, int, Event]]) -> list[Respondent]:
    """The rows, as the projection folds them."""
    rows = Rows(PROJECTION.tables, LOCAL)
    for position, (customer, at, said) in enumerate(recorded, 1):
        stream = f"complaint-{customer}" if type(said).topic.startswith("complaint.") else f"customer-{customer}"
        envelope = Envelope(
            position=position, stream=stream, version=position, customer=customer, occurred_at=at, recorded_at=NOW
        )
        PROJECTION.folds[type(said)](rows, said, envelope)
    found: list[Respondent] = sorted(rows.tables[Respondent].values(), key=lambda row: row.customer)
    return found


def fast_figures(rows: list[Respondent], surveys: Surveys, by: tuple[Any, ...], *limits: Any) -> dict[str, Any]:
    asked = Respondents.of_rows(rows, Codes(), LOCAL, *limits)

    def cuts(instrument: str) -> Cuts:
        return Cuts(asked.scores(instrument), surveys.minimum_answers, by)

    found: dict[str, Any] = {
        "nps": nps_figures(cuts("nps"), by=by, surveys=surveys),
        "csat": csat_figures(cuts("csat"), by=by, surveys=surveys),
        "response_rates": response_rates(asked, by=by, surveys=surveys),
        "themes": theme_figures(asked, surveys, by),
    }
    for each in surveys.instruments:
        if each.scored:
            found[f"scale {each.id}"] = scale_figures(cuts(each.id), each, by=by, surveys=surveys)
        if each.items:
            of_items = Cuts(asked.items(each), surveys.minimum_answers, by)
            for in_items in (False, True):
                found[f"gaps {each.id} {in_items}"] = gap_figures(
                    of_items, each, by=by, surveys=surveys, items=in_items
                )
    return found


@part(60)
@given(
    history=histories,
    minimum=st.integers(1, 4),
    by=st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=2).map(tuple),
    months=st.sampled_from([(None, None), ("2024-02", None), (None, "2024-03")]),
)
def test_figures_equal_those_of_every_answer_alone(
    history: list[tuple[str, int, Event]], minimum: int, by: tuple[Any, ...], months: tuple[Any, ...]
) -> None:
    rows, surveys = folded(history), Surveys(minimum_answers=minimum)
    since, until = months
    expected = slow_figures(rows, surveys, LOCAL, by=by, since=since, until=until, segments=SEGMENTS)
    found = fast_figures(rows, surveys, by, since, until, SEGMENTS)
    assert found == expected
    suppressed = [figure.suppressed for figure in found["nps"]]
    event(f"NPS: {sum(suppressed)} suppressed, {len(suppressed) - sum(suppressed)} shown")


@part(40)
@given(history=histories, where=st.sampled_from([None, {"channel": "bar"}, {"touchpoint": None}]))
def test_low_answers_and_drivers_equal_those_of_every_answer_alone(
    history: list[tuple[str, int, Event]], where: dict[Any, Any] | None
) -> None:
    rows, surveys = folded(history), Surveys(minimum_answers=1)
    asked = Respondents.of_rows(rows, Codes(), LOCAL, None, None, None, where)
    low = low_answers(asked, RULES)
    loops = open_loops(low, asked.names, now=NOW)
    assert loops == slow_loops(rows, RULES, LOCAL, NOW, where)
    event(f"{min(loops.closed, 2)} closed")
    everybody = Respondents.of_rows(rows, Codes(), LOCAL)
    for outcome in ("nps", "csat"):
        assert _or_code(survey_drivers, everybody, outcome, surveys, ()) == _or_code(
            slow_drivers, rows, surveys, LOCAL, outcome
        )


def _or_code(ask: Any, *values: Any) -> Any:
    try:
        return ask(*values)
    except InvalidInput as error:
        return error.code
