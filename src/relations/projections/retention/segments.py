"""The policy's segments: named conditions on what the retention view knows of a customer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from relations.json_form import ViewAnswer
from relations.months import month_of
from relations.policies import Policy
from relations.policies.calendars import LocalTime
from relations.policies.facts import Fact
from relations.policies.value import Condition, Segment, SegmentKind
from relations.projections.arguments import Page
from relations.projections.purchase_days import days_of
from relations.projections.retention.activity import Activity, RungLine, stated_at
from relations.projections.retention.columns.joined import JOINED_FACTS, NOTHING_JOINED, Joined, Value
from relations.projections.retention.loyalty_kinds import customer_kind
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.rfm import rfm_segments
from relations.projections.retention.stages import Life, stage_of
from relations.projections.retention.value_grades import customer_grade

__all__ = [
    "FACTS_OF_ONE",
    "Facts",
    "SegmentFigure",
    "asked_facts",
    "customer_facts",
    "customer_segments",
    "members",
    "needed_facts",
    "rung_of",
    "segment_figures",
]

Facts = Mapping[Fact, Value]


class SegmentFigure(ViewAnswer):
    """One segment of the policy.

    Attributes:
        name: Its name.
        kind: Its kind, such as `value` or `needs`.
        size: The number of customers in it; they may belong to other segments too.
        share: Their share of all known customers, from 0 to 1; None if there are none.
        net_amount: Their purchases less refunds, in minor units of the policy's currency.
        customers: The customers listed, by id.
    """

    name: str
    kind: SegmentKind
    size: int
    share: float | None
    net_amount: int
    customers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Customer:
    """One customer on the evening of a day, as conditions see them.

    Attributes:
        rfm: The name of each graded customer's RFM segment; empty if no condition needs it.
        joined: The facts that are read from other views or opened, by fact and customer.
    """

    row: Patronage
    policy: Policy
    today: int
    local: LocalTime
    rfm: Mapping[str, str]
    joined: Joined

    @property
    def month(self) -> str:
        return month_of(self.today)

    @property
    def days(self) -> list[int]:
        return self.row.purchase_days(self.today)

    @property
    def did(self) -> list[Activity]:
        return [activity for name, _, activity in self.row.entries() if name <= self.month]


def _net_amount(one: _Customer) -> Value:
    currency = one.policy.currency
    # Nothing is known of a customer who only paid in other currencies; 0 would make them look poor.
    known = one.row.bought_in(currency, one.today) or not one.days
    return one.row.net_amount(currency, one.today) if known else None


def _discount_share(one: _Customer) -> Value:
    purchases = sum(each.purchases for each in one.did)
    return sum(each.discounted for each in one.did) / purchases if purchases else None


def _known_days(one: _Customer) -> Value:
    first = one.row.first_day(one.today, one.local)
    return None if first is None else one.today - first


def _mean_gap_days(one: _Customer) -> Value:
    days = one.days
    return (days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else None


def _stage(one: _Customer) -> Value:
    life = Life(one.days, one.row.turns(one.today, one.local))
    return frozenset((stage_of(life, one.today, one.policy.lifecycle)[0],))


def _grade(one: _Customer) -> Value:
    grades = one.policy.lifecycle.grades
    grade = customer_grade(one.row, grades, currency=one.policy.currency, month=one.month)
    return frozenset() if grade is None else frozenset((grade.grade,))


def _kind(one: _Customer) -> Value:
    rules, satisfied_from = one.policy.lifecycle.loyalty, one.policy.surveys.csat_satisfied_from
    kind = customer_kind(one.row, rules, satisfied_from=satisfied_from, month=one.month)
    return frozenset() if kind is None else frozenset((kind.kind,))


def _word(name: str) -> Callable[[_Customer], Value]:
    """Return a reader of a profile field as last known; a value with commas is several words."""

    def read(one: _Customer) -> Value:
        known = one.row.profile.get(name)
        return frozenset() if known is None else frozenset(known.value.split(","))

    return read


def _speaks(one: _Customer) -> Value:
    profile = one.row.profile
    spoken = (profile[name].value for name in ("language", "languages") if name in profile)
    return frozenset(language for value in spoken for language in value.split(","))


def _by_then(days: Mapping[str, int], today: int) -> Value:
    return frozenset(name for name, day in days.items() if day <= today)


def _mean_amount(one: _Customer) -> Value:
    did = [did for month, code, did in one.row.entries() if month <= one.month and code == one.policy.currency]
    purchases = sum(each.purchases for each in did)
    return sum(each.bought for each in did) / purchases if purchases else None


def _contact_days(one: _Customer) -> Value:
    reached = days_of(one.row.reached.items(), one.today)
    return one.today - reached[-1] if reached else None


def rung_of(
    row: Patronage, ladder: Sequence[Segment], met: Collection[str], moment: int
) -> tuple[str | None, RungLine | None]:
    """Return the rung on which a customer stands, and the statement that says so; None twice for no rung.

    They stand on the highest rung whose conditions they meet, unless an owner stated another that the ladder has.

    Args:
        row: The customer.
        ladder: The rungs, the loosest first.
        met: The names of the rungs whose conditions they meet.
        moment: The moment by which statements count, UTC microseconds.
    """
    said = stated_at(row.rungs, moment)
    if said is not None and any(rung.name == said.rung for rung in ladder):
        return said.rung, said
    return next((rung.name for rung in reversed(ladder) if rung.name in met), None), None


def _rung(one: _Customer) -> Value:
    ladder, evening = one.policy.lifecycle.ladder, one.local.start(date.fromordinal(one.today + 1)) - 1
    facts = {fact: FACTS_OF_ONE[fact](one) for fact in asked_facts(ladder, ())}
    found, _ = rung_of(one.row, ladder, customer_segments(facts, ladder), evening)
    return frozenset() if found is None else frozenset((found,))


def _joined(fact: Fact) -> Callable[[_Customer], Value]:
    return lambda one: one.joined[fact][one.row.customer]


FACTS_OF_ONE: dict[Fact, Callable[[_Customer], Value]] = {
    "purchases": lambda one: sum(each.purchases for each in one.did),
    "purchase_days": lambda one: len(one.days),
    "net_amount": _net_amount,
    "discount_share": _discount_share,
    "known_days": _known_days,
    "silent_days": lambda one: one.today - one.days[-1] if one.days else None,
    "mean_gap_days": _mean_gap_days,
    "satisfaction": lambda one: one.row.last_score("csat", one.month),
    "recommendation": lambda one: one.row.last_score("nps", one.month),
    "stage": _stage,
    "grade": _grade,
    "kind": _kind,
    "rfm": lambda one: frozenset((one.rfm[one.row.customer],)) if one.row.customer in one.rfm else frozenset(),
    "language": _word("language"),
    "speaks": _speaks,
    "region": _word("region"),
    "channel": _word("channel"),
    "preferred_channel": _word("preferred_channel"),
    "pace": _word("pace"),
    "owner": _word("owner"),
    "rung": _rung,
    "purchase_channel": lambda one: _by_then(one.row.channels, one.today),
    "category": lambda one: _by_then(one.row.categories, one.today),
    "need": lambda one: one.row.traits_of("need"),
    "preference": lambda one: one.row.traits_of("preference"),
    "habit": lambda one: one.row.traits_of("habit"),
    "taboo": lambda one: one.row.traits_of("taboo"),
    "attribute": lambda one: one.row.traits_of("attribute"),
    "mean_amount": _mean_amount,
    "complaints": lambda one: one.row.complaints_by(one.today),
    "contact_days": _contact_days,
    "campaign": lambda one: one.row.campaigns(one.today, one.local),
    **{fact: _joined(fact) for fact in JOINED_FACTS},
}


def asked_facts(segments: Iterable[Segment], ladder: Sequence[Segment]) -> set[Fact]:
    """Return the facts that the conditions of these segments need."""
    return needed_facts((condition for segment in segments for condition in segment.conditions), ladder)


def needed_facts(conditions: Iterable[Condition], ladder: Sequence[Segment]) -> set[Fact]:
    """Return the facts that conditions need. The rung needs those of the ladder's conditions, which ask for no rung."""
    asked = {condition.fact for condition in conditions}
    if "rung" in asked:
        asked |= {condition.fact for rung in ladder for condition in rung.conditions}
    return asked


