"""The satisfaction report: all figures, decided together, and the charts of their months."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from relations.analytics.control_charts import ControlChart, NpsSample, ShareSample, nps_chart, p_chart
from relations.analytics.drivers import DriverReport
from relations.errors import InvalidInput
from relations.extras import np
from relations.json_form import ViewAnswer
from relations.policies import Surveys
from relations.projections.satisfaction.answers import COMPLAINT_CSAT
from relations.projections.satisfaction.cuts import Cuts, Dimension, Facts, GroupOf
from relations.projections.satisfaction.drivers import survey_drivers
from relations.projections.satisfaction.figures import (
    CsatFigure,
    GapFigure,
    NpsFigure,
    ScaleFigure,
    csat_figures,
    gap_figures,
    nps_figures,
    scale_figures,
)
from relations.projections.satisfaction.open_loops import OpenLoops, open_loops
from relations.projections.satisfaction.respondents import Respondents
from relations.projections.satisfaction.response_rates import ResponseRate, response_rates
from relations.projections.satisfaction.themes import ThemeFigure, theme_figures

__all__ = [
    "SatisfactionReport",
    "Trend",
    "csat_trend",
    "grouped_but_month",
    "marked",
    "nps_trend",
    "satisfaction_report",
]

F = TypeVar("F", NpsFigure, CsatFigure)
M = TypeVar("M", NpsFigure, CsatFigure, ScaleFigure, GapFigure, ResponseRate, ThemeFigure)


class Trend(ViewAnswer):
    """The months of one group with the limits of chance.

    Attributes:
        group: The group's value in each dimension of the question.
        chart: The control chart; None if no month of the group is shown.
    """

    group: dict[Dimension, str | None]
    chart: ControlChart | None


class SatisfactionReport(ViewAnswer):
    """All figures of satisfaction: the whole, then by month, touchpoint and channel.

    Attributes:
        zone: The IANA zone of the months.
        minimum_answers: Figures about fewer people than this are suppressed, and those that would disclose them.
        confidence: The confidence level of all intervals.
        nps: NPS as a whole.
        nps_by_month: NPS by month.
        nps_by_touchpoint: NPS by touchpoint.
        nps_by_channel: NPS by channel.
        nps_others: Every other instrument of the kind NPS with an answer, as a whole.
        nps_trend: The control chart of NPS; absent if no month is shown.
        csat: CSAT as a whole.
        csat_by_month: CSAT by month.
        csat_by_touchpoint: CSAT by touchpoint.
        csat_by_channel: CSAT by channel.
        csat_others: Every other instrument of the kind CSAT with an answer, as a whole.
        csat_trend: The control chart of CSAT; absent if no month is shown.
        complaint_csat: Satisfaction with the handling of complaints, as a whole.
        complaint_csat_by_month: The same by month.
        scales: Every other instrument with one score and an answer, as a whole.
        gaps: Every questionnaire with an answer: its dimensions and the whole.
        response: The response rate.
        response_by_instrument: The response rate by instrument.
        themes: The themes of what customers wrote, with their sentiment.
        loops: Low answers, with and without a reply.
        drivers: What goes with NPS; absent if too few were asked anything together with it.
    """

    zone: str
    minimum_answers: int
    confidence: float
    nps: NpsFigure
    nps_by_month: list[NpsFigure]
    nps_by_touchpoint: list[NpsFigure]
    nps_by_channel: list[NpsFigure]
    nps_others: list[NpsFigure]
    nps_trend: ControlChart | None
    csat: CsatFigure
    csat_by_month: list[CsatFigure]
    csat_by_touchpoint: list[CsatFigure]
    csat_by_channel: list[CsatFigure]
    csat_others: list[CsatFigure]
    csat_trend: ControlChart | None
    complaint_csat: CsatFigure
    complaint_csat_by_month: list[CsatFigure]
    scales: list[ScaleFigure]
    gaps: list[GapFigure]
    response: ResponseRate
    response_by_instrument: list[ResponseRate]
    themes: list[ThemeFigure]
    loops: OpenLoops
    drivers: DriverReport | None


def satisfaction_report(
    asked: Respondents, *, zone: str, surveys: Surveys, low: Facts, now: int, this_month: str
) -> SatisfactionReport:
    """Return the report over these respondents.

    Args:
        asked: The respondents.
        zone: The IANA zone of the months.
        surveys: The instruments, and the smallest number shown.
        low: The low answers among theirs.
        now: The present in UTC microseconds.
        this_month: The month that is not over yet.
    """
    minimum = surveys.minimum_answers
    scores = asked.scores()

    def of(instrument: str) -> Facts:
        is_of_it = np.array([sort.instrument == instrument for sort in scores.sorts], np.bool_)
        return scores.where(is_of_it[scores.sort])

    found = {name: of(name) for name in dict.fromkeys(sort.instrument for sort in scores.sorts)}
    cuts = {name: Cuts(facts, minimum) for name, facts in found.items() if len(facts)}
    nothing = Cuts(scores.where(np.zeros(len(scores), np.bool_)), minimum)

    def nps(*by: Dimension, instrument: str = "nps") -> list[NpsFigure]:
        return nps_figures(cuts.get(instrument, nothing), by=by, surveys=surveys, instrument=instrument)

    def csat(*by: Dimension, instrument: str = "csat") -> list[CsatFigure]:
        return csat_figures(cuts.get(instrument, nothing), by=by, surveys=surveys, instrument=instrument)

    others = [each for each in surveys.instruments if each.id not in ("nps", "csat")]
    answered = [each for each in others if each.id in cuts]
    scales = [each for each in answered if each.scored and each.kind not in ("nps", "csat")]
    gaps = [
        gap_figures(Cuts(asked.items(each), minimum), each, by=(), surveys=surveys, items=False)
        for each in others
        if each.items
    ]
    try:
        drivers = survey_drivers(asked, "nps", surveys, ())
    except InvalidInput:
        drivers = None
    nps_by_month, csat_by_month = marked(nps("month"), this_month), marked(csat("month"), this_month)
    return SatisfactionReport(
        zone=zone,
        minimum_answers=minimum,
        confidence=surveys.confidence,
        nps=nps()[0],
        nps_by_month=nps_by_month,
        nps_by_touchpoint=nps("touchpoint"),
        nps_by_channel=nps("channel"),
        nps_others=[nps(instrument=each.id)[0] for each in answered if each.kind == "nps"],
        nps_trend=nps_trend(nps_by_month),
        csat=csat()[0],
        csat_by_month=csat_by_month,
        csat_by_touchpoint=csat("touchpoint"),
        csat_by_channel=csat("channel"),
        csat_others=[csat(instrument=each.id)[0] for each in answered if each.kind == "csat"],
        csat_trend=csat_trend(csat_by_month),
        complaint_csat=csat(instrument=COMPLAINT_CSAT)[0],
        complaint_csat_by_month=marked(csat("month", instrument=COMPLAINT_CSAT), this_month),
        scales=[scale_figures(cuts[each.id], each, by=(), surveys=surveys)[0] for each in scales],
        gaps=[figure for found in gaps for figure in found],
        response=response_rates(asked, by=(), surveys=surveys)[0],
        response_by_instrument=response_rates(asked, by=("instrument",), surveys=surveys),
        themes=theme_figures(asked, surveys),
        loops=open_loops(low, asked.names, now=now),
        drivers=drivers,
    )


def marked(figures: Sequence[M], this_month: str) -> list[M]:
    """Return figures, those by month marked as incomplete from this month on."""
    return [
        figure.model_copy(update={"complete": False}) if (figure.group.get("month") or "") >= this_month else figure
        for figure in figures
    ]


def grouped_but_month(figures: Sequence[F]) -> list[tuple[GroupOf, list[F]]]:
    """Return figures by month and other dimensions, grouped by the other dimensions."""
    found: dict[tuple[str | None, ...], tuple[GroupOf, list[F]]] = {}
    for figure in figures:
        group: GroupOf = {name: value for name, value in figure.group.items() if name != "month"}
        found.setdefault(tuple(group.values()), (group, []))[1].append(figure)
    return list(found.values())


def nps_trend(by_month: Sequence[NpsFigure]) -> ControlChart | None:
    """Return the control chart of the months that are shown; None if none are."""
    return nps_chart(
        [
            NpsSample(figure.group["month"] or "", figure.promoters, figure.passives or 0, figure.detractors or 0)
            for figure in by_month
            if figure.promoters is not None
        ]
    )


def csat_trend(by_month: Sequence[CsatFigure]) -> ControlChart | None:
    """Return the control chart of the months that are shown; None if none are."""
    return p_chart(
        [
            ShareSample(figure.group["month"] or "", figure.satisfied, figure.n)
            for figure in by_month
            if figure.satisfied is not None
        ]
    )
