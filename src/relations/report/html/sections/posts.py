"""The section of public posts: posts a day with the limits of the days before, and posts that wait for an answer."""

from __future__ import annotations

from datetime import date

from relations.messages import to_micros
from relations.projections.posts import PostDay
from relations.report.html.asked import Asked
from relations.report.html.figures import Dot, Figure, Plot, Scale, Section, Table, middle, points, ticks_at

__all__ = ["section"]

_LISTED = 10


def section(asked: Asked) -> Section:
    """Return the posts of the platform with the most posts, and the answers due on all of them."""
    say = asked.say
    return Section("posts", say("posts.title"), say("posts.note"), [_days(asked), _waiting(asked)])


def _days(asked: Asked) -> Figure:
    say, view = asked.say, asked.engine.views.posts
    days = view.days(as_of=asked.at)
    names = sorted({day.platform for day in days}, key=lambda name: -sum(d.posts for d in days if d.platform == name))
    shown = [day for day in days if names and day.platform == names[0]]
    title = say("posts.days")
    if len(shown) < 2:
        return asked.empty("posts", title, "no_posts")
    labels = [say.day_of_month(day.day) for day in shown]
    count = len(shown)
    at = [middle(index, count) for index in range(count)]
    high = [(x, day.usual_posts.high) for x, day in zip(at, shown, strict=True) if day.usual_posts is not None]
    scale = Scale([0.0, *(float(day.posts) for day in shown), *(value for _, value in high)], floor=0.0)
    lines = [
        ("blue", points([(x, scale.place(day.posts)) for x, day in zip(at, shown, strict=True)])),
        ("orange", points([(x, scale.place(day.negative)) for x, day in zip(at, shown, strict=True)])),
    ]
    legend = [("blue", say("posts.all")), ("orange", say("posts.negative"))]
    if high:
        lines.append(("limit", points([(x, scale.place(value)) for x, value in high])))
        legend.append(("limit", say("posts.limit")))
    if any(day.signals for day in shown):
        legend.append(("signal", say("satisfaction.signal")))
    dots = [
        Dot(
            x,
            scale.place(day.posts),
            day.posts,
            say("posts.point", day=label, posts=say.number(day.posts)),
            "signal" if day.signals else "point",
        )
        for x, day, label in zip(at, shown, labels, strict=True)
    ]
    plot = Plot(
        x_ticks=ticks_at(labels),
        y_ticks=[(scale.place(tick), say.number(tick)) for tick in scale.ticks],
        lines=lines,
        dots=dots,
        legend=legend,
    )
    said = [say("posts.platform", platform=names[0]), *(_alarm(asked, day) for day in shown if day.signals)]
    rows = [[label, say.number(day.posts), say.number(day.negative)] for label, day in zip(labels, shown, strict=True)]
    return Figure("posts", title, plot, said, asked.table("day", "posts", "negative", rows=rows))


def _alarm(asked: Asked, day: PostDay) -> str:
    say = asked.say
    reasons = say.list([say.name("post_signal", signal) for signal in day.signals])
    return say("posts.alarm", day=say.day(day.day), reasons=reasons)


def _waiting(asked: Asked) -> Figure:
    say = asked.say
    title = say("posts.waiting")
    found = asked.engine.views.posts.waiting(as_of=asked.at, limit=_LISTED)
    if not found:
        return asked.empty("unanswered", title, "no_waiting_posts")
    rows = [
        [
            say.short_day(date.fromordinal(asked.local.day(to_micros(post.due_at)))),
            post.platform,
            post.feedback,
            post.customer,
        ]
        for post in found
    ]
    headings = [say(f"column.{name}") for name in ("due", "platform", "about", "customer")]
    return Figure("unanswered", title, listing=Table(headings, rows, numbers=len(headings)))
