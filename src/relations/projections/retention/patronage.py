"""What the retention view keeps of each customer: when they bought, for how much, what went back, what they said.

One row a customer, in whole local days and months: it grows with the days on which they bought, not with purchases.
Every fold adds, takes the least, or sets a bit: the order of recording cannot matter, nor that of business times.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from datetime import date
from typing import ClassVar

import msgspec

from relations.aggregates.customer import (
    AcquisitionCostRecorded,
    CultureNoted,
    CustomerLapsed,
    CustomerRegistered,
    CustomerWonBack,
    FeedbackGiven,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    TraitDropped,
    TraitNoted,
)
from relations.analytics import RepeatStatistics, Turn
from relations.messages import Envelope
from relations.policies.calendars import LocalTime
from relations.projections.known import Known, newer
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.purchase_days import days_of, first_day, month_and_bit, month_of
from relations.projections.retention.activity import Activity, Departure, Opinion

__all__ = ["PROJECTION", "Patronage"]

_MONTH, _DAY = 7, 10
"""How long a month is in a key such as `2024-05EUR`, and a day in `2024-05-17`."""

_HELD = "yes"

_keys: dict[str, dict[int, tuple[str, int]]] = {}


class Patronage(CustomerRow, gc=False):
    """A customer's purchases.

    Attributes:
        registered_at: When the business began to know them, UTC microseconds.
        activity: By local month and currency in one key, `2024-05EUR`: a level of dictionaries less is a third of the
            fold's time and of the row's memory.
        opinions: What they answered, in the order of recording.
        returned: What went back of purchases, in minor units, by the local day of the purchase, the currency and the
            local day from which it counts: `2024-05-17EUR2024-07-02`.
        channels: Through which channels they bought, each with the ordinal of the first day.
        categories: What they bought, likewise.
        profile: Language and region as last known, the channel that they were registered through, and of their
            culture the languages (with commas between), the channel and the pace that they prefer.
        traits: By sort and subject, such as `need quiet`, as last noted: a need's sort or `yes`, and empty once
            dropped.
        acquisition: What was spent to win them, in minor units, by day, currency, channel and campaign:
            `2024-05-17EUR|social|spring`.
        departures: That they left or came back, where it is known, in order of business time.
    """

    table: ClassVar[str] = "customer"
    registered_at: int | None = None
    activity: dict[str, Activity] = msgspec.field(default_factory=dict)
    returned: dict[str, int] = msgspec.field(default_factory=dict)
    channels: dict[str, int] = msgspec.field(default_factory=dict)
    categories: dict[str, int] = msgspec.field(default_factory=dict)
    opinions: list[Opinion] = msgspec.field(default_factory=list)
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
        self.opinions = _given_once([*self.opinions, *other.opinions])
        for mine, others in ((self.profile, other.profile), (self.traits, other.traits)):
            for name, theirs_known in others.items():
                latest = newer(mine.get(name), theirs_known)
                if latest is not None:
                    mine[name] = latest
        for sums, more in ((self.returned, other.returned), (self.acquisition, other.acquisition)):
            for key, amount in more.items():
                sums[key] = sums.get(key, 0) + amount
        for firsts, more in ((self.channels, other.channels), (self.categories, other.categories)):
            for name, day in more.items():
                firsts[name] = min(firsts.get(name, day), day)
        self.departures = sorted([*self.departures, *other.departures])

    def costs(self, until: int) -> Iterator[tuple[str, str, str, str, int]]:
        """Day, channel, campaign, currency and what was spent to win them by the evening of `until`, in minor units."""
        last = date.fromordinal(until).isoformat()
        for way, cost in self.acquisition.items():
            if way[:_DAY] <= last:
                currency, channel, campaign = way[_DAY:].split("|", 2)
                yield way[:_DAY], channel, campaign, currency, cost

    def turns(self, until: int, local: LocalTime) -> list[Turn]:
        """The local days on which their leaving or coming back was recorded, the last word of each, ascending."""
        last: dict[int, bool] = {}
        for each in self.departures:
            last[local.day(each.at)] = each.back
        return [Turn(day, back) for day, back in last.items() if day <= until]

    def last_score(self, kind: str, month: str) -> int | None:
        """The last score of satisfaction (`csat`) or recommendation (`nps`) given by the end of a month."""
        said = (each for each in self.opinions if each.kind == kind and each.month <= month)
        latest = max(said, key=lambda each: (each.at, each.position), default=None)
        return None if latest is None else latest.score

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

    def kept_months(self, until: int) -> dict[str, int]:
        """As `months`, without the days of which all the money had gone back by the evening of `until`."""
        if not self.returned:
            return self.months()
        kept: dict[str, int] = {}
        for currency in {currency for _, currency, _ in self.entries()}:
            returned = self.returned_by_day(currency, until)
            for day, bought in self.bought_by_day(currency, until).items():
                if day not in returned or returned[day] < bought:
                    month, bit = month_and_bit(day)
                    kept[month] = kept.get(month, 0) | bit
        return kept

    def purchase_days(self, until: int) -> list[int]:
        """The ordinals of the local days with a purchase, ascending, up to and including `until`."""
        return days_of(self.months().items(), until)

    def entries(self) -> Iterator[tuple[str, str, Activity]]:
        """Month, currency and what was done in them."""
        for key, activity in self.activity.items():
            yield key[:_MONTH], key[_MONTH:], activity

    def bought_in(self, currency: str, until: int) -> bool:
        """Whether they bought anything in a currency by the evening of `until`."""
        last = month_of(until)
        for month, code, did in self.entries():
            if code == currency and did.days and month <= last:
                lowest = did.days & -did.days
                if first_day(month) + lowest.bit_length() - 1 <= until:
                    return True
        return False

    def bought_by_day(self, currency: str, until: int) -> dict[int, int]:
        """What was bought on each local day up to `until`, in minor units of a currency, by the day's ordinal."""
        found: dict[int, int] = {}
        last = month_of(until)
        for month, code, did in self.entries():
            if code == currency and month <= last and did.days:
                found.update(zip(days_of(((month, did.days),), until), did.by_day(), strict=False))
        return found

    def returned_by_day(self, currency: str, until: int) -> dict[int, int]:
        """What went back by the evening of `until`, in minor units of a currency, by the day of the purchase."""
        found: dict[int, int] = {}
        last = date.fromordinal(until).isoformat()
        for key, amount in self.returned.items():
            if key[_DAY:-_DAY] == currency and key[-_DAY:] <= last:
                day = date.fromisoformat(key[:_DAY]).toordinal()
                found[day] = found.get(day, 0) + amount
        return found

    def net_amount(self, currency: str, until: int) -> int:
        """What was bought less what was given back by the evening of `until`, in minor units of a currency."""
        last, evening = month_of(until), date.fromordinal(until).isoformat()
        amount = 0
        for month, code, did in self.entries():
            if code != currency or month > last:
                continue
            amount += did.bought - did.refunded
            if month == last:
                kept = len(days_of(((month, did.days),), until))
                amount -= sum(did.by_day()[kept:])
        # Refunds of the last month that happened after `until` were taken off too early.
        return amount + sum(
            returned
            for key, returned in self.returned.items()
            if key[-_DAY:-3] == last and key[-_DAY:] > evening and key[_DAY:-_DAY] == currency
        )

    def repeat_statistics(self, currency: str, through: int) -> RepeatStatistics | None:
        """What models of buying and spending need to know; None for who had kept nothing that they bought by then.

        What went back by then is as if it had not been bought: amounts are lowered on the day of the purchase, and a
        day of which all money went back is no purchase day.

        Args:
            currency: Only what was paid in it counts.
            through: The ordinal of the last day that counts.
        """
        kept = self.bought_by_day(currency, through)
        for day, amount in self.returned_by_day(currency, through).items():
            left = kept.pop(day, 0) - amount
            if left > 0:
                kept[day] = left
        if not kept:
            return None
        first, last = min(kept), max(kept)
        return RepeatStatistics(
            frequency=len(kept) - 1,
            recency_days=last - first,
            age_days=through - first,
            repeat_amount=sum(kept.values()) - kept[first],
        )


