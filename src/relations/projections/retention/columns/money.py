"""Money and frequency of all customers at once: RFM, value grades, cohorts, revenue, and the input of the value models.

The modules `rfm`, `value_grades`, `cohorts`, `revenue` and `lifetime_value` define what these figures mean.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, get_args

from relations.analytics.repeat_statistics import RepeatColumns
from relations.extras import np
from relations.messages import Money, from_micros
from relations.months import last_day, month_number, month_of, month_of_number, months_between
from relations.policies.lifecycle import Rfm
from relations.policies.value import ValueGrade, ValueGrades
from relations.projections.arguments import Page
from relations.projections.columns import Array, ColumnPart, Columns, Ints, distinct, grouped_sums, offsets_of, totals
from relations.projections.retention.cohorts import Cohort, CohortCell, cohort_of
from relations.projections.retention.columns.patrons import bought_in, buyers, costed_amounts, kept_amounts, net_amounts
from relations.projections.retention.revenue import RevenueRetention, SpanSums, retained
from relations.projections.retention.rfm import RfmReport, RfmScore, grade_functions, segment_name, sizes_of
from relations.projections.retention.value_grades import CustomerGrade, GradesReport, graded_report
from relations.projections.retention.worth.lifetime_value import Observations

__all__ = [
    "Grades",
    "RfmGrades",
    "cohorts_of",
    "grades_of",
    "listed_grades",
    "listed_rfm",
    "observed",
    "revenue_of",
    "rfm_of",
]

GRADES: tuple[ValueGrade, ...] = get_args(ValueGrade)
_SUMMED = ("purchases", "bought", "refunds", "refunded")
_STATISTICS = tuple(each.name for each in fields(RepeatColumns))


class RfmGrades(NamedTuple):
    """Recency, frequency and money of the buyers in a currency, with their grades.

    Attributes:
        buyer: The number of each buyer, ascending.
        recency_days: Days since the last purchase.
        frequency: The number of purchase days.
        amount: The net amount.
        grades: The grades r, f and m.
        segment: The place of each buyer's segment in `names`.
        names: The names of segments.
        others: The number of customers who bought only in other currencies.
    """

    buyer: Ints
    recency_days: Ints
    frequency: Ints
    amount: Array
    grades: tuple[Ints, Ints, Ints]
    segment: Ints
    names: list[str]
    others: int


def rfm_of(columns: Columns, policy: Rfm, currency: int, *, today: int) -> RfmGrades:
    """Grade every buyer in a currency."""
    return columns.derive(("rfm", policy, currency, today), lambda: _rfm(columns, policy, currency, today))


def _rfm(columns: Columns, policy: Rfm, currency: int, today: int) -> RfmGrades:
    bought = buyers(columns, today)
    chosen = bought_in(columns, currency, today)
    buyer = np.flatnonzero(chosen)
    recency, frequency = today - bought.last[buyer], bought.days[buyer]
    amount = net_amounts(columns, currency, today)[buyer]
    functions = grade_functions(policy, *(_counted(values) for values in (recency, frequency, amount)))
    grades = tuple(
        _looked_up(values, function) for values, function in zip((recency, frequency, amount), functions, strict=True)
    )
    r, f, m = grades
    names: dict[str, int] = {}
    segment = _looked_up(
        r * 100 + f * 10 + m,
        lambda code: names.setdefault(segment_name(policy, code // 100, code // 10 % 10, code % 10), len(names)),
    )
    others = int(np.count_nonzero(bought.days)) - len(buyer)
    return RfmGrades(buyer, recency, frequency, amount, (r, f, m), segment, list(names), others)


def _counted(values: Array) -> dict[int, int]:
    """Return how often each value occurs."""
    known, counts = np.unique(values, return_counts=True)
    return dict(zip(known.tolist(), counts.tolist(), strict=True))


def _looked_up(values: Array, function: Any) -> Ints:
    """Return a function of each value, computed once for equal values."""
    known, which = np.unique(values, return_inverse=True)
    return (
        np.array([function(value) for value in known.tolist()], np.int64)[which]
        if len(known)
        else np.zeros(0, np.int64)
    )


def rfm_score(columns: Columns, policy: Rfm, code: tuple[str, int], customer: str, *, today: int) -> RfmScore | None:
    """Return the grades of one customer among all; None if they bought nothing in the currency."""
    currency, number = code
    found = rfm_of(columns, policy, number, today=today)
    who = bisect_left(columns.names, customer)
    place = int(np.searchsorted(found.buyer, who))
    is_listed = place < len(found.buyer) and columns.names[found.buyer[place]] == customer
    return _scores(columns, policy, found, currency, np.array([place]))[0] if is_listed else None


def _scores(columns: Columns, policy: Rfm, found: RfmGrades, currency: str, places: Ints) -> list[RfmScore]:
    buyer = found.buyer[places]
    values = [each[places] for each in (found.recency_days, found.frequency, found.amount, *found.grades)]
    names, segments, segment = columns.names, found.names, found.segment[places]

    def made(rest: Ints) -> Iterator[RfmScore]:
        listed = zip(*(each[rest].tolist() for each in (buyer, segment, *values)), strict=True)
        for customer, name, recency, frequency, amount, r, f, m in listed:
            yield RfmScore(
                customer=names[customer],
                recency_days=recency,
                frequency=frequency,
                monetary=Money(amount, currency),
                r=r,
                f=f,
                m=m,
                segment=segments[name],
            )

    return columns.listed(("rfm", policy, currency), buyer, values, made)


def listed_rfm(
    columns: Columns,
    policy: Rfm,
    code: tuple[str, int],
    *,
    today: int,
    as_of: int,
    segment: str | None,
    page: Page[str],
) -> RfmReport:
    """Return the sizes of the segments, and a page of the graded customers.

    Args:
        columns: The customers.
        policy: The rule of grading and the segments.
        code: The currency and its number.
        today: The ordinal of the last day that counts.
        as_of: The moment asked about.
        segment: List only customers of this segment.
        page: The part of the list.
    """
    currency, number = code
    names = columns.names
    found = rfm_of(columns, policy, number, today=today)
    customers = np.bincount(found.segment, minlength=len(found.names)).tolist()
    order = np.argsort(found.segment, kind="stable")
    sums = grouped_sums(found.amount[order], found.segment[order], len(found.names)).tolist()
    chosen = np.arange(len(found.buyer))
    if segment is not None:
        chosen = chosen[found.segment == (found.names.index(segment) if segment in found.names else -1)]
    places = np.array(page.of_names(chosen.tolist(), lambda place: names[found.buyer[place]]), np.int64)
    return RfmReport(
        as_of=from_micros(as_of),
        currency=currency,
        rule="bins" if policy.bins else "quintiles",
        buyers=len(found.buyer),
        other_currencies=found.others,
        segments=sizes_of(
            policy,
            currency,
            len(found.buyer),
            dict(zip(found.names, customers, strict=True)),
            dict(zip(found.names, sums, strict=True)),
        ),
        customers=tuple(_scores(columns, policy, found, currency, places)),
    )


# --- value grades ---------------------------------------------------------------------------------------------------


class Grades(NamedTuple):
    """The value grades of the customers who ever bought in a currency.

    Attributes:
        customer: The number of each, ascending.
        grade: The place of the grade in `GRADES`.
        since: The number of the month in which they last came to this grade.
        amount: Purchases less refunds over the policy's months.
        buyers: The number of customers with a purchase in any currency.
    """

    customer: Ints
    grade: Ints
    since: Ints
    amount: Array
    buyers: int


def grades_of(columns: Columns, policy: ValueGrades, code: tuple[str, int], *, month: str) -> Grades:
    """Grade every customer at the end of a month."""
    key = "grades", policy, code, month
    found = columns.derive_each(key, lambda some: _grades(some, policy, code, month_number(month)))
    bought = buyers(columns, last_day(month)).days
    return Grades(found.owner, found["grade"], found["since"], found["amount"], int(np.count_nonzero(bought)))


def _grades(columns: Columns, policy: ValueGrades, code: tuple[str, int], last: int) -> ColumnPart:
    currency, number = code
    did = columns.part("activity")
    did = did.where((did["currency"] == number) & (did["month"] <= last)).sorted_by(
        did["month"][(did["currency"] == number) & (did["month"] <= last)]
    )
    begins = np.full(len(columns), last + 1, np.int64)
    some = did["days"] != 0
    np.minimum.at(begins, did.owner[some], did["month"][some])
    customer = np.flatnonzero(begins <= last)
    high_from, mid_from = policy.thresholds(currency)
    window = _Window(did.owner, did["month"], did["bought"] - did["refunded"], len(columns))

    def graded(amount: Array) -> Ints:
        return np.where(amount >= high_from, 0, np.where(amount >= mid_from, 1, 2)).astype(np.int64)

    amount = window.sums(customer, np.full(len(customer), last, np.int64), policy.months)
    # The amount changes only when a month with amounts enters the window or leaves it.
    owner = np.concatenate((did.owner, did.owner))
    change = np.concatenate((np.maximum(did["month"], begins[did.owner]), did["month"] + policy.months))
    moves = (change > begins[owner]) & (change <= last)
    owner, change = owner[moves], change[moves]
    before = graded(window.sums(owner, change - 1, policy.months))
    differs = before != graded(window.sums(owner, change, policy.months))
    since = begins.copy()
    np.maximum.at(since, owner[differs], change[differs])
    return ColumnPart(customer, {"grade": graded(amount), "since": since[customer], "amount": amount})


class _Window:
    """Sums of customers' amounts over the months that end with any month."""

    def __init__(self, owner: Ints, month: Ints, amount: Array, count: int) -> None:
        if amount.dtype != object and len(amount) and int(np.abs(amount).max()) * len(amount) >= 2**62:
            amount = amount.astype(object)
        self._keys = owner << 32 | month
        self._sums = np.concatenate((np.zeros(1, amount.dtype), np.cumsum(amount)))
        self._starts = offsets_of(owner, count)

    def sums(self, owner: Ints, end: Ints, months: int) -> Array:
        """Return the sum of each customer's amounts over `months` months up to and including `end`."""
        until = np.searchsorted(self._keys, owner << 32 | end, side="right")
        since = np.searchsorted(self._keys, owner << 32 | np.maximum(end - months + 1, 0), side="left")
        return np.asarray(self._sums[until] - self._sums[since])


