"""The terminal page of satisfaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.analytics.intervals import Interval
from relations.cli.pages.report.question import Question
from relations.cli.show import (
    ABSENT,
    bar,
    counted,
    headline,
    local_minute,
    number,
    percent,
    section,
    span,
    table,
    words,
)
from relations.errors import InvalidInput
from relations.past.questions import Questions
from relations.projections.satisfaction import (
    CsatFigure,
    GapFigure,
    NpsFigure,
    OpenLoops,
    ResponseRate,
    SatisfactionReport,
    ScaleFigure,
    ThemeFigure,
    Trend,
)
from relations.projections.satisfaction.respondents import SegmentsOf

__all__ = ["read", "show"]

_NPS_SCALE = (-100.0, 100.0)
_CSAT_SCALE = (0.0, 1.0)
_FEW = "too few answers"
_Grouped: TypeAlias = NpsFigure | CsatFigure | ScaleFigure | GapFigure | ResponseRate | ThemeFigure


class SatisfactionPage(SatisfactionReport):
    """Everything that the page shows.

    Attributes:
        nps_trends: The trend of NPS at every touchpoint.
        no_drivers: The reason for which the drivers of NPS are not known, if they are not.
    """

    nps_trends: list[Trend]
    no_drivers: str | None = None


def read(engine: Questions, question: Question) -> SatisfactionPage | dict[str, Any]:
    """Read the report, or the figures in groups."""
    view, surveys = engine.views.satisfaction, engine.policy.surveys
    within: dict[str, Any] = {"since": question.since, "until": question.month_after}
    as_of = question.as_of if question.asked else None
    if not question.by:
        found = view.report(**within, as_of=as_of)
        trends = view.trends(by=("touchpoint",), **within)
        why = None if found.drivers else _why_no_drivers(engine, question)
        return SatisfactionPage(**dict(found), nps_trends=trends, no_drivers=why)
    grouped: dict[str, Any] = {**within, "by": question.by}
    if "segment" in question.by:
        grouped["segments"] = _segments(engine, question)
    return {
        "nps": view.nps(**grouped),
        "csat": view.csat(**grouped),
        "scales": [
            figure
            for each in surveys.instruments
            if each.scored and each.kind not in ("nps", "csat")
            for figure in view.scale(each.id, **grouped)
        ],
        "gaps": [figure for each in surveys.instruments if each.items for figure in view.gaps(each.id, **grouped)],
        "response": view.response_rates(**grouped),
        "themes": view.themes(**grouped),
    }


def _why_no_drivers(engine: Questions, question: Question) -> str | None:
    try:
        engine.views.satisfaction.drivers("nps", as_of=question.as_of)
    except InvalidInput as error:
        return f"{error.reason}. {error.hint}." if error.hint else f"{error.reason}."
    return None


def _segments(engine: Questions, question: Question) -> SegmentsOf:
    """Return the segments of each customer at the moment asked about."""
    retention = engine.views.retention
    if question.segments == "policy":
        return retention.members(as_of=question.as_of)
    scores = retention.rfm(as_of=question.as_of, currency=question.currency).customers
    return {score.customer: score.segment for score in scores}


def show(found: SatisfactionPage | dict[str, Any], question: Question) -> RenderableType:
    """Lay out the page."""
    if isinstance(found, dict):
        return Group(
            headline("Satisfaction", f"by {' and '.join(question.by)}"),
            *_scores(found["nps"], "Would customers recommend us? (NPS)"),
            *_shares(found["csat"], "Are customers satisfied? (CSAT)"),
            *_other_tables(found["scales"], found["gaps"], found["response"], found["themes"]),
            *_not_over([figure for figures in found.values() for figure in figures]),
        )
    months = found.nps_by_month[-question.limit :]
    parts: list[RenderableType] = [headline("Satisfaction", "what customers answered")]
    if found.nps.n or found.csat.n or found.complaint_csat.n:
        parts += [
            section(_overall(found), *_explained(found)),
            *_scores(months, _latest("Would customers recommend us, by month (NPS)", months, found)),
            *_not_over(months),
            *_signals(found),
            *_shares(found.csat_by_touchpoint, "Are customers satisfied, by touchpoint (CSAT)"),
        ]
    parts += _other_tables(found.scales, found.gaps, [found.response, *found.response_by_instrument], found.themes)
    if found.loops.low:
        parts.append(section(_loops_table(found.loops, question)))
    parts += _drivers(found)
    return Group(*parts) if parts[1:] else Group(*parts, section(words("Nobody has answered anything yet.")))


def _scores(figures: list[NpsFigure], title: str) -> list[RenderableType]:
    return [section(_nps_table(title, figures))] if figures else []


def _shares(figures: list[CsatFigure], title: str) -> list[RenderableType]:
    return [section(_csat_table(title, figures))] if figures else []


def _not_over(figures: Sequence[_Grouped]) -> list[RenderableType]:
    return [] if all(figure.complete for figure in figures) else [section(words("* This month is not over yet."))]


def _other_tables(
    scales: list[ScaleFigure], gaps: list[GapFigure], response: list[ResponseRate], themes: list[ThemeFigure]
) -> list[RenderableType]:
    """Lay out the tables that have any rows."""
    tables = (
        _scale_table(scales) if scales else None,
        _gap_table(gaps) if gaps else None,
        _response_table(response) if any(figure.sent for figure in response) else None,
        _theme_table(themes) if themes else None,
    )
    return [section(made) for made in tables if made is not None]


_SIGNALS = {
    "beyond_limits": "beyond three standard errors",
    "one_side": "nine months in a row on one side",
    "trend": "six months in a row one way",
    "two_of_three": "two of three beyond two standard errors",
    "four_of_five": "four of five beyond one standard error",
}


def _signals(found: SatisfactionPage) -> list[RenderableType]:
    """Name the months that differ by more than chance explains."""
    said = [
        f"{name} {point.period}: {', '.join(_SIGNALS[signal] for signal in point.signals)}"
        for name, chart in (
            ("NPS", found.nps_trend),
            ("CSAT", found.csat_trend),
            *((f"NPS at {trend.group['touchpoint'] or '(unknown)'}", trend.chart) for trend in found.nps_trends),
        )
        for point in (chart.signals if chart else ())
    ]
    if not said:
        return [section(words("No month differs by more than chance explains: NPS, CSAT, and NPS by touchpoint."))]
    return [section(words("More than chance explains: " + "; ".join(said) + "."))]


def _scale_table(figures: list[ScaleFigure]) -> Table:
    headings = _headings(figures)
    right = (len(headings) + 1, len(headings) + 2)
    made = table(
        "Asked with",
        *headings,
        "Answers",
        "Mean",
        "Scale",
        "Between",
        right=right,
        title="Other scales",
        spare=_last(2, headings),
    )
    for figure in figures:
        scale = f"{figure.lowest} to {figure.highest}" + ("" if figure.higher_is_better else ", low is good")
        made.add_row(figure.instrument, *_names(figure), number(figure.n), *_mean_cells(figure, figure.mean, scale))
    return made


def _gap_table(figures: list[GapFigure]) -> Table:
    title, headings = "Service quality: perception less expectation", _headings(figures)
    right = tuple(len(headings) + place for place in (2, 3, 4))
    made = table(
        "Asked with",
        "Dimension",
        *headings,
        "People",
        "Found",
        "Gap",
        "Between",
        right=right,
        title=title,
        spare=_last(4, headings),
    )
    for figure in figures:
        found = (_FEW if figure.suppressed else ABSENT) if figure.mean is None else f"{figure.mean:.2f}"
        gap = ABSENT if figure.gap is None else f"{figure.gap:+.2f}"
        part = figure.dimension or "all"
        made.add_row(figure.instrument, part, *_names(figure), number(figure.n), found, gap, _between(figure.interval))
    return made


def _response_table(figures: list[ResponseRate]) -> Table:
    headings = _headings([figure for figure in figures if figure.group])
    right = tuple(len(headings) + place for place in (0, 1, 2))
    made = table(
        *headings,
        "Asked",
        "Answered",
        "Rate",
        "Between",
        "Days",
        right=right,
        title="Response rate",
        spare=_last(4, headings),
    )
    for figure in figures:
        names = _names(figure) or ["all"] * len(headings)
        if figure.rate is None or figure.interval is None:
            made.add_row(*names, number(figure.sent), ABSENT, ABSENT, _FEW if figure.suppressed else "", "")
            continue
        days = ABSENT if figure.days_to_answer is None else f"{figure.days_to_answer:.1f}"
        between = f"{percent(figure.interval.low)} to {percent(figure.interval.high)}"
        made.add_row(*names, number(figure.sent), number(figure.answered), percent(figure.rate), between, days)
    return made


def _theme_table(figures: list[ThemeFigure]) -> Table:
    headings = _headings(figures)
    made = table(
        "About",
        *headings,
        "Answers",
        "Sentiment",
        right=(len(headings) + 1,),
        title="Themes of the comments",
        grow=len(headings) + 2,
    )
    for figure in figures:
        said = "; ".join(
            f"{_FEW if each.mean is None else f'{each.mean:+.2f}'} ({each.scorer}, n {each.n})"
            for each in figure.sentiments
        )
        made.add_row(figure.theme or "(not coded)", *_names(figure), number(figure.n), said or ABSENT)
    return made


def _loops_table(loops: OpenLoops, question: Question) -> Table:
    closed = percent(loops.share_closed)
    title = f"Low answers: {number(loops.low)}; replied to {closed}, without a reply {number(len(loops.open))}"
    made = table("Customer", "Asked with", "Score", "Place", "Due", "", right=(2,), title=title, grow=3, spare=(1,))
    for loop in loops.open[: question.limit]:
        score = ABSENT if loop.score is None else str(loop.score)
        due = ABSENT if loop.due_at is None else local_minute(loop.due_at, question.zone)[:10]
        late = "overdue" if loop.overdue else ""
        made.add_row(loop.customer, loop.instrument, score, loop.touchpoint or ABSENT, due, late)
    return made


def _drivers(page: SatisfactionPage) -> list[RenderableType]:
    """Lay out each driver's share of the explained variance; the shares sum to 100 per cent."""
    title = "What goes with recommending"
    found = page.drivers
    if found is None:
        if page.no_drivers is None or not page.nps.n:
            return []
        return [section(Text(title, style="bold"), words(f"Not known: {page.no_drivers}"))]
    made = table("Asked with it", "Share", "", "Correlation", right=(1, 3), title=title, spare=(3,))
    for driver in found.drivers:
        share = driver.share / found.r_squared if found.r_squared else None
        correlation = ABSENT if driver.pearson is None else f"{driver.pearson:+.2f}"
        made.add_row(driver.name, percent(share), bar(share, 20), correlation)
    said = [
        words(
            f"Together these explain {percent(found.r_squared)} of the differences between"
            f" {counted(found.n, 'answer')} (R squared). A survey shows what goes together, not what causes what."
        )
    ]
    if found.collinear:
        said.append(
            words(f"These are correlated with each other, so read them together: {', '.join(found.collinear)}.")
        )
    return [section(made, *said)]


