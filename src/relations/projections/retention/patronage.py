"""The retention view's row for each customer: purchase days, amounts, refunds, scores given, departures.

A row keeps whole local days and months, so it grows with the number of purchase days, not of purchases. Every fold adds
a number, takes a minimum or sets a bit. So neither the order of recording nor that of business times matters.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from datetime import date
from typing import ClassVar, TypeAlias

import msgspec

from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import (
    AcquisitionCostCancelled,
    AcquisitionCostRecorded,
    ConsentGiven,
    CultureNoted,
    CustomerAssigned,
    CustomerErased,
    CustomerLapsed,
    CustomerRegistered,
    CustomerWonBack,
    FeedbackCorrected,
    FeedbackGiven,
    IdentityLinked,
    InteractionRecorded,
    InvitationSent,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    RungStated,
    TraitDropped,
    TraitNoted,
)
from relations.aggregates.loyalty import MemberEnrolled
from relations.aggregates.model import ClustersFitted, ModelFitted
from relations.analytics import RepeatStatistics, Turn
from relations.messages import Envelope, Money
from relations.months import first_day, month_of
from relations.policies.calendars import LocalTime
from relations.projections.known import Known, newer
from relations.projections.projection import CustomerRow, Folds, Projection, Rows
from relations.projections.purchase_days import days_of, month_and_bit
from relations.projections.retention import advertising
from relations.projections.retention.activity import Activity, Costed, Departure, Opinion, RungLine
from relations.projections.retention.advertising import CampaignSpending
from relations.projections.retention.clusters.rows import RecordedClusters, add_clusters
from relations.projections.retention.worth.fits import RecordedFit, add_fit
from relations.projections.retention.worth.turnover import Turnover, add_to_turnover, derive_turnover

__all__ = [
    "PROJECTION",
    "WISHES",
    "Cost",
    "Patronage",
    "SealedWord",
    "costed_key_parts",
    "costs_until",
    "refund_key_parts",
    "trait_words",
    "turns_until",
]

WISHES = ("preference", "habit", "need")
"""The kinds of trait that say what a customer likes or needs."""
_MONTH, _DAY = 7, 10
"""The length of a month in a key such as `2024-05EUR`, and of a day such as `2024-05-17`."""

_HELD, _VALUE = "yes", "="

Cost: TypeAlias = tuple[str, str, str, str, int]
"""Day, channel, campaign, currency and amount of a cost."""

_keys: dict[str, dict[int, tuple[str, int]]] = {}


class SealedWord(msgspec.Struct, array_like=True, gc=False, order=True):
    """A personal word as the log has it. The later one is the greater one.

    Attributes:
        at: The business time, UTC microseconds.
        position: The position in the log.
        customer: The id under which it was recorded, whose key opens it.
        topic: The topic of the event.
        words: The sealed word.
    """

    at: int
    position: int
    customer: str
    topic: str
    words: str


class Patronage(CustomerRow, gc=False):
    """A customer's row in the retention view.

    Attributes:
        registered_at: The time of registration, UTC microseconds.
        author: True if they are known only as the author of public posts.
        activity: Purchases by local month and currency in one key, `2024-05EUR`. Nested dictionaries would cost a third
            more of the fold's time and of the row's memory.
        opinions: The scores they gave, in the order of recording.
        returned: Refunded amounts, in minor units, by the local day of the purchase, the currency and the local day
            from which the refund counts: `2024-05-17EUR2024-07-02`.
        channels: The channels through which they bought, each with the ordinal of the first day.
        categories: The categories that they bought, likewise.
        named: The campaigns that their purchases name, likewise.
        profile: Language and region as last known, and the channel of registration. From the culture, the languages
            (separated by commas), the preferred channel and the preferred pace. And the owner.
        traits: Traits by kind and subject, such as `need quiet`, as last noted. Each is the kind of need, `=` and the
            value of an attribute, or `yes`; empty once dropped.
        acquisition: Amounts spent to win them, in minor units, by day, currency, channel and campaign:
            `2024-05-17EUR|social|spring`.
        departures: Recorded departures and returns, in order of business time.
        contact_at: The first contact other than a purchase, UTC microseconds: a registration, a complaint, an answer.
        personal: Birthday and gender as last known, sealed as the log has them.
        complaints: The number of complaints filed, by local day.
        costed: Purchases whose cost is known, less their refunds, by the local day from which they count and the
            currency: `2024-05-17EUR`.
        reached: The local days on which the business contacted them, as bits by month.
        rungs: The statements about their rung on the ladder, in order of business time.
    """

    table: ClassVar[str] = "customer"
    registered_at: int | None = None
    author: bool = False
    activity: dict[str, Activity] = msgspec.field(default_factory=dict)
    returned: dict[str, int] = msgspec.field(default_factory=dict)
    channels: dict[str, int] = msgspec.field(default_factory=dict)
    categories: dict[str, int] = msgspec.field(default_factory=dict)
    named: dict[str, int] = msgspec.field(default_factory=dict)
    opinions: list[Opinion] = msgspec.field(default_factory=list)
    profile: dict[str, Known] = msgspec.field(default_factory=dict)
    traits: dict[str, Known] = msgspec.field(default_factory=dict)
    acquisition: dict[str, int] = msgspec.field(default_factory=dict)
    departures: list[Departure] = msgspec.field(default_factory=list)
    contact_at: int | None = None
    personal: dict[str, SealedWord] = msgspec.field(default_factory=dict)
    complaints: dict[str, int] = msgspec.field(default_factory=dict)
    reached: dict[str, int] = msgspec.field(default_factory=dict)
    costed: dict[str, Costed] = msgspec.field(default_factory=dict)
    rungs: list[RungLine] = msgspec.field(default_factory=list)

    def absorb(self, other: Patronage) -> None:
        """Add the row of another id of the same customer."""
        self.registered_at = _earlier(self.registered_at, other.registered_at)
        self.author = self.author and other.author
        self.contact_at = _earlier(self.contact_at, other.contact_at)
        for key, theirs in other.activity.items():
            self.activity.setdefault(key, Activity()).absorb(theirs)
        self.opinions = _given_once([*self.opinions, *other.opinions])
        for mine, others in ((self.profile, other.profile), (self.traits, other.traits)):
            for name, theirs_known in others.items():
                latest = newer(mine.get(name), theirs_known)
                if latest is not None:
                    mine[name] = latest
        for name, word in other.personal.items():
            self.personal[name] = max(self.personal.get(name, word), word)
        for month, bits in other.reached.items():
            self.reached[month] = self.reached.get(month, 0) | bits
        for sums, more in (
            (self.returned, other.returned),
            (self.acquisition, other.acquisition),
            (self.complaints, other.complaints),
        ):
            for key, amount in more.items():
                sums[key] = sums.get(key, 0) + amount
        for firsts, more in (
            (self.channels, other.channels),
            (self.categories, other.categories),
            (self.named, other.named),
        ):
            for name, day in more.items():
                firsts[name] = min(firsts.get(name, day), day)
        self.departures = sorted([*self.departures, *other.departures])
        self.rungs = sorted([*self.rungs, *other.rungs])
        for key, known in other.costed.items():
            self.costed.setdefault(key, Costed()).add(known.revenue, known.cost)

    def complaints_by(self, today: int) -> int:
        """Return the number of complaints filed by the evening of `today`."""
        last = date.fromordinal(today).isoformat()
        return sum(count for day, count in self.complaints.items() if day <= last)

    def campaigns(self, today: int, local: LocalTime) -> frozenset[str]:
        """Return the campaigns that won them or won them back, or that they bought in, by the evening of `today`."""
        won = {campaign for _, _, campaign, _, _ in costs_until(self.acquisition.items(), today) if campaign}
        back = {each.why for each in self.departures if each.back and each.why and local.day(each.at) <= today}
        bought = {name for name, day in self.named.items() if day <= today}
        return frozenset(won | back | bought)

    def first_day(self, today: int, local: LocalTime) -> int | None:
        """Return the ordinal of the day on which the business came to know them; None if that is after `today`."""
        days = self.purchase_days(today)[:1]
        if self.contact_at is not None:
            days.append(local.day(self.contact_at))
        return min((day for day in days if day <= today), default=None)

    def is_known(self, today: int, local: LocalTime) -> bool:
        """Return True if the business knew them by the evening of `today`."""
        if self.contact_at is not None and local.day(self.contact_at) <= today:
            return True
        return bool(self.purchase_days(today))

    def turns(self, until: int, local: LocalTime) -> list[Turn]:
        """Return the local days with a recorded departure or return, ascending, with the last record of each day."""
        return turns_until(self.departures, until, local)

    def last_score(self, kind: str, month: str) -> int | None:
        """Return the last score of satisfaction (`csat`) or recommendation (`nps`) given by the end of a month."""
        said = (each for each in self.opinions if each.kind == kind and each.month <= month)
        latest = max(said, key=lambda each: (each.at, each.position), default=None)
        return None if latest is None else latest.score

    def traits_of(self, sort: str) -> frozenset[str]:
        """Return the subjects of all current traits of a kind, and for needs also the kinds of need."""
        return frozenset(word for name, known in self.traits.items() for word in trait_words(name, known.value, sort))

    def months(self) -> dict[str, int]:
        """Return the bits of all purchase days by month, in any currency."""
        found: dict[str, int] = {}
        for key, activity in self.activity.items():
            month = key[:_MONTH]
            found[month] = found.get(month, 0) | activity.days
        return found

    def kept_months(self, until: int) -> dict[str, int]:
        """Return the same as `months`, without the days refunded in full by the evening of `until`."""
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
        """Return the ordinals of the local days with a purchase, ascending, up to and including `until`."""
        return days_of(self.months().items(), until)

    def entries(self) -> Iterator[tuple[str, str, Activity]]:
        """Yield every month and currency with its activity."""
        for key, activity in self.activity.items():
            yield key[:_MONTH], key[_MONTH:], activity

    def bought_in(self, currency: str, until: int) -> bool:
        """Return True if they bought anything in a currency by the evening of `until`."""
        last = month_of(until)
        for month, code, did in self.entries():
            if code == currency and did.days and month <= last:
                lowest = did.days & -did.days
                if first_day(month) + lowest.bit_length() - 1 <= until:
                    return True
        return False

    def bought_by_day(self, currency: str, until: int) -> dict[int, int]:
        """Return the amount bought on each day up to `until`, in minor units of a currency, by the day's ordinal."""
        found: dict[int, int] = {}
        last = month_of(until)
        for month, code, did in self.entries():
            if code == currency and month <= last and did.days:
                found.update(zip(days_of(((month, did.days),), until), did.by_day(), strict=False))
        return found

    def returned_by_day(self, currency: str, until: int) -> dict[int, int]:
        """Return the amount refunded by the evening of `until`, in minor units of a currency, by day of purchase."""
        found: dict[int, int] = {}
        last = date.fromordinal(until).isoformat()
        for key, amount in self.returned.items():
            if key[_DAY:-_DAY] == currency and key[-_DAY:] <= last:
                day = date.fromisoformat(key[:_DAY]).toordinal()
                found[day] = found.get(day, 0) + amount
        return found

    def net_amount(self, currency: str, until: int) -> int:
        """Return purchases less refunds by the evening of `until`, in minor units of a currency."""
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

    def costed_until(self, currency: str, until: int) -> Costed:
        """Return the purchases with a known cost less their refunds, by the evening of `until`, in a currency."""
        found, last = Costed(), date.fromordinal(until).isoformat()
        for key, known in self.costed.items():
            if key[_DAY:] == currency and key[:_DAY] <= last:
                found.add(known.revenue, known.cost)
        return found

    def repeat_statistics(self, currency: str, through: int) -> RepeatStatistics | None:
        """Return the input of the models of buying and spending; None if everything bought was returned by then.

        Refunds count as if the goods had not been bought. They lower the amount of the purchase's day, and a day
        refunded in full is not a purchase day.

        Args:
            currency: Only amounts in it count.
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


def turns_until(departures: Iterable[Departure], until: int, local: LocalTime) -> list[Turn]:
    """Return the local days with a recorded departure or return, ascending, with the last record of each day."""
    last: dict[int, bool] = {}
    for each in departures:
        last[local.day(each.at)] = each.back
    return [Turn(day, back) for day, back in last.items() if day <= until]


def costs_until(acquisition: Iterable[tuple[str, int]], until: int) -> Iterator[Cost]:
    """Yield every cost to win a customer by the evening of `until`; see `Patronage.acquisition`."""
    last = date.fromordinal(until).isoformat()
    for way, cost in acquisition:
        if way[:_DAY] <= last:
            currency, channel, campaign = way[_DAY:].split("|", 2)
            yield way[:_DAY], channel, campaign, currency, cost


def trait_words(name: str, value: str, sort: str) -> Iterator[str]:
    """Yield the words of a trait of a kind: its subject, and its kind of need or value; nothing if it was dropped.

    Args:
        name: The kind and the subject, such as `need quiet`.
        value: The kind of need, `=` and the value of an attribute, or `yes`; empty once dropped.
        sort: The kind that is asked for.
    """
    kind, _, about = name.partition(" ")
    if value and kind == sort:
        yield about
        if value.startswith(_VALUE):
            yield about + value
        elif value != _HELD:
            yield value


def costed_key_parts(key: str) -> tuple[int, str]:
    """Return the day and the currency of a key of `costed`."""
    return date.fromisoformat(key[:_DAY]).toordinal(), key[_DAY:]


def refund_key_parts(key: str) -> tuple[int, str, int]:
    """Return the day of the purchase, the currency, and the day from which a refund counts; see `returned`."""
    bought, counted = date.fromisoformat(key[:_DAY]), date.fromisoformat(key[-_DAY:])
    return bought.toordinal(), key[_DAY:-_DAY], counted.toordinal()


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _position(opinion: Opinion) -> int:
    return opinion.position


def _given_once(opinions: list[Opinion]) -> list[Opinion]:
    """Return opinions in the order of recording, only the first one for each invitation and instrument."""
    found: list[Opinion] = []
    answered: set[str] = set()
    for each in sorted(opinions, key=_position):
        if each.question not in answered:
            found.append(each)
        if each.question:
            answered.add(each.question)
    return found


PROJECTION = Projection(
    name="retention",
    version=17,
    tables=(Patronage, Turnover, RecordedFit, RecordedClusters, CampaignSpending),
    folds=Folds.of(advertising.FOLDS),
)
PROJECTION.on(ModelFitted)(add_fit)
PROJECTION.on(ClustersFitted)(add_clusters)


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


def _contacted(rows: Rows, envelope: Envelope) -> Patronage:
    """Return the customer's row, with this event as a contact. An author of posts is no prospect before they buy."""
    row: Patronage = rows.tables[Patronage][envelope.customer,]
    first = row.contact_at
    if (first is None or envelope.occurred_at < first) and not row.author:
        row.contact_at = envelope.occurred_at
    return row


