"""Association rules and recommendations, found again the slow way: every set of products is counted by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import chain, combinations
from zoneinfo import ZoneInfo

from relations.aggregates.customer import (
    CustomerErased,
    PurchaseRecorded,
    TraitDropped,
    TraitNoted,
)
from relations.messages import RecordedEvent, from_micros
from relations.testing.oracle.people import surviving_id

__all__ = ["SlowBaskets", "SlowRule"]


@dataclass(frozen=True, order=True)
class SlowRule:
    """A rule: baskets with one product, or with a few, often have another one, too.

    Attributes:
        rank: Its place: the more confident first, then the more frequent, then by name.
        left: The products that were bought, by name.
        recommended: The product that often goes with it.
        together: The number of baskets with all of them.
        alone: The number of baskets with those on the left.
        other: The number of baskets with the recommended one.
    """

    rank: tuple[Fraction, int, tuple[str, ...], str]
    left: tuple[str, ...]
    recommended: str
    together: int
    alone: int
    other: int


@dataclass
class SlowBaskets:
    """The baskets of a history.

    Attributes:
        history: Every recorded event, in the order of the log.
        zone: The business's time zone.
    """

    history: list[RecordedEvent]
    zone: ZoneInfo

    def rules(
        self, at: datetime, *, min_support: float, min_confidence: float, most: int, left: int = 1
    ) -> list[SlowRule]:
        """Return the rules in the baskets until the evening of a day.

        Args:
            at: A moment of that day.
            min_support: The smallest share of all baskets that have every product of a rule.
            min_confidence: The smallest share of the baskets with those on the left that have the other one, too.
            most: The most rules.
            left: The most products on the left. A longer rule has to be more confident than each shorter one.
        """
        baskets = [products for _, _, products in self._baskets(at)]
        names = sorted({name for products in baskets for name in products})

        def having(products: tuple[str, ...]) -> int:
            return sum(basket.keys() >= set(products) for basket in baskets)

        found = []
        for given in chain.from_iterable(combinations(names, size) for size in range(1, left + 1)):
            for recommended in sorted(set(names) - set(given)):
                together, alone, other = having((*given, recommended)), having(given), having((recommended,))
                if together < 3 or together < min_support * len(baskets) or together < min_confidence * alone:
                    continue
                confidence = Fraction(together, alone)
                shorter = chain.from_iterable(combinations(given, size) for size in range(1, len(given)))
                if any(Fraction(having((*part, recommended)), having(part)) >= confidence for part in shorter):
                    continue
                if together * len(baskets) > alone * other:
                    rank = (-confidence, -together, given, recommended)
                    found.append(SlowRule(rank, given, recommended, together, alone, other))
        return sorted(found)[:most]

    def recommended(
        self, rules: list[SlowRule], customer: str, at: datetime
    ) -> tuple[list[tuple[str, tuple[str, ...]]], int]:
        """Return the products for a customer, each with those that are the reason, and how many a taboo forbids.

        Args:
            rules: The rules, the most confident first.
            customer: Any of the customer's ids.
            at: The moment; baskets until the evening of its day count.
        """
        person = self._person(customer)
        bought = {name for who, _, products in self._baskets(at) if who == person for name in products}
        if person in self._erased():
            bought = set()
        taboos, categories = self._taboos(person), self._categories(at)
        found: list[tuple[str, tuple[str, ...]]] = []
        avoided: set[str] = set()
        for rule in rules:
            name = rule.recommended
            if not bought.issuperset(rule.left) or name in bought or name in avoided or name in dict(found):
                continue
            if {name.casefold(), categories.get(name, "").casefold()} & taboos:
                avoided.add(name)
            else:
                found.append((name, rule.left))
        return found, len(avoided)

    def _baskets(self, at: datetime) -> list[tuple[str, date, dict[str, str]]]:
        found = []
        for each in self.history:
            if isinstance(each.event, PurchaseRecorded) and each.event.lines:
                day = from_micros(each.occurred_at).astimezone(self.zone).date()
                if day <= at.astimezone(self.zone).date():
                    products = {line.product: line.category or "" for line in each.event.lines}
                    found.append((self._person(each.customer), day, products))
        return found

    def _categories(self, at: datetime) -> dict[str, str]:
        """Return the category last recorded of each product."""
        last = at.astimezone(self.zone).date()
        found: dict[str, str] = {}
        for each in sorted(self.history, key=lambda each: (each.occurred_at, each.position)):
            if from_micros(each.occurred_at).astimezone(self.zone).date() <= last:
                for line in each.event.lines if isinstance(each.event, PurchaseRecorded) else ():
                    if line.category:
                        found[line.product] = line.category
        return found

    def _taboos(self, person: str) -> set[str]:
        held: dict[str, bool] = {}
        for each in sorted(self.history, key=lambda each: (each.occurred_at, each.position)):
            event = each.event
            if not isinstance(event, TraitNoted | TraitDropped) or self._person(each.customer) != person:
                continue
            if event.trait == "taboo":
                held[event.about] = isinstance(event, TraitNoted)
        return {about.casefold() for about, is_held in held.items() if is_held}

    def _erased(self) -> set[str]:
        return {self._person(each.customer) for each in self.history if isinstance(each.event, CustomerErased)}

    def _person(self, customer: str) -> str:
        return surviving_id(self.history, customer)
