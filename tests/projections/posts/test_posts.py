"""Posts: an author is no prospect, an answer is due in minutes, and an unusual day is an alarm with a name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest

from relations.aggregates.customer import (
    AnswerFeedback,
    EraseCustomer,
    FeedbackGiven,
    GiveFeedback,
    MergeCustomer,
    RecordPurchase,
    RegisterCustomer,
    ScoreSentiment,
)
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.exchange import import_file
from relations.messages import Money
from relations.policies import PlatformPromise, Policy, Surveys
from relations.projections.posts import PROJECTION
from relations.testing.laws import check_laws

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
POLICY = Policy(surveys=Surveys(platforms=(PlatformPromise(platform="weibo", answer_minutes=15),)))


def post(number: int, at: datetime = NOON, **more: Any) -> GiveFeedback:
    fields = {"customer": f"a{number}", "platform": "weibo", "comment": "No hot water!", "instrument": "review"}
    return GiveFeedback(feedback=f"p{number}", channel="social", occurred_at=at, **{**fields, **more})


def test_an_author_is_no_prospect_until_they_buy_or_are_merged(either_url: str) -> None:
    now = NOON + DAY
    with Relations.open(either_url, clock=lambda: now) as engine:
        for number in (1, 2, 3):
            engine.execute(post(number))
        engine.execute(RegisterCustomer(customer="c1", name="Ada", occurred_at=NOON))

        def known() -> int:
            return engine.views.retention.lifecycle().customers

        assert (known(), engine.views.repair.summary().customers) == (1, 1)
        assert {each.customer for each in engine.views.contacts.silent(days=0)} == {"c1"}
        engine.execute(RecordPurchase(customer="a1", purchase="b1", amount=Money(5_000, "EUR"), occurred_at=NOON))
        assert known() == 2
        engine.execute(MergeCustomer(customer="a2", into="c1", occurred_at=NOON))
        assert known() == 2
        engine.execute(RegisterCustomer(customer="a3", name="Bo", occurred_at=NOON))
        assert known() == 3


def test_an_answer_is_due_in_the_minutes_of_the_platform(either_url: str) -> None:
    now = NOON + 20 * MINUTE
    with Relations.open(either_url, clock=lambda: now) as engine:
        engine.adopt(POLICY, from_beginning=True)
        engine.execute(post(1, score=5))  # also praise is answered there
        engine.execute(post(2, NOON + 10 * MINUTE))
        engine.execute(post(3, platform="forum"))
        (late, soon) = engine.views.posts.waiting()
        assert (late.feedback, late.due_at, late.late_by) == ("p1", NOON + 15 * MINUTE, 5 * MINUTE)
        assert (soon.feedback, soon.due_at, soon.late_by) == ("p2", NOON + 25 * MINUTE, None)
        assert [item.detail for item in engine.views.agenda.due(until=now, kind="answer")] == ["p1"]
        assert engine.views.satisfaction.open_loops().low == 0
        engine.execute(AnswerFeedback(customer="a1", feedback="p1", occurred_at=now))
        engine.execute(AnswerFeedback(customer="a2", feedback="p2", occurred_at=now))
        assert engine.views.posts.waiting() == []
        weibo = next(each for each in engine.views.posts.platforms() if each.platform == "weibo")
        assert (weibo.posts, weibo.answered, weibo.met, weibo.missed) == (2, 2, 1, 1)
        assert (weibo.on_time, weibo.median_minutes) == (0.5, 15.0)
        assert len(engine.views.posts.waiting(as_of=NOON)) == 1
        # A bad word on a platform without a promise is answered like a low answer.
        engine.execute(
            ScoreSentiment(customer="a3", feedback="p3", score=-900, scorer="t", scorer_version="1", occurred_at=NOON)
        )
        assert [each.feedback for each in engine.views.posts.waiting()] == ["p3"]
        assert engine.views.satisfaction.open_loops().low == 1
        engine.execute(EraseCustomer(customer="a3", occurred_at=now))
        assert engine.views.posts.waiting() == []


def test_the_link_is_sealed_and_gone_after_an_erasure(tmp_path: Path) -> None:
    file = tmp_path / "posts.db"
    link = "https://weibo.example/u/ada/status/1"
    with Relations.open(f"sqlite:///{file}", clock=lambda: NOON) as engine:
        engine.execute(post(1, link=link))
        (given,) = [each.event for each in engine.events(of=(FeedbackGiven,))]
        assert isinstance(given, FeedbackGiven)
        assert (given.platform, given.link) == ("weibo", link)
        assert not engine.execute(post(1, link=link)).events
        assert link.encode() not in file.read_bytes()
        engine.execute(EraseCustomer(customer="a1", occurred_at=NOON))
        (given,) = [each.event for each in engine.events(of=(FeedbackGiven,))]
        assert isinstance(given, FeedbackGiven)
        assert given.link != link
    with pytest.raises(InvalidInput, match="platform"):
        post(1, platform=None, link=link)


@pytest.fixture(scope="module")
def months() -> Iterator[Relations]:
    """Forty days of a calm platform, then one with a storm."""
    random, number = Random(7), 0
    with Relations.open("sqlite://", clock=lambda: NOON + 41 * DAY) as engine:
        commands: list[GiveFeedback] = []
        for day in range(41):
            for _ in range(40 if day == 40 else random.choice((4, 5, 6))):
                number += 1
                low = day == 40 or random.random() < 0.2
                commands.append(post(number, NOON + day * DAY, score=1 if low else 5))
        assert not engine.execute_many(commands).rejections
        yield engine


def test_a_day_beyond_the_limits_is_an_alarm_with_its_reason(months: Relations) -> None:
    view = months.views.posts
    (alarm, *others) = view.alarms()
    assert (alarm.day, alarm.posts, alarm.signals) == (date(2024, 6, 15), 40, ("many_posts", "negative_high"))
    assert len(others) <= 2
    days = view.days(since=NOON, platform="weibo")
    assert len(days) == 42
    # The limits, computed again from the counts alone.
    before = [each.posts for each in days[12:40]]
    reach = 2.66 * fmean(abs(two - one) for one, two in pairwise(before))
    assert alarm.usual_posts is not None
    assert alarm.usual_posts.high == pytest.approx(fmean(before) + reach)
    total, negative = sum(before), sum(each.negative for each in days[12:40])
    assert alarm.usual_share is not None
    assert alarm.usual_share.centre == pytest.approx((negative + 1) / (total + 2))
    assert (days[0].usual_posts, days[0].signals) == (None, ())
    assert view.days(platform="nowhere") == []
    assert sum(each.posts for each in days) == view.platforms()[0].posts


def test_posts_keep_the_laws() -> None:
    history: list[Any] = [post(number, NOON + number * DAY, score=number % 5 + 1) for number in range(6)]
    later = NOON + 9 * DAY
    history += [
        post(2, later, score=1),
        ScoreSentiment(customer="a3", feedback="p3", score=-700, scorer="t", scorer_version="1", occurred_at=later),
        AnswerFeedback(customer="a4", feedback="p4", occurred_at=later),
        MergeCustomer(customer="a5", into="a4", occurred_at=later),
        EraseCustomer(customer="a1", occurred_at=later),
    ]
    report = check_laws(PROJECTION, history, batches=(3,), shards=(1, 2), points=3, hash_seeds=())
    assert report.folded >= 10


FILE = """platform,id,author,posted_at,text,stars,sentiment,link,answered_at
weibo,1,ada@example.com,2024-05-06 12:00:00,No hot water!,,-800,https://weibo.example/1,2024-05-06 12:10:00
weibo,2,bo,2024-05-06 13:00:00,,5,,,
weibo,3,bo,2024-05-06 13:00:00,,,,,
"""


def test_posts_are_imported_and_no_author_is_named(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text(FILE)
    with Relations.open("sqlite://", clock=lambda: NOON + DAY) as engine:
        engine.adopt(POLICY, from_beginning=True)
        report = import_file(engine, "posts", tmp_path / "posts.csv")
        assert report.by_reason == {"nothing_said": 1}
        (weibo,) = engine.views.posts.platforms()
        assert (weibo.posts, weibo.authors, weibo.negative, weibo.met) == (2, 2, 1, 1)
        assert not any("ada" in each.customer or each.customer == "bo" for each in engine.events())
