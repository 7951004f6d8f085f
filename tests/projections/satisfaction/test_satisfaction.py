from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import combinations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from relations import Policy, Relations
from relations.aggregates.complaint import (
    ComplaintFiled,
    ComplaintFollowedUp,
    FileComplaint,
    FollowUpComplaint,
    ResolveComplaint,
)
from relations.aggregates.customer import FeedbackGiven, GiveFeedback
from relations.errors import InvalidInput
from relations.messages import Command, Envelope, Event, to_micros
from relations.policies import Surveys
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.projections.columns import Codes
from relations.projections.projection import Rows
from relations.projections.satisfaction import PROJECTION, Dimension, Respondent
from relations.projections.satisfaction.cuts import Cuts
from relations.projections.satisfaction.figures import csat_figures, nps_figures
from relations.projections.satisfaction.open_loops import low_answers
from relations.projections.satisfaction.respondents import Respondents
from relations.projections.satisfaction.summary import satisfaction_report

MAY = to_micros(datetime(2024, 5, 10, 12, tzinfo=UTC))
SURVEYS = Surveys()
ANY_NUMBER = Surveys(minimum_answers=1)
TOLD: tuple[Dimension, ...] = ("month", "touchpoint", "channel")

Recorded = tuple[str, int, Event]


def fold(recorded: Iterable[Recorded], zone: str = "UTC") -> Rows:
    rows = Rows(PROJECTION.tables, local_time(zone))
    for position, (customer, at, event) in enumerate(recorded, 1):
        envelope = Envelope(
            position=position,
            stream=f"customer-{customer}",
            version=position,
            customer=customer,
            occurred_at=at,
            recorded_at=MAY,
        )
        PROJECTION.folds[type(event)](rows, event, envelope)
    return rows


def asked(recorded: Iterable[Recorded], zone: str = "UTC") -> Respondents:
    return Respondents.of_rows(fold(recorded, zone).tables[Respondent].values(), Codes(), local_time(zone))


def cuts(
    recorded: Iterable[Recorded], instrument: str = "nps", surveys: Surveys = SURVEYS, by: Iterable[str] = ()
) -> Cuts:
    return Cuts(asked(recorded).scores(instrument), surveys.minimum_answers, tuple(by))


def feedback(score: int, instrument: str = "nps", feedback: str = "f", **facts: Any) -> FeedbackGiven:
    return FeedbackGiven(feedback=feedback, instrument=instrument, score=score, **facts)


def given_scores(*scores: int, instrument: str = "nps", at: int = MAY, **facts: Any) -> list[Recorded]:
    """Each of somebody else."""
    return [
        (f"c{number}", at, feedback(score, instrument, f"{instrument}-{at}-{facts}", **facts))
        for number, score in enumerate(scores)
    ]


def test_three_promoters_a_passive_and_a_detractor() -> None:
    (figure,) = nps_figures(cuts(given_scores(9, 10, 9, 8, 6)), by=(), surveys=SURVEYS)
    assert (figure.n, figure.promoters, figure.passives, figure.detractors) == (5, 3, 1, 1)
    assert (figure.nps, figure.adjusted, figure.mean) == (40, 25.0, 8.4)
    assert figure.interval is not None
    assert (round(figure.interval.low, 1), round(figure.interval.high, 1)) == (-29.8, 79.8)
    assert str(figure) == "NPS 40 [-29.8, 79.8], n = 5"


def test_five_promoters_are_never_a_bare_hundred() -> None:
    (figure,) = nps_figures(cuts(given_scores(10, 10, 10, 10, 10)), by=(), surveys=SURVEYS)
    assert (figure.nps, figure.adjusted) == (100, 62.5)
    assert figure.interval is not None
    assert figure.interval.low < 20
    assert "n = 5" in str(figure)


def test_four_of_five_satisfied() -> None:
    (figure,) = csat_figures(cuts(given_scores(4, 5, 5, 4, 2, instrument="csat"), "csat"), by=(), surveys=SURVEYS)
    assert (figure.n, figure.satisfied, figure.share, figure.mean) == (5, 4, 0.8, 4.0)
    assert figure.interval is not None
    assert (round(figure.interval.low, 3), round(figure.interval.high, 3)) == (0.376, 0.964)
    assert figure.counts == {1: 0, 2: 1, 3: 0, 4: 2, 5: 2}
    assert str(figure) == "CSAT 80.0% [37.6%, 96.4%], n = 5"


