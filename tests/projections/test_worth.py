"""What customers are worth and how long they stay, fitted from the view's own rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from relations import MergeCustomer, Money, RecordPurchase, RefundPurchase
from relations.aggregates.customer import PurchaseRecorded
from relations.analytics import repeat_statistics
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.exchange.importing import import_file
from relations.projections.patronage import Patronage

END = datetime(1997, 9, 30, 12, tzinfo=UTC)
LATE = datetime(1998, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def sample(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relations]:
    """The tenth of CDNOW's customers that the literature fits to, imported from the master file's own lines."""
    folder = tmp_path_factory.mktemp("cdnow")
    chosen = {line.split()[0] for line in (data_dir / "cdnow" / "CDNOW_sample.txt").read_text("ascii").splitlines()}
    header, *lines = (data_dir / "cdnow" / "CDNOW_master.txt").read_text("ascii").splitlines()
    kept = [line for line in lines if line.split()[0] in chosen]
    assert (len(chosen), len(kept)) == (2_357, 6_919)
    (folder / "CDNOW_master.txt").write_text("\n".join([header, *kept]) + "\n", "ascii")
    with Relations.open(f"sqlite:///{folder}/x.db", durability="off") as relations:
        assert import_file(relations, "cdnow", folder / "CDNOW_master.txt").accepted == 6_919
        yield relations


def test_the_published_figures_come_from_the_imported_log(sample: Relations) -> None:
    found = sample.views.retention.lifetime_values(as_of=END, currency="USD", days=39 * 7, yearly_rate=0, limit=10)
    buying, spending = found.buying, found.spending
    assert (round(buying.r, 3), round(buying.alpha_days / 7, 3)) == (0.243, 4.414)
    assert (round(buying.a, 3), round(buying.b, 3)) == (0.793, 2.426)
    assert round(buying.log_likelihood, 1) == -9582.4
    assert (buying.customers, buying.customers - buying.repeat_customers) == (2_357, 1_411)
    assert (round(spending.p, 2), round(spending.q, 2), round(spending.v / 100, 2)) == (6.25, 3.74, 15.44)
    assert found.through.isoformat() == "1997-09-30"
    assert found.refund_share == 0
    assert found.independent
    assert [each.expected_value for each in found.customers] == sorted(
        (each.expected_value for each in found.customers), reverse=True
    )
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


def test_a_month_gone_by_counts_whole_and_later_ones_do_not() -> None:
    with Relations.open("sqlite://") as relations:
        for number in range(len(BOUGHT)):
            relations.execute(buy(number))
        [row] = relations.views.retention.rows(Patronage)
        february = row.repeat_statistics("EUR", datetime(2024, 2, 29, tzinfo=UTC).date().toordinal())
        assert february is not None
        assert (february.frequency, february.repeat_amount) == (2, 1_000)
        assert row.repeat_statistics("USD", DAY.date().toordinal()) is None
        assert row.repeat_statistics("EUR", DAY.date().toordinal() - 1) is None


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
        assert row.net_amount("EUR", "2024-01") == 900
        assert row.net_amount("EUR", "2024-02") == 1_600
        assert row.net_amount("EUR", "2024-03") == 1_370


def test_without_anybody_who_came_back_there_is_nothing_to_fit() -> None:
    with Relations.open("sqlite://") as relations:
        relations.execute(buy(0))
        with pytest.raises(InvalidInput):
            relations.views.retention.lifetime_values(as_of=datetime(2024, 12, 31, tzinfo=UTC))
