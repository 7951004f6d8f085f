"""A figure is explained by its rule, the policy, and the customers and events whose parts add up to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relations import GiveFeedback, RecordPurchase, Relations
from relations.aggregates.customer import FeedbackGiven
from relations.commands import DeclineInvitation, MergeCustomer, SendInvitation
from relations.errors import InvalidInput
from relations.messages import Command, Money
from relations.past.figures import FigureExplanation
from relations.policies import Policy, Surveys
from relations.projections.explained_figures import ExplainableFigure
from relations.testing.hotel.simulation import RecordingClock, simulate_recorded
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
def hotel() -> Iterator[Relations]:
    clock = RecordingClock(simulate_recorded(seed=5, commands=900))
    with Relations.open("sqlite://", clock=clock) as engine:
        for batch in clock.batches():
            engine.execute_many(batch)
        yield engine


def asked_of(figure: ExplainableFigure, engine: Relations) -> list[dict[str, str]]:
    """Return what a figure is asked of: the whole if there is one, and each name with a few values."""
    months = sorted({f"{each.month}" for each in engine.views.retention.rates()})
    some: dict[str, tuple[str, ...]] = {
        "period": (months[3], months[-2], f"{months[3][:4]}", f"{months[3][:4]}-Q2"),
        "month": (months[2], months[5]),
        "channel": ("email",),
        "instrument": ("nps", "csat", "complaint_csat"),
        "customer": tuple(engine.views.retention.lifetime_values(limit=2).customers[0].customer for _ in "1"),
    }
    return [{}] + [{name: value} for name in figure.of if name in some for value in some[name]]


def test_every_figure_of_every_view_follows_from_its_parts(hotel: Relations) -> None:
    """Given two years of a hotel, the rule applied to the sums of all parts is the figure that the view shows."""
    shown = hidden = 0
    for view, asked in vars(hotel.views).items():
        for figure in asked.explainable:
            for of in asked_of(figure, hotel):
                try:
                    found = explained(hotel, view, figure.name, of, limit=400)
                except InvalidInput:
                    continue  # nothing was recorded that counts there, or the instrument is of another kind
                if found.hidden is None:
                    assert found.value == pytest.approx(figure.value(found.sums))
                    shown += 1
                else:
                    assert found.value is None
                    hidden += 1
    assert shown > 20
    assert hidden > 0


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
