"""How satisfied customers say they are, for people."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.analytics.drivers import DriverReport
from relations.analytics.intervals import Interval
from relations.cli.pages.question import Question
from relations.cli.show import ABSENT, bar, headline, number, percent, section, span, table, words
from relations.engine import Relations
from relations.errors import InvalidInput, RelationsError
from relations.projections.satisfaction import CsatFigure, GapFigure, NpsFigure, SatisfactionReport, ScaleFigure

__all__ = ["SatisfactionPage", "as_dict", "read", "show"]

_NPS_SCALE = (-100.0, 100.0)
_CSAT_SCALE = (0.0, 1.0)
_FEW = "too few to tell"


class SatisfactionPage(msgspec.Struct, frozen=True):
    """All that the page shows.

    Attributes:
        report: The figures.
        drivers: What goes with recommending; None where that cannot be told, and `no_drivers` says why.
    """

    report: SatisfactionReport
    drivers: DriverReport | None
    no_drivers: RelationsError | None


def read(engine: Relations, question: Question) -> SatisfactionPage | dict[str, Any]:
    """The report; or the figures grouped as asked."""
    view, until = engine.views.satisfaction, question.month_after
    if not question.by:
        drivers, no_drivers = None, None
        try:
            drivers = view.drivers("nps", as_of=question.as_of if question.asked else None)
        except InvalidInput as error:
            no_drivers = error
        return SatisfactionPage(view.report(since=question.since, until=until), drivers, no_drivers)
    segments = None
    if "segment" in question.by:
        # Segments of value, as the retention view grades them at that moment.
        graded = engine.views.retention.rfm(as_of=question.as_of)
        segments = {score.customer: score.segment for score in graded.customers}
    return {
        "nps": view.nps(by=question.by, since=question.since, until=until, segments=segments),
        "csat": view.csat(by=question.by, since=question.since, until=until, segments=segments),
    }


def as_dict(page: SatisfactionPage | dict[str, Any]) -> dict[str, Any]:
    """The page for programs."""
    if isinstance(page, dict):
        return page
    return {**dict(page.report), "drivers": page.drivers, "no_drivers": page.no_drivers}


def show(page: SatisfactionPage | dict[str, Any], question: Question) -> RenderableType:
    """The page."""
    if isinstance(page, dict):
        return Group(
            headline("Satisfaction", f"by {' and '.join(question.by)}"),
            section(_nps_table("Would they recommend us? (NPS)", page["nps"])),
            section(_csat_table("Are they satisfied? (CSAT)", page["csat"])),
        )
    found = page.report
    months = found.nps_by_month[-question.limit :]
    return Group(
        headline("Satisfaction", "what customers answered when asked"),
        section(_overall(found), *_explained(found)),
        section(_nps_table(_latest("Would they recommend us, month by month (NPS)", months, found), months)),
        *_signals(found),
        section(_csat_table("Are they satisfied, by place (CSAT)", found.csat_by_touchpoint)),
        *([section(*_drivers(page))] if found.nps.n else []),
        *([section(_scale_table(found.scales))] if found.scales else []),
        *([section(_gap_table(found.gaps))] if found.gaps else []),
    )


def _drivers(page: SatisfactionPage) -> list[RenderableType]:
    """Each driver's share of what all of them explain; the shares sum to 100 per cent."""
    title = "What goes with recommending"
    found = page.drivers
    if found is None:
        assert page.no_drivers is not None  # noqa: S101 - one of the two is there
        remedy = f" {page.no_drivers.remedy}." if page.no_drivers.remedy else ""
        return [Text(title, style="bold"), words(f"Not known: {page.no_drivers.reason}.{remedy}")]
    made = table("Asked with it", "Share", "", "Correlation", right=(1, 3), title=title, spare=(3,))
    for driver in found.drivers:
        share = driver.share / found.r_squared if found.r_squared else None
        correlation = ABSENT if driver.pearson is None else f"{driver.pearson:+.2f}"
        made.add_row(driver.name, percent(share), bar(share, 20), correlation)
    lines = [
        (
            f"Share: of what all of these explain together, {percent(found.r_squared)} of the differences between"
            f" {number(found.n)} answers (R squared). That one goes with the other is all that a survey shows."
        )
    ]
    if found.collinear:
        lines.append(f"Read together, for they go with each other: {', '.join(found.collinear)}.")
    return [made, *map(words, lines)]