def listed_grades(
    columns: Columns,
    policy: ValueGrades,
    code: tuple[str, int],
    *,
    month: str,
    grade: ValueGrade | None,
    page: Page[str],
) -> GradesReport:
    """Count the customers of each grade at the end of a month, and list a page of them."""
    found = grades_of(columns, policy, code, month=month)
    order = np.argsort(found.grade, kind="stable")
    amounts = grouped_sums(found.amount[order], found.grade[order], len(GRADES)).tolist()
    sizes = np.bincount(found.grade, minlength=len(GRADES)).tolist()
    chosen = np.arange(len(found.customer))
    if grade is not None:
        chosen = chosen[found.grade == GRADES.index(grade)]
    customer, names = found.customer, columns.names
    places = np.array(page.of_names(chosen.tolist(), lambda place: names[customer[place]]), np.int64)
    months = {number: month_of_number(number) for number in distinct(found.since).tolist()}
    values: list[Array] = [each[places] for each in (found.grade, found.since, found.amount)]
    listed = customer[places]

    def made(rest: Ints) -> Iterator[CustomerGrade]:
        for one, graded, since, amount in zip(*(each[rest].tolist() for each in (listed, *values)), strict=True):
            yield CustomerGrade(customer=names[one], grade=GRADES[graded], since=months[since], amount=amount)

    return graded_report(
        policy,
        currency=code[0],
        month=month,
        buyers=found.buyers,
        sizes=dict(zip(GRADES, sizes, strict=True)),
        amounts=dict(zip(GRADES, amounts, strict=True)),
        customers=tuple(columns.listed("grades", listed, values, made)),
    )


