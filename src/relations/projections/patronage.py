"""What the retention view keeps of each customer: when they bought, for how much, what went back, what they said.

One row a customer, in whole local days and months, so it stays small however often they buy. Every fold adds, takes
the least, or sets a bit: the order of recording cannot matter, nor that of business times.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from relations.aggregates.customer import (
    AcquisitionCostRecorded,
    CustomerLapsed,
    CustomerRegistered,
    CustomerWonBack,
    FeedbackGiven,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    TraitDropped,
    TraitNoted,
)
from relations.analytics import RepeatStatistics
from relations.messages import Envelope
from relations.projections.known import Known, newer
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.purchase_days import days_of, month_and_bit, month_of

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
        first: What those of the first day with a purchase came to, in minor units: models of spending leave out the
            day on which somebody became a customer.
    """

    days: int = 0
    purchases: int = 0
    bought: int = 0
    refunds: int = 0
    refunded: int = 0
    discounted: int = 0
    first: int = 0

    def absorb(self, other: Activity) -> None:
        """What two ids did adds up."""
        ours, theirs = self.days & -self.days, other.days & -other.days
        if not ours or (theirs and theirs < ours):
            self.first = other.first
        elif ours == theirs:
            self.first += other.first
        self.days |= other.days
        self.purchases += other.purchases
        self.bought += other.bought
        self.refunds += other.refunds
        self.refunded += other.refunded
        self.discounted += other.discounted


CSAT_SCORES = 5
_PROMOTER, _PASSIVE = 9, 7
_HELD = "yes"


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


class Departure(msgspec.Struct, array_like=True, order=True, gc=False):
    """That the customer left, or came back.

    Attributes:
        at: When, UTC microseconds.
        position: Of its event in the log.
        back: Whether they came back.
        why: The reason for leaving, or the campaign that won them back; empty where there is none.
    """

    at: int
    position: int
    back: bool
    why: str


class Patronage(CustomerRow, gc=False):
    """A customer's purchases.

    Attributes:
        registered_at: When the business began to know them, UTC microseconds.
        activity: By local month and currency in one key, `2024-05EUR`: a level of dictionaries less is a third of the
            fold's time and of the row's memory.
        opinions: What they answered, by local month.
        profile: Language and region as last known, and the channel that they were registered through.
        traits: By sort and subject, such as `need quiet`, as last noted: a need's sort or `yes`, and empty once
            dropped.
        acquisition: What was spent to win them, in minor units, by currency, channel and campaign: `EUR|social|spring`.
        departures: That they left or came back, where it is known, in order of business time.
    """

    table: ClassVar[str] = "customer"
    registered_at: int | None = None
    activity: dict[str, Activity] = msgspec.field(default_factory=dict)
    opinions: dict[str, Opinion] = msgspec.field(default_factory=dict)
    profile: dict[str, Known] = msgspec.field(default_factory=dict)
    traits: dict[str, Known] = msgspec.field(default_factory=dict)
    acquisition: dict[str, int] = msgspec.field(default_factory=dict)
    departures: list[Departure] = msgspec.field(default_factory=list)

    def absorb(self, other: Patronage) -> None:
        """Known since the first of both; what was bought and given back adds up."""
        known = [at for at in (self.registered_at, other.registered_at) if at is not None]
        self.registered_at = min(known, default=None)
        for key, theirs in other.activity.items():
            self.activity.setdefault(key, Activity()).absorb(theirs)
        for month, said in other.opinions.items():
            opinion = self.opinions.setdefault(month, Opinion())
            opinion.csat = [one + more for one, more in zip(opinion.csat, said.csat, strict=True)]
            opinion.promoters += said.promoters
            opinion.passives += said.passives
            opinion.detractors += said.detractors
        for mine, others in ((self.profile, other.profile), (self.traits, other.traits)):
            for name, theirs_known in others.items():
                latest = newer(mine.get(name), theirs_known)
                if latest is not None:
                    mine[name] = latest
        for way, cost in other.acquisition.items():
            self.acquisition[way] = self.acquisition.get(way, 0) + cost
        self.departures = sorted([*self.departures, *other.departures])

    def costs(self) -> Iterator[tuple[str, str, str, int]]:
        """Channel, campaign, currency and what was spent to win them, in minor units."""
        for way, cost in self.acquisition.items():
            currency, channel, campaign = way.split("|", 2)
            yield channel, campaign, currency, cost

    def traits_of(self, sort: str) -> frozenset[str]:
        """What the traits of a sort that hold are about, and of needs their sorts too."""
        held = [(name, known.value) for name, known in self.traits.items() if known.value]
        named = [(name.partition(" "), value) for name, value in held]
        mine = [(about, value) for (kind, _, about), value in named if kind == sort]
        return frozenset(about for about, _ in mine) | frozenset(value for _, value in mine if value != _HELD)

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

    def net_amount(self, currency: str, last: str) -> int:
        """What was bought less what was given back through a month, in minor units of a currency."""
        return sum(
            did.bought - did.refunded for month, code, did in self.entries() if code == currency and month <= last
        )

    def repeat_statistics(self, currency: str, through: int) -> RepeatStatistics | None:
        """What models of buying and spending need to know; None for who had not bought in this currency by then.

        Args:
            currency: Only what was paid in it counts.
            through: The ordinal of the last day that counts. All amounts of its month do, so it is best a month's last.
        """
        last = month_of(through)
        months = {month: did for month, code, did in self.entries() if code == currency and did.days and month <= last}
        days = days_of(((month, did.days) for month, did in months.items()), through)
        if not days:
            return None
        return RepeatStatistics(
            frequency=len(days) - 1,
            recency_days=days[-1] - days[0],
            age_days=through - days[0],
            repeat_amount=sum(did.bought for did in months.values()) - months[month_of(days[0])].first,
        )


