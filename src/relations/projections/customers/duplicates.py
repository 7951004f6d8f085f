"""Customers who are likely to be one: what speaks for it, in whatever way they were written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Literal

from pydantic import BaseModel, ConfigDict

from relations.projections.customers.matching import same_email, same_name, same_phone
from relations.projections.customers.portraits import SaidTrait

__all__ = ["COMPARED", "Candidates", "Duplicate", "Evidence", "marks", "pairs"]

EvidenceKind = Literal["email", "phone", "name_and_birthday", "external_id"]
Mark = tuple[EvidenceKind, str]
"""Something that hardly two people have alike, in the form in which it is compared."""

COMPARED = ("name", "email", "phone", "birthday", "region")
"""What must be known of a customer to compare them."""
_KINDS: tuple[EvidenceKind, ...] = ("email", "phone", "name_and_birthday", "external_id")


class Evidence(BaseModel):
    """Something that speaks for two customers being one.

    Attributes:
        kind: `email`, `phone`, `name_and_birthday`, or `external_id`: another system calls both the same.
        value: What they have alike, in the form in which it was compared: an address in small letters, a number in
            E.164, a name with its parts in order of the alphabet, a source and an id.
    """

    model_config = ConfigDict(frozen=True)

    kind: EvidenceKind
    value: str


class Duplicate(BaseModel):
    """Two customers who are likely to be one.

    Attributes:
        customers: Their ids, in order.
        evidence: What speaks for it; the more, the likelier.
    """

    model_config = ConfigDict(frozen=True)

    customers: tuple[str, str]
    evidence: tuple[Evidence, ...]


def marks(said: Mapping[str, SaidTrait], country: str | None) -> list[Mark]:
    """By what a customer may be found to be the same as another.

    Args:
        said: What holds of them, readable.
        country: Where a number is dialled that does not say so, unless the customer's own region does (ISO 3166).
    """

    def value(name: str) -> str | None:
        return said[name].value if name in said else None

    found: list[Mark] = []
    if email := value("email"):
        found.append(("email", same_email(email)))
    if phone := value("phone"):
        region = value("region")
        number = same_phone(phone, region if region and len(region) == 2 else country)
        if number is not None:
            found.append(("phone", number))
    if (name := value("name")) and (birthday := value("birthday")) and (same := same_name(name)):
        found.append(("name_and_birthday", f"{same}, {birthday}"))
    return found


class Candidates:
    """Finds who shares anything at all, without keeping what it is: a number stands for each mark.

    Two marks with the same number make somebody a candidate in vain; `pairs` compares the marks themselves.
    """

    __slots__ = ("_first", "_shared")

    def __init__(self) -> None:
        self._first: dict[int, str] = {}
        self._shared: dict[int, set[str]] = {}

    def add(self, customer: str, found: Iterable[Mark]) -> None:
        """Somebody with their marks."""
        for mark in found:
            number = hash(mark)
            first = self._first.setdefault(number, customer)
            if first != customer:
                self._shared.setdefault(number, {first}).add(customer)

    def found(self, at_most: int) -> list[str]:
        """Everybody who shares a mark with another, and with no more than so many in all; in order."""
        return sorted({name for names in self._shared.values() if len(names) <= at_most for name in names})


def pairs(
    marked: Iterable[tuple[str, Iterable[Mark]]], parted: frozenset[frozenset[str]], at_most: int
) -> list[Duplicate]:
    """Every two customers who share a mark, those with most in common first.

    Args:
        marked: Customers with their marks; one customer may come several times.
        parted: Those of whom it was said that they are two persons.
        at_most: A mark of more customers than that is no sign of anything: the number of a travel agency.
    """
    bearers: defaultdict[Mark, set[str]] = defaultdict(set)
    for customer, found in marked:
        for mark in found:
            bearers[mark].add(customer)
    shared: defaultdict[tuple[str, str], list[Mark]] = defaultdict(list)
    for mark, customers in bearers.items():
        if 2 <= len(customers) <= at_most:
            for one, other in combinations(sorted(customers), 2):
                if frozenset((one, other)) not in parted:
                    shared[one, other].append(mark)
    found_pairs = [
        Duplicate(
            customers=pair,
            evidence=tuple(
                Evidence(kind=kind, value=value)
                for kind, value in sorted(common, key=lambda mark: (_KINDS.index(mark[0]), mark[1]))
            ),
        )
        for pair, common in shared.items()
    ]
    return sorted(found_pairs, key=lambda each: (-len({said.kind for said in each.evidence}), each.customers))
