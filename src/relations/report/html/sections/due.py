"""The section of what is due."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

from relations.messages import to_micros
from relations.policies.complaints.service_levels import CLOCKS
from relations.projections.agenda.items import AUTOMATIC
from relations.projections.agenda.view import KINDS, AgendaItem
from relations.report.due import due_within
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section, Table

__all__ = ["section"]

_LISTED = 10
_ORDER = tuple(dict.fromkeys((*CLOCKS, *KINDS)))


def section(asked: Asked) -> Section:
    """Return the counts by kind, and the list of what comes next."""
    say = asked.say
    items = due_within(asked.engine, asked.at, asked.ahead)
    note = say("due.note", days=asked.days)
    return Section("due", say("due.title"), note, [_counts(asked, items), _next(asked, items)])


def _counts(asked: Asked, items: list[AgendaItem]) -> Figure:
    say = asked.say
    title = say("due.counts", days=asked.days)
    if not items:
        return asked.empty("due", title, "nothing_due", days=asked.days)
    late = Counter(item.kind for item in items if item.due_at <= asked.at)
    soon = Counter(item.kind for item in items if item.due_at > asked.at)
    kinds = sorted(late | soon, key=_ORDER.index)
    most = max(late[kind] + soon[kind] for kind in kinds)
    rows = [
        Bar(
            say.name("due_kind", kind),
            f"{say.number(late[kind])} · {say.number(soon[kind])}",
            [BarPiece("orange", late[kind] / most, late[kind]), BarPiece("blue", soon[kind] / most, soon[kind])],
        )
        for kind in kinds
    ]
    legend = [("orange", say("due.late")), ("blue", say("due.soon", days=asked.days))]
    return Figure("due", title, Bars(rows, legend))


def _next(asked: Asked, items: list[AgendaItem]) -> Figure:
    """List the latest of what is overdue, then what is next."""
    say = asked.say
    title = say("due.next")
    if not items:
        return asked.empty("next", title, "nothing_due", days=asked.days)
    late = [item for item in items if item.due_at <= asked.at]
    ahead = [item for item in items if item.due_at > asked.at]
    shown = [*late[-_LISTED // 2 :], *ahead][:_LISTED]
    rows = [
        [_day(asked, item.due_at), say.name("due_kind", item.kind), item.customer, _about(asked, item)]
        for item in shown
    ]
    headings = [say(f"column.{name}") for name in ("due", "what", "customer", "about")]
    return Figure("next", title, listing=Table(headings, rows, numbers=len(headings)))


def _day(asked: Asked, at: datetime) -> str:
    return asked.say.short_day(date.fromordinal(asked.local.day(to_micros(at))))


def _about(asked: Asked, item: AgendaItem) -> str:
    say = asked.say
    if item.points is not None:
        return say.count("points", item.points)
    match item.kind:
        case "contact" | "lapse" | "renewal":
            return _of_plan(asked, item.detail)
        case "tier" | "tier_warning":
            return say.name("tier", item.detail)
        case "erasure" if item.detail == AUTOMATIC:
            return say("due.automatic")
    return item.detail


def _of_plan(asked: Asked, detail: str) -> str:
    """Return the plan and what is to be done, from a round such as `611-2` and its step."""
    say, (round_name, _, step) = asked.say, detail.partition(" ")
    plan = round_name.rpartition("-")[0]
    found = asked.engine.policy.care.plan(plan)
    kinds = {} if found is None else {each.id: each.what for each in found.steps}
    name = say.name("care_plan", plan)
    return f"{name} · {say.name('contact_kind', kinds.get(step, step))}" if step else name
