"""The last word of a customer counts, once, in every view."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations import FileComplaint, GiveFeedback, Policy, Relations
from relations.commands import SendInvitation
from relations.errors import CommandRefused
from relations.messages import Command
from relations.policies import Surveys

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
    engine.adopt(Policy(surveys=Surveys(minimum_answers=1)), from_beginning=True)
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
