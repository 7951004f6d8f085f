"""The section of the team: cases by owner, the trainings that are needed, and loyalty by tenure."""

from __future__ import annotations

from relations.projections.team import TeamFigure, TenureFigure
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section

__all__ = ["section"]

_LISTED = 10
_ABSENT = "\u2013"


def section(asked: Asked) -> Section:
    """Return the figures of the team. Owners and roles are known for the present only."""
    say = asked.say
    if asked.is_past:
        names = ("figures", "training", "tenure")
        figures = [asked.empty(_NAMES[name], say(f"team.{name}"), "present_only") for name in names]
    else:
        figures = [_figures(asked), _training(asked), _tenure(asked)]
    return Section("team", say("team.title"), say("team.note"), figures)


_NAMES = {"figures": "owners", "training": "training", "tenure": "tenure"}


def _figures(asked: Asked) -> Figure:
    """Return the cases of those who have most, with their promises and scores."""
    say, title = asked.say, asked.say("team.figures")
    found = [each for each in asked.engine.views.team.figures(as_of=asked.at) if each.resolved or each.open]
    if not found:
        return asked.empty("owners", title, "no_work")
    shown = sorted(found, key=lambda each: -each.resolved - each.open)[:_LISTED]
    most = max(each.resolved + each.open for each in shown)
    bars = [
        Bar(
            _name(asked, each),
            f"{say.number(each.resolved)} · {say.number(each.open)}",
            [
                BarPiece("blue", each.resolved / most, each.resolved),
                BarPiece("orange", each.open / most, each.open),
            ],
        )
        for each in shown
    ]
    rows = [
        [
            _name(asked, each),
            say.number(each.cases),
            say.percent(each.on_time),
            say.percent(each.reopened_share),
            _score(asked, each),
        ]
        for each in shown
    ]
    listing = asked.table("owner", "cases", "on_time", "reopened", "score", rows=rows)
    legend = [("blue", say("team.resolved")), ("orange", say("team.open"))]
    return Figure("owners", title, Bars(bars, legend), table=listing)


def _name(asked: Asked, figure: TeamFigure) -> str:
    return asked.say("team.nobody") if figure.name is None else figure.name


def _score(asked: Asked, figure: TeamFigure) -> str:
    if figure.suppressed:
        return asked.say("team.few")
    return _ABSENT if figure.satisfaction is None else asked.say.number(figure.satisfaction, 2)


def _training(asked: Asked) -> Figure:
    """List the causes and themes without a training that helped, the most frequent first."""
    say, title = asked.say, asked.say("team.training")
    found = asked.engine.views.team.needs(as_of=asked.at)
    if not found:
        return asked.empty("training", title, "no_needs")
    rows = [
        [
            each.about,
            say.number(each.cases),
            say.number(each.low),
            say("team.trained", trained=say.number(each.trained), staff=say.number(each.staff)),
            say.number(each.planned),
            say.number(each.since),
        ]
        for each in found[:_LISTED]
    ]
    columns = ("about", "complaints", "low_answers", "trained", "planned", "since_last")
    return Figure("training", title, listing=asked.table(*columns, rows=rows))


def _tenure(asked: Asked) -> Figure:
    """Return the share of loyal customers by the tenure of those who look after them."""
    say, title = asked.say, asked.say("team.tenure")
    found = [each for each in asked.engine.views.team.tenure(as_of=asked.at) if each.share is not None]
    if not found:
        return asked.empty("tenure", title, "no_tenure")
    bars = [
        Bar(_group(asked, each), say.percent(each.share), [BarPiece("blue", each.share or 0.0, each.share or 0.0)])
        for each in found
    ]
    rows = [
        [_group(asked, each), say.number(each.staff), say.number(each.buyers), say.number(each.loyal)] for each in found
    ]
    view = asked.engine.views.team
    people = asked.people(
        "tenure",
        [(_group(asked, each), each.loyal) for each in found],
        lambda limit: [
            [one.customer for one in view.served(from_months=each.from_months, loyal=True, as_of=asked.at, limit=limit)]
            for each in found
        ],
    )
    table = asked.table("tenure", "staff", "customers", "loyal", rows=rows)
    return Figure("tenure", title, Bars(bars), table=table, people=people)


def _group(asked: Asked, group: TenureFigure) -> str:
    say, first, last = asked.say, group.from_months // 12, group.until_months
    if last is None:
        return say("team.over", years=say.number(first))
    if not first:
        return say("team.under", years=say.number(last // 12))
    return say("team.between", years=say.number(first), until=say.number(last // 12))