# --- cohorts and revenue --------------------------------------------------------------------------------------------


def cohorts_of(columns: Columns, currencies: Sequence[str], *, today: int, chosen: Array) -> list[Cohort]:
    """Return all cohorts of the chosen customers, the earliest first, through the month of `today`.

    Args:
        columns: The customers.
        currencies: The currencies by their number.
        today: The ordinal of the day asked about.
        chosen: True for each customer who counts.
    """
    last = month_number(month_of(today))
    begins, active = columns.derive_each(("beginnings", last), lambda some: _beginnings(some, last))
    active = active.where(chosen[active.owner])
    cells: dict[int, dict[int, CohortCell]] = {}

    def cell(first: int, month: int) -> CohortCell:
        return cells.setdefault(first, {}).setdefault(month, CohortCell())

    keys, which = _numbered_keys(begins[active.owner], active["month"])
    for (first, month), count in zip(keys, np.bincount(which, minlength=len(keys)).tolist(), strict=True):
        cell(first, month).active = count
    every = columns.part("activity")
    counted = (chosen & (begins <= last))[every.owner] & (every["month"] <= last)
    owner, each = every.owner[counted], {name: every[name][counted] for name in ("month", "currency", *_SUMMED)}
    keys, which = _numbered_keys(begins[owner], each["month"], each["currency"])
    sums = {name: totals(each[name], which, len(keys)).tolist() for name in _SUMMED}
    # Amounts are shown for every currency with an entry of that sort, even if they sum to zero.
    some = {
        name: np.bincount(which[each[name] != 0], minlength=len(keys)).tolist() for name in ("purchases", "refunds")
    }
    for n, (first, month, currency) in enumerate(keys):
        of = cell(first, month)
        code = currencies[currency]
        if some["purchases"][n]:
            of.purchases += sums["purchases"][n]
            of.bought[code] = sums["bought"][n]
        if some["refunds"][n]:
            of.refunded[code] = sums["refunded"][n]
    return [
        cohort_of(month_of_number(first), {month_of_number(month): each for month, each in found.items()}, today)
        for first, found in sorted(cells.items())
    ]


