"""Relations and cases as of a moment, and the moments around it at which they are the same.

A relation depends on the moment by the steps taken by then, the local days of purchases, and the length of silence. The
counts of a case also depend on the deadlines that are over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from relations.policies import Repair
from relations.policies.calendars import LocalTime
from relations.policies.complaints.repair import EmotionalAccount
from relations.projections.keeping import span_around
from relations.projections.repair.cases import Case, Patron, deadlines_of, times_of
from relations.projections.repair.emotional_account import Happening, Weighed, happenings, weighed
from relations.projections.repair.figures import CaseCounts, case_counts
from relations.projections.repair.moments import Moments
from relations.projections.repair.recovery import Pair, pairs_of
from relations.projections.repair.relation_state import Relation, case_history, lapses_at, relation_state

__all__ = [
    "HeldAccount",
    "HeldCounts",
    "HeldPairs",
    "HeldRelation",
    "held_account",
    "held_counts",
    "held_pairs",
    "held_relations",
]

_DAY = 86_400_000_000


class HeldRelation(NamedTuple):
    """A relation, and the moments at which it is the same.

    Attributes:
        relation: The relation; without histories if no complaint was filed by then.
        since: The first of these moments, UTC microseconds.
        until: The moment after the last one.
    """

    relation: Relation
    since: int
    until: int

    def hold(self, moment: int) -> bool:
        """Return True if it is the same at a moment."""
        return self.since <= moment < self.until


class HeldCounts(NamedTuple):
    """The counts of a customer's cases, and the moments at which they are the same.

    Attributes:
        counts: The counts.
        since: The first of these moments, UTC microseconds.
        until: The moment after the last one.
    """

    counts: CaseCounts
    since: int
    until: int

    def hold(self, moment: int) -> bool:
        """Return True if they are the same at a moment."""
        return self.since <= moment < self.until


class HeldAccount(NamedTuple):
    """The weighed events of a customer, and the moments at which they are the same.

    Attributes:
        found: The events by time.
        weighed: Their times and weights, as far as they weigh anything.
        since: The first of these moments, UTC microseconds.
        until: The moment after the last one.
    """

    found: list[Happening]
    weighed: list[Weighed]
    since: int
    until: int

    def hold(self, moment: int) -> bool:
        """Return True if they are the same at a moment."""
        return self.since <= moment < self.until


class HeldPairs(NamedTuple):
    """The answers around a customer's complaints, and the moments at which they are the same.

    Attributes:
        pairs: The scores before and after.
        since: The first of these moments, UTC microseconds.
        until: The moment after the last one.
    """

    pairs: list[Pair]
    since: int
    until: int

    def hold(self, moment: int) -> bool:
        """Return True if they are the same at a moment."""
        return self.since <= moment < self.until


def held_account(held: HeldRelation, years: Sequence[Moments], weights: EmotionalAccount, *, as_of: int) -> HeldAccount:
    """Return the weighed events of a customer who complained.

    Args:
        held: Their relation at that moment.
        years: Their contacts by year.
        weights: The weights of the policy.
        as_of: The moment, UTC microseconds.
    """
    found = happenings(held.relation, years, as_of=as_of)
    turns = [contact.at for year in years for contact in year.contacts]
    for history in held.relation.histories:
        turns += deadlines_of(history.case)
    return HeldAccount(found, weighed(found, weights), *_within(held, turns, as_of))


def held_pairs(held: HeldRelation, years: Sequence[Moments], *, within_days: int, as_of: int) -> HeldPairs:
    """Return the answers around the complaints of a customer.

    Args:
        held: Their relation at that moment.
        years: Their answers by year.
        within_days: The number of days before or after within which an answer counts.
        as_of: The moment, UTC microseconds.
    """
    turns = [answer.at for year in years for answer in year.answers]
    pairs = pairs_of(held.relation, years, within_days=within_days, as_of=as_of)
    return HeldPairs(pairs, *_within(held, turns, as_of))


def _within(held: HeldRelation, turns: Iterable[int], moment: int) -> tuple[int, int]:
    """Return the moments at which a relation is the same, and none of the turns lies between them."""
    since, until = span_around(turns, moment)
    return max(since, held.since), min(until, held.until)


def held_relations(
    patrons: Iterable[Patron], cases: Iterable[Case], policy: Repair, *, as_of: int, local: LocalTime
) -> dict[str, HeldRelation]:
    """Return the relations of everybody who has a case, by customer.

    Args:
        patrons: The rows of at least all customers with complaints.
        cases: The cases, grouped by customer.
        policy: The rules of evidence.
        as_of: The moment, UTC microseconds.
        local: The local days of the business.
    """
    by_customer = {patron.customer: patron for patron in patrons}
    found: dict[str, HeldRelation] = {}
    for customer, group in groupby(cases, key=lambda case: case.customer):
        theirs, patron = list(group), by_customer.get(customer)
        relation = relation_state(patron, theirs, policy, as_of=as_of, local=local)
        turns = [at for case in theirs if case.kind == "complaint" for at in times_of(case)]
        if patron is not None:
            turns += _purchase_days_around(patron, as_of, local)
        lapse = lapses_at(relation, patron, policy, as_of, local)
        if lapse is not None:
            turns.append(lapse)
        found[customer] = HeldRelation(relation, *span_around(turns, as_of))
    return found


def _purchase_days_around(patron: Patron, moment: int, local: LocalTime) -> Iterator[int]:
    """Yield the starts of the last purchase day up to a moment and of the next one: purchases count from then on."""
    days = patron.purchase_days(date.max.toordinal())
    after = bisect_right(days, local.day(moment))
    yield from (local.start(date.fromordinal(day)) for day in days[max(after - 1, 0) : after + 1])


def held_counts(
    cases: Iterable[Case], policy: Repair, *, as_of: int, local: LocalTime, follow_up_days: int | None
) -> HeldCounts:
    """Return the counts of a customer's cases of every kind.

    Args:
        cases: Their cases.
        policy: The rules of evidence.
        as_of: The moment, UTC microseconds.
        local: The local days of the business.
        follow_up_days: The number of days from a resolution to the follow-up; None if there are no follow-ups.
    """
    counts: list[CaseCounts] = []
    turns: list[int] = []
    for case in cases:
        if not case.pending and case.last_at <= as_of:
            turns.append(case.last_at)  # nothing is open or due from then on
            continue
        if case.filed_at is not None and case.filed_at > as_of:
            turns.append(case.filed_at)  # nor is anything before the filing
            continue
        history = case_history(case, (), policy, as_of, local)
        if history is not None:
            counts.append(case_counts(history, as_of=as_of, follow_up_days=follow_up_days))
        turns += _turns(case, follow_up_days)
    totals = CaseCounts(*map(sum, zip(CaseCounts(0, 0, 0), *counts, strict=True)))
    return HeldCounts(totals, *span_around(turns, as_of))


def _turns(case: Case, follow_up_days: int | None) -> Iterator[int]:
    """Yield every moment at which the counts of a case may change."""
    yield from times_of(case)
    yield from deadlines_of(case)
    if follow_up_days is not None:
        yield from (at + follow_up_days * _DAY for at in times_of(case))
