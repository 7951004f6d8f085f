"""Lifetime values and survival, fitted from the view's own rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from relations import Money, RecordPurchase, RefundPurchase
from relations.aggregates.customer import PurchaseRecorded
from relations.analytics import RepeatStatistics, lifetime_values, repeat_statistics
from relations.commands import MergeCustomer, UnmergeCustomer
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.exchange.importing import import_file
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.worth.lifetime_value import WorthReport

END = datetime(1997, 9, 30, 12, tzinfo=UTC)
LATE = datetime(1998, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def sample(cdnow_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relations]:
    """The tenth of CDNOW's customers that the literature fits to, imported from the master file's own lines."""
    folder = tmp_path_factory.mktemp("cdnow")
    chosen = {line.split()[0] for line in (cdnow_dir / "CDNOW_sample.txt").read_text("ascii").splitlines()}
    header, *lines = (cdnow_dir / "CDNOW_master.txt").read_text("ascii").splitlines()
    kept = [line for line in lines if line.split()[0] in chosen]
    assert (len(chosen), len(kept)) == (2_357, 6_919)
    (folder / "CDNOW_master.txt").write_text("\n".join([header, *kept]) + "\n", "ascii")
    with Relations.open(f"sqlite:///{folder}/x.db", durability="off") as relations:
        assert import_file(relations, "cdnow", folder / "CDNOW_master.txt").accepted == 6_919
        yield relations


def test_the_published_figures_come_from_the_imported_log(sample: Relations) -> None:
    found = sample.views.retention.lifetime_values(
        as_of=END, currency="USD", ahead=timedelta(weeks=39), yearly_rate=0, limit=10
    )
    buying, spending = found.buying, found.spending
    assert buying is not None
    assert spending is not None
    assert found.no_fit is None
    assert (round(buying.r, 3), round(buying.alpha_days / 7, 3)) == (0.243, 4.414)
    assert (round(buying.a, 3), round(buying.b, 3)) == (0.793, 2.426)
    assert round(buying.log_likelihood, 1) == -9582.4
    assert (buying.customers, buying.customers - buying.repeat_customers) == (2_357, 1_411)
    assert (round(spending.p, 2), round(spending.q, 2), round(spending.v / 100, 2)) == (6.25, 3.74, 15.44)
    assert found.through.isoformat() == "1997-09-30"
    assert found.refund_share == 0
    assert found.independent
    values = [each.expected_value for each in found.customers if each.expected_value is not None]
    assert values == sorted(values, reverse=True)
    assert len(found.customers) == 10


def test_the_historic_value_is_all_that_was_paid(sample: Relations) -> None:
    whole = sample.views.retention.lifetime_values(as_of=LATE, currency="USD", limit=0)
    bought = [event.event for event in sample.events() if isinstance(event.event, PurchaseRecorded)]
    paid = sum(event.amount.amount for event in bought)
    assert whole.historic == paid > 0


def test_survival_counts_everybody_and_never_rises(sample: Relations) -> None:
    view = sample.views.retention
    curve = view.survival(as_of=LATE)
    assert curve.n == 2_357
    assert curve.events > 1_000
    survival = [point.survival for point in curve.points]
    assert survival == sorted(survival, reverse=True)
    cohorts = [view.survival(as_of=LATE, cohort=f"1997-0{month}") for month in (1, 2, 3)]
    assert sum(cohort.n for cohort in cohorts) == curve.n
    assert sum(cohort.events for cohort in cohorts) == curve.events
    with pytest.raises(InvalidInput):
        view.survival(cohort="1997-13")


# --- the rows -------------------------------------------------------------------------------------------------------

DAY = datetime(2024, 1, 30, 9, tzinfo=UTC)
BOUGHT = [(0, 500), (0, 100), (1, 300), (9, 700), (40, 20)]


def buy(number: int, customer: str = "c1") -> RecordPurchase:
    days, amount = BOUGHT[number]
    return RecordPurchase(
        customer=customer, purchase=f"p{number}", amount=Money(amount, "EUR"), occurred_at=DAY + timedelta(days=days)
    )


def statistics_of(relations: Relations, through: datetime) -> object:
    [row] = relations.views.retention.rows(Patronage)
    return row.repeat_statistics("EUR", through.date().toordinal())


def test_repeat_statistics_do_not_depend_on_the_order_of_recording() -> None:
    through = datetime(2024, 3, 31, tzinfo=UTC)
    ordinal = DAY.date().toordinal()
    expected = repeat_statistics(
        ((ordinal + days, amount) for days, amount in BOUGHT), until=through.date().toordinal()
    )
    assert expected is not None
    assert expected.repeat_amount == 1_020
    for order in list(permutations(range(len(BOUGHT))))[::7]:
        with Relations.open("sqlite://") as relations:
            for number in order:
                relations.execute(buy(number))
            assert statistics_of(relations, through) == expected


@pytest.mark.parametrize("split", range(1, 16))
def test_repeat_statistics_of_merged_customers_are_those_of_one(split: int) -> None:
    through = datetime(2024, 3, 31, tzinfo=UTC)
    ordinal = DAY.date().toordinal()
    expected = repeat_statistics(
        ((ordinal + days, amount) for days, amount in BOUGHT), until=through.date().toordinal()
    )
    with Relations.open("sqlite://") as relations:
        for number in range(len(BOUGHT)):
            relations.execute(buy(number, "c1" if split >> number & 1 else "c2"))
        relations.execute(MergeCustomer(customer="c2", into="c1", occurred_at=DAY))
        assert statistics_of(relations, through) == expected


def test_what_comes_after_the_day_asked_for_is_left_out() -> None:
    with Relations.open("sqlite://") as relations:
        for number in range(len(BOUGHT)):
            relations.execute(buy(number))
        [row] = relations.views.retention.rows(Patronage)
        february = row.repeat_statistics("EUR", date(2024, 2, 8).toordinal())
        assert february == RepeatStatistics(frequency=2, recency_days=9, age_days=9, repeat_amount=1_000)
        day_before = row.repeat_statistics("EUR", date(2024, 2, 7).toordinal())
        assert day_before == RepeatStatistics(frequency=1, recency_days=1, age_days=8, repeat_amount=300)
        assert row.repeat_statistics("USD", DAY.date().toordinal()) is None
        assert row.repeat_statistics("EUR", DAY.date().toordinal() - 1) is None


def give_back(number: int, amount: int, days: int, customer: str = "c1", refund: str = "r") -> RefundPurchase:
    return RefundPurchase(
        customer=customer,
        purchase=f"p{number}",
        refund=f"{refund}{number}-{days}",
        amount=Money(amount, "EUR"),
        occurred_at=DAY + timedelta(days=days),
    )


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ([], (3, 40, 1_020)),
        ([(3, 700, 20)], (2, 40, 320)),  # in full: that day was none
        ([(3, 300, 20), (3, 400, 30)], (2, 40, 320)),  # in two parts likewise
        ([(3, 300, 20)], (3, 40, 720)),  # in part: a smaller purchase
        ([(0, 500, 20)], (3, 40, 1_020)),  # another purchase of that day was kept
        ([(0, 500, 20), (1, 100, 20)], (2, 39, 720)),  # the first day is gone: the next one is the first
        ([(3, 700, 61)], (3, 40, 1_020)),  # not yet: that is the day after
        ([(2, 300, 50), (3, 700, 50), (4, 20, 50)], (0, 0, 0)),
    ],
)
def test_what_goes_back_was_no_purchase(refunds: list[tuple[int, int, int]], expected: tuple[int, int, int]) -> None:
    through = (DAY + timedelta(days=60)).date().toordinal()
    with Relations.open("sqlite://") as relations:
        for number in range(len(BOUGHT)):
            relations.execute(buy(number))
        for number, amount, days in refunds:
            relations.execute(give_back(number, amount, days))
        [row] = relations.views.retention.rows(Patronage)
        found = row.repeat_statistics("EUR", through)
        assert found is not None
        assert (found.frequency, found.recency_days, found.repeat_amount) == expected


def test_who_gave_everything_back_has_nothing_to_fit_to() -> None:
    with Relations.open("sqlite://") as relations:
        relations.execute(buy(2))
        relations.execute(give_back(2, 300, 5))
        [row] = relations.views.retention.rows(Patronage)
        assert row.repeat_statistics("EUR", DAY.toordinal() + 4) == RepeatStatistics(0, 0, 3, 0)
        assert row.repeat_statistics("EUR", DAY.toordinal() + 5) is None


def crowd(relations: Relations) -> None:
    """Three hundred who buy and leave as the models have it, three who are alike until two of them give things back,
    one who gives the only thing back, and a Swiss."""
    random, commands = Random(8), []
    for number in range(300):
        rate, leaves = random.gammavariate(0.8, 1 / 20), random.betavariate(0.8, 2.5)
        mean, days, purchase = random.gammavariate(6, 900), 0.0, 0
        while days < 190:
            commands.append(bought(f"c{number:03}", purchase, days, 1 + round(random.gammavariate(4, mean / 4))))
            if purchase and random.random() < leaves:
                break
            days, purchase = days + 1 + random.expovariate(rate), purchase + 1
    for customer in ("keeper", "returner", "partial"):
        commands += [bought(customer, purchase, 30 * purchase, 9_000) for purchase in range(4)]
    commands += [bought("swiss", purchase, 9 * purchase, 5_000, "CHF") for purchase in range(5)]
    commands.append(bought("regretful", 0, 3, 4_000))
    assert not relations.execute_many(commands).rejections
    for purchase in range(1, 4):
        for customer, amount in (("returner", 9_000), ("partial", 3_000)):
            relations.execute(returned(customer, purchase, 200, amount))
    relations.execute(returned("regretful", 0, 5, 4_000))


def bought(customer: str, purchase: int, days: float, amount: int, currency: str = "EUR") -> RecordPurchase:
    at = DAY + timedelta(days=int(days))
    return RecordPurchase(customer=customer, purchase=f"p{purchase}", amount=Money(amount, currency), occurred_at=at)


def returned(customer: str, purchase: int, days: int, amount: int) -> RefundPurchase:
    return RefundPurchase(
        customer=customer,
        purchase=f"p{purchase}",
        refund=f"r{purchase}",
        amount=Money(amount, "EUR"),
        occurred_at=DAY + timedelta(days=days),
    )


def test_a_customer_is_worth_what_they_keep() -> None:
    with Relations.open("sqlite://", durability="off") as relations:
        crowd(relations)
        view = relations.views.retention
        before = view.lifetime_values(as_of=DAY + timedelta(days=199))
        alike = {each.customer: each for each in before.customers}
        assert alike["keeper"].expected_value == alike["returner"].expected_value == alike["partial"].expected_value
        found = view.lifetime_values(as_of=DAY + timedelta(days=330))
        worth = {each.customer: each for each in found.customers}
        keeper, returner, partial = worth["keeper"], worth["returner"], worth["partial"]
        assert (keeper.historic, partial.historic, returner.historic) == (36_000, 27_000, 9_000)
        assert (keeper.frequency, partial.frequency, returner.frequency) == (3, 3, 0)
        values = [each.expected_value or 0 for each in (keeper, partial)]
        assert values[0] > values[1] > 0
        assert found.buying is not None
        assert found.spending is not None
        assert keeper.expected_purchases == partial.expected_purchases
        # To the cent what the models say of statistics that are counted by hand, with nothing taken off again.
        end = (DAY + timedelta(days=330)).toordinal()
        first = DAY.toordinal()
        said = lifetime_values(
            [
                RepeatStatistics(3, 90, end - first, 27_000),
                RepeatStatistics(3, 90, end - first, 18_000),
                RepeatStatistics(0, 0, end - first, 0),
            ],
            found.buying,
            found.spending,
            days=365,
            yearly_rate=0.1,
        )
        expected = [one.value for one in said]
        assert [each.expected_value for each in (keeper, partial, returner)] == pytest.approx(expected, rel=1e-12)
        assert sum(each.expected_value or 0 for each in found.customers) == pytest.approx(found.expected_value)
        assert (found.buyers, found.all_returned, found.other_currencies) == (303, 1, 1)
        assert not {"swiss", "regretful"} & worth.keys()
        assert found.refund_share is not None
        assert 0 < found.refund_share < 0.2


def test_merged_customers_are_worth_what_one_customer_would_be() -> None:
    asked = DAY + timedelta(days=330)
    with Relations.open("sqlite://", durability="off") as relations:
        crowd(relations)
        view = relations.views.retention

        def answers() -> tuple[Any, ...]:
            return view.lifetime_values(as_of=asked), view.survival(as_of=asked), view.rfm(as_of=asked)

        before = answers()
        relations.execute(MergeCustomer(customer="partial", into="swiss", occurred_at=asked))
        merged = {each.customer: each for each in view.lifetime_values(as_of=asked).customers}
        # Only what was paid in euros counts, and what one id gave back is taken off what the same id bought.
        assert "partial" not in merged
        assert (merged["swiss"].historic, merged["swiss"].frequency) == (27_000, 3)
        assert view.lifetime_values(as_of=asked).other_currencies == 0
        assert view.survival(as_of=asked).n == before[1].n - 1
        relations.execute(UnmergeCustomer(customer="partial", occurred_at=asked))
        assert answers() == before
        relations.execute(MergeCustomer(customer="returner", into="keeper", occurred_at=asked))
        [keeper] = [each for each in view.lifetime_values(as_of=asked).customers if each.customer == "keeper"]
        # Days on which one id kept something are purchase days, though all of the other's went back.
        assert (keeper.historic, keeper.frequency, keeper.recency_days) == (45_000, 3, 90)


def test_what_was_brought_is_said_and_why_nothing_is_expected() -> None:
    with Relations.open("sqlite://") as relations:
        view = relations.views.retention
        later = DAY + timedelta(days=100)

        def historic(code: str, **asked: Any) -> WorthReport:
            found = view.lifetime_values(as_of=later, **asked)
            assert found.no_fit is not None
            assert (found.no_fit.code, found.no_fit.extra) == (code, None)
            assert (found.buying, found.spending, found.expected_value) == (None, None, None)
            assert {(each.alive, each.expected_purchases, each.expected_value) for each in found.customers} <= {
                (None, None, None)
            }
            return found

        def refused(**asked: Any) -> str:
            with pytest.raises(InvalidInput) as said:
                view.lifetime_values(as_of=later, **asked)
            return said.value.code

        assert historic("no_customers").customers == ()
        for number in range(5):
            relations.execute(bought(f"c{number}", 0, 0, 1_000 * (number + 1), "EUR"))
        found = historic("no_repeat_customers")
        assert (found.buyers, found.historic) == (5, 15_000)
        assert [(each.customer, each.historic, each.frequency) for each in found.customers[:2]] == [
            ("c4", 5_000, 0),
            ("c3", 4_000, 0),
        ]
        assert [each.customer for each in historic("no_repeat_customers", limit=1, after="c1").customers] == ["c0"]
        assert found.no_fit is not None
        assert found.no_fit.reason == "no customer came back"
        swiss = historic("no_customers", currency="CHF")
        assert swiss.no_fit is not None
        assert "5 bought only in other currencies" in swiss.no_fit.reason
        for number in range(1, 5):
            relations.execute(bought(f"c{number}", 1, 9, 1_000, "EUR"))
        assert historic("fit_not_converged").historic == 19_000
        # What is asked wrongly is refused all the same.
        assert (refused(ahead=timedelta(days=-1)), refused(yearly_rate=-2)) == (
            "invalid_horizon",
            "invalid_discount_rate",
        )
        assert refused(currency="XYZ") == "unknown_currency"


def test_value_is_net_of_what_goes_back_and_that_counts_when_it_happens() -> None:
    with Relations.open("sqlite://") as relations:
        for number in range(len(BOUGHT)):
            relations.execute(buy(number))
        relations.execute(
            RefundPurchase(
                customer="c1",
                purchase="p0",
                refund="r1",
                amount=Money(250, "EUR"),
                occurred_at=datetime(2024, 3, 2, tzinfo=UTC),
            )
        )
        [row] = relations.views.retention.rows(Patronage)

        def net(year: int, month: int, day: int) -> int:
            return row.net_amount("EUR", date(year, month, day).toordinal())

        assert [net(2024, 1, 29), net(2024, 1, 30), net(2024, 1, 31)] == [0, 600, 900]
        assert [net(2024, 2, 7), net(2024, 2, 8), net(2024, 2, 29)] == [900, 1_600, 1_600]
        assert [net(2024, 3, 1), net(2024, 3, 2), net(2024, 3, 9), net(2024, 3, 10)] == [1_600, 1_350, 1_350, 1_370]


def test_without_the_extra_everything_but_the_fit_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open("sqlite://") as relations:
        for number in range(len(BOUGHT)):
            relations.execute(buy(number))
        monkeypatch.setitem(sys.modules, "scipy.optimize", None)
        monkeypatch.setitem(sys.modules, "numpy", None)
        view = relations.views.retention
        assert view.survival(as_of=DAY).n == 1
        assert view.value_grades(as_of=DAY).graded == 1
        found = view.lifetime_values(as_of=DAY + timedelta(days=99))
        assert found.no_fit is not None
        assert (found.no_fit.code, found.no_fit.extra) == ("missing_extra", "analytics")
        assert (found.buyers, found.buying) == (1, None)
        assert found.historic == found.customers[0].historic > 0
