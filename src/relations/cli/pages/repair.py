"""Whether damaged relations mend, for people."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.cli.pages.question import Question
from relations.cli.show import ABSENT, bar, headline, local_minute, number, percent, section, table, words
from relations.engine import Relations
from relations.projections.repair.relation_state import STATES
from relations.projections.repair.view import DueStep, FunnelStep, RelationStanding, RepairSummary, StepTime

__all__ = ["RepairPage", "duration", "read", "show"]

_MEANING = {
    "healthy": "never complained",
    "lapsed": "not heard of since, so taken for lost",
    "relapsed": "damaged again after mending",
    "strained": "complained, not answered yet",
    "acknowledged": "answered, not yet apologised to",
    "apologised": "apologised to, not yet made good",
    "remedied": "made good, not yet resolved",
    "verifying": "we say resolved, they not yet",
    "withdrawn": "took the complaint back",
    "restored": "they say so, or bought again",
    "won_back": "bought again after a long silence",
}
_STEPS = {
    "acknowledged": "First answer",
    "apologised": "Apology",
    "proposed": "Remedy offered",
    "carried_out": "Remedy given",
    "resolved": "Resolved",
    "followed_up": "Customer asked",
    "restored": "Relation restored",
}
_FUNNEL = {
    "filed": "Complained",
    "acknowledged": "Answered",
    "apologised": "Apologised to",
    "carried_out": "Made good",
    "resolved": "Resolved",
    "restored": "Relation restored",
}
_CLOCKS = {"acknowledge": "answer", "resolve": "resolve", "follow_up": "ask the customer"}


class RepairPage(msgspec.Struct, frozen=True):
    """All that the page shows."""

    summary: RepairSummary
    funnel: list[FunnelStep]
    steps: list[StepTime]
    overdue: list[DueStep]
    due: list[DueStep]
    relations: list[RelationStanding]


def read(engine: Relations, question: Question) -> RepairPage:
    """Relations, times to each step, and what is due, as of the moment asked for."""
    view, as_of = engine.views.repair, question.as_of
    return RepairPage(
        summary=view.summary(as_of=as_of),
        funnel=view.funnel(as_of=as_of),
        steps=view.steps(as_of=as_of, since=question.since, until=question.until),
        overdue=view.overdue(as_of=as_of),
        due=view.due(within=timedelta(days=question.days), as_of=as_of),
        relations=view.relations(as_of=as_of, limit=question.limit),
    )


def show(page: RepairPage, question: Question) -> RenderableType:
    """The page."""
    summary = page.summary
    parts: list[RenderableType] = [headline("Repair", f"whether damaged relations mend, as of {question.day}")]
    if not summary.complaints:
        return Group(*parts, section(words("Nobody has complained.")))
    parts.append(section(_states(summary), *_states_explained(summary)))
    parts.append(section(_funnel(page.funnel), *_FUNNEL_EXPLAINED))
    parts.append(section(_times(page.steps), *_TIMES_EXPLAINED))
    parts.append(section(_overdue(page, question)))
    return Group(*parts)


def _states(summary: RepairSummary) -> Table:
    made = table("Relation", "Customers", "Share", "", "", right=(1, 2), grow=4, spare=(3,))
    for state in STATES:
        count = summary.states.get(state, 0)
        if state == "healthy":
            made.add_row(state, number(count), "", "", words(_MEANING[state]))
            continue
        share = count / summary.damaged if summary.damaged else None
        made.add_row(state, number(count), percent(share), bar(share, 12), words(_MEANING[state]))
    return made


def _states_explained(summary: RepairSummary) -> list[RenderableType]:
    spent = ", ".join(f"{total.decimal:,.0f} {total.currency}" for total in summary.cost) or "nothing"
    each = ", ".join(f"{total.decimal:,.0f} {total.currency}" for total in summary.cost_per_restored or ())
    shares = f"{percent(summary.restored_share)} restored, {percent(summary.relapsed_share)} relapsed at some time"
    lines = [f"{number(summary.complaints)} complaints of {number(summary.damaged)} customers: {shares}."]
    lines.append(
        f"Remedies cost {spent} and {number(summary.points)} points"
        + (f": {each} a relation restored." if each else ".")
    )
    deviations = sum(summary.deviations.values())
    if deviations:
        kinds = ", ".join(f"{number(count)} {kind.replace('_', ' ')}" for kind, count in summary.deviations.items())
        lines.append(f"{number(deviations)} failures came upon a failure, which weigh double ({kinds}).")
    return [words(line) for line in lines]


def _funnel(steps: list[FunnelStep]) -> Table:
    made = table(
        "Step", "So far", "Share", "", "Taken", "Of those before", right=(1, 2, 4, 5), title="How far complaints get",
        spare=(5, 3),
    )  # fmt: skip
    for step in steps:
        made.add_row(
            _FUNNEL[step.step], number(step.reached), percent(step.share), bar(step.share, 12), number(step.taken),
            percent(step.onward),
        )  # fmt: skip
    return made


_FUNNEL_EXPLAINED: tuple[RenderableType, ...] = (
    words(
        "So far: came to this step or to a later one. Taken: with how many of these the step was really taken; with the"
        " others it was left out."
    ),
)


def _times(steps: list[StepTime]) -> Table:
    made = table(
        "Step", "Times", "Half within", "9 of 10 within", "In time", "", right=(1, 2, 3, 4), title="How fast we are",
        spare=(5, 1),
    )  # fmt: skip
    for step in steps:
        made.add_row(
            _STEPS[step.step],
            number(step.reached),
            duration(step.median),
            duration(step.p90),
            "" if step.met is None else percent(step.on_time),
            "" if step.met is None else bar(step.on_time, 10),
        )
    return made


_TIMES_EXPLAINED: tuple[RenderableType, ...] = (
    words(
        "From the complaint, or its reopening, to each step that was taken. In time: within the deadline promised"
        " for its severity; for the other steps nothing is promised."
    ),
)


def _overdue(page: RepairPage, question: Question) -> RenderableType:
    title = f"Overdue: {number(len(page.overdue))}; due within {question.days} days: {number(len(page.due))}"
    if not page.overdue and not page.due:
        return Text("Nothing is overdue, and nothing falls due soon.", style="bold")
    made = table(
        "To do", "Customer", "Complaint", "About", "Due", "Late by", right=(5,), title=title, grow=3, spare=(2, 5)
    )
    listed = page.overdue[: question.limit] or page.due[: question.limit]
    for item in listed:
        made.add_row(
            _CLOCKS[item.clock],
            item.customer,
            item.complaint,
            item.subject,
            local_minute(item.due_at, question.zone)[:10],
            duration(item.late_by),
        )
    return made


def duration(time: timedelta | None) -> str:
    """A stretch of time in the unit that suits it."""
    if time is None:
        return ABSENT
    hours = time.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    if hours < 48:
        return f"{hours:.1f} h"
    days = hours / 24
    return f"{days:.1f} days" if days < 100 else f"{days:,.0f} days"
