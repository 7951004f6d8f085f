"""The retention view on a wholesaler's year, against the same figures computed from the file itself.

Every twentieth customer's lines, in `make soak` every tenth's (RELATIONS_FULL_IMPORT: everybody's). The file is read by
polars, and which line a credit note gives back is found here once more by the rule that the mapping states; nothing is
read from the log.
"""

from __future__ import annotations

import gzip
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import polars as pl
import pytest

from relations import Policy, Relations
from relations.analytics import RepeatStatistics
from relations.exchange.importing import import_file
from relations.policies import Lifecycle
from relations.policies.lifecycle import SEGMENTS
from relations.projections.retention.patronage import Patronage


class Share(NamedTuple):
    """A share of the customers, and what it has more of than this, so that each comparison is of something.

    Attributes:
        ends: The ends of the customers' numbers that are taken.
        accepted: Lines that are taken.
        active: Customers at the start of every month but the first.
        lost: Customers who are lost in every month but the first two.
        buyers: Customers who bought and kept something.
    """

    ends: tuple[str, ...]
    accepted: int
    active: int
    lost: int
    buyers: int


TWENTIETH = Share(("17.0", "37.0", "57.0", "77.0", "97.0"), accepted=15_000, active=30, lost=2, buyers=200)
TENTH = Share(("7.0",), accepted=30_000, active=40, lost=5, buyers=300)
END = datetime(2011, 11, 30, 12, tzinfo=UTC)
MONTHS = [f"2010-{month:02d}" for month in (12,)] + [f"2011-{month:02d}" for month in range(1, 12)]


@pytest.fixture(
    scope="module", params=[TWENTIETH, pytest.param(TENTH, marks=pytest.mark.soak)], ids=["a twentieth", "a tenth"]
)
def share(request: pytest.FixtureRequest) -> Share:
    return cast("Share", request.param)


