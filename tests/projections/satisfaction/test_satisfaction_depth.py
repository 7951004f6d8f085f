"""Every instrument, who answers, response, loops, themes, drivers; what merges leave of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations import EraseCustomer, FileComplaint, GiveFeedback, Policy, RegisterCustomer, Relations, ResolveComplaint
from relations.commands import (
    AnswerFeedback,
    CodeFeedback,
    CorrectProfile,
    DeclineInvitation,
    FollowUpComplaint,
    ItemAnswer,
    MergeCustomer,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
    UnmergeCustomer,
)
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies import Instrument, InstrumentItem, Surveys
from relations.policies.instruments import SERVQUAL

MOOD = Instrument(
    id="mood",
    kind="semantic_differential",
    lowest=-3,
    highest=3,
    items=(InstrumentItem(id="cold-warm"), InstrumentItem(id="slow-fast")),
)
STAY = Instrument(id="nps-stay", kind="nps", lowest=0, highest=10)
ROOM = Instrument(id="csat-room", kind="csat", lowest=1, highest=5)
POLICY = Policy(surveys=Surveys(instruments=(*Surveys().instruments, MOOD, STAY, ROOM), minimum_answers=3))


def day(number: int) -> datetime:
    return datetime(2024, 3, 1, 12, tzinfo=UTC) + timedelta(days=number)


def answer(customer: str, name: str, at: int, instrument: str = "nps", **fields: Any) -> GiveFeedback:
    return GiveFeedback(customer=customer, feedback=name, instrument=instrument, occurred_at=day(at), **fields)


@pytest.fixture
def relations() -> Iterator[Relations]:
    with Relations.open("sqlite://") as opened:
        opened.adopt(POLICY)
        yield opened


def send(relations: Relations, *commands: Command) -> None:
    for command in commands:
        relations.execute(command)


# --- instruments ----------------------------------------------------------------------------------------------------


def test_effort_stars_and_agreement_have_mean_spread_and_counts(relations: Relations) -> None:
    send(relations, *(answer(f"c{number}", "f", 1, "ces", score=score) for number, score in enumerate((1, 4, 7, 7))))
    [found] = relations.views.satisfaction.ces()
    assert (found.n, found.mean, found.method, found.highest) == (4, 4.75, "agreement", 7)
    assert found.spread == pytest.approx(2.8722813)
    assert found.counts == {1: 1, 2: 0, 3: 0, 4: 1, 5: 0, 6: 0, 7: 2}
    assert found.interval is not None
    assert found.interval.low < 4.75 < found.interval.high
    assert relations.views.satisfaction.report().scales == [found]
    with pytest.raises(InvalidInput) as refused:
        relations.views.satisfaction.scale("servqual")
    assert refused.value.code == "unsuitable_instrument"


def test_gaps_are_perceived_less_expected_answer_by_answer(relations: Relations) -> None:
    for number, (got, wanted) in enumerate([(3, 6), (4, 7), (6, 5)]):
        items = (ItemAnswer("empathy-1", got, wanted), ItemAnswer("tangibles-2", 7, 7))
        send(relations, answer(f"c{number}", "f", 1, "servqual", items=items))
    view = relations.views.satisfaction
    tangibles, empathy, whole = view.gaps()[0], view.gaps()[1], view.gaps()[2]
    assert (tangibles.dimension, tangibles.gap, tangibles.n) == ("tangibles", 0, 3)
    assert (empathy.dimension, empathy.n) == ("empathy", 3)
    assert empathy.gap == pytest.approx(-5 / 3)
    assert empathy.expected == 6
    assert empathy.mean == pytest.approx(13 / 3)
    assert (whole.dimension, whole.n, whole.answers) == (None, 3, 6)
    assert whole.gap == pytest.approx(-5 / 6)
    assert [figure.item for figure in view.gaps(items=True)] == ["tangibles-2", "empathy-1"]
    assert view.report().gaps == view.gaps()


def test_a_semantic_differential_has_a_profile(relations: Relations) -> None:
    for number, (warm, fast) in enumerate([(3, -2), (2, 0), (1, 1)]):
        items = (ItemAnswer("cold-warm", warm), ItemAnswer("slow-fast", fast))
        send(relations, answer(f"c{number}", "f", 1, "mood", items=items))
    profile = relations.views.satisfaction.gaps("mood", items=True)
    assert {figure.item: figure.mean for figure in profile} == {"cold-warm": 2, "slow-fast": pytest.approx(-1 / 3)}
    assert all(figure.gap is None and figure.expected is None for figure in profile)


def test_what_was_not_answered_is_absent_never_nought(relations: Relations) -> None:
    for number in range(3):
        send(relations, answer(f"c{number}", "f", 1, "servqual", items=(ItemAnswer("empathy-1", 5, 5),)))
    assert [figure.item for figure in relations.views.satisfaction.gaps(items=True)] == ["empathy-1"]


# --- who answers ----------------------------------------------------------------------------------------------------


def test_figures_by_language_region_segment_and_complaint_outcome(relations: Relations) -> None:
    for number in range(4):
        customer = f"c{number}"
        language, region = ("de", "Tyrol") if number < 2 else ("zh-Hans", "Wien")
        send(
            relations,
            RegisterCustomer(customer=customer, language=language, region=region, occurred_at=day(0)),
            answer(customer, "f1", 2, score=10 if number < 2 else 3),
        )
    about: dict[str, Any] = {"complaint": "k1", "occurred_at": day(3)}
    send(
        relations,
        FileComplaint(customer="c3", subject="noise", channel="web", **about),
        ResolveComplaint(**about),
        answer("c3", "f2", 5, score=9),
        CorrectProfile(customer="c1", language="fr", occurred_at=day(9)),
    )
    relations.adopt(POLICY.model_copy(update={"surveys": Surveys(minimum_answers=1)}))
    view = relations.views.satisfaction
    assert [(figure.group["language"], figure.n) for figure in view.nps(by=("language",))] == [
        ("de", 1),
        ("fr", 1),
        ("zh-Hans", 3),
    ]
    assert [(figure.group["region"], figure.nps) for figure in view.nps(by=("region",))] == [
        ("Tyrol", 100),
        ("Wien", pytest.approx(-100 / 3)),
    ]
    assert [(figure.group["complaint_outcome"], figure.n) for figure in view.nps(by=("complaint_outcome",))] == [
        ("none", 4),
        ("resolved", 1),
    ]
    segmented = view.nps(by=("segment",), segments={"c0": "loyal", "c3": "at risk"})
    assert [(figure.group["segment"], figure.n) for figure in segmented] == [(None, 2), ("at risk", 2), ("loyal", 1)]
    both = view.nps(by=("month", "language"), since="2024-03", until="2024-04")
    assert sum(figure.n for figure in both) == 5


# --- invitations, loops, words --------------------------------------------------------------------------------------


def test_response_rates_count_invitations(relations: Relations) -> None:
    for number in range(4):
        relations.execute(
            SendInvitation(
                customer=f"c{number}", invitation="s1", instrument="nps", channel="email", occurred_at=day(0)
            )
        )
    send(
        relations,
        SeeInvitation(customer="c0", invitation="s1", occurred_at=day(1)),
        SeeInvitation(customer="c1", invitation="s1", occurred_at=day(1)),
        answer("c0", "f1", 3, score=9, invitation="s1"),
        DeclineInvitation(customer="c1", invitation="s1", occurred_at=day(2)),
    )
    [found] = relations.views.satisfaction.response_rates()
    assert (found.sent, found.seen, found.answered, found.declined, found.rate) == (4, 2, 1, 1, 0.25)
    assert found.days_to_answer == 3
    [by] = relations.views.satisfaction.response_rates(by=("month", "channel"))
    assert by.group == {"month": "2024-03", "channel": "email"}
    [unknown] = relations.views.satisfaction.response_rates(by=("language", "complaint_outcome"))
    assert unknown.group == {"language": None, "complaint_outcome": "none"}
    assert relations.views.satisfaction.response_rates(since="2024-04")[0].sent == 0
    with pytest.raises(InvalidInput):
        relations.views.satisfaction.response_rates(by=("segment",))
    with Relations.open("sqlite://") as empty:
        [nobody] = empty.views.satisfaction.response_rates()
        assert (nobody.sent, nobody.rate, nobody.interval, nobody.suppressed) == (0, None, None, False)


def test_low_answers_stay_open_until_somebody_comes_back(relations: Relations) -> None:
    send(
        relations,
        answer("c1", "f1", 1, score=2, touchpoint="desk"),
        answer("c2", "f2", 2, score=9),
        answer("c3", "f3", 3, "csat", score=1),
        AnswerFeedback(customer="c3", feedback="f3", by="desk", occurred_at=day(5)),
    )
    found = relations.views.satisfaction.open_loops()
    assert (found.low, found.closed, found.share_closed, found.days_to_close) == (2, 1, 0.5, 2)
    [loop] = found.open
    assert (loop.customer, loop.feedback, loop.score, loop.touchpoint) == ("c1", "f1", 2, "desk")
    assert loop.due_at == day(3)
    assert loop.overdue


def test_themes_have_their_sentiment_once_enough_was_scored(relations: Relations) -> None:
    for number in range(4):
        customer = f"c{number}"
        send(
            relations,
            answer(customer, "f1", 1, "review", score=2, comment="Loud", themes=("breakfast",)),
            CodeFeedback(customer=customer, feedback="f1", themes=("noise",), coder="li", occurred_at=day(2)),
        )
        if number < 3:
            relations.execute(
                ScoreSentiment(
                    customer=customer,
                    feedback="f1",
                    score=-400 - 100 * number,
                    scorer="vader",
                    scorer_version="3.3",
                    occurred_at=day(2),
                )
            )
    relations.execute(answer("c9", "f1", 1, "review", score=5, comment="Lovely"))
    noise, uncoded = relations.views.satisfaction.themes()
    assert (noise.theme, noise.n, noise.respondents) == ("noise", 4, 4)
    [sentiment] = noise.sentiments
    assert (sentiment.scorer, sentiment.n) == ("vader 3.3", 3)
    assert sentiment.mean == pytest.approx(-0.5)
    assert (uncoded.theme, uncoded.n, uncoded.sentiments) == (None, 1, ())
    by_month = relations.views.satisfaction.themes(by=("month",))
    assert [(figure.group, figure.theme) for figure in by_month] == [
        ({"month": "2024-03"}, "noise"),
        ({"month": "2024-03"}, None),
    ]


def review(customer: str, at: int, words: str, **fields: Any) -> GiveFeedback:
    return answer(customer, "f1", at, "review", comment=words, **fields)


def sentiment(customer: str, score: int, scorer: str = "vader", at: int = 2) -> ScoreSentiment:
    return ScoreSentiment(
        customer=customer, feedback="f1", score=score, scorer=scorer, scorer_version="1", occurred_at=day(at)
    )


def test_the_coding_of_the_latest_business_time_counts_whatever_order_it_came_in(relations: Relations) -> None:
    code: dict[str, Any] = {"customer": "c1", "feedback": "f1", "coder": "li"}
    send(
        relations,
        review("c1", 1, "Loud", score=2),
        CodeFeedback(themes=("noise",), occurred_at=day(10), **code),
        CodeFeedback(themes=("breakfast",), occurred_at=day(5), **code),
    )
    assert [figure.theme for figure in relations.views.satisfaction.themes()] == ["noise"]


def test_what_scorers_say_is_not_added_up(relations: Relations) -> None:
    for number in range(3):
        send(relations, review(f"c{number}", 1, "Loud", score=2))
        send(relations, sentiment(f"c{number}", -900, "snownlp"), sentiment(f"c{number}", 900, "vader"))
    [uncoded] = relations.views.satisfaction.themes()
    assert [(each.scorer, each.n, each.mean) for each in uncoded.sentiments] == [
        ("snownlp 1", 3, -0.9),
        ("vader 1", 3, 0.9),
    ]


def test_questionnaires_words_and_handled_complaints_leave_loops_open_too(relations: Relations) -> None:
    about: dict[str, Any] = {"complaint": "k1"}
    low = (ItemAnswer("empathy-1", 2, 7), ItemAnswer("empathy-2", 4, 7))
    send(
        relations,
        answer("c1", "q", 1, "servqual", items=low),
        answer("c2", "q", 1, "servqual", items=(ItemAnswer("empathy-1", 2, 7), ItemAnswer("empathy-2", 5, 7))),
        review("c3", 2, "Bed bugs"),
        sentiment("c3", -800, at=3),
        review("c4", 2, "All in order"),
        sentiment("c4", -100, at=3),
        FileComplaint(customer="c5", subject="noise", channel="web", occurred_at=day(1), **about),
        ResolveComplaint(occurred_at=day(2), **about),
        FollowUpComplaint(score=1, occurred_at=day(4), **about),
    )
    view = relations.views.satisfaction
    found = {loop.customer: loop for loop in view.open_loops().open}
    assert set(found) == {"c1", "c3", "c5"}
    assert (found["c1"].score, found["c1"].due_at) == (None, day(3))
    assert (found["c3"].sentiment, found["c3"].due_at) == (-800, day(5))
    assert (found["c5"].instrument, found["c5"].score) == ("complaint_csat", 1)
    agenda = relations.views.agenda.due(until=day(40), kind="answer")
    assert {(item.customer, item.due_at) for item in agenda} == {(name, loop.due_at) for name, loop in found.items()}
    send(
        relations,
        AnswerFeedback(customer="c1", feedback="q", occurred_at=day(5)),
        AnswerFeedback(customer="c3", feedback="f1", occurred_at=day(5)),
        FollowUpComplaint(score=4, occurred_at=day(6), **about),
    )
    assert (view.open_loops().open, view.open_loops().closed) == ((), 3)
    assert relations.views.agenda.due(until=day(40), kind="answer") == []


def test_nobody_comes_back_to_whom_is_erased(relations: Relations) -> None:
    send(relations, answer("c1", "f1", 1, score=2), answer("c2", "f1", 1, score=2))
    send(relations, EraseCustomer(customer="c1", occurred_at=day(2)), answer("c1", "f2", 3, score=1))
    found = relations.views.satisfaction.open_loops()
    assert ([loop.customer for loop in found.open], found.low) == (["c2"], 1)
    assert [item.customer for item in relations.views.agenda.due(until=day(40), kind="answer")] == ["c2"]


def test_loops_of_a_month_a_place_and_a_moment(relations: Relations) -> None:
    send(
        relations,
        answer("c1", "f1", 1, score=2, touchpoint="desk"),
        answer("c2", "f2", 40, score=2, touchpoint="spa"),
        AnswerFeedback(customer="c1", feedback="f1", occurred_at=day(5)),
    )
    view = relations.views.satisfaction
    assert [loop.customer for loop in view.open_loops(since="2024-04").open] == ["c2"]
    assert view.open_loops(where={"touchpoint": "desk"}).closed == 1
    assert [loop.customer for loop in view.open_loops(as_of=day(4)).open] == ["c1"]
    with pytest.raises(InvalidInput):
        view.open_loops(where={"segment": "loyal"})


def test_by_instrument_only_answers_with_the_instrument_asked_for_count(relations: Relations) -> None:
    for number in range(6):
        relations.execute(
            SendInvitation(
                customer=f"c{number}", invitation="s1", instrument="nps", channel="email", occurred_at=day(0)
            )
        )
    send(
        relations,
        answer("c0", "f1", 3, "review", comment="well", invitation="s1"),
        answer("c1", "f1", 3, "review", comment="well", invitation="s1"),
        answer("c1", "f2", 5, score=9, invitation="s1"),
        answer("c2", "f1", 3, score=9, invitation="s1"),
    )
    view = relations.views.satisfaction
    [whole], [nps] = view.response_rates(), view.response_rates(by=("instrument",))
    assert (whole.sent, whole.answered, whole.days_to_answer) == (6, 3, 3)
    assert (nps.group, nps.sent, nps.answered, nps.days_to_answer) == ({"instrument": "nps"}, 6, 2, 4)
    # They came back on it; what they say of it, or with what, is theirs.
    reminders = relations.views.agenda.due(until=day(8), kind="reminder")
    assert [item.customer for item in reminders] == ["c3", "c4", "c5"]


def test_too_few_who_were_asked_show_their_number_only(relations: Relations) -> None:
    invite: dict[str, Any] = {"invitation": "s1", "channel": "email", "occurred_at": day(0)}
    for number in range(4):
        instrument = "nps" if number else "csat"
        relations.execute(SendInvitation(customer=f"c{number}", instrument=instrument, **invite))
    relations.execute(answer("c0", "f1", 3, "csat", score=5, invitation="s1"))
    csat, nps = relations.views.satisfaction.response_rates(by=("instrument",))
    assert (csat.sent, csat.suppressed, csat.rate, csat.answered) == (1, True, None, None)
    # The other is hidden with it: the whole less the three would be the one.
    assert (nps.sent, nps.suppressed, nps.rate) == (3, True, None)
    report = relations.views.satisfaction.report()
    assert (report.response.sent, report.response.rate) == (4, 0.25)
    assert report.response_by_instrument == [csat, nps]


def test_instruments_of_a_kind_are_shown_each_by_itself(relations: Relations) -> None:
    for number in range(9):
        send(relations, answer(f"c{number}", "n", 1, "nps-stay", score=9 + number % 2))
        send(relations, answer(f"c{number}", "r", 1, "csat-room", score=5))
    view = relations.views.satisfaction
    assert view.nps()[0].n == 0
    [of_stay] = view.nps(instrument="nps-stay")
    assert (of_stay.n, of_stay.nps, of_stay.instrument) == (9, 100, "nps-stay")
    assert of_stay.spread == pytest.approx(0.527046)
    [of_room] = view.csat(instrument="csat-room")
    assert (of_room.n, of_room.share, of_room.spread) == (9, 1, 0)
    report = view.report()
    assert (report.nps_others, report.csat_others) == ([of_stay], [of_room])
    assert view.trend("nps-stay") is not None
    with pytest.raises(InvalidInput) as refused:
        view.nps(instrument="csat-room")
    assert refused.value.code == "unsuitable_instrument"


def test_one_respondent_s_items_are_one_respondent_s(relations: Relations) -> None:
    items = tuple(ItemAnswer(item.id, 5, 6) for item in SERVQUAL.items)
    send(relations, answer("c1", "f", 1, "servqual", items=items))
    figures = relations.views.satisfaction.gaps()
    assert {(figure.n, figure.suppressed, figure.gap) for figure in figures} == {(1, True, None)}
    assert figures[-1].answers == 22


# --- trend and drivers ----------------------------------------------------------------------------------------------


def test_the_month_that_chance_does_not_explain_is_named(relations: Relations) -> None:
    commands: list[Command] = []
    for month in range(6):
        for number in range(30):
            score = 3 if month == 4 and number % 2 else 9
            commands.append(answer(f"c{number}", f"f{month}-{number}", month * 31, score=score))
    relations.execute_many(commands)
    chart = relations.views.satisfaction.trend("nps")
    assert chart is not None
    assert [(point.period, point.signals) for point in chart.points if "beyond_limits" in point.signals] == [
        ("2024-07", ("beyond_limits",))
    ]
    assert relations.views.satisfaction.report().nps_trend == chart
    assert relations.views.satisfaction.trend("csat") is None
    [unknown] = relations.views.satisfaction.trends(by=("touchpoint",))
    assert (unknown.group, unknown.chart) == ({"touchpoint": None}, chart)
    with pytest.raises(InvalidInput):
        relations.views.satisfaction.trend("ces")


def test_drivers_are_what_was_asked_on_the_same_occasion(relations: Relations) -> None:
    for number in range(40):
        warm, fast = number % 7 - 3, number * 3 % 5 - 2
        score = max(0, min(10, 5 + warm + fast // 2))
        about: dict[str, Any] = {"invitation": f"s{number}"}
        send(
            relations,
            answer(f"c{number % 8}", f"n{number}", number, score=score, **about),
            answer(
                f"c{number % 8}",
                f"m{number}",
                number,
                "mood",
                items=(ItemAnswer("cold-warm", warm), ItemAnswer("slow-fast", fast)),
                **about,
            ),
        )
    send(relations, answer("c99", "alone", 1, score=1))
    found = relations.views.satisfaction.drivers()
    assert (found.outcome, found.n) == ("nps", 40)
    assert [driver.name for driver in found.drivers] == ["mood.cold-warm", "mood.slow-fast"]
    assert sum(driver.share for driver in found.drivers) == pytest.approx(found.r_squared)
    assert found.r_squared > 0.9
    with pytest.raises(InvalidInput) as refused:
        relations.views.satisfaction.drivers(drivers=("csat",))
    assert refused.value.code == "too_few_observations"
    then = relations.views.satisfaction.drivers(as_of=day(24))
    assert then.n == 25
    assert then.r_squared != found.r_squared
    assert relations.views.satisfaction.drivers(as_of=day(39)) == found
    with pytest.raises(InvalidInput):
        relations.views.satisfaction.drivers(as_of=day(-1))


# --- merging --------------------------------------------------------------------------------------------------------


def test_an_invitation_answered_under_two_ids_counts_once_in_every_figure(relations: Relations) -> None:
    items = (ItemAnswer("empathy-1", 3, 6),)
    for customer in ("c1", "c2", "c3", "c4"):
        invitation = "same" if customer in ("c1", "c2") else f"s-{customer}"
        send(
            relations,
            RegisterCustomer(customer=customer, language="de", occurred_at=day(0)),
            answer(customer, "n", 1, score=9, invitation=invitation),
            answer(customer, "q", 1, "servqual", items=items, invitation=invitation),
        )
    view = relations.views.satisfaction

    def asked() -> list[Any]:
        return [view.nps(), view.nps(by=("language",)), view.gaps(), view.response_rates(), view.report()]

    before = asked()
    assert view.nps()[0].n == 4
    relations.execute(MergeCustomer(customer="c2", into="c1", occurred_at=day(5)))
    assert [view.nps()[0].n, view.nps(by=("language",))[0].n, view.gaps()[-1].n] == [3, 3, 3]
    relations.execute(UnmergeCustomer(customer="c2", occurred_at=day(6)))
    assert asked() == before


def test_an_answer_counts_in_its_own_language_or_else_in_the_customers(relations: Relations) -> None:
    send(relations, *(RegisterCustomer(customer=f"c{n}", language="de", occurred_at=day(0)) for n in range(6)))
    send(relations, *(answer(f"c{n}", "f", 1, score=9, language="fr") for n in range(3)))
    send(relations, *(answer(f"c{n}", "f", 1, score=2) for n in range(3, 6)))
    found = relations.views.satisfaction.nps(by=("language",))
    assert [(each.group["language"], each.n, each.nps) for each in found] == [("de", 3, -100), ("fr", 3, 100)]
    loops = relations.views.satisfaction.open_loops
    assert [loops(where={"language": each}).low for each in ("de", "fr")] == [3, 0]


def test_a_month_that_is_not_over_is_marked_wherever_figures_stand_by_month() -> None:
    with Relations.open("sqlite://", clock=lambda: day(40)) as relations:
        relations.adopt(POLICY, from_beginning=True)
        for number in range(4):
            invited = SendInvitation(
                customer=f"c{number}", invitation="i", instrument="nps", channel="email", occurred_at=day(1)
            )
            send(relations, invited, answer(f"c{number}", "f", 2, score=9, comment="good", invitation="i"))
            send(relations, answer(f"c{number}", "g", 2, "csat", score=5), answer(f"c{number}", "e", 2, "ces", score=5))
            send(relations, answer(f"c{number}", "h", 35, score=9, comment="good"))
            send(relations, answer(f"c{number}", "k", 35, "csat", score=5))
        view = relations.views.satisfaction
        both = [("2024-03", True), ("2024-04", False)]
        assert [(each.group["month"], each.complete) for each in view.nps(by=("month",))] == both
        assert [(each.group["month"], each.complete) for each in view.csat(by=("channel", "month"))] == both
        assert [(each.group["month"], each.complete) for each in view.themes(by=("month",))] == both
        assert [each.complete for each in view.ces(by=("month",))] == [True]
        assert [each.complete for each in view.response_rates(by=("month",))] == [True]
        assert [each.complete for each in view.nps()] == [True]
        report = view.report()
        assert [(each.group["month"], each.complete) for each in report.nps_by_month] == both
        assert [(each.group["month"], each.complete) for each in report.csat_by_month] == both
        assert [each.complete for each in view.report(as_of=day(70)).nps_by_month] == [True, True]
