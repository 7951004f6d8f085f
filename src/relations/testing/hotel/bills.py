"""The products on the bills of the simulation's guests. Some of them often go together."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from relations.aggregates.customer import PurchaseLine
from relations.messages import Money
from relations.testing.hotel.world import Weighted

__all__ = ["lines_of"]


class _Extra(NamedTuple):
    """A product that some bills have in addition to their first.

    Attributes:
        product: The product.
        category: Its category.
        share: Its share of the bill.
        chance: The chance that a bill has it.
        after: The chance instead, if an earlier product is on the bill; the highest counts.
    """

    product: str
    category: str
    share: float
    chance: float
    after: Mapping[str, float]


_FIRST = {
    "room": Weighted({"double room": 5, "single room": 4, "suite": 1}),
    "restaurant": Weighted({"dishes from the card": 6, "set menu": 4}),
}
_EXTRAS = {
    "room": (
        _Extra("breakfast", "restaurant", 0.1, 0.3, {"double room": 0.45, "suite": 0.7}),
        _Extra("parking", "parking", 0.08, 0.15, {"double room": 0.3}),
        _Extra("spa entry", "spa", 0.12, 0.05, {"double room": 0.12, "suite": 0.4}),
        _Extra("late check-out", "room", 0.1, 0.03, {"spa entry": 0.5}),
    ),
    "restaurant": (
        _Extra("wine", "bar", 0.25, 0.2, {"set menu": 0.6}),
        _Extra("cheese board", "restaurant", 0.1, 0.05, {"wine": 0.3}),
        _Extra("dessert", "restaurant", 0.1, 0.25, {"set menu": 0.5}),
        _Extra("coffee", "bar", 0.05, 0.2, {"dessert": 0.7}),
    ),
}


def lines_of(random: Random, category: str, amount: Money) -> tuple[PurchaseLine, ...]:
    """Draw the lines of a bill, which add up to its amount; empty for a category whose bills name no products.

    Args:
        random: The random numbers of this bill alone.
        category: The category of the purchase.
        amount: The amount of the bill.
    """
    if category not in _FIRST:
        return ()
    first = _FIRST[category].draw(random)
    chosen = {first}
    extras = []
    for extra in _EXTRAS[category]:
        likely = max([extra.chance, *(extra.after[product] for product in chosen & extra.after.keys())])
        if random.random() < likely:
            chosen.add(extra.product)
            paid = Money(int(amount.amount * extra.share), amount.currency)
            extras.append(PurchaseLine(extra.product, paid, 1, extra.category))
    rest = Money(amount.amount - sum(line.amount.amount for line in extras), amount.currency)
    return (PurchaseLine(first, rest, 1, category), *extras)
