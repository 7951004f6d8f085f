"""The last word of a customer counts, once, in every view."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations import FileComplaint, GiveFeedback, Policy, Relations
from relations.aggregates.customer import FeedbackCorrected
from relations.commands import CodeFeedback, ScoreSentiment, SendInvitation
from relations.errors import CommandRefused
from relations.messages import Command
from relations.policies import Surveys, Theme
from relations.report.customer_file import customer_file

START = datetime(2026, 1, 1, tzinfo=UTC)
SENT = SendInvitation(customer="c1", invitation="i1", instrument="csat", channel="email", occurred_at=START)
FILED = FileComplaint(
    complaint="k1", customer="c1", subject="noise", channel="web", occurred_at=START + timedelta(days=20)
)


def answer(score: int, days: float, feedback: str = "f1", **fields: Any) -> GiveFeedback:
    fields = {"customer": "c1", "instrument": "csat", "invitation": "i1", **fields}
    return GiveFeedback(feedback=feedback, score=score, occurred_at=START + timedelta(days=days), **fields)


def opened(commands: Iterable[Command]) -> Relations:
    engine = Relations.open("sqlite://", clock=lambda: START + timedelta(days=60), durability="off")
    themes = tuple(Theme(name=name) for name in ("dirt", "noise", "staff"))
    engine.adopt(Policy(surveys=Surveys(minimum_answers=1, themes=themes)), from_beginning=True)
    for command in commands:
        engine.execute(command)
    return engine


def figures(engine: Relations) -> list[object]:
    views = engine.views
    return [
        views.satisfaction.csat(),
        views.satisfaction.response_rates(),
        views.satisfaction.open_loops(),
        views.repair.satisfaction(),
        views.retention.kind_of("c1"),
        views.agenda.due(until=START + timedelta(days=60)),
    ]


@pytest.mark.parametrize(
    "said",
    [
        [answer(1, 1), answer(5, 2)],
        [answer(1, 1), answer(5, 2), answer(1, 1), answer(5, 2)],
        [answer(5, 2), answer(1, 1)],
        [answer(1, 1), answer(5, 2, "f2")],
        [answer(1, 1), answer(2, 1.5, "f3"), answer(5, 2, "f2"), answer(2, 1.5, "f3")],
    ],
    ids=["the same form", "and its retries", "told in another order", "another form", "three forms"],
)
def test_figures_after_a_correction_equal_those_after_the_last_word_alone(said: list[Command]) -> None:
    with opened([SENT, FILED, answer(5, 2)]) as plain, opened([SENT, FILED, *said]) as corrected:
        assert figures(corrected) == figures(plain)
        assert corrected.views.satisfaction.csat()[0].n == 1
        assert corrected.views.satisfaction.csat()[0].satisfied == 1
        corrected.rebuild()
        assert figures(corrected) == figures(plain)


def test_a_correction_to_a_low_answer_opens_a_loop() -> None:
    with opened([answer(5, 1, invitation=None), answer(1, 2, invitation=None)]) as engine:
        assert [loop.feedback for loop in engine.views.satisfaction.open_loops().open] == ["f1"]
        assert [item.kind for item in engine.views.agenda.for_customer("c1")] == ["answer"]


def test_two_answers_of_one_time_are_not_a_correction() -> None:
    with opened([SENT, answer(1, 1)]) as engine:
        with pytest.raises(CommandRefused) as refused:
            engine.execute(answer(5, 1))
        assert refused.value.code == "feedback_id_reused"
        with pytest.raises(CommandRefused) as refused:
            engine.execute(answer(5, 1, "f2"))
        assert refused.value.code == "invitation_already_answered"
        with pytest.raises(CommandRefused) as refused:
            engine.execute(answer(5, 2, touchpoint="stay"))
        assert refused.value.code == "feedback_id_reused"


def coded(theme: str, days: float) -> CodeFeedback:
    return CodeFeedback(
        customer="c1", feedback="f1", themes=(theme,), coder="ann", occurred_at=START + timedelta(days=days)
    )


def scored(score: int, days: float) -> ScoreSentiment:
    fields = {"customer": "c1", "feedback": "f1", "scorer": "vader", "scorer_version": "1"}
    return ScoreSentiment(score=score, occurred_at=START + timedelta(days=days), **fields)


FIRST = answer(1, 1, comment="Dirty and loud", themes=("dirt", "noise"), language="en")
LAST: dict[str, list[Command]] = {
    "without words": [answer(5, 2)],
    "other words": [answer(5, 2, comment="Freundlich", themes=("staff",), language="de")],
    "coded and scored": [answer(5, 2, comment="Freundlich", language="de"), coded("staff", 3), scored(700, 2)],
    "the same words to a new score": [answer(5, 2, comment="Dirty and loud", themes=("dirt",), language="en")],
}


@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
@pytest.mark.parametrize("form", ["f1", "f2"], ids=["the same form", "another form"])
def test_words_and_themes_are_those_of_the_last_word_in_every_view(last: list[Command], form: str) -> None:
    def said(engine: Relations) -> list[object]:
        view = engine.views.satisfaction
        (given,) = customer_file(engine, "c1").answers
        return [
            *figures(engine),
            view.themes(by=("language",)),
            view.report(),
            view.csat(by=("language",)),
            (given.given_at, given.score, given.words),
        ]

    corrected = last[0].model_copy(update={"feedback": form})
    earlier = [FIRST, coded("noise", 1.5), scored(-800, 1)]
    with opened([SENT, *last]) as plain, opened([SENT, *earlier, corrected, *last[1:]]) as twice:
        assert said(twice) == said(plain)
        twice.rebuild()
        assert said(twice) == said(plain)
        assert twice.execute(corrected).events == ()


def test_other_themes_alone_are_a_correction_and_an_unknown_one_is_refused() -> None:
    with opened([FIRST]) as engine:
        (event,) = engine.execute(answer(1, 2, themes=("staff",), language="en")).events
        assert isinstance(event.event, FeedbackCorrected)
        assert event.event.themes == ("staff",)
        with pytest.raises(CommandRefused) as refused:
            engine.execute(answer(1, 3, themes=("parking",)))
        assert refused.value.code == "unknown_theme"
