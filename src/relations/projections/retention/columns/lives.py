"""Stages, rates and survival of all customers at once; `stages` and `relations.analytics.spells` define them.

Most customers have no recorded departure. Their stages and spells follow from purchase days alone, and are computed
from arrays. The few others are computed one by one, with the same functions that answer for a single customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from relations.analytics import time_to_loss
from relations.extras import np
from relations.policies import Lifecycle
from relations.policies.calendars import LocalTime
from relations.projections.arguments import Page
from relations.projections.columns import Array, ColumnPart, Columns, Ints, distinct
from relations.projections.retention.columns.patrons import Buyers, buyers, lives_with_turns
from relations.projections.retention.stages import (
    STAGES,
    ActivityCounts,
    Basis,
    CustomerStage,
    Life,
    LifecycleReport,
    Period,
    PeriodCustomer,
    PeriodMove,
    PeriodRates,
    Periods,
    Stage,
    count_activity,
    counted_in,
    counted_lifecycle,
    stage_of,
    staged,
)

__all__ = ["Stages", "known_stages", "lifecycle_counts", "listed_moves", "listed_stages", "losses", "rates_of"]

_CODES = {stage: code for code, stage in enumerate(STAGES)}


class Stages(NamedTuple):
    """The stages of all customers.

    Attributes:
        known: True for each customer that the business knew by then.
        stage: The place of each customer's stage in `STAGES`.
        recorded: True if the stage follows from a recorded departure or return.
    """

    known: Array
    stage: Ints
    recorded: Array


def limits_of(policy: Lifecycle, purchase_days: Ints, span_days: Ints) -> tuple[Ints, Ints]:
    """Return the limits of silence for many customers; see `Lifecycle.limits`."""
    own = policy.own_gap
    lapsing, lost = np.full(len(purchase_days), policy.lapsing_days), np.full(len(purchase_days), policy.lost_days)
    if own is None:
        return lapsing, lost
    has_rhythm = purchase_days >= own.purchase_days_min
    gaps = np.maximum(purchase_days.astype(np.int64) - 1, 1)
    days = np.maximum(span_days, own.gap_days_min * gaps)
    own_lapsing, own_lost = (times.numerator * days // (times.denominator * gaps) for times in own.times)
    return np.where(has_rhythm, own_lapsing, lapsing), np.where(has_rhythm, own_lost, lost)


def _limits(policy: Lifecycle) -> tuple[object, ...]:
    """Return all of a policy that stages depend on."""
    return policy.new_days, policy.lapsing_days, policy.lost_days, policy.won_back_days, policy.own_gap


def known_stages(columns: Columns, policy: Lifecycle, *, today: int, local: LocalTime) -> Stages:
    """Return the stage of every customer on the evening of `today`."""

    def compute(those: Columns) -> Stages:
        bought = buyers(those, today)
        some = bought.days > 0
        known = some.copy()
        contact = those.part("contact")
        known[contact.owner[contact["day"] <= today]] = True
        silent = today - bought.last
        lapsing, lost = limits_of(policy, bought.days, bought.last - bought.first)
        stage = np.where(today - bought.first <= policy.new_days, _CODES["new"], _CODES["established"])
        stage = np.where(_were_won_back(bought, policy, today), _CODES["won_back"], stage)
        stage = np.where(silent > lapsing, _CODES["lapsing"], stage)
        stage = np.where(silent > lost, _CODES["lost"], stage)
        stage = np.where(some, stage, _CODES["prospect"])
        recorded = np.zeros(len(those), np.bool_)
        for customer, turns in lives_with_turns(those, today, local).items():
            found, basis = stage_of(Life(bought.days_of(customer), turns), today, policy)
            stage[customer], recorded[customer] = _CODES[found], basis == "recorded"
        return Stages(known, stage, recorded)

    return columns.derive_each(("stages", _limits(policy), today), compute)


def _were_won_back(bought: Buyers, policy: Lifecycle, today: int) -> Array:
    """Return for each customer whether a recent purchase ended a silence beyond the policy's limit."""
    number = bought.number
    again = np.flatnonzero((number > 0) & (today - bought.day <= policy.won_back_days))
    before = bought.day[again - 1]
    owner = bought.owner[again]
    limit = limits_of(policy, number[again], before - bought.first[owner])[1]
    found = np.zeros(bought.count, np.bool_)
    found[owner[bought.day[again] - before > limit]] = True
    return found


class _Spells(NamedTuple):
    """The spells of activity of customers without a recorded departure, by customer and in order."""

    owner: Ints
    begin: Ints
    end: Ints


def _spells(columns: Columns, policy: Lifecycle, today: int, local: LocalTime) -> _Spells:
    key = "spells", _limits(policy), today
    found = columns.derive_each(key, lambda some: _spells_of(some, policy, today, local))
    return _Spells(found.owner, found["begin"], found["end"])


