"""The terminal page of the board: indicators against last month and target, then the goals."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from relations.cli.pages.report.question import Question
from relations.cli.show import ABSENT, counted, headline, number, section, table, words
from relations.months import months_after
from relations.past.questions import Questions
from relations.policies.indicators import Unit
from relations.projections.board.view import BoardFigure, GoalImprovementProfile, GoalProfile

__all__ = ["BoardPage", "read", "show", "show_effect", "show_figures", "written"]

_NAMES = {"nps": "NPS", "campaign_roi": "Campaign return"}
_LIGHTS = {"green": ("on target", "green"), "amber": ("acceptable", "yellow"), "red": ("off target", "bold red")}


class BoardPage(msgspec.Struct, frozen=True):
    """Everything that the page shows."""

    figures: list[BoardFigure]
    goals: list[GoalProfile]


def read(engine: Questions, question: Question) -> BoardPage:
    """Ask the view."""
    view, at = engine.views.board, question.as_of if question.asked else None
    return BoardPage(view.figures(as_of=at), view.goals(as_of=at))


def name_of(indicator: str) -> str:
    """Return an indicator's name as people write it."""
    return _NAMES.get(indicator, indicator.replace("_", " ").capitalize())


def written(value: float | None, unit: Unit, *, signed: bool = False) -> str:
    """Return an indicator's value with its unit. Averages have the currency's decimals, and large sums have none."""
    if value is None:
        return ABSENT
    sign = "+" if signed and value > 0 else ""
    match unit:
        case "share" | "ratio":
            return f"{sign}{100 * value:.1f} pt" if signed else f"{100 * value:.1f} %"
        case "score":
            return f"{sign}{value:.1f}"
        case "mean":
            return f"{sign}{value:.2f}"
        case "money":
            digits = 2 if abs(value) < 1_000 else 0
            return f"{sign}{value:,.{digits}f}"
    return f"{sign}{number(value)}"


def show(page: BoardPage, question: Question) -> RenderableType:
    """Return the page."""
    if not page.figures:
        return Group(headline("Board", question.day), section(words("No indicator has a value yet.")))
    month = page.figures[0].month.month
    parts: list[RenderableType] = [
        headline("Board", f"{month}, the last full month"),
        section(*show_figures(page.figures)),
    ]
    if page.goals:
        parts.append(section(*_goals(page.goals, question.limit)))
    return Group(*parts)


def show_figures(figures: list[BoardFigure]) -> Iterator[RenderableType]:
    """Yield the indicators as a table."""
    first, has_goals = figures[0], any(figure.goal for figure in figures)
    columns = ["Indicator", first.month.month, first.previous.month, "Change"]
    columns += ["Target", "", "Owner"] if has_goals else []
    made = table(*columns, right=(1, 2, 3, 4), spare=(6,), grow=0)
    for figure in figures:
        month, previous = (
            "too few" if each.suppressed else written(each.value, figure.unit)
            for each in (figure.month, figure.previous)
        )
        name = ", ".join((name_of(figure.indicator), *figure.scope.values()))
        row: list[str | Text] = [
            name if figure.currency is None else f"{name}, {figure.currency}",
            Text(f"{month}*" if figure.signal else month, "bold"),
            previous,
            _change(figure),
        ]
        if has_goals:
            light, style = _LIGHTS.get(figure.light or "", ("", ""))
            target = "" if figure.target is None else written(figure.target, figure.unit)
            row += [target, Text(light, style), figure.owner or ""]
        made.add_row(*row)
    yield made
    if any(figure.signal for figure in figures):
        yield words("* outside the limits of chance of the twelve months before")
    if not has_goals:
        yield words("No goal is set for this month. Set one with `relations record SetGoal`.")


def _change(figure: BoardFigure) -> str | Text:
    if figure.change is None:
        return ""
    text = written(figure.change, figure.unit, signed=True)
    better = figure.change > 0 if figure.better == "higher" else figure.change < 0
    return Text(text, "" if not figure.change else "green" if better else "red")


def _goals(goals: list[GoalProfile], limit: int) -> Iterator[RenderableType]:
    chosen = [goal for goal in goals if goal.state in ("ahead", "running") or goal.improvements or goal.reviews]
    chosen.sort(key=lambda goal: (goal.state == "ended", goal.state == "over", goal.ends))
    made = table("Goal", "Target", "", "Ends", "", right=(1,), title="Goals", grow=4)
    for goal in chosen[:limit]:
        light, style = _LIGHTS.get(goal.light or "", ("", ""))
        name = ", ".join((name_of(goal.indicator), *goal.scope.values()))
        about = [_improvement(each, goal) for each in goal.improvements]
        about += [f"reviewed: {review.decision or review.finding}" for review in goal.reviews[:1]]
        state = Text(light, style) if goal.state in ("running", "over") else Text(goal.state)
        made.add_row(name, written(goal.target, goal.unit), state, f"{goal.ends:%Y-%m-%d}", "; ".join(about))
    yield made
    if len(chosen) < len(goals) or len(chosen) > limit:
        shown = min(limit, len(chosen))
        yield words(f"{number(shown)} of {counted(len(goals), 'goal')} are shown; --json has all of them.")


def _improvement(found: GoalImprovementProfile, goal: GoalProfile) -> str:
    if found.effect is not None and found.before is not None and found.after is not None:
        before, after = (written(each.value, goal.unit) for each in (found.before, found.after))
        proof = {True: ", more than chance explains", False: ", which chance may explain", None: ""}[found.proved]
        return f"{found.what}: {before} before, {after} after{proof}"
    if found.completed_at is not None:
        return f"{found.what}: in effect, not measured yet"
    return f"{found.what}: {'overdue' if found.overdue else 'planned'}"


def show_effect(goal: GoalProfile, improvement: str) -> RenderableType:
    """Return the effect of an improvement that was measured."""
    found = next(each for each in goal.improvements if each.improvement == improvement)
    made = table("", "Months", name_of(goal.indicator), "Interval", "From", right=(2, 4))
    for name, span in (("before", found.before), ("after", found.after)):
        if span is not None:
            interval = "" if span.low is None else f"{written(span.low, goal.unit)} to {written(span.high, goal.unit)}"
            months = f"{span.since} to {months_after(span.until, -1)}"
            made.add_row(name, months, written(span.value, goal.unit), interval, number(span.n))
    return Group(headline(f"Goal {goal.goal}", found.what), section(made, words(_improvement(found, goal) + ".")))
