"""What the retention view keeps of each customer: when they bought, for how much, what went back, what they said.

One row a customer, in whole local days and months, so it stays small however often they buy. Every fold adds, takes
the least, or sets a bit: the order of recording cannot matter, nor that of business times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from relations.aggregates.customer import CustomerRegistered, FeedbackGiven, PurchaseRecorded, PurchaseRefunded
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.purchase_days import days_of, month_and_bit

__all__ = ["CSAT_SCORES", "PROJECTION", "Activity", "Opinion", "Patronage"]

_MONTH = 7
"""How long a month is in a key such as `2024-05EUR`."""

_keys: dict[str, dict[int, tuple[str, int]]] = {}


class Activity(msgspec.Struct, array_like=True, gc=False):
    """What a customer did in one month and one currency.

    Attributes:
        days: A bit for each day with a purchase, the first of the month the lowest.
        purchases: How many.
        bought: Their sum, in minor units.
        refunds: How many were dated in this month, whenever the purchase was.
        refunded: Their sum, in minor units.
        discounted: How many of the purchases were at less than the full price.
    """

    days: int = 0
    purchases: int = 0
    bought: int = 0
    refunds: int = 0
    refunded: int = 0
    discounted: int = 0


CSAT_SCORES = 5
_PROMOTER, _PASSIVE = 9, 7


class Opinion(msgspec.Struct, array_like=True, gc=False):
    """What a customer answered in one month.

    Attributes:
        csat: Answers of satisfaction, one number for each score from 1 to 5.
        promoters: Answers of 9 or 10 on whether they recommend the business.
        passives: Answers of 7 or 8.
        detractors: Answers of 0 to 6.
    """

    csat: list[int] = msgspec.field(default_factory=lambda: [0] * CSAT_SCORES)
    promoters: int = 0
    passives: int = 0
    detractors: int = 0


class Patronage(CustomerRow, gc=False):
    """A customer's purchases.

    Attributes:
        registered_at: When the business began to know them, UTC microseconds.
        activity: By local month and currency in one key, `2024-05EUR`: a level of dictionaries less is a third of the
            fold's time and of the row's memory.
        opinions: What they answered, by local month.
    """

    table: ClassVar[str] = "customer"
    registered_at: int | None = None
    activity: dict[str, Activity] = msgspec.field(default_factory=dict)
    opinions: dict[str, Opinion] = msgspec.field(default_factory=dict)

    def absorb(self, other: Patronage) -> None:
        """Known since the first of both; what was bought and given back adds up."""
        known = [at for at in (self.registered_at, other.registered_at) if at is not None]
        self.registered_at = min(known, default=None)
        for key, theirs in other.activity.items():
            ours = self.activity.setdefault(key, Activity())
            ours.days |= theirs.days
            ours.purchases += theirs.purchases
            ours.bought += theirs.bought
            ours.refunds += theirs.refunds
            ours.refunded += theirs.refunded
            ours.discounted += theirs.discounted
        for month, said in other.opinions.items():
            opinion = self.opinions.setdefault(month, Opinion())
            opinion.csat = [one + more for one, more in zip(opinion.csat, said.csat, strict=True)]
            opinion.promoters += said.promoters
            opinion.passives += said.passives
            opinion.detractors += said.detractors

    def months(self) -> dict[str, int]:
        """Each month with the bits of its purchase days, whatever the currency."""
        found: dict[str, int] = {}
        for key, activity in self.activity.items():
            month = key[:_MONTH]
            found[month] = found.get(month, 0) | activity.days
        return found

    def purchase_days(self, until: int) -> list[int]:
        """The ordinals of the local days with a purchase, ascending, up to and including `until`."""
        return days_of(self.months().items(), until)

    def entries(self) -> Iterator[tuple[str, str, Activity]]:
        """Month, currency and what was done in them."""
        for key, activity in self.activity.items():
            yield key[:_MONTH], key[_MONTH:], activity


PROJECTION = Projection(name="retention", version=2, tables=(Patronage,))


def _key_and_bit(day: int, currency: str) -> tuple[str, int]:
    # Remembered, so that all rows share one string a month and currency.
    by_day = _keys.get(currency)
    if by_day is None:
        by_day = _keys[currency] = {}
    found = by_day.get(day)
    if found is None:
        month, bit = month_and_bit(day)
        found = by_day[day] = (month + currency, bit)
    return found


@PROJECTION.on(CustomerRegistered)
def customer_registered(rows: Rows, event: CustomerRegistered, at: Envelope) -> None:
    """Somebody to know, though they may never buy."""
    row = rows.need(Patronage, at.customer)
    if row.registered_at is None or at.occurred_at < row.registered_at:
        row.registered_at = at.occurred_at


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    """A purchase counts on its local day, in its own currency. The hottest fold there is."""
    row = rows.need(Patronage, at.customer)
    amount = event.amount
    key, bit = _key_and_bit(rows.local.day(at.occurred_at), amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity(bit, 1, amount.amount)
    else:
        activity.days |= bit
        activity.purchases += 1
        activity.bought += amount.amount
    if event.discounted:
        activity.discounted += 1


@PROJECTION.on(PurchaseRefunded)
def purchase_refunded(rows: Rows, event: PurchaseRefunded, at: Envelope) -> None:
    """A refund counts in the month in which it happens; the purchase stays a purchase."""
    row = rows.need(Patronage, at.customer)
    key, _ = _key_and_bit(rows.local.day(at.occurred_at), event.amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity()
    activity.refunds += 1
    activity.refunded += event.amount.amount


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """A score of satisfaction or recommendation counts in the month in which it was given."""
    score, kind = event.score, event.kind or event.instrument
    if score is None or kind not in ("csat", "nps"):
        return
    row = rows.need(Patronage, at.customer)
    month = rows.local.month(at.occurred_at)
    opinion = row.opinions.get(month)
    if opinion is None:
        opinion = row.opinions[month] = Opinion()
    if kind == "csat":
        opinion.csat[score - 1] += 1
    elif score >= _PROMOTER:
        opinion.promoters += 1
    elif score >= _PASSIVE:
        opinion.passives += 1
    else:
        opinion.detractors += 1
