"""The section of the loyalty programme: open points and tiers."""

from __future__ import annotations

from relations.report.html.asked import Asked
from relations.report.html.figures import Figure, Section

__all__ = ["section"]


def section(asked: Asked) -> Section:
    """Return the figures of the policy's first programme, as of the moment."""
    say = asked.say
    note = say("loyalty.note", programme=say.name("programme", asked.engine.policy.programme.name))
    return Section("loyalty", say("loyalty.title"), note, [_liability(asked), _tiers(asked)])


def _liability(asked: Asked) -> Figure:
    say = asked.say
    title = say("loyalty.liability")
    found = asked.engine.views.loyalty.liability(as_of=asked.at)
    months = [each for each in found.months if each.points]
    if not months:
        return asked.empty("liability", title, "no_points")
    rows = [(say("loyalty.never") if each.month is None else say.month(each.month), each.points) for each in months]
    said = say("loyalty.summary", points=say.count("points", found.points), debt=say.count("points", found.debt))
    return Figure("liability", title, asked.bars(rows), [said])


def _tiers(asked: Asked) -> Figure:
    say = asked.say
    title = say("loyalty.tiers")
    found = asked.engine.views.loyalty.tiers(as_of=asked.at)
    members = sum(found.values())
    if not members:
        return asked.empty("tiers", title, "no_members")
    rows = [(say.name("tier", tier) if tier else say("loyalty.none"), count) for tier, count in found.items()]
    view = asked.engine.views.loyalty
    people = asked.people(
        "tier",
        rows,
        lambda limit: [
            [each.customer for each in view.members(tier=tier or "", as_of=asked.at, limit=limit)] for tier in found
        ],
    )
    said = [say("loyalty.members", members=say.count("members", members))]
    return Figure("tiers", title, asked.bars(rows, of=members), said, people=people)
