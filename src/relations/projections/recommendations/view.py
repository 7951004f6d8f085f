"""The view of recommendations: the rules of the newest recorded fit, and what they give to a customer."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from relations.projections.arguments import Page
from relations.projections.projection import Projection
from relations.projections.recommendations.figures import (
    RecommendationReport,
    RulesReport,
    newest_rules,
    recommended,
    rules_now,
)
from relations.projections.recommendations.rows import PROJECTION, RecordedRules, Shopper
from relations.projections.view import View

__all__ = ["RecommendationsView"]


class RecommendationsView(View):
    """Products that a customer would want, by association rules over the baskets of all customers.

    A basket is a purchase with lines. Rules come from the newest recorded fit; see `Relations.fit_rules`. No question
    finds rules while somebody waits, except `rules` with `refit`.
    """

    projection: ClassVar[Projection] = PROJECTION
    keeps_answers: ClassVar[bool] = True

    def recommend(
        self, customer: str, *, as_of: datetime | None = None, limit: int | None = 10, again: bool = False
    ) -> RecommendationReport:
        """Return products for a customer, each with the reason, those most likely first.

        A product that they have bought is left out. So is one whose name or category is the subject of a taboo, as
        last noted, without regard to case. Nothing is recommended to erased customers.

        Args:
            customer: Any of the customer's ids.
            as_of: The moment asked about: purchases and fits by the evening of its local day count.
            limit: At most this many products; None for all.
            again: Include products that they have bought.

        Raises:
            InvalidInput: `limit` is negative.
        """
        page: Page[str] = Page(limit)
        today, local = self.day(as_of), self.local
        report = newest_rules(self.rows(RecordedRules), today, local)
        bought: dict[str, date] = {}
        avoided: frozenset[str] = frozenset()
        for row in self.rows(Shopper, customer=customer):
            avoided = row.avoided()
            for basket in row.baskets:
                day = local.day(basket.at)
                if day <= today and not row.erased:
                    bought.update(dict.fromkeys(basket.products, date.fromordinal(day)))
        found = list(recommended(report.rules, bought, avoided, again=again))
        products = [each for each in found if each is not None]
        return RecommendationReport(
            customer=self.aliases.survivor(customer),
            fit=report.fit,
            bought=len(bought),
            avoided=len(found) - len(products),
            products=tuple(page.of_ranks(products, lambda each: each.product)),
        )

    def rules(
        self,
        *,
        as_of: datetime | None = None,
        limit: int | None = None,
        refit: bool = False,
        min_support: float = 0.005,
        min_confidence: float = 0.1,
        most: int = 1000,
        left: int = 1,
    ) -> RulesReport:
        """Return the rules of the newest fit that was recorded by then, the most confident first.

        Args:
            as_of: The moment asked about.
            limit: At most this many rules; None for all.
            refit: Find the rules in the baskets of that moment instead. Only then do the next arguments count.
            min_support: The smallest share of all baskets with both products of a rule.
            min_confidence: The smallest confidence of a rule.
            most: The most rules to keep, from 1 to 10,000.
            left: The most products on the left of a rule, from 1 to 3.

        Raises:
            InvalidInput: An argument makes no sense.
            MissingExtra: Rules are to be found, and the extra `analytics` is not installed.
        """
        page: Page[str] = Page(limit)
        today, local = self.day(as_of), self.local
        if refit:
            rows = self.rows(Shopper)
            baskets = [basket for row in rows for basket in row.baskets if local.day(basket.at) <= today]
            found = rules_now(
                baskets, today=today, min_support=min_support, min_confidence=min_confidence, most=most, left=left
            )
        else:
            found = newest_rules(self.rows(RecordedRules), today, local)
        kept = page.of_ranks(found.rules, lambda rule: " ".join((rule.product, *rule.also, rule.recommended)))
        return RulesReport(fit=found.fit, rules=tuple(kept))
