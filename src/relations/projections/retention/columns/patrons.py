"""The customers of the retention view as columns: `Patronage`, one array per fact instead of one object per customer.

Days are ordinals, months are numbered from year 0, and texts have the numbers that `Codes` gives them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import Any

from relations.analytics import Turn
from relations.extras import np
from relations.months import first_day, month_number, month_of_number
from relations.policies.calendars import LocalTime
from relations.projections.columns import (
    Array,
    Codes,
    ColumnPart,
    Columns,
    FieldGroup,
    Ints,
    Parts,
    distinct,
    grouped_sums,
    ints,
    numbered,
)
from relations.projections.known import Known
from relations.projections.purchase_days import days_of
from relations.projections.retention.acquisition import Acquired, Way, Won, won_by
from relations.projections.retention.activity import Activity, Costed, Departure, Opinion, RungLine, stated_at
from relations.projections.retention.churn import Departing
from relations.projections.retention.patronage import costed_key_parts, costs_until, refund_key_parts, turns_until

__all__ = [
    "KINDS_OF_SCORE",
    "Buyers",
    "acquired",
    "acquired_once",
    "bought_in",
    "buyers",
    "campaigns",
    "costed_amounts",
    "departing",
    "first_days_known",
    "kept_amounts",
    "lives_with_turns",
    "month_index",
    "month_numbers",
    "net_amounts",
    "patronage_groups",
    "stated_rungs",
]

_MONTH, _DAY = 7, 10
_CURRENCY, _KNOWN = {"currency": str}, {"name": str, "value": str}
_AMOUNTS = {"entry": tuple[str, int]}
KINDS_OF_SCORE = {"csat": 0, "nps": 1}
_COUNTS = ("days", "purchases", "bought", "refunds", "refunded", "discounted")


def month_index(day: int) -> int:
    """Return the number of a day's month."""
    found = date.fromordinal(day)
    return found.year * 12 + found.month - 1


def month_numbers(days: Ints) -> Ints:
    """Return the number of each day's month."""
    known, which = np.unique(days, return_inverse=True)
    return np.array(list(map(month_index, known.tolist())), np.int64)[which] if len(known) else days


def patronage_groups(codes: Codes, local: LocalTime) -> Iterable[tuple[tuple[str, ...], FieldGroup]]:
    """Return the parts of the columns, and how they are read."""
    return (
        (("activity", "amounts"), FieldGroup(("activity",), partial(_activity, codes), coded=_CURRENCY)),
        (("returned",), FieldGroup(("returned",), partial(_returned, codes), coded=_CURRENCY)),
        (("contact",), FieldGroup(("contact_at",), partial(_contact, local))),
        (("departures",), FieldGroup(("departures",), _departures, objects={"entry": Departure})),
        (("opinions",), FieldGroup(("opinions",), _opinions)),
        (("profile",), FieldGroup(("profile",), partial(_known, codes, "profile"), coded=_KNOWN)),
        (("traits",), FieldGroup(("traits",), partial(_known, codes, "traits"), coded=_KNOWN)),
        (("channels",), FieldGroup(("channels",), partial(_firsts, codes, "channels"), coded=_KNOWN)),
        (("categories",), FieldGroup(("categories",), partial(_firsts, codes, "categories"), coded=_KNOWN)),
        (
            ("acquisition", "costs"),
            FieldGroup(("acquisition",), partial(_acquisition, codes), coded={"way": str}, objects=_AMOUNTS),
        ),
        (("named",), FieldGroup(("named",), _named, objects=_AMOUNTS)),
        (("complaints",), FieldGroup(("complaints",), _complaints)),
        (("reached",), FieldGroup(("reached",), _reached)),
        (("costed",), FieldGroup(("costed",), partial(_costed, codes), coded=_CURRENCY)),
        (("rungs",), FieldGroup(("rungs",), _rungs, objects={"entry": RungLine})),
    )


