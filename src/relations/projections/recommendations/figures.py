"""Rules and recommendations: the newest fit, and which of its rules apply to a customer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime

import msgspec

from relations.aggregates.model import FittedRule, RecordRules, RuleParameters
from relations.analytics import AssociationRule, association_rules
from relations.errors import NoFit
from relations.json_form import ViewAnswer
from relations.policies.calendars import LocalTime
from relations.projections.fits import FitInUse, newest_row, origin_now, origin_of
from relations.projections.recommendations.rows import Basket, RecordedRules

__all__ = [
    "RULES_VERSION",
    "RecommendationReport",
    "RecommendedProduct",
    "RuleFigure",
    "RulesInUse",
    "RulesReport",
    "newest_rules",
    "recommended",
    "rules_command",
    "rules_now",
]

RULES_VERSION = 1
"""The version of the method of finding rules. Raise it whenever the same baskets give other rules."""


class RuleFigure(ViewAnswer):
    """An association rule: baskets with one product often have another one, too.

    Attributes:
        product: The product that was bought.
        recommended: The product that often goes with it.
        category: The category of the recommended product; None if none was recorded.
        baskets: The number of baskets with both.
        with_product: The number of baskets with the first.
        with_recommended: The number of baskets with the second.
        support: The share of all baskets that have both.
        confidence: The share of the baskets with the first product that have the second, too.
        lift: How many times as often both are together as they would be by chance.
        also: Further products on the left: all counts of the first product are of baskets that have them, too.
    """

    product: str
    recommended: str
    category: str | None
    baskets: int
    with_product: int
    with_recommended: int
    support: float
    confidence: float
    lift: float
    also: tuple[str, ...] = ()


class RulesInUse(FitInUse):
    """The fit that rules come from.

    Attributes:
        baskets: The number of baskets that were read.
        min_support: The smallest share of all baskets with both products of a rule.
        min_confidence: The smallest confidence of a rule.
        most: The most rules that were kept.
        rules: The number of rules.
        left: The most products on the left of a rule.
    """

    baskets: int
    min_support: float
    min_confidence: float
    most: int
    rules: int
    left: int = 1


class RulesReport(ViewAnswer):
    """Association rules and the fit that they come from.

    Attributes:
        fit: The fit; None if none was recorded by then.
        rules: The rules, the most confident first.
    """

    fit: RulesInUse | None
    rules: tuple[RuleFigure, ...]


class RecommendedProduct(ViewAnswer):
    """A product for a customer, and the reason.

    Attributes:
        product: The product.
        category: Its category; None if none was recorded.
        because: The product that they bought and that this one often goes with.
        bought_on: The last local day on which they bought that one, or one of several.
        baskets: The number of baskets of all customers with both.
        support: The share of all baskets that have both.
        confidence: The share of the baskets with the product bought that have the recommended one, too.
        lift: How many times as often both are together as they would be by chance.
        because_also: Further products that they bought and that belong to the reason.
    """

    product: str
    category: str | None
    because: str
    bought_on: date
    baskets: int
    support: float
    confidence: float
    lift: float
    because_also: tuple[str, ...] = ()


class RecommendationReport(ViewAnswer):
    """Products for a customer.

    Attributes:
        customer: The customer.
        fit: The fit that the rules come from; None if none was recorded by then.
        bought: The number of products that they have bought.
        avoided: The number of products that were left out because of a taboo.
        products: The products, those most likely first.
    """

    customer: str
    fit: RulesInUse | None
    bought: int
    avoided: int
    products: tuple[RecommendedProduct, ...]


class _StoredRule(msgspec.Struct, frozen=True, gc=False):
    product: str
    recommended: str
    category: str | None
    baskets: int
    with_product: int
    with_recommended: int
    also: tuple[str, ...] = ()


class _StoredRules(msgspec.Struct, frozen=True, gc=False):
    baskets: int
    min_support: float
    min_confidence: float
    most: int
    rules: tuple[_StoredRule, ...]
    left: int = 1


def _figure(rule: AssociationRule, category: str | None) -> RuleFigure:
    return RuleFigure(
        product=rule.product,
        recommended=rule.recommended,
        category=category,
        baskets=rule.together,
        with_product=rule.with_product,
        with_recommended=rule.with_recommended,
        support=rule.support,
        confidence=rule.confidence,
        lift=rule.lift,
        also=rule.also,
    )


def newest_rules(rows: Iterable[RecordedRules], today: int, local: LocalTime) -> RulesReport:
    """Return the newest fit that was recorded by the evening of a day.

    Args:
        rows: All fits.
        today: The ordinal of the day.
        local: The business's days.
    """
    row = newest_row(rows, today, local)
    if row is None:
        return RulesReport(fit=None, rules=())
    stored = msgspec.json.decode(row.rules, type=_StoredRules)
    fit = RulesInUse(
        **origin_of(row, today).model_dump(),
        baskets=stored.baskets,
        min_support=stored.min_support,
        min_confidence=stored.min_confidence,
        most=stored.most,
        rules=len(stored.rules),
        left=stored.left,
    )
    rules = (
        _figure(
            AssociationRule(
                each.product,
                each.recommended,
                each.baskets,
                each.with_product,
                each.with_recommended,
                stored.baskets,
                each.also,
            ),
            each.category,
        )
        for each in stored.rules
    )
    return RulesReport(fit=fit, rules=tuple(rules))


def rules_now(
    baskets: Sequence[Basket], *, today: int, min_support: float, min_confidence: float, most: int, left: int
) -> RulesReport:
    """Find the rules of baskets.

    Args:
        baskets: All baskets until the evening of the day.
        today: The ordinal of the day.
        min_support: The smallest share of all baskets with both products.
        min_confidence: The smallest confidence.
        most: The most rules to keep.
        left: The most products on the left of a rule.

    Raises:
        InvalidInput: A limit makes no sense.
        MissingExtra: The extra `analytics` is not installed.
    """
    found = association_rules(
        [basket.products for basket in baskets],
        min_support=min_support,
        min_confidence=min_confidence,
        most=most,
        left=left,
    )
    categories: dict[str, str] = {}
    for basket in sorted(baskets, key=lambda each: (each.at, each.position)):
        categories.update((product, category) for product, category in basket.products.items() if category)
    fit = RulesInUse(
        **origin_now(today, RULES_VERSION).model_dump(),
        baskets=len(baskets),
        min_support=min_support,
        min_confidence=min_confidence,
        most=most,
        rules=len(found),
        left=left,
    )
    return RulesReport(fit=fit, rules=tuple(_figure(rule, categories.get(rule.recommended)) for rule in found))


def rules_command(report: RulesReport, moment: datetime, position: int) -> RecordRules:
    """Return the command that records the rules of a report.

    Args:
        report: The report, for which the rules were found.
        moment: The business time of the record.
        position: The last position of the log that was read.

    Raises:
        NoFit: There are no rules.
    """
    fit = report.fit
    assert fit is not None  # noqa: S101 - rules that were found now have a fit
    if not report.rules:
        raise NoFit(
            f"no association rule meets the limits in {fit.baskets} baskets",
            code="no_rules",
            hint="Record purchases with their lines, or lower the limits",
        )
    return RecordRules(
        through=fit.through,
        position=position,
        version=fit.version,
        rules=RuleParameters(
            baskets=fit.baskets,
            min_support=fit.min_support,
            min_confidence=fit.min_confidence,
            most=fit.most,
            left=fit.left,
            rules=tuple(
                FittedRule.model_validate(rule.model_dump(exclude={"support", "confidence", "lift"}))
                for rule in report.rules
            ),
        ),
        occurred_at=moment,
    )


def recommended(
    rules: Iterable[RuleFigure], bought: dict[str, date], avoided: Collection[str], *, again: bool
) -> Iterator[RecommendedProduct | None]:
    """Yield each product that a rule gives to a customer, by its most confident rule; None for one under a taboo.

    A rule applies if they bought all products on its left. Of those, the one with more products is more confident.

    Args:
        rules: The rules, the most confident first.
        bought: The products that they bought, each with the last day.
        avoided: The products and categories under a taboo, in lower case.
        again: Include products that they have bought.
    """
    seen: set[str] = set() if again else set(bought)
    for rule in rules:
        reasons = (rule.product, *rule.also)
        if rule.recommended in seen or not all(each in bought for each in reasons):
            continue
        seen.add(rule.recommended)
        if rule.recommended.casefold() in avoided or (rule.category or "").casefold() in avoided:
            yield None
            continue
        yield RecommendedProduct(
            product=rule.recommended,
            category=rule.category,
            because=rule.product,
            bought_on=max(bought[each] for each in reasons),
            baskets=rule.baskets,
            support=rule.support,
            confidence=rule.confidence,
            lift=rule.lift,
            because_also=rule.also,
        )
