"""The rows behind recommendations: the baskets and taboos of each customer, and the recorded fits.

A basket is a purchase with lines. Its pieces, amounts and refunds do not matter here: a customer who returned a shirt
for its size still wanted it.
"""

from __future__ import annotations

from bisect import insort
from typing import ClassVar

import msgspec

from relations.aggregates.customer import CustomerErased, PurchaseRecorded, TraitDropped, TraitNoted
from relations.aggregates.model import RulesFitted
from relations.messages import Envelope
from relations.projections.fits import note_origin
from relations.projections.known import Known, newer
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["PROJECTION", "Basket", "RecordedRules", "Shopper"]


class Basket(msgspec.Struct, array_like=True, order=True, gc=False):
    """The products of one purchase.

    Attributes:
        at: The business time of the purchase, UTC microseconds.
        position: The log position.
        products: The products, each once, with their categories; a category is empty if none was recorded.
    """

    at: int
    position: int
    products: dict[str, str]


class Shopper(CustomerRow, gc=False):
    """A customer with a basket or a taboo.

    Attributes:
        baskets: Their baskets, in order of business time.
        taboos: The subjects of taboos as last noted; empty once dropped.
        erased: True once their personal words were erased. Nothing is recommended to them any more.
    """

    table: ClassVar[str] = "shoppers"
    baskets: list[Basket] = msgspec.field(default_factory=list)
    taboos: dict[str, Known] = msgspec.field(default_factory=dict)
    erased: bool = False

    def absorb(self, other: Shopper) -> None:
        """Add the row of another id of the same customer."""
        self.baskets = sorted([*self.baskets, *other.baskets], key=_when)
        self.erased = self.erased or other.erased
        for about, theirs in other.taboos.items():
            _note(self, about, theirs)

    def avoided(self) -> frozenset[str]:
        """Return the subjects of current taboos, without regard to case."""
        return frozenset(about.casefold() for about, known in self.taboos.items() if known.value)


class RecordedRules(CustomerRow, gc=False):
    """A fit of association rules. It belongs to no customer: `customer` is empty.

    Attributes:
        number: The number of the fit.
        fitted_at: When it was recorded in business time, UTC microseconds.
        through: The last local day observed.
        position: The last position of the log that was read.
        version: The version of the method of finding rules.
        rules: The rules with their counts and limits, as JSON.
    """

    table: ClassVar[str] = "fits"
    key: ClassVar[tuple[str, ...]] = ("customer", "number")
    number: int
    fitted_at: int = 0
    through: str = ""
    position: int = 0
    version: int = 0
    rules: str = ""


PROJECTION = Projection(name="recommendations", version=2, tables=(Shopper, RecordedRules))


def _when(basket: Basket) -> tuple[int, int]:
    return basket.at, basket.position


def _note(row: Shopper, about: str, found: Known) -> None:
    latest = newer(row.taboos.get(about), found)
    if latest is not None:
        row.taboos[about] = latest


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    """Add a basket. A purchase without lines names no product."""
    if event.lines:
        products = {line.product: line.category or "" for line in event.lines}
        basket = Basket(at.occurred_at, at.position, products)
        insort(rows.need(Shopper, at.customer).baskets, basket, key=_when)


@PROJECTION.on(TraitNoted, TraitDropped)
def trait_changed(rows: Rows, event: TraitNoted | TraitDropped, at: Envelope) -> None:
    """Keep the subjects of taboos as last noted."""
    if event.trait == "taboo":
        held = "yes" if isinstance(event, TraitNoted) else ""
        _note(rows.need(Shopper, at.customer), event.about, Known(at.occurred_at, at.position, held))


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Keep that nothing is recommended to them any more."""
    rows.need(Shopper, at.customer).erased = True


@PROJECTION.on(RulesFitted)
def rules_fitted(rows: Rows, event: RulesFitted, at: Envelope) -> None:
    """Keep a fit."""
    row = rows.need(RecordedRules, at.customer, at.version)
    note_origin(row, event, at)
    row.rules = event.rules
