"""Association rules: which product is often in the same basket as another one.

A rule has one product on each side. Support and confidence are those of Agrawal, Imieliński and Swami (1993), and lift
is the interest of Brin, Motwani and Silverstein (1997). The counts of all pairs are one product of sparse matrices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from fractions import Fraction
from itertools import chain
from math import ceil

import msgspec

from relations.analytics.extra import scientific
from relations.errors import InvalidInput

__all__ = ["AssociationRule", "association_rules"]

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
    """

    product: str
    recommended: str
    together: int
    with_product: int
    with_recommended: int
    baskets: int

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
    baskets: Sequence[Collection[str]], *, min_support: float = 0.005, min_confidence: float = 0.1, most: int = 1000
) -> list[AssociationRule]:
    """Return the rules that meet all limits, the most confident first; of equal ones the one with more baskets.

    A rule is kept only if its lift is above 1 and at least 3 baskets have both products.

    Args:
        baskets: The products of each basket. Several pieces of a product count once.
        min_support: The smallest share of all baskets that have both products, from 0 to 1.
        min_confidence: The smallest confidence, from 0 to 1.
        most: The most rules to keep, at least 1.

    Raises:
        InvalidInput: A limit makes no sense.
        MissingExtra: The extra `analytics` is not installed.
    """
    for name, limit in (("min_support", min_support), ("min_confidence", min_confidence)):
        if not 0 <= limit <= 1:
            raise InvalidInput(f"{name} cannot be {limit}", code="invalid_share", field=name, hint="Give 0 to 1")
    if most < 1:
        raise InvalidInput(f"{most} rules cannot be kept", code="invalid_limit", field="most", hint="Give 1 or more")
    np, sparse = scientific("numpy", "Association rules"), scientific("scipy.sparse", "Association rules")
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
    pairs = (has.T @ has).tocoo()
    found = []
    for one, other, together in zip(pairs.row.tolist(), pairs.col.tolist(), pairs.data.tolist(), strict=True):
        if one == other or together < fewest:
            continue
        rule = AssociationRule(
            products[one], products[other], together, sold[products[one]], sold[products[other]], count
        )
        if rule.lift > 1 and rule.confidence >= min_confidence:
            found.append(rule)
    found.sort(key=lambda rule: (-rule.confidence, -rule.together, rule.product, rule.recommended))
    return found[:most]