def _spells_of(columns: Columns, policy: Lifecycle, today: int, local: LocalTime) -> ColumnPart:
    bought, turned = buyers(columns, today), lives_with_turns(columns, today, local)
    plain = np.ones(len(columns), np.bool_)
    plain[list(turned)] = False
    chosen = plain[bought.owner]
    owner, day, number = bought.owner[chosen], bought.day[chosen], bought.number[chosen]
    limit = limits_of(policy, number + 1, day - bought.first[owner])[1]
    end = day + limit
    begins = np.ones(len(day), np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | (day[1:] > end[:-1] + 1)
    starts = np.flatnonzero(begins)
    lasts = np.concatenate((starts[1:], [len(day)])).astype(np.int64) - 1 if len(day) else starts
    return ColumnPart(owner[starts], {"begin": day[starts], "end": end[lasts]})


def losses(
    columns: Columns, policy: Lifecycle, *, today: int, local: LocalTime, chosen: Array
) -> Iterator[tuple[int, bool]]:
    """Yield how long each buyer stayed, and whether they were lost then; see `time_to_loss`.

    Args:
        columns: The customers.
        policy: The limits.
        today: The ordinal of the last day that counts.
        local: The business's days.
        chosen: True for each customer who counts.
    """
    bought, found = buyers(columns, today), _spells(columns, policy, today, local)
    first = np.ones(len(found.owner), np.bool_)
    first[1:] = found.owner[1:] != found.owner[:-1]
    first &= chosen[found.owner]
    owner, end = found.owner[first], found.end[first]
    lost = end < today
    time = np.where(lost, end + 1, today) - bought.first[owner]
    yield from zip(time.tolist(), lost.tolist(), strict=True)
    for customer, turns in lives_with_turns(columns, today, local).items():
        loss = time_to_loss(bought.days_of(customer), today, policy, turns) if chosen[customer] else None
        if loss is not None:
            yield loss


def lifecycle_counts(columns: Columns, policy: Lifecycle, *, as_of: int, local: LocalTime) -> LifecycleReport:
    """Count the known customers in each stage."""
    today = local.day(as_of)
    found, days = known_stages(columns, policy, today=today, local=local), buyers(columns, today).days
    size = len(STAGES)
    counts = np.bincount(found.stage[found.known], minlength=size).tolist()
    recorded = np.bincount(found.stage[found.known & found.recorded], minlength=size).tolist()
    return counted_lifecycle(
        as_of,
        dict(zip(STAGES, counts, strict=True)),
        dict(zip(STAGES, recorded, strict=True)),
        buyers=int(np.count_nonzero(days)),
        repeat_buyers=int(np.count_nonzero(days > 1)),
    )


def listed_stages(
    columns: Columns,
    policy: Lifecycle,
    *,
    today: int,
    local: LocalTime,
    stage: Stage | None,
    page: Page[str],
    of: Array | None = None,
) -> list[CustomerStage]:
    """Return the stages of the known customers of a page, by id; with `of`, only of those for which it is True."""
    found, bought = known_stages(columns, policy, today=today, local=local), buyers(columns, today)
    chosen = found.known if stage is None else found.known & (found.stage == _CODES[stage])
    chosen = chosen if of is None else chosen & of
    names = columns.names
    places = np.array(page.of_names(np.flatnonzero(chosen).tolist(), names.__getitem__), np.int64)
    values = [each[places] for each in (found.stage, found.recorded, bought.first, bought.last, bought.days)]

    def made(rest: Ints) -> Iterator[CustomerStage]:
        for place, code, *each in zip(places[rest].tolist(), *(some[rest].tolist() for some in values), strict=True):
            recorded, first, last, days = each
            basis: Basis = "recorded" if recorded else "inferred"
            yield staged(names[place], STAGES[code], basis, first, last, days, today)

    return columns.listed(("stages", today), places, values, made)


def rates_of(
    columns: Columns,
    policy: Lifecycle,
    *,
    today: int,
    since: str | None,
    period: Period,
    local: LocalTime,
    chosen: Array,
) -> list[PeriodRates]:
    """Return retention period by period, up to that of `today`, of the chosen customers."""
    bought = buyers(columns, today)
    firsts = bought.first[(bought.days > 0) & chosen]
    periods = Periods.of(int(firsts.min()) if len(firsts) else None, today=today, since=since, period=period)
    if periods is None:
        return []
    return periods.rates(_activity_counts(columns, policy, periods.boundaries, today=today, local=local, chosen=chosen))


def _activity_counts(
    columns: Columns,
    policy: Lifecycle,
    boundaries: Sequence[int],
    *,
    today: int,
    local: LocalTime,
    chosen: Array,
) -> ActivityCounts:
    """Count who was active at each boundary, who came, who left, and who bought in between.

    Args:
        columns: The customers.
        policy: The limits.
        boundaries: The evenings between periods, ascending.
        today: The ordinal of the last day that counts.
        local: The business's days.
        chosen: True for each customer who counts.
    """
    counts, bought = ActivityCounts(len(boundaries) - 1), buyers(columns, today)
    edges = np.array(boundaries, np.int64)
    _count_spells(counts, _spells(columns, policy, today, local), bought, edges, chosen)
    _count_buying(counts, bought, edges, chosen)
    for customer, turns in lives_with_turns(columns, today, local).items():
        if chosen[customer] and (days := bought.days_of(customer)):
            count_activity(Life(days, turns), policy, boundaries, counts)
    return counts


def listed_moves(
    columns: Columns,
    policy: Lifecycle,
    *,
    span: tuple[int, int],
    today: int,
    local: LocalTime,
    chosen: Array,
    move: PeriodMove | None,
    page: Page[str],
) -> list[PeriodCustomer]:
    """Return the chosen customers who count in the rates of a period, by id.

    Args:
        columns: The customers.
        policy: The limits.
        span: The ordinals of the evening before the period and of its last evening that counts.
        today: The ordinal of the last day that counts.
        local: The business's days.
        chosen: True for each customer who counts.
        move: Only customers with this move.
        page: The page.
    """
    begin, end = span
    bought, spells = buyers(columns, today), _spells(columns, policy, today, local)
    found = {name: np.zeros(len(columns), np.bool_) for name in ("at_start", "at_end", "bought", "repeat")}
    found["at_start"][spells.owner[(spells.begin <= begin) & (spells.end >= begin)]] = True
    found["at_end"][spells.owner[(spells.begin <= end) & (spells.end >= end)]] = True
    within = (bought.day > begin) & (bought.day <= end)
    found["bought"][bought.owner[within]] = True
    found["repeat"][bought.owner[within & (bought.number > 0)]] = True
    is_new = bought.first > begin
    for customer, turns in lives_with_turns(columns, today, local).items():
        counts = counted_in(Life(bought.days_of(customer), turns), policy, begin, end)
        is_new[customer] = bool(counts["new"])
        found["at_start"][customer] = bool(counts["at_start"])
        came = counts["new"] or counts["won_back"]
        found["at_end"][customer] = bool(came or (counts["at_start"] and not counts["lost"]))
    start, later = found["at_start"], found["at_end"]
    moves: dict[PeriodMove, Array] = {
        "retained": start & later,
        "lost": start & ~later,
        "new": later & ~start & is_new,
        "won_back": later & ~start & ~is_new,
    }
    wanted = chosen & (start | later | found["bought"] if move is None else moves[move])
    names = columns.names
    places = np.array(page.of_names(np.flatnonzero(wanted).tolist(), names.__getitem__), np.int64)
    moved = np.full(len(columns), len(moves))
    for number, those in enumerate(moves.values()):
        moved[those] = number
    values = [each[places] for each in (moved, *found.values())]
    named: list[PeriodMove | None] = [*moves, None]

    def made(rest: Ints) -> Iterator[PeriodCustomer]:
        for place, number, *flags in zip(places[rest].tolist(), *(each[rest].tolist() for each in values), strict=True):
            yield PeriodCustomer(customer=names[place], move=named[number], **dict(zip(found, flags, strict=True)))

    return columns.listed("moves", places, values, made)


def _count_spells(counts: ActivityCounts, found: _Spells, bought: Buyers, edges: Ints, chosen: Array) -> None:
    low, high = np.searchsorted(edges, found.begin, side="left"), np.searchsorted(edges, found.end, side="right")
    shown = (low < high) & chosen[found.owner]
    owner, low, high = found.owner[shown], low[shown], high[shown]
    # Spells that touch the same boundary's evening are one: nothing shows between them.
    begins = np.ones(len(owner), np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | (low[1:] != high[:-1])
    starts = np.flatnonzero(begins)
    lasts = np.concatenate((starts[1:], [len(owner)])).astype(np.int64) - 1 if len(owner) else starts
    owner, low, high = owner[starts], low[starts], high[lasts]
    _add(counts.starts, low, 1)
    _add(counts.starts, high, -1)
    came = low > 0
    never_before = np.zeros(len(low), np.bool_)
    never_before[came] = bought.first[owner[came]] > edges[low[came] - 1]
    _add(counts.new, low[came & never_before] - 1, 1)
    _add(counts.won_back, low[came & ~never_before] - 1, 1)
    _add(counts.lost, high[high < len(edges)] - 1, 1)


def _count_buying(counts: ActivityCounts, bought: Buyers, edges: Ints, chosen: Array) -> None:
    period = np.searchsorted(edges, bought.day, side="left") - 1
    counted = (period >= 0) & chosen[bought.owner]
    periods = len(counts.total_buyers)
    for into, those in ((counts.total_buyers, counted), (counts.repeat_buyers, counted & (bought.number > 0))):
        each = distinct(bought.owner[those] * periods + period[those])
        _add(into, each % periods, 1)


def _add(into: list[int], places: Ints, change: int) -> None:
    for place, count in enumerate(np.bincount(places, minlength=len(into)).tolist()):
        into[place] += change * count
