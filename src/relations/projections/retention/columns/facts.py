"""The policy's segments of all customers at once; `segments` defines the facts about one customer.

A fact is a number for each customer, or any number of words. A condition on words is decided once for each different
word, and a condition on numbers for all customers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from math import ceil, floor
from typing import NamedTuple

from relations.extras import np
from relations.months import month_number, month_of
from relations.policies import Policy
from relations.policies.calendars import LocalTime
from relations.policies.facts import NUMBER_FACTS, Fact
from relations.policies.value import Condition, Segment
from relations.projections.arguments import Page
from relations.projections.columns import Array, Codes, Columns, Ints, grouped_sums
from relations.projections.retention.activity import RungLine
from relations.projections.retention.columns.joined import JOINED_FACTS, JoinedFacts
from relations.projections.retention.columns.kinds import kinds_of
from relations.projections.retention.columns.lives import known_stages
from relations.projections.retention.columns.money import GRADES, grades_of, rfm_of
from relations.projections.retention.columns.patrons import (
    KINDS_OF_SCORE,
    bought_in,
    buyers,
    campaigns,
    first_days_known,
    net_amounts,
    stated_rungs,
)
from relations.projections.retention.loyalty_kinds import KINDS
from relations.projections.retention.patronage import trait_words
from relations.projections.retention.segments import SegmentFigure, needed_facts
from relations.projections.retention.stages import STAGES

__all__ = ["FACTS_OF_ALL", "Members", "listed_members", "listed_segments", "parts_of", "rungs_of_all"]


class _Number(NamedTuple):
    """A number for each customer.

    Attributes:
        values: The numbers.
        known: True for each customer with a known number.
    """

    values: Array
    known: Array


class _Words(NamedTuple):
    """Words of customers.

    Attributes:
        owner: The number of each entry's customer.
        key: A number that stands for the entry's words.
        words: Returns the words of a number.
    """

    owner: Ints
    key: Ints
    words: Callable[[int], frozenset[str]]


@dataclass(frozen=True)
class Members:
    """The members of the policy's segments on the evening of a day.

    Attributes:
        columns: The customers.
        codes: The numbers of texts in them.
        policy: The rules.
        today: The ordinal of the day.
        local: The business's days.
        joined: The facts that are read from other views or opened.
    """

    columns: Columns
    codes: Codes
    policy: Policy
    today: int
    local: LocalTime
    joined: JoinedFacts

    @cached_property
    def _rules(self) -> tuple[Hashable, ...]:
        """All of the policy that facts about one customer depend on."""
        policy, lifecycle = self.policy, self.policy.lifecycle
        limits = lifecycle.new_days, lifecycle.lapsing_days, lifecycle.lost_days, lifecycle.won_back_days
        rules = lifecycle.own_gap, lifecycle.loyalty, lifecycle.grades, lifecycle.ladder
        return policy.currency, policy.surveys.csat_satisfied_from, *limits, *rules

    def of(self, segment: Segment) -> Array:
        """Return for each customer whether they meet all conditions of a segment."""
        found = np.ones(len(self.columns), np.bool_)
        for condition in segment.conditions:
            found &= self.meets(condition)
        return found

    def names(self, segment: Segment) -> list[str]:
        """Return the ids of the members of a segment, in order."""
        names = self.columns.names
        return [names[place] for place in np.flatnonzero(self.of(segment)).tolist()]

    def meets(self, condition: Condition) -> Array:
        """Return for each customer whether they meet a condition."""
        if needed_facts((condition,), self.policy.lifecycle.ladder).intersection(_COMPARED):
            return self._meets(condition)
        key = "meets", condition, self.today, self._rules
        return self.columns.derive_each(key, lambda some: replace(self, columns=some)._meets(condition))

    def _meets(self, condition: Condition) -> Array:
        fact = FACTS_OF_ALL[condition.fact](self)
        met = _number_meets(fact, condition) if isinstance(fact, _Number) else self._words_meet(fact, condition)
        return np.asarray(met != condition.otherwise)

    def number(self, fact: Fact) -> tuple[Array, Array]:
        """Return a fact that is a number for each customer, and whether it is known."""
        found = FACTS_OF_ALL[fact](self)
        assert isinstance(found, _Number)  # noqa: S101 - the caller knows which facts are numbers
        return found.values, found.known

    def words(self, fact: Fact) -> list[str]:
        """Return the words of a fact that any customer has, in order."""
        found = FACTS_OF_ALL[fact](self)
        assert isinstance(found, _Words)  # noqa: S101 - the caller knows which facts are words
        return sorted({word for key in np.unique(found.key).tolist() for word in found.words(key)})

    def _words_meet(self, fact: _Words, condition: Condition) -> Array:
        known, which = np.unique(fact.key, return_inverse=True)
        # `holds` already inverts what `otherwise` asks for; here it is the words that are asked about.
        held = [condition.holds(fact.words(key)) != condition.otherwise for key in known.tolist()]
        met = np.zeros(len(self.columns), np.bool_)
        if held:
            met[fact.owner[np.array(held, np.bool_)[which]]] = True
        return met

    @property
    def month(self) -> str:
        return month_of(self.today)

    @property
    def currency(self) -> tuple[str, int]:
        return self.policy.currency, self.codes.of(self.policy.currency)


def _number_meets(fact: _Number, condition: Condition) -> Array:
    met, values = fact.known.copy(), fact.values
    whole = values.dtype != np.float64
    if condition.at_least is not None:
        least = ceil(condition.at_least) if whole else condition.at_least
        met &= np.asarray(_comparable(values, least) >= least, np.bool_)
    if condition.at_most is not None:
        most = floor(condition.at_most) if whole else condition.at_most
        met &= np.asarray(_comparable(values, most) <= most, np.bool_)
    return met


def _comparable(values: Array, bound: float) -> Array:
    """Return values that can be compared exactly with a bound that may have more than 64 bits."""
    return values.astype(object) if isinstance(bound, int) and abs(bound) >= 2**63 else values


def _everywhere(one: Members) -> Array:
    return np.ones(len(one.columns), np.bool_)


def _did(one: Members, name: str) -> Array:
    did = one.columns.part("activity")
    did = did.where(did["month"] <= month_number(one.month))
    return grouped_sums(did[name], did.owner, len(one.columns))


def _purchases(one: Members) -> Array:
    return one.columns.derive(("purchases", one.month), lambda: _did(one, "purchases"))


def _net_amount(one: Members) -> _Number:
    number = one.currency[1]
    # Nothing is known of a customer who only paid in other currencies; 0 would make them look poor.
    known = bought_in(one.columns, number, one.today) | (buyers(one.columns, one.today).days == 0)
    return _Number(net_amounts(one.columns, number, one.today), known)


def _discount_share(one: Members) -> _Number:
    purchases = _purchases(one)
    known = purchases != 0
    share = np.zeros(len(purchases))
    share[known] = (_did(one, "discounted")[known] / purchases[known]).astype(np.float64)
    return _Number(share, known)


def _known_days(one: Members) -> _Number:
    first = first_days_known(one.columns, one.today)
    return _Number(one.today - first, first > 0)


def _silent_days(one: Members) -> _Number:
    bought = buyers(one.columns, one.today)
    return _Number(one.today - bought.last, bought.days > 0)


def _mean_gap_days(one: Members) -> _Number:
    bought = buyers(one.columns, one.today)
    return _Number((bought.last - bought.first) / np.maximum(bought.days - 1, 1), bought.days > 1)


def _last_score(kind: str) -> Callable[[Members], _Number]:
    def read(one: Members) -> _Number:
        said = one.columns.part("opinions")
        said = said.where((said["kind"] == KINDS_OF_SCORE[kind]) & (said["month"] <= month_number(one.month)))
        said = said.sorted_by(said["at"], said["position"])
        score = np.zeros(len(one.columns), np.int64)
        known = np.zeros(len(one.columns), np.bool_)
        is_last = np.ones(len(said), np.bool_)
        is_last[:-1] = said.owner[1:] != said.owner[:-1]
        score[said.owner[is_last]] = said["score"][is_last]
        known[said.owner] = True
        return _Number(score, known)

    return read


def _named(owner: Ints, places: Ints, names: Sequence[str]) -> _Words:
    return _Words(owner, places, lambda place: frozenset((names[place],)))


def _stage(one: Members) -> _Words:
    found = known_stages(one.columns, one.policy.lifecycle, today=one.today, local=one.local)
    return _named(np.arange(len(one.columns)), found.stage, STAGES)


def _grade(one: Members) -> _Words:
    found = grades_of(one.columns, one.policy.lifecycle.grades, one.currency, month=one.month)
    return _named(found.customer, found.grade, GRADES)


def _kind(one: Members) -> _Words:
    policy = one.policy
    satisfied_from = policy.surveys.csat_satisfied_from
    found = kinds_of(one.columns, policy.lifecycle.loyalty, satisfied_from=satisfied_from, month=one.month)
    owner = np.flatnonzero(found.known)
    return _named(owner, found.kind[owner], KINDS)


def _rfm(one: Members) -> _Words:
    found = rfm_of(one.columns, one.policy.lifecycle.rfm, one.currency[1], today=one.today)
    return _named(found.buyer, found.segment, found.names)


def _profile(*names: str) -> Callable[[Members], _Words]:
    """Return a reader of profile fields as last known; a value with commas is several words."""

    def read(one: Members) -> _Words:
        known, texts = one.columns.part("profile"), one.codes.texts
        chosen = np.isin(known["name"], one.codes.all_of(names))
        return _Words(known.owner[chosen], known["value"][chosen], lambda key: frozenset(texts[key].split(",")))

    return read


def _firsts(part: str) -> Callable[[Members], _Words]:
    def read(one: Members) -> _Words:
        firsts = one.columns.part(part)
        chosen = firsts["day"] <= one.today
        return _named(firsts.owner[chosen], firsts["name"][chosen], one.codes.texts)

    return read


def _traits(sort: str) -> Callable[[Members], _Words]:
    def read(one: Members) -> _Words:
        traits, texts = one.columns.part("traits"), one.codes.texts

        def words(key: int) -> frozenset[str]:
            return frozenset(trait_words(texts[key >> 32], texts[key & 0xFFFFFFFF], sort))

        return _Words(traits.owner, traits["name"] << 32 | traits["value"], words)

    return read


def _mean_amount(one: Members) -> _Number:
    did = one.columns.part("activity")
    did = did.where((did["month"] <= month_number(one.month)) & (did["currency"] == one.currency[1]))
    purchases = grouped_sums(did["purchases"], did.owner, len(one.columns))
    known = purchases > 0
    mean = np.zeros(len(purchases))
    mean[known] = (grouped_sums(did["bought"], did.owner, len(one.columns))[known] / purchases[known]).astype(
        np.float64
    )
    return _Number(mean, known)


def _complaints(one: Members) -> _Number:
    filed = one.columns.part("complaints")
    filed = filed.where(filed["day"] <= one.today)
    return _Number(grouped_sums(filed["count"], filed.owner, len(one.columns)), _everywhere(one))


def _contact_days(one: Members) -> _Number:
    reached = one.columns.part("reached")
    reached = reached.where(reached["day"] <= one.today)
    last = np.zeros(len(one.columns), np.int64)
    np.maximum.at(last, reached.owner, reached["day"])
    return _Number(one.today - last, last > 0)


def _campaign(one: Members) -> _Words:
    found = campaigns(one.columns, one.today, one.local)
    names = sorted({campaign for _, campaign in found})
    number = {campaign: place for place, campaign in enumerate(names)}
    owner = np.array([owner for owner, _ in found], np.int64)
    return _named(owner, np.array([number[campaign] for _, campaign in found], np.int64), names)


def rungs_of_all(one: Members, moment: int) -> tuple[Ints, dict[int, RungLine]]:
    """Return the place of each customer's rung on the ladder, -1 for none, and the statements that decided it.

    `rung_of` in `segments` says the same of one customer.

    Args:
        one: The customers.
        moment: The moment by which statements count, UTC microseconds.
    """
    ladder = one.policy.lifecycle.ladder
    found = np.full(len(one.columns), -1, np.int64)
    for place, rung in enumerate(ladder):
        found[one.of(rung)] = place
    places = {rung.name: place for place, rung in enumerate(ladder)}
    stated = {owner: said for owner, said in stated_rungs(one.columns, moment).items() if said.rung in places}
    for owner, said in stated.items():
        found[owner] = places[said.rung]
    return found, stated


def _rung(one: Members) -> _Words:
    places, _ = rungs_of_all(one, one.local.start(date.fromordinal(one.today + 1)) - 1)
    owner = np.flatnonzero(places >= 0)
    return _named(owner, places[owner], [rung.name for rung in one.policy.lifecycle.ladder])


def _joined(fact: Fact) -> Callable[[Members], _Number | _Words]:
    """Return a reader of a fact that is computed for one customer after the other."""

    def read(one: Members) -> _Number | _Words:
        values = one.joined.values(fact, None, one.today)
        found = [values[name] for name in one.columns.names]
        if fact in NUMBER_FACTS:
            known = np.array([value is not None for value in found], np.bool_)
            return _Number(np.array([value or 0 for value in found], object), known)
        entries = [(owner, words) for owner, words in enumerate(found) if isinstance(words, frozenset)]
        kinds = sorted({words for _, words in entries}, key=sorted)
        number = {words: place for place, words in enumerate(kinds)}
        owners = np.array([owner for owner, _ in entries], np.int64)
        return _Words(owners, np.array([number[words] for _, words in entries], np.int64), kinds.__getitem__)

    return read


_ACTIVITY, _DAYS, _SAID = ("activity",), ("amounts",), ("opinions",)
_NET = ("activity", "amounts", "returned")
_PARTS: dict[Fact, tuple[str, ...]] = {
    "purchases": _ACTIVITY,
    "purchase_days": _DAYS,
    "net_amount": _NET,
    "discount_share": _ACTIVITY,
    "known_days": ("amounts", "contact"),
    "silent_days": _DAYS,
    "mean_gap_days": _DAYS,
    "satisfaction": _SAID,
    "recommendation": _SAID,
    "stage": ("amounts", "contact", "departures"),
    "grade": ("activity", "amounts"),
    "kind": (*_NET, "opinions"),
    "rfm": _NET,
    **dict.fromkeys(("language", "speaks", "region", "channel", "preferred_channel", "pace", "owner"), ("profile",)),
    "rung": ("rungs",),
    "purchase_channel": ("channels",),
    "category": ("categories",),
    **dict.fromkeys(("need", "preference", "habit", "taboo", "attribute"), ("traits",)),
    "mean_amount": _ACTIVITY,
    "complaints": ("complaints",),
    "contact_days": ("reached",),
    "campaign": ("acquisition", "departures", "named"),
}
"""The parts of the columns that a fact is computed from."""
_COMPARED: frozenset[Fact] = frozenset((*JOINED_FACTS, "rfm"))
"""The facts that depend on more than one customer's columns."""
FACTS_OF_ALL: dict[Fact, Callable[[Members], _Number | _Words]] = {
    "purchases": lambda one: _Number(_purchases(one), _everywhere(one)),
    "purchase_days": lambda one: _Number(buyers(one.columns, one.today).days, _everywhere(one)),
    "net_amount": _net_amount,
    "discount_share": _discount_share,
    "known_days": _known_days,
    "silent_days": _silent_days,
    "mean_gap_days": _mean_gap_days,
    "satisfaction": _last_score("csat"),
    "recommendation": _last_score("nps"),
    "stage": _stage,
    "grade": _grade,
    "kind": _kind,
    "rfm": _rfm,
    "language": _profile("language"),
    "speaks": _profile("language", "languages"),
    "region": _profile("region"),
    "channel": _profile("channel"),
    "preferred_channel": _profile("preferred_channel"),
    "pace": _profile("pace"),
    "owner": _profile("owner"),
    "rung": _rung,
    "purchase_channel": _firsts("channels"),
    "category": _firsts("categories"),
    "need": _traits("need"),
    "preference": _traits("preference"),
    "habit": _traits("habit"),
    "taboo": _traits("taboo"),
    "attribute": _traits("attribute"),
    "mean_amount": _mean_amount,
    "complaints": _complaints,
    "contact_days": _contact_days,
    "campaign": _campaign,
    **{fact: _joined(fact) for fact in JOINED_FACTS},
}


