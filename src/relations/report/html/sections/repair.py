"""The section of complaints and repair: the funnel, states of relations, times to each step, subjects."""

from __future__ import annotations

from datetime import timedelta

from relations.projections.repair.relation_state import STATES
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section

__all__ = ["section"]

_CAUSES = 10


def section(asked: Asked) -> Section:
    """Return the figures as of the moment."""
    say = asked.say
    figures = [_funnel(asked), _states(asked), _steps(asked), _causes(asked)]
    return Section("repair", say("repair.title"), say("repair.note"), figures)


def _funnel(asked: Asked) -> Figure:
    """Return how many complaints reached each step, and for how many it was really taken."""
    say = asked.say
    title = say("repair.funnel")
    found = asked.engine.views.repair.funnel(as_of=asked.at)
    filed = found[0].reached
    if not filed:
        return asked.empty("funnel", title, "no_complaints")
    rows = [
        Bar(
            say.name("step", each.step),
            f"{say.number(each.reached)} · {say.share(each.share or 0.0)}",
            [BarPiece("blue", each.taken / filed, each.taken)],
            behind=each.reached / filed,
        )
        for each in found
    ]
    legend = [("pale", say("repair.reached")), ("blue", say("repair.taken"))]
    who = asked.who("repair", "funnel", "step=restored")
    table = asked.table(
        "step", "reached", "taken", "onward",
        rows=[
            [say.name("step", each.step), say.number(each.reached), say.number(each.taken), say.percent(each.onward)]
            for each in found
        ],
    )  # fmt: skip
    return Figure("funnel", title, Bars(rows, legend), [say("repair.funnel_note")], table, who=who)


def _states(asked: Asked) -> Figure:
    say = asked.say
    title = say("repair.states")
    found = asked.engine.views.repair.summary(as_of=asked.at)
    if not found.damaged:
        return asked.empty("states", title, "no_complaints")
    rows = [
        (say.name("state", state), found.states[state])
        for state in STATES
        if state != "healthy" and found.states.get(state)
    ]
    said = say(
        "repair.summary",
        damaged=say.number(found.damaged),
        relations=say.count("relations", found.customers),
        restored=say.percent(found.restored_share),
    )
    view = asked.engine.views.repair
    shown = [state for state in STATES if state != "healthy" and found.states.get(state)]
    people = asked.people(
        "state",
        rows,
        lambda limit: [
            [each.customer for each in view.relations(as_of=asked.at, state=state, limit=limit)] for state in shown
        ],
    )
    return Figure("states", title, asked.bars(rows, of=found.damaged), [said], people=people)


def _steps(asked: Asked) -> Figure:
    """Return the median and the 90th percentile of the time to each step."""
    say = asked.say
    title = say("repair.steps")
    view = asked.engine.views.repair
    found = [each for each in view.steps(as_of=asked.at) if each.median is not None]
    if not found:
        return asked.empty("steps", title, "no_steps" if view.funnel(as_of=asked.at)[0].reached else "no_complaints")

    def days(span: timedelta | None) -> float:
        return 0.0 if span is None else span / timedelta(days=1)

    longest = max(days(each.p90) for each in found) or 1.0
    rows = [
        Bar(
            say.name("step", each.step),
            f"{say.number(days(each.median), 1)} · {say.number(days(each.p90), 1)}",
            [BarPiece("blue", days(each.median) / longest, days(each.median))],
            behind=days(each.p90) / longest,
        )
        for each in found
    ]
    legend = [("blue", say("repair.median")), ("pale", say("repair.p90"))]
    return Figure("steps", title, Bars(rows, legend))


def _causes(asked: Asked) -> Figure:
    say = asked.say
    title = say("repair.causes")
    found = asked.engine.views.repair.causes(as_of=asked.at, by="subject")
    if not found:
        return asked.empty("causes", title, "no_complaints")
    total = sum(each.complaints for each in found)
    rows = [(each.cause or say("unknown"), each.complaints) for each in found[:_CAUSES]]
    return Figure("causes", title, asked.bars(rows, of=total))