def _activity(codes: Codes, activity: Sequence[Mapping[str, Activity]]) -> Parts:
    owner = numbered(list(map(len, activity)))
    keys = list(chain.from_iterable(activity))
    known = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    which = np.fromiter(map(known.__getitem__, keys), np.int64, len(keys))
    month = np.array([month_number(key[:_MONTH]) for key in known], np.int64)[which]
    currency = codes.all_of(key[_MONTH:] for key in known)[which]
    entries = list(chain.from_iterable(each.values() for each in activity))
    values: dict[str, Array] = {"month": month, "currency": currency}
    for name in _COUNTS:
        values[name] = ints(list(map(attrgetter(name), entries)))
    amounts = [each.amounts or ((each.bought,) if each.days else ()) for each in entries]
    entry, bit = np.nonzero(
        np.unpackbits(values["days"].astype("<u4").view(np.uint8).reshape(-1, 4), 1, bitorder="little")
    )
    listed = ints(list(chain.from_iterable(amounts)))
    starts = _first_days(month)
    return {
        "activity": ColumnPart(owner, values),
        "amounts": ColumnPart(
            owner[entry], {"day": starts[entry] + bit, "currency": currency[entry], "amount": listed}
        ),
    }


def _first_days(months: Ints) -> Ints:
    """Return the first day of each month."""
    known, which = np.unique(months, return_inverse=True)
    starts = [first_day(month_of_number(number)) for number in known.tolist()]
    return np.array(starts, np.int64)[which] if len(known) else np.zeros(0, np.int64)


def _returned(codes: Codes, returned: Sequence[Mapping[str, int]]) -> Parts:
    found = [(*refund_key_parts(key), amount) for each in returned for key, amount in each.items()]
    bought, currency, counted, amount = zip(*found, strict=True) if found else ((), (), (), ())
    values: dict[str, Array] = {
        "bought": np.array(bought, np.int64),
        "currency": codes.all_of(currency),
        "counted": np.array(counted, np.int64),
        "amount": ints(amount),
    }
    return {"returned": ColumnPart(numbered(list(map(len, returned))), values)}


def _costed(codes: Codes, costed: Sequence[Mapping[str, Costed]]) -> Parts:
    found = [(*costed_key_parts(key), one.revenue, one.cost) for each in costed for key, one in each.items()]
    day, currency, revenue, cost = zip(*found, strict=True) if found else ((), (), (), ())
    values: dict[str, Array] = {
        "day": np.array(day, np.int64),
        "currency": codes.all_of(currency),
        "revenue": ints(revenue),
        "cost": ints(cost),
    }
    return {"costed": ColumnPart(numbered(list(map(len, costed))), values)}


def _contact(local: LocalTime, contact_at: Sequence[int | None]) -> Parts:
    known = [n for n, at in enumerate(contact_at) if at is not None]
    days = [local.day(at) for at in contact_at if at is not None]
    return {"contact": ColumnPart(np.array(known, np.int64), {"day": np.array(days, np.int64)})}


def _complaints(complaints: Sequence[Mapping[str, int]]) -> Parts:
    days = list(chain.from_iterable(complaints))
    ordinals = {day: date.fromisoformat(day).toordinal() for day in set(days)}
    values: dict[str, Array] = {
        "day": np.array([ordinals[day] for day in days], np.int64),
        "count": np.array([count for each in complaints for count in each.values()], np.int64),
    }
    return {"complaints": ColumnPart(numbered(list(map(len, complaints))), values)}


def _reached(reached: Sequence[Mapping[str, int]]) -> Parts:
    days = [days_of(each.items(), date.max.toordinal()) for each in reached]
    listed = np.array(list(chain.from_iterable(days)), np.int64)
    return {"reached": ColumnPart(numbered(list(map(len, days))), {"day": listed})}


def _objects(name: str, entries: Sequence[Sequence[object]]) -> Parts:
    listed = list(chain.from_iterable(entries))
    values = np.empty(len(listed), object)
    values[:] = listed
    return {name: ColumnPart(numbered(list(map(len, entries))), {"entry": values})}


def _departures(departures: Sequence[Sequence[Departure]]) -> Parts:
    return _objects("departures", departures)


def _rungs(rungs: Sequence[Sequence[RungLine]]) -> Parts:
    return _objects("rungs", rungs)


def _acquisition(codes: Codes, acquisition: Sequence[Mapping[str, int]]) -> Parts:
    ways = [way for each in acquisition for way in each]
    days = {day: date.fromisoformat(day).toordinal() for day in {way[:_DAY] for way in ways}}
    values = {
        "day": np.array([days[way[:_DAY]] for way in ways], np.int64),
        "way": codes.all_of(way[_DAY:] for way in ways),
        "cost": ints([cost for each in acquisition for cost in each.values()]),
    }
    return {
        **_objects("acquisition", [list(each.items()) for each in acquisition]),
        "costs": ColumnPart(numbered(list(map(len, acquisition))), values),
    }


def _named(named: Sequence[Mapping[str, int]]) -> Parts:
    return _objects("named", [list(each.items()) for each in named])