@PROJECTION.on(ConsentGiven, IdentityLinked, InvitationSent, MemberEnrolled)
def customer_contacted(
    rows: Rows, _event: ConsentGiven | IdentityLinked | InvitationSent | MemberEnrolled, envelope: Envelope
) -> None:
    """Make the customer known, even if they never buy."""
    _contacted(rows, envelope)


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, envelope: Envelope) -> None:
    """Count a complaint on its local day. Other cases only make the customer known."""
    row = _contacted(rows, envelope)
    if event.kind == "complaint":
        day = date.fromordinal(rows.local.day(envelope.occurred_at)).isoformat()
        row.complaints[day] = row.complaints.get(day, 0) + 1


@PROJECTION.on(InteractionRecorded)
def interaction_recorded(rows: Rows, event: InteractionRecorded, envelope: Envelope) -> None:
    """Keep the day on which the business contacted the customer."""
    row = _contacted(rows, envelope)
    if event.direction == "outbound":
        month, bit = month_and_bit(rows.local.day(envelope.occurred_at))
        row.reached[month] = row.reached.get(month, 0) | bit


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, envelope: Envelope) -> None:
    """Drop the personal words, which nobody can read any more."""
    row = rows.tables[Patronage].get((envelope.customer,))
    if row is not None:
        row.personal = {}


