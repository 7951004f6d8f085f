"""The view of posts: volume and negative share by platform and day, alarms, and posts that wait for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select

from relations.messages import from_micros, to_micros
from relations.projections.arguments import Page
from relations.projections.posts.figures import (
    BASELINE_DAYS,
    Judged,
    PlatformFigures,
    PostDay,
    WaitingPost,
    platform_figures,
    post_days,
)
from relations.projections.posts.rows import PROJECTION, Post, PostAuthor
from relations.projections.projection import Projection
from relations.projections.view import View

__all__ = ["PostsView"]

_DAY = 86_400_000_000
_SHOWN = timedelta(days=BASELINE_DAYS)


class PostsView(View):
    """Public posts about the business. Days are local.

    A post is negative if its score is low on its instrument. It is also negative if a sentiment of its words is as low
    as the policy's `low_sentiment`.
    """

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {"platforms": "table Post", "days": "table Post", "alarms": "table Post"}
    keeps_answers: ClassVar[bool] = True

    def platforms(
        self, *, since: datetime | None = None, until: datetime | None = None, as_of: datetime | None = None
    ) -> list[PlatformFigures]:
        """Return the figures of each platform, the one with the most posts first.

        Args:
            since: Only posts from this time on.
            until: Only posts before this time.
            as_of: The moment for which answers count; now by default.
        """
        moment = self.moment(as_of)
        end = moment + 1 if until is None else min(to_micros(until), moment + 1)
        found = self._judged(None if since is None else to_micros(since), end)
        return platform_figures(found, as_of=moment, confidence=self.policy.surveys.confidence)

    def days(
        self,
        *,
        platform: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: datetime | None = None,
    ) -> list[PostDay]:
        """Return volume and negative share of each day, with the limits of the days before, by platform and day.

        Args:
            platform: Only this platform.
            since: The first day is that of this time; by default 28 days before the end.
            until: The days end before this time; by default with the day of `as_of`.
            as_of: The moment; now by default.
        """
        moment, local = self.moment(as_of), self.local
        end = moment if until is None else min(to_micros(until) - 1, moment)
        last = local.day(end)
        first = local.day(to_micros(from_micros(end) - _SHOWN if since is None else since))
        # A day more than the days compared with, because local days begin at other times than those in UTC.
        begin = end - (last - first + BASELINE_DAYS + 2) * _DAY
        posts = self._judged(begin, end + 1, platform)
        found: list[PostDay] = []
        for name, first_at in self._first_posts(platform, end):
            known_from = local.day(first_at)
            found += post_days(
                name,
                posts.get(name, ()),
                first=max(first, known_from),
                last=last,
                known_from=known_from,
                today=local.day(moment),
            )
        return found

    def alarms(
        self,
        *,
        platform: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: datetime | None = None,
    ) -> list[PostDay]:
        """Return the days that chance does not explain, the latest first. Their `signals` name the reason.

        Args:
            platform: Only this platform.
            since: The first day is that of this time; by default 28 days before the end.
            until: The days end before this time; by default with the day of `as_of`.
            as_of: The moment; now by default.
        """
        found = [day for day in self.days(platform=platform, since=since, until=until, as_of=as_of) if day.signals]
        return sorted(found, key=lambda day: (-day.day.toordinal(), day.platform))

    def waiting(
        self,
        *,
        platform: str | None = None,
        limit: int | None = 50,
        after: str | None = None,
        as_of: datetime | None = None,
    ) -> list[WaitingPost]:
        """Return the posts whose answer is due and was not given, the one due first at the top.

        Posts of erased authors are left out: nobody can answer them.

        Args:
            platform: Only this platform.
            limit: At most this many; None for all.
            after: Only posts after the one with this id in the list.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `limit` is negative, or the list has no post `after`.
        """
        moment, columns, authors = self.moment(as_of), self.table(Post).c, self.table(PostAuthor).c
        where: list[Any] = [columns.answer_by.is_not(None), columns.at <= moment]
        if platform is not None:
            where.append(columns.platform == platform)
        erased = {row.customer for row in self.rows(PostAuthor, authors.erased_at > 0) if row.erased_at <= moment}
        rows = [
            row
            for row in self.rows(Post, *where)
            if (row.answered_at is None or row.answered_at > moment) and row.customer not in erased
        ]
        found = [self._waiting(row, moment) for row in rows]
        found.sort(key=lambda post: (post.due_at, post.customer, post.feedback))
        return Page(limit, after).of_ranks(found, lambda post: post.feedback)

    def _first_posts(self, platform: str | None, until: int) -> list[tuple[str, int]]:
        columns = self.table(Post).c
        query = select(columns.platform, func.min(columns.at)).where(columns.at <= until).group_by(columns.platform)
        if platform is not None:
            query = query.where(columns.platform == platform)
        return sorted((name, int(at)) for name, at in self.execute(query))

    def _judged(self, since: int | None, until: int, platform: str | None = None) -> dict[str, list[Judged]]:
        columns, local = self.table(Post).c, self.local
        where: list[Any] = [columns.at < until]
        if since is not None:
            where.append(columns.at >= since)
        if platform is not None:
            where.append(columns.platform == platform)
        found: dict[str, list[Judged]] = {}
        for row in self.rows(Post, *where):
            found.setdefault(row.platform, []).append(Judged(row, local.day(row.at), self._is_negative(row)))
        return found

    def _is_negative(self, post: Post) -> bool:
        surveys = self._rules().at(post.at).surveys
        return surveys.is_low(post.instrument, () if post.score is None else (post.score,), post.sentiments)

    def _waiting(self, post: Post, moment: int) -> WaitingPost:
        due_at = post.answer_by or 0
        return WaitingPost(
            customer=post.customer,
            feedback=post.feedback,
            platform=post.platform,
            posted_at=from_micros(post.at),
            score=post.score,
            sentiment=min(post.sentiments, default=None),
            negative=self._is_negative(post),
            due_at=from_micros(due_at),
            late_by=timedelta(microseconds=moment - due_at) if due_at <= moment else None,
        )
