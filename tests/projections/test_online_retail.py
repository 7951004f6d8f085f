"""The retention view on a wholesaler's year, against the same figures reckoned by polars from the file itself.

Every tenth customer's lines (RELATIONS_FULL_IMPORT: everybody's). What polars cannot know from the file is which credit
notes the mapping could match to a purchase: those are read from the log's events, one by one.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from relations import Relations
from relations.aggregates.customer import PurchaseRefunded
from relations.exchange.importing import import_file

END = datetime(2011, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def part(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = data_dir / "online_retail" / "online_retail.csv.gz"
    if os.environ.get("RELATIONS_FULL_IMPORT"):
        return whole
    path = tmp_path_factory.mktemp("retail") / "part.csv.gz"
    with gzip.open(whole, "rt", encoding="utf-8", newline="") as text, gzip.open(path, "wt", newline="") as kept:
        kept.write(next(text))
        kept.writelines(line for line in text if line.rsplit(",", 2)[1].endswith("7.0"))
    return path


@pytest.fixture(scope="module")
def retail(part: Path) -> Iterator[Relations]:
    with Relations.open("sqlite://", durability="off") as relations:
        report = import_file(relations, "online_retail", part)
        assert report.accepted > 30_000
        yield relations


@pytest.fixture(scope="module")
def purchases(part: Path) -> pl.DataFrame:
    """Customer, day, month and pence of every line that sells something to somebody."""
    lines = pl.read_csv(part, infer_schema=False).with_columns(
        pl.col("Quantity").cast(pl.Int64), pl.col("UnitPrice").cast(pl.Decimal(18, 6))
    )
    return (
        lines.filter(pl.col("CustomerID").is_not_null() & (pl.col("Quantity") > 0) & (pl.col("UnitPrice") >= 0))
        .with_columns(
            customer=pl.col("CustomerID").str.strip_suffix(".0"),
            day=pl.col("InvoiceDate").str.slice(0, 10).str.to_date(),
            month=pl.col("InvoiceDate").str.slice(0, 7),
            pence=((pl.col("Quantity") * pl.col("UnitPrice") * 100).cast(pl.Float64) + 1e-6).round(0).cast(pl.Int64),
        )
        .select("customer", "day", "month", "pence")
    )


@pytest.fixture(scope="module")
def refunds(retail: Relations) -> pl.DataFrame:
    found = [
        (
            event.customer,
            datetime.fromtimestamp(event.occurred_at / 1e6, UTC).strftime("%Y-%m"),
            event.event.amount.amount,
        )
        for event in retail.events()
        if isinstance(event.event, PurchaseRefunded)
    ]
    assert len(found) > 200
    return pl.DataFrame(found, schema=["customer", "month", "pence"], orient="row")


def test_monthly_cohorts_and_what_they_spend(retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame) -> None:
    first = purchases.group_by("customer").agg(cohort=pl.col("month").min())
    active = (
        purchases.join(first, on="customer")
        .group_by("cohort", "month")
        .agg(active=pl.col("customer").n_unique(), bought=pl.col("pence").sum())
    )
    # A refund from before the first purchase counts in that month: none is, for the mapping matches earlier lines.
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


def test_revenue_retention(retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame) -> None:
    spent = (
        pl.concat([purchases.select("customer", "month", "pence"), refunds.with_columns(pence=-pl.col("pence"))])
        .group_by("customer", "month")
        .agg(pl.col("pence").sum())
    )

    def over(*months: str) -> pl.DataFrame:
        return spent.filter(pl.col("month").is_in(months)).group_by("customer").agg(pl.col("pence").sum())

    pair = (
        over("2011-06", "2011-07", "2011-08")
        .filter(pl.col("pence") > 0)
        .join(over("2011-09", "2011-10", "2011-11"), on="customer", how="left", suffix="_now")
        .with_columns(now=pl.col("pence_now").fill_null(0))
    )
    kept = pair.select(pl.min_horizontal("pence", "now").clip(lower_bound=0).sum()).item()
    found = retail.views.retention.revenue_retention(as_of=END, currency="GBP", months=3)[-1]
    assert (found.month, found.customers) == ("2011-11", pair.height)
    assert (found.before, found.now, found.kept) == (pair["pence"].sum(), pair["now"].sum(), kept)
    assert found.gross is not None
    assert 0 < found.gross < 1


def test_customer_retention_rate_and_churn(retail: Relations, purchases: pl.DataFrame) -> None:
    """Retained: active at a month's begin (bought within the policy's days) and still so at its end."""
    limit = retail.policy.lifecycle.lost_days
    assert limit > 300
    months = {rate.month: rate for rate in retail.views.retention.rates(as_of=END)}
    days = purchases.group_by("customer").agg(pl.col("day").unique().sort())
    begin, end = date(2011, 11, 1), date(2011, 11, 30)
    start = retained = 0
    for _, bought in days.iter_rows():
        before = [day for day in bought if day < begin]
        if before and (date(2011, 10, 31) - before[-1]).days <= limit:
            start += 1
            through = [day for day in bought if day <= end]
            retained += (end - through[-1]).days <= limit
    found = months["2011-11"]
    assert found.at_start == start > 200
    assert found.retention == pytest.approx(retained / start)
    assert found.churn is not None
    assert found.retention is not None
    assert found.retention + found.churn == pytest.approx(1)


def test_rfm_is_graded_by_the_same_quintiles(retail: Relations, purchases: pl.DataFrame, refunds: pl.DataFrame) -> None:
    until = END.date()
    back = refunds.filter(pl.col("month") <= "2011-11").group_by("customer").agg(back=pl.col("pence").sum())
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

    def quintile(column: str, *, descending: bool = False) -> pl.Expr:
        # Ties stand in their middle: twice the number below plus those that are equal, over twice all.
        lowest = pl.col(column).rank("min", descending=descending).cast(pl.Int64)
        highest = pl.col(column).rank("max", descending=descending).cast(pl.Int64)
        return 1 + 5 * ((lowest - 1) + highest) // (2 * n)

    graded = people.with_columns(r=quintile("recency", descending=True), f=quintile("days"), m=quintile("amount"))
    expected = {row["customer"]: (row["r"], row["f"], row["m"]) for row in graded.iter_rows(named=True)}
    report = retail.views.retention.rfm(as_of=END, currency="GBP")
    assert {each.customer: (each.r, each.f, each.m) for each in report.customers} == expected
    assert report.buyers == n > 300
    assert sum(segment.customers for segment in report.segments) == n