def _beginnings(columns: Columns, last: int) -> tuple[Ints, ColumnPart]:
    """Return the month of each customer's first purchase up to a month, else the next one, and the months of all."""
    did = columns.part("activity")
    bought = (did["days"] != 0) & (did["month"] <= last)
    active = distinct(did.owner[bought] << 32 | did["month"][bought])
    owner, month = active >> 32, active & 0xFFFFFFFF
    begins = np.full(len(columns), last + 1, np.int64)
    is_first = np.ones(len(owner), np.bool_)
    is_first[1:] = owner[1:] != owner[:-1]
    begins[owner[is_first]] = month[is_first]
    return begins, ColumnPart(owner, {"month": month})


def _numbered_keys(*values: Ints) -> tuple[list[tuple[int, ...]], Ints]:
    """Return the different combinations of some numbers in order, and the place of each entry's combination."""
    known, which = np.zeros((0, 1), np.int64), np.zeros(len(values[0]), np.int64)
    for each in values:
        # There are few different numbers, so they are counted, and nothing is sorted.
        least = int(each.min()) if len(each) else 0
        counts = np.bincount(each - least)
        span = max(len(counts), 1)
        key = which * span + (each - least)
        occupied = np.flatnonzero(np.bincount(key))
        place = np.zeros(int(occupied[-1]) + 1 if len(occupied) else 0, np.int64)
        place[occupied] = np.arange(len(occupied))
        before, now = occupied // span, occupied % span + least
        known = np.column_stack((known[before], now)) if len(known) else now.reshape(-1, 1)
        which = place[key]
    return list(map(tuple, known.tolist())), which


