"""Products that a customer would want, by association rules over baskets, from the newest recorded fit."""

from relations.projections.recommendations.figures import (
    RecommendationReport,
    RecommendedProduct,
    RuleFigure,
    RulesInUse,
    RulesReport,
)
from relations.projections.recommendations.rows import PROJECTION, Basket, RecordedRules, Shopper
from relations.projections.recommendations.view import RecommendationsView

__all__ = [
    "PROJECTION",
    "Basket",
    "RecommendationReport",
    "RecommendationsView",
    "RecommendedProduct",
    "RecordedRules",
    "RuleFigure",
    "RulesInUse",
    "RulesReport",
    "Shopper",
]
