"""The kind of loyalty of all customers at once; `loyalty_kinds` defines the kinds.

The months of a block of customers are one table: a row per customer, a column per month. The sums over a window of
months are differences of running sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isnan
from typing import Any, NamedTuple

from relations.extras import np
from relations.messages import from_micros
from relations.months import last_day, month_number, month_of_number
from relations.policies.instruments import DETRACTORS_TO, PROMOTERS_FROM
from relations.policies.lifecycle import LoyaltyKinds
from relations.projections.arguments import Page
from relations.projections.columns import Array, ColumnPart, Columns, Ints, distinct
from relations.projections.retention.columns.patrons import KINDS_OF_SCORE, kept_amounts, month_numbers
from relations.projections.retention.loyalty_kinds import (
    KINDS,
    CustomerKind,
    Direction,
    KindsReport,
    KindStep,
    LoyaltyKind,
    LoyaltySigns,
    kind_step,
)

__all__ = ["Kinds", "kinds_of", "listed_kinds"]

_CELLS = 1_000_000
"""Cells of a table of customers and months that are computed at a time."""
_TRUE, _LATENT, _SPURIOUS, _NONE = range(4)
_NOT_ASKED = -1


class Kinds(NamedTuple):
    """The kinds of all customers at the end of a month.

    Attributes:
        known: True for each customer who ever bought or answered.
        kind: The place of each customer's kind in `KINDS`.
        signs: The signs of each customer, by name; shares that are unknown are not numbers.
        steps: Of each change of kind the customer, the number of the month, the kind, and the kind before; by customer
            and month. The kind before the first one is -1.
    """

    known: Array
    kind: Ints
    signs: dict[str, Array]
    steps: ColumnPart


def kinds_of(columns: Columns, policy: LoyaltyKinds, *, satisfied_from: int, month: str) -> Kinds:
    """Return every customer's kind at the end of a month, and how it came about."""
    key = "kinds", policy, satisfied_from, month
    return columns.derive_each(key, lambda some: _kinds(some, policy, satisfied_from, month_number(month)))


class _Entries(NamedTuple):
    """Counts of customers by month; several entries may have the same customer and month."""

    owner: Ints
    month: Ints
    counts: dict[str, Array]


def _entries(columns: Columns, satisfied_from: int, last: int) -> list[_Entries]:
    end = last_day(month_of_number(last))
    kept = kept_amounts(columns, end)
    days = distinct(kept.owner << 32 | kept["day"])
    bought = columns.part("activity")
    said = columns.part("opinions")
    csat, score = said["kind"] == KINDS_OF_SCORE["csat"], said["score"]
    found = [
        _Entries(days >> 32, month_numbers(days & 0xFFFFFFFF), {"days": np.ones(len(days), np.int64)}),
        _Entries(bought.owner, bought["month"], {"purchases": bought["purchases"], "discounted": bought["discounted"]}),
        _Entries(
            said.owner,
            said["month"],
            {
                "satisfied": (csat & (score >= satisfied_from)).astype(np.int64),
                "answers": csat.astype(np.int64),
                "promoters": (~csat & (score >= PROMOTERS_FROM)).astype(np.int64),
                "detractors": (~csat & (score <= DETRACTORS_TO)).astype(np.int64),
            },
        ),
    ]
    return [_chosen(each, each.month <= last) for each in found]


def _chosen(entries: _Entries, chosen: Array) -> _Entries:
    counts = {name: values[chosen] for name, values in entries.counts.items()}
    return _Entries(entries.owner[chosen], entries.month[chosen], counts)


