"""The first section: the indicators against last month and target, and the goals with their improvements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from relations.messages import minor_digits, to_micros
from relations.months import first_day, last_day, month_of, months_after, months_between
from relations.policies.indicators import Unit
from relations.projections.board.view import BoardFigure, GoalImprovementProfile, GoalProfile, IndicatorMonth
from relations.report.html.asked import Asked
from relations.report.html.figures import (
    Dot,
    Figure,
    Plot,
    Scale,
    Section,
    Tile,
    Tiles,
    middle,
    points,
    ticks_at,
)
from relations.report.html.wording import Wording

__all__ = ["section"]

_MONTHS = 12
_GOALS = 2
_CURVES = ("nps", "satisfaction", "retention", "revenue")
"""The indicators with a curve even without a goal."""

_SECTIONS = {
    "nps": "satisfaction",
    "satisfaction": "satisfaction",
    "effort": "satisfaction",
    "complaint_satisfaction": "satisfaction",
    "response_rate": "satisfaction",
    "retention": "retention",
    "churn": "retention",
    "repeat_rate": "retention",
    "revenue": "value",
    "average_order_value": "value",
    "lifetime_value": "value",
    "acquisition_cost": "value",
    "campaign_roi": "campaigns",
    "win_rate": "pipeline",
    "weighted_pipeline": "pipeline",
    "contracts_to_renew": "pipeline",
    "trainings_on_time": "team",
    "reopened_cases": "team",
    "care_kept": "care",
    "complaint_rate": "repair",
    "complaints": "repair",
    "first_response_on_time": "repair",
    "resolution_on_time": "repair",
    "open_cases": "desk",
    "overdue_cases": "desk",
    "overdue_follow_ups": "due",
    "restored_relations": "repair",
    "liability": "loyalty",
}
"""The section of the page that has the details of each indicator."""
_SCOPES = {"severity": "severity", "channel": "channel", "segment": "group"}
"""The words for the parts of the business that have names of the library's own."""


def section(asked: Asked) -> Section:
    """Return the figures of the last month that is over at the moment."""
    say = asked.say
    board = asked.engine.views.board
    found = board.figures(as_of=asked.at)
    if not found:
        empty = asked.empty("board", say("board.indicators"), "no_indicators")
        return Section("board", say("board.title"), "", [empty])
    month = found[0].month.month
    series = {
        (each.indicator, *each.scope.items()): board.series(
            each.indicator, since=months_after(month, 1 - _MONTHS), until=months_after(month), scope=each.scope,
            as_of=asked.at,
        )
        for each in found
        if each.signal is not None or each.goal is not None or each.indicator in _CURVES
    }  # fmt: skip
    tiles = [_tile(each, series.get((each.indicator, *each.scope.items()), ()), say) for each in found]
    figures = [Figure("board", say("board.indicators"), Tiles(tiles), is_wide=True)]
    figures += [_goal(asked, goal) for goal in _chosen(board.goals(as_of=asked.at))]
    return Section("board", say("board.title"), say("board.note", month=say.month(month)), figures)


def _chosen(goals: Sequence[GoalProfile]) -> list[GoalProfile]:
    """Return the latest goals with a review or an improvement, the ones with a measured improvement first."""
    chosen = [goal for goal in goals if goal.improvements or goal.reviews]
    chosen.sort(key=lambda goal: goal.ends, reverse=True)
    chosen.sort(key=lambda goal: all(each.effect is None for each in goal.improvements))
    return chosen[:_GOALS]


def written(say: Wording, value: float, unit: Unit, currency: str | None) -> str:
    """Return an indicator's value in words."""
    match unit:
        case "share" | "ratio":
            return say.percent(value, 1)
        case "score":
            return say.number(value, 1)
        case "mean":
            return say.number(value, 2)
        case "money":
            return say.money(value * 10 ** minor_digits(currency or "EUR"), currency or "EUR")
    return say.number(value)


def _named(say: Wording, indicator: str, scope: Mapping[str, str]) -> str:
    """Return the name of an indicator, and the part of the business that it is about."""
    parts = (say.name(_SCOPES[name], part) if name in _SCOPES else part for name, part in scope.items())
    return " · ".join((say.name("indicator", indicator), *parts))


