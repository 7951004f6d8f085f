"""The terminal page of relationship repair."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.cli.pages.report.question import Question
from relations.cli.pages.who import lists
from relations.cli.show import ABSENT, bar, counted, headline, local_minute, number, percent, section, table, words
from relations.past.questions import Questions
from relations.projections.repair.relation_state import STATES
from relations.projections.repair.view import DueStep, FunnelStep, RelationStanding, RepairSummary, RepairView, StepTime

__all__ = ["RepairPage", "duration", "read", "show"]

_MEANING = {
    "healthy": "never complained",
    "lapsed": "not heard from since, counted as lost",
    "relapsed": "damaged again after it was restored",
    "strained": "complained, no answer yet",
    "acknowledged": "answered, no apology yet",
    "apologised": "received an apology, no remedy yet",
    "remedied": "received a remedy, not resolved yet",
    "verifying": "resolved, not confirmed by the customer",
    "withdrawn": "withdrew the complaint",
    "restored": "said so, or bought again",
    "won_back": "bought again after a long silence",
}
_STEPS = {
    "acknowledged": "First answer",
    "apologised": "Apology",
    "proposed": "Remedy offered",
    "carried_out": "Remedy given",
    "resolved": "Resolved",
    "followed_up": "Followed up",
    "restored": "Relation restored",
}
_FUNNEL = {
    "filed": "Complained",
    "acknowledged": "Answered",
    "apologised": "Received an apology",
    "carried_out": "Received a remedy",
    "resolved": "Resolved",
    "restored": "Relation restored",
}
_CLOCKS = {
    "acknowledge": "first answer",
    "next_response": "next answer",
    "resolve": "resolve",
    "follow_up": "follow up",
}


class RepairPage(msgspec.Struct, frozen=True):
    """Everything that the page shows."""

    summary: RepairSummary
    funnel: list[FunnelStep]
    steps: list[StepTime]
    overdue: list[DueStep]
    due: list[DueStep]
    relations: list[RelationStanding]


def read(engine: Questions, question: Question) -> RepairPage:
    """Read relations, times to each step, and what is due, as of the moment asked about."""
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
    """Lay out the page."""
    summary = page.summary
    parts: list[RenderableType] = [headline("Repair", f"damaged relations and complaints, as of {question.day}")]
    if not summary.complaints:
        return Group(*parts, section(words("No complaints.")))
    parts.append(section(_states(summary), *_states_explained(summary)))
    parts.append(section(_funnel(page.funnel), *_FUNNEL_EXPLAINED, lists(RepairView, "funnel", "step=restored")))
    taken = [step for step in page.steps if step.reached]
    if taken:
        parts.append(section(_times(taken), *_TIMES_EXPLAINED))
    parts.append(section(_overdue(page, question)))
    return Group(*parts)


def _states(summary: RepairSummary) -> Table:
    made = table("Relation", "Customers", "Share", "", "", right=(1, 2), grow=4, spare=(3,))
    for state in STATES:
        count = summary.states.get(state, 0)
        if not count:
            continue
        if state == "healthy":
            made.add_row(state, number(count), "", "", words(_MEANING[state]))
            continue
        share = count / summary.damaged if summary.damaged else None
        made.add_row(state.replace("_", " "), number(count), percent(share), bar(share, 12), words(_MEANING[state]))
    return made


def _states_explained(summary: RepairSummary) -> list[RenderableType]:
    spent = ", ".join(f"{total.decimal:,.0f} {total.currency}" for total in summary.cost) or "nothing"
    each = ", ".join(f"{total.decimal:,.0f} {total.currency}" for total in summary.cost_per_restored or ())
    shares = f"{percent(summary.restored_share)} restored, {percent(summary.relapsed_share)} relapsed at some time"
    complaints, customers = counted(summary.complaints, "complaint"), counted(summary.damaged, "customer")
    lines = [f"{complaints} of {customers}: {shares}."]
    lines.append(
        f"Remedies cost {spent} and {counted(summary.points, 'point')}"
        + (f"; that is {each} per restored relation." if each else ".")
    )
    deviations = sum(summary.deviations.values())
    if deviations:
        kinds = ", ".join(f"{number(count)} {kind.replace('_', ' ')}" for kind, count in summary.deviations.items())
        lines.append(f"{counted(deviations, 'failure')} followed an earlier one, which counts double ({kinds}).")
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
        "So far: complaints that reached this step or a later one. Taken: complaints for which the step was really"
        " taken; for the others it was skipped."
    ),
)


def _times(steps: list[StepTime]) -> Table:
    made = table(
        "Step", "Times", "Half within", "9 of 10 within", "In time", "", right=(1, 2, 3, 4), title="Time to each step",
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
        "From the complaint, or its reopening, to each step that was taken. In time: within the deadline for its"
        " severity; the other steps have no deadline."
    ),
)


def _overdue(page: RepairPage, question: Question) -> RenderableType:
    within = counted(question.days, "day")
    if not page.overdue and not page.due:
        return Text(f"No complaint is overdue, and none falls due within {within}.", style="bold")
    title = f"Overdue: {number(len(page.overdue))}; due within {within}: {number(len(page.due))}"
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
    """Write a duration in minutes, hours or days, whichever suits it."""
    if time is None:
        return ABSENT
    hours = time.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    if hours < 48:
        return f"{hours:.1f} h"
    days = hours / 24
    return f"{days:.1f} days" if days < 100 else f"{days:,.0f} days"
