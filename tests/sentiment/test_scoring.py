"""Words scored into the log: once by each version, in their language, and by no replay again."""

# ruff: noqa: RUF001 - Chinese has a comma of its own

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from relations import EraseCustomer, GiveFeedback, InvalidInput, RegisterCustomer, Relations
from relations.aggregates.customer import SentimentScored
from relations.commands import CorrectProfile, MergeCustomer
from relations.projections.satisfaction import Respondent
from relations.sentiment import SCORERS, ScorerCount, score_feedback

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Lengths:
    """A scorer that finds long words favourable, and remembers what it was asked."""

    def __init__(
        self, version: str = "1", languages: frozenset[str] = frozenset({"en"}), name: str = "lengths"
    ) -> None:
        self.name = name
        self.version = version
        self.languages = languages
        self.asked: list[str] = []

    def score(self, text: str) -> int:
        self.asked.append(text)
        return len(text) - 10


def said(words: str | None, *, customer: str = "c1", answer: str = "f1", language: str | None = "en") -> GiveFeedback:
    return GiveFeedback(
        customer=customer,
        feedback=answer,
        instrument="review",
        score=4,
        comment=words,
        language=language,
        occurred_at=AT,
    )


def scores(engine: Relations) -> list[tuple[str, str, int, str, str]]:
    found = []
    for recorded in engine.events(of=(SentimentScored,)):
        event = recorded.event
        assert isinstance(event, SentimentScored)
        found.append((recorded.customer, event.feedback, event.score, event.scorer, event.scorer_version))
    return found


def test_answers_with_words_are_scored_and_the_view_shows_it(either_url: str) -> None:
    with Relations.open(either_url) as engine:
        for each in (said("Loud"), said("Wonderful stay", answer="f2"), said(None, answer="f3")):
            engine.execute(each)
        report = score_feedback(engine, [Lengths()])
        assert (report.answers, report.erased, report.unread) == (2, 0, 0)
        assert report.scorers == [ScorerCount("lengths", "1", scored=2)]
        assert scores(engine) == [("c1", "f1", -6, "lengths", "1"), ("c1", "f2", 4, "lengths", "1")]
        answers = engine.views.satisfaction.rows(Respondent)[0].answers
        assert {
            name: [(each.score, each.scorer, each.version) for each in given.sentiments]
            for name, given in answers.items()
        } == {"f1": [(-6, "lengths", "1")], "f2": [(4, "lengths", "1")], "f3": []}


def test_a_score_is_dated_when_the_words_were_given() -> None:
    late = AT + timedelta(days=400)
    with Relations.open("sqlite://", clock=lambda: late) as engine:
        engine.execute(said("Loud"))
        score_feedback(engine, [Lengths()])
        (scored,) = engine.events(of=(SentimentScored,))
        (given,) = (each for each in engine.history("c1") if each.topic == "customer.feedback_given")
        assert scored.occurred_at == given.occurred_at < scored.recorded_at
        assert scored.actor == "lengths"


def test_no_version_scores_the_same_words_twice_but_a_new_one_does() -> None:
    scorer = Lengths()
    with Relations.open("sqlite://") as engine:
        engine.execute(said("Loud"))
        score_feedback(engine, [scorer])
        engine.execute(said("Quiet", answer="f2"))
        again = score_feedback(engine, [scorer])
        assert scorer.asked == ["Loud", "Quiet"]
        assert again.scorers == [ScorerCount("lengths", "1", scored=1, known=1)]
        newer = score_feedback(engine, [Lengths("2")])
        assert newer.scorers == [ScorerCount("lengths", "2", scored=2)]
        assert [each[-1] for each in scores(engine)] == ["1", "1", "2", "2"]


