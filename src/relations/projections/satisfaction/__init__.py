"""Satisfaction: scores of every instrument, by month, place, channel and respondent."""

from relations.projections.satisfaction.view import (
    PROJECTION,
    CsatFigure,
    Dimension,
    GapFigure,
    NpsFigure,
    OpenLoop,
    OpenLoops,
    Respondent,
    ResponseRate,
    SatisfactionReport,
    SatisfactionView,
    ScaleFigure,
    Sentiment,
    SentimentFigure,
    ThemeFigure,
    Trend,
)

__all__ = [
    "PROJECTION",
    "CsatFigure",
    "Dimension",
    "GapFigure",
    "NpsFigure",
    "OpenLoop",
    "OpenLoops",
    "Respondent",
    "ResponseRate",
    "SatisfactionReport",
    "SatisfactionView",
    "ScaleFigure",
    "Sentiment",
    "SentimentFigure",
    "ThemeFigure",
    "Trend",
]