def parts_of(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the parts of the columns that facts are computed from, so that they can be read in one pass."""
    return tuple(dict.fromkeys(part for fact in facts for part in _PARTS.get(fact, ())))


def listed_members(members: Members) -> dict[str, tuple[str, ...]]:
    """Return the names of the policy's segments by customer, for those who belong to any: by their first segment."""
    segments, count = members.policy.lifecycle.segments, len(members.columns)
    first, group = np.full(count, len(segments), np.int64), np.zeros(count, np.int64)
    names_of: list[tuple[str, ...]] = [()]
    for place, segment in enumerate(segments):
        belongs = members.of(segment)
        first[belongs & (first == len(segments))] = place
        before, which = np.unique(group[belongs], return_inverse=True)
        group[belongs] = len(names_of) + which
        names_of += [(*names_of[number], segment.name) for number in before.tolist()]
    order = np.argsort(first, kind="stable")
    order = order[first[order] < len(segments)]
    names = members.columns.names
    return {names[one]: names_of[number] for one, number in zip(order.tolist(), group[order].tolist(), strict=True)}


def listed_segments(members: Members, page: Page[str]) -> list[SegmentFigure]:
    """Return a figure for every segment of the policy, in its order, and a page of its customers."""
    columns, policy = members.columns, members.policy
    name_of = columns.names.__getitem__
    net = net_amounts(columns, members.currency[1], members.today)
    found = []
    for segment in policy.lifecycle.segments:
        places = np.flatnonzero(members.of(segment))
        amounts = net[places]
        found.append(
            SegmentFigure(
                name=segment.name,
                kind=segment.kind,
                size=len(places),
                share=len(places) / len(columns) if len(columns) else None,
                net_amount=int(grouped_sums(amounts, np.zeros(len(amounts), np.int64), 1)[0]),
                customers=tuple(map(name_of, page.of_names(places.tolist(), name_of))),
            )
        )
    return found
