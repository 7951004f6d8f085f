"""Any event that the types of its fields allow, also ones that no command records."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from relations.aggregates.customer import ItemAnswer, PlannedStep, Regarding
from relations.aggregates.customer.purchase_line import PurchaseLine
from relations.messages import Event, Money, Tender

__all__ = ["any_event"]

_IDS = st.sampled_from(["a", "b", "c"])
_NUMBERS = st.integers(-5, 50)
_CURRENCIES = st.sampled_from(["EUR", "EUR", "EUR", "USD"])


def _money(least: int) -> st.SearchStrategy[Money]:
    return st.builds(Money, st.integers(least, 50), _CURRENCIES)


def _few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "str": _IDS | st.sampled_from(["acknowledge", "resolve"]),
    "int": _NUMBERS,
    "bool": st.booleans(),
    "Money": _money(-5),
    "Personal": _IDS,
    "SealedSince": _IDS,
    "PolicyNumber": st.integers(1, 5),
    "Regarding": st.builds(Regarding, st.just("offer"), _IDS),
    "tuple[str, ...]": _few(_IDS),
    "tuple[PlannedStep, ...]": _few(st.builds(PlannedStep, _IDS, st.just("visit"), st.none() | _NUMBERS, _NUMBERS)),
    "tuple[ItemAnswer, ...]": _few(st.builds(ItemAnswer, _IDS, st.integers(1, 7))),
    "tuple[PurchaseLine, ...]": _few(st.builds(PurchaseLine, _IDS, _money(0), st.integers(1, 9))),
    "tuple[Tender, ...]": _few(st.builds(Tender, _IDS, _money(1))),
}
"""By the annotation of a field, without `| None`."""


def any_event(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Return a strategy of events of a class."""
    return st.builds(kind, **{each.name: _of(kind, each.name) for each in msgspec.structs.fields(kind)})


def _of(kind: type[Event], field: str) -> st.SearchStrategy[Any]:
    annotation = str(kind.__annotations__[field])
    name = annotation.removesuffix(" | None")
    assert name in BY_TYPE, f"{kind.__name__}.{field}: add {name} to BY_TYPE in tests/support/any_event.py"
    return BY_TYPE[name] if name == annotation else st.none() | BY_TYPE[name]
