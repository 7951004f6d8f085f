"""Association rules: which product is often in the same basket as another one.

A rule has one product on the right, and one or a few on the left. Support and confidence are those of Agrawal,
Imieliński and Swami (1993), and lift is the interest of Brin, Motwani and Silverstein (1997). A rule with several
products on the left is kept only if it is more confident than with fewer of them (R. J. Bayardo, R. Agrawal, D.
Gunopulos, "Constraint-based rule mining in large, dense databases", 1999).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from fractions import Fraction
from itertools import chain, combinations
from math import ceil
from typing import Any

import msgspec

from relations.analytics.extra import scientific
from relations.errors import InvalidInput
from relations.extras import np

__all__ = ["AssociationRule", "association_rules"]

LEFT_MAX = 3
"""The most products on the left of a rule: with more of them, each is seen too rarely."""
_BASKETS_MIN = 3
"""The fewest baskets with both products, however small the shop: two may be the same household twice."""


class AssociationRule(msgspec.Struct, frozen=True, order=True, gc=False):
    """A rule: baskets with `product` often have `recommended`, too.

    Attributes:
        product: The product that was bought.
        recommended: The product that often goes with it.
        together: The number of baskets with both.
        with_product: The number of baskets with the first.
        with_recommended: The number of baskets with the second.
        baskets: The number of all baskets.
        also: Further products on the left: `together` and `with_product` count the baskets that have them all.
    """

    product: str
    recommended: str
    together: int
    with_product: int
    with_recommended: int
    baskets: int
    also: tuple[str, ...] = ()

    @property
    def support(self) -> float:
        """The share of all baskets that have both products."""
        return self.together / self.baskets

    @property
    def confidence(self) -> float:
        """The share of the baskets with the first product that have the second, too."""
        return self.together / self.with_product

    @property
    def lift(self) -> float:
        """The ratio of the baskets with both to those expected by chance."""
        return self.together * self.baskets / (self.with_product * self.with_recommended)


def association_rules(
    baskets: Sequence[Collection[str]],
    *,
    min_support: float = 0.005,
    min_confidence: float = 0.1,
    most: int = 1000,
    left: int = 1,
) -> list[AssociationRule]:
    """Return the rules that meet all limits, the most confident first; of equal ones the one with more baskets.

    A rule is kept only if its lift is above 1 and at least 3 baskets have both products.

    Args:
        baskets: The products of each basket. Several pieces of a product count once.
        min_support: The smallest share of all baskets that have both products, from 0 to 1.
        min_confidence: The smallest confidence, from 0 to 1.
        most: The most rules to keep, at least 1.
        left: The most products on the left of a rule, from 1 to 3.

    Raises:
        InvalidInput: A limit makes no sense.
        MissingExtra: The extra `analytics` is not installed.
    """
    for name, limit in (("min_support", min_support), ("min_confidence", min_confidence)):
        if not 0 <= limit <= 1:
            raise InvalidInput(f"{name} cannot be {limit}", code="invalid_share", field=name, hint="Give 0 to 1")
    if most < 1:
        raise InvalidInput(f"{most} rules cannot be kept", code="invalid_limit", field="most", hint="Give 1 or more")
    if not 1 <= left <= LEFT_MAX:
        raise InvalidInput(
            f"a rule cannot have {left} products on the left", code="invalid_limit", field="left",
            hint=f"Give 1 to {LEFT_MAX}",
        )  # fmt: skip
    sparse = scientific("scipy.sparse", "Finding association rules")
    count = len(baskets)
    # The limit as it was written: 0.07 of 100 baskets are 7, and 0.07 * 100 is more than 7.
    fewest = max(ceil(Fraction(repr(float(min_support))) * count), _BASKETS_MIN)
    sold = Counter(chain.from_iterable(map(set, baskets)))
    products = sorted(product for product, sales in sold.items() if sales >= fewest)
    if not products:
        return []
    numbers = {product: number for number, product in enumerate(products)}
    kept = [sorted(numbers[product] for product in set(basket) if product in numbers) for basket in baskets]
    ends = np.cumsum([0, *map(len, kept)])
    columns = np.fromiter(chain.from_iterable(kept), np.int32, count=int(ends[-1]))
    has = sparse.csr_array((np.ones(len(columns), np.int64), columns, ends), shape=(count, len(products)))
    counts = _frequent(has, fewest, left + 1)
    found = []
    for items, together in counts.items():
        for place, recommended in enumerate(items if len(items) > 1 else ()):
            given = (*items[:place], *items[place + 1 :])
            rule = AssociationRule(
                products[given[0]], products[recommended], together, counts[given], counts[recommended,], count,
                tuple(products[each] for each in given[1:]),
            )  # fmt: skip
            if rule.lift > 1 and rule.confidence >= min_confidence and _improves(counts, given, recommended, together):
                found.append(rule)
    found.sort(key=lambda rule: (-rule.confidence, -rule.together, rule.product, rule.also, rule.recommended))
    return found[:most]


def _frequent(has: Any, fewest: int, longest: int) -> dict[tuple[int, ...], int]:
    """Return the number of baskets that have all of some products, for all sets of products with enough of them.

    Args:
        has: A row for each basket and a column for each product.
        fewest: The fewest baskets.
        longest: The most products of a set.
    """
    pairs = (has.T @ has).tocsr()
    within = has.tocsc()
    counts: dict[tuple[int, ...], int] = {}
    for one in range(has.shape[1]):
        mine = slice(pairs.indptr[one], pairs.indptr[one + 1])
        known = dict(zip(pairs.indices[mine].tolist(), pairs.data[mine].tolist(), strict=True))
        counts[one,] = known[one]
        waiting = []
        for other in sorted(known):
            if other > one and known[other] >= fewest:
                counts[one, other] = known[other]
                waiting.append((one, other))
        if longest == 2 or not waiting:
            continue
        rows = within.indices[within.indptr[one] : within.indptr[one + 1]]
        having = has[rows]
        columns = having.tocsc()
        for pair in waiting:
            _extend(counts, pair, columns, having, fewest, longest)
    return counts


def _extend(
    counts: dict[tuple[int, ...], int],
    items: tuple[int, ...],
    columns: Any,
    rows: Any,
    fewest: int,
    longest: int,
) -> None:
    """Add the sets that have one product more than `items`, each of them later in order, and the longer ones.

    Args:
        counts: The number of baskets of each set.
        items: The products of a set.
        columns: The baskets that have all of them but the last, by product.
        rows: The same, by basket.
        fewest: The fewest baskets.
        longest: The most products of a set.
    """
    last = items[-1]
    mine = rows[columns.indices[columns.indptr[last] : columns.indptr[last + 1]]]
    sums = np.bincount(mine.indices, minlength=mine.shape[1])
    longer = [(*items, int(each)) for each in np.flatnonzero(sums >= fewest) if each > last]
    counts.update({each: int(sums[each[-1]]) for each in longer})
    if len(items) + 1 < longest and longer:
        by_product = mine.tocsc()
        for each in longer:
            _extend(counts, each, by_product, mine, fewest, longest)


def _improves(counts: dict[tuple[int, ...], int], given: tuple[int, ...], recommended: int, together: int) -> bool:
    """Return True if a rule is more confident than every rule with fewer of its products on the left."""
    fewer = chain.from_iterable(combinations(given, size) for size in range(1, len(given)))
    return all(together * counts[part] > counts[tuple(sorted((*part, recommended)))] * counts[given] for part in fewer)
