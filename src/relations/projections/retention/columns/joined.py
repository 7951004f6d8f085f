"""Facts about customers that are not in the retention view's tables in clear.

A member's tier and points come from the loyalty view, and the state of a relation from the repair view. The cluster
comes from a recorded fit. Birthday and gender are personal: they are opened when a condition asks for them, which takes
some microseconds a customer. Nothing that was opened is kept, and after an erasure there is nothing to open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeAlias

from relations.policies.calendars import LocalTime
from relations.policies.facts import Fact
from relations.projections.loyalty.standings import MemberStanding
from relations.projections.retention.patronage import SealedWord

__all__ = ["JOINED_FACTS", "NOTHING_JOINED", "Joined", "JoinedFacts", "Value", "age_on"]

Value: TypeAlias = float | frozenset[str] | None
Joined: TypeAlias = Mapping[Fact, Mapping[str, Value]]
OpenWords: TypeAlias = Callable[[Sequence[tuple[str, str, str, str]]], list[str | None]]
ReadStandings: TypeAlias = Callable[[Sequence[str] | None, int], Mapping[str, MemberStanding]]
ReadStates: TypeAlias = Callable[[Sequence[str] | None, int], Mapping[str, str]]
ReadClusters: TypeAlias = Callable[[Sequence[str] | None, int], Mapping[str, int]]
ReadSealed: TypeAlias = Callable[[Sequence[str] | None], Iterable[tuple[str, Mapping[str, SealedWord]]]]

JOINED_FACTS: tuple[Fact, ...] = ("age", "gender", "points", "tier", "cluster", "relation")
_HEALTHY: Value = frozenset({"healthy"})
_CHUNK = 2_000


def _nothing() -> Value:
    return None


NOTHING_JOINED: Joined = {fact: defaultdict(_nothing) for fact in JOINED_FACTS}
"""No fact is known of anybody."""


class JoinedFacts:
    """A reader of these facts for customers by their surviving ids.

    Args:
        sealed: Reads the sealed words of some customers; None stands for all.
        open_words: Opens sealed words; None for those whose key was destroyed.
        standings: Reads the standing of members at a moment.
        states: Reads the states of relations at a moment.
        clusters: Reads the numbers of clusters on the evening of a day.
        local: The business's days.
    """

    def __init__(
        self,
        sealed: ReadSealed,
        open_words: OpenWords,
        standings: ReadStandings,
        states: ReadStates,
        clusters: ReadClusters,
        local: LocalTime,
    ) -> None:
        self._sealed = sealed
        self._open_words = open_words
        self._standings = standings
        self._states = states
        self._clusters = clusters
        self._local = local

    def of(self, facts: Iterable[Fact], customers: Sequence[str], today: int) -> Joined:
        """Return those of the facts that are joined, for some customers on the evening of a day."""
        return {fact: self.values(fact, customers, today) for fact in facts if fact in JOINED_FACTS}

    def values(self, fact: Fact, customers: Sequence[str] | None, today: int) -> Mapping[str, Value]:
        """Return one fact by customer, on the evening of a day; a customer without an entry has the default.

        Args:
            fact: The fact.
            customers: The customers; None stands for all.
            today: The ordinal of the day.
        """
        evening = self._local.start(date.fromordinal(today) + timedelta(days=1)) - 1
        match fact:
            case "age":
                ages = ((name, age_on(words, today)) for name, words in self._opened("birthday", customers))
                return defaultdict(_nothing, ages)
            case "gender":
                return defaultdict(
                    _nothing, ((name, frozenset({words})) for name, words in self._opened("gender", customers))
                )
            case "points" | "tier":
                found = self._standings(customers, evening)
                if fact == "points":
                    return defaultdict(_nothing, ((name, each.points) for name, each in found.items()))
                return defaultdict(
                    _nothing, ((name, frozenset({each.tier})) for name, each in found.items() if each.tier is not None)
                )
            case "cluster":
                numbers = self._clusters(customers, today)
                return defaultdict(_nothing, ((name, frozenset({str(number)})) for name, number in numbers.items()))
            case _:
                states = self._states(customers, evening)
                return defaultdict(lambda: _HEALTHY, ((name, frozenset({state})) for name, state in states.items()))

    def _opened(self, field: str, customers: Sequence[str] | None) -> Iterator[tuple[str, str]]:
        found = [(name, words[field]) for name, words in self._sealed(customers) if field in words]
        for start in range(0, len(found), _CHUNK):
            part = found[start : start + _CHUNK]
            opened = self._open_words([(word.customer, word.topic, field, word.words) for _, word in part])
            for (name, _), words in zip(part, opened, strict=True):
                if words is not None:
                    yield name, words


def age_on(birthday: str, today: int) -> int | None:
    """Return the age in full years on a day; None for a birthday without its year, or after the day.

    A customer born on 29 February is a year older on 1 March of other years.
    """
    if birthday.startswith("--"):
        return None
    born, now = date.fromisoformat(birthday), date.fromordinal(today)
    age = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return age if age >= 0 else None