def _tile(figure: BoardFigure, series: Sequence[IndicatorMonth], say: Wording) -> Tile:
    month = figure.month
    label = _named(say, figure.indicator, figure.scope)
    said = say("board.too_few" if month.suppressed else "board.absent")
    if month.value is not None:
        said = written(say, month.value, figure.unit, figure.currency)
    lines = []
    if figure.signal is not None:
        lines.append(say("board.high" if figure.signal == "above" else "board.low"))
    previous = say.month(figure.previous.month)
    if figure.change is not None:
        change = written(say, figure.change, figure.unit, figure.currency)
        if figure.unit == "share":
            change = say("board.percent_points", n=say.number(100 * figure.change, 1))
        lines.append(say("board.change", change=("+" if figure.change > 0 else "") + change, month=previous))
    elif month.value is not None:
        lines.append(say("board.no_previous", month=previous))
    if figure.target is not None:
        target = say("board.target", target=written(say, figure.target, figure.unit, figure.currency))
        lines.append(target if figure.owner is None else f"{target} · {say('board.owner', owner=figure.owner)}")
    light = "" if figure.light is None else say.name("light", figure.light)
    return Tile(
        label,
        _SECTIONS[figure.indicator],
        said,
        month.value,
        lines,
        figure.light or "",
        light,
        _curve(series),
        is_odd=figure.signal is not None,
    )


def _curve(series: Sequence[IndicatorMonth]) -> str:
    known = [(index, each.value) for index, each in enumerate(series) if each.value is not None]
    if len(known) < 3:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    reach = (high - low) or 1.0
    return points([(100 * index / (len(series) - 1), 5 + 90 * (value - low) / reach) for index, value in known])


def _goal(asked: Asked, goal: GoalProfile) -> Figure:
    """Return a goal as a curve with its target, the month of its improvement, its review and the effect."""
    say = asked.say
    currency = asked.engine.policy.currency
    name = _named(say, goal.indicator, goal.scope)
    title = say("board.goal", name=name, goal=goal.goal)
    start, end = month_of(goal.starts.toordinal()), month_of((goal.ends - timedelta(days=1)).toordinal())
    over = months_after(asked.local.month(to_micros(asked.at)), -1)
    first, last = months_after(start, -3), min(months_after(end, 3), over)
    months = months_between(first, last)
    series = asked.engine.views.board.series(
        goal.indicator, since=first, until=months_after(last), scope=goal.scope, as_of=asked.at
    )
    known = [(index, each, each.value) for index, each in enumerate(series) if each.value is not None]
    said = [sentence for each in goal.improvements for sentence in _improvement(say, each, goal, currency)]
    said += [
        sentence
        for review in goal.reviews[:1]
        for sentence in (
            say("board.review", day=say.day(review.at.date()), finding=review.finding),
            *([say("board.decision", decision=review.decision)] if review.decision else []),
        )
    ]
    if len(known) < 2:
        return Figure(f"goal-{goal.goal}", title, said=said or [say("board.absent")], is_empty=not said)
    scale = Scale([*(value for _, _, value in known), goal.target])
    at = {index: middle(index, len(months)) for index, _, _ in known}
    target = scale.place(goal.target)
    span = [index for index, month in enumerate(months) if start <= month <= end]
    lines = [
        ("target", points([(100 * span[0] / len(months), target), (100 * (span[-1] + 1) / len(months), target)])),
        ("blue", points([(at[index], scale.place(value)) for index, _, value in known])),
    ]
    legend = [("blue", name), ("target", say("board.target_line"))]
    changes = 0
    for each in goal.improvements:
        if each.completed_at is None:
            continue
        month = asked.local.month(to_micros(each.completed_at))
        if month in months:
            day = asked.local.day(to_micros(each.completed_at)) - first_day(month)
            length = last_day(month) - first_day(month) + 1
            x = 100 * (months.index(month) + day / length) / len(months)
            lines.append(("change", points([(x, 0), (x, 100)])))
            changes += 1
    if changes:
        legend.append(("change", say("board.change_line")))
    dots = [
        Dot(
            at[index], scale.place(value), value,
            say("part", month=say.month(each.month), name=name, value=written(say, value, goal.unit, currency)),
        )
        for index, each, value in known
    ]  # fmt: skip
    plot = Plot(
        x_ticks=ticks_at([say.month(month) for month in months]),
        y_ticks=[(scale.place(tick), written(say, tick, goal.unit, currency)) for tick in scale.ticks],
        lines=lines,
        dots=dots,
        legend=legend,
    )
    table = asked.table(
        "month", "value",
        rows=[[say.month(each.month), written(say, value, goal.unit, currency)] for _, each, value in known],
    )  # fmt: skip
    return Figure(f"goal-{goal.goal}", title, plot, said, table)


def _improvement(say: Wording, found: GoalImprovementProfile, goal: GoalProfile, currency: str) -> list[str]:
    before, after = found.before, found.after
    if before is not None and after is not None and before.value is not None and after.value is not None:
        said = [
            say(
                "board.effect",
                what=found.what,
                before=written(say, before.value, goal.unit, currency),
                after=written(say, after.value, goal.unit, currency),
            )
        ]
        if found.proved is not None:
            said.append(say("board.proved" if found.proved else "board.unproved"))
        return said
    if found.completed_at is not None:
        return [say("board.in_effect", what=found.what, day=say.day(found.completed_at.date()))]
    return [say("board.overdue" if found.overdue else "board.planned", what=found.what)]