def test_a_replay_asks_no_scorer() -> None:
    scorer = Lengths()
    with Relations.open("sqlite://") as engine:
        engine.execute(said("Loud"))
        score_feedback(engine, [scorer])
        before = engine.views.satisfaction.rows(Respondent)
        engine.rebuild()
        assert engine.verify().good
        assert engine.views.satisfaction.rows(Respondent) == before
    assert scorer.asked == ["Loud"]


def test_two_at_once_record_one_score(sqlite_url: str) -> None:
    """Another process that scores between this one's reading and its writing changes nothing."""

    class Interrupted(Lengths):
        def score(self, text: str) -> int:
            with Relations.open(sqlite_url) as other:
                score_feedback(other, [Lengths()])
            return super().score(text)

    with Relations.open(sqlite_url) as engine:
        engine.execute(said("Loud"))
        report = score_feedback(engine, [Interrupted()])
        assert report.scorers == [ScorerCount("lengths", "1", known=1)]
        assert len(scores(engine)) == 1


def test_everybody_is_read_in_their_language() -> None:
    english, chinese = Lengths(), Lengths(name="hanzi", languages=frozenset({"zh"}))
    with Relations.open("sqlite://") as engine:
        for number, (words, language) in enumerate(
            [("one", "en"), ("two", "en-GB"), ("三", "zh-Hans-CN"), ("vier", "de"), ("cinq", None)]
        ):
            engine.execute(said(words, answer=f"f{number}", language=language))
        report = score_feedback(engine, [english, chinese])
        assert (english.asked, chinese.asked) == (["one", "two"], ["三"])
        assert (report.answers, report.unread) == (5, 2)
        assert score_feedback(engine, [english, chinese], language="en").unread == 1
        assert english.asked[2:] == ["cinq"]


def test_whoever_does_not_say_the_language_is_read_in_their_own() -> None:
    english, chinese = Lengths(), Lengths(name="hanzi", languages=frozenset({"zh"}))

    def known(customer: str, language: str, days: int) -> RegisterCustomer:
        return RegisterCustomer(customer=customer, language=language, occurred_at=AT + timedelta(days=days))

    with Relations.open("sqlite://") as engine:
        for command in (
            known("c1", "en-GB", -9),
            CorrectProfile(customer="c1", language="zh-CN", occurred_at=AT + timedelta(days=1)),
            known("c2", "zh", -9),
            RegisterCustomer(customer="c3", occurred_at=AT),
            MergeCustomer(customer="c3", into="c2", occurred_at=AT),
            known("late", "en", 1),
            said("Loud", language=None),
            said("房间", customer="c3", language=None),
            said("Loud", customer="c2", answer="f2", language="en"),
            said("Dreadful", customer="late", language=None),
        ):
            engine.execute(command)
        report = score_feedback(engine, [english, chinese])
        assert (english.asked, chinese.asked, report.unread) == (["Loud", "Loud"], ["房间"], 1)
        score_feedback(engine, [english, chinese], language="en")
        assert english.asked[2:] == ["Dreadful"]


def test_two_scorers_of_one_language_both_score() -> None:
    with Relations.open("sqlite://") as engine:
        engine.execute(said("Loud"))
        score_feedback(engine, [Lengths(), Lengths(name="other")])
        assert [each[3] for each in scores(engine)] == ["lengths", "other"]


def test_words_of_erased_customers_are_left_out() -> None:
    scorer = Lengths()
    with Relations.open("sqlite://") as engine:
        engine.execute(said("Secret"))
        engine.execute(said("Loud", customer="c2"))
        engine.execute(EraseCustomer(customer="c1", reason="asked", occurred_at=AT))
        report = score_feedback(engine, [scorer])
        assert scorer.asked == ["Loud"]
        assert (report.answers, report.erased, report.unread) == (2, 1, 0)


def test_customers_with_answers_of_the_same_name_are_told_apart_though_they_are_merged() -> None:
    with Relations.open("sqlite://") as engine:
        for customer in ("c1", "c2"):
            engine.execute(RegisterCustomer(customer=customer, occurred_at=AT))
            engine.execute(said(f"Loud, says {customer}", customer=customer))
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=AT))
        report = score_feedback(engine, [Lengths()])
        assert report.scorers[0].scored == 2
        assert [each[0] for each in scores(engine)] == ["c1", "c2"]


