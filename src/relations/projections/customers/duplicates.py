"""Likely duplicates: the evidence for and against two customers being the same person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from threading import RLock
from typing import Literal, NamedTuple

import msgspec

from relations.json_form import ViewAnswer
from relations.projections.customers.matching import (
    same_birthday,
    same_email,
    same_first_name,
    same_name,
    same_phone,
)
from relations.projections.customers.portraits import SaidTrait
from relations.projections.keeping import ViewState

__all__ = [
    "COMPARED",
    "Candidates",
    "Contradiction",
    "Duplicate",
    "Evidence",
    "MarkHashes",
    "Person",
    "StoredHashes",
    "marks",
    "pairs",
    "person",
]

EvidenceKind = Literal["email", "phone", "name_and_birthday", "external_id"]
Mark = tuple[EvidenceKind, str]
"""A value that few people share, in its normal form for comparison."""

COMPARED = ("name", "email", "phone", "birthday", "region")
"""The fields of a profile that are compared."""
_KINDS: tuple[EvidenceKind, ...] = ("email", "phone", "name_and_birthday", "external_id")


ContraryKind = Literal["birthday", "first_name"]


class Person(NamedTuple):
    """The fields of a profile that can be evidence against a pair."""

    name: str | None
    birthday: str | None


class Evidence(ViewAnswer):
    """Evidence that two customers are the same person.

    Attributes:
        kind: `email`, `phone`, `name_and_birthday`, or `external_id`: another system has the same id for both.
        value: The shared value in its normal form. That is an address in lower case, a number in E.164, a name with its
            parts in alphabetical order, or a source and an id.
    """

    kind: EvidenceKind
    value: str


class Contradiction(ViewAnswer):
    """Evidence that two customers are not the same person.

    Attributes:
        kind: `birthday` or `first_name`.
        values: The two differing values, in the order of the pair's ids.
    """

    kind: ContraryKind
    values: tuple[str, str]


class Duplicate(ViewAnswer):
    """A pair of customers who are likely to be the same person.

    Attributes:
        customers: Their ids, in order.
        evidence: The evidence for the pair.
        against: The evidence against the pair; each item lowers its rank.
    """

    customers: tuple[str, str]
    evidence: tuple[Evidence, ...]
    against: tuple[Contradiction, ...] = ()

    @property
    def rank(self) -> int:
        """The number of kinds of evidence minus that of contradictions; the higher, the likelier."""
        return len({sign.kind for sign in self.evidence}) - len(self.against)


def person(said: Mapping[str, SaidTrait]) -> Person:
    """Return the fields of a profile that can contradict another's."""
    return Person(*(said[name].value if name in said else None for name in Person._fields))


def _against(one: Sequence[Person], other: Sequence[Person]) -> tuple[Contradiction, ...]:
    """Return the contradictions of two customers: fields in which none of their ids agree."""
    found: list[Contradiction] = []
    compared: tuple[tuple[ContraryKind, str, Callable[[str, str], bool]], ...] = (
        ("birthday", "birthday", same_birthday),
        ("first_name", "name", same_first_name),
    )
    for kind, name, same in compared:
        values = [value for each in one if (value := getattr(each, name))]
        others = [value for each in other if (value := getattr(each, name))]
        if values and others and not any(same(value, theirs) for value in values for theirs in others):
            found.append(Contradiction(kind=kind, values=(values[0], others[0])))
    return tuple(found)


def marks(said: Mapping[str, SaidTrait], country: str | None) -> list[Mark]:
    """Return the values by which a customer can be matched with another.

    Args:
        said: The customer's profile, readable.
        country: The country in which numbers are dialled, unless the customer's region is a country (ISO 3166).
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


@dataclass
class MarkHashes:
    """Hashes of the marks of all ids, kept from one question to the next.

    They are keyed digests, which may be stored, or Python's own hashes in a log without a key of digests. The marks
    themselves, which are personal, are not kept.

    Attributes:
        state: The state of the tables that they are from; None before the first question.
        form: What they depend on besides the words.
        of: The hashes by id.
        awaiting: The ids whose hashes hold only for now: a value takes effect later, or words could not be read.
        lock: Held while the hashes are brought up to date.
    """

    state: ViewState | None = None
    form: str = ""
    of: dict[str, tuple[int, ...]] = field(default_factory=dict)
    awaiting: set[str] = field(default_factory=set)
    lock: RLock = field(default_factory=RLock)

    def can_follow(self, state: ViewState, form: str) -> bool:
        """Return whether these hashes hold for a state, but for the ids with later events."""
        mine = self.state
        return (
            mine is not None
            and form == self.form
            and (mine.zone, mine.generation) == (state.zone, state.generation)
            and mine.position <= state.position
        )


class StoredHashes(msgspec.Struct, array_like=True):
    """The hashes of a part of all ids as they are stored, and the ids among them whose hashes hold only for then."""

    of: dict[str, tuple[int, ...]]
    awaiting: list[str]


class Candidates:
    """A search for customers who share any mark. It keeps a hash of each mark instead of the mark.

    A collision of hashes only adds a false candidate; `pairs` compares the marks themselves.
    """

    __slots__ = ("_first", "_shared")

    def __init__(self) -> None:
        self._first: dict[int, str] = {}
        self._shared: dict[int, set[str]] = {}

    def add(self, customer: str, hashes: Iterable[int]) -> None:
        """Add a customer with the hashes of their marks."""
        for number in hashes:
            first = self._first.setdefault(number, customer)
            if first != customer:
                self._shared.setdefault(number, {first}).add(customer)

    def found(self, at_most: int) -> list[str]:
        """Return the customers who share a mark with others, at most this many in all; in order."""
        return sorted({name for names in self._shared.values() if len(names) <= at_most for name in names})


def pairs(
    marked: Iterable[tuple[str, Iterable[Mark]]],
    parted: frozenset[frozenset[str]],
    at_most: int,
    people: Mapping[str, Sequence[Person]],
) -> list[Duplicate]:
    """Return the pairs of customers who share a mark, the likeliest first.

    Args:
        marked: Customers with their marks; a customer may occur several times.
        parted: Pairs that were unmerged, and so are two persons.
        at_most: A mark that more customers share is ignored, such as the number of a travel agency.
        people: The names and birthdays of all ids of each customer.
    """
    holders: defaultdict[Mark, set[str]] = defaultdict(set)
    for customer, found in marked:
        for mark in found:
            holders[mark].add(customer)
    shared: defaultdict[tuple[str, str], list[Mark]] = defaultdict(list)
    for mark, customers in holders.items():
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
            against=_against(people.get(pair[0], ()), people.get(pair[1], ())),
        )
        for pair, common in shared.items()
    ]
    return sorted(found_pairs, key=lambda each: (-each.rank, len(each.against), each.customers))