@pytest.fixture(scope="module")
def part(share: Share, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = data_dir / "online_retail" / "online_retail.csv.gz"
    if os.environ.get("RELATIONS_FULL_IMPORT"):
        return whole
    path = tmp_path_factory.mktemp("retail") / "part.csv.gz"
    with gzip.open(whole, "rt", encoding="utf-8", newline="") as text, gzip.open(path, "wt", newline="") as kept:
        kept.write(next(text))
        kept.writelines(line for line in text if line.rsplit(",", 2)[1].endswith(share.ends))
    return path


@pytest.fixture(scope="module")
def retail(part: Path, share: Share) -> Iterator[Relations]:
    with Relations.open("sqlite://", durability="off") as relations:
        report = import_file(relations, "online_retail", part)
        assert report.accepted > share.accepted
        yield relations


@pytest.fixture(scope="module")
def lines(part: Path) -> pl.DataFrame:
    """Every line of a known customer with a price: what was sold, and what a credit note says went back."""
    read = pl.read_csv(part, infer_schema=False).with_columns(
        pl.col("Quantity").cast(pl.Int64), pl.col("UnitPrice").cast(pl.Decimal(18, 6))
    )
    credit = pl.col("InvoiceNo").str.starts_with("C")
    return read.filter(
        pl.col("CustomerID").is_not_null()
        & (pl.col("UnitPrice") >= 0)
        & ((pl.col("Quantity") > 0) | ((pl.col("Quantity") < 0) & credit))
    ).select(
        customer=pl.col("CustomerID").str.strip_suffix(".0"),
        day=pl.col("InvoiceDate").str.slice(0, 10).str.to_date(),
        month=pl.col("InvoiceDate").str.slice(0, 7),
        article=pl.col("StockCode"),
        price=pl.col("UnitPrice"),
        pieces=pl.col("Quantity"),
        pence=((pl.col("Quantity").abs() * pl.col("UnitPrice") * 100).cast(pl.Float64) + 1e-6).round(0).cast(pl.Int64),
    )


@pytest.fixture(scope="module")
def purchases(lines: pl.DataFrame) -> pl.DataFrame:
    """Customer, day, month and pence of every line that sells something to somebody."""
    return lines.filter(pl.col("pieces") > 0).select("customer", "day", "month", "pence")


@pytest.fixture(scope="module")
def refunds(lines: pl.DataFrame) -> pl.DataFrame:
    """Customer, day, month and pence of what went back, and the day on which that had been bought.

    By the mapping's rule: the customer's latest earlier line of the article at that price of which enough pieces have
    not been given back yet. Credit notes without such a line are left out.
    """
    sold: dict[tuple[object, ...], list[list[Any]]] = defaultdict(list)
    found = []
    for line in lines.iter_rows(named=True):
        key = line["customer"], line["article"], line["price"]
        if line["pieces"] > 0:
            sold[key].append([line["pieces"], line["day"]])
            continue
        for kept in reversed(sold[key]):
            if kept[0] >= -line["pieces"]:
                kept[0] += line["pieces"]
                if line["pence"]:
                    found.append((line["customer"], line["day"], line["month"], line["pence"], kept[1]))
                break
    assert len(found) > 200
    return pl.DataFrame(found, schema=["customer", "day", "month", "pence", "bought"], orient="row")


def test_monthly_cohorts_and_what_they_spend(retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame) -> None:
    first = purchases.group_by("customer").agg(cohort=pl.col("month").min())
    active = (
        purchases.join(first, on="customer")
        .group_by("cohort", "month")
        .agg(active=pl.col("customer").n_unique(), bought=pl.col("pence").sum())
    )
    back = refunds.join(first, on="customer").group_by("cohort", "month").agg(back=pl.col("pence").sum())
    expected = {
        (cohort, month): (active or 0, (bought or 0) - (back or 0))
        for cohort, month, active, bought, back in active.join(
            back, on=["cohort", "month"], how="full", coalesce=True
        ).iter_rows()
        if month <= "2011-11"
    }
    view = retail.views.retention
    cohorts, revenue = view.cohorts(as_of=END), view.cohort_revenue(as_of=END, currency="GBP")
    found = {
        (cohort.month, month.month): (month.active, spent.net)
        for cohort, of in zip(cohorts, revenue, strict=True)
        for month, spent in zip(cohort.months, of.months, strict=True)
        if month.active or spent.net
    }
    assert found == {key: value for key, value in expected.items() if value != (0, 0)}
    assert len(found) > 60


def test_refunds_are_those_of_the_file(retail: Relations, refunds: pl.DataFrame) -> None:
    """Matched to their purchase and dated by the import as by the rule: per customer, day bought and day returned."""
    expected = {
        (customer, bought, day): pence
        for customer, bought, day, pence in refunds.group_by("customer", "bought", "day")
        .agg(pl.col("pence").sum())
        .iter_rows()
    }
    found = {
        (row.customer, date.fromisoformat(key[:10]), date.fromisoformat(key[-10:])): pence
        for row in retail.views.retention.rows(Patronage)
        for key, pence in row.returned.items()
    }
    assert found == expected
    assert len(found) > 100


@pytest.mark.parametrize("span", [1, 3])
def test_revenue_retention(retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame, span: int) -> None:
    back = refunds.select("customer", "month", pence=-pl.col("pence"))
    spent = pl.concat([purchases.select("customer", "month", "pence"), back])

    def over(months: list[str]) -> pl.DataFrame:
        return spent.filter(pl.col("month").is_in(months)).group_by("customer").agg(pl.col("pence").sum())

    expected = []
    for end in range(2 * span, len(MONTHS) + 1):
        pair = (
            over(MONTHS[end - 2 * span : end - span])
            .filter(pl.col("pence") > 0)
            .join(over(MONTHS[end - span : end]), on="customer", how="left", suffix="_now")
            .with_columns(now=pl.col("pence_now").fill_null(0))
        )
        kept = pair.select(pl.min_horizontal("pence", "now").sum()).item()
        expected.append((MONTHS[end - 1], pair.height, pair["pence"].sum(), pair["now"].sum(), kept))
    found = retail.views.retention.revenue_retention(as_of=END, currency="GBP", months=span)
    assert [(each.month, each.customers, each.before, each.now, each.kept) for each in found] == expected
    assert len(found) == {1: 11, 3: 7}[span]
    assert all(each.gross is not None and 0 < each.gross < 1 for each in found)


def test_customer_retention_rate_and_churn(retail: Relations, purchases: pl.DataFrame, share: Share) -> None:
    """Retained: active at a month's begin (bought within the policy's days) and still so at its end; every month."""
    limit = 45
    days = purchases.group_by("customer").agg(pl.col("day").unique().sort())
    people = [bought for _, bought in days.iter_rows()]

    def active(evening: date) -> set[int]:
        last = {n: [day for day in bought if day <= evening] for n, bought in enumerate(people)}
        return {n for n, before in last.items() if before and (evening - before[-1]).days <= limit}

    evenings = [date(2010, 11, 30)] + [
        date(int(month[:4]), int(month[5:]), 1) - timedelta(days=1) for month in [*MONTHS[1:], "2011-12"]
    ]
    expected = []
    for month, (before, end) in zip(MONTHS, pairwise(evenings), strict=True):
        start, stay = active(before), active(end)
        newly = {n for n in stay - start if people[n][0] > before}
        expected.append((month, len(start), len(stay), len(start - stay), len(newly), len(stay - start - newly)))
    policy = retail.policy
    retail.adopt(Policy(lifecycle=Lifecycle(new_days=10, lapsing_days=30, lost_days=limit)), from_beginning=True)
    found = retail.views.retention.rates(as_of=END)
    retail.adopt(policy, from_beginning=True)
    assert [(each.month, each.at_start, each.at_end, each.lost, each.new, each.won_back) for each in found] == expected
    for each in found[1:]:
        assert each.at_start > share.active
        assert each.churn == pytest.approx(each.lost / each.at_start)
        assert each.retention == pytest.approx(1 - each.lost / each.at_start)
    assert all(each.lost > share.lost for each in found[2:])
    assert sum(each.won_back for each in found) > 20


def test_what_models_of_value_are_fitted_to(
    retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame, share: Share
) -> None:
    """Days, recency, age and repeat amount of everybody, net of what went back by then, from the file."""
    until = END.date()
    sold = purchases.filter(pl.col("day") <= until).group_by("customer", "day").agg(pl.col("pence").sum())
    back = (
        refunds.filter(pl.col("day") <= until)
        .group_by("customer", pl.col("bought").alias("day"))
        .agg(back=pl.col("pence").sum())
    )
    kept = (
        sold.join(back, on=["customer", "day"], how="left")
        .with_columns(net=pl.col("pence") - pl.col("back").fill_null(0))
        .filter(pl.col("back").is_null() | (pl.col("net") > 0))
    )
    first = kept.group_by("customer").agg(first=pl.col("day").min())
    expected = {
        row["customer"]: RepeatStatistics(row["days"] - 1, row["recency"], row["age"], row["repeat"])
        for row in kept.join(first, on="customer")
        .group_by("customer")
        .agg(
            days=pl.len(),
            recency=(pl.col("day").max() - pl.col("first").first()).dt.total_days(),
            age=(pl.lit(until) - pl.col("first").first()).dt.total_days(),
            repeat=pl.col("net").filter(pl.col("day") > pl.col("first")).sum(),
        )
        .iter_rows(named=True)
    }
    rows = retail.views.retention.rows(Patronage)
    found = {row.customer: row.repeat_statistics("GBP", until.toordinal()) for row in rows}
    assert {customer: one for customer, one in found.items() if one is not None} == expected
    gone = sold.height - kept.height
    assert gone >= 5, "some days' purchases went back whole"
    worth = retail.views.retention.lifetime_values(as_of=END, currency="GBP", limit=0)
    paid, returned = (
        int(table.filter(pl.col("day") <= until).select(pl.col("pence").sum()).item()) for table in (purchases, refunds)
    )
    assert worth.buyers == len(expected) > share.buyers
    assert worth.historic == paid - returned - sum(
        row.net_amount("GBP", until.toordinal()) for row in rows if found[row.customer] is None
    )


def test_rfm_is_graded_by_the_same_quintiles(
    retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame, share: Share
) -> None:
    until = END.date()
    back = refunds.filter(pl.col("day") <= until).group_by("customer").agg(back=pl.col("pence").sum())
    people = (
        purchases.filter(pl.col("day") <= until)
        .group_by("customer")
        .agg(last=pl.col("day").max(), days=pl.col("day").n_unique(), bought=pl.col("pence").sum())
        .join(back, on="customer", how="left")
        .with_columns(
            recency=(pl.lit(until) - pl.col("last")).dt.total_days(),
            amount=pl.col("bought") - pl.col("back").fill_null(0),
        )
    )
    n = people.height

    def quintile(column: str, *, descending: bool = False) -> pl.Series:
        # Ties stand in their middle: twice the number below plus those that are equal, over twice all.
        lowest = pl.col(column).rank("min", descending=descending).cast(pl.Int64)
        highest = pl.col(column).rank("max", descending=descending).cast(pl.Int64)
        place = pl.col(column).rank("dense", descending=descending).cast(pl.Int64)
        middle = 1 + 5 * ((lowest - 1) + highest) // (2 * n)
        # No grade is skipped: at most one more than for any lower value, a grade a place; and 5 is reached.
        allowed = pl.max_horizontal("middle", 5 - (place.max() - place))
        found = people.with_columns(middle=middle).select("customer", place=place, allowed=allowed)
        lower = found.unique("place").select(before="place", limit="allowed")
        limits = (
            found.join(lower, how="cross")
            .filter(pl.col("before") <= pl.col("place"))
            .group_by("customer", "place")
            .agg(limit=(pl.col("limit") + pl.col("place") - pl.col("before")).min())
            .with_columns(grade=pl.min_horizontal("limit", "place"))
        )
        return people.select("customer").join(limits, on="customer", how="left")["grade"]

    graded = people.with_columns(r=quintile("recency", descending=True), f=quintile("days"), m=quintile("amount"))
    expected = {row["customer"]: (row["r"], row["f"], row["m"]) for row in graded.iter_rows(named=True)}
    report = retail.views.retention.rfm(as_of=END, currency="GBP")
    assert {each.customer: (each.r, each.f, each.m) for each in report.customers} == expected
    assert (report.buyers, report.other_currencies) == (n, 0)
    assert n > share.buyers
    # The names, by the grid as it is drawn: recency downwards from 5, frequency from 1 to 5.
    grid = {
        5: "new customers|potential loyalists|potential loyalists|champions|champions",
        4: "promising|potential loyalists|potential loyalists|loyal|loyal",
        3: "about to sleep|about to sleep|need attention|loyal|loyal",
        2: "hibernating|hibernating|at risk|at risk|cannot lose them",
        1: "hibernating|hibernating|at risk|at risk|cannot lose them",
    }
    names = {customer: grid[r].split("|")[f - 1] for customer, (r, f, _) in expected.items()}
    assert {each.customer: each.segment for each in report.customers} == names
    spent = dict(graded.select("customer", "amount").iter_rows())
    for segment in report.segments:
        those = [customer for customer, name in names.items() if name == segment.segment]
        assert (segment.customers, segment.monetary.amount) == (len(those), sum(spent[each] for each in those))
    assert {segment.segment for segment in report.segments} == {each.name for each in SEGMENTS}
    assert sum(bool(segment.customers) for segment in report.segments) >= 8