@PROJECTION.on(CustomerRegistered)
def customer_registered(rows: Rows, event: CustomerRegistered, envelope: Envelope) -> None:
    """Keep the time of registration and the profile."""
    rows.need(Patronage, envelope.customer).author = event.kind == "author"
    row = _contacted(rows, envelope)
    row.registered_at = _earlier(row.registered_at, envelope.occurred_at)
    _profile(row, "language", event.language, envelope)
    _profile(row, "region", event.region, envelope)
    _profile(row, "channel", event.channel, envelope)
    _keep_personal(row, event, envelope)


@PROJECTION.on(ProfileCorrected)
def profile_corrected(rows: Rows, event: ProfileCorrected, envelope: Envelope) -> None:
    """Keep language and region as last known."""
    row = _contacted(rows, envelope)
    _profile(row, "language", event.language, envelope)
    _profile(row, "region", event.region, envelope)
    _keep_personal(row, event, envelope)


def _keep_personal(row: Patronage, event: CustomerRegistered | ProfileCorrected, envelope: Envelope) -> None:
    for name in ("birthday", "gender"):
        words = getattr(event, name)
        if words is not None:
            word = SealedWord(envelope.occurred_at, envelope.position, envelope.customer, event.topic, words)
            row.personal[name] = max(row.personal.get(name, word), word)