def _kinds(columns: Columns, policy: LoyaltyKinds, satisfied_from: int, last: int) -> Kinds:
    count, entries = len(columns), _entries(columns, satisfied_from, last)
    # A month in which nothing was counted is no beginning: a refund alone makes an entry, but not a sign of anything.
    some = [_chosen(each, np.any(np.stack([*each.counts.values()]) != 0, axis=0)) for each in entries]
    begins = np.full(count, last + 1, np.int64)
    for each in some:
        np.minimum.at(begins, each.owner, each.month)
    bought = entries[1]
    purchased = np.full(count, last + 1, np.int64)
    has_purchases = bought.counts["purchases"] != 0
    np.minimum.at(purchased, bought.owner[has_purchases], bought.month[has_purchases])
    known = begins <= last
    kind = np.full(count, _NONE, np.int64)
    signs: dict[str, Array] = {name: np.zeros(count) for name in LoyaltySigns.model_fields}
    steps: list[Array] = []
    for block in _blocks(begins, last):
        first = int(begins[block].min())
        table = _tables(entries, block, count, first, last)
        found = _block(table, policy, purchased[block] - first, last - first + 1)
        kind[block] = found["kind"][:, -1]
        for name, values in signs.items():
            values[block] = found[name][:, -1]
        steps.append(_steps(found["kind"], begins[block] - first, block, first))
    owner, month, to, before = np.concatenate(steps, axis=1) if steps else np.zeros((4, 0), np.int64)
    return Kinds(known, kind, signs, ColumnPart(owner, {"month": month, "kind": to, "before": before}).sorted_by(month))


