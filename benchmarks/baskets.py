"""Recommendations against a held-out month of Online Retail: `python -m benchmarks.baskets FILE`.

An invoice is a purchase with a line for each article. Rules are found in everything before November 2011. Each customer
who bought before gets the recommendations of that moment, and next to them the most popular articles that they have not
bought. The share that they bought in November is counted. The table is that of `docs/explanation/recommendations.md`.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import process_time
from typing import NamedTuple

import polars as pl

from relations import Money, Relations
from relations.commands import RecordPurchase
from relations.events import PurchaseLine

__all__ = ["CUT", "Hits", "baskets_of", "compared", "purchases_of"]

CUT = datetime(2011, 11, 1, tzinfo=UTC)
"""The first moment of the held-out month."""
_END = datetime(2011, 12, 1, tzinfo=UTC)
_LIMITS = (1, 5, 10)
_FITS = ((1, 1000), (1, 10_000), (2, 10_000))
"""The fits that are compared: the most products on the left, and the most rules."""


class Hits(NamedTuple):
    """The products that were recommended and bought.

    Attributes:
        given: The number of products recommended.
        bought: The number of them that the customer bought in the month.
        customers: The number of customers who got any.
        reached: The number of those who bought at least one.
    """

    given: int = 0
    bought: int = 0
    customers: int = 0
    reached: int = 0

    def plus(self, products: Sequence[str], later: set[str]) -> Hits:
        """Return the figures with one more customer."""
        if not products:
            return self
        hits = len(later.intersection(products))
        return Hits(
            self.given + len(products), self.bought + hits, self.customers + 1, self.reached + (1 if hits else 0)
        )


def purchases_of(file: Path) -> Iterator[RecordPurchase]:
    """Yield a purchase for each invoice of a known customer, with a line for each article."""
    read = pl.read_csv(file, infer_schema=False).filter(
        pl.col("CustomerID").is_not_null()
        & ~pl.col("InvoiceNo").str.starts_with("C")
        & (pl.col("Quantity").cast(pl.Int64) > 0)
    )
    lines = (
        read.with_columns(
            pence=(pl.col("Quantity").cast(pl.Int64) * pl.col("UnitPrice").cast(pl.Float64) * 100)
            .round()
            .cast(pl.Int64)
        )
        .group_by("InvoiceNo", "CustomerID", "InvoiceDate", "StockCode", maintain_order=True)
        .agg(pl.col("pence").sum())
    )
    invoices = lines.group_by("InvoiceNo", "CustomerID", "InvoiceDate", maintain_order=True).agg("StockCode", "pence")
    for invoice, customer, sold_at, codes, pences in invoices.iter_rows():
        amounts = list(zip(codes, pences, strict=True))
        yield RecordPurchase(
            customer=str(customer).removesuffix(".0"),
            purchase=f"{invoice}:{str(sold_at)[-8:]}",  # a few invoices were written over two minutes
            amount=Money(sum(pence for _, pence in amounts), "GBP"),
            lines=tuple(PurchaseLine(code, Money(pence, "GBP")) for code, pence in amounts),
            occurred_at=datetime.fromisoformat(str(sold_at)).replace(tzinfo=UTC),
        )


def baskets_of(purchases: Sequence[RecordPurchase]) -> list[set[str]]:
    """Return the articles of each purchase before the held-out month."""
    return [{line.product for line in each.lines} for each in purchases if each.occurred_at < CUT]


def compared(engine: Relations, purchases: Sequence[RecordPurchase], limit: int) -> tuple[Hits, Hits]:
    """Return the hits of recommendations and those of the most popular articles, for the same customers.

    Args:
        engine: An engine with the purchases before the month and a fit.
        purchases: All purchases.
        limit: The number of products for each customer.
    """
    before: defaultdict[str, set[str]] = defaultdict(set)
    later: defaultdict[str, set[str]] = defaultdict(set)
    for each in purchases:
        if each.occurred_at < _END:
            (before if each.occurred_at < CUT else later)[each.customer].update(line.product for line in each.lines)
    popular = [name for name, _ in Counter(name for basket in baskets_of(purchases) for name in basket).most_common()]
    by_rules, by_sales = Hits(), Hits()
    for customer, wanted in sorted(later.items()):
        if customer not in before:
            continue
        found = engine.views.recommendations.recommend(customer, as_of=CUT, limit=limit)
        products = [each.product for each in found.products]
        others = list(islice((name for name in popular if name not in before[customer]), len(products)))
        by_rules, by_sales = by_rules.plus(products, wanted), by_sales.plus(others, wanted)
    return by_rules, by_sales


def longer_compared(engine: Relations, purchases: Sequence[RecordPurchase], limit: int) -> tuple[Hits, Hits]:
    """Return the hits of products whose reason is one product, and of those whose reason is several.

    Args:
        engine: An engine with the purchases before the month and a fit.
        purchases: All purchases.
        limit: The number of products for each customer.
    """
    later: defaultdict[str, set[str]] = defaultdict(set)
    for each in purchases:
        if CUT <= each.occurred_at < _END:
            later[each.customer].update(line.product for line in each.lines)
    known = {each.customer for each in purchases if each.occurred_at < CUT}
    single, longer = Hits(), Hits()
    for customer in sorted(known & later.keys()):
        found = engine.views.recommendations.recommend(customer, as_of=CUT, limit=limit).products
        single = single.plus([each.product for each in found if not each.because_also], later[customer])
        longer = longer.plus([each.product for each in found if each.because_also], later[customer])
    return single, longer


def main(file: Path) -> None:
    """Print the tables."""
    purchases = list(purchases_of(file))
    with Relations.open("sqlite://", durability="off") as engine:
        engine.execute_many(each for each in purchases if each.occurred_at < CUT)
        engine.views.recommendations.rules()  # folds
        for left, most in _FITS:
            began = process_time()
            engine.fit_rules(as_of=CUT, left=left, most=most)
            fitted = process_time() - began
            fit = engine.views.recommendations.rules(as_of=CUT, limit=0).fit
            assert fit is not None
            print(f"left={left}: {fit.rules} rules in {fit.baskets} baskets, found in {fitted:.1f} s of processor time")
            _print_table(engine, purchases)


def _print_table(engine: Relations, purchases: Sequence[RecordPurchase]) -> None:
    print("| products | customers | given | bought: rules | most popular | bought any: rules | most popular |")
    print("|---|---|---|---|---|---|---|")
    for limit in _LIMITS:
        rules, sales = compared(engine, purchases, limit)
        print(
            f"| {limit} | {rules.customers} | {rules.given} | {rules.bought / rules.given:.1%} "
            f"| {sales.bought / sales.given:.1%} | {rules.reached / rules.customers:.1%} "
            f"| {sales.reached / sales.customers:.1%} |"
        )
    single, longer = longer_compared(engine, purchases, _LIMITS[-1])
    for name, hits in (("one product", single), ("several products", longer)):
        if hits.given:
            print(f"reason of {name}: {hits.bought} of {hits.given} bought, {hits.bought / hits.given:.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