def _profile(row: Patronage, name: str, value: str | None, envelope: Envelope) -> None:
    if value is not None:
        known = newer(row.profile.get(name), Known(envelope.occurred_at, envelope.position, value))
        if known is not None:
            row.profile[name] = known


@PROJECTION.on(TraitNoted, TraitDropped)
def trait_changed(rows: Rows, event: TraitNoted | TraitDropped, envelope: Envelope) -> None:
    """Keep preferences, habits, taboos and needs as last noted, without their words."""
    traits = _contacted(rows, envelope).traits
    name = f"{event.trait} {event.about}"
    value = _trait_value(event) if isinstance(event, TraitNoted) else ""
    latest = newer(traits.get(name), Known(envelope.occurred_at, envelope.position, value))
    if latest is not None:
        traits[name] = latest


def _trait_value(event: TraitNoted) -> str:
    return _VALUE + event.value if event.value is not None else event.need or _HELD


@PROJECTION.on(CultureNoted)
def culture_noted(rows: Rows, event: CultureNoted, envelope: Envelope) -> None:
    """Keep languages, channel and pace as last noted; customs and taboos are free text and stay out."""
    row = _contacted(rows, envelope)
    _profile(row, "languages", ",".join(event.languages) or None, envelope)
    _profile(row, "preferred_channel", event.preferred_channel, envelope)
    _profile(row, "pace", event.pace, envelope)


