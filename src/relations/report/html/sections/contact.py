"""The section of contact: how much of it sells nothing, and the customers nobody contacted."""

from __future__ import annotations

from relations.messages import to_micros
from relations.projections.contacts import ContactFigure
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section

__all__ = ["section"]

_LISTED = 10
_SILENT_DAYS = 90


def section(asked: Asked) -> Section:
    """Return the contacts by kind, and the customers with the longest silence."""
    say = asked.say
    return Section("contact", say("contact.title"), say("contact.note"), [_kinds(asked), _silent(asked)])


def _kinds(asked: Asked) -> Figure:
    """Return the contacts that the business began, by kind, and how many of them sell something."""
    say, title = asked.say, asked.say("contact.kinds")
    found = asked.engine.views.contacts.figures(until=asked.month_after)
    begun = [each for each in found if each.outbound]
    if not begun:
        return asked.empty("contacts", title, "nobody_contacted")
    whole, *kinds = begun
    most = max(each.outbound for each in kinds)
    rows = [
        Bar(
            say.name("contact_kind", each.kind),
            f"{say.number(each.outbound)} · {say.percent(each.not_selling_share)}",
            [
                BarPiece("blue", _caring(each) / most, _caring(each)),
                BarPiece("orange", each.selling / most, each.selling),
            ],
        )
        for each in kinds
    ]
    legend = [("blue", say("contact.caring")), ("orange", say("contact.selling"))]
    said = [
        say("contact.share", share=say.percent(whole.not_selling_share), contacts=say.count("contacts", whole.outbound))
    ]
    return Figure("contacts", title, Bars(rows, legend), said)


def _caring(figure: ContactFigure) -> int:
    return figure.outbound - figure.selling


def _silent(asked: Asked) -> Figure:
    """List the customers nobody contacted, the longest silence first."""
    say, view = asked.say, asked.engine.views.contacts
    days = say.count("days", _SILENT_DAYS)
    title = say("contact.silent", days=days)
    if asked.is_past:
        return asked.empty("silent", title, "present_only")
    count = view.count_silent(days=_SILENT_DAYS, as_of=asked.at)
    if not count:
        return asked.empty("silent", title, "nobody_silent", days=days)
    rows = [
        [
            each.customer,
            say.short_day(asked.local.moment(to_micros(each.since)).date()),
            say.number(each.days),
            say("contact.again" if each.contacted else "contact.never"),
        ]
        for each in view.silent(days=_SILENT_DAYS, limit=_LISTED, as_of=asked.at)
    ]
    said = [say("contact.count", customers=say.count("customers", count), days=days)]
    listing = asked.table("customer", "since", "days", "contacted", rows=rows, numbers=len(rows[0]))
    return Figure("silent", title, said=said, listing=listing)
