"""The terminal page of what falls due."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table

from relations.cli.pages.report.question import Question
from relations.cli.show import counted, headline, local_minute, number, section, table, words
from relations.past.questions import Questions
from relations.projections.agenda.view import AgendaItem
from relations.report.due import due_within

__all__ = ["AgendaPage", "read", "show"]

_KINDS = {
    "acknowledge": ("give the first answer", "a missed deadline"),
    "next_response": ("give the next answer", "a missed deadline"),
    "resolve": ("resolve a complaint", "a missed deadline"),
    "follow_up": ("follow up a complaint", "a missed deadline, if there is one"),
    "escalation": ("escalate a complaint", "an escalation"),
    "answer": ("reply to a low answer", "nothing: people have to act"),
    "reminder": ("remind of an invitation", "nothing: people have to act"),
    "erasure": ("erase a customer", "nothing: people have to act, unless the policy says otherwise"),
    "activation": ("points become active", "activated points"),
    "expiry": ("points expire", "expired points"),
    "reward": ("a reward expires", "an expired reward"),
    "tier": ("review a tier", "a tier lost or kept"),
    "tier_warning": ("warn of losing a tier", "a warning"),
    "contact": ("make a contact of a care plan", "nothing: people have to act"),
    "lapse": ("a contact of a care plan lapses", "a lapsed step"),
    "handover": ("a new owner takes over", "take over what must not be lost (AcceptHandover)"),
    "renewal": ("a round of a care plan ends", "the next round, or the end of the plan"),
    "contract": ("renew a contract", "nothing: people have to act"),
}


class AgendaPage(msgspec.Struct, frozen=True):
    """Everything that the page shows.

    Attributes:
        overdue: Items due by the moment.
        due: Items that fall due soon after it.
    """

    overdue: list[AgendaItem]
    due: list[AgendaItem]


def read(engine: Questions, question: Question) -> AgendaPage:
    """Read what is overdue at a moment, and what falls due soon after it."""
    found = due_within(engine, question.as_of, timedelta(days=question.days))
    return AgendaPage(
        overdue=[item for item in found if item.due_at <= question.as_of],
        due=[item for item in found if item.due_at > question.as_of],
    )


def show(page: AgendaPage, question: Question) -> RenderableType:
    """Lay out the page."""
    explained = words(_EXPLAINED)
    parts: list[RenderableType] = [headline("Agenda", f"what is due, as of {question.day}")]
    if not page.overdue and not page.due:
        days = counted(question.days, "day")
        return Group(*parts, section(words(f"Nothing is overdue, and nothing falls due within {days}."), explained))
    parts.append(section(_counts(page, question), explained))
    if page.due:
        parts.append(section(_next(page.due[: question.limit], question)))
    return Group(*parts)


_EXPLAINED = (
    "`relations run --advance-time` records what happens through time alone. A complaint stays overdue until the step"
    " is taken."
)


def _counts(page: AgendaPage, question: Question) -> Table:
    overdue = Counter(item.kind for item in page.overdue)
    due = Counter(item.kind for item in page.due)
    within = f"In {counted(question.days, 'day')}"
    made = table("What", "Overdue", within, "What time alone does", right=(1, 2), grow=3, spare=(3,))
    for kind in sorted(overdue | due, key=list(_KINDS).index):
        what, outcome = _KINDS[kind]
        made.add_row(what, number(overdue[kind]), number(due[kind]), words(outcome))
    return made


def _next(items: list[AgendaItem], question: Question) -> Table:
    made = table("Due", "What", "Customer", "", title="Next", grow=3, spare=(3,))
    for item in items:
        made.add_row(local_minute(item.due_at, question.zone), _KINDS[item.kind][0], item.customer, _detail(item))
    return made


def _detail(item: AgendaItem) -> str:
    name = item.stream.partition("-")[2]
    match item.kind:
        case "expiry":
            return counted(item.points or 0, "point") + (f" of lot {item.detail}" if item.detail else "")
        case "tier":
            return f"tier {item.detail}" if item.detail else ""
        case "answer" | "reminder":
            return item.detail or name
        case "activation" | "reward" | "tier_warning":
            return item.detail
        case _:
            return f"{name}: {item.detail}" if item.detail else name
