"""RFM: recency, frequency and money, each graded from 1 to 5, and the segments that the grades make.

Quintiles treat equal values alike. The grade comes from the middle of a customer's ranks. Of n customers, let b
have a lower value and t the same one (including the customer). Then the grade is 1 + floor(5 (2 b + t) / (2 n)).

Where many values are equal, that alone would leave grades empty. If 80 of 100 customers bought once, all of them would
get a 3 for frequency. So no grade is skipped while there are different values for it. From one value to the next higher
one the grade rises by at most 1, the lowest value has grade 1 and the highest 5. Fewer than five different values are
spread over the grades: 1 and 5; 1, 3 and 5; 1, 2, 3 and 5. Without ties these are plain quintiles. If all values are
equal, the grade is 3 for recency and money, and 1 for frequency.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Literal, TypeAlias

from relations.json_form import ViewAnswer
from relations.messages import Money
from relations.policies.lifecycle import Rfm, RfmBins
from relations.projections.retention.patronage import Patronage
from relations.projections.totals import Total

__all__ = [
    "Buyer",
    "BuyerCounts",
    "RfmReport",
    "RfmScore",
    "RfmSegmentSize",
    "grade_functions",
    "quintiles",
    "rfm_buyers",
    "rfm_scores",
    "rfm_segments",
    "score_among",
    "segment_name",
    "segment_sizes",
    "sizes_of",
]

Buyer = tuple[str, int, int, int]
"""Customer, days since the last purchase, purchase days, and net amount in minor units."""


class RfmScore(ViewAnswer):
    """One customer's grades.

    Attributes:
        customer: The customer's id.
        recency_days: Days since the last purchase.
        frequency: The number of days with a purchase in any currency; several purchases on one day are one visit.
        monetary: What they spent, less refunds, in the report's currency.
        r: The grade of recency: 5 for the most recent.
        f: The grade of frequency: 5 for the most frequent.
        m: The grade of money: 5 for the most spent.
        segment: The policy's name for these grades.
    """

    customer: str
    recency_days: int
    frequency: int
    monetary: Total
    r: int
    f: int
    m: int
    segment: str


class RfmSegmentSize(ViewAnswer):
    """One RFM segment.

    Attributes:
        segment: Its name.
        customers: The number of customers in it.
        share: Their share of all graded customers; None if there are none.
        monetary: What they spent together, less refunds.
    """

    segment: str
    customers: int
    share: float | None
    monetary: Total


class RfmReport(ViewAnswer):
    """Customers graded by recency, frequency and money.

    Attributes:
        as_of: The moment asked about; its whole local day counts.
        currency: The only currency that counts as money here; nothing is converted.
        rule: `quintiles`, or `bins` if the policy has fixed limits.
        buyers: The number of customers graded: all with a purchase in this currency.
        other_currencies: The number of customers who bought, but never in this currency. They have no grades.
        segments: Every segment of the policy, in its order.
        customers: The customers listed, by id.
    """

    as_of: datetime
    currency: str
    rule: Literal["quintiles", "bins"]
    buyers: int
    other_currencies: int
    segments: tuple[RfmSegmentSize, ...]
    customers: tuple[RfmScore, ...]


def rfm_buyers(rows: Iterable[Patronage], currency: str, *, today: int) -> tuple[list[Buyer], int]:
    """Return all buyers in a currency by the evening of `today`, and the number who bought only in other currencies."""
    found, others = [], 0
    for row in rows:
        days = row.purchase_days(today)
        if days and row.bought_in(currency, today):
            found.append((row.customer, today - days[-1], len(days), row.net_amount(currency, today)))
        elif days:
            others += 1
    return found, others


def quintiles(values: Iterable[int], *, if_all_equal: int = 3) -> dict[int, int]:
    """Return the grade of each different value: higher for higher ones; the module states the rule.

    Args:
        values: One value a customer.
        if_all_equal: The grade if there is only one value.
    """
    return _quintiles_of(Counter(values), if_all_equal)


def _quintiles_of(values: Mapping[int, int], if_all_equal: int) -> dict[int, int]:
    counts = sorted(values.items())
    n, different = sum(count for _, count in counts), len(counts)
    if different == 1:
        return {counts[0][0]: if_all_equal}
    if different < 5:
        return {value: 1 + 4 * place // (different - 1) for place, (value, _) in enumerate(counts)}
    found: dict[int, int] = {}
    below = grade = 0
    for place, (value, tied) in enumerate(counts, 1):
        middle = 1 + 5 * (2 * below + tied) // (2 * n)
        still_needed = 5 - (different - place)  # so that the values that are left can reach 5
        grade = found[value] = max(min(middle, grade + 1), still_needed)
        below += tied
    return found


BuyerCounts: TypeAlias = tuple[Mapping[int, int], Mapping[int, int], Mapping[int, int]]
"""How many buyers have each number of days since the last purchase, of purchase days, and each net amount."""
Grading: TypeAlias = tuple[Callable[[int], int], Callable[[int], int], Callable[[int], int]]
"""The functions from days since the last purchase, purchase days and net amount to grades."""


def grade_functions(
    policy: Rfm, recency: Mapping[int, int], frequency: Mapping[int, int], monetary: Mapping[int, int]
) -> Grading:
    """Return the functions that grade recency, frequency and money, given how many buyers have each value."""
    if policy.bins:
        return _by_bins(policy.bins)
    recent = _quintiles_of({-days: count for days, count in recency.items()}, 3)
    frequent, spent = _quintiles_of(frequency, 1), _quintiles_of(monetary, 3)
    return lambda days: recent[-days], frequent.__getitem__, spent.__getitem__


def _by_bins(bins: RfmBins) -> Grading:
    return (
        lambda days: 5 - bisect_left(bins.recency_days, days),
        lambda count: 1 + bisect_right(bins.frequency, count),
        lambda amount: 1 + bisect_right(bins.monetary, amount),
    )


def segment_name(policy: Rfm, r: int, f: int, m: int) -> str:
    """Return the policy's name for three grades."""
    return next(segment.name for segment in policy.segments if segment.holds(r, f, m))


