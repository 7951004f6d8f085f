"""Satisfaction: figures of every instrument, by month, place, channel and respondent."""

from relations.projections.satisfaction.answers import PROJECTION, Respondent, Sentiment
from relations.projections.satisfaction.cuts import Dimension
from relations.projections.satisfaction.figures import CsatFigure, GapFigure, NpsFigure, ScaleFigure
from relations.projections.satisfaction.open_loops import OpenLoop, OpenLoops
from relations.projections.satisfaction.respondents import SegmentsOf, Where
from relations.projections.satisfaction.response_rates import ResponseRate
from relations.projections.satisfaction.summary import SatisfactionReport, Trend
from relations.projections.satisfaction.themes import SentimentFigure, ThemeFigure
from relations.projections.satisfaction.view import SatisfactionView

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
    "SegmentsOf",
    "Sentiment",
    "SentimentFigure",
    "ThemeFigure",
    "Trend",
    "Where",
]
