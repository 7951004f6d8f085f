"""What falls due, for people."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table

from relations.cli.pages.question import Question
from relations.cli.show import headline, local_minute, number, section, table, words
from relations.engine import Relations
from relations.projections.agenda.view import AgendaItem
from relations.report.due import due_within, has_gone_on

__all__ = ["AgendaPage", "read", "show"]

_KINDS = {
    "acknowledge": ("answer a complaint", "a deadline missed"),
    "next_response": ("answer what was said", "a deadline missed"),
    "resolve": ("resolve a complaint", "a deadline missed"),
    "follow_up_deadline": ("ask, as was promised", "a deadline missed"),
    "escalation": ("somebody is to hear of it", "an escalation"),
    "follow_up": ("ask how it was handled", "nothing: people must"),
    "answer": ("come back on a low answer", "nothing: people must"),
    "reminder": ("remind of an invitation", "nothing: people must"),
    "activation": ("points become spendable", "points activated"),
    "expiry": ("points expire", "points expired"),
    "reward": ("a reward ends", "a reward expired"),
    "tier": ("look at a member's tier", "a tier lost, or kept"),
    "tier_warning": ("warn of a tier's loss", "a warning"),
}


class AgendaPage(msgspec.Struct, frozen=True):
    """All that the page shows.

    Attributes:
        complaints_only: Whether more was recorded since: then only deadlines of complaints are known as of the moment.
        overdue: What was due by the moment.
        due: What falls due soon after it.
    """

    complaints_only: bool
    overdue: list[AgendaItem]
    due: list[AgendaItem]


def read(engine: Relations, question: Question) -> AgendaPage:
    """What is due by the moment asked for, and what falls due soon after it."""
    found = due_within(engine, question.as_of, timedelta(days=question.days))
    return AgendaPage(
        complaints_only=has_gone_on(engine, question.as_of),
        overdue=[item for item in found if item.due_at <= question.as_of],
        due=[item for item in found if item.due_at > question.as_of],
    )


def show(page: AgendaPage, question: Question) -> RenderableType:
    """The page."""
    parts: list[RenderableType] = [
        headline("Agenda", f"what is due, as of {question.day}"),
        section(_counts(page, question), words(_OF_A_DAY_GONE_BY if page.complaints_only else _EXPLAINED)),
    ]
    if page.due:
        parts.append(section(_next(page.due[: question.limit], question)))
    return Group(*parts)


_EXPLAINED = (
    "`relations run --advance-time` records what time alone decides. A deadline that is recorded as missed is no"
    " longer here: `relations report repair` shows what is overdue."
)
_OF_A_DAY_GONE_BY = (
    "Deadlines of complaints only: what else falls due is known of the present, not of a day gone by. Those missed"
    " are here, recorded or not."
)


def _counts(page: AgendaPage, question: Question) -> Table:
    overdue = Counter(item.kind for item in page.overdue)
    due = Counter(item.kind for item in page.due)
    made = table("What", "Due by now", f"In {question.days} days", "What time does", right=(1, 2), grow=3, spare=(3,))
    for kind, (what, becomes) in _KINDS.items():
        made.add_row(what, number(overdue[kind]), number(due[kind]), words(becomes))  # type: ignore[index]
    return made


def _next(items: list[AgendaItem], question: Question) -> Table:
    made = table("Due", "What", "Customer", "", title="Next", grow=3, spare=(3,))
    for item in items:
        made.add_row(local_minute(item.due_at, question.zone), _KINDS[item.kind][0], item.customer, _detail(item))
    return made


def _detail(item: AgendaItem) -> str:
    match item.kind:
        case "expiry":
            return f"{number(item.points)} points of lot {item.detail}"
        case "tier":
            return f"tier {item.detail}"
        case "answer" | "reminder":
            return item.detail or item.stream.partition("-")[2]
        case _:
            return item.stream.partition("-")[2]