def revenue_of(columns: Columns, currency: int, *, months: int, today: int, chosen: Array) -> list[RevenueRetention]:
    """Compare what the chosen customers spent in a span of months with the next one, for every such pair of spans."""
    last = month_number(month_of(today))
    did = columns.part("activity")
    did = did.where(chosen[did.owner] & (did["currency"] == currency) & (did["month"] <= last))
    if not len(did):
        return []
    first = int(did["month"].min())
    every = months_between(month_of_number(first), month_of_number(last))
    did = did.sorted_by(did["month"])
    window = _Window(did.owner, did["month"], did["bought"] - did["refunded"], len(columns))
    customer = distinct(did.owner)
    found = []
    for end in range(2 * months - 1, len(every)):
        here = np.full(len(customer), first + end, np.int64)
        then, now = window.sums(customer, here - months, months), window.sums(customer, here, months)
        spent = then > 0
        then, now = then[spent], now[spent]
        totals = (_total(then), _total(now), _total(np.minimum(then, now)))
        found.append(retained(SpanSums(len(then), *totals), every[end + 1 - months : end + 1], today))
    return found


def _total(values: Array) -> int:
    return int(grouped_sums(values, np.zeros(len(values), np.int64), 1)[0])


# --- the input of the value models ----------------------------------------------------------------------------------


def observed(columns: Columns, currency: int, *, through: int) -> tuple[Observations, Ints]:
    """Return the statistics of all buyers in a currency up to a day, and the numbers of these customers."""
    found, of_each = columns.derive_each(
        ("observed", currency, through), lambda some: _observed(some, currency, through)
    )
    observations = Observations(
        customers=list(map(columns.names.__getitem__, found.owner.tolist())),
        statistics=RepeatColumns(*(found[name] for name in _STATISTICS)),
        historic=found["historic"],
        costed=found["costed"],
        cost=found["cost"],
        all_returned=int(np.count_nonzero(of_each["is_returned"])),
        others=int(np.count_nonzero(of_each["is_other"])),
        bought=_total(of_each["bought"]),
        returned=_total(of_each["returned"]),
    )
    return observations, found.owner


def _observed(columns: Columns, currency: int, through: int) -> tuple[ColumnPart, dict[str, Array]]:
    """Return the statistics of each buyer, and what is counted of every customer."""
    count = len(columns)
    kept = kept_amounts(columns, through)
    kept = kept.where(kept["currency"] == currency)
    kept = kept.sorted_by(kept["day"])
    offsets = offsets_of(kept.owner, count)
    days = np.diff(offsets)
    customer = np.flatnonzero(days > 0)
    begin, end = offsets[:-1][customer], offsets[1:][customer] - 1
    first, last = kept["day"][begin], kept["day"][end]
    repeat = grouped_sums(kept["amount"], kept.owner, count)[customer] - kept["amount"][begin]
    revenue, cost = (sums[customer] for sums in costed_amounts(columns, currency, through))
    bought = bought_in(columns, currency, through)
    is_buyer = buyers(columns, through).days > 0
    amounts, back = columns.part("amounts"), columns.part("returned")
    amounts = amounts.where((amounts["currency"] == currency) & (amounts["day"] <= through))
    back = back.where((back["currency"] == currency) & (back["counted"] <= through))
    values = {
        **dict(zip(_STATISTICS, (days[customer] - 1, last - first, through - first, repeat), strict=True)),
        "historic": net_amounts(columns, currency, through)[customer],
        "costed": revenue,
        "cost": cost,
    }
    return ColumnPart(customer, values), {
        "is_returned": bought & (days == 0),
        "is_other": is_buyer & ~bought & (days == 0),
        "bought": grouped_sums(amounts["amount"], amounts.owner, count),
        "returned": grouped_sums(back["amount"], back.owner, count),
    }