def customer_facts(
    row: Patronage,
    policy: Policy,
    asked: Iterable[Fact],
    *,
    today: int,
    local: LocalTime,
    rfm: Mapping[str, str],
    joined: Joined = NOTHING_JOINED,
) -> Facts:
    """Return the facts about one customer on the evening of a day.

    Args:
        row: The customer.
        policy: The rules.
        asked: The facts to look up.
        today: The ordinal of the day.
        local: The business's days and months.
        rfm: The name of each customer's RFM segment, if a condition needs it.
        joined: The facts that are read from other views or opened, of the facts asked for.
    """
    one = _Customer(row, policy, today, local, rfm, joined)
    return {fact: FACTS_OF_ONE[fact](one) for fact in asked}


def customer_segments(facts: Facts, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Return the names of the segments whose conditions are all met, in the policy's order."""
    return tuple(
        segment.name
        for segment in segments
        if all(condition.holds(facts.get(condition.fact)) for condition in segment.conditions)
    )


def members(
    rows: Sequence[Patronage],
    policy: Policy,
    segments: Sequence[Segment],
    *,
    today: int,
    local: LocalTime,
    joined: Joined = NOTHING_JOINED,
) -> dict[str, list[Patronage]]:
    """Return the members of some segments, by the segment's name.

    Args:
        rows: All customers; some facts compare a customer with all others.
        policy: The rules.
        segments: The segments.
        today: The ordinal of the day.
        local: The business's days and months.
        joined: The facts that are read from other views or opened.
    """
    asked = asked_facts(segments, policy.lifecycle.ladder)
    rfm = rfm_segments(rows, policy.lifecycle.rfm, policy.currency, today=today) if "rfm" in asked else {}
    found: dict[str, list[Patronage]] = {segment.name: [] for segment in segments}
    for row in rows:
        facts = customer_facts(row, policy, asked, today=today, local=local, rfm=rfm, joined=joined)
        for name in customer_segments(facts, segments):
            found[name].append(row)
    return found


def segment_figures(
    rows: Sequence[Patronage],
    policy: Policy,
    *,
    today: int,
    local: LocalTime,
    page: Page[str],
    joined: Joined = NOTHING_JOINED,
) -> list[SegmentFigure]:
    """Return a figure for every segment of the policy, in its order.

    Args:
        rows: The customers, sorted by id.
        policy: The segments, and the currency.
        today: The ordinal of the day.
        local: The business's days and months.
        page: The part of each segment's customers to list.
        joined: The facts that are read from other views or opened.
    """
    segments = policy.lifecycle.segments
    found = members(rows, policy, segments, today=today, local=local, joined=joined)
    return [
        SegmentFigure(
            name=segment.name,
            kind=segment.kind,
            size=len(found[segment.name]),
            share=len(found[segment.name]) / len(rows) if rows else None,
            net_amount=sum(row.net_amount(policy.currency, today) for row in found[segment.name]),
            customers=tuple(page.of_names([row.customer for row in found[segment.name]], str)),
        )
        for segment in segments
    ]