def test_all_five_satisfied() -> None:
    (figure,) = csat_figures(cuts(given_scores(*[5] * 5, instrument="csat"), "csat"), by=(), surveys=SURVEYS)
    assert figure.interval is not None
    assert (round(figure.interval.low, 3), figure.interval.high) == (0.566, 1)


def test_what_satisfied_means_is_policy() -> None:
    rows = cuts(given_scores(4, 5, 5, 4, 2, instrument="csat"), "csat")
    (figure,) = csat_figures(rows, by=(), surveys=Surveys(csat_satisfied_from=5))
    assert figure.share == 0.4


def test_a_higher_confidence_widens_the_interval() -> None:
    rows = cuts(given_scores(9, 10, 9, 8, 6))
    (usual,) = nps_figures(rows, by=(), surveys=SURVEYS)
    (surer,) = nps_figures(rows, by=(), surveys=Surveys(confidence=0.99))
    assert surer.interval is not None
    assert usual.interval is not None
    assert surer.interval.low < usual.interval.low
    assert surer.interval.confidence == 0.99


@pytest.mark.parametrize("scores", [(10,), (10, 10, 10, 10)])
def test_fewer_than_the_minimum_show_their_number_only(scores: tuple[int, ...]) -> None:
    (figure,) = nps_figures(cuts(given_scores(*scores)), by=(), surveys=SURVEYS)
    assert figure.model_dump(exclude_none=True) == {
        "group": {},
        "n": len(scores),
        "respondents": len(scores),
        "suppressed": True,
        "complete": True,
        "instrument": "nps",
    }
    assert str(figure) == f"suppressed, n = {len(scores)}"


def test_nobody_is_undefined_rather_than_suppressed() -> None:
    nobody = cuts([])
    (nps,) = nps_figures(nobody, by=(), surveys=SURVEYS)
    (csat,) = csat_figures(nobody, by=(), surveys=SURVEYS)
    assert (nps.n, nps.suppressed, nps.nps, nps.interval) == (0, False, None, None)
    assert (csat.n, csat.suppressed, csat.share, csat.mean) == (0, False, None, None)
    assert str(nps) == "undefined, n = 0"
    assert nps_figures(nobody, by=("month",), surveys=SURVEYS) == []


def test_groups_come_in_order_and_an_unknown_touchpoint_is_none() -> None:
    june = to_micros(datetime(2024, 6, 1, tzinfo=UTC))
    rows = cuts(
        [
            *given_scores(9, at=june, touchpoint="spa", channel="app"),
            *given_scores(3, touchpoint="desk", channel="app"),
            *given_scores(10, channel="email"),
        ],
        surveys=ANY_NUMBER,
        by=("month", "touchpoint"),
    )
    by_both = nps_figures(rows, by=("month", "touchpoint"), surveys=ANY_NUMBER)
    assert [figure.group for figure in by_both] == [
        {"month": "2024-05", "touchpoint": None},
        {"month": "2024-05", "touchpoint": "desk"},
        {"month": "2024-06", "touchpoint": "spa"},
    ]
    assert [figure.nps for figure in by_both] == [100, -100, 100]
    by_channel = nps_figures(rows, by=("channel",), surveys=ANY_NUMBER)
    assert [(figure.group["channel"], figure.n, figure.nps) for figure in by_channel] == [
        ("app", 2, 0),
        ("email", 1, 100),
    ]


def test_months_are_those_of_the_business() -> None:
    # 31 May, 22:30 UTC is 1 June in Vienna.
    late = to_micros(datetime(2024, 5, 31, 22, 30, tzinfo=UTC))
    assert [sort.month for sort in asked(given_scores(9, at=late)).scores().sorts] == ["2024-05"]
    assert [sort.month for sort in asked(given_scores(9, at=late), "Europe/Vienna").scores().sorts] == ["2024-06"]