@PROJECTION.on(CustomerAssigned)
def customer_assigned(rows: Rows, event: CustomerAssigned, envelope: Envelope) -> None:
    """Keep the owner as last known."""
    _profile(_contacted(rows, envelope), "owner", event.owner, envelope)


@PROJECTION.on(RungStated)
def rung_stated(rows: Rows, event: RungStated, envelope: Envelope) -> None:
    """Add a statement about the rung."""
    line = RungLine(event.at, envelope.position, event.rung or "", event.by or "")
    insort(rows.need(Patronage, envelope.customer).rungs, line)


@PROJECTION.on(AcquisitionCostRecorded)
def acquisition_cost_recorded(rows: Rows, event: AcquisitionCostRecorded, envelope: Envelope) -> None:
    """Add what was spent to win them, on its local day."""
    costs, key = _contacted(rows, envelope).acquisition, _cost_key(rows, event, envelope.occurred_at)
    costs[key] = costs.get(key, 0) + event.amount.amount


@PROJECTION.on(AcquisitionCostCancelled)
def acquisition_cost_cancelled(rows: Rows, event: AcquisitionCostCancelled, envelope: Envelope) -> None:
    """Subtract a cost that was recorded by mistake, on the day on which it was recorded."""
    costs, key = _contacted(rows, envelope).acquisition, _cost_key(rows, event, event.spent_at)
    left = costs.get(key, 0) - event.amount.amount
    if left:
        costs[key] = left
    else:
        costs.pop(key, None)


def _cost_key(rows: Rows, event: AcquisitionCostRecorded | AcquisitionCostCancelled, at: int) -> str:
    day = date.fromordinal(rows.local.day(at)).isoformat()
    return f"{day}{event.amount.currency}|{event.channel or ''}|{event.campaign or ''}"