def test_interrupted_it_goes_on_where_it_stopped() -> None:
    class Breaks(Lengths):
        def score(self, text: str) -> int:
            if text == "word 5":
                raise KeyboardInterrupt
            return super().score(text)

    with Relations.open("sqlite://") as engine:
        for number in range(8):
            engine.execute(said(f"word {number}", answer=f"f{number}"))
        with pytest.raises(KeyboardInterrupt):
            score_feedback(engine, [Breaks()], batch=2)
        assert len(scores(engine)) == 4
        rest = Lengths()
        positions: list[tuple[int, int]] = []
        score_feedback(engine, [rest], batch=2, on_progress=lambda at, until: positions.append((at.position, until)))
        assert rest.asked == ["word 4", "word 5", "word 6", "word 7"]
        assert len(scores(engine)) == 8
        assert len(positions) == 4
        assert all(at <= until for at, until in positions)


@pytest.mark.parametrize("wrong", [1001, -1001, 0.5, True, None])
def test_what_is_no_score_is_refused_and_nothing_recorded(wrong: object) -> None:
    class Wrong(Lengths):
        def score(self, text: str) -> int:
            return wrong  # type: ignore[return-value]  # what a scorer of somebody else's may give

    with Relations.open("sqlite://") as engine:
        engine.execute(said("Loud"))
        with pytest.raises(InvalidInput) as refused:
            score_feedback(engine, [Wrong()])
        assert refused.value.code == "invalid_score"
        assert not scores(engine)


@pytest.mark.parametrize("names", [("vader",), pytest.param(tuple(SCORERS), marks=pytest.mark.soak)], ids="-".join)
def test_the_shipped_scorers_give_the_same_over_two_processes(names: tuple[str, ...]) -> None:
    found = []
    for processes in (1, 2):
        with Relations.open("sqlite://") as engine:
            engine.execute(said("Wonderful, quiet and clean."))
            engine.execute(said("房间很干净，非常满意。", answer="f2", language="zh"))
            report = score_feedback(engine, [SCORERS[name] for name in names], processes=processes)
            assert [each.scored for each in report.scorers] == [1] * len(names)
            found.append(scores(engine))
    assert found[0] == found[1]
    assert {each[3] for each in found[0]} == set(names)


def test_the_shipped_scorers_can_be_sent_to_another_process() -> None:
    for scorer in SCORERS.values():
        sent = pickle.loads(pickle.dumps(scorer))
        assert type(sent) is type(scorer)
        assert vars(sent) == vars(scorer)


def test_the_words_of_a_correction_are_scored_instead_of_those_before() -> None:
    later = {"occurred_at": AT + timedelta(days=1)}
    with Relations.open("sqlite://") as engine:
        engine.execute_many(
            [said("Loud"), said("Quiet", answer="f2"), said(None, answer="f3"), said("Old", answer="f4")]
        )
        scorer = Lengths()
        score_feedback(engine, [scorer])
        engine.execute(said("Wonderful after all").model_copy(update=later))
        engine.execute(said(None, answer="f2").model_copy(update={**later, "score": 5}))
        engine.execute(said("Added", answer="f3").model_copy(update=later))
        scorer = Lengths()
        report = score_feedback(engine, [scorer])
        assert scorer.asked == ["Wonderful after all", "Added"]
        assert (report.answers, report.rejections) == (3, [])
        assert report.scorers == [ScorerCount("lengths", "1", scored=2, known=1)]
        assert score_feedback(engine, [scorer]).scorers == [ScorerCount("lengths", "1", known=3)]
        assert [answer for _, answer, *_ in scores(engine)] == ["f1", "f2", "f4", "f1", "f3"]
