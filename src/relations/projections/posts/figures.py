"""Figures of posts: counts by day with the limits of the days before, and the answers by platform.

The number of posts a day is compared with an individuals chart of the 28 days before: mean ± 2.66 mean moving ranges
(D. Wheeler, "Understanding Variation", 1993). The negative share of a day is compared with a p-chart (W. A. Shewhart,
1931). Its limits are the share of the 28 days before ± 3 standard errors of the day's own number of posts. One post of
each kind is added to that share. So days without any negative post do not turn the first one into an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import sqrt
from statistics import median
from typing import Literal, NamedTuple, TypeAlias

from relations.analytics.control_charts import individuals
from relations.analytics.intervals import Interval, wilson
from relations.json_form import Span, ViewAnswer
from relations.projections.posts.rows import Post

__all__ = [
    "BASELINE_DAYS",
    "Judged",
    "PlatformFigures",
    "PostDay",
    "PostSignal",
    "WaitingPost",
    "platform_figures",
    "post_days",
]

PostSignal: TypeAlias = Literal["many_posts", "few_posts", "negative_high", "negative_low"]
"""A number of posts, or a negative share, outside the limits of the days before."""

BASELINE_DAYS = 28
"""The number of days before that a day is compared with."""
_BASELINE_MIN = 7
_ERRORS = 3.0
_MINUTE = 60_000_000


class Judged(NamedTuple):
    """A post, its local day as an ordinal, and whether it is negative."""

    post: Post
    day: int
    negative: bool


class UsualRange(ViewAnswer):
    """The usual range of a figure.

    Attributes:
        low: The lower limit.
        centre: The mean of the days before.
        high: The upper limit.
    """

    low: float
    centre: float
    high: float


class PostDay(ViewAnswer):
    """The posts of one local day on one platform.

    Attributes:
        platform: The platform.
        day: The day.
        posts: Their number.
        negative: The number of negative ones.
        negative_share: The share of negative posts; None if there are no posts.
        usual_posts: The limits of the number; None with fewer than 7 days before.
        usual_share: The limits of the share for this number of posts; None without posts on the day or before.
        complete: False if the day is not over at the moment asked about; it cannot have too few posts then.
        signals: The limits that the day is outside of; empty if chance explains it.
    """

    platform: str
    day: date
    posts: int
    negative: int
    negative_share: float | None
    usual_posts: UsualRange | None
    usual_share: UsualRange | None
    complete: bool
    signals: tuple[PostSignal, ...]


class WaitingPost(ViewAnswer):
    """A post that waits for an answer.

    Attributes:
        customer: Its author.
        feedback: Its id.
        platform: The platform.
        posted_at: When it was posted.
        score: The score, if it has one.
        sentiment: The lowest sentiment found in its words, in thousandths.
        negative: True if it is negative.
        due_at: When the answer is due.
        late_by: The time since then; None if it is not late.
    """

    customer: str
    feedback: str
    platform: str
    posted_at: datetime
    score: int | None
    sentiment: int | None
    negative: bool
    due_at: datetime
    late_by: Span | None


class PlatformFigures(ViewAnswer):
    """The posts on one platform.

    Attributes:
        platform: The platform.
        posts: Their number.
        authors: The number of people who posted.
        negative: The number of negative posts.
        negative_share: Their share of all posts.
        interval: Wilson's interval of that share.
        answered: The number of posts with an answer.
        met: The number of promised answers that were given in time.
        missed: The number of promised answers that were late, or are overdue.
        on_time: `met` / (`met` + `missed`); None if there were none.
        median_minutes: The median time to an answer, in minutes; None if there is no answer.
    """

    platform: str
    posts: int
    authors: int
    negative: int
    negative_share: float
    interval: Interval | None
    answered: int
    met: int
    missed: int
    on_time: float | None
    median_minutes: float | None


def post_days(
    platform: str, posts: Iterable[Judged], *, first: int, last: int, known_from: int, today: int
) -> list[PostDay]:
    """Return each day of one platform, with the limits of the days before it.

    Args:
        platform: The platform.
        posts: Its posts, also those of the days before `first`.
        first: The first day, as an ordinal.
        last: The last day.
        known_from: The first day that counts as a day before: that of the platform's first post.
        today: The day that is not over.
    """
    counts: dict[int, tuple[int, int]] = {}
    for each in posts:
        total, negative = counts.get(each.day, (0, 0))
        counts[each.day] = total + 1, negative + each.negative
    found = []
    for day in range(first, last + 1):
        begin = max(known_from, day - BASELINE_DAYS)
        before = [counts.get(earlier, (0, 0)) for earlier in range(begin, day)]
        found.append(_day(platform, day, counts.get(day, (0, 0)), before, complete=day < today))
    return found


def _day(
    platform: str, day: int, counted: tuple[int, int], before: Sequence[tuple[int, int]], *, complete: bool
) -> PostDay:
    posts, negative = counted
    volume, share = _usual_posts([total for total, _ in before]), _usual_share(before, posts)
    value = negative / posts if posts else None
    signals: list[PostSignal] = []
    if volume is not None and posts > volume.high:
        signals.append("many_posts")
    elif volume is not None and posts < volume.low and complete:
        signals.append("few_posts")
    if share is not None and value is not None and not share.low <= value <= share.high:
        signals.append("negative_high" if value > share.high else "negative_low")
    return PostDay(
        platform=platform,
        day=date.fromordinal(day),
        posts=posts,
        negative=negative,
        negative_share=value,
        usual_posts=volume,
        usual_share=share,
        complete=complete,
        signals=tuple(signals),
    )


def _usual_posts(before: Sequence[int]) -> UsualRange | None:
    if len(before) < _BASELINE_MIN:
        return None
    usual = individuals(before)
    return UsualRange(low=max(0.0, float(usual.low)), centre=float(usual.centre), high=float(usual.high))


def _usual_share(before: Sequence[tuple[int, int]], n: int) -> UsualRange | None:
    total, negative = sum(each for each, _ in before), sum(each for _, each in before)
    if len(before) < _BASELINE_MIN or not total or not n:
        return None
    centre = (negative + 1) / (total + 2)
    reach = _ERRORS * sqrt(centre * (1 - centre) / n)
    return UsualRange(low=max(0.0, centre - reach), centre=centre, high=min(1.0, centre + reach))


def platform_figures(posts: Mapping[str, Sequence[Judged]], *, as_of: int, confidence: float) -> list[PlatformFigures]:
    """Return the figures of each platform, the one with the most posts first.

    Args:
        posts: The posts by platform.
        as_of: The moment, UTC microseconds.
        confidence: The level of the intervals.
    """
    found = [_platform(name, theirs, as_of, confidence) for name, theirs in posts.items()]
    return sorted(found, key=lambda each: (-each.posts, each.platform))


def _platform(name: str, posts: Sequence[Judged], as_of: int, confidence: float) -> PlatformFigures:
    waits, met, missed = [], 0, 0
    for post, _, _ in posts:
        answered = post.answered_at is not None and post.answered_at <= as_of
        if answered and post.answered_at is not None:
            waits.append(max(0, post.answered_at - post.at) / _MINUTE)
        if post.answer_by is not None:
            done_at = post.answered_at if answered and post.answered_at is not None else as_of
            met += answered and done_at < post.answer_by
            missed += done_at >= post.answer_by
    negative = sum(each.negative for each in posts)
    return PlatformFigures(
        platform=name,
        posts=len(posts),
        authors=len({each.post.customer for each in posts}),
        negative=negative,
        negative_share=negative / len(posts),
        interval=wilson(negative, len(posts), confidence),
        answered=len(waits),
        met=met,
        missed=missed,
        on_time=met / (met + missed) if met + missed else None,
        median_minutes=median(waits) if waits else None,
    )
