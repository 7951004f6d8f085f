"""The section of the desk: open and overdue cases by kind, and the cases that are due first."""

from __future__ import annotations

from collections import Counter
from datetime import date

from relations.messages import to_micros
from relations.policies.complaints.service_levels import CASE_KINDS
from relations.projections.desk.view import TicketProfile
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section, Table

__all__ = ["section"]

_LISTED = 10
_PAGE = 1_000
_ABSENT = "\u2013"


def section(asked: Asked) -> Section:
    """Return the work of the desk. It is known for the present only."""
    say = asked.say
    if asked.is_past:
        figures = [asked.empty(name, say(f"desk.{name}"), "present_only") for name in ("cases", "tickets")]
    else:
        work = _work(asked)
        figures = [_cases(asked, work), _tickets(asked, work)]
    return Section("desk", say("desk.title"), say("desk.note"), figures)


def _work(asked: Asked) -> list[TicketProfile]:
    found: list[TicketProfile] = []
    after = None
    while True:
        page = asked.engine.views.desk.work(limit=_PAGE, after=after, as_of=asked.at)
        found += page.tickets
        after = page.next
        if after is None:
            return found


def _cases(asked: Asked, work: list[TicketProfile]) -> Figure:
    say = asked.say
    title = say("desk.cases")
    cases = [ticket for ticket in work if ticket.due_clock != "follow_up"]
    if not cases:
        return asked.empty("cases", title, "no_cases")
    late = Counter(ticket.kind for ticket in cases if ticket.late_by is not None)
    every = Counter(ticket.kind for ticket in cases)
    most = max(every.values())
    rows = [
        Bar(
            say.name("case_kind", kind),
            f"{say.number(late[kind])} · {say.number(every[kind] - late[kind])}",
            [
                BarPiece("orange", late[kind] / most, late[kind]),
                BarPiece("blue", (every[kind] - late[kind]) / most, every[kind] - late[kind]),
            ],
        )
        for kind in CASE_KINDS
        if every[kind]
    ]
    return Figure("cases", title, Bars(rows, [("orange", say("desk.late")), ("blue", say("desk.open"))]))


def _tickets(asked: Asked, work: list[TicketProfile]) -> Figure:
    """List the cases that are due first, with their customers."""
    say = asked.say
    title = say("desk.tickets")
    if not work:
        return asked.empty("tickets", title, "no_cases")
    rows = [
        [
            _ABSENT if ticket.due_at is None else _day(asked, ticket),
            say.name("case_kind", ticket.kind),
            ticket.subject,
            ticket.customer,
            ticket.owner or _ABSENT,
        ]
        for ticket in work[:_LISTED]
    ]
    headings = [say(f"column.{name}") for name in ("due", "what", "about", "customer", "owner")]
    return Figure("tickets", title, listing=Table(headings, rows, numbers=len(headings)))


def _day(asked: Asked, ticket: TicketProfile) -> str:
    assert ticket.due_at is not None  # noqa: S101 - the caller looked
    return asked.say.short_day(date.fromordinal(asked.local.day(to_micros(ticket.due_at))))