def test_a_follow_up_is_an_instrument_of_its_own() -> None:
    scores = enumerate((1, 2, None, 5, 4, 4))
    followed_up = [(f"c{number}", MAY, ComplaintFollowedUp(score=score)) for number, score in scores]
    noise = ComplaintFiled(subject="noise", channel="web", severity="low", acknowledge_by=MAY, resolve_by=MAY, policy=1)
    filed = [(customer, MAY, noise) for customer, _, _ in followed_up]
    said = [*filed, *followed_up, *given_scores(5, 5, 5, 5, 5, instrument="csat", touchpoint="complaint")]
    by: tuple[Dimension, ...] = ("touchpoint",)
    (csat,) = csat_figures(cuts(said, "csat"), by=by, surveys=SURVEYS)
    (handling,) = csat_figures(cuts(said, "complaint_csat"), by=by, surveys=SURVEYS, instrument="complaint_csat")
    assert (csat.n, csat.share) == (5, 1)
    assert (handling.n, handling.share, handling.group) == (5, 0.6, {"touchpoint": "complaint"})


def test_the_report_says_by_which_rules_it_counts() -> None:
    said = asked([*given_scores(9, 9, 9, 8, 1, channel="app"), *given_scores(5, instrument="csat")])
    low = low_answers(said, InForce())
    report = satisfaction_report(said, zone="Asia/Shanghai", surveys=SURVEYS, low=low, now=MAY, this_month="2024-06")
    assert (report.zone, report.minimum_answers, report.confidence) == ("Asia/Shanghai", 5, 0.95)
    assert report.nps.nps == 40
    assert [figure.group for figure in report.nps_by_channel] == [{"channel": "app"}]
    assert report.csat.suppressed
    assert (report.complaint_csat.n, report.complaint_csat_by_month) == (0, [])
    assert report == type(report).model_validate_json(report.model_dump_json())


# --- laws -----------------------------------------------------------------------------------------------------------

moments = st.integers(MAY - 10**14, MAY + 10**14)
labels = st.one_of(st.none(), st.sampled_from(["desk", "spa", "web"]))
events = st.one_of(
    st.builds(feedback, st.integers(0, 10), st.just("nps"), touchpoint=labels, channel=labels),
    st.builds(feedback, st.integers(1, 5), st.just("csat"), touchpoint=labels, channel=labels),
    st.builds(ComplaintFollowedUp, score=st.one_of(st.none(), st.integers(1, 5))),
)
histories = st.lists(st.tuples(st.sampled_from(["c1", "c2", "c3"]), moments, events), min_size=1, max_size=60)


def named(history: Iterable[Recorded]) -> list[Recorded]:
    """Each answer under an id of its own."""
    return [
        (who, at, replace(said, feedback=f"f{number}") if isinstance(said, FeedbackGiven) else said)
        for number, (who, at, said) in enumerate(history)
    ]


def told(*folded: Rows) -> list[tuple[Any, ...]]:
    rows = [row for each in folded for row in each.tables[Respondent].values()]
    found = Respondents.of_rows(rows, Codes(), local_time("UTC"))
    facts = found.scores()
    return sorted(
        (found.names[who], *facts.sorts[sort], score)
        for who, sort, score in zip(facts.who.tolist(), facts.sort.tolist(), facts["score"].tolist(), strict=True)
    )


@given(histories.map(named), st.sets(st.sampled_from(["c1", "c2", "c3"])))
def test_respondents_add_up_over_any_split_by_customer(history: list[Recorded], chosen: set[str]) -> None:
    ours = [recorded for recorded in history if recorded[0] in chosen]
    others = [recorded for recorded in history if recorded[0] not in chosen]
    assert told(fold(ours), fold(others)) == told(fold(history))


@given(histories.map(named), st.randoms(use_true_random=False))
def test_answers_count_alike_in_any_order(history: list[Recorded], random: Random) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    assert told(fold(shuffled)) == told(fold(history))


@given(histories.map(named), st.sampled_from([by for k in range(4) for by in combinations(TOLD, k)]))
def test_the_buckets_part_the_answers_of_every_group(history: list[Recorded], by: tuple[Dimension, ...]) -> None:
    asked_nps = sum(isinstance(event, FeedbackGiven) and event.instrument == "nps" for *_, event in history)
    figures = nps_figures(cuts(history, "nps", ANY_NUMBER, by), by=by, surveys=ANY_NUMBER)
    assert sum(figure.n for figure in figures) == asked_nps
    for figure in figures:
        if figure.n:
            assert figure.promoters is not None
            assert figure.passives is not None
            assert figure.detractors is not None
            assert figure.adjusted is not None
            assert figure.interval is not None
            assert figure.promoters + figure.passives + figure.detractors == figure.n
            assert figure.nps == pytest.approx(100 * (figure.promoters - figure.detractors) / figure.n)
            assert figure.interval.low <= figure.adjusted <= figure.interval.high
    rated = [event for *_, event in history if isinstance(event, FeedbackGiven) and event.instrument == "csat"]
    csat = csat_figures(cuts(history, "csat", ANY_NUMBER, by), by=by, surveys=ANY_NUMBER)
    assert sum(figure.n for figure in csat) == len(rated)
    assert sum(sum((figure.counts or {}).values()) for figure in csat if figure.n) == len(rated)
    assert sum((figure.mean or 0) * figure.n for figure in csat if figure.n) == pytest.approx(
        sum(event.score or 0 for event in rated)
    )