def _mean_cells(figure: ScaleFigure, mean: float | None, scale: str) -> tuple[str, str, str]:
    if mean is None:
        return ABSENT, scale, _FEW if figure.suppressed else "nobody answered"
    return f"{mean:.2f}", scale, _between(figure.interval)


def _between(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}"


def _latest(title: str, months: list[NpsFigure], found: SatisfactionReport) -> str:
    return title if len(months) == len(found.nps_by_month) else f"{title}: the last {len(months)}"


def _overall(found: SatisfactionReport) -> Table:
    made = table("", "Answers", "Result", "Between", "", right=(1, 2), grow=0, spare=(4,))
    nps = found.nps
    made.add_row("Would recommend us (NPS)", *_nps_cells(nps))
    made.add_row("Satisfied (CSAT)", *_csat_cells(found.csat))
    made.add_row("Complaint well handled", *_csat_cells(found.complaint_csat))
    return made


def _explained(found: SatisfactionReport) -> list[RenderableType]:
    level = f"{100 * found.confidence:g}"
    return [
        words(
            "Answers: the number of answers (n). NPS: the share who answer 9 or 10 of 10, less the share who answer 0"
            " to 6, from -100 to 100. CSAT: the share of satisfied answers."
        ),
        words(
            f"Between: a figure from few answers is uncertain; {level} of 100 such ranges contain the true one. Groups"
            f" of fewer than {found.minimum_answers} people are not shown, nor figures that would disclose them."
        ),
    ]