def _given_once(opinions: list[Opinion]) -> list[Opinion]:
    """In the order of recording, the first answer only to each invitation and instrument."""
    found: list[Opinion] = []
    answered: set[str] = set()
    for each in sorted(opinions, key=lambda opinion: opinion.position):
        if each.question not in answered:
            found.append(each)
        if each.question:
            answered.add(each.question)
    return found


PROJECTION = Projection(name="retention", version=6, tables=(Patronage,))


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


@PROJECTION.on(CultureNoted)
def culture_noted(rows: Rows, event: CultureNoted, at: Envelope) -> None:
    """The languages they speak and how they want to be dealt with, as last noted; customs and taboos are words."""
    row = rows.need(Patronage, at.customer)
    _profile(row, "languages", ",".join(event.languages) or None, at)
    _profile(row, "preferred_channel", event.preferred_channel, at)
    _profile(row, "pace", event.pace, at)


@PROJECTION.on(AcquisitionCostRecorded)
def acquisition_cost_recorded(rows: Rows, event: AcquisitionCostRecorded, at: Envelope) -> None:
    """What was spent to win them, on its local day."""
    costs = rows.need(Patronage, at.customer).acquisition
    day = date.fromordinal(rows.local.day(at.occurred_at)).isoformat()
    way = f"{day}{event.amount.currency}|{event.channel or ''}|{event.campaign or ''}"
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
    day = rows.local.day(at.occurred_at)
    key, bit = _key_and_bit(day, amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity(bit, 1, amount.amount)
    elif activity.days == bit:  # what `add` does, without the call: nearly all are of this sort or the one before
        activity.purchases += 1
        activity.bought += amount.amount
    else:
        activity.add(bit, 1, amount.amount)
    if event.discounted:
        activity.discounted += 1
    if (channel := event.channel) is not None:
        first = row.channels.get(channel)
        if first is None or day < first:
            row.channels[channel] = day
    if (category := event.category) is not None:
        first = row.categories.get(category)
        if first is None or day < first:
            row.categories[category] = day


@PROJECTION.on(PurchaseRefunded)
def purchase_refunded(rows: Rows, event: PurchaseRefunded, at: Envelope) -> None:
    """A refund counts from the day on which it happens, never before its purchase; the purchase stays a purchase."""
    row, local, amount = rows.need(Patronage, at.customer), rows.local, event.amount
    bought = local.day(event.bought_at)
    day = max(local.day(at.occurred_at), bought)
    key, _ = _key_and_bit(day, amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity()
    activity.refunds += 1
    activity.refunded += amount.amount
    key = f"{date.fromordinal(bought).isoformat()}{amount.currency}{date.fromordinal(day).isoformat()}"
    row.returned[key] = row.returned.get(key, 0) + amount.amount


@PROJECTION.on(RefundReversed)
def refund_reversed(rows: Rows, event: RefundReversed, envelope: Envelope) -> None:
    """Count as if the refund had not been made: its money never left, or came back for the same purchase."""
    row, local = rows.need(Patronage, envelope.customer), rows.local
    bought, currency = local.day(event.bought_at), event.amount.currency
    day = max(local.day(event.refunded_at), bought)
    key, _ = _key_and_bit(day, currency)
    activity = row.activity.setdefault(key, Activity())
    activity.refunds -= 1
    activity.refunded -= event.amount.amount
    if activity == Activity():
        del row.activity[key]
    key = f"{date.fromordinal(bought).isoformat()}{currency}{date.fromordinal(day).isoformat()}"
    left = row.returned.get(key, 0) - event.amount.amount
    if left:
        row.returned[key] = left
    else:
        row.returned.pop(key, None)


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """A score of satisfaction or recommendation counts in the month in which it was given."""
    score, kind = event.score, event.kind or event.instrument
    if score is None or kind not in ("csat", "nps"):
        return
    question = "" if event.invitation is None else f"{event.invitation} {event.instrument}"
    opinion = Opinion(at.position, at.occurred_at, rows.local.month(at.occurred_at), kind, score, question)
    rows.need(Patronage, at.customer).opinions.append(opinion)
