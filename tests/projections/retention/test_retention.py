"""The retention view of customers, from folded events; with a database only for the view's own SQL."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from relations.aggregates.complaint import FileComplaint
from relations.aggregates.customer import (
    CustomerRegistered,
    GiveConsent,
    GiveFeedback,
    NoteTrait,
    PurchaseRecorded,
    PurchaseRefunded,
    RecordInteraction,
    RecordPurchase,
    RegisterCustomer,
    SendInvitation,
)
from relations.aggregates.loyalty import EnrolMember
from relations.analytics import Turn
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.messages import Command, Envelope, Event, Money, to_micros
from relations.months import first_day, last_day, month_of, months_after, months_between
from relations.policies import Lifecycle, Policy
from relations.policies.calendars import local_time
from relations.policies.lifecycle import OwnGap, Rfm, RfmBins, RfmSegment
from relations.projections.projection import Rows
from relations.projections.retention import (
    ChurnReport,
    Cohort,
    CustomerProfile,
    CustomerStage,
    GradesReport,
    LifecycleReport,
    PeriodRates,
    RfmReport,
)
from relations.projections.retention.cohorts import cohort_table
from relations.projections.retention.columns.lives import limits_of
from relations.projections.retention.patronage import PROJECTION, Patronage
from relations.projections.retention.purchases import customer_profile
from relations.projections.retention.revenue import cohort_revenue, revenue_retention
from relations.projections.retention.rfm import RfmScore, quintiles, rfm_buyers, rfm_scores, segment_sizes
from relations.projections.retention.stages import (
    Life,
    Period,
    customer_stages,
    lifecycle_report,
    period_rates,
    stage_of,
)
from tests.support.effort import part

LOCAL = local_time("UTC")
START = date(2024, 1, 1).toordinal()
DEFAULT = Lifecycle()
OWN = Lifecycle(own_gap=OwnGap(purchase_days_min=3))
Facts = Sequence[tuple[str, datetime, Event]]


def at(day: int, hour: int = 12) -> datetime:
    return datetime.fromordinal(day).replace(tzinfo=UTC, hour=hour)


def purchase(customer: str, when: datetime, amount: int = 1000, currency: str = "EUR") -> tuple[str, datetime, Event]:
    return customer, when, PurchaseRecorded(purchase="p", amount=Money(amount, currency))


def refund(
    customer: str, when: datetime, amount: int, currency: str = "EUR", *, bought: datetime
) -> tuple[str, datetime, Event]:
    money, bought_at = Money(amount, currency), to_micros(bought)
    return (
        customer,
        when,
        PurchaseRefunded(refund="r", purchase="p", amount=money, refunded=amount, bought=amount, bought_at=bought_at),
    )


def folded(facts: Iterable[tuple[str, datetime, Event]], rows: Rows | None = None, zone: str = "UTC") -> Rows:
    rows = rows or Rows(PROJECTION.tables, local_time(zone))
    for position, (customer, when, event) in enumerate(facts, 1):
        envelope = Envelope(
            position=position,
            stream=f"customer-{customer}",
            version=position,
            customer=customer,
            occurred_at=to_micros(when),
            recorded_at=0,
        )
        PROJECTION.folds[type(event)](rows, event, envelope)
    return rows


def patrons(rows: Rows) -> list[Patronage]:
    return sorted(rows.tables[Patronage].values(), key=lambda row: row.customer)


def canonical(rows: Rows) -> bytes:
    return msgspec.json.Encoder(order="deterministic").encode(patrons(rows))


@st.composite
def histories(draw: st.DrawFn, days: int = 800) -> Facts:
    found: list[tuple[str, datetime, Event]] = []
    for number in range(draw(st.integers(1, 6))):
        customer = f"c{number}"
        if draw(st.booleans()):
            found.append((customer, at(START + draw(st.integers(0, days))), CustomerRegistered()))
        for day in draw(st.lists(st.integers(0, days), max_size=12)):
            hour, currency = draw(st.integers(0, 23)), draw(st.sampled_from(["EUR", "EUR", "JPY"]))
            amount = draw(st.integers(0, 10**6))
            bought = at(START + day, hour)
            found.append(purchase(customer, bought, amount, currency))
            if draw(st.integers(0, 4)) == 0:
                back = at(START + day + draw(st.integers(-90, 90)))
                found.append(refund(customer, back, draw(st.integers(0, amount)), currency, bought=bought))
    return draw(st.permutations(found))


policies = st.sampled_from([DEFAULT, OWN, Lifecycle(new_days=3, lapsing_days=5, lost_days=9, won_back_days=4)])
edges = [
    first_day(f"{year}-{month:02d}") - before for year in (2024, 2025) for month in range(2, 7) for before in (0, 1)
]
days_near_edges = st.one_of(st.integers(START, START + 500), st.sampled_from(edges))
turns = st.dictionaries(days_near_edges, st.booleans(), max_size=3).map(
    lambda found: [Turn(day, back) for day, back in sorted(found.items())]
)
lives = st.lists(
    st.builds(Life, st.sets(days_near_edges, max_size=14).map(sorted), st.one_of(st.just([]), turns)), max_size=8
)


# --- rows -----------------------------------------------------------------------------------------------------------


@given(histories(), st.randoms(use_true_random=False))
def test_rows_do_not_depend_on_the_order_of_recording(facts: Facts, chance: random.Random) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)
    assert canonical(folded(facts)) == canonical(folded(shuffled))


@given(histories(), st.integers(0, 40))
def test_folding_a_prefix_storing_it_and_going_on_is_folding_the_whole(facts: Facts, cut: int) -> None:
    rows = folded(facts[:cut])
    stored = msgspec.json.decode(canonical(rows), type=list[Patronage])
    rows.tables[Patronage].update({(row.customer,): row for row in stored})
    assert canonical(folded(facts[cut:], rows)) == canonical(folded(facts))


@given(histories())
def test_a_row_knows_every_purchase_day(facts: Facts) -> None:
    bought = defaultdict(set)
    for customer, when, event in facts:
        if isinstance(event, PurchaseRecorded):
            bought[customer].add(when.toordinal())
    for row in patrons(folded(facts)):
        assert row.purchase_days(START + 5000) == sorted(bought[row.customer])
        assert row.purchase_days(START + 300) == sorted(day for day in bought[row.customer] if day <= START + 300)


def test_days_and_months_are_those_of_the_zone() -> None:
    rows = patrons(folded([purchase("c", datetime(2024, 4, 30, 23, 30, tzinfo=UTC))], zone="Europe/Vienna"))
    assert [date.fromordinal(day) for day in rows[0].purchase_days(START + 1000)] == [date(2024, 5, 1)]
    assert rows[0].activity.keys() == {"2024-05EUR"}


# --- stages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "today", "stage"),
    [
        ([], 0, "prospect"),
        ([0], 0, "new"),
        ([0], 90, "new"),
        ([0], 91, "established"),
        ([0], 180, "established"),
        ([0], 181, "lapsing"),
        ([0], 365, "lapsing"),
        ([0], 366, "lost"),
        ([0, 80], 91, "established"),
        ([0, 365], 365, "established"),
        ([0, 366], 366, "won_back"),
        ([0, 366, 400], 456, "won_back"),
        ([0, 366, 400], 457, "established"),
        ([0, 366], 366 + 366, "lost"),
    ],
)
def test_stages_by_days(days: list[int], today: int, stage: str) -> None:
    assert stage_of(Life(days), today, DEFAULT) == (stage, "inferred")


def test_stages_by_the_customers_own_gap() -> None:
    def stage(days: list[int], today: int) -> str:
        return stage_of(Life(days), today, OWN)[0]

    weekly, yearly = [0, 10, 20], [0, 400, 800]
    assert stage(weekly, 40) == "new"
    assert stage(weekly, 41) == "lapsing"
    assert stage(weekly, 61) == "lost"
    assert stage(yearly, 1600) == "established"
    assert stage(yearly, 1601) == "lapsing"
    assert stage([0, 10], 41) == "new", "too few days for a rhythm"
    assert stage([0, 1, 2], 16) == "new", "a mean gap of a day is taken for a week"
    assert stage([0, 10, 20, 61], 61) == "won_back"


LEFT, BACK = Turn(100, back=False), Turn(150, back=True)


@pytest.mark.parametrize(
    ("days", "turns", "today", "stage", "basis"),
    [
        ([0], [LEFT], 99, "established", "inferred"),
        ([0], [LEFT], 100, "lost", "recorded"),
        ([0], [LEFT], 900, "lost", "recorded"),
        ([0, 100], [LEFT], 100, "lost", "recorded"),
        ([0, 101], [LEFT], 101, "won_back", "inferred"),
        ([0, 101], [LEFT], 192, "established", "inferred"),
        ([0], [LEFT, BACK], 150, "won_back", "recorded"),
        ([0], [LEFT, BACK], 240, "won_back", "recorded"),
        ([0], [LEFT, BACK], 241, "established", "inferred"),
        ([0], [LEFT, BACK], 331, "lapsing", "inferred"),
        ([0], [LEFT, BACK], 515, "lapsing", "inferred"),
        ([0], [LEFT, BACK], 516, "lost", "inferred"),
        ([0, 500], [LEFT, BACK], 500, "established", "inferred"),
        ([0, 516], [LEFT, BACK], 516, "won_back", "inferred"),
        ([], [LEFT], 100, "lost", "recorded"),
        ([], [LEFT, BACK], 150, "prospect", "inferred"),
        ([120], [LEFT], 120, "new", "inferred"),
    ],
)
def test_what_was_recorded_of_leaving_and_coming_back_decides(
    days: list[int], turns: list[Turn], today: int, stage: str, basis: str
) -> None:
    known = [turn for turn in turns if turn.day <= today]
    assert stage_of(Life(days, known), today, DEFAULT) == (stage, basis)


def test_the_lifecycle_counts_everybody_known_by_then() -> None:
    facts = [
        ("prospect", at(START), CustomerRegistered()),
        ("later", at(START + 500), CustomerRegistered()),
        purchase("new", at(START + 390)),
        purchase("lost", at(START)),
        purchase("back", at(START)),
        purchase("back", at(START + 395)),
        purchase("future", at(START + 500)),
    ]
    rows = patrons(folded(facts))
    report = lifecycle_report(rows, DEFAULT, as_of=to_micros(at(START + 400)), local=LOCAL)
    assert report.customers == 4
    assert report.stages == {"prospect": 1, "new": 1, "established": 0, "lapsing": 0, "lost": 1, "won_back": 1}
    assert (report.buyers, report.repeat_buyers, report.repeat_rate) == (3, 1, 1 / 3)
    listed = customer_stages(rows, DEFAULT, today=START + 400, local=LOCAL)
    assert [(entry.customer, entry.stage) for entry in listed] == [
        ("back", "won_back"),
        ("lost", "lost"),
        ("new", "new"),
        ("prospect", "prospect"),
    ]


def test_nobody_has_no_repeat_rate() -> None:
    report = lifecycle_report([], DEFAULT, as_of=to_micros(at(START)), local=LOCAL)
    assert (report.customers, report.repeat_rate) == (0, None)


# --- rates ----------------------------------------------------------------------------------------------------------


def until(life: Life, evening: int) -> Life:
    """The rows known by then."""
    return Life([day for day in life.days if day <= evening], [turn for turn in life.turns if turn.day <= evening])


def active(life: Life, evening: int, policy: Lifecycle) -> bool:
    """Said once more, plainly: neither a prospect nor lost."""
    return stage_of(until(life, evening), evening, policy)[0] not in ("prospect", "lost")


def months_of(rates: PeriodRates) -> list[str]:
    """The months of a period, read from its name."""
    year, _, part = rates.period.partition("-")
    quarter = range(3 * int(part[1:]) - 2, 3 * int(part[1:]) + 1) if part.startswith("Q") else None
    numbers = range(1, 13) if not part else quarter or (int(part),)
    return [f"{year}-{number:02d}" for number in numbers]


@given(lives, policies, st.integers(0, 700), st.sampled_from(["month", "quarter", "year"]))
def test_rates_are_what_a_plain_count_of_stages_gives(
    customers: list[Life], policy: Lifecycle, after: int, period: Period
) -> None:
    today = START + after
    seen = [until(life, today) for life in customers]
    found = period_rates(seen, policy, today=today, period=period)
    assert bool(found) == any(life.days for life in seen)
    for rates in found:
        months = months_of(rates)
        assert (rates.month, len(months)) == (months[0], {"month": 1, "quarter": 3, "year": 12}[period])
        before, end = first_day(months[0]) - 1, min(last_day(months[-1]), today)
        start_set = {n for n, life in enumerate(seen) if active(life, before, policy)}
        end_set = {n for n, life in enumerate(seen) if active(life, end, policy)}
        lost = start_set - end_set
        buyers = [life.days for life in seen if any(before < day <= end for day in life.days)]
        assert rates.at_start == len(start_set)
        assert rates.at_end == len(end_set)
        assert rates.lost == len(lost)
        assert rates.lost_recorded == sum(stage_of(until(seen[n], end), end, policy)[1] == "recorded" for n in lost)
        assert rates.new + rates.won_back == len(end_set - start_set)
        assert rates.new == sum(seen[n].days[0] > before for n in end_set - start_set)
        assert rates.buyers == len(buyers)
        assert rates.repeat_buyers == sum(any(before < day <= end for day in days[1:]) for days in buyers)
        assert rates.complete == (today >= last_day(months[-1]))


@given(lives, policies, st.sampled_from(["month", "quarter", "year"]))
def test_periods_follow_each_other(customers: list[Life], policy: Lifecycle, period: Period) -> None:
    found = period_rates(customers, policy, today=START + 1000, period=period)
    assert [rates.at_start for rates in found[1:]] == [rates.at_end for rates in found[:-1]]
    assert [month for rates in found for month in months_of(rates)] == (
        months_between(found[0].month, months_of(found[-1])[-1]) if found else []
    )


@given(lives, policies)
def test_retention_and_churn_are_one_together(customers: list[Life], policy: Lifecycle) -> None:
    for rates in period_rates(customers, policy, today=START + 1000):
        assert rates.at_end - (rates.new + rates.won_back) == rates.retained
        assert 0 <= rates.lost_recorded <= rates.lost
        if rates.at_start == 0:
            assert rates.retention is rates.churn is None
        else:
            assert rates.retained + rates.lost == rates.at_start
            assert rates.retention is not None
            assert rates.churn is not None
            assert rates.retention + rates.churn == pytest.approx(1)


@given(lives, policies, st.integers(0, 16))
def test_rates_from_a_later_month_are_the_end_of_all_rates(
    customers: list[Life], policy: Lifecycle, skipped: int
) -> None:
    today = START + 600
    known = [until(life, today) for life in customers]
    whole = period_rates(known, policy, today=today)
    if len(whole) > skipped:
        assert period_rates(known, policy, today=today, since=whole[skipped].month) == whole[skipped:]


def test_a_month_told_by_hand() -> None:
    january = date(2024, 1, 10).toordinal()
    policy = Lifecycle(new_days=10, lapsing_days=20, lost_days=30)
    customers = [Life(days) for days in ([january], [january, january + 30], [january, january + 100])]
    rates = {found.month: found for found in period_rates(customers, policy, today=january + 111)}
    assert rates["2024-01"].retention is None
    assert (rates["2024-01"].new, rates["2024-01"].at_end) == (3, 3)
    february = rates["2024-02"]
    assert (february.at_start, february.lost, february.retained, february.at_end) == (3, 2, 1, 1)
    assert (february.retention, february.churn) == (1 / 3, 2 / 3)
    assert (february.buyers, february.repeat_rate) == (1, 1.0)
    assert (rates["2024-04"].won_back, rates["2024-04"].new) == (1, 0)
    assert rates["2024-04"].complete
    assert max(rates) == "2024-04"


def test_buying_on_the_last_day_of_a_month_is_one_spell_of_activity() -> None:
    days = [date(2024, 1, 5), date(2024, 1, 31), date(2024, 3, 3)]
    life = Life([day.toordinal() for day in days])
    found = period_rates([life], DEFAULT, today=date(2024, 4, 20).toordinal())
    assert [(month.at_start, month.at_end, month.lost) for month in found] == [
        (0, 1, 0),
        (1, 1, 0),
        (1, 1, 0),
        (1, 1, 0),
    ]


# --- cohorts --------------------------------------------------------------------------------------------------------


@given(histories())
def test_cohorts_add_up(facts: Facts) -> None:
    rows = patrons(folded(facts))
    cohorts = cohort_table(rows, today=date(2029, 12, 31).toordinal())
    bought: dict[str, int] = defaultdict(int)
    refunded: dict[str, int] = defaultdict(int)
    count = 0
    customers = {customer for customer, _, event in facts if isinstance(event, PurchaseRecorded)}
    for customer, _, event in facts:
        if isinstance(event, PurchaseRecorded):
            bought[event.amount.currency] += event.amount.amount
            count += 1
        elif isinstance(event, PurchaseRefunded) and customer in customers:
            refunded[event.amount.currency] += event.amount.amount
    months = [month for cohort in cohorts for month in cohort.months]
    assert sum(cohort.size for cohort in cohorts) == len(customers)
    assert sum(month.purchases for month in months) == count
    for kind, expected in (("bought", bought), ("refunded", refunded)):
        found: dict[str, int] = defaultdict(int)
        for month in months:
            for money in getattr(month, kind):
                found[money.currency] += money.amount
        assert found == expected
    for cohort in cohorts:
        assert cohort.months[0].active == cohort.size
        assert cohort.months[0].share == 1
        assert all(0 <= month.active <= cohort.size for month in cohort.months)
        assert [month.since for month in cohort.months] == list(range(len(cohort.months)))


def test_a_refund_counts_when_it_happens() -> None:
    facts = [
        purchase("c", datetime(2024, 1, 5, tzinfo=UTC), 1000),
        refund("c", datetime(2024, 3, 1, tzinfo=UTC), 400, bought=datetime(2024, 1, 5, tzinfo=UTC)),
        purchase("c", datetime(2024, 3, 2, tzinfo=UTC), 700, "JPY"),
    ]
    (cohort,) = cohort_table(patrons(folded(facts)), today=date(2024, 3, 31).toordinal())
    january, february, march = cohort.months
    assert (january.net, february.net, february.active) == ((Money(1000, "EUR"),), (), 0)
    assert march.net == (Money(-400, "EUR"), Money(700, "JPY"))
    assert march.bought == (Money(700, "JPY"),)
    (earlier,) = cohort_table(patrons(folded(facts)), today=date(2024, 1, 31).toordinal())
    assert len(earlier.months) == 1


def test_a_refund_dated_before_its_purchase_counts_with_it_in_both_tables() -> None:
    january, february, march = (datetime(2024, month, 5, tzinfo=UTC) for month in (1, 2, 3))
    facts = [
        purchase("c", january, 1000),
        purchase("c", march, 900),
        refund("c", february, 400, bought=march),
    ]
    rows = patrons(folded(facts))
    (cohort,) = cohort_table(rows, today=date(2024, 3, 31).toordinal())
    assert [[total.amount for total in month.net] for month in cohort.months] == [[1000], [], [500]]
    (first, second) = revenue_retention(rows, currency="EUR", months=1, today=date(2024, 3, 31).toordinal())
    assert (first.month, first.before, first.now) == ("2024-02", 1000, 0)
    assert (second.month, second.customers, second.before) == ("2024-03", 0, 0)
    assert rows[0].net_amount("EUR", february.toordinal()) == 1000
    assert rows[0].net_amount("EUR", march.toordinal()) == 1500


@given(histories())
def test_cohorts_and_revenue_retention_tell_of_the_same_amounts(facts: Facts) -> None:
    rows = patrons(folded(facts))
    cohorts = cohort_revenue(cohort_table(rows, today=date(2026, 12, 31).toordinal()), currency="EUR")
    by_month: dict[str, int] = defaultdict(int)
    for cohort in cohorts:
        for month in cohort.months:
            by_month[month.month] += month.net
    for row in rows:
        for month_, currency, did in row.entries():
            if currency == "EUR":
                by_month[month_] -= did.bought - did.refunded
    assert not any(by_month.values())


@given(histories(), st.integers(0, 900))
def test_what_is_kept_by_day_is_what_was_bought_and_went_back(facts: Facts, after: int) -> None:
    """Said once more from the events: amounts by day, net as of a day, and who bought in the currency at all."""
    today = START + after
    for row in patrons(folded(facts)):
        bought: dict[int, int] = defaultdict(int)
        back: dict[int, int] = defaultdict(int)
        for customer, when, event in facts:
            if customer != row.customer:
                continue
            if isinstance(event, PurchaseRecorded) and event.amount.currency == "EUR" and when.toordinal() <= today:
                bought[when.toordinal()] += event.amount.amount
            if isinstance(event, PurchaseRefunded) and event.amount.currency == "EUR":
                of = datetime.fromtimestamp(event.bought_at / 1e6, UTC).toordinal()
                if max(of, when.toordinal()) <= today:
                    back[of] += event.amount.amount
        assert row.bought_by_day("EUR", today) == bought
        assert row.returned_by_day("EUR", today) == back
        assert row.net_amount("EUR", today) == sum(bought.values()) - sum(back.values())
        assert row.bought_in("EUR", today) == bool(bought)


def test_cdnow_cohorts_equal_a_direct_count_of_the_file(cdnow_dir: Path) -> None:
    lines = [line.split() for line in (cdnow_dir / "CDNOW_master.txt").read_text().splitlines()[1:]]
    read = [(who, day, round(float(dollars) * 100)) for who, day, _, dollars in (line for line in lines if line)]
    rows = patrons(
        folded(
            purchase(who, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC), cents, "USD")
            for who, day, cents in read
        )
    )
    cohorts = cohort_table(rows, today=date(1998, 6, 30).toordinal())

    first: dict[str, str] = {}
    for who, day, _ in read:
        first[who] = min(first.get(who, "999999"), day[:6])
    active: dict[tuple[str, str], set[str]] = defaultdict(set)
    cents_by: dict[tuple[str, str], int] = defaultdict(int)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for who, day, cents in read:
        cell = first[who], day[:6]
        active[cell].add(who)
        cents_by[cell] += cents
        counts[cell] += 1
    found = {
        (cohort.month.replace("-", ""), month.month.replace("-", "")): month
        for cohort in cohorts
        for month in cohort.months
        if month.active
    }
    assert {cell: len(who) for cell, who in active.items()} == {cell: month.active for cell, month in found.items()}
    assert counts == {cell: month.purchases for cell, month in found.items()}
    assert cents_by == {cell: month.net[0].amount for cell, month in found.items()}
    assert (sum(cohort.size for cohort in cohorts), sum(counts.values())) == (23_570, 69_659)
    assert sum(cents_by.values()) == 250_031_563
    assert [len(cohort.months) for cohort in cohorts] == [18, 17, 16]


def test_of_the_cdnow_sample_1411_of_2357_never_repeat_before_october_1997(cdnow_dir: Path) -> None:
    lines = [line.split() for line in (cdnow_dir / "CDNOW_sample.txt").read_text().splitlines()]
    rows = patrons(
        folded(
            purchase(sample, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC), round(float(dollars) * 100), "USD")
            for _, sample, day, _, dollars in lines
        )
    )
    report = lifecycle_report(rows, DEFAULT, as_of=to_micros(datetime(1997, 9, 30, tzinfo=UTC)), local=LOCAL)
    assert (report.buyers, report.buyers - report.repeat_buyers) == (2_357, 1_411)


# --- rfm ------------------------------------------------------------------------------------------------------------


def test_quintiles_without_ties() -> None:
    assert list(quintiles(range(10)).values()) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_equals_get_equal_scores_from_the_middle_of_their_ranks() -> None:
    assert quintiles([7]) == {7: 3}
    assert quintiles([7] * 9) == {7: 3}
    assert quintiles([7] * 9, if_all_equal=1) == {7: 1}
    assert quintiles([1, 2, 2, 3, 3, 3, 4, 5, 6, 7]) == {1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 5, 7: 5}


def test_no_grade_is_skipped_where_many_values_are_equal() -> None:
    assert quintiles([1] * 5 + [2, 3, 4, 5, 6]) == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 5}
    assert quintiles([1, 2, 3, 4, 5, 6] + [7] * 94) == {1: 1, 2: 1, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5}
    assert quintiles([1] * 98 + [2, 3]) == {1: 1, 2: 3, 3: 5}
    assert quintiles([1] * 99 + [2]) == {1: 1, 2: 5}
    assert quintiles([]) == {}


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60))
def test_quintiles_use_every_grade_from_the_lowest_value_to_the_highest(values: list[int]) -> None:
    found = quintiles(values)
    grades = [found[value] for value in sorted(set(values))]
    assert grades == sorted(grades)
    assert set(grades) <= {1, 2, 3, 4, 5}
    if len(grades) > 1:
        assert (grades[0], grades[-1]) == (1, 5)
    if len(grades) >= 5:
        assert set(grades) == {1, 2, 3, 4, 5}


@given(st.integers(30, 95), st.integers(2, 6), st.integers(0, 2**32))
@part(40)
def test_every_default_segment_can_be_reached_however_many_bought_once(share: int, most: int, seed: int) -> None:
    """Recency is independent of frequency, and fewer customers buy more often."""
    draw = random.Random(seed)
    buyers = []
    for number in range(2_000):
        often = 1 if number < 20 * share else 2 + min(most, int(draw.expovariate(0.7)))
        buyers.append((f"c{number}", draw.randrange(730), often, 1_000 * often))
    scores = rfm_scores(buyers, Rfm(), "EUR")
    assert {score.f for score in scores if score.frequency == 1} == {1}
    assert {score.segment for score in scores} == {segment.name for segment in Rfm().segments}
    newest = [score for score in scores if score.frequency == 1 and score.r == 5]
    assert newest
    assert {score.segment for score in newest} == {"new customers"}


@given(
    histories(),
    st.sampled_from(
        [None, RfmBins(recency_days=(30, 60, 90, 180), frequency=(2, 3, 5, 8), monetary=(1, 10_000, 50_000, 200_000))]
    ),
)
def test_every_buyer_is_graded_and_in_one_segment(facts: Facts, bins: RfmBins | None) -> None:
    today = START + 900
    buyers, others = rfm_buyers(patrons(folded(facts)), "EUR", today=today)
    policy = Rfm(bins=bins)
    scores = rfm_scores(buyers, policy, "EUR")
    sizes = segment_sizes(scores, policy, "EUR")
    bought = {
        (who, event.amount.currency) for who, when, event in facts
        if isinstance(event, PurchaseRecorded) and when.toordinal() <= today
    }  # fmt: skip
    assert {score.customer for score in scores} == {who for who, currency in bought if currency == "EUR"}
    assert others == len({who for who, _ in bought} - {who for who, currency in bought if currency == "EUR"})
    assert sum(size.customers for size in sizes) == len(scores)
    assert sum(size.monetary.amount for size in sizes) == sum(buyer[3] for buyer in buyers)
    assert all({score.r, score.f, score.m} <= {1, 2, 3, 4, 5} for score in scores)


def test_bins_include_their_limits() -> None:
    bins = RfmBins(recency_days=(30, 60, 90, 180), frequency=(2, 3, 5, 8), monetary=(100, 200, 300, 400))
    buyers = [("a", 30, 8, 400), ("b", 31, 7, 399), ("c", 180, 2, 100), ("d", 181, 1, 99)]
    grades = [(score.r, score.f, score.m) for score in rfm_scores(buyers, Rfm(bins=bins), "EUR")]
    assert grades == [(5, 5, 5), (4, 4, 4), (2, 2, 2), (1, 1, 1)]


def test_scores_have_the_names_of_the_policy() -> None:
    policy = Rfm(segments=(RfmSegment(name="best", recency=(5, 5), monetary=(4, 5)), RfmSegment(name="rest")))
    buyers = [(f"c{n}", n, 10 - n, 100 * n) for n in range(10)]
    names = {score.segment for score in rfm_scores(buyers, policy, "EUR")}
    assert names == {"rest"}
    assert [size.segment for size in segment_sizes([], policy, "EUR")] == ["best", "rest"]
    assert segment_sizes([], policy, "EUR")[0].share is None


def test_sums_may_exceed_what_one_amount_may_be() -> None:
    facts = [purchase("c", at(START + n), 10**15) for n in range(3)]
    rows = patrons(folded(facts))
    (score,) = rfm_scores(rfm_buyers(rows, "EUR", today=START + 9)[0], Rfm(), "EUR")
    assert score.model_dump(mode="json")["monetary"] == {"amount": 3 * 10**15, "currency": "EUR"}
    assert RfmScore.model_validate_json(score.model_dump_json()) == score
    with pytest.raises(ValidationError, match="a total is an object"):
        RfmScore.model_validate(score.model_dump() | {"monetary": {"amount": 1.5, "currency": "EUR"}})
    assert cohort_table(rows, today=date(2024, 1, 31).toordinal())[0].months[0].net[0].amount == 3 * 10**15


# --- one customer ---------------------------------------------------------------------------------------------------


def test_a_profile_says_what_was_bought_until_then() -> None:
    facts = [
        ("c", at(START), CustomerRegistered()),
        purchase("c", at(START), 1000),
        purchase("c", at(START), 500),
        purchase("c", at(START + 10), 900, "JPY"),
        refund("c", at(START + 12), 300, bought=at(START)),
        purchase("c", at(START + 500)),
    ]
    (row,) = patrons(folded(facts))
    profile = customer_profile(row, DEFAULT, today=START + 20, local=LOCAL)
    assert (profile.known_since, profile.stage, profile.mean_gap_days) == (at(START), "new", 10)
    assert profile.days == (date(2024, 1, 1), date(2024, 1, 11))
    assert [(entry.purchases, entry.net) for entry in profile.spending] == [
        (2, Money(1200, "EUR")),
        (1, Money(900, "JPY")),
    ]
    before = customer_profile(row, DEFAULT, today=START - 1, local=LOCAL)
    assert (before.known_since, before.stage, before.days, before.spending) == (None, "prospect", (), ())


@pytest.mark.parametrize(
    "model",
    [LifecycleReport, CustomerStage, PeriodRates, Cohort, RfmReport, CustomerProfile, GradesReport, ChurnReport],
)
def test_every_result_has_a_json_schema(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert schema["properties"].keys() == model.model_fields.keys()


# --- policy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "given_"),
    [
        (Lifecycle, {"lapsing_days": 400}),
        (Lifecycle, {"new_days": 200}),
        (Lifecycle, {"lost_days": 0}),
        (Lifecycle, {"unknown": 1}),
        (OwnGap, {"lapsing_gaps": 4.0}),
        (OwnGap, {"lost_gaps": float("nan")}),
        (OwnGap, {"purchase_days_min": 1}),
        (RfmBins, {"recency_days": (1, 2, 2, 3), "frequency": (2, 3, 4, 5), "monetary": (1, 2, 3, 4)}),
        (RfmSegment, {"name": "empty", "recency": (4, 2)}),
        (RfmSegment, {"name": "beyond", "recency": (0, 2)}),
        (Rfm, {"segments": (RfmSegment(name="some", recency=(2, 5)),)}),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(model: type[Lifecycle], given_: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        model(**given_)


@pytest.mark.parametrize(
    ("times", "gap", "limit"), [(1.15, 100, 115), (4.35, 100, 435), (1.1, 30, 33), (2.5, 7, 17), (2.333, 3000, 6999)]
)
def test_limits_are_multiples_as_they_are_written(times: float, gap: int, limit: int) -> None:
    # 1.15 * 100 is 114.99999999999999, and who was silent for 115 days would lapse a day early.
    policy = Lifecycle(own_gap=OwnGap(lapsing_gaps=times, lost_gaps=900.0))
    assert policy.limits(4, 3 * gap) == (limit, 900 * gap)
    days = [START + gap * number for number in range(4)]
    assert stage_of(Life(days, ()), days[-1] + limit, policy)[0] != "lapsing"
    assert stage_of(Life(days, ()), days[-1] + limit + 1, policy)[0] == "lapsing"
    found = limits_of(policy, np.array([4, 1], np.int32), np.array([3 * gap, 0], np.int32))
    assert [each.tolist() for each in found] == [[limit, policy.lapsing_days], [900 * gap, policy.lost_days]]


def test_a_policy_survives_its_own_json() -> None:
    policy = Lifecycle(own_gap=OwnGap(lapsing_gaps=1.7))
    assert Lifecycle.model_validate_json(policy.model_dump_json()) == policy


def test_months_follow_each_other() -> None:
    assert months_after("2023-12") == "2024-01"
    assert months_after("2024-01") == "2024-02"
    assert date.fromordinal(last_day("2024-02")) == date(2024, 2, 29)
    assert month_of(last_day("2024-02") + 1) == "2024-03"
    assert at(START) + timedelta(days=1) == at(START + 1)


# --- the view -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url, clock=lambda: at(START + 420), durability="off") as relations:
        relations.execute(RegisterCustomer(customer="prospect", occurred_at=at(START)))
        bought = [
            ("lost", 0, "EUR"),
            ("back", 0, "EUR"),
            ("back", 400, "EUR"),
            ("new", 410, "JPY"),
            ("new", 411, "EUR"),
        ]
        for number, (customer, days, currency) in enumerate(bought):
            relations.execute(
                RecordPurchase(
                    customer=customer,
                    purchase=f"p{number}",
                    amount=Money(1000 + number, currency),
                    occurred_at=at(START + days),
                )
            )
        yield relations


def test_the_view_answers_from_the_tables(shop: Relations) -> None:
    view = shop.views.retention
    report = view.lifecycle()
    assert report.stages == {"prospect": 1, "new": 1, "established": 0, "lapsing": 0, "lost": 1, "won_back": 1}
    assert view.lifecycle(as_of=at(START + 10)).stages["new"] == 2
    assert [(found.customer, found.stage) for found in view.stages(limit=2, after="back")] == [
        ("lost", "lost"),
        ("new", "new"),
    ]
    assert [found.customer for found in view.stages(stage="won_back")] == ["back"]
    rates = {found.month: found for found in view.rates()}
    assert (rates["2024-12"].at_start, rates["2024-12"].lost, rates["2024-12"].churn) == (2, 0, 0)
    assert (rates["2025-01"].lost, rates["2025-01"].retention) == (2, 0)
    assert (rates["2025-02"].won_back, rates["2025-02"].new, rates["2025-02"].complete) == (1, 1, False)
    assert rates["2025-02"].retention is None
    assert list(rates)[-1] == "2025-02"
    assert [found.month for found in view.rates(since="2024-12", until="2025-02")] == ["2024-12", "2025-01"]
    assert [(found.month, found.size) for found in view.cohorts()] == [("2024-01", 2), ("2025-02", 1)]
    early = view.cohorts(as_of=at(START + 40))[0].months
    assert [(found.month, found.complete) for found in early] == [("2024-01", True), ("2024-02", False)]


def test_the_view_grades_value(shop: Relations) -> None:
    view = shop.views.retention
    report = view.rfm()
    assert (report.buyers, report.currency, report.rule) == (3, "EUR", "quintiles")
    assert {found.customer: found.monetary.amount for found in report.customers} == {
        "back": 2003,
        "lost": 1000,
        "new": 1004,
    }
    assert sum(found.customers for found in report.segments) == 3
    yen = view.rfm(currency="JPY")
    assert [(found.customer, found.monetary.amount) for found in yen.customers] == [("new", 1003)]
    assert (yen.buyers, yen.other_currencies, sum(found.customers for found in yen.segments)) == (1, 2, 1)
    assert report.other_currencies == 0
    segment = report.customers[0].segment
    assert {found.segment for found in view.rfm(segment=segment).customers} == {segment}
    assert len(view.rfm(limit=1).customers) == 1
    profile = view.customer("new")
    assert profile is not None
    assert (profile.stage, len(profile.spending)) == ("new", 2)
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        view.customer("nobody")


def test_a_new_policy_answers_for_the_past_too(shop: Relations) -> None:
    shop.adopt(Policy(lifecycle=Lifecycle(new_days=5, lapsing_days=6, lost_days=9), currency="JPY"))
    stages = shop.views.retention.lifecycle().stages
    assert (stages["lost"], stages["lapsing"]) == (2, 1)
    assert shop.views.retention.rfm().currency == "JPY"


def test_the_view_refuses_what_makes_no_sense(shop: Relations) -> None:
    view = shop.views.retention
    asked: list[tuple[str, Callable[[], object]]] = [
        ("unknown_stage", lambda: view.stages(stage="asleep")),  # type: ignore[arg-type]  # what is tested
        ("invalid_page", lambda: view.stages(limit=-1)),
        ("invalid_month", lambda: view.rates(since="2024-13")),
        ("unknown_currency", lambda: view.rfm(currency="XYZ")),
        ("unknown_segment", lambda: view.rfm(segment="gold")),
        ("unknown_segment", lambda: view.survival(segment="gold")),
        ("unknown_period", lambda: view.rates(period="week")),  # type: ignore[arg-type]  # what is tested
        ("unknown_grade", lambda: view.value_grades(grade="top")),  # type: ignore[arg-type]  # what is tested
        ("naive_datetime", lambda: view.lifecycle(as_of=datetime(2024, 1, 1))),  # noqa: DTZ001 - what is tested
    ]
    for code, ask in asked:
        with pytest.raises(InvalidInput) as refused:
            ask()
        assert refused.value.code == code


# --- who is known ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        FileComplaint(customer="c1", complaint="k1", channel="phone", subject="noise", occurred_at=at(START)),
        GiveFeedback(customer="c1", feedback="f1", instrument="nps", score=3, occurred_at=at(START)),
        GiveConsent(customer="c1", purpose="surveys", channel="email", occurred_at=at(START)),
        SendInvitation(customer="c1", invitation="i1", instrument="nps", channel="email", occurred_at=at(START)),
        RecordInteraction(customer="c1", interaction="x1", channel="phone", kind="call", occurred_at=at(START)),
        NoteTrait(customer="c1", trait="habit", about="tea", occurred_at=at(START)),
        EnrolMember(customer="c1", occurred_at=at(START)),
        RegisterCustomer(customer="c1", occurred_at=at(START)),
    ],
    ids=lambda command: type(command).__name__,
)
def test_any_first_contact_makes_a_customer_known(command: Command) -> None:
    with Relations.open("sqlite://", clock=lambda: at(START + 400)) as relations:
        relations.execute(command)
        view = relations.views.retention
        assert view.lifecycle(as_of=at(START - 1)).customers == 0
        assert view.lifecycle(as_of=at(START)).stages["prospect"] == 1
        assert [found.stage for found in view.stages()] == ["prospect"]
        assert view.customer("c1") is not None
        with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
            view.customer("c2")
