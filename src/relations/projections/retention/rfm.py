"""Recency, frequency and money, each graded from 1 to 5, and the segments that the grades make.

Quintiles treat equals alike: customers with the same value share the middle of the ranks that they take up, and that
middle decides their score. Of n customers, of whom b have a lower value and t the same one (themselves included), the
score is 1 + floor(5 (2 b + t) / (2 n)). Without ties these are plain quintiles; where all are equal, all get 3.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from relations.messages import Money
from relations.policies.lifecycle import Rfm, RfmBins
from relations.projections.retention.patronage import Patronage
from relations.projections.totals import Total

__all__ = [
    "Buyer",
    "RfmReport",
    "RfmScore",
    "RfmSegmentSize",
    "quintiles",
    "rfm_buyers",
    "rfm_scores",
    "rfm_segments",
    "segment_sizes",
]

Buyer = tuple[str, int, int, int]
"""Customer, days since the last purchase, purchase days, and net amount in minor units."""


class RfmScore(BaseModel):
    """One customer's grades.

    Attributes:
        customer: Their id.
        recency_days: Days since the last purchase.
        frequency: On how many days they bought, in whatever currency; several purchases on one day are one visit.
        monetary: What they spent, net of refunds, in the report's currency.
        r: Grade of recency: 5 for the most recent.
        f: Grade of frequency: 5 for the most frequent.
        m: Grade of money: 5 for the most spent.
        segment: What the policy calls these grades.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    recency_days: int
    frequency: int
    monetary: Total
    r: int
    f: int
    m: int
    segment: str


class RfmSegmentSize(BaseModel):
    """One segment.

    Attributes:
        segment: Its name.
        customers: How many are in it.
        share: Of all who ever bought; None where nobody did.
        monetary: What they spent together, net.
    """

    model_config = ConfigDict(frozen=True)

    segment: str
    customers: int
    share: float | None
    monetary: Total


class RfmReport(BaseModel):
    """Value, graded.

    Attributes:
        as_of: The moment asked for; its whole local day counts for recency and frequency.
        currency: The only one that counts as money here; nothing is converted.
        rule: `quintiles` or the policy's `bins`.
        buyers: How many were graded: all with a purchase in this currency.
        other_currencies: How many bought, but never in this currency. They are neither graded nor in any segment.
        segments: Every segment of the policy, in its order.
        customers: Those asked for, by id.
    """

    model_config = ConfigDict(frozen=True)

    as_of: datetime
    currency: str
    rule: Literal["quintiles", "bins"]
    buyers: int
    other_currencies: int
    segments: tuple[RfmSegmentSize, ...]
    customers: tuple[RfmScore, ...]


def rfm_buyers(rows: Iterable[Patronage], currency: str, *, today: int) -> tuple[list[Buyer], int]:
    """Everybody with a purchase in a currency by the evening of `today`, and how many bought in others alone."""
    found, others = [], 0
    for row in rows:
        days = row.purchase_days(today)
        if days and row.bought_in(currency, today):
            found.append((row.customer, today - days[-1], len(days), row.net_amount(currency, today)))
        elif days:
            others += 1
    return found, others


def quintiles(values: Iterable[int]) -> Callable[[int], int]:
    """The score of each value among `values`, higher for higher, equals alike; the module states the rule."""
    ordered = sorted(values)
    n = len(ordered)

    @cache
    def score(value: int) -> int:
        below = bisect_left(ordered, value)
        tied = bisect_right(ordered, value) - below
        return 1 + 5 * (2 * below + tied) // (2 * n)

    return score


def _by_bins(bins: RfmBins) -> tuple[Callable[[int], int], Callable[[int], int], Callable[[int], int]]:
    return (
        lambda days: 5 - bisect_left(bins.recency_days, days),
        lambda count: 1 + bisect_right(bins.frequency, count),
        lambda amount: 1 + bisect_right(bins.monetary, amount),
    )


def _by_quintiles(
    buyers: Sequence[Buyer],
) -> tuple[Callable[[int], int], Callable[[int], int], Callable[[int], int]]:
    recent = quintiles(-buyer[1] for buyer in buyers)
    return (
        lambda days: recent(-days),
        quintiles(buyer[2] for buyer in buyers),
        quintiles(buyer[3] for buyer in buyers),
    )


def rfm_scores(buyers: Sequence[Buyer], policy: Rfm, currency: str) -> list[RfmScore]:
    """Grade every buyer against the others, or against the policy's bins."""
    recency, frequency, money = _by_bins(policy.bins) if policy.bins else _by_quintiles(buyers)

    @cache
    def name(r: int, f: int, m: int) -> str:
        return next(segment.name for segment in policy.segments if segment.holds(r, f, m))

    found = []
    for customer, days, count, amount in buyers:
        r, f, m = recency(days), frequency(count), money(amount)
        found.append(
            RfmScore(
                customer=customer,
                recency_days=days,
                frequency=count,
                monetary=Money(amount, currency),
                r=r,
                f=f,
                m=m,
                segment=name(r, f, m),
            )
        )
    return found


def rfm_segments(rows: Iterable[Patronage], policy: Rfm, currency: str, *, today: int) -> dict[str, str]:
    """The name of the segment of everybody who is graded, by customer."""
    scores = rfm_scores(rfm_buyers(rows, currency, today=today)[0], policy, currency)
    return {score.customer: score.segment for score in scores}


def segment_sizes(scores: Sequence[RfmScore], policy: Rfm, currency: str) -> tuple[RfmSegmentSize, ...]:
    """How many customers and how much money each segment of the policy has."""
    customers = Counter(score.segment for score in scores)
    amounts: Counter[str] = Counter()
    for score in scores:
        amounts[score.segment] += score.monetary.amount
    return tuple(
        RfmSegmentSize(
            segment=name,
            customers=customers[name],
            share=customers[name] / len(scores) if scores else None,
            monetary=Money(amounts[name], currency),
        )
        for name in dict.fromkeys(segment.name for segment in policy.segments)
    )