@PROJECTION.on(CustomerLapsed, CustomerWonBack)
def left_or_came_back(rows: Rows, event: CustomerLapsed | CustomerWonBack, envelope: Envelope) -> None:
    """Keep a recorded departure or return, next to the stages that are inferred."""
    back = isinstance(event, CustomerWonBack)
    why = event.campaign if isinstance(event, CustomerWonBack) else event.reason
    departure = Departure(envelope.occurred_at, envelope.position, back, why or "")
    insort(_contacted(rows, envelope).departures, departure)


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, envelope: Envelope) -> None:
    """Count a purchase on its local day, in its own currency. This is the most frequent fold."""
    row: Patronage = rows.tables[Patronage][envelope.customer,]
    amount = event.amount
    day = rows.local.day(envelope.occurred_at)
    key, bit = _key_and_bit(day, amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity(bit, 1, amount.amount)
    elif activity.days == bit:  # the same as `add` without the call: nearly all purchases take one of these two paths
        activity.purchases += 1
        activity.bought += amount.amount
    else:
        activity.add(bit, 1, amount.amount)
    add_to_turnover(rows, row, amount.currency, amount.amount, day)
    if event.discounted:
        activity.discounted += 1
    if (channel := event.channel) is not None:
        first = row.channels.get(channel)
        if first is None or day < first:
            row.channels[channel] = day
    if (campaign := event.campaign) is not None:
        row.named[campaign] = min(row.named.get(campaign, day), day)
    if (category := event.category) is not None:
        _note_category(row, category, day)
    if event.lines:
        for line in event.lines:
            if line.category is not None:
                _note_category(row, line.category, day)
    if event.cost is not None:
        _add_costed(row, day, amount, event.cost.amount)


def _note_category(row: Patronage, category: str, day: int) -> None:
    first = row.categories.get(category)
    if first is None or day < first:
        row.categories[category] = day


def _add_costed(row: Patronage, day: int, amount: Money, cost: int) -> None:
    """Add a purchase with a known cost, or with negative numbers a refund."""
    key = f"{date.fromordinal(day).isoformat()}{amount.currency}"
    known = row.costed.setdefault(key, Costed())
    known.add(amount.amount, cost)
    if known == Costed():
        del row.costed[key]


@PROJECTION.on(PurchaseRefunded)
def purchase_refunded(rows: Rows, event: PurchaseRefunded, envelope: Envelope) -> None:
    """Count a refund from the day on which it happens, but never before its purchase; the purchase remains."""
    row, local, amount = rows.need(Patronage, envelope.customer), rows.local, event.amount
    bought = local.day(event.bought_at)
    day = max(local.day(envelope.occurred_at), bought)
    key, _ = _key_and_bit(day, amount.currency)
    activity = row.activity.get(key)
    if activity is None:
        activity = row.activity[key] = Activity()
    activity.refunds += 1
    activity.refunded += amount.amount
    key = f"{date.fromordinal(bought).isoformat()}{amount.currency}{date.fromordinal(day).isoformat()}"
    row.returned[key] = row.returned.get(key, 0) + amount.amount
    derive_turnover(rows, row)
    if event.cost is not None:
        _add_costed(row, day, Money(-amount.amount, amount.currency), -event.cost)


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
    derive_turnover(rows, row)
    if event.cost is not None:
        _add_costed(row, day, event.amount, event.cost)


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, envelope: Envelope) -> None:
    """Count a score of satisfaction or recommendation in the month in which it was given."""
    row = _contacted(rows, envelope)
    score, kind = event.score, event.kind or event.instrument
    if score is None or kind not in ("csat", "nps"):
        return
    question = "" if event.invitation is None else f"{event.invitation} {event.instrument}"
    month = rows.local.month(envelope.occurred_at)
    opinion = Opinion(envelope.position, envelope.occurred_at, month, kind, score, question, event.feedback)
    opinions = row.opinions
    if not opinions or opinions[-1].position < opinion.position:
        opinions.append(opinion)
    else:
        insort(opinions, opinion, key=_position)


@PROJECTION.on(FeedbackCorrected)
def feedback_corrected(rows: Rows, event: FeedbackCorrected, envelope: Envelope) -> None:
    """Replace a score by the customer's last word."""
    row = rows.need(Patronage, envelope.customer)
    month = rows.local.month(envelope.occurred_at)
    row.opinions = [
        msgspec.structs.replace(opinion, at=envelope.occurred_at, month=month, score=event.score)
        if opinion.feedback == event.feedback and event.score is not None
        else opinion
        for opinion in row.opinions
    ]