def _opinions(opinions: Sequence[Sequence[Opinion]]) -> Parts:
    entries = list(chain.from_iterable(opinions))
    months = {month: month_number(month) for month in {each.month for each in entries}}
    found = [(months[each.month], KINDS_OF_SCORE[each.kind], each.score, each.at, each.position) for each in entries]
    month, kind, score, at, position = np.array(found, np.int64).reshape(-1, 5).T
    values: dict[str, Array] = {"month": month, "kind": kind, "score": score, "at": at, "position": position}
    return {"opinions": ColumnPart(numbered(list(map(len, opinions))), values)}


def _known(codes: Codes, name: str, known: Sequence[Mapping[str, Known]]) -> Parts:
    values: dict[str, Array] = {
        "name": codes.all_of(chain.from_iterable(known)),
        "value": codes.all_of(one.value for each in known for one in each.values()),
    }
    return {name: ColumnPart(numbered(list(map(len, known))), values)}


def _firsts(codes: Codes, name: str, firsts: Sequence[Mapping[str, int]]) -> Parts:
    values: dict[str, Array] = {
        "name": codes.all_of(chain.from_iterable(firsts)),
        "day": np.fromiter(chain.from_iterable(each.values() for each in firsts), np.int64),
    }
    return {name: ColumnPart(numbered(list(map(len, firsts))), values)}


# --- purchase days --------------------------------------------------------------------------------------------------


class Buyers:
    """The purchase days of all customers up to a day.

    Attributes:
        count: The number of customers, buyers or not.
        owner: The number of the customer of each purchase day, ascending.
        day: The purchase days, ascending for each customer.
        offsets: Where the days of each customer begin, and at the end their number.
        days: The number of purchase days of each customer.
        first: The first purchase day of each customer; 0 without one.
        last: The last purchase day of each customer; 0 without one.
    """

    __slots__ = ("count", "day", "days", "first", "last", "offsets", "owner")

    def __init__(self, owner: Ints, day: Ints, days: Ints) -> None:
        self.count = len(days)
        self.owner = owner
        self.day = day
        self.offsets: Ints = np.concatenate(([0], np.cumsum(days)))
        self.days = days
        some = days > 0
        self.first: Ints = np.zeros(self.count, np.int64)
        self.last: Ints = np.zeros(self.count, np.int64)
        self.first[some] = day[self.offsets[:-1][some]]
        self.last[some] = day[self.offsets[1:][some] - 1]

    def days_of(self, customer: int) -> list[int]:
        """Return the purchase days of one customer."""
        found: list[int] = self.day[self.offsets[customer] : self.offsets[customer + 1]].tolist()
        return found

    @property
    def number(self) -> Ints:
        """The place of each purchase day among those of its customer, from 0."""
        return np.arange(len(self.day), dtype=np.int64) - self.offsets[:-1][self.owner]


def buyers(columns: Columns, until: int) -> Buyers:
    """Return the purchase days of all customers up to and including a day."""

    def days_until(some: Columns) -> tuple[ColumnPart, Ints]:
        every = some.derive_each("purchase days", lambda those: _distinct_days(those.part("amounts")))
        known = every.where(every["day"] <= until)
        return known, np.bincount(known.owner, minlength=len(some))

    def compute() -> Buyers:
        known, days = columns.derive_each(("purchase days", until), days_until)
        return Buyers(known.owner, known["day"], days)

    return columns.derive(("buyers", until), compute)


def _distinct_days(amounts: ColumnPart) -> ColumnPart:
    found = distinct(amounts.owner << 32 | amounts["day"])
    return ColumnPart(found >> 32, {"day": found & 0xFFFFFFFF})


def lives_with_turns(columns: Columns, until: int, local: LocalTime) -> dict[int, list[Turn]]:
    """Return the recorded departures and returns up to a day, by the number of the customer; most have none."""

    def compute(some: Columns) -> ColumnPart:
        departures = _by_owner(some.part("departures"))
        found = {owner: turns_until(entries, until, local) for owner, entries in departures}
        turned = {owner: turns for owner, turns in found.items() if turns}
        lists = np.fromiter(turned.values(), object, len(turned))
        return ColumnPart(np.array([*turned], np.int64), {"turns": lists})

    turned = columns.derive_each(("turns", until), compute)
    return dict(zip(turned.owner.tolist(), turned["turns"].tolist(), strict=True))


