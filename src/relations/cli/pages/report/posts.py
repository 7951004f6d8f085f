"""The terminal page of public posts: platforms, alarms, and posts that wait for an answer."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.cli.pages.report.question import Question
from relations.cli.pages.report.repair import duration
from relations.cli.show import ABSENT, headline, local_minute, number, section, table, words
from relations.past.questions import Questions
from relations.projections.posts import PlatformFigures, PostDay, WaitingPost

__all__ = ["PostsPage", "read", "show"]

_SIGNALS = {
    "many_posts": "more posts than usual",
    "few_posts": "fewer posts than usual",
    "negative_high": "more negative than usual",
    "negative_low": "less negative than usual",
}


class PostsPage(msgspec.Struct, frozen=True):
    """Everything that the page shows."""

    platforms: list[PlatformFigures]
    alarms: list[PostDay]
    waiting: list[WaitingPost]


def read(engine: Questions, question: Question) -> PostsPage:
    """Ask the view."""
    view, at = engine.views.posts, question.as_of
    return PostsPage(view.platforms(as_of=at), view.alarms(as_of=at), view.waiting(as_of=at, limit=question.limit))


def show(page: PostsPage, question: Question) -> RenderableType:
    """Lay out the page."""
    parts: list[RenderableType] = [headline("Posts", f"what people say in public, as of {question.day}")]
    if not page.platforms:
        return Group(*parts, section(words("Nobody has posted anything yet.")))
    parts.append(section(_platforms(page.platforms)))
    alarms = _alarms(page.alarms[: question.limit])
    parts.append(section(alarms if page.alarms else words("In the last 28 days, no day was unusual.")))
    if page.waiting:
        parts.append(section(_waiting(page.waiting, question)))
    return Group(*parts)


def _platforms(found: list[PlatformFigures]) -> Table:
    made = table("Platform", "Posts", "Authors", "Negative", "Answered", "On time", "Median", right=(1, 2, 3, 4, 5, 6))
    for each in found:
        made.add_row(
            each.platform,
            number(each.posts),
            number(each.authors),
            f"{each.negative_share:.0%}",
            number(each.answered),
            ABSENT if each.on_time is None else f"{each.on_time:.0%}",
            ABSENT if each.median_minutes is None else f"{each.median_minutes:,.0f} min",
        )
    return made


def _alarms(found: list[PostDay]) -> Table:
    made = table(
        "Day", "Platform", "Posts", "Negative", "Why", title="Alarms of the last 28 days", right=(2, 3), grow=4
    )
    for day in found:
        why = " and ".join(_SIGNALS[signal] for signal in day.signals)
        made.add_row(str(day.day), day.platform, number(day.posts), number(day.negative), words(why))
    return made


def _waiting(found: list[WaitingPost], question: Question) -> Table:
    made = table("Due", "Platform", "Post", "Customer", "Late by", title="Waiting for an answer", grow=2)
    for post in found:
        late = ABSENT if post.late_by is None else duration(post.late_by)
        due = local_minute(post.due_at, question.zone)
        made.add_row(due, post.platform, post.feedback, post.customer, Text(late, "red" if post.late_by else ""))
    return made
