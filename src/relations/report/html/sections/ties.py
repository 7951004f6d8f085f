"""The section of ties: the ladder of relationships, and customers that a new owner has to take over."""

from __future__ import annotations

from relations.messages import to_micros
from relations.report.html.asked import Asked
from relations.report.html.figures import Figure, Section

__all__ = ["section"]

_LISTED = 10


def section(asked: Asked) -> Section:
    """Return the ladder at the end of the last month that counts, and the open handovers."""
    say = asked.say
    return Section("ties", say("ties.title"), say("ties.note"), [_ladder(asked), _handovers(asked)])


def _ladder(asked: Asked) -> Figure:
    say, view = asked.say, asked.engine.views.ties
    title = say("ties.ladder")
    found = view.ladder(month=asked.through_month, as_of=asked.at)
    if not any(rung.customers for rung in found):
        return asked.empty("ladder", title, "no_ladder")
    rows = [(say.name("rung", rung.rung), rung.customers) for rung in reversed(found) if rung.customers]
    stated = sum(rung.stated for rung in found)
    said = [say("ties.stated", customers=say.count("customers", stated))] if stated else []
    people = asked.people(
        "rung",
        rows,
        lambda limit: [
            [each.customer for each in view.on_rung(rung.rung, month=asked.through_month, as_of=asked.at, limit=limit)]
            for rung in reversed(found)
            if rung.customers
        ],
    )
    return Figure("ladder", title, asked.bars(rows), said, people=people)


def _handovers(asked: Asked) -> Figure:
    say = asked.say
    title = say("ties.handovers")
    if asked.is_past:
        return asked.empty("handovers", title, "present_only")
    found = asked.engine.views.ties.handovers()
    if not found:
        return asked.empty("handovers", title, "no_handovers")
    rows = [
        [
            each.customer,
            f"{each.previous} \u2192 {each.owner}",
            say.short_day(asked.local.moment(to_micros(each.since)).date()),
            say(
                "ties.kept",
                cases=say.count("open_cases", len(each.open_cases)),
                promises=say.count("promises", len(each.promises)),
                steps=say.count("steps", len(each.plan_steps)),
                taboos=say.count("taboos", len(each.taboos)),
                preferences=say.count("preferences", len(each.preferences)),
            ),
        ]
        for each in found[:_LISTED]
    ]
    listing = asked.table("customer", "owner", "since", "what", rows=rows, numbers=4)
    return Figure("handovers", title, listing=listing)
