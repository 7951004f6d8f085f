"""The section of care plans: contacts that are due, and the share of steps that was done in time."""

from __future__ import annotations

from datetime import date

from relations.messages import to_micros
from relations.projections.care.profiles import DueContact, KeptFigure
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section, Table

__all__ = ["section"]

_LISTED = 10


def section(asked: Asked) -> Section:
    """Return the contacts that are due, and the steps done in time by plan."""
    say = asked.say
    return Section("care", say("care.title"), say("care.note"), [_next(asked), _kept(asked)])


def _next(asked: Asked) -> Figure:
    say, title = asked.say, asked.say("care.next")
    if asked.is_past:
        return asked.empty("care-next", title, "present_only")
    found = asked.engine.views.care.due(as_of=asked.at, limit=_LISTED)
    if not found:
        return asked.empty("care-next", title, "no_care_due")
    headings = [
        *(say(f"column.{name}") for name in ("customer", "what")),
        *(say(f"care.{name}") for name in ("plan", "by", "until")),
    ]
    return Figure("care-next", title, listing=Table(headings, [_row(asked, each) for each in found], numbers=5))


def _row(asked: Asked, contact: DueContact) -> list[str]:
    say = asked.say
    until = date.fromordinal(asked.local.day(to_micros(contact.until) - 1))
    return [
        contact.customer,
        say.name("contact_kind", contact.what),
        say.name("care_plan", contact.plan),
        say.name("channel", contact.channel),
        say.short_day(until),
    ]


def _kept(asked: Asked) -> Figure:
    say, title = asked.say, asked.say("care.kept")
    found = [each for each in asked.engine.views.care.kept(until=asked.month_after) if not each.what]
    counted = [each for each in found if each.kept is not None]
    if not counted:
        return asked.empty("care-kept", title, "no_care_over")
    legend = [("blue", say("care.done")), ("orange", say("care.lapsed"))]
    who = asked.who("care", "kept", "outcome=lapsed")
    return Figure("care-kept", title, Bars([_bar(asked, each) for each in counted], legend), who=who)


def _bar(asked: Asked, figure: KeptFigure) -> Bar:
    say, due = asked.say, figure.done + figure.lapsed
    shares = [("blue", figure.done / due), ("orange", figure.lapsed / due)]
    return Bar(
        say.name("care_plan", figure.plan) if figure.plan else say("care.all"),
        f"{say.number(figure.done)} · {say.number(figure.lapsed)}",
        [BarPiece(style, share, share) for style, share in shares],
    )
