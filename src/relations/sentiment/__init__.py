"""Scoring of customers' words by sentiment models, and recording of the scores."""

from relations.sentiment.scorers import SCORERS, Scorer, SnowNlp, Vader, scorers_named
from relations.sentiment.scoring import ScorerCount, ScoringReport, score_feedback

__all__ = [
    "SCORERS",
    "Scorer",
    "ScorerCount",
    "ScoringReport",
    "SnowNlp",
    "Vader",
    "score_feedback",
    "scorers_named",
]