def departing(columns: Columns, until: int, chosen: Array) -> list[Departing]:
    """Return the chosen customers with a recorded departure or return, and their purchase days up to a day."""
    bought = buyers(columns, until)
    return [
        Departing(columns.names[owner], entries, bought.days_of(owner))
        for owner, entries in _by_owner(columns.part("departures"))
        if chosen[owner]
    ]


def acquired_once(
    columns: Columns, texts: Sequence[str], currency: tuple[str, int], until: int, *, besides: Collection[str] = ()
) -> tuple[list[tuple[Way, Won]], Array]:
    """Return what was spent on, and came of, customers with exactly one cost up to a day, in a currency, by its way.

    Also returns whether each customer is one of them. For most customers there is one cost.

    Args:
        columns: The customers.
        texts: The texts of the columns' numbers.
        currency: The currency's code and its number.
        until: The ordinal of the last day that counts.
        besides: Campaigns that win no customers, so that what was spent in their name does not count.
    """
    code, number = currency
    bought, net = buyers(columns, until), net_amounts(columns, number, until)
    costs = columns.part("costs")
    costs = costs.where(costs["day"] <= until)
    ways = {way: tuple(texts[way].split("|", 2)) for way in distinct(costs["way"]).tolist()}
    mine = np.array([way for way, (paid_in, _, _) in ways.items() if paid_in == code], np.int64)
    costs = costs.where(~np.isin(costs["way"], [way for way, (_, _, named) in ways.items() if named in besides]))
    single = np.bincount(costs.owner, minlength=len(columns)) == 1
    costs = costs.where(single[costs.owner] & np.isin(costs["way"], mine))
    is_counted = np.zeros(len(columns), np.bool_)
    is_counted[costs.owner] = True
    order = np.argsort(costs["way"], kind="stable")
    found, which = np.unique(costs["way"][order], return_inverse=True)
    owner = costs.owner[order]
    counts = (
        np.bincount(which, minlength=len(found)),
        np.bincount(which[bought.days[owner] > 0], minlength=len(found)),
        grouped_sums(costs["cost"][order], which, len(found)),
        grouped_sums(net[owner], which, len(found)),
    )
    listed = zip(found.tolist(), *(each.tolist() for each in counts), strict=True)
    return [((ways[way][1], ways[way][2]), Won(*sums)) for way, *sums in listed], is_counted


def acquired(
    columns: Columns, currency: int, until: int, *, besides: Collection[str] = (), but: Array | None = None
) -> list[Acquired]:
    """Return the customers on which something was spent up to a day, or whose first purchase names a campaign.

    Args:
        columns: The customers.
        currency: The number of the currency of their amounts.
        until: The ordinal of the day.
        besides: Campaigns that win no customers, so that what was spent in their name does not count.
        but: True for each customer who is left out.
    """
    bought, net = buyers(columns, until), net_amounts(columns, currency, until)
    spent, first = columns.part("acquisition"), columns.part("named")
    if but is not None:
        spent, first = spent.where(~but[spent.owner]), first.where(~but[first.owner])
    costs = dict(_by_owner(spent))
    named = {
        owner: won
        for owner, entries in _by_owner(first)
        if bought.days[owner] and (won := won_by(entries, int(bought.first[owner])))
    }
    return [
        Acquired(
            columns.names[owner],
            [cost for cost in costs_until(costs.get(owner, ()), until) if cost[2] not in besides],
            bool(bought.days[owner]),
            int(net[owner]),
            named.get(owner, ""),
        )
        for owner in sorted(costs.keys() | named.keys())
    ]


def _by_owner(part: ColumnPart) -> Iterator[tuple[int, list[Any]]]:
    pairs = zip(part.owner.tolist(), part["entry"].tolist(), strict=True)
    for owner, entries in groupby(pairs, key=itemgetter(0)):
        yield owner, [entry for _, entry in entries]


def campaigns(columns: Columns, until: int, local: LocalTime) -> list[tuple[int, str]]:
    """Return each customer's number with a campaign that won them or won them back, or that they bought in."""
    won = [
        (owner, campaign)
        for owner, entries in _by_owner(columns.part("acquisition"))
        for _, _, campaign, _, _ in costs_until(entries, until)
        if campaign
    ]
    back = [
        (owner, each.why)
        for owner, entries in _by_owner(columns.part("departures"))
        for each in entries
        if each.back and each.why and local.day(each.at) <= until
    ]
    bought = [
        (owner, campaign)
        for owner, entries in _by_owner(columns.part("named"))
        for campaign, day in entries
        if day <= until
    ]
    return sorted({*won, *back, *bought})