def _nps_cells(figure: NpsFigure, width: int = 13) -> tuple[str, str, str, str]:
    if figure.nps is None or figure.interval is None:
        return number(figure.n), ABSENT, _FEW if figure.suppressed else "nobody answered", ""
    low, high = figure.interval.low, figure.interval.high
    return (
        number(figure.n),
        f"{figure.nps:+.0f}",
        f"{low:+.0f} to {high:+.0f}",
        span(low, figure.nps, high, between=_NPS_SCALE, width=width),
    )


def _csat_cells(figure: CsatFigure, width: int = 13) -> tuple[str, str, str, str]:
    if figure.share is None or figure.interval is None:
        return number(figure.n), ABSENT, _FEW if figure.suppressed else "nobody answered", ""
    low, high = figure.interval.low, figure.interval.high
    return (
        number(figure.n),
        percent(figure.share),
        f"{percent(low)} to {percent(high)}",
        span(low, figure.share, high, between=_CSAT_SCALE, width=width),
    )


def _names(figure: _Grouped) -> list[str]:
    mark = "" if figure.complete else "*"
    return [
        (value or "(unknown)") + (mark if dimension == "month" else "") for dimension, value in figure.group.items()
    ]


def _headings(figures: Sequence[_Grouped]) -> list[str]:
    return [dimension.capitalize().replace("_", " ") for dimension in figures[0].group] if figures else []


def _last(place: int, headings: Sequence[str]) -> tuple[int]:
    """Return the place of a column after the groups' headings; it is left out if there is no room."""
    return (len(headings) + place,)


def _nps_table(title: str, figures: list[NpsFigure]) -> Table:
    made = _empty_table(title, _headings(figures), "NPS", "-100        0       +100")
    for figure in figures:
        made.add_row(*_names(figure), *_nps_cells(figure, 24))
    return made


def _csat_table(title: str, figures: list[CsatFigure]) -> Table:
    made = _empty_table(title, _headings(figures), "CSAT", "0%      50%     100%")
    for figure in figures:
        made.add_row(*_names(figure), *_csat_cells(figure, 20))
    return made


def _empty_table(title: str, headings: Sequence[str], name: str, scale: str) -> Table:
    """Return an empty table of a figure by group, with its interval and a scale that is left out without room."""
    right = (len(headings), len(headings) + 1)
    return table(*headings, "Answers", name, "Between", scale, right=right, title=title, spare=_last(3, headings))