def _blocks(begins: Ints, last: int) -> Iterator[Ints]:
    """Yield the numbers of the known customers, in blocks of those who became known at about the same time."""
    order = np.argsort(begins, kind="stable")
    order = order[begins[order] <= last]
    start = 0
    while start < len(order):
        months = last - int(begins[order[start]]) + 1
        size = max(_CELLS // months, 1)
        yield np.sort(order[start : start + size])
        start += size


def _tables(entries: list[_Entries], block: Ints, count: int, first: int, last: int) -> dict[str, Ints]:
    """Return each count as a table of running sums, with a column of zeros before the first month."""
    months = last - first + 1
    row = np.full(count, -1, np.int64)
    row[block] = np.arange(len(block))
    found: dict[str, Ints] = {}
    for each in entries:
        chosen = row[each.owner] >= 0
        place = row[each.owner[chosen]] * (months + 1) + (each.month[chosen] - first + 1)
        for name, values in each.counts.items():
            cells = np.zeros(len(block) * (months + 1), np.int64)
            np.add.at(cells, place, values[chosen])
            found[name] = cells.reshape(len(block), months + 1)
    found["active"] = (found["days"] != 0).astype(np.int64)
    return {name: np.cumsum(cells, axis=1) for name, cells in found.items()}


def _block(sums: dict[str, Ints], policy: LoyaltyKinds, purchased: Ints, months: int) -> dict[str, Array]:
    """Return the signs and the kind at the end of each month."""
    end = np.arange(1, months + 1)
    begin = np.maximum(end - policy.months, 0)
    total: dict[str, Any] = {name: cells[:, end] - cells[:, begin] for name, cells in sums.items()}
    since = end[None, :] - np.maximum(begin[None, :], purchased[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        active_share = np.where(since > 0, total["active"] / since, 0.0)
        satisfied_share = np.where(total["answers"] > 0, total["satisfied"] / total["answers"], np.nan)
        full_price = total["purchases"] - total["discounted"]
        full_price_share = np.where(total["purchases"] > 0, full_price / total["purchases"], np.nan)
    promoters, detractors = total["promoters"], total["detractors"]
    content, asked = satisfied_share >= policy.satisfied_share_min, total["answers"] > 0
    pays = full_price_share >= policy.full_price_share_min
    count = (content & asked).astype(np.int64) + (promoters > detractors) + pays
    comes_back = (total["days"] >= policy.purchase_days_min) & (active_share >= policy.active_share_min)
    means_it = (content | ~asked) & (promoters >= detractors) & (count >= policy.signs_min)
    return {
        "purchase_days": total["days"],
        "active_share": active_share,
        "satisfied_share": satisfied_share,
        "recommends": np.where(promoters == detractors, _NOT_ASKED, promoters > detractors),
        "full_price_share": full_price_share,
        "comes_back": comes_back,
        "means_it": means_it,
        "kind": np.where(means_it, np.where(comes_back, _TRUE, _LATENT), np.where(comes_back, _SPURIOUS, _NONE)),
    }


def _steps(kind: Ints, begins: Ints, block: Ints, first: int) -> Array:
    """Return the changes of kind: the customers, the months, the kinds, and the kinds before."""
    before = np.full_like(kind, -1)
    before[:, 1:] = kind[:, :-1]
    month = np.arange(kind.shape[1])[None, :]
    before[month <= begins[:, None]] = -1
    row, column = np.nonzero((month >= begins[:, None]) & (kind != before))
    return np.stack((block[row], column + first, kind[row, column], before[row, column]))


# --- answers --------------------------------------------------------------------------------------------------------


def listed_kinds(
    columns: Columns,
    policy: LoyaltyKinds,
    *,
    satisfied_from: int,
    month: str,
    as_of: int,
    kind: LoyaltyKind | None,
    page: Page[str],
) -> KindsReport:
    """Count the customers of each kind at the end of a month, and list a page of them."""
    found = kinds_of(columns, policy, satisfied_from=satisfied_from, month=month)
    sizes = np.bincount(found.kind[found.known], minlength=len(KINDS)).tolist()
    steps, number = found.steps, month_number(month)
    is_last = np.ones(len(steps), np.bool_)
    is_last[:-1] = steps.owner[1:] != steps.owner[:-1]
    made = _step_maker()
    moves: dict[Direction, int] = {}
    latest = steps.where(is_last & (steps["month"] == number))
    for to, before in zip(latest["kind"].tolist(), latest["before"].tolist(), strict=True):
        direction = made(number, to, before).direction
        moves[direction] = moves.get(direction, 0) + 1
    chosen = found.known if kind is None else found.known & (found.kind == KINDS.index(kind))
    places = np.array(page.of_names(np.flatnonzero(chosen).tolist(), columns.names.__getitem__), np.int64)
    key = "kinds", policy, satisfied_from, month
    listed = columns.listed(key, places, (), lambda rest: _listed(columns, found, places[rest], made))
    return KindsReport(
        as_of=from_micros(as_of),
        month=month,
        customers=int(np.count_nonzero(found.known)),
        kinds=dict(zip(KINDS, sizes, strict=True)),
        progressed=moves.get("progression", 0),
        relapsed=moves.get("relapse", 0),
        listed=tuple(listed),
    )


def _step_maker() -> Callable[[int, int, int], KindStep]:
    """Return a function that makes each different step once: thousands of customers share a few hundred."""
    known: dict[tuple[int, int, int], KindStep] = {}

    def made(month: int, kind: int, before: int) -> KindStep:
        key = month, kind, before
        found = known.get(key)
        if found is None:
            previous = None if before < 0 else KINDS[before]
            found = known[key] = kind_step(month_of_number(month), KINDS[kind], previous)
        return found

    return made


def _listed(
    columns: Columns, found: Kinds, chosen: Ints, made: Callable[[int, int, int], KindStep]
) -> Iterator[CustomerKind]:
    names, places, is_chosen = columns.names, chosen.tolist(), np.zeros(len(columns), np.bool_)
    is_chosen[chosen] = True
    steps = found.steps.where(is_chosen[found.steps.owner])
    every = [made(*each) for each in zip(*(steps[name].tolist() for name in ("month", "kind", "before")), strict=True)]
    starts = np.searchsorted(steps.owner, chosen, side="left").tolist()
    ends = np.searchsorted(steps.owner, chosen, side="right").tolist()
    signs = zip(*(found.signs[name][chosen].tolist() for name in LoyaltySigns.model_fields), strict=True)
    known: dict[tuple[Any, ...], LoyaltySigns] = {}
    for place, begin, end, values in zip(places, starts, ends, signs, strict=True):
        days, active, satisfied, recommends, full_price, comes_back, means_it = values
        key = (
            int(days),
            active,
            None if isnan(satisfied) else satisfied,
            None if recommends < 0 else bool(recommends),
            None if isnan(full_price) else full_price,
            bool(comes_back),
            bool(means_it),
        )
        theirs = known.get(key)
        if theirs is None:
            theirs = known[key] = LoyaltySigns(**dict(zip(LoyaltySigns.model_fields, key, strict=True)))
        own = tuple(every[begin:end])
        yield CustomerKind(customer=names[place], kind=own[-1].kind, since=own[-1].month, signs=theirs, steps=own)