def rfm_scores(buyers: Sequence[Buyer], policy: Rfm, currency: str) -> list[RfmScore]:
    """Grade every buyer against the others, or by the policy's fixed limits."""
    grading = grade_functions(
        policy,
        *(Counter(values) for values in (zip(*(buyer[1:] for buyer in buyers), strict=True) if buyers else ((),) * 3)),
    )
    name = cache(partial(segment_name, policy))
    return [_scored(buyer, grading, name, currency) for buyer in buyers]


def score_among(counts: BuyerCounts, buyer: Buyer, policy: Rfm, currency: str) -> RfmScore:
    """Grade one buyer among all, given how many of them have each value."""
    return _scored(buyer, grade_functions(policy, *counts), partial(segment_name, policy), currency)


def _scored(buyer: Buyer, grading: Grading, name: Callable[[int, int, int], str], currency: str) -> RfmScore:
    customer, days, count, amount = buyer
    recency, frequency, money = grading
    r, f, m = recency(days), frequency(count), money(amount)
    return RfmScore(
        customer=customer,
        recency_days=days,
        frequency=count,
        monetary=Money(amount, currency),
        r=r,
        f=f,
        m=m,
        segment=name(r, f, m),
    )


def rfm_segments(rows: Iterable[Patronage], policy: Rfm, currency: str, *, today: int) -> dict[str, str]:
    """Return the name of each graded customer's segment, by customer."""
    scores = rfm_scores(rfm_buyers(rows, currency, today=today)[0], policy, currency)
    return {score.customer: score.segment for score in scores}


def segment_sizes(scores: Sequence[RfmScore], policy: Rfm, currency: str) -> tuple[RfmSegmentSize, ...]:
    """Count the customers and the money in each segment of the policy."""
    customers = Counter(score.segment for score in scores)
    amounts: Counter[str] = Counter()
    for score in scores:
        amounts[score.segment] += score.monetary.amount
    return sizes_of(policy, currency, len(scores), customers, amounts)


def sizes_of(
    policy: Rfm, currency: str, buyers: int, customers: Mapping[str, int], amounts: Mapping[str, int]
) -> tuple[RfmSegmentSize, ...]:
    """Return the segments of the policy, given the customers and the money in each by name.

    Args:
        policy: The segments.
        currency: The currency of the money.
        buyers: The number of all graded customers.
        customers: The number of customers in each segment that has any.
        amounts: Their money.
    """
    return tuple(
        RfmSegmentSize(
            segment=name,
            customers=customers.get(name, 0),
            share=customers.get(name, 0) / buyers if buyers else None,
            monetary=Money(amounts.get(name, 0), currency),
        )
        for name in dict.fromkeys(segment.name for segment in policy.segments)
    )
