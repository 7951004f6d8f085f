"""What is due: deadlines of complaints as of any moment, and what else the agenda has, as of the present."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from relations.messages import to_micros
from relations.policies.complaints.service_levels import CLOCKS
from relations.projections.agenda.view import KINDS
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, Bars, Figure, Part, Section, Table

__all__ = ["section"]

_LISTED = 10
_OF_COMPLAINTS = frozenset({*CLOCKS, "follow_up_deadline"})
"""What the repair view knows better: as of any moment, and also after a miss was recorded."""

_ORDER = tuple(dict.fromkeys((*CLOCKS, *KINDS)))

Item = tuple[datetime, str, str, str]
"""When, what, whose, and what it is about."""


def section(asked: Asked) -> Section:
    """Both figures."""
    say = asked.say
    items = [*_of_complaints(asked), *([] if asked.is_past else _of_agenda(asked))]
    note = say("due.note_past" if asked.is_past else "due.note", days=asked.days)
    return Section("due", say("due.title"), note, [_counts(asked, items), _next(asked, items)])


def _of_complaints(asked: Asked) -> list[Item]:
    view = asked.engine.views.repair
    steps = [*view.overdue(as_of=asked.at), *view.due(within=timedelta(days=asked.days), as_of=asked.at)]
    return [(step.due_at, step.clock, step.customer, step.subject) for step in steps]


def _of_agenda(asked: Asked) -> list[Item]:
    """All but complaints' deadlines; asking after a resolution is among them where it is a deadline."""
    say = asked.say
    found = asked.engine.views.agenda.due(until=asked.at + timedelta(days=asked.days), as_of=asked.at)
    return [
        (
            item.due_at,
            item.kind,
            item.customer,
            item.detail if item.points is None else say("due.points", points=say.number(item.points)),
        )
        for item in found
        if item.kind not in _OF_COMPLAINTS and item.kind != "follow_up"
    ]


def _counts(asked: Asked, items: list[Item]) -> Figure:
    say = asked.say
    title = say("due.counts", days=asked.days)
    if not items:
        return asked.empty("due", title, "nothing_due", days=asked.days)
    late: dict[str, int] = {}
    soon: dict[str, int] = {}
    for at, kind, _, _ in items:
        into = late if at <= asked.at else soon
        into[kind] = into.get(kind, 0) + 1
    kinds = sorted(late.keys() | soon.keys(), key=_ORDER.index)
    most = max(late.get(kind, 0) + soon.get(kind, 0) for kind in kinds)
    rows = [
        Bar(
            say.name("due_kind", kind),
            f"{say.number(late.get(kind, 0))} · {say.number(soon.get(kind, 0))}",
            [
                Part("orange", late.get(kind, 0) / most, late.get(kind, 0)),
                Part("blue", soon.get(kind, 0) / most, soon.get(kind, 0)),
            ],
        )
        for kind in kinds
    ]
    legend = [("orange", say("due.late")), ("blue", say("due.soon", days=asked.days))]
    return Figure("due", title, Bars(rows, legend))


def _next(asked: Asked, items: list[Item]) -> Figure:
    """The last ones to run out come first of what is late; then what is next."""
    say = asked.say
    title = say("due.next")
    if not items:
        return asked.empty("next", title, "nothing_due", days=asked.days)
    ahead = sorted(item for item in items if item[0] > asked.at)
    late = sorted((item for item in items if item[0] <= asked.at), reverse=True)
    shown = sorted([*late[: _LISTED // 2], *ahead][:_LISTED])
    rows = [[_day(asked, at), say.name("due_kind", kind), customer, about] for at, kind, customer, about in shown]
    headings = [say(f"column.{name}") for name in ("due", "what", "customer", "about")]
    return Figure("next", title, listing=Table(headings, rows, numbers=len(headings)))


def _day(asked: Asked, at: datetime) -> str:
    return asked.say.short_day(date.fromordinal(asked.local.day(to_micros(at))))