_SIGNALS = {
    "beyond_limits": "beyond three standard errors",
    "one_side": "nine months in a row on one side",
    "trend": "six months in a row one way",
    "two_of_three": "two of three beyond two standard errors",
    "four_of_five": "four of five beyond one standard error",
}


def _signals(found: SatisfactionReport) -> list[RenderableType]:
    """The months that chance does not explain, in words."""
    said = [
        f"{name} {point.period}: {', '.join(_SIGNALS[signal] for signal in point.signals)}"
        for name, chart in (("NPS", found.nps_trend), ("CSAT", found.csat_trend))
        for point in (chart.signals if chart else ())
    ]
    if not said:
        return [section(words("No month's NPS or CSAT differs from the others by more than chance explains."))]
    return [section(words("More than chance explains: " + "; ".join(said) + "."))]


def _scale_table(figures: list[ScaleFigure]) -> Table:
    made = table("Asked with", "Answers", "Mean", "Scale", "Between", right=(1, 2), title="On other scales")
    for figure in figures:
        scale = f"{figure.lowest} to {figure.highest}" + ("" if figure.higher_is_better else ", low is good")
        made.add_row(figure.instrument, number(figure.n), *_mean_cells(figure, figure.mean, scale))
    return made


def _gap_table(figures: list[GapFigure]) -> Table:
    title = "What they found, less what they expected"
    made = table(
        "Asked with", "Dimension", "Answers", "Found", "Gap", "Between", right=(2, 3, 4), title=title, spare=(3,)
    )
    for figure in figures:
        found = ABSENT if figure.mean is None else f"{figure.mean:.2f}"
        gap = (_FEW if figure.suppressed else ABSENT) if figure.gap is None else f"{figure.gap:+.2f}"
        made.add_row(
            figure.instrument, figure.dimension or "all", number(figure.n), found, gap, _between(figure.interval)
        )
    return made


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
            "Answers is n: how many people answered. NPS: the share who give 9 or 10 of 10, less the share who"
            " give 0 to 6; it goes from -100 to 100. CSAT: the share who are satisfied."
        ),
        words(
            f"Between: chance alone may move a figure that rests on few answers; {level} of 100 such ranges hold the"
            f" true one. Groups with fewer than {found.minimum_answers} answers are not shown: they say nothing yet."
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


def _names(figure: NpsFigure | CsatFigure) -> list[str]:
    return [value or "(unknown)" for value in figure.group.values()]


def _headings(figures: list[NpsFigure] | list[CsatFigure]) -> list[str]:
    return [dimension.capitalize().replace("_", " ") for dimension in figures[0].group] if figures else [""]


def _nps_table(title: str, figures: list[NpsFigure]) -> Table:
    headings = _headings(figures)
    right = (len(headings), len(headings) + 1)
    last = len(headings) + 3
    made = table(
        *headings, "Answers", "NPS", "Between", "-100        0       +100", right=right, title=title, spare=(last,)
    )
    for figure in figures:
        made.add_row(*_names(figure), *_nps_cells(figure, 24))
    return made


def _csat_table(title: str, figures: list[CsatFigure]) -> Table:
    headings = _headings(figures)
    right = (len(headings), len(headings) + 1)
    last = len(headings) + 3
    made = table(
        *headings, "Answers", "CSAT", "Between", "0%      50%     100%", right=right, title=title, spare=(last,)
    )
    for figure in figures:
        made.add_row(*_names(figure), *_csat_cells(figure, 20))
    return made