def stated_rungs(columns: Columns, moment: int) -> dict[int, RungLine]:
    """Return the statement about the rung that counts at a moment, by the customer's number."""
    found = ((owner, stated_at(entries, moment)) for owner, entries in _by_owner(columns.part("rungs")))
    return {owner: said for owner, said in found if said is not None}


def first_days_known(columns: Columns, until: int) -> Ints:
    """Return the day on which the business came to know each customer; 0 if that is after `until`."""

    def compute(some: Columns) -> Ints:
        found = buyers(some, until).first.copy()
        contact = some.part("contact")
        known = contact["day"] <= until
        owner, day = contact.owner[known], contact["day"][known]
        before = found[owner]
        found[owner] = np.where(before > 0, np.minimum(before, day), day)
        return found

    return columns.derive_each(("first days", until), compute)


# --- money ----------------------------------------------------------------------------------------------------------


def bought_in(columns: Columns, currency: int, until: int) -> Array:
    """Return for each customer whether they bought anything in a currency up to a day."""

    def compute(some: Columns) -> Array:
        amounts = some.part("amounts")
        found = np.zeros(len(some), np.bool_)
        found[amounts.owner[(amounts["currency"] == currency) & (amounts["day"] <= until)]] = True
        return found

    return columns.derive_each(("bought in", currency, until), compute)


def net_amounts(columns: Columns, currency: int, until: int) -> Array:
    """Return purchases less refunds up to a day, in minor units of a currency, for each customer.

    A month that has ended counts as it was summed up. In the last month, the days after `until` are taken off again.
    """

    def compute(some: Columns) -> Array:
        count, last = len(some), month_index(until)
        did = some.part("activity")
        did = did.where((did["currency"] == currency) & (did["month"] <= last))
        amount = grouped_sums(did["bought"] - did["refunded"], did.owner, count)
        later = some.part("amounts")
        starts = _first_days(np.array([last, last + 1], np.int64))
        later = later.where((later["currency"] == currency) & (later["day"] > until) & (later["day"] < starts[1]))
        amount = amount - grouped_sums(later["amount"], later.owner, count)
        back = some.part("returned")
        back = back.where((back["currency"] == currency) & (back["counted"] > until) & (back["counted"] < starts[1]))
        return np.asarray(amount + grouped_sums(back["amount"], back.owner, count))

    return columns.derive_each(("net", currency, until), compute)


def costed_amounts(columns: Columns, currency: int, until: int) -> tuple[Array, Array]:
    """Return each customer's purchases with a known cost less their refunds up to a day, and the costs of these."""
    part = columns.part("costed")
    part = part.where((part["currency"] == currency) & (part["day"] <= until))
    return grouped_sums(part["revenue"], part.owner, len(columns)), grouped_sums(part["cost"], part.owner, len(columns))


def kept_amounts(columns: Columns, until: int) -> ColumnPart:
    """Return the amounts bought on each day up to `until`, less what was refunded by then.

    Days that were refunded in full are left out. So is a refund without a purchase on its day.
    """

    def compute(some: Columns) -> ColumnPart:
        amounts, back = some.part("amounts"), some.part("returned")
        amounts, back = amounts.where(amounts["day"] <= until), back.where(back["counted"] <= until)
        keys, days = _day_keys(amounts, "day"), _day_keys(back, "bought")
        order = np.argsort(keys, kind="stable")
        refunded, which = np.unique(days, return_inverse=True)
        by_day = np.argsort(which, kind="stable")
        sums = grouped_sums(back["amount"][by_day], which[by_day], len(refunded))
        places = np.searchsorted(keys[order], refunded)
        found = places < len(keys)
        found[found] = keys[order][places[found]] == refunded[found]
        places, sums = order[places[found]], sums[found]
        left = amounts["amount"].copy() if sums.dtype != object else amounts["amount"].astype(object)
        left[places] -= sums
        kept = np.ones(len(keys), np.bool_)
        kept[places] = left[places] > 0
        return ColumnPart(amounts.owner, {**amounts.values, "amount": left}).where(kept)

    return columns.derive_each(("kept", until), compute)


def _day_keys(part: ColumnPart, day: str) -> Ints:
    """Return one number for each customer, currency and day. The last day of the year 9999 needs 22 bits."""
    return np.asarray(part.owner << 32 | part["currency"] << 22 | part[day])