# --- the view, on both databases ------------------------------------------------------------------------------------


@pytest.fixture
def relations(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url, durability="off") as opened:
        commands: list[Command] = [
            GiveFeedback(
                customer=f"c{number % 5}",
                feedback=f"f{number}",
                invitation=f"i{number // 2}" if number > 50 else None,
                instrument="nps" if number % 3 else "csat",
                score=number % 11 if number % 3 else number % 5 + 1,
                touchpoint=[None, "desk", "spa"][number % 3],
                channel=["web", "app"][number % 2],
                occurred_at=datetime(2024, 1 + number % 4, 3, tzinfo=UTC),
            )
            for number in range(70)
        ]
        for number in range(3):
            about: dict[str, Any] = {"complaint": f"k{number}", "occurred_at": datetime(2024, 3, 1, tzinfo=UTC)}
            commands += [
                FileComplaint(customer=f"c{number}", subject="noise", channel="web", **about),
                ResolveComplaint(**about),
                FollowUpComplaint(score=4, **about),
            ]
        assert opened.execute_many(commands).events > 60
        yield opened


def test_the_view_counts_what_was_recorded(relations: Relations) -> None:
    view = relations.views.satisfaction
    given = [record.event for record in relations.events() if isinstance(record.event, FeedbackGiven)]
    nps = [event for event in given if event.instrument == "nps"]
    (whole,) = view.nps()
    assert whole.n == len(nps) > 30
    assert whole.mean == pytest.approx(sum(event.score or 0 for event in nps) / len(nps))
    by_month = view.nps(by=("month",))
    assert [figure.group["month"] for figure in by_month] == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert sum(figure.n for figure in by_month) == whole.n
    assert view.nps(by=("month",), since="2024-02", until="2024-04") == by_month[1:3]
    assert view.nps(since="2030-01")[0].n == 0
    everything = view.csat(by=TOLD)
    assert sum(figure.n for figure in everything) == len(given) - len(nps)
    report = view.report()
    assert report.nps == whole
    assert report.nps_by_month == by_month
    assert (report.complaint_csat.n, report.complaint_csat.suppressed) == (3, True)
    assert view.report(until="2024-03").nps_by_month == by_month[:2]


def test_the_policy_in_force_says_how_answers_are_read(relations: Relations) -> None:
    view = relations.views.satisfaction
    assert view.csat(instrument="complaint_csat")[0].suppressed
    relations.adopt(Policy(surveys=Surveys(minimum_answers=3)))
    (figure,) = view.csat(instrument="complaint_csat")
    assert (figure.n, figure.share) == (3, 1)
    assert figure.interval is not None
    assert figure.interval.low < 0.5


def test_the_view_refuses_what_it_does_not_know(relations: Relations) -> None:
    view = relations.views.satisfaction
    asked: list[tuple[str, Callable[[], object]]] = [
        ("unknown_dimension", lambda: view.nps(by=("segment",))),
        ("unknown_dimension", lambda: view.nps(by="month")),  # type: ignore[arg-type]  # what is refused
        ("unknown_dimension", lambda: view.csat(by=("month", "month"))),
        ("invalid_month", lambda: view.nps(since="2024-13")),
        ("invalid_month", lambda: view.report(until="May")),
        ("unsuitable_instrument", lambda: view.csat(instrument="nps")),
        ("unknown_instrument", lambda: view.nps(instrument="mystery")),
        ("unknown_instrument", lambda: view.trend("ces")),
    ]
    for code, ask in asked:
        with pytest.raises(InvalidInput) as caught:
            ask()
        assert caught.value.code == code