PROJECTION = Projection(name="retention", version=4, tables=(Patronage,))


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
    _profile(row, "language", event.language, at)
    _profile(row, "region", event.region, at)
    _profile(row, "channel", event.channel, at)


@PROJECTION.on(ProfileCorrected)
def profile_corrected(rows: Rows, event: ProfileCorrected, at: Envelope) -> None:
    """Where they are and what they speak, as last known."""
    row = rows.need(Patronage, at.customer)
    _profile(row, "language", event.language, at)
    _profile(row, "region", event.region, at)


def _profile(row: Patronage, name: str, value: str | None, at: Envelope) -> None:
    if value is not None:
        known = newer(row.profile.get(name), Known(at.occurred_at, at.position, value))
        if known is not None:
            row.profile[name] = known


@PROJECTION.on(TraitNoted, TraitDropped)
def trait_changed(rows: Rows, event: TraitNoted | TraitDropped, at: Envelope) -> None:
    """What they like, do or need, without the words."""
    traits = rows.need(Patronage, at.customer).traits
    name = f"{event.trait} {event.about}"
    value = (event.need or _HELD) if isinstance(event, TraitNoted) else ""
    latest = newer(traits.get(name), Known(at.occurred_at, at.position, value))
    if latest is not None:
        traits[name] = latest


@PROJECTION.on(AcquisitionCostRecorded)
def acquisition_cost_recorded(rows: Rows, event: AcquisitionCostRecorded, at: Envelope) -> None:
    """What was spent to win them."""
    costs = rows.need(Patronage, at.customer).acquisition
    way = f"{event.amount.currency}|{event.channel or ''}|{event.campaign or ''}"
    costs[way] = costs.get(way, 0) + event.amount.amount


@PROJECTION.on(CustomerLapsed, CustomerWonBack)
def left_or_came_back(rows: Rows, event: CustomerLapsed | CustomerWonBack, at: Envelope) -> None:
    """What is known of their leaving; stages are inferred beside it."""
    back = isinstance(event, CustomerWonBack)
    why = event.campaign if isinstance(event, CustomerWonBack) else event.reason
    insort(rows.need(Patronage, at.customer).departures, Departure(at.occurred_at, at.position, back, why or ""))


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    """A purchase counts on its local day, in its own currency. The hottest fold there is."""
    row = rows.need(Patronage, at.customer)
    amount = event.amount
    key, bit = _key_and_bit(rows.local.day(at.occurred_at), amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity(bit, 1, amount.amount, 0, 0, 0, amount.amount)
    else:
        days = activity.days
        lowest = days & -days
        if bit == lowest:
            activity.first += amount.amount
        elif bit < lowest or not lowest:
            activity.first = amount.amount
        activity.days = days | bit
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
